"What the page's events call. All they remember is in the visit; the network runs once a photo."

import sys
import threading
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
import numpy as np

from illures_demo.errors import friendly, refusal
from illures_demo.heads import head_for_page, write_head
from illures_demo.lights import light_of_file, light_of_place
from illures_demo.payload import for_page, light_for_page, message, paint_too
from illures_demo.saving import Left, watched, write_scene
from illures_demo.settings import ASSETS, EXAMPLES, MOST, PREVIEW
from illures_demo.visits import forget, new_file, same_again, still_open, taken_apart
from illures_nb.image import linear_to_srgb, read_image, resize, write_image
from illures_nb.picture import kept


def lends_gpus() -> bool:
    "Tell whether Hugging Face lends GPUs here."
    return "spaces" in sys.modules  # imported with this package


def on_lent_gpu(function):
    "Have a function run on a GPU that Hugging Face lends, where it does."
    return sys.modules["spaces"].GPU(duration=20)(function) if lends_gpus() else function


def uploaded(
    file,  # dict, as events get it that are not preprocessed; or nothing
):  # path or None
    """Say where an uploaded file is. Gradio would read pictures by itself, fewer kinds than our
    reader, and without saying what is wrong with them."""
    if not file:
        return None
    if file.get("path"):
        return file["path"]
    raise refusal("This is not an uploaded file.")


class Opened(NamedTuple):
    "What an event that opens a photo answers, for Gradio's components in this order."

    visit: Any = gr.skip()  # `Visit`
    message: dict = gr.skip()  # what is said beside the box for photos
    page: dict = gr.skip()  # what the browser gets of the photo


class LightOpened(NamedTuple):
    "What an event that opens a file of light answers, in the order of its components."

    message: dict
    light: dict | None = None  # what the browser gets of it


class PlaceOpened(NamedTuple):
    "What an event that opens a picture of a place answers, in the order of its components."

    message: dict
    place: dict | None = None  # what the browser gets of it


