"""The tone of a skin: what it is told from does not depend on the exposure; whatever it is told to
be, the picture stays; what is measured of it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from illures_nb import SHLight
from illures_nb.colour import linear_to_srgb, srgb_to_linear
from illures_nb.crop import TEMPLATE
from illures_nb.decompose import Decomposer, with_tone
from illures_nb.measure.skins import SkinsResult, kind_of, skins_report, taken
from illures_nb.measure.tone import bias, by_name
from illures_nb.tone import CUES, ToneNet, cheeks, cues, face_parts, forehead, person_parts

LANDMARKS = TEMPLATE * 128 - 0.5


@pytest.fixture(scope="module")
def told():
    "A network that answers something else for every picture."
    torch.manual_seed(3)
    net = ToneNet()
    for member in net.members:
        torch.nn.init.normal_(member[-1].weight, std=0.05)
    return net.eval()


def picture(seed):
    "Coloured noise, dark and unclipped, sRGB."
    rng = np.random.default_rng(seed)
    return rng.uniform(0.35, 0.55, (128, 128, 3)).astype(np.float32)


def said_of(image, matte=None):
    "Cues of a picture that is its own surroundings."
    matte = np.ones((128, 128), np.float32) if matte is None else matte
    return cues(image, LANDMARKS, srgb_to_linear(image), image, LANDMARKS, matte)


def gained(image, gain):
    "The same picture at another exposure and white balance."
    return linear_to_srgb(srgb_to_linear(image) * np.float32(gain)).astype(np.float32)


@pytest.mark.parametrize("gain", [(0.5, 0.5, 0.5), (2, 2, 2), (1.3, 1, 0.7)])
def test_cues_do_not_depend_on_exposure(gain):
    one, other = said_of(picture(0)), said_of(gained(picture(0), gain))
    assert np.allclose(one[:-2], other[:-2], atol=2e-3, equal_nan=True)


def test_cues_tell_of_white_eyes_and_of_clipping():
    image, eyes = picture(0), face_parts(LANDMARKS, 128)["eyes"]
    brighter = np.where(eyes[..., None], gained(image, (3, 3, 3)), image)
    assert np.nanmax(abs(said_of(brighter) - said_of(image))) > 0.5
    burnt = np.where(eyes[..., None], 1, image).astype(np.float32)
    assert (said_of(burnt) == 1).sum() > (said_of(image) == 1).sum()


def test_what_is_not_seen_is_not_told():
    matte = np.zeros((128, 128), np.float32)
    said = said_of(picture(0), matte)
    assert said.shape == (CUES,) and np.isnan(said).sum() == 5 * 12 - 12  # only what is behind


def test_parts_lie_on_the_face():
    parts = face_parts(LANDMARKS, 128)
    both = cheeks(LANDMARKS, 128) | forehead(LANDMARKS, 128)
    assert not (both & (parts["eyes"] | parts["lips"] | parts["brows"])).any()
    assert all(0 < part.sum() < 128**2 / 2 for part in parts.values())
    around = person_parts(LANDMARKS, np.ones((128, 128)))
    assert not (around["hair"] & around["neck"]).any() and not around["behind"].any()


def test_members_are_averaged_and_the_curve_spreads_them(told):
    x = torch.randn(9, CUES)
    mean = torch.stack([m(told.standard(x)) for m in told.members]).mean(0) + told.usual
    assert torch.allclose(told(x), mean.clamp(np.log(0.015), np.log(0.85)), atol=1e-5)
    wider = ToneNet().eval()
    wider.load_state_dict(told.state_dict())
    middle = told.meant.mean()
    wider.meant.copy_(middle + 1.5 * (told.meant - middle))
    spread = wider.spread(mean) - mean
    assert torch.allclose(spread, spread[:, :1].expand(-1, 3), atol=1e-6)  # its colour stays
    assert (spread[:, 0] * (mean.mean(1) - middle) > 0).float().mean() > 0.8


def test_the_picture_stays(face, told):
    person = face.person
    if person is None:
        pytest.skip("no weights for the network of the person here")
    other, around = with_tone(face, person, told)
    assert np.allclose(other.rendering, face.rendering, atol=1e-4)
    factor = around.albedo / np.maximum(person.albedo, 1e-6)
    free = (around.albedo < 1).all(-1) & (person.albedo > 1e-3).all(-1)
    assert np.ptp(factor[free], 0).max() < 1e-3 and abs(factor[free][0] - 1).max() > 0.01
    sure = (other.albedo < 1).all(-1) & (face.albedo > 1e-3).all(-1)
    g = factor[free][0]
    assert np.allclose(other.albedo[sure], face.albedo[sure] * g, rtol=1e-3)
    light = SHLight.preset("split_left").matched(face.light)
    relit = face.relight(light).composite(), other.relight(light / g).composite()
    assert abs(relit[0].astype(float) - relit[1]).mean() < 1


def test_a_grey_photo_stays_grey(face, told):
    if face.person is None:
        pytest.skip("no weights for the network of the person here")
    photo = replace(face.photo, crop=face.photo.crop.mean(-1, keepdims=True).repeat(3, -1))
    grey = face.albedo.mean(-1, keepdims=True).repeat(3, -1)
    other, _ = with_tone(replace(face, albedo=grey, photo=photo), face.person, told)
    assert np.ptp(other.albedo, -1).max() < 1e-5


def test_the_face_alone_keeps_its_own_tone(face, trained):
    alone = Decomposer.from_pretrained(portrait=False, device="cpu")
    assert alone.tone is None


def test_bias_is_what_groups_differ_by():
    angles, off = (60, 58, 20, -50), (-9, -7, 0, 8)
    rows = [{"ita": a, "ita_off": o} for a, o in zip(angles, off)]
    assert list(by_name(rows)) == ["very light", "tan", "dark"]
    assert bias(rows) == pytest.approx(np.std([-8, 0, 8]))
    assert bias([row | {"ita_off": 5} for row in rows]) == 0


def test_taking_a_photo_otherwise_clips():
    photo = np.uint8([[[10, 100, 250]]])
    assert taken(photo, (1, 1, 1)).tolist() == photo.tolist()
    brighter = taken(photo, (2, 2, 2))
    assert brighter[0, 0, 2] == 255 and brighter[0, 0, 0] > 10
    light = srgb_to_linear(taken(photo, (0.5, 0.5, 0.5)) / 255)
    assert np.allclose(light, srgb_to_linear(photo / 255) / 2, atol=0.004)


def test_the_page_has_a_line_for_each_name():
    rows = [{"ita": a, "ita_off": a / 10, "ita_abs": 1.0, "delta_e": 2.0} for a in (60, 20)]
    text = skins_report(SkinsResult(rows, []))
    assert "| very light | 2.0 | +6.0 | 1.0 | 1 |" in text and "Bias" in text and "2.0°" in text
    assert "Photographs" not in text


def test_other_sets_are_refused(tmp_path, monkeypatch):
    (tmp_path / "dataset.json").touch()
    monkeypatch.setattr("illures_nb.synth.shards.about", lambda folder: {"recipe": "sfsnet-syn"})
    with pytest.raises(ValueError, match="portrait-syn"):
        kind_of(tmp_path)
