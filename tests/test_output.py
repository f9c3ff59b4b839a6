"What comes back: a photo's alpha, depth, colours and metadata; maps where they belong; names that stay inside the folder."

import base64
import io
import json
import struct
import zlib
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from illures_nb import SHLight
from illures_nb.cli import Folders
from illures_nb.decompose import MAPS
from illures_nb.export import clear_maps, safe_name, write_maps, write_zip
from illures_nb.image import Metadata, read_image, read_linear, srgb_to_linear, write_image
from illures_nb.picture import Picture, settled_exif, settled_xmp

LIGHT = SHLight.preset("rembrandt_left")


@pytest.fixture
def illures(capsys, weights):
    "Run a command: exit code, standard output, standard error."
    from illures_nb.cli import main

    def run(*args):
        capsys.readouterr()
        try:
            code = main([*(str(a) for a in args), "--weights", str(weights)])
        except SystemExit as e:
            code = e.code
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def relit(decomposer, face):
    "A photo, from whatever it is read, with the astronaut's face in another light."

    def relight(source):
        (f,) = decomposer(source, faces=[face.photo.face])
        return f.relight(LIGHT.matched(f.light))

    return relight


@pytest.fixture(scope="session")
def small(astronaut):
    "A small photo with a face, PNG."
    return as_file(astronaut[:300, 80:400])


def outside(f):
    return np.isnan(f.to_frame("mask"))


@pytest.fixture(scope="module")
def alpha():
    "A cut-out's alpha: soft, none at the corners, some of the face's own pixels transparent."
    x = np.zeros((512, 512), np.uint8)
    cv2.ellipse(x, (225, 180), (150, 120), 0, 0, 360, 255, -1)
    return cv2.GaussianBlur(x, (0, 0), 4)


def as_file(x, kind="PNG", mode=None, **options):
    "The bytes of a picture."
    im = x if isinstance(x, Image.Image) else Image.fromarray(x)
    file = io.BytesIO()
    (im.convert(mode) if mode else im).save(file, kind, **options)
    return file.getvalue()


def png(x, *chunks, colour=None):
    "A PNG written byte by byte, of 8 or 16 bits."
    x = x.reshape(*x.shape[:2], -1)

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(
        ">IIBBBBB", x.shape[1], x.shape[0], 8 * x.itemsize, (0, 4, 2, 6)[x.shape[2] - 1], 0, 0, 0
    )
    rows = b"".join(b"\0" + r.astype(x.dtype.newbyteorder(">")).tobytes() for r in x)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        chunk(*c)
        for c in ((b"IHDR", head), *chunks, (b"IDAT", zlib.compress(rows, 1)), (b"IEND", b""))
    )


@cache
def p3():
    "A profile of Display P3, which Pillow cannot make: sRGB's with other primaries."
    icc = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    primaries = {
        b"rXYZ": (0.51512, 0.24120, -0.00105),
        b"gXYZ": (0.29198, 0.69225, 0.04189),
        b"bXYZ": (0.15710, 0.06657, 0.78407),
    }
    for i in range(struct.unpack_from(">I", icc, 128)[0]):
        sig, at, _ = struct.unpack_from(">4sII", icc, 132 + 12 * i)
        if sig in primaries:
            struct.pack_into(">3i", icc, at + 8, *(round(v * 65536) for v in primaries[sig]))
    return bytes(icc)


def exif(orientation=1, order="<", preview=b"\xff\xd8 the face as it was \xff\xd9"):
    "EXIF with a camera's own notes, the size of the picture and a preview, as cameras write it."
    notes, long, short = b"MakerNote with offsets", 4, 3

    def entry(tag, kind, count, value):
        room = struct.pack(
            order + ("HH" if kind == short else "I"), *((value, 0) if kind == short else (value,))
        )
        return struct.pack(order + "HHI", tag, kind, count) + room

    main, camera, small = 8, 8 + 2 + 24 + 4, 8 + 30 + 2 + 36 + 4
    heap = small + 2 + 24 + 4
    out = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", main)
    out += (
        struct.pack(order + "H", 2)
        + entry(274, short, 1, orientation)
        + entry(34665, long, 1, camera)
        + struct.pack(order + "I", small)
    )
    out += (
        struct.pack(order + "H", 3)
        + entry(37500, 7, len(notes), heap)
        + entry(40962, long, 1, 4000)
        + entry(40963, long, 1, 3000)
        + bytes(4)
    )
    out += (
        struct.pack(order + "H", 2)
        + entry(513, long, 1, heap + len(notes))
        + entry(514, long, 1, len(preview))
        + bytes(4)
    )
    return out + notes + preview


# ---- alpha


CUT_OUTS = {
    "PNG": lambda x: png(x),
    "PNG 16 bit": lambda x: png(np.uint16(x) * 257),
    "WebP": lambda x: as_file(x, "WEBP", lossless=True, exact=True),
    "TIFF": lambda x: as_file(x, "TIFF"),
    "TIFF 16 bit": lambda x: cv2.imencode(".tif", (np.uint16(x) * 257)[..., [2, 1, 0, 3]])[
        1
    ].tobytes(),
    "grey": lambda x: png(x[..., [0, 3]]),
    "grey 16 bit": lambda x: png(np.uint16(x[..., [0, 3]]) * 257),
    "array": lambda x: x,
    "16-bit array": lambda x: np.uint16(x) * 257,
    "Pillow": lambda x: Image.fromarray(x),
}


