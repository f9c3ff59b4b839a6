"What must hold of measuring heads: known answers, files of scans, what is not there."

import sys

import numpy as np
import pytest
import torch

from illures_nb.detect import faces_from
from illures_nb.face import detect_faces
from illures_nb.head import Head
from illures_nb.head.mesh import head_glb
from illures_nb.head.model import load_model
from illures_nb.head.network import SIDE
from illures_nb.head.vector import length, unpack
from illures_nb.light import rotation_matrix
from illures_nb.measure.head import head_row, identity_spreads, measure_heads, yale_answer
from illures_nb.measure.run import run
from illures_nb.measure.scans import Scan, ScanFace, find_front, measure_scan, off_surface
from illures_nb.measure.scans import read_scan, scan_face

trimesh = pytest.importorskip("trimesh")


@pytest.fixture(scope="module")
def model():
    return load_model()


@pytest.fixture(scope="module")
def somebody(model):
    "Numbers of a stranger who looks a little aside, mouth closed, lit from the front."
    row = torch.randn(1, length(model), generator=torch.Generator().manual_seed(5)) * 0.7
    quiet = unpack(model, row)
    light = torch.zeros(1, 9, 3)
    light[0, 0], light[0, 1] = 2.2, 0.6
    turned = torch.tensor([[0.0, 0.2, 0.05]])
    still = torch.zeros_like(quiet.expression)
    return quiet._replace(expression=still, rotation=turned, light=light.view(1, 27))


def head_of(model, numbers, face, transform):
    "A head in its model's own colours, all of them seen."
    texture = model.texture(numbers.reflectance)[0]
    seen = torch.ones(model.log_albedo.shape[1:])
    return Head(model, numbers, face, transform, texture, seen)


def known(model, numbers):
    "A fitter that knows the answer, of pictures that show just the crop."

    def fitter(picture):
        size = len(picture)
        shape = model.landmarks(numbers.shape(model))
        points = numbers.camera.seen(shape)[0][0].numpy() * size - 0.5
        k, shift = SIDE / size, 0.5 * SIDE / size - 0.5
        transform = np.array([[k, 0, shift], [0, k, shift]])
        (face,) = faces_from(points[None], [1.0])
        return [head_of(model, numbers, face, transform)]

    return _Fitter(model, fitter)


def knows_where(model, numbers):
    "A fitter that knows the answer, and finds the face as anybody does."

    def fitter(picture):
        return [head_of(model, numbers, face, np.eye(2, 3)) for face in detect_faces(picture)]

    return _Fitter(model, fitter)


class _Fitter:
    def __init__(self, model, call):
        self.model, self.call = model, call

    def __call__(self, picture):
        return self.call(picture)


# ---- heads that were drawn


def test_the_truth_is_off_by_nothing_and_the_mean_head_by_much(model, somebody):
    picture = somebody.render(model, 128).image[0].clamp(0, 1).permute(1, 2, 0).numpy()
    row = head_row(known(model, somebody), picture, somebody)
    assert row["neutral"] < 1e-3 and row["seen"] < 1e-3 and row["pose"] < 0.05
    assert row["mean_neutral"] > 1.5
    turned = somebody._replace(rotation=somebody.rotation + torch.tensor([[0, 0.12217, 0]]))
    assert head_row(known(model, turned), picture, somebody)["pose"] == pytest.approx(7, abs=0.2)
    nobody = head_row(_Fitter(model, lambda picture: []), picture, somebody)
    assert np.isnan(nobody["seen"]) and nobody["mean_seen"] == row["mean_seen"]


def test_normals_on_a_photo_are_those_that_were_drawn(model, somebody):
    drawn = somebody.render(model, 160, 2)
    photo = np.uint8(drawn.image[0].clamp(0, 1).permute(1, 2, 0).numpy() * 255)
    normals, albedo, light = yale_answer(known(model, somebody), photo)
    on = drawn.mask[0, 0].numpy() == 1
    true = drawn.normals[0].permute(1, 2, 0).numpy()
    cosine = (normals * true).sum(-1)[on]
    assert np.isfinite(cosine).all() and np.median(cosine) > 0.999
    assert np.allclose(light, somebody.light.view(9, 3), atol=1e-4)
    assert np.isnan(normals[drawn.mask[0, 0].numpy() == 0]).all()


# ---- scans


@pytest.fixture(scope="module")
def glb(model, somebody, tmp_path_factory):
    "The stranger's head as a file: metres, lying on a side."
    numbers = somebody.identity[0], somebody.expression[0]
    texture = model.texture(somebody.reflectance * 0, 512)[0]
    path = tmp_path_factory.mktemp("scans") / "head.glb"
    path.write_bytes(head_glb(model, *numbers, texture))
    mesh = trimesh.load(path, force="mesh", process=False)
    turn = np.eye(4)
    turn[:3, :3] = rotation_matrix(yaw=100, roll=35)
    mesh.apply_transform(turn)
    mesh.export(path)
    return path


def test_a_scan_in_a_file_is_found_and_measured(model, somebody, glb):
    scan = read_scan(glb)
    assert scan.texture is not None and len(scan.vertices) == len(model.mean)
    answers = {"truth": somebody, "mean": somebody._replace(identity=somebody.identity * 0)}
    rows = {
        name: measure_scan(knows_where(model, numbers), scan, {"name": "x"})
        for name, numbers in answers.items()
    }
    elsewhere = measure_scan(known(model, somebody), scan, {"name": "x"})
    assert any(np.isnan(row["found"]) for row in elsewhere)
    assert [row["view"] for row in rows["truth"]] == ["front", "30°"]
    for truth, mean in zip(*rows.values()):
        assert truth["found"] < 0.004 and mean["found"] == pytest.approx(mean["mean_head"])
        assert mean["mean_head"] > 4 * truth["found"]
    photo = np.zeros((64, 64, 3), np.uint8)
    (row,) = measure_scan(known(model, somebody), scan, {"name": "x"}, {"a.jpg": photo})
    assert row["view"] == "a.jpg" and row["found"] < 0.004


