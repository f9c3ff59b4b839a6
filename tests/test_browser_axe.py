"axe-core over every state of the page: nothing critical, nothing serious; and the keyboard alone."

import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
import test_browser
from PIL import Image
from test_browser import Visit

browser = test_browser.browser  # its fixture, for this module

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "illures-tests"


def packed(folder):
    "axe-core as npm has it, or why there is none."
    if not shutil.which("npm"):
        pytest.skip("axe-core is missing: set AXE_CORE to its axe.min.js, or install npm")
    try:
        subprocess.run(
            ["npm", "pack", "axe-core@4", "--silent"],
            cwd=folder,
            timeout=60,
            check=True,
            capture_output=True,
        )
    except (OSError, subprocess.SubprocessError) as e:
        pytest.skip(f"axe-core is missing, and npm could not bring it: {type(e).__name__}")
    with tarfile.open(next(folder.glob("axe-core-*.tgz"))) as t:
        return t.extractfile("package/axe.min.js").read()


@pytest.fixture(scope="module")
def axe(tmp_path_factory):
    "The script of axe-core: of AXE_CORE, of a node_modules folder, of an earlier run, or by npm."
    places = (
        [Path(os.environ["AXE_CORE"])]
        if "AXE_CORE" in os.environ
        else [
            *(
                o / "node_modules" / "axe-core" / "axe.min.js"
                for o in (Path(__file__).parents[1], Path.home())
            ),
            CACHE / "axe.min.js",
        ]
    )
    found = next((o for o in places if o.is_file()), None)
    if not found:
        script = packed(tmp_path_factory.mktemp("axe"))
        CACHE.mkdir(parents=True, exist_ok=True)
        found = places[-1]
        found.write_bytes(script)
    return found.read_text(encoding="utf-8")


def grave(page):
    "What axe finds critical or serious."
    found = page.evaluate("axe.run().then(o => o.violations)")
    return [
        (o["id"], o["help"], [n["html"][:160] for n in o["nodes"]])
        for o in found
        if o["impact"] in ("critical", "serious")
    ]


def patiently(page, looks=6):
    """The same, once the page is at rest: what fades in has little contrast on its way, and
    Gradio's parts are mended after a pause."""
    for _ in range(looks):
        page.wait_for_timeout(300)
        found = grave(page)
        if not found:
            break
    return found


@pytest.fixture
def faults(browser, url, axe):
    "Opens the page; what it gives says what is critical or serious in the page as it stands."
    visits = []

    def open_page(**context):
        visits.append(Visit(browser, url, script=None, **context))
        visits[-1].js(axe)
        return visits[-1], lambda: patiently(visits[-1].page)

    yield open_page
    for o in visits:
        o.context.close()


def through(v, look):
    "The states that every screen has."
    assert not look(), "as the page opens"
    v.button("More lights").click()
    v.page.get_by_text("In numbers").click()
    v.button("Add a light").click()
    v.page.get_by_role("button", name="Light from elsewhere").click()
    assert not look(), "light, all of it open"
    v.page.locator(".tile.normals").click()
    assert not look(), "a map enlarged"
    v.page.locator(".tile.normals").click()
    v.page.get_by_label("Before and after").fill("50")
    assert not look(), "before and after"
    v.page.get_by_role("tab", name="Paint").click()
    assert not look(), "paint"
    v.button("Skin tone").click()
    v.wait("illures.face.layers.length === 1")
    assert not look(), "a layer"
    v.page.get_by_role("tab", name="Head").click()
    v.page.locator(".head-stage").wait_for()
    assert not look(), "the head"
    v.page.get_by_role("tab", name="Keep").click()
    assert not look(), "keep"


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
def test_axe_on_a_desktop(faults, scheme, wall, tmp_path, two_faces):
    v, look = faults(color_scheme=scheme)
    through(v, look)
    Image.fromarray(wall).save(tmp_path / "wall.png")
    v.page.set_input_files("#photo input[type=file]", tmp_path / "wall.png")
    v.page.get_by_text("No face was found").wait_for()
    assert not look(), "an error"
    v.page.get_by_role("tab", name="Light").click()
    v.page.set_input_files("#file input[type=file]", tmp_path / "wall.png")
    v.page.locator("#file-said").get_by_role("status").wait_for()
    assert not look(), "an error about a light"
    Image.fromarray(two_faces).save(tmp_path / "two.png")
    v.bring(tmp_path / "two.png")
    assert not look(), "several faces"


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_on_a_phone(faults, scheme):
    through(
        *faults(
            color_scheme=scheme,
            viewport={"width": 390, "height": 844},
            has_touch=True,
            is_mobile=True,
        )
    )


def test_axe_before_anything_has_come(browser, url, axe):
    "While the first portrait is opened."
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    page.route("**/gradio_api/file=*maps*", lambda route: None)  # the maps never come
    page.goto(url)
    page.locator(".waiting").wait_for()
    page.locator("#tabs [role=tab][tabindex='0']").wait_for()
    page.evaluate(axe)
    found = patiently(page)
    context.close()
    assert not found


def test_by_keyboard_alone(browser, url):
    """The tab key goes to everything and leaves everything; where one is can be seen; what moves
    by itself stands still for who asked for that."""
    v = Visit(browser, url, script=None)
    v.page.locator("#about").click()
    seen, n = [], 0
    while n < 120:
        v.page.keyboard.press("Tab")
        n += 1
        o = v.js("""() => { const o = document.activeElement, s = getComputedStyle(o)
          const name = o.ariaLabel ?? o.textContent.trim().slice(0, 30)
          const marked = s.outlineStyle !== "none" || s.boxShadow !== "none"
          if (o === document.body) return null
          return [o.tagName, o.id, o.className, name, marked, Boolean(o.closest("#page"))] }""")
        if o is None:
            break
        seen.append(o)
    said = " ".join(f"{o[3]} {o[2]}" for o in seen)
    for name in (
        "Eileen Collins, astronaut",
        "The portrait under the new light",
        "Hold to compare",
        "Save the picture",
        "Light ball",
        "As in the photo",
        "More lights",
        "Reset the light",
    ):
        assert name in said, name
    assert not [o for o in seen if o[5] and not o[4]], "no sign of where one is"
    tabs = [o for o in seen if o[3] in ("Light", "Paint", "Head", "Keep")]
    assert len(tabs) == 1  # one stop; the arrow keys do the rest
    v.context.close()
    calm = Visit(browser, url, script=None)
    moving = """document.getAnimations().filter(o => o.playState === "running")
        .filter(o => o.effect.getTiming().iterations === Infinity).length"""
    calm.js("document.querySelector('#save-picture').ariaBusy = true")
    assert calm.js(moving) == 0 and calm.js("illures.look.lights[0].azimuth") is None
    calm.context.close()
