"""The package face-alignment where people expect it: in Python, by command, in clips, in the demo.
Its weights are downloads, so a stand-in of its interface finds what our own network finds, moved by
some pixels; nbs/35_face runs the package itself on weights made for the purpose."""

import inspect
import json
import sys
import types
import warnings
from enum import IntEnum
from urllib.error import URLError

import cv2
import numpy as np
import pytest
import torch

from illures_nb import Decomposer
from illures_nb.face import DetectorError, _face_alignment, detect_faces
from illures_nb.video import Frame
from illures_nb.video.tracks import Sightings, search

MOVED = np.float32([2, 3])  # px of the picture that the package is given
FILES = "2DFAN4-11f355bf06.pth.tar", "s3fd-619a316812.pth"


class LandmarksType(IntEnum):
    TWO_D = 1
    TWO_HALF_D = 2
    THREE_D = 3


class FaceAlignment:
    "Answers as version 1.5 does."

    seen = []  # shapes of the pictures it was given

    def __init__(
        self,
        landmarks_type,
        network_size=4,
        device="cuda",
        dtype=torch.float32,
        flip_input=True,
        face_detector="sfd",
        face_detector_kwargs=None,
        verbose=False,
        compile=True,
        max_batch_size=1,
    ):
        assert landmarks_type is LandmarksType.TWO_D and not compile
        assert device == ("cuda" if torch.cuda.is_available() else "cpu")

    def get_landmarks_from_image(
        self,
        image_or_path,
        detected_faces=None,
        return_bboxes=False,
        return_landmark_score=False,
    ):
        assert return_bboxes and return_landmark_score and detected_faces is None
        assert image_or_path.dtype == np.uint8
        self.seen.append(image_or_path.shape)
        found = detect_faces(image_or_path)
        if not found:
            warnings.warn("No faces were detected.", stacklevel=1)
            return None, None, None
        scores = [np.full(68, 0.7, np.float32)] * len(found)
        boxes = [np.float32([*face.box, 0.99]) for face in found]
        return [face.landmarks + MOVED for face in found], scores, boxes


@pytest.fixture
def fresh():
    "Nothing that was loaded before, or will be, is used by another test."
    _face_alignment.cache_clear()
    yield
    _face_alignment.cache_clear()


@pytest.fixture
def package(fresh, monkeypatch):
    "The stand-in as the installed package; the shapes of the pictures that it is given."
    module = types.ModuleType("face_alignment")
    module.FaceAlignment, module.LandmarksType = FaceAlignment, LandmarksType
    monkeypatch.setitem(sys.modules, "face_alignment", module)
    monkeypatch.setattr(FaceAlignment, "seen", [])
    return FaceAlignment.seen


@pytest.fixture
def without_weights(package, monkeypatch, tmp_path):
    "As the package is without its weights and without a network connection."

    def offline(*args, **settings):
        raise URLError("no route to host")

    monkeypatch.setattr(FaceAlignment, "__init__", offline)
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path / "hub"))
    return tmp_path / "hub" / "checkpoints"


@pytest.fixture(scope="module")
def ours(astronaut):
    "Our own network's landmarks of the astronaut."
    return detect_faces(astronaut)[0].landmarks


def theirs(weights):
    return Decomposer.from_pretrained(weights, portrait=False, landmarks="face-alignment")


def test_the_stand_in_has_the_interface_of_the_package():
    api = pytest.importorskip("face_alignment")
    assert api.LandmarksType.TWO_D == LandmarksType.TWO_D
    for name in ("__init__", "get_landmarks_from_image"):
        real, ours = (getattr(c, name) for c in (api.FaceAlignment, FaceAlignment))
        assert list(inspect.signature(real).parameters) == list(inspect.signature(ours).parameters)


def test_its_landmarks_are_those_of_the_faces(package, weights, astronaut, ours):
    (f,) = theirs(weights)(astronaut)
    assert np.allclose(f.photo.face.landmarks, ours + MOVED, atol=0.01)
    assert f.photo.face.score == pytest.approx(0.99) and package == [(512, 512, 3)]


