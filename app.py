"""The demo in the browser: a photo taken apart, relit and painted by hand. The page shades by itself (assets/studio); the server is asked for a photo's
maps once, and for what is saved. Handlers are thin over the package; the network runs once a photo."""

import os

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before Gradio is imported

try:
    import spaces  # Hugging Face lends GPUs through it; it wants to be imported before torch
except ImportError:
    spaces = None

import atexit
import copy
import json
import mimetypes
import secrets
import shutil
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, is_dataclass
from functools import partial
from pathlib import Path
from urllib.parse import quote

import cv2
import gradio as gr
import numpy as np

from illures_nb import Decomposer, SHLight
from illures_nb.cli import safe_printing, sentence
from illures_nb.decompose import MAPS, as_picture
from illures_nb.edit import (
    HAEMOGLOBIN,
    MAX_LAYERS,
    MELANIN,
    apply_layers,
    fine_albedo,
    healed_albedo,
    skin_level,
    tone_range,
    touch,
    touches,
    unrolled,
)
from illures_nb.export import safe_name, view, write_glb, write_turn, write_zip
from illures_nb.image import linear_to_srgb, resize, write_image
from illures_nb.light import EnvmapShapeError, read_envmap

ASSETS = Path(__file__).resolve().parent / "assets"
EXAMPLES = {
    "eileen": "Eileen Collins, astronaut",
    "grace": "Grace Hopper, computer scientist",
    "ada": "Ada, who does not exist",
    "ben": "Ben, who does not exist",
    "chi": "Chi, who does not exist",
}  # files in assets/examples; the first opens the page
LIMIT = 50 << 20  # bytes of a file that is sent
# what the reader opens though browsers may not know that these are pictures
PICTURES = [".avif", ".exr", ".hdr", ".heic", ".heif", ".jp2", ".tif", ".tiff", ".webp"]
PREVIEW = 1024  # longer side of a picture on the page, px; what is saved has the photo's own size
MOST = 12  # faces of a photo that can be worked on
MOST_LAYERS = 100  # of paint on a face
RECENT = 6  # saved files of a visit that stay on disk
AGE = 3600  # seconds until what is on disk is deleted
STALE = 600  # seconds after which an upload that nobody writes to has broken off
VISITS = 60  # that are remembered
QUIET = dict(
    api_visibility="private", show_progress="hidden"
)  # the page shows by itself that it works

ABOUT = """# Take a face apart, light it anew
A portrait in; its **colour**, **shape** and **light** out, each by itself. Then move the light with your hand, and paint."""
PRIVACY = """**Your photo is not kept.** It is worked on in this server's memory for this page only, used for nothing else, sent nowhere else, and its temporary files
are deleted within about an hour. Moving the light and painting happen in your browser. A relit portrait is an edited portrait: say so where it matters, and ask the person."""


# scripts and examples are found beside the page, wherever it is mounted
gr.set_static_paths([ASSETS / "studio", ASSETS / "examples"])
mimetypes.add_type("text/javascript", ".js")  # some Windows registries say text/plain


def gpu(fn):
    return spaces.GPU(duration=20)(fn) if spaces else fn


# ---- a visit: a photo taken apart, and the files the browser asks for


@dataclass(frozen=True, eq=False)
class Taken:
    "A photo taken apart, as long as its page is open."

    faces: list  # of `Decomposition`, biggest first
    found: int  # faces in the photo
    name: str  # of the photo's file, without suffix
    kind: str  # how its picture is saved unless the visitor chooses: png or jpg
    folder: Path  # for the files the browser asks for
    shown: dict = field(default_factory=dict)  # number of a face → what the page was told of it
    views: dict = field(default_factory=dict)  # name of a view → the same
    left: set = field(default_factory=set)  # saving that the visitor broke off


def new_folder():
    folder = Path(gr.utils.get_upload_folder()) / secrets.token_hex(32)
    folder.mkdir(parents=True)
    return folder


def sweep():
    "Delete what broken uploads left: files at the top of the folder for uploads; whole ones have folders of their own."
    for path in Path(gr.utils.get_upload_folder()).glob("*"):
        with suppress(OSError):  # another request may be quicker
            if path.is_file() and time.time() - path.stat().st_mtime > STALE:
                path.unlink()


