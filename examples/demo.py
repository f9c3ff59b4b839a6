"""Decompose and relight one portrait through the command line, with the bundled weights: what `make demo` runs."""

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
    "One of our own example portraits; without them, the NASA portrait that comes with scikit-image."
    portraits = sorted(
        o for o in (ROOT / "assets" / "examples").glob("*") if o.suffix in (".jpg", ".png")
    )
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
    "Square about the biggest face, with `margin` of its size on each side where the photo has it: left, top, right, bottom."
    image = read_image(photo)
    x0, y0, x1, y1 = detect_faces(image)[0].box
    height, width = image.shape[:2]
    side = min(max(x1 - x0, y1 - y0) * (1 + 2 * margin), height, width)
    x, y = (
        max(0, min(middle - side / 2, end - side))
        for middle, end in (((x0 + x1) / 2, width), ((y0 + y1) / 2, height))
    )
    return tuple(round(o) for o in (x, y, x + side, y + side))


def sheet(
    rows,  # list of rows, each a list of (caption, picture)
    side=256,
):
    "One picture of all pictures, with captions."
    font = ImageFont.load_default(15)
    page = Image.new("RGB", (max(map(len, rows)) * side, len(rows) * (side + 24)), "white")
    for y, row in enumerate(rows):
        for x, (caption, picture) in enumerate(row):
            page.paste(
                picture.convert("RGB").resize((side - 4, side - 4), Image.Resampling.LANCZOS),
                (x * side + 2, y * (side + 24) + 24),
            )
            ImageDraw.Draw(page).text((x * side + 4, y * (side + 24) + 4), caption, "black", font)
    return page


def main(args=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photo", type=Path, help="your own picture instead of the example")
    parser.add_argument(
        "--out", type=Path, default=Path("demo_out"), help="folder to write (default: demo_out)"
    )
    opts = parser.parse_args(args)
    opts.out.mkdir(parents=True, exist_ok=True)
    photo = opts.photo or example(opts.out)
    illures("decompose", photo, "--out", opts.out / "maps")
    relit = {light: opts.out / f"relit_{light}.png" for light in LIGHTS}
    for light, file in relit.items():
        illures("relight", photo, "--light", light, "--out", file)
    maps = min(
        (opts.out / "maps").glob(f"{glob.escape(photo.stem)}*/albedo.png")
    ).parent  # of the first face
    first = opts.out / "00_contact_sheet.png"
    box, pictures = around_face(photo), {"photo": photo, **relit}
    sheet(
        [
            [
                (name.replace("_", " "), Image.open(file).crop(box))
                for name, file in pictures.items()
            ],
            [(name, Image.open(maps / f"{name}.png")) for name in MAPS],
        ]
    ).save(first)
    print(
        "\nWritten:",
        *(f"  {o}" for o in sorted(opts.out.rglob("*")) if o.is_file()),
        f"\nLook at {first} first.",
        sep="\n",
    )


if __name__ == "__main__":
    with safe_printing():
        main()
