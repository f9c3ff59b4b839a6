"""Every control of the page is used as a visitor would, and has the effect that it promises; on
every screen the picture comes first and the controls are in reach."""

import io
import zipfile
from functools import partial

import numpy as np
import pytest
import test_browser
import torch
from PIL import Image
from test_browser import Visit, change

from illures_nb import SHLight
from illures_nb.colour import LUMINANCE
from illures_nb.decompose import log_gain
from illures_nb.export import write_turn
from illures_nb.head import HeadFitter
from illures_nb.head.render import Camera, logarithm, render
from illures_nb.image import linear_to_srgb
from illures_nb.lamps import Lamps

browser = test_browser.browser  # its fixture, for this module

SIZES = {
    "desktop": (1440, 900),
    "small desktop": (1024, 768),
    "tablet": (820, 1180),
    "phone": (390, 844),
    "phone lying": (844, 390),
    "narrow": (320, 640),
    "desktop at 200 %": (720, 450),
}
TOUCH = "tablet", "phone", "phone lying", "narrow"


# ---- one page for all controls


@pytest.fixture(scope="module")
def page(browser, url, astronaut_path):
    "The demo with the astronaut's photo; nothing it did may have been an error."
    v = Visit(browser, url, script=None, accept_downloads=True)
    v.bring(astronaut_path)
    yield v
    v.context.close()
    assert not v.errors and not v.elsewhere()


@pytest.fixture
def v(page):
    "The page as if the photo had just come."
    page.js("""() => {
      illures.setLayers([])
      illures.resetLight()
      const tile = document.querySelector(".tile[aria-pressed=true]")
      const split = document.querySelector(".split input")
      tile?.click()
      split.value = 0
      split.dispatchEvent(new Event("input"))
    }""")
    tab(page, "Light")
    page.found = page.seen()
    return page


def tab(v, name):
    v.page.get_by_role("tab", name=name).click()


ON_THE_PICTURE = """corners => {
    const {face: {size}, face, seen} = illures
    const [[a, b, c], [d, e, f]] = face.place(seen).M, k = 1/(a*e - b*d)
    const back = (x, y) => [(x*e - y*b)*k/seen.width, (y*a - x*d)*k/seen.height]
    return corners.map(([u, v]) => back(u*size - c, v*size - f))
}"""  # places on the face's crop as shares of the picture


def crop_part(v, pixels, x0, y0, x1, y1):
    "Mean luminance of a part of the face, given in shares of the crop's side."
    shares = v.js(ON_THE_PICTURE, [[x0, y0], [x1, y1]])
    corners = np.round(np.multiply(shares, pixels.shape[1::-1])).astype(int)
    (left, top), (right, bottom) = corners
    return pixels[top:bottom, left:right].mean((0, 1))


WHOLE = 0.3, 0.3, 0.7, 0.8  # parts of the face: left, top, right, bottom
LEFT_CHEEK = 0.25, 0.45, 0.4, 0.65
RIGHT_CHEEK = 0.6, 0.45, 0.75, 0.65
CHIN = 0.3, 0.75, 0.7, 0.9


def brightness(v, pixels, *part):
    return crop_part(v, pixels, *part) @ LUMINANCE


def left_right(v, pixels):
    "Brightness of both cheeks."
    return brightness(v, pixels, *LEFT_CHEEK), brightness(v, pixels, *RIGHT_CHEEK)


def up_down(v, pixels):
    return brightness(v, pixels, 0.35, 0.2, 0.65, 0.3), brightness(v, pixels, 0.4, 0.75, 0.6, 0.85)


def light(v):
    "What shines on the face, with its lamps."
    coeffs, lamps = v.js("[illures.face.light, illures.face.shining.lamps.record]")
    return SHLight(np.reshape(coeffs, (9, 3)), Lamps.of(lamps))


def slide(v, name, value):
    "Move a slider as a hand does, to the end."
    v.page.get_by_label(name).fill(str(value))
    return v.seen()


# ---- the head


