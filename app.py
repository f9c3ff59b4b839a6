"""The demo in the browser: a photo taken apart, relit and painted by hand. The page shades by itself (assets/studio); the server is asked for a photo's
maps once, and for what is saved. Handlers are thin over the package; the network runs once a photo."""
import os

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False") # before Gradio is imported

try: import spaces # Hugging Face lends GPUs through it; it wants to be imported before torch
except ImportError: spaces = None

import atexit
import html
import json
import secrets
import shutil
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cached_property, partial
from importlib.util import find_spec
from pathlib import Path

import cv2
import gradio as gr
import numpy as np
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from illures_nb import Decomposer, SHLight
from illures_nb.cli import safe_printing, sentence
from illures_nb.decompose import MAPS, as_picture
from illures_nb.edit import HAEMOGLOBIN, MELANIN, apply_layers, fine_albedo, healed_albedo, skin_level, tone_range, touch, touches, unrolled
from illures_nb.export import safe_name, view, write_glb, write_turn, write_zip
from illures_nb.image import linear_to_srgb, resize, write_image
from illures_nb.light import EnvmapShapeError, read_envmap

ASSETS = Path(__file__).resolve().parent / "assets"
PREVIEW = 1024 # longer side of a picture on the page, px; what is saved has the photo's own size
MOST = 12      # faces of a photo that can be worked on
RECENT = 6     # saved files of a visit that stay on disk
AGE = 3600     # seconds until what is on disk is deleted
SAVING = dict(api_visibility="private", concurrency_limit=2, show_progress="hidden") # how the page asks for a file

ABOUT = """# Take a face apart, light it anew
A portrait in; its **colour**, **shape** and **light** out, each by itself. Then move the light with your hand, and paint."""
PRIVACY = """**Your photo is not kept.** It is worked on in this server's memory for this page only, used for nothing else, sent nowhere else, and its temporary files
are deleted within about an hour. Moving the light and painting happen in your browser. A relit portrait is an edited portrait: say so where it matters, and ask the person."""


def gpu(fn): return spaces.GPU(duration=20)(fn) if spaces else fn


# ---- a visit: a photo taken apart, and the files the browser asks for


@dataclass(frozen=True, eq=False)
class Taken:
    "A photo taken apart, as long as its page is open."
    faces: list  # of `Decomposition`, biggest first
    found: int   # faces in the photo
    name: str    # of the photo's file, without suffix
    folder: Path # for the files the browser asks for
    shown: dict = field(default_factory=dict) # number of a face → what the page was told of it
    views: dict = field(default_factory=dict) # name of a view → the same


def taken_apart(faces, path):
    folder = Path(gr.utils.get_upload_folder()) / secrets.token_hex(32)
    folder.mkdir(parents=True)
    return Taken(faces[:MOST], len(faces), safe_name(Path(path).name), folder)


def forget(taken):
    "Delete a visit's files."
    if taken: shutil.rmtree(taken.folder, ignore_errors=True)


def new_file(taken, name): # path
    "Where to write a file to be saved; all but the most recent ones go."
    for old in sorted(taken.folder.glob("saved-*"))[:-RECENT]: shutil.rmtree(old, ignore_errors=True)
    place = taken.folder / f"saved-{time.time_ns():020d}"
    place.mkdir(parents=True)
    return place / name


@contextmanager
def friendly(path=""):
    "Whatever is wrong with a file or an argument, as one sentence without a path of this machine."
    try: yield
    except (ValueError, OSError, ImportError) as e: raise gr.Error(sentence(e).replace(str(path), Path(path).name), print_exception=False) from e


def here(taken):
    "What was taken apart, if it is still there."
    if taken is None: raise gr.Error("There is no photo, or it was forgotten after some hours: send it (again).", print_exception=False)
    return taken


def chosen(taken, number): # one `Decomposition`; 1 is the biggest
    n = len(taken.faces)
    if isinstance(number, bool) or number not in range(1, n + 1):
        raise gr.Error(f"There is no face {number}: the photo has {n}" + f" that can be worked on, of {taken.found}."*(n < taken.found) + "."*(n == taken.found), print_exception=False)
    return taken.faces[int(number) - 1]


# ---- views and maps for the page


