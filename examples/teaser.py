"""Draw assets/teaser.png, the README's picture: the NASA portrait that comes with scikit-image, its
layers, and five other lights."""

from pathlib import Path

import numpy as np
from PIL import Image
from skimage.data import astronaut

from illures_nb import Decomposer, SHLight
from illures_nb.cli import safe_printing
from illures_nb.decompose import as_picture
from illures_nb.face import crop, crop_transform

SIDE, ZOOM = 240, 0.6  # panel, px; how much of it the face's crop fills
LAYERS = ["albedo", "normals", "shading", "residual"]
LIGHTS = ["rembrandt_left", "split_right", "golden_hour", "neon", "moonlight"]


def add_ball(panel, light):
    "Draw a light, on a ball, into the corner of a panel."
    k = SIDE // 5
    ball = np.round(light.ball(k, 1.0) * 255).astype(np.uint8)
    y, x = np.mgrid[:k, :k] - (k - 1) / 2
    inside = x * x + y * y < (k / 2 - 0.5) ** 2
    panel[-k - 6 : -6, -k - 6 : -6][inside] = ball[inside]


def main():
    photo = astronaut()
    face = Decomposer.from_pretrained()(photo)[0]
    down = [0, 0, SIDE * (1 - ZOOM) / 2]
    M = crop_transform(face.photo.face.landmarks, SIDE * ZOOM) + [down, down]
    seen = face.to_frame("matte")[..., None]

    def layer(name):
        "A layer on grey, in the photo's frame."
        picture = as_picture(name, np.nan_to_num(face.to_frame(name)))
        return np.round(picture * seen + 236 * (1 - seen)).astype(np.uint8)

    def relit(light):
        return face.relight(light.matched(face.light)).composite()

    lights = [SHLight.preset(name) for name in LIGHTS]
    first = [crop(picture, M, SIDE) for picture in (photo, *map(layer, LAYERS))]
    second = [crop(relit(light), M, SIDE) for light in lights]
    for panel, light in zip(second, lights):
        add_ball(panel, light)
    margin = ((2, 2), (2, 2), (0, 0))
    rows = [[np.pad(x, margin, constant_values=255) for x in row] for row in (first, second)]
    sheet = np.concatenate([np.concatenate(row, 1) for row in rows])
    Image.fromarray(sheet).save(Path(__file__).parents[1] / "assets" / "teaser.png", optimize=True)


if __name__ == "__main__":
    with safe_printing():
        main()
