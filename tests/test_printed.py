"""The paper's recipe: what each printed difference does, alone and all together; ours as ever."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

pytest.importorskip("numba", reason="training needs numba: pip install 'illures_nb[train]'")
from illures_nb.decompose import Decomposer, decoded  # noqa: E402
from illures_nb.image import linear_to_srgb, srgb_to_linear  # noqa: E402
from illures_nb.light import shade_maps  # noqa: E402
from illures_nb.networks import Maps, build, save_weights  # noqa: E402
from illures_nb.synth.assets import painted_scenes  # noqa: E402
from illures_nb.train.batches import Batch, Pair  # noqa: E402
from illures_nb.train.faces import Pool  # noqa: E402
from illures_nb.train.losses import (  # noqa: E402
    as_is,
    decomposition_loss,
    fitted_light,
    pair_loss,
    srgb_batch,
    srgb_maps,
)
from illures_nb.train.mixture import Mixture  # noqa: E402
from illures_nb.train.photograph import photograph  # noqa: E402
from illures_nb.train.roles import Networks, networks  # noqa: E402
from illures_nb.train.settings import differences, settings  # noqa: E402
from illures_nb.train.stage import DIFFERENCES, STAGES, printed, stage_for  # noqa: E402
from illures_nb.train.state import State  # noqa: E402
from illures_nb.train.toys import toy_sets  # noqa: E402
from illures_nb.train.trainer import train_step  # noqa: E402

ENVS = painted_scenes(6)
LAYERS = "albedo", "normals", "light", "local", "residual", "image"
OURS = ("landmarks", "heads", "heads-real")  # stages that the paper does not have
NAMES = [name for name in STAGES if name not in OURS]


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    return toy_sets(tmp_path_factory.mktemp("sets"), 32)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    "Untrained weights of every network the paper's stages start from."
    folder, names = tmp_path_factory.mktemp("weights"), ("illures", "sfsnet", "skipnet")
    torch.manual_seed(0)
    for name in (*names, "paint_albedo", "paint_normals", "align_albedo", "align_normals"):
        save_weights(folder / f"{name}.safetensors", build(name), {"size": 32})
    return {path.stem: str(path) for path in folder.glob("*.safetensors")}


def drawn(n=2, S=16):
    "Random layers, and a picture in sRGB."
    rng = torch.Generator().manual_seed(3)
    albedo = torch.rand(n, 3, S, S, generator=rng) * 0.6 + 0.2
    normals = torch.randn(n, 3, S, S, generator=rng)
    normals = F.normalize(normals + torch.tensor([0, 0, 3.0]).view(3, 1, 1), dim=1)
    light = torch.randn(n, 9, 3, generator=rng) * 0.05
    light[:, 0] += 0.5
    residual = torch.randn(n, 3, S, S, generator=rng) * 0.02
    image = linear_to_srgb((albedo * shade_maps(normals, light) + residual).clamp(0, 1))
    mask = (torch.rand(n, 1, S, S, generator=rng) > 0.3).float()
    return Batch(image, albedo, normals, light, residual, mask)


def guessed(truth):
    "An answer that is off everywhere."
    rng = torch.Generator().manual_seed(4)
    normals = truth.normals + 0.3 * torch.randn(truth.normals.shape, generator=rng)
    albedo = (truth.albedo * 1.2 - 0.05).clamp(0, 1)
    return Maps(albedo, F.normalize(normals, dim=1), truth.light * 0.8, truth.residual * 0.5)


def mean_off(a, b, mask):
    "Mean absolute difference over the mask, by NumPy."
    where = np.broadcast_to(mask.numpy() > 0, a.shape)
    return np.abs(a.numpy() - b.numpy())[where].mean()


def test_plain_norms_are_what_is_printed():
    "Equations 3 and 4, term by term, computed once more."
    t, ones = drawn(), dict.fromkeys(LAYERS, 1)
    p = guessed(t)
    terms = decomposition_loss(p, t, ones, plain=True)
    encode, m = linear_to_srgb, t.mask
    local, true = (x.albedo * shade_maps(x.normals, x.light) for x in (p, t))
    expected = {
        "albedo": mean_off(encode(p.albedo), encode(t.albedo), m),
        "normals": mean_off(p.normals, t.normals, m),
        "light": np.square(p.light.numpy() - t.light.numpy()).mean(),
        "local": mean_off(encode(local.clamp(1e-4, 2)), encode(true.clamp(1e-4, 2)), m),
        "residual": mean_off(p.residual, t.residual, m),
        "image": mean_off(encode((local + p.residual).clamp(1e-4, 2)), t.image, m),
    }
    assert terms.keys() == {*LAYERS, "total"}
    for name, value in expected.items():
        assert math.isclose(terms[name], value, rel_tol=1e-4), name
    assert math.isclose(terms["total"], sum(expected.values()), rel_tol=1e-4)
    ours = decomposition_loss(p, t, ones)
    assert all(ours[k] > terms[k] * 1.01 for k in ("albedo", "normals", "light", "residual"))
    assert ours["local"] == terms["local"] and ours["image"] == terms["image"]


def test_layers_in_srgb_explain_the_picture():
    "What no light explains is residual; a picture that is a product in sRGB has none."
    t = drawn()
    s = srgb_batch(t)
    explained = s.albedo * shade_maps(s.normals, s.light) + s.residual
    assert torch.allclose(explained, t.image, atol=1e-5)
    assert torch.allclose(s.albedo, linear_to_srgb(t.albedo), atol=1e-5)
    product = s.albedo * shade_maps(t.normals, t.light)
    found = fitted_light(product, s.albedo, t.normals, t.mask)
    assert torch.allclose(found, t.light, atol=2e-3)
    assert (s.residual.abs() * s.mask).mean() < 0.05
    # a perfect answer costs nothing there: the network's albedo is in linear light
    perfect = srgb_maps(Maps(t.albedo, t.normals, s.light, s.residual))
    ones = dict.fromkeys(LAYERS, 1)
    assert decomposition_loss(perfect, s, ones, True, as_is)["total"] < 1e-4


def test_an_answer_in_srgb_is_the_same_picture_in_linear_light():
    t = drawn()
    s = srgb_batch(t)
    maps = decoded(Maps(t.albedo, t.normals, s.light, s.residual))
    local = srgb_to_linear((s.albedo * shade_maps(s.normals, s.light)).clamp(0, 1))
    shown = linear_to_srgb((local + maps.residual).clamp(0, 1))
    assert torch.allclose(shown, t.image, atol=1e-3)


def test_one_side_of_equation_7_goes_through_phi():
    "As printed a carried map is compared with j's own; ours sends both through φ."
    t, S = drawn(4), 16
    maps = Maps(t.albedo, t.normals, t.light, t.residual)
    i, j = Maps(*(x[:2] for x in maps)), Maps(*(x[2:] for x in maps))
    lines = torch.zeros(2, 1, S, S)
    pair = Pair(t.image[:2], t.image[2:], lines, lines, t.mask[:2], t.mask[2:])

    def darker(x, *contours):
        return x * 0.5

    weights = dict(image=1.0, albedo=1.0, normals=1.0)
    how = dict(albedo=darker, normals=darker)
    ours = pair_loss(i, j, pair, how, weights)
    theirs = pair_loss(i, j, pair, how, weights, plain=True, one_sided=True)
    masks, own = (pair.mask_i, pair.mask_j), (i.albedo, j.albedo)
    carried = [darker(x * m) for x, m in zip(own, masks)]
    there = mean_off(carried[0], own[1], masks[1])
    back = mean_off(carried[1], own[0], masks[0])
    assert math.isclose(theirs["albedo"], (there + back) / 2, rel_tol=1e-4)
    assert ours["albedo"] < theirs["albedo"] and theirs["image"] == ours["image"]


def test_printed_pictures_are_lit_by_nine_numbers_and_not_worn(sets):
    "No shadow, no shine: nothing is left for the residual; the picture is the layers', on black."
    pool = Pool(sets["sfsnet-syn"])
    ours, _ = pool.lit(np.random.default_rng(0), 8, ENVS)
    lit, head = pool.lit(np.random.default_rng(0), 8, ENVS, shadows=False)
    assert torch.equal(ours.light, lit.light) and torch.equal(ours.albedo, lit.albedo)
    positive = (lit.shading.amin(1, keepdim=True) > 0) & (lit.mask > 0.99) & (head > 0.99)
    assert (lit.residual.abs() * positive).max() < 1e-5 < (ours.residual.abs() * positive).max()
    b = photograph(lit, head, ENVS, np.random.default_rng(1), worn=False)
    layers = b.albedo * shade_maps(b.normals, b.light) + b.residual
    assert torch.allclose(linear_to_srgb(layers.clamp(0, 1)), b.image, atol=2e-3)
    assert (b.image * (head == 0)).max() == 0
    assert not torch.equal(photograph(lit, head, ENVS, np.random.default_rng(1)).image, b.image)


def first(name):
    "Networks that a printed stage starts from."
    by = {"stage2": ("illures", "paint_albedo", "paint_normals"), "pseudo": ("skipnet",)}
    return (by | {"stage3": by["stage2"]}).get(name, ())


def data(sets, name):
    kinds = {"stage1a": "sfsnet-syn expre-syn", "stage2": "videos expre-syn", "stage3": None}
    kinds |= {"stage1b": kinds["stage1a"], "pseudo": "videos sfsnet-syn"}
    wanted = kinds.get(name, name)
    return [sets[kind] for kind in (wanted.split() if wanted else sets)]


@pytest.mark.parametrize("name", NAMES)
def test_every_stage_trains_as_printed(name, sets, files):
    "All differences at once, a step: finite, on the networks of the paper, at its rate."
    small = dict(size=32, align_size=32, batch=2)
    stage = stage_for(name, "paper", ("paper",), **small)
    state = State(stage, [files[weights] for weights in first(name)])
    mixture = Mixture(replace(stage, steps=9), data(sets, name), ENVS)
    before = [w.detach().clone() for w in state.weights]
    terms = train_step(state, *mixture[0], False)
    assert all(math.isfinite(v) for v in terms.values())
    assert not {"landmarks", "cosine"} & set(terms)
    assert any(not torch.equal(a, b) for a, b in zip(before, state.weights))
    assert state.opt.param_groups[0]["lr"] == 5e-4
    assert state.opt.param_groups[0]["weight_decay"] == 0
    kinds = {net.preset for net in state.nets.values()}
    assert kinds <= {"illures", "sfsnet", "skipnet", "paint_albedo", "paint_normals"}
    for key, tensor in state.learning.items():  # the last weights, not their mean
        assert torch.equal(state.average[key].to(tensor.dtype), tensor)


@pytest.mark.parametrize("field", DIFFERENCES)
def test_a_difference_alone_is_one_field(field, files):
    "And a run with it is another run, named by that field; ours is the run it always was."
    if field == "steps":
        return  # free: more steps are the same run
    name = "pseudo" if field == "teacher" else "stage2"
    one = stage_for(name, recipe=(field,))
    ours = stage_for(name)
    changed = {f for f in vars(ours) if getattr(ours, f) != getattr(one, f)}
    assert changed <= {field} and (changed or field in printed(name))
    if changed:
        said = differences(settings(ours), settings(one))
        assert said and all(f"its {field}" in sentence for sentence in said)
    later = {"painting", "plain", "linear", "epoch", "worn", "shadows", "one_sided", "teacher"}
    assert not later & set(settings(ours))  # runs begun before these fields were there go on


def test_networks_of_the_other_kind_are_refused(files):
    "A stage with painting AlignNets cannot start from ours, nor ours from those."
    with pytest.raises(ValueError, match="'align_albedo', not of"):
        networks(stage_for("stage2", "illures", ("painting",)), files["align_albedo"])
    with pytest.raises(ValueError, match="'paint_albedo', not of"):
        networks(stage_for("stage2", "illures"), files["paint_albedo"])
    with pytest.raises(ValueError, match="pseudo needs trained weights of 'skipnet'"):
        networks(stage_for("pseudo", "paper", ("paper",)))


def test_the_command_trains_as_printed(sets, tmp_path, illures, astronaut):
    "The help shows the switch and the table; the weights say in which colours they learnt."
    code, out, _ = illures("train", "--help")
    assert code == 0 and "--recipe paper" in out
    code, out, _ = illures("train", "stage2", "--help")
    assert code == 0 and all(f"\n  {field}" in out for field in ("plain", "one_sided", "lr", "ema"))
    run = tmp_path / "run"
    small = ("--steps", 2, "--size", 32, "--batch", 2, "--workers", 0)
    where = ("--data", sets["sfsnet-syn"], "--out", run)
    code, out, err = illures("train", "stage1b", "--recipe", "paper", *where, *small)
    assert code == 0, err
    method = Decomposer.from_pretrained(run / "weights.safetensors", portrait=False)
    assert method.is_srgb and method.net.preset == "illures"
    face = method(astronaut)[0]
    assert np.isfinite(face.reconstruction).all() and face.albedo.shape == (32, 32, 3)
    code, _, err = illures("train", "stage1b", *where, *small, "--preset", "illures")
    assert code == 1 and "its lr is 0.0005, not 0.0015" in err
    code, _, err = illures("train", "stage1b", "--recipe", "plan", *where)
    assert code == 2 and "plain" in err


def test_pictures_are_labelled_by_the_skip_network(sets, files):
    "The decomposer starts anew, the labels are the other network's."
    stage = stage_for("pseudo", "paper", ("paper",), size=32, batch=2)
    modules = networks(stage, files["skipnet"])
    nets = Networks(stage, {name: net.eval() for name, net in modules.items()}, False)
    assert modules["teacher"].preset == "skipnet" and modules["decomposer"].preset == "sfsnet"
    image = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(nets.teacher_maps(image).albedo, modules["teacher"](image).albedo)
