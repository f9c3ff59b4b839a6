"Faces at every roll, of every size, one reading a head, and none where nobody is."

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from faces import NEAR, gap, turned

from illures_nb.crop import FLIP_68, TEMPLATE
from illures_nb.detect import Face, Found, face_height, one_a_head
from illures_nb.face import detect_faces
from illures_nb.landmarks import landmark_net

ROLLS = range(-150, 181, 30)


@pytest.fixture(scope="module")
def people(astronaut):
    "Name → a picture of about 300 px with one face, and its landmarks as found upright."
    pictures = {"astronaut": astronaut[:300, 80:380]}
    for path in sorted((Path(__file__).parents[1] / "assets" / "examples").glob("*.jpg")):
        x = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        k = 300 / max(x.shape)
        pictures[path.stem] = cv2.resize(x, None, fx=k, fy=k, interpolation=cv2.INTER_AREA)
    return {name: (x, detect_faces(x)[0].landmarks) for name, x in pictures.items()}


OTHERS = [pytest.param(name, marks=pytest.mark.slow) for name in ("ada", "ben")]


@pytest.mark.parametrize("name", ["astronaut", *OTHERS, "chi"])
def test_a_turned_face_is_found_turned_or_not_at_all(people, name):
    image, points = people[name]
    found = {}
    for degrees in ROLLS:
        x, p = turned(image, points, degrees)
        faces = detect_faces(x)
        assert len(faces) <= 1, f"{len(faces)} faces in one head turned by {degrees}°"
        found[degrees] = bool(faces)
        for f in faces:
            assert gap(f.landmarks, p) < NEAR, f"read wrongly at {degrees}°, score {f.score:.2f}"
    assert all(found[d] for d in found if abs(d) <= 90)
    assert sum(found.values()) >= 11, f"lost at {[d for d, ok in found.items() if not ok]}°"


def scene(height, width):
    "A room without people: soft shapes, a striped wall, grain."
    rng = np.random.default_rng(3)
    out = np.zeros((height, width, 3), np.float32)
    for n in (3, 7, 19, 61):
        out += cv2.resize(
            rng.random((n, n, 3), np.float32), (width, height), interpolation=cv2.INTER_CUBIC
        )
    out *= 60
    out[:, ::40] *= 0.8
    grainy = out[::2, ::2]
    grainy += rng.normal(0, 4, grainy.shape)
    return out.clip(0, 255).astype(np.uint8)


def group(people, canvas, faces):
    "Pastes heads of given heights at given places; their landmarks there."
    truth = []
    for name, height, x, y, exposure in faces:
        image, points = people[name]
        k = height / np.ptp(points[:, 1])
        way = cv2.INTER_AREA if k < 1 else cv2.INTER_CUBIC
        small = cv2.resize(image, None, fx=k, fy=k, interpolation=way)
        h, w = small.shape[:2]
        canvas[y : y + h, x : x + w] = np.clip(small * exposure, 0, 255)
        scale = np.array([w, h]) / image.shape[1::-1]
        truth.append((points + 0.5) * scale - 0.5 + (x, y))
    return truth


def is_among(found, points):
    "Whether one of the faces found is the one with these landmarks."
    return any(gap(f.landmarks, points) < NEAR for f in found)


GROUP = [  # who, height in px, x, y, exposure
    ("ada", 400, 100, 100, 1),
    ("ben", 200, 1500, 150, 0.7),
    ("chi", 100, 2300, 200, 1),
    ("astronaut", 100, 3000, 1500, 1.1),
    ("ada", 48, 2100, 1400, 0.8),
    ("ben", 48, 2600, 900, 1),
    ("chi", 32, 3300, 300, 0.7),
    ("astronaut", 32, 3700, 2500, 1),
    ("ada", 24, 2900, 2500, 1.1),
    ("ben", 24, 1800, 2400, 0.8),
]


def test_a_group_photo_gives_everybody_biggest_first(people):
    canvas = scene(3000, 4000)
    truth = group(people, canvas, GROUP)
    heights = [height for _, height, *_ in GROUP]
    found = detect_faces(canvas)
    missing = [h for h, p in zip(heights, truth) if not is_among(found, p)]
    assert not missing, f"faces of {missing} px were not found"
    assert len(found) == len(heights)
    sizes = [np.ptp(f.landmarks, 0).max() for f in found]
    assert sizes == sorted(sizes, reverse=True)


