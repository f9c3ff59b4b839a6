"What must hold of written files: the relief by the specification, the zip, the film, failures."

import io
import json
import os
import struct
import time
from dataclasses import replace
from zipfile import ZipFile

import cv2
import numpy as np
import pytest

from illures_nb import SHLight
from illures_nb.decompose import MAPS
from illures_nb.depth import PUPILS, relief
from illures_nb.export import safe_name, write_zip
from illures_nb.film import LAMP, light_path, view, write_turn
from illures_nb.image import ImageWriteError, quantise, read_image, read_linear, resize
from illures_nb.maps import values, write_maps
from illures_nb.mesh import TEXTURE, colour_map, glb, surface, write_glb


# ---- the relief


def test_a_balls_normals_are_its_radii():
    x, y = np.meshgrid(*[(np.arange(128) + 0.5) / 128 - 0.5] * 2)
    z = np.sqrt(np.maximum(0.42**2 - x**2 - y**2, 1e-6))
    mask = (np.hypot(x, y) < 0.95 * 0.42) * 1.0
    ball = surface(np.where(mask > 0, z, np.nan) * 3 * PUPILS, mask)
    radii = np.dstack([x, -y, z]).reshape(-1, 3)[ball.pixels] / 0.42
    interior = np.hypot(*(ball.uvs - 0.5).T) < 0.3
    assert (ball.normals * radii).sum(1)[interior].min() > 0.9999


def test_what_was_edited_shows_on_the_relief(face):
    darker = face.edit_albedo(face.albedo * np.float32(0.5))
    assert colour_map(darker)[..., :3].mean() < 0.9 * colour_map(face)[..., :3].mean()


def chunks(data):
    "The JSON and the bytes of a GLB, by sections 4.4 and 3.6 of the specification."
    magic, version, length = struct.unpack_from("<4sII", data)
    assert (magic, version, length) == (b"glTF", 2, len(data))
    text_length, kind = struct.unpack_from("<I4s", data, 12)
    assert kind == b"JSON" and text_length % 4 == 0
    body_length, kind = struct.unpack_from("<I4s", data, 20 + text_length)
    assert kind == b"BIN\0" and body_length % 4 == 0
    assert 28 + text_length + body_length == length
    scene, body = json.loads(data[20 : 20 + text_length]), data[28 + text_length :]
    assert scene["asset"]["version"] == "2.0" and len(scene["buffers"]) == 1
    assert scene["buffers"][0]["byteLength"] <= body_length
    return scene, body


def read_glb(data):
    "Its JSON, its accessors as arrays, its pictures; nothing here knows of the writer."
    scene, body = chunks(data)

    def part(number):
        of = scene["bufferViews"][number]
        return body[of["byteOffset"] :][: of["byteLength"]]

    arrays = []
    for accessor in scene["accessors"]:
        assert scene["bufferViews"][accessor["bufferView"]]["byteOffset"] % 4 == 0
        width = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}[accessor["type"]]
        kind = {5125: "<u4", 5126: "<f4"}[accessor["componentType"]]
        array = np.frombuffer(part(accessor["bufferView"]), kind).reshape(-1, width)
        assert len(array) == accessor["count"]
        arrays.append(array)
    return scene, arrays, [read_image(part(image["bufferView"])) for image in scene["images"]]


def test_the_relief_is_as_the_specification_says(face):
    scene, arrays, pictures = read_glb(glb(face))
    primitive = scene["meshes"][0]["primitives"][0]
    attributes = {name: arrays[i] for name, i in primitive["attributes"].items()}
    positions, tangents = attributes["POSITION"], attributes["TANGENT"]
    assert len({len(x) for x in attributes.values()}) == 1
    assert arrays[primitive["indices"]].max() < len(positions)
    limits = scene["accessors"][primitive["attributes"]["POSITION"]]
    assert np.array_equal(limits["min"], positions.min(0))
    assert np.array_equal(limits["max"], positions.max(0))
    for directions in (attributes["NORMAL"], tangents[:, :3]):
        assert np.allclose(np.linalg.norm(directions, axis=1), 1, atol=1e-4)
    uvs = attributes["TEXCOORD_0"]
    assert set(tangents[:, 3]) == {1} and uvs.min() >= 0 and uvs.max() <= 1
    assert all(np.isfinite(x).all() for x in arrays) and len(pictures) == 2


