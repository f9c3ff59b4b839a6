"The demo: its endpoints through a live server, and the page in a real browser."
import importlib.util
import io
import shutil
import sys
import types
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from gradio_client import Client, handle_file
from PIL import Image

from illures_nb import SHLight
from illures_nb.decompose import MAPS, as_picture
from illures_nb.face import invert_transform, transform_points
from illures_nb.image import write_image

ROOT = Path(__file__).parents[1]
PATIENCE = 180_000  # ms, for machines that have other things to do


def load_app():
    spec = importlib.util.spec_from_file_location("illures_app", ROOT / "app.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def app(): return load_app()


@pytest.fixture
def calls(decomposer):
    "Grows by one whenever the network runs."
    seen = []
    hook = decomposer.net.register_forward_hook(lambda *_: seen.append(1))
    yield seen
    hook.remove()


@pytest.fixture(scope="session")
def url(app, decomposer):
    "The page, served on this machine."
    demo = app.build_demo(decomposer)
    yield demo.launch(prevent_thread_lock=True, quiet=True, inbrowser=False)[1]
    demo.close()


@pytest.fixture
def client(url, tmp_path): return Client(url, verbose=False, download_files=tmp_path)


@pytest.fixture(scope="session")
def face(decomposer, astronaut_path): return decomposer(astronaut_path)[0]


def pixels(path): return np.asarray(Image.open(path))
def like(a, b): return a.shape == b.shape and abs(a.astype(int) - b).max() <= 2 # the server's threads may sum in another order
def photo_file(picture, path): Image.fromarray(picture).save(path); return path


def ask(client, *args, **kwargs):
    "The sentence an endpoint refuses with."
    with pytest.raises(Exception) as e: client.predict(*args, **kwargs)
    return str(e.value)


def is_sentence(text): return len(text) < 400 and "\n" not in text and "Traceback" not in text and not any(o in text for o in ("/tmp", "Error:", "gradio"))


# ---- endpoints


def test_endpoints_are_named_and_documented(client):
    info = client.view_api(return_format="dict")["named_endpoints"]
    assert set(info) == {"/decompose", "/relight"}
    assert all(len(o["description"]) > 100 for o in info.values())
    needed = {name: [p["parameter_name"] for p in o["parameters"] if not p["parameter_has_default"]] for name, o in info.items()}
    assert needed == {"/decompose": ["photo"], "/relight": []}


def test_decompose_gives_the_maps_of_the_package(client, astronaut_path, face):
    *maps, light = client.predict(handle_file(astronaut_path), api_name="/decompose")
    for name, path in zip(MAPS, maps, strict=True):
        assert Path(path).suffix == ".png"
        assert like(pixels(path), as_picture(name, getattr(face, name))), name
    np.testing.assert_allclose(light["coeffs"], face.light.coeffs, atol=.02)


def test_relighting_many_times_runs_the_network_once(client, astronaut_path, astronaut, face, calls):
    client.predict(handle_file(astronaut_path), api_name="/decompose")
    assert len(calls) == 1
    for light in ("rembrandt_left", "neon", "-60,20"):
        picture, numbers = client.predict(light=light, residual=.5, api_name="/relight")
        expected = face.relight(SHLight.parse(light), residual=.5).composite()
        assert like(pixels(picture), expected)
        np.testing.assert_allclose(numbers["coeffs"], SHLight.parse(light).coeffs, atol=1e-5)
    own, _ = client.predict(light="own", api_name="/relight")
    assert abs(pixels(own).astype(int) - astronaut).max() <= 2
    assert len(calls) == 1


def test_relight_takes_light_from_files(client, astronaut_path, two_faces, tmp_path, face):
    portrait = photo_file(two_faces, tmp_path / "portrait.png")
    window = SHLight.preset("window")
    window.save(tmp_path / "light.json")
    _, numbers = client.predict(handle_file(astronaut_path), reference=handle_file(tmp_path / "light.json"), api_name="/relight")
    np.testing.assert_allclose(numbers["coeffs"], window.coeffs, atol=1e-4)
    sky = np.zeros((32, 64, 3), np.float32)
    sky[8:16, 8:16] = 20  # above, on the picture's right
    write_image(tmp_path / "sky.exr", sky)
    _, numbers = client.predict(reference=handle_file(tmp_path / "sky.exr"), api_name="/relight")
    np.testing.assert_allclose(numbers["coeffs"], SHLight.from_envmap(sky).coeffs, rtol=1e-3, atol=1e-3)
    _, numbers = client.predict(reference=handle_file(portrait), api_name="/relight")
    assert abs(SHLight(numbers["coeffs"]).dominant_direction() @ face.light.dominant_direction()) > .9  # the same person in the same light


def test_every_face_can_be_chosen(client, two_faces, tmp_path):
    photo = handle_file(photo_file(two_faces, tmp_path / "two.png"))
    first, second = (pixels(client.predict(photo, "split_left", 1, face, api_name="/relight")[0]) for face in (1, 2))
    assert (first[:, :280] == two_faces[:, :280]).all() and (first != two_faces).any()
    assert (second[:, 288:] == two_faces[:, 288:]).all() and (second != two_faces).any()
    assert "no face 3" in ask(client, photo, face=3, api_name="/decompose")


def test_clients_do_not_see_each_other(url, client, astronaut_path, tmp_path):
    client.predict(handle_file(astronaut_path), api_name="/decompose")
    assert "There is no photo" in ask(Client(url, verbose=False, download_files=tmp_path), api_name="/relight")


def test_bad_photos_get_one_sentence(client, broken_files, wall, tmp_path):
    for name, path in broken_files.items():
        if not path.is_file(): continue
        text = ask(client, handle_file(path), api_name="/decompose")
        assert path.name in text and is_sentence(text), f"{name}: {text}"
    text = ask(client, handle_file(photo_file(wall, tmp_path / "wall.png")), api_name="/decompose")
    assert text.startswith("No face was found in wall.png")
    assert "There is no photo" in ask(client, api_name="/relight")


def test_bad_lights_get_one_sentence(client, astronaut_path, tmp_path):
    client.predict(handle_file(astronaut_path), api_name="/decompose")
    (tmp_path / "bad.json").write_text("{}")
    for light in ("no such light", "1,x", "{}", "/etc/passwd", "light.json"):
        assert is_sentence(ask(client, light=light, api_name="/relight")), light
    Image.new("RGB", (40, 40), "grey").save(tmp_path / "grey.png")
    for name in ("bad.json", "grey.png"):
        text = ask(client, reference=handle_file(tmp_path / name), api_name="/relight")
        assert name in text and is_sentence(text)
    assert is_sentence(ask(client, residual=5, api_name="/relight"))


def test_uploads_have_a_limit(client, tmp_path):
    (tmp_path / "big.png").write_bytes(bytes(51 << 20))
    assert "exceeds the maximum file size" in ask(client, handle_file(tmp_path / "big.png"), api_name="/decompose")


# ---- what the page is made of


def test_turning_a_light(app):
    for name in SHLight.presets():
        base = SHLight.preset(name)
        np.testing.assert_allclose(app.aim(base, *app.angles(base)).coeffs, base.coeffs, atol=1e-5)
    turned = app.aim(SHLight.preset("window"), 40, -20, strength=2)
    assert np.abs(np.array(turned.dominant_angles()) - (40, -20)).max() < 1
    warm = app.aim(SHLight.preset("front"), 0, 0, warmth=1).coeffs[0]
    assert warm[0] > warm[2]
    normals = np.eye(3, dtype=np.float32)
    np.testing.assert_allclose(app.aim(turned, 0, 0, strength=0, ambient=.5).shade(normals), .5, atol=1e-6)


def test_the_view_shows_what_is_saved(app, face):
    g, light = app.close_up(face), SHLight.preset("split_left")
    whole, part = face.relight(light).composite(), g.relight(light).composite()
    x, y = np.round(transform_points(transform_points(np.zeros(2), g.photo.transform), invert_transform(face.photo.transform))).astype(int)
    same = whole[y:y+part.shape[0], x:x+part.shape[1]]
    assert (face.photo.picture[y:y+part.shape[0], x:x+part.shape[1]] == g.photo.picture).all()
    assert abs(same.astype(int) - part).max() <= 2


def test_messages_cannot_carry_html(app, wall, decomposer, tmp_path):
    path = photo_file(wall, tmp_path / "<img src=x onerror=alert(1)>.png")
    out = app.Handlers(decomposer).on_photo(None, str(path), False, "window", None, 1, 1, 0, 0)
    assert out[0] is None and "No face" in out[1] and "<img" not in out[1]


def test_files_of_a_visit_go(app, face):
    taken = app.taken_apart([face])
    for _ in range(3*app.RECENT): app.new_file(taken, "x").write_text("x")
    assert len(list(taken.folder.iterdir())) == app.RECENT + 1
    app.forget(taken)
    assert not taken.folder.exists()


def test_a_lent_gpu_is_used(monkeypatch):
    lent = []
    monkeypatch.setitem(sys.modules, "spaces", types.SimpleNamespace(GPU=lambda duration: lambda fn: lent.append(fn) or fn))
    load_app().Handlers(None)
    assert len(lent) == 1


def test_without_weights_one_sentence(app, monkeypatch):
    def missing(*args): raise FileNotFoundError("this installation has no weights")
    monkeypatch.setattr(app.Decomposer, "from_pretrained", missing)
    with pytest.raises(SystemExit, match="illures: this installation has no weights"): app.main()


# ---- in a browser


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]


