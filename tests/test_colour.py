"Curves, primaries and profiles: against published values, and against Little CMS."

import struct

import cv2
import numpy as np
import pytest
import torch
from PIL import Image, ImageCms
from skimage.data import astronaut

from illures_nb.colour import (
    ADOBE_XY,
    LUMINANCE,
    P3_XY,
    SRGB_XY,
    kelvin_rgb,
    linear_to_srgb,
    luminance,
    srgb_to_linear,
    to_srgb_matrix,
    warmth_rgb,
)
from illures_nb.formats import unit_samples
from illures_nb.profiles import (
    by_lcms,
    gamma_colours,
    icc_curve,
    level_colours,
    named_colours,
    srgb_colours,
    to_srgb,
    video_colours,
)


def make_icc(space, tags, pcs=b"XYZ ", kind=b"mntr"):
    "A version 4.2 profile from its tags."
    table, at = b"", 132 + 12 * len(tags)
    for signature, tag in tags.items():
        table += struct.pack(">4sII", signature, at, len(tag))
        at += len(tag)
    words = b"", 0x04200000, kind, space, pcs, b"acsp"
    numbers = 63190, 65536, 54061, len(tags)
    head = struct.pack(">I4sI4s4s4s12x4s28x3i48xI", at, *words, *numbers)
    return head + table + b"".join(tags.values())


def fixed(kind, *values):
    "A tag of fixed-point numbers."
    return struct.pack(f">4s4x{len(values)}i", kind, *[round(x * 65536) for x in values])


SRGB_CURVE = struct.pack(">4s4xHxx", b"para", 3)
SRGB_CURVE += fixed(b"", 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)[8:]
# fmt: off
P3_D50 = np.array([
    [0.51512, 0.29198, 0.15710], [0.24120, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]])
# fmt: on


def p3_profile():
    "Display P3."
    columns = zip((b"rXYZ", b"gXYZ", b"bXYZ"), P3_D50.T)
    tags = {name: fixed(b"XYZ ", *column) for name, column in columns}
    return make_icc(b"RGB ", tags | {name: SRGB_CURVE for name in (b"rTRC", b"gTRC", b"bTRC")})


@pytest.fixture(scope="module")
def photo():
    return cv2.resize(astronaut()[0:256, 96:352], (96, 96), interpolation=cv2.INTER_AREA)


# the curve


def test_the_curve_has_known_values_and_keeps_all_levels():
    assert abs(srgb_to_linear(0.5) - 0.2140411) < 1e-6
    assert abs(linear_to_srgb(0.18) - 0.4613561) < 1e-6
    levels = np.arange(65536, dtype=np.float32) / 65535
    light = srgb_to_linear(levels)
    assert np.array_equal(np.round(linear_to_srgb(light) * 65535), np.arange(65536))
    assert (np.diff(light) > 0).all() and light.dtype == np.float32


@pytest.mark.parametrize("curve", [srgb_to_linear, linear_to_srgb])
def test_torch_agrees_and_slopes_are_finite_at_black_and_below(curve):
    points = [-0.5, 0, 1e-6, 0.0031308, 0.04045, 0.5, 1, 8]
    x = torch.tensor(points, requires_grad=True)
    y = curve(x)
    (slope,) = torch.autograd.grad(y.sum(), x)
    by_numpy = curve(x.detach().numpy())
    np.testing.assert_allclose(y.detach().numpy(), by_numpy, rtol=1e-5, atol=1e-7)
    assert torch.isfinite(slope).all() and (slope[1:] > 0).all()
    assert slope[0] == 0 and y[0] == 0


def test_luminance_of_arrays_and_tensors():
    x = np.random.default_rng(0).random((4, 5, 3))
    assert np.allclose(luminance(x), x @ LUMINANCE)
    assert luminance(x.astype(np.float32)).dtype == np.float32
    assert np.allclose(luminance(torch.tensor(x)), luminance(x))
    assert np.isclose(luminance([1, 1, 1]), 1)


