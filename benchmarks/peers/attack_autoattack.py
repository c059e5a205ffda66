"""AutoAttack by redoubt and by pyautoattack on the same model and images: robust accuracy and CPU seconds of each.

    python3 -m venv peers && peers/bin/pip install -r benchmarks/peers/requirements.txt
    peers/bin/python benchmarks/peers/attack_autoattack.py build/release/bin/redoubt linf 0.1 FOLDER [FOLDER ...]

A FOLDER holds model.pt (TorchScript), images.pt (float32 [N, C, H, W] in [0, 1]) and labels.pt (int64 [N]); or name the three
files in one argument, separated by commas. Both run one after the other on one thread, seed 0, the standard four attacks.
redoubt's CPU time is that of the whole process, its start included; pyautoattack's is that of the evaluation alone.
"""

import json
import os
import resource
import subprocess
import sys
import time

import torch
from pyautoattack import AutoAttack

NORMS = {"linf": "Linf", "l2": "L2", "l1": "L1"}
BATCH = 500


def eps_of(text):
    """0.1 or 8/255."""
    above, _, below = text.partition("/")
    return float(above) / float(below or 1)


def files_of(name):
    parts = name.split(",")
    return parts if len(parts) == 3 else [os.path.join(name, part) for part in ("model.pt", "images.pt", "labels.pt")]


def run_redoubt(*command):
    """The finished process and the CPU seconds that it took, on one thread."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return done, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def redoubt(program, files, norm, eps):
    flags = ["--model", files[0], "--images", files[1], "--labels", files[2], "--attack", "auto", "--norm", norm]
    done, seconds = run_redoubt(program, "evaluate", *flags, "--eps", eps, "--batch", str(BATCH), "--json")
    report = json.loads(done.stdout)
    if done.returncode != 0:
        sys.exit(report["error"]["message"])
    return report["robust_accuracy"], seconds


def peer(files, norm, eps):
    model = torch.jit.load(files[0]).eval()
    x, y = torch.load(files[1]), torch.load(files[2])
    attacker = AutoAttack(model, norm=NORMS[norm], eps=eps_of(eps), seed=0)
    began = time.process_time()
    adversarial, _ = attacker.run_standard_evaluation(x, y, batch_size=BATCH)
    seconds = time.process_time() - began
    with torch.no_grad():
        return (model(adversarial).argmax(1) == y).float().mean().item(), seconds


def main(program, norm, eps, *names):
    torch.set_num_threads(1)
    print("model, robust accuracy and CPU seconds: redoubt, pyautoattack; ratio of the seconds")
    for name in names:
        ours, our_seconds = redoubt(program, files_of(name), norm, eps)
        theirs, their_seconds = peer(files_of(name), norm, eps)
        print(
            f"{os.path.basename(name):<20} {norm} {eps}: {ours:.4f} {our_seconds:6.1f} s  "
            f"{theirs:.4f} {their_seconds:6.1f} s  ratio {our_seconds / their_seconds:.2f}",
            flush=True,
        )


if __name__ == "__main__":
    if len(sys.argv) < 5:
        sys.exit(__doc__)
    main(*sys.argv[1:])
