"""River's detectors on the streams of drift_detectors_bench, and how many times longer they take.

    python3 -m venv peers && peers/bin/pip install -r benchmarks/peers/requirements.txt
    drift_detectors_bench --benchmark_out=ours.json --benchmark_out_format=json
    peers/bin/python benchmarks/peers/drift_river.py ours.json

CPU time, the best of several runs; river's share includes the Python loop and call that its users pay for too.
"""

import json
import sys
import time

from river import __version__, drift

COUNT = 20_000
REPEATS = 5
MASK = (1 << 64) - 1


def uniforms(count):
    """splitmix64 from state 1, as in drift_detectors_bench.cpp."""
    state = 1
    for _ in range(count):
        state = (state + 0x9E3779B97F4A7C15) & MASK
        z = state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        yield ((z ^ (z >> 31)) >> 11) * 2.0**-53


UNIFORMS = list(uniforms(COUNT))
BITS = [int(value < 0.1) for value in UNIFORMS]
CASES = {
    "ddm": (drift.binary.DDM, BITS),
    "eddm": (drift.binary.EDDM, BITS),
    "page_hinkley": (drift.PageHinkley, BITS),
    "hddm_a": (drift.binary.HDDMA, BITS),
    "hddm_w": (drift.binary.HDDMW, BITS),
    "adwin": (drift.ADWIN, BITS),
    "adwin_uniform": (drift.ADWIN, UNIFORMS),
    "adwin_clock_1": (lambda: drift.ADWIN(clock=1), BITS),
}


def nanoseconds(make, values):
    best = float("inf")
    for _ in range(REPEATS):
        detector = make()
        start = time.process_time()
        for value in values:
            detector.update(value)
        best = min(best, time.process_time() - start)
    return best / len(values) * 1e9


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        runs = json.load(file)["benchmarks"]
    # Of repeated runs the best counts, as for river.
    ours = {}
    for run in runs:
        if run.get("run_type") == "iteration" and "items_per_second" in run:
            name = run["name"].removeprefix("updates/")
            ours[name] = min(ours.get(name, float("inf")), 1e9 / run["items_per_second"])
    print(f"ns an update{'':<8}redoubt  river {__version__}   times faster")
    for name, (make, values) in CASES.items():
        theirs = nanoseconds(make, values)
        print(f"{name:<18}{ours[name]:>9.1f}{theirs:>14.0f}{theirs / ours[name]:>15.1f}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main()
