"Path-trace held-out persons from head to chest, each in five lights, with everything that is true."

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from plain import lengthened, room

from illures_nb.face import face_mask
from illures_nb.light import light_direction
from illures_nb.measure.synthetic import exposure
from illures_nb.synth.assets import Assets
from illures_nb.synth.body import build, fine
from illures_nb.synth.lighting import Lamp, sample_lighting
from illures_nb.synth.pathtrace import layers, trace
from illures_nb.synth.people import sample_person
from illures_nb.synth.recipes import MOODS, sample_expression, sample_moods, sample_shot
from illures_nb.synth.skin import sample_skin

SIDE = 320  # pixels of a picture
SKIN = 512  # texels
FIRST = 500_000  # far from the numbers of people that networks are trained on
NEAREST, FARTHEST = 2.0, 3.0  # side of a picture in sides of the face's crop
MOST_TURNED = 40  # degrees
WHITE = (1, 1, 1)
EVERY = 5  # one person of so many is bald


def wide_shot(rng):
    "Draw a camera that sees head and shoulders."
    shot = sample_shot(rng)
    wide = np.exp(rng.uniform(np.log(NEAREST), np.log(FARTHEST)))
    turn, right, down = rng.normal(0, (0.04, 0.04, 0.02))
    crop = (-np.log(wide), turn, right, down - rng.uniform(0, 0.1))
    distance = float(np.exp(rng.uniform(np.log(80), np.log(300))))
    yaw = float(np.clip(shot.yaw, -MOST_TURNED, MOST_TURNED))
    return replace(shot, crop=crop, distance=distance, yaw=yaw)


def tinted(colour, power):
    "Give a light of a power a colour, (3,)."
    colour = np.float64(colour)
    return tuple(power * colour / colour.mean())


def lamp(azimuth, elevation, radius, power, distance=120.0):
    "Set up a lamp: hard and small without a radius (cm), else a disc."
    direction = tuple(light_direction(azimuth, elevation))
    return Lamp("area" if radius else "point", direction, distance, float(radius), power)


def width(rng):
    "Draw the radius of a lamp, cm: every other one is small, its shadows are hard."
    return rng.choice([0, 4, 8]) if rng.random() < 0.5 else rng.uniform(20, 45)


class Lights:
    "Draws the five lights of a person."

    def __init__(self, environments):
        self.environments = environments

    def around(self, rng, share, scene, *lamps):
        "Stand lamps in an environment that gives a share of the light."
        light = sample_lighting(self.environments, rng, "environment")
        dimmed = np.float32(share) * light.environment
        return replace(
            light, environment=dimmed, scale=share * light.scale, lamps=lamps, scene=scene
        )

    def soft(self, rng):
        "Light a face with a big lamp near the camera, and its surroundings."
        azimuth, elevation = rng.normal(0, 15), rng.uniform(8, 30)
        return self.around(rng, 0.4, "soft", lamp(azimuth, elevation, 45, tinted(WHITE, 0.6)))

    def side(self, rng):
        "Light one half of a face, warm or cool."
        azimuth = rng.choice([-1, 1]) * rng.uniform(55, 88)
        elevation = rng.uniform(0, 25)
        warmth = rng.normal(0, 0.15)
        colour = tinted(np.exp([warmth, 0, -warmth]), 0.9)
        return self.around(rng, 0.1, "side", lamp(azimuth, elevation, width(rng), colour))

    def top(self, rng):
        "Light a face from above."
        azimuth, elevation = rng.normal(0, 15), rng.uniform(52, 72)
        lit = lamp(azimuth, elevation, width(rng), tinted(WHITE, 0.9))
        return self.around(rng, 0.1, "top", lit)

    def coloured(self, rng):
        "Light a face with a coloured lamp, and its other side with the opposite colour."
        side, phase = rng.choice([-1, 1]), rng.uniform(0, 2 * np.pi)
        hue = np.exp(0.55 * np.cos(phase + np.array([0, 2.1, 4.2])))
        key = side * rng.uniform(20, 60), rng.uniform(0, 40)
        fill = -side * rng.uniform(40, 80), rng.uniform(-10, 30)
        one = lamp(*key, width(rng), tinted(hue, 0.55))
        other = lamp(*fill, 30, tinted(1 / hue, 0.35))
        return self.around(rng, 0.1, "coloured", one, other)

    def __call__(self, rng):
        "Draw a soft light, an environment, and light from the side, from above, and in colour."
        lit = [self.side(rng), self.top(rng), self.coloured(rng)]
        return [self.soft(rng), self.around(rng, 1.0, "environment"), *lit]


