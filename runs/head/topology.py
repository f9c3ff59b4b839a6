"""A head's own grid: rows around the skull, denser at eyes and mouth, slit where lids and lips
part. Every node is found on ICT-FaceKit's mean head once; with it go all its modes."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.interpolate import PchipInterpolator
from scipy.sparse.csgraph import dijkstra
from scipy.sparse.linalg import splu

LEFT, RIGHT, BOTTOM, TOP = -0.4, 1.4, -0.2, 1.35  # of the chart; ICT's face tile is [0, 1]²
TILE = (0.12, 0.88), (0.1, 0.93)  # where the chart is ICT's face tile itself
CROWN = (0, 12, -8)  # a point above it, centimetres
# number of a column, counted from the middle, and where it lies in the chart
COLUMNS = (
    (0, 0.5), (6, 0.550635), (13, 0.618347), (20, 0.680771), (24, 0.72), (33, 0.9), (43, 1.02),
    (51, RIGHT),
)  # fmt: skip
ROWS = (  # from the crown down
    (0, TOP), (6, 1.08), (14, 0.86), (20, 0.775), (24, 0.733), (25, 0.7203), (26, 0.7168),
    (27, 0.7128), (28, 0.702), (31, 0.675), (37, 0.61), (47, 0.53), (50, 0.5), (59, 0.428941),
    (69, 0.35), (76, 0.26), (81, 0.1), (86, BOTTOM),
)  # fmt: skip
WIDTH, HEIGHT = 2 * COLUMNS[-1][0] + 1, ROWS[-1][0] + 1
MIDDLE = WIDTH // 2
# row, first and last column, how far (in the chart) rows make room for the opening
SLITS = {
    "right eye": (26, MIDDLE - 20, MIDDLE - 13, 0.03),
    "left eye": (26, MIDDLE + 13, MIDDLE + 20, 0.03),
    "mouth": (59, MIDDLE - 6, MIDDLE + 6, 0.07),
}


def boundary_loops(
    faces,  # (F, 3)
):  # list of (N,) vertices, in the order in which the surface lies to the left
    "Follow the edges that only one triangle has."
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    present = set(map(tuple, edges.tolist()))
    after = {a: b for a, b in present if (b, a) not in present}
    loops = []
    while after:
        first = min(after)
        loop, vertex = [first], after.pop(first)
        while vertex != first:
            loop.append(vertex)
            vertex = after.pop(vertex)
        loops.append(np.array(loop))
    return loops


@dataclass
class Chart:
    "The skin of ICT-FaceKit's head, cut open along the back and laid flat."

    vertices: np.ndarray  # (N,) the kit's vertex behind each; those of the cut come twice
    faces: np.ndarray  # (F, 3)
    numbers: np.ndarray  # (F,) the kit's triangle behind each
    place: np.ndarray  # (N, 2) u to the picture's right, v up
    openings: dict  # name of a slit → loop (L,) of its vertices


def _cut(V, faces, ring, neck):
    "The line along the back of the head, from crown to neck."
    on_line = (abs(V[:, 0]) < 1e-2) & (V[:, 2] < -6)
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    edges = edges[on_line[edges].all(1)]
    lengths = np.linalg.norm(V[edges[:, 0]] - V[edges[:, 1]], axis=1)
    graph = sp.coo_matrix((lengths, edges.T), shape=(len(V),) * 2).tocsr()
    start = min(ring[on_line[ring]], key=lambda v: V[v, 2])
    end = neck[on_line[neck]][0]
    _, before = dijkstra(graph, False, start, return_predecessors=True)
    line = [end]
    while line[-1] != start:
        line.append(before[line[-1]])
    return np.array(line[::-1])


def _around(x, z):
    "Place in the chart of an angle around the head's axis."
    return LEFT + (RIGHT - LEFT) * (np.arctan2(x, z) / (2 * np.pi) + 0.5)


def _border(V, pole, ring, neck, line, copies):
    "Where the border of the chart lies: vertex → place."
    fixed = {v: (_around(V[v, 0], V[v, 2] + 8.5), BOTTOM) for v in neck}
    fixed |= {v: (_around(*(V[v] - V[pole])[[0, 2]]), TOP) for v in ring}
    steps = np.linalg.norm(np.diff(V[line], axis=0), axis=1)
    share = np.r_[0, np.cumsum(steps)] / steps.sum()
    for v, copy, down in zip(line, copies, share):
        height = TOP + (BOTTOM - TOP) * down
        fixed[v], fixed[copy] = (RIGHT, height), (LEFT, height)
    return fixed


def _relaxed(count, faces, fixed):
    "Put every vertex that is not fixed amid its neighbours (Tutte's embedding)."
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    both = np.concatenate([edges, edges[:, ::-1]])
    near = sp.coo_matrix((np.ones(len(both)), both.T), shape=(count, count)).tocsr()
    near.data[:] = 1
    degree = np.maximum(np.asarray(near.sum(1)).ravel(), 1)
    matrix = (sp.identity(count) - sp.diags(1 / degree) @ near).tocsr()
    known = np.array(list(fixed))
    place = np.zeros((count, 2))
    place[known] = list(fixed.values())
    free = np.setdiff1d(np.unique(faces), known)
    wanted = -(matrix[free][:, known] @ place[known])
    place[free] = splu(matrix[free][:, free].tocsc()).solve(wanted)
    return place


def crown(
    kit,  # FaceKit
) -> int:
    "Find the vertex at the top of the skin."
    skin = np.unique(kit.faces.numpy()[kit.part.numpy() < 2])
    return skin[np.linalg.norm(kit.vertices.numpy()[skin] - CROWN, axis=1).argmin()]


def _tile(kit):
    "ICT's own place (V, 2) of every vertex on its face tile; NaN elsewhere."
    on_face = kit.part.numpy() == 0
    tile = np.full((len(kit.vertices), 2), np.nan)
    tile[kit.faces.numpy()[on_face]] = kit.uvs.numpy()[kit.uv_faces.numpy()[on_face]]
    return tile


def make_chart(
    kit,  # FaceKit
) -> Chart:
    "Lay the skin flat: the face as on ICT's tile, everything else relaxed around it."
    V, pole = kit.vertices.numpy().astype(float), crown(kit)
    numbers = np.nonzero((kit.part.numpy() < 2) & (kit.faces.numpy() != pole).all(1))[0]
    faces = kit.faces.numpy()[numbers]
    loops = sorted(boundary_loops(faces), key=lambda loop: V[loop, 1].mean())
    neck, mouth, *eyes, ring = loops
    line = _cut(V, faces, ring, neck)
    copies = len(V) + np.arange(len(line))
    on_right = V[faces].mean(1)[:, 0] < 0  # the person's right, the picture's left
    for v, copy in zip(line, copies):
        faces = np.where((faces == v) & on_right[:, None], copy, faces)
    fixed = _border(V, pole, ring, neck, line, copies)
    tile, (across, up) = _tile(kit), TILE
    u, v = tile.T
    inner = (u > across[0]) & (u < across[1]) & (v > up[0]) & (v < up[1])
    fixed |= {i: tuple(tile[i]) for i in np.nonzero(inner)[0]}
    place = _relaxed(len(V) + len(line), faces, fixed)
    eyes = sorted(eyes, key=lambda loop: V[loop, 0].mean())
    openings = dict(zip(SLITS, [*eyes, mouth]))
    return Chart(np.r_[np.arange(len(V)), line], faces, numbers, place, openings)


# ---- finding points


def cross2(a, b):
    "Cross products of plane vectors (..., 2)."
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def locate(
    points,  # (N, 2)
    corners,  # (F, 3, 2) triangles that do not overlap
):  # triangles (N,), weights (N, 3)
    "Find the triangle around each point, or the one that it is least outside of."
    low, high = corners.min(1) - 1e-9, corners.max(1) + 1e-9
    found = []
    for p in points:
        near = np.nonzero(((low <= p) & (p <= high)).all(1))[0]
        near = near if len(near) else np.arange(len(corners))
        a, b, c = np.moveaxis(corners[near], 1, 0)
        doubled = cross2(b - a, c - a)
        w1, w2 = cross2(p - a, c - a) / doubled, cross2(b - a, p - a) / doubled
        weights = np.stack([1 - w1 - w2, w1, w2], 1)
        best = weights.min(1).argmax()
        inside = weights[best].clip(0)
        found.append((near[best], inside / inside.sum()))
    triangles, weights = zip(*found)
    return np.array(triangles), np.array(weights)


def hit(
    origin,  # (3,)
    directions,  # (N, 3)
    corners,  # (F, 3, 3) triangles
):  # triangles (N,), -1 where nothing is hit; weights (N, 3)
    "Follow rays to the farthest triangle."
    a = corners[:, 0]
    one, other = corners[:, 1] - a, corners[:, 2] - a
    triangles, all_weights = [], []
    for ray in directions:
        across = np.cross(ray, other)
        det = (one * across).sum(1)
        det = np.where(abs(det) < 1e-12, np.inf, det)
        from_corner = origin - a
        w1 = (from_corner * across).sum(1) / det
        turned = np.cross(from_corner, one)
        w2, far = (turned @ ray) / det, (turned * other).sum(1) / det
        weights = np.stack([1 - w1 - w2, w1, w2], 1)
        far = np.where((weights.min(1) > -1e-6) & np.isfinite(det), far, 0)
        best = far.argmax()
        triangles.append(best if far[best] > 0 else -1)
        all_weights.append(weights[best])
    return np.array(triangles), np.array(all_weights)


# ---- the grid


@dataclass
class Grid:
    "The skin's nodes: row by row, then the lower copies of those on slits, then the crown."

    place: np.ndarray  # (N, 2) in the chart
    faces: np.ndarray  # (F, 3) anticlockwise seen from outside
    uv: np.ndarray  # (N, 2) column and row as shares, v down
    twin: np.ndarray  # (N,) the node at the same point: the seam's last column is its first
    loops: dict  # name of a slit → nodes around it: upper ones to the right, lower ones back


def _spread(knots):
    "Places of whole numbers, smoothly between those given."
    numbers, places = np.array(knots).T
    return PchipInterpolator(numbers, places)(np.arange(numbers[-1] + 1))


def _edge_at(chart, loop, u, upper):
    "Height of an opening's upper or lower edge at places u."
    points = chart.place[loop]
    start, end = points[:, 0].argmin(), points[:, 0].argmax()
    around = np.roll(points, -start, 0)
    turn = (end - start) % len(loop)
    halves = around[: turn + 1], np.r_[around[turn:], around[:1]][::-1]
    below, above = sorted(halves, key=lambda line: line[:, 1].mean())
    across, height = (above if upper else below).T
    return np.interp(u, np.maximum.accumulate(across), height)


def _opened(chart, place, upper):
    "Nodes (H, W, 2) moved up or down so that slit rows lie on the openings' edges."
    place, sign = place.copy(), 1 if upper else -1
    for name, (row, first, last, reach) in SLITS.items():
        columns = slice(first, last + 1)
        u, v = place[row, columns, 0], place[row, columns, 1]
        gap = _edge_at(chart, chart.openings[name], u, upper) - v
        away = sign * (place[:, columns, 1] - v)
        share = np.where(away >= -1e-9, (1 - away / reach).clip(0), 0)
        place[:, columns, 1] += share * gap
    return place


def _squares(numbers):
    "Two triangles of every square of nodes, numbers as `numbers(row, column)`."
    i, j = np.meshgrid(np.arange(HEIGHT - 1), np.arange(WIDTH - 1), indexing="ij")
    a, b = numbers(i, j, below=True), numbers(i, j + 1, below=True)
    c, d = numbers(i + 1, j, below=False), numbers(i + 1, j + 1, below=False)
    corners = [np.stack([a, c, b], -1), np.stack([b, c, d], -1)]
    return np.concatenate([x.reshape(-1, 3) for x in corners])


def _copied():
    "Nodes on slits that come twice: (row, column) → number of the lower one."
    inner = [(r, c) for r, first, last, _ in SLITS.values() for c in range(first + 1, last)]
    return {node: HEIGHT * WIDTH + extra for extra, node in enumerate(inner)}


def _numbering(copies):
    "A function that numbers nodes, as seen from above or from below a slit."

    def number(i, j, below):
        numbers = i * WIDTH + j
        for (row, column), extra in copies.items() if below else ():
            numbers = np.where((i == row) & (j == column), extra, numbers)
        return numbers

    return number


def _places(chart, copies):
    "Where all nodes lie (N, 2)."
    right = _spread(COLUMNS)
    columns = np.r_[1 - right[:0:-1], right]
    level = np.stack(np.meshgrid(columns, _spread(ROWS)), -1)
    upper, lower = (_opened(chart, level, is_upper) for is_upper in (True, False))
    place, rows = upper.copy(), np.arange(HEIGHT)[:, None, None]
    for row, first, last, _ in SLITS.values():
        on = slice(first, last + 1)
        place[:, on] = np.where(rows <= row, upper[:, on], lower[:, on])
    below = [lower[node] for node in copies]
    return np.concatenate([place.reshape(-1, 2), below, [[0.5, TOP]]])


def _loop(copies, row, first, last):
    "Nodes around a slit."
    upper = row * WIDTH + np.arange(first, last + 1)
    return np.r_[upper, [copies[row, c] for c in range(last - 1, first, -1)]]


def make_grid(
    chart: Chart,
) -> Grid:
    "Lay the grid into the chart."
    copies = _copied()
    crown_node = HEIGHT * WIDTH + len(copies)
    top = np.arange(WIDTH - 1)
    cap = np.stack([0 * top + crown_node, top, top + 1], 1)
    row, column = np.divmod(np.arange(HEIGHT * WIDTH), WIDTH)
    rows, columns = np.array(list(copies)).T
    row, column = np.r_[row, rows, 0], np.r_[column, columns, MIDDLE]
    first_of_row = np.arange(HEIGHT) * WIDTH
    twin = np.arange(crown_node + 1)
    twin[first_of_row + WIDTH - 1] = first_of_row
    loops = {n: _loop(copies, r, first, last) for n, (r, first, last, _) in SLITS.items()}
    faces = np.concatenate([_squares(_numbering(copies)), cap])
    uv = np.stack([column / (WIDTH - 1), row / (HEIGHT - 1)], 1)
    return Grid(_places(chart, copies), faces, uv, twin, loops)
