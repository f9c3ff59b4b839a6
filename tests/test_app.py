"""The demo's server: its endpoints through a live one, what it tells the page, and what it makes of
the page's scenes."""

import io
import json
import os
import secrets
import struct
import sys
import time
import types
import zipfile
import zlib
from dataclasses import asdict
from pathlib import Path

import gradio as gr
import httpx
import numpy as np
import pytest
from gradio_client import Client, handle_file
from PIL import Image

from illures_nb import Decomposer, SHLight
from illures_nb.decompose import MAPS, as_picture
from illures_nb.edit import apply_layers, touch
from illures_nb.head import HeadFitter
from illures_nb.image import write_image
from illures_nb.light import rotation_matrix

NEUTRAL = types.SimpleNamespace


@pytest.fixture
def client(url, tmp_path):
    return Client(url, verbose=False, download_files=tmp_path)


def pixels(path):
    return np.asarray(Image.open(path))


def like(a, b):
    "Whether pictures are the same; the server's threads may sum in another order."
    return a.shape == b.shape and abs(a.astype(int) - b).max() <= 2


def photo_file(picture, path):
    Image.fromarray(picture).save(path)
    return path


def ask(client, *args, **kwargs):
    "The sentence an endpoint refuses with."
    with pytest.raises(Exception) as e:
        client.predict(*args, **kwargs)
    return str(e.value)


def is_sentence(text):
    strange = ("\n", "Traceback", "/tmp", "Error:", "gradio")
    return len(text) < 400 and not any(o in text for o in strange)


# ---- endpoints


def test_endpoints_are_named_and_documented(client):
    info = client.view_api(return_format="dict")["named_endpoints"]
    assert set(info) == {"/decompose", "/relight", "/edit_albedo", "/export", "/head"}
    assert all(len(o["description"]) > 100 for o in info.values())
    needed = {
        name: [p["parameter_name"] for p in o["parameters"] if not p["parameter_has_default"]]
        for name, o in info.items()
    }
    assert needed == dict.fromkeys(info, []) | {"/decompose": ["photo"]}


def test_decompose_gives_the_maps_of_the_package(client, astronaut_path, face):
    *maps, light = client.predict(handle_file(astronaut_path), api_name="/decompose")
    for name, path in zip(MAPS, maps, strict=True):
        assert Path(path).suffix == ".png"
        assert like(pixels(path), as_picture(name, getattr(face, name))), name
    np.testing.assert_allclose(light["coeffs"], face.light.coeffs, atol=0.02)


def test_relighting_many_times_runs_the_network_once(
    client, astronaut_path, astronaut, face, calls
):
    client.predict(handle_file(astronaut_path), api_name="/decompose")
    assert len(calls) == 1
    for light in ("rembrandt_left", "neon", "-60,20"):
        picture, numbers = client.predict(light=light, residual=0.5, api_name="/relight")
        expected = face.relight(SHLight.parse(light), residual=0.5).composite()
        assert like(pixels(picture), expected)
        np.testing.assert_allclose(numbers["coeffs"], SHLight.parse(light).coeffs, atol=1e-5)
    own, _ = client.predict(light="own", api_name="/relight")
    assert abs(pixels(own).astype(int) - astronaut).max() <= 2
    assert len(calls) == 1


def test_a_light_is_staged_as_the_package_does(client, astronaut_path, face):
    client.predict(handle_file(astronaut_path), api_name="/decompose")
    window = SHLight.preset("window")
    staged, _ = client.predict(light="window", api_name="/relight")
    assert like(pixels(staged), face.relight(window).composite())
    options = {"contrast": 1.5, "strength": 0.6, "shine": "none", "shadows": "kept"}
    other, _ = client.predict(light="window", **options, api_name="/relight")
    assert like(pixels(other), face.relight(window, **options).composite())
    for bad in ({"contrast": 3}, {"strength": "much"}, {"shine": "gone"}, {"shadows": None}):
        assert is_sentence(ask(client, light="window", **bad, api_name="/relight")), bad


