"The public API on real photos: kinds of input, several faces, rolled heads, composites, bad input."

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from illures_nb import Decomposer, Decomposition, SHLight
from illures_nb.decompose import MAPS, find_weights, fit_light, sheet
from illures_nb.image import ImageReadError, linear_to_srgb, write_image
from illures_nb.light import rotation_matrix
from illures_nb.networks import build, save_weights


def angles(a, b):
    "Angles between directions (…, 3), degrees."
    cosines = np.clip((a * b).sum(-1), -1, 1)
    return np.rad2deg(np.arccos(cosines))


def test_a_face_has_the_promised_layers(face, astronaut):
    assert isinstance(face, Decomposition) and isinstance(face.light, SHLight)
    for name in MAPS:
        x = getattr(face, name)
        assert x.dtype == np.float32 and np.isfinite(x).all(), name
        assert x.shape == ((128, 128) if name == "mask" else (128, 128, 3)), name
    assert face.light.coeffs.shape == (9, 3) and face.light.coeffs.dtype == np.float32
    assert np.allclose(np.linalg.norm(face.normals, axis=-1), 1, atol=1e-4)
    assert 0 <= face.albedo.min() <= face.albedo.max() <= 1 and face.shading.min() >= 0
    assert 0 <= face.mask.min() <= face.mask.max() <= 1
    lit = face.albedo * face.light.shade(face.normals) + face.residual
    expected = linear_to_srgb(np.clip(lit, 0, 1))
    assert np.allclose(face.reconstruction, expected, atol=1e-5)
    x0, y0, x1, y1 = face.photo.face.box
    assert 150 < x0 < 200 < 250 < x1 < 300 and 60 < y0 < y1 < 220  # where the astronaut's face is


@pytest.mark.parametrize("kind", ["path", "text", "pil", "float", "float64", "16 bit", "bytes"])
def test_every_kind_of_input_gives_the_same_face(
    kind, decomposer, face, astronaut, astronaut_path, tmp_path
):
    if kind == "16 bit":
        write_image(tmp_path / "deep.png", np.uint16(astronaut) * 257, bits=16)
    image = {
        "path": astronaut_path,
        "text": str(astronaut_path),
        "pil": Image.fromarray(astronaut),
        "float": astronaut.astype(np.float32) / 255,
        "float64": astronaut / 255,
        "16 bit": tmp_path / "deep.png",
        "bytes": astronaut_path.read_bytes(),
    }[kind]
    (f,) = decomposer(image)
    assert np.allclose(f.albedo, face.albedo, atol=1e-3)
    assert np.allclose(f.light.coeffs, face.light.coeffs, atol=1e-3)
    assert np.array_equal(f.relight(f.light).composite(), astronaut)


def test_grey_transparent_and_sideways_photos_work(decomposer, astronaut):
    grey = np.asarray(Image.fromarray(astronaut).convert("L"))
    opaque = np.dstack([astronaut, np.full((512, 512), 255, np.uint8)])
    assert len(decomposer(grey)) == len(decomposer(opaque)) == 1
    exif, data = Image.Exif(), io.BytesIO()
    exif[274] = 6  # shown turned by a quarter
    Image.fromarray(np.ascontiguousarray(np.rot90(astronaut))).save(data, "PNG", exif=exif)
    assert decomposer(data.getvalue())[0].photo.picture.shape == (512, 512, 3)
    assert np.array_equal(decomposer(data.getvalue())[0].photo.picture, astronaut)


def test_the_same_photo_gives_the_same_numbers(decomposer, face, astronaut):
    (again,) = decomposer(astronaut)
    assert all(np.allclose(getattr(again, k), getattr(face, k), atol=1e-4) for k in MAPS)


def test_a_photo_without_a_face_gives_an_empty_list(decomposer, wall):
    assert decomposer(wall) == [] and decomposer(wall[:1, :1]) == []


