"The morphable head beyond its chapters: gradients, both roads of the rasteriser, its own topology."

import numpy as np
import pytest
import torch

from illures_nb import triangles
from illures_nb.head.distance import ModelDistance, face_error
from illures_nb.head.model import load_model
from illures_nb.head.network import HeadNet, load_net, read_heads
from illures_nb.head.render import look, see
from illures_nb.head.vector import length, pack, spreads, unpack
from illures_nb.networks import WeightsError

SIZE = 40  # pixels


@pytest.fixture(scope="module")
def model():
    return load_model()


@pytest.fixture(scope="module")
def somebody(model):
    "A stranger in a light from the side, turned."
    row = torch.randn(1, length(model), generator=torch.Generator().manual_seed(3))
    return unpack(model, 0.7 * row)


# ---- gradients


def picture(model, seen, numbers):
    "The sum of a picture weighted unevenly, with what is seen held fixed, in float64."
    texture = model.texture(numbers.reflectance)
    shape, light = numbers.shape(model), numbers.light.view(1, 9, 3)
    drawn = look(model, seen, shape, numbers.camera, light, texture)
    ramp = torch.linspace(0, 1, SIZE)
    return (drawn.image * (ramp * ramp[:, None])).sum()


@pytest.mark.parametrize("name", ["identity", "expression", "reflectance", "light", "rotation"])
def test_gradients_are_those_of_finite_differences(model, somebody, name):
    seen = see(model, somebody.shape(model), somebody.camera, SIZE)
    start = getattr(somebody, name).clone().requires_grad_()
    picture(model, seen, somebody._replace(**{name: start})).backward()
    way = start.grad / start.grad.norm()  # the steepest, so that rounding is least of it
    step = 1e-2 * float(getattr(spreads(model), name).mean())
    with torch.no_grad():
        ends = [
            picture(model, seen, somebody._replace(**{name: start + sign * step * way}))
            for sign in (-1, 1)
        ]
    slope = float(ends[1] - ends[0]) / (2 * step)
    assert slope == pytest.approx(float(start.grad.norm()), rel=0.03)


def test_what_is_seen_has_no_gradient_and_landmarks_have_one(model, somebody):
    moving = somebody.rotation.clone().requires_grad_()
    turned = somebody._replace(rotation=moving)
    assert not see(model, turned.shape(model), turned.camera, SIZE).weights.requires_grad
    places, _ = turned.camera.seen(model.landmarks(turned.shape(model)))
    places.square().sum().backward()
    assert moving.grad.norm() > 0


def test_a_head_is_drawn_without_numba_as_with_it(model, somebody, monkeypatch):
    pytest.importorskip("numba")
    with_numba = somebody.render(model, SIZE, 2)
    monkeypatch.setattr(triangles, "find_spec", lambda name: None)
    monkeypatch.setattr(triangles, "compiled", None)  # who calls it fails
    without = somebody.render(model, SIZE, 2)
    for one, other in zip(with_numba, without):
        assert (one - other).abs().mean() < 2e-3


# ---- topology


