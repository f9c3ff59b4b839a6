"Pictures in and out: round trips, many kinds of files, refusals, damage, guided upsampling."

import base64
import io
import os
import re
import struct
import sys
import tempfile
import warnings
import zlib
from contextlib import contextmanager

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage.data import astronaut
from test_colour import P3_D50, fixed, make_icc, p3_profile

from illures_nb.colour import SRGB_D50, linear_to_srgb, srgb_to_linear
from illures_nb.decode import upright
from illures_nb.encode import encode_image, quantise, write_exr, write_png
from illures_nb.files import ImageWriteError, listed, whole_file
from illures_nb.formats import ImageReadError, check_size
from illures_nb.image import (
    guided_upsample,
    read_image,
    read_linear,
    resize,
    write_image,
)

PHOTO = cv2.resize(astronaut()[0:256, 96:352], (96, 96), interpolation=cv2.INTER_AREA)
GREY = cv2.cvtColor(PHOTO, cv2.COLOR_RGB2GRAY)
RING = np.hypot(*(np.indices((96, 96)) - 47.5)) < 47
CUT = np.dstack([PHOTO, np.uint8(RING * 255)])  # a cut-out: transparent outside


def exr(x):
    "The bytes of an EXR."
    return encode_image(x, ".exr")


@pytest.fixture(scope="module")
def signed():
    "Floats of either sign, one of them not a number."
    x = 100 * (np.random.default_rng(0).random((45, 37, 3)) - 0.5)
    x = x.astype(np.float32)
    x[3, 4] = np.nan
    return x


@pytest.fixture(scope="module")
def floats():
    return np.random.default_rng(0).random((45, 37, 3)).astype(np.float32)


# files


def test_one_folder_or_several():
    assert [str(path) for path in listed("a")] == ["a"] and listed(None) == []
    assert [str(path) for path in listed(iter(["a", "b"]))] == ["a", "b"]


def test_a_file_stays_when_its_successor_fails(tmp_path):
    (tmp_path / "x").write_bytes(b"whole")
    with pytest.raises(KeyboardInterrupt), whole_file(tmp_path / "x") as part:
        part.write_bytes(b"half")
        raise KeyboardInterrupt
    assert (tmp_path / "x").read_bytes() == b"whole" and len(list(tmp_path.iterdir())) == 1


# writing and reading again


def test_levels_come_back(floats, tmp_path):
    write_image(tmp_path / "a.png", floats)
    assert np.array_equal(read_image(tmp_path / "a.png"), quantise(floats) / np.float32(255))
    write_image(tmp_path / "b.png", floats, bits=16)
    deep = quantise(floats, 16) / np.float32(65535)
    assert np.array_equal(read_image(tmp_path / "b.png"), deep)
    write_image(tmp_path / "c.jpg", PHOTO)
    assert abs(read_image(tmp_path / "c.jpg") - PHOTO / 255).mean() < 2 / 255
    write_image(tmp_path / "e.png", GREY, bits=16)
    assert np.array_equal(read_image(tmp_path / "e.png"), read_image(GREY))


def test_alpha_comes_back(floats, tmp_path):
    for suffix in (".png", ".tif", ".webp"):
        write_image(tmp_path / f"d{suffix}", CUT)
        assert np.array_equal(read_image(tmp_path / f"d{suffix}"), read_image(CUT))
    for x in (floats, GREY, CUT):
        write_image(tmp_path / "e.tif", x, bits=16)
        assert np.array_equal(read_image(tmp_path / "e.tif"), read_image(quantise(x, 16)))


def test_floats_come_back_to_the_bit(floats, signed, tmp_path):
    write_image(tmp_path / "f.exr", srgb_to_linear(floats))
    np.testing.assert_allclose(read_image(tmp_path / "f.exr"), floats, atol=1e-6)
    write_image(tmp_path / "g.exr", signed)
    assert np.array_equal(read_linear(tmp_path / "g.exr"), signed, equal_nan=True)
    write_image(tmp_path / "h.exr", signed[5:] + 50)
    assert np.array_equal(read_linear(tmp_path / "h.exr"), signed[5:] + 50)


