"What both kinds of training pictures share: how they are taken, what the face network says."

import cv2
import numpy as np
import torch

from illures_nb import Decomposer
from illures_nb.decompose import infer
from illures_nb.face import crop_transform
from illures_nb.image import linear_to_srgb
from illures_nb.person import face_region

SIZE = 192  # pixels a side
FACE = 128  # pixels a side of the face's crop


def photographed(rng, linear):
    "Take the picture: blur, few pixels, noise, JPEG, black and white; (S, S, 3) uint8."
    picture = linear_to_srgb(linear.clip(0, 1)).astype(np.float32)
    if rng.random() < 0.3:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 1.2))
    if rng.random() < 0.3:
        few = (int(SIZE * rng.uniform(0.45, 0.9)),) * 2
        picture = cv2.resize(picture, few, interpolation=cv2.INTER_AREA)
        picture = cv2.resize(picture, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.5:
        picture = picture + rng.normal(0, rng.uniform(0.003, 0.03), picture.shape)
    levels = (picture.clip(0, 1) * 255).astype(np.uint8)
    if rng.random() < 0.4:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(30, 90))]
        levels = cv2.imdecode(cv2.imencode(".jpg", levels[..., ::-1], quality)[1], 1)[..., ::-1]
    if rng.random() < 0.1:
        levels = np.repeat(levels.mean(-1, keepdims=True), 3, -1).astype(np.uint8)
    return levels


class FaceMaps:
    "What the bundled face network says, pasted where the face is."

    def __init__(self):
        self.net = Decomposer.from_pretrained(device="cpu").net

    def __call__(self, image, landmarks):  # → albedo uint8 sRGB, normals int8, region uint8
        to_crop = crop_transform(landmarks, FACE)
        crop = cv2.warpAffine(image, to_crop, (FACE, FACE), borderMode=cv2.BORDER_REPLICATE)
        batch = torch.from_numpy(crop.astype(np.float32) / 255).permute(2, 0, 1)[None]
        maps = infer(self.net, batch)
        angle = np.arctan2(to_crop[1, 0], to_crop[0, 0])
        cos, sin = np.cos(angle), np.sin(angle)
        to_picture = np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])  # rows times this

        def pasted(x):
            how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            return cv2.warpAffine(x.astype(np.float32), to_crop, (SIZE, SIZE), flags=how)

        albedo = maps.albedo[0].permute(1, 2, 0).numpy().clip(0, 1)
        normals = maps.normals[0].permute(1, 2, 0).numpy() @ to_picture
        albedo = np.round(linear_to_srgb(pasted(albedo)) * 255).astype(np.uint8)
        normals = np.round(pasted(normals) * 127).astype(np.int8)
        region = np.round(255 * face_region(landmarks, SIZE)).astype(np.uint8)
        return albedo, normals, region


def save(rows, file):
    "Write rows of arrays as one file, whole or not at all."
    part = file.with_suffix(".part.npz")
    np.savez(part, **{name: np.stack([row[name] for row in rows]) for name in rows[0]})
    part.replace(file)
