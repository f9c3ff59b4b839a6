"""What must hold of the figures, of methods whose figures are known, and of what is refused.

The chapters in nbs/measure show the same on examples; here stand the batteries."""

import shutil
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

from illures_nb.face import TEMPLATE
from illures_nb.image import linear_to_srgb, srgb_to_linear
from illures_nb.light import SHLight, sh_basis
from illures_nb.measure import metrics, photoface, yale
from illures_nb.measure.answers import FRONTAL, Prediction, answer_of, filled
from illures_nb.measure.landmarks import landmark_rows, landmark_samples
from illures_nb.measure.run import BENCHMARKS, run
from illures_nb.measure.stereo import four_lights, toy_head, upright
from illures_nb.measure.synthetic import HeldOut, score_picture, synthetic
from illures_nb.measure.tone import ITA_BINS, ita_bin
from illures_nb.networks import Maps, build
from illures_nb.tools import quietly


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def unit(rng):
    "A thousand directions."
    v = rng.normal(size=(1000, 3))
    return v / np.linalg.norm(v, axis=1, keepdims=True)


# ---- figures


def test_angles_are_exact_at_their_ends(unit):
    assert np.allclose(metrics.angular_error(unit, unit), 0, atol=1e-6)
    assert np.allclose(metrics.angular_error(unit, -unit), 180)
    small = [0, np.sin(1e-5), np.cos(1e-5)]
    assert np.isclose(metrics.angular_error([0, 0, 1], small), np.degrees(1e-5))


def test_the_best_rotation_is_found_under_noise_and_never_mirrors(rng, unit):
    R = metrics.rotation_x(11) @ np.linalg.qr(rng.normal(size=(3, 3)))[0]
    R *= np.linalg.det(R)
    noisy = unit @ R.T + rng.normal(size=unit.shape) * 0.05
    back = unit @ metrics.best_rotation(unit, noisy).T
    assert metrics.angular_error(back, unit @ R.T).mean() < 0.5
    to_a_mirror = metrics.best_rotation(unit, unit * [1, 1, -1])
    assert np.isclose(np.linalg.det(to_a_mirror), 1)
    constant = np.tile([0, 0, 1.0], (1000, 1))
    mean = abs(unit).mean(0)
    turned = metrics.best_rotation(constant, abs(unit)) @ [0, 0, 1]
    assert np.allclose(turned, mean / np.linalg.norm(mean))  # a constant goes to the mean


def test_relief_is_measured_in_spite_of_nonsense(rng, unit):
    front = np.c_[unit[:, :2], abs(unit[:, 2]) + 0.3]
    flat = front * [0.8, 0.8, 1]
    flat[:40] = rng.normal(size=(40, 3))  # 4 %
    assert abs(metrics.relief_slope(front, front) - 1) < 1e-9
    assert abs(metrics.relief_slope(flat, front) - 0.8) < 0.01


def test_albedo_is_compared_up_to_a_scale(rng):
    albedo, sign = rng.uniform(0.2, 0.8, 5000), rng.choice([-1, 1], 5000)
    assert metrics.si_log_rmse(7 * albedo, albedo) < 1e-9
    off = metrics.si_log_rmse(albedo * np.exp(0.2 * sign), albedo)
    assert np.isclose(off, 0.2, atol=0.01)
    assert np.isclose(metrics.correlation(albedo, 3 * albedo + 1), 1)
    assert metrics.correlation(np.ones(5000), albedo) == 0
    same = np.stack([albedo, 2 * albedo, 5 * albedo])
    assert np.allclose(metrics.albedo_constancy(same), 0)
    shading = np.exp(rng.choice([-0.3, 0.3], (7, 5000)))
    std_log, cv = metrics.albedo_constancy(albedo * shading)
    assert abs(std_log - 0.29) < 0.02 and cv > 0.2


@pytest.fixture
def texture(rng):
    x = cv2.GaussianBlur(rng.uniform(size=(64, 64)), (0, 0), 2)
    return (x - x.min()) / np.ptp(x)


