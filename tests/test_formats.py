"""Pictures, lights and environment maps in the shapes people have them in: read with the right
values, or refused in one true sentence."""

import io
import itertools
import json
import mmap
import re
import struct
import tempfile
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image, features, ImageCms

from illures_nb import SHLight
from illures_nb.decompose import fit_light
from illures_nb.exr import exr_header
from illures_nb.formats import of_height
from illures_nb.image import (
    ImageReadError,
    linear_to_srgb,
    read_image,
    read_linear,
    srgb_to_linear,
    write_image,
)
from illures_nb.light import (
    BASIS_SCALE,
    LAMBERT,
    SH_SCALE,
    EnvmapShapeError,
    ball_normals,
    direct_light,
    envmap_directions,
    sh_basis,
)

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def photo():
    "A small picture with all colours, edges and noise, (48, 64, 3) uint8."
    y, x = np.mgrid[:48, :64]
    smooth = np.stack([x * 4, y * 5, 255 - x * 2 - y * 2], -1)
    squares = 20 * ((x // 8 + y // 8) % 2)
    noise = np.random.default_rng(0).integers(-6, 7, (48, 64, 3))
    return (smooth + squares[..., None] + noise).clip(0, 255).astype(np.uint8)


def as_file(x, kind, **options):
    "An array or a Pillow picture as the bytes of a file."
    f = io.BytesIO()
    (Image.fromarray(x) if isinstance(x, np.ndarray) else x).save(f, kind, **options)
    return f.getvalue()


def same(source, picture):
    "Whether a source is read as exactly this picture; 8 bits are shares of 255."
    wanted = picture / np.float32(255) if picture.dtype == np.uint8 else picture
    return np.array_equal(read_image(source), wanted)


def chunk(kind, data):
    "A piece of a PNG."
    length = struct.pack(">I", len(data))
    check = struct.pack(">I", zlib.crc32(kind + data))
    return length + kind + data + check


def gamma(value):
    "The chunk that says how a PNG's numbers follow from light, in 100,000ths."
    return b"gAMA", struct.pack(">I", value)


def profile(name="sRGB"):
    "The bytes of an ICC profile."
    return ImageCms.ImageCmsProfile(ImageCms.createProfile(name)).tobytes()


def png(x, *chunks):
    "A PNG of uint8 or uint16 with chunks between its header and its pixels."
    h, w, n = x.shape
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[n]
    head = struct.pack(">IIBBBBB", w, h, 8 * x.itemsize, colour, 0, 0, 0)
    rows = b"".join(b"\0" + r.astype(x.dtype.newbyteorder(">")).tobytes() for r in x)
    parts = [(b"IHDR", head), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*p) for p in parts)


def tiff(*directories, order="<"):
    """A TIFF from directories {tag: numbers}; bytes are put behind them, tag 330 names the next
    ones as subdirectories."""
    places = np.cumsum([8] + [2 + 12 * len(d) + 4 for d in directories])
    blocks, at, out = b"", int(places[-1]), b""
    for k, d in enumerate(directories):
        entries = b""
        for tag in sorted(d):
            v = d[tag]
            if isinstance(v, bytes):  # a strip
                blocks, v = blocks + v, [at + len(blocks)]
            if v == "sub":
                v = [int(p) for p in places[k + 1 : -1]]
            if v == "next":
                v = []
            value = struct.pack(f"{order}{len(v)}I", *v)
            if len(value) > 4:
                blocks, value = blocks + value, struct.pack(order + "I", at + len(blocks))
            entries += struct.pack(order + "HHI", tag, 4, len(v)) + value
        last = k + 1 == len(directories) or 330 in directories[0]
        following = struct.pack(order + "I", 0 if last else int(places[k + 1]))
        out += struct.pack(order + "H", len(d)) + entries + following
    return (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8) + out + blocks


def directory(x, **tags):
    "The tags of an uncompressed picture in one strip."
    h, w, n = x.shape
    kind = {"u": 1, "i": 2, "f": 3}[x.dtype.kind]
    d = {
        256: [w],
        257: [h],
        258: [8 * x.itemsize] * n,
        259: [1],
        262: [2 if n > 2 else 1],
        273: x.tobytes(),
        277: [n],
        278: [h],
        279: [x.nbytes],
        339: [kind] * n,
    }
    return d | {int(k[1:]): v for k, v in tags.items()}


def refusal(source):
    with pytest.raises(ImageReadError) as e:
        read_image(source)
    text = str(e.value)
    assert "\n" not in text and text.endswith(".") and len(text) < 260
    return text


# ---- camera raw, previews, directories


RAW = [  # how files of camera raw begin
    b"II*\0\x10\0\0\0CR\2\0",
    b"\0\0\0\x18ftypcrx \0\0\0\1crx isom",
    b"FUJIFILMCCD-RAW 0201",
    b"IIRO\x08\0\0\0",
    b"IIU\0\x18\0\0\0",
    b"\0MRM\0\0\0\0",
    b"FOVb\0\0\0\0",
    b"II\x1a\0\0\0HEAPCCDR",
]


@pytest.mark.parametrize("start", RAW)
def test_camera_raw_by_its_signature(start):
    assert "camera raw" in refusal(start + bytes(400))


@pytest.mark.parametrize(
    "how", ["DNG", "filter array", "Nikon", "linear DNG", "filter array in the chain"]
)
def test_camera_raw_in_a_tiff_is_never_its_thumbnail(photo, how):
    thumbnail = directory(photo[::4, ::4], t254=[1])
    sensor = directory(photo[..., :1].astype(np.uint16), t254=[0])
    if how == "DNG":
        thumbnail |= {50706: [0x401]}
    if how in ("filter array", "filter array in the chain"):
        sensor |= {262: [32803]}
    if how == "Nikon":
        sensor |= {259: [34713]}
    if how == "linear DNG":
        sensor |= {262: [34892]}
    if how != "filter array in the chain":
        thumbnail |= {330: "sub"}
    assert "camera raw" in refusal(tiff(thumbnail, sensor))


@pytest.mark.parametrize("order", "<>")
def test_a_preview_in_front_is_not_the_picture(photo, order):
    whole = directory(photo.astype(order + "u2") * 257, t254=[0])
    preview = directory(photo[::4, ::4], t254=[1])
    assert same(tiff(preview | {330: "sub"}, whole, order=order), photo)  # in a subdirectory
    assert same(tiff(preview, whole, order=order), photo)  # in the chain
    assert same(tiff(whole, preview, order=order), photo)
    mask = directory(np.ones((96, 128, 3), np.uint8), t254=[4])
    assert same(tiff(preview, mask, whole, order=order), photo)  # not the bigger mask
    assert read_image(tiff(preview)).shape == (12, 16, 3)  # nothing else is there


def test_a_preview_before_a_picture_that_pillow_reads(photo):
    palette = Image.fromarray(photo).quantize(64)
    used = np.reshape(palette.getpalette(), (-1, 3))
    colours = np.zeros((256, 3), int)
    colours[: len(used)] = used
    deep = (colours.T * 257).ravel().tolist()
    whole = directory(np.asarray(palette)[..., None], t262=[3], t320=deep)
    preview = directory(photo[::4, ::4], t254=[1])
    assert same(tiff(preview, whole), read_image(palette))


# ---- samples of TIFFs


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "f2", "f4", "f8"])
@pytest.mark.parametrize("order", "<>")
def test_samples_of_every_width(photo, dtype, order):
    whole_numbers = dtype[0] == "u"
    top = np.iinfo(dtype).max if whole_numbers else 1
    x = photo / 255 * top
    x = (x.round() if whole_numbers else x).astype(order + dtype)
    atol = 1e-3 if dtype == "f2" else 1e-6
    for y in (x, x[..., :1]):
        want = np.broadcast_to(y / top, photo.shape)
        np.testing.assert_allclose(read_image(tiff(directory(y), order=order)), want, atol=atol)
        np.testing.assert_allclose(read_image(np.asarray(y)), want, atol=atol)  # and as an array