def test_large_photos_are_shown_small(package, weights, astronaut, ours):
    large = cv2.resize(astronaut, (2048, 2048), interpolation=cv2.INTER_CUBIC)
    (f,) = theirs(weights)(large)
    on_large = 4 * (ours + 0.5) - 0.5 + 2 * MOVED
    assert abs(f.photo.face.landmarks - on_large).mean() < 3 and package == [(1024, 1024, 3)]


def test_where_it_finds_nobody_there_is_nobody(package, weights, wall):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert theirs(weights)(wall) == []


def test_ours_is_what_nobody_need_ask_for(package, weights, astronaut, ours):
    (f,) = Decomposer.from_pretrained(weights, portrait=False)(astronaut)
    assert np.array_equal(f.photo.face.landmarks, ours) and not package


def test_a_package_that_is_missing_is_one_sentence(fresh, weights, monkeypatch):
    monkeypatch.setitem(sys.modules, "face_alignment", None)
    with pytest.raises(DetectorError, match="pip install 'face-alignment"):
        theirs(weights)
    with pytest.raises(ValueError, match="ours, face-alignment, not 'dlib'"):
        Decomposer.from_pretrained(weights, landmarks="dlib")


WORK = {"decompose": [], "relight": ["--light", "front"]}


@pytest.mark.parametrize("command", WORK)
def test_missing_weights_are_one_sentence(
    command, without_weights, illures, astronaut_path, tmp_path
):
    args = [astronaut_path, *WORK[command], "--landmarks", "face-alignment"]
    code, out, err = illures(command, *args, "--out", tmp_path / "out.png")
    assert code == 1 and not out and err.count("\n") == 1
    assert all(words in err for words in (*FILES, str(without_weights), "no route to host"))
    assert not list((tmp_path / "out.png").glob("*"))


@pytest.mark.parametrize("command", WORK)
def test_commands_take_it(command, package, illures, astronaut_path, ours, tmp_path):
    args = [astronaut_path, *WORK[command], "--face-only", "--landmarks", "face-alignment"]
    code, out, err = illures(command, *args, "--out", tmp_path / "out.png")
    assert code == 0 and len(package) == 1, err
    if command == "decompose":
        record = json.loads((tmp_path / "out.png/astronaut/face.json").read_text())
        assert np.allclose(record["face"]["landmarks"], ours + MOVED, atol=0.01)


def test_a_folder_is_done_again_with_other_landmarks(package, illures, astronaut_path, tmp_path):
    args = ["decompose", astronaut_path.parent, "--face-only", "--out", tmp_path / "maps"]
    assert illures(*args)[0] == 0 and not package
    code, out, err = illures(*args, "--landmarks", "face-alignment")
    assert code == 0 and len(package) == 1 and "before" not in err


def test_a_clip_takes_it_in_every_frame(package, astronaut, ours, tmp_path):
    class Clip:
        rate = 25

        def frames(self, wanted):
            return (Frame(k, k, astronaut) for k in range(3) if wanted(k))

    found = Sightings(tmp_path)
    assert list(search(Clip(), found, "face-alignment")) == [1, 2, 3] and len(package) == 3
    assert all(np.allclose(one.points[0], ours + MOVED, atol=0.01) for one in found)


def test_the_demo_takes_it(package, app, monkeypatch, astronaut, ours):
    monkeypatch.setenv("ILLURES_LANDMARKS", "face-alignment")
    (f,) = app.illures_demo.layout.own_decomposer()(astronaut)
    assert np.allclose(f.photo.face.landmarks, ours + MOVED, atol=0.01)


def test_the_demo_says_what_is_missing(without_weights, app, monkeypatch):
    monkeypatch.setenv("ILLURES_LANDMARKS", "face-alignment")
    with pytest.raises(SystemExit, match=f"illures: .*{FILES[0]}"):
        app.main()
