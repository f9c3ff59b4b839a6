"""Relight forty real photographs in six lights, as people save them: sheets of eight photographs,
to be looked at one by one. Photographs held out of the training come first."""

import argparse
import csv
from pathlib import Path

import cv2
import numpy as np
import torch
from real import HELD_CLIPS, is_held_out

from illures_nb import Decomposer, SHLight
from illures_nb.image import read_image
from illures_nb.meant import meant

LIGHTS = ("split_left", "golden_hour", "top", "under", "rim", "neon")
PORTRAITS, CLIPS = 24, 15  # and the astronaut
LONGEST = 960  # pixels of a photograph's longer side
PANEL = 256  # pixels of a panel's side
PER_SHEET = 8


def portraits(folder):
    "Yield official portraits, spread over those held out."
    names = sorted(path.stem for path in (folder / "images").iterdir())
    held = [name for name in names if is_held_out(f"w_{name}")]
    for k in np.linspace(0, len(held) - 1, PORTRAITS).astype(int):
        yield held[k], read_image(folder / "images" / f"{held[k]}.jpg")


def clip_frames(folder):
    "Yield a frame from the middle of each clip, one clip a person."
    with open(folder / "index.csv", encoding="utf-8") as index:
        rows = {row["identity"]: row for row in csv.DictReader(index)}
    chosen = sorted(rows, key=lambda name: name not in HELD_CLIPS)[:: max(1, len(rows) // CLIPS)]
    for name in chosen[:CLIPS]:
        clip = cv2.VideoCapture(str(folder / rows[name]["file"]))
        clip.set(cv2.CAP_PROP_POS_FRAMES, int(rows[name]["frames"]) // 2)
        there, frame = clip.read()
        if there:
            yield name, np.ascontiguousarray(frame[..., ::-1])


def astronaut():
    "Yield the astronaut."
    from skimage.data import astronaut

    yield "astronaut", astronaut()


def panel(picture):
    "Fit a picture into a square, (PANEL, PANEL, 3) uint8."
    scale = PANEL / max(picture.shape[:2])
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)[
        :PANEL, :PANEL
    ]
    out = np.full((PANEL, PANEL, 3), 32, np.uint8)
    out[: len(small), : small.shape[1]] = small
    return out


def row(decomposer, name, picture):
    "A photograph and what it becomes, side by side."
    scale = min(1, LONGEST / max(picture.shape[:2]))
    picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    if picture.dtype != np.uint8:
        picture = np.round(picture * 255).clip(0, 255).astype(np.uint8)
    faces = meant(decomposer(picture))
    panels = [panel(picture)]
    for light in LIGHTS:
        out = picture
        for face in faces:
            relit = face.relight(SHLight.preset(light).matched(face.light))
            out = relit.composite(onto=out)
        panels.append(panel(out))
    print(name, len(faces), flush=True)
    return np.concatenate(panels, 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with portraits_wide/ and videos/")
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    decomposer, rows = Decomposer.from_pretrained(), []
    sources = (
        portraits(args.data / "portraits_wide"),
        clip_frames(args.data / "videos"),
        astronaut(),
    )
    for pictures in sources:
        rows += [row(decomposer, *one) for one in pictures]
    for first in range(0, len(rows), PER_SHEET):
        sheet = np.concatenate(rows[first : first + PER_SHEET])
        cv2.imwrite(str(args.out / f"sheet{first // PER_SHEET}.png"), sheet[..., ::-1])


if __name__ == "__main__":
    main()
