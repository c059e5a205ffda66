"""Lets the launcher torchrun start from a LibTorch wheel that was unpacked without its CUDA libraries.

    stand_ins.py TORCH_LIB_FOLDER OUT_FOLDER COMPILER

`import torch` loads libtorch_cuda.so, which names a dozen libraries of gigabytes. The launcher calls nothing in them:
it only starts processes and keeps a store. For each that the loader would not find, OUT_FOLDER gets a library of the
same name and symbols whose functions do nothing; with LD_LIBRARY_PATH=OUT_FOLDER the import succeeds.
"""

import ctypes
import pathlib
import re
import subprocess
import sys


def listing(*command):
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout


def needed_by(libraries):
    """The names of the libraries that these ask for, and for each the version names that they expect in it."""
    names, versions = set(), {}
    for library in libraries:
        names |= set(re.findall(r"NEEDED.*\[(.*)\]", listing("readelf", "-dW", library)))
        file = None
        for line in listing("readelf", "-VW", library).splitlines():
            if match := re.search(r"File: (\S+)", line):
                file = match[1]
            elif (match := re.search(r"Name: (\S+)", line)) and file:
                versions.setdefault(file, set()).add(match[1])
    return names, versions


def is_found(name, folders):
    if any((folder / name).exists() for folder in folders):
        return True
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def undefined_in(libraries):
    """Pairs of a symbol that these do not define and the version they ask for, "" where they name none."""
    symbols = set()
    for library in libraries:
        for line in listing("nm", "-D", "--undefined-only", library).splitlines():
            name, _, version = line.split()[-1].partition("@")
            symbols.add((name, version.lstrip("@")))
    return symbols


def write(folder, compiler, name, functions, version):
    source, script = folder / f"{name}.cpp", folder / f"{name}.map"
    source.write_text("".join(f'extern "C" void {f}() {{}}\n' for f in sorted(functions)))
    script.write_text(f"{version} {{ global: *; }};\n")
    flags = [f"-Wl,--version-script={script}"] if version else []
    subprocess.run([compiler, "-shared", "-fPIC", "-w", f"-Wl,-soname,{name}", *flags, source, "-o", folder / name],
                   check=True)


def main(torch_libraries, out, compiler):
    folder, out = pathlib.Path(torch_libraries), pathlib.Path(out)
    out.mkdir(parents=True, exist_ok=True)
    own = sorted(folder.glob("*.so"))
    beside = [folder, *folder.parent.parent.glob("nvidia/*/lib")]
    names, versions = needed_by(own)
    missing = sorted(name for name in names if not is_found(name, beside))
    symbols = undefined_in(own)
    # Which library an unversioned symbol is of is not told, so all of them have it.
    loose = {name for name, version in symbols if not version and re.match(r"(cu|nccl|nvshmem)", name)}
    for name in missing:
        (version,) = versions.get(name, {""})
        write(out, compiler, name, {s for s, v in symbols if version and v == version} | loose, version)
    print(f"{len(missing)} stand-ins in {out}: {' '.join(missing)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
