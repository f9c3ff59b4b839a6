"What the trainer is fed with: photographs whose layers explain them, pairs that belong together."

from dataclasses import is_dataclass

import numpy as np
import pytest
import torch
import torch.nn.functional as F

pytest.importorskip("numba", reason="the rasteriser needs numba: pip install 'illures_nb[synth]'")
from illures_nb.colour import LUMINANCE  # noqa: E402
from illures_nb.image import linear_to_srgb  # noqa: E402
from illures_nb.light import shade_maps  # noqa: E402
from illures_nb.synth.assets import painted_scenes  # noqa: E402
from illures_nb.synth.shards import one_thread, write_samples  # noqa: E402
from illures_nb.train import photograph as camera  # noqa: E402
from illures_nb.train.batches import joined, to_device  # noqa: E402
from illures_nb.train.faces import Pool, Traced  # noqa: E402
from illures_nb.train.pairs import AlignPairs, SyntheticPairs  # noqa: E402
from illures_nb.train.photograph import (  # noqa: E402
    MultiLit,
    Photographs,
    grey_lit,
    held_out_photographs,
    open_sets,
    photograph,
)
from illures_nb.train.photos import Photos, VideoPairs  # noqa: E402
from illures_nb.train.stored import forkable  # noqa: E402
from illures_nb.train.toys import toy_sets  # noqa: E402

