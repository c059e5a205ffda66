"""Runs a section of docs/installing.md as a reader would: writes its files, and gives its commands to a shell.

A block's file name stands after its language; blocks without a section are every section's. The folder holds what the page
says: redoubt's sources, as a repository with a tag, and the project `app`.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess

parser = argparse.ArgumentParser()
parser.add_argument("--source", type=pathlib.Path, required=True, help="redoubt's sources")
parser.add_argument("--work", type=pathlib.Path, required=True, help="a folder to work in; it is emptied first")
parser.add_argument("--section", required=True, help="the section's title")
parser.add_argument("--tools", default="", help="where pip put the programs that the section uses")
given = parser.parse_args()

page = (given.source / "docs/installing.md").read_text()
preface, *sections = re.split(r"^## ", page, flags=re.MULTILINE)
section = next(text for text in sections if text.startswith(given.section + "\n"))

shutil.rmtree(given.work, ignore_errors=True)
redoubt = given.work / "redoubt"
redoubt.mkdir(parents=True)
for name in ("CMakeLists.txt", "LICENSE", "conanfile.py"):
    shutil.copy(given.source / name, redoubt)
for name in ("cmake", "include", "test_package"):
    shutil.copytree(given.source / name, redoubt / name, ignore=shutil.ignore_patterns("build", "CMakeUserPresets.json"))
version = re.search(r'version = "([0-9.]+)"', (redoubt / "include/redoubt/core/version.hpp").read_text()).group(1)
for command in ("init --quiet", "add --all", "commit --quiet --message Release", f"tag v{version}"):
    subprocess.run(["git", "-c", "user.name=test", "-c", "user.email=test@localhost", *command.split()],
                   cwd=redoubt, check=True)

tools = {"PATH": f"{given.tools}/bin:{os.environ['PATH']}", "PYTHONPATH": given.tools} if given.tools else {}
environment = {**os.environ, **tools, "HOME": str(given.work / "home"), "CONAN_HOME": str(given.work / "home/.conan2")}
ran = 0
for language, name, text in re.findall(r"^```(\w+) ?(\S*)\n(.*?)^```$", preface + section, flags=re.MULTILINE | re.DOTALL):
    if name:
        (given.work / name).parent.mkdir(exist_ok=True)
        (given.work / name).write_text(text)
    elif language == "sh":
        assert text.count("\n") <= 10, f"more than ten commands:\n{text}"
        ended = subprocess.run(["bash", "-eux"], input=text, text=True, cwd=given.work, env=environment,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        print(ended.stdout)
        assert ended.returncode == 0, f"the commands of \"{given.section}\" failed: {ended.returncode}"
        # The inputs 0.5 of classes 0 and 1 have moved by the radius, away from their class.
        assert re.search(r"0\.4000?\n\s*0\.6000?\n", ended.stdout), "the program printed something else"
        ran += 1
assert ran == 1, f"the section \"{given.section}\" has {ran} blocks of commands"