def test_noise_is_stored_unpacked_and_whole_numbers_are_read():
    noise = np.random.default_rng(0).integers(0, 2**32, (45, 37, 3), np.uint32)
    as_floats = noise.view(np.float32)  # packing does not shrink it
    assert np.array_equal(read_linear(exr(as_floats)), as_floats, equal_nan=True)
    whole = re.sub(rb"([BGR]\0)\x02", rb"\1\0", exr(as_floats), count=3)  # channels so declared
    assert np.array_equal(read_linear(whole), noise.astype(np.float32))


def in_bands(write, x, step):
    "The bytes of a picture that is written in bands."
    file = io.BytesIO()
    height, width = x.shape[:2]
    write(file, height, width, (x[y : y + step] for y in range(0, height, step)))
    return file.getvalue()


def test_bands_make_the_same_pictures(floats, signed):
    assert in_bands(write_exr, signed, 32) == in_bands(write_exr, signed, 48) == exr(signed)
    deep = [quantise(x, 16) for x in (floats, CUT)]
    for x in (PHOTO, CUT, GREY, CUT[..., 2:], *deep):
        for step in (1, 17, 96):
            assert np.array_equal(read_image(in_bands(write_png, x, step)), read_image(x)), step


# EXRs of others

# written by the official library (OpenEXR 3.5): 8 × 4 half floats, ZIP, three ramps
OFFICIAL = (
    "di8xAQIAAABjaGFubmVscwBjaGxpc3QANwAAAEIAAQAAAAAAAAABAAAAAQAAAEcAAQAAAAAAAAABAAAAAQAAAFIA"
    "AQAAAAAAAAABAAAAAQAAAABjb21wcmVzc2lvbgBjb21wcmVzc2lvbgABAAAAA2RhdGFXaW5kb3cAYm94MmkAEAAA"
    "AAAAAAAAAAAABwAAAAMAAABkaXNwbGF5V2luZG93AGJveDJpABAAAAAAAAAAAAAAAAcAAAADAAAAbGluZU9yZGVy"
    "AGxpbmVPcmRlcgABAAAAAHBpeGVsQXNwZWN0UmF0aW8AZmxvYXQABAAAAAAAgD9zY3JlZW5XaW5kb3dDZW50ZXIA"
    "djJmAAgAAAAAAAAAAAAAAHNjcmVlbldpbmRvd1dpZHRoAGZsb2F0AAQAAAAAAIA/dHlwZQBzdHJpbmcADQAAAHNj"
    "YW5saW5laW1hZ2UAXgEAAAAAAAAAAAAAYAAAAHheY2iAAwaGAwcSFGC8gIaekklVVatg4gxQgC5+AApiGji/f59k"
    "nYAuDjPvYEtTU2Njo8kGCO36GEILQcULGhrB0PE5hM8HFS8Bam0EYvuXLc2NQAFuqHgZVBwAGxlbxA=="
)


def test_an_exr_of_the_official_library_is_read():
    row, column = np.mgrid[:4, :8]
    red, green, blue = row + column / 8, 2.5 * column + 0 * row, 1000.0 * row * column
    ramps = np.stack([red, green, blue], -1)
    assert np.array_equal(read_linear(base64.b64decode(OFFICIAL)), ramps.astype(np.float16))


@pytest.fixture
def half(signed):
    return np.abs(signed[5:]).astype(np.float16)


def test_the_official_library_reads_ours(signed, tmp_path):
    OpenEXR = pytest.importorskip("OpenEXR")
    write_image(tmp_path / "g.exr", signed)
    with OpenEXR.File(str(tmp_path / "g.exr")) as file:
        assert np.array_equal(file.channels()["RGB"].pixels, signed, equal_nan=True)


