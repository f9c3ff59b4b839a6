"""Make the head's file from ICT-FaceKit's compact .npz and skins drawn by chance.

python runs/head/make.py facekit.npz head.safetensors --sources SKINS --brows BROWS"""

import argparse
import json
from pathlib import Path

import numpy as np
import parts
import scipy.sparse as sp
import topology
import torch
from safetensors.numpy import save_file
from scipy.spatial import cKDTree
from tqdm import tqdm

from illures_nb.image import linear_to_srgb, quantise
from illures_nb.synth.assets import Assets
from illures_nb.synth.body import _corner_uv, read_texture
from illures_nb.synth.eyes import sample_eye
from illures_nb.synth.facekit import sample_face
from illures_nb.synth.hair import paint_head
from illures_nb.synth.people import paint_skin
from illures_nb.synth.skin import sample_skin

SIDE = 128  # texels of the reflectance along a row; seven eighths of it are rows of skin
SKIN = 7 / 8  # share of the atlas that shows skin; below it lie square cells
CELL = 64  # texels of a cell
CELLS = ("eye_l", "eye_r", "mouth", "teeth above", "teeth below")
PARTS = ("skin", *CELLS)
NOT_IN_ICT = "tongueOut"
DARKEST = 0.004  # albedo below which logarithms are cut
MODES = 60


# ---- shape


def skin_of(kit, chart, grid):
    "The skin's carrier (N, V)."
    triangles, weights = topology.locate(grid.place[:-1], chart.place[chart.faces])
    corners = chart.vertices[chart.faces[triangles]]
    corners = np.r_[corners, np.full((1, 3), topology.crown(kit))]
    return parts.carried(len(kit.vertices), corners, np.r_[weights, [[1, 0, 0]]])


def assembled(kit, chart, grid):
    "Everything as one part; its faces' parts (F,), and each vertex's twin (N,)."
    skin = skin_of(kit, chart, grid)
    sheets = [parts.eyeball(kit, "l"), parts.eyeball(kit, "r")]
    sheets.append(parts.cavity(skin, grid.loops["mouth"]))
    sheets += [parts.teeth(kit, upper) for upper in (True, False)]
    bare = parts.Part("skin", skin, np.zeros((len(grid.uv), 3)), grid.faces, grid.uv * [1, SKIN])
    for k, sheet in enumerate(sheets):
        inside = 0.04 + 0.92 * sheet.uv.clip(0, 1)
        sheet.uv = (inside + [k, 0]) / 8 + [0, SKIN]
    first = np.cumsum([0] + [len(p.uv) for p in (bare, *sheets)])
    sheets = [bare, *sheets]
    faces = np.concatenate([p.faces + n for p, n in zip(sheets, first)])
    part = np.repeat(np.arange(len(sheets)), [len(p.faces) for p in sheets])
    twin = np.r_[grid.twin, np.arange(first[1], first[-1])]
    carrier = sp.vstack([p.carrier for p in sheets]).tocsr()
    offset, uv = (np.concatenate([getattr(p, n) for p in sheets]) for n in ("offset", "uv"))
    return parts.Part("head", carrier, offset, faces, uv), part, twin


def arkit_modes(kit):
    "Name → offsets (V, 3): ICT's expressions by ARKit's 52 names."
    own = dict(zip(kit.expression_names, kit.expression.numpy().astype(float)))
    for both in ("browInnerUp", "cheekPuff"):
        own[both] = own.pop(f"{both}_L") + own.pop(f"{both}_R")
    own[NOT_IN_ICT] = np.zeros_like(own["jawOpen"])
    sides = {"_L": "Left", "_R": "Right"}
    named = {n[:-2] + sides[n[-2:]] if n[-2:] in sides else n: x for n, x in own.items()}
    return dict(sorted(named.items()))


def as_bytes(modes):
    "Modes (K, …) as int8, and what one step of each is worth (K,)."
    scale = abs(modes).reshape(len(modes), -1).max(1).clip(1e-12) / 127
    steps = modes / scale.reshape(-1, *[1] * (modes.ndim - 1))
    return np.round(steps).astype(np.int8), scale.astype(np.float32)


def landmarks_of(kit, chart, grid):
    "Nodes (68, 3) around each landmark, and their weights (68, 3)."
    flat = grid.faces[: -topology.WIDTH + 1]  # without the cap
    points = chart.place[kit.landmarks.numpy()]
    triangles, weights = topology.locate(points, grid.place[flat])
    return flat[triangles].astype(np.int32), weights.astype(np.float32)


# ---- error