def test_other_files_show_the_same_surface(glb, tmp_path):
    scan, mesh = read_scan(glb), trimesh.load(glb, force="mesh", process=False)
    mesh.export(tmp_path / "head.obj")
    coloured = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    coloured.visual.vertex_colors = np.tile([255, 188, 0, 255], (len(mesh.vertices), 1))
    coloured.export(tmp_path / "head.ply")
    bare = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    bare.export(tmp_path / "bare.stl")
    for name in ("head.obj", "head.ply", "bare.stl"):
        other = read_scan(tmp_path / name)
        corners = [x.vertices[x.faces].mean(1) for x in (scan, other)]
        assert torch.allclose(*corners, atol=1e-4), name
    assert read_scan(tmp_path / "head.obj").texture.shape[0] == 3
    paint = read_scan(tmp_path / "head.ply").paint
    assert torch.allclose(paint[0], torch.tensor([1.0, 0.503, 0.0]), atol=0.01)  # linear


def test_what_is_compared_is_seen_and_around_the_nose(model):
    texture = model.texture(torch.zeros(1, model.sizes[2]), 256)[0]
    scan = Scan(model.mean, model.faces, model.uv, texture)
    fitted, points = find_front(scan, model)
    true = model.landmarks(model.mean[None])[0]
    assert abs(fitted.scale - 1) < 0.05 and (points - true)[17:].norm(dim=1).mean() < 0.6
    face = scan_face(scan, fitted, true)
    wall = model.mean[model.faces[model.part == model.parts.index("mouth")].unique()]
    deep = wall[wall[:, 2] < true[48:, 2].min() - 1]  # the mouth's inside
    assert len(face.points) > 1500 and torch.cdist(face.points, deep).min() > 0.2
    assert (face.points - true[30]).norm(dim=1).max() <= 1.05 * face.eyes + 1e-4
    off = off_surface(model, model.mean, face)
    assert off.median() < 1e-4 and (off > 0.01).float().mean() < 0.02  # teeth between the lips


def test_hair_does_not_pull_but_counts(model):
    true = model.landmarks(model.mean[None])[0]
    texture = model.texture(torch.zeros(1, model.sizes[2]), 64)[0]
    scan = Scan(model.mean, model.faces, model.uv, texture)
    fitted, _ = find_front(scan, model)
    face = scan_face(scan, fitted, true)
    high = face.points[:, 1] > 3
    away = face.points + 2.0 * high[:, None] * torch.tensor([0.0, 0, 1])
    off = off_surface(model, model.mean, ScanFace(away, true, face.eyes))
    assert off[~high].median() < 0.004 and off[high].median() > 0.15


# ---- clips


def test_spreads_are_those_of_the_numbers():
    rng = np.random.default_rng(0)
    clips = []
    for person in range(60):
        who = rng.normal(0, 3, 8)
        for _ in range(2):  # clips of one person
            frames = who + rng.normal(0, 1, (10, 8))
            clips.append((str(person), torch.tensor(frames, dtype=torch.float32)))
    found = identity_spreads(clips, torch.eye(8))
    assert found["within"] == pytest.approx(8**0.5, rel=0.05)
    assert found["between"] == pytest.approx(3 * 8**0.5, rel=0.15)
    twice = identity_spreads(clips, 4 * torch.eye(8))
    assert twice["within"] == pytest.approx(2 * found["within"], rel=1e-4)


# ---- the command


def test_a_page_says_what_was_and_what_was_not_measured(tmp_path):
    text = run("head", [], out=tmp_path / "head.md", heads=2, progress=False)
    assert "| heads drawn by the model: face as seen, mm |" in text
    for needed in ("--assets DIR", "--anny N", "--mesh FILE", "Yale B", "portraits", "clips"):
        assert needed in text.split("Not measured")[1]
    assert (tmp_path / "head_heads.png").is_file() and (tmp_path / "head.md").read_text() == text


def test_what_cannot_be_measured_is_refused_in_a_sentence(tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    for sentence, error, folders, options in (
        ("nothing to measure heads with", ValueError, [tmp_path / "empty"], {}),
        ("no such folder", FileNotFoundError, [tmp_path / "x"], {}),
        ("no file", FileNotFoundError, [], {"mesh": [tmp_path / "scan.glb"]}),
        ("no option 'feet'", ValueError, [], {"feet": 2}),
    ):
        with pytest.raises(error, match=sentence):
            run("head", folders, progress=False, **options)
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"")
    with pytest.raises(ValueError, match="belong to one scan"):
        run("head", [], photo=[photo], progress=False)
    monkeypatch.setitem(sys.modules, "trimesh", None)
    with pytest.raises(ImportError, match="pip install trimesh"):
        read_scan(photo)


def test_another_model_is_optional(model, monkeypatch):
    monkeypatch.setitem(sys.modules, "anny", None)
    fitter = _Fitter(model, lambda picture: [])
    result = measure_heads(fitter, heads=1, anny=3, progress=False)
    assert not result.anny and "pip install" in result.missing["anny"]