def test_relit_pictures_are_compared_up_to_a_scale(rng, texture):
    assert np.allclose(metrics.relight_error(3 * texture, texture, texture > 0.2), (0, 1))
    assert metrics.ssim_map(texture, 1 - texture).mean() < 0
    noise = rng.normal(size=texture.shape)
    noisy = [texture + level * noise for level in (0, 0.05, 0.1, 0.3)]
    falling = [metrics.ssim_map(texture, x).mean() for x in noisy]
    assert (np.diff(falling) < 0).all() and np.isclose(falling[0], 1)


def test_ssim_is_that_of_scikit_image(rng, texture):
    skimage = pytest.importorskip("skimage.metrics")
    noisy = np.clip(texture + 0.1 * rng.normal(size=texture.shape), 0, 1)
    how = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    compare = skimage.structural_similarity
    _, theirs = compare(texture, noisy, data_range=1, full=True, **how)
    assert abs(theirs - metrics.ssim_map(texture, noisy)).max() < 1e-6


def test_lights_are_recognised_by_their_neighbours(rng):
    classes, others = rng.normal(size=(1, 14, 9)), rng.normal(size=(8, 14, 9))
    lights = classes + 0.1 * others
    lights *= rng.uniform(0.5, 2, (8, 14, 1))  # any strength
    assert (metrics.light_ranks(lights) == 1).mean() > 0.95
    lights[3, 5] = np.nan
    assert metrics.light_ranks(lights)[3, 5] == 15
    ranks = [metrics.light_ranks(rng.normal(size=(8, 14, 9))) for _ in range(20)]
    assert abs(np.mean([rank == 1 for rank in ranks]) - 1 / 14) < 0.04
    frontal = np.zeros(9)
    frontal[:2] = 1, 2
    assert np.allclose(metrics.dominant_direction(frontal), [0, 0, 1])


# ---- photometric stereo


