"The landmark network as a stage: labelled folders, views, training, weights that are mixed."

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors import safe_open

pytest.importorskip("numba", reason="training needs numba: pip install 'illures_nb[train]'")
from illures_nb.face import TEMPLATE, VIEW_SIZE, LandmarkNet, detect_faces  # noqa: E402
from illures_nb.image import read_image  # noqa: E402
from illures_nb.networks import read_weights  # noqa: E402
from illures_nb.train.blend import blend  # noqa: E402
from illures_nb.train.labelled import (  # noqa: E402
    Labelled,
    described,
    people_held_out,
    read_labelled,
    read_portraits,
    read_videos,
)
from illures_nb.train.landmarks import Views, errors, landmark_weights  # noqa: E402
from illures_nb.train.roles import ROLES  # noqa: E402
from illures_nb.train.stage import stage_for  # noqa: E402
from illures_nb.train.streams import LandmarkStream  # noqa: E402
from illures_nb.train.views import Bank, face_view, light_field, relief, towards  # noqa: E402

EXAMPLES = Path(__file__).parents[1] / "assets/examples"


# fmt: off
FEATURES = ((17, 22, .1), (22, 27, .1), (36, 42, .05), (42, 48, .05), (48, 60, .3))  # and colours
# fmt: on


def toy(rng, size=128):
    "A lit relief with painted features: picture and points."
    heights, _ = relief()
    light = towards(rng.uniform(-30, 30), rng.uniform(-10, 30))
    shading = cv2.resize(light_field(heights, light), (size, size))[..., None]
    skin = rng.uniform([0.7, 0.45, 0.35], [1, 0.8, 0.7])
    x = np.float32(0.25 + 0.5 * shading * skin)
    points = ((TEMPLATE + 0.1) / 1.2 + rng.normal(0, 0.004, (68, 2))) * size - 0.5
    for first, end, dark in FEATURES:
        outline = np.round(points[first:end] * 16).astype(np.int32)
        cv2.fillPoly(x, [outline], (dark, dark / 2, dark / 2), cv2.LINE_AA, 4)
    picture = 255 * np.clip(x, 0, 1) ** (1 / 2.2)
    return Labelled(picture.astype(np.uint8), points, "portraits")


@pytest.fixture(scope="module")
def portraits(tmp_path_factory):
    "A folder of nine labelled toys of which one is held out by its name, 7.png."
    folder, rng = tmp_path_factory.mktemp("portraits"), np.random.default_rng(0)
    faces = {f"{k}.png": toy(rng) for k in range(1, 10)}
    for name, face in faces.items():
        cv2.imwrite(str(folder / name), face.picture[..., ::-1])
    points = [face.points for face in faces.values()]
    np.savez(folder / "landmarks68.npz", name=list(faces), points=points)
    return folder


# ---- labelled folders


def test_a_portrait_is_held_out_by_its_name(portraits):
    assert len(read_portraits(portraits, True)) == 1 and len(read_portraits(portraits, False)) == 8
    assert described(portraits)["recipe"] == "portraits"


def test_a_missing_picture_is_named(portraits, tmp_path):
    with pytest.raises(FileNotFoundError, match="landmarks68.npz"):
        read_portraits(tmp_path, True)
    shutil.copytree(portraits, tmp_path / "gap")
    (tmp_path / "gap/3.png").unlink()
    with pytest.raises(FileNotFoundError, match="landmarks of 3.png"):
        read_portraits(tmp_path / "gap", True)


