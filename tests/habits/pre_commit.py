"""The hooks of .pre-commit-config.yaml are content with every file that git knows: pre_commit.py FOLDER

They run on a copy in FOLDER, as some of them mend what they find. pre-commit and what it runs come from PyPI, into FOLDER.
"""

import os
import pathlib
import shutil
import subprocess
import sys

SOURCE = pathlib.Path(__file__).resolve().parents[2]
PRE_COMMIT = "pre-commit==4.7.0"


def copy_of_what_git_knows(to):
    shutil.rmtree(to, ignore_errors=True)
    known = subprocess.run(["git", "-C", SOURCE, "ls-files", "-z"], check=True, capture_output=True, text=True).stdout
    for name in known.split("\0"):
        if (SOURCE / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(SOURCE / name, to / name)
    for command in (["init", "--quiet"], ["add", "--all", "--force"]):
        subprocess.run(["git", "-C", to, *command], check=True)


def main():
    folder = pathlib.Path(sys.argv[1]).resolve()
    copy_of_what_git_knows(folder / "tree")
    tools = folder / PRE_COMMIT
    if not tools.exists():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-warn-conflicts"]
        subprocess.run([*pip, "--root-user-action=ignore", "--target", folder / "fetched", PRE_COMMIT], check=True)
        (folder / "fetched").rename(tools)
    environment = {**os.environ, "PYTHONPATH": str(tools), "PRE_COMMIT_HOME": str(folder / "hooks")}
    hooks = subprocess.run([sys.executable, "-m", "pre_commit", "run", "--all-files", "--color=never"],
                           cwd=folder / "tree", env=environment)
    sys.exit(hooks.returncode)


if __name__ == "__main__":
    main()