def test_relight_takes_light_from_files(client, astronaut_path, two_faces, tmp_path, face):
    portrait = photo_file(two_faces, tmp_path / "portrait.png")
    window = SHLight.preset("window")
    window.save(tmp_path / "light.json")
    reference = handle_file(tmp_path / "light.json")
    _, numbers = client.predict(
        handle_file(astronaut_path), reference=reference, api_name="/relight"
    )
    np.testing.assert_allclose(numbers["coeffs"], window.coeffs, atol=1e-4)
    sky = np.zeros((32, 64, 3), np.float32)
    sky[8:16, 8:16] = 20  # above, on the picture's right
    write_image(tmp_path / "sky.exr", sky)
    _, numbers = client.predict(reference=handle_file(tmp_path / "sky.exr"), api_name="/relight")
    expected = SHLight.from_envmap(sky).coeffs
    np.testing.assert_allclose(numbers["coeffs"], expected, rtol=1e-3, atol=1e-3)
    _, numbers = client.predict(reference=handle_file(portrait), api_name="/relight")
    direction = SHLight(numbers["coeffs"]).dominant_direction()
    assert abs(direction @ face.light.dominant_direction()) > 0.9  # one person in the same light


def test_every_face_can_be_chosen(client, two_faces, tmp_path):
    photo = handle_file(photo_file(two_faces, tmp_path / "two.png"))

    def relit(face):
        return pixels(client.predict(photo, "split_left", 1, face, api_name="/relight")[0])

    others = {1: np.s_[:, :240], 2: np.s_[:, 288:]}  # where nothing of the other person reaches
    for face, untouched in others.items():
        picture = relit(face)
        assert (picture[untouched] == two_faces[untouched]).all()
        assert (picture != two_faces).any()
    assert "no face 3" in ask(client, photo, face=3, api_name="/decompose")


def test_people_are_put_before_another_background(client, astronaut_path, face, tmp_path):
    client.predict(handle_file(astronaut_path), api_name="/decompose")
    ask_for = dict(light="window", api_name="/relight")
    grey, _ = client.predict(background="#808080", **ask_for)
    relit = face.relight(SHLight.preset("window"))
    assert like(pixels(grey), relit.composite(background=(128 / 255,) * 3))
    cut, _ = client.predict(background="transparent", **ask_for)
    alpha = np.asarray(Image.open(cut))[..., 3] / 255
    assert abs(alpha - face.silhouette).max() < 0.01
    place = np.full((300, 900, 3), (0.9, 0.5, 0.2), np.float32)
    place[:, :300] = 0
    write_image(tmp_path / "place.exr", place)
    sent = handle_file(tmp_path / "place.exr")
    there, light = client.predict(light="background", place=sent, api_name="/relight")
    outside = pixels(there)[face.silhouette == 0]
    assert len(np.unique(outside, axis=0)) < 5  # its middle fills the frame
    assert SHLight(light["coeffs"]).dominant_angles()[0] > 20
    for bad in (
        {"background": "blue"},
        {"background": "#12"},
        {"light": "background"},
        {"background": "#123456", "place": sent},
        {"place": handle_file(__file__)},
    ):
        assert is_sentence(ask(client, **{**ask_for, **bad})), bad


def test_edit_albedo_paints_with_names_and_with_layers(client, astronaut_path, face):
    picture, albedo, layers = client.predict(
        handle_file(astronaut_path), ["lipstick", "beard"], api_name="/edit_albedo"
    )
    assert [o["kind"] for o in layers] == ["touch", "touch"]
    assert pixels(albedo).shape == (512, 512, 3)
    painted = apply_layers(face, [touch(face, name) for name in ("lipstick", "beard")])
    assert like(pixels(picture), painted.composite())
    shown, hidden = layers[0], {**layers[1], "visible": False}
    again, _, _ = client.predict(layers=[shown, hidden], api_name="/edit_albedo")
    assert like(pixels(again), apply_layers(face, [touch(face, "lipstick")]).composite())
    relit, _ = client.predict(light="window", layers=["lipstick", "beard"], api_name="/relight")
    assert like(pixels(relit), painted.relight(SHLight.preset("window")).composite())


