"Draw docs/sphere.png: the axes of normals and lights, and the nine terms of a light, on a ball."

from pathlib import Path

import matplotlib.pyplot as plt

from illures_nb import SHLight
from illures_nb.light import ball_normals, light_direction, sh_basis

OUT = Path(__file__).parents[1] / "docs" / "sphere.png"
TERMS = ("1", "z", "x", "y", "2z²−x²−y²", "xz", "yz", "x²−y²", "xy")
SIZE = 192  # pixels of a ball


def on_white(picture, inside):
    "Lay a picture (H, W, 3) of a ball on white."
    return picture * inside[..., None] + 1 - inside[..., None]


def draw_axes(ax, normals, inside):
    "Draw the ball as a map of its normals, and the axes it is measured in."
    ax.imshow(on_white(normals / 2 + 0.5, inside), extent=(-1, 1, -1, 1))
    for (x, y), label in {(1.45, 0): "x, the picture's right", (0, 1.45): "y, up"}.items():
        ax.annotate("", (x, y), (0, 0), arrowprops=dict(arrowstyle="->", lw=1.5))
        ax.text(x, y + 0.08, label, ha="center", fontsize=9)
    ax.plot(0, 0, "o", ms=7, mfc="white", mec="black")
    ax.plot(0, 0, "k.", ms=3)
    ax.text(-0.08, -0.22, "z, to the viewer", ha="center", fontsize=9)
    ax.set(xlim=(-1.3, 1.9), ylim=(-1.2, 1.75))
    ax.set_title("normals, shown as n/2 + ½", fontsize=9, y=-0.1)


def draw_lamp(ax, azimuth, elevation):
    "Draw the ball under one lamp, and where the lamp stands."
    light = SHLight.from_direction(azimuth, elevation)
    ax.imshow(light.ball(SIZE), extent=(-1, 1, -1, 1))
    x, y, _ = light_direction(azimuth, elevation)
    ax.annotate(
        "", (0.6 * x, 0.6 * y), (1.5 * x, 1.5 * y), arrowprops=dict(arrowstyle="->", lw=1.5)
    )
    ax.text(1.5 * x, 1.5 * y + 0.1, f"{azimuth},{elevation}", ha="center", fontsize=9)
    ax.set(xlim=(-1.6, 1.6), ylim=(-1.2, 1.75))
    ax.set_title("azimuth −40° (left), elevation 30° (up)", fontsize=9, y=-0.1)


def draw_term(ax, values, inside, term):
    "Draw one term of the basis: red above 0, blue below."
    strongest = abs(values).max()
    picture = plt.get_cmap("RdBu_r")(values / strongest / 2 + 0.5)[..., :3]
    ax.imshow(on_white(picture, inside))
    ax.set_title(term, fontsize=9)


def main():
    normals, inside = ball_normals(SIZE)
    figure = plt.figure(figsize=(10, 5.2), dpi=100, layout="constrained")
    grid = figure.add_gridspec(2, 9, height_ratios=(3, 1))
    draw_axes(figure.add_subplot(grid[0, :4]), normals, inside)
    draw_lamp(figure.add_subplot(grid[0, 5:]), -40, 30)
    basis = sh_basis(normals)
    for k, term in enumerate(TERMS):
        draw_term(figure.add_subplot(grid[1, k]), basis[..., k], inside, term)
    for ax in figure.axes:
        ax.axis("off")
    figure.savefig(OUT)


if __name__ == "__main__":
    main()