@pytest.mark.parametrize("kind", CUT_OUTS)
def test_a_cut_out_keeps_its_alpha_and_its_hidden_colours(kind, relit, astronaut, alpha, tmp_path):
    given = np.dstack([astronaut, alpha])
    if "grey" in kind:
        given = given[..., [0, 0, 0, 3]]
    source = CUT_OUTS[kind](given)
    if "16" in kind:
        given = np.uint16(given) * 257
    g = relit(source)
    picture = g.develop()
    picture.save(tmp_path / f"out{picture.suffix}")
    again = relit((tmp_path / f"out{picture.suffix}").read_bytes()).photo.original
    assert again.samples.dtype == given.dtype and again.grey == ("grey" in kind)
    assert np.array_equal(again.alpha, given[..., 3])
    untouched = outside(g) | (alpha == 0)
    assert np.array_equal(again.samples[untouched], given[untouched])
    assert (again.samples[~untouched] != given[~untouched]).any(-1).mean() > 0.8


def test_clear_palettes_and_clear_colours_come_back_with_alpha(relit, astronaut):
    palette = Image.fromarray(astronaut).quantize(200)
    palette.info["transparency"] = palette.getpixel((0, 0))
    for source in (
        as_file(palette),
        png(astronaut, (b"tRNS", struct.pack(">3H", *astronaut[0, 0]))),
    ):
        was, g = np.asarray(Image.open(io.BytesIO(source)).convert("RGBA")), relit(source)
        picture, still = g.develop(), outside(g)
        assert (was[..., 3] == 0).any() and np.array_equal(picture.samples[still], was[still])
        assert np.array_equal(picture.alpha, was[..., 3])


def test_a_jpeg_of_a_cut_out_is_on_white(relit, astronaut, alpha, tmp_path):
    relit(np.dstack([astronaut, alpha])).develop().save(tmp_path / "o.jpg")
    assert (np.asarray(Image.open(tmp_path / "o.jpg"))[400:, 400:] > 250).all()


# ---- 16 bits, floats


def test_16_bits_come_back_with_all_their_levels(relit, astronaut, tmp_path):
    deep = np.round(cv2.GaussianBlur(astronaut.astype(np.float32), (0, 0), 3) * 257).astype(
        np.uint16
    )
    for suffix, source in (
        (".png", png(deep)),
        (".tif", cv2.imencode(".tif", deep[..., ::-1])[1].tobytes()),
    ):
        g = relit(source)
        picture, still = g.develop(), outside(g)
        assert picture.suffix == suffix
        picture.save(tmp_path / f"o{suffix}")
        x = cv2.imread(str(tmp_path / f"o{suffix}"), cv2.IMREAD_UNCHANGED)[..., ::-1]
        assert x.dtype == np.uint16 and np.array_equal(x[still], deep[still])
        assert len(np.unique(x[~still])) > 0.9 * len(np.unique(deep[~still])) > 10_000
        assert abs(x / 257 - g.composite()).max() < 2  # the same picture as in 8 bits


def test_16_bit_greys_stay_grey_until_light_has_a_colour(decomposer, face, astronaut, tmp_path):
    grey = np.uint16(cv2.cvtColor(astronaut, cv2.COLOR_RGB2GRAY)) * 257
    (f,) = decomposer(png(grey), faces=[face.photo.face])
    for light, mode in (
        (SHLight.from_direction(-40, 20), "I;16"),
        (SHLight.preset("golden_hour"), None),
    ):
        f.relight(light).develop().save(tmp_path / "o.png")
        x = cv2.imread(str(tmp_path / "o.png"), cv2.IMREAD_UNCHANGED)
        assert x.dtype == np.uint16 and (x.ndim == 2) == (mode == "I;16")


def test_floats_keep_what_is_brighter_than_white(relit, astronaut, alpha, tmp_path):
    light = srgb_to_linear(astronaut / 255).astype(np.float32)
    light[-40:] *= 20
    for x in (
        light,
        np.dstack([light * (alpha[..., None] / np.float32(255)), alpha / np.float32(255)]),
    ):
        write_image(tmp_path / "in.exr", x)
        g = relit(tmp_path / "in.exr")
        picture, still = g.develop(), outside(g)
        assert picture.suffix == ".exr"
        picture.save(tmp_path / "o.exr")
        y = relit(tmp_path / "o.exr").photo.original.samples
        assert np.array_equal(y[still], x[still]) and (y[~still] != x[~still]).any(-1).mean() > 0.5
        assert y[-40:].max() > 2 or x.shape[2] == 4
    picture.save(
        tmp_path / "o.png"
    )  # and as a picture for the screen: 16 bits, alpha apart from colour
    png16 = cv2.imread(str(tmp_path / "o.png"), cv2.IMREAD_UNCHANGED)
    assert png16.dtype == np.uint16 and png16.shape[2] == 4


# ---- colours


def test_a_wide_photo_keeps_its_profile_and_its_gamut(relit, astronaut, tmp_path):
    wide = astronaut.copy()
    wide[450:500, 50:100] = 0, 255, 0  # a green that sRGB lacks
    for bits, source in (
        (8, as_file(wide, icc_profile=p3())),
        (16, png(np.uint16(wide) * 257, (b"iCCP", b"p3\0\0" + zlib.compress(p3())))),
    ):
        given = wide if bits == 8 else np.uint16(wide) * 257
        g = relit(source)
        picture, still = g.develop(), outside(g)
        assert picture.samples.dtype == given.dtype and np.array_equal(
            picture.samples[still], given[still]
        )
        picture.save(tmp_path / "o.png")
        assert Image.open(tmp_path / "o.png").info["icc_profile"] == p3()
        shown = read_image(
            tmp_path / "o.png"
        )  # through the profile: what the composite in sRGB shows
        assert np.median(abs(shown - g.composite() / 255)[~still]) < 1 / 255
        assert abs(shown - g.composite() / 255)[~still].max() < 0.05
    assert np.array_equal(relit(source).photo.original.samples, given)


