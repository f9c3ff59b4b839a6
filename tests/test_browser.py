"""The demo's page in a real browser: relighting and painting without a request, the same arithmetic
as the package, saving, phones, no WebGL."""

import base64
import io
import json
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

from illures_nb import SHLight
from illures_nb.edit import decal, fine_albedo
from illures_nb.image import write_image
from illures_nb.light import ball_normals

PATIENCE = 180_000  # ms, for machines that have other things to do
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGS = [
    "--no-sandbox",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
NO_WEBGL = """const get = HTMLCanvasElement.prototype.getContext
HTMLCanvasElement.prototype.getContext = function(kind, ...rest) {
    return kind === "webgl2" ? null : get.call(this, kind, ...rest)
}"""
ANY_WEBGL = """const ask = WebGL2RenderingContext.prototype.getExtension
WebGL2RenderingContext.prototype.getExtension = function(name) {
    return name === "WEBGL_debug_renderer_info" ? null : ask.call(this, name)
}"""  # who plays it is hidden
LIGHT = "illures.scene().faces[0].light"  # what shines on the face, as numbers
READY = "v => illures.seen && illures.photo.visit !== v && illures.face.paint && !illures.busy"
AS_URL = """(x => {
    const c = Object.assign(document.createElement('canvas'), {width: x.width, height: x.height})
    c.getContext('2d').putImageData(x, 0, 0)
    return c.toDataURL()
})"""  # an ImageData as a picture


def decoded(url):
    "A picture from its data URL."
    return Image.open(io.BytesIO(base64.b64decode(url.split(",")[1])))


@pytest.fixture(scope="module")
def browser():
    if not CHROMIUM:
        pytest.skip("the browser test needs Chromium: apt-get install chromium")
    with pytest.importorskip("playwright.sync_api").sync_playwright() as p:
        chromium = p.chromium.launch(executable_path=CHROMIUM, headless=True, args=ARGS)
        yield chromium
        chromium.close()


class Visit:
    "A page of the demo, with all it asks for and all it complains about."

    def __init__(self, browser, url, script=ANY_WEBGL, **context):
        screen = {"viewport": {"width": 1280, "height": 860}, "reduced_motion": "reduce"}
        self.context = browser.new_context(**screen | context)
        self.page, self.requests, self.errors = self.context.new_page(), [], []
        self.page.set_default_timeout(PATIENCE)
        self.page.on("request", lambda r: self.requests.append(r.url))
        self.page.on("pageerror", lambda e: self.errors.append(str(e)))
        if script:
            self.page.add_init_script(script)
        self.page.goto(url)
        self.wait("globalThis.illures?.seen && illures.face.paint")  # the first example

    def wait(self, what, arg=None):
        self.page.wait_for_function(what, arg=arg)

    def js(self, code, arg=None):
        return self.page.evaluate(code, arg)

    def button(self, name):
        return self.page.get_by_role("button", name=name, exact=True)

    def bring(self, path):
        visit = self.js("illures.photo.visit")
        self.page.set_input_files("#photo input[type=file]", path)
        self.wait(READY, visit)

    def seen(self):
        "Pixels of the picture, once nothing more is to be drawn."
        self.wait("!illures.asked")
        picture = decoded(self.js("illures.canvas.toDataURL()"))
        return np.asarray(picture.convert("RGB")).astype(int)

    def image(self, data):
        "An ImageData of the page, (H, W, 4)."
        return np.asarray(decoded(self.js(f"{AS_URL}({data})"))).astype(int)

    def drag(self, selector, start, *ends):
        "Press at a share of an element's box, go on, let go."
        self.page.mouse.move(*self.place(selector, *start))
        self.page.mouse.down()
        for end in ends:
            self.page.mouse.move(*self.place(selector, *end), steps=4)
        self.page.mouse.up()

    def place(self, selector, x, y):
        "Where on the page shares of an element's width and height are."
        box = self.page.locator(selector).bounding_box()
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    def download(self, name, path):
        with self.page.expect_download() as d:
            self.button(name).click()
        d.value.save_as(path)
        return d.value.suggested_filename

    def elsewhere(self):
        "Requests that did not go to this machine."
        web = [urlsplit(o) for o in self.requests if o.startswith(("http:", "https:"))]
        return [o for o in web if o.hostname not in ("127.0.0.1", "localhost")]


@pytest.fixture
def visit(browser, url):
    visits = []

    def open_page(*args, **context):
        visits.append(Visit(browser, url, *args, **context))
        return visits[-1]

    yield open_page
    for o in visits:
        o.context.close()
        assert not o.errors and not o.elsewhere()


def change(a, b):
    return abs(a - b).max()


def on_preview(v, f):  # what the package makes of the scene, on the very pixels that the page has
    folder, file = v.js("[illures.photo.folder, illures.photo.views[illures.seen.name].file]")
    view = np.asarray(Image.open(f"{folder}/{file}"))
    x, y = np.round(v.js("illures.seen.back.map(row => row[2])")).astype(int)
    height, width = view.shape[:2]
    picture = f.photo.picture.copy()
    part = picture[y : y + height, x : x + width]
    part[:] = view  # a small photo is not resized
    seen = replace(f, photo=replace(f.photo, picture=picture))
    return scene_face(v, seen).composite()[y : y + height, x : x + width]


def scene_face(v, f):  # what the package makes of the page's scene
    from illures_demo.scenes import redo_of, redone

    o = json.loads(v.js("JSON.stringify(illures.scene())"))["faces"][0]
    return redone(f, redo_of(o))


# ---- light


def test_light_moves_by_hand_without_a_request(visit, astronaut_path, face, calls):
    v = visit()
    v.bring(astronaut_path)
    runs, before, pictures = len(calls), v.seen(), []
    v.requests.clear()

    def moved(least=8):
        pictures.append(v.seen())
        assert change(pictures[-1], pictures[-2] if len(pictures) > 1 else before) > least

    v.drag(".ball", (0.5, 0.5), (0.1, 0.4))
    moved()
    assert v.js("illures.scene().faces[0].lights[0].azimuth") < -40
    v.drag(".frame .picture", (0.5, 0.5), (0.7, 0.4))
    moved()
    assert v.js("illures.scene().faces[0].lights[0].azimuth") > 15
    v.page.locator(".ball").focus()
    for _ in range(6):
        v.page.keyboard.press("ArrowRight")
    moved()
    v.button("Golden hour").click()
    moved()
    v.page.get_by_text("Contrast, shine and shadows").click()
    for name in ("Shine", "Cast shadows"):
        v.page.get_by_label(name, exact=True).select_option("none")
        moved(least=3)
    sliders = {"Strength": "0.6", "Warmth": "-1", "Softness": "1", "Ambient": "0.5"}
    for name, value in {**sliders, "Contrast": "0.3", "Effect": "1.6"}.items():
        v.page.get_by_label(name).fill(value)
        moved()
    v.button("Add a light").click()
    moved()
    assert v.js("illures.look.lights.length") == 2
    for _ in range(3):
        v.page.keyboard.press("Control+z")
    moved()
    v.button("Reset the light").click()
    assert change(v.seen(), before) == 0
    assert not v.requests and len(calls) == runs


SHADED_AND_TURNED = """async ([light, azimuth, elevation]) => {
    const sh = await import(new URL('sh.js', illures.home))
    const [normals] = sh.ballNormals(48), basis = sh.basisMap(normals)
    const turned = sh.rotated(light, sh.turnTo(light, azimuth, elevation))
    return {shaded: Array.from(sh.shade(basis, light)), peak: sh.peak(light), turned}
}"""
WARM_LAMP = """async () => {
    const sh = await import(new URL('sh.js', illures.home))
    return sh.scaled(sh.lamp(40, 20, .3), sh.warmth(.5))
}"""


def test_page_and_package_agree(visit, astronaut_path, face):
    v = visit()
    v.bring(astronaut_path)
    assert v.js("illures.compositor.constructor.name") == "WithWebGL"
    normals, _ = ball_normals(48)
    for name in SHLight.presets():
        light = SHLight.preset(name)
        a, e = light.dominant_angles()
        got = v.js(SHADED_AND_TURNED, [light.coeffs.ravel().tolist(), a + 50, e - 30])
        assert abs(light.shade(normals).ravel() - got["shaded"]).max() < 2 / 255
        assert abs(light.peak - got["peak"]) < 1e-3
        in_front = light.rotate(yaw=-a).rotate(pitch=-e)
        turned = in_front.rotate(yaw=a + 50, pitch=e - 30)
        np.testing.assert_allclose(np.reshape(got["turned"], (9, 3)), turned.coeffs, atol=1e-4)
    lamp = SHLight.from_direction(40, 20, ambient=0, warmth=0.5, softness=0.3)
    theirs = np.reshape(v.js(WARM_LAMP), (9, 3))
    np.testing.assert_allclose(theirs, lamp.coeffs, atol=1e-4)
    actions = (
        "change({contrast: 1.1})",
        "use('window')",
        "change({contrast: .4, effect: 1.5})",
        "change({contrast: 1, effect: 1, shine: 'kept', shadows: 'none'})",
        "change({shine: 'none', shadows: 'kept'})",
        "change({shine: 'moved', shadows: 'moved'}, {azimuth: 100, elevation: 30})",
        "addLight()",
        "change({}, {softness: .8, warm: 1, strength: 2})",
    )
    for act in (f"illures.{action}" for action in actions):
        v.js(act)
        got = v.seen()
        difference = abs(on_preview(v, face) - got)
        assert difference.max() <= 2 and difference.mean() < 0.05, act


def test_without_webgl_it_is_the_same_but_smaller(visit, astronaut_path, face):
    v = visit(NO_WEBGL)
    v.bring(astronaut_path)
    assert v.js("illures.compositor.constructor.name") == "Plain"
    v.js("illures.use('split_left')")
    got = v.seen()
    assert max(got.shape) <= 400
    difference = abs(on_preview(v, face) - got)
    assert difference.max() <= 2 and difference.mean() < 0.05


@pytest.mark.parametrize(
    "script",
    [pytest.param(ANY_WEBGL, marks=pytest.mark.slow), NO_WEBGL],
    ids=["webgl", "plain"],
)
def test_a_background_is_what_the_package_puts_there(script, visit, astronaut_path, face, tmp_path):
    v = visit(script, accept_downloads=True)
    v.bring(astronaut_path)
    v.wait("illures.photo.views[illures.seen.name].cut")
    v.page.get_by_role("button", name="Another background").click()
    bare = v.seen()
    v.button("Colour").click()
    v.wait("illures.compositor.scene")
    before = v.seen()
    v.page.locator(".ball").scroll_into_view_if_needed()
    v.requests.clear()
    v.drag(".ball", (0.5, 0.5), (0.2, 0.4))
    got = v.seen()
    assert not v.requests  # the light moves without any
    f = scene_face(v, face)
    x, y = np.round(v.js("illures.seen.back.map(row => row[2])")).astype(int)
    part = np.s_[y : y + got.shape[0], x : x + got.shape[1]]
    outline = f.silhouette[part]
    expected = f.composite(background=np.divide([0x8A, 0x97, 0xA3], 255))[part].astype(int)
    if got.shape == expected.shape:  # without WebGL it is smaller
        assert abs(got - expected)[outline == 0].max() <= 1
        assert abs(got - expected).mean() < 2  # JPEG
    corner = np.s_[2:20, 2:20]
    assert abs(got[corner] - [0x8A, 0x97, 0xA3]).max() <= 1 and change(got, before) > 8
    v.button("Transparent").click()
    assert v.page.get_by_label("JPEG").is_disabled() and v.page.get_by_label("PNG").is_checked()
    v.download("Save the picture", tmp_path / "cut.png")
    alpha = np.asarray(Image.open(tmp_path / "cut.png"))[..., 3] / 255
    assert abs(alpha - face.silhouette).max() < 0.01
    for _ in range(3):
        v.button("Undo").click()
    v.wait("illures.background.kind === 'photo'")
    assert change(v.seen(), bare) == 0


@pytest.mark.slow
def test_a_picture_behind_lights_the_person(visit, astronaut_path, tmp_path):
    v = visit(accept_downloads=True)
    v.bring(astronaut_path)
    v.wait("illures.photo.views[illures.seen.name].cut")
    v.page.get_by_role("button", name="Another background").click()
    place = np.zeros((90, 300, 3), np.float32)
    place[:, 150:] = (0.1, 0.3, 0.9)
    write_image(tmp_path / "place.exr", place)
    v.page.set_input_files("#place input[type=file]", tmp_path / "place.exr")
    v.wait("illures.background.kind === 'picture' && illures.compositor.scene")
    own = v.seen()
    v.button("Light the person from it").click()
    lit = v.seen()
    assert v.js("illures.chosenLight.source") == "place" and change(lit, own) > 8
    v.download("Save the picture", tmp_path / "there.png")
    saved = np.asarray(Image.open(tmp_path / "there.png")).astype(int)
    x, y = np.round(v.js("illures.seen.back.map(row => row[2])")).astype(int)
    part = saved[y : y + lit.shape[0], x : x + lit.shape[1]]
    assert abs(part - lit).mean() < 3  # JPEG
    assert saved[2, 2].max() < 3 and saved[2, -3, 2] > 200
    (tmp_path / "letter.png").write_text("Dear Sir,")
    v = visit()
    v.bring(astronaut_path)
    v.page.get_by_role("button", name="Another background").click()
    v.page.set_input_files("#place input[type=file]", tmp_path / "letter.png")
    v.page.locator("#place-said .bad").wait_for()


def sky_with_a_lamp(path):
    "Write surroundings with one bright patch; they are returned too."
    sky = np.full((32, 64, 3), 0.1, np.float32)
    sky[8:16, 8:16] = 20
    write_image(path, sky)
    return sky


def test_numbers_can_be_pasted(visit):
    v = visit()
    v.page.get_by_text("In numbers").click()
    text = v.page.locator(".numbers textarea")
    v.page.wait_for_function("document.querySelector('.numbers textarea').value")
    own = np.reshape(v.js("illures.face.light"), (9, 3))
    np.testing.assert_allclose(SHLight.from_json(text.input_value()).coeffs, own, atol=1e-4)
    neon = SHLight.preset("neon").coeffs
    text.fill(json.dumps(neon.tolist()))
    v.button("Apply what I pasted").click()
    np.testing.assert_allclose(v.js(LIGHT), neon, atol=1e-6)
    text.fill("[1, 2, <b>3]")
    v.button("Apply what I pasted").click()
    v.page.get_by_text("That is not a light").wait_for()


def test_light_comes_from_files(visit, astronaut_path, face, tmp_path):
    v = visit()
    v.page.get_by_role("button", name="Light from elsewhere").click()
    sky = sky_with_a_lamp(tmp_path / "sky.exr")
    v.page.set_input_files("#file input[type=file]", tmp_path / "sky.exr")
    v.page.locator(".panorama").wait_for()
    angles = SHLight(v.js(LIGHT)).dominant_angles()
    expected = SHLight.from_envmap(sky).dominant_angles()
    assert np.abs(np.subtract(angles, expected)).max() < 1
    v.page.get_by_label("Turn the surroundings").fill("-90")
    azimuth, _ = SHLight(v.js(LIGHT)).dominant_angles()
    assert abs(azimuth - angles[0] + 90) < 2
    v.page.get_by_label("Clear").last.click()
    v.page.set_input_files("#file input[type=file]", astronaut_path)
    v.page.get_by_text("The light on the face in astronaut.png").wait_for()
    own = SHLight(v.js(LIGHT))
    assert own.dominant_direction() @ face.light.dominant_direction() > 0.99


# ---- paint


PAINTING_IS_THERE = """
['layers', 'strokes', 'tattoo', 'tools', 'touches'].every(name =>
  performance.getEntriesByType('resource').some(o =>
    o.name.includes(`/${name}.js`) && o.responseEnd))
"""


@pytest.fixture
def painted(visit, astronaut_path):
    "A page whose face has a beard and, across the forehead, a stroke of the brush."
    v = visit()
    v.bring(astronaut_path)
    v.page.get_by_role("tab", name="Paint").click()
    v.bare = v.seen()
    v.wait(PAINTING_IS_THERE)
    v.requests.clear()
    v.button("Beard").click()
    v.wait("illures.face.layers.length === 1")
    v.bearded = v.seen()
    v.drag(".frame .picture", (0.44, 0.30), (0.50, 0.30))
    v.stroked = v.seen()
    yield v
    assert not [o for o in v.requests if not o.startswith(("data:", "blob:"))]


def forehead(picture):
    h = len(picture)
    return picture[int(0.26 * h) : int(0.38 * h)]


def test_paint_layers_undo(painted):
    v, quarter = painted, len(painted.bare) // 4
    assert change(v.bearded, v.bare) > 30
    assert change(v.bearded[:quarter], v.bare[:quarter]) == 0
    assert change(forehead(v.stroked), forehead(v.bearded)) > 15
    assert v.js("illures.face.layers.at(-1).kind") == "paint"
    v.page.get_by_label("Show Paint 1").uncheck()
    assert change(v.seen(), v.bearded) <= 1
    v.page.get_by_label("Show Paint 1").check()
    v.button("Eraser").click()
    v.drag(".frame .picture", (0.41, 0.30), (0.53, 0.30))
    assert change(forehead(v.seen()), forehead(v.bearded)) < 30
    while v.js("illures.canUndo"):
        v.button("Undo").click()
    assert change(v.seen(), v.bare) == 0 and not v.js("illures.face.layers.length")
    while v.js("illures.canRedo"):
        v.button("Redo").click()
    assert v.js("illures.face.layers.length") == 2


def test_paint_is_what_the_package_paints(painted, face):
    v = painted
    v.page.get_by_label("Blend").select_option("multiply")
    v.page.locator(".layer-options [name=opacity]").fill("0.5")
    assert change(v.seen(), v.stroked) > 8
    v.js("illures.use('split_left')")
    relit = v.seen()
    albedo = fine_albedo(scene_face(v, face)).astype(int)
    assert abs(albedo - v.image("illures.face.paint.shown")[..., :3]).max() <= 2
    difference = abs(on_preview(v, face) - relit)
    most = np.percentile(difference, [99, 99.9, 100])
    assert difference.mean() < 0.2 and most[0] <= 4, (difference.mean(), most)


def test_a_skin_tone_reaches_the_neck_as_the_package_has_it(visit, decomposer):
    grace = Path(__file__).parents[1] / "assets/examples/grace.jpg"
    (face,) = decomposer(grace)
    v = visit()
    v.bring(grace)
    v.page.get_by_role("tab", name="Paint").click()
    bare = v.seen()
    v.button("Skin tone").click()
    v.wait("illures.face.paint.beyond")
    got = v.seen()
    difference = abs(on_preview(v, face) - got)
    assert difference.mean() < 0.2 and np.percentile(difference, 99) <= 4
    x, y = np.round(v.js("illures.seen.back.map(row => row[2])")).astype(int)
    outside = np.isnan(face.to_frame("mask"))[y : y + len(got), x : x + got.shape[1]]
    darker = (bare - got).mean(2)[outside]
    assert (darker > 10).sum() > 100 and (darker > 3).mean() < 0.2  # ears and neck, no more


def test_a_picture_can_be_stuck_on(painted, face, tmp_path):
    v = painted
    red = np.full((4, 8, 4), (200, 0, 0, 255), np.uint8)
    Image.fromarray(red).save(tmp_path / "anchor.png")
    v.page.set_input_files(".paint-panel input[type=file]", tmp_path / "anchor.png")
    v.wait("illures.face.layers.at(-1).kind === 'decal'")
    place = v.js("illures.face.layers.at(-1).place")
    mine = v.image("new ImageData(illures.face.layers.at(-1).pixels, 512)")[..., 3]
    theirs = np.asarray(decoded(decal(face, tmp_path / "anchor.png", **place).png))[..., 3]
    assert abs(mine - theirs.astype(int)).mean() < 1


# ---- keeping


def test_everything_can_be_saved(visit, app, astronaut, astronaut_path, face, tmp_path):
    v = visit(accept_downloads=True)
    v.bring(astronaut_path)
    v.button("Window").click()
    v.page.get_by_role("tab", name="Paint").click()
    v.button("Lipstick").click()
    v.wait("illures.face.layers.length === 1")
    assert v.download("Save the picture", tmp_path / "relit.png") == "astronaut-relit.png"
    saved = np.asarray(Image.open(tmp_path / "relit.png"))
    assert abs(saved.astype(int) - scene_face(v, face).composite()).max() <= 2
    background = face.to_frame("matte") == 0
    assert background.mean() > 0.2
    assert (saved[background] == astronaut[background]).all()
    v.page.get_by_role("tab", name="Keep").click()
    v.download("Everything (.zip)", tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as z:
        assert z.testzip() is None
        assert json.loads(z.read("scene.json"))["faces"][0]["layers"][0]["name"] == "Lipstick"
        assert (np.asarray(Image.open(io.BytesIO(z.read("relit.png")))) == saved).all()
    v.wait("!document.querySelector('[aria-busy=true]')")
    v.download("The light settings (.json)", tmp_path / "light.json")
    saved_light = SHLight.load(tmp_path / "light.json")
    np.testing.assert_allclose(saved_light.coeffs, v.js(LIGHT), atol=1e-5)
    v.button("Show the relief in 3D (.glb)").click()
    v.page.locator("#relief canvas").wait_for()


# ---- photos


def test_several_faces(visit, two_faces, tmp_path):
    Image.fromarray(two_faces).save(tmp_path / "two.png")
    v = visit()
    v.bring(tmp_path / "two.png")
    v.page.get_by_text("2 faces were found").wait_for()
    assert v.js("illures.seen.name") == "whole"
    before = v.seen()
    v.button("Face 2").click()
    v.wait("illures.chosen === 2 && illures.face.paint")
    v.js("illures.use('split_left')")
    small = v.seen()
    first, second = np.s_[:, 300:], np.s_[:, :300]  # where the faces are
    assert change(small[first], before[first]) == 0 and change(small, before) > 8
    v.page.get_by_label("Which face").select_option("all")
    v.wait("illures.chosen === 'all'")
    v.js("illures.use('split_right')")
    both = v.seen()
    assert change(both[first], before[first]) > 8
    assert change(both[second], small[second]) > 8
    assert len(v.js("illures.scene()")["faces"]) == 2


def test_bad_photos_are_said_beside_the_photo(visit, broken_files, tmp_path, wall):
    nasty = tmp_path / "<img src=x onerror=document.title='hacked'>.png"
    Image.fromarray(wall).save(nasty)
    v = visit()
    before = v.js("illures.photo.visit")
    for path, says in ((broken_files["half"], "half.jpg"), (nasty, "No face was found")):
        v.page.set_input_files("#photo input[type=file]", path)
        v.page.locator("#said").get_by_role("status").filter(has_text=says).wait_for()
    assert v.page.title().startswith("illures")
    assert v.js("illures.photo.visit") == before and v.js("Boolean(illures.seen)")


@pytest.mark.slow
def test_two_tabs_do_not_mix(visit, astronaut_path):
    a, b = visit(), visit()
    a.bring(astronaut_path)
    b.js("illures.use('neon')")
    assert a.js("illures.photo.visit") != b.js("illures.photo.visit")
    h, w = a.seen().shape[:2]
    assert change(a.seen(), b.seen()[:h, :w]) > 8
    assert a.js("illures.look.lights[0].source") == "own"


# ---- screens and people


def test_page_on_a_phone(visit):
    "Nothing is wider than the screen, and a finger moves the light."
    screen = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2}
    v = visit(**screen, has_touch=True, is_mobile=True)
    for tab in ("Light", "Paint", "Head", "Keep"):
        v.page.get_by_role("tab", name=tab).click()
        assert v.js("document.documentElement.scrollWidth") <= 390, tab
    v.page.get_by_role("tab", name="Light").click()
    before = v.seen()
    v.page.touchscreen.tap(*v.place(".frame .picture", 0.15, 0.4))
    assert change(v.seen(), before) > 8


NAMELESS = """() => {
    const controls = '#page :is(button, input, select, textarea, canvas, [tabindex])'
    const within = o => o.closest('button, [role=slider]')
    const ours = o => o.checkVisibility() && !o.closest('[aria-hidden=true]')
        && !o.className.includes('svelte') && !within(o)?.ariaLabel
    const named = o => o.ariaLabel || o.title || o.textContent.trim() || o.labels?.length
        || within(o)
    const all = [...document.querySelectorAll(controls)]
    return all.filter(ours).filter(o => !named(o)).map(o => o.outerHTML.slice(0, 120))
}"""  # what one can press or move and nobody can call


def test_everything_has_a_name(visit):
    "What one can press or move says what it is, and can be reached by keyboard."
    v = visit()
    assert v.page.get_by_role(
        "slider", name="Light ball: direction of the light. Arrow keys turn it."
    ).is_visible()
    for tab in ("Light", "Paint", "Head"):
        v.page.get_by_role("tab", name=tab).click()
        assert not v.js(NAMELESS)
    v.page.get_by_label("Before and after").fill("60")
    assert v.js("document.querySelector('.frame').classList.contains('both')")
