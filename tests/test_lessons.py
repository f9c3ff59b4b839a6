"""The lessons as students meet them: from an installed wheel, outside the clone, with every answer
filled in and then with none; every slider moved; every slip told what it is."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from illures_nb.teach.checks import BOOK
from illures_nb.teach.exercise import NOTHING_YET

ROOT = Path(__file__).parents[1]
LESSONS = sorted((ROOT / "nbs/lessons").glob("[0-9]*.ipynb"))
BEGIN = "# Your answer:\n"
SMALL = {"STEPS": 4, "HEADS": 12}  # numbers at the top of a lesson, made small
LONGEST = 16  # lines of a cell
RUN = """
import json, sys
import matplotlib
matplotlib.use("agg")
from execnb.shell import CaptureShell
from illures_nb.notebook import Sliders
from illures_nb.teach import checks

def run(shell, cells):
    checks.BOOK.verdicts.clear()
    for number, source in enumerate(cells):
        shell.run(source)
        if shell.exc:
            return f"cell {number}: {shell.exc!r}: {source[:300]}"
    return ""

def moved(panel):
    told = {"still": panel.still()[:4] == b"\\x89PNG"}
    for name, start in panel.values.items():
        control = panel.controls[name]
        places = getattr(control, "options", None) or (control.min, control.max)
        seen = {panel.set(**{name: place}).tobytes() for place in (*places[:3], start)}
        told[name] = len(seen)
    return told

def lesson(ways):
    shell, told = CaptureShell(), {}
    for way, cells in ways.items():
        error = run(shell, cells)
        verdicts = {n: [v.passed, v.said] for n, v in checks.BOOK.verdicts.items()}
        told[way] = {"error": error, "verdicts": verdicts}
        panels = {n: x for n, x in shell.user_ns.items() if isinstance(x, Sliders)}
        told[way]["sliders"] = {n: moved(x) for n, x in panels.items()} if way == "filled" else {}
    return told