def around(f): # x0, y0, x1, y1
    "The part of the photo about a face."
    box, (h, w) = f.photo.face.box, f.photo.picture.shape[:2]
    side = max(box[2:] - box[:2])
    corners = (np.clip((box[:2] + box[2:])/2 + (s*1.05*side, s*1.05*side - .12*side), 0, (w, h)).astype(int) for s in (-1, 1))
    return tuple(int(v) for v in np.concatenate(list(corners)))


def view_for_page(taken, f, name, box=None): # JSON
    "A picture of the photo or of a part of it, and the way from its pixels to the photo's."
    seen = view(f, PREVIEW, box).photo
    square = lambda M: np.vstack([M, [0, 0, 1]])
    write_image(taken.folder / f"{name}.jpg", seen.picture)
    return {"file": f"{name}.jpg", "back": (np.linalg.inv(square(f.photo.transform)) @ square(seen.transform))[:2].tolist()}


def pack(path, **maps): # what the page is told of it
    "Write maps as 16-bit numbers between each one's lowest and highest value."
    index, at, parts = {}, 0, []
    for name, x in maps.items():
        low, high = float(x.min()), float(x.max())
        levels = np.round((x.ravel().astype(np.float64) - low)*(65535/max(high - low, 1e-9))).astype("<u2")
        index[name] = {"at": at, "count": levels.size, "low": low, "high": high}
        at += levels.nbytes
        parts.append(levels.tobytes())
    path.write_bytes(b"".join(parts))
    return {"file": path.name, "index": index}