def test_six_equal_faces_on_twelve_megapixels(people):
    canvas = scene(3000, 4000)
    places = [(x, y) for y in (500, 1700) for x in (400, 1800, 3200)]
    heads = zip(["ada", "ben", "chi"] * 2, places)
    truth = group(people, canvas, [(name, 100, *place, 1) for name, place in heads])
    found = detect_faces(canvas)
    assert len(found) == 6
    assert all(is_among(found, p) for p in truth)


def test_a_portrait_keeps_those_beside_it(people):
    "A face that fills the picture does not hide a second one of 90 px."
    canvas = scene(1080, 1920)
    both = [("astronaut", 300, 50, 20, 1), ("ada", 90, 1500, 500, 0.9)]
    truth = group(people, canvas, both)
    found = detect_faces(canvas)
    assert [gap(f.landmarks, p) < NEAR for f, p in zip(found, truth)] == [True, True]


def test_a_picture_wider_than_opencv_can_warp(astronaut):
    x = np.full((600, 36000, 3), 128, np.uint8)
    x[44:556, 35000:35512] = astronaut
    found = detect_faces(x)
    assert len(found) == 1
    assert gap(found[0].landmarks - (35000, 44), detect_faces(astronaut)[0].landmarks) < 0.06


def reading(angle, scale, at, margin):
    "A reading of the template, turned (degrees), of a size and place in px, with its margin."
    a = scale * np.exp(1j * np.radians(angle))
    z = (TEMPLATE - (0.5, 0.55)) @ [1, 1j] * a
    p = (np.stack([z.real, z.imag], 1) + at).astype(np.float32)
    return Found(Face(np.r_[p.min(0), p.max(0)], 0.9, p), margin)


def kept(*readings):
    return [found.margin for found in one_a_head(list(readings))]


def test_of_readings_of_one_head_the_best_supported_stays():
    right = reading(180, 100, (200, 200), 6.0)
    assert kept(reading(0, 120, (200, 180), 3.0), right) == [6.0]  # the mouth as eyes, bigger
    assert kept(right, reading(0, 40, (200, 215), 8.0)) == [8.0]  # inside the other's box
    assert kept(right, reading(170, 95, (203, 202), 5.9)) == [6.0]


def test_neighbours_are_two_heads():
    one = reading(0, 100, (200, 200), 6.0)
    assert len(kept(one, reading(5, 100, (270, 205), 5.0))) == 2  # cheek to cheek
    assert len(kept(one, reading(0, 60, (180, 80), 5.0))) == 2  # behind, above the hair
    assert len(kept(one, reading(0, 40, (215, 275), 5.0))) == 2  # a child before the chest


def faceless(astronaut):
    "Pictures without a face."
    from skimage import data

    return {
        "cat": data.chelsea(),
        "coffee": data.coffee(),
        "bodies": astronaut[250:],
        "brick": data.brick(),
        "rocket": data.rocket(),
    }


def test_nobody_is_found_where_nobody_is(wall, astronaut):
    pictures = {"wall": wall, "room": scene(1500, 2000), **faceless(astronaut)}
    found = {name: detect_faces(x) for name, x in pictures.items()}
    assert {name: f for name, f in found.items() if f} == {}


def test_nobody_is_found_upside_down(astronaut):
    pictures = {
        name: np.ascontiguousarray(x[::-1, ::-1])
        for name, x in list(faceless(astronaut).items())[:3]
    }
    found = {name: detect_faces(x) for name, x in pictures.items()}
    assert {name: f for name, f in found.items() if f} == {}


def test_the_same_photo_gives_the_same_faces(two_faces):
    first, second = detect_faces(two_faces), detect_faces(two_faces)
    assert len(first) == 2
    for a, b in zip(first, second):
        assert (a.landmarks == b.landmarks).all() and a.score == b.score


def test_faces_do_not_depend_on_torchs_default_type(astronaut):
    before = detect_faces(astronaut)[0]
    landmark_net.cache_clear()
    torch.set_default_dtype(torch.float64)
    try:
        after = detect_faces(astronaut)[0]
    finally:
        torch.set_default_dtype(torch.float32)
    assert abs(before.landmarks - after.landmarks).max() < 0.01


@pytest.fixture(scope="module")
def eileen(astronaut):
    "The landmarks of the astronaut."
    (face,) = detect_faces(astronaut)
    return face.landmarks


MANY_ROLLS = (-150, -110, -90, -65, -40, -20, 20, 40, 65, 90, 130, 180)


@pytest.mark.parametrize("degrees", MANY_ROLLS)
def test_a_rolled_head_has_the_same_landmarks(degrees, astronaut, eileen):
    x, points = turned(astronaut[:300, 80:380], eileen - (80, 0), degrees)
    (face,) = detect_faces(x)
    assert gap(face.landmarks, points) < 0.06