def test_people_of_clips_are_held_out(portraits, tmp_path):
    "By their names; the bundled network's are known."
    face = toy(np.random.default_rng(0))
    for who in ("anna", "ben"):
        writer = cv2.VideoWriter(
            str(tmp_path / f"{who}.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 12.5, (128, 128)
        )
        for _ in range(4):
            writer.write(np.ascontiguousarray(face.picture[..., ::-1]))
        writer.release()
        labels = {"frame": np.arange(4), "points": [face.points] * 4}
        np.savez(tmp_path / f"{who}.landmarks68.npz", **labels)
    kept, held = (read_videos(tmp_path, out, 1, ("ben",)) for out in (False, True))
    assert {s.group for s in kept} == {"anna"} and {s.group for s in held} == {"ben"}
    difference = kept[0].picture.astype(int) - face.picture
    assert len(kept) == 4 and abs(difference).mean() < 5
    assert len(people_held_out()) == 4 and len(read_videos(tmp_path, False)) == 4
    assert described(tmp_path)["recipe"] == "clips" and described(tmp_path)["samples"] == 8
    with pytest.raises(ValueError, match="nobody in the clips is called 'zoe'"):
        read_labelled([portraits, tmp_path], False, held=("zoe",))


# ---- views


class Plain(np.random.Generator):
    "A generator whose coin always lands on `leave the picture alone`, yet turns it."

    def random(self, *args, **settings):
        return 0.2


def test_a_mirrored_turned_view_keeps_its_points():
    "Dark irises stay under the eye points of a toy face that is not degraded, the nose is bright."
    rng, plain = np.random.default_rng(0), Bank(Plain(np.random.PCG64(1)), 1)
    for face in (toy(rng) for _ in range(4)):
        view, points = face_view(face.picture, face.points, plain)
        pixels = np.round(points * VIEW_SIZE - 0.5).astype(int)

        def brightness(*at):
            x, y = pixels[list(at)].mean(0).round().astype(int)
            return view[y, x].sum()

        assert brightness(*range(36, 42)) < 200 and brightness(*range(42, 48)) < 200
        assert brightness(30) > 200


def test_batches_do_not_depend_on_who_asks():
    rng = np.random.default_rng(0)
    views = Views([toy(rng) for _ in range(3)], 6, 10, seed=4)
    first, other, again = views[5], views[4], views[5]
    assert torch.equal(again.image, first.image) and torch.equal(again.points, first.points)
    assert not torch.equal(other.image, first.image)


def test_parts_of_a_batch_hold_a_third_of_no_faces():
    "However many parts a batch is drawn in."
    samples = [toy(np.random.default_rng(0))]
    parts = Views(samples, 4, 10)
    faces = torch.cat([parts[i].face for i in range(3)])
    assert torch.equal(faces, Views(samples, 12, 10)[0].face) and faces.sum() == 8


# ---- the stage


@pytest.fixture(scope="module")
def trained(portraits, tmp_path_factory):
    "A run that was stopped after 12 steps and went on to 40, and its command."
    from illures_nb.cli import main

    out = tmp_path_factory.mktemp("runs") / "toy"
    command = ["train", "landmarks", "--data", str(portraits), "--held", str(portraits)]
    command += ["--out", str(out), "--batch", "16", "--workers", "0", "--device", "cpu", "--steps"]
    assert main([*command, "12"]) == 0 and main([*command, "40"]) == 0
    return out, command


def read(file):
    "A landmark network in evaluation mode."
    return ROLES["landmarks"].read(file)


def test_toys_are_learnt(trained):
    "On nine toy faces forty small steps are enough to see the error fall."
    out, _ = trained
    torch.manual_seed(0)
    toys = [toy(np.random.default_rng(k)) for k in range(12)]
    before, after = (
        errors(LandmarkNet().eval(), toys),
        errors(read(out / "landmarks.safetensors"), toys),
    )
    assert after.mean() < 0.8 * before.mean()
    rows = (out / "log.csv").read_text().splitlines()
    steps = [row.split(",")[0] for row in rows[1:]]
    assert "val_error" in rows[0] and steps == ["12", "40"]
    assert (out / "sheet.png").is_file()


def test_face_reads_what_the_stage_writes(trained, monkeypatch):
    "The file is as the bundled one: the same tensors in float16, below 2 MB."
    out, _ = trained
    file = out / "landmarks.safetensors"
    assert file.stat().st_size < 2e6
    with safe_open(file, "pt") as new, safe_open(landmark_weights(), "pt") as bundled:
        assert new.metadata()["steps"] == "40" and set(new.keys()) == set(bundled.keys())
        for name in bundled.keys():
            a, b = new.get_tensor(name), bundled.get_tensor(name)
            assert a.shape == b.shape and a.dtype == b.dtype
    LandmarkNet().load_state_dict(read_weights(file)[1])


def test_another_batch_is_another_run(trained, illures):
    out, command = trained
    command = [*command, "50"]
    command[command.index("--batch") + 1] = "8"
    code, _, err = illures(*command)
    assert code == 1 and "its batch is 16, not 8" in err and "Traceback" not in err


def test_other_sides_are_refused(portraits, tmp_path, illures):
    args = "train", "landmarks", "--data", portraits, "--out", tmp_path, "--size", 64
    code, _, err = illures(*args)
    assert code == 1 and "views of 96" in err and "Traceback" not in err


def test_validation_needs_somebody_held_out(portraits, tmp_path, illures):
    "A folder without the seventh portrait shows nobody that training would not see."
    faces = np.load(portraits / "landmarks68.npz")
    names, points = faces["name"][:3], faces["points"][:3]
    for name in names:
        shutil.copy(portraits / name, tmp_path)
    np.savez(tmp_path / "landmarks68.npz", name=names, points=points)
    args = "--data", portraits, "--held", tmp_path, "--out", tmp_path / "x"
    code, _, err = illures("train", "landmarks", *args)
    assert code == 1 and "holds nobody out" in err and "Traceback" not in err


def test_what_no_stage_reads_is_refused(portraits, tmp_path, illures):
    (tmp_path / "empty").mkdir()
    for stage, folder, words in (
        ("stage1b", portraits, "holds portraits"),
        ("landmarks", tmp_path / "empty", "no set"),
    ):
        code, _, err = illures("train", stage, "--data", folder, "--out", tmp_path / "x")
        assert code != 0 and words in err and "Traceback" not in err, err


@pytest.mark.slow
def test_misreadings_of_the_first_weights_are_shown(trained, portraits, monkeypatch):
    "A barely trained network misreads faces; without weights nothing is known to be misread."
    monkeypatch.setattr("illures_nb.train.landmarks.misreadings.__defaults__", (60,))
    stage, stream = stage_for("landmarks", batch=8), LandmarkStream()
    views = stream.batches(stage, [portraits], None, 8, 3)
    stream.begin(views, [])
    assert len(views.bank.mistakes) == 0
    stream.begin(views, [trained[0] / "landmarks.safetensors"])
    assert len(views.bank.mistakes) > 0 and views[0].image.shape == (8, 3, 96, 96)


def test_weights_are_mixed(trained, tmp_path):
    "A quarter of the bundled network and three quarters of a trained one."
    file = trained[0] / "landmarks.safetensors"
    mixed = read(blend({"landmarks": 0.25, file: 0.75}, tmp_path / "mixed.safetensors"))
    expected = 0.25 * read("landmarks").head.weight + 0.75 * read(file).head.weight
    assert torch.allclose(mixed.head.weight, expected, atol=1e-3)
    with pytest.raises(ValueError, match="Networks of one kind"):
        blend({"landmarks": 0.5, "lite": 0.5}, tmp_path / "x.safetensors")


def test_the_bundled_network_reads_the_examples():
    pictures = [read_image(path) for path in EXAMPLES.glob("*.jpg")]
    photos = [np.round(255 * picture).astype(np.uint8) for picture in pictures]
    found = [detect_faces(photo)[0].landmarks for photo in photos]
    people = [Labelled(photo, points, "portraits") for photo, points in zip(photos, found)]
    assert 100 * errors(read("landmarks"), people).mean() < 4