def test_own_light_gives_back_every_sample(decomposer, face, astronaut):
    deep = np.uint16(astronaut) * 257 + np.arange(512, dtype=np.uint16)[:, None] % 257
    for source in (
        png(astronaut),
        as_file(astronaut, icc_profile=p3()),
        png(deep),
        png(deep, (b"iCCP", b"p3\0\0" + zlib.compress(p3()))),
    ):
        (f,) = decomposer(source, faces=[face.photo.face])
        assert np.array_equal(f.develop().samples, f.photo.original.samples)
        assert f.photo.original.samples.dtype == (
            np.uint16 if len(np.unique(f.photo.original.samples)) > 256 else np.uint8
        )


def test_an_srgb_profile_stays_and_others_are_converted(relit, astronaut):
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = relit(as_file(astronaut, icc_profile=srgb)).develop()
    assert picture.about.icc == srgb and picture.colours is None
    cmyk = relit(as_file(astronaut, "JPEG", "CMYK", quality=95, icc_profile=b"x" * 200)).develop()
    assert cmyk.about.icc is None and cmyk.samples.shape == (512, 512, 3)


def test_a_gamma_of_ones_own_is_kept_where_it_can_be_said(relit, astronaut, tmp_path):
    linear = np.round(srgb_to_linear(astronaut / 255) * 65535).astype(np.uint16)
    g = relit(png(linear, (b"gAMA", struct.pack(">I", 100000))))
    picture, still = g.develop(), outside(g)
    picture.save(tmp_path / "o.png")
    assert Image.open(tmp_path / "o.png").info["gamma"] == 1 and np.array_equal(
        picture.samples[still], linear[still]
    )
    picture.save(tmp_path / "o.tif")
    assert abs(read_image(tmp_path / "o.tif")[still] - astronaut[still] / 255).max() < 2 / 255


# ---- metadata


@pytest.mark.parametrize("order", ["<", ">"])
def test_exif_is_settled_and_else_untouched(order):
    was = exif(6, order)
    now = settled_exif(was, (300, 400))
    assert (
        b"the face as it was" in was
        and b"the face as it was" not in now
        and b"MakerNote with offsets" in now
    )
    read = Image.Exif()
    read.load(b"Exif\0\0" + now)
    camera = read.get_ifd(34665)
    assert read[274] == 1 and (camera[40962], camera[40963]) == (300, 400)
    at = now.index(b"MakerNote")
    assert was.index(b"MakerNote") == at and len([1 for a, b in zip(was, now) if a != b]) < 60
    assert settled_exif(b"Exif nonsense", (1, 1)) is None and settled_exif(was[:40], (1, 1)) is None


def test_xmp_is_settled():
    xmp = b'<x tiff:Orientation="6" exif:PixelXDimension="4000"><dc:rights>me</dc:rights><xmp:Thumbnails><a>/9j</a></xmp:Thumbnails><tiff:ImageLength>7</tiff:ImageLength></x>'
    assert (
        settled_xmp(xmp, (30, 40))
        == b'<x tiff:Orientation="1" exif:PixelXDimension="30"><dc:rights>me</dc:rights><tiff:ImageLength>40</tiff:ImageLength></x>'
    )
    assert (
        settled_xmp(b'<x hdrgm:Version="1.0"/>', (1, 1)) is None
    )  # the gain map does not come back


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_what_is_said_beside_the_pixels_comes_back(kind, relit, astronaut, tmp_path):
    tags, srgb = Image.Exif(), ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    tags[271], tags[33432], tags[306] = "Acme", "(c) me", "2024:05:06 07:08:09"
    tags.get_ifd(34665)[36867] = "2024:05:06 07:08:09"
    tags.get_ifd(34853)[1] = "N"
    if kind != "TIFF":
        tags[274] = 6
    turned = np.ascontiguousarray(np.rot90(astronaut)) if kind != "TIFF" else astronaut
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><dc:title>Eileen</dc:title></x:xmpmeta>'
    options = {
        "JPEG": {
            "comment": b"hello",
            "extra": b"\xff\xed"
            + struct.pack(">H", 34)
            + b"Photoshop 3.0\0"
            + struct.pack(">4sHHI", b"8BIM", 0x0404, 0, 6)
            + b"\x1c\2\5\0\1x",
        },
        "PNG": {},
        "WEBP": {"lossless": True, "xmp": xmp},
        "TIFF": {},
    }[kind]
    if kind != "WEBP":
        options["dpi"] = (300, 300)
    if kind != "TIFF":
        source = as_file(turned, kind, exif=tags, icc_profile=srgb, **options)
    else:  # Pillow leaves the camera's settings out
        write_image(
            tmp_path / "in.tif",
            turned,
            about=Metadata(exif=tags.tobytes()[6:], icc=srgb, dpi=(300, 300)),
        )
        source = tmp_path / "in.tif"
    picture = relit(source).develop()
    assert picture.orientation == (6 if kind != "TIFF" else 1)
    for suffix in (picture.suffix, ".png", ".jpg", ".tif", ".webp"):
        picture.save(tmp_path / f"o{suffix}")
        with Image.open(tmp_path / f"o{suffix}") as im:
            im.load()
            back = im.getexif()
            assert im.size == (512, 512) and back.get(274, 1) == 1, suffix
            assert (back[271], back[33432], back[306]) == (
                "Acme",
                "(c) me",
                "2024:05:06 07:08:09",
            ), suffix
            assert (
                back.get_ifd(34665)[36867] == "2024:05:06 07:08:09"
                and back.get_ifd(34853)[1] == "N"
            ), suffix
            assert im.info["icc_profile"] == srgb
            if kind != "WEBP" and suffix != ".webp":
                assert [round(v) for v in im.info["dpi"]] == [300, 300], suffix
            if kind == "WEBP":
                assert xmp in (
                    im.info.get("xmp")
                    or im.info.get("XML:com.adobe.xmp", "").encode()
                    or im.tag_v2[700]
                ), suffix
            if kind == "JPEG" and suffix == ".jpg":
                assert (
                    im.info["comment"] == b"hello"
                    and im.info["photoshop"][0x0404] == b"\x1c\2\5\0\1x"
                )
            if suffix == ".jpg":
                assert (
                    max(im.quantization[0]) < 20 and [c[1:3] for c in im.layer] == [(1, 1)] * 3
                )  # quality 95, full colour


