"The mask of a face: skin inside, hair and hats outside, whatever the light."

import cv2
import numpy as np
import pytest

from illures_nb.crop import FLIP_68, TEMPLATE, crop, crop_transform, transform_points
from illures_nb.face import detect_faces, face_mask

POINTS = TEMPLATE * 128 - 0.5
SKIN = np.float32([0.8, 0.6, 0.5])


@pytest.fixture(scope="module")
def eileen(astronaut):
    "Her crop, (128, 128, 3) sRGB, and her landmarks in it."
    landmarks = detect_faces(astronaut)[0].landmarks
    M = crop_transform(landmarks)
    return crop((astronaut / 255).astype(np.float32), M), transform_points(landmarks, M)


@pytest.fixture
def even():
    "A crop of nothing but skin."
    return np.broadcast_to(SKIN, (128, 128, 3)).copy()


def test_landmarks_lie_inside_and_the_crops_corners_do_not():
    mask = face_mask(POINTS)
    x, y = np.round(POINTS[17:]).astype(int).T
    assert mask[y, x].min() > 0.99
    assert mask[[0, 0, -1, -1], [0, -1, 0, -1]].max() < 0.01


def test_pixels_only_take_away(eileen):
    pixels, points = eileen
    geometry, mask = face_mask(points), face_mask(points, 128, pixels)
    assert mask.dtype == np.float32 and 0 <= mask.min() and mask.max() <= 1
    assert (mask <= geometry + 1e-5).all() and mask.sum() < geometry.sum()


def test_a_mirrored_crop_has_the_mirrored_mask(eileen):
    pixels, points = eileen
    there = face_mask(points, 128, pixels)
    points = ((127, 0) + points * (-1, 1))[FLIP_68]
    back = face_mask(points, 128, pixels[:, ::-1])[:, ::-1]
    assert abs(there - back).mean() < 0.01


def test_a_shadow_takes_nothing_away(even):
    geometry = face_mask(POINTS)
    assert abs(face_mask(POINTS, 128, even) - geometry).max() < 0.05
    even[:, :60] *= 0.1
    assert abs(face_mask(POINTS, 128, even) - geometry).max() < 0.05


def test_a_dark_cap_is_left_out(even):
    even[:22] = 0.05
    mask = face_mask(POINTS, 128, even)
    assert mask[:18].max() < 0.1
    assert mask[32:].sum() > 0.98 * face_mask(POINTS)[32:].sum()


def test_a_crop_of_another_size_is_refused(even):
    with pytest.raises(ValueError, match=r"crop must have the shape \(128, 128, 3\)"):
        face_mask(POINTS, 128, even[:64])


def test_a_mask_of_twice_the_size_is_the_same_mask(eileen):
    pixels, points = eileen
    large = cv2.resize(pixels, (256, 256), interpolation=cv2.INTER_CUBIC).clip(0, 1)
    doubled = face_mask(2 * points + 0.5, 256, large)
    halved = cv2.resize(doubled, (128, 128), interpolation=cv2.INTER_AREA)
    assert abs(halved - face_mask(points, 128, pixels)).mean() < 0.02
