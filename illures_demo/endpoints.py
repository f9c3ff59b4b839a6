"What programs call: everything that the page does, without the page."

import json
from dataclasses import asdict, is_dataclass

from illures_demo.errors import friendly
from illures_demo.handlers import uploaded
from illures_demo.lights import light_of, light_of_file
from illures_demo.saving import write
from illures_demo.scenes import redone, touched
from illures_demo.visits import chosen, forget, new_file, still_open
from illures_nb.decompose import MAPS, as_picture
from illures_nb.edit import fine_albedo
from illures_nb.export import safe_name
from illures_nb.image import write_image


class Endpoints:
    "The endpoints; a client's photo stays with it, so that it is sent once."

    def __init__(
        self,
        handlers,  # `Handlers`
    ):
        self.handlers = handlers

    def visit_of(self, old, photo):  # `Visit`
        "Take a client's new photo in place of the old one, or the old one."
        if not photo:
            return still_open(old)
        new = self.handlers.take(uploaded(photo))
        forget(old)
        return new

    def decompose(self, visit, photo, face=1):
        """Take one face of a photo apart (1 = the biggest). Returns its albedo, normals, shading,
        residual, reconstruction and mask as PNG files, and its light (nine rows R, G, B). The photo
        stays with this client: the other endpoints can use it without sending it again."""
        visit = self.visit_of(visit, still_open(photo))
        f = chosen(visit, face)
        paths = [str(new_file(visit, f"{name}.png")) for name in MAPS]
        for name, path in zip(MAPS, paths):
            write_image(path, as_picture(name, getattr(f, name)))
        return [visit, *paths, json.loads(f.light.to_json())]

    def relight(
        self, visit, photo=None, light="front", residual=1.0, face=1, reference=None, layers=None
    ):
        """Relight one face of a photo (without one: of the photo this client sent last). `light` is
        a preset, "own", "AZIMUTH,ELEVATION" in degrees (azimuth > 0 is the picture's right), a
        light that an endpoint returned, or its text; `reference`, if given, is another portrait, an
        environment map or a light.json to take the light from; `residual` 0 to 2 scales shine and
        cast shadows; `layers` is paint as for /edit_albedo. Returns the whole picture as PNG, and
        the light."""
        visit = self.visit_of(visit, photo)
        f = chosen(visit, face)
        with friendly():
            if reference:
                light, _, _ = light_of_file(uploaded(reference), self.handlers.decompose)
            else:
                light = light_of(light, f)
            g = redone(f, light, residual, layers)
        path = new_file(visit, "relit.png")
        g.develop().save(path)
        return [visit, str(path), json.loads(g.light.to_json())]

    def edit_albedo(self, visit, photo=None, layers=None, face=1):
        """Paint on the albedo of one face of a photo (without one: of the photo this client sent
        last), under its own light. `layers` is a list, bottom first, of names of ready touches
        (lipstick, blush, eye shadow, stubble, beard, freckles …) or layers as JSON (docs/demo.md).
        Returns the whole picture, the fine albedo (512 x 512) and, as JSON, the layers with their
        masks."""
        visit = self.visit_of(visit, photo)
        f = chosen(visit, face)
        with friendly():
            complete = [asdict(o) if is_dataclass(o) else o for o in touched(f, layers)]
            g = redone(f, f.light, layers=complete)
        painted, albedo = (str(new_file(visit, name)) for name in ("painted.png", "albedo.png"))
        g.develop().save(painted)
        write_image(albedo, fine_albedo(g))
        return [visit, painted, albedo, complete]

    def export(self, visit, photo=None, what="zip", light="own", residual=1.0, layers=None, face=1):
        """Everything about one face of a photo (without one: of the photo this client sent last) as
        one file. `what` is "zip" (maps as 16-bit PNG and EXR, picture, light.json, relief), "glb"
        (relief with albedo and normals), "mp4" or "gif" (the light going round), "picture" or
        "light". `light`, `residual` and `layers` as for /relight."""
        visit = self.visit_of(visit, photo)
        f = chosen(visit, face)
        with friendly():
            g = redone(f, light_of(light, f), residual, layers)
            names = {"picture": "relit.png", "light": "light.json"}
            path = new_file(visit, names.get(what, f"{visit.name}.{safe_name(str(what))}"))
            write(what, path, visit, g, {int(face): g})
        return [visit, str(path)]
