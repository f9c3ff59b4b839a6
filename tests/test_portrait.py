"""The whole person under another light: lamps, what they do to the face and around it, how they are
staged, and that nothing else of the photo is touched."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from illures_nb import Decomposer, SHLight
from illures_nb.colour import luminance
from illures_nb.film import view
from illures_nb.harmonics import ball_normals, shade, sphere_directions
from illures_nb.image import srgb_to_linear
from illures_nb.lamps import Lamp, Lamps
from illures_nb.meant import meant
from illures_nb.relight import Staging

EXAMPLES = Path(__file__).parents[1] / "assets/examples"
SPHERE = sphere_directions(20_000)
TURN = dict(yaw=30, pitch=-20, roll=50)


@pytest.fixture(scope="module")
def examples(trained, decomposer):
    "The bundled portraits, decomposed: name → Decomposition."
    return {path.stem: decomposer(path)[0] for path in sorted(EXAMPLES.glob("*.jpg"))}


@pytest.fixture(scope="module")
def person(trained, face):
    "The astronaut; the tests that ask for it need trained weights."
    return face


def refused(call, *args, **settings):
    "The one line that a call is refused with."
    with pytest.raises(ValueError) as caught:
        call(*args, **settings)
    sentence = str(caught.value)
    assert "\n" not in sentence and 20 < len(sentence) < 200
    return sentence


def linear(picture):
    "Luminance of a picture, linear."
    return luminance(srgb_to_linear(picture / 255).astype(np.float32))


def inside(f, name="mask"):
    "Where a face or its person is, beyond doubt."
    return np.nan_to_num(f.to_frame(name)) > 0.5


# ---- lamps behind a light


@pytest.mark.parametrize("name", SHLight.presets())
def test_no_preset_takes_light_away_anywhere(name):
    "Nine numbers that shade below 0 would be clamped: a black side that nobody asked for."
    light = SHLight.preset(name)
    assert shade(SPHERE, light.coeffs).min() >= 0
    assert np.allclose(light.lamps.coeffs(), light.coeffs, atol=1e-6)
    assert light.lamps.shade(SPHERE).min() > 0.02 * light.lamps.shade(SPHERE).max()


MADE = {
    "turned": lambda light: light.rotate(**TURN),
    "mirrored": lambda light: light.mirror(),
    "scaled": lambda light: 0.3 * light,
    "tinted": lambda light: light * (0.2, 1, 3),
    "exposed": lambda light: light.exposed(0.5),
    "matched": lambda light: light.matched(SHLight.preset("front") * 2),
    "divided": lambda light: light / 4,
    "without colour": lambda light: light.neutral(),
    "added": lambda light: light + SHLight.preset("top"),
    "summed": lambda light: sum([light, light, SHLight.preset("rim")]),
}


@pytest.mark.parametrize("way", MADE)
@pytest.mark.parametrize("name", ["rembrandt_left", "neon", "studio_three_point"])
def test_lamps_go_where_their_light_goes(way, name):
    made = MADE[way](SHLight.preset(name))
    assert made.lamps is not None
    assert np.allclose(made.lamps.coeffs(), made.coeffs, atol=2e-5)
    assert np.allclose([np.linalg.norm(lamp.direction) for lamp in made.lamps.lamps], 1)


def test_a_light_that_lamps_cannot_make_has_none():
    light, unknown = SHLight.preset("front"), SHLight(SHLight.preset("front").coeffs)
    assert (-1 * light).lamps is None and (light + unknown).lamps is None
    assert unknown == light and unknown.lamps is None


def test_light_json_keeps_the_lamps(tmp_path):
    light = SHLight.preset("studio_two_point").rotate(**TURN)
    light.save(tmp_path / "light.json")
    again = SHLight.load(tmp_path / "light.json")
    assert again == light and again.lamps is not None
    for lamp, kept in zip(light.lamps.lamps, again.lamps.lamps):
        assert np.allclose(lamp.direction, kept.direction, atol=1e-5)
        assert np.allclose(lamp.colour, kept.colour, atol=1e-5)
        assert lamp.softness == kept.softness
    assert np.allclose(light.lamps.fill, again.lamps.fill, atol=1e-5)


def test_a_light_json_whose_numbers_were_edited_has_lost_its_lamps():
    record = json.loads(SHLight.preset("window").to_json())
    record["coeffs"][2][0] += 0.1
    edited = SHLight.from_json(json.dumps(record))
    assert edited.lamps is None and np.allclose(edited.coeffs, record["coeffs"])
    del record["lamps"]  # as every program wrote them before
    assert SHLight.from_json(record).lamps is None


@pytest.mark.parametrize(
    "lamps",
    [
        7,
        {"lamps": [], "fill": [1, 1]},
        {"lamps": [{"direction": [0, 0, 1]}], "fill": [0, 0, 0]},
        {"lamps": [], "fill": [-1, 0, 0]},
        {
            "lamps": [{"direction": [0, 0, 0], "colour": [1, 1, 1], "softness": 0}],
            "fill": [0, 0, 0],
        },
    ],
    ids=["number", "two numbers", "no colour", "negative", "no direction"],
)
def test_lamps_that_are_none_are_refused(lamps):
    record = json.loads(SHLight.preset("window").to_json()) | {"lamps": lamps}
    assert "is not a light" in refused(SHLight.from_json, record)


def test_the_lamp_behind_nine_numbers_stands_where_it_stood():
    for azimuth, elevation in ((-60, 10), (0, 50), (75, -20)):
        known = SHLight.from_direction(azimuth, elevation, softness=0.2)
        (lamp,) = SHLight(known.coeffs).staged().lamps
        direction = known.lamps.lamps[0].direction
        assert np.rad2deg(np.arccos(lamp.direction @ direction)) < 8


# ---- staging


def test_contrast_trades_the_lamps_for_the_fill():
    light = SHLight.preset("split_left")
    even, key = light.staged(0), light.staged(2)
    assert np.allclose(even.sent, 0) and np.allclose(key.fill, 0)
    assert np.ptp(even.shade(SPHERE)) < 1e-6 and key.shade(SPHERE).min() == 0
    assert np.allclose(key.sent, light.lamps.sent)


NONSENSE = [
    {"contrast": -0.1},
    {"contrast": 2.1},
    {"contrast": np.nan},
    {"contrast": [1, 1]},
    {"strength": 3},
    {"strength": np.inf},
    {"shine": "away"},
    {"shadows": "soft"},
    {"shadows": None},
    {"shine": True},
]


@pytest.mark.parametrize("nonsense", NONSENSE, ids=str)
def test_nonsense_is_refused_in_one_sentence(nonsense, face):
    (name,) = nonsense
    assert name in refused(Staging, **nonsense)
    assert name in refused(face.relight, SHLight.preset("front"), **nonsense)


def test_strength_goes_from_the_photo_to_twice_the_effect(person, astronaut):
    light = SHLight.preset("rembrandt_left").matched(person.light)
    effects = []
    for strength in (0, 0.5, 1, 2):
        out = person.relight(light, strength=strength).composite()
        effects.append(abs(out.astype(int) - astronaut)[inside(person, "matte")].mean())
    assert effects[0] == 0
    assert np.all(np.diff(effects) > 1) and effects[3] < 3 * effects[2]


def test_shine_is_moved_kept_or_gone(person):
    light = SHLight.preset("loop_right").matched(person.light)
    relit = {way: person.relight(light, shine=way).relit for way in ("moved", "kept", "none")}
    assert not relit["none"].shine.any()
    assert np.array_equal(relit["kept"].shine, np.maximum(person.residual, 0))
    assert relit["moved"].shine.min() >= 0
    left, right = np.s_[:, :64], np.s_[:, 64:]
    moved = relit["moved"].shine.mean(-1) * person.mask
    assert moved[right].mean() > moved[left].mean()  # the lamp stands on the right
    assert np.array_equal(relit["none"].shading, relit["kept"].shading)


def test_shadows_are_moved_kept_or_gone(person):
    light = SHLight.preset("split_left").matched(person.light)
    relit = {way: person.relight(light, shadows=way).relit for way in ("moved", "kept", "none")}
    assert all(np.all(seen == 1) for seen in relit["none"].seen + relit["kept"].seen)
    kept, none = (relit[way].shading for way in ("kept", "none"))
    assert np.allclose(kept, none * relit["kept"].found.shadow, atol=1e-5)
    assert 0 <= relit["kept"].found.shadow.min() < 1


def test_a_moved_shadow_darkens_the_side_away_from_the_lamp(person):
    for name, away in (("split_left", np.s_[:, 80:110]), ("split_right", np.s_[:, 18:48])):
        light = SHLight.preset(name).matched(person.light)
        (seen,) = person.relight(light).relit.seen_on_face
        towards = seen[:, ::-1][away]
        assert seen.min() >= 0 and seen.max() <= 1.0001
        assert seen[away].mean() < towards.mean() - 0.1
        pictures = [person.relight(light, shadows=way).composite() for way in ("moved", "none")]
        darker = [linear(x)[inside(person)].min() for x in pictures]
        assert darker[0] <= darker[1]


# ---- the photo


def test_own_light_gives_the_photo_back_to_the_level(examples):
    for name, f in examples.items():
        assert np.array_equal(f.composite(), f.photo.picture), name
        assert np.array_equal(f.relight(f.light).composite(), f.photo.picture), name
        back = f.relight(SHLight.preset("split_left")).relight(f.light)
        assert np.array_equal(back.composite(), f.photo.picture), name


def test_nothing_outside_the_matte_changes_by_a_bit(examples):
    for name, f in examples.items():
        outside = f.to_frame("matte") == 0
        assert 0.05 < outside.mean() < 0.95, name
        for g in (
            f.relight(SHLight.preset("neon")),
            f.relight(SHLight.preset("rim") * 3, strength=2, contrast=2),
            f.relight(SHLight.preset("top"), residual=0),
            f.edit_albedo(f.albedo / 2),
        ):
            assert np.array_equal(g.composite()[outside], f.photo.picture[outside]), name


def test_maps_cover_the_person(examples):
    for name, f in examples.items():
        matte, mask = f.to_frame("matte"), np.nan_to_num(f.to_frame("mask"))
        assert matte.dtype == np.float32 and 0 <= matte.min() and matte.max() <= 1.0001, name
        assert (matte > 0.5).sum() > 1.5 * (mask > 0.5).sum()
        core = cv2.erode((mask > 0.9).astype(np.uint8), np.ones((9, 9))) > 0
        assert matte[core].min() > 0.9  # the middle of the face is the person's
        assert (matte[mask > 0.5] > 0.5).mean() > 0.98
        for layer in ("albedo", "normals", "shading", "residual", "reconstruction"):
            x = f.to_frame(layer)
            nowhere = (matte == 0) & (mask == 0)
            assert np.array_equal(np.isnan(x[..., 0]), nowhere), (name, layer)
        normals = f.to_frame("normals")[(matte > 0) | (mask > 0)]
        assert np.allclose(np.linalg.norm(normals, axis=-1), 1, atol=1e-3)


def test_both_of_two_people_are_relit(trained, decomposer, two_faces):
    big, small = decomposer(two_faces)
    assert meant([big, small]) == [big, small]
    light = SHLight.preset("neon")
    out = two_faces
    for f in (big, small):
        out = f.relight(light.matched(f.light)).composite(out)
    for f in (big, small):
        alone = f.relight(light.matched(f.light)).composite()
        own = inside(f, "matte")
        assert abs(alone[own].astype(int) - two_faces[own]).mean() > 5
        assert abs(out[own].astype(int) - alone[own]).mean() < 1
    nobody = (big.to_frame("matte") == 0) & (small.to_frame("matte") == 0)
    assert np.array_equal(out[nobody], two_faces[nobody])


def test_the_face_alone_is_what_portrait_false_says(trained, weights, astronaut):
    (alone,) = Decomposer.from_pretrained(weights, portrait=False)(astronaut)
    assert alone.person is None
    whole = Decomposer.from_pretrained(weights)
    whole.tone = None  # which needs to see the person
    (person,) = whole(astronaut)
    for layer in ("albedo", "normals", "residual", "mask"):
        assert np.allclose(getattr(alone, layer), getattr(person, layer), atol=1e-5), layer
    mask = np.nan_to_num(alone.to_frame("mask"))
    assert np.array_equal(alone.to_frame("matte"), mask)
    out = alone.relight(SHLight.preset("split_left").matched(alone.light)).composite()
    assert np.array_equal(out[mask == 0], astronaut[mask == 0])
    assert (out != astronaut).any(-1)[mask > 0.5].mean() > 0.9
    shown = alone.to_frame("shading")
    assert np.array_equal(np.isnan(shown[..., 0]), mask == 0)


CUTS = {  # of the astronaut
    "chin at the border": np.s_[:190, 90:360],
    "half of the hair": np.s_[60:400, 100:340],
    "shoulders": np.s_[:330, :],
    "left": np.s_[:, 190:],
}


@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)
def test_a_person_cut_by_the_border_is_lit_up_to_it(cut, trained, decomposer, astronaut):
    photo = np.ascontiguousarray(astronaut[cut])
    (f,) = decomposer(photo)
    g = f.relight(SHLight.preset("neon").matched(f.light))
    out, matte = g.composite(), f.to_frame("matte")
    assert np.array_equal(out[matte == 0], photo[matte == 0])
    for name in ("normals", "shading", "residual"):
        assert np.isfinite(g.to_frame(name)[matte > 0]).all()
    edges = matte[0], matte[-1], matte[:, 0], matte[:, -1]
    assert max((edge > 0.5).sum() for edge in edges) > 20  # nothing fades where the photo ends


def test_a_grey_photo_stays_grey(trained, decomposer, astronaut):
    grey = np.asarray(Image.fromarray(astronaut).convert("L"))
    (f,) = decomposer(grey)
    for light in (SHLight.preset("split_left"), SHLight.preset("neon").neutral()):
        out = f.relight(light.matched(f.light)).composite()
        assert np.ptp(out, -1).max() == 0 and (out != grey[..., None]).any()
    coloured = f.relight(SHLight.preset("neon").matched(f.light)).composite()
    assert np.ptp(coloured, -1).max() > 20


@pytest.mark.parametrize("quarter", [1, 2, 3])
def test_a_turned_photo_is_relit_as_the_upright_one(quarter, decomposer, person, astronaut):
    turned = np.ascontiguousarray(np.rot90(astronaut, quarter))
    (f,) = decomposer(turned)
    light = SHLight.preset("rembrandt_left")
    upright = person.relight(light.matched(person.light)).composite()
    around = light.rotate(roll=90 * quarter)
    back = np.rot90(f.relight(around.matched(f.light)).composite(), -quarter)
    own = inside(person, "matte")
    effect = abs(upright.astype(int) - astronaut)[own].mean()
    assert abs(back.astype(int) - upright)[own].mean() < 0.25 * effect


def test_a_view_shows_the_same_person(examples):
    f = examples["eileen"].relight(SHLight.preset("window").matched(examples["eileen"].light))
    whole = f.composite()
    height, width = (n // 2 for n in whole.shape[:2])
    small = view(f, max(height, width))
    shrunk = np.asarray(Image.fromarray(whole).resize((width, height), Image.Resampling.BOX))
    assert abs(small.composite().astype(int) - shrunk).mean() < 2
    assert small.to_frame("matte").shape == (height, width)
    again = small.relight(SHLight.preset("top"))  # of its own photo, not of the large one
    assert again.composite().shape == (height, width, 3)


# ---- brightness


def brightest_quarter(picture, mask):
    "Mean linear luminance of the brightest quarter of some pixels."
    pixels = np.sort(linear(picture)[mask])
    return pixels[-len(pixels) // 4 :].mean()


@pytest.mark.parametrize("name", SHLight.presets())
def test_the_lit_cheek_keeps_its_brightness(name, examples):
    for who, f in examples.items():
        light = SHLight.preset(name).matched(f.light)
        out, mask = f.relight(light).composite(), inside(f)
        ratio = brightest_quarter(out, mask) / brightest_quarter(f.photo.picture, mask)
        at_its_limit = light.peak > 1.79 * f.light.peak  # coloured lamps and those behind the head
        assert ratio < 1.25 and ratio > (0.6 if at_its_limit else 0.7), (who, round(ratio, 2))


def test_no_side_is_black_unless_asked_for(examples):
    for who, f in examples.items():
        light = SHLight.preset("split_left").matched(f.light)
        pictures = [f.relight(light, contrast=c).composite() for c in (1, 2)]
        dark = [np.quantile(linear(x)[inside(f)], 0.05) for x in pictures]
        was = np.quantile(linear(f.photo.picture)[inside(f)], 0.05)
        assert dark[1] < dark[0] and dark[0] > 0.1 * was, who


def test_a_lamp_is_seen_as_large_as_its_shadows_are_soft():
    normals, cover = ball_normals(64)
    soft, hard = (Lamp(np.array([1.0, 0, 0]), np.ones(3), s) for s in (0.9, 0.05))
    lit = [lamp.shade(normals)[cover > 0] for lamp in (hard, soft)]
    assert (lit[0] == 0).mean() > (lit[1] == 0).mean() and soft.radius > hard.radius
    whole = Lamps((soft, hard), np.full(3, 0.1))
    shadowed = whole.shade(normals, [np.zeros((64, 64))] * 2)
    assert np.allclose(shadowed, 0.1)
