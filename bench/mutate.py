"""Damaged files by the thousand through reader, command and page: `python bench/mutate.py`.

Every file follows from its number alone: `python bench/mutate.py --only 1234` makes and tries that
one again, `--keep DIR` writes it down.
A file must be read, or refused in one sentence: no other exception, no crash of the process, no
file outside the output folder, bounded memory. tests/test_mutations.py tries a few hundred."""

import argparse
import io
import json
import os
import random
import resource
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from collections import Counter
from contextlib import redirect_stderr, redirect_stdout
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageCms

from illures_nb.cli import safe_printing

ROOT = Path(__file__).resolve().parents[1]
PHOTO = ROOT / "assets" / "examples" / "ada.jpg"
SLOW = 60  # seconds after which a file counts as one that hangs
MEMORY = 3000  # MB that a process may hold at most while it tries small files
WAYS = ("reader", "command", "page")


# ---- whole files, of every kind that is read


def encoded(picture, kind, **options):
    "A Pillow picture as the bytes of a file."
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def deep_png(pixels):
    "A PNG of 16 bits a channel."
    bgr = pixels[..., ::-1].astype(np.uint16) * 257
    return cv2.imencode(".png", bgr)[1].tobytes()


def exr(pixels):
    "An EXR as the package writes it."
    from illures_nb.image import srgb_to_linear, write_image

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture.exr"
        write_image(path, srgb_to_linear(pixels / np.float32(255)))
        return path.read_bytes()


def radiance(pixels):
    "A Radiance picture."
    bgr = pixels[..., ::-1].astype(np.float32) / 255
    return cv2.imencode(".hdr", bgr)[1].tobytes()


def light_file():
    "A light.json."
    from illures_nb import SHLight

    return SHLight.preset("window").to_json().encode()


@lru_cache(1)
def whole_files():
    "Name → bytes: a face of 200 px in every kind of file, and a light."
    picture = Image.open(PHOTO).convert("RGB").resize((200, 200))
    pixels = np.asarray(picture)
    exif = Image.Exif()
    exif[274] = 6
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    files = {
        "plain.jpg": encoded(picture, "JPEG", quality=85, exif=exif, icc_profile=profile),
        "steps.jpg": encoded(picture, "JPEG", progressive=True, dpi=(300, 300)),
        "inks.jpg": encoded(picture.convert("CMYK"), "JPEG"),
        "plain.png": encoded(
            picture, "PNG", compress_level=0, exif=exif, icc_profile=profile, dpi=(72, 72)
        ),
        "deep.png": deep_png(pixels),
        "few.png": encoded(picture.quantize(64), "PNG"),
        "clear.png": encoded(picture.convert("RGBA"), "PNG"),
        "lossy.webp": encoded(picture, "WEBP"),
        "exact.webp": encoded(picture, "WEBP", lossless=True),
        "plain.tif": encoded(picture, "TIFF", exif=exif, icc_profile=profile),
        "packed.tif": encoded(picture, "TIFF", compression="tiff_lzw"),
        "deflated.tif": encoded(picture, "TIFF", compression="tiff_adobe_deflate"),
        "moving.gif": encoded(picture, "GIF"),
        "plain.bmp": encoded(picture, "BMP"),
        "linear.exr": exr(pixels),
        "sky.hdr": radiance(pixels[:100]),
        "light.json": light_file(),
    }
    try:
        import pillow_heif

        pillow_heif.register_heif_opener()
        files["phone.heic"] = encoded(picture, "HEIF")
    except ImportError:
        print("without pillow-heif there are no HEIC files among them", file=sys.stderr)
    return files


# ---- damage


def flipped(data, rng):
    "Some bits turned over, anywhere or among the first bytes, where the headers are."
    reach = rng.choice((len(data), min(len(data), 700)))
    for _ in range(rng.choice((1, 2, 8, 64))):
        data[rng.randrange(reach)] ^= 1 << rng.randrange(8)
    return data


def cut(data, rng):
    "The end missing."
    return data[: rng.randrange(len(data))]


def hole(data, rng):
    "A piece missing."
    start = rng.randrange(len(data))
    return data[:start] + data[start + rng.choice((1, 4, 100, 3000)) :]


def repeated(data, rng):
    "A piece twice, or many times."
    start = rng.randrange(len(data))
    piece = data[start : start + rng.choice((1, 4, 100, 3000))]
    return data[:start] + piece * rng.choice((1, 2, 50)) + data[start:]


def extreme(data, rng):
    "Numbers near the start at the ends of their range: sizes, counts, offsets."
    values = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
    for _ in range(rng.choice((1, 1, 2, 4))):
        first = rng.choice((0, 8, 8, 8))  # mostly behind the bytes that tell the kind of file
        reach = min(len(data), rng.choice((64, 512, 1 << 30)))
        at = first + rng.randrange(max(1, reach - first))
        pattern = rng.choice(("<H", ">H", "<I", ">I"))
        most = 0xFFFF if pattern[1] == "H" else 0xFFFFFFFF
        number = struct.pack(pattern, rng.choice(values) & most)
        data[at : at + len(number)] = number
    return data