def test_export_gives_every_kind_of_file(client, astronaut_path, face, astronaut):
    everything = client.predict(handle_file(astronaut_path), light="split_left", api_name="/export")
    with zipfile.ZipFile(everything) as z:
        names = z.namelist()
        assert z.testzip() is None
        assert {"relit.png", "light.json", "relief.glb"} <= set(names)
        assert any(o.endswith(".exr") for o in names)
        relit = pixels(io.BytesIO(z.read("relit.png")))
    assert like(relit, face.relight(SHLight.preset("split_left")).composite())
    assert Path(client.predict(what="glb", api_name="/export")).read_bytes()[:4] == b"glTF"
    assert Image.open(client.predict(what="gif", api_name="/export")).n_frames > 10
    light = client.predict(what="light", light="window", api_name="/export")
    assert SHLight.load(light) == SHLight.preset("window")
    assert pixels(client.predict(what="picture", api_name="/export")).shape == astronaut.shape
    assert is_sentence(ask(client, what="../x.exe", api_name="/export"))


def off_landmarks(head, told):
    "How far a head, turned as it is said to be, is from its landmarks, in distances of the eyes."
    places = head.landmarks()
    points = head.model.landmarks(head.shape()[None])[0].double().numpy()
    flat = (points @ rotation_matrix(**told["pose"]).T)[:, :2] * [1, -1]
    flat, there = flat - flat.mean(0), places - places.mean(0)
    scale = (flat * there).sum() / (flat * flat).sum()
    eyes = np.linalg.norm(places[36] - places[45])
    return np.linalg.norm(scale * flat - there, axis=1).mean() / eyes


def test_a_head_is_that_of_the_package(client, astronaut_path, astronaut, two_faces, tmp_path):
    trimesh, fitter = pytest.importorskip("trimesh"), HeadFitter.from_pretrained()
    glb, told = client.predict(handle_file(astronaut_path), api_name="/head")
    (head,) = fitter(astronaut)
    mesh = trimesh.load(glb, force="mesh", process=False)
    neutral = head.mesh({}).positions  # the weights of the morph targets make the expression
    assert Path(glb).suffix == ".glb" and np.allclose(mesh.vertices, neutral, atol=1e-5)
    assert told["expression"] == head.expression and len(told["expression"]) == 52
    assert off_landmarks(head, told) < 0.05
    inverted = np.ascontiguousarray(astronaut[::-1, ::-1])
    photo = handle_file(photo_file(inverted, tmp_path / "inverted.png"))
    _, again = client.predict(photo, api_name="/head")
    assert off_landmarks(fitter(inverted)[0], again) < 0.05
    assert abs(abs(told["pose"]["roll"] - again["pose"]["roll"]) - 180) < 5
    there, inverse = (SHLight(x["coeffs"]).dominant_direction() for x in (told, again))
    assert there @ (inverse * [-1, -1, 1]) > 0.9
    two = handle_file(photo_file(two_faces, tmp_path / "two.png"))
    yaws = [client.predict(two, face, api_name="/head")[1]["pose"]["yaw"] for face in (1, 2)]
    assert abs(yaws[0] - yaws[1]) < 10  # the same photo, half as big
    assert "no face 3" in ask(client, two, 3, api_name="/head")


def test_clients_do_not_see_each_other(url, client, astronaut_path, tmp_path):
    client.predict(handle_file(astronaut_path), api_name="/decompose")
    for name in ("/relight", "/edit_albedo", "/export", "/head"):
        stranger = Client(url, verbose=False, download_files=tmp_path)
        assert "There is no photo" in ask(stranger, api_name=name)


def test_bad_photos_get_one_sentence(client, broken_files, wall, tmp_path):
    for name, path in broken_files.items():
        if not path.is_file():
            continue
        text = ask(client, handle_file(path), api_name="/decompose")
        assert path.name in text and is_sentence(text), f"{name}: {text}"
    for name in ("/decompose", "/head"):
        text = ask(client, handle_file(photo_file(wall, tmp_path / "wall.png")), api_name=name)
        assert text.startswith("No face was found in wall.png")
    assert "There is no photo" in ask(client, api_name="/relight")


def test_huge_photos_are_refused_before_they_are_decoded(client, tmp_path):
    Image.new("1", (10_000, 10_000)).save(tmp_path / "hundred.png")  # 100 megapixels in 12 kB
    bomb = bytearray((tmp_path / "hundred.png").read_bytes())
    bomb[16:24] = struct.pack(">II", 60_000, 50_000)
    bomb[29:33] = struct.pack(">I", zlib.crc32(bomb[12:29]))
    (tmp_path / "bomb.png").write_bytes(bomb)
    for name in ("hundred.png", "bomb.png"):
        text = ask(client, handle_file(tmp_path / name), api_name="/decompose")
        assert name in text and "megapixels" in text and is_sentence(text)


