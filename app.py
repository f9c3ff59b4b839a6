"""The demo in the browser: a photo taken apart, then relit by hand. Handlers are thin over the package; the network runs once a photo."""
import os

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False") # before Gradio is imported

try: import spaces # Hugging Face lends GPUs through it; it wants to be imported before torch
except ImportError: spaces = None

import atexit
import base64
import html
import json
import secrets
import shutil
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import cv2
import gradio as gr
import numpy as np

from illures_nb import Decomposer, SHLight
from illures_nb.cli import sentence
from illures_nb.decompose import MAPS, as_picture
from illures_nb.face import crop, crop_transform
from illures_nb.image import linear_to_srgb, read_image, resize, write_image
from illures_nb.light import ball_normals

ASSETS = Path(__file__).resolve().parent / "assets"
OWN, OTHER, FIRST = "own", "other", "window" # names of lights beside the presets: the photo's, that of a file; the one to begin with
PREVIEW = 1024 # longer side of a picture on the page, px; what is saved has the photo's own size
TILE = 256     # side of a map on the page, px
RECENT = 6     # previews and saved files of a visit that stay on disk
AGE = 3600     # seconds until what is on disk is deleted

TILES = {"photo": ("Photo", "the face as it was found"),
         "albedo": ("Albedo", "its own colour, without any light"),
         "normals": ("Normals", "where the skin faces: red right, green up, blue to you"),
         "shading": ("Shading", "the light that falls on this shape"),
         "residual": ("Residual", "shine and cast shadows; grey is nothing"),
         "reconstruction": ("Reconstruction", "albedo × shading + residual"),
         "light": ("Light", "the same light on a white ball")}

HOW = """<b>How it fits together</b><p>photo = albedo × shading + residual</p><p>Shading is what the light does on the normals.
Change the light and keep the rest: that is relighting.</p>"""
ABOUT = """# Take a face apart, light it anew
One portrait in; the skin's **colour**, the **shape**, the **light** and what is left, out. Then move the light."""
PRIVACY = """Photos are not kept: yours is worked on in this server's memory, used for nothing else, and its temporary files are deleted within about an hour.
A relit portrait is an edited portrait: say so where it matters, and ask the person."""


def gpu(fn): return spaces.GPU(duration=20)(fn) if spaces else fn


# ---- pictures


def tiles(f): # a `Decomposition` → name → (S, S, 3 or 4) uint8
    "The face and its layers, cut out along its mask; the light as a ball."
    alpha = np.round(np.clip(resize(f.mask, TILE), 0, 1)*255).astype(np.uint8)
    cut = {name: np.dstack([resize(as_picture(name, getattr(f, name)), TILE), alpha]) for name in MAPS[:-1]}
    face = crop(f.photo.picture, crop_transform(f.photo.face.landmarks, TILE), TILE)
    return {"photo": face, **cut, "light": ball(f.light, TILE)}


def ball(light, size): # (S, S, 4) uint8
    "A white ball under a light, dimmed where it would be brighter than white; around it nothing."
    normals, cover = ball_normals(size)
    lit = linear_to_srgb(light.shade(normals)/max(1, light.peak))
    return np.round(np.dstack([lit, cover]).clip(0, 1)*255).astype(np.uint8)


def data_url(x):
    return "data:image/png;base64," + base64.b64encode(cv2.imencode(".png", x[..., [2, 1, 0, 3][:x.shape[2]]])[1]).decode()


def strip(f=None): # HTML
    "All layers at one glance; frames that say what will be there before there is a face."
    pictures = tiles(f) if f else {}
    image = lambda name: f'<img src="{data_url(pictures[name])}" alt="{TILES[name][0]}: {TILES[name][1]}">' if f else '<div class="blank"></div>'
    own = f'<style>#lights {{ --own: url("{data_url(ball(f.light, 56))}") }}</style>' if f else ""
    figures = (f'<figure class="{name}">{image(name)}<figcaption><b>{title}</b> {text}</figcaption></figure>' for name, (title, text) in TILES.items())
    return f'{own}<div class="strip">{"".join(figures)}<div class="how">{HOW}</div></div>'


