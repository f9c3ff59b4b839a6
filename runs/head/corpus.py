"""Draw heads to learn from: `python runs/head/corpus.py OUT [--kind train] [--envs envmaps.npz]`.

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
from illures_nb.synth.heads import draw_head

EACH = 250
SEEDS = {"train": 1, "held": 2}


def drawn(model, envs, kind, number):
    "One file's pictures (N, 3, S, S) bytes and rows (N, numbers)."
    pictures, rows = [], []
    for i in range(EACH):
        rng = np.random.default_rng([SEEDS[kind], number, i])
        picture, truth = draw_head(model, rng, envs, SIDE)
        pictures.append((picture * 255).round().to(torch.uint8).numpy())
        rows.append(pack(model, truth)[0].numpy())
    return {"image": np.stack(pictures), "row": np.stack(rows).astype(np.float32)}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--kind", choices=SEEDS, default="train")
    parser.add_argument("--files", type=int, help="how many (default: without end)")
    parser.add_argument("--envs", type=Path, help="environment maps (default: painted ones)")
    args = parser.parse_args()
    torch.set_num_threads(1)
    model = load_model()
    split = "train" if args.kind == "train" else "test"
    envs = Assets(envs=args.envs).environments(split)
    args.out.mkdir(parents=True, exist_ok=True)
    for number in range(args.files) if args.files else count():
        file = args.out / f"{args.kind}{number:04}.npz"
        if not file.exists():
            with whole_file(file) as part, open(part, "wb") as f:
                np.savez_compressed(f, **drawn(model, envs, args.kind, number))
            print(file, flush=True)


if __name__ == "__main__":
    main()
