"""The book's contents: `make contents` writes nbs/README.md from the notebooks' titles.

Tests compare it, so that no chapter is missing and none is told twice."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PARTS = [  # folder, first and last number, title, what it is about
    ("lessons", 0, 99, "The course", """\
For who knows Python and no graphics: from a ball under a lamp to a relit portrait, with exercises
that answer. [The teacher's page](../docs/teaching.md) has goals, slips and grading."""),
    ("", 0, 19, "Light, colour, files", """\
Nine numbers that shade a face; reading any photo, and what a photo brings besides its pixels."""),
    ("", 20, 41, "From a photo to its layers", """\
Finding a face, the networks, the light fitted to it, and the face back in its photo."""),
    ("", 42, 59, "Painting and saving", """\
Layers of paint on the albedo; depth, meshes, films, archives."""),
    ("video", 0, 99, "Clips", """\
Frames, faces followed through them, layers without flicker, and the clip written again."""),
    ("head", 0, 99, "The head", """\
A morphable head of our own, free for any use: drawn, compared, read off a photo, saved."""),
    ("synth", 0, 99, "Synthetic faces", """\
People of whom everything is known: shape, skin, hair, light, two renderers, sets on disk."""),
    ("train", 0, 99, "Training", """\
Photographs from sets, the losses of equations 3 to 7, the stages of the paper, one trainer."""),
    ("measure", 0, 99, "Measuring", """\
Extended Yale B, synthetic faces, Photoface, photos without truth, the paper's five models."""),
    ("cli", 0, 99, "The command", """\
`illures`, by audience: people with a photo, people who make sets, train and measure."""),
    ("teach", 0, 99, "What the lessons stand on", """\
Exercises that answer, drawn people; and the answers to all exercises."""),
]  # fmt: skip
HEAD = """# The book

The package is exported from these notebooks; each explains its part, shows it and tests it.
Within a part they stand in the order in which they build on each other. `make lab` opens them in
JupyterLab, the badge below each title in Colab. New to the subject? Take the course, the first
part below. New to the code? [19_light](19_light.ipynb),
[41_decompose](41_decompose.ipynb), [synth/46_people](synth/46_people.ipynb) and
[train/48_streams](train/48_streams.ipynb) show most in least time.

<!-- written by `make contents` -->
"""


def chapters(folder):
    "Yield number, path below nbs, title, module and subtitle of a folder's notebooks."
    for path in sorted((ROOT / "nbs" / folder).glob("[0-9]*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        sources = ["".join(cell["source"]) for cell in cells]
        title = re.search(r"^# (.+)", sources[0], re.M)[1]
        subtitle = re.search(r"^> (.+)", sources[0], re.M)[1].rstrip(".")
        module = re.search(r"^#\| default_exp (\S+)", "\n".join(sources), re.M)
        name = f"`illures_nb.{module[1].removesuffix('.__init__')}`" if module else ""
        place = path.relative_to(ROOT / "nbs").as_posix()
        yield int(path.name[:2]), place, title, name, subtitle


def contents():
    "The text of nbs/README.md."
    text = HEAD
    for folder, first, last, title, about in PARTS:
        text += f"\n## {title}\n\n{about}\n\n| | chapter | module | |\n|---|---|---|---|\n"
        for number, place, name, module, subtitle in chapters(folder):
            if first <= number <= last:
                text += f"| {number:02d} | [{name}]({place}) | {module} | {subtitle} |\n"
    return text


def main():
    (ROOT / "nbs/README.md").write_text(contents(), encoding="utf-8")


if __name__ == "__main__":
    main()