def test_several_faces_come_biggest_first_and_keep_to_themselves(decomposer, two_faces):
    big, small = decomposer(two_faces)
    heights = [np.ptp(f.photo.face.landmarks, 0).max() for f in (big, small)]
    assert heights[0] > 1.5 * heights[1]
    assert big.photo.face.box[0] > 288 > 276 > small.photo.face.box[2]
    light = SHLight.preset("split_left")
    mattes = [f.to_frame("matte") for f in (big, small)]
    assert mattes[0][:, 276:].any() and not mattes[1][:, 288:].any()
    assert sum(mattes).max() < 1.0001  # what several claim is divided
    a, b = big.relight(light).composite(), small.relight(light).composite()
    for out, matte in zip((a, b), mattes):
        assert np.array_equal(out[matte == 0], two_faces[matte == 0])
    both = small.relight(light).composite(big.relight(light).composite())
    only_big, only_small = mattes[1] == 0, mattes[0] == 0
    assert np.array_equal(both[only_big], a[only_big])
    assert np.array_equal(both[only_small], b[only_small])
    assert mattes[0][:, :276][mattes[1][:, :276] > 0.5].max() < 0.1  # she is not the other's


def test_composite_touches_nothing_but_the_person(face, astronaut):
    out = face.relight(SHLight.preset("split_right")).composite()
    matte = face.to_frame("matte")
    outside = matte == 0
    assert out.dtype == np.uint8 and out.shape == astronaut.shape and outside.mean() > 0.5
    assert np.array_equal(out[outside], astronaut[outside])
    assert (out != astronaut).any(-1)[matte > 0.5].mean() > 0.9
    assert not outside[np.nan_to_num(face.to_frame("mask")) > 0.9].any()
    assert np.array_equal(face.photo.picture, astronaut)  # and the photo itself is left alone


def test_own_light_returns_the_photo(face, astronaut):
    assert abs(face.relight(face.light).composite().astype(int) - astronaut).max() <= 2
    there_and_back = face.relight(SHLight.preset("top")).relight(face.light)
    assert abs(there_and_back.composite().astype(int) - astronaut).max() <= 2
    same = face.relight(face.light, residual=1.0)
    assert np.array_equal(same.reconstruction, face.reconstruction)
    assert np.array_equal(face.edit_albedo(face.albedo).composite(), astronaut)


def test_relighting_never_runs_the_network(astronaut, weights):
    d = Decomposer.from_pretrained(weights)
    (f,) = d(astronaut)
    d.net = None
    g = f.relight(SHLight.preset("window"), residual=0.5).edit_albedo(f.albedo * 0.9)
    assert g.composite().shape == g.to_frame("shading").shape == astronaut.shape
    assert sheet(g).dtype == np.uint8


@pytest.mark.parametrize("quarter", [1, -1])
def test_a_head_on_its_side_is_told_in_the_photos_frame(quarter, decomposer, face, astronaut):
    (turned,) = decomposer(np.ascontiguousarray(np.rot90(astronaut, quarter)))
    turn = rotation_matrix(roll=90 * quarter).T.astype(np.float32)
    expected = np.rot90(face.to_frame("normals") @ turn, quarter)
    seen = turned.to_frame("normals")
    both = np.isfinite(expected[..., 0]) & np.isfinite(seen[..., 0])
    assert both.mean() > 0.02 and np.median(angles(expected, seen)[both]) < 8
    assert np.allclose(turned.shading, turned.light.shade(turned.normals), atol=1e-5)


def test_known_faces_are_not_looked_for_again(decomposer, face, astronaut):
    (f,) = decomposer(astronaut, faces=[face.photo.face])
    assert np.allclose(f.normals, face.normals, atol=1e-5)
    assert decomposer(astronaut, faces=[]) == []


def test_a_face_cut_by_the_border_and_a_tiny_face_are_safe(decomposer, astronaut):
    for photo in (
        astronaut[60:260, 215:420],
        astronaut[:140, 100:350],
        np.asarray(Image.fromarray(astronaut).resize((170, 170), Image.Resampling.BOX)),
    ):
        for f in decomposer(np.ascontiguousarray(photo)):
            out = f.relight(SHLight.preset("under")).composite()
            outside = f.to_frame("matte") == 0
            assert out.shape == photo.shape and np.array_equal(out[outside], photo[outside])
            assert np.array_equal(f.composite(), photo)


