"""A file's kernels compile through NVRTC for each architecture, without spilling a register, in less than the stated time.

    compile_kernels.py NAME TOOLKIT REPORT INCLUDE [INCLUDE ...]

NAME is a key of SOURCES, below; TOOLKIT is the folder of the nvidia-cuda-* wheels' include/ and lib/; REPORT is written where all is well. Needs no device and no CUDA toolkit: NVRTC, its headers and CCCL come from their wheels.
"""

import ctypes
import glob
import os
import re
import resource
import sys

ARCHITECTURES = ("sm_80", "sm_90", "sm_100")
SECONDS = 15  # of CPU time for one file and architecture; at most 5.4 where nothing else runs
HERE = os.path.dirname(os.path.abspath(__file__))


def instances(headers, kernels):
    """A file of these kernels (name, arguments), as the .cu file of the same name launches them."""
    return ("".join(f"#include <redoubt/{header}>\n" for header in headers) + "namespace redoubt::cuda::detail {\n"
            + "".join(f"template __global__ void {kernel}({arguments});\n" for kernel, arguments in kernels) + "}\n")


# What launch.cuh and launch_large.cuh launch: teams, and how they hold a sample.
SMALL = [(team, f"in_registers<{team}, {items}>")
        for team, items in (("warp_team<128>", 8), ("block_team<128>", 8), ("block_team<256>", 12))]
LARGE = [("cluster_team<512>", f"{how}<cluster_team<512>>") for how in ("in_shared", "in_memory")]


def by_sample(ball, teams):
    ball = f"redoubt::detail::{ball}_step"
    return [(f"step_by_sample<{ball}, {team}, {held}>", f"device_step, {ball}") for team, held in teams]


BY_SAMPLE = ("norm/detail/ball_steps.hpp", "cuda/detail/held.cuh", "cuda/detail/step_by_sample.cuh")
SOURCES = {
    "linf": instances(("cuda/detail/step_linf.cuh", *BY_SAMPLE),
                      [(f"step_{how}<linf_step>", "device_step") for how in ("each", "fours")] + by_sample("linf_sample", SMALL)),
    "linf_large": instances(BY_SAMPLE, by_sample("linf_sample", LARGE)),
    **{ball: instances(BY_SAMPLE, by_sample(ball, SMALL)) for ball in ("l2", "l1", "l0")},
    **{f"{ball}_large": instances(BY_SAMPLE, by_sample(ball, LARGE)) for ball in ("l2", "l1", "l0")},
    "gather": instances(("cuda/detail/gather.cuh",), [("gather<512>", "device_gather")]),
    "draw": instances(("cuda/detail/draw.cuh",),
                      [(f"draw_numbers<redoubt::detail::{number}_number>", "device_draw")
                       for number in ("uniform", "normal", "laplace")]),
}


class Compiler:
    def __init__(self, toolkit, includes):
        # NVRTC asks the loader for its other half by name alone, and finds what is loaded already.
        (builtins,) = glob.glob(os.path.join(toolkit, "lib", "libnvrtc-builtins.so.*"))
        self.builtins = ctypes.CDLL(builtins)
        self.library = ctypes.CDLL(os.path.join(toolkit, "lib", "libnvrtc.so.13"))
        folders = [*includes, os.path.join(HERE, "nvrtc_std"), os.path.join(toolkit, "include", "cccl"),
                   os.path.join(toolkit, "include")]
        self.flags = ["-std=c++20", "-default-device", "--ptxas-options=-v", *(f"-I{folder}" for folder in folders)]

    def compile(self, name, source, architecture):
        """What the compiler said, and the CPU seconds that it took; exits where it refused."""
        program = ctypes.c_void_p()
        self.library.nvrtcCreateProgram(ctypes.byref(program), source.encode(), name.encode(), 0, None, None)
        flags = [flag.encode() for flag in (f"-arch={architecture}", *self.flags)]
        before = resource.getrusage(resource.RUSAGE_SELF)
        failed = self.library.nvrtcCompileProgram(program, len(flags), (ctypes.c_char_p * len(flags))(*flags))
        after = resource.getrusage(resource.RUSAGE_SELF)
        size = ctypes.c_size_t()
        self.library.nvrtcGetProgramLogSize(program, ctypes.byref(size))
        log = ctypes.create_string_buffer(size.value)
        self.library.nvrtcGetProgramLog(program, log)
        said = log.value.decode()
        if failed:
            sys.exit(f"{name}, {architecture}: NVRTC refused it ({failed})\n{said}")
        return said, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(name, toolkit, report, *includes):
    compiler = Compiler(toolkit, includes)
    wrong = []
    lines = []
    for architecture in ARCHITECTURES:
        said, seconds = compiler.compile(f"{name}.cu", SOURCES[name], architecture)
        kernels = said.split("Compiling entry function")[1:]
        registers = [int(n) for n in re.findall(r"Used (\d+) registers", said)]
        spills = [int(n) for kernel in kernels for n in re.findall(r"(\d+) bytes spill stores", kernel)]
        lines.append(f"{name:10} {architecture:7} {len(registers)} kernels, registers {registers}, {seconds:.1f} s")
        if not kernels or len(registers) != len(kernels) or len(spills) < len(kernels):
            wrong.append(f"{name}, {architecture}: the compiler does not say which registers it used:\n{said}")
        if any(spills):
            wrong.append(f"{name}, {architecture}: spills {spills} bytes")
        if seconds > SECONDS:
            wrong.append(f"{name}, {architecture}: takes {seconds:.1f} s to compile, more than {SECONDS}")
    if wrong:
        sys.exit("\n".join(wrong))
    with open(report + ".new", "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    os.replace(report + ".new", report)


if __name__ == "__main__":
    main(*sys.argv[1:])