@pytest.mark.parametrize("scale", [1, 255, 65535])
def test_floats_of_a_tiff_may_reach_to_255(photo, scale):
    x = (photo / 255 * scale).astype(np.float32)
    np.testing.assert_allclose(read_image(tiff(directory(x))), photo / 255, atol=1e-6)
    green = read_image(tiff(directory(x[..., 1:2])))
    np.testing.assert_allclose(green[..., 0], photo[..., 1] / 255, atol=1e-6)


def test_floats_of_a_tiff_that_mean_nothing_certain(photo):
    x = (photo / 255).astype(np.float32)
    assert "neither 0 to 1" in refusal(tiff(directory(x * 7)))
    assert "neither" in refusal(tiff(directory(x - 9)))
    x[3, 4] = np.nan
    assert "NaN" in refusal(tiff(directory(x)))
    sky = np.ones((16, 32, 3), np.float32) * 9
    assert np.array_equal(read_linear(tiff(directory(sky))), sky)  # light may be brighter than 1


@pytest.mark.parametrize("packing", ["tiff_lzw", "tiff_adobe_deflate", "packbits", "tiff_deflate"])
def test_packed_floats(photo, packing):
    x = (photo[..., 1] / 255).astype(np.float32)
    assert np.array_equal(read_image(as_file(x, "TIFF", compression=packing))[..., 0], x)


def test_floats_as_opencv_writes_them(photo):
    x = (photo / 255).astype(np.float32)
    plain = [cv2.IMWRITE_TIFF_COMPRESSION, 1]  # OpenCV 4.9 would write logarithms else
    _, data = cv2.imencode(".tiff", x[..., ::-1], plain)
    assert same(data.tobytes(), x)


def test_white_is_zero_alpha_and_spare_channels(photo):
    inverted = tiff(directory(255 - photo[..., :1], t262=[0]))
    assert same(inverted, read_image(photo[..., 0]))
    half = np.full((48, 64), 128, np.uint8)
    five = np.dstack([photo, half, np.zeros_like(half)])
    assert same(tiff(directory(five, t338=[0, 0])), photo)  # not alpha
    assert same(tiff(directory(five, t338=[2, 0])), read_image(five[..., :4]))  # alpha


def test_transfer_function_and_primaries_of_a_tiff(photo):
    linear = np.round(srgb_to_linear(photo / 255) * 65535).astype(np.uint16)
    x = read_image(tiff(directory(linear, t301=list(range(65536)))))
    np.testing.assert_allclose(x, photo / 255, atol=2e-3)


def test_tiffs_that_nobody_reads_say_what_they_hold(photo):
    lab = directory(photo.astype(np.uint16), t262=[8])
    assert "3 x 16 bits, whole numbers, photometric 8" in refusal(tiff(lab))
    assert "cut short" in refusal(tiff(directory(photo.astype(np.float32)))[:-500])
    assert "100 megapixels" in refusal(tiff(directory(photo, t256=[10000], t257=[10000])))
    assert "can be packed" in refusal(tiff(directory(photo, t256=[8000], t257=[9000])))


# ---- what PNG and JPEG say about their colours


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_gamma_of_a_png(photo, bits, channels):
    top = 2**bits - 1
    light = np.round(srgb_to_linear(photo / 255) * top)
    opaque = np.dstack([light, np.full((48, 64), top)])
    x = opaque[..., [0, 1, 2, 3][:channels]].astype(f"u{bits // 8}")
    linear = np.broadcast_to(x[..., :3] / top, photo.shape)
    want = linear_to_srgb(linear)
    np.testing.assert_allclose(read_image(png(x, gamma(100000))), want, atol=2e-4)
    plain = read_image(png(x))
    assert abs(plain - want).max() > 0.1
    srgb_itself, srgb_first = [gamma(45455)], [(b"sRGB", b"\0"), gamma(100000)]
    for chunks in (srgb_itself, srgb_first, [gamma(0)]):  # the last is nonsense
        assert same(png(x, *chunks), plain)
    old = read_image(png(x, gamma(55556)))  # a Macintosh of 1.8
    np.testing.assert_allclose(old, linear_to_srgb(linear**1.8), atol=2e-4)


