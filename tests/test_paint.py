"What must hold of paint (layers, touches, decals) beside what 42_albedo to 48_edit show."

import base64
import io
import json
import math
from dataclasses import asdict, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from illures_nb import SHLight
from illures_nb.albedo import FLOOR, SIZE, enlarged, fine_transform, found_albedo
from illures_nb.albedo import healed_albedo, skin_level, to_levels, tone_range
from illures_nb.decals import decal
from illures_nb.face import transform_points
from illures_nb.image import linear_to_srgb, srgb_to_linear
from illures_nb.layers import PNG_HEAD, Layer, apply_layers, as_layers, data_url, fine_albedo
from illures_nb.layers import from_hex, layer_pixels, unpainted_albedo
from illures_nb.touches import TOUCHES, touch, touches

EXAMPLES = Path(__file__).parents[1] / "assets" / "examples"
RNG = np.random.default_rng(0)
GREY = RNG.random((SIZE, SIZE)).astype(np.float32)
FOUR = RNG.random((SIZE, SIZE, 4)).astype(np.float32)
WHITE = Layer("paint", colour="#ffffff", blend="multiply")
RED = Layer("paint", colour="#c02020", png=data_url(GREY), opacity=0.7)
INK = Layer("decal", png=data_url(FOUR), blend="multiply")


@pytest.fixture(scope="module")
def ben(decomposer):
    return decomposer(EXAMPLES / "ben.jpg")[0]


@pytest.fixture(scope="module")
def painted(ben):
    return apply_layers(ben, [RED, INK])


def png(pixels, kind=np.uint8):
    "A PNG of any size and depth as a data URL."
    return PNG_HEAD + base64.b64encode(cv2.imencode(".png", pixels.astype(kind))[1]).decode()


TINY = png(np.zeros((1, 1)))
BOMB = bytearray(base64.b64decode(TINY[len(PNG_HEAD) :]))  # says that it has 100000² pixels
BOMB[16:24] = (100_000).to_bytes(4, "big") * 2


def refused(call, *args, **settings):
    "One line says what is wrong."
    with pytest.raises(ValueError) as caught:
        call(*args, **settings)
    text = str(caught.value)
    assert 10 < len(text) < 400 and "\n" not in text, text


# ---- layers as values


def test_layers_become_json_and_come_back():
    cheek = Layer("paint", "cheek", colour="#aa3344", opacity=np.float32(0.5), under=0.25)
    darker = Layer("tone", tone=[0.25, 0])
    text = json.dumps([asdict(cheek), asdict(darker)])
    assert as_layers(text) == [cheek, darker] == as_layers(json.loads(text))
    assert as_layers([cheek]) == [cheek]


@pytest.mark.parametrize(
    "layers",
    [
        "{",
        "[[",
        "3",
        7,
        [7],
        [{}],
        [{"kind": "brush"}],
        [{"kind": "heal", "size": 3}],
        [{"kind": ["heal"]}],
        [{"kind": "tone"}],
        [{"kind": "paint"}],
        [{"kind": "heal", "opacity": math.nan}],
        [{"kind": "heal", "opacity": "full"}],
        [{"kind": "heal", "visible": 1}],
        [{"kind": "heal", "name": "x" * 99}],
        [{"kind": "heal", "png": 5}],
        [{"kind": "heal", "under": 0}],
        [{"kind": "tone", "tone": [2, 0]}],
        [{"kind": "tone", "tone": "dark"}],
        [{"kind": "paint", "colour": "red"}],
        [{"kind": "paint", "blend": "burn", "colour": "#ffffff"}],
        [{"kind": "heal"}] * 33,
    ],
)
def test_what_is_no_layer_is_refused(layers):
    refused(as_layers, layers)