@pytest.mark.parametrize("name", "NO ZIPS ZIP RLE PIZ PXR24 DWAA".split())
def test_compressions_of_the_official_library_are_read(name, half, tmp_path):
    OpenEXR = pytest.importorskip("OpenEXR")  # the last four go through the library
    compression = getattr(OpenEXR, f"{name}_COMPRESSION")
    header = {"compression": compression, "type": OpenEXR.scanlineimage}
    OpenEXR.File(header, {"RGB": half}).write(str(tmp_path / "o.exr"))
    rtol, atol = (0.1, 0.5) if name == "DWAA" else (0, 0)
    read = read_linear(tmp_path / "o.exr")
    np.testing.assert_allclose(read, half.astype(np.float32), rtol=rtol, atol=atol)


def test_tiles_parts_and_layers_of_the_official_library_are_read(half, tmp_path):
    OpenEXR = pytest.importorskip("OpenEXR")
    file, lines = str(tmp_path / "o.exr"), {"type": OpenEXR.scanlineimage}
    tiles = {"type": OpenEXR.tiledimage, "tiles": OpenEXR.TileDescription()}
    OpenEXR.File(tiles, {"RGB": half}).write(file)
    assert np.array_equal(read_linear(file), half)
    parts = [OpenEXR.Part(dict(lines), {"RGB": half}, name) for name in ("first", "second")]
    OpenEXR.File(parts).write(file)
    assert np.array_equal(read_linear(file), half)
    layers = {f"View.Combined.{c}": half[..., i].copy() for i, c in enumerate("RGB")}
    layers["View.Depth.Z"] = half[..., 0].astype(np.float32)
    OpenEXR.File(lines | {"compression": OpenEXR.ZIP_COMPRESSION}, layers).write(file)
    assert np.array_equal(read_linear(file), half)


