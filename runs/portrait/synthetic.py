"Make pictures of persons from head to chest, of which matte, normals and albedo are known."

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from pictures import SIZE, FaceMaps, photographed, save

from illures_nb.synth.assets import Assets
from illures_nb.synth.recipes import sample

RECIPE = "portrait-syn"  # its first person is held out
SEED = 7  # of the set
PER_FILE = 50  # people


class Busts:
    "Yields the units of the wide recipe as photographs, with what the face network says of them."

    def __init__(self, data):
        self.assets = Assets(
            kit=data / "facekit/facekit.npz",
            skins=data / "skins",
            brows=data / "brows",
            envs=data / "envmaps/envmaps.npz",
        )
        self.face_maps = FaceMaps()

    def __call__(self, index):  # yields rows
        "Draw one person in several lights."
        rng = np.random.default_rng([SEED, index])
        x, info = sample(RECIPE, self.assets, SEED, index, SIZE)
        person = info["person"]
        for picture, light in zip(x["image"], x["light"]):
            image = photographed(rng, np.float32(picture).transpose(1, 2, 0))
            albedo, normals, region = self.face_maps(image, x["landmarks"])
            yield dict(
                image=image, light=light, fa=albedo, fn=normals, fm=region,
                albedo=x["albedo"].transpose(1, 2, 0), normals=x["normals"].transpose(1, 2, 0),
                matte=x["matte"], lm=x["landmarks"], hair=person["hair"],
                hat=person["headgear"] or "", k=info["camera"]["wide"],
            )  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--people", type=int, default=3000)
    parser.add_argument("--first", type=int, default=1, help="number of the first person")
    args = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    args.out.mkdir(parents=True, exist_ok=True)
    busts = Busts(args.data)
    for first in range(args.first, args.first + args.people, PER_FILE):
        file = args.out / f"{first:06d}.npz"
        if not file.exists():
            save([row for i in range(first, first + PER_FILE) for row in busts(i)], file)
            print(file, flush=True)


if __name__ == "__main__":
    main()