def test_pictures_of_layers_come_back():
    grey = layer_pixels(Layer("heal", png=data_url(GREY)))
    assert abs(grey[..., 0] / 255 - GREY).max() < 0.51 / 255 and grey[..., 3].min() == 255
    four = layer_pixels(Layer("paint", png=data_url(FOUR)))
    assert abs(four / 255 - FOUR).max() < 0.51 / 255
    deep = layer_pixels(Layer("paint", png=png(GREY * 65535, np.uint16)))
    assert deep.shape == (SIZE, SIZE, 4)


@pytest.mark.parametrize(
    "url",
    [
        "no",
        PNG_HEAD + "%%",
        PNG_HEAD + "aGk=",
        TINY,
        png(GREY[:500] * 255),
        PNG_HEAD + base64.b64encode(BOMB).decode(),
        png(GREY * 255)[:5000],
        png(GREY * 255) + "A" * 5_000_000,
        "data:image/jpeg;base64,/9j/",
    ],
    ids=range(9),
)
def test_what_is_no_picture_of_a_layer_is_refused(url):
    refused(layer_pixels, Layer("heal", png=url))


# ---- layers on a face


def test_no_layers_leave_the_face_itself(ben):
    unseen = [replace(RED, opacity=0), replace(RED, visible=False)]
    assert apply_layers(ben, []) is ben is apply_layers(ben, unseen)
    assert apply_layers(ben, "[]") is ben


@pytest.mark.parametrize(
    "nothing",
    [
        WHITE,
        replace(RED, png=data_url(0 * GREY)),
        Layer("tone", tone=(0, 0)),
        Layer("heal", png=data_url(0 * GREY)),
        Layer("paint", png=data_url(0 * FOUR)),
    ],
    ids=["white film", "empty mask", "no tone", "nowhere healed", "transparent"],
)
def test_paint_that_is_not_there_changes_nothing(ben, nothing):
    g = apply_layers(ben, [nothing])
    assert np.array_equal(g.composite(), ben.photo.picture)
    assert np.allclose(g.albedo, ben.albedo, atol=1e-6)
    assert np.array_equal(fine_albedo(g), fine_albedo(ben))


def test_the_order_of_layers_matters_where_it_should(ben, painted):
    other_way = apply_layers(ben, [INK, RED])
    assert abs(painted.albedo - other_way.albedo).max() > 0.05
    film = replace(RED, blend="multiply")  # films swallow light in any order
    one, two = apply_layers(ben, [film, INK]), apply_layers(ben, [INK, film])
    assert np.allclose(one.paint.ratio, two.paint.ratio, atol=1e-5)


def test_painting_twice_is_painting_two_layers(ben, painted):
    twice = apply_layers(apply_layers(ben, [RED]), [INK])
    assert np.allclose(twice.paint.ratio, painted.paint.ratio, rtol=1e-4)


def test_outside_the_mask_the_photo_stays(ben, painted):
    outside = ~np.isfinite(ben.to_frame("mask"))
    picture = painted.composite()
    assert np.array_equal(picture[outside], ben.photo.picture[outside])
    assert (picture != ben.photo.picture)[~outside].mean() > 0.5


def test_painting_and_relighting_commute(ben, painted):
    side = SHLight.preset("loop_right").matched(ben.light)
    first = painted.relight(side, residual=0.5)
    last = apply_layers(ben.relight(side, residual=0.5), [RED, INK])
    assert np.array_equal(first.composite(), last.composite())
    assert np.array_equal(first.albedo, last.albedo) and first.light == last.light
    there_and_back = painted.relight(side).relight(ben.light)
    back, never = (x.composite().astype(int) for x in (there_and_back, painted))
    assert abs(back - never).max() <= 1


def test_other_edits_are_kept(ben):
    darker = ben.edit_albedo(ben.albedo * np.float32(0.5))
    both, ink = apply_layers(darker, [INK]), apply_layers(ben, [INK])
    apart = abs(both.paint.ratio - ink.paint.ratio)[enlarged(ben.mask) > 0.9]
    assert np.quantile(apart, 0.95) < 0.01  # the same film, but where the floor is reached
    error = abs(both.albedo - ink.albedo / 2)[ben.mask > 0.9]
    assert np.quantile(error, 0.99) < 0.005
    again = both.edit_albedo(ben.albedo)  # a whole new albedo replaces everything
    assert np.array_equal(again.composite(), ben.photo.picture)