def test_texts_in_a_png_come_back(relit, astronaut, tmp_path):
    source = png(
        astronaut, (b"tEXt", b"Author\0me"), (b"pHYs", struct.pack(">2IB", 11811, 11811, 1))
    )
    relit(source).develop().save(tmp_path / "o.png")
    with Image.open(tmp_path / "o.png") as im:
        assert im.text["Author"] == "me" and round(im.info["dpi"][0]) == 300


def test_print_size_turns_with_the_photo(relit, astronaut):
    tags = Image.Exif()
    tags[274] = 8
    source = as_file(
        np.ascontiguousarray(np.rot90(astronaut, -1)), "JPEG", dpi=(300, 150), exif=tags
    )
    assert relit(source).develop().about.dpi == (150, 300)


def test_long_metadata_does_not_keep_a_picture_from_being_written(tmp_path):
    about = Metadata(
        exif=exif()[:8] + bytes(70000), xmp=b"x" * 70000, icc=b"i" * 200000, iptc=b"y" * 70000
    )
    for suffix in (".jpg", ".png", ".webp"):
        write_image(tmp_path / f"o{suffix}", np.zeros((4, 4, 3), np.uint8), about=about)
    assert (
        Image.open(tmp_path / "o.jpg").info["icc_profile"] == about.icc
        and "exif" not in Image.open(tmp_path / "o.jpg").info
    )


def test_a_decal_may_be_any_picture_with_alpha(face, alpha, tmp_path):
    from illures_nb.edit import decal

    rose = np.dstack(
        [np.full((512, 512), 200, np.uint8), np.full((512, 512, 2), 30, np.uint8), alpha]
    )
    share = alpha[..., None] / np.float32(255)
    write_image(
        tmp_path / "d.exr",
        np.dstack([srgb_to_linear(rose[..., :3] / np.float32(255)) * share, share]),
    )
    write_image(tmp_path / "d.tif", np.uint16(rose) * 257, bits=16)
    wanted = decal(face, rose)
    for source in (
        tmp_path / "d.exr",
        tmp_path / "d.tif",
        as_file(rose, "WEBP", lossless=True, exact=True),
        Image.fromarray(rose),
    ):
        found = cv2.imdecode(
            np.frombuffer(base64.b64decode(decal(face, source).png.split(",")[1]), np.uint8), -1
        ).astype(int)
        expected = cv2.imdecode(
            np.frombuffer(base64.b64decode(wanted.png.split(",")[1]), np.uint8), -1
        )
        assert (
            abs(found - expected)[expected[..., 3] > 20].max() <= 3
            and abs(found - expected)[..., 3].max() <= 1
        )


def test_paths_of_every_command_are_expanded(tmp_path):
    from illures_nb.cli import parser

    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    both = [tmp_path / "a", tmp_path / "b"]
    for line, where in (
        (("evaluate", "synthetic", f"{tmp_path}/*"), "folders"),
        (("assets", "check", f"{tmp_path}/?"), "paths"),
        (("train", "stage1b", "--out", "o", "--data", f"{tmp_path}/[ab]"), "data"),
        (("assets", "import", "--envs", f"{tmp_path}/*"), "envs"),
    ):
        assert getattr(parser().parse_args(line), where) == both


# ---- several faces, and the ordinary photo


def test_an_ordinary_photo_develops_into_its_composite(relit, astronaut):
    for source in (
        png(astronaut),
        as_file(astronaut, "JPEG", quality=95),
        astronaut,
        Image.fromarray(astronaut),
    ):
        g = relit(source)
        assert (
            np.array_equal(g.develop().samples, g.composite()) and g.composite().dtype == np.uint8
        )


def test_faces_of_one_photo_follow_each_other(decomposer, two_faces, tmp_path):
    cut = np.dstack([two_faces, np.full(two_faces.shape[:2], 200, np.uint8)])
    big, small = (f.relight(LIGHT) for f in decomposer(cut))
    both = small.develop(big.develop())
    assert np.array_equal(both.samples[:, 288:], big.develop().samples[:, 288:]) and np.array_equal(
        both.samples[:, :288], small.develop().samples[:, :288]
    )
    with pytest.raises(ValueError):
        big.develop(Picture(two_faces[:100]))


