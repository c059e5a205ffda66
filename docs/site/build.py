#!/usr/bin/env python3
"""Builds the documentation as a site that is read without a network.

    cmake --build build/release --target docs      into build/release/docs/html
    python3 docs/site/build.py --out build/docs    the same without CMake

Doxygen reads the headers, Sphinx makes the pages, and every link between them is followed. A warning is an error, and so is
a public name without documentation. The first time Sphinx and what goes with it come from PyPI, into a folder beside the
output, and doxygen, where it is not installed, from Debian 12's packages, unpacked there.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
import api  # noqa: E402
import links  # noqa: E402

# Doxygen and what it is linked with, as Debian 12 names them.
DOXYGEN = "doxygen libclang1-14 libclang-cpp14 libllvm14 libedit2 libbsd0 libmd0 libz3-4 libxml2 libicu72".split()

# The project's own pages, which lie where those who come to the repository look for them.
PROJECT = ["CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"]

SITE = pathlib.Path(__file__).resolve().parent
ROOT = SITE.parent.parent


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "build" / "docs", help="where all of it goes")
    arguments = parser.parse_args()
    out = arguments.out.resolve()
    out.mkdir(parents=True, exist_ok=True)

    sphinx, environment = sphinx_of(out / "sphinx")
    read_headers(out / "doxygen", *doxygen_of(out / "debian"))
    pages = staged(out / "pages")
    try:
        api.write(out / "doxygen" / "xml", pages / "docs" / "api")
    except api.Undocumented as names:
        sys.exit(f"Public names without documentation:\n{names}")
    html = out / "html"
    shutil.rmtree(html, ignore_errors=True)
    command = [*sphinx, "-q", "-W", "--keep-going", "-b", "html", "-d", str(out / "doctrees"), "-c", str(SITE)]
    if subprocess.run([*command, str(pages / "docs"), str(html)], env=environment).returncode != 0:
        sys.exit("Sphinx is not content: see above")
    broken = links.broken(html)
    if broken:
        sys.exit("Links that lead nowhere:\n" + "\n".join(broken))
    print(f"{html / 'index.html'}: {len(list(html.rglob('*.html')))} pages, every link between them resolves")


def sphinx_of(folder):
    """The command that runs Sphinx, and the environment to run it in: what requirements.txt names, fetched into `folder`."""
    wanted = (SITE / "requirements.txt").read_text()
    made_of = folder / "made-of.txt"
    if not made_of.exists() or made_of.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-warn-conflicts"]
        pip += ["--root-user-action=ignore", "--target", str(folder), "--requirement", str(SITE / "requirements.txt")]
        subprocess.run(pip, check=True)
        made_of.write_text(wanted)
    return [sys.executable, "-m", "sphinx"], {**os.environ, "PYTHONPATH": str(folder)}


def doxygen_of(folder):
    """A doxygen that is installed, else Debian's unpacked in `folder`: the command, and the environment to run it in."""
    installed = shutil.which("doxygen")
    if installed:
        return installed, os.environ
    unpacked = folder / "usr" / "bin" / "doxygen"
    if not unpacked.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        fetched = shutil.which("apt-get") and subprocess.run(["apt-get", "-qq", "download", *DOXYGEN], cwd=folder)
        if not fetched or fetched.returncode != 0:
            sys.exit("The documentation needs doxygen >= 1.9.4: install it (Debian: apt-get install doxygen)")
        for package in folder.glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", str(package), str(folder)], check=True)
            package.unlink()
    libraries = {str(path.parent) for path in folder.rglob("*.so.*")}
    return str(unpacked), {**os.environ, "LD_LIBRARY_PATH": ":".join(sorted(libraries))}


def read_headers(folder, doxygen, environment):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    roots = sorted(path for path in (ROOT / "include").iterdir() if path.is_dir())
    bases = [ROOT / "include", *(path for path in roots if path.name != "redoubt")]
    settings = (SITE / "Doxyfile").read_text() + "\n".join([
        f"INPUT = {' '.join(f'{path}' for path in roots)}",
        f"STRIP_FROM_PATH = {' '.join(f'{path}' for path in bases)}",
        f"OUTPUT_DIRECTORY = {folder}",
    ])
    ran = subprocess.run([doxygen, "-"], input=settings, env=environment, text=True, capture_output=True)
    if ran.returncode != 0 or ran.stderr.strip():
        sys.exit(f"Doxygen is not content:\n{ran.stderr}")


def staged(folder):
    """A copy of docs/ in which the reference can be written, where links to the rest of the repository still lead there."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copytree(ROOT / "docs", folder / "docs", ignore=shutil.ignore_patterns("site", "__pycache__"))
    for name in PROJECT:
        (folder / "docs" / name.lower()).write_text(re.sub(r"\]\(([\w./]+)\)", seen_from_docs, (ROOT / name).read_text()))
    for entry in ROOT.iterdir():
        if entry.name not in ("docs", "build") and not entry.name.startswith(".git"):
            (folder / entry.name).symlink_to(entry)
    return folder


def seen_from_docs(link):
    """A link of a page at the repository's top, as that page lies in docs/ here."""
    to = link.group(1)
    if to in PROJECT:
        return f"]({to.lower()})"
    return f"]({to.removeprefix('docs/')})" if to.startswith("docs/") else f"](../{to})"


if __name__ == "__main__":
    main()