def test_light_that_was_returned_can_be_passed_back(client, astronaut_path):
    photo = handle_file(astronaut_path)
    picture, light = client.predict(photo, light="rembrandt_left", api_name="/relight")
    for again in (light, json.dumps(light)):
        same, numbers = client.predict(light=again, api_name="/relight")
        assert numbers == light and like(pixels(same), pixels(picture))
    bare, numbers = client.predict(light=light["coeffs"], api_name="/relight")
    assert numbers == {key: light[key] for key in light if key != "lamps"}  # they are found anew
    assert abs(pixels(bare).astype(int) - pixels(picture)).mean() < 4
    written = client.predict(what="light", light=light, api_name="/export")
    assert SHLight.load(written) == SHLight(light["coeffs"])
    no_lights = {}, {"coeffs": 3}, {"coeffs": [[1e400] * 3] * 9}
    for bad in (*no_lights, [], [[1, 2]], True, None):
        assert is_sentence(ask(client, light=bad, api_name="/relight")), bad


@pytest.mark.slow
def test_endpoints_read_odd_photos(client, odd_photos, face):
    for name in {"linear.exr", "turned.jpg", "deep.tif", "IMG_0001.HEIC"} & set(odd_photos):
        *_, light = client.predict(handle_file(odd_photos[name]), api_name="/decompose")
        assert abs(np.subtract(light["coeffs"], face.light.coeffs)).max() < 0.1, name


def test_bad_lights_and_layers_get_one_sentence(client, astronaut_path, tmp_path):
    client.predict(handle_file(astronaut_path), api_name="/decompose")
    (tmp_path / "bad.json").write_text("{}")
    for light in ("no such light", "1,x", "{}", "/etc/passwd", "light.json"):
        assert is_sentence(ask(client, light=light, api_name="/relight")), light
    Image.new("RGB", (40, 40), "grey").save(tmp_path / "grey.png")
    for name in ("bad.json", "grey.png"):
        text = ask(client, reference=handle_file(tmp_path / name), api_name="/relight")
        assert name in text and is_sentence(text)
    assert is_sentence(ask(client, residual=5, api_name="/relight"))
    for layers in (
        ["moustache of a walrus"],
        [{"kind": "virus"}],
        [{"kind": "paint", "png": "data:text/html,x"}],
        [3],
        {"a": 1},
        "beard",
    ):
        assert is_sentence(ask(client, layers=layers, api_name="/edit_albedo")), layers


def test_uploads_have_a_limit(client, tmp_path):
    (tmp_path / "big.png").write_bytes(bytes(51 << 20))
    text = ask(client, handle_file(tmp_path / "big.png"), api_name="/decompose")
    assert "exceeds the maximum file size" in text


# ---- the page's own events, as a browser sends them


class Tab:
    "A page without a browser: a session that uploads files and calls the page's events."

    def __init__(self, url):
        self.http, self.session = httpx.Client(base_url=url, timeout=120), secrets.token_hex(6)
        events = self.http.get("config").json()["dependencies"]
        self.events = {o["api_name"]: o["id"] for o in events}

    def upload(self, path):
        with open(path, "rb") as file:
            answer = self.http.post("gradio_api/upload", files={"files": (path.name, file)})
        about = {"orig_name": path.name, "meta": {"_type": "gradio.FileData"}}
        return {"path": answer.json()[0], **about}

    def call(self, event, *data, about=None):
        "What an event answers; its components' values, or the sentence of its error."
        session = {"session_hash": self.session}
        ask = {"data": data, "fn_index": self.events[event], "event_data": about, **session}
        self.http.post("gradio_api/queue/join", json=ask).raise_for_status()
        with self.http.stream("GET", "gradio_api/queue/data", params=session) as lines:
            for line in lines.iter_lines():
                told = json.loads(line.removeprefix("data:")) if line else {}
                if told.get("msg") != "process_completed":
                    continue
                output = told["output"]
                return output["data"] if told["success"] else output["error"]

    def bring(self, path):
        "What is said about a photo, and what the page is told."
        _, says, told, _ = self.call("on_photo", None, self.upload(path))
        return says, told


@pytest.fixture
def tab(url, astronaut_path):
    """A page on which a photo was opened and another refused: from then on Gradio has its
    components anew."""
    tab = Tab(url)
    tab.bring(astronaut_path)
    tab.bring(Path(__file__))
    return tab


