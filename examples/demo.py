"""Decompose and relight one portrait through the command line, with the bundled weights.

This is what `make demo` runs."""

import argparse
import glob
import os
import shlex
import sys
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from illures_nb.cli import main as cli, safe_printing
from illures_nb.face import detect_faces
from illures_nb.image import read_image

ROOT = Path(__file__).parents[1]
LIGHTS = ["front", "rembrandt_left", "split_right", "golden_hour", "under"]
MAPS = ["albedo", "normals", "shading", "residual", "reconstruction", "mask"]


def example(out):
    "One of our own example portraits; without them, the NASA portrait of scikit-image."
    files = sorted((ROOT / "assets" / "examples").glob("*"))
    portraits = [path for path in files if path.suffix in (".jpg", ".png")]
    if portraits:
        return Path(os.path.relpath(portraits[0]))
    from skimage.data import astronaut

    Image.fromarray(astronaut()).save(out / "photo.png")
    return out / "photo.png"


def illures(*args):
    "Run the command in this process, showing it as one would type it."
    print("$ illures", shlex.join(map(str, args)), flush=True)
    if code := cli([str(a) for a in args]):
        sys.exit(code)


def around_face(
    photo,  # picture file
    margin=0.8,
):
    """Square about the biggest face, with `margin` of its size on each side where the photo has it:
    left, top, right, bottom."""
    image = read_image(photo)
    x0, y0, x1, y1 = detect_faces(image)[0].box
    height, width = image.shape[:2]
    side = min(max(x1 - x0, y1 - y0) * (1 + 2 * margin), height, width)

    def start(middle, end):
        "Where the square begins, inside the photo."
        return max(0, min(middle - side / 2, end - side))

    x, y = start((x0 + x1) / 2, width), start((y0 + y1) / 2, height)
    return tuple(round(edge) for edge in (x, y, x + side, y + side))


def sheet(
    rows,  # list of rows, each a list of (caption, picture)
    side=256,
):
    "One picture of all pictures, with captions."
    font = ImageFont.load_default(15)
    high, inner = side + 24, (side - 4, side - 4)
    width = max(map(len, rows)) * side
    page = Image.new("RGB", (width, len(rows) * high), "white")
    for k, row in enumerate(rows):
        for column, (caption, picture) in enumerate(row):
            x, y = column * side, k * high
            small = picture.convert("RGB").resize(inner, Image.Resampling.LANCZOS)
            page.paste(small, (x + 2, y + 24))
            ImageDraw.Draw(page).text((x + 4, y + 4), caption, "black", font)
    return page


def main(args=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photo", type=Path, help="your own picture instead of the example")
    folder = "folder to write (default: demo_out)"
    parser.add_argument("--out", type=Path, default=Path("demo_out"), help=folder)
    opts = parser.parse_args(args)
    opts.out.mkdir(parents=True, exist_ok=True)
    photo = opts.photo or example(opts.out)
    illures("decompose", photo, "--out", opts.out / "maps")
    relit = {light: opts.out / f"relit_{light}.png" for light in LIGHTS}
    for light, file in relit.items():
        illures("relight", photo, "--light", light, "--out", file)
    albedos = (opts.out / "maps").glob(f"{glob.escape(photo.stem)}*/albedo.png")
    maps = min(albedos).parent  # of the first face
    box, files = around_face(photo), {"photo": photo, **relit}
    faces = [(name.replace("_", " "), file) for name, file in files.items()]
    faces = [(caption, Image.open(file).crop(box)) for caption, file in faces]
    layers = [(name, Image.open(maps / f"{name}.png")) for name in MAPS]
    first = opts.out / "00_contact_sheet.png"
    sheet([faces, layers]).save(first)
    written = [f"  {path}" for path in sorted(opts.out.rglob("*")) if path.is_file()]
    print("\nWritten:", *written, f"\nLook at {first} first.", sep="\n")


if __name__ == "__main__":
    with safe_printing():
        main()
