"What is measured of relit pictures: likeness, the border of the light, cheeks and neck."

import numpy as np
import pytest

from illures_nb.measure import metrics
from illures_nb.measure.relit import (
    LIMIT,
    TRUTH,
    WAYS,
    Oracle,
    border_jump,
    cheeks,
    compare,
    gain_of,
    limit,
    neck,
    read_sitter,
    relit,
    relit_page,
    sitter_paths,
    tone_gains,
    toy_sitters,
)
from illures_nb.measure.run import run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return toy_sitters(tmp_path_factory.mktemp("toys"), people=2, size=128)


@pytest.fixture(scope="module")
def sitters(folder):
    return [read_sitter(path) for path in sitter_paths(folder)]


@pytest.fixture(scope="module")
def toy(sitters):
    return sitters[0]


@pytest.fixture(scope="module")
def result(sitters, folder):
    return relit(Oracle(sitters), folder, progress=False)


# ---- figures of pictures


@pytest.fixture
def picture():
    return np.random.default_rng(0).uniform(0.1, 0.6, (64, 64, 3))


def test_psnr_knows_no_exposure_and_only_the_mask(picture):
    mask = np.zeros((64, 64), bool)
    mask[16:48, 16:48] = True
    spoilt = np.where(mask[..., None], 0.5 * picture, 0)
    assert metrics.psnr(spoilt, picture, mask) > 60
    assert metrics.psnr(picture[..., [1, 0, 2]], picture, mask) < 20


def test_multi_scale_ssim_sees_sides_of_light_that_single_gradients_do_not(picture):
    everywhere = np.ones((64, 64), bool)
    assert metrics.ms_ssim(picture, picture, everywhere) == pytest.approx(1)
    assert metrics.ms_ssim(picture, 0.7 - picture, everywhere) == 0
    across = np.linspace(0.2, 0.6, 64) * np.ones((64, 64))
    lit = across + 0.02 * picture[..., 0]
    other_side = across[:, ::-1] + 0.02 * picture[..., 0]
    assert metrics.ms_ssim(lit, other_side, everywhere) < 0.7


def test_only_the_region_is_compared(toy):
    region, target = toy.regions["face"], toy.target(0)
    elsewhere = np.where(region[..., None], 0.5 * target, 1)
    figures = compare(elsewhere, target, region)
    assert figures["rmse"] < 1e-6 and figures["psnr"] > 90
    assert figures["ssim"] > 0.999 and figures["ms_ssim"] > 0.999
    assert compare(target, target, np.zeros_like(region)) == {}


# ---- persons


def test_regions_lie_in_each_other(toy):
    face, head, person = toy.regions.values()
    assert (face <= head).all() and (head < person).any() and not (head > person).any()
    assert face.sum() > 200 and not (head & toy.clothes).any()


def test_a_toy_is_what_its_layers_say(toy):
    alike = compare(limit(toy, 0) / 255, toy.photo(0) / 255, toy.regions["person"])
    assert alike["ssim"] > 0.95


def test_what_is_no_person_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such folder"):
        sitter_paths(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="no persons"):
        run("relit", tmp_path)
    (tmp_path / "1.npz").write_bytes(b"no archive")
    with pytest.raises(ValueError, match="not a person"):
        read_sitter(tmp_path / "1.npz")
    np.savez(tmp_path / "2.npz", image=np.zeros(3))
    with pytest.raises(ValueError, match="not a person"):
        read_sitter(tmp_path / "2.npz")


def test_a_file_that_is_being_written_is_left_alone(tmp_path):
    toy_sitters(tmp_path, people=1, size=64)
    (tmp_path / "1.part.npz").write_bytes(b"")
    assert [path.name for path in sitter_paths(tmp_path)] == ["0.npz"]


# ---- the border, cheeks and neck


