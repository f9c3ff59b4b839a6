"""Draw heads to learn from: `python runs/head/corpus.py OUT DATA [--kind train]`.

Files of 250 pictures, one after the other until it is stopped; started again, it goes on."""

import argparse
from itertools import count
from pathlib import Path

import numpy as np
import torch

from illures_nb.files import whole_file
from illures_nb.head.model import load_model
from illures_nb.head.network import SIDE
from illures_nb.head.vector import pack
from illures_nb.synth.assets import Assets
from illures_nb.synth.heads import draw_head, draw_sitters

EACH = 250  # pictures a file
LIGHTS = 2  # of one person with hair
SEEDS = {"train": 1, "held": 2, "train-dressed": 3, "held-dressed": 4}


def bare(model, assets, kind, number):
    "Yield pictures and rows of the model's own heads."
    envs = assets.environments("train" if kind.startswith("train") else "test")
    for i in range(EACH):
        rng = np.random.default_rng([SEEDS[kind], number, i])
        picture, truth = draw_head(model, rng, envs, SIDE)
        yield picture, pack(model, truth)[0]


def dressed(model, assets, kind, number):
    "Yield pictures and rows of people with hair and clothes."
    split = "train" if kind.startswith("train") else "test"
    for i in range(EACH // LIGHTS):
        rng = np.random.default_rng([SEEDS[kind], number, i])
        pictures, truth = draw_sitters(model, assets, rng, SIDE, LIGHTS, split)
        yield from zip(pictures, pack(model, truth))


def drawn(model, assets, kind, number):
    "One file's pictures (N, 3, S, S) bytes and rows (N, numbers)."
    draw = dressed if kind.endswith("dressed") else bare
    pictures, rows = zip(*draw(model, assets, kind, number))
    rounded = (torch.stack(pictures) * 255).round().to(torch.uint8)
    return {"image": rounded.numpy(), "row": torch.stack(rows).float().numpy()}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("data", type=Path, help="folder with facekit, skins, brows, envmaps")
    parser.add_argument("--kind", choices=SEEDS, default="train")
    parser.add_argument("--files", type=int, help="how many (default: without end)")
    args = parser.parse_args()
    torch.set_num_threads(1)
    model = load_model()
    files = "facekit/facekit.npz", "skins", "brows", "envmaps/envmaps.npz"
    assets = Assets(*(args.data / file for file in files))
    args.out.mkdir(parents=True, exist_ok=True)
    for number in range(args.files) if args.files else count():
        file = args.out / f"{args.kind}{number:04}.npz"
        if not file.exists():
            with whole_file(file) as part, open(part, "wb") as f:
                np.savez_compressed(f, **drawn(model, assets, args.kind, number))
            print(file, flush=True)


if __name__ == "__main__":
    main()
