"""The set-up's own paths, each run as the build runs it: `cmake -P fetch.cmake` on a cache and a server of the test's own."""

import hashlib
import http.server
import io
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import unittest
import zipfile

import command_line

HERE = pathlib.Path(__file__).resolve().parent
CMAKE = "cmake"
NOBODY_LISTENS = "http://127.0.0.1:1"  # tcpmux: a port that nothing serves, so that connecting fails at once


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def archive(files):
    """A .tar.gz that holds `files` in one top folder, as releases do."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(f"top-1.0/{name}")
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


def wheel():
    """The smallest wheel that pip accepts."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        packed.writestr("tiny/lib/libtiny.so", "machine code")
        packed.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        packed.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        packed.writestr("tiny-1.0.dist-info/RECORD", "")
    return buffer.getvalue()


class server(http.server.ThreadingHTTPServer):
    """Serves `files` by path on a port of its own, and counts what it was asked for."""

    def __init__(self, files, delay=0.0):
        self.files, self.delay, self.asked = files, delay, []
        super().__init__(("127.0.0.1", 0), handler)
        self.address = f"http://127.0.0.1:{self.server_port}"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        time.sleep(self.server.delay)
        body = self.server.files.get(self.path)
        self.send_response(404 if body is None else 200)
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_):
        pass


class setup_test(unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="redoubt-setup-"))
        self.addCleanup(shutil.rmtree, self.root)
        self.cache = self.root / "cache"
        self.folder = self.cache / "thing"

    def command(self, fetch, arguments, megabytes=1, **settings):
        given = {"REDOUBT_CACHE": self.cache, "MEGABYTES": megabytes, "FETCH": fetch, "ARGUMENTS": ";".join(arguments)}
        given.update(settings)
        return [CMAKE, *(f"-D{name}={value}" for name, value in given.items()), "-P", str(HERE / "fetch.cmake")]

    def fetch(self, *arguments, environment=None, **settings):
        """Runs one fetch; returns (whether it succeeded, all it said)."""
        # English messages, no proxy between us and the loopback, and only what the test says of pip
        clean = {k: v for k, v in os.environ.items() if not k.startswith("PIP_") and not k.lower().endswith("_proxy")}
        ran = subprocess.run(self.command(*arguments, **settings), env={**clean, "LC_ALL": "C", **(environment or {})},
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=100)
        return ran.returncode == 0, " ".join(ran.stdout.split())

    def fetch_url(self, url, digest, **settings):
        return self.fetch("redoubt_fetch_url", ["URL", url, "SHA256", digest], **settings)

    def assert_refused(self, outcome, *pieces):
        """It failed, said all `pieces` and the advice, and left nothing behind."""
        succeeded, said = outcome
        self.assertFalse(succeeded, said)
        for piece in (*pieces, "This is the advice."):
            self.assertIn(piece, said)
        self.assertEqual(said.count("CMake Error"), 1, said)
        self.assertEqual([p.name for p in self.cache.glob("thing*") if p.is_dir()], [])

    def programs(self, **scripts):
        """Settings under which CMake finds no program but these shell scripts."""
        folder = self.root / "machine" / "usr" / "bin"
        folder.mkdir(parents=True)
        for name, text in scripts.items():
            program = folder / name.replace("_", "-")
            program.write_text(f"#!/bin/sh\n{text}\n")
            program.chmod(0o755)
        return {"CMAKE_FIND_ROOT_PATH": self.root / "machine", "CMAKE_FIND_ROOT_PATH_MODE_PROGRAM": "ONLY",
                "CMAKE_PROGRAM_PATH": "/usr/bin"}


