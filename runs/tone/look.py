"""Say of every synthetic portrait what tells its skin's tone: cues as photographed and at another
exposure and white balance, and the true albedo of cheeks and forehead."""

import argparse
from pathlib import Path

import cv2
import numpy as np

from illures_nb.colour import linear_to_srgb, srgb_to_linear
from illures_nb.crop import crop_scale, crop_transform, transform_points
from illures_nb.tone import cheeks, cues, face_parts, forehead

FACE = 128  # side of the face's crop, pixels
LINEAR = srgb_to_linear(np.arange(256, dtype=np.float32) / 255).astype(np.float32)
NAMES = "image", "fa", "albedo", "matte", "lm"  # of the arrays in a file of synthetic.py


def cut(x, transform):
    "Resample a map on the face's crop."
    scale = crop_scale(transform)
    if scale < 1:
        x = cv2.GaussianBlur(x, (0, 0), 0.5 * np.sqrt(1 / scale**2 - 1) + 1e-3)
    return cv2.warpAffine(x, transform, (FACE, FACE), borderMode=cv2.BORDER_REPLICATE)


def exposed(image, gain):
    "Take a picture again, brighter or darker, warmer or colder: bytes as a camera writes them."
    light = (LINEAR[image] * np.float32(gain)).clip(0, 1)
    return np.round(linear_to_srgb(light) * 255).astype(np.uint8)


def true_tone(albedo, matte, landmarks):
    "Return the true albedo of cheeks and forehead, (3,)."
    where = (cheeks(landmarks, FACE) | forehead(landmarks, FACE)) & (matte > 250)
    if where.sum() < 30:
        where = face_parts(landmarks, FACE)["skin"]
    return np.median(albedo[where], 0)


def is_grey(image):
    "Whether a picture is black and white."
    return np.ptp(image, -1).max() < 3


def gains(rng, grey, copies):
    "Yield gains, the first of them 1."
    yield np.ones(3)
    for _ in range(copies - 1):
        colour = np.zeros(3) if grey else rng.normal(0, 0.15, 3)
        yield np.exp(rng.normal(0, 0.5) + colour)


def looked_at(row, seed, copies):
    "Return cues (copies, CUES), true tone (3,), and whether the picture is grey."
    image, matte, landmarks = row["image"], row["matte"], row["lm"].astype(np.float64)
    transform = crop_transform(landmarks, FACE)
    on_face = transform_points(landmarks, transform)
    bare = LINEAR[cut(row["fa"], transform)]
    grey, person = is_grey(image), matte / np.float32(255)
    said = []
    for gain in gains(np.random.default_rng(seed), grey, copies):
        wide = image if (gain == 1).all() else exposed(image, gain)
        face, wide = (x / np.float32(255) for x in (cut(wide, transform), wide))
        said.append(cues(face, on_face, bare, wide, landmarks, person))
    tone = true_tone(LINEAR[cut(row["albedo"], transform)], cut(matte, transform), on_face)
    return np.stack(said), tone, grey


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", type=Path, help="folder of ../portrait/synthetic.py")
    parser.add_argument("out", type=Path)
    parser.add_argument("--copies", type=int, default=2, help="exposures of every picture")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    args.out.mkdir(parents=True, exist_ok=True)
    for number, file in enumerate(sorted(args.pictures.glob("*.npz"))):
        out = args.out / file.name
        if out.exists() or file.name.endswith("part.npz"):
            continue
        arrays = np.load(file)
        arrays = {name: arrays[name] for name in NAMES}
        rows = [{n: x[i] for n, x in arrays.items()} for i in range(len(arrays["image"]))]
        seen = [looked_at(row, [number, i], args.copies) for i, row in enumerate(rows)]
        said, tones, grey = map(np.stack, zip(*seen))
        part = out.with_suffix(".part.npz")
        np.savez(part, cues=said, tone=tones, grey=grey)
        part.replace(out)
        print(out, flush=True)


if __name__ == "__main__":
    main()