@pytest.fixture(scope="module")
def browser():
    if not CHROMIUM: pytest.skip("the browser test needs Chromium: apt-get install chromium")
    with pytest.importorskip("playwright.sync_api").sync_playwright() as p:
        chromium = p.chromium.launch(executable_path=CHROMIUM, headless=True, args=QUIET)
        yield chromium
        chromium.close()


def open_page(browser, url, width, elsewhere):
    "The page, with every request to another machine noted."
    page = browser.new_page(viewport={"width": width, "height": 844})
    page.set_default_timeout(PATIENCE)
    page.on("request", lambda r: elsewhere.append(r.url) if urlsplit(r.url).hostname not in (None, "127.0.0.1", "localhost") else None)
    page.goto(url)
    page.wait_for_selector("#photo input[type=file]", state="attached")
    return page


def seen(page, other_than=("", None)):
    "Address and pixels of the relit picture, once it is another one than `other_than` and stays the same for a second."
    address = lambda: next((o for o in page.eval_on_selector_all("#compare img", "x => x.map(o => o.src)") if "preview" in o), "")
    was, steady = other_than[0], 0
    for _ in range(PATIENCE//250):
        page.wait_for_timeout(250)
        now = address()
        steady = steady + 1 if now == was else 0
        was = now
        if now not in ("", other_than[0]) and steady >= 4: return now, pixels(io.BytesIO(page.request.get(now).body()))
    pytest.fail("the picture did not change")


def test_page_in_a_browser(browser, url, astronaut, astronaut_path, broken_files, calls, tmp_path):
    "Upload, see the layers, move a slider, choose a preset, save: the picture follows and the network runs once."
    elsewhere = []
    page = open_page(browser, url, 1280, elsewhere)
    page.set_input_files("#photo input[type=file]", astronaut_path)
    first = seen(page)
    assert page.locator("#layers img").count() == 7 and all(page.locator("#layers img").evaluate_all("x => x.map(o => o.alt.length > 10)"))
    page.locator("#azimuth input[type=range]").focus()
    for _ in range(30): page.keyboard.press("ArrowRight")
    second = seen(page, first)
    assert abs(second[1].astype(int) - first[1]).max() > 10
    page.get_by_label("Neon").check()
    third = seen(page, second)
    assert abs(third[1].astype(int) - second[1]).max() > 10
    with page.expect_download() as download: page.get_by_role("button", name="Save the whole photo").click()
    download.value.save_as(tmp_path / "relit.png")
    saved = pixels(tmp_path / "relit.png")
    assert saved.shape == astronaut.shape and (saved[300:] == astronaut[300:]).all() and (saved != astronaut).any()
    with page.expect_download() as download: page.get_by_role("button", name="Save light.json").click()
    assert SHLight.load(download.value.path()).coeffs.any()
    assert page.get_by_role("button", name="Download").count() == 0
    assert len(calls) == 1 and not elsewhere
    page.get_by_label("Remove Image").click()
    page.set_input_files("#photo input[type=file]", broken_files["half"])
    page.get_by_role("status").filter(has_text="half.jpg").wait_for()
    page.close()


def test_page_on_a_phone(browser, url, two_faces, tmp_path):
    "Nothing is wider than the screen; with two faces one can choose."
    page = open_page(browser, url, 390, [])
    page.set_input_files("#photo input[type=file]", photo_file(two_faces, tmp_path / "two.png"))
    first = seen(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator("#which").get_by_label("2").check()
    second = seen(page, first)
    assert second[1].shape != first[1].shape
    page.close()
