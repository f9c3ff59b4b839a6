"""The person around a face under another light: a prototype, measured, not in the package yet.

With `Person(face.mask, face.normals, photo.transform, photo.crop, len(face.mask))`, the face alone,
its composite on Extended Yale B dev has SI-RMSE .298, SSIM .744 (the package's: .352 / .702)."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from lamps import Lamps, lamps_behind

from illures_nb.colour import LUMINANCE, srgb_to_linear
from illures_nb.crop import compose, crop_scale, invert_transform, roll
from illures_nb.depth import integrate
from illures_nb.image import guided_coefficients
from illures_nb.light import SHLight, ball_normals, rotation_matrix, sh_basis
from illures_nb.recompose import (
    OFFSET,
    Photo,
    apply_gain,
    face_box,
    feather,
    log_gain,
    on_photo,
)


WIDE = 192  # pixels a side
NARROWEST, WIDEST = 1.7, 4.2  # sides of the face's crop
RAISED = 0.04  # the face sits above the middle by this share of the side


def wide_transform(
    photo: Photo,
    size: int = WIDE,
) -> np.ndarray:  # (2, 3) similarity, photo px → pixels of the wide crop
    "Choose a crop of head and shoulders, as wide as the photo allows."
    face_side = len(photo.crop) / crop_scale(photo.transform)  # photo px
    across = max(photo.picture.shape[:2]) / face_side
    wider = np.clip(across, NARROWEST, WIDEST)
    scale = size / len(photo.crop) / wider
    middle, wide_middle = (len(photo.crop) - 1) / 2, (size - 1) / 2
    shift = wide_middle - scale * middle
    to_wide = np.array([[scale, 0, shift], [0, scale, shift - RAISED * size]])
    return compose(photo.transform, to_wide)


@dataclass(frozen=True, eq=False)
class Person:
    "Everything that belongs to a face's owner, on one crop. A value."

    matte: np.ndarray  # (W, W) float32 in [0, 1]
    normals: np.ndarray  # (W, W, 3) float32 unit, photo's frame: x right, y up, z to the viewer
    transform: np.ndarray  # (2, 3) similarity, photo px → pixels of this crop
    crop: np.ndarray  # (W, W, 3) float32 sRGB: the photo there
    face_side: float  # of the face's crop, in pixels of this one

    @cached_property
    def basis(self):  # (W, W, 9) float32
        "The terms of a light at every normal."
        return sh_basis(self.normals).astype(np.float32)

    @cached_property
    def upright(self):  # (3, 3) float32
        "The rotation that takes directions from the photo's frame to the crop's."
        return rotation_matrix(roll=roll(self.transform)).astype(np.float32)

    @cached_property
    def depth(self):  # (W/2, W/2) float32 towards the viewer, in its own pixels; and its cover
        "Depth of the person, from the normals, at half the side."
        half = (len(self.matte) // 2,) * 2
        normals = cv2.resize(self.normals @ self.upright, half, interpolation=cv2.INTER_AREA)
        normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-6)
        cover = cv2.resize(self.matte, half, interpolation=cv2.INTER_AREA)
        weight = np.where(cover > COVERED, cover, 0) * np.maximum(normals[..., 2], 0.15)
        return integrate(normals, weight).astype(np.float32), cover

    def shadow(
        self,
        direction: np.ndarray,  # (3,) unit, towards the lamp, photo's frame
    ) -> np.ndarray:  # (W, W) float32 in [0, 1]: how much of the lamp is seen
        "Cast the shadows of one lamp."
        depth, cover = self.depth
        seen = cast_shadow(depth, cover, direction @ self.upright, self.face_side / 2)
        return cv2.resize(seen, self.matte.shape[::-1], interpolation=cv2.INTER_LINEAR)


COVERED = 0.3  # matte from which on a pixel is the person's
REACH = 0.55  # how far shadows are looked for, in sides of the face's crop
STEPS = 40
RADIUS = np.tan(np.deg2rad(6))  # of a lamp, seen from the face
SLACK = 0.006  # of the face's crop: how much higher an occluder must stand


def cast_shadow(
    depth: np.ndarray,  # (H, W) float32 towards the viewer, pixels
    cover: np.ndarray,  # (H, W) in [0, 1]
    direction: np.ndarray,  # (3,) unit, towards the lamp: x right, y up, z to the viewer
    face_side: float,  # of the face's crop, pixels
) -> np.ndarray:  # (H, W) float32 in [0, 1]: how much of the lamp is seen
    "March through a depth map towards a lamp."
    surface = np.where(cover > COVERED, depth, -1e3).astype(np.float32)
    across, down = np.meshgrid(*(np.arange(n, dtype=np.float32) for n in depth.shape[::-1]))
    x, y, z = (np.float32(v) for v in direction)
    sideways = max(float(np.hypot(x, y)), 0.12)
    seen = np.ones(depth.shape, np.float32)
    for step in np.linspace(0, 1, STEPS + 1)[1:]:
        way = np.float32((SLACK + step**1.4 * REACH) * face_side / sideways)
        passed = cv2.remap(
            surface, across + way * x, down - way * y, cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT, borderValue=-1e3,
        )  # fmt: skip
        clearance = (surface + way * z + SLACK * face_side - passed) / (way * RADIUS)
        seen = np.minimum(seen, np.clip(0.5 + 0.5 * clearance, 0, 1))
    soft = seen * seen * (3 - 2 * seen)
    return cv2.GaussianBlur(soft, (0, 0), 0.5)


FILL = 0.06  # of the lamps' light, at contrast 1
LIT = 0.85  # quantile of the face's shading that tells how bright it is lit


def brightness(
    shading: np.ndarray,  # (..., 3) linear
    mask: np.ndarray,  # (...)
) -> float:
    "Return how bright the lit part of a face is."
    return float(np.quantile((shading @ LUMINANCE)[mask > 0.5], LIT))


def staged(
    light: SHLight,
    contrast: float = 1.0,  # 0 flat … 1 a studio … 2 no fill
) -> Lamps:
    "Make a light's lamps, with the fill of a contrast."
    share = 0.0 if contrast >= 2 else FILL**contrast
    return lamps_behind(light.coeffs).filled(share)


DARKEST = 0.02  # shading that is everywhere
KEPT_BELOW = 0.12  # relative change of the light at which most of the photo's own shadows are gone
GLOSS, SHARPNESS = 0.03, 10  # of skin, Blinn and Phong
DETAIL = 0.3  # pixels of the face's crop: what is finer stays the photo's


def light_change(
    new: SHLight,
    own: SHLight,
) -> float:  # 0: the same but for brightness; towards 1: another light
    "Measure how differently two lights fall on a ball's front."
    normals, inside = ball_normals(24)
    front = sh_basis(normals[inside > 0.9])
    shadings = [np.maximum(front @ light.coeffs, 0) for light in (new, own)]
    one, other = (s / max(np.linalg.norm(s), 1e-6) for s in shadings)
    return float(1 - np.exp(-(np.linalg.norm(one - other) ** 2) / KEPT_BELOW**2))


def blurred(x, weight, sigma):
    "Blur a map, (S, S, 3), within a weight, (S, S)."

    def blur(y):
        return cv2.GaussianBlur(np.float32(y), (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)

    return blur(x * weight[..., None]) / (blur(weight)[..., None] + 1e-4)


def on_crop(x, face, person):
    "Resample a map of the wide crop on the face's."
    to_wide = compose(invert_transform(face.photo.transform), person.transform)
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = face.mask.shape[::-1]
    return cv2.warpAffine(x, to_wide, size, flags=how, borderMode=cv2.BORDER_REPLICATE)


class Relit:
    "A face and its person under another light: what their pixels are multiplied with."

    def __init__(
        self,
        face,  # a `Decomposition` as found
        person: Person,
        light: SHLight,
        contrast: float = 1.0,
    ):
        self.face, self.person, self.light = face, person, light
        self.lamps = staged(light, contrast)
        self.shadows = [person.shadow(lamp.direction) for lamp in self.lamps.lamps]
        self.change = light_change(light, face.light)
        on_face = [on_crop(shadow, face, person) for shadow in self.shadows]
        shading = self.lamps.shade(face.normals, on_face)
        literal = np.maximum(sh_basis(face.normals) @ light.coeffs, 0)
        self.exposure = brightness(literal, face.mask) / max(brightness(shading, face.mask), 1e-4)
        self.shading, self.on_face = shading * self.exposure, on_face

    def shine(self):  # (S, S, 3)
        "New highlights on the face, by Blinn and Phong."
        total = np.zeros_like(self.face.normals)
        for lamp, seen in zip(self.lamps.lamps, self.on_face):
            half = lamp.direction + [0, 0, 1]
            half = half / np.linalg.norm(half)
            mirrored = np.maximum(self.face.normals @ half, 0) ** SHARPNESS
            lit = np.clip(4 * (self.face.normals @ lamp.direction), 0, 1) * seen
            total += (mirrored * lit)[..., None] * lamp.colour
        return total * self.exposure * GLOSS

    def face_gain(self):  # (S, S, 3) log gain
        "Exchange what the rendering explains; keep the face's tone and what is finer than maps."
        face, mask = self.face, self.face.mask
        own = face.albedo * (face.shading + DARKEST)
        new = face.albedo * self.shading + self.shine()
        photo = srgb_to_linear(face.photo.crop)
        unexplained = np.log((photo + OFFSET) / (own + OFFSET))
        tone = (unexplained * mask[..., None]).sum((0, 1)) / max(mask.sum(), 1e-6)
        old_light = blurred(unexplained - tone, mask, DETAIL)
        moved = np.log((new + OFFSET) / (own + OFFSET)) - old_light
        literal = np.maximum(sh_basis(face.normals) @ self.light.coeffs, 0)
        kept = log_gain(face.albedo * literal + face.residual, face.rendering, mask)
        gain = self.change * moved + (1 - self.change) * kept
        near = blurred(gain, mask, len(mask) / 24)
        return np.float32(mask[..., None] * gain + (1 - mask[..., None]) * near)

    def person_gain(self):  # (W, W, 3) log gain
        "New shading over own; colours and pattern are the photo's."
        person = self.person
        own = np.maximum(person.basis @ self.face.light.coeffs, 0) + DARKEST
        literal = np.maximum(person.basis @ self.light.coeffs, 0) + DARKEST
        staged_light = self.lamps.shade(person.normals, self.shadows) * self.exposure
        new = self.change * staged_light + (1 - self.change) * literal
        colours = srgb_to_linear(person.crop) / np.maximum(own, 0.06)
        return np.float32(np.log((colours * new + OFFSET) / (colours * own + OFFSET)))

    def composite(self):  # (H, W, 3) uint8
        "Lay both gains over each other in the photo."
        photo, person = self.face.photo, self.person
        box = face_box(np.float32(person.matte > 0.02), person.transform, photo.picture.shape)
        x0, y0, x1, y1 = box
        pixels = photo.picture[y0:y1, x0:x1]
        guide = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY) * np.float32(1 / 255)

        def upsampled(x, crop, transform, eps=1e-3):
            grey = cv2.cvtColor(np.float32(crop), cv2.COLOR_RGB2GRAY)
            lines = guided_coefficients(np.float32(x), grey, eps=eps)
            slope, offset = (on_photo(line, transform, box) for line in lines)
            return slope * (guide[..., None] if slope.ndim == 3 else guide) + offset

        around = upsampled(self.person_gain(), person.crop, person.transform)
        within = upsampled(self.face_gain(), photo.crop, photo.transform)
        mask = feather(photo, box)
        matte = upsampled(person.matte, person.crop, person.transform, 1e-4).clip(0, 1)
        gain = around + (within - around) * mask[..., None]
        out = photo.picture.copy()
        out[y0:y1, x0:x1] = apply_gain(pixels, gain, np.maximum(matte, mask))
        return out
