#!/usr/bin/env python3
"""What each public header costs to compile, beside the LibTorch headers that it needs, alone.

    cmake --build build/release --target compile_times      every header
    ctest --preset slow --tests-regex habits/compile_times  the headers with a limit and a few more

Prints a table and writes JSON. A cost is CPU time, user and system, of a file that includes the header and nothing else:
the least of `--runs`. A header and its floor are compiled in turn, so that what else the machine does falls on both: trust
the ratios. Ends with 1 where a header costs more than its limit.
"""

import argparse
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

# At most so many times the floor. The umbrella's floor is torch/torch.h, of which it needs parts.
LIMITS = {"redoubt/redoubt.hpp": 1.15, "redoubt/attack/pgd.hpp": 1.3}
UMBRELLA = "redoubt/redoubt.hpp"
QUICK = ["redoubt/norm/linf.hpp", "redoubt/attack/pgd.hpp", "redoubt/evaluate/robust_accuracy.hpp", UMBRELLA]


def public_headers(include):
    headers = sorted(path.relative_to(include).as_posix() for path in include.glob("redoubt/**/*.hpp"))
    return [header for header in headers if "/detail/" not in header]


def torch_headers(include, header, seen=None):
    """The LibTorch headers that `header` and those of ours that it includes ask for."""
    seen = set() if seen is None else seen
    found = set()
    for name in re.findall(r"^#include <([^>]+)>", (include / header).read_text(), re.MULTILINE):
        if name.startswith("redoubt/"):
            if name not in seen and (include / name).exists():
                seen.add(name)
                found |= torch_headers(include, name, seen)
        elif name.startswith(("ATen/", "c10/", "torch/")):
            found.add(name)
    return found


def cpu_seconds(compile_command, headers, folder):
    source = pathlib.Path(folder, "one.cpp")
    source.write_text("".join(f"#include <{header}>\n" for header in headers))
    process = subprocess.Popen([*compile_command, "-c", str(source), "-o", str(pathlib.Path(folder, "one.o"))])
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"compile_time.py: {' '.join(headers)} does not compile")
    return used.ru_utime + used.ru_stime


def measured(compile_command, include, headers, runs):
    floors = {}
    for header in headers:
        floor = {"torch/torch.h"} if header == UMBRELLA else torch_headers(include, header)
        floors.setdefault(tuple(sorted(floor)), []).append(header)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for floor, above in floors.items():
            costs = {name: [] for name in [floor, *above]}
            for _ in range(runs):
                for name, seconds in costs.items():
                    if name:
                        seconds.append(cpu_seconds(compile_command, name if name == floor else [name], folder))
            for header in above:
                row = {"header": header, "seconds": min(costs[header]), "torch_headers": list(floor)}
                if floor:
                    row["torch_seconds"] = min(costs[floor])
                    row["ratio"] = row["seconds"] / row["torch_seconds"]
                if header in LIMITS:
                    row["limit"] = LIMITS[header]
                rows.append(row)
                print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return sorted(rows, key=lambda row: row["header"])


def table(rows):
    lines = [f"{'header':<48} {'seconds':>8} {'torch':>8} {'ratio':>6} {'limit':>6}"]
    for row in rows:
        floor = f"{row['torch_seconds']:8.2f} {row['ratio']:6.2f}" if "ratio" in row else f"{'none':>8} {'':>6}"
        limit = f"{row['limit']:6.2f}" if "limit" in row else ""
        lines.append(f"{row['header']:<48} {row['seconds']:8.2f} {floor} {limit}".rstrip())
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--compiler", default="c++")
    parser.add_argument("--flags", default="-std=c++20 -O2", help="as one argument")
    parser.add_argument("--include", action="append", default=[], help="a folder of headers; may be given again")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="the headers with a limit and a few more")
    parser.add_argument("--json", type=pathlib.Path, help="where to write the figures")
    parser.add_argument("headers", nargs="*", help="these alone, as redoubt/attack/pgd.hpp")
    arguments = parser.parse_args()

    include = pathlib.Path(__file__).resolve().parent.parent / "include"
    compile_command = [arguments.compiler, *shlex.split(arguments.flags), f"-I{include}"]
    compile_command += [part for folder in arguments.include for part in ("-isystem", folder)]
    headers = arguments.headers or (QUICK if arguments.quick else public_headers(include))
    rows = measured(compile_command, include, headers, arguments.runs)

    print(table(rows))
    if arguments.json:
        version = subprocess.run([arguments.compiler, "--version"], capture_output=True, text=True, check=True).stdout
        told = {"compiler": version.splitlines()[0], "flags": arguments.flags, "runs": arguments.runs, "headers": rows}
        partial = arguments.json.with_suffix(".partial")
        partial.write_text(json.dumps(told, indent=1) + "\n")
        partial.replace(arguments.json)
    too_dear = [row for row in rows if row.get("ratio", 0) > row.get("limit", float("inf"))]
    for row in too_dear:
        print(f"{row['header']} costs {row['ratio']:.2f} times its torch headers; the limit is {row['limit']}: include less")
    return 1 if too_dear else 0


if __name__ == "__main__":
    sys.exit(main())
