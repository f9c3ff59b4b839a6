"A light from what a program or a visitor gives: a name, a direction, numbers, a file."

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from illures_demo.errors import friendly
from illures_nb import SHLight
from illures_nb.light import EnvmapShapeError, read_envmap


def light_of(
    text,  # `own`, or what `SHLight.of` takes: a preset, `AZIMUTH,ELEVATION`, a light or its text
    f,  # `Decomposition`
) -> SHLight:
    "Return a light as programs say it."
    return f.light if str(text).strip() == "own" else SHLight.of(text)


def coefficient_order() -> str:
    "Return what light settings say of the order of their coefficients."
    return json.loads(SHLight.preset("front").to_json())["order"]


def light_of_place(
    picture,  # as `SHLight.from_background` takes it
) -> SHLight:
    "Return the light of a place that can be put behind people."
    return _exposed(SHLight.from_background(picture))


class FileLight(NamedTuple):
    "The light of a file."

    light: SHLight
    text: str  # what the file was taken for, a sentence
    panorama: np.ndarray | None = None  # (H, W, 3) linear, where it is an environment map


def light_of_file(
    path,  # of a portrait, an environment map or light settings
    decompose,  # function: path → list of `Decomposition`
) -> FileLight:
    "Return the light of a file."
    suffix, name = Path(path).suffix.lower(), Path(path).name
    is_radiance = suffix in (".hdr", ".exr")
    with friendly(path):
        if suffix == ".json":
            return FileLight(_exposed(SHLight.load(path)), f"The light of {name}.")
        panorama, wrong = _surroundings(path)
        is_panorama = is_radiance and panorama is not None
        faces = [] if is_panorama else _faces_in(path, panorama, decompose)
        if faces:
            return FileLight(faces[0].light, f"The light on the face in {name}.")
        if wrong:
            raise wrong
        light = _exposed(SHLight.from_envmap(panorama))
    if is_radiance:
        return FileLight(light, f"The light of {name}.", panorama)
    text = f"{name} has no face in it: taken as an environment map."
    return FileLight(light, text, panorama)


def _surroundings(path):  # environment map or None, what is wrong with it or None
    "Read a picture as an environment map; one that nothing is known of was meant as a portrait."
    try:
        return read_envmap(path), None
    except EnvmapShapeError as e:
        if e.kind:
            return None, e
        words = "and it is no environment map (twice as wide as high)"
        return None, ValueError(f"no face was found in {path}, {words}")


def _faces_in(path, panorama, decompose):
    "Find faces; a picture that is too large for a photo may still be an environment map."
    try:
        return decompose(path)
    except ValueError:
        if panorama is None:
            raise
        return []


def _exposed(light):
    light.exposed()  # refuses one that is dark all around
    return light