def distances(points, vertices, faces):
    "How far points (N, 3) are from a surface: to the nearest of the triangles around."
    around = [[] for _ in vertices]
    for f, corners in enumerate(faces.tolist()):
        for vertex in corners:
            around[vertex].append(f)
    used = np.unique(faces)
    _, near = cKDTree(vertices[used]).query(points, 8)
    found = []
    for point, some in zip(points, used[near]):
        triangles = np.unique(np.concatenate([around[v] for v in some])).astype(int)
        found.append(_to_triangles(point, vertices[faces[triangles]]))
    return np.array(found)


def _to_triangles(p, corners):
    "The least distance of a point from triangles (T, 3, 3)."
    a, ab, ac = corners[:, 0], corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    normal = np.cross(ab, ac)
    doubled = np.linalg.norm(normal, axis=1).clip(1e-12)
    w2 = (np.cross(ab, p - a) * normal).sum(1) / doubled**2
    w1 = (np.cross(p - a, ac) * normal).sum(1) / doubled**2
    inside = (w1 >= 0) & (w2 >= 0) & (w1 + w2 <= 1)
    height = abs(((p - a) * normal).sum(1)) / doubled
    best = height[inside].min() if inside.any() else np.inf
    for start, end in ((0, 1), (1, 2), (2, 0)):
        s, e = corners[:, start], corners[:, end]
        along = ((p - s) * (e - s)).sum(1) / ((e - s) ** 2).sum(1).clip(1e-12)
        on_edge = s + along.clip(0, 1)[:, None] * (e - s)
        best = min(best, np.linalg.norm(p - on_edge, axis=1).min())
    return best


def resampling_error(kit, head, part, heads=4):
    "Distances (mm) of the face's vertices from our surface, over random heads."
    skin = kit.faces.numpy()[kit.part.numpy() == 0]
    face = np.unique(skin)[::4]
    face = face[kit.vertices.numpy()[face, 1] > -12]
    faces, found = head.faces[part == 0], []
    for a, w in zip(*sample_face(kit, heads, np.random.default_rng(1))):
        change = a @ kit.identity.flatten(1) + w @ kit.expression.flatten(1)
        theirs = kit.vertices.numpy().astype(float) + change.view(-1, 3).numpy()
        ours = head.carrier @ theirs + head.offset
        found.append(10 * distances(theirs[face], ours, faces))
    return np.concatenate(found)


# ---- reflectance


def texel_places(chart, grid):
    "Where in the chart (N, 2) the skin's texels lie."
    rows = round(SIDE * SKIN)
    y, x = np.mgrid[:rows, :SIDE] + 0.5
    across, down = topology.WIDTH - 1, topology.HEIGHT - 1
    x, y = x / SIDE * across, y / rows * down
    i, j = np.int64(y), np.int64(x)
    x, y = x - j, y - i
    in_second = x + y > 1
    triangle = i * across + j + in_second * across * down
    first = np.stack([1 - x - y, y, x], -1)
    second = np.stack([1 - y, 1 - x, x + y - 1], -1)
    weights = np.where(in_second[..., None], second, first)
    corners = grid.place[grid.faces[triangle]]
    return np.einsum("ijk,ijkc->ijc", weights, corners).reshape(-1, 2)


def texel_uv(kit, chart, grid):
    "Where in a person's atlas (N, 2) the skin's texels lie."
    triangles, weights = topology.locate(texel_places(chart, grid), chart.place[chart.faces])
    numbers = chart.numbers[triangles]
    faces, uv_faces = kit.faces.numpy()[numbers], kit.uv_faces.numpy()[numbers]
    uv = _corner_uv(kit, faces, uv_faces, kit.part.numpy()[numbers])
    # weights belong to the corners in the kit's order, as the chart keeps it
    return np.einsum("nk,nkc->nc", weights, uv)


def drawn_skins(assets, uv, count, kept):
    "Log albedo (count, 3, rows, SIDE) of skins drawn by chance; goes on where it was stopped."
    shape = count, 3, round(SIDE * SKIN), SIDE
    if not kept.exists():
        np.lib.format.open_memmap(kept, "w+", np.float16, shape)
    skins = np.lib.format.open_memmap(kept, "r+")
    for i in tqdm(range(len(skins)), "skins"):
        if skins[i].any():
            continue
        rng = np.random.default_rng([20, i])
        skin = sample_skin(rng, assets.sources(), assets.brows(), 192)
        atlas, tone = paint_skin(skin, rng)
        paint_head(atlas, tone, skin.hair, skin.cover, "short")
        colour = read_texture(atlas[..., :3], uv.astype(np.float32))
        skins[i] = np.log(colour.clip(DARKEST)).T.reshape(shape[1:])
    return skins