ENVS = painted_scenes()
WEIGHTS = torch.from_numpy(LUMINANCE).float()


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    "A toy set of every kind, of 64²; the first of four people is held out."
    return toy_sets(tmp_path_factory.mktemp("sets"), 64, 4)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    "The same, of 32²."
    return toy_sets(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def both(sets):
    "Rasterised and path-traced faces."
    return Pool(sets["sfsnet-syn"]), Traced(sets["expre-syn"])


def equal(a, b):
    "Are two batches of any kind the same?"
    if torch.is_tensor(a):
        return torch.equal(a, b)
    if is_dataclass(a):
        return equal(tuple(vars(a).values()), tuple(vars(b).values()))
    if isinstance(a, tuple):
        return all(map(equal, a, b))
    return a is b


def taken(faces, seed=3, n=16):
    rng = np.random.default_rng(seed)
    return photograph(*faces.lit(rng, n, ENVS), ENVS, rng)


def colours_apart(x, axis):
    "The largest difference between colours, of each picture."
    return (x.amax(axis) - x.amin(axis)).flatten(1).amax(1)


@pytest.mark.parametrize("kind", [0, 1], ids=["rasterised", "path-traced"])
def test_layers_explain_the_photograph(both, kind, monkeypatch):
    "With nothing in the way A ∘ f(N, L) + R is the photograph, up to burning out at 1."
    black = np.zeros((64, 64, 3), np.float32)
    monkeypatch.setattr(camera, "degrade", lambda x, rng: x)
    monkeypatch.setattr(camera, "occlude", lambda *_: None)
    monkeypatch.setattr(camera, "cut_off", lambda *_: None)
    monkeypatch.setattr(camera, "background", lambda *_: black)
    b = taken(both[kind])
    linear = b.albedo * shade_maps(b.normals, b.light) + b.residual
    assert (linear_to_srgb(linear).clamp(0, 1) - b.image).abs().max() < 2e-3
    assert linear.max() <= 1.2 + 1e-4
    assert (b.residual.abs() * b.mask).mean() > 0.003  # shadows and shine are there
    norm = b.normals.norm(dim=1, keepdim=True)
    assert ((norm - 1).abs() * (b.mask > 0)).max() < 1e-4
    assert b.albedo.min() >= 0 and b.albedo.max() <= 1


def test_a_black_and_white_photograph_has_such_layers(both):
    "A fifth of all photographs are."
    batches = [taken(faces, seed) for seed in range(4) for faces in both]
    x = vars(joined(batches))
    grey = colours_apart(x["image"] * (x["mask"] == 1), 1) < 1e-6  # what frames it may have colour
    assert 0.05 < grey.float().mean() < 0.4
    for name, axis in (("albedo", 1), ("residual", 1), ("light", 2)):
        apart = colours_apart(x[name], axis)
        assert apart[grey].max() < 2e-5 and apart[~grey].min() > 1e-3, name
    assert all(torch.isfinite(v).all() for v in x.values())


def test_little_of_a_black_and_white_picture_moves_to_the_residual(both):
    lit = both[0].lit(np.random.default_rng(0), 32, ENVS)[0]
    grey = grey_lit(lit, np.ones(32, bool)).residual[:, :1] * lit.mask
    residual, image = (
        (x * WEIGHTS[:, None, None]).sum(1, keepdim=True) * lit.mask
        for x in (lit.residual, lit.image)
    )
    assert (grey - residual).abs().sum() / image.sum() < 0.01


def test_photographs_are_the_same_for_whoever_asks(sets):
    pool = sets["sfsnet-syn"]
    stream = Photographs(pool, ENVS, 4, 250)
    again = Photographs([pool], ENVS, 4, 250)
    assert len(stream) == 250 and equal(stream[7], again[7])
    assert not equal(stream[7], stream[8])
    assert not equal(stream[7], Photographs(pool, ENVS, 4, 250, seed=1)[7])


def test_another_process_makes_the_same_photographs(sets):
    stream = Photographs([sets["sfsnet-syn"], sets["expre-syn"]], ENVS, 4, 3)
    loader = torch.utils.data.DataLoader(
        stream, batch_size=None, num_workers=1, worker_init_fn=one_thread
    )
    with forkable():
        assert all(equal(b, stream[i]) for i, b in enumerate(loader))


def test_held_out_photographs_are_always_the_same(sets):
    folders = [sets["sfsnet-syn"], sets["expre-syn"]]
    first, again = (
        list(held_out_photographs(folders, painted_scenes(4, 9), 2, 4)) for _ in range(2)
    )
    assert len(first) == 2 and equal(first[1], again[1])


def test_sets_share_the_batches(sets, small):
    pool, traced = sets["sfsnet-syn"], sets["expre-syn"]
    mixed = Photographs([pool, traced], ENVS, 4, 3, traced=0.3)
    assert np.allclose(mixed.shares, [0.7, 0.3])
    assert np.allclose(Photographs([traced, traced], ENVS, 4, 3).shares, 0.5)
    with pytest.raises(ValueError, match="one size"):
        open_sets([small["sfsnet-syn"], traced])
    with pytest.raises(FileNotFoundError, match="test split"):
        Traced(pool, "test")


def test_photographs_are_made_of_faces(tmp_path):
    about = {"recipe": "align-normals", "samples": 1, "per_shard": 1, "size": 32}
    sample = {"maps": np.zeros(3)}, {"split": "train"}
    write_samples(tmp_path, lambda i: sample, about, workers=1)
    with pytest.raises(ValueError, match="photographs are made of"):
        open_sets(tmp_path)


@pytest.mark.parametrize("traced", [0.0, 1.0])
def test_two_lights_show_the_same_face(sets, traced):
    "Albedo and normals are the same, and either explains the other's picture."
    folders = [sets["sfsnet-syn"], sets["expre-syn"]]
    stream = MultiLit(folders, ENVS, 12, 5, traced=traced)
    a, b = stream[0]
    assert len(a.image) == 6
    assert torch.equal(a.albedo, b.albedo) and torch.equal(a.normals, b.normals)
    assert (a.light - b.light).abs().amax((1, 2)).min() > 0.02
    mask = a.mask * b.mask
    for face, light in ((a, b), (b, a)):
        linear = face.albedo * shade_maps(face.normals, light.light) + light.residual
        error = (linear_to_srgb(linear).clamp(0, 1) - light.image).abs() * mask
        assert error.sum() / (3 * mask.sum()) < 0.06
    assert equal(stream[3], MultiLit(folders, ENVS, 12, 5, traced=traced)[3])


def test_occluders_come_and_go_between_two_lights(sets):
    stream = MultiLit(sets["sfsnet-syn"], ENVS, 12, 5)
    batches = [stream[i] for i in range(4)]
    assert any(not torch.equal(a.mask, b.mask) for a, b in batches)


def test_synthetic_pairs_are_photographs_of_one_person(sets):
    folder = sets["expre-syn"]
    stream = SyntheticPairs(folder, ENVS, 4, 10)
    p, again = stream[2], SyntheticPairs([folder], ENVS, 4, 10)
    assert equal(p, again[2]) and not equal(p, stream[3])
    assert not equal(p, SyntheticPairs(folder, ENVS, 4, 10, seed=1)[2])
    frame_i, frame_j = (p.truth_i, p.image_i, p.mask_i), (p.truth_j, p.image_j, p.mask_j)
    for truth, image, mask in (frame_i, frame_j):
        assert torch.equal(truth.image, image) and (mask <= truth.mask + 1e-6).all()
        assert 0.03 < mask.mean() < truth.mask.mean()
    lines = p.contours_i > 0.5
    beside = F.max_pool2d(p.truth_i.mask, 15, 1, 7) < 0.5
    assert (lines & beside).sum() < 0.15 * lines.sum()  # contours lie on the face
    for seed in range(20):
        where = np.array(stream.sets[0].pairs(np.random.default_rng(seed), 4))
        (shards_i, faces_i), (shards_j, faces_j) = where[:4].T, where[4:].T
        assert (shards_i == shards_j).all() and (faces_i != faces_j).all()


def test_both_of_a_pair_are_grey_or_neither(sets):
    stream = SyntheticPairs(sets["expre-syn"], ENVS, 4, 10)
    for pair in (stream[i] for i in range(8)):
        grey = [colours_apart(x.albedo, 1) < 1e-6 for x in (pair.truth_i, pair.truth_j)]
        assert torch.equal(*grey)


def test_pairs_want_one_person_a_shard(sets):
    people = SyntheticPairs(sets["expre-syn"], ENVS, 4, 10).sets[0]
    with pytest.raises(ValueError, match="several people"):
        people.keep("shard-1.tar", [({}, {"identity": 0}), ({}, {"identity": 1})])


def test_maps_of_subjects(sets):
    folders = sets["align-albedo"], sets["align-normals"]
    stream, again = (AlignPairs(folders[0], 6, 10) for _ in range(2))
    assert equal(stream[0], again[0]) and not equal(stream[0], stream[1])
    assert len(AlignPairs(folders[0], 2, 3, split="test").sets[0]) == 1
    with pytest.raises(ValueError, match="one AlignNet"):
        AlignPairs(folders, 2, 3)


def test_frames_of_clips(sets):
    folder = sets["videos"]
    stream, again = VideoPairs(folder, 4, 10), VideoPairs([folder], 4, 10)
    assert equal(stream[0], again[0]) and not equal(stream[0], stream[1])
    assert stream[0].truth_j is None
    assert Photos(folder, 6, 10)[1].image.shape == (6, 3, 64, 64)


def test_what_a_stream_cannot_be_made_of_is_said(sets, small):
    pool, traced = sets["sfsnet-syn"], sets["expre-syn"]
    with pytest.raises(ValueError, match="one size"):
        SyntheticPairs([traced, small["expre-syn"]], ENVS, 2, 5)
    with pytest.raises(ValueError, match="this needs videos"):
        VideoPairs(pool, 2, 5)
    with pytest.raises(ValueError, match="this needs expre-syn"):
        SyntheticPairs(pool, ENVS, 2, 5)
    with pytest.raises(ValueError, match="this needs align"):
        AlignPairs(sets["videos"], 2, 5)


def test_a_batch_on_a_device_is_the_same(sets):
    pair, maps = (
        SyntheticPairs(sets["expre-syn"], ENVS, 4, 10)[2],
        AlignPairs(sets["align-albedo"], 2, 3)[0],
    )
    moved = to_device(pair, "cpu")
    assert equal(moved, pair) and to_device((maps, None), "cpu")[1] is None
    assert moved.image_i.is_contiguous(memory_format=torch.channels_last)
