"""People from head to chest: what is known of them fits together, all that they wear is drawn."""

import json

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("numba", reason="the rasteriser needs numba: pip install 'illures_nb[synth]'")
pytest.importorskip("joblib", reason="sets are written by joblib: pip install 'illures_nb[synth]'")
from illures_nb.synth.assets import Assets  # noqa: E402
from illures_nb.synth.body import PARTS, Body  # noqa: E402
from illures_nb.synth.garments import OUTFITS, put_on_outfit  # noqa: E402
from illures_nb.synth.hair import NO_HAT, STYLES  # noqa: E402
from illures_nb.synth.people import CHANCES  # noqa: E402
from illures_nb.synth.recipes import sample  # noqa: E402
from illures_nb.synth.shards import Shards  # noqa: E402
from illures_nb.synth.sitters import HATS, WIDE_CHANCES, grow_hair, put_on_headgear  # noqa: E402
from illures_nb.synth.torso import sample_torso  # noqa: E402
from illures_nb.synth.tresses import TRESSES  # noqa: E402

SIZE, COUNT = 64, 16
NO_FILES = Assets()  # the analytic head under painted skies
CLOTHES = PARTS.index("clothes") + 1


def bust(index, seed=0):
    "One unit of the wide recipe."
    return sample("portrait-syn", NO_FILES, seed, index, SIZE)


@pytest.fixture(scope="module")
def busts():
    return [bust(index) for index in range(COUNT)]


@pytest.fixture(scope="module")
def statue():
    "A bare body with its torso."
    kit = NO_FILES.kit()
    body = Body(kit, kit.vertices)
    return body, sample_torso(body, False, np.random.default_rng(0))


def same(one, another):
    return all(np.array_equal(one[name], another[name]) for name in one)


def is_geometry(body, pieces):
    "Whether pieces hang on the body, with finite points, unit normals and coordinates in cells."
    for p in pieces:
        points = body.vertices[p.anchor] + p.offset
        lengths = np.linalg.norm(p.normals, axis=1)
        coordinates = p.uv.min() >= 0 and p.uv.max() <= 1
        faces = len(p.faces) > 100 and p.faces.max() < len(points)
        if not (np.isfinite(points).all() and coordinates and faces):
            return False
        if abs(lengths - 1).max() > 1e-3:
            return False
    return bool(pieces)


def test_arrays_have_their_shapes_and_types(busts):
    square = (SIZE, SIZE)
    expected = {
        "image": ("float16", (2, 3, *square)),
        "light": ("float32", (2, 9, 3)),
        "albedo": ("uint8", (3, *square)),
        "normals": ("int8", (3, *square)),
        "matte": ("uint8", square),
        "mask": ("uint8", square),
        "part": ("uint8", square),
        "landmarks": ("float32", (68, 2)),
    }
    for arrays, info in busts:
        assert {name: (str(x.dtype), x.shape) for name, x in arrays.items()} == expected
        assert np.isfinite(arrays["image"]).all() and arrays["image"].min() >= 0
        assert json.loads(json.dumps(info))["person"].keys() >= {"hair", "headgear", "clothes"}


def test_the_matte_covers_all_that_is_known(busts):
    for arrays, _ in busts:
        covered = arrays["matte"] > 0
        for name in ("albedo", "normals"):
            assert not (arrays[name] != 0).any(0)[~covered].any(), name
        assert np.array_equal(arrays["part"] > 0, covered)
        assert (arrays["mask"] <= arrays["matte"]).all()
        assert 0.1 < covered.mean() < 0.95


def test_the_matte_is_soft_at_the_outline(busts):
    levels = set().union(*(np.unique(arrays["matte"]).tolist() for arrays, _ in busts))
    assert {0, 255} < levels and len(levels) >= 12


def test_normals_are_unit(busts):
    for arrays, _ in busts:
        lengths = np.linalg.norm(arrays["normals"] / np.float32(127), axis=0)
        assert abs(lengths[arrays["matte"] > 0] - 1).max() < 0.02