def test_glowing_bodies_have_their_published_colours():
    assert np.allclose(kelvin_rgb(6504), 1) and np.isclose(luminance(kelvin_rgb(3000)), 1)
    bulb = linear_to_srgb(kelvin_rgb(2700) / kelvin_rgb(2700)[0]) * 255
    assert np.allclose(bulb, [255, 167, 87], atol=8)
    assert np.allclose(warmth_rgb(1), kelvin_rgb(2700)) and np.allclose(warmth_rgb(0), 1)


def test_primaries_have_their_published_matrices():
    assert to_srgb_matrix(**SRGB_XY) is None
    assert to_srgb_matrix((0.3, 0), (0, 0), (1, 1), (0.2, 0.2)) is None
    published = [[1.2249, -0.2247, 0], [-0.0420, 1.0419, 0], [-0.0197, -0.0786, 1.0979]]
    np.testing.assert_allclose(to_srgb_matrix(**P3_XY), published, atol=2e-3)
    white = to_srgb_matrix(**ADOBE_XY).sum(1)
    np.testing.assert_allclose(white, 1, atol=1e-3)  # white stays white


# profiles


def test_a_matrix_profile_agrees_with_little_cms(photo):
    p3 = p3_profile()
    ours = to_srgb(photo, p3)
    theirs = np.asarray(by_lcms(Image.fromarray(photo), p3)) / 255
    assert abs(ours - theirs).max() < 1.6 / 255
    assert abs(ours - photo / 255).max() > 8 / 255


def test_the_profile_of_srgb_and_nonsense_change_nothing(photo):
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert np.array_equal(to_srgb(photo, srgb), unit_samples(photo))
    assert np.array_equal(to_srgb(photo, b"junk"), unit_samples(photo))
    assert level_colours(srgb, 255) is None and level_colours(b"junk", 255) is None


def test_every_kind_of_curve_tag_is_evaluated():
    x = np.linspace(0, 1, 101)
    powers = {
        1.8: fixed(b"para", 0, 1.8),
        2.2: struct.pack(">4s4xIH", b"curv", 1, 563),
        1: struct.pack(">4s4xI", b"curv", 0),
    }
    for power, tag in powers.items():
        np.testing.assert_allclose(icc_curve(tag, x), x**power, atol=1e-3)
    levels = np.round(srgb_to_linear(np.linspace(0, 1, 256)) * 65535).astype(int)
    table = struct.pack(">4s4xI256H", b"curv", 256, *levels)
    np.testing.assert_allclose(icc_curve(table, x), icc_curve(SRGB_CURVE, x), atol=2e-5)
    flat_start = struct.pack(">4s4xHxx", b"para", 2) + fixed(b"", 2, 2, -1, 0.25)[8:]
    expected = np.where(x > 0.5, (2 * x - 1) ** 2, 0) + 0.25
    np.testing.assert_allclose(icc_curve(flat_start, x), expected, atol=1e-4)


def test_colours_that_a_file_names():
    x = np.linspace(0, 1, 101)
    assert gamma_colours(0.45455, None) is None and gamma_colours(None, None) is None
    assert video_colours(1, 13) is None and video_colours(12, 13) is not None
    np.testing.assert_allclose(gamma_colours(1, None).curves[0](x), x)
    pq, hlg = (video_colours(1, transfer).curves[0] for transfer in (16, 18))
    assert abs(pq(np.array([0.58])) - 1) < 0.02  # the published levels of reference white
    assert abs(hlg(np.array([0.75])) - 1) < 0.01


def test_levels_go_to_light_and_back():
    levels = np.arange(0, 65536, 13, dtype=np.uint16)[:, None].repeat(3, 1)
    for colours in (srgb_colours(65535), named_colours(np.square, P3_XY).table(65535)):
        assert colours.reversible
        back = np.round(colours.levels(colours.light(levels)))
        assert abs(back - levels).max() <= (0 if colours.is_srgb() else 256)
    assert srgb_colours(255).is_srgb() and not named_colours(None, P3_XY).table(255).is_srgb()