def test_the_photo_may_be_gone_when_the_picture_is_saved(relit, astronaut, alpha, tmp_path):
    (tmp_path / "in.png").write_bytes(png(np.dstack([astronaut, alpha])))
    g = relit(tmp_path / "in.png")
    (tmp_path / "in.png").unlink()
    assert np.array_equal(g.develop().alpha, alpha)


@pytest.mark.parametrize(
    "name, kind, suffix",
    [
        ("a.JPG", "JPEG", ".JPG"),
        ("a.png", "JPEG", ".jpg"),
        ("a.tiff", "TIFF", ".tiff"),
        ("a.webp", "WEBP", ".webp"),
        ("a.bmp", "BMP", ".png"),
    ],
)
def test_a_photo_keeps_its_kind_in_a_folder(name, kind, suffix, illures, astronaut, tmp_path):
    (tmp_path / name).write_bytes(as_file(astronaut, kind))
    code, out, err = illures(
        "relight", tmp_path / name, "--light", "front", "--out", tmp_path / "relit"
    )
    assert (
        code == 0 and [p.name for p in (tmp_path / "relit").iterdir()] == [f"a{suffix}"] and not err
    )
    assert Image.open(tmp_path / f"relit/a{suffix}").size == (512, 512)


# ---- maps as other programs want them


def test_maps_lie_on_the_photo(illures, face, astronaut_path, tmp_path):
    code, _, err = illures(
        "decompose",
        astronaut_path,
        "--out",
        tmp_path,
        "--frame",
        "--exr",
        "--maps",
        "albedo,normals,mask",
    )
    place = tmp_path / "astronaut/photo"
    assert (
        code == 0
        and not err
        and {p.name for p in place.iterdir()}
        == {f"{n}{s}" for n in ("albedo", "normals", "mask") for s in (".png", ".exr")}
    )
    for name in ("albedo", "normals"):
        exr, wanted = read_linear(place / f"{name}.exr"), face.to_frame(name)
        assert exr.shape == (512, 512, 3) and np.array_equal(np.isnan(exr), np.isnan(wanted))
        assert np.nanmax(abs(exr - wanted)) < 0.05 and np.nanmedian(abs(exr - wanted)) < 1e-3
        png16 = cv2.imread(str(place / f"{name}.png"), cv2.IMREAD_UNCHANGED)
        assert png16.dtype == np.uint16 and np.array_equal(
            png16[..., 3] == 0, np.isnan(wanted[..., 0])
        )
    mask = read_linear(place / "mask.exr")[..., 0]
    assert not np.isnan(mask).any() and np.array_equal(mask == 0, np.isnan(face.to_frame("mask")))


def test_only_the_maps_that_are_asked_for(illures, astronaut_path, tmp_path):
    assert (
        illures("decompose", astronaut_path, "--out", tmp_path, "--maps", "albedo, normals")[0] == 0
    )
    assert {p.name for p in (tmp_path / "astronaut").iterdir()} == {
        "albedo.png",
        "normals.png",
        "light.json",
        "face.json",
        "about.txt",
        "sheet.png",
    }
    code, out, err = illures(
        "decompose", astronaut_path, "--out", tmp_path, "--maps", "albedo,depth"
    )
    assert code == 2 and "'depth'" in err and "albedo, normals" in err and not out


def test_directx_turns_green_round(illures, face, astronaut_path, tmp_path):
    for kind in ("opengl", "directx"):
        assert (
            illures(
                "decompose",
                astronaut_path,
                "--out",
                tmp_path / kind,
                "--exr",
                "--frame",
                "--normals",
                kind,
            )[0]
            == 0
        )
    for name in ("normals", "photo/normals"):
        gl, dx = (
            read_linear(tmp_path / f"{kind}/astronaut/{name}.exr") for kind in ("opengl", "directx")
        )
        assert np.array_equal(dx, gl * [1, -1, 1], equal_nan=True)
        gl, dx = (
            cv2.imread(str(tmp_path / f"{kind}/astronaut/{name}.png"), cv2.IMREAD_UNCHANGED).astype(
                int
            )
            for kind in ("opengl", "directx")
        )
        seen = gl[..., 3] > 0 if gl.shape[2] == 4 else np.ones(gl.shape[:2], bool)
        assert abs(gl[..., 1] + dx[..., 1] - 65535)[seen].max() <= 1 and np.array_equal(
            gl[..., [0, 2]], dx[..., [0, 2]]
        )
    records = [
        json.loads((tmp_path / f"{kind}/astronaut/face.json").read_text())
        for kind in ("opengl", "directx")
    ]
    assert [r["normals"]["convention"] for r in records] == [
        "opengl",
        "directx",
    ] and "y down" in records[1]["normals"]["axes"]
    assert (
        "y (green) down" in (tmp_path / "directx/astronaut/about.txt").read_text()
        and "y (green) up" in (tmp_path / "opengl/astronaut/about.txt").read_text()
    )
    assert (tmp_path / "opengl/astronaut/light.json").read_bytes() == (
        tmp_path / "directx/astronaut/light.json"
    ).read_bytes()


