"""Nodes that take portraits apart and relight them.

ComfyUI's pictures are tensors (B, H, W, C) of sRGB in [0, 1], its masks (B, H, W). A light goes
from node to node as an `SHLight`, whose type is called ILLURES_LIGHT here."""

from functools import lru_cache

import numpy as np
import torch

from illures_nb import Decomposer, SHLight
from illures_nb.image import linear_to_srgb
from illures_nb.meant import meant

CATEGORY = "illures"
LIGHT = "ILLURES_LIGHT"
WAYS = ["moved", "kept", "none"]  # what becomes of shine and of shadows


@lru_cache(maxsize=1)
def decomposer():
    "The networks, read once; on the GPU where there is one."
    return Decomposer.from_pretrained()


def photos(image):
    "Pictures of a batch with 16 bits, (H, W, 3) each."
    for picture in image[..., :3].cpu().numpy():
        yield np.uint16(picture.clip(0, 1) * 65535 + 0.5)


def people(photo, number):
    "The faces of a photo that it is about."
    faces = meant(decomposer()(photo))
    if not faces:
        raise ValueError(f"No face was found in picture {number} of the batch.")
    return faces


def picture(x):
    "Floats (H, W, 3), or (H, W), as they go on in ComfyUI."
    return torch.from_numpy(np.ascontiguousarray(x, np.float32))


def number(default, least, most, step=0.05, told=""):
    "A number with a slider."
    limits = {"default": default, "min": least, "max": most, "step": step, "tooltip": told}
    return "FLOAT", limits


# ---- layers


def layer(faces, name, elsewhere):
    "A map of everybody on the photo's pixels; a constant where nobody is."
    whole = np.full((*faces[0].photo.picture.shape[:2], 3), np.float32(elsewhere))
    for face in reversed(faces):  # the biggest last
        found = face.to_frame(name)
        whole = np.where(np.isfinite(found), found, whole)
    return whole


def cover(faces, name):
    "How much of every pixel is somebody's face, or somebody."
    return np.max([np.nan_to_num(face.to_frame(name)) for face in faces], 0)


class Decompose:
    "A portrait's layers, on its own pixels."

    CATEGORY, FUNCTION = CATEGORY, "run"
    RETURN_TYPES = ("IMAGE", "IMAGE", "IMAGE", "IMAGE", "MASK", "MASK", LIGHT)
    RETURN_NAMES = ("albedo", "normals", "shading", "residual", "face", "person", "light")
    DESCRIPTION = (
        "Albedo and shading are sRGB, normals are colours, the residual is linear with .5 for 0. "
        "The light is that of the biggest face of the first picture."
    )

    @classmethod
    def INPUT_TYPES(cls):
        "The sockets and widgets."
        told = "which way green points in the normals: up (OpenGL, Blender) or down (DirectX)"
        normals = (["OpenGL", "DirectX"], {"tooltip": told})
        return {"required": {"image": ("IMAGE",), "normals": normals}}

    def run(self, image, normals):
        "Take every picture of the batch apart."
        batch, light = [], None
        for k, photo in enumerate(photos(image), 1):
            faces = people(photo, k)
            light = light or faces[0].light
            batch.append(self.layers(faces, normals))
        return (*map(torch.stack, zip(*batch)), light)

    def layers(self, faces, normals):
        "The layers of one picture, as tensors."
        green = np.float32([1, -1 if normals == "DirectX" else 1, 1])
        directions = layer(faces, "normals", (0, 0, 1)) * green
        lit = [linear_to_srgb(layer(faces, x, 0).clip(0, 1)) for x in ("albedo", "shading")]
        residual = (layer(faces, "residual", 0) / 2 + 0.5).clip(0, 1)
        masks = [cover(faces, name) for name in ("mask", "matte")]
        colours = lit[0], directions / 2 + 0.5, lit[1], residual
        return [picture(x) for x in (*colours, *masks)]


# ---- lights


class LightNode:
    "What nodes that give a light have in common."

    CATEGORY, FUNCTION = CATEGORY, "run"
    RETURN_TYPES, RETURN_NAMES = (LIGHT,), ("light",)