def principal(skins, count):
    "Mean and modes of unit variance, by the skins' own products."
    flat = skins.reshape(len(skins), -1).astype(np.float32)
    mean = flat.mean(0)
    flat -= mean
    values, vectors = np.linalg.eigh(flat @ flat.T / len(flat))
    values, vectors = values[::-1][:count], vectors[:, ::-1][:, :count]
    modes = vectors.T @ flat / np.sqrt(len(flat))
    return mean, modes, values


def unexplained(skins, mean, modes):
    "Root mean square of what modes leave of skins' log albedo, and of what the mean leaves."
    flat = skins.reshape(len(skins), -1).astype(np.float32) - mean
    basis, _ = np.linalg.qr(modes.T)
    rest = flat - flat @ basis @ basis.T
    return np.sqrt((rest**2).mean()), np.sqrt((flat**2).mean())


def cells():
    "The strip of cells (3, CELL, 8 CELL): eyes, mouth, teeth, sRGB bytes."
    strip = np.zeros((CELL, 8 * CELL, 3), np.float32)
    eye = sample_eye(np.random.default_rng(3), CELL, 0)
    deep = np.linspace(1, 0.1, CELL)[:, None, None]
    white, red = np.float32([0.56, 0.51, 0.41]), np.float32([0.1, 0.025, 0.025])
    shaded = np.linspace(0.2, 0.5, CELL)[:, None, None]  # lips keep the light off
    for k, picture in enumerate((eye, eye, red * deep, white * shaded, white * shaded[::-1])):
        strip[:, k * CELL : (k + 1) * CELL] = picture
    return quantise(linear_to_srgb(torch.from_numpy(strip)).numpy()).transpose(2, 0, 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kit", type=Path, help="facekit.npz")
    parser.add_argument("out", type=Path)
    parser.add_argument("--skins", type=int, default=1500)
    parser.add_argument("--sources", type=Path, help="folder of skins, beside the drawn ones")
    parser.add_argument("--brows", type=Path, help="folder of eyebrows, beside the drawn ones")
    args = parser.parse_args()
    assets = Assets(kit=args.kit, skins=args.sources, brows=args.brows)
    kit = assets.kit()
    chart = topology.make_chart(kit)
    grid = topology.make_grid(chart)
    head, part, twin = assembled(kit, chart, grid)
    error = resampling_error(kit, head, part)
    middle, most = np.quantile(error, [0.5, 0.9])
    print(f"face to our surface: median {middle:.2f} mm, nine of ten below {most:.2f}")
    print(f"mean {error.mean():.2f} mm, with the nostrils' insides, which the grid cuts short")
    uv = texel_uv(kit, chart, grid)
    skins = drawn_skins(assets, uv, args.skins, args.out.with_suffix(".skins.npy"))
    held = len(skins) // 15
    mean, modes, values = principal(skins[held:], MODES)
    left, whole = unexplained(skins[:held], mean, modes)
    print(f"{MODES} modes leave {left:.3f} of {whole:.3f} of held-out skins' log albedo")
    write(args.out, kit, (chart, grid), (head, part, twin), (mean, modes), assets)


def write(path, kit, laid, made, reflectance, assets):
    "Write the file."
    head, part, twin = made
    mean, modes = reflectance
    expression = arkit_modes(kit)
    shape = 3, round(SIDE * SKIN), SIDE

    def carry(many):
        return np.stack([head.carrier @ one for one in many])

    identity, identity_step = as_bytes(carry(kit.identity.numpy().astype(float)))
    moves, moves_step = as_bytes(carry(expression.values()))
    tones, tones_step = as_bytes(modes.reshape(-1, *shape))
    nodes, weights = landmarks_of(kit, *laid)
    arrays = {
        "vertices": np.float32(head.carrier @ kit.vertices.numpy().astype(float) + head.offset),
        "faces": head.faces.astype(np.int32),
        "uv": head.uv.astype(np.float32),
        "part": part.astype(np.uint8),
        "twin": twin.astype(np.int32),
        "landmark_vertices": nodes,
        "landmark_weights": weights,
        "identity": identity,
        "identity_step": identity_step,
        "expression": moves,
        "expression_step": moves_step,
        "log_albedo": mean.reshape(shape).astype(np.float16),
        "reflectance": tones,
        "reflectance_step": tones_step,
        "cells": cells(),
    }
    meta = {
        "expression_names": json.dumps(list(expression)),
        "parts": json.dumps(PARTS),
        "sources": json.dumps(assets.licences()[:3]),
        "skin": str(SKIN),
    }
    save_file({k: np.ascontiguousarray(x) for k, x in arrays.items()}, path, meta)


if __name__ == "__main__":
    main()