def test_the_way_between_photo_and_maps_is_told(illures, face, astronaut, tmp_path):
    tags = Image.Exif()
    tags[274] = 6
    (tmp_path / "me.png").write_bytes(as_file(np.ascontiguousarray(np.rot90(astronaut)), exif=tags))
    assert illures("decompose", tmp_path / "me.png", "--out", tmp_path / "o")[0] == 0
    told = json.loads((tmp_path / "o/me/face.json").read_text())
    assert (
        told["photo"]["file"] == "me.png"
        and (told["photo"]["width"], told["photo"]["height"]) == (512, 512)
        and told["photo"]["exif_orientation"] == 6
    )
    there, back = np.array(told["crop"]["from_photo"]), np.array(told["crop"]["to_photo"])
    assert (
        np.allclose(there, face.photo.transform, atol=1e-6)
        and np.allclose(there[:, :2] @ back[:, :2], np.eye(2))
        and np.allclose(there @ [*back[:, 2], 1], 0)
    )
    assert (
        np.allclose(told["face"]["landmarks"], face.photo.face.landmarks)
        and np.allclose(told["face"]["box"], face.photo.face.box)
        and 0 < told["face"]["score"] <= 1
    )
    picture = read_image(
        tmp_path / "me.png"
    )  # what the file's own crop shows is what the transform cuts out of the upright photo
    cut = cv2.warpAffine(picture, there, (128, 128), flags=cv2.INTER_AREA)
    assert abs(cut - face.photo.crop).mean() < 0.05
    fine = np.array(told["albedo_512"]["from_photo"])
    assert np.allclose(fine[:, :2], 4 * there[:, :2]) and told["albedo_512"]["width"] == 512


@pytest.mark.parametrize(
    "what", ["sRGB", "Rec. 709", "x to the picture's right", "green", "NaN", "linear"]
)
def test_axes_and_colours_are_said(what, illures, astronaut_path, tmp_path, capsys):
    assert what in illures("decompose", "--help")[1]
    if not what == "x to the picture's right":
        return
    illures("decompose", astronaut_path, "--out", tmp_path)
    text = (tmp_path / "astronaut/about.txt").read_text()
    assert all(
        word in text
        for word in (
            "sRGB",
            "x to the picture's right",
            "green",
            "linear",
            "face.json",
            "(n + 1)/2",
        )
    )


def test_the_zip_holds_photo_sized_maps_and_the_fine_albedo(face, astronaut, tmp_path):
    from zipfile import ZipFile

    write_zip(tmp_path / "all.zip", face.relight(LIGHT), file="me.png")
    with ZipFile(tmp_path / "all.zip") as z:
        names = set(z.namelist())
        assert {
            f"{place}/{n}.{s}" for place in ("maps", "photo") for n in MAPS for s in ("png", "exr")
        } <= names
        assert {
            "relit.png",
            "face.json",
            "light.json",
            "README.txt",
            "relief.glb",
            "maps/albedo-512.png",
        } <= names
        assert Image.open(io.BytesIO(z.read("maps/albedo-512.png"))).size == (512, 512)
        assert Image.open(io.BytesIO(z.read("photo/normals.png"))).size == (512, 512)
        told = json.loads(z.read("face.json"))
        assert told["photo"]["file"] == "me.png" and np.allclose(
            told["albedo_512"]["from_photo"],
            np.array(told["crop"]["from_photo"]) * 4 + [[0, 0, 1.5]] * 2,
        )
        readme = z.read("README.txt").decode()
        assert all(name in readme for name in names)


def test_the_zip_keeps_what_the_photo_brought(relit, astronaut, alpha, tmp_path):
    from zipfile import ZipFile

    g = relit(png(np.dstack([np.uint16(astronaut) * 257, np.uint16(alpha) * 257])))
    write_zip(tmp_path / "all.zip", g, picture=g.develop(), frame=False)
    with ZipFile(tmp_path / "all.zip") as z:
        x = cv2.imdecode(np.frombuffer(z.read("relit.png"), np.uint8), cv2.IMREAD_UNCHANGED)
    assert x.dtype == np.uint16 and np.array_equal(x[..., 3], np.uint16(alpha) * 257)


# ---- nothing of an earlier run


def test_nothing_of_an_earlier_run_stays_in_a_folder(illures, astronaut_path, tmp_path):
    assert illures("decompose", astronaut_path, "--out", tmp_path, "--exr", "--frame")[0] == 0
    folder = tmp_path / "astronaut"
    (folder / "notes.txt").write_text("mine")
    (folder / "photo/albedo-retouched.png").write_bytes(b"mine too")
    (folder / ".albedo.png.0123456789ab.part").write_bytes(b"of a run that was killed")
    code, out, _ = illures("decompose", astronaut_path, "--out", tmp_path, "--maps", "albedo")
    assert code == 0 and out.strip() == f"{folder} (replaced)"
    left = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert left == {
        "albedo.png",
        "light.json",
        "face.json",
        "about.txt",
        "sheet.png",
        "notes.txt",
        "photo/albedo-retouched.png",
    }


def test_fewer_faces_leave_no_second_face(illures, two_faces, astronaut, tmp_path):
    photo, out = tmp_path / "p.png", tmp_path / "out"
    Image.fromarray(two_faces).save(photo)
    assert illures("decompose", photo, "--out", out)[0] == 0
    (out / "p-face9").mkdir()
    (out / "p-face9/albedo.png").write_bytes(b"not by us: no face.json beside it")
    Image.fromarray(astronaut).save(photo)
    code, said, _ = illures("decompose", photo, "--out", out)
    assert (
        code == 0
        and sorted(p.name for p in out.iterdir()) == ["p", "p-face9"]
        and f"{out / 'p-face2'} (removed" in said
    )
    Image.fromarray(two_faces).save(photo)  # and the other way round
    assert illures("decompose", photo, "--out", out)[0] == 0
    assert sorted(p.name for p in out.iterdir()) == ["p-face1", "p-face2", "p-face9"]


