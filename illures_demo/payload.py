"What the browser gets of a photo: JSON, and the files that it names: views, maps, paint."

import json
import time
from dataclasses import asdict

import cv2
import numpy as np

from illures_demo.settings import PREVIEW
from illures_demo.visits import chosen
from illures_nb.crop import transform_points
from illures_nb.edit import HAEMOGLOBIN, MELANIN, fine_albedo, healed_albedo, skin_level
from illures_nb.edit import tone_range, touches, unrolled
from illures_nb.export import view
from illures_nb.image import quantise, read_image, write_image
from illures_nb.lamps import lamps_behind
from illures_nb.recompose import cut_out

# ---- views of the photo


def around(
    f,  # `Decomposition`
) -> tuple:  # x0, y0, x1, y1 in the photo
    "Return the part of the photo about a face: head and shoulders, a square where it is inside."
    box, (height, width) = f.photo.face.box, f.photo.picture.shape[:2]
    face_side = max(box[2:] - box[:2])
    middle = (box[:2] + box[2:]) / 2 - (0, 0.15 * face_side)
    side = np.minimum(2.8 * face_side, (width, height))
    upper_left = np.clip(middle - side / 2, 0, (width, height) - side)
    corners = np.concatenate([upper_left, upper_left + side])
    return tuple(int(v) for v in corners)


def view_for_page(visit, f, name, box=None) -> dict:
    "Write a picture of the photo or of a part of it; say the way from its pixels to the photo's."
    seen = view(f, PREVIEW, box).photo
    to_crop = np.vstack([f.photo.transform, [0, 0, 1]])
    view_to_crop = np.vstack([seen.transform, [0, 0, 1]])
    write_image(visit.folder / f"{name}.jpg", seen.picture)
    back = (np.linalg.inv(to_crop) @ view_to_crop)[:2]
    return {"file": f"{name}.jpg", "back": back.tolist()}


def cut_for_page(visit, name) -> str:  # name of the file
    "Cut the people of a view out of it, so that something else can be put behind them."
    box = None if name == "whole" else around(chosen(visit, int(name.removeprefix("close-"))))
    outlines = [view(f, PREVIEW, box).silhouette for f in visit.faces]
    picture = quantise(read_image(visit.folder / visit.views[name]["file"]), 8)
    file = f"{name}-cut.png"
    write_image(visit.folder / file, cut_out(picture, np.minimum(sum(outlines), 1)))
    return file


# ---- maps


def pack(
    path,  # of the file
    **maps,  # arrays: uint8 as they are, floats as 16 bits between their lowest and highest value
) -> dict:  # the file's name, and where in it each map is
    "Write maps into one file of numbers of 8 and 16 bits."
    index, at, parts = {}, 0, []
    for name, x in maps.items():
        levels, low, high = _levels(x)
        place = {"at": at, "count": levels.size, "bits": 8 * levels.itemsize}
        index[name] = {**place, "low": low, "high": high}
        data = levels.tobytes() + bytes(levels.nbytes % 2)  # numbers of 16 bits begin evenly
        at += len(data)
        parts.append(data)
    path.write_bytes(b"".join(parts))
    return {"file": path.name, "index": index}


def _levels(x):
    "Whole numbers for a map, and what the lowest and the highest one stand for."
    if x.dtype == np.uint8:
        return x.ravel(), 0.0, 1.0
    low, high = float(x.min()), float(x.max())
    scale = 65535 / max(high - low, 1e-9)
    levels = np.round((x.ravel().astype(np.float64) - low) * scale)
    return levels.astype("<u2"), low, high


def eight_bits(
    x,  # array in [0, 1]
):  # uint8, same shape
    "Round shares to bytes."
    return np.round(x * 255).astype(np.uint8)


def light_for_page(
    light,  # `SHLight`
) -> dict:
    "Tell of a light: its numbers, and its lamps or, where they are not known, those behind them."
    known = light.lamps is not None
    lamps = light.lamps if known else lamps_behind(light.coeffs)
    return {"coeffs": light.coeffs.tolist(), "lamps": lamps.record(), "known": known}


_MOUTH, _CHIN = 51, 8  # landmarks