def test_opencv_reads_ours_and_we_its(signed, tmp_path):
    os.environ.setdefault("OPENCV_IO_ENABLE_OPENEXR", "1")
    if not cv2.haveImageWriter("x.exr"):
        pytest.skip(f"OpenCV {cv2.__version__} has no OpenEXR")
    positive = signed[5:] + 50
    write_image(tmp_path / "h.exr", positive)
    theirs = cv2.imread(str(tmp_path / "h.exr"), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(theirs[..., ::-1], positive)
    cv2.imwrite(str(tmp_path / "i.exr"), np.ascontiguousarray(positive[..., ::-1]))
    np.testing.assert_allclose(read_linear(tmp_path / "i.exr"), positive)


def test_what_an_exr_stores_is_put_where_it_belongs():
    light = srgb_to_linear(astronaut()[0:256:4, 96:352:4] / 255).astype(np.float32)
    data = exr(light[8:40, 8:56])
    windows = {"dataWindow": (8, 8, 55, 39), "displayWindow": (0, 0, 63, 63)}
    for window, corners in windows.items():
        at = data.index(window.encode() + b"\0box2i\0") + len(window) + 11
        data = data[:at] + struct.pack("<4i", *corners) + data[at + 16 :]
    table = data.index(b"screenWindowWidth\0float\0") + 33
    for k in range(2):  # blocks carry the number of their first line
        at = struct.unpack_from("<Q", data, table + 8 * k)[0]
        data = data[:at] + struct.pack("<i", 8 + 16 * k) + data[at + 4 :]
    expected = np.zeros_like(light)
    expected[8:40, 8:56] = light[8:40, 8:56]
    np.testing.assert_allclose(read_linear(data), expected, atol=1e-7)


# what cannot be written


def test_refusals_leave_nothing_behind(floats, signed, tmp_path):
    (tmp_path / "a_file").write_bytes(b"x")
    (tmp_path / "holiday.jpg").mkdir()
    before = sorted(os.listdir(tmp_path))
    bad = {
        "no folder": (tmp_path / "nowhere" / "x.png", floats),
        "a file as folder": (tmp_path / "a_file" / "x.png", floats),
        "a folder as file": (tmp_path / "holiday.jpg", floats),
        "suffix": (tmp_path / "x.gif", floats),
        "shape": (tmp_path / "x.png", floats[None]),
        "NaN": (tmp_path / "x.png", signed),
        "JPEG with alpha": (tmp_path / "x.jpg", CUT),
        "16-bit JPEG": (tmp_path / "x.jpg", floats, 16),
        "integers": (tmp_path / "x.png", floats.astype(int)),
    }
    for arguments in bad.values():
        with pytest.raises((ImageWriteError, ValueError)) as caught:
            write_image(*arguments)
        assert "\n" not in str(caught.value)
    assert sorted(os.listdir(tmp_path)) == before


# one portrait as many files


def as_file(kind, x=PHOTO, mode=None, **options):
    "The bytes of a picture in a kind of Pillow's."
    file, im = io.BytesIO(), Image.fromarray(x)
    if mode:
        im = im.convert(mode, palette=Image.Palette.ADAPTIVE)
    im.save(file, kind, **options)
    return file.getvalue()


def sideways(orientation):
    "What a camera held as `orientation` says would store."
    exif = Image.Exif()
    exif[274] = orientation
    stored = upright(PHOTO, {6: 8, 8: 6}.get(orientation, orientation))
    return as_file("JPEG", np.ascontiguousarray(stored), exif=exif, quality=95)


def chunk(kind, data):
    checksum = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + checksum


def png(x, colour, *chunks):
    "A 16-bit PNG written byte by byte (colour 0 grey, 2 RGB, 4 grey and alpha, 6 RGBA)."
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in x)
    height, width = x.shape[:2]
    head = struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0)
    extra = b"".join(chunk(*part) for part in chunks)
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra
    return start + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def press_profile(n=9):
    "A CMYK press that prints with cyan and yellow exchanged: a table of Lab at n⁴ inks (`mft1`)."
    steps = np.linspace(0, 1, n)
    c, m, y, k = np.meshgrid(steps, steps, steps, steps, indexing="ij")
    rgb = np.stack([1 - y, 1 - m, 1 - c], -1) * (1 - k[..., None])
    xyz = srgb_to_linear(rgb) @ SRGB_D50.T / [0.9642, 1, 0.8249]
    x, y, z = np.moveaxis(np.cbrt(np.maximum(xyz, 1e-3)), -1, 0)  # the toe of Lab is left out
    lightness, a, b = (116 * y - 16) * 2.55, 500 * (x - y) + 128, 200 * (y - z) + 128
    lab = np.stack([lightness, a, b], -1)
    table = lab.clip(0, 255).round().astype(np.uint8).tobytes()
    ramp = bytes(range(256))
    identity = fixed(b"mft1", 1, 0, 0, 0, 1, 0, 0, 0, 1)
    tag = identity[:8] + bytes([4, 3, n, 0]) + identity[8:]
    tag += ramp * 4 + table + ramp * 3
    return make_icc(b"CMYK", {b"A2B0": tag}, b"Lab ", b"prtr")


def moving():
    "An animated GIF."
    file = io.BytesIO()
    negative = [Image.fromarray(255 - PHOTO)]
    Image.fromarray(PHOTO).save(file, "GIF", save_all=True, append_images=negative)
    return file.getvalue()