def test_gamma_with_a_palette_and_from_pillow(photo):
    palette = Image.fromarray(photo).quantize(32)
    data = as_file(palette, "PNG")
    marked = data[:33] + chunk(*gamma(100000)) + data[33:]
    want = linear_to_srgb(np.asarray(palette.convert("RGB")) / 255)
    np.testing.assert_allclose(read_image(marked), want, atol=1e-4)
    np.testing.assert_allclose(read_image(Image.open(io.BytesIO(marked))), want, atol=1e-4)


# linear Display P3 → linear sRGB, published
P3 = np.array([[1.2249, -0.2247, 0], [-0.0420, 1.0419, 0], [-0.0197, -0.0786, 1.0979]])
# white, red, green and blue of it: x and y of each, in 100,000ths
P3_POINTS = 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000


@pytest.mark.parametrize(
    "how", ["cHRM and gAMA", "cICP", "cICP before a profile", "AVIF", "profile before cHRM"]
)
def test_primaries_that_a_file_names(photo, how):
    soft = (photo * 0.5 + 60).astype(np.uint8)  # inside sRGB when read as P3
    want = linear_to_srgb(np.clip(srgb_to_linear(soft / 255) @ P3.T, 0, 1))
    cicp = b"cICP", bytes([12, 13, 0, 1])
    chrm = b"cHRM", struct.pack(">8I", *P3_POINTS)
    srgb = b"iCCP", b"s\0\0" + zlib.compress(profile())
    data = {
        "cHRM and gAMA": png(soft, gamma(45455), chrm),
        "cICP": png(soft, cicp, gamma(45455)),
        "cICP before a profile": png(soft, srgb, cicp),
        "profile before cHRM": png(soft, chrm, srgb),
        "AVIF": b"",
    }[how]
    atol = 4e-3
    if how == "profile before cHRM":
        want = soft / 255
    if how == "AVIF":
        if "AVIF" not in Image.SAVE:
            pytest.skip("this Pillow has no AVIF")
        data, atol = as_file(soft, "AVIF", quality=100, subsampling="4:4:4"), 0.06
        at = data.index(b"colrnclx") + 8
        data = data[:at] + struct.pack(">HH", 12, 13) + data[at + 4 :]
    np.testing.assert_allclose(read_image(data), want, atol=atol)


def test_high_dynamic_range_is_brought_to_its_white(photo):
    for share, transfer in ((0.58, 16), (0.75, 18)):  # PQ: 203 cd/m² are 58 %; HLG: 75 %
        grey = np.full((4, 4, 3), round(share * 255), np.uint8)
        white = read_image(png(grey, (b"cICP", bytes([1, transfer, 0, 1]))))
        assert abs(white - 1).max() < 0.02


@pytest.mark.parametrize("kind", ["R03", "2", "R98", "none", "R03 with a profile"])
def test_adobe_rgb_of_a_camera(photo, kind):
    exif = Image.Exif()
    if kind != "none":
        exif.get_ifd(0x8769)[0xA001] = 2 if kind == "2" else 1 if kind == "R98" else 0xFFFF
    if kind not in ("none", "2"):
        exif.get_ifd(0x8769)[0xA005] = {1: kind[:3], 2: b"0100"}
    best = {"quality": 100, "subsampling": 0}
    marked = best | {"exif": exif.tobytes()}
    written = Image.Exif()
    written.load(marked["exif"])
    if kind in ("R03", "2") and 0xA001 not in written.get_ifd(0x8769):
        pytest.skip("this Pillow does not write what a camera writes")
    if "profile" in kind:
        marked["icc_profile"] = profile()
    soft = (photo * 0.4 + 70).astype(np.uint8)
    x, plain = (read_image(as_file(soft, "JPEG", **options)) for options in (marked, best))
    if kind not in ("R03", "2"):
        assert np.array_equal(x, plain)
        return
    # its green reaches further: the same numbers are a stronger red, and the white stays
    red, green, _ = np.ptp(x, (0, 1))
    assert red > 1.1 * np.ptp(plain[..., 0]) and green > 0
    assert abs(x - plain).max() > 0.05
    white = np.full((16, 16, 3), 255, np.uint8)
    assert abs(read_image(as_file(white, "JPEG", **marked)) - 1).max() < 0.01


# ---- whole, cut and damaged files


JPEGS = [  # mode, options
    ("RGB", {}),
    ("RGB", {"progressive": True}),
    ("RGB", {"restart_marker_blocks": 2}),
    ("L", {}),
    ("CMYK", {}),
    ("RGB", {"optimize": True}),
]


@pytest.mark.parametrize("mode, options", JPEGS)
def test_a_jpeg_without_its_end_mark_is_whole(photo, mode, options):
    picture = Image.fromarray(photo).resize((256, 192)).convert(mode)
    data = as_file(picture, "JPEG", quality=92, **options)
    want = read_image(data)
    for cut in (1, 2):
        assert same(data[:-cut], want)
    for more in (b"garbage" * 9, bytes(99)):
        assert same(data + more, want)
    for share in (0.3, 0.7, 0.95, 0.98):
        assert "cut short" in refusal(data[: int(len(data) * share)])
    assert "cut short" in refusal(data[:-12])


