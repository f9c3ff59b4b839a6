"""The static page of web/, built, served by a plain host, in a real browser: the package's answers,
nothing asked for after loading, offline, every kind of photo, saving at full size."""

import importlib.util
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import static_page
from PIL import Image
from static_page import Visit, difference, relit_by_package, served

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def builder():
    "web/build.py, where npm's archive was brought once."
    spec = importlib.util.spec_from_file_location("build", ROOT / "web/build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    archive = module.BUILT / f"{module.RUNTIME}-{module.VERSION}.tgz"
    if not archive.is_file():
        pytest.skip(f"{archive.name} is not in {module.BUILT}: `make web` brings it by npm")
    return module


@pytest.fixture(scope="module")
def built(builder, tmp_path_factory):
    "A folder with the page, and the bytes of a first visit by engine."
    out = tmp_path_factory.mktemp("web") / "page"
    return out, builder.build(out)


@pytest.fixture(scope="module")
def browser():
    if not static_page.CHROMIUM:
        pytest.skip("the browser test needs Chromium: apt-get install chromium")
    pytest.importorskip("playwright.sync_api")
    with static_page.chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def host(built):
    with served(built[0]) as host:
        yield host


@pytest.fixture(scope="module")
def visit(browser, host):
    "One page for all tests that do not care what was open before."
    visit = Visit(browser, f"{host.url}?engine=wasm", accept_downloads=True)
    yield visit
    visit.context.close()
    assert not visit.errors


# ---- what is built


def test_a_first_visit_is_small(built, host, visit):
    out, sizes = built
    assert max(sizes.values()) <= 25e6
    assert host.sent <= sizes["wasm"] + 2e6  # scripts come twice, for the page and to be kept
    page = "".join(p.read_text(encoding="utf-8") for p in out.glob("*.html"))
    assert not re.search(r"<!-- \w+\.html -->|https?://(?!www\.w3\.org)", page)


def test_the_page_runs_the_demos_own_scripts(built):
    out, _ = built
    for script in (ROOT / "assets/studio").glob("*.js"):
        assert (out / "studio" / script.name).read_bytes() == script.read_bytes()


def test_a_folder_for_a_space(builder, built):
    out, _ = built
    copy = out.parent / "space"
    shutil.copytree(out, copy)
    builder.write_space(copy)
    head = (copy / "README.md").read_text(encoding="utf-8").split("---\n")[1]
    assert "sdk: static" in head and "cross-origin-embedder-policy: require-corp" in head
    rows = (copy / ".gitattributes").read_text(encoding="utf-8").splitlines()
    stored = {path for row in rows for path in copy.rglob(row.split()[0]) if "=lfs" in row}
    for path in (path for path in copy.rglob("*") if path.is_file()):
        try:
            path.read_text(encoding="utf-8")
            is_text = path.stat().st_size <= 10e6
        except UnicodeDecodeError:
            is_text = False
        assert (path in stored) != is_text, path


# ---- as the package


def assert_agrees(visit, decomposer, path, light, folder):
    visit.bring(path)
    visit.js("light => illures.use(light)", light)
    picture = visit.save(folder / "relit.png")[..., :3]
    photo, expected = relit_by_package(decomposer, path, light)
    mean, most = difference(photo, picture, expected)
    assert mean <= 1, (path.name, light, mean, most)


@pytest.mark.parametrize("name, light", [("ada", "rembrandt_left"), ("grace", "golden_hour")])
def test_a_relit_picture_is_the_packages(visit, decomposer, name, light, tmp_path):
    "Detection, layers, person, tone, light and the photo at its full size, all in the page."
    path = ROOT / f"assets/examples/{name}.jpg"
    assert_agrees(visit, decomposer, path, light, tmp_path)


def test_the_lights_of_page_and_package_agree(visit, decomposer, astronaut_path):
    visit.bring(astronaut_path)
    (f,) = decomposer(astronaut_path)
    own = np.reshape(visit.js("illures.face.own.coeffs"), (9, 3))
    assert abs(own - f.light.coeffs).max() < 0.03 * abs(f.light.coeffs).max()


# ---- by itself


def test_nothing_is_asked_for_after_loading(visit, host, astronaut_path, tmp_path):
    host.asked.clear()
    visit.bring(astronaut_path)
    before = visit.js("illures.canvas.toDataURL()")
    box = visit.page.locator(".frame .picture").bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    visit.page.mouse.move(*middle)
    visit.page.mouse.down()
    visit.page.mouse.move(middle[0] + 80, middle[1] - 40, steps=4)
    visit.page.mouse.up()
    visit.wait("!illures.asked")
    assert visit.js("illures.look.lights[0].azimuth") > 15
    assert visit.js("illures.canvas.toDataURL()") != before
    visit.page.get_by_label("JPEG").check()
    assert visit.save(tmp_path / "relit.jpg", "JPEG").shape == (512, 512, 3)
    visit.page.get_by_role("button", name="Grace Hopper").click()
    visit.wait("illures.photo.name === 'grace' && illures.seen && !illures.busy")
    assert host.asked == []


def test_it_works_without_a_network(browser, built):
    with served(built[0]) as host:
        visit = Visit(browser, f"{host.url}?engine=wasm")
        said = visit.page.locator("#engine").text_content()
        assert "kept for offline use" in said and visit.js("crossOriginIsolated")
        assert visit.js("navigator.hardwareConcurrency") == 1 or "threads" in said
        url = host.url
    visit.go(url)  # nobody answers there any more
    assert visit.js("illures.face.size") == 128
    visit.context.close()


# ---- photos as people have them


def test_turned_and_transparent_photos(visit, odd_photos, tmp_path):
    visit.bring(odd_photos["turned.jpg"])
    assert visit.js("illures.photo.size") == [512, 512]
    _, y0, _, y1 = visit.js("illures.photo.boxes[0]")
    left, right = visit.js("[36, 45].map(k => illures.face.person.M)")
    assert abs(left[1][0]) < 0.2 * left[0][0] and y1 - y0 > 50 and left == right  # upright
    visit.bring(odd_photos["cutout.png"])
    visit.js("illures.use('window')")
    saved = visit.save(tmp_path / "cut.png")
    alpha = np.asarray(Image.open(odd_photos["cutout.png"]))[..., 3]
    assert np.array_equal(saved[..., 3], alpha)


def test_what_the_camera_wrote_stays(visit, astronaut, tmp_path):
    "EXIF of a JPEG: upright, without the small picture of before."
    exif = Image.Exif()
    exif[271], exif[274], exif[306] = "Camera", 6, "2026:11:30 12:00:00"
    sideways = Image.fromarray(astronaut).transpose(Image.Transpose.ROTATE_90)
    sideways.save(tmp_path / "photo.jpg", exif=exif.tobytes(), quality=95)
    visit.bring(tmp_path / "photo.jpg")
    visit.js("illures.use('window')")
    visit.save(tmp_path / "relit.jpg", "JPEG")
    with Image.open(tmp_path / "relit.jpg") as saved:
        kept = saved.getexif()
        assert (kept[271], kept[274], kept[306]) == ("Camera", 1, "2026:11:30 12:00:00")
        off = abs(np.asarray(saved).astype(int) - astronaut)
    assert saved.size == (512, 512) and off[:, :40].mean() < 4  # not the person's


def test_grey_photos_stay_grey(visit, odd_photos, tmp_path):
    visit.bring(odd_photos["grey.jpg"])
    visit.js("illures.use('front')")
    saved = visit.save(tmp_path / "grey.png")[..., :3].astype(int)
    assert np.ptp(saved, -1).max() <= 1


def test_several_faces(visit, two_faces, tmp_path):
    Image.fromarray(two_faces).save(tmp_path / "two.png")
    visit.bring(tmp_path / "two.png")
    assert visit.js("illures.count") == 2 and visit.js("illures.faces.size") == 2
    assert "2 faces were found" in visit.page.locator("#said").text_content()
    visit.page.get_by_label("Which face").select_option("all")
    visit.js("illures.use('split_left')")
    saved = visit.save(tmp_path / "relit.png")[..., :3].astype(int)
    changed = abs(saved - two_faces).max(-1) > 8
    assert changed[200:456, 20:276].mean() > 0.02 and changed[:, 288:].mean() > 0.02


def test_a_large_photo_is_saved_at_its_size(visit, astronaut, tmp_path):
    large = Image.fromarray(astronaut).resize((3000, 3000), Image.Resampling.BICUBIC)
    large.save(tmp_path / "large.jpg", quality=90)
    visit.bring(tmp_path / "large.jpg")
    visit.js("illures.use('split_left')")
    saved = visit.save(tmp_path / "relit.png")[..., :3].astype(int)
    assert saved.shape == (3000, 3000, 3)
    off = abs(saved - np.asarray(Image.open(tmp_path / "large.jpg"))).max(-1)
    assert (off > 8).mean() > 0.03 and off[-1, -1] == 0  # the last corner is not the person's


def test_what_cannot_be_opened_is_said(visit, broken_files, wall, tmp_path):
    Image.fromarray(wall).save(tmp_path / "wall.png")
    assert "No face was found in wall.png" in visit.refused(tmp_path / "wall.png")
    seen = visit.js("illures.photo.visit")
    for name in ("empty", "letter", "noise", "header", "pickle"):
        said = visit.refused(broken_files[name])
        assert broken_files[name].name in said and said.count(".") <= 3, said
    assert "400 megapixels" in visit.refused(broken_files["huge"])
    (tmp_path / "IMG.HEIC").write_bytes(b"\0\0\0\x18ftypheic" + bytes(200))
    assert "HEIC" in visit.refused(tmp_path / "IMG.HEIC")
    assert visit.js("illures.photo.visit") == seen  # what was open stays open


def test_a_search_can_be_broken_off(visit, wall, tmp_path):
    "By a button, and by a newer photo."
    Image.fromarray(wall).save(tmp_path / "wall.png")
    for leave in (visit.page.get_by_role("button", name="Cancel").click, None):
        seen = visit.js("illures.photo.visit")
        visit.page.set_input_files("#photo input", tmp_path / "wall.png")
        visit.wait("illures.busy?.what === 'Looking harder'")
        if leave:
            leave()
            visit.wait("!illures.busy")
            assert visit.js("illures.photo.visit") == seen
    visit.page.get_by_role("button", name="Ada").click()
    visit.wait("illures.photo.name === 'ada' && illures.seen && !illures.busy")
    assert not visit.page.locator("#said .bad").count()


def test_a_light_from_another_portrait(visit, tmp_path):
    visit.page.locator("#from-file summary").click()
    visit.page.set_input_files("#file input", ROOT / "assets/examples/ben.jpg")
    visit.page.get_by_text("The light on the face in ben.jpg").wait_for()
    assert visit.js("illures.chosenLight.source") == "file"
    (tmp_path / "letter.json").write_text(json.dumps({"Dear": "Sir"}))
    visit.page.set_input_files("#file input", tmp_path / "letter.json")
    visit.page.get_by_text("letter.json holds no light").wait_for()
    visit.page.locator("#from-file summary").click()


# ---- for everybody

NAMELESS = """() => [...document.querySelectorAll("button, input, select, textarea, [role=slider]")]
    .filter(o => o.checkVisibility())
    .filter(o => !(o.ariaLabel || o.labels?.length || o.textContent.trim()))
    .map(o => o.outerHTML.slice(0, 99))"""


def test_every_control_has_a_name_and_a_keyboard_will_do(visit, astronaut_path):
    visit.bring(astronaut_path)
    assert visit.js(NAMELESS) == []
    visit.page.locator(".ball").focus()
    for _ in range(3):
        visit.page.keyboard.press("ArrowLeft")
    azimuth = visit.js("illures.look.lights[0].azimuth")
    visit.page.keyboard.press("Control+z")
    assert visit.js("illures.look.lights[0].azimuth") != azimuth
    visit.page.locator("#about").click()
    seen = set()
    for _ in range(60):
        visit.page.keyboard.press("Tab")
        seen.add(visit.js("document.activeElement.ariaLabel ?? document.activeElement.id"))
    assert any(name and name.startswith("Your photo") for name in seen)
    assert {"save-picture", "Eileen Collins, astronaut"} <= seen


def test_a_phone_where_nothing_may_be_kept(browser, host):
    "No service worker: one thread, and each visit fetches all; all of it fits, and fingers do."
    screen = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    visit = Visit(browser, f"{host.url}?engine=wasm", service_workers="block", **screen)
    said = visit.page.locator("#engine").text_content()
    assert "1 thread" in said and "offline" not in said
    assert visit.js("document.documentElement.scrollWidth") <= 390
    small = """() => [...document.querySelectorAll("#page button")]
        .filter(o => o.checkVisibility() && o.getBoundingClientRect().height < 40)
        .map(o => o.outerHTML.slice(0, 99))"""
    assert visit.js(small) == []
    visit.context.close()


def test_axe_finds_nothing_grave(visit, astronaut_path):
    "Where axe-core lies in a cache; tests/test_browser_axe.py brings it there."
    from test_browser_axe import CACHE, grave

    if not (CACHE / "axe.min.js").is_file():
        pytest.skip(f"axe-core is not in {CACHE}")
    visit.bring(astronaut_path)
    visit.js((CACHE / "axe.min.js").read_text(encoding="utf-8"))
    assert grave(visit.page) == []
