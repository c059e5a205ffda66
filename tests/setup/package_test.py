"""What find_package(redoubt) refuses, and that it says what it found, what it needs and how to get that: in one message."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import command_line
import find_test

SOURCE = pathlib.Path(__file__).resolve().parents[2]
CMAKE = "cmake"
NINJA = shutil.which("ninja") or "ninja"


def run(*command):
    named = ("REDOUBT_TORCH_ROOT", "Torch_ROOT", "Torch_DIR", "CMAKE_PREFIX_PATH", "CXXFLAGS")
    clean = {name: value for name, value in os.environ.items() if name not in named}
    ran = subprocess.run([CMAKE, *map(str, command)], env={**clean, "LC_ALL": "C"}, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return ran.returncode == 0, " ".join(ran.stdout.split())


class find_package(find_test.libtorch):
    @classmethod
    def setUpClass(cls):
        cls.prefix = pathlib.Path(tempfile.mkdtemp(prefix="redoubt-prefix-"))
        cls.addClassCleanup(shutil.rmtree, cls.prefix)
        off = [f"-DREDOUBT_{what}=OFF" for what in ("PROGRAM", "TESTS", "BENCHMARKS")]
        for command in (("-S", SOURCE, "-B", cls.prefix / "build", *off),
                        ("--install", cls.prefix / "build", "--prefix", cls.prefix, "--component", "headers")):
            succeeded, said = run(*command)
            assert succeeded, said

    def configure(self, *arguments, find="REQUIRED", before="", languages="NONE", torch=None, **settings):
        """A project of the user's; returns (whether it configured, all that CMake said)."""
        project = self.folder / "project"
        project.mkdir(exist_ok=True)
        (project / "CMakeLists.txt").write_text(
            f"cmake_minimum_required(VERSION 3.10)\nproject(user LANGUAGES {languages})\n"
            f"{before}\nfind_package(redoubt {find})\nmessage(STATUS \"found: ${{redoubt_FOUND}}\")\n")
        settings = {"redoubt_DIR": self.prefix / "share/cmake/redoubt", "CMAKE_MAKE_PROGRAM": NINJA,
                    **({"Torch_ROOT": torch} if torch else {}), **settings}
        if languages == "NONE":
            # no program is found but those below an empty folder: a torch that this python3 may have is out of the game
            settings = {"CMAKE_CXX_COMPILER_ID": "GNU", "CMAKE_CXX_COMPILER_VERSION": "12.2.0",
                        "CMAKE_FIND_ROOT_PATH": self.folder / "machine", "CMAKE_FIND_ROOT_PATH_MODE_PROGRAM": "ONLY",
                        **settings}
        build = self.folder / "user"
        shutil.rmtree(build, ignore_errors=True)
        return run("-S", project, "-B", build, "-G", "Ninja", *arguments, *(f"-D{name}={value}" for name, value in settings.items()))

    def assert_refused(self, outcome, *pieces):
        succeeded, said = outcome
        self.assertFalse(succeeded, said)
        for piece in pieces:
            self.assertIn(piece, said)
        self.assertEqual(said.count("CMake Error"), 1, said)

    def test_a_project_of_an_old_policy_version_finds_it(self):
        succeeded, said = self.configure(torch=self.make("2.11.0"), REDOUBT_WITH_CUDA="OFF")
        self.assertTrue(succeeded, said)
        self.assertNotIn("Warning", said)

    def test_no_libtorch(self):
        self.assert_refused(self.configure(), "redoubt needs LibTorch >= 2.9; found none.",
                            "Name the folder of one in Torch_ROOT or CMAKE_PREFIX_PATH", "`pip install torch`")

    def test_a_libtorch_that_is_too_old(self):
        old = self.make("1.13.1", "old")
        self.assert_refused(self.configure(torch=old), f"Torch_ROOT names {old}, which holds LibTorch 1.13.1.",
                            "a LibTorch >= 2.9")
        self.assert_refused(self.configure(CMAKE_PREFIX_PATH=old),
                            f"redoubt needs LibTorch >= 2.9; found {old}, which holds LibTorch 1.13.1.",
                            "Name the folder of one")

    def test_a_target_torch_of_the_parents_that_is_too_old(self):
        old = self.make("2.8.0")
        target = ("add_library(torch INTERFACE IMPORTED)\n"
                  f"target_include_directories(torch INTERFACE \"{old}/include\")\n")
        self.assert_refused(self.configure(before=target), "the target torch that this project already has is LibTorch 2.8.0",
                            f"in {old}.", "find a LibTorch >= 2.9")

    def test_a_libtorch_of_another_abi(self):
        for name in ("_ZN3c106detail14torchCheckFailEPKcS2_jRKSs",
                     "_ZN3c106detail14torchCheckFailEPKcS1_jRKNSt3__112basic_stringIcNS2_11char_traitsIcEENS2_9allocatorIcEEEE"):
            with self.subTest(name=name):
                root = self.make("2.11.0", f"libtorch-{len(name)}")
                (root / "lib/libc10.so").write_bytes(b"\x7fELF\0" + name.encode() + b"\0")
                self.assert_refused(self.configure(torch=root),
                                    f"{root}, which holds LibTorch 2.11.0 for another C++ ABI than libstdc++'s of C++11.",
                                    "Name the folder of a LibTorch >= 2.9")

    def test_a_project_of_another_abi(self):
        for what in ("add_compile_definitions(_GLIBCXX_USE_CXX11_ABI=0)", "set(CMAKE_CXX_FLAGS -D_GLIBCXX_USE_CXX11_ABI=0)"):
            with self.subTest(what=what):
                self.assert_refused(self.configure(before=what, languages="CXX", torch=self.make("2.11.0", str(len(what)))),
                                    "std::string is not the one that LibTorch is built with", "_GLIBCXX_USE_CXX11_ABI=0")

    def test_a_compiler_without_cxx20(self):
        for kind, version in (("GNU", "11.4.0"), ("Clang", "13.0.1"), ("Unheard", "1.0")):
            with self.subTest(kind=kind):
                outcome = self.configure(torch=self.make("2.11.0", kind), CMAKE_CXX_COMPILER="/usr/bin/c++",
                                         CMAKE_CXX_COMPILER_ID=kind, CMAKE_CXX_COMPILER_VERSION=version)
                self.assert_refused(outcome, f"/usr/bin/c++ is {kind} {version}; redoubt needs C++20: g++ >= 12 or clang >= 14.",
                                    "apt-get install g++", "export CXX=g++-12")

    def test_a_libtorch_without_cuda_where_cuda_is_asked_for(self):
        root = self.make("2.11.0")
        outcome = self.configure(find="REQUIRED COMPONENTS cuda", torch=root, REDOUBT_WITH_CUDA="OFF")
        self.assert_refused(outcome, "component cuda needs a LibTorch that was built with CUDA", f"that in {root} was not.",
                            "`pip install torch`")
        (root / "lib/libtorch_cuda.so").unlink()
        self.assert_refused(self.configure(torch=root, REDOUBT_WITH_CUDA="ON"), "REDOUBT_WITH_CUDA is ON",
                            f"the LibTorch in {root}/lib has no libtorch_cuda.so.", "`pip install torch`")

    def test_a_project_without_the_language_cuda_where_cuda_is_asked_for(self):
        root = self.make("2.11.0")
        (root / "lib/libc10_cuda.so").touch()
        outcome = self.configure(find="REQUIRED COMPONENTS cuda", torch=root, REDOUBT_WITH_CUDA="OFF")
        self.assert_refused(outcome, "enable CUDA first, project(... LANGUAGES CXX CUDA).")

    def test_components_that_do_not_exist(self):
        outcome = self.configure(find="REQUIRED COMPONENTS tpu", torch=self.make("2.11.0"))
        self.assert_refused(outcome, 'redoubt has no component "tpu"; it has: cuda, distributed.')

    def test_components_that_do_not_exist_may_be_optional(self):
        succeeded, said = self.configure(find="REQUIRED OPTIONAL_COMPONENTS tpu cuda", torch=self.make("2.11.0"),
                                         REDOUBT_WITH_CUDA="OFF")
        self.assertTrue(succeeded, said)

    def test_a_version_that_is_not_compatible(self):
        succeeded, said = self.configure(find="1.0 REQUIRED", torch=self.make("2.11.0"))
        self.assertFalse(succeeded, said)
        self.assertIn("compatible with requested version \"1.0\"", said)


# Those of find_test are run by find_test.
for inherited in [name for name in dir(find_test.libtorch) if name.startswith("test_")]:
    setattr(find_package, inherited, None)


if __name__ == "__main__":
    command_line.run_tests(sys.modules[__name__])
