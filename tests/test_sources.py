"""Everybody's data by name: files in each layout, made here, become a set that training reads."""

import json
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

pytest.importorskip("numba", reason="training needs numba: pip install 'illures_nb[train]'")
from illures_nb.face import detect_faces  # noqa: E402
from illures_nb.image import linear_to_srgb, srgb_to_linear  # noqa: E402
from illures_nb.light import SHLight, shade_maps  # noqa: E402
from illures_nb.measure.stereo import toy_head  # noqa: E402
from illures_nb.networks import Maps  # noqa: E402
from illures_nb.synth.shards import read_shard  # noqa: E402
from illures_nb.train.clips import given, read_pts  # noqa: E402
from illures_nb.train.frames import still  # noqa: E402
from illures_nb.train.photograph import Photographs  # noqa: E402
from illures_nb.train.photos import MeasuredFaces, Photos, VideoPairs  # noqa: E402
from illures_nb.train.sources import SOURCES, cut_normals, facing  # noqa: E402
from illures_nb.train.stage import stage_for  # noqa: E402
from illures_nb.train.streams import STREAMS  # noqa: E402


@pytest.fixture(scope="module")
def face(astronaut):
    "A photo of 256² and its landmarks."
    photo = np.ascontiguousarray(astronaut[20:276, 110:366])
    return photo, detect_faces(photo)[0].landmarks


def put(path, picture):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.ascontiguousarray(picture[..., ::-1]))


def stretched(photo, points, k):
    "The face a little wider and slanted, with its landmarks."
    M = np.float64([[1 + 0.05 * np.sin(k), 0.07 * np.cos(2 * k), 0], [0, 1, 0]])
    M[:, 2] = [128, 128] - M[:, :2] @ [128, 128]
    moved = cv2.warpAffine(photo, M, (256, 256), borderMode=cv2.BORDER_REPLICATE)
    return moved, points @ M[:, :2].T + M[:, 2]


def film(path, photo, points, n=6, pts=False):
    "A clip, and 300VW's landmarks of its frames, which count from 1 like its pixels."
    path.parent.mkdir(parents=True, exist_ok=True)
    clip = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 25, (256, 256))
    for k in range(n):
        frame, there = stretched(photo, points, k)
        clip.write(np.ascontiguousarray(frame[..., ::-1]))
        if pts:
            file = path.parent / f"annot/{k + 1:06d}.pts"
            file.parent.mkdir(exist_ok=True)
            rows = "\n".join(f"{x + 1:.3f} {y + 1:.3f}" for x, y in there)
            file.write_text(f"version: 1\nn_points:  68\n{{\n{rows}\n}}\n")
    clip.release()


def samples(folder):
    return [s for path in sorted(folder.glob("shard-*.tar")) for s in read_shard(path)]


def people(folder):
    return {info["identity"]: info["split"] for _, info in samples(folder)}


def test_300vw(face, tmp_path, illures):
    "Landmarks lie where they were, frames and people are those of the layout, pairs can be drawn."
    for name in ("001", "002"):
        film(tmp_path / f"300VW/{name}/vid.avi", *face, pts=True)
    points = given(tmp_path / "300VW/001/vid.avi")
    assert sorted(points) == list(range(6))
    assert np.allclose(points[3][0], stretched(*face, 3)[1], atol=2e-3)
    out = tmp_path / "set"
    code, _, err = illures("sets", "300vw", tmp_path / "300VW", "--out", out, "--held", "002")
    assert code == 0 and people(out) == {"001": "train", "002": "test"}, err
    pair = VideoPairs(out, 2, 1)[0]
    assert pair.image_i.shape == (2, 3, 128, 128)
    assert not torch.equal(pair.contours_i, pair.contours_j)
    (tmp_path / "cut.pts").write_text("version: 1\n{ 1 2 3")
    with pytest.raises(ValueError, match="cut.pts holds no 68 landmarks"):
        read_pts(tmp_path / "cut.pts")


def test_voxceleb(face, tmp_path):
    "Who is seen is the folder id….., however deep it lies."
    film(tmp_path / "dev/mp4/id00012/21Uxsk56VDQ/00001.avi", *face, n=3)
    film(tmp_path / "other/00001.avi", *face, n=3)
    found = SOURCES["voxceleb"].find(tmp_path)
    assert [one.identity for one in found.values()] == ["id00012"]
    rows = SOURCES["voxceleb"].write(tmp_path, tmp_path / "set", every=1)
    assert people(tmp_path / "set") == {"id00012": "train"} and len(rows) == 1