def test_checksums_of_a_png(photo):
    data = png(photo, (b"tEXt", b"Comment\0hello"))
    assert np.array_equal(read_image(data), photo / np.float32(255))
    for kind in (b"IHDR", b"IDAT"):
        at = data.index(kind)
        size = int.from_bytes(data[at - 4 : at], "big")
        wrong = bytearray(data)
        wrong[at + 4 + size] ^= 1  # the first byte of the checksum
        assert re.search("checksum|damaged", refusal(bytes(wrong)))
    assert "cut short" in refusal(data[: int(len(data) * 0.98) - 12])
    assert same(data[:-12], photo)  # without IEND every pixel is there


def test_jpegs_that_are_not_read_say_why(photo):
    data = bytearray(as_file(photo, "JPEG"))
    at = data.index(b"\xff\xc0")
    data[at + 4] = 12
    assert "12 bits a colour" in refusal(bytes(data))
    data[at + 1] = 0xC3
    assert "lossless" in refusal(bytes(data))


@pytest.mark.parametrize(
    "content, word",
    [
        (b"\xff\x0a" + bytes(99), "JPEG XL"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b'<?xml version="1.0"?>\n<svg xmlns="x"/>', "SVG"),
        (b"<svg/>", "SVG"),
        (b"%PDF-1.4", "PDF"),
        (b"\n<!doctype HTML><html>", "web page"),
        (b"<html><body>", "web page"),
        (b"\0\0\0\x20ftypisom" + bytes(20), "video"),
        (b"\0\0\0\x14ftypqt  ", "video"),
        (b"RIFF\0\0\0\0AVI LIST", "video"),
        (b"PK\3\4", "ZIP"),
        (b"Dear Sir", "not a picture"),
        (b"", "empty"),
        (b"\x1aE\xdf\xa3\x01", "video"),
    ],
)
def test_what_is_no_picture_is_called_by_its_name(content, word, tmp_path):
    file = tmp_path / "foto ünïcode 写真.jpg"
    file.write_bytes(content)
    for source in (content, file, io.BytesIO(content)):
        assert word in refusal(source)
    assert refusal(file).startswith(str(file))


# ---- other formats, frames, orientation


@pytest.mark.parametrize(
    "kind", ["TGA", "PCX", "DDS", "PPM", "JPEG2000", "GIF", "ICO", "BMP", "TIFF", "WEBP"]
)
def test_kinds_that_show_the_picture(photo, kind):
    options = {"WEBP": {"lossless": True}, "ICO": {"sizes": [(64, 48)]}}
    x = read_image(as_file(photo, kind, **options.get(kind, {})))
    assert abs(x - photo / 255).mean() < (0.06 if kind == "GIF" else 1e-6)


def test_photoshop_files(photo):
    head = b"8BPS" + struct.pack(">H6xHIIHH", 1, 3, 48, 64, 8, 3) + bytes(12)
    planes = np.ascontiguousarray(photo.transpose(2, 0, 1))
    assert same(head + struct.pack(">H", 0) + planes.tobytes(), photo)


@pytest.mark.parametrize("order", "<>")
def test_portable_float_maps(photo, order):
    light = srgb_to_linear(photo / 255).astype(np.float32)
    sign = b"-" if order == "<" else b""
    data = b"PF\n64 48\n%s1.0\n" % sign + light[::-1].astype(order + "f4").tobytes()
    np.testing.assert_allclose(read_image(data), photo / 255, atol=1e-5)
    assert np.array_equal(read_linear(data), light) and "cut short" in refusal(data[:-9])


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_the_first_frame_of_several(photo, kind):
    options = {"lossless": True} if kind == "WEBP" else {}
    second = Image.fromarray(255 - photo)
    data = as_file(photo, kind, save_all=True, append_images=[second], **options)
    assert abs(read_image(data) - photo / 255).mean() < 0.06


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "MPO", "AVIF", "HEIF"])
@pytest.mark.parametrize("turn", [6, 7])
def test_orientation_in_every_kind(photo, kind, turn):
    if kind == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    Image.init()
    if kind not in Image.SAVE or kind == "AVIF" and not features.check("avif"):
        pytest.skip(f"this Pillow has no {kind} of its own")
    exif = Image.Exif()
    exif[274] = turn
    back = {6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE}[turn]
    stored = Image.fromarray(photo).transpose(back)
    quality = {"quality": 95} if kind not in ("PNG", "TIFF") else {}
    x = read_image(as_file(stored, kind, exif=exif.tobytes(), **quality))
    assert x.shape == (48, 64, 3) and abs(x - photo / 255).mean() < 0.05


def test_one_transparent_colour_in_16_bits(photo):
    deep = photo.astype(np.uint16) * 257
    key = deep[5, 7]
    x = read_image(png(deep, (b"tRNS", struct.pack(">3H", *key))))
    assert (x[5, 7] == 1).all()
    assert np.array_equal(x[40], photo[40] / np.float32(255))


SMALLEST = [
    (1, 1, 3),
    (1, 9, 3),
    (9, 1, 3),
    (1, 1),
    (300, 1, 4),
]


@pytest.mark.parametrize("shape", SMALLEST)
def test_the_smallest_pictures(shape):
    x = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    for source in (x, as_file(x, "PNG"), as_file(x, "TIFF")):
        assert read_image(source).shape == (*shape[:2], 3)


# ---- what programs hand over


def test_arrays_of_every_make(photo):
    want = photo / np.float32(255)
    wide = np.zeros((96, 64, 3), np.uint8)
    wide[::2] = photo
    locked = photo.copy()
    locked.setflags(write=False)
    for x in (
        wide[::2],
        photo[::-1, ::-1].copy()[::-1, ::-1],
        np.asfortranarray(photo),
        locked,
        (photo.astype(">u2") * 257),
        (photo / 255).astype(">f4"),
        (photo / 255).astype(np.float64),
        (photo.astype(np.uint32) * 16843009),
    ):
        np.testing.assert_allclose(read_image(x), want, atol=1e-6)
    bright = photo[..., 0] > 99
    assert same(bright, np.dstack([bright] * 3).astype(np.float32))
    assert "int64" in refusal(photo.astype(int))


