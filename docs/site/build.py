#!/usr/bin/env python3
"""Builds the documentation as a site that is read without a network.

    cmake --build build/release --target docs      into build/release/docs/html
    python3 docs/site/build.py --out build/docs    the same without CMake

Doxygen reads the headers, Sphinx makes the pages, and every link between them is followed. A warning is an error, and so is
a public name without documentation. Needs doxygen (Debian: apt-get install doxygen); Sphinx and what goes with it come from
PyPI, into a virtual environment beside the output, the first time.
"""

import argparse
import pathlib
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
import api  # noqa: E402
import links  # noqa: E402

# Named by the navigation and by other pages before they are there: left out, with the links to them, until they are.
AWAITED = ["docs/distributed.md", "docs/installing.md", "docs/kubeflow.md", "examples/kubeflow/prometheus-rules.yaml"]

SITE = pathlib.Path(__file__).resolve().parent
ROOT = SITE.parent.parent


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "build" / "docs", help="folder of the site and of what it takes")
    parser.add_argument("--sphinx", help="a sphinx-build that has what requirements.txt names, instead of one made here")
    arguments = parser.parse_args()
    out = arguments.out.resolve()
    out.mkdir(parents=True, exist_ok=True)

    sphinx = arguments.sphinx or sphinx_of(out / "venv")
    read_headers(out / "doxygen")
    pages = staged(out / "pages")
    try:
        api.write(out / "doxygen" / "xml", pages / "docs" / "api")
    except api.Undocumented as names:
        sys.exit(f"Public names without documentation:\n{names}")
    html = out / "html"
    shutil.rmtree(html, ignore_errors=True)
    command = [sphinx, "-q", "-W", "--keep-going", "-b", "html", "-d", str(out / "doctrees"), "-c", str(SITE)]
    if subprocess.run([*command, str(pages / "docs"), str(html)]).returncode != 0:
        sys.exit("Sphinx is not content: see above")
    broken = links.broken(html)
    if broken:
        sys.exit("Links that lead nowhere:\n" + "\n".join(broken))
    print(f"{html / 'index.html'}: {len(list(html.rglob('*.html')))} pages, every link between them resolves")


def sphinx_of(folder):
    wanted = (SITE / "requirements.txt").read_text()
    made_of = folder / "requirements.txt"
    if not made_of.exists() or made_of.read_text() != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        pip = [str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--requirement", str(SITE / "requirements.txt")], check=True)
        made_of.write_text(wanted)
    return str(folder / "bin" / "sphinx-build")


def read_headers(folder):
    doxygen = shutil.which("doxygen")
    if not doxygen:
        sys.exit("The documentation needs doxygen, which is not here (Debian: apt-get install doxygen)")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    roots = sorted(path for path in (ROOT / "include").iterdir() if path.is_dir())
    bases = [ROOT / "include", *(path for path in roots if path.name != "redoubt")]
    settings = (SITE / "Doxyfile").read_text() + "\n".join([
        f"INPUT = {' '.join(f'{path}' for path in roots)}",
        f"STRIP_FROM_PATH = {' '.join(f'{path}' for path in bases)}",
        f"OUTPUT_DIRECTORY = {folder}",
    ])
    ran = subprocess.run([doxygen, "-"], input=settings, text=True, capture_output=True)
    if ran.returncode != 0 or ran.stderr.strip():
        sys.exit(f"Doxygen is not content:\n{ran.stderr}")


def staged(folder):
    """A copy of docs/ in which the reference can be written, where links to the rest of the repository still lead there."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copytree(ROOT / "docs", folder / "docs", ignore=shutil.ignore_patterns("site", "__pycache__"))
    for awaited in AWAITED:
        if not (ROOT / awaited).exists():
            leave_out(awaited, folder / "docs")
    for entry in ROOT.iterdir():
        if entry.name not in ("docs", "build") and not entry.name.startswith(".git"):
            (folder / entry.name).symlink_to(entry)
    return folder


def leave_out(awaited, pages):
    name = pathlib.Path(awaited).name
    for page in pages.rglob("*.md"):
        text = re.sub(rf"\[([^\]]*)\]\([^)]*\b{re.escape(name)}[^)]*\)", r"\1", page.read_text())
        page.write_text(re.sub(rf"(?m)^\.\./{re.escape(pathlib.Path(awaited).stem)}\n", "", text))


if __name__ == "__main__":
    main()