def taken_apart(faces, path):
    sweep()
    kind = "jpg" if Path(path).suffix.lower() in (".jpg", ".jpeg") else "png"
    return Taken(faces[:MOST], len(faces), safe_name(Path(path).name), kind, new_folder())


def same_again(taken):
    "A photo that is open already, for another visitor: nothing is worked out again."
    folder = new_folder()
    shutil.copytree(taken.folder, folder, dirs_exist_ok=True)
    shown, views = copy.deepcopy(taken.shown), copy.deepcopy(taken.views)
    return Taken(taken.faces, taken.found, taken.name, taken.kind, folder, shown, views)


def forget(taken):
    "Delete a visit's files."
    if taken:
        shutil.rmtree(taken.folder, ignore_errors=True)


def new_file(taken, name):  # path
    "Where to write a file to be saved; all but the most recent ones go."
    for old in sorted(taken.folder.glob("saved-*"))[:-RECENT]:
        shutil.rmtree(old, ignore_errors=True)
    place = taken.folder / f"saved-{time.time_ns():020d}"
    place.mkdir(parents=True)
    return place / name


@contextmanager
def friendly(path=""):
    "Whatever is wrong with a file or an argument, as one sentence without a path of this machine."
    try:
        yield
    except gr.Error:
        raise  # a sentence already; Gradio has it be a ValueError
    except (ValueError, OSError, ImportError) as e:
        raise gr.Error(
            sentence(e).replace(str(path), Path(path).name), print_exception=False
        ) from e


class Left(Exception):
    "The visitor did not want to wait."


def watched(work, left, tell):  # yields `tell(share, doing)` meanwhile; returns what `work` returns
    "Do `work(report)` beside and look four times a second how far it is; `left()` breaks it off."
    now, gone = [(None, "")], threading.Event()

    def report(*share_and_doing):
        if gone.is_set() or left():
            raise Left
        now[0] = share_and_doing

    pool = ThreadPoolExecutor(1)
    job = pool.submit(work, report)
    try:
        while wait([job], 0.25).not_done:
            yield tell(*now[0])
    finally:
        gone.set()
        pool.shutdown(wait=False)
    return job.result()


def here(taken):
    "What was taken apart, if it is still there."
    if taken is None:
        raise gr.Error(
            "There is no photo, or it was forgotten after some hours: send it (again).",
            print_exception=False,
        )
    return taken


def chosen(taken, number):  # one `Decomposition`; 1 is the biggest
    n = len(taken.faces)
    if isinstance(number, bool) or number not in range(1, n + 1):
        raise gr.Error(
            f"There is no face {number}: the photo has {n}"
            + f" that can be worked on, of {taken.found}." * (n < taken.found)
            + "." * (n == taken.found),
            print_exception=False,
        )
    return taken.faces[int(number) - 1]


# ---- views and maps for the page


def around(f):  # x0, y0, x1, y1
    "The part of the photo about a face."
    box, (h, w) = f.photo.face.box, f.photo.picture.shape[:2]
    side = max(box[2:] - box[:2])
    corners = (
        np.clip(
            (box[:2] + box[2:]) / 2 + (s * 1.05 * side, s * 1.05 * side - 0.12 * side), 0, (w, h)
        ).astype(int)
        for s in (-1, 1)
    )
    return tuple(int(v) for v in np.concatenate(list(corners)))


def view_for_page(taken, f, name, box=None):  # JSON
    "A picture of the photo or of a part of it, and the way from its pixels to the photo's."
    seen = view(f, PREVIEW, box).photo
    square = lambda M: np.vstack([M, [0, 0, 1]])
    write_image(taken.folder / f"{name}.jpg", seen.picture)
    return {
        "file": f"{name}.jpg",
        "back": (np.linalg.inv(square(f.photo.transform)) @ square(seen.transform))[:2].tolist(),
    }


def pack(path, **maps):  # what the page is told of it
    "Write maps as 16-bit numbers between each one's lowest and highest value."
    index, at, parts = {}, 0, []
    for name, x in maps.items():
        low, high = float(x.min()), float(x.max())
        levels = np.round(
            (x.ravel().astype(np.float64) - low) * (65535 / max(high - low, 1e-9))
        ).astype("<u2")
        index[name] = {"at": at, "count": levels.size, "low": low, "high": high}
        at += levels.nbytes
        parts.append(levels.tobytes())
    path.write_bytes(b"".join(parts))
    return {"file": path.name, "index": index}