def test_landmarks_are_in_the_picture_and_on_the_person(busts):
    for arrays, _ in busts:
        points = arrays["landmarks"]
        assert points.min() >= 0 and points.max() <= SIZE - 1
        x, y = np.round(points).astype(int).T
        assert (arrays["matte"][y, x] > 0).mean() > 0.95


def test_the_torso_goes_on_below_the_picture(busts):
    for arrays, _ in busts:
        lowest = arrays["matte"][-1]
        assert lowest.max() == 255
        if (arrays["part"] == CLOTHES).any():
            assert (arrays["part"][-1] == CLOTHES).any()


def test_people_stand_before_another_background_in_each_light(busts):
    for arrays, _ in busts:
        one, another = arrays["image"].astype(np.float32)[..., arrays["matte"] == 0]
        assert one.max() > 0 and not np.array_equal(one, another)


def test_the_seed_decides(busts):
    arrays, info = bust(5)
    assert same(arrays, busts[5][0]) and info == busts[5][1]
    assert not same(arrays, busts[6][0])
    assert not same(arrays, bust(5, seed=1)[0])


def test_the_first_person_is_held_out(busts):
    assert [info["split"] for _, info in busts] == ["test"] + ["train"] * (COUNT - 1)


@pytest.mark.parametrize("style", [s for s in WIDE_CHANCES if s in STYLES or s in TRESSES])
def test_hair_is_geometry(style, statue):
    body, torso = statue
    pieces = grow_hair(body, torso, style, np.random.default_rng(1), NO_HAT, 1.0)
    assert is_geometry(body, pieces)


def test_styles_without_hair_are_known():
    assert {s for s in WIDE_CHANCES if s not in STYLES and s not in TRESSES} <= {"buzz", "bald"}
    assert set(WIDE_CHANCES) <= set(CHANCES) | set(TRESSES)


def test_long_hair_reaches_the_chest_and_lies_on_it(statue):
    body, torso = statue
    rng = np.random.default_rng(2)
    pieces = grow_hair(body, torso, "on the shoulders", rng, NO_HAT, 1.0)
    points = np.concatenate([body.vertices[p.anchor] + p.offset for p in pieces])
    angle, level, distance = (x[::9, None] for x in torso.polar(points))
    low = level < -17
    assert low.mean() > 0.1 and level.min() < -22
    assert (distance[low] > torso.distance(angle, level)[low] - 0.3).mean() > 0.97


@pytest.mark.parametrize("name", HATS)
def test_headgear_is_geometry(name, statue):
    body, torso = statue
    atlas = np.zeros((64, 128, 6), np.float32)
    pieces, under = put_on_headgear(body, torso, atlas, name, np.random.default_rng(1))
    assert is_geometry(body, pieces) and under.shape == (720,)
    assert 0 <= atlas[..., :3].min() and 0 < atlas[..., :3].max() <= 1


@pytest.mark.parametrize("name", OUTFITS)
def test_outfits_are_geometry(name, statue):
    body, torso = statue
    atlas = np.zeros((64, 128, 6), np.float32)
    pieces, said = put_on_outfit(body, torso, atlas, False, np.random.default_rng(1), name)
    assert is_geometry(body, pieces) and said.startswith(name)
    assert {p.part for p in pieces} == {"head_neck", "clothes"}
    assert 0 <= atlas[..., :3].min() and 0 < atlas[..., :3].max() <= 1


def test_the_command_writes_a_set(tmp_path, illures):
    few = "--scale", ".0002", "--size", "32", "--workers", "1"
    code, _, err = illures("synth", "portrait-syn", "--out", tmp_path / "set", *few)
    assert code == 0, err
    assert len(list(Shards(tmp_path / "set"))) == 2
    assert Image.open(tmp_path / "set/sheet.png").width == 3 * 4 * 32
