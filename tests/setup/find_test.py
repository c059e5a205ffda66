"""Which LibTorch and which compiler the set-up takes, and what it says of those that it refuses."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import command_line

HERE = pathlib.Path(__file__).resolve().parent
CMAKE = "cmake"


def cmake_script(script, environment=None, **settings):
    """Runs `script`; returns (whether it succeeded, all it said)."""
    named = ("REDOUBT_TORCH_ROOT", "Torch_ROOT", "Torch_DIR", "CMAKE_PREFIX_PATH")
    clean = {name: value for name, value in os.environ.items() if name not in named}
    ran = subprocess.run([CMAKE, *(f"-D{name}={value}" for name, value in settings.items()), "-P", str(script)],
                         env={**clean, "LC_ALL": "C", **(environment or {})}, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return ran.returncode == 0, " ".join(ran.stdout.split())


class libtorch(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="redoubt-find-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def make(self, version, name="libtorch"):
        """The files by which a LibTorch is known, and nothing in them."""
        root = self.folder / name
        for file in ("include/ATen/core/Tensor.h", "lib/libtorch_cpu.so", "lib/libc10.so", "lib/libtorch_cuda.so",
                     "share/cmake/Torch/TorchConfig.cmake"):
            (root / file).parent.mkdir(parents=True, exist_ok=True)
            (root / file).touch()
        header = root / "include/torch/headeronly/version.h"
        header.parent.mkdir(parents=True)
        parts = zip(("MAJOR", "MINOR", "PATCH"), version.split("."))
        header.write_text("".join(f"#define TORCH_VERSION_{part} {number}\n" for part, number in parts))
        return root

    def find(self, environment=None, **settings):
        # no program is found but those below an empty folder: a torch that this python3 may have is out of the game
        settings = {"WITH_CUDA": "OFF", "CMAKE_FIND_ROOT_PATH": self.folder / "machine",
                    "CMAKE_FIND_ROOT_PATH_MODE_PROGRAM": "ONLY", **settings}
        return cmake_script(HERE / "find.cmake", environment, **settings)

    def assert_finds(self, root, outcome):
        self.assertEqual(outcome[0], True, outcome[1])
        self.assertIn(f"root: {root}.", outcome[1])

    def test_is_found_by_every_name_that_a_user_may_give(self):
        root = self.make("2.11.0")
        for name, value in (("REDOUBT_TORCH_ROOT", root), ("Torch_ROOT", root), ("Torch_DIR", root / "share/cmake/Torch"),
                            ("CMAKE_PREFIX_PATH", root), ("CMAKE_PREFIX_PATH", root / "share/cmake")):
            with self.subTest(name=name, value=value):
                self.assert_finds(root, self.find(**{name: value}))
                self.assert_finds(root, self.find(environment={name: str(value)}))

    def test_named_wins_over_found(self):
        named, found = self.make("2.9.1", "named"), self.make("2.11.0", "found")
        self.assert_finds(named, self.find(REDOUBT_TORCH_ROOT=named, CMAKE_PREFIX_PATH=found))

    def test_too_old_is_refused_where_it_was_named_and_passed_over_where_it_was_found(self):
        old, new = self.make("2.8.0", "old"), self.make("2.9.0", "new")
        succeeded, said = self.find(REDOUBT_TORCH_ROOT=old)
        self.assertFalse(succeeded)
        self.assertIn(f"REDOUBT_TORCH_ROOT names {old}, which holds LibTorch 2.8.0.", said)
        self.assert_finds(new, self.find(CMAKE_PREFIX_PATH=f"{old};{new}"))
        self.assert_finds("", self.find(CMAKE_PREFIX_PATH=old))

    def test_a_name_for_something_else_is_refused(self):
        succeeded, said = self.find(Torch_DIR=self.folder)
        self.assertFalse(succeeded)
        self.assertIn(f"Torch_DIR names {self.folder}, which holds no LibTorch.", said)

    def test_a_cuda_half_that_cannot_be_loaded_is_refused_only_where_it_was_asked_for(self):
        root = self.make("2.11.0")
        for wanted in ("OFF", "AUTO"):
            self.assertIn("cuda: OFF.", self.find(REDOUBT_TORCH_ROOT=root, WITH_CUDA=wanted)[1])
        succeeded, said = self.find(REDOUBT_TORCH_ROOT=root, WITH_CUDA="ON")
        self.assertFalse(succeeded)
        self.assertIn(f"REDOUBT_WITH_CUDA is ON, but the LibTorch in {root}/lib", said)


class compilers(unittest.TestCase):
    def test_old_and_unknown_ones_are_refused(self):
        for kind, version in (("GNU", "11.4.0"), ("Clang", "13.0.1"), ("Intel", "2021.1")):
            with self.subTest(kind=kind):
                succeeded, said = cmake_script(HERE / "../../cmake/compiler.cmake", CMAKE_CXX_COMPILER="/usr/bin/c++",
                                               CMAKE_CXX_COMPILER_ID=kind, CMAKE_CXX_COMPILER_VERSION=version)
                self.assertFalse(succeeded)
                self.assertIn(f"/usr/bin/c++ is {kind} {version}; redoubt needs C++20: g++ >= 12 or clang >= 14.", said)


if __name__ == "__main__":
    command_line.run_tests(sys.modules[__name__])