def test_axes_are_found_whatever_somebody_else_calls_x_and_y():
    head = toy_head(3)
    for k in range(8):
        W = np.diag([(-1) ** k, (-1) ** (k // 2), 1.0])[:, [0, 1, 2] if k < 4 else [1, 0, 2]]
        normals, _ = upright(head.normals @ W.T, head.mask)
        assert np.allclose(normals, head.normals, atol=1e-6)


def test_four_lamps_measure_a_head():
    zenith, azimuth = [35, 30, 33, 36], [50, 140, 220, 315]
    head, lights = toy_head(3), photoface.lamp_direction(*np.radians([zenith, azimuth]))
    shading = np.moveaxis(head.normals @ lights.T, -1, 0).clip(0)
    photos = np.clip(head.albedo * shading, 0, 1)
    normals, albedo, mask = four_lights(photos, lights)
    both = mask & head.mask
    assert both.sum() > 0.9 * head.mask.sum()
    assert metrics.angular_error(normals, head.normals)[both].mean() < 0.1
    assert metrics.si_log_rmse(albedo[both], head.albedo[both]) < 1e-3


# ---- Extended Yale B


@pytest.fixture(scope="module")
def toy_yale(tmp_path_factory):
    lights = sorted({*yale.YALE_LIGHTS, *yale.YALE_CLASSES})
    return yale.toy_yale(tmp_path_factory.mktemp("yale"), subjects=3, lights=lights)


def framed(x):
    "A map of a photo on the picture's pixels, NaN around."
    side = yale.YALE_SIDE
    out = np.full((side, side, *x.shape[2:]), np.nan, np.float32)
    out[yale.YALE_BOX] = x
    return out


class Oracle:
    "Knows the toy heads; fits the light."

    def __init__(self, folder):
        self.heads = {f"yaleB{s + 1:02d}": toy_head(s) for s in range(3)}
        self.shown = {}
        for subject in self.heads:
            for light in {*yale.YALE_LIGHTS, *yale.YALE_CLASSES}:
                image = yale.yale_input(yale.yale_photo(folder, subject, light))
                self.shown[image.tobytes()] = subject, light

    def __call__(self, image):
        head = self.heads[self.shown[image.tobytes()][0]]
        mask, photo = head.mask, srgb_to_linear(image[yale.YALE_BOX][..., 0] / 255)
        X = sh_basis(head.normals[mask]) * head.albedo[mask][:, None]
        A = X.T @ X
        A = A + 0.01 * np.trace(A) / 9 * np.eye(9)
        coeffs = np.linalg.solve(A, X.T @ photo[mask])
        return framed(head.normals), framed(head.albedo), np.tile(coeffs[:, None], 3)


@pytest.fixture(scope="module")
def oracle(toy_yale):
    return Oracle(toy_yale)


@pytest.fixture(scope="module")
def right(oracle, toy_yale):
    return yale.yale_from_arrays(oracle, toy_yale, progress=False)


def test_there_are_64_lights_and_azimuth_counts_to_the_left():
    assert len(set(yale.ALL_YALE_LIGHTS)) == 64
    assert np.allclose(yale.nominal_light("A+000E+00"), [0, 0, 1])
    assert yale.nominal_light("A+050E+00")[0] < 0 < yale.nominal_light("A+000E+45")[1]


def test_truth_is_measured_where_no_file_holds_it(tmp_path):
    toy, head = yale.toy_yale(tmp_path, subjects=1), toy_head(0)
    measured = yale.measure_truth(toy, "yaleB01")
    both = measured.mask & head.mask
    error = metrics.angular_error(measured.normals, head.normals)[both]
    assert both.sum() > 0.97 * head.mask.sum()
    assert np.median(error) < 0.5 and error.mean() < 1
    assert metrics.si_log_rmse(measured.albedo[both], head.albedo[both]) < 0.02
    assert np.allclose(yale.yale_truth(toy, "yaleB01").normals, head.normals)
    shutil.rmtree(toy / "truth")
    assert np.allclose(yale.yale_truth(toy, "yaleB01").normals, measured.normals)


def test_a_turn_and_a_scale_are_forgiven():
    head = toy_head(0)
    normals = head.normals @ metrics.rotation_x(7).T
    tilted = Prediction(normals, head.albedo * 3, FRONTAL, False, head.mask)
    (row,), _ = yale.score_subject({"A+000E+00": tilted}, head)
    assert abs(row["raw"] - 7) < 0.5 * 7 and row["rot"] < 0.01 and row["albedo"] < 1e-6
    assert np.isclose(row["slope"], 1, atol=0.01) and row["under20"] == 1
    assert np.isclose(row["light_rot"], 7, atol=0.01)  # the light turns with the normals


def test_a_missed_face_can_be_relit():
    blind = filled(None, yale.YALE_SHAPE)
    assert yale.relight_photo(blind, FRONTAL)["residual 0"].shape == yale.YALE_SHAPE


def test_the_truth_scores_nothing_and_blindness_the_constant(right, toy_yale):
    blind = yale.yale_from_arrays(lambda image: None, toy_yale, extras=False, progress=False)
    r, b = right.overall(), blind.overall()
    assert r["raw"] < 0.1 and r["rot"] < 0.1 and r["albedo"] < 0.01 and r["std_log"] < 1e-6
    assert abs(r["slope"] - 1) < 0.01 and r["missed"] == 0
    assert r["top1"] > 0.9 and r["light_rot"] < 15 and r["rmse"] < 0.25 and r["ssim"] > 0.8
    assert b["missed"] == 21 and b["rot"] > 20 and b["corr"] == 0
    assert not blind.relit and not blind.ranks.size and r["cv_pixels"] > 0.5


class Face:
    "What `yale` needs of a Decomposition, answered by the toy's own truth."

    def __init__(self, image, maps):
        self.image, (self.normals, self.albedo, coeffs) = image, maps
        self.light = SHLight(coeffs.astype(np.float32))

    def relight(self, light, residual=1.0):
        return Face(self.image, (self.normals, self.albedo, light.coeffs))

    def to_frame(self, name):
        if name != "reconstruction":
            return getattr(self, name)
        shading = np.maximum(sh_basis(self.normals) @ self.light.coeffs, 0)
        return linear_to_srgb(self.albedo[..., None] * shading).astype(np.float32)

    def composite(self):
        new = np.nan_to_num(self.to_frame("reconstruction")).clip(0, 1) * 255
        known = np.isfinite(self.albedo)[..., None]
        return np.where(known, new, self.image).astype(np.uint8)


def test_a_decomposer_is_asked_in_three_ways_and_may_miss_a_face(oracle, right, toy_yale):
    def stand_in(image):
        missed = oracle.shown[image.tobytes()] == ("yaleB02", "A+050E+00")
        return [] if missed else [Face(image, oracle(image))]

    result = yale.yale(stand_in, toy_yale, progress=False)
    figures = result.overall()
    assert figures["missed"] == 1 and figures["rot"] > right.overall()["rot"]
    assert sum(row["missed"] for row in result.rows if row["light"] == "A+050E+00") == 1
    assert (result.ranks == 15).sum() == 1
    assert set(result.relighting()) == {"residual 0", "residual 1", "composite"}
    # neither its faces nor its neighbour's light were missed: both ways show the same here
    steady = [row for row in result.relit if row["subject"] == "yaleB03"]
    rmse = np.array([row["rmse"] for row in steady])
    assert abs(rmse[::3] - rmse[1::3]).max() < 0.02


def test_a_damaged_copy_of_yale_says_so(oracle, toy_yale, tmp_path):
    few = tmp_path / "few"
    shutil.copytree(toy_yale, few)
    people, gone = yale.yale_subjects(few), yale.YALE_LIGHTS[0]
    yale.yale_path(few, people[0], gone).rename(few / "damaged.bad")
    part = yale.yale_from_arrays(oracle, few, extras=False, progress=False)
    assert {row["subject"] for row in part.rows} == set(people[1:])
    assert f"Left out: {people[0]} lacks {gone}." in yale.yale_report(part)
    with pytest.raises(FileNotFoundError, match=f"{people[0]} lacks"):
        yale.yale_from_arrays(oracle, few, yale.YALE_LIGHTS, people[:1])


def test_what_is_wrong_with_a_yale_folder_is_said_in_a_sentence(oracle, toy_yale, tmp_path):
    home = tmp_path / "broken" / "yaleB01"
    home.mkdir(parents=True)
    (home / "yaleB01_P00A+000E+00.pgm").write_bytes(b"P5 168 192")
    broken, photo = home.parent, yale.yale_photo
    refused = [
        ("no such folder", FileNotFoundError, yale.yale_subjects, tmp_path / "nowhere"),
        ("not Extended Yale B", ValueError, yale.yale_subjects, tmp_path),
        ("does not exist", ValueError, photo, toy_yale, "yaleB01", "A+001E+00"),
        ("yaleB01_P00A.000E.00.pgm", ValueError, photo, broken, "yaleB01", "A+000E+00"),
        ("photometric stereo wants 10", ValueError, yale.measure_truth, broken, "yaleB01"),
        ("no light like", ValueError, yale.nominal_light, "portrait.pgm"),
        ("no subject", ValueError, yale.yale_from_arrays, oracle, toy_yale, [], ["yaleB77"]),
    ]
    for sentence, error, call, *args in refused:
        with pytest.raises(error, match=sentence) as refusal:
            call(*args)
        assert "\n" not in str(refusal.value)


def test_the_page_of_yale_shows_the_best_and_the_worst_photo(right, toy_yale, tmp_path):
    paths = yale.yale_page(right, toy_yale, "oracle").write(tmp_path / "table.md")
    assert [path.name for path in paths] == ["table.md", "table_best.png", "table_worst.png"]
    assert "## Per subject" in paths[0].read_text(encoding="utf-8")
    assert cv2.imread(str(paths[2])).shape[:2] == (192, 6 * 168)


# ---- held-out synthetic faces


class Flat(torch.nn.Module):
    "Answers flat, grey, lit from the front."

    def forward(self, x):
        normals, light = torch.zeros_like(x), torch.zeros(len(x), 9, 3)
        normals[:, 2] = 1
        light[:, :2] = 0.5
        return Maps(torch.full_like(x, 0.3), normals, light, torch.zeros_like(x))


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    from illures_nb.synth.assets import Assets
    from illures_nb.synth.shards import write_shards

    folder = tmp_path_factory.mktemp("sets") / "faces"
    how = {"scale": 6 / 12500, "seed": 5, "size": 64, "workers": 1}
    quietly(write_shards, "sfsnet-syn", folder, Assets(), **how)
    return HeldOut([folder], Assets().environments("test"))


@pytest.fixture(scope="module")
def faces(held):
    return list(held.scenes(held.folders[0]))


def off_unit(face):
    "How far the lengths of a face's normals are from 1."
    lengths = np.linalg.norm(face.normals[face.mask], axis=-1)
    return abs(lengths - 1).max()


def test_held_out_faces_are_always_the_same(held, faces):
    two = HeldOut(held.folders, held.envs, most=2)
    again = list(two.scenes(held.folders[0]))
    assert len(faces) == 6 and len(again) == 2
    assert all(np.array_equal(a.pictures, b.pictures) for a, b in zip(faces, again))
    for face in faces:
        assert off_unit(face) < 1e-4
        assert 0.1 < face.pictures[:, face.mask].mean() < 0.9


def test_a_smaller_scene_is_the_same_face(faces):
    face = faces[0]
    half = face.smaller(32)
    assert half.pictures.shape == (3, 32, 32, 3)
    assert half.normals.shape == (32, 32, 3) and half.mask.shape == (32, 32)
    assert half.mask.mean() <= face.mask.mean() and face.smaller(64) is face
    assert off_unit(half) < 1e-5
    assert np.allclose(half.images.mean(), face.images.mean(), rtol=1e-4)


def test_only_absolute_figures_notice_a_scale_and_a_collapse_shows(faces):
    face = faces[2]
    true = face.truth(1)
    r = score_picture(true, face, 1)
    assert r["normals"] < 0.1 and r["slope"] > 0.99 and r["recon"] < 0.01
    assert r["albedo"] == r["delta_e"] == r["light_rel"] == r["residual"] == 0
    assert r["share"] == r["share_true"]
    halved = true._replace(albedo=true.albedo * 0.5, light=true.light * 2)
    h = score_picture(halved, face, 1)
    assert h["albedo"] < 1e-3 and h["recon"] < 0.01 and h["delta_e"] > 5 and h["ita_off"] < -5
    assert np.isclose(h["light_rel"], 1, atol=1e-5) and h["light_angle"] < 0.01
    eaten = true._replace(albedo=true.albedo * 0, residual=face.images[1])
    e = score_picture(eaten, face, 1)
    assert e["recon"] < 0.01 and np.isclose(e["share"], 1) and e["residual"] > 0.05


def test_the_true_layers_are_constant_and_relight_like_the_oracle(faces):
    from illures_nb.measure.synthetic import score_scene

    face = faces[2]
    s = score_scene([face.truth(i) for i in range(3)], face)
    assert s["std_log"] < 1e-9 and s["wobble"] < 0.05 and s["std_log_pixels"] > 0.05
    assert np.isclose(s["cross"], s["oracle"]) and np.isclose(s["cross_own"], s["oracle"])
    assert s["oracle"] < s["unchanged"]
    front = face.normals * 0 + np.float32([0, 0, 1])
    flat = Maps(face.albedo, front, face.lights[0], face.albedo * 0)
    assert score_scene([flat] * 3, face)["cross"] > s["cross"]


def test_skin_tones_have_their_usual_names():
    assert [ita_bin(x) for x in (60, 41, 30, 11, 0, -50)] == list(ITA_BINS)


def test_every_picture_of_a_set_has_a_row_and_a_sheet(held):
    from illures_nb.measure.synthetic import synthetic_page

    result = synthetic(Flat(), held, progress=False)
    assert len(result.rows) == 18 and len(result.faces) == 6
    assert sum(len(rows) for rows in result.by("kind").values()) == 18
    page = synthetic_page(Flat(), held, result, "flat")
    names = ("best", "middle", "worst")
    assert set(page.pictures) == {f"sfsnet-syn_{name}" for name in names}
    assert page.pictures["sfsnet-syn_best"].shape == (128, 7 * 64, 3)
    assert "## Per skin tone (ITA): sfsnet-syn" in page.text


def test_a_network_for_bigger_faces_is_refused(held):
    small = Flat()
    small.meta = {"size": 128}
    with pytest.raises(ValueError, match="but the network wants 128"):
        synthetic(small, held, progress=False)


# ---- Photoface


def test_photoface_is_read_however_it_was_written(tmp_path):
    toys = photoface.toy_photoface(tmp_path / "toys", 1, 1)
    visit = photoface.photoface_sessions(toys)["1001"][0]
    truth, _, lights = photoface.photoface_truth(visit)
    head, lamps = toy_head(0), visit / "LightSource.m"
    assert truth.mask.sum() > 8000
    assert metrics.angular_error(truth.normals, head.normals)[truth.mask].mean() < 1
    lamps.write_text("L = [0.61 0.785; 0.576 2.356; 0.628 3.927; 0.593 5.498];")  # radians
    assert np.allclose(photoface.light_sources(lamps), lights, atol=0.01)
    lamps.write_text("[45 35\n135 33\n225 36\n315 34]")  # azimuth first
    assert np.allclose(photoface.light_sources(lamps), lights, atol=1e-6)


def test_stored_normals_are_taken_as_they_are(tmp_path):
    pytest.importorskip("scipy")
    toys = photoface.toy_photoface(tmp_path, 1, 1, True)
    stored, _, _ = photoface.photoface_truth(photoface.photoface_sessions(toys)["1001"][0])
    head = toy_head(0)
    assert metrics.angular_error(stored.normals, head.normals)[stored.mask].max() < 0.1
    assert np.allclose(stored.albedo, head.albedo)


def test_one_visit_that_cannot_be_read_does_not_stop_the_others(tmp_path):
    toys = photoface.toy_photoface(tmp_path)
    visit = photoface.photoface_sessions(toys)["1002"][0]
    (visit / "metadata.txt").write_text("1 2 3")
    result = photoface.photoface_from(lambda image: None, toys, progress=False)
    assert len(result.rows) == 20 and len(result.skipped) == 1
    assert "1 visits could not be read" in photoface.photoface_report(result)
    few = {"people": 1, "visits": 1, "progress": False}
    assert len(photoface.photoface_from(lambda image: None, toys, **few).rows) == 4


def test_what_is_wrong_with_a_photoface_file_is_said_in_a_sentence(tmp_path):
    (tmp_path / "bad.m").write_text("x = [1 2 3];")
    (tmp_path / "steep.m").write_text("[120 95; 130 99; 140 100; 95 91]")
    (tmp_path / "far.txt").write_text(" ".join(map(str, range(22))))
    (tmp_path / "bad.mat").write_bytes(b"not MATLAB")
    refused = [
        ("four lamps have eight", ValueError, photoface.light_sources, "bad.m"),
        ("zenith", ValueError, photoface.light_sources, "steep.m"),
        ("do not look like a face", ValueError, photoface.eleven_points, "far.txt"),
        ("is missing", FileNotFoundError, photoface.light_sources, "none.m"),
        ("MATLAB|scipy", (ValueError, ImportError), photoface.stored_normals, "bad.mat"),
    ]
    for sentence, error, call, name in refused:
        with pytest.raises(error, match=sentence) as refusal:
            call(tmp_path / name)
        assert "\n" not in str(refusal.value)


# ---- landmarks


def test_landmarks_of_the_nearest_face_count(tmp_path):
    points = TEMPLATE * 100
    eyes = np.linalg.norm(points[36] - points[45])
    one_point = 0.2 * eyes * np.eye(68)[8][:, None]
    answers = [
        [points + [0.02 * eyes, 0]],
        [points + 500, points - [0, 0.04 * eyes]],
        [],
        [points + one_point],
    ]
    pictures = [np.full((9, 9, 3), k, np.uint8) for k in range(4)]
    samples = [(picture, points, group) for picture, group in zip(pictures, "aaab")]
    rows = landmark_rows(lambda picture: answers[picture[0, 0, 0]], samples)
    assert np.allclose([row["error"] for row in rows[:2]], [0.02, 0.04])
    assert rows[2]["missed"] and not rows[1]["missed"]
    assert rows[3]["eyes"] == 0 < rows[3]["jaw"]
    with pytest.raises(ValueError, match="nothing to compare"):
        landmark_samples(tmp_path)


# ---- AlignNets


@pytest.fixture(scope="module")
def pair():
    from illures_nb.train.batches import AlignPair

    def moved(M, size=48):
        "A smooth map, and the same under the affine map M (2, 3) of its pixels."

        def wave(x, y):
            red, green = np.sin(x / 5) + np.cos(y / 7), np.cos(x / 6 + y / 9)
            bands = np.stack([red, green, np.sin(y / 4)]).astype(np.float32)
            return torch.from_numpy(bands)[None]

        y, x = np.mgrid[:size, :size]
        inverse = cv2.invertAffineTransform(M)
        points = (TEMPLATE * 0.5 + 0.25) * size - 0.5
        xi = inverse[0, 0] * x + inverse[0, 1] * y + inverse[0, 2]
        yi = inverse[1, 0] * x + inverse[1, 1] * y + inverse[1, 2]
        full, none = torch.ones(1, 1, size, size), torch.zeros(1, 1, size, size)
        maps = {"map_i": wave(x, y), "map_j": wave(xi, yi), "mask_i": full, "mask_j": full}
        maps |= {"contours_i": none, "contours_j": none}
        maps["landmarks_i"] = torch.from_numpy(points.astype(np.float32))[None]
        moved_points = points @ M[:, :2].T + M[:, 2]
        maps["landmarks_j"] = torch.from_numpy(moved_points.astype(np.float32))[None]
        return AlignPair(**maps)

    return moved


def test_outside_of_a_mask_the_rim_goes_on():
    from illures_nb.measure.align import fill_outside

    y, x = torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij")
    mask = ((x - 6) ** 2 + (y - 8) ** 2 < 16).float()[None, None]
    ramp = torch.stack([x, y, x + y])[None]
    full, inside = fill_outside(ramp, mask), mask.expand_as(ramp) > 0
    assert torch.equal(full[inside], ramp[inside])
    assert full[0, 0, 8].tolist() == np.arange(16.0).clip(3, 9).tolist()


def test_a_warp_undoes_an_affine_motion(pair):
    from illures_nb.measure.align import identity, warp

    still = pair(np.eye(2, 3))
    motion = cv2.getRotationMatrix2D((24, 24), 12, 0.95)
    motion[:, 2] += (1.5, -2)
    shifted = pair(motion)
    middle = (..., slice(10, -10), slice(10, -10))
    assert (warp(still) - still.map_j).abs().max() < 1e-4
    warped, as_is = (way(shifted) - shifted.map_j for way in (warp, identity))
    assert warped[middle].abs().mean() < 0.02 < 0.2 < as_is[middle].abs().mean()


def test_the_turn_of_a_head_is_read_from_its_landmarks():
    from illures_nb.measure.align import LANDMARK_DEPTHS, head_rotation
    from illures_nb.synth.facekit import rotation

    head = torch.from_numpy(np.c_[TEMPLATE * [1, -1], LANDMARK_DEPTHS]).float()
    turns = np.radians([[0, 0, 0], [30, 0, 0], [-40, 10, 5], [5, -20, -8]])
    for angles in torch.from_numpy(turns).float():
        R = rotation(*angles[:, None])[0]
        x, y = (head @ R.T).T[:2].numpy()
        seen = np.stack([100 * x + 64, 64 - 100 * y], -1)
        assert abs(head_rotation(seen) - R.numpy()).max() < 1e-4


def test_an_alignnet_that_never_saw_contours_is_given_none(pair):
    from illures_nb.measure.align import as_trained

    blind, p = build("align_albedo").eval(), pair(np.eye(2, 3), 64)
    contours = torch.rand(2, 1, 1, 64, 64)
    blind.meta = {"contours": "none"}
    with torch.no_grad():
        answer = as_trained(blind)(p.map_i, *contours)
        assert torch.equal(answer, blind(p.map_i, *contours * 0))
    blind.meta = {}
    assert as_trained(blind) is blind


# ---- photographs without truth


@pytest.fixture(scope="module")
def decomposer():
    from illures_nb.decompose import Decomposer
    from illures_nb.networks import weights_path

    if weights_path("lite", 128).is_file():
        return Decomposer.from_pretrained(device="cpu")
    return Decomposer(build("lite"), device="cpu")


def test_nothing_to_see_is_no_crash(decomposer, wall, astronaut, tmp_path):
    from illures_nb.measure.wild import wild, wild_page, wild_report

    cv2.imwrite(str(tmp_path / "wall.png"), wall[..., ::-1])
    nobody = wild(decomposer, [tmp_path], progress=False)
    assert not nobody.rows and not nobody.pages()
    text = wild_report(nobody)
    assert "no face): wall.png" in text and "## Every face" not in text
    cv2.imwrite(str(tmp_path / "astronaut.png"), astronaut[..., ::-1])
    answers = iter([decomposer(astronaut), []])  # the darker photo is too dark to find a face in
    once = wild(lambda image: next(answers), [tmp_path], most=1, progress=False)
    assert "normals" not in once.rows[0] and "normals" not in once.mean()
    assert "astronaut.png" in wild_page(once, "lite").text


def test_the_sheet_has_ten_rows_a_page():
    from illures_nb.measure.wild import GAP, LEFT, PANELS, SIDE, WildResult, heading, label

    width = LEFT + len(PANELS) * (SIDE + GAP)
    strip = np.zeros((SIDE + GAP, width, 3), np.uint8)
    result = WildResult([{"strip": strip}] * 7)
    pages = result.pages(6)
    six = 22 + 6 * (SIDE + GAP)
    assert list(pages) == ["01", "02"] and pages["01"].shape == (six, width, 3)
    assert pages["02"].shape[0] == 22 + SIDE + GAP and heading().shape[1] == width
    figures = {"recon": 0.1, "share": 0.2, "contrast": 0.3, "pixels": 0.4}
    long = "41  somewhere_in_a_long_name.mkv, frame 7"
    assert label(long, figures).shape == (SIDE, LEFT, 3)
    three, four = (label(long + digit, figures) for digit in "34")
    assert not np.array_equal(three, four)
    plain, other = label(long, figures), label(long, figures | {"share": 0.5})
    assert not np.array_equal(plain, other)


# ---- the benchmarks as objects


def test_every_benchmark_refuses_in_a_sentence(tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    refused = [
        ("no benchmark", ValueError, "lfw", tmp_path, {}),
        ("no such folder to write into", FileNotFoundError, "yale", tmp_path, {"out": "/no/x.md"}),
        ("wants one folder", ValueError, "landmarks", [tmp_path, tmp_path], {}),
        ("nothing to compare", ValueError, "landmarks", empty, {}),
        ("not Photoface", ValueError, "photoface", empty, {}),
        ("no such folder", FileNotFoundError, "photoface", tmp_path / "nowhere", {}),
        ("holds no set of faces", FileNotFoundError, "synthetic", empty, {}),
        ("holds no photographs", FileNotFoundError, "wild", [tmp_path, empty], {}),
        ("no folder", FileNotFoundError, "wild", tmp_path / "nowhere", {}),
    ]
    (tmp_path / "photo.png").write_bytes(b"")
    for sentence, error, name, folders, options in refused:
        with pytest.raises(error, match=sentence) as refusal:
            run(name, folders, **options)
        assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_benchmark_says_what_it_is_and_takes_arguments(name, tmp_path):
    import argparse

    benchmark, parser = BENCHMARKS[name], argparse.ArgumentParser()
    benchmark.add_arguments(parser)
    args = parser.parse_args([str(tmp_path), "--out", "page.md", "--weights", "lite"])
    assert benchmark.name == name and len(benchmark.help) > 20
    assert args.folders == [tmp_path] and args.weights == "lite" and args.out.name == "page.md"


def test_only_some_benchmarks_take_several_folders(tmp_path):
    both = SimpleNamespace(folders=[tmp_path] * 2, out=None)
    with pytest.raises(ValueError, match="yale wants one folder, not 2"):
        BENCHMARKS["yale"].check(both)
    several = [name for name, b in BENCHMARKS.items() if b.several]
    assert several == ["synthetic", "tone", "clips", "head", "wild"]


def test_an_answer_is_none_where_no_face_is():
    assert answer_of(lambda image: [], np.zeros((8, 8, 3), np.uint8)) is None