def test_residual_scales_and_albedo_edits_show(face):
    soft, none = face.relight(face.light, residual=0.5), face.relight(face.light, residual=0)
    assert np.allclose(soft.residual, 0.5 * face.residual) and not none.residual.any()
    assert np.allclose(
        none.reconstruction, linear_to_srgb(np.clip(face.albedo * face.shading, 0, 1)), atol=1e-5
    )
    dark = face.edit_albedo(face.albedo * np.float32(0.5))
    inside = face.to_frame("mask") > 0.99
    assert dark.composite()[inside].mean() < 0.85 * face.photo.picture[inside].mean()


def test_wrong_values_get_one_sentence(face):
    nan = face.albedo.copy()
    nan[3, 4] = np.nan
    for call in (
        lambda: face.edit_albedo(face.albedo[..., 0]),
        lambda: face.edit_albedo(nan),
        lambda: face.edit_albedo(-face.albedo - 1),
        lambda: face.edit_albedo(np.zeros((128, 128, 3), np.uint8)),
        lambda: face.to_frame("depth"),
        lambda: face.relight(np.zeros((3, 9))),
        lambda: face.relight(np.full((9, 3), np.inf)),
        lambda: face.relight(face.light, residual=float("inf")),
        lambda: face.composite(np.zeros((5, 5, 3), np.uint8)),
    ):
        with pytest.raises(ValueError) as e:
            call()
        assert "\n" not in str(e.value) and len(str(e.value)) > 20


@pytest.mark.parametrize(
    "name", ["empty", "letter", "noise", "half", "header", "huge", "pickle", "folder", "missing"]
)
def test_broken_files_are_named(name, decomposer, broken_files):
    with pytest.raises(ImageReadError) as e:
        decomposer(broken_files[name])
    assert str(broken_files[name]) in str(e.value) and "\n" not in str(e.value)


@pytest.mark.parametrize(
    "array",
    [
        np.full((64, 64, 3), np.nan),
        np.zeros((3, 64, 64)),
        np.zeros((64, 64, 3)) + 128.0,
        np.zeros((0, 4, 3)),
        np.zeros(5),
        None,
        7,
    ],
)
def test_broken_arrays_are_refused(array, decomposer):
    with pytest.raises(ImageReadError):
        decomposer(array)


def test_weights_come_from_safetensors_only(tmp_path, monkeypatch):
    torch.save({"a": torch.zeros(1)}, tmp_path / "net.pth")
    (tmp_path / "junk.safetensors").write_bytes((tmp_path / "net.pth").read_bytes())
    for name, error in (
        (tmp_path / "net.pth", ValueError),
        (tmp_path / "junk.safetensors", ValueError),
        (tmp_path / "no.safetensors", FileNotFoundError),
        ("nobody", ValueError),
        ("a/b/c/d", ValueError),
    ):
        with pytest.raises(error) as e:
            Decomposer.from_pretrained(name)
        assert str(name) in str(e.value) and "\n" not in str(e.value)
    with pytest.raises(FileNotFoundError, match="this installation has no weights"):
        find_weights("lite", 64)


def test_weights_come_from_the_hub(tmp_path, monkeypatch):
    hub = pytest.importorskip("huggingface_hub")
    save_weights(tmp_path / "lite-128.safetensors", build("lite"), {"size": 128})
    asked = []

    def download(repo, file):
        asked.append((repo, file))
        return str(tmp_path / file)

    monkeypatch.setattr(hub, "hf_hub_download", download)
    assert Decomposer.from_pretrained("someone/faces").size == 128
    assert find_weights("someone/faces/sfsnet", 256) == Path(tmp_path / "sfsnet-256.safetensors")
    assert asked == [
        ("someone/faces", "lite-128.safetensors"),
        ("someone/faces", "sfsnet-256.safetensors"),
    ]


