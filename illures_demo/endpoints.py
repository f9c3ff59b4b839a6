"What programs call: everything that the page does, without the page."

import json
from dataclasses import asdict, is_dataclass

from illures_demo.errors import friendly
from illures_demo.handlers import uploaded
from illures_demo.heads import head_of, numbers_of, write_head
from illures_demo.lights import light_of, light_of_file, light_of_place
from illures_demo.saving import write
from illures_demo.scenes import Redo, redone, scene_picture, staging_of, touched
from illures_demo.visits import chosen, forget, new_file, still_open
from illures_nb.decompose import MAPS, as_picture
from illures_nb.edit import fine_albedo
from illures_nb.export import safe_name
from illures_nb.image import write_image
from illures_nb.recompose import TRANSPARENT


def light_or_place(
    text,  # as `light_of` takes it, or "background"
    f,  # `Decomposition`
    place,  # path or None
):  # `SHLight`
    "Return a light as programs say it, or that of the place behind the person."
    if str(text).strip() != "background":
        return light_of(text, f)
    if place is None:
        raise ValueError('the light "background" needs a place')
    return light_of_place(place).matched(f.light)


def behind_people(
    background,  # "transparent", "#rrggbb" or None
    place,  # path or None
):  # as `develop_before` takes it; None: the photo's own
    "Return what a program puts behind people."
    if background and place:
        raise ValueError("background and place do not go together: give one of them")
    if not background or background == TRANSPARENT or str(background).startswith("#"):
        return place or background or None
    raise ValueError(f'background must be "transparent" or "#rrggbb", not {str(background)[:40]!r}')


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
        self,
        visit,
        photo=None,
        light="front",
        residual=None,
        face=1,
        reference=None,
        layers=None,
        contrast=1.0,
        strength=1.0,
        shine="moved",
        shadows="moved",
        background=None,
        place=None,
    ):
        """Relight one face of a photo and the person it belongs to (without a photo: of the one
        this client sent last). `light` is a preset, "own", "AZIMUTH,ELEVATION" in degrees (azimuth
        > 0 is the picture's right), a light that an endpoint returned, or its text; `reference`, if
        given, is another portrait, an environment map or a light.json to take the light from;
        `contrast` is key to fill, 0 (even) to 2 (no fill); `strength` of the effect 0 (the photo)
        to 2 (twice as physics has it); `shine` and `shadows` are "moved" with the light, "kept" or
        "none". `residual` 0 to 2, if given, keeps shine and cast shadows where they are and scales
        them, and nothing is staged; `layers` is paint as for /edit_albedo. `background`, if given,
        is "transparent" or a colour "#rrggbb", and `place` a picture, to be put behind the photo's
        people; with a place `light` may be "background": its light. Returns the whole picture as
        PNG, and the light."""
        visit = self.visit_of(visit, photo)
        f = chosen(visit, face)
        place = uploaded(place)
        with friendly(place or ""):
            staging = staging_of(contrast, strength, shine, shadows)
            if reference:
                light = light_of_file(uploaded(reference), self.handlers.decompose).light
            else:
                light = light_or_place(light, f, place)
            g = redone(f, Redo(light, staging, residual, layers or ()))
            path = new_file(visit, "relit.png")
            behind = behind_people(background, place)
            scene_picture(visit, {int(face): g}, behind).save(path)
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
            g = redone(f, Redo(f.light, layers=complete))
        painted, albedo = (str(new_file(visit, name)) for name in ("painted.png", "albedo.png"))
        g.develop().save(painted)
        write_image(albedo, fine_albedo(g))
        return [visit, painted, albedo, complete]

    def export(
        self,
        visit,
        photo=None,
        what="zip",
        light="own",
        residual=None,
        layers=None,
        face=1,
        contrast=1.0,
        strength=1.0,
        shine="moved",
        shadows="moved",
        background=None,
        place=None,
    ):
        """Everything about one face of a photo (without one: of the photo this client sent last) as
        one file. `what` is "zip" (maps as 16-bit PNG and EXR, picture, light.json, relief), "glb"
        (relief with albedo and normals), "mp4" or "gif" (the light going round), "picture" or
        "light". All else is as for /relight."""
        visit = self.visit_of(visit, photo)
        f = chosen(visit, face)
        place = uploaded(place)
        with friendly(place or ""):
            staging = staging_of(contrast, strength, shine, shadows)
            light = light_or_place(light, f, place)
            g = redone(f, Redo(light, staging, residual, layers or ()))
            names = {"picture": "relit.png", "light": "light.json"}
            path = new_file(visit, names.get(what, f"{visit.name}.{safe_name(str(what))}"))
            behind = behind_people(background, place)
            write(what, path, visit, g, {int(face): g}, background=behind)
        return [visit, str(path)]

    def head(self, visit, photo=None, face=1):
        """The head of one face of a photo (without a photo: of the one this client sent last), as a
        morphable model makes it. Returns it as GLB: the mesh in metres, its colours without light,
        and 52 morph targets by ARKit's names, whose weights are the photo's expression; and as
        JSON: `expression` (name: 0 to 1), `pose` (yaw, pitch, roll in degrees; yaw > 0: to the
        picture's right, pitch > 0: up) and `coeffs`, the light that was found with it (nine rows R,
        G, B)."""
        visit = self.visit_of(visit, photo)
        path = write_head(visit, face)
        return [visit, path, numbers_of(head_of(visit, face))]
