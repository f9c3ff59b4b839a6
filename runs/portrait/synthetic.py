"Make pictures of persons from head to chest, of which matte, normals and albedo are known."

import argparse
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from pictures import FARTHEST, NEAREST, SIZE, FaceMaps, photographed, room, save

from illures_nb.synth.assets import Assets
from illures_nb.synth.body import PARTS, build
from illures_nb.synth.lighting import illuminate, on_directions, sample_lighting
from illures_nb.synth.people import sample_person
from illures_nb.synth.raster import draw
from illures_nb.synth.recipes import MOODS, sample_expression, sample_moods, sample_shot
from illures_nb.synth.skin import sample_skin

PER_FILE = 50  # people
LIGHTS = 2  # a person


def lengthened(head, wider):
    "Let the clothes go on below the picture: the torso of the generator ends at the chest."
    vertices, normals = head.vertices.clone(), head.normals.clone()
    worn = head.faces[head.part == PARTS.index("clothes")].unique()
    height = vertices[worn, 1]
    lowest = worn[height < height.min() + 2]
    vertices[lowest, 1] -= 55
    vertices[lowest, 0] *= wider
    normals[lowest, 1] = 0
    normals[lowest] /= normals[lowest].norm(dim=1, keepdim=True).clamp_min(1e-6)
    return replace(head, vertices=vertices, normals=normals)


def wide_shot(rng):
    "Draw a camera that sees head and shoulders, and how wide it sees."
    shot = sample_shot(rng)
    wide = np.exp(rng.uniform(np.log(NEAREST), np.log(FARTHEST)))
    raised = rng.uniform(-0.02, 0.12) * (1 if wide > 2 else 0.5)
    crop = (-np.log(wide), *rng.normal(0, 0.05, 2), rng.normal(0, 0.03) - raised)
    distance = float(np.exp(rng.uniform(np.log(60), np.log(400))))
    return replace(shot, crop=crop, distance=distance), wide


def exposure(rng, picture, cover):
    "Draw exposure and white balance, (3,): the brightest of the person becomes bright."
    on = cover > 0.5
    brightest = np.quantile(picture[on], 0.97) if on.any() else 1.0
    gain = np.exp(rng.normal(np.log(0.75), 0.35)) / max(brightest, 1e-4)
    return gain * np.exp(rng.normal(0, 0.08, 3))


class Busts:
    "Draws people, cameras, lights and rooms."

    def __init__(self, data):
        self.assets = Assets(
            kit=data / "facekit/facekit.npz",
            skins=data / "skins",
            brows=data / "brows",
            envs=data / "envmaps/envmaps.npz",
        )
        self.kit = self.assets.kit()
        self.maps = np.load(data / "envmaps/envmaps.npz")["maps"].astype(np.float32).clip(0)
        self.environments = self.assets.environments("train")
        self.face_maps = FaceMaps()

    def person(self, rng, shot):
        "Draw somebody, dressed and with an expression."
        skin = sample_skin(rng, self.assets.sources(), self.assets.brows(), 256)
        person = sample_person(self.kit, skin, rng, 1.0)
        leading = str(rng.choice(list(MOODS), p=list(MOODS.values())))
        moods = sample_moods(rng, leading) if rng.random() < 0.6 else {}
        gaze = (-shot.yaw / 30, -shot.pitch / 30)
        weights = sample_expression(self.kit, moods, rng, gaze=gaze)
        head = lengthened(build(self.kit, person, weights), rng.uniform(1, 1.35))
        return head, person.info

    def lit(self, rng, geometry):
        "Light a bust before a room: the photograph and the light that explains it."
        scene = on_directions(
            sample_lighting(self.environments, rng), geometry.directions[0].numpy()
        )
        arriving = torch.tensor(scene[None], dtype=torch.float32)
        shine = torch.tensor([rng.uniform(0, 0.45)], dtype=torch.float32)
        sharp = torch.tensor([np.exp(rng.uniform(2, 4.5))], dtype=torch.float32)
        lit = illuminate(geometry, arriving, shine, sharp)
        picture = lit.image[0].permute(1, 2, 0).numpy()
        cover = geometry.head[0].numpy() / 255
        gain = exposure(rng, picture, cover)
        behind = room(rng, self.maps) * np.exp(rng.normal(0, 0.4))
        whole = picture * gain + (1 - cover[..., None]) * behind
        return photographed(rng, whole), (lit.light[0].numpy() * gain).astype(np.float32)

    def __call__(self, seed):  # yields rows
        "Draw one person in several lights."
        rng = np.random.default_rng([7, seed])
        shot, wide = wide_shot(rng)
        head, info = self.person(rng, shot)
        geometry = draw(head, shot.view(head, SIZE), rng, 16)
        landmarks = geometry.landmarks[0].numpy()
        for _ in range(LIGHTS):
            image, light = self.lit(rng, geometry)
            albedo, normals, region = self.face_maps(image, landmarks)
            yield dict(
                image=image, light=light, fa=albedo, fn=normals, fm=region,
                albedo=geometry.albedo[0].permute(1, 2, 0).numpy(),
                normals=geometry.normals[0].permute(1, 2, 0).numpy(),
                matte=geometry.head[0].numpy(), lm=landmarks.astype(np.float32),
                hair=info["hair"] or "", hat=info["headgear"] or "", k=wide,
            )  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--people", type=int, default=3000)
    parser.add_argument("--first", type=int, default=0, help="number of the first person")
    args = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    args.out.mkdir(parents=True, exist_ok=True)
    busts = Busts(args.data)
    for first in range(args.first, args.first + args.people, PER_FILE):
        file = args.out / f"{first:06d}.npz"
        if not file.exists():
            save([row for seed in range(first, first + PER_FILE) for row in busts(seed)], file)
            print(file, flush=True)


if __name__ == "__main__":
    main()