class Sitters:
    "Draws persons, and traces them."

    def __init__(self, data):
        environments = data / "envmaps/envmaps.npz"
        self.assets = Assets(
            kit=data / "facekit/facekit.npz",
            skins=data / "skins",
            brows=data / "brows",
            envs=environments,
        )
        self.lights = Lights(self.assets.environments("test"))
        with np.load(environments) as archive:
            places = archive["maps"][archive["scene_group"] % 7 == 3]
        self.places = places.astype(np.float32).clip(0)

    def person(self, rng, bald):
        "Draw somebody; only somebody bald where that is wanted."
        kit = self.assets.kit()
        while True:
            skin = sample_skin(rng, self.assets.sources(), self.assets.brows(), SKIN)
            person = sample_person(kit, skin, rng)
            bare = person.info["hair"] == "bald" and not person.info["headgear"]
            if bare or not bald:
                return person

    def head(self, rng, shot, person):
        "Give somebody an expression, and relief as geometry."
        kit = self.assets.kit()
        leading = str(rng.choice(list(MOODS), p=list(MOODS.values())))
        moods = sample_moods(rng, leading) if rng.random() < 0.6 else {}
        gaze = (-shot.yaw / 30, -shot.pitch / 30)
        weights = sample_expression(kit, moods, rng, gaze=gaze)
        return fine(lengthened(build(kit, person, weights), rng.uniform(1, 1.35)))

    def __call__(self, number, spp):  # → dict of arrays
        "Trace one person in all lights, before one background."
        rng = np.random.default_rng([11, number])
        person = self.person(rng, number % EVERY == 0)
        shot = wide_shot(rng)
        head = self.head(rng, shot, person)
        view = shot.view(head, SIDE)
        lights = self.lights(rng)
        traced = trace(head, view, lights, SIDE, spp=spp, seed=number)
        behind = cv2.resize(room(rng, self.places), (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
        behind = behind * np.exp(rng.normal(-0.5, 0.3))
        about = {"number": number, "lights": [light.to_dict() for light in lights], "spp": spp}
        about |= {"person": person.info, "yaw": shot.yaw, "licences": self.assets.licences()}
        return photographed(traced, lights, view.landmarks[0].numpy(), behind, about)


def photographed(traced, lights, landmarks, behind, about):  # → dict of arrays
    "Expose each picture for the skin, and put the person before the background."
    mask = traced.mask * face_mask(landmarks, SIDE) > 0.5
    gains = [exposure(image, traced.albedo, mask) for image in traced.image]
    gains = np.float32(gains)[:, None, None]
    empty = 1 - traced.head[..., None]
    images = traced.image * gains[..., None] + empty * behind
    return dict(
        image=images.clip(0, 6e4).astype(np.float16),
        albedo=traced.albedo.astype(np.float16),
        normals=np.round(traced.normals * 127).astype(np.int8),
        matte=np.round(traced.head * 255).astype(np.uint8),
        skin=np.round(traced.mask * 255).astype(np.uint8),
        part=traced.part,
        light=(layers(traced, lights).light.numpy() * gains).astype(np.float32),
        kinds=np.array([light.scene for light in lights]),
        landmarks=landmarks.astype(np.float32),
        about=json.dumps(about),
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--first", type=int, default=FIRST, help="number of the first person")
    parser.add_argument("--spp", type=int, default=64, help="paths a pixel")
    args = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    args.out.mkdir(parents=True, exist_ok=True)
    sitters = Sitters(args.data)
    for number in range(args.first, args.first + args.people):
        file = args.out / f"{number}.npz"
        if file.exists():
            continue
        start = time.time()
        arrays = sitters(number, args.spp)
        part = file.with_suffix(".part.npz")
        np.savez_compressed(part, **arrays)
        part.replace(file)
        print(file, f"{time.time() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