def edges(faces):
    "How often each undirected edge is used, and each directed one at most."
    directed = torch.cat([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    counts = []
    for ends in (directed, directed.sort(1).values):
        key = ends[:, 0] * (faces.max() + 1) + ends[:, 1]
        counts.append(key.unique(return_counts=True)[1])
    return counts


def test_the_skin_is_one_surface_with_openings_for_eyes_mouth_and_neck(model):
    skin = model.twin[model.faces[model.part == 0]]
    skin = skin[(skin[:, 0] != skin[:, 1]) & (skin[:, 1] != skin[:, 2])]
    once, uses = edges(skin)
    assert once.max() == 1 and uses.max() == 2  # a manifold, all triangles one way round
    vertices = len(skin.unique())
    euler = vertices - len(uses) + len(skin)
    assert euler == 2 - 4  # a ball without four discs


def test_texture_mirrors_as_the_face_does(model):
    face = model.mean[model.face]
    u, v = model.uv[model.face].T
    mirrored = torch.stack([1 - u, v], 1)
    nearest = torch.cdist(mirrored, model.uv[model.face]).argmin(1)
    off = face * torch.tensor([-1.0, 1, 1]) - face[nearest]
    assert off.norm(dim=1).median() < 0.02  # centimetres


def test_expressions_stay_on_their_side(model):
    left, right = (
        model.expression[model.expression_names.index(f"eyeBlink{side}")].norm(dim=1)
        for side in ("Left", "Right")
    )
    x = model.mean[:, 0]
    assert 20 * left[x < -1].max() < left[x > 1].max()
    assert 20 * right[x > 1].max() < right[x < -1].max()


def test_an_open_jaw_parts_the_lips_and_the_teeth(model):
    still = model.landmarks(model.mean[None])[0]
    wide = model.weights(jawOpen=1.0)[None]
    opened = model.shape(torch.zeros(1, model.sizes[0]), wide)
    moved = model.landmarks(opened)[0]
    assert (moved[62] - moved[66])[1] - (still[62] - still[66])[1] > 1.5  # centimetres
    above, below = (
        opened[0, model.faces[model.part == model.parts.index(f"teeth {where}")].unique(), 1]
        for where in ("above", "below")
    )
    assert above.min() > below.median()


# ---- distance


def test_model_space_ranks_errors_by_what_is_seen(model):
    distance, plain = ModelDistance(model), ModelDistance(model, plain=True)
    truth = unpack(model, torch.zeros(1, length(model)))
    first, last = (torch.zeros(1, model.sizes[0]) for _ in range(2))
    first[0, 0] = last[0, 99] = 1.0
    answers = [truth._replace(identity=identity) for identity in (first, last)]
    seen = [float(distance(answer, truth)["total"]) for answer in answers]
    numbers = [float(plain(answer, truth)["total"]) for answer in answers]
    assert seen[0] > 100 * seen[1] and numbers[0] == pytest.approx(numbers[1], rel=1e-5)


def test_the_loss_leads_to_the_truth(model, somebody):
    distance, row = ModelDistance(model), torch.zeros(1, length(model), requires_grad=True)
    optimiser = torch.optim.Adam([row], 0.15)
    for _ in range(100):
        optimiser.zero_grad()
        distance(unpack(model, row), somebody)["total"].backward()
        optimiser.step()
    found = unpack(model, row.detach())
    shapes = [x.shape(model) for x in (found, somebody)]
    assert face_error(model, *shapes) < 0.5  # millimetres
    places = [x.camera.seen(model.landmarks(x.shape(model)))[0] for x in (found, somebody)]
    assert torch.sub(*places).norm(dim=2).max() < 0.01


# ---- corpus


def test_the_corpus_shows_what_its_truth_says(model):
    pytest.importorskip("numba")
    from illures_nb.image import srgb_to_linear
    from illures_nb.synth.assets import Assets
    from illures_nb.synth.heads import draw_head

    envs, shares = Assets().environments(), []
    for seed in range(6):
        shown, truth = draw_head(model, np.random.default_rng(seed), envs, 48)
        again = truth.render(model, 48)
        on = again.mask[0, 0] == 1
        off = (srgb_to_linear(shown) - again.image[0].clamp(0, 1)).abs().mean(0)[on]
        shares.append(float((off < 0.06).float().mean()))
        assert pack(model, truth).abs().max() < 12
    assert np.median(shares) > 0.97 and min(shares) > 0.6  # some are partly hidden


# ---- bad input


def test_other_files_are_refused(tmp_path):
    torch.manual_seed(0)
    with pytest.raises(FileNotFoundError, match="no head"):
        load_model(tmp_path / "head.safetensors")
    (tmp_path / "broken.safetensors").write_bytes(b"nothing")
    with pytest.raises(WeightsError, match="does not hold a head"):
        load_model(tmp_path / "broken.safetensors")
    with pytest.raises(WeightsError):
        load_net(tmp_path / "broken.safetensors")


def test_any_picture_gives_numbers(model):
    net = HeadNet(length(model)).eval()
    extremes = torch.stack([torch.zeros(3, 96, 96), torch.ones(3, 96, 96), torch.rand(3, 96, 96)])
    found = read_heads(net, extremes)
    assert all(x.isfinite().all() for x in found)
    assert (found.expression >= 0).all() and (found.expression <= 1).all()
    with pytest.raises(ValueError, match="divisible"):
        net(torch.zeros(1, 3, 90, 90))


def test_a_head_is_read_from_a_face_wherever_it_is(model):
    "A drawn face in a larger photo, turned upside down: the same head, its landmarks on the face."
    from illures_nb.detect import faces_from
    from illures_nb.head import HeadFitter

    row = torch.zeros(1, length(model))
    row[0, 1] = 0.8  # turned a little
    drawn = unpack(model, row)
    picture = drawn.render(model, 200, 2)
    photo = np.full((500, 600, 3), 0.4, np.float32)
    photo[100:300, 250:450] = picture.image[0].permute(1, 2, 0).clamp(0, 1).numpy()
    places = drawn.camera.seen(model.points(drawn.identity, drawn.expression))[0][0].numpy()
    points = places * 200 - 0.5 + (250, 100)
    turned = np.ascontiguousarray(photo[::-1, ::-1])
    fitter = HeadFitter.from_pretrained()
    (upright,) = fitter(photo, faces_from(points[None], [1.0]))
    (inverted,) = fitter(turned, faces_from(((599, 499) - points)[None], [1.0]))
    eyes = np.linalg.norm(points[36] - points[45])
    for head, expected in ((upright, points), (inverted, (599, 499) - points)):
        assert np.linalg.norm(head.landmarks() - expected, axis=1).mean() < 0.05 * eyes
    off = upright.parameters.rotation - inverted.parameters.rotation
    assert off.norm() < np.radians(3)
    lights = [head.parameters.light for head in (upright, inverted)]
    assert (lights[0] - lights[1]).norm() < 0.15 * lights[0].norm()
    both = torch.minimum(upright.seen, inverted.seen) > 0.9
    rows = len(both)
    apart = (upright.albedo[:, :rows] / inverted.albedo[:, :rows]).log().abs().mean(0)
    assert apart[both].median() < 0.1


def test_a_face_alone_gives_a_head_too(astronaut):
    "Without the person around it, what is outside the face is completed."
    from illures_nb import Decomposer
    from illures_nb.head import HeadFitter

    fitter = HeadFitter(load_net(), Decomposer.from_pretrained(portrait=False))
    (head,) = fitter(astronaut)
    assert head.albedo.isfinite().all() and 0.1 < float(head.seen.mean()) < 0.5
    back = head.render(pose=(180, 0, 0), size=64)
    front = head.render(pose=(0, 0, 0), size=64)
    assert np.abs(np.int16(back) - front).mean() > 5
