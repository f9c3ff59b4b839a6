"A face's head: read once a photo, told to the page with what its sliders move, and saved."

from functools import lru_cache

import numpy as np

from illures_demo.errors import friendly
from illures_demo.payload import pack
from illures_demo.visits import chosen, new_file, still_open
from illures_nb.head import HeadFitter
from illures_nb.image import linear_to_srgb, quantise, write_image

SLIDERS = {  # on the page → ARKit's names
    "smile": ("mouthSmileLeft", "mouthSmileRight"),
    "jaw": ("jawOpen",),
    "blink": ("eyeBlinkLeft", "eyeBlinkRight"),
    "brows": ("browInnerUp", "browOuterUpLeft", "browOuterUpRight"),
}
TEXTURE = 512  # side of its colours on the page, texels


@lru_cache(maxsize=1)
def fitter():  # `HeadFitter`
    "Load the network that reads heads, when the first one is wanted."
    return HeadFitter.from_pretrained()


def head_of(
    visit,  # `Visit`
    number,  # of a face; 1 is the biggest
):  # `Head`
    "Return the head of a face; it is read once."
    if number not in visit.heads:
        with friendly():
            visit.heads[number] = fitter().fit(chosen(visit, number))
    return visit.heads[number]


# ---- for programs


def numbers_of(head) -> dict:
    "Tell of a head in numbers."
    pose = head.pose
    forward = pose[:, 2]
    yaw, pitch = np.arctan2(forward[0], forward[2]), np.arcsin(forward[1].clip(-1, 1))
    angles = yaw, pitch, np.arctan2(pose[1, 0], pose[1, 1])
    degrees = [round(float(np.degrees(angle)), 2) for angle in angles]
    return {
        "expression": head.expression,
        "pose": dict(zip(("yaw", "pitch", "roll"), degrees)),
        "coeffs": head.light.coeffs.tolist(),
    }


def write_head(
    visit,  # `Visit`, or None where it was forgotten
    number,  # of a face
) -> str:  # path
    "Write the head of a face as GLB."
    head = head_of(still_open(visit), number)
    path = new_file(visit, f"{visit.name}-head.glb")
    head.write_glb(path)
    return str(path)


# ---- for the page


def turned(pose) -> list:  # radians
    "Return the angles about x, y and z whose turns, z first, make a rotation."
    about_x = np.arctan2(-pose[1, 2], pose[2, 2])
    about_y = np.arcsin(np.clip(pose[0, 2], -1, 1))
    return [float(about_x), float(about_y), float(np.arctan2(-pose[0, 1], pose[0, 0]))]


def sliders_of(head) -> tuple:  # name → weight, name → offsets (V, 3) at full strength, cm
    "Say where the page's sliders stand for a photo, and what they move."
    model, weights = head.model, head.parameters.expression[0]
    values, targets = {}, {}
    for slider, names in SLIDERS.items():
        places = [model.expression_names.index(name) for name in names]
        values[slider] = float(weights[places].mean())
        targets[slider] = model.expression[places].sum(0).numpy()
    return values, targets


def head_for_page(visit, number) -> dict:
    "Tell the page of a face's head."
    head = head_of(visit, number)
    model, (values, targets) = head.model, sliders_of(head)
    base = head.shape().numpy()
    for slider, value in values.items():
        base = base - value * targets[slider]
    mesh = {"uvs": model.uv.numpy(), "faces": model.faces.numpy(), "twins": model.twin.numpy()}
    maps = pack(visit.folder / f"head-{number}.bin", base=base, **mesh, **targets)
    colours = linear_to_srgb(head.texture(TEXTURE).permute(1, 2, 0))
    write_image(visit.folder / f"head-{number}.jpg", quantise(colours.numpy()))
    return {
        "visit": visit.folder.name,
        "face": number,
        "texture": f"head-{number}.jpg",
        "angles": turned(head.pose),
        "nearness": float(head.parameters.camera.nearness),
        "sliders": values,
        **maps,
    }