class ReadyLight(LightNode):
    "One of the ready lights."

    @classmethod
    def INPUT_TYPES(cls):
        "The sockets and widgets."
        return {"required": {"name": (SHLight.presets(),)}}

    def run(self, name):
        "Return it."
        return (SHLight.preset(name),)


class LightFromDirection(LightNode):
    "One lamp, and an even fill."

    @classmethod
    def INPUT_TYPES(cls):
        "The sockets and widgets."
        widgets = {
            "azimuth": number(30.0, -180.0, 180.0, 1.0, "degrees; from the picture's right: > 0"),
            "elevation": number(20.0, -90.0, 90.0, 1.0, "degrees; from above: > 0"),
            "fill": number(0.15, 0.0, 1.0, told="light from everywhere"),
            "softness": number(0.2, 0.0, 1.0, told="0: a point far away; 1: half of the sky"),
            "warmth": number(0.0, -1.0, 1.0, told="-1: blue sky; 0: daylight; 1: light bulb"),
        }
        return {"required": widgets}

    def run(self, azimuth, elevation, fill, softness, warmth):
        "Make it."
        how = {"ambient": fill, "softness": softness, "warmth": warmth}
        return (SHLight.from_direction(azimuth, elevation, **how),)


class LightFromEnvironment(LightNode):
    "The light of an environment map: equirectangular, its middle in front of the face."

    @classmethod
    def INPUT_TYPES(cls):
        "The sockets and widgets."
        turn = number(0.0, -180.0, 180.0, 1.0, "degrees that the map is turned to the right")
        return {"required": {"image": ("IMAGE",), "turn": turn}}

    def run(self, image, turn):
        "Read it off the first picture of the batch."
        return (SHLight.from_envmap(next(photos(image))).rotate(yaw=turn),)


class LightFromReference(LightNode):
    "The light in which another portrait was taken."

    @classmethod
    def INPUT_TYPES(cls):
        "The sockets and widgets."
        told = "with the light's colour, or its direction and contrast alone"
        return {
            "required": {
                "image": ("IMAGE",),
                "colour": ("BOOLEAN", {"default": True, "tooltip": told}),
            }
        }

    def run(self, image, colour):
        "Read it off the biggest face of the first picture."
        light = people(next(photos(image)), 1)[0].light
        return (light if colour else light.neutral(),)


# ---- relighting


class Relight:
    "Portraits in another light."

    CATEGORY, FUNCTION = CATEGORY, "run"
    RETURN_TYPES, RETURN_NAMES = ("IMAGE",), ("image",)

    @classmethod
    def INPUT_TYPES(cls):
        "The sockets and widgets."
        widgets = {
            "image": ("IMAGE",),
            "light": (LIGHT,),
            "contrast": number(1.0, 0.0, 2.0, told="0: even light; 2: no fill"),
            "strength": number(1.0, 0.0, 2.0, told="0: the photo; 1: as physics has it"),
            "shine": (WAYS, {"tooltip": "what becomes of highlights"}),
            "shadows": (WAYS, {"tooltip": "what becomes of cast shadows"}),
        }
        return {"required": widgets}

    def run(self, image, light, **how):
        "Relight every picture of the batch, as bright as it is."
        relit = [self.relit(photo, k, light, how) for k, photo in enumerate(photos(image), 1)]
        return (torch.stack(relit),)

    def relit(self, photo, k, light, how):
        "Everybody on one photo under a light."
        developed = None
        for face in people(photo, k):
            developed = face.relight(light.matched(face.light), **how).develop(developed)
        return picture(developed.samples[..., :3] / np.float32(65535))


NODE_CLASS_MAPPINGS = {
    "IlluresDecompose": Decompose,
    "IlluresReadyLight": ReadyLight,
    "IlluresLightFromDirection": LightFromDirection,
    "IlluresLightFromEnvironment": LightFromEnvironment,
    "IlluresLightFromReference": LightFromReference,
    "IlluresRelight": Relight,
}
NODE_DISPLAY_NAME_MAPPINGS = {
    "IlluresDecompose": "Portrait layers",
    "IlluresReadyLight": "Ready light",
    "IlluresLightFromDirection": "Light from a direction",
    "IlluresLightFromEnvironment": "Light of an environment",
    "IlluresLightFromReference": "Light of a portrait",
    "IlluresRelight": "Relight portrait",
}