class by_address(setup_test):
    def test_a_file_with_the_right_hash_is_fetched_once(self):
        with server({"/data.gz": b"payload"}) as host:
            for _ in range(2):
                succeeded, said = self.fetch_url(f"{host.address}/data.gz", sha256(b"payload"))
                self.assertTrue(succeeded, said)
            self.assertEqual(host.asked, ["/data.gz"])
        self.assertEqual((self.folder / "data.gz").read_bytes(), b"payload")

    def test_an_archives_top_folder_becomes_source(self):
        packed = archive({"include/a.hpp": "text"})
        with server({"/v1.0.tar.gz": packed}) as host:
            succeeded, said = self.fetch_url(f"{host.address}/v1.0.tar.gz", sha256(packed))
        self.assertTrue(succeeded, said)
        self.assertEqual((self.folder / "source/include/a.hpp").read_text(), "text")

    def test_a_mirror_takes_the_place_of_the_host(self):
        with server({"/mirror/who/what.gz": b"payload"}) as host:
            succeeded, said = self.fetch_url("https://nowhere.invalid/who/what.gz", sha256(b"payload"),
                                             REDOUBT_MIRROR=f"{host.address}/mirror")
        self.assertTrue(succeeded, said)

    def test_a_wrong_hash_is_refused_and_named(self):
        with server({"/data.gz": b"tampered"}) as host:
            outcome = self.fetch_url(f"{host.address}/data.gz", sha256(b"payload"))
        self.assert_refused(outcome, sha256(b"tampered"), sha256(b"payload"))

    def test_a_missing_file_is_named(self):
        with server({}) as host:
            self.assert_refused(self.fetch_url(f"{host.address}/data.gz", sha256(b"")), f"{host.address}/data.gz")

    def test_an_unpackable_archive_is_named(self):
        with server({"/v1.tar.gz": b"no archive"}) as host:
            outcome = self.fetch_url(f"{host.address}/v1.tar.gz", sha256(b"no archive"))
        self.assert_refused(outcome, "/v1.tar.gz", "cannot be unpacked")

    def test_no_server_is_said(self):
        self.assert_refused(self.fetch_url(f"{NOBODY_LISTENS}/data.gz", sha256(b"")), f"{NOBODY_LISTENS}/data.gz", "connect")


class the_cache(setup_test):
    def setUp(self):
        super().setUp()
        self.packed = archive({"a": "long enough", "b": "text"})

    def fill(self, host, **settings):
        return self.fetch_url(f"{host.address}/v1.tar.gz", sha256(self.packed), **settings)

    def assert_heals(self, damage, named):
        with server({"/v1.tar.gz": self.packed}) as host:
            self.assertTrue(self.fill(host)[0])
            damage()
            succeeded, said = self.fill(host)
            self.assertTrue(succeeded, said)
            self.assertIn(f"is damaged ({named})", said)
            self.assertEqual(len(host.asked), 2)
        self.assertEqual((self.folder / "source/a").read_text(), "long enough")

    def test_a_shortened_file_is_noticed_and_healed(self):
        self.assert_heals(lambda: (self.folder / "source/a").write_text("long"), "source/a")

    def test_a_missing_file_is_noticed_and_healed(self):
        self.assert_heals(lambda: (self.folder / "source/b").unlink(), "source/b")

    def test_a_missing_stamp_is_noticed_and_healed(self):
        self.assert_heals(lambda: (self.folder / ".redoubt-complete").unlink(), "no stamp")

    def test_what_a_killed_configure_left_is_swept_away(self):
        left = self.cache / "thing.partial"
        left.mkdir(parents=True)
        (left / "half").write_text("ha")
        with server({"/v1.tar.gz": self.packed}) as host:
            self.assertTrue(self.fill(host)[0])
        self.assertFalse(left.exists())
        self.assertFalse((self.folder / "half").exists())

    def test_two_configures_at_once_fetch_once(self):
        with server({"/v1.tar.gz": self.packed}, delay=0.5) as host:
            arguments = ["URL", f"{host.address}/v1.tar.gz", "SHA256", sha256(self.packed)]
            both = [subprocess.Popen(self.command("redoubt_fetch_url", arguments), stdout=subprocess.DEVNULL) for _ in "ab"]
            self.assertEqual([one.wait(timeout=60) for one in both], [0, 0])
            self.assertEqual(len(host.asked), 1)

    def test_a_disk_without_room_is_said_before_anything_is_fetched(self):
        with server({"/v1.tar.gz": self.packed}) as host:
            succeeded, said = self.fill(host, megabytes=10**12)
            self.assertFalse(succeeded)
            self.assertRegex(said, r"thing needs 1000000000000 MB in .*, where \d+ MB are free")
            self.assertEqual(host.asked, [])

    def test_a_cache_that_cannot_be_written_is_said(self):
        self.cache.write_text("a file where a folder should be")
        succeeded, said = self.fetch_url(f"{NOBODY_LISTENS}/data.gz", sha256(b""))
        self.assertFalse(succeeded)
        self.assertIn(f"cannot write to the cache {self.cache}", said)