def test_a_library_reads_the_relief(face):
    trimesh = pytest.importorskip("trimesh")
    mesh = surface(relief(face), face.mask)
    scene = trimesh.load(io.BytesIO(glb(face)), file_type="glb")
    (read,) = scene.geometry.values()
    assert read.vertices.shape == mesh.positions.shape
    assert read.faces.shape == mesh.triangles.shape
    assert np.allclose(read.vertices, mesh.positions)
    material = read.visual.material
    assert material.baseColorTexture.size == (TEXTURE, TEXTURE)
    assert material.doubleSided and material.alphaMode == "MASK"


# ---- names, folders and the zip


@pytest.mark.parametrize(
    "text",
    [
        "Grace Hopper.jpg",
        "../../etc/passwd",
        "C:\\Temp\\me.png",
        "<img src=x onerror=alert(1)>.png",
        "con.jpg",
        ".htaccess",
        "..",
        "",
        "Dr. Who",
        "Zoë 李 (2).JPG",
        "a\0b\nc",
        "x" * 300,
        "...jpg",
        "नमस्ते.png",
        "COM1.tar.png",
    ],
)
def test_any_text_becomes_a_safe_name(text):
    name = safe_name(text)
    assert name and len(name) <= 60 and not name.startswith(".")
    assert not set(name) & set('/\\<>:"|?*\0\n')


@pytest.fixture(scope="module")
def relit(face):
    return face.relight(SHLight.preset("window").matched(face.light), 0.8)


@pytest.fixture(scope="module")
def files(relit, tmp_path_factory):
    "What is in a zip; its name → bytes."
    folder, steps = tmp_path_factory.mktemp("zip"), []
    scene = {"face": 1, "residual": 0.8}
    write_zip(folder / "all.zip", relit, scene, progress=lambda *step: steps.append(step))
    shares = [share for share, _ in steps]
    assert steps[-1] == (1, "done") and shares == sorted(shares)
    assert os.listdir(folder) == ["all.zip"]
    with ZipFile(folder / "all.zip") as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_zip_holds_picture_light_scene_and_relief(files, relit):
    assert np.array_equal(quantise(read_image(files["relit.png"])), relit.composite())
    assert SHLight.from_json(files["light.json"].decode()) == relit.light
    assert json.loads(files["scene.json"]) == {"face": 1, "residual": 0.8}
    mesh = surface(relief(relit), relit.mask)
    assert read_glb(files["relief.glb"])[1][0].shape == mesh.positions.shape
    assert all(name in files["README.txt"].decode() for name in files)


def test_the_zips_maps_are_the_faces(files, relit):
    maps = {name: read_linear(files[f"maps/{name}.exr"]) for name in MAPS}
    maps["mask"] = maps["mask"][..., 0]
    for name in MAPS:
        assert np.array_equal(maps[name].squeeze(), values(relit, name)), name
    product = maps["albedo"] * maps["shading"] + maps["residual"]
    np.testing.assert_allclose(product, maps["reconstruction"], atol=1e-6)
    normals = read_image(files["maps/normals.png"]) * 2 - 1
    assert abs(normals - relit.normals).max() < 3e-5  # 16 bits
    reconstruction = read_image(files["maps/reconstruction.png"])
    assert abs(reconstruction - relit.reconstruction).max() < 1e-5


def test_the_zips_pictures_have_the_crops_and_the_photos_size(files, relit):
    for name in MAPS:
        assert read_image(files[f"maps/{name}.png"]).shape == relit.normals.shape
        assert read_image(files[f"photo/{name}.png"]).shape == relit.photo.picture.shape


def test_a_folder_without_floats_holds_no_more_than_it_should(face, tmp_path):
    write_maps(tmp_path / "maps only", face, exr=False)
    names = sorted(path.name for path in (tmp_path / "maps only").rglob("*.*"))
    assert names == sorted(["about.txt", "face.json", "light.json", *(f"{n}.png" for n in MAPS)])
    write_glb(tmp_path / "relief.glb", face)
    assert (tmp_path / "relief.glb").read_bytes() == glb(face)


# ---- the film


def frames_of(path):
    "All frames of an MP4, which must be as browsers want it."
    import av

    with av.open(str(path)) as film:
        codec = film.streams.video[0].codec_context
        assert (codec.name, codec.pix_fmt) == ("h264", "yuv420p")
        assert codec.width % 2 == codec.height % 2 == 0
        return [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]