def not_cut_off(film):
    "Where the film's fine albedo is above its floor, on the photo's pixels."
    above = fine_albedo(film).min(-1) > to_levels(np.float32(FLOOR)) + 1
    size = film.photo.picture.shape[1::-1]
    back = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(above.astype(np.float32), fine_transform(film), size, flags=back) == 1


def test_a_film_multiplies_the_photos_light(ben):
    "On a face without residual, pixel by pixel."
    matt = replace(ben, residual=0 * ben.residual)
    film = apply_layers(matt, [Layer("paint", colour="#b46e82", blend="multiply")])
    rows, columns = np.indices(matt.photo.picture.shape[:2])
    in_crop = transform_points(np.stack([columns, rows], -1), matt.photo.transform)[..., 1] >= 0
    core = (matt.to_frame("mask") > 0.995) & in_crop & not_cut_off(film)
    colour = from_hex("#b46e82")
    meant = linear_to_srgb(srgb_to_linear(matt.photo.picture[core] / 255) * colour) * 255
    assert np.quantile(abs(film.composite()[core] - meant), 0.999) < 1
    error = abs(film.albedo - matt.albedo * colour)[matt.mask > 0.9]
    assert np.quantile(error, 0.99) < 0.005


# ---- the page's shader, once more, pixel by pixel, from the formulas alone


def linear(level):
    v = level / 255
    return v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4


def toned(albedo, amount, tone, reach):
    melanin, haemoglobin = (
        t * (reach[2 * i] if t < 0 else reach[2 * i + 1]) for i, t in enumerate(tone)
    )
    swallowed = zip((0.829, 1, 1.351), (0.16, 1, 0.75))
    density = [melanin * m + haemoglobin * h for m, h in swallowed]
    return [x * math.exp(-amount * d) for x, d in zip(albedo, density)]


def blended(albedo, amount, colour, layer, level):
    if layer.blend == "multiply":
        colour = [x * c for x, c in zip(albedo, colour)]
    if layer.blend == "colour":
        brightness = 0.2126 * albedo[0] + 0.7152 * albedo[1] + 0.0722 * albedo[2]
        colour = [c * brightness / (layer.under or level) for c in colour]
    return [x + amount * (c - x) for x, c in zip(albedo, colour)]


def shaded(found, healed, layers, texels, level, reach):
    "One texel: sRGB bytes in, linear floats out, as GLSL would do it."
    albedo = [linear(v) for v in found]
    for layer, (*rgb, alpha) in zip(layers, texels):
        masked = layer.colour or layer.kind in ("tone", "heal")
        amount = layer.opacity * alpha / 255 * (rgb[0] / 255 if masked else 1)
        if layer.kind == "tone":
            albedo = toned(albedo, amount, layer.tone, reach)
        elif layer.kind == "heal":
            ratio = [linear(h) / linear(o) for h, o in zip(healed, found)]
            albedo = [x * (1 + amount * (r - 1)) for x, r in zip(albedo, ratio)]
        else:
            own = bytes.fromhex(layer.colour[1:]) if layer.colour else rgb
            albedo = blended(albedo, amount, [linear(v) for v in own], layer, level)
    return [min(max(x, 0.003), 1) for x in albedo]


