"Light as nine numbers: harmonics against other ways to compute them, and what a light promises."

import copy
import json
import math
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from illures_nb import SHLight
from illures_nb.colour import linear_to_srgb, srgb_to_linear
from illures_nb.envmap import (
    EnvmapShapeError,
    as_radiance,
    envmap_directions,
    envmap_solid_angles,
    project_envmap,
    read_envmap,
)
from illures_nb.harmonics import (
    BASIS_SCALE,
    LAMBERT,
    MIRROR_SIGNS,
    direct_light,
    from_dpr_order,
    from_standard_order,
    light_direction,
    rotation_matrix,
    sh_basis,
    sh_rotation,
    shade,
    shade_maps,
    sphere_directions,
    to_dpr_order,
    to_standard_order,
)
from illures_nb.image import write_image
from illures_nb.light import PRESETS, exposed, lit_shading

DIRECTIONS = sphere_directions(20_000)
FEW = DIRECTIONS[::40]
FLOATS = DIRECTIONS[:50].astype(np.float32)
COEFFS = np.random.default_rng(0).normal(size=(9, 3))


LAMPS = [(0, 0, 0), (-70, 20, 0.3), (120, -40, 1)]  # azimuth, elevation, softness
TURNS = [(30, 0, 0), (0, -50, 0), (0, 0, 77), (20, 130, -60)]  # yaw, pitch, roll
ANGLES = [(0, 0), (35, 20), (-120, -50), (179, 80)]  # azimuth, elevation
PLACES = [(0, 0), (90, 0), (-45, 45), (170, -60)]  # azimuth, elevation


def refused(sentence, error, call, *args, **settings):
    "Assert that a call fails with one line that contains a sentence."
    with pytest.raises(error) as caught:
        call(*args, **settings)
    assert sentence in str(caught.value) and "\n" not in str(caught.value)


# the basis and shading


def test_the_basis_has_the_published_constants_and_is_orthonormal():
    published = [0.8862, 1.0233, 1.0233, 1.0233, 0.2477, 0.8581, 0.8581, 0.4290, 0.8581]
    assert np.allclose(BASIS_SCALE, published, atol=5e-5)
    assert np.allclose(np.linalg.norm(DIRECTIONS, axis=1), 1)
    harmonics = sh_basis(DIRECTIONS) / LAMBERT  # the factors are in the basis
    products = harmonics.T @ harmonics * 4 * np.pi / len(DIRECTIONS)
    assert np.allclose(products, np.eye(9), atol=2e-3)


def test_the_basis_keeps_library_and_precision():
    assert sh_basis(FLOATS).dtype == np.float32
    assert sh_basis(DIRECTIONS[:50]).dtype == np.float64
    assert sh_basis([0, 0, 1]).shape == (9,)
    assert np.allclose(sh_basis(torch.tensor(FLOATS)).numpy(), sh_basis(FLOATS), atol=1e-6)


def test_the_basis_refuses_what_is_no_normal():
    refused("axis of 3", ValueError, sh_basis, np.zeros((4, 2)))
    refused("axis of 3", ValueError, sh_basis, 1.0)
    refused("must be numbers", ValueError, sh_basis, "face")


def test_three_ways_to_the_same_shading():
    normals = torch.tensor(FLOATS.reshape(2, 5, 5, 3))
    rng = np.random.default_rng(0)
    light = torch.tensor(rng.normal(size=(2, 9, 3)), dtype=torch.float32)
    maps = shade_maps(normals.permute(0, 3, 1, 2), light)
    for i in range(2):
        by_torch = shade(normals[i], light[i])
        assert torch.allclose(maps[i].permute(1, 2, 0), by_torch, atol=1e-5)
        by_numpy = shade(normals[i].numpy(), light[i].numpy())
        assert np.allclose(by_numpy, shade(normals[i], light[i].numpy()), atol=1e-5)


