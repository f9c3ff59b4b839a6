"""What comes back: a photo's alpha, depth, colours and metadata; maps where they belong; names that
stay inside the folder."""

import base64
import io
import itertools
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
    return f.to_frame("matte") == 0


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
    h, w, n = x.shape

    def chunk(kind, data):
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    colours = (0, 4, 2, 6)[n - 1]
    head = struct.pack(">IIBBBBB", w, h, 8 * x.itemsize, colours, 0, 0, 0)
    rows = b"".join(b"\0" + r.astype(x.dtype.newbyteorder(">")).tobytes() for r in x)
    packed = zlib.compress(rows, 1)
    parts = [(b"IHDR", head), *chunks, (b"IDAT", packed), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def icc_chunk():
    "The chunk that gives a PNG the profile of Display P3."
    return b"iCCP", b"p3\0\0" + zlib.compress(p3())


@cache
def srgb_profile():
    "The bytes of sRGB's profile, made once: it holds the time when it was made."
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def tiff_by_opencv(x):
    "RGB or RGBA as the bytes of a TIFF."
    order = [2, 1, 0, 3][: x.shape[2]]
    return cv2.imencode(".tif", x[..., order])[1].tobytes()


def stored(path):
    "The numbers of a file as OpenCV finds them, RGB(A)."
    x = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if x.ndim == 2:
        return x
    return x[..., [2, 1, 0, 3][: x.shape[2]]]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def files_below(folder):
    "Relative paths of all files."
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def told_names(out):
    "Names of the files and folders that a command printed, in its order."
    return [Path(line.split(" (")[0]).name for line in out.splitlines()]


@cache
def p3():
    "A profile of Display P3, which Pillow cannot make: sRGB's with other primaries."
    icc = bytearray(srgb_profile())
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
        room = (value, 0) if kind == short else (value,)
        pattern = order + ("HHIHH" if kind == short else "HHII")
        return struct.pack(pattern, tag, kind, count, *room)

    def directory(*entries, following=0):
        count, link = struct.pack(order + "H", len(entries)), struct.pack(order + "I", following)
        return count + b"".join(entries) + link

    main, camera, small = 8, 8 + 2 + 24 + 4, 8 + 30 + 2 + 36 + 4
    heap = small + 2 + 24 + 4
    turned, settings = entry(274, short, 1, orientation), entry(34665, long, 1, camera)
    width, height = entry(40962, long, 1, 4000), entry(40963, long, 1, 3000)
    place, length = heap + len(notes), len(preview)
    shown = [entry(513, long, 1, place), entry(514, long, 1, length)]
    return b"".join(
        (
            b"II*\0" if order == "<" else b"MM\0*",
            struct.pack(order + "I", main),
            directory(turned, settings, following=small),
            directory(entry(37500, 7, len(notes), heap), width, height),
            directory(*shown),
            notes,
            preview,
        )
    )


# ---- alpha


CUT_OUTS = {
    "PNG": lambda x: png(x),
    "PNG 16 bit": lambda x: png(np.uint16(x) * 257),
    "WebP": lambda x: as_file(x, "WEBP", lossless=True, exact=True),
    "TIFF": lambda x: as_file(x, "TIFF"),
    "TIFF 16 bit": lambda x: tiff_by_opencv(np.uint16(x) * 257),
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
    clear = b"tRNS", struct.pack(">3H", *astronaut[0, 0])
    for source in (as_file(palette), png(astronaut, clear)):
        was, g = np.asarray(Image.open(io.BytesIO(source)).convert("RGBA")), relit(source)
        picture, still = g.develop(), outside(g)
        assert (was[..., 3] == 0).any()
        assert np.array_equal(picture.samples[still], was[still])
        assert np.array_equal(picture.alpha, was[..., 3])


def test_a_jpeg_of_a_cut_out_is_on_white(relit, astronaut, alpha, tmp_path):
    relit(np.dstack([astronaut, alpha])).develop().save(tmp_path / "o.jpg")
    assert (np.asarray(Image.open(tmp_path / "o.jpg"))[400:, 400:] > 250).all()


# ---- 16 bits, floats


def test_16_bits_come_back_with_all_their_levels(relit, astronaut, tmp_path):
    soft = cv2.GaussianBlur(astronaut.astype(np.float32), (0, 0), 3)
    deep = np.round(soft * 257).astype(np.uint16)
    for suffix, source in {".png": png(deep), ".tif": tiff_by_opencv(deep)}.items():
        g = relit(source)
        picture, still = g.develop(), outside(g)
        assert picture.suffix == suffix
        picture.save(tmp_path / f"o{suffix}")
        x = stored(tmp_path / f"o{suffix}")
        assert x.dtype == np.uint16 and np.array_equal(x[still], deep[still])
        after, before = (len(np.unique(pixels[~still])) for pixels in (x, deep))
        assert after > 0.9 * before > 10_000
        assert abs(x / 257 - g.composite()).max() < 2  # the same picture as in 8 bits


def test_16_bit_greys_stay_grey_until_light_has_a_colour(decomposer, face, astronaut, tmp_path):
    grey = np.uint16(cv2.cvtColor(astronaut, cv2.COLOR_RGB2GRAY)) * 257
    (f,) = decomposer(png(grey), faces=[face.photo.face])
    white, golden = SHLight.from_direction(-40, 20), SHLight.preset("golden_hour")
    for light, dimensions in ((white, 2), (golden, 3)):
        f.relight(light).develop().save(tmp_path / "o.png")
        x = stored(tmp_path / "o.png")
        assert x.dtype == np.uint16 and x.ndim == dimensions


def test_floats_keep_what_is_brighter_than_white(relit, astronaut, alpha, tmp_path):
    light = srgb_to_linear(astronaut / 255).astype(np.float32)
    light[-40:] *= 20
    share = alpha[..., None] / np.float32(255)
    for x in (light, np.dstack([light * share, share])):
        write_image(tmp_path / "in.exr", x)
        g = relit(tmp_path / "in.exr")
        picture, still = g.develop(), outside(g)
        assert picture.suffix == ".exr"
        picture.save(tmp_path / "o.exr")
        y = relit(tmp_path / "o.exr").photo.original.samples
        assert np.array_equal(y[still], x[still])
        seen = ~still if x.shape[2] == 3 else ~still & (x[..., 3] > 0)  # what is not transparent
        assert (y[seen] != x[seen]).any(-1).mean() > 0.5
        assert y[-40:].max() > 2 or x.shape[2] == 4
    # and as a picture for the screen: 16 bits, alpha apart from colour
    picture.save(tmp_path / "o.png")
    png16 = stored(tmp_path / "o.png")
    assert png16.dtype == np.uint16 and png16.shape[2] == 4


# ---- colours


def test_a_wide_photo_keeps_its_profile_and_its_gamut(relit, astronaut, tmp_path):
    wide = astronaut.copy()
    wide[450:500, 50:100] = 0, 255, 0  # a green that sRGB lacks
    deep = np.uint16(wide) * 257
    sources = as_file(wide, icc_profile=p3()), png(deep, icc_chunk())
    for given, source in zip((wide, deep), sources):
        g = relit(source)
        picture, still = g.develop(), outside(g)
        assert picture.samples.dtype == given.dtype
        assert np.array_equal(picture.samples[still], given[still])
        picture.save(tmp_path / "o.png")
        assert Image.open(tmp_path / "o.png").info["icc_profile"] == p3()
        # through the profile: what the composite in sRGB shows
        difference = abs(read_image(tmp_path / "o.png") - g.composite() / 255)[~still]
        assert np.median(difference) < 1 / 255 and np.quantile(difference, 0.999) < 0.02
        assert np.quantile(difference, 0.9999) < 0.055  # sRGB cuts the reddest threads of the suit
    assert np.array_equal(relit(source).photo.original.samples, given)


def test_own_light_gives_back_every_sample(decomposer, face, astronaut):
    deep = np.uint16(astronaut) * 257 + np.arange(512, dtype=np.uint16)[:, None] % 257
    shallow = png(astronaut), as_file(astronaut, icc_profile=p3())
    for source in (*shallow, png(deep), png(deep, icc_chunk())):
        (f,) = decomposer(source, faces=[face.photo.face])
        samples = f.photo.original.samples
        assert np.array_equal(f.develop().samples, samples)
        assert samples.dtype == (np.uint16 if len(np.unique(samples)) > 256 else np.uint8)


def test_an_srgb_profile_stays_and_others_are_converted(relit, astronaut):
    srgb = srgb_profile()
    picture = relit(as_file(astronaut, icc_profile=srgb)).develop()
    assert picture.about.icc == srgb and picture.colours is None
    cmyk = relit(as_file(astronaut, "JPEG", "CMYK", quality=95, icc_profile=b"x" * 200)).develop()
    assert cmyk.about.icc is None and cmyk.samples.shape == (512, 512, 3)


def test_a_gamma_of_ones_own_is_kept_where_it_can_be_said(relit, astronaut, tmp_path):
    linear = np.round(srgb_to_linear(astronaut / 255) * 65535).astype(np.uint16)
    g = relit(png(linear, (b"gAMA", struct.pack(">I", 100000))))
    picture, still = g.develop(), outside(g)
    picture.save(tmp_path / "o.png")
    assert Image.open(tmp_path / "o.png").info["gamma"] == 1
    assert np.array_equal(picture.samples[still], linear[still])
    picture.save(tmp_path / "o.tif")
    assert abs(read_image(tmp_path / "o.tif")[still] - astronaut[still] / 255).max() < 2 / 255


# ---- metadata


@pytest.mark.parametrize("order", ["<", ">"])
def test_exif_is_settled_and_else_untouched(order):
    was = exif(6, order)
    now = settled_exif(was, (300, 400))
    preview = b"the face as it was"
    assert preview in was and preview not in now and b"MakerNote with offsets" in now
    read = Image.Exif()
    read.load(b"Exif\0\0" + now)
    camera = read.get_ifd(34665)
    assert read[274] == 1 and (camera[40962], camera[40963]) == (300, 400)
    assert was.index(b"MakerNote") == now.index(b"MakerNote")
    assert sum(a != b for a, b in zip(was, now)) < 60
    assert settled_exif(b"Exif nonsense", (1, 1)) is None
    assert settled_exif(was[:40], (1, 1)) is None


def test_xmp_is_settled():
    xmp = (
        b'<x tiff:Orientation="6" exif:PixelXDimension="4000"><dc:rights>me</dc:rights>'
        b"<xmp:Thumbnails><a>/9j</a></xmp:Thumbnails><tiff:ImageLength>7</tiff:ImageLength></x>"
    )
    assert settled_xmp(xmp, (30, 40)) == (
        b'<x tiff:Orientation="1" exif:PixelXDimension="30"><dc:rights>me</dc:rights>'
        b"<tiff:ImageLength>40</tiff:ImageLength></x>"
    )
    gain_map = b'<x hdrgm:Version="1.0"/>'  # it does not come back
    assert settled_xmp(gain_map, (1, 1)) is None


TIME = "2024:05:06 07:08:09"
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><dc:title>Eileen</dc:title></x:xmpmeta>'
IPTC = b"\x1c\2\5\0\1x"
PHOTOSHOP = b"Photoshop 3.0\0" + struct.pack(">4sHHI", b"8BIM", 0x0404, 0, len(IPTC)) + IPTC
BESIDE = {  # what a kind of file says beside its pixels, as Pillow's options
    "JPEG": {
        "comment": b"hello",
        "extra": b"\xff\xed" + struct.pack(">H", 2 + len(PHOTOSHOP)) + PHOTOSHOP,
        "dpi": (300, 300),
    },
    "PNG": {"dpi": (300, 300)},
    "WEBP": {"lossless": True, "xmp": XMP},
}


def camera_tags(turned):
    "EXIF of a camera, with a photo that lies on its side or not."
    tags = Image.Exif()
    tags[271], tags[33432], tags[306] = "Acme", "(c) me", TIME
    tags.get_ifd(34665)[36867] = TIME
    tags.get_ifd(34853)[1] = "N"
    if turned:
        tags[274] = 6
    return tags


def tagged_file(kind, picture, folder):
    "A photo with all that a kind of file can say beside the pixels."
    tags = camera_tags(turned=kind != "TIFF")
    if kind != "TIFF":
        sideways = np.ascontiguousarray(np.rot90(picture))
        return as_file(sideways, kind, exif=tags, icc_profile=srgb_profile(), **BESIDE[kind])
    # Pillow leaves the camera's settings out
    about = Metadata(exif=tags.tobytes()[6:], icc=srgb_profile(), dpi=(300, 300))
    write_image(folder / "in.tif", picture, about=about)
    return folder / "in.tif"


def assert_camera_is_said(im):
    "Whether a file says who took it, when and where, in which colours, upright."
    back = im.getexif()
    assert im.size == (512, 512) and back.get(274, 1) == 1
    assert (back[271], back[33432], back[306]) == ("Acme", "(c) me", TIME)
    assert back.get_ifd(34665)[36867] == TIME and back.get_ifd(34853)[1] == "N"
    assert im.info["icc_profile"] == srgb_profile()


def xmp_of(im):
    "What a picture file says as XMP, by whatever name Pillow has for it."
    text = im.info.get("XML:com.adobe.xmp", "").encode()
    return im.info.get("xmp") or text or im.tag_v2[700]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_what_is_said_beside_the_pixels_comes_back(kind, relit, astronaut, tmp_path):
    picture = relit(tagged_file(kind, astronaut, tmp_path)).develop()
    assert picture.orientation == (6 if kind != "TIFF" else 1)
    for suffix in (picture.suffix, ".png", ".jpg", ".tif", ".webp"):
        picture.save(tmp_path / f"o{suffix}")
        with Image.open(tmp_path / f"o{suffix}") as im:
            im.load()
            assert_camera_is_said(im)
            if kind != "WEBP" and suffix != ".webp":
                assert [round(v) for v in im.info["dpi"]] == [300, 300], suffix
            if kind == "WEBP":
                assert XMP in xmp_of(im), suffix
            if kind == "JPEG" and suffix == ".jpg":
                assert im.info["comment"] == b"hello"
                assert im.info["photoshop"][0x0404] == IPTC
            if suffix == ".jpg":  # quality 95, full colour
                assert max(im.quantization[0]) < 20
                assert [c[1:3] for c in im.layer] == [(1, 1)] * 3


def test_texts_in_a_png_come_back(relit, astronaut, tmp_path):
    author, size = b"Author\0me", struct.pack(">2IB", 11811, 11811, 1)
    source = png(astronaut, (b"tEXt", author), (b"pHYs", size))
    relit(source).develop().save(tmp_path / "o.png")
    with Image.open(tmp_path / "o.png") as im:
        assert im.text["Author"] == "me" and round(im.info["dpi"][0]) == 300


def test_print_size_turns_with_the_photo(relit, astronaut):
    tags = Image.Exif()
    tags[274] = 8
    turned = np.ascontiguousarray(np.rot90(astronaut, -1))
    source = as_file(turned, "JPEG", dpi=(300, 150), exif=tags)
    assert relit(source).develop().about.dpi == (150, 300)


def test_long_metadata_does_not_keep_a_picture_from_being_written(tmp_path):
    long = {"exif": exif()[:8] + bytes(70000), "xmp": b"x" * 70000, "iptc": b"y" * 70000}
    about = Metadata(**long, icc=b"i" * 200000)
    for suffix in (".jpg", ".png", ".webp"):
        write_image(tmp_path / f"o{suffix}", np.zeros((4, 4, 3), np.uint8), about=about)
    info = Image.open(tmp_path / "o.jpg").info
    assert info["icc_profile"] == about.icc and "exif" not in info


def test_a_decal_may_be_any_picture_with_alpha(face, alpha, tmp_path):
    from illures_nb.edit import decal

    def shown(source):
        "A decal's own picture, (512, 512, 4)."
        data = base64.b64decode(decal(face, source).png.split(",")[1])
        return cv2.imdecode(np.frombuffer(data, np.uint8), -1).astype(int)

    red = np.full((512, 512, 3), (200, 30, 30), np.uint8)
    rose = np.dstack([red, alpha])
    share = alpha[..., None] / np.float32(255)
    light = srgb_to_linear(rose[..., :3] / np.float32(255))
    write_image(tmp_path / "d.exr", np.dstack([light * share, share]))
    write_image(tmp_path / "d.tif", np.uint16(rose) * 257, bits=16)
    webp = as_file(rose, "WEBP", lossless=True, exact=True)
    expected = shown(rose)
    for source in (tmp_path / "d.exr", tmp_path / "d.tif", webp, Image.fromarray(rose)):
        difference = abs(shown(source) - expected)
        assert difference[expected[..., 3] > 20].max() <= 3
        assert difference[..., 3].max() <= 1


def test_paths_of_every_command_are_expanded(tmp_path):
    from illures_nb.cli import parser

    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    both = [tmp_path / "a", tmp_path / "b"]
    for line, where in (
        (f"evaluate synthetic {tmp_path}/*", "folders"),
        (f"assets check {tmp_path}/?", "paths"),
        (f"train stage1b --out o --data {tmp_path}/[ab]", "data"),
        (f"assets import --envs {tmp_path}/*", "envs"),
    ):
        assert getattr(parser().parse_args(line.split()), where) == both


# ---- several faces, and the ordinary photo


def test_an_ordinary_photo_develops_into_its_composite(relit, astronaut):
    files = png(astronaut), as_file(astronaut, "JPEG", quality=95)
    for source in (*files, astronaut, Image.fromarray(astronaut)):
        g = relit(source)
        assert np.array_equal(g.develop().samples, g.composite())
        assert g.composite().dtype == np.uint8


def test_faces_of_one_photo_follow_each_other(decomposer, two_faces, tmp_path):
    cut = np.dstack([two_faces, np.full(two_faces.shape[:2], 200, np.uint8)])
    big, small = (f.relight(LIGHT) for f in decomposer(cut))
    both = small.develop(big.develop()).samples
    for f, other in ((big, small), (small, big)):
        alone = outside(other)
        assert alone.mean() > 0.5
        assert np.array_equal(both[alone], f.develop().samples[alone])
    with pytest.raises(ValueError):
        big.develop(Picture(two_faces[:100]))


def test_the_photo_may_be_gone_when_the_picture_is_saved(relit, astronaut, alpha, tmp_path):
    (tmp_path / "in.png").write_bytes(png(np.dstack([astronaut, alpha])))
    g = relit(tmp_path / "in.png")
    (tmp_path / "in.png").unlink()
    assert np.array_equal(g.develop().alpha, alpha)


KINDS = [  # name and kind of a photo, suffix of its relit picture
    ("a.JPG", "JPEG", ".JPG"),
    ("a.png", "JPEG", ".jpg"),
    ("a.tiff", "TIFF", ".tiff"),
    ("a.webp", "WEBP", ".webp"),
    ("a.bmp", "BMP", ".png"),
]


@pytest.mark.parametrize("name, kind, suffix", KINDS)
def test_a_photo_keeps_its_kind_in_a_folder(name, kind, suffix, illures, astronaut, tmp_path):
    photo, relit = tmp_path / name, tmp_path / "relit"
    photo.write_bytes(as_file(astronaut, kind))
    code, _, err = illures("relight", photo, "--light", "front", "--out", relit)
    assert code == 0 and names(relit) == [f"a{suffix}"] and not err
    assert Image.open(tmp_path / f"relit/a{suffix}").size == (512, 512)


# ---- maps as other programs want them


def test_maps_lie_on_the_photo(illures, face, astronaut_path, tmp_path):
    maps = "albedo", "normals", "mask"
    options = "--out", tmp_path, "--frame", "--exr", "--maps", ",".join(maps)
    code, _, err = illures("decompose", astronaut_path, *options)
    place = tmp_path / "astronaut/photo"
    assert code == 0 and not err
    assert set(names(place)) == {f"{n}{s}" for n in (*maps, "matte") for s in (".png", ".exr")}
    for name in ("albedo", "normals"):
        exr, wanted = read_linear(place / f"{name}.exr"), face.to_frame(name)
        nowhere, difference = np.isnan(wanted), abs(exr - wanted)
        assert exr.shape == (512, 512, 3) and np.array_equal(np.isnan(exr), nowhere)
        assert np.nanmax(difference) < 0.05 and np.nanmedian(difference) < 1e-3
        png16 = stored(place / f"{name}.png")
        assert png16.dtype == np.uint16
        alpha = png16[..., 3] / 65535
        cover = np.maximum(face.to_frame("matte"), np.nan_to_num(face.to_frame("mask")))
        assert abs(alpha - cover).max() < 0.011 and not alpha[nowhere[..., 0]].any()
    mask, matte = (read_linear(place / f"{n}.exr")[..., 0] for n in ("mask", "matte"))
    assert not np.isnan(mask).any()
    assert np.array_equal(mask == 0, np.isnan(face.to_frame("mask")))
    assert abs(matte - face.to_frame("matte")).max() < 1e-3  # half floats
    assert (matte[mask > 0.5] > 0.5).mean() > 0.98 and (matte > 0.5).sum() > 5 * (mask > 0.5).sum()


def test_only_the_maps_that_are_asked_for(illures, astronaut_path, tmp_path):
    args = "decompose", astronaut_path, "--out", tmp_path, "--maps"
    assert illures(*args, "albedo, normals")[0] == 0
    always = {"light.json", "face.json", "about.txt", "sheet.png"}
    assert set(names(tmp_path / "astronaut")) == {"albedo.png", "normals.png"} | always
    code, out, err = illures(*args, "albedo,depth")
    assert code == 2 and "'depth'" in err and "albedo, normals" in err and not out


@pytest.fixture
def conventions(illures, astronaut_path, tmp_path):
    "The astronaut's folder with normals as OpenGL has them, and as DirectX has them."
    for kind in ("opengl", "directx"):
        options = "--out", tmp_path / kind, "--exr", "--frame", "--normals", kind
        assert illures("decompose", astronaut_path, *options)[0] == 0
    return tmp_path / "opengl/astronaut", tmp_path / "directx/astronaut"


@pytest.mark.parametrize("name", ["normals", "photo/normals"])
def test_directx_turns_green_round(name, conventions):
    gl, dx = (read_linear(folder / f"{name}.exr") for folder in conventions)
    assert np.array_equal(dx, gl * [1, -1, 1], equal_nan=True)
    gl, dx = (stored(folder / f"{name}.png").astype(int) for folder in conventions)
    seen = gl[..., 3] > 0 if gl.shape[2] == 4 else True
    assert (abs(gl[..., 1] + dx[..., 1] - 65535) * seen).max() <= 1
    assert np.array_equal(gl[..., [0, 2]], dx[..., [0, 2]])


def test_the_convention_of_normals_is_said(conventions):
    gl, dx = conventions
    records = [json.loads((folder / "face.json").read_text())["normals"] for folder in (gl, dx)]
    assert [r["convention"] for r in records] == ["opengl", "directx"]
    assert "y down" in records[1]["axes"]
    assert "y (green) down" in (dx / "about.txt").read_text()
    assert "y (green) up" in (gl / "about.txt").read_text()
    assert (gl / "light.json").read_bytes() == (dx / "light.json").read_bytes()


def test_the_way_between_photo_and_maps_is_told(illures, face, astronaut, tmp_path):
    tags = Image.Exif()
    tags[274] = 6
    (tmp_path / "me.png").write_bytes(as_file(np.ascontiguousarray(np.rot90(astronaut)), exif=tags))
    assert illures("decompose", tmp_path / "me.png", "--out", tmp_path / "o")[0] == 0
    told = json.loads((tmp_path / "o/me/face.json").read_text())
    photo, found = told["photo"], told["face"]
    assert photo["file"] == "me.png" and photo["exif_orientation"] == 6
    assert (photo["width"], photo["height"]) == (512, 512)
    there, back = np.array(told["crop"]["from_photo"]), np.array(told["crop"]["to_photo"])
    assert np.allclose(there, face.photo.transform, atol=1e-6)
    assert np.allclose(there[:, :2] @ back[:, :2], np.eye(2))
    assert np.allclose(there @ [*back[:, 2], 1], 0)
    assert np.allclose(found["landmarks"], face.photo.face.landmarks)
    assert np.allclose(found["box"], face.photo.face.box) and 0 < found["score"] <= 1
    # what the file's own crop shows is what the transform cuts out of the upright photo
    picture = read_image(tmp_path / "me.png")
    cut = cv2.warpAffine(picture, there, (128, 128), flags=cv2.INTER_AREA)
    assert abs(cut - face.photo.crop).mean() < 0.05
    fine = np.array(told["albedo_512"]["from_photo"])
    assert np.allclose(fine[:, :2], 4 * there[:, :2])
    assert told["albedo_512"]["width"] == 512


@pytest.mark.parametrize(
    "what", ["sRGB", "Rec. 709", "x to the picture's right", "green", "NaN", "linear"]
)
def test_axes_and_colours_are_said(what, illures, astronaut_path, tmp_path, capsys):
    assert what in illures("decompose", "--help")[1]
    if not what == "x to the picture's right":
        return
    illures("decompose", astronaut_path, "--out", tmp_path)
    text = (tmp_path / "astronaut/about.txt").read_text()
    words = ("sRGB", "x to the picture's right", "green", "linear", "face.json", "(n + 1)/2")
    assert all(word in text for word in words)


def test_the_zip_holds_photo_sized_maps_and_the_fine_albedo(face, astronaut, tmp_path):
    from zipfile import ZipFile

    write_zip(tmp_path / "all.zip", face.relight(LIGHT), file="me.png")
    with ZipFile(tmp_path / "all.zip") as z:
        held = set(z.namelist())
        every_map = itertools.product(("maps", "photo"), MAPS, ("png", "exr"))
        assert {f"{place}/{name}.{kind}" for place, name, kind in every_map} <= held
        assert {"relit.png", "face.json", "light.json", "README.txt", "relief.glb"} <= held
        assert Image.open(io.BytesIO(z.read("maps/albedo-512.png"))).size == (512, 512)
        assert Image.open(io.BytesIO(z.read("photo/normals.png"))).size == (512, 512)
        told = json.loads(z.read("face.json"))
        assert told["photo"]["file"] == "me.png"
        four_times = np.array(told["crop"]["from_photo"]) * 4 + [0, 0, 1.5]
        assert np.allclose(told["albedo_512"]["from_photo"], four_times)
        readme = z.read("README.txt").decode()
        assert all(name in readme for name in held)


def test_the_zip_keeps_what_the_photo_brought(relit, astronaut, alpha, tmp_path):
    from zipfile import ZipFile

    deep = np.uint16(np.dstack([astronaut, alpha])) * 257
    g = relit(png(deep))
    write_zip(tmp_path / "all.zip", g, picture=g.develop(), frame=False)
    with ZipFile(tmp_path / "all.zip") as z:
        x = cv2.imdecode(np.frombuffer(z.read("relit.png"), np.uint8), cv2.IMREAD_UNCHANGED)
    assert x.dtype == np.uint16 and np.array_equal(x[..., 3], deep[..., 3])


# ---- nothing of an earlier run


def test_nothing_of_an_earlier_run_stays_in_a_folder(illures, astronaut_path, tmp_path):
    assert illures("decompose", astronaut_path, "--out", tmp_path, "--exr", "--frame")[0] == 0
    folder = tmp_path / "astronaut"
    (folder / "notes.txt").write_text("mine")
    (folder / "photo/albedo-retouched.png").write_bytes(b"mine too")
    (folder / ".albedo.png.0123456789ab.part").write_bytes(b"of a run that was killed")
    code, out, _ = illures("decompose", astronaut_path, "--out", tmp_path, "--maps", "albedo")
    assert code == 0 and out.strip() == f"{folder} (replaced)"
    ours = {"albedo.png", "light.json", "face.json", "about.txt", "sheet.png"}
    assert files_below(folder) == ours | {"notes.txt", "photo/albedo-retouched.png"}


def test_fewer_faces_leave_no_second_face(illures, two_faces, astronaut, tmp_path):
    photo, out = tmp_path / "p.png", tmp_path / "out"
    Image.fromarray(two_faces).save(photo)
    assert illures("decompose", photo, "--out", out)[0] == 0
    (out / "p-face9").mkdir()
    (out / "p-face9/albedo.png").write_bytes(b"not by us: no face.json beside it")
    Image.fromarray(astronaut).save(photo)
    code, said, _ = illures("decompose", photo, "--out", out)
    assert code == 0 and names(out) == ["p", "p-face9"]
    assert f"{out / 'p-face2'} (removed" in said
    Image.fromarray(two_faces).save(photo)  # and the other way round
    assert illures("decompose", photo, "--out", out)[0] == 0
    assert names(out) == ["p-face1", "p-face2", "p-face9"]


def test_faces_asked_for_one_after_the_other_both_stay(illures, two_faces, astronaut, tmp_path):
    photo, out = tmp_path / "p.png", tmp_path / "out"
    Image.fromarray(two_faces).save(photo)
    for n in (1, 2):
        assert illures("decompose", photo, "--out", out, "--face", n)[0] == 0
    assert names(out) == ["p-face1", "p-face2"]
    # another photo of that name: its second face was not asked for
    Image.fromarray(two_faces[:, ::-1]).save(photo)
    assert illures("decompose", photo, "--out", out, "--face", 1)[0] == 0
    assert names(out) == ["p-face1"]


def test_two_photos_of_one_name_keep_their_maps(illures, two_faces, astronaut, tmp_path):
    for place, x in (("a", two_faces), ("b", astronaut)):
        (tmp_path / place).mkdir()
        Image.fromarray(x).save(tmp_path / place / "p.png")
    photos = tmp_path / "a/p.png", tmp_path / "b/p.png"
    code, out, _ = illures("decompose", *photos, "--out", tmp_path / "out")
    assert code == 0 and "removed" not in out
    assert names(tmp_path / "out") == ["p-2", "p-face1", "p-face2"]


def test_clearing_touches_no_strangers(tmp_path):
    (tmp_path / "photo").mkdir()
    for name in ("albedo.png", "photo/mask.exr", "depth.exr", "photo/mine.exr", "face.json"):
        (tmp_path / name).write_bytes(b"x")
    clear_maps(tmp_path)
    assert files_below(tmp_path) == {"depth.exr", "photo/mine.exr"}
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
    made = [folders(name) for name in ODD]
    assert all(folder.parent == tmp_path for folder in made)
    assert len({folder.name.casefold() for folder in made}) == len(ODD)
    for name in (folder.name for folder in made):
        assert not set(name) & set('/\\<>:"|?*\n')
        assert name == name.strip(" .") and len(name.encode()) < 240
        assert name.split(".")[0].upper() not in ("CON", "NUL", "COM1")


@pytest.mark.parametrize("command", ["decompose", "relight"])
def test_photos_of_odd_names_are_written_into_the_folder(command, illures, small, tmp_path):
    (tmp_path / "in").mkdir()
    odd = ["...jpg", "CON.png", "x" * 240 + ".png", "a\\..\\b.png"]
    photos = [f"{tmp_path}/in/{name}" for name in odd]
    for photo in photos:
        Path(photo).write_bytes(small)
    light = ["--light", "front"] if command == "relight" else ["--maps", "mask"]
    code, _, err = illures(command, *photos, *light, "--out", tmp_path / "deep/out")
    assert code == 0, err
    assert names(tmp_path) == ["deep", "in"] and names(tmp_path / "deep") == ["out"]
    assert len(names(tmp_path / "deep/out")) == 4 == len(names(tmp_path / "in"))


def test_names_that_differ_in_case_only_get_two_folders(illures, small, tmp_path):
    photos = [tmp_path / name for name in ("A.png", "a.png", "a.jpg")]
    for photo in photos:
        photo.write_bytes(small)
    for command in (["decompose", "--maps", "mask"], ["relight", "--light", "front"]):
        out = tmp_path / command[0]
        assert illures(*command, *photos, "--out", out)[0] == 0
        assert len({name.casefold() for name in names(out)}) == 3


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
    photos = f"{tmp_path}/?.png", f"{tmp_path}/c[1].png", tmp_path / "a.png"
    code, out, err = illures("decompose", *photos, "--out", tmp_path / "o", "--maps", "mask")
    assert code == 0 and [Path(line).name for line in out.splitlines()] == ["a", "b", "c_1_"]
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
        there = ["A", "b", "c", "manifest.jsonl", "no_suffix"]
        assert code == 0 and names(place / "maps") == there, err
    relit = tmp_path / "relit"
    code, out, err = illures("relight", place, "--light", "front", "--out", relit)
    assert code == 0 and names(relit) == ["A.PNG", "b.png", "c.png", "no_suffix.png"]


def test_a_damaged_picture_in_a_folder_is_said_at_the_end(illures, small, tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    damaged, notes = b"\xff\xd8\xff\xe0", b"Dear Sir,"
    for name, data in {"a.png": small, "damaged.jpg": damaged, "notes.txt": notes}.items():
        (folder / name).write_bytes(data)
    code, said, err = illures("relight", folder, "--light", "front", "--out", out)
    assert code == 1 and said.strip() == str(out / "a.png")
    assert "1 of 2 photos failed" in err and "damaged.jpg" in err


def test_a_folder_without_pictures_is_one_sentence(illures, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/notes.txt").write_text("Dear Sir,")
    for args in (("decompose",), ("relight", "--light", "front")):
        code, out, err = illures(*args, tmp_path / "in", "--out", tmp_path / "out")
        assert code == 1 and err.count("\n") == 1 and not out
        assert f"{tmp_path / 'in'} is a folder without pictures" in err


def test_relighting_several_photos_goes_on_and_says_what_failed(
    illures, astronaut_path, wall, tmp_path
):
    empty, letter, relit = (tmp_path / name for name in ("wall.png", "letter.jpg", "relit"))
    Image.fromarray(wall).save(empty)
    letter.write_bytes(b"Dear Sir,")
    photos = letter, astronaut_path, empty
    options = "--reference", astronaut_path, "--out", relit
    code, out, err = illures("relight", *photos, *options)
    assert code == 1 and out.strip() == str(relit / "astronaut.png")
    assert all(words in err for words in ("2 of 3 photos failed", "wall.png", "letter.jpg"))
    before, after = (np.asarray(Image.open(p)) for p in (astronaut_path, relit / "astronaut.png"))
    assert abs(after.astype(int) - before).max() <= 2


@pytest.mark.parametrize("out", ["o.png", "", "gone/deeper/o.png"])
def test_relighting_several_photos_needs_a_folder_of_its_own(
    out, illures, astronaut_path, tmp_path
):
    photos = tmp_path / "a.png", tmp_path / "b.png"
    for photo in photos:
        photo.write_bytes(astronaut_path.read_bytes())
    code, said, err = illures("relight", *photos, "--light", "front", "--out", tmp_path / out)
    assert code == 2 and err.count("\n") == 1 and "--out" in err and not said
    assert names(tmp_path) == ["a.png", "b.png"]
    assert photos[0].read_bytes() == astronaut_path.read_bytes()


def test_a_picture_goes_into_a_file_of_any_kind(illures, face, astronaut_path, tmp_path):
    picture = face.relight(LIGHT).develop()
    for suffix in (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".exr"):
        picture.save(tmp_path / f"o{suffix}")
        difference = abs(read_image(tmp_path / f"o{suffix}") - picture.samples / 255)
        assert difference.mean() < (0.01 if ".j" in suffix else 1e-3)
    with pytest.raises(ValueError) as e:
        picture.save(tmp_path / "o.gif")
    assert "o.gif" in str(e.value)
    out = tmp_path / "cli.tiff"
    assert illures("relight", astronaut_path, "--light", "front", "--out", out)[0] == 0
    assert Image.open(out).size == (512, 512)