def face_for_page(taken, number):  # JSON
    "The maps of a face, as the page needs them to relight it."
    f = chosen(taken, number)
    guide = cv2.cvtColor(f.photo.crop, cv2.COLOR_RGB2GRAY)
    maps = pack(
        taken.folder / f"maps-{number}.bin",
        albedo=f.albedo,
        normals=f.normals,
        residual=f.residual,
        mask=f.mask,
        guide=guide,
        reach=f.photo.reach,
    )
    size = len(f.mask)
    return {
        "size": size,
        "margin": (len(f.photo.reach) - size) // 2,
        "light": f.light.coeffs.tolist(),
        "transform": f.photo.transform.tolist(),
        "maps": maps,
    }


def paint_for_page(taken, number):  # JSON
    "What the page needs to paint on a face."
    f, files = (
        chosen(taken, number),
        {
            name: f"{name}-{number}.{suffix}"
            for name, suffix in (("fine", "png"), ("healed", "png"), ("touches", "json"))
        },
    )
    write_image(taken.folder / files["fine"], fine_albedo(f))
    write_image(taken.folder / files["healed"], healed_albedo(f))
    (taken.folder / files["touches"]).write_text(
        json.dumps({name: asdict(o) for name, o in touches(f).items()}), encoding="utf-8"
    )
    return {
        **pack(taken.folder / f"flat-{number}.bin", unrolled=unrolled(f)),
        **files,
        "level": skin_level(f),
        "tone": {
            "range": tone_range(f),
            "melanin": MELANIN.tolist(),
            "haemoglobin": HAEMOGLOBIN.tolist(),
        },
    }


def for_page(taken, *numbers):  # JSON
    "All that the page knows of a photo, some faces more than before."
    if not taken.views:
        taken.views["whole"] = view_for_page(taken, taken.faces[0], "whole")
    for number in numbers:
        if number in taken.shown:
            continue
        f = chosen(taken, number)
        taken.views[f"close-{number}"] = view_for_page(taken, f, f"close-{number}", around(f))
        taken.shown[number] = face_for_page(taken, number)
    boxes = [f.photo.face.box.tolist() for f in taken.faces]
    faces = {str(n): o for n, o in taken.shown.items()}
    return {
        "visit": taken.folder.name,
        "folder": str(taken.folder),
        "name": taken.name,
        "kind": taken.kind,
        "views": taken.views,
        "boxes": boxes,
        "faces": faces,
    }


def paint_too(taken):  # whether there was anything to do
    "Make what the page needs to paint on the faces that it has."
    without = [number for number, o in taken.shown.items() if "paint" not in o]
    for number in without:
        taken.shown[number]["paint"] = paint_for_page(taken, number)
    return bool(without)


def said(text="", bad=False):  # JSON
    "A message for the page; the same one twice is two."
    return {"text": text, "bad": bad, "at": time.time_ns()}


# ---- light


def light_of(said, f):
    """A light as programs say it: `own`, or what `SHLight.of` takes: a preset, `AZIMUTH,ELEVATION` in degrees,
    a light as an endpoint returns it, or its text."""
    return f.light if str(said).strip() == "own" else SHLight.of(said)


# ---- what was done on the page, done again at full resolution


def redone(f, light, residual=1, layers=()):  # a `Decomposition`
    "A face under a light with its paint; what cannot be is said in a sentence."
    if (
        isinstance(residual, bool)
        or not isinstance(residual, (int, float))
        or not 0 <= residual <= 2
    ):
        raise ValueError(f"residual must be a number from 0 to 2, not {residual!r}")
    return apply_layers(f, touched(f, layers)).relight(light, residual)


def touched(f, layers):  # of `Layer` or dicts
    "Layers of paint, names of ready touches made layers; nobody paints so many that the server has no time for others."
    layers = layers or ()
    if len(layers) > MOST_LAYERS:
        raise ValueError(f"at most {MOST_LAYERS} layers of paint are taken, not {len(layers)}")
    return [touch(f, o) if isinstance(o, str) else o for o in layers]


def scene_faces(taken, scene):  # number → `Decomposition`, as the page left them
    "The faces of a scene."
    try:
        faces = {
            int(o["face"]): (SHLight(o["light"]), float(o["residual"]), list(o["layers"]))
            for o in scene["faces"]
        }
    except (TypeError, KeyError, ValueError, OverflowError):
        raise ValueError("this is no scene of the page") from None
    return {number: redone(chosen(taken, number), *how) for number, how in faces.items()}