def many_files():
    "The portrait as some twenty kinds of input."
    light = srgb_to_linear(PHOTO / 255).astype(np.float32)
    in_p3 = linear_to_srgb(light @ (np.linalg.inv(P3_D50) @ SRGB_D50).T)
    wide = np.round(in_p3 * 255).astype(np.uint8)
    deep = quantise(PHOTO, 16)
    p3 = p3_profile()
    p3_chunk = b"iCCP", b"p3\0\0" + zlib.compress(p3)
    exchanged = PHOTO[..., ::-1]  # blue and red, undone by the profile
    press = as_file("JPEG", exchanged, "CMYK", quality=95, icc_profile=press_profile())
    kinds = {
        "JPEG": as_file("JPEG", quality=95),
        "EXIF 6": sideways(6),
        "EXIF 3": sideways(3),
        "EXIF 5": sideways(5),
        "PNG": as_file("PNG"),
        "PNG, P3 profile": as_file("PNG", wide, icc_profile=p3),
        "PNG 16 bit": png(deep, 2),
        "16 bit, P3": png(quantise(wide, 16), 2, p3_chunk),
        "TIFF 16 bit": cv2.imencode(".tiff", deep[..., ::-1])[1].tobytes(),
        "palette": as_file("PNG", mode="P"),
        "WebP": as_file("WEBP", quality=95),
        "BMP": as_file("BMP"),
        "CMYK": as_file("JPEG", mode="CMYK", quality=95),
        "CMYK, profile": press,
        "animated GIF": moving(),
        "EXR, linear": exr(light),
        "HDR, linear": cv2.imencode(".hdr", light[..., ::-1])[1].tobytes(),
        "uint8 array": PHOTO,
        "float array": PHOTO / 255,
        "PIL, sideways": Image.open(io.BytesIO(sideways(8))),
    }
    Image.init()
    if "AVIF" in Image.SAVE:
        kinds["AVIF"] = as_file("AVIF", quality=95)
    try:
        import pillow_heif
    except ImportError:
        return kinds
    pillow_heif.register_heif_opener()
    return kinds | {"HEIC": as_file("HEIF", quality=95)}


FAR = {"animated GIF": 8, "palette": 8, "CMYK, profile": 4}  # levels of 255; the others: 2.5


def test_a_portrait_comes_out_upright_and_alike_whatever_its_file():
    for label, source in many_files().items():
        x = read_image(source)
        assert x.shape == (96, 96, 3) and x.dtype == np.float32 and x.flags.c_contiguous, label
        assert abs(x - PHOTO / 255).mean() * 255 < FAR.get(label, 2.5), label


def greys_and_cut_outs():
    "The portrait without colour, or without its surroundings."
    palette = Image.fromarray(PHOTO).quantize(64)
    palette.info["transparency"] = palette.getpixel((0, 0))
    file = io.BytesIO()
    palette.save(file, "PNG")
    grey_cut = np.dstack([GREY, CUT[..., 3]])
    return {
        "grey": as_file("PNG", GREY),
        "grey 16 bit": png(quantise(GREY, 16), 0),
        "1 bit": as_file("PNG", mode="1"),
        "cut-out PNG": as_file("PNG", CUT),
        "cut-out WebP": as_file("WEBP", CUT, quality=95),
        "16-bit cut-out": png(quantise(CUT, 16), 6),
        "grey cut-out": as_file("PNG", CUT, "LA"),
        "16-bit grey cut-out": png(quantise(grey_cut, 16), 4),
        "float RGBA cut-out": CUT / 255,
        "palette, one colour clear": file.getvalue(),
    }


def test_grey_stays_grey_and_what_is_transparent_turns_white():
    for label, source in greys_and_cut_outs().items():
        x = read_image(source)
        assert x.shape == (96, 96, 3)
        assert "grey" not in label or np.ptp(x, 2).max() == 0, label
        if "cut-out" in label:
            inside = (GREY if "grey" in label else PHOTO).reshape(96, 96, -1) / 255
            expected = np.where(RING[..., None], inside, 1)
            assert abs(x - expected).mean() < 2.5 / 255, label


def test_depth_is_kept_to_the_last_bit():
    x = np.random.default_rng(0).integers(0, 65536, (5, 7, 3), dtype=np.uint16)
    blue_first = x[..., ::-1]
    by_opencv = [cv2.imencode(suffix, blue_first)[1].tobytes() for suffix in (".tiff", ".png")]
    for source in (png(x, 2), *by_opencv, x):
        assert np.array_equal(read_image(source), x / np.float32(65535))
    grey = x[..., 0]
    assert np.array_equal(read_image(png(grey, 0))[..., 1], grey / np.float32(65535))
    rgba = np.dstack([x, np.full((5, 7), 40000, np.uint16)])
    assert np.array_equal(read_image(rgba), read_image(png(rgba, 6)))


