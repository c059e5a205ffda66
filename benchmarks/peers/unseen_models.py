"""Trains models on data that redoubt's attacks were not developed on, for a comparison with pyautoattack.

    peers/bin/python benchmarks/peers/unseen_models.py FASHION_MNIST_FOLDER OUT

writes OUT/<name>/{model.pt, images.pt, labels.pt} for
    digits-mlp       an MLP on scikit-learn's 8 x 8 digits, plain training
    digits-cnn-adv   a small CNN on the same, hardened by PGD at linf 0.1
    fashion-resnet   a residual network with BatchNorm on Fashion-MNIST, plain training, the last test images
    fashion-colour   a CNN with three input channels (tinted Fashion-MNIST) and average pooling, hardened at linf 8/255
Seeded; a few minutes on one core.
"""

import gzip
import pathlib
import sys

import numpy
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional


def fashion(folder, kind):
    def idx(name, offset):
        paths = [p for p in pathlib.Path(folder).iterdir() if name in p.name]
        data = paths[0].read_bytes()
        data = gzip.decompress(data) if paths[0].suffix == ".gz" else data
        return torch.from_numpy(numpy.frombuffer(data, numpy.uint8, offset=offset).copy())

    images = idx(f"{kind}-images", 16).reshape(-1, 1, 28, 28).float() / 255
    return images, idx(f"{kind}-labels", 8).long()


def digits():
    data = load_digits()
    order = torch.randperm(len(data.target))
    x = torch.tensor(data.images, dtype=torch.float32).unsqueeze(1)[order] / 16
    return x, torch.tensor(data.target).long()[order]


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.body = nn.Sequential(
            nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1),
            nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1),
        )

    def forward(self, x):
        return x + self.body(x)


def residual():
    return nn.Sequential(nn.Conv2d(1, 16, 4, 2, 1), Block(16), nn.Conv2d(16, 32, 4, 2, 1), Block(32), nn.ReLU(),
                         nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10))


def pooled(channels, side):
    return nn.Sequential(nn.Conv2d(channels, 16, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2), nn.Conv2d(16, 32, 3, padding=1),
                         nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(32 * (side // 4) ** 2, 64), nn.ReLU(),
                         nn.Linear(64, 10))


def attacked(model, x, y, eps, steps=3):
    d = torch.empty_like(x).uniform_(-eps, eps)
    for _ in range(steps):
        d.requires_grad_()
        loss = functional.cross_entropy(model(x + d), y)
        (gradient,) = torch.autograd.grad(loss, d)
        d = (d.detach() + eps / 2 * gradient.sign()).clamp(-eps, eps)
        d = (x + d).clamp(0, 1) - x
    return x + d


def train(model, x, y, epochs, eps=0.0):
    steps = epochs * (len(x) // 128)
    optimizer = torch.optim.Adam(model.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 5e-3, total_steps=steps + 1)
    model.train()
    for _ in range(epochs):
        for rows in torch.randperm(len(x))[: len(x) // 128 * 128].split(128):
            inputs = attacked(model, x[rows], y[rows], eps) if eps else x[rows]
            optimizer.zero_grad()
            functional.cross_entropy(model(inputs), y[rows]).backward()
            optimizer.step()
            schedule.step()
    return model.eval()


def write(out, name, model, x, y):
    folder = pathlib.Path(out) / name
    folder.mkdir(parents=True, exist_ok=True)
    torch.jit.script(model).save(str(folder / "model.pt"))
    torch.save(x.clone(), folder / "images.pt")
    torch.save(y.clone(), folder / "labels.pt")
    with torch.no_grad():
        print(name, "clean accuracy", (model(x).argmax(1) == y).float().mean().item(), flush=True)


def main(folder, out):
    torch.set_num_threads(1)
    torch.manual_seed(20261126)
    x, y = digits()
    mlp = nn.Sequential(nn.Flatten(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10))
    write(out, "digits-mlp", train(mlp, x[:1400], y[:1400], 30), x[1400:], y[1400:])
    write(out, "digits-cnn-adv", train(pooled(1, 8), x[:1400], y[:1400], 40, 0.1), x[1400:], y[1400:])
    x, y = fashion(folder, "train")
    test_x, test_y = fashion(folder, "t10k")
    test_x, test_y = test_x[-300:], test_y[-300:]
    write(out, "fashion-resnet", train(residual(), x[:20000], y[:20000], 3), test_x, test_y)
    tint = torch.tensor([1.0, 0.7, 0.4]).view(1, 3, 1, 1)
    colour = train(pooled(3, 28), x[:10000] * tint, y[:10000], 3, 8 / 255)
    write(out, "fashion-colour", colour, test_x * tint, test_y)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