def test_an_unreachable_hub_is_one_sentence(tmp_path, monkeypatch):
    hub = pytest.importorskip("huggingface_hub")
    real = hub.hf_hub_download
    monkeypatch.setattr(
        hub,
        "hf_hub_download",
        lambda repo, file: real(repo, file, cache_dir=tmp_path, local_files_only=True),
    )
    with pytest.raises(FileNotFoundError, match="someone/nothing") as e:
        Decomposer.from_pretrained("someone/nothing")
    assert "\n" not in str(e.value)


def test_damaged_weights_do_not_pass_for_an_answer(astronaut, face):
    net = build("lite")
    with torch.no_grad():
        next(net.heads.parameters()).fill_(float("nan"))
    with pytest.raises(ValueError, match="damaged"):
        Decomposer(net)(astronaut, faces=[face.photo.face])


def test_light_is_found_again_in_a_rendered_face(face):
    "Shade the face's own albedo and normals under a known light; the fit must return it."
    light = SHLight.preset("rembrandt_left")
    noise = np.random.default_rng(0).normal(size=face.albedo.shape).astype(np.float32)
    inside, true = face.mask > 0.5, light.shade(face.normals)
    picture = face.albedo * np.maximum(true, 0) + 0.02 * noise
    for prior in (None, face.light.matched(light)):
        found = fit_light(picture, face.albedo, face.normals, face.mask, prior)
        error = abs(found.shade(face.normals) - true)
        assert error[inside].mean() < 0.1 * true[inside].mean()


def test_trained_weights_see_the_mirrored_light_mirrored(trained, decomposer, face, astronaut):
    (mirrored,) = decomposer(np.ascontiguousarray(astronaut[:, ::-1]))
    expected = face.light.mirror()
    inside = mirrored.mask > 0.5
    error = abs(mirrored.light.shade(mirrored.normals) - expected.shade(mirrored.normals))
    assert error[inside].mean() < 0.15 * mirrored.shading[inside].mean()


def test_trained_weights_explain_the_photo(trained, face):
    inside = face.mask > 0.9
    assert abs(face.reconstruction - face.photo.crop)[inside].mean() < 0.08


BUNDLED = [  # preset, size, size asked for
    ("lite", 128, None),
    ("fine", 256, None),
    ("illures", 64, None),
    ("illures", 128, 128),
]


@pytest.mark.parametrize("preset, size, asked", BUNDLED)
def test_every_bundled_network_takes_a_face_apart(preset, size, asked, trained, face, astronaut):
    (f,) = Decomposer.from_pretrained(preset, asked)(astronaut)
    for x in (f.albedo, f.normals, f.residual):
        assert x.shape == (size, size, 3)
    assert f.mask.shape == (size, size)
    own, other = f.to_frame("normals"), face.to_frame("normals")
    both = np.isfinite(own[..., 0]) & np.isfinite(other[..., 0])
    # they agree on the shape
    assert both.mean() > 0.02 and np.median(angles(own, other)[both]) < 15
    seen = f.mask > 0.5
    assert abs(f.reconstruction - f.photo.crop)[seen].mean() < 0.04
    assert f.relight(SHLight.preset("split_left")).composite().shape == astronaut.shape


def test_weights_that_decompose_nothing(trained):
    from illures_nb.networks import weights_path

    with pytest.raises(ValueError, match="align_albedo.*does not decompose"):
        Decomposer.from_pretrained(weights_path("align_albedo"))


def test_fine_is_lite_with_detail(trained):
    from illures_nb.networks import load_weights

    fine, lite = load_weights("fine"), load_weights("lite")
    assert all(
        torch.equal(a, b)
        for a, b in zip(fine.lite.state_dict().values(), lite.state_dict().values())
    )
    x = torch.rand(1, 3, 256, 256, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        a, b = fine(x), lite(torch.nn.functional.avg_pool2d(x, 2))
    assert torch.allclose(a.light, b.light, atol=1e-5) and not torch.allclose(
        a.normals[..., ::2, ::2], b.normals, atol=0.01
    )
