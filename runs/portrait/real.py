"Make training pictures of labelled persons: cropped at many widths, some before other backgrounds."

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from pictures import SIZE, FaceMaps, photographed, save

from illures_nb.decompose import fit_light
from illures_nb.face import FLIP_68, crop_transform
from illures_nb.image import srgb_to_linear
from illures_nb.light import SHLight
from illures_nb.synth.backgrounds import background
from illures_nb.synth.busts import FARTHEST

PER_FILE = 200
HELD_CLIPS = ("grid_swiz3n", "katiehill", "intelasl_p3_yellow")
CROPS = {"w": 3, "v": 2}  # of a portrait, of a frame of a clip


def is_held_out(name):
    "Whether a picture is kept from training: every seventh portrait, and three clips."
    if name.startswith("v_"):
        return any(clip in name for clip in HELD_CLIPS)
    return sum(map(ord, f"{name}.npz")) % 7 == 0


def wide_transform(rng, landmarks, wide):
    "Draw a crop, (2, 3), as wide as given in sides of the face's crop."
    to_face = crop_transform(landmarks, SIZE)
    middle, angle = (SIZE - 1) / 2, rng.normal(0, 0.05)
    cos, sin = np.cos(angle) / wide, np.sin(angle) / wide
    turn = np.array([[cos, -sin], [sin, cos]])
    raised = rng.uniform(-0.02, 0.12) * (1 if wide > 2 else 0.5)
    shift = np.array([rng.normal(0, 0.05), rng.normal(0, 0.03) - raised]) * SIZE
    return np.c_[turn @ to_face[:, :2], turn @ (to_face[:, 2] - middle) + middle + shift]


def cut(x, transform):
    "Resample a picture or a matte on a crop."
    x, scale = x.astype(np.float32), np.sqrt(abs(np.linalg.det(transform[:, :2])))
    if scale < 1:
        x = cv2.GaussianBlur(x, (0, 0), 0.5 * np.sqrt(1 / scale**2 - 1) + 1e-3)
    return cv2.warpAffine(x, transform, (SIZE, SIZE), borderMode=cv2.BORDER_REPLICATE)


def spread_out(picture, matte):
    "Let the person's own colours go on beyond the outline, so that no old background shows."
    inside = (matte > 0.95).astype(np.float32)
    colours, known = picture.copy(), inside > 0.5
    for sigma in (2, 4, 8, 16):
        weight = cv2.GaussianBlur(inside, (0, 0), sigma)
        near = cv2.GaussianBlur(picture * inside[..., None], (0, 0), sigma)
        near = near / (weight[..., None] + 1e-4)
        new = ~known & (weight > 0.02)
        colours[new] = near[new]
        known |= new
    return colours


class Persons:
    "Draws crops of labelled pictures."

    def __init__(self, data):
        self.maps = np.load(data / "envmaps/envmaps.npz")["maps"].astype(np.float32).clip(0)
        self.face_maps = FaceMaps()

    def light(self, image, albedo, normals, region):
        "Fit the light that explains the face, (9, 3)."
        weights = region / 255 * (image.max(-1) < 250)
        start = SHLight(np.r_[[[0.8] * 3], np.zeros((8, 3))])
        target, albedo = (srgb_to_linear(x / np.float32(255)) for x in (image, albedo))
        return fit_light(target, albedo, normals / np.float32(127), weights, start).coeffs

    def __call__(self, file, seed):
        "Draw one crop of one labelled picture."
        rng, label = np.random.default_rng([9, seed]), np.load(file)
        image, matte, points = (label[name] for name in ("image", "matte", "points"))
        points = points.astype(np.float64)
        if rng.random() < 0.5:
            image, matte = image[:, ::-1], matte[:, ::-1]
            points = ((image.shape[1] - 1, 0) + points * (-1, 1))[FLIP_68]
        widest = np.clip(1.1 * min(image.shape[:2]) / np.ptp(points[:17, 0]), 1.6, FARTHEST)
        wide = np.exp(rng.uniform(np.log(1.3), np.log(widest)))
        transform = wide_transform(rng, points, wide)
        linear = srgb_to_linear((cut(image, transform) / 255).clip(0, 1))
        alpha = (cut(matte, transform) / 255).clip(0, 1)
        if rng.random() < 0.6:
            behind = background(rng, self.maps, SIZE) * np.exp(rng.normal(0, 0.4))
            person = spread_out(linear, alpha)
            linear = person * alpha[..., None] + behind * (1 - alpha[..., None])
        linear = linear * np.exp(rng.normal(0, 0.2)) * np.exp(rng.normal(0, 0.05, 3))
        image = photographed(rng, linear)
        landmarks = points @ transform[:, :2].T + transform[:, 2]
        albedo, normals, region = self.face_maps(image, landmarks)
        return dict(
            image=image, matte=np.round(255 * alpha).astype(np.uint8),
            fa=albedo, fn=normals, fm=region,
            light=self.light(image, albedo, normals, region).astype(np.float32),
            lm=landmarks.astype(np.float32), k=wide, name=file.stem,
        )  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("labels", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.out.mkdir(parents=True, exist_ok=True)
    persons = Persons(args.data)
    files = sorted(args.labels.glob("*.npz"))
    for part, held in ("held", True), ("train", False):
        chosen = [f for f in files if is_held_out(f.stem) == held]
        crops = [(f, 10 * k + n) for k, f in enumerate(chosen) for n in range(CROPS[f.stem[0]])]
        for first in range(0, len(crops), PER_FILE):
            file = args.out / f"{part}{first // PER_FILE:03d}.npz"
            if not file.exists():
                save([persons(*crop) for crop in crops[first : first + PER_FILE]], file)
                print(file, flush=True)


if __name__ == "__main__":
    main()