def test_a_shader_repeats_the_formulas(ben):
    layers = [
        replace(RED, blend="colour"),
        Layer("heal", png=data_url(GREY[::-1])),
        Layer("tone", tone=(0.6, -0.5), png=data_url(GREY.T)),
        replace(INK, opacity=0.5),
        replace(RED, under=0.1, blend="colour", opacity=0.3),
        Layer("paint", png=data_url(FOUR[::-1]), opacity=0.2),
        Layer("tone", tone=(-0.5, 0.9), opacity=0.4),
    ]
    ours = unpainted_albedo(ben) * apply_layers(ben, layers).paint.ratio
    pictures = [layer_pixels(layer) for layer in layers]
    found, healed = found_albedo(ben), healed_albedo(ben)
    level, reach = skin_level(ben), tone_range(ben)
    for v, u in np.random.default_rng(1).integers(0, SIZE, (300, 2)):
        texels = [picture[v, u].tolist() for picture in pictures]
        now = found[v, u].tolist(), healed[v, u].tolist()
        assert abs(ours[v, u] - shaded(*now, layers, texels, level, reach)).max() < 1e-5


# ---- touches


def test_ready_touches_are_complete_layers(ben):
    ready = touches(ben)
    assert tuple(ready) == TOUCHES
    as_json = json.dumps([asdict(layer) for layer in ready.values()])
    assert as_layers(as_json) == list(ready.values())
    assert touch(ben, "lipstick") == ready["lipstick"]
    violet = touch(ben, "lipstick", colour="#112233", opacity=None)
    assert violet == replace(ready["lipstick"], colour="#112233")


def test_no_such_touch_is_refused(ben):
    refused(touch, ben, "scar")
    refused(touch, ben, "blush", colour="pink")
    refused(touch, ben, "beard", length=3)


def narrow(f):
    "A face whose landmarks lie on a line, almost."
    landmarks = f.photo.face.landmarks * np.float32([0.1, 1]) + 200
    face = replace(f.photo.face, landmarks=landmarks)
    return replace(f, photo=replace(f.photo, face=face), origin=None)


def black(f):
    dark = SHLight(np.zeros((9, 3)))
    return replace(f, albedo=0 * f.albedo, light=dark, residual=0 * f.residual, origin=None)


def test_touches_make_something_of_any_face(ben, decomposer):
    "Turned, cut off by the picture's border, or without any skin to be seen."
    cut_off = decomposer(ben.photo.picture[:, 210:])[:1]
    no_mask = replace(ben, mask=0 * ben.mask, origin=None)
    for f in (no_mask, narrow(ben), black(ben), *cut_off):
        g = apply_layers(f, list(touches(f).values()))
        assert np.isfinite(g.paint.ratio).all() and g.paint.ratio.min() > 0
        assert np.isfinite(g.albedo).all() and g.composite().shape == f.photo.picture.shape


# ---- decals


def rose(n):
    "A tattoo."
    v, u = (np.mgrid[:n, :n] - n / 2) / (n / 2)
    lines = np.exp(-((np.sin(9 * np.hypot(u, v)) / 0.28) ** 2))
    return np.dstack([np.full((n, n, 3), (30, 42, 62), np.uint8), np.uint8(255 * lines)])


def test_white_under_multiply_is_nothing(ben):
    plain = np.full((30, 40, 3), 255, np.uint8)
    g = apply_layers(ben, [decal(ben, plain)])
    assert np.array_equal(g.composite(), ben.photo.picture)


def test_a_decal_may_come_as_array_picture_or_bytes(ben):
    picture, file = Image.fromarray(rose(64)), io.BytesIO()
    picture.save(file, "PNG")
    as_array = decal(ben, rose(64)).png
    assert decal(ben, picture).png == as_array == decal(ben, file.getvalue()).png


def test_no_such_decal_is_refused(ben):
    dot = np.full((64, 64, 4), (0, 0, 0, 255), np.uint8)
    refused(decal, ben, b"no picture")
    refused(decal, ben, dot, x=math.nan)
    refused(decal, ben, dot, size=0)
    refused(decal, ben, dot, angle="left")
    refused(decal, ben, dot, blend="glue")
    refused(decal, ben, base64.b64decode(TINY[len(PNG_HEAD) :])[:40] + b"x")
    refused(decal, ben, bytes(BOMB))
