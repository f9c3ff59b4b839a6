"""The bell below the collar and the rooms of the first round: `traced.py` keeps to them, so that
the persons it traced stay those that figures were measured on."""

from dataclasses import replace

import cv2
import numpy as np

from illures_nb.synth.body import PARTS

SIZE = 192  # pixels a side


def smooth_noise(rng, low, high, shape=(SIZE, SIZE)):
    "Draw noise without fine detail, (S, S)."
    cells = int(rng.integers(low, high))
    noise = rng.normal(size=(cells, cells)).astype(np.float32)
    return cv2.resize(noise, shape, interpolation=cv2.INTER_CUBIC)


def place(rng, maps):
    "Cut a blurred view out of an environment map, (S, S, 3) linear."
    view = np.roll(maps[rng.integers(len(maps))], rng.integers(256), 1)
    width = int(rng.uniform(20, 100))
    top, left = int(rng.uniform(10, max(11, 118 - width))), int(rng.integers(256 - width))
    view = view[top : top + width, left : left + width]
    view = cv2.resize(view, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC).clip(0)
    view = view / max(np.quantile(view, 0.9), 1e-6) * rng.uniform(0.2, 1.1)
    return cv2.GaussianBlur(view, (0, 0), rng.uniform(0.3, 3.3))


def studio(rng):
    "Draw a wall between two colours, (S, S, 3) linear."
    one, other = rng.uniform(0.02, 0.9, (2, 3))
    if rng.random() < 0.6:  # greys more often than colours
        one = rng.uniform(0.02, 0.9) * (1 + rng.normal(0, 0.2, 3)).clip(0.4, 2)
        other = one * rng.uniform(0.3, 1.2)
    across, down = np.meshgrid(*[np.linspace(-1, 1, SIZE)] * 2)
    angle = rng.uniform(0, 2 * np.pi)
    slope = np.clip((np.cos(angle) * across + np.sin(angle) * down) / 2 + 0.5, 0, 1)
    spot = np.exp(-(across**2 + down**2) * rng.uniform(0.5, 2))
    share = (slope if rng.random() < 0.6 else spot)[..., None]
    wall = one * share + other * (1 - share)
    if rng.random() < 0.4:
        wall = wall * np.exp(0.35 * smooth_noise(rng, 4, 40)[..., None])
    return wall.astype(np.float32).clip(0)


def room(rng, maps):
    "Draw a background, (S, S, 3) linear."
    return place(rng, maps) if rng.random() < 0.5 else studio(rng)


def lengthened(head, wider):
    "Let the clothes go on below the picture: the torso of the generator ends at the chest."
    vertices, normals = head.vertices.clone(), head.normals.clone()
    worn = head.faces[head.part == PARTS.index("clothes")].unique()
    height = vertices[worn, 1]
    lowest = worn[height < height.min() + 2]
    vertices[lowest, 1] -= 55
    vertices[lowest, 0] *= wider
    normals[lowest, 1] = 0
    normals[lowest] /= normals[lowest].norm(dim=1, keepdim=True).clamp_min(1e-6)
    return replace(head, vertices=vertices, normals=normals)
