"""A light as a photographer sets it: lamps with a place, a colour and a size, and an even fill; and
the lamps behind nine numbers."""

from dataclasses import dataclass, replace

import numpy as np

from illures_nb.colour import LUMINANCE
from illures_nb.light import sh_basis, sphere_directions


@dataclass(frozen=True, eq=False)
class Lamp:
    "One disc of light on the sky."

    direction: np.ndarray  # (3,) unit, towards the lamp; x right, y up, z to the viewer
    colour: np.ndarray  # (3,) linear RGB, ≥ 0: shading of a white surface that faces it
    softness: float = 0.1  # 0: a point far away; 1: half of the sky

    def shade(
        self,
        normals: np.ndarray,  # (..., 3) unit
    ) -> np.ndarray:  # (...) float32: share of `colour` that arrives, without shadows
        "Shade a surface with nothing in the way."
        cosine = np.asarray(normals, np.float32) @ np.asarray(self.direction, np.float32)
        size = np.float32(max(np.sin(np.pi / 2 * self.softness), 1e-3))
        edge = np.maximum(cosine + size, 0) ** 2 / (4 * size)
        return np.where(cosine > size, cosine, edge)


@dataclass(frozen=True, eq=False)
class Lamps:
    "Lamps and an even fill."

    lamps: tuple  # of Lamp
    fill: np.ndarray  # (3,) linear RGB, ≥ 0: shading everywhere

    def shade(
        self,
        normals: np.ndarray,  # (..., 3) unit
        visible: list = None,  # of (...) in [0, 1], one a lamp; None: nothing in the way
    ) -> np.ndarray:  # (..., 3) float32, ≥ 0
        "Shade a white surface."
        total = np.broadcast_to(np.float32(self.fill), np.shape(normals)).copy()
        for k, lamp in enumerate(self.lamps):
            arrives = lamp.shade(normals)
            if visible is not None:
                arrives = arrives * visible[k]
            total += arrives[..., None] * np.float32(lamp.colour)
        return total

    def __mul__(self, factor):  # number or (3,), ≥ 0
        brighter = (replace(lamp, colour=lamp.colour * factor) for lamp in self.lamps)
        return Lamps(tuple(brighter), self.fill * factor)

    def filled(
        self,
        share: float,  # of what the lamps send to a surface that faces them
    ) -> "Lamps":
        "Let no side fall below a share of the lamps' light."
        lamps = sum((lamp.colour for lamp in self.lamps), np.zeros(3))
        return Lamps(self.lamps, np.maximum(self.fill, share * lamps))


PLACES = sphere_directions(700)  # where lamps are tried
PLACES = PLACES[PLACES[:, 2] > -0.5]
FACING = sphere_directions(500)  # normals at which shadings are compared,
FACING = FACING[FACING[:, 2] > -0.4]
TRUST = np.where(FACING[:, 2] > 0, 1.0, 0.4)[:, None]  # … those that the camera sees first
ARRIVES = TRUST * np.maximum(FACING @ PLACES.T, 0)
SOFTNESS = 0.15  # of a lamp behind nine numbers, which do not tell
CANDIDATES = 20  # places that are tried in earnest
WORTH = 0.15  # a lamp must explain the square of this, as a share of the light's energy


def _fit_positive(columns, target, sweeps=30):
    "Least squares without negative unknowns, by coordinate descent: (N, k), (N,) → (k,)."
    gram = columns.T @ columns + 1e-9 * np.eye(columns.shape[1])
    wanted = columns.T @ target
    unknowns = np.maximum(np.linalg.solve(gram, wanted), 0)
    for _ in range(sweeps):
        for k, own in enumerate(np.diag(gram)):
            change = (wanted[k] - gram[k] @ unknowns) / own
            unknowns[k] = max(0.0, unknowns[k] + change)
    return unknowns


def _best_next(columns, target, missing):
    "The place whose lamp, added to those there are, leaves least: its index and what it leaves."
    promise = (ARRIVES.T @ missing) / np.linalg.norm(ARRIVES, axis=0)
    tried = np.argsort(-promise)[: 3 * CANDIDATES : 3]
    leaves = []
    for place in tried:
        more = np.c_[columns, ARRIVES[:, place]]
        leaves.append(np.square(target - more @ _fit_positive(more, target)).sum())
    best = int(np.argmin(leaves))
    return tried[best], leaves[best]


def _find_places(target, most):
    "Indices into PLACES of at most so many lamps that explain a weighted shading (N,)."
    columns, places = TRUST, []
    left = np.square(target - columns @ _fit_positive(columns, target)).sum()
    for _ in range(most):
        missing = target - columns @ _fit_positive(columns, target)
        place, leaves = _best_next(columns, target, missing)
        if left - leaves <= WORTH**2 * np.square(target).sum():
            break
        columns, left = np.c_[columns, ARRIVES[:, place]], leaves
        places.append(place)
    return places


def lamps_behind(
    coeffs: np.ndarray,  # (9, 3) light
    most: int = 2,  # lamps
) -> Lamps:
    "Find the lamps and the fill that shade a ball most like nine numbers a colour."
    shading = TRUST * np.maximum(sh_basis(FACING) @ np.asarray(coeffs, float), 0)
    places = _find_places(shading @ LUMINANCE, most)
    columns = np.c_[TRUST, ARRIVES[:, places]]
    strengths = np.stack([_fit_positive(columns, colour) for colour in shading.T], -1)
    fill, *colours = strengths
    found = (Lamp(PLACES[k], colour, SOFTNESS) for k, colour in zip(places, colours))
    return Lamps(tuple(lamp for lamp in found if lamp.colour.max() > 1e-6), fill)