def test_every_kind_of_photo_opens_after_others(tab, odd_photos, astronaut_path):
    _, plain = tab.bring(astronaut_path)
    light, [box] = plain["faces"]["1"]["light"]["coeffs"], plain["boxes"]
    assert {"deep.png", "linear.exr", "radiance.hdr"} <= set(odd_photos)
    for name, path in odd_photos.items():
        says, told = tab.bring(path)
        assert "boxes" in told, f"{name}: {says}"
        assert abs(np.subtract(told["boxes"][0], box)).max() < 8, name
        if "grey" in name:
            continue
        assert abs(np.subtract(told["faces"]["1"]["light"]["coeffs"], light)).max() < 0.1, name


def test_what_is_cut_out_stays_out(tab, odd_photos):
    _, told = tab.bring(odd_photos["cutout.png"])
    view = told["views"]["whole"] if "whole" in told["views"] else told["views"]["close-1"]
    seen = pixels(Path(told["folder"]) / view["file"])
    assert seen[200, 450].min() > 250  # white, where the photo's colours are hidden


def test_bad_photos_get_one_sentence_after_others(tab, broken_files, wall, tmp_path):
    nasty = photo_file(wall, tmp_path / "<b>wall.png")
    files = [path for path in broken_files.values() if path.is_file()]
    for path in [*files, nasty, Path(__file__)]:
        says, told = tab.bring(path)
        assert says["bad"] and is_sentence(says["text"]), path.name
        assert "boxes" not in told, path.name


def test_light_of_every_kind_of_file_after_others(tab, odd_photos, astronaut_path, face, tmp_path):
    SHLight.preset("neon").save(tmp_path / "neon.JSON")
    for path in [*odd_photos.values(), tmp_path / "neon.JSON"]:
        says, told = tab.call("on_file", None, tab.upload(path))
        assert not says["bad"] and path.name in says["text"], says
        light = SHLight(told["light"]["coeffs"])
        if path.suffix == ".JSON":
            assert light == SHLight.preset("neon")
        elif "grey" not in path.name:
            assert light.dominant_direction() @ face.light.dominant_direction() > 0.97
    says, told = tab.call("on_file", None, tab.upload(Path(__file__)))
    assert says["bad"] and is_sentence(says["text"]) and told is None


def test_events_read_no_file_of_the_server(tab):
    for path in (__file__, "/etc/hostname"):
        answer = tab.call("on_photo", None, {"path": path, "meta": {"_type": "gradio.FileData"}})
        assert not isinstance(answer, list)


def test_examples_run_the_network_once(url, calls):
    first, second = Tab(url), Tab(url)
    answers = [o.call("on_example", None, about={"name": "ben"}) for o in (first, second)]
    assert len(calls) <= 1
    (_, _, a), (_, _, b) = answers
    assert a["visit"] != b["visit"] and a["faces"] == b["faces"] and "paint" in a["faces"]["1"]
    assert (Path(b["folder"]) / b["faces"]["1"]["maps"]["file"]).is_file()
    assert second.call("on_example", None, about={"name": "../x"})[1]["bad"]


def test_saving_ends_with_the_file(tab, astronaut_path, face):
    tab.bring(astronaut_path)
    done = {**scene(face), "job": "7", "kind": "jpg"}
    relief, told = tab.call("relief", None, done)
    assert Path(relief["path"]).read_bytes()[:4] == b"glTF" and told["done"] and told["job"] == "7"
    [told] = tab.call("partial", None, done)
    assert told["name"] == "astronaut-relit.jpg" and Image.open(told["file"]).format == "JPEG"


def test_the_first_page_is_ready(url, calls):
    _, _, told = Tab(url).call("on_start")
    assert not calls and "paint" in told["faces"]["1"]


# ---- what the page is told, and what is made of what it says


@pytest.fixture
def taken(app, face):
    taken = app.illures_demo.visits.taken_apart([face], "me.jpg")
    yield taken
    app.illures_demo.visits.forget(taken)


