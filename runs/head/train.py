"""Train the network that reads heads: `python runs/head/train.py CORPUS OUT` (see README.md).

Killed at any time it goes on from its last checkpoint; `--plain` is the ablation without model
space. Files that corpus.py adds meanwhile are read at every checkpoint."""

import argparse
import math
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from illures_nb.head.distance import ModelDistance, face_error, geodesic
from illures_nb.head.model import load_model
from illures_nb.head.network import SIDE, HeadNet
from illures_nb.head.render import logarithm
from illures_nb.head.vector import Parameters, length, pack, unpack
from illures_nb.networks import save_weights, turns

EVERY = 100  # steps between checkpoints
WHAT = ("", "-dressed")  # the model's own heads, people with hair and clothes


class Files:
    "Pictures and rows of a corpus, as many as there are."

    def __init__(self, folder, kind):
        self.folder, self.kind, self.seen, self.images, self.rows = folder, kind, set(), [], []
        self.refresh()

    def refresh(self):
        "Read files that have come."
        for file in sorted(self.folder.glob(f"{self.kind}[0-9]*.npz")):
            if file not in self.seen:
                arrays = np.load(file)
                self.images.append(arrays["image"])
                self.rows.append(arrays["row"])
                self.seen.add(file)
        self.count = sum(map(len, self.images))

    def take(self, numbers):
        "Pictures (B, 3, S, S) in [0, 1] and rows (B, N)."
        each = len(self.images[0])
        file, place = np.divmod(numbers, each)
        images = np.stack([self.images[f][p] for f, p in zip(file, place)])
        rows = np.stack([self.rows[f][p] for f, p in zip(file, place)])
        return torch.from_numpy(images).float() / 255, torch.from_numpy(rows)


