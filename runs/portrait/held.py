"""Measure the maps of whole persons on path-traced people that nobody trained on: normals of hair,
neck and clothes beside those that the outline alone would give, and the matte."""

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch

from illures_nb import Decomposer
from illures_nb.measure.relit import read_sitter, sitter_paths
from illures_nb.synth.body import PARTS

SWEEPS = 400


def inflated(matte, normals, known):
    "The baseline: normals outwards at the outline, the face's inside, Laplace's equation between."
    inside = matte > 0.5
    soft = cv2.GaussianBlur(matte, (0, 0), 2)
    right, down = (cv2.Sobel(soft, cv2.CV_32F, *order) for order in ((1, 0), (0, 1)))
    length = np.hypot(right, down) + 1e-6
    core = cv2.erode(inside.astype(np.uint8), np.ones((3, 3)), borderValue=1) > 0
    outline, face = inside & ~core, known > 0.5
    fixed = np.zeros((*matte.shape, 2), np.float32)
    fixed[outline] = 0.95 * np.stack([-right / length, down / length], -1)[outline]
    fixed[face] = normals[face][:, :2]
    free, weight = inside & ~outline & ~face, inside.astype(np.float32)
    cross = np.float32([[0, 1, 0], [1, 0, 1], [0, 1, 0]])
    count = cv2.filter2D(weight, -1, cross)[..., None] + 1e-6
    sideways = fixed.copy()
    sideways[free] = cv2.blur(fixed, (31, 31))[free]
    for _ in range(SWEEPS):
        mean = cv2.filter2D(sideways * weight[..., None], -1, cross) / count
        sideways[free] = mean[free]
    towards = np.sqrt(np.maximum(1 - np.square(sideways).sum(-1, keepdims=True), 0.02))
    both = np.concatenate([sideways, towards], -1)
    return both / np.linalg.norm(both, axis=-1, keepdims=True)


def degrees(a, b):
    "Angles between unit vectors."
    return np.rad2deg(np.arccos(np.clip((a * b).sum(-1), -1, 1)))


def kind_of(part):
    "What a part of the head counts as."
    name = PARTS[part]
    known = "hair", "clothes", "headgear", "glasses", "ear", "neck"
    return next((kind for kind in known if kind in name), "skin beside the face")


def rows(decomposer, path):
    "Yield kind, error of the network and error of the baseline, for the soft light's photo."
    sitter = read_sitter(path)
    faces = decomposer(sitter.photo(list(sitter.kinds).index("soft")))
    if not faces:
        return
    person = faces[0].person
    size = person.matte.shape[::-1]
    part = cv2.warpAffine(np.load(path)["part"], person.transform, size, flags=cv2.INTER_NEAREST)
    true = cv2.warpAffine(sitter.normals, person.transform, size)
    true /= np.maximum(np.linalg.norm(true, axis=-1, keepdims=True), 1e-6)
    matte = cv2.warpAffine(sitter.matte, person.transform, size)
    face = cv2.warpAffine(sitter.outline, person.transform, size)
    own, baseline = person.normals, inflated(person.matte, person.normals, face)
    for number in range(len(PARTS)):
        there = (part == number + 1) & (matte > 0.99) & (face < 0.5)
        for network, outline in zip(degrees(own, true)[there], degrees(baseline, true)[there]):
            yield kind_of(number), network, outline
    inside = cv2.warpAffine(np.ones_like(sitter.matte), person.transform, size) > 0.99
    both = ((person.matte > 0.5) & (matte > 0.5) & inside).sum()
    either = (((person.matte > 0.5) | (matte > 0.5)) & inside).sum()
    yield "matte: overlap", both / either, np.nan


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("traced", type=Path, help="folder of traced.py")
    args = parser.parse_args()
    torch.set_num_threads(1)
    decomposer, found = Decomposer.from_pretrained(), {}
    for path in sitter_paths(args.traced):
        for kind, *errors in rows(decomposer, path):
            found.setdefault(kind, []).append(errors)
    for kind, errors in sorted(found.items()):
        network, outline = np.mean(errors, 0)
        print(f"{kind:22} {len(errors):7} network {network:6.3f}, outline alone {outline:6.3f}")


if __name__ == "__main__":
    main()