def scene_picture(taken, faces):  # `picture.Picture`
    "The whole photo with its faces as the page left them, with all that its file holds."
    picture = taken.faces[0].photo.original
    for g in faces.values():
        picture = g.develop(picture)
    return picture


# ---- what the events call


def uploaded(file):  # path
    """Where an uploaded file is, as events get it that are not preprocessed: Gradio would read pictures by
    itself, fewer kinds than our reader, and without saying what is wrong with them."""
    if not file:
        return None
    if file.get("path"):
        return file["path"]
    raise gr.Error("This is not an uploaded file.", print_exception=False)


class Handlers:
    "The page's events and the endpoints for programs. All they remember is in the visit's `Taken`."

    def __init__(self, decomposer):
        self.decompose = gpu(lambda path: decomposer(path))
        self.ready, self.lock = {}, threading.Lock()  # examples that were opened once

    def take(self, path):
        "The faces of a photo; an error that can be shown if there are none."
        with friendly(path):
            faces = self.decompose(path)
        if not faces:
            raise gr.Error(
                f"No face was found in {Path(path).name}. It helps if the face is larger, "
                "in focus and well lit.",
                print_exception=False,
            )
        return taken_apart(faces, path)

    def example(self, name):
        "An example, taken apart once for all visitors."
        with self.lock:
            taken = self.ready.get(name)
            if taken is None or not taken.folder.is_dir():
                taken = self.take(ASSETS / "examples" / f"{name}.jpg")
                for_page(taken, 1)
                paint_too(taken)
                self.ready[name] = taken
        return same_again(taken)

    def light_of_file(self, path):  # SHLight, what it was taken for, the environment map or None
        "The light of another portrait, of an environment map or of a light settings file."
        suffix, name = Path(path).suffix.lower(), Path(path).name
        radiance = suffix in (".hdr", ".exr")
        with friendly(path):
            if suffix == ".json":
                return self.exposed(SHLight.load(path)), f"The light of {name}.", None
            panorama, wrong = self.surroundings(path)
            faces = [] if radiance and panorama is not None else self.faces_in(path, panorama)
            if faces:
                return faces[0].light, f"The light on the face in {name}.", None
            if wrong:
                raise wrong
            light = self.exposed(SHLight.from_envmap(panorama))
        if radiance:
            return light, f"The light of {name}.", panorama
        return light, f"{name} has no face in it: taken as an environment map.", panorama

    def surroundings(self, path):  # environment map or None, what is wrong with it or None
        "A picture as an environment map, unless it has another shape; one that nothing is known of was meant as a portrait."
        try:
            return read_envmap(path), None
        except EnvmapShapeError as e:
            if e.kind:
                return None, e
            return None, ValueError(
                f"no face was found in {path}, and it is no environment map (twice as wide as high)"
            )

    def faces_in(self, path, panorama):
        "The faces of a picture; one that is too large for a photo may still be an environment map."
        try:
            return self.decompose(path)
        except ValueError:
            if panorama is None:
                raise
            return []

    def exposed(self, light):
        light.exposed()  # refuses one that is dark all around
        return light

    # the page

    def on_start(self):
        "The first example opens the page."
        return self.opened(None, self.example(next(iter(EXAMPLES))))

    def on_example(self, old, event: gr.EventData):
        if event.name not in EXAMPLES:
            return gr.skip(), said("There is no such example.", bad=True), gr.skip()
        return self.opened(old, self.example(event.name))

    def on_photo(self, old, photo):  # the box for photos is emptied at once, ready for the next one
        if photo is None:
            return gr.skip(), gr.skip(), gr.skip(), gr.skip()
        try:
            return *self.opened(old, self.take(uploaded(photo))), None
        except gr.Error as e:
            return gr.skip(), said(e.message, bad=True), gr.skip(), None

    def opened(self, old, taken):  # the visit, what is said, what the page is told
        forget(old)
        n, text = taken.found, ""
        if n > 1:
            text = f"{n} faces were found: click one in the picture, or choose all below it."
        if n > MOST:
            text = f"{n} faces were found: the {MOST} biggest can be worked on."
        return taken, said(text), for_page(taken, 1)

    def on_paint(self, taken):
        "The paint follows a moment after the maps, so that these come at once."
        try:
            return for_page(taken) if taken and paint_too(taken) else gr.skip()
        except OSError:
            if taken.folder.is_dir():
                raise
            return gr.skip()  # a newer photo has come

    def on_face(self, taken, event: gr.EventData):
        everyone = range(1, len(here(taken).faces) + 1)
        return for_page(taken, *everyone if event.face == "all" else [event.face])

    def on_file(self, taken, file):
        if file is None:
            return said(), None
        path = uploaded(file)
        try:
            light, text, panorama = self.light_of_file(path)
        except gr.Error as e:
            return said(e.message, bad=True), None
        told = {"name": Path(path).name, "light": light.coeffs.tolist(), "panorama": None}
        if panorama is not None:
            place = new_file(here(taken), "panorama.jpg")
            seen = resize(panorama, (128, 256))
            bright = max(float(np.percentile(seen, 95)), 1e-6)
            write_image(place, linear_to_srgb(np.clip(seen / bright, 0, 1)))
            told["panorama"] = str(place)
        return said(text), told

    def on_left(self, taken, event: gr.EventData):
        "The visitor does not want to wait for what is being saved."
        here(taken).left.add(str(event.job))

    def save(
        self, what, taken, scene
    ):  # yields what the page is told: how far it is, then the file
        "One file of what the page shows."
        job = str(scene.get("job", "")) if isinstance(scene, dict) else ""

        def tell(share, doing):
            return {"job": job, "share": share, "doing": doing}

        done = {"job": job, "done": True}
        try:
            work, left = partial(self.made, what, taken, scene), here(taken).left
            path = yield from watched(work, lambda: job in left, tell)
        except Left:
            yield done
        except gr.Error as e:
            yield {**done, "error": e.message}
        else:
            yield {**done, "file": path, "name": Path(path).name}

    def relief(self, taken, scene):  # its file, and what the page is told
        *_, told = self.save("glb", taken, scene)
        return told.pop("file", gr.skip()), told

    def made(self, what, taken, scene, report=None):  # path
        "One file of what the page shows."
        with friendly():
            faces = scene_faces(here(taken), scene)
            f = chosen(taken, scene.get("face"))
            g = faces.get(scene["face"], f)
            kind = scene.get("kind", taken.kind)
            if kind not in ("png", "jpg"):
                raise ValueError(f"kind must be png or jpg, not {kind!r}")
            name = f"{taken.name}-relit"
            names = {"picture": f"{name}.{kind}", "light": "light.json"}
            path = new_file(taken, names.get(what, f"{name}.{what}"))
            kept = {k: v for k, v in scene.items() if k not in ("job", "kind")}
            self.write(what, path, taken, g, faces, kept, report)
        return str(path)

    def write(self, what, path, taken, g, faces, scene=None, report=None):
        if what == "picture":
            scene_picture(taken, faces).save(path)
        elif what == "light":
            g.light.save(path)
        elif what == "glb":
            write_glb(path, g)
        elif what == "zip":
            write_zip(path, g, scene, picture=scene_picture(taken, faces), progress=report)
        elif what in ("mp4", "gif"):
            write_turn(path, view(g, PREVIEW, around(g)), progress=report)
        else:
            raise ValueError(f"what must be picture, light, glb, zip, mp4 or gif, not {what!r}")

    # for programs

    def taken_now(self, old, photo):
        "A client's new photo in place of the old one, or the old one."
        if not photo:
            return here(old)
        new = self.take(uploaded(photo))
        forget(old)
        return new

    def api_decompose(self, taken, photo, face=1):
        """Take one face of a photo apart (1 = the biggest). Returns its albedo, normals, shading, residual, reconstruction and mask as PNG files, and
        its light (nine rows R, G, B). The photo stays with this client: the other endpoints can use it without sending it again."""
        taken = self.taken_now(taken, here(photo))
        f = chosen(taken, face)
        paths = [str(new_file(taken, f"{name}.png")) for name in MAPS]
        for name, path in zip(MAPS, paths):
            write_image(path, as_picture(name, getattr(f, name)))
        return [taken, *paths, json.loads(f.light.to_json())]

    def api_relight(
        self, taken, photo=None, light="front", residual=1.0, face=1, reference=None, layers=None
    ):
        """Relight one face of a photo (without one: of the photo this client sent last). `light` is a preset, "own", "AZIMUTH,ELEVATION" in degrees
        (azimuth > 0 is the picture's right), a light that an endpoint returned, or its text; `reference`, if given, is another portrait, an environment
        map or a light.json to take the light from; `residual` 0 to 2 scales shine and cast shadows; `layers` is paint as for /edit_albedo. Returns the whole
        picture as PNG, and the light."""
        taken = self.taken_now(taken, photo)
        f = chosen(taken, face)
        with friendly():
            light = self.light_of_file(uploaded(reference))[0] if reference else light_of(light, f)
            g = redone(f, light, residual, layers)
        path = new_file(taken, "relit.png")
        g.develop().save(path)
        return [taken, str(path), json.loads(g.light.to_json())]

    def api_edit_albedo(self, taken, photo=None, layers=None, face=1):
        """Paint on the albedo of one face of a photo (without one: of the photo this client sent last), under its own light. `layers` is a list, bottom
        first, of names of ready touches (lipstick, blush, eye shadow, stubble, beard, freckles …) or of layers as JSON (README.md). Returns the whole
        picture, the fine albedo (512 x 512) and, as JSON, the layers with their masks."""
        taken = self.taken_now(taken, photo)
        f = chosen(taken, face)
        with friendly():
            complete = [asdict(o) if is_dataclass(o) else o for o in touched(f, layers)]
            g = redone(f, f.light, layers=complete)
        painted, albedo = (str(new_file(taken, name)) for name in ("painted.png", "albedo.png"))
        g.develop().save(painted)
        write_image(albedo, fine_albedo(g))
        return [taken, painted, albedo, complete]

    def api_export(
        self, taken, photo=None, what="zip", light="own", residual=1.0, layers=None, face=1
    ):
        """Everything about one face of a photo (without one: of the photo this client sent last) as one file. `what` is "zip" (maps as 16-bit PNG and EXR,
        picture, light.json, relief), "glb" (relief with albedo and normals), "mp4" or "gif" (the light going round), "picture" or "light". `light`,
        `residual` and `layers` as for /relight."""
        taken = self.taken_now(taken, photo)
        f = chosen(taken, face)
        with friendly():
            g = redone(f, light_of(light, f), residual, layers)
            path = new_file(
                taken,
                {"picture": "relit.png", "light": "light.json"}.get(
                    what, f"{taken.name}.{safe_name(str(what))}"
                ),
            )
            self.write(what, path, taken, g, {int(face): g})
        return [taken, str(path)]


