"""The multi-layer EXR as other libraries read it: names, windows, header, colours, and that its
layers add up to the photo."""

import json

import numpy as np
import pytest

from illures_nb import SHLight
from illures_nb.colour import ACESCG_XY, SRGB_XY, from_srgb_matrix, srgb_to_linear
from illures_nb.encode import write_exr_channels
from illures_nb.exr import exr_bands
from illures_nb.export import LAYERS, write_layers

OpenEXR = pytest.importorskip("OpenEXR", reason="the OpenEXR library is not installed")


class Read:
    "A file as the official library reads it."

    def __init__(self, path):
        part = OpenEXR.File(str(path), separate_channels=True).parts[0]
        self.header = part.header
        self.planes = {name: channel.pixels for name, channel in part.channels.items()}

    def layer(self, name, channels="RGB"):
        "A layer, (h, w, C) float32."
        names = (f"{name}.{c}".lstrip(".") for c in channels)
        return np.dstack([self.planes[n].astype(np.float32) for n in names])

    @property
    def rows(self):
        "Where in the photo it lies."
        (x0, y0), (x1, y1) = self.header["dataWindow"]
        return np.s_[y0 : y1 + 1, x0 : x1 + 1]


@pytest.fixture(scope="module")
def folder(face, tmp_path_factory):
    return tmp_path_factory.mktemp("layers")


@pytest.fixture(scope="module")
def plain(face, folder):
    write_layers(folder / "plain.exr", face)
    return Read(folder / "plain.exr")


@pytest.fixture(scope="module")
def aces(face, folder):
    write_layers(folder / "aces.exr", face, aces=True, normals="directx")
    return Read(folder / "aces.exr")


def test_channels_are_halves_but_for_the_depth(plain):
    kinds = {name: x.dtype for name, x in plain.planes.items()}
    assert kinds.pop("depth.Z") == np.float32
    assert set(kinds.values()) == {np.dtype(np.float16)}
    layers = {name.rpartition(".")[0] for name in plain.planes}
    assert layers == LAYERS.keys()
    assert all(np.isfinite(x).all() for x in plain.planes.values())


def test_windows_are_the_person_in_the_photo(plain, face):
    height, width = face.photo.picture.shape[:2]
    low, high = plain.header["displayWindow"]
    assert tuple(low) == (0, 0) and tuple(high) == (width - 1, height - 1)
    matte = face.to_frame("matte")
    outside = matte.copy()
    outside[plain.rows] = 0
    assert not outside.any()
    np.testing.assert_allclose(plain.planes["matte.A"], matte[plain.rows], atol=1e-3)


def test_layers_add_up_to_the_photo(plain, face):
    photo = srgb_to_linear(face.photo.picture[plain.rows] / 255)
    sum_of = plain.layer("albedo") * plain.layer("shading") + plain.layer("residual")
    inside = plain.planes["matte.A"] > 0
    np.testing.assert_allclose(sum_of[inside], photo[inside], atol=3e-3)
    over_black = photo * plain.planes["matte.A"][..., None]
    np.testing.assert_allclose(plain.layer("")[inside], over_black[inside], atol=1e-3)


def test_maps_are_those_of_the_package(plain, face):
    sure = face.to_frame("mask")[plain.rows] > 0.99
    assert sure.any()
    for layer, name, channels in (("albedo", "albedo", "RGB"), ("N", "normals", "XYZ")):
        there = face.to_frame(name)[plain.rows][sure]
        assert abs(plain.layer(layer, channels)[sure] - there).max() < 0.02  # pixels to 1/32


def test_shine_and_shadow_are_the_smooth_residual(plain, face):
    shine, shadow = plain.layer("residual.shine"), plain.layer("residual.shadow")
    assert shine.min() == 0 and shadow.max() == 0
    sure = face.to_frame("mask")[plain.rows] > 0.99
    smooth = face.to_frame("residual")[plain.rows][sure]
    assert abs((shine + shadow)[sure] - smooth).max() < 0.02


def test_the_nose_is_nearer_than_the_ears(plain, face):
    depth = plain.planes["depth.Z"]
    x, y = face.photo.face.landmarks[[30, 0, 16]].round().astype(int).T  # tip, sides
    top, left = plain.header["dataWindow"][0][::-1]
    tip, right, left_side = depth[y - top, x - left]
    assert 0 <= tip < 0.1 and 0.02 < min(right, left_side) - tip < 0.2  # metres
    assert depth.max() < 1


def test_the_header_says_what_it_is(plain, aces, face):
    assert np.allclose(plain.header["chromaticities"][:2], SRGB_XY["red"])
    assert np.allclose(aces.header["chromaticities"][-2:], ACESCG_XY["white"])
    assert plain.header["colorInteropID"] == "lin_rec709_scene"
    assert aces.header["colorInteropID"] == "lin_ap1_scene"
    assert "y (green) up" in plain.header["illures.N"]
    assert "y (green) down" in aces.header["illures.N"]
    light = SHLight.from_json(plain.header["illures.light"])
    assert np.allclose(light.coeffs, face.light.coeffs)
    json.loads(plain.header["illures.light"])