# what cannot be read


@pytest.fixture
def unreadable(signed, tmp_path):
    "What people may try, by what is wrong with it."
    kinds = {"jpg": as_file("JPEG"), "bmp": as_file("BMP"), "png": as_file("PNG")}
    deep, light = png(quantise(PHOTO, 16), 2), exr(srgb_to_linear(PHOTO / 255))
    size = struct.pack("<ii", 10000, 10000)
    contents = {
        "empty.png": b"",
        "letter.jpg": b"Dear Sir,",
        "half.jpg": kinds["jpg"][: len(kinds["jpg"]) // 2],
        "half.png": deep[: len(deep) // 2],
        "half.exr": light[:9000],
        "head.png": kinds["png"][:12],
        "nan.exr": exr(signed),
        "huge.bmp": kinds["bmp"][:18] + size + kinds["bmp"][26:],
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "holiday.jpg").mkdir()
    arrays = {
        "NaN": np.full((4, 4, 3), np.nan),
        "floats to 255": PHOTO.astype(float),
        "wrong shape": np.zeros((3, 9, 9)),
        "no pixels": np.zeros((0, 5, 3)),
        "integers": np.zeros((4, 4, 3), int),
    }
    others = {"bytes": b"\0\1\2", "nothing": None, "empty path": "", "text": io.StringIO("x")}
    paths = {name: tmp_path / name for name in [*contents, "holiday.jpg", "nobody.jpg"]}
    return paths | arrays | others


def test_what_cannot_be_read_is_refused_in_one_sentence(unreadable, tmp_path):
    for label, source in unreadable.items():
        with pytest.raises(ImageReadError) as caught:
            read_image(source)
        said = str(caught.value).replace(f"{tmp_path}{os.sep}", "")
        assert said.count("\n") == 0 and said.endswith(".") and len(said) < 220, label


def test_large_and_small_pictures_are_read():
    check_size(9504, 6336)  # 60 megapixels pass
    one_pixel = read_image(as_file("PNG", PHOTO[:1, :1]))
    assert read_image(np.uint8([[7]])).shape == one_pixel.shape == (1, 1, 3)


@pytest.mark.parametrize("library", ["pillow_heif", "OpenEXR"])
def test_a_missing_library_is_named(library, monkeypatch):
    attribute = b"compression\0compression\0\1\0\0\0"
    rare = exr(srgb_to_linear(PHOTO / 255)).replace(attribute + b"\3", attribute + b"\4")
    heic = b"\0\0\0\x1cftypheic" + bytes(40)
    monkeypatch.setitem(sys.modules, library, None)  # makes the import fail
    with pytest.raises(ImageReadError, match="pip install"):
        read_image(heic if library == "pillow_heif" else rare)


# damage by the hundred


def damaged(data, rng):
    "A copy of a file, damaged in one to three places, most often in the header."
    b, n = bytearray(data), len(data)
    for _ in range(rng.integers(1, 4)):
        in_head = rng.random() < 0.6
        at = int(rng.integers(8, min(n, 200)) if in_head else rng.integers(4, n))
        size = int(rng.integers(1, 9))
        how = rng.integers(5)
        if how == 0:
            b[at : at + 1] = bytes([rng.integers(256)])
        if how == 1:
            b[at : at + size] = (b"\0", b"\xff")[rng.integers(2)] * size
        if how == 2:
            del b[at : at + size]
        if how == 3:
            b[at:at] = b[at : at + size]
        if how == 4 and rng.random() < 0.3:
            del b[max(at, 12) :]
    return bytes(b)


@contextmanager
def printed_by_libraries():
    "What C libraries print behind Python's back, as a file."
    with tempfile.TemporaryFile() as file:
        old = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            yield file
        finally:
            os.dup2(old, 2)
            os.close(old)


def is_read_or_refused(data):
    "Read a file: a picture comes out, or one sentence."
    try:
        x = read_image(data)
    except ImageReadError as e:
        said = str(e)
        return "\n" not in said and said.startswith("The given file ") and said.endswith(".")
    shape = x.dtype == np.float32 and x.ndim == 3 and x.shape[2] == 3
    return shape and 0 <= x.min() <= x.max() <= 1


def test_damaged_files_are_read_or_refused_without_a_sound():
    files = [data for data in (many_files() | greys_and_cut_outs()).values()]
    files = [data for data in files if isinstance(data, bytes)]
    files += [as_file("PPM"), as_file("JPEG2000")]
    rng = np.random.default_rng(1)
    with printed_by_libraries() as noise, warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        for data in files:
            for _ in range(200 if data[:4] == b"v/1\x01" else 20):  # EXR is decoded by us alone
                assert is_read_or_refused(damaged(data, rng))
        noise.seek(0)
        printed = noise.read()
    assert not warned and len(printed) < 60 * len(files), printed[:500]  # a few lines of libtiff


# resizing and guided upsampling


def test_shrinking_keeps_means_and_growing_does_not_overshoot():
    stripes = np.tile(np.float32([0, 1]), (64, 32))
    assert np.allclose(resize(stripes, (16, 16)), 0.5)
    even = np.full((9, 7, 3), 0.3, np.float32)
    assert np.allclose(resize(even, (4, 20)), 0.3)
    assert resize(PHOTO, 24).shape == (24, 24, 3) and resize(PHOTO, 24).dtype == np.uint8
    assert resize(PHOTO[:48], 24).shape == (12, 24, 3)
    assert resize(np.zeros((8, 8, 1)), (3, 20)).shape == (3, 20, 1)
    assert np.array_equal(resize(PHOTO, (96, 96)), PHOTO)
    rows = resize(PHOTO / 255, (12, 96)).mean(0)
    np.testing.assert_allclose(rows, PHOTO.mean(0) / 255, atol=1e-6)  # areas keep the sum


@pytest.fixture(scope="module")
def guides():
    "A large grey guide and the same small."
    noise = np.random.default_rng(0).random((30, 40)).astype(np.float32)
    large = resize(noise, (120, 160))
    return large, resize(large, (30, 40))


def test_guided_upsampling_is_linear_and_blind_to_an_offset_of_the_guide(guides):
    large, small = guides
    p, q = np.random.default_rng(1).random((2, 30, 40, 3)).astype(np.float32)
    even = guided_upsample(np.full((30, 40, 3), 1.7, np.float32), small, large)
    assert np.array_equal(even, np.full((120, 160, 3), np.float32(1.7)))
    one, two = guided_upsample(p, small, large), guided_upsample(q, small, large)
    mixed = guided_upsample(2 * p - 3 * q, small, large)
    np.testing.assert_allclose(mixed, 2 * one - 3 * two, atol=2e-3)
    brighter = guided_upsample(p, small + 0.25, large + 0.25)
    np.testing.assert_allclose(brighter, one, atol=2e-3)
    channel = guided_upsample(p[..., 1], small, large)
    assert channel.shape == (120, 160)
    np.testing.assert_allclose(one[..., 1], channel, atol=1e-5)


def test_a_line_over_the_guide_is_continued_exactly(guides):
    large, small = guides
    slope, offset = np.float32([2, -1, 0.3]), np.float32([0, 1, 5])
    low, high = (x[..., None] * slope + offset for x in (small, large))
    np.testing.assert_allclose(guided_upsample(low, small, large, eps=1e-9), high, atol=1e-3)


def test_other_guides_are_refused(guides):
    large, small = guides
    p = np.zeros((30, 40, 3), np.float32)
    for guide, grey in ((large, large), (small, p), (p, large)):
        with pytest.raises(ValueError, match="guide must be grey"):
            guided_upsample(p, guide, grey)