@pytest.fixture(scope="module")
def head(decomposer, astronaut):
    "A part of a large photo, of an odd height."
    large = cv2.resize(astronaut, (1440, 1440), interpolation=cv2.INTER_CUBIC)
    return view(decomposer(large)[0], 720, (330, 0, 930, 601))


@pytest.fixture(scope="module")
def film(head, tmp_path_factory):
    path, shares = tmp_path_factory.mktemp("film") / "turn.mp4", []
    start = time.process_time()
    write_turn(path, head, fps=12, progress=lambda share, _: shares.append(share))
    assert time.process_time() - start < 10  # on two cores at most 5 s
    assert shares == sorted(shares) and shares[-1] == 1
    return frames_of(path)


def test_the_film_shows_the_packages_own_frames(film, head):
    assert len(film) == 48
    lights = light_path(LAMP.matched(head.light), "turn", 48)
    for k in (0, 12, 30):
        meant = head.relight(lights[k]).composite()[:600].astype(float)
        assert abs(film[k] - meant).mean() < 3
        assert abs((film[k] - meant).mean((0, 1))).max() < 2


def test_no_step_of_the_film_is_a_jump(film):
    "The step back to the first frame included."
    steps = [abs(a.astype(float) - b).mean() for a, b in zip(film, film[1:] + film[:1])]
    assert max(steps) < 3 * np.median(steps) + 0.5, max(steps)


def test_the_film_is_about_as_bright_as_the_photo(film, head):
    inside = np.nan_to_num(head.to_frame("mask"))[:600] > 0.5
    brightness = [x[inside].mean() for x in film]
    photo = head.photo.picture[:600][inside].mean()
    assert max(brightness) / min(brightness) < 1.5
    assert 0.8 < np.mean(brightness) / photo < 1.2


# ---- what can go wrong


def full(*_):
    raise OSError(28, "No space left on device")


def masked(face, value):
    "A face whose mask is one pixel."
    return replace(face, mask=np.pad(np.full((1, 1), value, np.float32), (64, 63)))


WRONG = {
    "no such folder": lambda out, f: write_zip(out / "nowhere" / "x.zip", f),
    "a file as folder": lambda out, f: write_maps(out / "a_file", f),
    "disk full": lambda out, f: write_zip(out / "x.zip", f, progress=full),
    "film, disk full": lambda out, f: write_turn(out / "x.mp4", f, progress=full),
    "empty mask": lambda out, f: write_glb(out / "x.glb", masked(f, 0)),
    "empty mask, all": lambda out, f: write_zip(out / "x.zip", masked(f, 0)),
    "one pixel": lambda out, f: write_glb(out / "x.glb", masked(f, 1)),
    "zip as .rar": lambda out, f: write_zip(out / "x.rar", f),
    "mesh as .obj": lambda out, f: write_glb(out / "x.obj", f),
    "unknown ending": lambda out, f: write_turn(out / "x.avi", f),
    "unknown way": lambda out, f: write_turn(out / "x.gif", f, way="spiral"),
    "two hours": lambda out, f: write_turn(out / "x.mp4", f, seconds=7200),
    "even light": lambda out, f: write_turn(out / "x.gif", f, SHLight.from_direction(0, 0, 0, 1)),
    "scene with NaN": lambda out, f: write_zip(out / "x.zip", f, {"residual": np.nan}),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_failures_say_one_sentence_and_leave_nothing(wrong, face, tmp_path):
    (tmp_path / "a_file").write_bytes(b"x")
    with pytest.raises((ImageWriteError, ValueError)) as caught:
        wrong(tmp_path, face)
    assert "\n" not in str(caught.value)
    assert os.listdir(tmp_path) == ["a_file"]


def test_a_view_shows_the_whole_person_relit(face):
    "On a part of the photo, and on a smaller one, hair and clothes are lit as on all of it."
    relit = face.relight(SHLight.preset("neon"), contrast=1.5, shine="none")
    whole = relit.composite()
    assert (view(relit, 512).composite() == whole).all()
    x0, y0, x1, y1 = box = 100, 0, 360, 260
    part = view(relit, 512, box).composite().astype(int)
    assert abs(part - whole[y0:y1, x0:x1]).mean() < 1
    small = view(relit, 256).composite()
    assert abs(small.astype(int) - resize(whole, 256)).mean() < 3