def test_two_faces_one_of_them_mirrored(astronaut, eileen):
    head = astronaut[:300, 80:380]
    half = cv2.resize(head, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    picture = np.full((300, 700, 3), 90, np.uint8)
    picture[:, 20:320] = head
    picture[60:240, 400:580] = half[:, ::-1]
    large, small = detect_faces(picture)
    assert np.ptp(large.landmarks[:, 0]) > np.ptp(small.landmarks[:, 0])
    assert gap(large.landmarks + (60, 0), eileen) < 0.06
    mirrored = ((579, 0) - (small.landmarks - (0, 60)) * (1, -1))[FLIP_68]
    assert gap((mirrored + 0.5) / 0.6 - 0.5 + (80, 0), eileen) < 0.06
    assert len(detect_faces(picture, max_faces=1)) == 1


@pytest.mark.parametrize(
    "cut_off, left, top, bottom",
    [("forehead", 100, 75, 512), ("cheek", 195, 0, 512), ("chin", 0, 0, 137)],
)
def test_a_face_at_the_border_is_found(cut_off, left, top, bottom, astronaut, eileen):
    (face,) = detect_faces(astronaut[top:bottom, left:])
    assert gap(face.landmarks + (left, top), eileen) < 0.15


@pytest.mark.parametrize("k", (0.25, 0.5, 3, 5))
def test_a_face_of_any_size_is_found(k, astronaut, eileen):
    how = cv2.INTER_AREA if k < 1 else cv2.INTER_CUBIC
    face = detect_faces(cv2.resize(astronaut, None, fx=k, fy=k, interpolation=how))[0]
    assert gap((face.landmarks + 0.5) / k - 0.5, eileen) < 0.08


def test_a_group_before_textures(astronaut, eileen):
    "Heads of 24 to 400 px from the brows to the chin on a mosaic of pictures without people."
    from skimage import data

    coffee, rocket = data.coffee(), data.rocket()
    brick, gravel = (cv2.cvtColor(x(), cv2.COLOR_GRAY2RGB) for x in (data.brick, data.gravel))
    tiles = [cv2.resize(x, (1000, 1000)) for x in (coffee, brick, rocket, gravel)]
    picture = np.vstack([np.hstack(np.roll(tiles, k, 0)) for k in range(3)])
    heights = [400, 200, 100, 48, 32, 24]
    places = [(100, 100), (2200, 300), (3300, 1200), (1700, 1500), (2600, 2400), (700, 2600)]
    for height, (x0, y0) in zip(heights, places):
        k = height / np.ptp(eileen[:, 1])
        how = cv2.INTER_AREA if k < 1 else cv2.INTER_CUBIC
        head = cv2.resize(astronaut[:300, 80:380], None, fx=k, fy=k, interpolation=how)
        picture[y0 : y0 + len(head), x0 : x0 + len(head)] = head
    found = [face_height(face) for face in detect_faces(picture)]
    assert len(found) == len(heights) and np.allclose(found, heights, rtol=0.12)


def clouds(rng):
    "Soft noise of five sizes."
    out = np.zeros((300, 400, 3))
    for n in (4, 8, 16, 32, 64):
        noise = rng.random((n, n, 3))
        out += cv2.resize(noise, (400, 300), interpolation=cv2.INTER_CUBIC) / n
    return (255 * out / out.max()).clip(0, 255).astype(np.uint8)


def blobs(rng):
    "Discs of many colours."
    out = np.full((300, 300, 3), 200, np.uint8)
    for _ in range(30):
        place, radius = rng.integers(0, 300, 2).tolist(), int(rng.integers(5, 40))
        cv2.circle(out, place, radius, rng.integers(0, 255, 3).tolist(), -1)
    return out


def test_nobody_is_found_in_noise_gradients_blobs_and_coins():
    from skimage import data

    rng = np.random.default_rng(1)
    pictures = {
        "a pixel": np.zeros((1, 1, 3), np.uint8),
        "a strip": np.full((50, 2000, 3), 128, np.uint8),
        "clouds": clouds(rng),
        "blobs": blobs(rng),
        "noise": rng.integers(0, 255, (300, 400, 3)).astype(np.uint8),
        "a gradient": np.linspace(0, 1, 90000, dtype=np.float32).reshape(300, 300),
        "coins": data.coins(),
    }
    assert {name for name, x in pictures.items() if detect_faces(x)} == set()