def noisy(data, rng):
    "A stretch of noise."
    start = rng.randrange(len(data))
    length = min(rng.choice((4, 40, 400)), len(data) - start)
    data[start : start + length] = rng.randbytes(length)
    return data


def spliced(data, rng):
    "The start of one file and the end of another."
    other = whole_files()[rng.choice(sorted(whole_files()))]
    return data[: rng.randrange(len(data))] + other[rng.randrange(len(other)) :]


def repaired(data):
    "A PNG's checksums made right again, so that the damage gets past them."
    at = 8
    while at + 12 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        end = at + 8 + size
        if end + 4 > len(data):
            break
        data[end : end + 4] = struct.pack(">I", zlib.crc32(data[at + 4 : end]))
        at = end + 4
    return data


DAMAGE = (flipped, flipped, cut, hole, repeated, extreme, extreme, noisy, spliced)


def damaged_file(number):
    "Name and bytes of the damaged file of a number."
    rng = random.Random(number)
    names = sorted(whole_files())
    name = names[number % len(names)]
    data = bytearray(whole_files()[name])
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        data = rng.choice(DAMAGE)(data, rng) or data
    if name.endswith(".png") and rng.random() < 0.7:
        data = repaired(data)
    return f"{number:05d}-{name}", bytes(data)


# ---- the three ways


def is_sentence(text):
    "Whether a message is one line that a person can read."
    return bool(text) and len(text) < 600 and "\n" not in text.strip() and "Traceback" not in text


def is_picture(x):
    "Whether an array is what the reader promises."
    return x.dtype == np.float32 and x.ndim == 3 and np.isfinite(x).all()


def through_reader(name, data, folder):
    "What the reader makes of a file: read, refused, or what went wrong."
    from illures_nb import SHLight
    from illures_nb.image import ImageReadError, read_image, read_linear

    path = folder / name
    path.write_bytes(data)
    try:
        if name.endswith(".json"):
            SHLight.load(path)
        else:
            picture = read_image(path)
            if not is_picture(picture):
                return f"the reader gave {picture.dtype} {picture.shape}"
            if name.endswith((".exr", ".hdr")):
                read_linear(path)
        return "read"
    except (ImageReadError, ValueError) as e:
        return "refused" if is_sentence(str(e)) else f"no sentence: {e}"
    finally:
        path.unlink()


def through_command(name, data, folder):
    "What `illures decompose` (or relight, for lights) makes of a file."
    from illures_nb.cli import main

    path = folder / name
    path.write_bytes(data)
    out = folder / "out"
    if name.endswith((".json", ".hdr", ".exr")):
        out.mkdir(exist_ok=True)
        arguments = ["relight", str(PHOTO), "--light", str(path), "--out", str(out / "relit.png")]
    else:
        arguments = ["decompose", str(path), "--out", str(out)]
    said = io.StringIO()
    try:
        with redirect_stdout(said), redirect_stderr(said):
            code = main(arguments)
    except SystemExit as e:
        code = e.code
    path.unlink()
    strange = [p.name for p in folder.iterdir() if p != out]
    if strange:
        return f"it left {strange} outside the output folder"
    if "Traceback" in said.getvalue():
        return f"a traceback: {said.getvalue()[-300:]}"
    if code not in (0, 1, 2):
        return f"exit code {code}"
    return "read" if code == 0 else "refused"


class Page:
    "The demo in a process of its own, and a client of it."

    def __init__(self):
        sys.path.insert(0, str(ROOT / "bench"))
        from demo import start

        self.process, self.url = start()
        self.connect()

    def connect(self):
        from gradio_client import Client

        self.folder = tempfile.mkdtemp()
        self.client = Client(self.url, verbose=False, download_files=self.folder)

    def __call__(self, name, data, folder):
        "What the page's endpoints make of a file."
        from gradio_client import handle_file

        path = folder / name
        path.write_bytes(data)
        try:
            if name.endswith((".json", ".hdr", ".exr")):
                self.client.predict(
                    handle_file(PHOTO), reference=handle_file(path), api_name="/relight"
                )
            else:
                self.client.predict(handle_file(path), api_name="/decompose")
            return "read"
        except Exception as e:
            text = str(e)
            if self.process.poll() is not None:
                return f"the server ended: {text[:200]}"
            lost = text.startswith(("Error", "The upstream"))
            return "refused" if is_sentence(text) and not lost else f"no sentence: {text[:300]}"
        finally:
            path.unlink()


# ---- trying them, in processes that may crash


IN_PROCESS = {"reader": through_reader, "command": through_command}


