"Training what reads heads: sets, crops cut otherwise, both stages, bootstrapping that goes on."

from functools import partial

import numpy as np
import pytest
import torch
from safetensors import safe_open

pytest.importorskip("numba", reason="training needs numba: pip install 'illures_nb[train]'")
from illures_nb.head.model import load_model  # noqa: E402
from illures_nb.head.network import load_net  # noqa: E402
from illures_nb.head.vector import length, unpack  # noqa: E402
from illures_nb.networks import WeightsError  # noqa: E402
from illures_nb.synth.assets import Assets, painted_scenes  # noqa: E402
from illures_nb.synth.heads import draw_head, portray  # noqa: E402
from illures_nb.synth.recipes import sample, split  # noqa: E402
from illures_nb.synth.shards import write_samples, write_shards  # noqa: E402
from illures_nb.train.bootstrap import RealHeadBatches, redrawn  # noqa: E402
from illures_nb.train.heads import HeadBatches, Reframing, held_heads  # noqa: E402
from illures_nb.train.roles import read_any  # noqa: E402
from illures_nb.train.stage import stage_for  # noqa: E402
from illures_nb.train.state import State  # noqa: E402
from illures_nb.train.trainer import train  # noqa: E402

ENVS = painted_scenes(6)
SIZE = 96


@pytest.fixture(scope="module")
def model():
    return load_model()


@pytest.fixture(scope="module")
def heads(tmp_path_factory):
    "Twenty-four heads of which two are held out."
    folder = tmp_path_factory.mktemp("sets") / "heads"
    write_shards("heads", folder, Assets(), 24 / 12000, size=SIZE, workers=0)
    return folder


