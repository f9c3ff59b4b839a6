"What the page is told of a photo, as JSON, and the files that it names: views, maps, paint."

import json
import time
from dataclasses import asdict

import cv2
import numpy as np

from illures_demo.settings import PREVIEW
from illures_demo.visits import chosen
from illures_nb.edit import HAEMOGLOBIN, MELANIN, fine_albedo, healed_albedo, skin_level
from illures_nb.edit import tone_range, touches, unrolled
from illures_nb.export import view
from illures_nb.image import write_image

# ---- views of the photo


def around(
    f,  # `Decomposition`
) -> tuple:  # x0, y0, x1, y1 in the photo
    "Return the part of the photo about a face."
    box, (height, width) = f.photo.face.box, f.photo.picture.shape[:2]
    middle = (box[:2] + box[2:]) / 2
    side = max(box[2:] - box[:2])
    reach, upwards = 1.05 * side, 0.12 * side
    upper_left = middle + (-reach, -reach - upwards)
    lower_right = middle + (reach, reach - upwards)
    corners = np.clip([upper_left, lower_right], 0, (width, height)).astype(int)
    return tuple(int(v) for v in corners.ravel())


def view_for_page(visit, f, name, box=None) -> dict:
    "Tell of a picture of the photo or of a part of it, and the way from its pixels to the photo's."
    seen = view(f, PREVIEW, box).photo
    to_crop = np.vstack([f.photo.transform, [0, 0, 1]])
    view_to_crop = np.vstack([seen.transform, [0, 0, 1]])
    write_image(visit.folder / f"{name}.jpg", seen.picture)
    back = (np.linalg.inv(to_crop) @ view_to_crop)[:2]
    return {"file": f"{name}.jpg", "back": back.tolist()}


# ---- maps


def pack(
    path,  # of the file
    **maps,  # arrays of floats
) -> dict:  # what the page is told of it
    "Write maps as 16-bit numbers between each one's lowest and highest value."
    index, at, parts = {}, 0, []
    for name, x in maps.items():
        low, high = float(x.min()), float(x.max())
        scale = 65535 / max(high - low, 1e-9)
        levels = np.round((x.ravel().astype(np.float64) - low) * scale).astype("<u2")
        index[name] = {"at": at, "count": levels.size, "low": low, "high": high}
        at += levels.nbytes
        parts.append(levels.tobytes())
    path.write_bytes(b"".join(parts))
    return {"file": path.name, "index": index}


def face_for_page(visit, number) -> dict:
    "Tell of the maps of a face, as the page needs them to relight it."
    f = chosen(visit, number)
    size = len(f.mask)
    maps = pack(
        visit.folder / f"maps-{number}.bin",
        albedo=f.albedo,
        normals=f.normals,
        residual=f.residual,
        mask=f.mask,
        guide=cv2.cvtColor(f.photo.crop, cv2.COLOR_RGB2GRAY),
        reach=f.photo.reach,
    )
    return {
        "size": size,
        "margin": (len(f.photo.reach) - size) // 2,
        "light": f.light.coeffs.tolist(),
        "transform": f.photo.transform.tolist(),
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
    "Make what the page needs to paint on the faces that it has."
    without = [number for number, face in visit.shown.items() if "paint" not in face]
    for number in without:
        visit.shown[number]["paint"] = paint_for_page(visit, number)
    return bool(without)


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
        "views": visit.views,
        "boxes": [f.photo.face.box.tolist() for f in visit.faces],
        "faces": {str(number): face for number, face in visit.shown.items()},
    }


def said(text="", bad=False) -> dict:
    "Make a message for the page; the same one twice is two."
    return {"text": text, "bad": bad, "at": time.time_ns()}