def together(kinds, rng, batch):
    "Pictures and rows of a batch, as many of each kind."
    taken = [files.take(rng.integers(0, files.count, batch // len(kinds))) for files in kinds]
    return [torch.cat(parts) for parts in zip(*taken)]


def in_other_colours(image, rng):
    "Other contrasts and exposures, which say nothing of light and skin: the truth keeps its own."
    shape = len(image), 1, 1, 1
    gamma = torch.from_numpy(np.exp(rng.normal(0, 0.08, shape))).float()
    return image.clamp_min(1e-4) ** gamma


def rolled_light(light, turn):
    "Lights (B, 27) turned about the viewing axis, anticlockwise by `turn` (B,) radians."
    light = light.view(-1, 9, 3).clone()
    for first, second, times in ((2, 3, 1), (5, 6, 1), (7, 8, 2)):  # pairs that turn together
        cos, sin = (f(times * turn)[:, None] for f in (torch.cos, torch.sin))
        a, b = light[:, first].clone(), light[:, second].clone()
        light[:, first], light[:, second] = cos * a - sin * b, sin * a + cos * b
    return light.flatten(1)


def reframed(model, image, row, rng):
    "The same heads in crops that are a little turned, larger and aside; pictures and rows."
    truth, many = unpack(model, row), len(row)
    turn, grow = (torch.from_numpy(rng.normal(0, s, many)).float() for s in (0.06, 0.04))
    aside = torch.from_numpy(rng.normal(0, 0.02, (many, 2))).float()
    cos, sin = torch.cos(turn), torch.sin(turn)
    clockwise = torch.stack([cos, -sin, sin, cos], 1).view(-1, 2, 2)  # right and down
    larger = grow.exp()[:, None, None]
    centre = ((clockwise * larger) @ (truth.centre - 0.5)[..., None])[..., 0] + 0.5 + aside
    back = clockwise.mT / larger
    grid = F.affine_grid(torch.cat([back, -2 * back @ aside[..., None]], 2), image.shape, False)
    image = F.grid_sample(image, grid, "bilinear", "border", False)
    still = torch.zeros(many)
    roll = turns(torch.stack([still, still, -turn], 1))
    truth = truth._replace(
        rotation=logarithm(roll @ turns(truth.rotation)),
        centre=centre,
        scale=truth.scale + grow[:, None],
        light=rolled_light(truth.light, -turn),
    )
    return image, pack(model, truth)


@torch.no_grad()
def measured(net, model, files, most=500):
    "Figures on held-out heads, beside the mean head's."
    net.eval()
    distance, found = ModelDistance(model), {}
    for first in range(0, min(most, files.count), 50):
        image, row = files.take(np.arange(first, min(first + 50, files.count)))
        answer, truth = unpack(model, net(image)), unpack(model, row)
        off = Parameters(*(a - t for a, t in zip(answer, truth)))
        still = torch.zeros_like(truth.expression)
        shape, true = (model.shape(x.identity, still) for x in (answer, truth))
        figures = {
            "face mm": face_error(model, shape, true),
            "mean head mm": face_error(model, model.mean.expand_as(true), true),
            "rotation deg": geodesic(answer.rotation, truth.rotation).sqrt().rad2deg(),
            "expression mm": 10 * distance.squared("expression", off.expression).sqrt(),
            "log albedo": distance.squared("reflectance", off.reflectance).sqrt(),
            "shading": (distance.squared("light", off.light) / 3).sqrt(),
            "places": distance.places(answer, truth).sqrt(),
        }
        for name, values in figures.items():
            found.setdefault(name, []).append(values)
    return {name: float(torch.cat(values).nanmean()) for name, values in found.items()}


class Run:
    "Network, its running average and the optimiser, saved together."

    def __init__(self, out, model, args):
        torch.manual_seed(0)
        self.out, self.steps, self.lr, self.step = out, args.steps, args.lr, 0
        self.batch, self.plain = args.batch, args.plain
        self.net, self.average = HeadNet(length(model)), HeadNet(length(model))
        self.average.load_state_dict(self.net.state_dict())
        self.optimiser = torch.optim.AdamW(self.net.parameters(), args.lr, weight_decay=0.02)
        self.distance = ModelDistance(model, args.plain)
        self.model = model
        if (out / "state.pt").exists():
            state = torch.load(out / "state.pt", weights_only=True)
            self.step = state.pop("step")
            for name, part in state.items():
                getattr(self, name).load_state_dict(part)

    def save(self):
        "Write the state, then the weights."
        parts = {n: getattr(self, n).state_dict() for n in ("net", "average", "optimiser")}
        torch.save(parts | {"step": self.step}, self.out / "part.pt")
        (self.out / "part.pt").replace(self.out / "state.pt")
        loss = "plain" if self.plain else "model space"
        what = {"size": SIDE, "steps": self.step, "batch": self.batch, "loss": loss}
        save_weights(self.out / "inverse-96.safetensors", self.average, what)

    def learn(self, image, row):
        "One optimiser step."
        rise = min(1, (self.step + 1) / 100)
        fall = 0.02 + 0.49 * (1 + math.cos(math.pi * self.step / self.steps))
        for group in self.optimiser.param_groups:
            group["lr"] = self.lr * rise * fall
        self.net.train()
        terms = self.distance(unpack(self.model, self.net(image)), unpack(self.model, row))
        self.optimiser.zero_grad()
        terms["total"].backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        share = 1 - min(0.995, (self.step + 1) / (self.step + 10))
        ours, theirs = self.average.state_dict().values(), self.net.state_dict().values()
        with torch.no_grad():
            for kept, new in zip(ours, theirs):
                kept.lerp_(new, share) if kept.is_floating_point() else kept.copy_(new)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--lr", type=float, default=1.5e-3)
    parser.add_argument("--plain", action="store_true", help="compare plain numbers")
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.out.mkdir(parents=True, exist_ok=True)
    model = load_model()
    train, held = ([Files(args.corpus, kind + what) for what in WHAT] for kind in ("train", "held"))
    run, begun = Run(args.out, model, args), time.time()
    while run.step < run.steps:
        rng = np.random.default_rng([1, run.step])
        image, row = reframed(model, *together(train, rng, run.batch), rng)
        run.learn(in_other_colours(image, rng), row)
        if run.step % EVERY == 0 or run.step == run.steps:
            minutes = (time.time() - begun) / 60
            counts = " + ".join(str(files.count) for files in train)
            print(f"step {run.step}, {counts} heads, {minutes:.0f} min")
            for files in held:
                figures = measured(run.average, model, files).items()
                print(f"  {files.kind}:", *(f"{name} {value:.3f}," for name, value in figures))
            sys.stdout.flush()
            run.save()
            for files in train:
                files.refresh()


if __name__ == "__main__":
    main()
