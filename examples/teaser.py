"""Draw assets/teaser.png, the README's picture: the NASA portrait that comes with scikit-image, its layers, and five other lights."""

from pathlib import Path

import numpy as np
from PIL import Image
from skimage.data import astronaut

from illures_nb import Decomposer, SHLight
from illures_nb.cli import safe_printing
from illures_nb.decompose import as_picture
from illures_nb.face import crop, crop_transform

SIDE, ZOOM = 240, 0.95  # panel, px; how much of it the canonical crop fills
LAYERS = ["albedo", "normals", "shading", "residual"]
LIGHTS = ["rembrandt_left", "window", "golden_hour", "teal_orange", "moonlight"]


def main():
    photo = astronaut()
    face = Decomposer.from_pretrained()(photo)[0]
    M = crop_transform(face.photo.face.landmarks, SIDE * ZOOM) + [[0, 0, SIDE * (1 - ZOOM) / 2]] * 2
    seen = np.nan_to_num(face.to_frame("mask"))[..., None]
    cut = lambda picture: crop(picture, M, SIDE)
    layer = lambda name: np.round(
        as_picture(name, np.nan_to_num(face.to_frame(name))) * seen + 236 * (1 - seen)
    ).astype(np.uint8)
    rows = [
        [cut(photo)] + [cut(layer(name)) for name in LAYERS],
        [
            cut(face.relight(SHLight.preset(name).matched(face.light), residual=0.6).composite())
            for name in LIGHTS
        ],
    ]
    for row, name in zip(rows[1], LIGHTS):  # the light, on a ball in the corner
        ball, k = (
            np.round(SHLight.preset(name).ball(SIDE // 5, 1.0) * 255).astype(np.uint8),
            SIDE // 5,
        )
        y, x = np.mgrid[:k, :k] - (k - 1) / 2
        row[-k - 6 : -6, -k - 6 : -6][x * x + y * y < (k / 2 - 0.5) ** 2] = ball[
            x * x + y * y < (k / 2 - 0.5) ** 2
        ]
    pad = lambda x: np.pad(x, ((2, 2), (2, 2), (0, 0)), constant_values=255)
    sheet = np.concatenate([np.concatenate([pad(x) for x in row], 1) for row in rows])
    Image.fromarray(sheet).save(Path(__file__).parents[1] / "assets" / "teaser.png", optimize=True)


if __name__ == "__main__":
    with safe_printing():
        main()