# ---- the page


def look():
    "How Gradio is to show and serve the page: fonts of the visitor's machine, nothing from elsewhere."
    plain = {
        f"block_{part}_{what}": value
        for part in ("title", "label")
        for what, value in (
            ("text_color", "*body_text_color"),
            ("text_color_dark", "*body_text_color"),
            ("background_fill", "*block_background_fill"),
            ("background_fill_dark", "*block_background_fill"),
        )
    }
    theme = gr.themes.Soft(
        primary_hue="indigo",
        neutral_hue="stone",
        font=gr.themes.Font("system-ui"),
        font_mono=gr.themes.Font("monospace"),
    ).set(
        background_fill_primary="*neutral_50",
        body_text_color_subdued="*neutral_500",
        checkbox_border_color="*neutral_300",
        block_title_padding="0",
        **plain,
    )
    return dict(theme=theme, max_file_size=LIMIT, footer_links=["api", "settings"], ssr_mode=False)


class Page(gr.Blocks):
    """The page with its looks and limits, which Gradio takes where a page is launched. For one that is
    mounted, say `gr.mount_gradio_app(app, build_demo(), "/faces", **look())`."""

    def launch(self, *args, **options):
        return super().launch(*args, **{**look(), "state_session_capacity": VISITS, **options})


def panel(name, elem_id=None, **props):  # gr.HTML
    "A part of the page that assets/studio/NAME.js brings to life."
    html, script = ((ASSETS / "studio" / f"{name}.{kind}") for kind in ("html", "js"))
    address = json.dumps("gradio_api/file=" + quote(script.as_posix(), safe="/:"))
    load = f'''import(new URL({address}, document.baseURI))
        .then(m => m.mount(element, {{trigger, props, watch}})) // "select"'''
    return gr.HTML(
        html_template=html.read_text(encoding="utf-8"),
        js_on_load=load,
        padding=False,
        elem_id=elem_id or name,
        apply_default_css=False,
        **props,
    )


