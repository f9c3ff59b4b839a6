"""What is inside a head's openings: eyeballs, the mouth's wall and two rows of teeth, each hung on
ICT-FaceKit's vertices."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from topology import hit

from illures_nb.synth.facekit import REGIONS

RINGS, SPOKES = 11, 24  # of an eyeball, from its front
OPEN_TO = np.radians(95)  # how far round an eyeball is made
ARCH = 25, 5  # columns and rows of a row of teeth
BEHIND_LIPS = 0.5  # centimetres that teeth are put back: our lips are thinner than ICT's
DEPTHS = (0.9, 2.0, 3.4, 5.0)  # of the mouth's rings behind the lips, centimetres
WIDENINGS = (1.35, 1.5, 1.35, 0.0)  # and how wide they are, in widths of the first


@dataclass
class Part:
    "A sheet of vertices."

    name: str
    carrier: sp.csr_matrix  # (N, V): how far each vertex follows those of the kit
    offset: np.ndarray  # (N, 3) centimetres from there
    faces: np.ndarray  # (F, 3)
    uv: np.ndarray  # (N, 2) within the part's cell, v down


def carried(
    count,  # V, vertices of the kit
    corners,  # (N, k) kit vertices
    weights,  # (N, k)
):  # (N, V) sparse
    "Return the matrix that takes the kit's vertices to weighted means of some."
    rows = np.repeat(np.arange(len(corners)), corners.shape[1])
    entries = np.ravel(weights), (rows, np.ravel(corners))
    return sp.coo_matrix(entries, shape=(len(corners), count)).tocsr()


def _strip(rows, columns, closed):
    "Triangles of a grid of vertices, row by row; closed: the last column meets the first."
    i, j = np.meshgrid(np.arange(rows - 1), np.arange(columns - (not closed)), indexing="ij")
    right = (j + 1) % columns
    a, b = i * columns + j, i * columns + right
    c, d = a + columns, b + columns
    squares = [np.stack([a, c, b], -1), np.stack([b, c, d], -1)]
    return np.concatenate([x.reshape(-1, 3) for x in squares])


def _without_gaps(triangles, weights):
    "Let rays that hit nothing have what the nearest one before, or behind, hit."
    met = np.nonzero(triangles >= 0)[0]
    nearest = met[abs(np.arange(len(triangles))[:, None] - met).argmin(1)]
    return triangles[nearest], weights[nearest]


def _triangles(kit, region, chosen=None):
    "A region's triangles (F, 3), and their places on its tile (F, 3, 2)."
    on = kit.part.numpy() == REGIONS.index(region)
    faces, uv_faces = kit.faces.numpy()[on], kit.uv_faces.numpy()[on]
    if chosen is not None:
        faces, uv_faces = faces[chosen[faces].all(1)], uv_faces[chosen[faces].all(1)]
    return faces, kit.uvs.numpy()[uv_faces] % 1


def eyeball(
    kit,  # FaceKit
    side,  # l or r
) -> Part:
    "Make the front of an eyeball, rings around its pole."
    V = kit.vertices.numpy().astype(float)
    faces, tile = _triangles(kit, f"sclera_{side}")
    used = V[np.unique(faces)]
    centre = (used.max(0) + used.min(0)) / 2
    polar = np.repeat(np.linspace(0, OPEN_TO, RINGS + 1)[1:], SPOKES)
    around = np.tile(np.arange(SPOKES) * 2 * np.pi / SPOKES, RINGS)
    polar, around = np.r_[0, polar], np.r_[0, around]
    x, y = np.sin(polar) * np.sin(around), np.sin(polar) * np.cos(around)
    rays = np.stack([x, y, np.cos(polar)], 1)
    triangles, weights = hit(centre, rays, V[faces])
    triangles, weights = _without_gaps(triangles, weights)
    uv = np.einsum("nk,nkc->nc", weights, tile[triangles]) * [1, -1] + [0, 1]
    spoke = np.arange(SPOKES)
    tip = np.stack([0 * spoke, 1 + (spoke + 1) % SPOKES, 1 + spoke], 1)
    rest = _strip(RINGS, SPOKES, True)[:, ::-1] + 1
    carrier = carried(len(V), faces[triangles], weights)
    return Part(f"eye_{side}", carrier, np.zeros((len(uv), 3)), np.concatenate([tip, rest]), uv)


def teeth(
    kit,  # FaceKit
    upper,  # those of the skull; otherwise those of the jaw
) -> Part:
    "Make a row of teeth: what rays from within the mouth hit last."
    V = kit.vertices.numpy().astype(float)
    jaw = kit.expression[kit.expression_names.index("jawOpen")].norm(dim=1).numpy()
    faces, _ = _triangles(kit, "teeth", (jaw < 0.5) == upper)
    low, high = V[faces].reshape(-1, 3).min(0), V[faces].reshape(-1, 3).max(0)
    columns, rows = ARCH
    angle = np.tile(np.linspace(-1.25, 1.25, columns), rows)
    margin = 0.12 * (high[1] - low[1])
    height = np.repeat(np.linspace(high[1] - margin, low[1] + margin, rows), columns)
    rays = np.stack([np.sin(angle), 0 * angle, np.cos(angle)], 1)
    triangles, weights = [], []
    for y in np.unique(-height):
        row = height == -y
        found = _without_gaps(*hit(np.array([0, -y, low[2] + 1.5]), rays[row], V[faces]))
        triangles.append(found[0])
        weights.append(found[1])
    triangles, weights = np.concatenate(triangles), np.concatenate(weights)
    uv = np.stack([angle / 2.5 + 0.5, np.repeat(np.linspace(0, 1, rows), columns)], 1)
    carrier = carried(len(V), faces[triangles], weights)
    name = "teeth above" if upper else "teeth below"
    behind = np.tile([0, 0, -BEHIND_LIPS], (len(uv), 1))
    return Part(name, carrier, behind, _strip(rows, columns, False), uv)


def cavity(
    skin,  # (N, V) carrier of the skin
    loop,  # (L,) skin's nodes around the mouth
) -> Part:
    "Make the mouth's wall: rings behind the lips, which follow them."
    rim = skin[loop]
    middle = sp.csr_matrix(np.full((len(loop), len(loop)), 1 / len(loop))) @ rim
    rings, offsets = [rim], [np.zeros((len(loop), 3))]
    for back, wide in zip(DEPTHS, WIDENINGS):
        rings.append(middle + wide * (rim - middle))
        offsets.append(np.tile([0, 0, -back], (len(loop), 1)))
    count = len(rings)
    depth = np.repeat(np.linspace(0, 1, count), len(loop))
    uv = np.stack([0 * depth + 0.5, depth], 1)
    faces = _strip(count, len(loop), True)
    return Part("mouth", sp.vstack(rings).tocsr(), np.concatenate(offsets), faces, uv)