def test_a_sticker_jumps_and_light_that_goes_on_does_not(toy):
    size = len(toy.matte)
    slope = np.linspace(0, 1, size) * np.ones((size, size))
    sticker, everywhere, smooth = (
        border_jump(gain, toy.outline, toy.matte)
        for gain in (0.8 * toy.outline, np.full((size, size), 0.8), slope)
    )
    assert sticker[0] > 0.5 and sticker[1] < 0.01
    assert everywhere == pytest.approx((0, 0.8), abs=1e-6)
    assert 0 < smooth[0] < 0.1


def test_a_jump_grows_with_the_step(toy):
    slope = np.linspace(0, 1, len(toy.matte)) * np.ones_like(toy.matte)
    near, far = (border_jump(slope, toy.outline, toy.matte, step)[0] for step in (2, 4))
    assert far == pytest.approx(2 * near, rel=0.3)


def test_without_a_face_or_person_there_is_no_border(toy):
    gain, nothing = np.ones_like(toy.matte), np.zeros_like(toy.matte)
    jump, outside = border_jump(gain, nothing, toy.matte)
    assert np.isnan(jump) and outside == pytest.approx(1)
    assert np.isnan(border_jump(gain, toy.outline, nothing)).all()


def test_the_gain_of_an_unchanged_photo_is_nought(toy):
    assert not gain_of(toy.target(0), toy.target(0)).any()
    assert gain_of(toy.target(0), 2 * toy.target(0)).max() < np.log(2)


def test_cheeks_lie_in_the_face_and_the_neck_below(toy):
    size = len(toy.matte)
    on_cheeks, below = cheeks(toy.landmarks, size), neck(toy.landmarks, size)
    assert (on_cheeks <= toy.regions["face"]).all()
    assert not (below & toy.regions["face"]).any()
    jaw = toy.landmarks[8, 1]
    assert np.nonzero(on_cheeks)[0].max() < jaw < np.nonzero(below)[0].mean()


def test_a_face_that_is_brightened_parts_from_its_neck(toy):
    skin = toy.skin > 0.9
    cheek, below = tone_gains(0.8 * toy.outline, toy.landmarks, skin)
    assert cheek == pytest.approx(0.8, abs=0.05) and abs(below) < 0.1
    assert np.isnan(tone_gains(toy.outline, toy.landmarks, np.zeros_like(skin))).all()


# ---- the benchmark


def test_the_truth_is_best_and_the_photo_alone_worst(result):
    means = {way: result.mean(rows) for way, rows in result.by_way().items()}
    assert set(means) == {*WAYS, LIMIT, TRUTH} and result.missed == 0 < result.photos
    for region in ("face", "head", "person"):
        rmse = [means[way][f"{region}_rmse"] for way in ("photo unchanged", "residual dropped")]
        assert rmse[0] > rmse[1] > means[LIMIT][f"{region}_rmse"] > means[TRUTH][f"{region}_rmse"]
    assert means["photo unchanged"]["jump"] == 0 == means[TRUTH]["off"]


def test_every_pair_of_lights_is_measured_once_a_way(result):
    keys = [(row["sitter"], row["pair"], row["way"]) for row in result.rows]
    assert len(set(keys)) == len(keys) == 2 * 6 * (len(WAYS) + 2)
    assert all(row["source"] != row["target"] for row in result.rows)


@pytest.mark.slow
def test_no_way_profits_from_a_face_that_is_not_found(folder):
    blind = relit(lambda picture: [], folder, progress=False)
    means = {way: blind.mean(rows) for way, rows in blind.by_way().items()}
    assert blind.missed == blind.photos == 6
    unchanged = means["photo unchanged"]
    assert all(means[way] == unchanged for way in WAYS)
    page = relit_page(lambda picture: [], folder, blind, "blind")
    assert "no face found in 6" in page.text and not page.pictures


def test_the_page_shows_each_way_and_three_pairs(sitters, folder, result):
    page = relit_page(Oracle(sitters), folder, result, "the truth")
    assert all(way in page.text for way in (*WAYS, LIMIT, TRUTH))
    assert set(page.pictures) == {"best", "middle", "worst"}
    assert page.pictures["best"].shape == (128, 128 * (len(WAYS) + 3), 3)