def test_the_page_gets_the_maps(app, taken, face):
    told = json.loads(json.dumps(app.illures_demo.payload.for_page(taken, 1)))
    o = told["faces"]["1"]
    data = (taken.folder / o["maps"]["file"]).read_bytes()
    maps = {name: getattr(face, name) for name in ("albedo", "normals", "residual", "mask")}
    for name, x in {**maps, "reach": face.photo.reach}.items():
        i = o["maps"]["index"][name]
        steps = np.frombuffer(data, "<u2", i["count"], i["at"])
        got = i["low"] + steps * ((i["high"] - i["low"]) / 65535)
        np.testing.assert_allclose(got, x.ravel(), atol=1e-4)
    view = told["views"]["close-1"]
    corner = np.array(view["back"]) @ [0, 0, 1]
    x, y = np.round(corner).astype(int)
    seen = pixels(taken.folder / view["file"])
    part = face.photo.picture[y : y + seen.shape[0], x : x + seen.shape[1]]
    assert part.shape == seen.shape  # a small photo is not resized
    assert abs(part.astype(int) - seen).mean() < 3  # JPEG


def app_light(light):
    "A light as the page has it."
    from illures_demo.payload import light_for_page

    return light_for_page(light)


def scene(f, **changed):
    "What the page says of a face: its own light and no paint, unless changed."
    light = app_light(f.light)
    usual = {"face": 1, "light": light["coeffs"], "lamps": light["lamps"], "layers": []}
    return {"version": 1, "face": 1, "faces": [usual | changed]}


def test_a_scene_is_made_again_at_full_size(app, taken, face):
    light = SHLight.preset("window")
    do = app.illures_demo.handlers.Handlers(None)
    beard = touch(face, "beard")
    numbers = app_light(light)
    changed = {"light": numbers["coeffs"], "lamps": numbers["lamps"], "layers": [asdict(beard)]}
    options = {"contrast": 0.5, "strength": 1.5, "shine": "kept", "shadows": "none"}
    done = scene(face, **changed, staging=options)
    path = do.made("picture", taken, {**done, "kind": "png"})
    assert Path(path).name == "me-relit.png"
    expected = apply_layers(face, [beard]).relight(light, **options).composite()
    assert like(pixels(path), expected)


def test_a_scene_keeps_its_background(app, taken, face):
    do = app.illures_demo.handlers.Handlers(None)
    for background, colours in (({"kind": "photo"}, 3), ({"kind": "transparent"}, 4)):
        path = do.made("picture", taken, {**scene(face), "kind": "png", "background": background})
        assert np.asarray(Image.open(path)).shape[2] == colours
    everything = {**scene(face), "background": {"kind": "transparent", "colour": "#000000"}}
    with zipfile.ZipFile(do.made("zip", taken, everything)) as z:
        assert json.loads(z.read("scene.json"))["background"] == everything["background"]
        assert Image.open(z.open("relit.png")).mode == "RGBA"
    bad = {"kind": "transparent"}, {"kind": "picture"}, {"kind": "colour", "colour": "red"}, {}, 7
    for background in (*bad, {"kind": "moon"}):
        with pytest.raises(gr.Error) as e:
            done = {**scene(face), "kind": "jpg", "background": background or {"kind": None}}
            do.made("picture", taken, done)
        assert is_sentence(e.value.message), background


def test_a_scene_of_before_is_made_again(app, taken, face):
    "Pages scaled the residual, and their lights had no lamps."
    do = app.illures_demo.handlers.Handlers(None)
    window = SHLight.preset("window").coeffs
    of_before = {"face": 1, "light": window.tolist(), "residual": 0.5, "layers": []}
    path = do.made("picture", taken, {"version": 1, "face": 1, "faces": [of_before], "kind": "png"})
    assert (pixels(path) == face.relight(window, 0.5).composite()).all()


def test_bad_scenes_get_one_sentence(app, taken, face):
    do = app.illures_demo.handlers.Handlers(None)
    bad = [
        None,
        {},
        [],
        {"faces": 3},
        scene(face, light=[1, 2]),
        scene(face, residual=float("nan")),
        scene(face, residual=9),
        scene(face, staging={"contrast": 9}),
        scene(face, staging={"shine": "gone"}),
        scene(face, staging={"glow": 1}),
        scene(face, lamps={"lamps": 3}),
        scene(face, layers=[{}]),
        scene(face, layers=[{"kind": "paint"}] * 1000),
        scene(face, face=2),
        scene(face, face="x"),
        scene(face, light=[[float("inf")] * 3] * 9),
        {**scene(face), "kind": "../x"},
    ]
    for o in bad:
        *_, told = do.save("picture", taken, o)
        assert told["done"] and "file" not in told and is_sentence(told["error"]), o


