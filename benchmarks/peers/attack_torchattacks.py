"""PGD-40 over linf by torchattacks on the networks of benchmarks/gpu/nets.hpp: milliseconds an attack.

    peers/bin/python benchmarks/peers/attack_torchattacks.py [cuda|cpu] [N ...]

The same images, radius and step as `gpu_attack_bench`; untrained weights, whose values no step's time hangs on. The median of
five, the device's work done. Compare only with figures of the same machine.
"""

import statistics
import sys
import time

import torch
import torchattacks
from torch import nn

RADIUS, STEP, STEPS = 8 / 255, 2 / 255, 40


def conv(start, end, size, stride=1):
    return nn.Conv2d(start, end, size, stride, size // 2, bias=False)


class NormRelu(nn.Sequential):
    def __init__(self, width):
        super().__init__(nn.BatchNorm2d(width), nn.ReLU(inplace=True))


class Block(nn.Module):
    def __init__(self, start, end, stride):
        super().__init__()
        self.first = NormRelu(start)
        self.body = nn.Sequential(conv(start, end, 3, stride), NormRelu(end), conv(end, end, 3))
        self.way_round = conv(start, end, 1, stride) if start != end or stride != 1 else None

    def forward(self, x):
        inner = self.first(x)
        return self.body(inner) + (x if self.way_round is None else self.way_round(inner))


class Net(nn.Module):
    def __init__(self, body, width):
        super().__init__()
        self.body, self.head = nn.Sequential(*body), nn.Linear(width, 10)

    def forward(self, x):
        return self.head(self.body(x).mean((2, 3)))


def small_cnn():
    body, start = [], 3
    for end in (16, 32, 64):
        body += [conv(start, end, 3, 1 if start == 3 else 2), NormRelu(end)]
        start = end
    return Net(body, start)


def residual(stem, widths, depth):
    body, start = [conv(3, stem, 3)], stem
    for end in widths:
        for block in range(depth):
            body.append(Block(start, end, 2 if block == 0 and end != widths[0] else 1))
            start = end
    return Net([*body, NormRelu(start)], start)


NETS = {
    "small_cnn": small_cnn,
    "resnet_18": lambda: residual(64, (64, 128, 256, 512), 2),
    "wide_resnet_28_10": lambda: residual(16, (160, 320, 640), 4),
}


def milliseconds(attack, x, y):
    def once():
        began = time.perf_counter()
        attack(x, y)
        if x.is_cuda:
            torch.cuda.synchronize()
        return 1e3 * (time.perf_counter() - began)

    once()
    return statistics.median(once() for _ in range(5))


def main(device="cuda", *batches):
    for name, make in NETS.items():
        net = make().to(device).eval()
        attack = torchattacks.PGD(net, eps=RADIUS, alpha=STEP, steps=STEPS, random_start=True)
        for batch in [int(n) for n in batches] or [1, 32, 128, 256, 1024]:
            generator = torch.Generator().manual_seed(1)
            x = torch.rand((batch, 3, 32, 32), generator=generator).to(device)
            y = torch.arange(batch, device=device) % 10
            print(f"{name:18} N {batch:5}  {milliseconds(attack, x, y):10.2f} ms", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