def test_tensors(photo):
    want, x = photo / np.float32(255), torch.from_numpy(photo)
    planes, floats = x.permute(2, 0, 1), x / 255.0
    tensors = x, planes, planes.float() / 255, floats.double().requires_grad_()
    for t in (*tensors, planes.contiguous()):
        np.testing.assert_allclose(read_image(t), want, atol=1e-6)
    np.testing.assert_allclose(read_image(floats.bfloat16()), want, atol=4e-3)
    halves = floats.half().permute(2, 0, 1)
    np.testing.assert_allclose(read_image(halves), want, atol=1e-3)
    for grey in (x[..., 0], x[None, ..., 0]):
        assert read_image(grey).shape == (48, 64, 3)
    assert "shape" in refusal(torch.zeros(2, 3, 8, 8))


def test_files_that_are_open_and_bytes_of_every_make(photo, tmp_path):
    file = tmp_path / "deep.png"
    deep = photo.astype(np.uint16) * 257 + 3
    file.write_bytes(png(deep))
    data, want = file.read_bytes(), read_image(deep)
    ended = io.BytesIO()
    ended.write(data)  # stands at its end
    held = data, bytearray(data), memoryview(data), io.BytesIO(data), ended
    for source in (*held, file, str(file)):
        assert same(source, want)
    with open(file, "rb") as f:
        with mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ) as m:
            assert same(f, want) and same(m, want)
    with open(file, encoding="latin1") as f:
        assert "text" in refusal(f) and str(file) in refusal(f)
    with Image.open(file) as lazy:
        assert abs(read_image(lazy) - want).max() < 1.01 / 255


# ---- environment maps


@pytest.fixture(scope="module")
def sky():
    "Linear radiance with a lamp from the picture's left and above, (32, 64, 3) float32."
    lamp = np.array([-0.8, 0.3, 0.52])
    towards = envmap_directions(32, 64) @ lamp / np.linalg.norm(lamp)
    x = 0.1 + 20 * np.clip((towards - 0.9) / 0.1, 0, 1) ** 2
    return (x[..., None] * [1, 0.9, 0.8]).astype(np.float32)


CHANNELS = {1: "Y", 3: "RGB", 4: "RGBA"}


def exr(x, data=None, display=None, names=None, **attributes):
    """An uncompressed EXR whose windows (left, top, right, bottom) and channels are what the test
    wants."""
    h, w, n = x.shape
    names = names or CHANNELS[n]
    order = sorted(range(n), key=lambda i: names[i])
    floats = struct.pack("<4i", 2, 0, 1, 1)
    channels = b"".join(names[i].encode() + b"\0" + floats for i in order) + b"\0"
    data = data or (0, 0, w - 1, h - 1)
    parts = dict(
        channels=("chlist", channels),
        compression=("compression", b"\0"),
        dataWindow=("box2i", struct.pack("<4i", *data)),
        displayWindow=("box2i", struct.pack("<4i", *(display or data))),
        lineOrder=("lineOrder", b"\0"),
        pixelAspectRatio=("float", struct.pack("<f", 1)),
        screenWindowCenter=("v2f", bytes(8)),
        screenWindowWidth=("float", struct.pack("<f", 1)),
        **attributes,
    )
    start = b"v/1\x01\2\0\0\0"
    for name, (kind, value) in parts.items():
        start += f"{name}\0{kind}\0".encode() + struct.pack("<i", len(value)) + value
    start += b"\0"
    lines = [np.ascontiguousarray(row[:, order].T, "<f4").tobytes() for row in x]
    rows = enumerate(lines, data[1])
    blocks = [struct.pack("<ii", y, len(line)) + line for y, line in rows]
    first = len(start) + 8 * h
    places = [first + k * len(blocks[0]) for k in range(h)]
    return start + struct.pack(f"<{h}Q", *places) + b"".join(blocks)


WINDOWS = [  # left, top, right, bottom; the picture is 64 × 32
    (0, 4, 63, 27),
    (0, 0, 31, 15),
    (-5, -3, 70, 40),
    (100, 0, 131, 9),
    (7, -20, 70, -5),
    (10, 30, 80, 60),
    (-9, 5, -2, 9),
    (3, 3, 3, 3),
]


def write_by_library(path, x, window):
    "An EXR as OpenEXR's own library writes it, with a window in a picture of 64 × 32."
    OpenEXR = pytest.importorskip("OpenEXR")
    whole = dict(
        compression=OpenEXR.PIZ_COMPRESSION,
        type=OpenEXR.scanlineimage,
        dataWindow=(np.int32(window[:2]), np.int32(window[2:])),
        displayWindow=(np.int32([0, 0]), np.int32([63, 31])),
    )
    names = CHANNELS[x.shape[2]]
    channels = {name: x[..., i].copy() for i, name in enumerate(names)}
    OpenEXR.File(whole, channels).write(str(path))


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("library", [False, True])
@pytest.mark.parametrize("n", [1, 3, 4])
def test_the_data_window_is_put_into_the_display_window(window, library, n, tmp_path):
    left, top, right, bottom = window
    size = bottom - top + 1, right - left + 1, n
    x = np.random.default_rng(1).random(size).astype(np.float32) + 0.5
    want = np.zeros((32, 64, n), np.float32)
    for y, row in enumerate(x):
        for k, pixel in enumerate(row):
            if 0 <= y + top < 32 and 0 <= k + left < 64:
                want[y + top, k + left] = pixel
    data = exr(x, window, (0, 0, 63, 31))
    if library:
        data = tmp_path / "w.exr"
        write_by_library(data, x, window)
    colours = np.broadcast_to(want[..., :3], (32, 64, 3))
    assert np.array_equal(read_linear(data), colours)
    assert read_image(data).shape == (32, 64, 3)