def test_faces_asked_for_one_after_the_other_both_stay(illures, two_faces, astronaut, tmp_path):
    photo, out = tmp_path / "p.png", tmp_path / "out"
    Image.fromarray(two_faces).save(photo)
    for n in (1, 2):
        assert illures("decompose", photo, "--out", out, "--face", n)[0] == 0
    assert sorted(p.name for p in out.iterdir()) == ["p-face1", "p-face2"]
    Image.fromarray(two_faces[:, ::-1]).save(
        photo
    )  # another photo of that name: its second face was not asked for
    assert illures("decompose", photo, "--out", out, "--face", 1)[0] == 0
    assert [p.name for p in out.iterdir()] == ["p-face1"]


def test_two_photos_of_one_name_keep_their_maps(illures, two_faces, astronaut, tmp_path):
    for place, x in (("a", two_faces), ("b", astronaut)):
        (tmp_path / place).mkdir()
        Image.fromarray(x).save(tmp_path / place / "p.png")
    code, out, _ = illures(
        "decompose", tmp_path / "a/p.png", tmp_path / "b/p.png", "--out", tmp_path / "out"
    )
    assert (
        code == 0
        and sorted(p.name for p in (tmp_path / "out").iterdir()) == ["p", "p-face1", "p-face2"]
        and "removed" not in out
    )


def test_clearing_touches_no_strangers(tmp_path):
    (tmp_path / "photo").mkdir()
    for name in ("albedo.png", "photo/mask.exr", "depth.exr", "photo/mine.exr", "face.json"):
        (tmp_path / name).write_bytes(b"x")
    clear_maps(tmp_path)
    assert {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()} == {
        "depth.exr",
        "photo/mine.exr",
    }
    clear_maps(tmp_path / "not there")


def test_a_folder_that_cannot_be_written_is_one_sentence(face, tmp_path):
    (tmp_path / "a_file").write_bytes(b"x")
    with pytest.raises(OSError) as e:
        write_maps(tmp_path / "a_file", face)
    assert "a_file" in str(e.value) and "\n" not in str(e.value)


# ---- names, patterns, folders


ODD = [
    "...jpg",
    "..png",
    "....png",
    ".hidden.png",
    "CON.png",
    "nul.tar.png",
    "com1.png",
    "a\\..\\..\\b.png",
    "ends with dot..png",
    "ends with space .png",
    " .png",
    'q?*:<>|".png',
    "new\nline.png",
    "x" * 240 + ".png",
    "小さい名前.png",
    "é.png",
    "-rf.png",
    "~.png",
    "%2e%2e%2f.png",
    "é" * 100 + ".png",
]


def test_no_name_leads_out_of_the_folder(tmp_path):
    folders = Folders(tmp_path)
    made = [folder for name in ODD for folder in folders(name, [1], False)]
    assert all(folder.parent == tmp_path for folder in made) and len(
        {folder.name.casefold() for folder in made}
    ) == len(ODD)
    for name in (folder.name for folder in made):
        assert (
            not set(name) & set('/\\<>:"|?*\n')
            and name == name.strip(" .")
            and len(name.encode()) < 240
        )
        assert name.split(".")[0].upper() not in ("CON", "NUL", "COM1")


@pytest.mark.parametrize("command", ["decompose", "relight"])
def test_photos_of_odd_names_are_written_into_the_folder(command, illures, small, tmp_path):
    (tmp_path / "in").mkdir()
    names = ["...jpg", "CON.png", "x" * 240 + ".png", "a\\..\\b.png"]
    for name in names:
        (tmp_path / "in" / name).write_bytes(small)
    light = ["--light", "front"] if command == "relight" else ["--maps", "mask"]
    code, _, err = illures(
        command,
        *(f"{tmp_path}/in/{name}" for name in names),
        *light,
        "--out",
        tmp_path / "deep/out",
    )
    assert code == 0, err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["deep", "in"] and [
        p.name for p in (tmp_path / "deep").iterdir()
    ] == ["out"]
    assert (
        len(list((tmp_path / "deep/out").iterdir())) == 4 == len(list((tmp_path / "in").iterdir()))
    )


def test_names_that_differ_in_case_only_get_two_folders(illures, small, tmp_path):
    for name in ("A.png", "a.png", "a.jpg"):
        (tmp_path / name).write_bytes(small)
    for command in (["decompose", "--maps", "mask"], ["relight", "--light", "front"]):
        out = tmp_path / command[0]
        assert (
            illures(*command, *(tmp_path / n for n in ("A.png", "a.png", "a.jpg")), "--out", out)[0]
            == 0
        )
        assert len({p.name.casefold() for p in out.iterdir()}) == 3


def test_safe_names_stay_readable():
    wanted = {
        "Grace Hopper.jpg": "Grace Hopper",
        "shot.0001.png": "shot.0001",
        "Zoë 李 (2).JPG": "Zoë 李 (2)",
        "नमस्ते.png": "नमस्ते",
        "CON.png": "_CON",
        "...jpg": "face",
        "a/b/c.png": "c",
    }
    assert {text: safe_name(text) for text in wanted} == wanted