def tried(attempt, name, data, folder):
    "Try a file one way: what came of it, and what it took."
    before = time.time()
    try:
        result = attempt(name, data, folder)
    except KeyboardInterrupt:
        raise
    except BaseException as e:  # noqa: B036  anything that gets here is what we look for
        result = f"{type(e).__name__}: {str(e)[:300]}"
    seconds = time.time() - before
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return {"name": name, "result": result, "seconds": seconds, "memory": held}


def is_good(row):
    "Whether a file was read or refused, soon and in bounded memory."
    fine = row["result"] in ("read", "refused")
    return fine and row["seconds"] <= SLOW and row["memory"] <= MEMORY


def worker(way, numbers):
    """Try files one after the other and say a line of JSON of each; the parent notices where this
    process ends too early."""
    from illures_nb import Decomposer  # noqa: F401  everything is loaded before the first file

    attempt = IN_PROCESS.get(way) or Page()
    said = sys.stdout
    try:
        with tempfile.TemporaryDirectory() as folder:
            for number in numbers:
                name, data = damaged_file(number)
                print(json.dumps({"start": number}), file=said, flush=True)
                row = {"number": number, **tried(attempt, name, data, Path(folder))}
                print(json.dumps(row), file=said, flush=True)
    finally:
        if way == "page":
            attempt.process.terminate()


def start_worker(way, numbers):
    "Start a process that tries numbers one after the other."
    span = f"{numbers[0]}:{numbers[-1] + 1}"
    return subprocess.Popen(
        [sys.executable, __file__, "--worker", way, "--numbers", span],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def lost_row(number, code):
    "The row of a file that ended the process."
    result = f"the process ended with code {code}"
    name = damaged_file(number)[0]
    return {"number": number, "name": name, "result": result, "seconds": 0, "memory": 0}


def rows_of(way, numbers):
    "Run workers over numbers; yield their rows, and one for each file that ended or stopped one."
    left = list(numbers)
    while left:
        process, now = start_worker(way, left), None
        try:
            for line in process.stdout:
                row = json.loads(line)
                if "start" in row:
                    now = row["start"]
                    continue
                left.remove(row["number"])
                yield row
        except BaseException:  # interrupted, or nobody wants more rows
            process.terminate()
            raise
        code = process.wait()
        if not left:
            return
        lost = now if now in left else left[0]
        left = [n for n in left if n > lost]
        yield lost_row(lost, code)


def print_counts(way, rows, faults):
    "Print how many files were read, refused or faults, and of which kinds."
    outcomes = ("read", "refused", "fault")
    kinds = Counter()
    for row in rows:
        result = row["result"] if row["result"] in outcomes else "fault"
        kinds[row["name"].partition(".")[2], result] += 1
    total = Counter(row["result"] for row in rows)
    slowest = max((row["seconds"] for row in rows), default=0)
    most = max((row["memory"] for row in rows), default=0)
    print(f"{way}: {len(rows)} files, {total['read']} read", end=", ")
    print(f"{total['refused']} refused in a sentence", end=", ")
    print(f"{len(faults)} faults; slowest {slowest:.1f} s, most memory {most} MB")
    for kind in sorted({kind for kind, _ in kinds}):
        counts = [f"{o} {kinds[kind, o]}" for o in outcomes if kinds[kind, o]]
        print(f"  {kind:5}", ", ".join(counts))


def try_files(way, numbers):
    "Try damaged files one way; print the counts and every fault. Returns the faults."
    from tqdm import tqdm

    rows, faults = [], []
    trying = rows_of(way, numbers)
    try:
        for row in tqdm(trying, total=len(numbers), unit="file", desc=way, mininterval=5):
            rows.append(row)
            if not is_good(row):
                faults.append(row)
                tqdm.write(json.dumps(row))
    finally:
        print_counts(way, rows, faults)
    return faults


def parsed_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--files", type=int, default=10_000, help="how many (default: 10,000)")
    add("--first", type=int, default=0, help="number of the first (default: 0)")
    ways = "which ways (default: all three)"
    add("--through", nargs="+", choices=WAYS, default=list(WAYS), help=ways)
    add("--only", type=int, nargs="+", metavar="N", help="try these numbers alone")
    add("--keep", type=Path, metavar="DIR", help="with --only: write the files into this folder")
    add("--worker", choices=WAYS, help=argparse.SUPPRESS)
    add("--numbers", help=argparse.SUPPRESS)
    return parser.parse_args()


def main():
    args = parsed_arguments()
    if args.worker:
        return worker(args.worker, range(*map(int, args.numbers.split(":"))))
    if args.keep:
        args.keep.mkdir(parents=True, exist_ok=True)
        for name, data in map(damaged_file, args.only or ()):
            (args.keep / name).write_bytes(data)
    numbers = args.only or range(args.first, args.first + args.files)
    runs = [[n] for n in numbers] if args.only else [numbers]
    faults = [fault for way in args.through for run in runs for fault in try_files(way, run)]
    return int(bool(faults))


if __name__ == "__main__":
    with safe_printing():
        try:
            sys.exit(main())
        except KeyboardInterrupt:
            sys.exit(130)  # the counts so far are printed