def test_celeba(face, tmp_path, illures):
    "Lists say who is seen, and which pictures are wanted; the official test part is held out."
    photo, _ = face
    for k in (1, 2, 3):
        put(tmp_path / f"Img/img_align_celeba/{k:06d}.jpg", photo)
    (tmp_path / "identity_CelebA.txt").write_text("000001.jpg 2880\n000002.jpg 7\n000003.jpg 7\n")
    parts = "000001.jpg 0\n000002.jpg 1\n000003.jpg 2\n"
    (tmp_path / "list_eval_partition.txt").write_text(parts)
    chosen, out = tmp_path / "two.txt", tmp_path / "set"
    chosen.write_text("000003.jpg\n000001.jpg 5\n")
    code, _, err = illures("sets", "celeba", tmp_path, "--list", chosen, "--out", out)
    assert code == 0 and people(out) == {"2880": "train", "7": "test"}, err
    assert Photos(out, 1, 1)[0].image.shape == (1, 3, 128, 128)
    chosen.write_text("000009.jpg\n")
    code, _, err = illures("sets", "celeba", tmp_path, "--list", chosen, "--out", tmp_path / "x")
    assert code == 1 and "000009.jpg" in err and err.count("\n") == 1


FFHQ = {  # number → licence, does it get into the set?
    "creativecommons.org/licenses/by/2.0/": True,
    "creativecommons.org/licenses/by-nc/2.0/": False,
    "creativecommons.org/publicdomain/zero/1.0/": True,
    "creativecommons.org/publicdomain/mark/1.0/": True,
    "www.usa.gov/copyright.shtml": True,
    "creativecommons.org/licenses/by-sa/2.0/": False,
}


def test_ffhq(face, tmp_path, monkeypatch):
    "By licence alone; the JSON's landmarks are used, at the size of the picture that is there."
    photo, points = face
    rows = {}
    for k, address in enumerate(FFHQ):
        put(tmp_path / f"thumbnails128x128/00000/{k:05d}.png", photo)
        image = {"file_path": f"images1024x1024/00000/{k:05d}.png", "pixel_size": [512, 512]}
        thumbnail = {"file_path": f"thumbnails128x128/00000/{k:05d}.png", "pixel_size": [256, 256]}
        about = {"license_url": f"https://{address}", "author": f"A{k}", "photo_url": "u"}
        rows[str(k)] = {
            "category": "validation" if k == 3 else "training",
            "metadata": about,
            "image": image | {"face_landmarks": (2 * points + 0.5).tolist()},
            "thumbnail": thumbnail,
        }
    (tmp_path / "ffhq-dataset-v2.json").write_text(json.dumps(rows))
    monkeypatch.setattr("illures_nb.train.videos.finder", None)  # no face is searched for
    found = SOURCES["ffhq"].find(tmp_path)
    assert sorted(found) == [f"{k:05d}" for k, free in enumerate(FFHQ.values()) if free]
    assert np.allclose(found["00000"].landmarks, points, atol=1e-3)
    SOURCES["ffhq"].write(tmp_path, tmp_path / "set")
    kept = {info["author"]: info for _, info in samples(tmp_path / "set")}
    assert set(kept) == {"A0", "A2", "A3", "A4"} and kept["A3"]["split"] == "test"
    assert kept["A0"]["licence"] == "CC BY 2.0" and kept["A2"]["licence"] == "CC0 1.0"
    (tmp_path / "ffhq-dataset-v2.json").write_text('{"0": {"metadata": 3}}')
    with pytest.raises(ValueError, match="damaged, or not FFHQ's"):
        SOURCES["ffhq"].find(tmp_path)


def test_multipie(face, tmp_path):
    "Names say person, session, recording, camera and light; a recording is one clip."
    photo, _ = face
    for person in ("001", "002"):
        for light in (0, 7):
            dim = np.uint8(photo * (0.5 + light / 14))
            home = tmp_path / f"data/session01/multiview/{person}/01/05_1"
            put(home / f"{person}_01_01_051_{light:02d}.png", dim)
    rows = SOURCES["multipie"].write(tmp_path, tmp_path / "set", held=("002",))
    assert set(rows) == {"001/01/01", "002/01/01"}
    assert people(tmp_path / "set") == {"001": "train", "002": "test"}
    assert {(i["camera"], i["light"]) for _, i in samples(tmp_path / "set")} == {
        ("05_1", "00"),
        ("05_1", "07"),
    }
    assert len(VideoPairs(tmp_path / "set", 1, 1)[0].image_i) == 1
    with pytest.raises(ValueError, match="Nobody in it is called '9'"):
        SOURCES["multipie"].find(tmp_path, held=("9",))