def person_for_page(
    found,  # `Found`
) -> tuple:  # dict for the page, dict of maps
    "Tell of a person, who takes the light as the face does, and casts shadows."
    person = found.person
    rows = transform_points(found.photo.face.landmarks, person.transform)[:, 1]
    maps = {
        "matte": person.matte,
        "person_normals": person.normals,
        "person_crop": eight_bits(person.crop),
        "depth": person.depth[0],
    }
    about = {
        "size": len(person.matte),
        "transform": person.transform.tolist(),
        "upright": person.upright.tolist(),
        "face_side": person.face_side,
        "mouth": float(rows[_MOUTH]),
        "chin": float(rows[_CHIN]),
    }
    return about, maps


def face_for_page(visit, number) -> dict:
    "Tell of the maps of a face and its person, as the page needs them to relight both."
    f = chosen(visit, number)
    size, as_found = len(f.mask), f.found
    person, person_maps = person_for_page(as_found)
    maps = pack(
        visit.folder / f"maps-{number}.bin",
        albedo=f.albedo,
        normals=f.normals,
        residual=f.residual,
        mask=f.mask,
        unexplained=as_found.unexplained,
        guide=cv2.cvtColor(f.photo.crop, cv2.COLOR_RGB2GRAY),
        wet=eight_bits(as_found.wet[..., 0]),
        reach=f.photo.reach,
        **person_maps,
    )
    return {
        "size": size,
        "margin": (len(f.photo.reach) - size) // 2,
        "light": light_for_page(f.light),
        "transform": f.photo.transform.tolist(),
        "person": person,
        "alone": f.person is None,
        "maps": maps,
    }


# ---- paint


def paint_for_page(visit, number) -> dict:
    "Tell what the page needs to paint on a face."
    f = chosen(visit, number)
    fine, healed, ready = f"fine-{number}.png", f"healed-{number}.png", f"touches-{number}.json"
    layers = {name: asdict(layer) for name, layer in touches(f).items()}
    write_image(visit.folder / fine, fine_albedo(f))
    write_image(visit.folder / healed, healed_albedo(f))
    (visit.folder / ready).write_text(json.dumps(layers), encoding="utf-8")
    pigments = {"melanin": MELANIN.tolist(), "haemoglobin": HAEMOGLOBIN.tolist()}
    return {
        **pack(visit.folder / f"flat-{number}.bin", unrolled=unrolled(f)),
        "fine": fine,
        "healed": healed,
        "touches": ready,
        "level": skin_level(f),
        "tone": {"range": tone_range(f), **pigments},
    }


def paint_too(visit) -> bool:  # whether there was anything to do
    "Make what the page needs to paint on the faces that it has, and to put others behind them."
    without = [number for number, face in visit.shown.items() if "paint" not in face]
    for number in without:
        visit.shown[number]["paint"] = paint_for_page(visit, number)
    uncut = [name for name, seen in visit.views.items() if "cut" not in seen]
    for name in uncut:
        visit.views[name]["cut"] = cut_for_page(visit, name)
    return bool(without or uncut)


# ---- all of it


def for_page(
    visit,  # `Visit`
    *numbers,  # of faces whose maps the page shall have
) -> dict:
    "Tell all that the page knows of a photo, some faces more than before."
    if not visit.views:
        visit.views["whole"] = view_for_page(visit, visit.faces[0], "whole")
    for number in numbers:
        if number in visit.shown:
            continue
        f, close = chosen(visit, number), f"close-{number}"
        visit.views[close] = view_for_page(visit, f, close, around(f))
        visit.shown[number] = face_for_page(visit, number)
    return {
        "visit": visit.folder.name,
        "folder": str(visit.folder),
        "name": visit.name,
        "kind": visit.kind,
        "size": visit.faces[0].photo.picture.shape[1::-1],
        "views": visit.views,
        "boxes": [f.photo.face.box.tolist() for f in visit.faces],
        "faces": {str(number): face for number, face in visit.shown.items()},
    }


def message(text="", bad=False) -> dict:
    "Make a message for the page; the same one twice is two."
    return {"text": text, "bad": bad, "at": time.time_ns()}