def test_fifty_faces(app, face):
    do = app.illures_demo.handlers.Handlers(lambda path: [face] * 50)
    taken, said, told, _ = do.on_photo(None, {"path": "crowd.jpg"})
    assert "50 faces were found: the 12 biggest" in said["text"]
    assert len(told["boxes"]) == 12 and list(told["faces"]) == ["1"]
    told = do.on_face(taken, NEUTRAL(face="all"))
    assert len(told["faces"]) == 12
    with pytest.raises(gr.Error, match="no face 13"):
        do.on_face(taken, NEUTRAL(face=13))
    app.illures_demo.visits.forget(taken)


def test_file_names_are_harmless(app, face):
    for name in ("../../etc/passwd.jpg", "con.png", "<b>.png", "a\nb.jpg", "x" * 300 + ".jpg"):
        taken = app.illures_demo.visits.taken_apart([face], f"/tmp/{name}")
        path = app.illures_demo.visits.new_file(taken, f"{taken.name}-relit.png")
        assert path.resolve().parent.parent == taken.folder.resolve()
        assert len(path.name) < 100 and not set(path.name) & set("<>\n/\\")
        app.illures_demo.visits.forget(taken)


def test_files_of_a_visit_go(app, taken):
    for _ in range(3 * app.illures_demo.settings.RECENT):
        app.illures_demo.visits.new_file(taken, "x").write_text("x")
    assert len(list(taken.folder.iterdir())) == app.illures_demo.settings.RECENT + 1
    app.illures_demo.visits.forget(taken)
    assert not taken.folder.exists()


def test_a_lent_gpu_is_used(monkeypatch, load_app):
    lent = []

    def lend(fn):
        lent.append(fn)
        return fn

    spaces = types.SimpleNamespace(GPU=lambda duration: lend)
    monkeypatch.setitem(sys.modules, "spaces", spaces)
    load_app().illures_demo.handlers.Handlers(None)
    assert len(lent) == 1


def test_without_weights_one_sentence(app, monkeypatch):
    def missing(*args, **settings):
        raise FileNotFoundError("this installation has no weights")

    monkeypatch.setattr(Decomposer, "from_pretrained", missing)
    with pytest.raises(SystemExit, match="illures: this installation has no weights"):
        app.main()


def test_broken_uploads_do_not_stay(client, app, astronaut_path):
    """What a visitor who vanished left behind goes when the next one brings a photo; an upload that
    is still going on stays."""
    folder = Path(gr.utils.get_upload_folder())
    folder.mkdir(parents=True, exist_ok=True)
    old, new = folder / "tmp-old", folder / "tmp-new"
    for path in (old, new):
        path.write_bytes(b"half a photo")
    os.utime(old, (0, time.time() - 2 * app.illures_demo.settings.STALE))
    client.predict(handle_file(astronaut_path), api_name="/decompose")
    assert not old.exists() and new.exists()
    new.unlink()


def test_a_refusal_is_short_whatever_was_sent(client, astronaut_path):
    photo, light = handle_file(astronaut_path), "9" * 1_000_000
    assert len(ask(client, photo, light=light, api_name="/relight")) < 700


def test_layers_have_a_limit(client, astronaut_path):
    photo, layers = handle_file(astronaut_path), ["beard"] * 5000
    assert "at most 100 layers" in ask(client, photo, layers, api_name="/edit_albedo")


def test_lamps_have_a_limit(client, astronaut_path):
    lamp = {"direction": [0, 0, 1], "colour": [0, 0, 0], "softness": 0.1}
    window = json.loads(SHLight.preset("window").to_json())
    window["lamps"]["lamps"] += [lamp] * 500
    text = ask(client, handle_file(astronaut_path), light=window, api_name="/relight")
    assert "at most 200 lamps" in text


def test_a_refused_reference_is_said_as_it_is(client, astronaut_path, tmp_path):
    "One sentence, not the quotation of one."
    (tmp_path / "light.json").write_text("{")
    photo, reference = map(handle_file, (astronaut_path, tmp_path / "light.json"))
    text = ask(client, photo, reference=reference, api_name="/relight")
    assert text.startswith("light.json is not a light")