def test_patterns_are_expanded_and_real_names_come_first(illures, small, tmp_path):
    for name in ("b.png", "a.png", "c[1].png", "notes.txt"):
        (tmp_path / name).write_bytes(small if name.endswith("png") else b"Dear Sir,")
    code, out, err = illures(
        "decompose",
        f"{tmp_path}/?.png",
        f"{tmp_path}/c[1].png",
        tmp_path / "a.png",
        "--out",
        tmp_path / "o",
        "--maps",
        "mask",
    )
    assert code == 0 and [Path(line).name for line in out.split("\n")[:-1]] == ["a", "b", "c_1_"]
    code, out, err = illures("decompose", f"{tmp_path}/*.gif", "--out", tmp_path / "o")
    assert code == 1 and "*.gif does not exist" in err and not out


def test_a_folder_stands_for_its_pictures(illures, small, tmp_path):
    place, data = tmp_path / "in", small
    for name in ("b.png", "A.PNG", "sub/c.jpg", "no_suffix", ".hidden.png", "sub/.git/d.png"):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(data)
    for name in ("notes.txt", "Thumbs.db", "film.mp4"):
        (place / name).write_bytes(b"no picture")
    for _ in range(2):  # the second time, what the first one wrote is not taken for photos
        code, out, err = illures("decompose", place, "--out", place / "maps", "--maps", "mask")
        assert code == 0 and sorted(p.name for p in (place / "maps").iterdir()) == [
            "A",
            "b",
            "c",
            "no_suffix",
        ], err
        assert [Path(line.split(" (")[0]).name for line in out.split("\n")[:-1]] == [
            "A",
            "b",
            "no_suffix",
            "c",
        ]
    code, out, err = illures("relight", place, "--light", "front", "--out", tmp_path / "relit")
    assert code == 0 and sorted(p.name for p in (tmp_path / "relit").iterdir()) == [
        "A.PNG",
        "b.png",
        "c.png",
        "no_suffix.png",
    ]


def test_a_damaged_picture_in_a_folder_is_said_at_the_end(illures, small, tmp_path):
    (tmp_path / "in").mkdir()
    for name, data in (
        ("a.png", small),
        ("damaged.jpg", b"\xff\xd8\xff\xe0"),
        ("notes.txt", b"Dear Sir,"),
    ):
        (tmp_path / "in" / name).write_bytes(data)
    code, out, err = illures(
        "relight", tmp_path / "in", "--light", "front", "--out", tmp_path / "out"
    )
    assert (
        code == 1
        and "1 of 2 photos failed" in err
        and "damaged.jpg" in err
        and out.strip() == str(tmp_path / "out/a.png")
    )


def test_a_folder_without_pictures_is_one_sentence(illures, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/notes.txt").write_text("Dear Sir,")
    for args in (("decompose",), ("relight", "--light", "front")):
        code, out, err = illures(*args, tmp_path / "in", "--out", tmp_path / "out")
        assert (
            code == 1
            and err.count("\n") == 1
            and f"{tmp_path / 'in'} is a folder without pictures" in err
            and not out
        )


def test_relighting_several_photos_goes_on_and_says_what_failed(
    illures, astronaut_path, wall, tmp_path
):
    Image.fromarray(wall).save(tmp_path / "wall.png")
    (tmp_path / "letter.jpg").write_bytes(b"Dear Sir,")
    code, out, err = illures(
        "relight",
        tmp_path / "letter.jpg",
        astronaut_path,
        tmp_path / "wall.png",
        "--reference",
        astronaut_path,
        "--out",
        tmp_path / "relit",
    )
    assert (
        code == 1
        and out.strip() == str(tmp_path / "relit/astronaut.png")
        and "2 of 3 photos failed" in err
        and "wall.png" in err
        and "letter.jpg" in err
    )
    assert (
        abs(
            np.asarray(Image.open(tmp_path / "relit/astronaut.png")).astype(int)
            - np.asarray(Image.open(astronaut_path))
        ).max()
        <= 2
    )


@pytest.mark.parametrize("out", ["o.png", "", "gone/deeper/o.png"])
def test_relighting_several_photos_needs_a_folder_of_its_own(
    out, illures, astronaut_path, tmp_path
):
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(astronaut_path.read_bytes())
    code, said, err = illures(
        "relight",
        tmp_path / "a.png",
        tmp_path / "b.png",
        "--light",
        "front",
        "--out",
        tmp_path / out,
    )
    assert code == 2 and err.count("\n") == 1 and "--out" in err and not said
    assert (
        sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "b.png"]
        and (tmp_path / "a.png").read_bytes() == astronaut_path.read_bytes()
    )


def test_a_picture_goes_into_a_file_of_any_kind(illures, face, astronaut_path, tmp_path):
    picture = face.relight(LIGHT).develop()
    for suffix in (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".exr"):
        picture.save(tmp_path / f"o{suffix}")
        assert abs(read_image(tmp_path / f"o{suffix}") - picture.samples / 255).mean() < (
            0.01 if ".j" in suffix else 1e-3
        )
    with pytest.raises(ValueError) as e:
        picture.save(tmp_path / "o.gif")
    assert "o.gif" in str(e.value)
    assert (
        illures("relight", astronaut_path, "--light", "front", "--out", tmp_path / "cli.tiff")[0]
        == 0
    )
    assert Image.open(tmp_path / "cli.tiff").size == (512, 512)