def test_photoface(face, tmp_path):
    "A person's visits are one clip of pictures under four lamps."
    grey = np.repeat(cv2.cvtColor(face[0], cv2.COLOR_RGB2GRAY)[..., None], 3, 2)
    for visit in ("2008-02-23_12-21-31", "2008-03-01_09-00-00"):
        for lamp in range(4):
            put(tmp_path / f"PhotofaceDB/1001/{visit}/im{lamp}.bmp", grey - np.uint8(8 * lamp))
    SOURCES["photoface"].write(tmp_path, tmp_path / "set")
    found = samples(tmp_path / "set")
    assert len(found) == 8 and {info["light"] for _, info in found} == set("0123")
    assert {info["visit"] for _, info in found} == {"2008-02-23_12-21-31", "2008-03-01_09-00-00"}
    assert len(list((tmp_path / "set").glob("shard-*.tar"))) == 1


@pytest.fixture(scope="module")
def layers(face):
    "A face with normals and albedo of a toy head, lit in linear light: all layers are known."
    photo, points = face
    head = toy_head(0)
    normals = cv2.resize(head.normals, (256, 256))
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    cover = np.uint8(255 * cv2.resize(np.float32(head.mask), (256, 256)) > 127) * np.uint8(255)
    return photo, normals, cover


def test_normals_turn_with_the_crop():
    "By any angle: a plane that faces right faces where the crop has turned it."
    flat = np.zeros((64, 64, 3), np.float32)
    flat[..., 0], flat[..., 2] = 0.6, 0.8
    for angle in np.radians([0, 30, 90, -140]):
        c, s = 2 * np.cos(angle), 2 * np.sin(angle)  # anticlockwise as seen: y counts downwards
        turned = cut_normals(flat, np.array([[c, s, 0], [-s, c, 0]]), 16)[:, 8, 8] / 127
        expected = [0.6 * np.cos(angle), 0.6 * np.sin(angle), 0.8]
        assert np.allclose(turned, expected, atol=0.01)


def test_axes_are_read_off_a_head(layers):
    _, normals, cover = layers
    for signs in ([1, 1, 1], [-1, 1, -1], [1, -1, 1]):
        assert np.array_equal(facing(normals * np.float32(signs), cover > 127), normals)


def test_sfsnet(layers, tmp_path, illures):
    "Pictures with all layers become photographs whose layers explain them."
    photo, normals, cover = layers
    light = SHLight.preset("rembrandt_left")
    albedo = np.full_like(photo, (180, 140, 120))
    for k in range(3):
        home = tmp_path / "SfSNet/0003"
        for part, picture in {
            "face": photo,
            "albedo": albedo,
            "normal": np.uint8(np.round(127.5 * (normals + 1))),
            "mask": np.repeat(cover[..., None], 3, 2),
        }.items():
            put(home / f"00004{k}_{part}_1_{k + 1}.png", picture)
        numbers = light.coeffs.T.ravel()
        (home / f"00004{k}_light_1_{k + 1}.txt").write_text("\t".join(map(str, numbers)))
    out = tmp_path / "set"
    code, _, err = illures("sets", "sfsnet", tmp_path / "SfSNet", "--out", out, "--size", "64")
    assert code == 0, err
    assert json.loads((out / "dataset.json").read_text())["samples"] == 3
    arrays, info = samples(out)[0]
    assert arrays["image"].shape == (1, 3, 64, 64) and arrays["light"].shape == (1, 9, 3)
    shown = srgb_to_linear(np.float32([180, 140, 120]) / 255)
    inside = arrays["mask"] > 250
    assert np.allclose(srgb_to_linear(arrays["albedo"][:, inside] / 255).mean(1), shown, atol=0.01)
    # what the fitted light leaves is residual: together the layers are the picture
    batch = Photographs(out, np.ones((2, 32, 64, 3), np.float32), 2, 1)[0]
    assert batch.image.shape == (2, 3, 64, 64) and torch.isfinite(batch.residual).all()
    code, _, err = illures("sets", "sfsnet", tmp_path / "SfSNet", "--out", out, "--size", "64")
    assert code == 0, "the same command goes on"