def test_a_trimmed_panorama_lights_like_the_whole_one(sky):
    trimmed = sky.copy()
    trimmed[:4] = trimmed[28:] = 0
    window, picture = (0, 4, 63, 27), (0, 0, 63, 31)
    part = exr(sky[4:28], window, picture)
    assert SHLight.from_envmap(part) == SHLight.from_envmap(trimmed)


ACES = np.array(  # to linear sRGB, published
    [
        [2.5217, -1.1340, -0.3876],
        [-0.2765, 1.3728, -0.0963],
        [-0.0154, -0.1530, 1.1684],
    ]
)


def test_exrs_of_other_makes(sky, tmp_path):
    assert "luminance and chroma" in refusal(exr(sky, names=["Y", "RY", "BY"]))
    ap0 = struct.pack("<8f", 0.7347, 0.2653, 0, 1, 0.0001, -0.077, 0.32168, 0.33767)  # ACES
    x = read_linear(exr(sky, chromaticities=("chromaticities", ap0)))
    np.testing.assert_allclose(x, sky @ ACES.T, rtol=0.01, atol=0.02)
    OpenEXR = pytest.importorskip("OpenEXR")
    lines = {"type": OpenEXR.scanlineimage}
    contents = {"depth": {"Z": sky[..., 0].copy()}, "colour": {"RGB": sky}}
    parts = [OpenEXR.Part(dict(lines), c, name) for name, c in contents.items()]
    OpenEXR.File(parts).write(str(tmp_path / "parts.exr"))
    assert np.array_equal(read_linear(tmp_path / "parts.exr"), sky)
    tiles = {"type": OpenEXR.tiledimage, "tiles": OpenEXR.TileDescription()}
    for dtype in (np.float16, np.float32, np.uint32):
        channels = {c: sky[..., i].astype(dtype) for i, c in enumerate("RGB")}
        OpenEXR.File(tiles, channels).write(str(tmp_path / "t.exr"))
        assert np.array_equal(read_linear(tmp_path / "t.exr"), sky.astype(dtype))


HDR_TURNS = {
    "-Y+X": lambda x: x,
    "-Y-X": lambda x: x[:, ::-1],
    "+Y-X": lambda x: x[::-1, ::-1],
    "+Y+X": lambda x: x[::-1],
    "+X-Y": lambda x: x.swapaxes(0, 1),
    "-X-Y": lambda x: x[:, ::-1].swapaxes(0, 1),
    "-X+Y": lambda x: x[::-1, ::-1].swapaxes(0, 1),
    "+X+Y": lambda x: x[::-1].swapaxes(0, 1),
}


def radiance(x, size="-Y+X", head=b"FORMAT=32-bit_rle_rgbe\n"):
    "A Radiance picture: `size` names what its lines and columns are."
    stored = np.ascontiguousarray(HDR_TURNS[size](x)[..., ::-1])
    body = cv2.imencode(".hdr", stored)[1].tobytes()
    body = body[body.index(b"\n", body.index(b"-Y ")) + 1 :]
    lines, columns = stored.shape[:2]
    sizes = f"{size[:2]} {lines} {size[2:]} {columns}\n"
    return b"#?RADIANCE\n" + head + b"\n" + sizes.encode() + body


@pytest.mark.parametrize("size", HDR_TURNS)
def test_radiance_in_all_orientations(sky, size):
    x = read_linear(radiance(sky, size))
    np.testing.assert_allclose(x, sky, atol=0.01 * sky.max(), rtol=0.02)
    assert x.shape == sky.shape


def test_radiance_with_exposures_and_in_xyz(sky):
    plain = read_linear(radiance(sky))
    rgbe = b"FORMAT=32-bit_rle_rgbe\n"
    exposed = radiance(sky, head=b"EXPOSURE=2.0\n" + rgbe + b"EXPOSURE= 4\n")
    np.testing.assert_allclose(read_linear(exposed), plain / 8, rtol=1e-5)
    corrected = radiance(sky, head=b"COLORCORR=1 2 4\n" + rgbe)
    np.testing.assert_allclose(read_linear(corrected), plain / [1, 2, 4], rtol=1e-5)
    grey = np.ones((16, 32, 3), np.float32)
    xyz = radiance(grey, head=b"FORMAT=32-bit_rle_xyze\n")
    np.testing.assert_allclose(read_linear(xyz), grey, atol=0.02)  # white stays white
    crlf = radiance(sky).replace(b"rgbe\n\n", b"rgbe\r\n\r\n")
    assert np.array_equal(read_linear(crlf), plain)
    assert "exposure" in refusal(radiance(sky, head=b"EXPOSURE=0\n"))
    assert "cut short" in refusal(radiance(sky)[:-99])
    assert "scan lines are missing" in refusal(b"#?RADIANCE\n\n-Y 70000000 +X 1\n" + bytes(99))


def bigger(sky, k):
    return sky.repeat(k, 0).repeat(k, 1)


def by_library(x):
    "A packed EXR as OpenEXR's own library writes it."
    OpenEXR = pytest.importorskip("OpenEXR")
    packed = {"compression": OpenEXR.PIZ_COMPRESSION, "type": OpenEXR.scanlineimage}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "l.exr"
        OpenEXR.File(packed, {"RGB": x}).write(str(path))
        return path.read_bytes()


def clipped(x):
    "Light as pictures hold it: a twentieth, and no more than 1."
    return np.clip(x / 20, 0, 1)


def levels(x, top):
    "Shares as whole numbers."
    return np.round(x * top).astype(np.uint8 if top == 255 else np.uint16)


