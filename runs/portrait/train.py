"""Train the network of the whole person on synthetic busts and on labelled pictures.

Goes on from OUT/state.pt where it was stopped; prints held-out figures every 400 steps; writes
OUT/portrait-192.safetensors, float16."""

import argparse
import math
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from illures_nb.colour import srgb_to_linear
from illures_nb.light import MIRROR_SIGNS, shade_maps
from illures_nb.networks import read_weights, save_weights
from illures_nb.portrait import WIDE, Portrait

LABELLED = ("image", "matte", "fa", "fn", "fm", "light")
KNOWN = (*LABELLED, "albedo", "normals")
DRAWN = 0.6  # share of the batches that are synthetic
BESIDE = 4  # how much ears and neck count: they are few pixels, and everybody looks at them
EVERY = 400  # steps between checkpoints


class Files:
    "Rows of all files that match; files may still be coming."

    def __init__(self, folder, pattern, names):
        self.folder, self.pattern, self.names = folder, pattern, names
        self.seen, self.parts = set(), []
        self.refresh()

    def refresh(self):
        for file in sorted(self.folder.glob(self.pattern)):
            if file in self.seen or file.name.endswith("part.npz"):
                continue
            arrays = np.load(file)
            self.parts.append({name: arrays[name] for name in self.names})
            self.seen.add(file)
        self.ends = np.cumsum([0] + [len(part["image"]) for part in self.parts])

    def rows(self, numbers):
        "Stack rows by their numbers."
        found = []
        for number in numbers:
            k = int(np.searchsorted(self.ends, number, side="right")) - 1
            found.append({n: self.parts[k][n][number - self.ends[k]] for n in self.names})
        return as_tensors({n: np.stack([row[n] for row in found]) for n in self.names})

    def batch(self, rng, size):
        return self.rows(rng.integers(self.ends[-1], size=size))


def as_tensors(arrays):
    "Bytes as floats, channels before rows."

    def planes(name, scale):
        return torch.from_numpy(arrays[name]).permute(0, 3, 1, 2).float() / scale

    out = {"image": planes("image", 255), "fa": planes("fa", 255), "fn": planes("fn", 127)}
    for name in ("fm", "matte"):
        out[name] = torch.from_numpy(arrays[name])[:, None].float() / 255
    out["light"] = torch.from_numpy(arrays["light"]).float()
    if "albedo" in arrays:
        out |= {"albedo": planes("albedo", 255), "normals": planes("normals", 127)}
    return out


def mirrored(batch):
    "The mirror image of a batch."
    out = {name: x if name == "light" else x.flip(-1) for name, x in batch.items()}
    for name in {"fn", "normals"} & set(out):
        out[name] = out[name] * torch.tensor([-1.0, 1, 1])[:, None, None]
    signs = torch.from_numpy(np.float32(MIRROR_SIGNS))[:, None]
    return out | {"light": batch["light"] * signs}