told = {name: lesson(ways) for name, ways in json.load(sys.stdin).items()}
print(json.dumps(told | {"file": checks.__file__}))
"""


class Lesson:
    "A lesson's cells."

    def __init__(self, path):
        self.number, self.cells = int(path.name[:2]), json.loads(path.read_text("utf-8"))["cells"]
        self.texts = ["".join(cell["source"]) for cell in self.cells]
        self.prose = "\n".join(t for t, is_code in zip(self.texts, self.are_code) if not is_code)

    @property
    def are_code(self):
        return [cell["cell_type"] == "code" for cell in self.cells]

    @property
    def code(self):
        "Code cells, the heavy numbers made small."
        code = [text for text, is_code in zip(self.texts, self.are_code) if is_code]
        names = "|".join(SMALL)
        return [
            re.sub(rf"^({names}) = \d+", lambda m: f"{m[1]} = {SMALL[m[1]]}", text, flags=re.M)
            for text in code
        ]

    @property
    def places(self):
        "Numbers of the cells that hold an empty answer."
        return [k for k, text in enumerate(self.texts) if text.startswith(BEGIN)]

    @property
    def solutions(self):
        "Source of each solution, in the order of the answers."
        found = []
        for k in self.places:
            block = re.search(r"```python\n(.*?)```", self.texts[k + 2], re.S)
            found.append(block[1] if block else "")
        return found

    @property
    def filled(self):
        "Code cells with every answer filled in."
        solutions = iter(self.solutions)
        return [next(solutions) if t.startswith(BEGIN) else t for t in self.code]

    @property
    def left_empty(self):
        """The empty answers, and every later cell that names one: what differs for somebody who
        leaves all exercises out. (The outputs in the notebook are such a run, whole.)"""
        answers, again = set(), []
        for source in self.code:
            if source.startswith(BEGIN):
                answers |= {name for name in names_of(source)}
            elif not any(re.search(rf"\b{name}\b", source) for name in answers):
                continue
            again.append(source)
        return again


def names_of(source):
    "Names that the top of a cell gives to something."
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef):
            yield node.name
        if isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets)


every_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    "A folder with nothing but what a wheel of this clone holds."
    pytest.importorskip("setuptools", "64")
    folder = tmp_path_factory.mktemp("wheel")
    clone = folder / "clone"
    clone.mkdir()
    for name in ("settings.ini", "setup.py", "pyproject.toml", "README.md", "LICENSE", "app.py"):
        shutil.copy(ROOT / name, clone)
    passed_over = shutil.ignore_patterns("__pycache__")
    for name in ("assets", "illures_demo", "illures_nb"):
        shutil.copytree(ROOT / name, clone / name, ignore=passed_over)
    make = f"from setuptools import build_meta; build_meta.build_wheel({str(folder)!r})"
    subprocess.run([sys.executable, "-c", make], cwd=clone, check=True, capture_output=True)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(folder / "target")
    shutil.rmtree(clone)
    return folder / "target"


@pytest.fixture(scope="module")
def ran(target, tmp_path_factory, request):
    "Lesson → what became of it both ways: all that are asked for, one after the other."
    params = [getattr(item, "callspec", None) for item in request.session.items]
    paths = sorted({p.params["path"] for p in params if p and p.params.get("path") in LESSONS})
    ways = {}
    for path in paths:
        lesson = Lesson(path)
        ways[path.stem] = {"filled": lesson.filled, "empty": lesson.left_empty}
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        input=json.dumps(ways),
        env={**os.environ, "PYTHONPATH": str(target), "OMP_NUM_THREADS": "1"},
        cwd=tmp_path_factory.mktemp("elsewhere"),
        capture_output=True,
        text=True,
        timeout=1500,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert Path(told["file"]).is_relative_to(target)
    return told


def numbers(lesson):
    "The exercises that belong to a lesson."
    return [n for n in BOOK.exercises if n.split(".")[0] == str(lesson.number)]


@every_lesson
def test_solutions_solve(path, ran):
    told = ran[path.stem]["filled"]
    assert not told["error"]
    wrong = {n: said for n, (passed, said) in told["verdicts"].items() if not passed}
    assert not wrong and sorted(told["verdicts"]) == sorted(numbers(Lesson(path)))


@every_lesson
def test_empty_exercises_say_what_to_do(path, ran):
    "A lesson runs to its end whatever is left out; each check says what is missing."
    told = ran[path.stem]["empty"]
    assert not told["error"] and sorted(told["verdicts"]) == sorted(numbers(Lesson(path)))
    for number, (passed, said) in told["verdicts"].items():
        assert not passed and said.startswith(NOTHING_YET[:-1]), (number, said)


@every_lesson
def test_every_slider_moves_its_picture(path, ran):
    sliders = ran[path.stem]["filled"]["sliders"]
    assert sliders, "no slider"
    for name, told in sliders.items():
        assert told["still"], name
        dead = [
            control for control, pictures in told.items() if pictures < 2 and control != "still"
        ]
        assert not dead, f"{name}: {dead}"


@every_lesson
def test_a_lesson_has_its_parts(path):
    lesson = Lesson(path)
    for part in ("**The question of this lesson:", "## The answer", "**If you have a GPU:**"):
        assert lesson.prose.count(part) == 1, part
    assert "**To read:**" in lesson.prose and "equation" in lesson.prose
    assert 3 <= len(lesson.places) <= 5 and all(lesson.solutions)
    for k in lesson.places:
        assert re.fullmatch(r'check\("\d+\.\d", \w+\)', lesson.texts[k + 1]), lesson.texts[k + 1]
        assert lesson.texts[k + 2].startswith("<details><summary>Solution</summary>")
    long = [text for text in lesson.code if len(text.splitlines()) > LONGEST]
    assert all(text.startswith(("import ", "from ")) or "Sliders(" in text for text in long), long


@every_lesson
def test_links_of_a_lesson_lead_somewhere(path):
    links = re.findall(r"\]\(([^)\s#]+)[^)]*\)", Lesson(path).prose)
    missing = [x for x in links if "://" not in x and not (path.parent / x).exists()]
    assert not missing


@every_lesson
def test_solutions_are_python(path):
    for source in Lesson(path).solutions:
        ast.parse(source)
        assert max(map(len, source.splitlines())) <= 100


@pytest.mark.parametrize("number", BOOK.exercises)
def test_every_slip_is_told(number):
    "The usual wrong answers are told apart, each by its own sentence."
    exercise = BOOK.exercises[number]
    slipped = getattr(exercise.judge, "slipped", dict)()
    for sentence, wrong in slipped.items():
        verdict = exercise.check(wrong)
        assert not verdict.passed and sentence in verdict.said, (sentence, verdict.said)


@pytest.mark.parametrize("number", BOOK.exercises)
@pytest.mark.parametrize("nonsense", ["?", -1234.5, lambda *_: 1234.5, [[1, 2], [3, 4]]])
def test_nonsense_is_refused_in_a_sentence(number, nonsense):
    verdict = BOOK.exercises[number].check(nonsense)
    assert not verdict.passed and 10 < len(verdict.said) < 400


def test_all_exercises_are_asked():
    asked = {n for path in LESSONS for n in numbers(Lesson(path))}
    assert asked == set(BOOK.exercises)