HOLD_LIGHT = {  # kinds of files for light of any strength → how one is made
    "hdr": radiance,
    "exr": exr,
    "exr by the library": by_library,
    "pfm": lambda x: b"PF\n1024 512\n-1\n" + x[::-1].astype("<f4").tobytes(),
    "tif": lambda x: tiff(directory(x)),
}
HOLD_PICTURES = {
    "png16": lambda x: png(levels(linear_to_srgb(clipped(x)), 65535)),
    "png of gamma 1": lambda x: png(levels(clipped(x), 65535), gamma(100000)),
    "png": lambda x: as_file(levels(linear_to_srgb(clipped(x)), 255), "PNG"),
    "jpg": lambda x: as_file(levels(linear_to_srgb(clipped(x)), 255), "JPEG"),
}


@pytest.mark.parametrize("kind", [*HOLD_LIGHT, *HOLD_PICTURES])
def test_large_maps_are_averaged_while_they_are_read(sky, kind, monkeypatch):
    monkeypatch.setattr("illures_nb.envmap.MAP_PIXELS", 32 * 64)
    large = bigger(sky, 16)  # 512 × 1024: four times four times too large
    data = (HOLD_LIGHT | HOLD_PICTURES)[kind](large)
    assert read_linear(data, 32 * 64).shape == (32, 64, 3)
    assert read_linear(data).shape == (512, 1024, 3)
    want = SHLight.from_envmap(sky if kind in HOLD_LIGHT else clipped(sky))
    got = SHLight.from_envmap(data)
    np.testing.assert_allclose(got.coeffs, want.coeffs, atol=0.02 * abs(want.coeffs).max())
    assert abs(np.subtract(got.dominant_angles(), want.dominant_angles())).max() < 0.5


def test_bands_keep_every_row():
    x = np.arange(1000)[:, None]
    for n in (1, 7, 64, 2000):
        bands = np.split(x, [1, 2, 99, 500, 501])
        *parts, last = of_height(iter(bands), n)
        assert np.array_equal(np.concatenate([*parts, last]), x)
        assert all(len(part) == n for part in parts)


def test_a_map_beyond_the_limit_of_photos(tmp_path, monkeypatch):
    file = tmp_path / "sky.png"
    cv2.imwrite(str(file), np.full((1024, 2048), 128, np.uint8))
    monkeypatch.setattr("illures_nb.formats.MAX_PIXELS", 10**6)
    shading = SHLight.from_envmap(file).shade(np.eye(3))
    np.testing.assert_allclose(shading, srgb_to_linear(128 / 255), atol=0.01)
    assert "2048 x 1024" in refusal(file)
    monkeypatch.setattr("illures_nb.image.MAX_MAP_PIXELS", 2 * 10**6)
    monkeypatch.setattr("illures_nb.envmap.MAP_PIXELS", 10**5)
    with pytest.raises(ImageReadError, match="2048 x 1024"):
        SHLight.from_envmap(file)