def test_acescg_is_the_same_light_by_the_published_matrix(plain, aces):
    published = [  # of the ACES project, linear Rec. 709 (D65) to AP1, Bradford
        [0.6130974, 0.3395231, 0.0473795],
        [0.0701937, 0.9163539, 0.0134524],
        [0.0206156, 0.1095698, 0.8698146],
    ]
    np.testing.assert_allclose(from_srgb_matrix(**ACESCG_XY), published, atol=2e-7)
    for layer in ("", "albedo", "shading", "residual.shine"):
        wanted = plain.layer(layer) @ np.transpose(published)
        np.testing.assert_allclose(aces.layer(layer), wanted, atol=4e-3)
    sum_of = aces.layer("albedo") * aces.layer("shading") + aces.layer("residual")
    cover = aces.planes["A"][..., None]
    np.testing.assert_allclose(sum_of * cover, aces.layer(""), atol=4e-3)


def test_directx_turns_green_over(plain, aces):
    turned = plain.layer("N", "XYZ") * [1, -1, 1]
    np.testing.assert_array_equal(aces.layer("N", "XYZ"), turned)


def test_our_own_reader_shows_the_person(plain, aces, folder):
    seen = exr_bands((folder / "plain.exr").read_bytes()).whole()
    assert seen.shape == (512, 512, 4)
    assert np.array_equal(seen[plain.rows][..., :3], plain.layer(""))
    wide = exr_bands((folder / "aces.exr").read_bytes())
    assert np.allclose(wide.whole()[..., :3] @ wide.matrix.T, seen[..., :3], atol=6e-3)


def test_openimageio_reads_names_windows_and_colours(aces, plain, folder):
    oiio = pytest.importorskip("OpenImageIO", reason="OpenImageIO is not installed")
    picture = oiio.ImageBuf(str(folder / "aces.exr"))
    spec = picture.spec()
    assert set(spec.channelnames) == aces.planes.keys()
    assert (spec.full_width, spec.full_height) == (512, 512)
    (x0, y0), (x1, y1) = aces.header["dataWindow"]
    assert (spec.x, spec.y, spec.width, spec.height) == (x0, y0, x1 - x0 + 1, y1 - y0 + 1)
    assert spec.getattribute("oiio:ColorSpace") in ("lin_ap1_scene", "ACEScg")
    pixels = picture.get_pixels(oiio.FLOAT)
    column = spec.channelnames.index("N.Y")
    np.testing.assert_array_equal(pixels[..., column], aces.planes["N.Y"].astype(np.float32))


def test_a_relit_person_adds_up_too(face, tmp_path):
    relit = face.relight(SHLight.preset("rembrandt_left").matched(face.light))
    write_layers(tmp_path / "relit.exr", relit)
    read = Read(tmp_path / "relit.exr")
    sum_of = read.layer("albedo") * read.layer("shading") + read.layer("residual")
    shown = srgb_to_linear(relit.composite()[read.rows] / 255)
    sure = read.planes["matte.A"] > 0.99
    np.testing.assert_allclose(sum_of[sure], shown[sure], atol=5e-3)


def test_a_face_alone_has_a_matte_of_its_own(decomposer, astronaut, tmp_path):
    from illures_nb import Decomposer

    alone = Decomposer(decomposer.net, decomposer.size, portrait=False)(astronaut)[0]
    write_layers(tmp_path / "face.exr", alone)
    read = Read(tmp_path / "face.exr")
    np.testing.assert_array_equal(read.planes["matte.A"], read.planes["mask.A"])
    assert read.planes["depth.Z"].max() > 0.01


def test_any_window_of_any_height_comes_back(tmp_path):
    x = np.random.default_rng(0).normal(size=(70, 9)).astype(np.float32)
    path = tmp_path / "x.exr"
    with open(path, "w+b") as file:
        bands = [{"b.Z": x[:48], "a": x[:48]}, {"b.Z": x[48:], "a": x[48:]}]
        kinds = {"b.Z": np.float32, "a": np.float16}
        write_exr_channels(file, kinds, (40, 90), (3, 7, 12, 77), bands, texts={"comments": "é"})
    read = Read(path)
    np.testing.assert_array_equal(read.planes["b.Z"], x)
    np.testing.assert_array_equal(read.planes["a"], x.astype(np.float16))
    assert read.header["comments"] == "é" and "chromaticities" not in read.header
    assert [tuple(corner) for corner in read.header["dataWindow"]] == [(3, 7), (11, 76)]


def test_only_exr_is_written(face, tmp_path):
    with pytest.raises(ValueError, match="must end in .exr"):
        write_layers(tmp_path / "layers.png", face)


def test_the_command_writes_layers_beside_the_maps(illures, astronaut_path, tmp_path):
    words = ("--layers", "--aces", "--maps", "mask", "--face-only")
    code, _, err = illures("decompose", astronaut_path, "--out", tmp_path, *words)
    assert code == 0, err
    folder = tmp_path / "astronaut"
    assert Read(folder / "layers.exr").header["colorInteropID"] == "lin_ap1_scene"
    assert "layers.exr" in (folder / "about.txt").read_text()
    illures("decompose", astronaut_path, "--out", tmp_path, "--maps", "mask", "--face-only")
    assert not (folder / "layers.exr").exists()  # nothing of an earlier run stays