def test_shading_has_gradients():
    x = torch.randn(1, 3, 4, 4, dtype=torch.float64)
    normals = torch.nn.functional.normalize(x, dim=1).requires_grad_()
    light = torch.randn(1, 9, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(shade_maps, (normals, light))


def test_shading_refuses_other_shapes():
    refused("(9, 3)", ValueError, shade, FLOATS, np.zeros((3, 9)))
    maps = torch.zeros(1, 3, 4, 4)
    refused("(B, 9, 3)", ValueError, shade_maps, maps, torch.zeros(9, 3))


# directions and rotations


def test_angles_are_the_convention():
    assert np.allclose(light_direction(0, 0), [0, 0, 1])
    assert np.allclose(light_direction(90, 0), [1, 0, 0])
    assert np.allclose(light_direction(25, 90), [0, 1, 0])
    assert np.allclose(light_direction(180, 0), [0, 0, -1])


@pytest.mark.parametrize("azimuth, elevation, softness", LAMPS)
def test_a_surface_that_faces_the_lamp_is_the_brightest(azimuth, elevation, softness):
    d = light_direction(azimuth, elevation)
    lamp = direct_light(azimuth, elevation, 2, 0.25, (1, 0.5, 0), softness)
    assert np.allclose(shade(d, lamp), np.array([1, 0.5, 0]) * 2.25)
    around = shade(sphere_directions(500), lamp)[:, 0]
    assert shade(d, lamp)[0] > around.max() - 1e-3


def test_softness_is_the_mean_over_a_disc():
    disc = sphere_directions(200_000)
    disc = disc[disc[:, 2] > np.cos(0.6 * np.pi / 2)]
    slow = (sh_basis(disc) / LAMBERT).mean(0)
    front = sh_basis([0.0, 0, 1])
    soft = direct_light(0, 0, softness=0.6)[:, 0]
    assert np.allclose(soft, slow / (front @ slow), atol=1e-3)


@pytest.mark.parametrize("yaw, pitch, roll", TURNS)
def test_turning_the_light_is_turning_the_normals_back(yaw, pitch, roll):
    R = rotation_matrix(yaw, pitch, roll)
    D = sh_rotation(R)
    assert np.allclose(shade(DIRECTIONS, D @ COEFFS), shade(DIRECTIONS @ R, COEFFS))
    orthonormal = D / LAMBERT * LAMBERT[:, None]
    assert np.allclose(orthonormal @ orthonormal.T, np.eye(9))  # energy is kept
    assert np.allclose(sh_rotation(R.T) @ D, np.eye(9))  # and back
    assert np.allclose(R @ light_direction(0, 0), light_direction(yaw, pitch))
    assert np.isclose(np.linalg.det(R), 1)


def test_rotations_compose_and_mirrors_are_signs():
    assert np.allclose(rotation_matrix(roll=90) @ [1, 0, 0], [0, 1, 0])  # anticlockwise
    first, second = rotation_matrix(50, 0, 5), rotation_matrix(10, 20)
    assert np.allclose(sh_rotation(second @ first), sh_rotation(second) @ sh_rotation(first))
    mirror = sh_rotation(np.diag([-1, 1, 1]))
    assert np.allclose(mirror, np.diag(MIRROR_SIGNS), atol=1e-12)
    refused("orthogonal", ValueError, sh_rotation, np.ones((3, 3)))


# other people's orders


def legendre_harmonic(d, degree, m):
    "A real spherical harmonic by its textbook definition: Legendre polynomial and angle."
    polynomial = np.polynomial.legendre.Legendre.basis(degree)
    if m:
        polynomial = polynomial.deriv(abs(m))
    z = d[:, 2]
    associated = (1 - z**2) ** (abs(m) / 2) * polynomial(z)
    factorials = math.factorial(degree - abs(m)) / math.factorial(degree + abs(m))
    scale = math.sqrt((2 * degree + 1) / (4 * math.pi) * factorials)
    phi = np.arctan2(d[:, 1], d[:, 0])
    if m == 0:
        return scale * associated
    wave = np.cos(m * phi) if m > 0 else np.sin(-m * phi)
    return scale * associated * math.sqrt(2) * wave


def legendre_sh(d):  # (n, 3) unit vectors → (n, 9)
    "The harmonics in the standard (l, m) order."
    orders = [(degree, m) for degree in range(3) for m in range(-degree, degree + 1)]
    return np.stack([legendre_harmonic(d, degree, m) for degree, m in orders], -1)


def test_orders_and_axes_are_those_of_others():
    factors = np.pi, 2 * np.pi / 3, np.pi / 4
    attenuation = np.repeat(factors, [1, 3, 5])
    standard = (legendre_sh(FEW) * attenuation) @ to_standard_order(COEFFS)
    assert np.allclose(standard, shade(FEW, COEFFS))
    x, y, z = FEW.T
    in_dpr = np.stack([x, -z, y], -1)
    dpr = (legendre_sh(in_dpr) * attenuation) @ to_dpr_order(COEFFS)
    assert np.allclose(dpr, shade(FEW, COEFFS))
    pairs = [(to_standard_order, from_standard_order), (to_dpr_order, from_dpr_order)]
    for there, back in pairs:
        assert np.allclose(back(there(COEFFS)), COEFFS)
        assert np.allclose(there(back(COEFFS)), COEFFS)


# environment maps


def test_pixels_of_a_map_are_directions():
    h, w = 128, 256
    d = envmap_directions(h, w)
    assert np.isclose(envmap_solid_angles(h, w).sum() * w, 4 * np.pi)
    assert np.allclose(np.linalg.norm(d, axis=-1), 1)
    for azimuth, elevation in PLACES:
        row, column = int((0.5 - elevation / 180) * h), int((0.5 - azimuth / 360) * w)
        assert d[row, column] @ light_direction(azimuth, elevation) > 0.999


def test_real_environments_keep_what_a_matte_surface_sees():
    shared = Path(os.environ.get("ILLURES_SHARED", Path(__file__).parents[2] / "shared"))
    file = shared / "data/envmaps/envmaps.npz"
    if not file.exists():
        pytest.skip("the shared environment maps are not there")
    maps = np.load(file)["maps"][:, ::2, ::2]
    maps = maps.astype(np.float32).clip(0, 65504)
    normals = sphere_directions(150)
    cosines = np.maximum(0, normals @ envmap_directions(64, 128).reshape(-1, 3).T)
    weights = cosines * np.repeat(envmap_solid_angles(64, 128), 128) / np.pi
    errors = []
    for radiance in maps:
        full = weights @ radiance.reshape(-1, 3)
        difference = shade(normals, project_envmap(radiance)).clip(0) - full
        errors.append(np.sqrt((difference**2).mean()) / full.mean())
    assert np.median(errors) < 0.05


@pytest.fixture(scope="module")
def world():
    "A small map (48, 96, 3) float32: a gradient sky, brown ground, a sun."
    d = envmap_directions(48, 96)
    up = d[..., 1:2]
    sky = np.array([0.35, 0.5, 0.8]) * (0.6 + 0.6 * up)
    sun = (d @ light_direction(-60, 30) > np.cos(np.deg2rad(7)))[..., None]
    ground, glare = np.array([0.25, 0.18, 0.12]), 60 * np.array([1, 0.75, 0.45])
    lit = np.where(up > 0, sky, ground) + glare * sun
    return lit.astype(np.float32)


@pytest.fixture(scope="module")
def levels(world):
    "The same as 8-bit sRGB, its sun clipped."
    return (linear_to_srgb(np.clip(world, 0, 1)) * 255).round().astype(np.uint8)


@pytest.fixture(scope="module")
def folder(world, levels, tmp_path_factory):
    "The map as files of all usual kinds."
    folder = tmp_path_factory.mktemp("maps")
    write_image(folder / "a.exr", world)
    cv2.imwrite(str(folder / "a.hdr"), world[..., ::-1])
    write_image(folder / "a.png", levels)
    write_image(folder / "a.jpg", levels)
    write_image(folder / "deep.png", levels, bits=16)
    write_image(folder / "grey.png", levels[..., 1])
    write_image(folder / "square.png", levels[:, :48])
    return folder


def test_maps_of_all_kinds_are_read(world, levels, folder):
    assert np.array_equal(read_envmap(folder / "a.exr"), world)  # bit for bit
    tolerance = 0.02 * world.max(-1, keepdims=True)  # 8-bit mantissas
    assert np.allclose(read_envmap(folder / "a.hdr"), world, rtol=0.02, atol=tolerance)
    low = srgb_to_linear(levels / 255)
    read = [read_envmap(folder / name) for name in ("a.png", "deep.png")]
    for x in [*read, as_radiance(levels)]:
        assert np.allclose(x, low, atol=1e-6)  # integers are sRGB
    assert np.abs(read_envmap(folder / "a.jpg") - low).mean() < 0.03
    assert np.allclose(read_envmap(folder / "grey.png")[..., 0], low[..., 1], atol=1e-6)


def test_odd_pixels_become_harmless(folder):
    odd = np.ones((4, 8, 3), np.float32)
    diagonal = [0, 1, 2], [0, 1, 2]
    odd[diagonal] = np.array([[np.nan], [-5], [np.inf]])
    write_image(folder / "odd.exr", odd)
    for x in [as_radiance(odd), read_envmap(folder / "odd.exr")]:
        assert x[diagonal][:, 0].tolist() == [0, 0, 65504]


def test_map_files_that_cannot_be_used_say_so(folder):
    (folder / "empty.hdr").write_bytes(b"")
    (folder / "text.png").write_text("not a picture")
    (folder / "half.exr").write_bytes((folder / "a.exr").read_bytes()[:1000])
    refused("there is no file", FileNotFoundError, read_envmap, folder / "missing.hdr")
    problems = {
        "empty.hdr": "is empty",
        "text.png": "is not a picture",
        "half.exr": "cut short",
        "square.png": "twice as wide as high",
    }
    for name, problem in problems.items():
        refused(f"{folder / name} ", ValueError, read_envmap, folder / name)
        refused(problem, ValueError, read_envmap, folder / name)
    refused("must have shape", ValueError, as_radiance, np.zeros((4, 8, 2)), "the map")
    refused("must be floats", ValueError, as_radiance, np.zeros((4, 8), int), "the map")


def test_maps_of_other_shapes_are_named(world):
    empty = np.zeros((48, 64, 3), np.float32)
    cross, probe = empty.copy(), np.zeros((64, 64, 3), np.float32)
    cross[:, 16:32] = 2
    cross[16:32] = 1
    cross[32:, 16:32] = 3
    probe[8:56, 8:56] = 1
    strips = [np.ones((16, 96, 3)), np.ones((96, 16, 3))]
    parts = [world[:24], world[:, :48], empty + world[:, :64]]
    for x in [cross, cross.transpose(1, 0, 2), *strips, probe, *parts]:
        refused("twice as wide as high", EnvmapShapeError, as_radiance, x, "sky.hdr")


# presets


def test_presets_are_well_exposed_and_have_mirror_images():
    assert len(PRESETS) >= 12
    seen = sphere_directions(3000)
    seen = seen[seen[:, 2] > 0]
    for name, coeffs in PRESETS.items():
        assert 0.97 < shade(seen, coeffs).max() < 1.03, name
        if name.endswith("_left"):
            right = PRESETS[name[:-4] + "right"]
            assert np.allclose(coeffs * MIRROR_SIGNS[:, None], right, atol=1e-6), name
    refused("cannot be exposed", ValueError, exposed, np.zeros((9, 3)))


def test_presets_shine_from_where_they_say():
    def bright(name, azimuth, elevation):
        return shade(light_direction(azimuth, elevation), PRESETS[name]).mean()

    assert bright("rembrandt_left", -60, 0) > 3 * bright("rembrandt_left", 60, 0)
    assert bright("split_left", -80, 0) > 5 * bright("split_left", 60, 0)
    assert bright("golden_hour", 60, 0) > bright("golden_hour", -60, 0)
    assert bright("top", 0, 80) > 5 * bright("top", 0, -40)
    assert bright("under", 0, -40) > 4 * bright("under", 0, 70)
    front = bright("rim", 0, 0)
    assert bright("rim", 85, 0) > 3 * front and 3 * front < 3 * bright("rim", -85, 0)


# a light as a value

KEY = SHLight.preset("rembrandt_left")
FILL = SHLight.from_direction(60, 0, strength=0.25, ambient=0, warmth=0.8, softness=0.6)
OWN = SHLight.from_direction(25, 20, strength=0.4, ambient=0.08, warmth=0.2)
BLACK = SHLight(np.zeros((9, 3)))


def test_lights_add_scale_and_compare():
    assert KEY.coeffs.dtype == np.float32 and KEY.coeffs.shape == (9, 3)
    assert not KEY.coeffs.flags.writeable
    assert KEY + FILL == FILL + KEY == sum([KEY, FILL])
    assert KEY * 2 == KEY + KEY == 2 * KEY == np.float32(2) * KEY
    assert (KEY * 4) / 4 == KEY
    assert KEY != FILL and KEY != "key" and copy.deepcopy(KEY) == KEY
    assert len({KEY, SHLight.preset("Rembrandt left"), FILL}) == 2
    up = np.array([[0.0, 1, 0], [0, 0, 1]])
    tint = (1, 0.5, 0)
    assert np.allclose((KEY * tint).shade(up), KEY.shade(up) * tint, atol=1e-6)
    assert SHLight(torch.tensor(KEY.coeffs, requires_grad=True)) == KEY
    assert SHLight(-0 * KEY.coeffs) == BLACK
    assert KEY.mirror() == SHLight.preset("REMBRANDT-RIGHT") and KEY.mirror().mirror() == KEY
    with pytest.raises(TypeError):
        KEY + 1
    with pytest.raises(TypeError):
        KEY * "2"
    with pytest.raises(TypeError):
        KEY * FILL


def test_a_light_shades_without_negative_values():
    bare = SHLight.from_direction(-50, 20, ambient=0)  # whose nine numbers shade below 0
    assert (bare.shade(DIRECTIONS) >= 0).all() and shade(DIRECTIONS, bare.coeffs).min() < -0.01
    by_numpy = torch.tensor(KEY.shade(DIRECTIONS))
    assert torch.allclose(KEY.shade(torch.tensor(DIRECTIONS)), by_numpy, atol=1e-5)
    outside = KEY.shade(np.array([[np.nan] * 3, [0, 0, 1]]))  # stays outside
    assert np.isnan(outside).tolist() == [[True] * 3, [False] * 3]


def test_a_light_draws_itself():
    ball = KEY.ball(64, background=(0.2, 0.4, 0.6))
    assert ball.shape == (64, 64, 3) and ball.dtype == np.float32
    assert 0 <= ball.min() and ball.max() <= 1
    assert np.allclose(ball[0, 0], (0.2, 0.4, 0.6))
    left, right = np.split(KEY.ball(64), 2, axis=1)
    assert left.mean() > right.mean()
    assert KEY._repr_png_()[:4] == b"\x89PNG" and "azimuth -5" in repr(KEY)


def test_lights_are_exposed_by_their_peak_and_matched_by_the_lit_cheek():
    seen = sphere_directions(200_000)
    seen = seen[seen[:, 2] > 0]  # the normals that a camera sees
    behind, rim = KEY.rotate(yaw=170), SHLight.preset("rim")
    lights = [KEY, FILL, OWN, KEY * (0.1, 2, 0.3), behind, rim]
    for light in lights:
        assert np.isclose(light.peak, light.shade(seen).max(), rtol=2e-3)
        assert np.isclose((light * 3).peak, 3 * light.peak)
        exposed, matched = light.exposed(0.7), light.matched(OWN)
        assert np.isclose(exposed.peak, 0.7)
        limit = 1.8 * OWN.peak  # a rim stays a rim
        is_lit = np.isclose(lit_shading(matched.coeffs), lit_shading(OWN.coeffs))
        assert matched.peak <= limit * 1.0001 and (is_lit or np.isclose(matched.peak, limit))
        assert is_lit or light in (behind, rim)
        for scaled in exposed, matched:  # direction and colour stay
            peak = scaled.peak
            assert np.allclose(scaled.coeffs * light.peak, light.coeffs * peak, atol=1e-5)
        assert np.allclose(light.matched(light).coeffs, light.coeffs, atol=1e-6)
        assert light.matched(BLACK) == BLACK
    from_behind = SHLight.from_direction(180, 40, ambient=0.01)
    assert np.isclose(from_behind.matched(OWN).peak, 1.8 * OWN.peak)
    assert BLACK.peak == 0
    assert np.isclose(SHLight.from_direction(0, 0, 0.5, 0.2).peak, 0.7, rtol=2e-3)
    refused("cannot be exposed", ValueError, BLACK.matched, KEY)
    refused("brightest", ValueError, KEY.exposed, -1)


@pytest.mark.parametrize("a, e", ANGLES)
def test_a_light_knows_where_it_comes_from_and_turns(a, e):
    light = SHLight.from_direction(a, e, strength=0.8, ambient=0.2)
    assert np.allclose(light.dominant_direction(), light_direction(a, e), atol=1e-5)
    assert np.allclose(light.dominant_angles(), (a, e), atol=1e-2)
    assert np.allclose(light.shade(light_direction(a, e)), 1, atol=1e-5)
    turned = SHLight.from_direction(0, 0, 0.8, 0.2).rotate(a, e)
    assert np.allclose(turned.coeffs, light.coeffs, atol=1e-5)
    back = light.shade(DIRECTIONS @ rotation_matrix(10, 20, 30))
    assert np.allclose(light.rotate(10, 20, 30).shade(DIRECTIONS), back, atol=1e-5)
    mirrored = SHLight.from_direction(-a, e, 0.8, 0.2)
    assert np.allclose(light.mirror().coeffs, mirrored.coeffs, atol=1e-5)


def test_an_even_light_has_no_direction():
    even = SHLight.from_direction(0, 0, ambient=1, strength=0)
    assert (even.dominant_direction() == 0).all() and BLACK.dominant_angles() == (0, 0)


def test_warmth_is_red_and_cold_is_blue():
    r, g, b = SHLight.from_direction(0, 0, warmth=1).coeffs[0]
    assert r > g > b
    r, g, b = SHLight.from_direction(0, 0, warmth=-1).coeffs[0]
    assert r < g < b


def test_lights_are_converted_there_and_back():
    for light in map(SHLight.preset, SHLight.presets()):
        assert SHLight.from_standard_sh(light.to_standard_sh()) == light
        assert np.allclose(SHLight.from_dpr(light.to_dpr()).coeffs, light.coeffs, atol=1e-6)
        assert SHLight.from_json(light.to_json()) == light
    assert (SHLight.from_dpr(np.eye(9)[0]).coeffs[0] == 1).all()
    front = SHLight.from_dpr(-np.eye(9)[1]).dominant_direction()
    assert front.round(6).tolist() == [0, 0, 1]


def test_lights_of_maps(world, levels, folder):
    light, of_file = SHLight.from_envmap(world), SHLight.from_envmap(folder / "a.hdr")
    assert np.allclose(of_file.coeffs, light.coeffs, rtol=0.02, atol=0.01)
    tensor = torch.tensor(levels).permute(2, 0, 1)
    of_levels = SHLight.from_envmap(levels)
    assert SHLight.from_envmap(str(folder / "a.png")) == of_levels == SHLight.from_envmap(tensor)
    assert SHLight.from_envmap(np.full((8, 16), np.nan)) == BLACK


# files and words


def test_lights_are_saved_and_said(world, folder):
    file = folder / "light.json"
    KEY.save(file)
    assert SHLight.load(file) == KEY == SHLight.parse(str(file))
    assert json.loads(KEY.to_json())["version"] == 1
    assert SHLight.parse("-30, 15") == SHLight.from_direction(-30, 15)
    assert SHLight.parse("Golden hour") == SHLight.preset("golden_hour")
    assert SHLight.parse(str(folder / "a.exr")) == SHLight.from_envmap(world)


def test_lights_come_in_the_shapes_people_have_them_in(tmp_path):
    (tmp_path / "bom.json").write_bytes(b"\xef\xbb\xbf" + KEY.to_json().encode())
    (tmp_path / "wide.json").write_bytes(KEY.to_json().encode("utf-16"))
    (tmp_path / "rows.txt").write_text(json.dumps(KEY.coeffs.tolist()))
    for name in ["bom.json", "wide.json", "rows.txt"]:
        assert SHLight.parse(tmp_path / name) == KEY == SHLight.parse(str(tmp_path / name))
    held = json.loads(KEY.to_json())
    ways = [held, held["coeffs"], KEY, KEY.to_json(), str(held), "Rembrandt left"]
    assert all(SHLight.of(way) == KEY for way in ways)


BAD_JSON = {
    "empty": "",
    "a brace": "{",
    "one number": "[1]",
    "a number": '{"coeffs": 3}',
    "one row": '{"coeffs": [[1, 2, 3]]}',
    "text": '{"coeffs": "abc"}',
    "not a number": '{"coeffs": [[NaN, 0, 0]' + ", [0, 0, 0]" * 8 + "]}",
    "too deep": "[" * 9999,
}


@pytest.mark.parametrize("name", BAD_JSON)
def test_json_that_is_no_light_is_refused(name, tmp_path):
    (tmp_path / "bad.json").write_text(BAD_JSON[name])
    refused("bad.json is not a light", ValueError, SHLight.load, tmp_path / "bad.json")


def test_files_and_words_that_are_no_light_are_refused(folder):
    refused("is not a light in JSON", ValueError, SHLight.load, folder / "a.jpg")
    refused("there is no file", FileNotFoundError, SHLight.load, folder / "none.json")
    refused("cannot write", OSError, KEY.save, folder / "no folder" / "light.json")
    refused("no light preset", ValueError, SHLight.parse, "disco")
    refused("there is no file", FileNotFoundError, SHLight.parse, "nowhere.hdr")
    refused("elevation", ValueError, SHLight.parse, "10,1.2.3")


def test_numbers_that_are_no_light_are_refused():
    ragged = [[1, 2], [3]]
    for bad in [np.zeros(9), np.zeros((3, 9)), "light", None, ragged]:
        refused("light coefficients must", ValueError, SHLight, bad)
    refused("NaN or infinite", ValueError, SHLight, np.full((9, 3), np.nan))
    refused("(9,) or (9, 3)", ValueError, SHLight.from_dpr, np.zeros(8))
    refused("axis of 3", ValueError, KEY.shade, np.zeros((3, 8, 8)))
    refused("size", ValueError, KEY.ball, 0)
    refused("yaw", ValueError, KEY.rotate, np.nan)


BAD_LAMPS = [
    ("azimuth", "left"),
    ("elevation", np.inf),
    ("strength", -1),
    ("ambient", -1),
    ("warmth", 2),
    ("softness", 1.5),
    ("color", (1, 1)),
    ("color", (1, 1, -1)),
]


@pytest.mark.parametrize("name, value", BAD_LAMPS)
def test_lamps_that_make_no_sense_are_refused(name, value):
    settings = {"azimuth": 0, "elevation": 0, name: value}
    refused(name, ValueError, SHLight.from_direction, **settings)