def face_for_page(taken, number): # JSON
    "The maps of a face, as the page needs them to relight it."
    f = chosen(taken, number)
    guide = cv2.cvtColor(f.photo.crop, cv2.COLOR_RGB2GRAY)
    maps = pack(taken.folder / f"maps-{number}.bin", albedo=f.albedo, normals=f.normals, residual=f.residual, mask=f.mask, guide=guide, reach=f.photo.reach)
    size = len(f.mask)
    return {"size": size, "margin": (len(f.photo.reach) - size)//2, "light": f.light.coeffs.tolist(), "transform": f.photo.transform.tolist(), "maps": maps}


def paint_for_page(taken, number): # JSON
    "What the page needs to paint on a face."
    f, files = chosen(taken, number), {name: f"{name}-{number}.{suffix}" for name, suffix in (("fine", "png"), ("healed", "png"), ("touches", "json"))}
    write_image(taken.folder / files["fine"], fine_albedo(f))
    write_image(taken.folder / files["healed"], healed_albedo(f))
    (taken.folder / files["touches"]).write_text(json.dumps({name: asdict(o) for name, o in touches(f).items()}), encoding="utf-8")
    return {**pack(taken.folder / f"flat-{number}.bin", unrolled=unrolled(f)), **files, "level": skin_level(f),
            "tone": {"range": tone_range(f), "melanin": MELANIN.tolist(), "haemoglobin": HAEMOGLOBIN.tolist()}}


def for_page(taken, *numbers): # JSON
    "All that the page knows of a photo, some faces more than before."
    if not taken.views: taken.views["whole"] = view_for_page(taken, taken.faces[0], "whole")
    for number in numbers:
        if number in taken.shown: continue
        f = chosen(taken, number)
        taken.views[f"close-{number}"] = view_for_page(taken, f, f"close-{number}", around(f))
        taken.shown[number] = face_for_page(taken, number)
    boxes = [f.photo.face.box.tolist() for f in taken.faces]
    return {"visit": taken.folder.name, "folder": str(taken.folder), "views": taken.views, "boxes": boxes, "faces": {str(n): o for n, o in taken.shown.items()}}


# ---- light


def light_of_text(text, f):
    "A light as programs say it: `own`, or what `SHLight.of` takes: a preset, `AZIMUTH,ELEVATION` in degrees, a light.json as text or as an object."
    return f.light if str(text).strip() == "own" else SHLight.of(text)


# ---- what was done on the page, done again at full resolution


def redone(f, light, residual=1, layers=()): # a `Decomposition`
    "A face under a light with its paint; what cannot be is said in a sentence."
    if isinstance(residual, bool) or not isinstance(residual, (int, float)) or not 0 <= residual <= 2:
        raise ValueError(f"residual must be a number from 0 to 2, not {residual!r}")
    return apply_layers(f, [touch(f, o) if isinstance(o, str) else o for o in layers or ()]).relight(light, residual)


def scene_faces(taken, scene): # number → `Decomposition`, as the page left them
    "The faces of a scene."
    try: faces = {int(o["face"]): (SHLight(o["light"]), float(o["residual"]), list(o["layers"])) for o in scene["faces"]}
    except (TypeError, KeyError, ValueError, OverflowError): raise ValueError("this is no scene of the page") from None
    return {number: redone(chosen(taken, number), *how) for number, how in faces.items()}


def scene_picture(taken, faces): # (H, W, 3) uint8
    "The whole photo with its faces as the page left them."
    picture = None
    for g in faces.values(): picture = g.composite(onto=picture)
    return taken.faces[0].photo.picture if picture is None else picture


# ---- what the events call


class Handlers:
    "The page's events and the endpoints for programs. All they remember is in the visit's `Taken`."
    def __init__(self, decomposer): self.decompose = gpu(lambda path: decomposer(path))

    def take(self, path):
        "The faces of a photo; an error that can be shown if there are none."
        with friendly(path): faces = self.decompose(path)
        if not faces: raise gr.Error(f"No face was found in {Path(path).name}. It helps if the face is larger, in focus and well lit.", print_exception=False)
        return taken_apart(faces, path)

    def light_of_file(self, path): # SHLight, what it was taken for, the environment map or None
        "The light of another portrait, of an environment map or of a light.json."
        suffix, name = Path(path).suffix.lower(), Path(path).name
        with friendly(path):
            faces = [] if suffix in (".json", ".hdr", ".exr") else self.decompose(path)
            if faces: return faces[0].light, f"The light on the face in {name}.", None
            if suffix == ".json": light, panorama = SHLight.load(path), None
            else: light, panorama = self.light_around(path)
            light.exposed() # refuses one that is dark all around
        if suffix in (".json", ".hdr", ".exr"): return light, f"The light of {name}.", panorama
        return light, f"{name} has no face in it: taken as an environment map.", panorama

    def light_around(self, path): # SHLight, environment map
        "The light of an environment map; a picture of another shape that nothing is known of was meant as a portrait."
        try: panorama = read_envmap(path)
        except EnvmapShapeError as e:
            if e.kind: raise
            raise ValueError(f"no face was found in {path}, and it is no environment map (twice as wide as high)") from None
        return SHLight.from_envmap(panorama), panorama

    # the page

    def on_start(self):
        "The first example, taken apart once for all visitors."
        return self.opened(None, taken_apart(self.first, examples()[0]))

    @cached_property
    def first(self): return self.decompose(examples()[0])

    def on_photo(self, old, path): # the box for photos is emptied at once, ready for the next one
        if path is None: return gr.skip(), gr.skip(), gr.skip(), gr.skip()
        try: return *self.opened(old, self.take(path)), None
        except gr.Error as e: return gr.skip(), status(e.message, bad=True), gr.skip(), None

    def opened(self, old, taken): # the visit, what is said, what the page is told
        forget(old)
        n, said = taken.found, ""
        if n > 1: said = f"{n} faces were found: click one in the picture, or choose all below it." if n <= MOST else f"{n} faces were found: the {MOST} biggest can be worked on."
        return taken, status(said), for_page(taken, 1)

    def on_paint(self, taken):
        "The paint follows a moment after the maps, so that these come at once."
        if taken is None: return gr.skip()
        for number, o in taken.shown.items():
            if "paint" not in o: o["paint"] = paint_for_page(taken, number)
        return for_page(taken)

    def on_face(self, taken, event: gr.EventData):
        return for_page(here(taken), *range(1, len(taken.faces) + 1) if event.face == "all" else [event.face])

    def on_file(self, taken, path):
        if path is None: return "", None
        try: light, said, panorama = self.light_of_file(path)
        except gr.Error as e: return status(e.message, bad=True), None
        told = {"name": Path(path).name, "light": light.coeffs.tolist(), "panorama": None}
        if panorama is not None:
            place = new_file(here(taken), "panorama.jpg")
            seen = resize(panorama, (128, 256))
            write_image(place, linear_to_srgb(np.clip(seen/max(float(np.percentile(seen, 95)), 1e-6), 0, 1)))
            told["panorama"] = str(place)
        return status(said), told

    def save(self, what, taken, scene):
        "One file of what the page shows."
        with friendly():
            faces = scene_faces(here(taken), scene)
            f = chosen(taken, scene.get("face"))
            g = faces.get(scene["face"], f)
            name = f"{taken.name}-relit"
            path = new_file(taken, {"picture": f"{name}.png", "zip": f"{name}.zip", "light": "light.json"}.get(what, f"{name}.{what}"))
            self.write(what, path, taken, g, faces, scene)
        return str(path)

    def write(self, what, path, taken, g, faces, scene=None):
        if what == "picture": write_image(path, scene_picture(taken, faces))
        elif what == "light": g.light.save(path)
        elif what == "glb": write_glb(path, g)
        elif what == "zip": write_zip(path, g, scene, picture=scene_picture(taken, faces))
        elif what in ("mp4", "gif"): write_turn(path, view(g, PREVIEW, around(g)))
        else: raise ValueError(f"what must be picture, light, glb, zip, mp4 or gif, not {what!r}")

    # for programs

    def taken_now(self, old, photo):
        "A client's new photo in place of the old one, or the old one."
        if not photo: return here(old)
        new = self.take(photo)
        forget(old)
        return new

    def api_decompose(self, taken, photo, face=1):
        """Take one face of a photo apart (1 = the biggest). Returns its albedo, normals, shading, residual, reconstruction and mask as PNG files, and
        its light (nine rows R, G, B). The photo stays with this client: the other endpoints can use it without sending it again."""
        taken = self.taken_now(taken, here(photo))
        f = chosen(taken, face)
        paths = [str(new_file(taken, f"{name}.png")) for name in MAPS]
        for name, path in zip(MAPS, paths): write_image(path, as_picture(name, getattr(f, name)))
        return [taken, *paths, json.loads(f.light.to_json())]

    def api_relight(self, taken, photo=None, light="front", residual=1., face=1, reference=None, layers=None):
        """Relight one face of a photo (without one: of the photo this client sent last). `light` is a preset, "own", "AZIMUTH,ELEVATION" in degrees
        (azimuth > 0 is the picture's right), or a light.json, its text or its object; `reference`, if given, is another portrait, an environment map or a
        light.json to take the light from; `residual` 0 to 2 scales shine and cast shadows; `layers` is paint as for /edit_albedo. Returns the whole
        picture as PNG, and the light."""
        taken = self.taken_now(taken, photo)
        f = chosen(taken, face)
        with friendly(): g = redone(f, self.light_of_file(reference)[0] if reference else light_of_text(light, f), residual, layers)
        path = new_file(taken, "relit.png")
        write_image(path, g.composite())
        return [taken, str(path), json.loads(g.light.to_json())]

    def api_edit_albedo(self, taken, photo=None, layers=None, face=1):
        """Paint on the albedo of one face of a photo (without one: of the photo this client sent last), under its own light. `layers` is a list, bottom
        first, of names of ready touches (lipstick, blush, eye shadow, stubble, beard, freckles …) or of layers as JSON (README.md). Returns the whole
        picture, the fine albedo (512 x 512) and, as JSON, the layers with their masks."""
        taken = self.taken_now(taken, photo)
        f = chosen(taken, face)
        with friendly():
            complete = [asdict(touch(f, o)) if isinstance(o, str) else o for o in layers or ()]
            g = redone(f, f.light, layers=complete)
        paths = [str(new_file(taken, name)) for name in ("painted.png", "albedo.png")]
        for path, x in zip(paths, (g.composite(), fine_albedo(g))): write_image(path, x)
        return [taken, *paths, complete]

    def api_export(self, taken, photo=None, what="zip", light="own", residual=1., layers=None, face=1):
        """Everything about one face of a photo (without one: of the photo this client sent last) as one file. `what` is "zip" (maps as 16-bit PNG and EXR,
        picture, light.json, relief), "glb" (relief with albedo and normals), "mp4" or "gif" (the light going round), "picture" or "light". `light`,
        `residual` and `layers` as for /relight."""
        taken = self.taken_now(taken, photo)
        f = chosen(taken, face)
        with friendly():
            g = redone(f, light_of_text(light, f), residual, layers)
            path = new_file(taken, {"picture": "relit.png", "light": "light.json"}.get(what, f"{taken.name}.{safe_name(str(what))}"))
            self.write(what, path, taken, g, {int(face): g})
        return [taken, str(path)]


def status(text, bad=False): # HTML
    return f'<p role="status" class="{"bad" if bad else ""}">{html.escape(text)}</p>' if text else ""


# ---- the page


def examples():
    "Our own portraits, and two in the public domain that come with packages we need."
    bundled = ("skimage", "data/astronaut.png"), ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg")
    found = [Path(spec.origin).parent / file for package, file in bundled if (spec := find_spec(package))]
    return [str(o) for o in [*sorted((ASSETS / "examples").glob("*.jpg")), *found] if o.is_file()]


def look():
    "How Gradio is to show and serve the page: fonts of the visitor's machine, nothing from elsewhere."
    plain = {f"block_{part}_{what}": value for part in ("title", "label") for what, value in (
        ("text_color", "*body_text_color"), ("text_color_dark", "*body_text_color"), ("background_fill", "*block_background_fill"),
        ("background_fill_dark", "*block_background_fill"))}
    theme = gr.themes.Soft(primary_hue="indigo", neutral_hue="stone", font=gr.themes.Font("system-ui"), font_mono=gr.themes.Font("monospace")).set(
        background_fill_primary="*neutral_50", body_text_color_subdued="*neutral_500", checkbox_border_color="*neutral_300", block_title_padding="0", **plain)
    return dict(theme=theme, css=(ASSETS / "app.css").read_text(encoding="utf-8"), max_file_size="50mb", state_session_capacity=60,
                footer_links=["api", "settings"], ssr_mode=False,
                app_kwargs={"routes": [Mount("/studio", StaticFiles(directory=ASSETS / "studio"))]})


def panel(name, **props): # gr.HTML
    "A part of the page that assets/studio/NAME.js brings to life."
    load = f'import(new URL("studio/{name}.js", document.baseURI)).then(m => m.mount(element, {{trigger, props, watch}})) // "select"'
    return gr.HTML(html_template=(ASSETS / "studio" / f"{name}.html").read_text(encoding="utf-8"), js_on_load=load, elem_id=name, padding=False,
                   apply_default_css=False, **props)


def save_button(label, write, inputs, elem_id, **looks):
    "A button that has a file made, then downloads it."
    button = gr.Button(label, size="md", elem_id=elem_id, **looks)
    file = gr.DownloadButton(elem_id=f"{elem_id}-file", elem_classes="unseen")
    made = button.click(write, inputs, file, js=f"taken => illures.saving(taken, '{elem_id}')", **SAVING)
    made.success(None, js=f"() => setTimeout(() => document.querySelector('#{elem_id}-file').click(), 100)")
    made.then(None, js=f"() => illures.saved('{elem_id}')")


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
    presets = {name: SHLight.preset(name).coeffs.tolist() for name in SHLight.presets()}
    with gr.Blocks(title="illures: take a face apart, light it anew", analytics_enabled=False, delete_cache=(AGE//4, AGE)) as demo:
        taken, scene = gr.State(None, time_to_live=4*AGE, delete_callback=forget), gr.JSON(visible=False)
        gr.Markdown(ABOUT, elem_id="about")
        with gr.Row(elem_id="page"):
            with gr.Column(scale=2, min_width=200, elem_id="bring"):
                photo = gr.Image(label="Your photo", type="filepath", format="png", sources=["upload", "webcam", "clipboard"], height=210,
                                 elem_id="photo", buttons=[], placeholder="Drop a portrait here\n- or -\nclick to choose one")
                photo.preprocess = as_uploaded # our own reader opens the file: it reads more kinds, and says what is wrong with it
                said = gr.HTML(elem_id="said", padding=False)
                gr.Examples([[o] for o in examples()], [photo], label="Or one of these", elem_id="examples", cache_examples=False)
            with gr.Column(scale=6, min_width=320, elem_id="middle"):
                stage = panel("stage", value=None)
            with gr.Column(scale=4, min_width=300, elem_id="hands"):
                save_button("Save the picture", partial(do.save, "picture"), [taken, scene], elem_id="save-picture", variant="primary")
                with gr.Tabs(elem_id="tabs"):
                    with gr.Tab("Light", id="light") as light_tab:
                        panel("light", presets=presets)
                        with gr.Accordion("Light from elsewhere", open=False):
                            file = gr.File(label="Another portrait, an environment map (.hdr, .exr, .jpg) or a light.json", type="filepath", height=130,
                                           file_types=["image", ".hdr", ".exr", ".json"], elem_id="file")
                            file_said = gr.HTML(padding=False, elem_id="file-said")
                            elsewhere = panel("elsewhere", value=None)
                    with gr.Tab("Paint", id="paint", render_children=True) as paint_tab: panel("painting")
                    with gr.Tab("Keep", id="keep", render_children=True) as keep_tab:
                        gr.Markdown("Everything is made from the photo at its full size, with the light and the paint as they are now.")
                        for what, label in (("zip", "Everything (.zip)"), ("light", "light.json"), ("mp4", "The light going round (.mp4)"), ("gif", "The same as .gif")):
                            save_button(label, partial(do.save, what), [taken, scene], elem_id=f"save-{what}")
                        relief = gr.Button("Show the relief in 3D (.glb)", size="md", elem_id="show-relief")
                        model = gr.Model3D(label="Relief: drag to turn it", height=320, elem_id="relief", interactive=False, camera_position=(90, 90, .33))
        gr.Markdown(PRIVACY, elem_id="privacy")

        private, quick = dict(api_visibility="private", concurrency_limit=2), dict(show_progress="hidden")
        network = dict(concurrency_id="network", concurrency_limit=1)
        photo.change(do.on_photo, [taken, photo], [taken, said, stage, photo], api_visibility="private", show_progress_on=[stage], **network).then(
            do.on_paint, [taken], [stage], **quick, **private)
        if examples(): demo.load(do.on_start, None, [taken, said, stage], **quick, **private).then(do.on_paint, [taken], [stage], **quick, **private)
        stage.select(do.on_face, [taken], [stage], **quick, **private).then(do.on_paint, [taken], [stage], **quick, **private)
        file.change(do.on_file, [taken, file], [file_said, elsewhere], api_visibility="private", **network)
        relief.click(partial(do.save, "glb"), [taken, scene], [model], js="taken => illures.saving(taken, 'show-relief')", **SAVING).then(
            None, js="() => illures.saved('show-relief')")
        for tab, name in ((light_tab, "light"), (paint_tab, "paint"), (keep_tab, "keep")): tab.select(None, js=f"() => illures.front('{name}')")

        with gr.Group(visible=False): # for programs: arguments that the page has no component for, and what they get
            face, amount = gr.Number(1, precision=0, label="face"), gr.Number(1, minimum=0, maximum=2, label="residual")
            word, own, what, layers = gr.Textbox("front", label="light"), gr.Textbox("own", label="light"), gr.Textbox("zip", label="what"), gr.JSON(label="layers")
            maps, numbers = [gr.Image(label=n, format="png") for n in MAPS], gr.JSON(label="light")
            picture, painted, made = gr.Image(label="picture", format="png"), gr.Image(label="albedo", format="png"), gr.File(label="file")
            complete = gr.JSON(label="layers")
        gr.on([], do.api_decompose, [taken, photo, face], [taken, *maps, numbers], api_name="decompose", **network)
        gr.on([], do.api_relight, [taken, photo, word, amount, face, file, layers], [taken, picture, numbers], api_name="relight", **network)
        gr.on([], do.api_edit_albedo, [taken, photo, layers, face], [taken, picture, painted, complete], api_name="edit_albedo", **network)
        gr.on([], do.api_export, [taken, photo, what, own, amount, layers, face], [taken, made], api_name="export", **network)
    demo.queue(max_size=40)
    demo.launch = partial(demo.launch, **look()) # Gradio takes looks and limits there; whoever launches the page gets them
    return demo


def main():
    try: demo = build_demo()
    except (ValueError, OSError) as e: sys.exit(f"illures: {sentence(e)}")
    demo.launch(inbrowser="SPACE_ID" not in os.environ)


if __name__ == "__main__":
    with safe_printing(): main()
