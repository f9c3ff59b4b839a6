"The light fitted to a face whose layers are known."

import numpy as np
import pytest

from illures_nb import SHLight
from illures_nb.doll import doll
from illures_nb.fit import fit_light
from illures_nb.light import sh_basis

DOLL = doll(384)
INSIDE = DOLL.mask > 0.5
LAMP = DOLL.light
LINEAR = DOLL.albedo * (sh_basis(DOLL.normals) @ LAMP.coeffs)  # shaded without the clamp
ROW, COLUMN = np.mgrid[:384, :384] / 384
SHADOW = np.hypot(COLUMN - 0.62, ROW - 0.6) < 0.2


@pytest.fixture(scope="module")
def shadowed():
    "A picture with a cast shadow and a little noise."
    noise = np.random.default_rng(0).normal(size=LINEAR.shape) * 0.005
    return LINEAR * np.where(SHADOW, 0.3, 1)[..., None] + noise


def fit(picture, weights=INSIDE, *prior, albedo=DOLL.albedo, **settings):
    return fit_light(picture, albedo, DOLL.normals, weights, *prior, **settings)


def shading_error(light):
    "Mean error of a light's shading, over the mean of the true one."
    true = LAMP.shade(DOLL.normals)[INSIDE]
    return abs(light.shade(DOLL.normals)[INSIDE] - true).mean() / true.mean()


def test_exact_data_give_the_light_back():
    assert np.allclose(fit(LINEAR).coeffs, LAMP.coeffs, atol=1e-4)


def test_a_cast_shadow_misleads_plain_least_squares_only(shadowed):
    assert shading_error(fit(shadowed)) < 0.01 < 0.1 < shading_error(fit(shadowed, steps=0))


def test_no_pixels_at_all_leave_the_prior(shadowed):
    nowhere = np.zeros(DOLL.mask.shape)
    assert np.allclose(fit(shadowed, nowhere, LAMP).coeffs, LAMP.coeffs, atol=1e-6)
    with pytest.raises(ValueError, match="0 usable pixels are too few"):
        fit(shadowed, nowhere)


def test_one_pixel_stays_near_the_prior(shadowed):
    one = np.zeros(DOLL.mask.shape)
    one[200, 200] = 1
    moved = fit(shadowed * 9, one, LAMP).coeffs - LAMP.coeffs
    assert np.linalg.norm(moved) < 0.5 * np.linalg.norm(LAMP.coeffs)


def test_pixels_that_are_no_numbers_are_passed_over(shadowed):
    holes = shadowed.copy()
    holes[::2] = np.nan
    assert np.isfinite(fit(holes).coeffs).all()


def test_a_black_albedo_leaves_the_prior(shadowed):
    light = fit(shadowed, INSIDE, LAMP, albedo=DOLL.albedo * 0)
    assert np.allclose(light.coeffs, LAMP.coeffs, atol=1e-6)


@pytest.mark.parametrize("azimuth, elevation", [(-100, 0), (60, 60), (150, -40)])
def test_hard_lights_are_found_though_most_of_the_head_is_black(azimuth, elevation):
    hard = SHLight.from_direction(azimuth, elevation, ambient=0)
    fitted = fit(DOLL.albedo * hard.shade(DOLL.normals))
    cosine = fitted.dominant_direction() @ hard.dominant_direction()
    assert cosine > np.cos(np.deg2rad(0.5))
