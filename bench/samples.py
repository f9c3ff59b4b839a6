"""Fingerprints of synthetic faces: `python bench/samples.py [--assets DIR] > before.txt`, then
change the code, print them once more, and `diff`.

Prints a hash of every array of `sample(recipe, seed, index)`, so that a change that should not
change any face can show that it did not."""

import argparse
import hashlib
import json

import numpy as np
import torch

from illures_nb.cli import safe_printing
from illures_nb.synth.assets import Assets
from illures_nb.synth.recipes import RECIPES, sample

SEEDS = (0, 7)
INDICES = (0, 1, 5)


def fingerprint(x):
    "Type, shape and content of an array, or of what JSON can hold, as 16 digits."
    if isinstance(x, np.ndarray):
        content = f"{x.dtype}{x.shape}".encode() + np.ascontiguousarray(x).tobytes()
    else:
        content = json.dumps(x, sort_keys=True, default=str).encode()
    return hashlib.sha256(content).hexdigest()[:16]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--assets", metavar="DIR", help="what `illures assets import` wrote (default: no assets)"
    )
    parser.add_argument("--recipes", nargs="+", default=list(RECIPES), help="which (default: all)")
    args = parser.parse_args()
    torch.set_num_threads(1)
    assets = (Assets.find(args.assets) if args.assets else Assets()).read()
    for recipe in args.recipes:
        for seed in SEEDS:
            for index in INDICES:
                arrays, info = sample(recipe, assets, seed, index, size=64, spp=4)
                prints = " ".join(f"{name}={fingerprint(x)}" for name, x in sorted(arrays.items()))
                print(recipe, seed, index, prints, f"info={fingerprint(info)}", flush=True)


if __name__ == "__main__":
    with safe_printing():
        main()
