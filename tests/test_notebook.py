"A face in a notebook: it shows its sheet, draws itself as a figure, and is relit by hand."

import base64
import re
import sys

import cv2
import numpy as np
import pytest
from matplotlib import pyplot as plt

from illures_nb import SHLight
from illures_nb.decompose import MAPS, Faces, sheet, surroundings, view
from illures_nb.relight import Staging


def pixels(data):
    "A picture's pixels, RGB."
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]


def shown(html):
    "The pictures of a page."
    return [pixels(base64.b64decode(x)) for x in re.findall(r"base64,([^\"]+)", html)]


@pytest.fixture(scope="module")
def panel(face):
    return face.widget()


def test_a_face_shows_its_sheet(face):
    (picture,) = shown(face._repr_html_())
    assert abs(picture.astype(float) - sheet(face)).mean() < 3  # a JPEG
    assert f"<figcaption>{face!r}</figcaption>" in face._repr_html_()
    assert np.array_equal(pixels(face._repr_png_()), sheet(face, side=160))


def test_faces_show_themselves_and_stay_a_list(face, decomposer, two_faces, wall):
    faces = decomposer(two_faces)
    assert isinstance(faces, list) and len(shown(faces._repr_html_())) == len(faces) == 2
    assert len(shown(Faces([face] * 9)._repr_html_())) == 6
    assert decomposer(wall) == [] and decomposer(wall)._repr_html_() is None


def test_a_figure_holds_every_map(face, tmp_path):
    figure = face.plot()
    titles = [ax.get_title() for ax in figure.axes]
    assert titles == ["photo", *MAPS, "light"] and all(ax.images for ax in figure.axes)
    figure.savefig(tmp_path / "face.png", dpi=50)
    assert cv2.imread(str(tmp_path / "face.png")).shape[1] == 550
    assert not plt.get_fignums(), "pyplot would show it a second time"


def test_a_hand_relights_as_the_package_does(face, panel):
    places = {"azimuth": 50, "elevation": 10, "strength": 1.5, "contrast": 0.5}
    picture = panel.set(**places, shine="none", shadows="kept")
    small = view(face, 480, surroundings(face))
    light = SHLight.from_direction(50, 10).matched(face.light)
    staging = vars(Staging(0.5, 1.5, "none", "kept"))
    assert np.array_equal(picture, small.relight(light, **staging).composite())
    assert max(picture.shape) <= 480


def test_every_control_changes_the_picture(panel):
    panel.set(azimuth=-40, elevation=20, strength=1.0, contrast=1.0, shine="moved", shadows="moved")
    start = panel.values
    for name, place in {"azimuth": 60, "elevation": -20, "strength": 0.2, "contrast": 2.0}.items():
        before = panel.pixels
        assert not np.array_equal(panel.set(**{name: place}), before), name
    panel.set(**start)
    seen = {
        panel.set(shine=x, shadows=y).tobytes()
        for x in ("moved", "none")
        for y in ("moved", "none")
    }
    assert len(seen) == 4
    panel.set(**start)


def test_where_nothing_runs_there_are_stills(panel):
    kinds = panel._repr_mimebundle_()
    assert set(kinds) == {"text/plain", "image/png"}
    assert pixels(kinds["image/png"]).shape[1] > 700


def test_paint_stays_under_the_hand(face):
    blue = face.edit_albedo(face.albedo * np.float32([0.2, 0.4, 1.0]))
    means = [one.widget().pixels.reshape(-1, 3).mean(0) for one in (face, blue)]
    assert means[1][0] < means[0][0] - 3


def test_the_surroundings_hold_the_face(face, decomposer, two_faces):
    for f in (face, *decomposer(two_faces)):
        x0, y0, x1, y1 = surroundings(f)
        height, width = f.photo.picture.shape[:2]
        assert 0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height
        left, top, right, bottom = f.photo.face.box
        assert x0 <= left < right <= x1 and y0 <= top < bottom <= y1


def test_what_is_missing_is_one_sentence(face, monkeypatch):
    for name in ("ipywidgets", "matplotlib", "matplotlib.pyplot"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(
        ImportError, match="^sliders need one more package: pip install ipywidgets$"
    ):
        face.widget()
    with pytest.raises(
        ImportError, match="^figures need one more package: pip install matplotlib$"
    ):
        face.plot()
    assert face._repr_html_() and face._repr_png_()  # need neither