def head_seen(v):
    "Pixels of the head, (640, 640, 4), once it is drawn."
    v.js("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    url = v.js("document.querySelector('.head-stage canvas').toDataURL()")
    return np.asarray(test_browser.decoded(url).convert("RGBA")).astype(int)


def expected_head(head, light):
    "The same, as the package draws it: about the middle of the head, 33 centimetres wide."
    middle = torch.tensor([0.0, -2, -8])
    rotation = logarithm(torch.tensor(head.pose, dtype=torch.float32)[None])
    size, near = torch.tensor([1 / 33]), head.parameters.camera.nearness
    camera = Camera(rotation, torch.tensor([[0.5, 0.5]]), size, near)
    coeffs = torch.tensor(light, dtype=torch.float32)[None]
    texture = head.texture(1024)[None]
    drawn = render(head.model, head.shape()[None] - middle, camera, coeffs, texture, 640, 2)
    colour = linear_to_srgb((drawn.image[0] / drawn.mask[0].clamp_min(1e-6)).clamp(0, 1))
    return colour.permute(1, 2, 0).numpy() * 255, drawn.mask[0, 0].numpy()


def test_a_head_is_turned_lit_and_smiles_without_a_request(v, astronaut, face, tmp_path):
    tab(v, "Head")
    v.page.locator(".head-stage").wait_for()
    own = head_seen(v)
    (head,) = HeadFitter.from_pretrained()(astronaut, [face.photo.face])
    colour, mask = expected_head(head, face.light.coeffs)
    both = (mask == 1) & (own[..., 3] == 255)
    assert both.sum() > 0.98 * max((mask > 0.5).sum(), (own[..., 3] > 127).sum())
    assert abs(own[both][:, :3] - colour[both]).mean() < 3  # a JPEG's texture
    shown, photo = own[260:400, 260:380, :3], astronaut[face.to_frame("mask") > 0.9]
    assert abs(shown.mean((0, 1)) - photo.mean(0)).max() < 40  # as bright as the face
    v.requests.clear()
    v.drag(".head-stage canvas", (0.5, 0.5), (0.75, 0.5))
    turned = head_seen(v)
    assert change(turned, own) > 30
    v.page.locator(".head-stage canvas").focus()
    v.page.keyboard.press("ArrowUp")
    assert change(head_seen(v), turned) > 8
    v.button("As in the photo").last.click()
    assert change(head_seen(v), own) == 0
    for name in ("Smile", "Open jaw", "Blink", "Raise brows"):
        v.page.get_by_label(name).fill("0")
        before = head_seen(v)
        v.page.get_by_label(name).fill("1")
        moved = abs(head_seen(v) - before).max(-1) > 20
        assert 100 < moved.sum() < 0.6 * both.sum(), name
    v.button("As in the photo").last.click()
    sides = {}
    for name in ("split_left", "split_right"):
        v.js(f"illures.use('{name}')")
        sides[name] = head_seen(v)[300:380, :, :3].mean((0, 2))
    left, right = (x[:320].mean() / x[320:].mean() for x in sides.values())
    assert left > 1.5 * right
    assert not v.requests
    name = v.download("Save the head (.glb)", tmp_path / "head.glb")
    assert name.endswith("-head.glb") and (tmp_path / "head.glb").read_bytes()[:4] == b"glTF"


# ---- light


def test_every_ready_light_can_be_reached(v, face):
    """`More lights` shows all, each lights the face as the package's light of that name, and
    `Fewer lights` hides them again."""
    names = {name: name.replace("_", " ").capitalize() for name in SHLight.presets()}
    hidden = [title for title in names.values() if not v.button(title).is_visible()]
    assert len(hidden) == 12
    v.button("More lights").click()
    before = v.found
    for name, title in names.items():
        v.button(title).click()
        assert v.button(title).get_attribute("aria-pressed") == "true"
        after = v.seen()
        assert change(after, before) > 8, name
        np.testing.assert_allclose(
            light(v).coeffs, SHLight.preset(name).matched(face.light).coeffs, atol=2e-3
        )
        before = after
    v.button("As in the photo").click()
    assert change(v.seen(), v.found) == 0
    v.button("Fewer lights").click()
    assert not any(v.button(title).is_visible() for title in hidden)


@pytest.mark.parametrize("surface", [".ball", ".frame .picture", ".frame .map"])
def test_a_drag_puts_the_light_where_the_pointer_is(v, surface):
    if surface == ".frame .map":
        v.page.locator(".tile.shading").click()
    v.drag(surface, (0.5, 0.5), (0.2, 0.5))
    left, right = left_right(v, v.seen())
    assert left > 1.15 * right  # never a black side: the fill is the photo's
    v.drag(surface, (0.5, 0.5), (0.8, 0.5))
    left, right = left_right(v, v.seen())
    assert right > 1.15 * left
    v.drag(surface, (0.5, 0.5), (0.5, 0.2))
    above = up_down(v, v.seen())
    v.drag(surface, (0.5, 0.5), (0.5, 0.8))
    below = up_down(v, v.seen())
    assert above[0] / above[1] > 1.04 * below[0] / below[1]


@pytest.mark.parametrize("surface", [".ball", ".frame .picture"])
def test_arrow_keys_turn_the_light(v, surface):
    v.page.locator(surface).focus()
    turns = {}
    for key in ("ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"):
        v.js("illures.point(0, 0)")
        for _ in range(3):
            v.page.keyboard.press(key)
        turns[key] = np.round(light(v).dominant_angles()).tolist()
    assert turns == {
        "ArrowLeft": [-15, 0],
        "ArrowRight": [15, 0],
        "ArrowUp": [0, 15],
        "ArrowDown": [0, -15],
    }
    for _ in range(40):
        v.page.keyboard.press("ArrowRight")
    assert v.js("illures.look.lights[0].azimuth") == 90  # not behind the head


def test_from_behind_and_back(v):
    behind = v.button("From behind")
    v.js("illures.point(30, 20)")
    front = v.seen()
    behind.click()
    dark = v.seen()
    assert behind.get_attribute("aria-pressed") == "true"
    assert light(v).dominant_direction()[2] < -0.7
    assert brightness(v, dark, *WHOLE) < 0.6 * brightness(v, front, *WHOLE)
    v.drag(".ball", (0.5, 0.5), (0.3, 0.5))  # a light that was put there stays there
    assert light(v).dominant_direction()[2] < -0.7 and light(v).dominant_direction()[0] < -0.2
    v.drag(".ball", (0.5, 0.5), (1.3, 0.5))
    assert v.js("illures.behind")
    behind.click()
    assert light(v).dominant_direction()[2] >= 0 and not v.js("illures.behind")
    v.button("More lights").click()
    v.button("Rim").click()  # a ready light from behind comes to the front by hand
    v.drag(".frame .picture", (0.5, 0.5), (0.55, 0.5))
    assert light(v).dominant_direction()[2] > 0.7
    v.button("Fewer lights").click()


def test_lights_are_added_chosen_and_taken_away(v):
    v.button("Split left").click()
    one = v.seen()
    v.button("Add a light").click()
    two = v.seen()
    assert left_right(v, two)[1] > 1.2 * left_right(v, one)[1]
    v.button("Light 1").click()
    assert v.js("illures.look.at") == 0
    v.drag(".ball", (0.5, 0.5), (0.5, 0.1))
    assert v.js("illures.look.lights[1].azimuth") == 50 and change(v.seen(), two) > 8
    v.button("Light 2").click()
    v.button("Take this light away").click()
    assert v.js("illures.look.lights.length") == 1
    v.button("Reset the light").click()
    assert change(v.seen(), v.found) == 0


def test_sliders_of_the_light(v):
    v.button("Split left").click()
    split = v.seen()
    before = brightness(v, split, *WHOLE)
    assert brightness(v, slide(v, "Strength", 2), *WHOLE) > 1.2 * before
    assert brightness(v, slide(v, "Strength", 0.3), *WHOLE) < 0.8 * before
    slide(v, "Strength", 1)
    red, _, blue = crop_part(v, split, *WHOLE)
    warm = crop_part(v, slide(v, "Warmth", 1), *WHOLE)
    cold = crop_part(v, slide(v, "Warmth", -1), *WHOLE)
    assert warm[0] / warm[2] > 1.3 * red / blue > 1.3 * 1.1 * cold[0] / cold[2]
    slide(v, "Warmth", 0)
    contrast = np.divide(*left_right(v, split))
    assert np.divide(*left_right(v, slide(v, "Softness", 1))) < 0.8 * contrast
    slide(v, "Softness", 0)
    assert left_right(v, slide(v, "Ambient", 0.5))[1] > 1.5 * left_right(v, split)[1]


def finer(v):
    "Open what is behind the finer controls."
    if not v.page.get_by_label("Contrast").is_visible():
        v.page.get_by_text("Contrast, shine and shadows").click()


def choose(v, name, value):
    "Choose what becomes of shine or of shadows."
    v.page.get_by_label(name, exact=True).select_option(value)
    return v.seen()


def test_contrast_is_key_to_fill(v):
    finer(v)
    v.button("Split left").click()
    cheeks = {}
    for contrast in (0, 1, 2):
        left, right = left_right(v, slide(v, "Contrast", contrast))
        cheeks[contrast] = left / right
    assert cheeks[2] > 1.1 * cheeks[1] > 1.1 * 1.3 * cheeks[0]
    assert 0.8 < cheeks[0] < 1.25  # even light
    slide(v, "Contrast", 1)


def test_the_effect_is_nothing_or_twice_as_much(v):
    finer(v)
    v.button("Split left").click()
    once = v.seen() - v.found
    assert change(slide(v, "Effect", 0), v.found) <= 1
    twice = slide(v, "Effect", 2) - v.found
    much = abs(once) > 12
    assert much.sum() > 500 and (abs(twice) > abs(once))[much].mean() > 0.95


def test_shine_and_shadows_move_stay_or_go(v):
    """Under the photo's own light both are as they were; under another one each choice makes
    another picture, and no shine is darker than any."""
    finer(v)
    v.button("Golden hour").click()
    moved = v.seen()
    for name in ("Shine", "Cast shadows"):
        kept, none = choose(v, name, "kept"), choose(v, name, "none")
        assert change(kept, moved) > 3 and change(none, moved) > 3 and change(kept, none) > 3, name
        assert change(choose(v, name, "moved"), moved) == 0, name
    without = choose(v, "Shine", "none")
    darker = (without - moved).sum(-1)
    assert (darker < -6).sum() > 100 and (darker > 6).sum() < 0.1 * (darker < -6).sum()
    v.button("As in the photo").click()
    assert change(v.seen(), v.found) <= 1


def test_hair_neck_and_clothes_take_the_light(v, face):
    "Of the person outside the face nearly all changes, and nothing of the background."
    v.button("Whole photo").click()
    v.wait("illures.seen.name === 'whole'")
    before = v.seen()
    v.button("Split left").click()
    changed = abs(v.seen() - before).max(-1)
    matte, mask = face.to_frame("matte"), np.nan_to_num(face.to_frame("mask"))
    around = (matte > 0.95) & (mask < 0.05)
    assert around.sum() > 2 * (mask > 0.5).sum() and (changed[around] > 3).mean() > 0.8
    v.button("Whole photo").click()
    assert changed[matte == 0].max() <= 3  # the page's edges are those of a JPEG


def test_a_light_that_moves_is_drawn_coarsely_and_finely_at_rest(v):
    """No frame of a drag waits for the fine maps; half a second later the picture is what it is
    when the light is put there at once."""
    coarse = "illures.on('drawn', () => illures.coarse ||= illures.face.isCoarse)"
    v.js(f"() => {{ illures.coarse = false; {coarse} }}")
    v.drag(".ball", (0.5, 0.5), (0.2, 0.4), (0.3, 0.5), (0.25, 0.45))
    dragged = v.seen()
    assert v.js("illures.coarse") and not v.js("illures.face.isCoarse")
    azimuth, elevation = v.js("illures.face.aim(illures.chosenLight)")
    v.button("Reset the light").click()
    v.seen()
    v.js(f"illures.point({azimuth}, {elevation})")
    assert change(v.seen(), dragged) == 0


def test_light_in_numbers(v, face):
    v.page.get_by_text("In numbers").click()
    left, right = left_right(v, slide(v, "Azimuth", -70))
    assert left > 1.5 * right
    assert round(light(v).dominant_angles()[0]) == -70
    slide(v, "Elevation", 40)
    assert round(light(v).dominant_angles()[1]) == 40
    v.page.get_by_role("button", name="Copy", exact=True).click()
    v.page.get_by_text("Copied.").wait_for()
    text = v.page.locator(".numbers textarea")
    copied = text.input_value()
    v.button("Reset the light").click()
    text.fill(copied)
    v.button("Apply what I pasted").click()
    assert np.round(light(v).dominant_angles()).tolist() == [-70, 40]
    v.page.get_by_text("In numbers").click()


def test_reset_the_light(v):
    v.js("illures.change({ambient: .3, contrast: .5, shine: 'none'}, {azimuth: 40, warm: 1})")
    assert change(v.seen(), v.found) > 8
    v.button("Reset the light").click()
    assert change(v.seen(), v.found) == 0


def test_light_from_elsewhere(v, tmp_path):
    v.page.get_by_role("button", name="Light from elsewhere").click()
    SHLight.preset("split_right").save(tmp_path / "light.json")
    v.page.set_input_files("#file input[type=file]", tmp_path / "light.json")
    v.wait("illures.look.lights[0].source === 'file'")
    left, right = left_right(v, v.seen())
    assert right > 1.5 * left
    v.page.get_by_label("Clear").last.click()
    sky = np.full((64, 128, 3), 20, np.uint8)
    sky[20:30, 20:30] = 255
    Image.fromarray(sky).save(tmp_path / "sky.png")
    v.page.set_input_files("#file input[type=file]", tmp_path / "sky.png")
    v.page.locator(".panorama").wait_for()
    before = np.divide(*left_right(v, slide(v, "Turn the surroundings", 0)))
    v.page.get_by_label("Turn the surroundings").fill("120")
    turned = np.divide(*left_right(v, v.seen()))
    assert max(turned / before, before / turned) > 1.2
    panorama = v.page.locator(".panorama")
    assert panorama.evaluate("o => o.style.backgroundPositionX") not in ("", "0px")
    v.page.get_by_label("Clear").last.click()
    v.page.get_by_role("button", name="Light from elsewhere").click()


def fringes(colour):
    "How far nearly every pixel's change of colour is from the face's."
    return np.percentile(abs(colour - np.median(colour, 0)).max(-1), 99)


def test_a_light_moved_by_hand_leaves_no_face_black_and_no_fringes(v, face):
    """All over the picture and beyond its edges, with the photo's own light: in front of the head,
    most of the face lit, in the light's own colour. Fringes are what the light makes of the skin
    beside an even one: the photo's own residual, which goes, has colours of its own."""
    own, evenly = face.rendering, 0.6 * face.albedo
    mask, Y = face.mask > 0.5, own @ LUMINANCE
    box = v.page.locator(".frame .picture").bounding_box()

    def at(x, y):
        "A place on the page, in shares of the picture's last pixels."
        wide, high = box["width"] - 1, box["height"] - 1
        return box["x"] + x * wide, box["y"] + y * high

    v.page.mouse.move(*at(0.5, 0.5))
    v.page.mouse.down()
    for y in (-0.2, 0, 0.25, 0.5, 0.75, 1, 1.2):
        for x in (0, 0.2, 0.4, 0.6, 0.8, 1):
            v.page.mouse.move(*at(x, y))
            now = light(v)
            new = face.relight(now).rendering
            gain = log_gain(new, own, face.mask)
            colour = (gain - (gain @ LUMINANCE)[..., None])[mask]
            made = log_gain(new, evenly, face.mask)
            fringe = fringes((made - (made @ LUMINANCE)[..., None])[mask])
            where = f"{x}, {y}: {now.dominant_angles()}"
            assert now.dominant_direction()[2] > 0.2, where
            assert np.median(new[mask] @ LUMINANCE) > 0.3 * np.median(Y[mask]), where
            assert fringe < 0.25 and abs(np.median(colour, 0)).max() < 0.1, where
    v.page.mouse.up()


def test_no_light_makes_coloured_patches(v, face):
    """Nor do sliders at their ends, several lights, keys, no light at all; warmth tints the whole
    face."""
    own, mask = face.rendering, face.mask > 0.5
    for act in (
        "illures.change({}, {strength: 0})",
        "illures.change({}, {azimuth: -75, elevation: 0, warm: 1})",
        "illures.change({}, {azimuth: 75, elevation: 0, warm: -1})",
        "illures.change({}, {azimuth: 0, elevation: 75, strength: 3})",
        "illures.point(-60, 0); illures.addLight()",
        "for (let i = 0; i < 40; i++) illures.step(5, 5)",
    ):
        v.js("illures.resetLight()")
        v.js(f"() => {{ {act} }}")
        gain = log_gain(face.relight(light(v)).rendering, own, face.mask)
        colour = (gain - (gain @ LUMINANCE)[..., None])[mask]
        if "warm" in act:
            tint = np.sign(np.median(colour, 0))
            assert (np.sign(colour) == tint)[:, [0, 2]].mean() > 0.95, act
        else:
            assert fringes(colour) < 0.35, act


# ---- the picture and what is about it


def screen(v):
    "What the visitor sees of the picture: its screenshot."
    v.wait("!illures.asked")
    shot = Image.open(io.BytesIO(v.page.locator(".frame").screenshot()))
    return np.asarray(shot.convert("RGB")).astype(int)


def test_before_and_after(v):
    v.button("Split left").click()
    was, relit = v.found, v.seen()
    assert change(was, relit) > 8
    without = screen(v)
    v.page.get_by_label("Before and after").fill("50")
    half, w = screen(v), without.shape[1]
    face_rows = slice(without.shape[0] // 4, 3 * without.shape[0] // 4)
    assert change(half[face_rows, : w // 2 - 10], without[face_rows, : w // 2 - 10]) > 30
    assert change(half[face_rows, w // 2 + 10 :], without[face_rows, w // 2 + 10 :]) == 0
    v.page.get_by_label("Before and after").fill("0")
    assert change(screen(v), without) == 0


def test_hold_to_compare(v):
    asleep = screen(v)
    v.button("Neon").click()
    relit, hold = screen(v), v.button("Hold to compare")
    rows = slice(relit.shape[0] // 4, relit.shape[0] // 2)
    for press, release in (
        (partial(v.page.mouse.down), partial(v.page.mouse.up)),
        (partial(v.page.keyboard.down, " "), partial(v.page.keyboard.up, " ")),
    ):
        hold.hover()
        hold.focus()
        press()
        held = screen(v)
        release()
        assert abs(held - asleep)[rows].mean() < 6 < abs(held - relit)[rows].mean()
        assert change(screen(v)[rows], relit[rows]) == 0


def test_whole_photo(v):
    whole = v.button("Whole photo")
    whole.click()
    v.wait("illures.seen.name === 'whole'")
    assert whole.get_attribute("aria-pressed") == "true" and v.js("illures.seen.width") == 512
    whole.click()
    v.wait("illures.seen.name === 'close-1'")
    assert change(v.seen(), v.found) == 0


def test_undo_and_redo(v):
    v.button("Neon").click()
    neon = v.seen()
    v.button("Top").click()
    top = v.seen()
    v.button("Undo").click()
    assert change(v.seen(), neon) == 0
    v.button("Redo").click()
    assert change(v.seen(), top) == 0 and v.button("Redo").is_disabled()
    v.page.keyboard.press("Control+z")
    assert change(v.seen(), neon) == 0
    v.page.keyboard.press("Control+y")
    assert change(v.seen(), top) == 0


def test_tiles_enlarge(v):
    shown = {}
    for name in ("albedo", "normals", "shading", "residual", "reconstruction", "light"):
        tile = v.page.locator(f".tile.{name}")
        tile.click()
        assert tile.get_attribute("aria-pressed") == "true"
        assert v.page.locator(".frame .what").inner_text()
        shown[name] = v.image(
            "(c => c.getContext('2d').getImageData(0, 0, c.width, c.height))"
            "(document.querySelector('.frame .map'))"
        )
    assert all(
        shown[a].shape != shown[b].shape or change(shown[a], shown[b]) > 60
        for a in shown
        for b in shown
        if a < b
    )
    v.page.locator(".tile.light").click()
    assert not v.page.locator(".frame .map").is_visible()
    v.page.locator(".tile.normals").click()
    v.page.locator(".tile.photo").click()
    assert not v.page.locator(".frame .map").is_visible()


# ---- paint


def layers(v):
    return v.js("illures.face.layers.map(o => o.name)")


TOUCHES = {  # part of the crop that a touch changes
    "Lipstick": (0.4, 0.68, 0.6, 0.78),
    "Blush": (0.22, 0.55, 0.38, 0.68),
    "Eye shadow": (0.25, 0.33, 0.45, 0.42),
    "Stubble": (0.35, 0.78, 0.65, 0.9),
    "Beard": (0.35, 0.78, 0.65, 0.9),
}


def test_ready_touches_come_and_go(v):
    tab(v, "Paint")
    for name in (
        "Lipstick",
        "Blush",
        "Eye shadow",
        "Stubble",
        "Beard",
        "Freckles",
        "Skin tone",
        "No blemishes",
    ):
        v.button(name).click()
        v.page.wait_for_function("name => illures.face.layers.some(o => o.name === name)", arg=name)
        assert v.button(name).first.get_attribute("aria-pressed") == "true"
        if name == "Skin tone":
            slide(v, "Lighter … darker", 0.8)
        after = v.seen()
        assert change(after, v.found) > 5, name
        if name in ("Stubble", "Beard", "Skin tone"):
            assert brightness(v, after, *CHIN) < 0.98 * brightness(v, v.found, *CHIN), name
        if name in ("Lipstick", "Blush"):
            red, green, _ = crop_part(v, after, *TOUCHES[name])
            red_before, green_before, _ = crop_part(v, v.found, *TOUCHES[name])
            assert red / green > 1.02 * red_before / green_before, name
        v.button(name).first.click()
        assert not layers(v) and change(v.seen(), v.found) == 0, name


def brush(v, name, value):
    v.page.locator(f".brush [name={name}]").fill(str(value))


def stroke(v, *ends):
    v.drag(".frame .picture", *ends)


FOREHEAD = (0.46, 0.30), (0.52, 0.30)


def painted(v):
    return (abs(v.seen() - v.found).max(-1) > 6).sum()


def test_brush_size_edge_and_colour(v):
    tab(v, "Paint")
    v.button("Brush").click()
    counts = []
    for size, soft in ((3, 0), (12, 0), (12, 1)):
        brush(v, "size", size)
        brush(v, "soft", soft)
        v.button("Colour #3f6fb5").click()
        stroke(v, *FOREHEAD)
        counts.append(painted(v))
        if size == 12 and soft == 0:
            blue = v.seen()
        v.button("Undo").click()
    assert counts[0] > 20 and counts[1] > 2 * counts[0] and v.js("illures.face.layers.length") == 0
    v.page.locator(".brush input[type=color]").fill("#c02020")
    stroke(v, *FOREHEAD)
    red = v.seen()
    change_of_all = abs(red - blue).max(-1)
    place = np.unravel_index(change_of_all.argmax(), change_of_all.shape)
    (r, _, b), (r_before, _, b_before) = red[place], blue[place]
    assert r - b > r_before - b_before + 40
    hard, soft = counts[1], counts[2]
    assert soft != hard
    brush(v, "size", 6)
    brush(v, "soft", 0.6)


def test_eraser_picker_healing_and_move_light(v):
    tab(v, "Paint")
    v.button("Colour #b0243c").click()
    stroke(v, *FOREHEAD)
    full = painted(v)
    v.button("Eraser").click()
    stroke(v, (0.43, 0.30), (0.49, 0.30))
    assert 0 < painted(v) < 0.8 * full
    v.button("Pick colour").click()
    v.page.mouse.click(*v.place(".frame .picture", 0.52, 0.3))
    assert v.page.locator(".brush input[type=color]").input_value() != "#b0243c"
    assert v.button("Brush").get_attribute("aria-pressed") == "true"
    v.js("illures.setLayers([])")
    v.button("Heal").click()
    brush(v, "size", 20)
    stroke(v, (0.46, 0.45), (0.54, 0.53))
    assert v.js("illures.face.layers[0].kind") == "heal" and change(v.seen(), v.found) > 0
    brush(v, "size", 6)
    v.js("illures.setLayers([])")
    v.button("Move light").click()
    stroke(v, (0.5, 0.5), (0.2, 0.5))
    assert not layers(v) and light(v).dominant_direction()[0] < -0.3
    v.button("Brush").click()


def test_layers_are_chosen_hidden_changed_and_deleted(v):
    tab(v, "Paint")
    for name in ("Beard", "Lipstick"):
        v.button(name).click()
        v.page.wait_for_function("name => illures.face.layers.some(o => o.name === name)", arg=name)
    both, lips = v.seen(), (0.4, 0.68, 0.6, 0.78)
    v.page.get_by_label("Show Lipstick").uncheck()
    bearded = v.seen()
    assert change(bearded, both) > 8
    v.page.get_by_label("Show Lipstick").check()
    assert change(v.seen(), both) == 0
    v.page.locator(".layer .name", has_text="Beard").click()
    assert brightness(v, slide(v, "Opacity", 0.2), 0.35, 0.78, 0.65, 0.9) > 1.01 * brightness(
        v, both, 0.35, 0.78, 0.65, 0.9
    )
    v.page.locator(".layer .name", has_text="Lipstick").click()
    v.page.locator(".layer-options .tint input").fill("#2040c0")
    blue = v.seen()
    assert crop_part(v, blue, *lips)[2] > 1.05 * crop_part(v, both, *lips)[2]
    v.page.get_by_label("Blend").select_option("multiply")
    assert brightness(v, v.seen(), *lips) < brightness(v, blue, *lips)
    v.button("Delete Lipstick").click()
    v.button("Delete Beard").click()
    assert not layers(v) and change(v.seen(), v.found) == 0
    v.button("Skin tone").click()
    v.wait("illures.face.layers.length === 1")
    slide(v, "Paler … redder", -1)
    pale = crop_part(v, v.seen(), 0.3, 0.55, 0.4, 0.7)
    red = crop_part(v, slide(v, "Paler … redder", 1), 0.3, 0.55, 0.4, 0.7)
    assert red[0] / red[1] > 1.02 * pale[0] / pale[1]
    slide(v, "Paler … redder", 0)
    light_skin = brightness(v, slide(v, "Lighter … darker", -1), *WHOLE)
    assert brightness(v, slide(v, "Lighter … darker", 1), *WHOLE) < 0.9 * light_skin


def test_tattoo(v, tmp_path):
    tab(v, "Paint")
    blue = np.full((4, 8, 4), (0, 0, 120, 255), np.uint8)
    Image.fromarray(blue).save(tmp_path / "mark.png")
    with v.page.expect_file_chooser() as chooser:
        v.button("Tattoo …").click()
    chooser.value.set_files(tmp_path / "mark.png")
    v.wait("illures.face.layers.at(-1)?.kind === 'decal'")
    first, small = v.seen(), painted(v)
    assert small > 20
    v.page.locator(".layer-options [name=scale]").fill("0.5")
    assert painted(v) > 2 * small
    big = v.seen()
    v.page.locator(".layer-options [name=angle]").fill("60")
    assert change(v.seen(), big) > 8
    stroke(v, (0.50, 0.45), (0.58, 0.34))
    assert v.js("illures.face.layers.at(-1).place.y") < 0.5 and change(v.seen(), first) > 8


# ---- keeping, photos, looks


def test_every_file_can_be_saved(v, app, tmp_path, monkeypatch):
    "Films are made with fewer and smaller pictures here: whole ones take most of a minute."
    monkeypatch.setattr(
        app.illures_demo.saving,
        "write_turn",
        lambda path, f, *args, **kwargs: write_turn(path, f, seconds=0.5, fps=6, size=64),
    )
    v.button("Split left").click()
    tab(v, "Keep")
    starts = {
        "save-picture": (b"\x89PNG", b"\xff\xd8"),
        "save-zip": (b"PK",),
        "save-light": (b"{",),
        "save-mp4": (b"\0\0\0",),
        "save-gif": (b"GIF8",),
    }
    for name, magic in starts.items():
        with v.page.expect_download() as d:
            v.page.locator(f"#{name}").click()
        d.value.save_as(tmp_path / name)
        assert (tmp_path / name).read_bytes().startswith(magic), name
        v.wait("!document.querySelector('[aria-busy=true]')")
    assert SHLight.load(tmp_path / "save-light").dominant_direction()[0] < -0.8
    with zipfile.ZipFile(tmp_path / "save-zip") as z:
        assert "light.json" in z.namelist()


def test_tabs_by_mouse_and_by_keys(v):
    panels = {"Light": ".light-panel", "Paint": ".paint-panel"}
    panels |= {"Head": ".head-panel", "Keep": "#save-zip"}
    for name in ("Paint", "Head", "Keep", "Light"):
        tab(v, name)
        for other, panel in panels.items():
            assert v.page.locator(panel).is_visible() == (other == name)
    v.page.get_by_role("tab", name="Light").focus()
    for key, name in (
        ("ArrowRight", "Paint"),
        ("ArrowRight", "Head"),
        ("ArrowRight", "Keep"),
        ("ArrowRight", "Light"),
        ("ArrowLeft", "Keep"),
        ("Home", "Light"),
        ("End", "Keep"),
    ):
        v.page.keyboard.press(key)
        v.page.locator(panels[name]).wait_for()
        assert v.js("document.activeElement.textContent.trim()") == name
        v.wait("() => document.querySelectorAll('#tabs [role=tab][tabindex=\"0\"]').length === 1")


def test_several_faces_by_box_and_by_list(page, browser, url, two_faces, tmp_path):
    Image.fromarray(two_faces).save(tmp_path / "two.png")
    page.bring(tmp_path / "two.png")
    page.button("Face 2").click()
    page.wait("illures.chosen === 2 && illures.face.paint")
    for choice, chosen in (("1", "1"), ("all", "'all'"), ("2", "2")):
        page.page.get_by_label("Which face").select_option(choice)
        page.wait(f"illures.chosen === {chosen}")
    tab(page, "Light")
    before = page.seen()
    page.button("Split left").click()
    assert change(page.seen(), before) > 8 and page.js(
        "illures.scene().faces.map(o => o.face)"
    ) == [2]


def test_examples_and_theme(page):
    for k in (0, -1):
        visit = page.js("illures.photo.visit")
        examples = page.page.locator(".people button")
        examples.nth(k if k >= 0 else examples.count() - 1).click()
        page.wait("v => illures.seen && illures.photo.visit !== v && illures.face.paint", visit)
    page_and_button = """[document.body, document.querySelector('.presets button')]
        .map(o => getComputedStyle(o)).map((o, k) => k ? o.color : o.backgroundColor)"""
    colours = []
    for scheme in ("light", "dark"):
        page.page.emulate_media(color_scheme=scheme)
        page.page.reload()
        page.wait("globalThis.illures?.seen")
        colours.append(page.js(page_and_button))
    assert all(light != dark for light, dark in zip(*colours, strict=True))
    page.page.emulate_media(color_scheme="light")


# ---- screens

BOXES = """() => {
  const controls = "#page :is(button, input, select, textarea, summary, .ball, .frame)"
  const unseen = ".frame, .for-readers, [aria-hidden=true]"
  const seen = o => o.checkVisibility({visibilityProperty: true}) && !o.closest(unseen)
  const name = o => `${o.className} ${o.name || o.ariaLabel || o.textContent.trim().slice(0, 20)}`
  return [...document.querySelectorAll(controls)].filter(o => o.matches(".frame") || seen(o))
  .map(o => [name(o), o.getBoundingClientRect()])
  .filter(([, r]) => r.width > 1)
  .map(([name, r]) => [name, r.left, r.top, r.right, r.bottom]) }"""


def overlaps(boxes):
    "Names of controls that lie upon one another."
    found = []
    for i, (a, *p) in enumerate(boxes):
        for b, *q in boxes[i + 1 :]:
            left, top = np.maximum(p[:2], q[:2])
            right, bottom = np.minimum(p[2:], q[2:])
            if right - left > 1 and bottom - top > 1:
                found.append((a, b))
    return found


@pytest.fixture(scope="module")
def screens(browser, url):
    "A page for fingers and one for a mouse."

    def visit(touch):
        return Visit(browser, url, script=None, has_touch=touch, is_mobile=touch)

    visits = {touch: visit(touch) for touch in (True, False)}
    yield visits
    for o in visits.values():
        o.context.close()
        assert not o.errors


@pytest.fixture(params=SIZES)
def sized(request, screens):
    v, (width, height) = screens[request.param in TOUCH], SIZES[request.param]
    v.page.set_viewport_size({"width": width, "height": height})
    v.wait("w => innerWidth === w", width)
    tab(v, "Light")
    v.js("scrollTo(0, 0)")
    return request.param, v, width, height


PICTURE = {  # size → how far down the picture may begin, how big it is at least
    "desktop": (100, 500),
    "small desktop": (60, 480),
    "tablet": (140, 560),
    "phone": (140, 340),
    "phone lying": (40, 280),
    "narrow": (150, 260),
    "desktop at 200 %": (60, 300),
}


def test_the_picture_comes_first_and_the_controls_are_in_reach(sized):
    name, v, width, height = sized
    top, big = PICTURE[name]
    picture = v.page.locator(".frame .picture").bounding_box()
    assert picture["y"] <= top and min(picture["width"], picture["height"]) >= big
    assert picture["y"] + picture["height"] <= height
    for control in ("[role=tablist]", "#save-picture", *([".ball"] if name != "narrow" else [])):
        box = v.page.locator(control).last.bounding_box()
        assert box["y"] + box["height"] <= height + 1, control
        assert box["x"] >= 0 and box["x"] + box["width"] <= width, control


def test_nothing_is_too_wide_too_small_or_upon_something_else(sized):
    name, v, width, height = sized
    for panel in ("Light", "Paint", "Head", "Keep"):
        tab(v, panel)
        if panel == "Head":
            v.page.locator(".head-stage").wait_for()
        v.js("scrollTo(0, 0)")
        assert v.js("document.documentElement.scrollWidth") <= width, panel
        boxes = [o for o in v.js(BOXES) if o[3] > 0]
        inside = [
            o
            for o in boxes
            if not o[0].startswith(("tile", "gallery", "example"))
            and "whole" not in o[0].split()
            and "who" not in o[0].split()
        ]
        assert not overlaps(inside), panel
        if name in TOUCH:
            small = [
                o
                for o in boxes
                if (o[3] - o[1] < 39.5 or o[4] - o[2] < 39.5)
                and not o[0].startswith(("frame", " kind"))  # a radio button's label is touched
            ]
            assert not small, panel
            labels = "[...document.querySelectorAll('.kind label')].map(o => o.offsetHeight)"
            assert min(v.js(labels)) >= 40
    tab(v, "Light")


def test_no_control_stays_under_the_picture(sized):
    "Who goes to a control, by keyboard too, sees it: the picture that stays does not cover it."
    name, v, width, height = sized
    covered = v.js("""async () => {
      const out = []
      for (const o of document.querySelectorAll("#hands :is(button, input, .ball)")) {
        if (!o.checkVisibility() || o.closest("[aria-hidden=true]")) continue
        o.focus()
        await new Promise(requestAnimationFrame)
        const r = o.getBoundingClientRect()
        const there = document.elementFromPoint((r.left + r.right)/2, (r.top + r.bottom)/2)
        const seen = o.contains(there) || there?.contains(o)
        if (!seen) out.push(o.outerHTML.slice(0, 80))
      }
      return out
    }""")
    assert not covered, name


def test_a_finger_on_the_picture_moves_the_light_not_the_page(screens):
    v = screens[True]
    v.page.set_viewport_size({"width": 390, "height": 844})
    v.js("scrollTo(0, 0)")
    touches = v.context.new_cdp_session(v.page)
    box = v.page.locator(".frame .picture").bounding_box()

    def touch(kind, *shares):
        "A finger at shares of the picture's height."
        x, y, h = box["x"] + 0.3 * box["width"], box["y"], box["height"]
        points = [{"x": x, "y": y + share * h} for share in shares]
        touches.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", 0.8)
    for share in (0.6, 0.4, 0.2):
        touch("touchMove", share)
    touch("touchEnd")
    v.wait("illures.look.lights[0].elevation > 20")
    assert v.js("scrollY") == 0
    v.js("scrollTo(0, 300)")  # the picture stays while the controls go by
    assert v.page.locator(".frame .picture").bounding_box()["y"] >= 0
    assert v.page.locator(".frame .picture").bounding_box()["y"] < 10