def test_the_light_of_a_drawn_face_is_found(layers):
    "Where a picture is albedo times shading in linear light, no residual is left."
    photo, normals, cover = layers
    points = detect_faces(photo)[0].landmarks
    light = SHLight.preset("rembrandt_left")
    reflected = srgb_to_linear(np.float32([180, 140, 120]) / 255)
    drawn = reflected * light.shade(normals).clip(0)
    face = still(photo, points, 1.0, size=64)
    M = np.array([[0.25, 0, 0], [0, 0.25, 0]])
    shown = linear_to_srgb(cv2.resize(drawn, (64, 64)).clip(0, 1).astype(np.float32))
    face.frame = np.uint8(np.round(255 * shown))
    face.mask = np.full((64, 64), 255, np.uint8)
    known = {"albedo": np.full_like(photo, (180, 140, 120)), "normals": normals, "cover": cover}
    arrays = SOURCES["sfsnet"].arrays(known, face, M)
    shading = SHLight(arrays["light"][0]).shade(arrays["normals"].transpose(1, 2, 0) / 127)
    left = arrays["image"][0].transpose(1, 2, 0).astype(np.float32) - reflected * shading
    inside = (arrays["mask"] > 250) & (shading.min(-1) > 0.05)
    assert inside.sum() > 500 and abs(left[inside]).mean() < 0.015


def test_synthhuman(layers, tmp_path, illures):
    "Faces with their normals, of axes of either sign; whole bodies are passed over."
    photo, normals, cover = layers
    for number in (0, 5, 98_040):
        put(tmp_path / f"rgb_{number:07d}.png", photo)
        put(tmp_path / f"alpha_{number:07d}.png", np.repeat(cover[..., None], 3, 2))
        _write_vectors(tmp_path / f"normal_{number:07d}.exr", normals * [1, -1, -1])
    (tmp_path / "normal_0000005.exr").write_bytes(b"nothing")
    out = tmp_path / "set"
    code, _, err = illures("sets", "synthhuman", tmp_path, "--out", out)
    assert code == 0, err
    kept = samples(out)
    assert [info["identity"] for _, info in kept] == ["0000000"]
    arrays, _ = kept[0]
    cut = arrays["normals"][:, arrays["mask"] > 250] / 127
    assert np.allclose(np.linalg.norm(cut, axis=0), 1, atol=0.02) and cut[2].mean() > 0.5
    batch = MeasuredFaces(out, 2, 1)[0]
    assert batch.normals.shape == batch.image.shape == (2, 3, 128, 128)
    cost = {turn: measured_loss(batch, turn) for turn in (0.0, 0.5)}
    assert cost[0.0]["total"] < 1e-3 < 0.1 < cost[0.5]["normals"] < cost[0.5]["total"]
    assert cost[0.0]["angle"] < 0.1 and 20 < cost[0.5]["angle"] < 35  # degrees


def measured_loss(batch, turn):
    "What the stream of measured normals says of an answer that explains the picture."
    x, y, z = batch.normals.unbind(1)
    c, s = np.cos(turn), np.sin(turn)
    normals = torch.stack([c * x + s * z, y, c * z - s * x], 1)
    albedo, light = torch.full_like(batch.image, 0.4), torch.zeros(len(batch.image), 9, 3)
    light[:, 0] = 0.8
    residual = srgb_to_linear(batch.image) - albedo * shade_maps(normals, light)
    answer = Maps(albedo, normals, light, residual)
    stage = stage_for("stage1b", measured=0.25)
    assert stage.streams == {"photographs": 0.75, "measured": 0.25}
    nets = SimpleNamespace(stage=stage, maps=lambda image, role: answer)
    return {name: float(term) for name, term in STREAMS["measured"].loss(nets, batch).items()}


def _write_vectors(path, normals):
    "Three float channels, negative numbers too."
    from illures_nb.encode import write_exr

    with open(path, "wb") as file:
        write_exr(file, *normals.shape[:2], [normals.astype(np.float32)])


@pytest.mark.parametrize("name", SOURCES)
def test_another_folder_is_refused_in_a_sentence(name, tmp_path, illures):
    (tmp_path / "nothing").mkdir()
    for folder in ("nothing", "gone"):
        code, out, err = illures("sets", name, tmp_path / folder, "--out", tmp_path / "set")
        assert code == 1 and out == "" and err.count("\n") == 1 and folder in err, err
        assert "Traceback" not in err


def test_what_is_known_is_printed(illures):
    code, out, _ = illures("sets")
    assert code == 0 and all(name in out and one.licence in out for name, one in SOURCES.items())
    for name, one in SOURCES.items():
        code, out, _ = illures("sets", name, "--help")
        assert code == 0 and one.licence in out and "not seen:" in out