def saves(button, handler, inputs, outputs):
    "Have a button make a file; the page shows how far it is, and downloads it."
    name = json.dumps(button.elem_id)
    made = button.click(
        handler,
        inputs,
        outputs,
        js=f"taken => illures.saving(taken, {name})",
        concurrency_limit=2,
        **QUIET,
    )
    at_last(made, f"() => illures.saved({name})")


def at_last(event, js):
    "Have the page do something after an event, whether it went well or not."
    event.then(None, js=js)  # does not happen after an error
    event.failure(None, js=js)


def own_folder():
    "Have Gradio put uploads and results into a folder of this process, which goes with it."
    if "GRADIO_TEMP_DIR" in os.environ:
        return
    os.environ["GRADIO_TEMP_DIR"] = str(Path(tempfile.mkdtemp(prefix="illures-")).resolve())
    atexit.register(shutil.rmtree, os.environ["GRADIO_TEMP_DIR"], ignore_errors=True)


def build_demo(decomposer=None):  # → gr.Blocks; decomposer None: the bundled weights
    "The page."
    own_folder()
    do = Handlers(decomposer or Decomposer.from_pretrained())
    if not spaces:
        do.example(next(iter(EXAMPLES)))  # Hugging Face lends no GPU before someone asks
    with Page(
        title="illures: take a face apart, light it anew",
        analytics_enabled=False,
        delete_cache=(AGE // 4, AGE),
    ) as demo:
        taken = gr.State(None, time_to_live=4 * AGE, delete_callback=forget)
        scene = gr.JSON(visible=False)
        gr.Markdown(ABOUT, elem_id="about")
        with gr.Row(elem_id="page"):
            with gr.Column(scale=2, min_width=200, elem_id="bring"):
                photo, messages, people = bring()
            with gr.Column(scale=6, min_width=320, elem_id="middle"):
                style = (ASSETS / "app.css").read_text(encoding="utf-8")
                stage = panel("stage", value=None, head=f"<style>{style}</style>")
            with gr.Column(scale=4, min_width=300, elem_id="hands"):
                file = hands(do, taken, scene)
        gr.Markdown(PRIVACY, elem_id="privacy")
        page = for_visitors(do, taken, photo, messages, people, stage)
        demo.load(do.on_start, None, page, **QUIET)
        for_programs(do, taken, photo, file)
    demo.queue(max_size=40)
    demo.state_session_capacity = VISITS
    return demo


NETWORK = dict(concurrency_id="network", concurrency_limit=1)  # one photo at a time
AGAIN = dict(trigger_mode="multiple", **QUIET)  # whoever is impatient may choose something else


def bring():
    "Where a face comes from: a photo of the visitor's, or one of the examples."
    photo = gr.Image(
        label="Your photo",
        type="filepath",
        format="png",
        height=210,
        elem_id="photo",
        sources=["upload", "webcam", "clipboard"],
        buttons=[],
        placeholder="Drop a portrait here\n- or -\nclick to choose one",
    )
    messages = panel("said", value=None, limit=LIMIT, suffixes=PICTURES)
    people = panel(
        "people",
        people=[
            {"name": name, "about": about, "file": (ASSETS / "examples" / f"{name}.jpg").as_posix()}
            for name, about in EXAMPLES.items()
        ],
    )
    return photo, messages, people


def hands(do, taken, scene):  # the box for files of light
    "What is done with the face: light, paint, and what is kept."
    presets = {name: SHLight.preset(name).coeffs.tolist() for name in SHLight.presets()}
    picture = gr.Button("Save the picture", size="md", elem_id="save-picture", variant="primary")
    panel("kind")
    work = panel("work", value=None)
    saves(picture, partial(do.save, "picture"), [taken, scene], work)
    with gr.Tabs(elem_id="tabs"):
        with gr.Tab("Light", id="light") as light_tab:
            panel("light", presets=presets, order=coefficient_order())
            with gr.Accordion("Light from elsewhere", open=False):
                file = elsewhere(do, taken)
        with gr.Tab("Paint", id="paint", render_children=True) as paint_tab:
            panel("painting", most=MAX_LAYERS)
        with gr.Tab("Keep", id="keep", render_children=True) as keep_tab:
            keep(do, taken, scene, work)
    for tab in (light_tab, paint_tab, keep_tab):
        tab.select(None, js=f"() => illures.front('{tab.id}')")
    work.select(do.on_left, [taken], None, queue=False, **QUIET)
    return file


def elsewhere(do, taken):  # the box for files of light
    "The light of another portrait, of an environment map or of saved settings."
    label = (
        "Another portrait, an environment map (.hdr, .exr, .jpg) or saved light settings (.json)"
    )
    file = gr.File(
        label=label,
        type="filepath",
        height=130,
        elem_id="file",
        file_types=["image", ".json", *PICTURES],
    )
    messages = panel("said", elem_id="file-said", value=None)
    theirs = panel("elsewhere", value=None)
    file.change(
        do.on_file,
        [taken, file],
        [messages, theirs],
        preprocess=False,
        api_visibility="private",
        show_progress_on=[file],
        **NETWORK,
    )
    return file


def coefficient_order():  # str
    "What light settings say of the order of their coefficients."
    return json.loads(SHLight.preset("front").to_json())["order"]


def keep(do, taken, scene, work):
    "What can be saved beside the picture."
    gr.Markdown(
        "Everything is made from the photo at its full size, with the light and the paint as "
        "they are now."
    )
    kinds = {
        "zip": "Everything (.zip)",
        "light": "The light settings (.json)",
        "mp4": "The light going round (.mp4)",
        "gif": "The same as .gif",
    }
    for what, label in kinds.items():
        button = gr.Button(label, size="md", elem_id=f"save-{what}")
        saves(button, partial(do.save, what), [taken, scene], work)
    button = gr.Button("Show the relief in 3D (.glb)", size="md", elem_id="show-relief")
    model = gr.Model3D(
        label="Relief: drag to turn it",
        height=320,
        elem_id="relief",
        interactive=False,
        camera_position=(90, 90, 0.33),
    )
    saves(button, do.relief, [taken, scene], [model, work])


def for_visitors(do, taken, photo, messages, people, stage):
    "What happens when a visitor brings a face or chooses one in the photo."

    def opening(event):
        event.then(do.on_paint, [taken], [stage], **AGAIN)
        at_last(event, "() => illures.settled()")

    page = [taken, messages, stage]
    opening(
        gr.on(
            [photo.change, messages.select],
            do.on_photo,
            [taken, photo],
            [*page, photo],
            js="(taken, photo) => illures.opening(taken, photo)",
            preprocess=False,
            **AGAIN,
            **NETWORK,
        )
    )
    opening(people.select(do.on_example, [taken], page, **AGAIN, **NETWORK))
    opening(stage.select(do.on_face, [taken], [stage], **AGAIN))
    return page


def for_programs(do, taken, photo, file):
    "The endpoints: arguments that the page has no component for, and what they get."
    with gr.Group(visible=False):
        face = gr.Number(1, precision=0, label="face")
        amount = gr.Number(1, minimum=0, maximum=2, label="residual")
        word, own = gr.Textbox("front", label="light"), gr.Textbox("own", label="light")
        what, layers = gr.Textbox("zip", label="what"), gr.JSON(label="layers")
        maps, numbers = [gr.Image(label=n, format="png") for n in MAPS], gr.JSON(label="light")
        picture = gr.Image(label="picture", format="png")
        painted = gr.Image(label="albedo", format="png")
        made, complete = gr.File(label="file"), gr.JSON(label="layers")

    def endpoint(name, handler, inputs, outputs):
        gr.on(
            [],
            handler,
            [taken, photo, *inputs],
            [taken, *outputs],
            api_name=name,
            preprocess=False,
            **NETWORK,
        )

    endpoint("decompose", do.api_decompose, [face], [*maps, numbers])
    endpoint("relight", do.api_relight, [word, amount, face, file, layers], [picture, numbers])
    endpoint("edit_albedo", do.api_edit_albedo, [layers, face], [picture, painted, complete])
    endpoint("export", do.api_export, [what, own, amount, layers, face], [made])


def main():
    try:
        demo = build_demo()
    except (ValueError, OSError) as e:
        sys.exit(f"illures: {sentence(e)}")
    demo.launch(inbrowser="SPACE_ID" not in os.environ)


if __name__ == "__main__":
    with safe_printing():
        main()