class Handlers:
    "The page's events."

    def __init__(
        self,
        decomposer,  # function: path → list of `Decomposition`
    ):
        self.decompose = on_lent_gpu(lambda path: decomposer(path))
        self.ready, self.lock = {}, threading.Lock()  # examples that were opened once

    def take(self, path):  # `Visit`
        "Take a photo apart; an error that can be shown if there is no face."
        with friendly(path):
            faces = self.decompose(path)
        if not faces:
            helps = "It helps if the face is larger, in focus and well lit."
            raise refusal(f"No face was found in {Path(path).name}. {helps}")
        return taken_apart(faces, path)

    def example(self, name):  # `Visit`
        "Open an example, taken apart once for all visitors."
        with self.lock:
            visit = self.ready.get(name)
            if visit is None or not visit.folder.is_dir():
                visit = self.take(ASSETS / "examples" / f"{name}.jpg")
                for_page(visit, 1)
                paint_too(visit)
                self.ready[name] = visit
        return same_again(visit)

    # ---- a photo

    def on_start(self):
        "The first example opens the page."
        return self.opened(None, self.example(next(iter(EXAMPLES))))

    def on_example(self, old, event: gr.EventData):
        "An example was chosen."
        if event.name not in EXAMPLES:
            return Opened(message=message("There is no such example.", bad=True))
        return self.opened(old, self.example(event.name))

    def on_photo(self, old, photo):
        "A photo was brought; the box for photos is emptied at once, ready for the next one."
        if photo is None:
            return *Opened(), gr.skip()
        try:
            return *self.opened(old, self.take(uploaded(photo))), None
        except gr.Error as e:
            return *Opened(message=message(e.message, bad=True)), None

    def opened(self, old, visit):  # `Opened`
        "Open a photo in place of another."
        if old:
            visit.behind.update(old.behind)
        forget(old)
        count, text = visit.found, ""
        if count > 1:
            text = f"{count} faces were found: click one in the picture, or choose all below it."
        if count > MOST:
            text = f"{count} faces were found: the {MOST} biggest can be worked on."
        return Opened(visit, message(text), for_page(visit, 1))

    def on_paint(self, visit):
        "The paint follows a moment after the maps, so that these come at once."
        try:
            return for_page(visit) if visit and paint_too(visit) else gr.skip()
        except OSError:
            if visit.folder.is_dir():
                raise
            return gr.skip()  # a newer photo has come

    def on_face(self, visit, event: gr.EventData):
        "Another face was chosen, or all."
        everyone = range(1, len(still_open(visit).faces) + 1)
        return for_page(visit, *everyone if event.face == "all" else [event.face])

    def on_head(self, visit, event: gr.EventData):  # dict
        "The head of a face is to be seen."
        face = event.face
        try:
            return head_for_page(still_open(visit), face)
        except gr.Error as e:
            name = visit.folder.name if visit else None
            return {"visit": name, "face": face, "error": e.message}

    # ---- a light

    def on_file(self, visit, file):  # `LightOpened`
        "A file to take the light from was brought."
        if file is None:
            return LightOpened(message())
        path = uploaded(file)
        try:
            found = light_of_file(path, self.decompose)
        except gr.Error as e:
            return LightOpened(message(e.message, bad=True))
        name, light = Path(path).name, light_for_page(found.light)
        about = {"name": name, "light": light, "panorama": None}
        if found.panorama is not None:
            about["panorama"] = str(panorama_for_page(visit, found.panorama))
        return LightOpened(message(found.text), about)

    # ---- a background

    def on_place(self, visit, file):  # `PlaceOpened`
        "A picture to be put behind people was brought, or taken away."
        if file is None:
            return PlaceOpened(message())
        path = uploaded(file)
        name = Path(path).name
        try:
            with friendly(path):
                picture = read_image(path)
                light = light_of_place(picture)
        except gr.Error as e:
            return PlaceOpened(message(e.message, bad=True))
        still_open(visit).behind["picture"] = kept(path)
        shown = new_file(visit, "place.jpg")
        height, width = picture.shape[:2]
        scale = min(1, PREVIEW / max(height, width))
        small = max(1, round(height * scale)), max(1, round(width * scale))
        write_image(shown, picture if scale == 1 else resize(picture, small))
        about = {"name": name, "file": str(shown), "light": light_for_page(light)}
        return PlaceOpened(message(f"Behind the person: {name}."), about)

    # ---- what is saved

    def on_left(self, visit, event: gr.EventData):
        "The visitor does not want to wait for what is being saved."
        still_open(visit).left.add(str(event.job))

    def save(self, what, visit, scene):
        "Yield what the page shows of a file to be saved: how far it is, then where it is."
        job = str(scene.get("job", "")) if isinstance(scene, dict) else ""

        def tell(progress):
            return {"job": job, **progress._asdict()}

        done = {"job": job, "done": True}
        try:
            work, left = partial(self.made, what, visit, scene), still_open(visit).left
            path = yield from watched(work, lambda: job in left, tell)
        except Left:
            yield done
        except gr.Error as e:
            yield {**done, "error": e.message}
        else:
            yield {**done, "file": path, "name": Path(path).name}

    def relief(self, visit, scene):  # its file, and what `save` yields last
        "Make a relief that the page shows."
        *_, outcome = self.save("glb", visit, scene)
        return outcome.pop("file", gr.skip()), outcome

    def made(self, what, visit, scene, report=None):  # path
        "Make one file of what the page shows."
        if what == "head":
            return write_head(visit, scene.get("face"))
        return write_scene(what, visit, scene, report)


def panorama_for_page(visit, panorama):  # path
    "Write an environment map as a small picture, as bright as can be seen."
    path = new_file(still_open(visit), "panorama.jpg")
    small = resize(panorama, (128, 256))
    bright = max(float(np.percentile(small, 95)), 1e-6)
    write_image(path, linear_to_srgb(np.clip(small / bright, 0, 1)))
    return path