def light_now(light): # HTML
    "The light as it is at the moment."
    azimuth, elevation = light.dominant_angles()
    side = f'{abs(azimuth):.0f}° {"right" if azimuth > 0 else "left"}, {abs(elevation):.0f}° {"above" if elevation > 0 else "below"}'
    return f'<div class="now"><img src="{data_url(ball(light, 96))}" alt="a white ball under this light"><span>Light mostly from<br><b>{side}</b></span></div>'


def boxes(taken): # (H, W, 3) uint8
    "The photo with its faces framed and numbered."
    out = taken.whole[0].photo.picture.copy()
    width = max(2, max(out.shape)//300)
    for i, f in enumerate(taken.faces, 1):
        x0, y0, x1, y1 = np.round(f.photo.face.box*taken.scale).astype(int).tolist()
        for colour, w in ((0, 0, 0), 2*width), ((255, 255, 255), width):
            cv2.rectangle(out, (x0, y0), (x1, y1), colour, w, cv2.LINE_AA)
            cv2.putText(out, str(i), (x0, y0 - 3*width), cv2.FONT_HERSHEY_SIMPLEX, .7*width, colour, w, cv2.LINE_AA)
    return out


# ---- a visit


@dataclass(frozen=True, eq=False)
class Taken:
    "A photo taken apart, as long as its page is open."
    faces: list  # of `Decomposition`, biggest first
    whole: list  # the same on the photo at preview size
    close: list  # the same, each on a part of the photo about its face
    folder: Path # for the files the browser asks for

    @property
    def scale(self): return len(self.whole[0].photo.picture)/len(self.faces[0].photo.picture)


def shrunk(picture): return picture if max(picture.shape) <= PREVIEW else resize(picture, PREVIEW)


def on_view(f, picture, view, corner=(0, 0)): # a `Decomposition` on another picture of its photo: nothing of the face changes
    "The same face on a picture of the part of the photo that has the shape of `view` and its upper left pixel at `corner`."
    sy, sx = (a/b for a, b in zip(picture.shape[:2], view.shape))
    back = np.array([[1/sx, 0, .5/sx - .5 + corner[0]], [0, 1/sy, .5/sy - .5 + corner[1]], [0, 0, 1]]) # pixel centres are at integers
    return replace(f, photo=replace(f.photo, picture=picture, transform=f.photo.transform @ back))


def close_up(f):
    "The part of the photo about a face."
    box, (h, w) = f.photo.face.box, f.photo.picture.shape[:2]
    side = max(box[2:] - box[:2])
    (x0, y0), (x1, y1) = (np.clip((box[:2] + box[2:])/2 + (s*1.3*side, s*1.3*side - .1*side), 0, (w, h)).astype(int) for s in (-1, 1))
    view = f.photo.picture[y0:y1, x0:x1]
    return on_view(f, shrunk(view), view, (x0, y0))


def taken_apart(faces):
    photo = faces[0].photo.picture
    whole, folder = shrunk(photo), Path(gr.utils.get_upload_folder()) / secrets.token_hex(32)
    return Taken(faces, [on_view(f, whole, photo) for f in faces], [close_up(f) for f in faces], folder)


def forget(taken):
    "Delete a visit's files."
    if taken: shutil.rmtree(taken.folder, ignore_errors=True)


def new_file(taken, name): # path
    "Where to write a file for the browser; all but the most recent ones go."
    for old in sorted(taken.folder.glob("[0-9]*"))[:-RECENT]: shutil.rmtree(old, ignore_errors=True)
    place = taken.folder / f"{time.time_ns():020d}"
    place.mkdir(parents=True)
    return place / name


def before(taken, face, whole): # path
    "The photo, or the part about a face, at preview size."
    path = taken.folder / ("before.png" if whole else f"before-{face}.png")
    taken.folder.mkdir(exist_ok=True)
    if not path.is_file(): write_image(path, (taken.whole if whole else taken.close)[face - 1].photo.picture)
    return path


@contextmanager
def friendly(path=""):
    "Whatever is wrong with a file or an argument, as one sentence without a path of this machine."
    try: yield
    except (ValueError, OSError) as e: raise gr.Error(sentence(e).replace(str(path), Path(path).name), print_exception=False) from e


def here(taken):
    "What was taken apart, if it is still there."
    if taken is None: raise gr.Error("There is no photo, or it was forgotten after some hours: send it (again).", print_exception=False)
    return taken


def chosen(faces, number): # one `Decomposition`; 1 is the biggest
    if not (number and 1 <= number <= len(faces)): raise gr.Error(f"There is no face {number}: the photo has {len(faces)}.", print_exception=False)
    return faces[int(number) - 1]


# ---- light


def base_light(f, name, other):
    "The light of a name, as bright as the photo's own."
    if name == OWN: return f.light
    return (other if name == OTHER else SHLight.preset(name)).matched(f.light)


def angles(light): # whole degrees, for the sliders
    return [round(v) for v in light.dominant_angles()]


def aim(base, azimuth, elevation, strength=1., warmth=0., ambient=0.):
    "A light turned until most of it comes from a direction, its strength and colour changed, and an even light added."
    a, e = base.dominant_angles()
    turned = base.rotate(yaw=-a).rotate(pitch=-e).rotate(yaw=a + azimuth - round(a), pitch=e + elevation - round(e))
    even = SHLight.from_direction(0, 0, strength=0, ambient=1, warmth=warmth)
    return turned*(strength*even.shade(np.array([0., 0., 1.]))) + even*ambient


def light_of_text(text, f):
    "A light as programs say it: a preset, `own`, `AZIMUTH,ELEVATION` in degrees, or the text of a light.json."
    text = str(text).strip()
    if text == OWN: return f.light
    if text.startswith("{"): return SHLight.from_json(text)
    return SHLight.from_direction(*text.split(",")) if text.count(",") == 1 else SHLight.preset(text)


def light_choices(other=False): # (label, value) for the radio
    names = [("As in the photo", OWN)] + [(n.replace("_", " ").capitalize(), n) for n in SHLight.presets()]
    return names + [("From your file", OTHER)]*other


# ---- what the events call


class Handlers:
    "The page's events and the endpoints for programs. All they remember is in the visit's `Taken`."
    def __init__(self, decomposer): self.decompose = gpu(lambda path: decomposer(path))

    def take(self, path):
        "The faces of a photo; an error that can be shown if there are none."
        with friendly(path): faces = self.decompose(path)
        if not faces: raise gr.Error(f"No face was found in {Path(path).name}. It helps if the face is larger, in focus and well lit.", print_exception=False)
        return taken_apart(faces)

    def light_of_file(self, path):
        "The light of another portrait, of an environment map or of a light.json, and what it was taken for."
        suffix, name = Path(path).suffix.lower(), Path(path).name
        with friendly(path):
            faces = [] if suffix in (".json", ".hdr", ".exr") else self.decompose(path)
            if faces: return faces[0].light, f"The light on the face in {name}."
            light = SHLight.load(path) if suffix == ".json" else SHLight.from_envmap(path)
            light.exposed() # refuses one that is dark all around
        if suffix in (".json", ".hdr", ".exr"): return light, f"The light of {name}."
        height, width = read_image(path).shape[:2]
        if not 1.9 < width/height < 2.1: raise gr.Error(f"{name} has no face in it, and is no environment map (twice as wide as high).", print_exception=False)
        return light, f"{name} has no face in it: taken as an environment map."

    # the page

    def on_photo(self, old, path, whole, name, other, *settings):
        forget(old)
        hidden, seen = gr.update(visible=False), gr.update(visible=True)
        nothing = [hidden, gr.skip(), None, strip(), hidden, *[gr.skip()]*4]
        if path is None: return [None, "", *nothing]
        try: taken = self.take(path)
        except gr.Error as e: return [None, status(e.message, bad=True), *nothing]
        n = len(taken.faces)
        faces = [seen if n > 1 else hidden, gr.update(value=1, choices=list(range(1, n + 1))), boxes(taken) if n > 1 else None]
        layers, *result = self.on_face(taken, 1, whole, name, other, *settings)
        return [taken, status(f"{n} faces were found: choose below." if n > 1 else ""), *faces, layers, seen, *result]

    def on_face(self, taken, face, *settings):
        return [strip(chosen(here(taken).faces, face)), *self.on_light(taken, face, *settings)]

    def on_light(self, taken, face, whole, name, other, *settings):
        to = angles(base_light(chosen(here(taken).faces, face), name, other))
        return [*to, *self.on_turn(taken, face, whole, name, other, *to, *settings)]

    def on_turn(self, taken, face, whole, *settings):
        g = self.relit(here(taken).whole if whole else taken.close, face, *settings)
        path = new_file(taken, "preview.png")
        write_image(path, g.composite())
        return [(before(taken, face, whole), path), light_now(g.light)]

    def relit(self, faces, face, name, other, azimuth, elevation, residual, *colour):
        f = chosen(faces, face)
        return f.relight(aim(base_light(f, name, other), azimuth, elevation, *colour), residual)

    def on_click(self, taken, event: gr.SelectData):
        "The number of the face nearest to a click on the framed photo."
        middles = [(f.photo.face.box[:2] + f.photo.face.box[2:])/2*taken.scale for f in here(taken).faces]
        return int(np.argmin([np.linalg.norm(m - event.index) for m in middles])) + 1

    def on_file(self, taken, path, face, whole, name, old, *settings):
        if path is None:
            name = FIRST if name == OTHER else name
            return ["", None, gr.update(choices=light_choices(), value=name), *self.on_light(taken, face, whole, name, None, *settings)]
        try: other, said = self.light_of_file(path)
        except gr.Error as e: return [status(e.message, bad=True), old, *[gr.skip()]*5]
        own = f'<style>#lights {{ --other: url("{data_url(ball(other, 56))}") }}</style>'
        return [own + status(said), other, gr.update(choices=light_choices(True), value=OTHER), *self.on_light(taken, face, whole, OTHER, other, *settings)]

    def save_picture(self, taken, face, whole, *settings):
        path = new_file(here(taken), "relit.png")
        write_image(path, self.relit(taken.faces, face, *settings).composite())
        return path

    def save_light(self, taken, face, whole, *settings):
        path = new_file(here(taken), "light.json")
        self.relit(taken.close, face, *settings).light.save(path)
        return path

    # for programs

    def api_decompose(self, photo, face=1):
        """Take one face of a photo apart (1 = the biggest). Returns its albedo, normals, shading, residual, reconstruction and mask as PNG files, and
        its light (nine rows R, G, B). The photo stays with this client: /relight can use it without sending it again."""
        taken = self.take(here(photo))
        f = chosen(taken.faces, face)
        paths = [new_file(taken, f"{name}.png") for name in MAPS]
        for name, path in zip(MAPS, paths): write_image(path, as_picture(name, getattr(f, name)))
        return [taken, *paths, json.loads(f.light.to_json())]

    def api_relight(self, taken, photo=None, light="front", residual=1., face=1, reference=None):
        """Relight one face of a photo (without one: of the photo this client sent last). `light` is a preset, "own", "AZIMUTH,ELEVATION" in degrees
        (azimuth > 0 is the picture's right), or the text of a light.json; `reference`, if given, is another portrait, an environment map or a
        light.json to take the light from; `residual` 0 to 2 scales shine and cast shadows. Returns the whole picture as PNG, and the light."""
        if photo: taken = self.take(photo)
        f = chosen(here(taken).faces, face)
        with friendly(): g = f.relight(self.light_of_file(reference)[0] if reference else light_of_text(light, f), residual)
        path = new_file(taken, "relit.png")
        write_image(path, g.composite())
        return [taken, path, json.loads(g.light.to_json())]


def status(text, bad=False): # HTML
    return f'<p role="status" class="{"bad" if bad else ""}">{html.escape(text)}</p>' if text else ""


# ---- the page


def examples():
    "Our own portraits, and two in the public domain that come with packages we need."
    bundled = ("skimage", "data/astronaut.png"), ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg")
    found = [Path(spec.origin).parent / file for package, file in bundled if (spec := find_spec(package))]
    return [str(o) for o in [*sorted((ASSETS / "examples").glob("*.jpg")), *found] if o.is_file()]


def look():
    "How Gradio is to show and serve the page: fonts of the visitor's machine, nothing from elsewhere, a ball over each light's name."
    rule = '#lights label:nth-of-type({}) {{ --ball: {} }}'.format
    urls = {OWN: "var(--own)", OTHER: "var(--other)"} | {n: f'url("{data_url(ball(SHLight.preset(n), 56))}")' for n in SHLight.presets()}
    balls = "\n".join(rule(i, urls[n]) for i, (_, n) in enumerate(light_choices(True), 1))
    plain = {f"block_{part}_{what}": value for part in ("title", "label") for what, value in (
        ("text_color", "*body_text_color"), ("text_color_dark", "*body_text_color"), ("background_fill", "*block_background_fill"),
        ("background_fill_dark", "*block_background_fill"))}
    theme = gr.themes.Soft(primary_hue="indigo", neutral_hue="stone", font=gr.themes.Font("system-ui"), font_mono=gr.themes.Font("monospace")).set(
        background_fill_primary="*neutral_50", body_text_color_subdued="*neutral_500", checkbox_border_color="*neutral_300", block_title_padding="0", **plain)
    return dict(theme=theme, css=(ASSETS / "app.css").read_text(encoding="utf-8") + balls, max_file_size="50mb", state_session_capacity=60,
                footer_links=["api", "settings"], ssr_mode=False)


def save_button(label, write, inputs):
    "A button that has a file made, then downloads it."
    button = gr.Button(label, size="md")
    file = gr.DownloadButton(elem_id=write.__name__, elem_classes="unseen")
    made = button.click(write, inputs, file, api_visibility="private", concurrency_limit=2)
    made.success(None, js=f"() => setTimeout(() => document.querySelector('#{write.__name__}').click(), 100)")


def own_folder():
    "Have Gradio put uploads and results into a folder of this process, which goes with it."
    if "GRADIO_TEMP_DIR" in os.environ: return
    os.environ["GRADIO_TEMP_DIR"] = str(Path(tempfile.mkdtemp(prefix="illures-")).resolve())
    atexit.register(shutil.rmtree, os.environ["GRADIO_TEMP_DIR"], ignore_errors=True)


def as_uploaded(payload): return payload and payload.path


def build_demo(decomposer=None): # → gr.Blocks; decomposer None: the bundled weights
    "The page."
    own_folder()
    do = Handlers(decomposer or Decomposer.from_pretrained())
    with gr.Blocks(title="illures: take a face apart, light it anew", analytics_enabled=False, delete_cache=(AGE//4, AGE)) as demo:
        taken, other = gr.State(None, time_to_live=4*AGE, delete_callback=forget), gr.State(None, time_to_live=4*AGE)
        gr.Markdown(ABOUT, elem_id="about")
        with gr.Row(elem_id="apart"):
            with gr.Column(scale=3, min_width=300):
                photo = gr.Image(label="Your photo", type="filepath", format="png", sources=["upload", "webcam", "clipboard"], height=330,
                                 elem_id="photo", buttons=[], placeholder="Drop a portrait here\n- or -\nclick to choose one")
                photo.preprocess = as_uploaded # our own reader opens the file: it reads more kinds, and says what is wrong with it
                said = gr.HTML(elem_id="said", padding=False)
                gr.Examples([[o] for o in examples()], [photo], label="No photo at hand? Click one of these", elem_id="examples", cache_examples=False)
            with gr.Column(scale=7, min_width=320):
                layers = gr.HTML(strip(), elem_id="layers", padding=False)
        with gr.Row(visible=False) as several:
            which = gr.Radio([1], value=1, label="Which face?", info="the biggest is number 1", scale=3, elem_id="which")
            framed = gr.Image(label="or click it", format="png", interactive=False, height=260, scale=7, buttons=[], elem_id="framed")
        with gr.Row(elem_id="anew", visible=False) as anew:
            with gr.Column(scale=6, min_width=320, elem_id="result"):
                compare = gr.ImageSlider(label="Before | after: drag the line", format="png", interactive=False, buttons=["fullscreen"],
                                         max_height=620, elem_id="compare")
                whole = gr.Checkbox(False, label="Show the whole photo", container=False, elem_id="whole")
            with gr.Column(scale=5, min_width=320):
                now = gr.HTML(elem_id="now", padding=False)
                name = gr.Radio(light_choices(), value=FIRST, label="Light", elem_id="lights")
                azimuth = gr.Slider(-180, 180, 0, step=1, label="Azimuth", info="left … right of the picture; beyond ±90° from behind", elem_id="azimuth")
                elevation = gr.Slider(-90, 90, 0, step=1, label="Elevation", info="below … above", elem_id="elevation")
                residual = gr.Slider(0, 2, 1, step=.05, label="Shine and shadows (residual)", info="0 takes them away, 2 doubles them", elem_id="residual")
                with gr.Accordion("Strength and colour", open=False):
                    strength = gr.Slider(0, 3, 1, step=.05, label="Strength", elem_id="strength")
                    warmth = gr.Slider(-1, 1, 0, step=.05, label="Warmth", info="blue sky … light bulb", elem_id="warmth")
                    ambient = gr.Slider(0, 1, 0, step=.05, label="Ambient", info="even light from all around", elem_id="ambient")
                with gr.Accordion("Light from elsewhere", open=False):
                    file = gr.File(label="A portrait, an environment map or a light.json", type="filepath", height=140,
                                   file_types=["image", ".hdr", ".exr", ".json"], elem_id="file")
                    file_said = gr.HTML(padding=False)
                settings = [residual, strength, warmth, ambient]
                all_settings = [taken, which, whole, name, other, azimuth, elevation, *settings]
                with gr.Row():
                    save_button("Save the whole photo", do.save_picture, all_settings)
                    save_button("Save light.json", do.save_light, all_settings)
        gr.Markdown(PRIVACY, elem_id="privacy")

        private = dict(api_visibility="private", concurrency_limit=2)
        network = dict(concurrency_id="network", concurrency_limit=1)
        result = [azimuth, elevation, compare, now]
        photo.change(do.on_photo, [taken, photo, whole, name, other, *settings], [taken, said, several, which, framed, layers, anew, *result],
                     api_visibility="private", show_progress_on=[layers], **network)
        which.input(do.on_face, [taken, which, whole, name, other, *settings], [layers, *result], show_progress="hidden", **private)
        framed.select(do.on_click, [taken], [which], show_progress="hidden", **private).then(
            do.on_face, [taken, which, whole, name, other, *settings], [layers, *result], show_progress="hidden", **private)
        name.input(do.on_light, [taken, which, whole, name, other, *settings], result, show_progress="hidden", trigger_mode="always_last", **private)
        gr.on([s.input for s in (whole, azimuth, elevation, *settings)], do.on_turn, all_settings, [compare, now],
              show_progress="hidden", trigger_mode="always_last", **private)
        file.change(do.on_file, [taken, file, which, whole, name, other, *settings], [file_said, other, name, *result], api_visibility="private", **network)

        with gr.Group(visible=False): # for programs: arguments that the page has no component for, and what they get
            face, amount = gr.Number(1, precision=0, label="face"), gr.Number(1, minimum=0, maximum=2, label="residual")
            word = gr.Textbox("front", label="light")
            maps, numbers = [gr.Image(label=n, format="png") for n in MAPS], gr.JSON(label="light")
            picture = gr.Image(label="picture", format="png")
        gr.on([], do.api_decompose, [photo, face], [taken, *maps, numbers], api_name="decompose", **network)
        gr.on([], do.api_relight, [taken, photo, word, amount, face, file], [taken, picture, numbers], api_name="relight", **network)
    demo.queue(max_size=40)
    demo.launch = partial(demo.launch, **look()) # Gradio takes looks and limits there; whoever launches the page gets them
    return demo


def main():
    try: demo = build_demo()
    except (ValueError, OSError) as e: sys.exit(f"illures: {sentence(e)}")
    demo.launch(inbrowser="SPACE_ID" not in os.environ)


if __name__ == "__main__": main()