def face(model, index):
    "A drawn head as a frame of a clip, of which only landmarks are noted."
    picture, truth = draw_head(model, np.random.default_rng([7, index]), ENVS, SIZE)
    places, _ = truth.camera.seen(model.points(truth.identity, truth.expression))
    frame = np.uint8(255 * picture.permute(1, 2, 0).numpy())
    landmarks = np.float32(places[0].numpy() * SIZE - 0.5)
    arrays = {"frame": frame, "landmarks": landmarks, "mask": np.full((SIZE, SIZE), 255, np.uint8)}
    return arrays, {"identity": f"person {index // 4}", "split": "train" if index // 4 else "test"}


@pytest.fixture(scope="module")
def faces(model, tmp_path_factory):
    "Twelve frames of three people, one of them held out."
    folder = tmp_path_factory.mktemp("sets") / "faces"
    about = {"recipe": "videos", "size": SIZE, "samples": 12, "per_shard": 4}
    write_samples(folder, partial(face, model), about, workers=0)
    return folder


# ---- the set


def test_a_sample_shows_what_its_row_says(model):
    "Under grain, and now and then behind something, is the head of the row."
    off = []
    for index in range(1, 7):
        arrays, info = sample("heads", Assets(), 3, index, SIZE)
        truth = unpack(model, torch.from_numpy(arrays["row"]))
        inside = truth.render(model, SIZE).mask[0, 0] > 0.99
        drawn = portray(model, truth, SIZE)[0][:, inside]
        shown = torch.from_numpy(arrays["image"][0] / np.float32(255))[:, inside]
        off.append(float((drawn - shown).abs().median()))
        assert info["split"] == "train" and "ICT-FaceKit" in info["licences"][0]
    assert np.median(off) < 0.03 and max(off) < 0.1


def test_samples_are_a_function_of_recipe_seed_and_index():
    (one, _), (again, _), (other, _) = (
        sample("heads", Assets(), seed, 1, 32) for seed in (5, 5, 6)
    )
    assert all(np.array_equal(one[name], again[name]) for name in one)
    assert not np.array_equal(one["row"], other["row"])
    held = [i for i in range(60) if split("heads", i) == "test"]
    assert held == [0, 20, 40]


def test_the_command_writes_heads_and_shows_them(tmp_path, illures):
    words = "--scale", 2 / 12000, "--workers", 0
    code, out, err = illures("synth", "heads", "--out", tmp_path / "set", *words)
    assert code == 0 and (tmp_path / "set/sheet.png").is_file(), err
    assert illures("synth", "verify", tmp_path / "set")[0] == 0
    code, _, err = illures("synth", "heads-dressed", "--out", tmp_path / "people", *words)
    assert code == 1 and "ICT-FaceKit" in err and "Traceback" not in err


# ---- batches


def test_heads_cut_otherwise_are_seen_where_their_truth_says(model, heads):
    "Landmarks move by the similarity of the crop; the picture is that of the new truth."
    truth = unpack(model, next(held_heads(heads, 2, 1)).row)
    cut = Reframing.sample(np.random.default_rng(2), 2)
    moved = cut.heads(truth)
    before, after = (
        x.camera.seen(model.points(x.identity, x.expression))[0] - 0.5 for x in (truth, moved)
    )
    z = torch.polar(cut.grow.exp(), cut.turn)  # clockwise, for y runs down
    seen = torch.view_as_complex(before.contiguous()) * z[:, None]
    expected = torch.view_as_real(seen) + cut.aside[:, None]
    assert torch.allclose(after, expected, atol=2e-4)
    off = cut.pictures(portray(model, truth, 192)) - portray(model, moved, 192)
    unmoved = portray(model, truth, 192) - portray(model, moved, 192)
    assert off.abs().mean() < 0.25 * unmoved.abs().mean()


def test_batches_never_show_who_is_held_out(heads):
    rows = torch.cat([HeadBatches(heads, 8, 50)[i].row for i in range(12)])
    known = rows[:, 7:219]  # identity, expression, reflectance: no cut changes them
    held = torch.cat([batch.row for batch in held_heads(heads, 8, 9)])[:, 7:219]
    assert len(held) == 2 and len(known.unique(dim=0)) <= 22
    assert torch.cdist(known, held).min() > 1


def test_people_with_hair_are_half_of_a_batch(model, heads, tmp_path):
    "Their skin is not the model's: where a row says nothing, nothing is asked."

    def dressed(index):
        picture, truth = draw_head(model, np.random.default_rng([8, index]), ENVS, SIZE)
        row = torch.full((2, length(model)), torch.nan)
        row[:, :159] = 0.0
        both = (picture[None].repeat(2, 1, 1, 1) * 255).byte().numpy()
        return {"image": both, "row": row.numpy()}, {"split": "train"}

    about = {"recipe": "heads-dressed", "size": SIZE, "samples": 3, "per_shard": 3}
    write_samples(tmp_path, dressed, about, workers=0)
    batch = HeadBatches([tmp_path, heads], 10, 5)[3]
    unknown = batch.row.isnan().any(1)
    assert int(unknown.sum()) == 5 and len(HeadBatches(tmp_path, 4, 5)[0].row) == 4


# ---- bootstrapping


def test_a_head_drawn_anew_is_what_its_row_says(model, faces):
    "The picture put together by hand: the row's head, what is behind it, grain."
    crops = RealHeadBatches(faces, ENVS, 4, 9)[2]
    found = unpack(model, 0.5 * torch.randn(4, length(model), generator=torch.Generator()))
    new = redrawn(found, crops)
    drawn = unpack(model, new.row).render(model, SIZE, 2)
    linear = (drawn.image + (1 - drawn.mask) * crops.behind).clamp(0, 1)
    curve = torch.where(linear < 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    assert (new.image - (curve + crops.grain).clamp(0, 1)).abs().max() < 2e-3
    expression = unpack(model, new.row).expression
    assert expression.min() >= -1e-6 and expression.max() <= 1 + 1e-6


def settings(heads, faces, out, **changes):
    "A small stage of bootstrapping, as the trainer takes it."
    stage = stage_for("heads-real", steps=5, batch=4, warmup=1, renewed=2, **changes)
    return (stage, [heads, faces], ENVS, out, "inverse"), {"device": "cpu", "workers": 0}


def tensors(path):
    with safe_open(path, "pt") as f:
        return {name: f.get_tensor(name) for name in f.keys()}


def test_bootstrapping_goes_on_as_if_it_had_not_been_killed(heads, faces, tmp_path, monkeypatch):
    "The reader is renewed in time, kept with the state, and reads on after a kill."
    given, how = settings(heads, faces, tmp_path / "whole")
    train(*given, **how, every=1000)
    given, how = settings(heads, faces, tmp_path / "killed")
    save = State.save

    def killed(self, path):
        if self.step == 4:
            raise KeyboardInterrupt
        save(self, path)

    with monkeypatch.context() as m, pytest.raises(KeyboardInterrupt):
        m.setattr(State, "save", killed)
        train(*given, **how, every=0)
    middle = tensors(tmp_path / "killed/state.safetensors")
    train(*given, **how, every=1000)
    whole, again = (tensors(tmp_path / out / "state.safetensors") for out in ("whole", "killed"))
    assert all(torch.equal(whole[name], again[name]) for name in whole | again)
    weight = "answer.2.weight"
    first = read_any("inverse").state_dict()[weight]
    reader, later = middle[f"net.reader.{weight}"], whole[f"net.reader.{weight}"]
    assert not torch.equal(reader, first) and not torch.equal(reader, later)


def test_both_streams_teach_and_photos_are_measured(heads, faces, tmp_path, illures):
    words = "--data", heads, faces, "--held", heads, faces, "--init", "inverse", "--workers", 0
    small = "--steps", 3, "--batch", 4, "--every", 0, "--device", "cpu", "--out", tmp_path / "run"
    code, out, err = illures("train", "heads-real", *words, *small)
    assert code == 0, err
    log = (tmp_path / "run/log.csv").read_text().splitlines()[0]
    expected = "heads/face_mm", "heads/log_albedo", "heads-real/landmarks_percent"
    assert all(f"val_{name}" in log for name in expected)
    assert load_net(out.strip()).meta["loss"] == "model space"


# ---- the stage


def test_heads_are_learnt(heads, tmp_path):
    "Some steps on twenty-two heads lower the loss; who reads photos reads what the stage writes."
    stage = stage_for("heads", steps=30, batch=8, warmup=3)
    held = [("heads", HeadBatches(heads, 16, 99)[77])]
    file = train(stage, heads, ENVS, tmp_path, device="cpu", workers=0, every=4, held=held)
    log = [row.split(",") for row in (tmp_path / "log.csv").read_text().splitlines()]
    column = log[0].index("val_total")
    assert file.name == "inverse-96.safetensors" and "val_face_mm" in log[0]
    assert len(log) > 2 and float(log[-1][column]) < 0.95 * float(log[1][column])
    assert load_net(file).meta["steps"] == "30" and read_any(file).preset == "inverse"


def test_plain_numbers_are_another_run(heads, tmp_path, illures):
    words = "train", "heads", "--data", heads, "--batch", 4, "--workers", 0, "--device", "cpu"
    words = *words, "--out", tmp_path / "run", "--steps", 1
    code, out, err = illures(*words, "--plain")
    assert code == 0 and load_net(out.strip()).meta["loss"] == "plain", err
    code, _, err = illures(*words)
    assert code == 1 and "its plain is" in err and "Traceback" not in err


def test_what_cannot_be_trained_is_said(heads, faces, tmp_path, illures):
    for words, sentence in (
        (("heads", "--data", heads, "--size", 64), "crops of 96² pixels, not 64²"),
        (("heads", "--data", faces), "holds videos"),
        (("heads-real", "--data", heads, faces), "needs trained weights of 'inverse'"),
        (("heads-real", "--data", heads, "--init", "inverse"), "illures photos"),
        (("heads", "--data", heads, "--init", "lite"), "no weights file lite"),
    ):
        code, _, err = illures("train", *words, "--out", tmp_path / "x", "--workers", 0)
        assert code == 1 and sentence in err and "Traceback" not in err, err
    with pytest.raises((WeightsError, FileNotFoundError)):
        read_any(tmp_path / "nothing.safetensors")