class packages(setup_test):
    def test_empty_lists_are_said_once_every_other_way_has_failed_too(self):
        machine = self.programs(apt_get="echo 'E: Unable to locate package thing-dev' >&2; exit 100", dpkg_deb="exit 1")
        self.assert_refused(
            self.fetch("redoubt_fetch_package_or_url", ["thing"], redoubt_thing_packages="thing-dev",
                       redoubt_thing_url=f"{NOBODY_LISTENS}/data.gz", redoubt_thing_sha256=sha256(b""), **machine),
            "package thing-dev: not in apt's lists; `apt-get update`", f"{NOBODY_LISTENS}/data.gz")

    def test_without_apt_the_address_serves(self):
        with server({"/data.gz": b"payload"}) as host:
            succeeded, said = self.fetch(
                "redoubt_fetch_package_or_url", ["thing"], redoubt_thing_packages="thing-dev",
                redoubt_thing_url=f"{host.address}/data.gz", redoubt_thing_sha256=sha256(b"payload"), **self.programs())
        self.assertTrue(succeeded, said)
        self.assertEqual((self.folder / "data.gz").read_bytes(), b"payload")

    def test_a_package_is_unpacked_and_removed(self):
        machine = self.programs(apt_get="touch thing-dev_1.deb",
                                dpkg_deb='test -f "$2" && mkdir -p "$3/usr/include" && echo text > "$3/usr/include/a.hpp"')
        succeeded, said = self.fetch("redoubt_fetch_packages", ["thing-dev"], **machine)
        self.assertTrue(succeeded, said)
        self.assertEqual((self.folder / "usr/include/a.hpp").read_text(), "text\n")
        self.assertEqual(list(self.folder.glob("*.deb")), [])


class wheels(setup_test):
    def fetch_wheel(self, digest, **environment):
        return self.fetch("redoubt_fetch_wheels", [f"tiny==1.0 --hash=sha256:{digest}"], environment=environment)

    def links(self, data):
        folder = self.root / "links"
        folder.mkdir()
        (folder / "tiny-1.0-py3-none-any.whl").write_bytes(data)
        return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder)}

    def test_without_python_it_is_asked_for(self):
        self.assert_refused(self.fetch("redoubt_fetch_wheels", ["tiny==1.0"], **self.programs()), "there is no python3")

    def test_without_pip_it_is_asked_for(self):
        machine = self.programs(python3="echo No module named pip >&2; exit 1")
        self.assert_refused(self.fetch("redoubt_fetch_wheels", ["tiny==1.0"], **machine), "python3 has no pip")

    def need_pip(self):
        if subprocess.run([sys.executable, "-m", "pip", "--version"], stdout=subprocess.DEVNULL).returncode:
            self.skipTest("this python3 has no pip")

    def test_a_wheel_is_unpacked_and_removed(self):
        self.need_pip()
        succeeded, said = self.fetch_wheel(sha256(wheel()), **self.links(wheel()))
        self.assertTrue(succeeded, said)
        self.assertEqual((self.folder / "tiny/lib/libtiny.so").read_text(), "machine code")
        self.assertEqual(sorted(p.name for p in self.folder.iterdir()), [".redoubt-complete", "tiny", "tiny-1.0.dist-info"])

    def test_a_wheel_with_another_hash_is_refused(self):
        self.need_pip()
        self.assert_refused(self.fetch_wheel(sha256(b"another"), **self.links(wheel())), "does not match the pinned hashes")

    def test_an_index_out_of_reach_is_said(self):
        self.need_pip()
        self.assert_refused(self.fetch_wheel(sha256(wheel()), PIP_INDEX_URL=NOBODY_LISTENS, PIP_RETRIES="0",
                                             PIP_CONFIG_FILE=os.devnull), "the package index is out of reach")


if __name__ == "__main__":
    command_line.run_tests(sys.modules[__name__])