def in_company(batch, rng):
    "Put others beside and behind half of the persons: they do not belong to the matte."
    size = batch["image"].shape[-1]
    order = torch.from_numpy(rng.permutation(len(batch["image"])))
    away = int(rng.integers(size // 3, size * 3 // 4)) * int(rng.choice([-1, 1]))
    lower = int(rng.integers(-size // 8, size // 8))

    def others(x):
        moved = torch.zeros_like(x)
        to, of = slice(max(away, 0), size + min(away, 0)), slice(max(-away, 0), size - max(away, 0))
        moved[..., to] = x[order][..., of]
        return torch.roll(moved, lower, 2)

    image, matte = batch["image"], batch["matte"]
    chosen = torch.from_numpy(rng.random(len(image)) < 0.5).float()[:, None, None, None]
    theirs = others(matte) * chosen * (1 - matte)
    return batch | {"image": image + theirs * (others(image) - image)}


def mean(x, weight):
    "Weighted mean."
    return (x * weight).sum() / (weight.sum() + 1)


def matte_terms(logit, matte):
    "Cross-entropy and difference, five times as strong at the outline, and its slope."
    at_outline = F.max_pool2d(matte, 9, 1, 4) + F.max_pool2d(-matte, 9, 1, 4) > 0.05
    weight, guess = 1 + 4 * at_outline.float(), torch.sigmoid(logit)
    entropy = F.binary_cross_entropy_with_logits(logit, matte, reduction="none")
    difference = (guess - matte).abs()
    slopes = [(guess.diff(dim=d) - matte.diff(dim=d)).abs().mean() for d in (2, 3)]
    return {"matte": ((entropy + difference) * weight).mean() / 2, "slope": sum(slopes)}


def skin_beside_face(batch, inside):
    "Where ears, neck and hands are: coloured as the face is, and not the face."
    face = batch["fm"] * inside
    tone = (batch["albedo"] * face).sum((2, 3)) / (face.sum((2, 3)) + 1)
    away = (batch["albedo"] - tone[..., None, None]).abs().mean(1, keepdim=True)
    return inside * (1 - batch["fm"]) * (away < 0.08)


def losses(answer, batch):
    "All terms and their total."
    albedo, normals, logit = answer
    terms = matte_terms(logit, batch["matte"])
    picture = srgb_to_linear(batch["image"])
    rendered = albedo * shade_maps(normals, batch["light"]).clamp_min(0)
    off = torch.log((rendered + 0.03) / (picture + 0.03)).abs().mean(1, keepdim=True)
    encoded = albedo.clamp_min(1e-5) ** (1 / 2.2)
    inside = (batch["matte"] > 0.9).float()
    if "normals" in batch:
        true = F.normalize(batch["normals"], dim=1)
        angle = 1 - (normals * true).sum(1, keepdim=True)
        weight = inside * (1 + (BESIDE - 1) * skin_beside_face(batch, inside))
        terms["normals"] = mean(angle + (normals - true).abs().mean(1, keepdim=True) / 2, weight)
        terms["albedo"] = mean((encoded - batch["albedo"]).abs().mean(1, keepdim=True), inside)
        terms["picture"] = 0.3 * mean(off, inside)
    else:
        sure = inside * (batch["image"].amax(1, keepdim=True) < 0.97)
        terms["picture"] = 0.15 * mean(off.clamp_max(1), sure)
        face = batch["fm"] * inside
        said = F.normalize(batch["fn"], dim=1, eps=1e-3)
        terms["face normals"] = mean(1 - (normals * said).sum(1, keepdim=True), face)
        away = (encoded - batch["fa"]).abs().mean(1, keepdim=True)
        terms["face albedo"] = mean(away, face) / 2
    return terms | {"total": sum(terms.values())}


def answer(net, batch):
    return net(batch["image"], batch["fa"], batch["fn"], batch["fm"])


@torch.no_grad()
def measured(net, files, most=120):
    "Overlap and mean error of the matte, and the error of normals outside the face."
    net.eval()
    overlap, error, angles = [], [], []
    chosen = np.linspace(0, files.ends[-1] - 1, min(most, files.ends[-1])).astype(int)
    for first in range(0, len(chosen), 12):
        batch = files.rows(chosen[first : first + 12])
        _, normals, logit = answer(net, batch)
        guess, matte = torch.sigmoid(logit), batch["matte"]
        both = ((guess > 0.5) & (matte > 0.5)).sum((1, 2, 3))
        either = ((guess > 0.5) | (matte > 0.5)).sum((1, 2, 3))
        overlap += (both / either.clamp_min(1)).tolist()
        error += (guess - matte).abs().mean((1, 2, 3)).tolist()
        if "normals" in batch:
            away = (matte > 0.95) & (batch["fm"] < 0.5)
            cosine = (normals * F.normalize(batch["normals"], dim=1)).sum(1, keepdim=True)
            angles.append(torch.rad2deg(torch.acos(cosine[away].clamp(-1, 1))).mean().item())
    figures = f"IoU {np.mean(overlap):.3f}, mean error {np.mean(error):.4f}"
    return figures + (f", normals {np.mean(angles):.1f}°" if angles else "")


class Run:
    "Network, its running average and the optimiser, saved together."

    def __init__(self, out, steps, lr, batch, init):
        torch.manual_seed(0)
        self.out, self.steps, self.lr, self.step, self.batch = out, steps, lr, 0, batch
        self.net = Portrait().to(memory_format=torch.channels_last)
        if init:
            self.net.load_state_dict(read_weights(init)[1])
        self.average = Portrait()
        self.average.load_state_dict(self.net.state_dict())
        self.optimiser = torch.optim.AdamW(self.net.parameters(), lr, weight_decay=0.01)
        if (out / "state.pt").exists():
            state = torch.load(out / "state.pt", weights_only=True)
            self.step = state.pop("step")
            for name, part in state.items():
                getattr(self, name).load_state_dict(part)

    def save(self):
        parts = {n: getattr(self, n).state_dict() for n in ("net", "average", "optimiser")}
        torch.save(parts | {"step": self.step}, self.out / "part.pt")
        (self.out / "part.pt").replace(self.out / "state.pt")
        what = {"size": WIDE, "steps": self.step, "pictures": self.step * self.batch}
        save_weights(self.out / "portrait-192.safetensors", self.average, what)

    def learn(self, batch):
        "One optimiser step."
        rise = min(1, (self.step + 1) / 150)
        fall = 0.02 + 0.49 * (1 + math.cos(math.pi * self.step / self.steps))
        for group in self.optimiser.param_groups:
            group["lr"] = self.lr * rise * fall
        self.net.train()
        with torch.autocast("cpu", torch.bfloat16):
            guess = answer(self.net, batch)
        terms = losses(guess, batch)
        self.optimiser.zero_grad()
        terms["total"].backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        share = 1 - min(0.998, (self.step + 1) / (self.step + 10))
        with torch.no_grad():
            for kept, new in zip(
                self.average.state_dict().values(), self.net.state_dict().values()
            ):
                kept.lerp_(new, share) if kept.is_floating_point() else kept.copy_(new)
        return terms


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("synthetic", type=Path, help="folder of synthetic.py; below it held/")
    parser.add_argument("real", type=Path, help="folder of real.py")
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--batch", type=int, default=12)
    parser.add_argument("--lr", type=float, default=1.2e-3)
    parser.add_argument("--init", type=Path, help="weights to begin with")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    drawn = Files(args.synthetic, "*.npz", KNOWN)
    held_drawn = Files(args.synthetic / "held", "*.npz", KNOWN)
    real = Files(args.real, "train*.npz", LABELLED)
    held_real = Files(args.real, "held*.npz", LABELLED)
    run = Run(args.out, args.steps, args.lr, args.batch, args.init)
    begun, first = time.time(), run.step
    while run.step < run.steps:
        rng = np.random.default_rng([1, run.step])
        batch = (drawn if rng.random() < DRAWN else real).batch(rng, args.batch)
        if rng.random() < 0.5:
            batch = mirrored(batch)
        if rng.random() < 0.4:
            batch = in_company(batch, rng)
        run.learn(batch)
        if run.step % EVERY == 0 or run.step == run.steps:
            rate = (run.step - first) * args.batch / (time.time() - begun)
            print(f"step {run.step}, {rate:.1f} pictures/s", flush=True)
            for name, files in (("real", held_real), ("drawn", held_drawn)):
                if files.parts:
                    print(f"  {name}: {measured(run.average, files)}", flush=True)
            run.save()
            for files in (drawn, held_drawn, real, held_real):
                files.refresh()


if __name__ == "__main__":
    main()
