"""The nearest adversarial points by redoubt and by Foolbox, on the same model and images: median distance and CPU seconds.

    python3 -m venv peers && peers/bin/pip install -r benchmarks/peers/requirements.txt
    peers/bin/python benchmarks/peers/attack_minimal.py build/release/bin/redoubt FOLDER [FOLDER ...]

A FOLDER holds model.pt (TorchScript), images.pt (float32 [N, C, H, W] in [0, 1]) and labels.pt (int64 [N]); or name the three
files in one argument, separated by commas. FMN takes 100 steps in each norm, Carlini and Wagner 9 constants of 300 steps, both
with the library's own other settings, on one thread. Distances are those of the images that the model gets right; one for which
nothing was found counts as infinitely far. CPU seconds are those of the whole process for redoubt, its start included, and of the
attack alone for Foolbox.
"""

import os
import sys
import tempfile
import time

import foolbox
import torch
from attack_autoattack import files_of, run_redoubt

# The norm, redoubt's attack, a radius that leaves nothing out, and Foolbox's attack.
RUNS = [
    ("linf", "fmn", 1, foolbox.attacks.LInfFMNAttack(steps=100)),
    ("l2", "fmn", 1000, foolbox.attacks.L2FMNAttack(steps=100)),
    ("l1", "fmn", 100000, foolbox.attacks.L1FMNAttack(steps=100)),
    ("l0", "fmn", 100000, foolbox.attacks.L0FMNAttack(steps=100)),
    ("l2", "cw", 1000, foolbox.attacks.L2CarliniWagnerAttack(binary_search_steps=9, steps=300)),
]
ORDER = {"linf": float("inf"), "l2": 2, "l1": 1, "l0": 0}


def redoubt(program, files, norm, attack, eps):
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "adversarial.pt")
        flags = ["--model", files[0], "--images", files[1], "--labels", files[2], "--batch", "500", "--out", out]
        done, seconds = run_redoubt(program, "attack", *flags, "--attack", attack, "--norm", norm, "--eps", str(eps))
        if done.returncode != 0:
            sys.exit(done.stderr.decode())
        return torch.load(out), seconds


def peer(model, x, y, attack):
    began = time.process_time()
    found, _, _ = attack(foolbox.PyTorchModel(model, bounds=(0, 1), device="cpu"), x, y, epsilons=None)
    return found, time.process_time() - began


def median_distance(model, x, y, found, norm):
    """Over the samples that are right at x; those that are still right at `found` are infinitely far."""
    with torch.no_grad():
        right, fooled = model(x).argmax(1) == y, model(found).argmax(1) != y
    distance = torch.linalg.vector_norm((found - x).flatten(1).double(), ORDER[norm], dim=1)
    distance[~fooled] = float("inf")
    return distance[right].quantile(0.5, interpolation="lower").item(), fooled[right].float().mean().item()


def main(program, *names):
    torch.set_num_threads(1)
    print("model, attack: median distance, share fooled and CPU seconds of redoubt; of Foolbox; ratio of the seconds")
    for name in names:
        files = files_of(name)
        model = torch.jit.load(files[0]).eval()
        x, y = torch.load(files[1]), torch.load(files[2])
        for norm, attack, eps, theirs in RUNS:
            ours, our_seconds = redoubt(program, files, norm, attack, eps)
            found, their_seconds = peer(model, x, y, theirs)
            line = [f"{os.path.basename(files[0]):<12} {attack:<4} {norm:<5}"]
            for points, seconds in ((ours, our_seconds), (found, their_seconds)):
                median, share = median_distance(model, x, y, points, norm)
                line.append(f"{median:9.4f} {share:6.3f} {seconds:7.1f} s")
            print("  ".join(line), f" ratio {our_seconds / their_seconds:.2f}", flush=True)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