@pytest.mark.parametrize("n", [8, 48])
def test_maps_that_are_not_twice_as_wide_as_high(n):
    cross = np.zeros((3, 4, 3), np.float32)  # a cube's sides, laid out
    cross[1] = np.arange(2, 6)[:, None]
    cross[0, 1], cross[2, 1] = 1, 6
    cube = bigger(cross, n)
    y, x = np.mgrid[-1:1:64j, -1:1:64j]
    inside = np.hypot(x, y) < 1
    probe = inside[..., None] * np.float32([1, 2, 3])
    rng = np.random.default_rng(0)
    noise = rng.random((3 * n, 4 * n, 3)).astype(np.float32)
    cases = [
        (cube, "cube map"),
        (cube.transpose(1, 0, 2), "cube map"),
        (noise[: n // 2, : 3 * n], "cube map"),
        (noise[: 3 * n, : n // 2], "cube map"),
        (probe, "light probe"),
        (noise[:n], "half a panorama"),
        (noise, ""),
        (noise[:, : 3 * n], ""),
    ]
    for x, kind in cases:
        with pytest.raises(EnvmapShapeError) as e:
            SHLight.from_envmap(x)
        assert kind in str(e.value) and "twice as wide as high" in str(e.value), kind
        assert kind in e.value.kind and bool(kind) == bool(e.value.kind), kind


def test_maps_from_every_source(sky, tmp_path):
    want = SHLight.from_envmap(sky)
    write_image(tmp_path / "sky.exr", sky)
    data = (tmp_path / "sky.exr").read_bytes()
    path, tensor = tmp_path / "sky.exr", torch.from_numpy(sky)
    files = path, str(path), data, io.BytesIO(data)
    turned_twice = sky[::-1].copy()[::-1]
    arrays = sky.astype(">f4"), turned_twice, sky.astype(np.float64)
    with open(path, "rb") as f:
        for source in (*files, f, tensor, tensor.permute(2, 0, 1), *arrays):
            np.testing.assert_allclose(SHLight.from_envmap(source).coeffs, want.coeffs, atol=1e-6)
    rough = SHLight.from_envmap(tensor.bfloat16())
    np.testing.assert_allclose(rough.coeffs, want.coeffs, atol=0.02)
    low = levels(np.clip(linear_to_srgb(sky / 20), 0, 1), 255)
    expected = SHLight.from_envmap(low)
    for source in (Image.fromarray(low), low.astype(">u2") * 257):
        assert SHLight.from_envmap(source) == expected
    sun = sky.astype(np.float16)
    sun[9, 48] = np.inf
    light = SHLight.from_envmap(sun)
    assert np.isfinite(light.coeffs).all() and light.peak > want.peak


# ---- lights as text


def key_light():
    return SHLight.preset("rembrandt_left")


TEXT = key_light().to_json()
ROWS = key_light().coeffs.tolist()
CONTENTS = {  # how a light.json may lie on a disk
    "utf8": TEXT.encode(),
    "bom": TEXT.encode("utf-8-sig"),
    "utf16": TEXT.encode("utf-16"),
    "utf16le": TEXT.encode("utf-16-le"),
    "utf16be": TEXT.encode("utf-16-be"),
    "utf32": TEXT.encode("utf-32"),
    "crlf": TEXT.replace("\n", "\r\n").encode(),
    "rows": json.dumps(ROWS).encode(),
    "printed": str(json.loads(TEXT)).encode(),
}


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_a_light_as_people_hold_it(content, tmp_path):
    for name in ("light.json", "light.JSON", "light.txt"):
        file = tmp_path / name
        file.write_bytes(content)
        for light in (SHLight.parse(str(file)), SHLight.parse(file), SHLight.load(file)):
            assert light == key_light(), file
    assert SHLight.from_json(content) == key_light()


def test_a_light_as_programs_hold_it():
    parsed, key = json.loads(TEXT), key_light()
    texts = TEXT, json.dumps(ROWS), str(parsed), "Rembrandt left"
    for said in (parsed, ROWS, *texts, key, key.coeffs):
        assert SHLight.of(said) == key
    assert SHLight.of(" -30, 15 ") == SHLight.from_direction(-30, 15)


NO_LIGHTS = [
    None,
    {},
    [],
    {"coeffs": "x"},
    {"coeffs": ROWS[:8]},
    "{",
    "[1, 2]",
    "{'a': open('x')}",
    "__import__('os')",
    "/etc/passwd",
    "light.json",
    7,
    "[" * 9999,
    "9" * 10**6,
    "{" + " " * 10**7,
]


@pytest.mark.parametrize("bad", NO_LIGHTS, ids=range(len(NO_LIGHTS)))
def test_what_is_no_light_is_refused_in_one_line(bad):
    with pytest.raises(ValueError) as e:
        SHLight.of(bad)
    assert "\n" not in str(e.value)


def test_one_statement_about_the_lambertian_factors(monkeypatch):
    """README, light.json, the page and the docstring say where they are; the numbers say whether
    that is so."""
    monkeypatch.syspath_prepend(str(ROOT))
    from illures_demo.lights import coefficient_order

    said = {
        "README": (ROOT / "README.md").read_text(encoding="utf-8"),
        "light.json": json.loads(SHLight.preset("front").to_json())["order"],
        "page": coefficient_order(),
        "sh_basis": sh_basis.__doc__,
    }
    for where, text in said.items():
        sentences = re.findall(r"Lambertian factors[^.;]*", text)
        places = [s for s in sentences if "in the" in s]
        right = ["in the basis, not in the coefficients" in s for s in places]
        assert places and all(right), (where, sentences)
    # the basis carries them: a uniform sky of radiance 1 has the plain coefficient of the
    # harmonic, and shades with 1
    light = SHLight.from_envmap(np.ones((64, 128, 3), np.float32))
    radiance_coefficient = SH_SCALE[0] * 4 * np.pi / np.pi  # ∫ Y₀ over the sphere, in units of π
    np.testing.assert_allclose(light.coeffs[0], radiance_coefficient, rtol=1e-3)
    np.testing.assert_allclose(BASIS_SCALE, SH_SCALE * LAMBERT)
    ahead = sh_basis(np.array([0.0, 0, 1]))
    np.testing.assert_allclose(ahead[:2], (SH_SCALE * LAMBERT)[:2])
    np.testing.assert_allclose(light.shade(np.eye(3)), 1, rtol=2e-3)


# ---- fitting a light


def spotted(rng, size):
    "An albedo that differs from pixel to pixel."
    return np.clip(0.5 + 0.2 * rng.normal(size=(size, size, 3)), 0.1, 0.9)


def degrees_between(a, b):
    "Angle between the directions that two lights come from."
    cosine = float(a.dominant_direction() @ b.dominant_direction())
    return np.rad2deg(np.arccos(min(1, cosine)))


@pytest.mark.parametrize("softness", [0, 0.4])
@pytest.mark.parametrize("tint", [(1, 1, 1), (1, 0.5, 0.15)])
def test_a_hard_light_is_fitted_exactly_wherever_it_comes_from(softness, tint):
    normals, cover = ball_normals(48)
    albedo = spotted(np.random.default_rng(0), 48)
    elevations = (-75, -40, 0, 40, 75)
    for place in itertools.product(range(-180, 180, 36), elevations):
        true = SHLight(direct_light(*place, color=tint, softness=softness))
        fit = fit_light(albedo * true.shade(normals), albedo, normals, cover > 0.99)
        assert degrees_between(fit, true) < 0.5, place
        np.testing.assert_allclose(fit.coeffs, true.coeffs, atol=2e-3, err_msg=str(place))


def test_a_hard_light_in_noise_and_in_8_bits():
    normals, cover = ball_normals(64)
    rng = np.random.default_rng(0)
    albedo = spotted(rng, 64)
    off = {"noise": [], "8 bits": []}
    for place in itertools.product(range(-150, 181, 30), (-50, 0, 50)):
        true = SHLight(direct_light(*place))
        x = albedo * true.shade(normals)
        coarse = srgb_to_linear(levels(linear_to_srgb(x.clip(0, 1)), 255) / 255)
        pictures = {"noise": x + rng.normal(size=x.shape) * 0.005, "8 bits": coarse}
        for name, picture in pictures.items():
            fit = fit_light(picture, albedo, normals, cover > 0.99)
            off[name].append(degrees_between(fit, true))
    assert np.median(off["noise"]) < 1.5 and max(off["8 bits"]) < 1, off


def test_black_pictures_fit_a_black_light():
    normals, cover = ball_normals(32)
    ones = np.ones((32, 32, 3))
    np.testing.assert_allclose(fit_light(ones * 0, ones, normals, cover).coeffs, 0, atol=1e-6)
    prior = SHLight.preset("front")
    assert fit_light(ones * 0, ones, normals, cover, prior).peak < 0.2 * prior.peak


def test_header_of_an_exr_is_found(sky):
    attributes, at = exr_header(exr(sky))
    assert {"dataWindow", "displayWindow", "channels"} <= set(attributes) and at > 100
