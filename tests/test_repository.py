"The repository around the code: notebooks and package in step, requirements, clean files."

import ast
import importlib
import json
import re
import runpy
import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest
import style
from packaging.requirements import Requirement
from packaging.version import Version
from safetensors import safe_open

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
INI = ConfigParser(delimiters=["="])
INI.read(ROOT / "settings.ini", encoding="utf-8")
CFG = INI["DEFAULT"]
NOTEBOOKS = sorted(ROOT / chapter.name for chapter in style.chapters())
MODULES = sorted((ROOT / "illures_nb").rglob("*.py"))


def requirements(text):
    return {r.name: r for r in map(Requirement, text.split("\n"))}


def stripped(text):
    "Lines without comments, and without those that held nothing else."
    lines = (line.split("#")[0].strip() for line in text.splitlines())
    return "\n".join(filter(None, lines))


def relative(path):
    return path.relative_to(ROOT).as_posix()


def repository_files():
    "Every file git tracks or would add."
    call = ["git", "ls-files", "-co", "--exclude-standard"]
    try:
        out = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, check=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return [ROOT / o for o in out.stdout.splitlines() if (ROOT / o).is_file()]


def front_matter():
    "The README's settings for Hugging Face Spaces."
    head = (ROOT / "README.md").read_text(encoding="utf-8").split("---\n")[1]
    return dict(line.split(": ", 1) for line in head.splitlines())


def modules_in(root):
    "Name → text of the package's modules in a copy of the repository."
    paths = (root / "illures_nb").rglob("*.py")
    return {o.relative_to(root).as_posix(): o.read_text(encoding="utf-8") for o in paths}


def test_package_is_what_the_notebooks_export(tmp_path):
    "Cleaning and exporting a copy changes nothing; uncommitted work passes where both sides agree."
    passed_over = shutil.ignore_patterns(".*", "__pycache__")
    shutil.copytree(ROOT / "nbs", tmp_path / "nbs", ignore=passed_over)
    (tmp_path / "illures_nb/cli").mkdir(parents=True)
    by_hand = ("illures_nb/__init__.py", "illures_nb/__main__.py", "illures_nb/cli/__main__.py")
    for o in ("settings.ini", *by_hand):
        shutil.copy(ROOT / o, tmp_path / o)
    for o in ("nbdev_clean", "nbdev_export"):
        subprocess.run([BIN / o], cwd=tmp_path, check=True)
    names = map(relative, NOTEBOOKS)
    unclean = [o for o in names if (ROOT / o).read_bytes() != (tmp_path / o).read_bytes()]
    exported, package = modules_in(tmp_path), modules_in(ROOT)
    every = exported.keys() | package.keys()
    differ = sorted(o for o in every if exported.get(o) != package.get(o))
    said = f"not clean: {unclean}; differ from their notebooks: {differ}; run `make export`"
    assert not unclean and not differ, said


def test_versions_agree():
    import illures_nb

    assert illures_nb.__version__ == CFG["version"]
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## \[{re.escape(CFG['version'])}\]", changes, re.M)


def test_lowest_versions_are_what_is_allowed():
    "What tests/lowest.py installs: every requirement, at the lower bound of each list with it."
    pins = runpy.run_path(str(ROOT / "tests/lowest.py"))["pins"]()
    untested = "lab_requirements", "docs_requirements"  # JupyterLab and pandoc: no test needs them
    lists = [o for key, o in CFG.items() if key.endswith("requirements") and key not in untested]
    needed = [r for text in lists for r in requirements(text.strip()).values()]
    assert {r.name for r in needed} == pins.keys()
    assert all(r.specifier.contains(pins[r.name]) for r in needed)
    assert {f"{name}=={version}" for name, version in pins.items()} >= {
        "torch==2.6",
        "nbdev==2.4.14",
    }


def test_spaces_requirements_follow_settings():
    wanted = requirements(CFG["requirements"].strip())
    spaces = requirements(stripped((ROOT / "requirements.txt").read_text()))
    del wanted["gradio"]  # Spaces installs the README's sdk_version
    assert wanted.keys() == spaces.keys()
    ours, theirs = wanted.pop("torch").specifier, spaces.pop("torch").specifier
    assert all(wanted[name].specifier == spaces[name].specifier for name in wanted)
    minors = [f"2.{i}.0" for i in range(30)]
    assert set(theirs.filter(minors)) and set(theirs.filter(minors)) <= set(ours.filter(minors))


def test_spaces_front_matter():
    matter = front_matter()
    gradio = requirements(CFG["requirements"].strip())["gradio"]
    assert matter["sdk"] == "gradio" and gradio.specifier.contains(matter["sdk_version"])
    python = Version(matter["python_version"].strip('"'))
    assert Version(CFG["min_python"]) <= python < Version(CFG["below_python"])
    assert (ROOT / matter["app_file"]).is_file()
    assert matter["license"] == "apache-2.0" and "Apache License" in (ROOT / "LICENSE").read_text()


def test_pages_point_at_files_that_exist():
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "nbs/README.md"]
    for page in (*pages, *(ROOT / "docs").glob("*.md"), *(ROOT / "runs").rglob("*.md")):
        found = re.findall(r"\]\(([^)\s]+)\)|src=\"([^\"]+)\"", page.read_text(encoding="utf-8"))
        links = {link.split("#")[0] for pair in found for link in pair if "://" not in link}
        missing = [link for link in links if link and not (page.parent / link).exists()]
        assert not missing, relative(page)


def test_readme_is_one_screen_a_subject():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


IMPORT = """
import sys, time
start = time.process_time()
import torch
before, middle = set(sys.modules), time.process_time()
import illures_nb
illures_nb.Decomposer, illures_nb.Decomposition, illures_nb.SHLight
print((time.process_time() - middle) / (middle - start))
new = {name.split(".")[0] for name in set(sys.modules) - before}
files = {name: getattr(sys.modules[name], "__file__", None) or "" for name in new}
print(*sorted(name for name, file in files.items() if "site-packages" in file))
"""


def test_import_is_light():
    """Nothing beyond torch, numpy, safetensors, opencv and pillow, and a fifth of the processor
    time that torch itself takes (so that a slow or busy machine does not count)."""

    def imported():
        call = [sys.executable, "-c", IMPORT]
        run = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, check=True)
        return run.stdout.splitlines()

    (share, packages), (again, _) = imported(), imported()
    assert set(packages.split()) <= {"numpy", "safetensors", "cv2", "PIL"}
    assert min(float(share), float(again)) <= 1 / 5


def roots(module):
    "First parts of the names of all modules that a file imports anywhere, relative ones aside."
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        if isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.split(".")[0]


def test_development_tools_are_not_needed_at_run_time():
    tools = {"nbdev", "fastcore"}
    assert not [relative(module) for module in MODULES if tools & set(roots(module))]


def test_weights_are_safetensors_only():
    unsafe = {".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".bin", ".joblib", ".tar"}
    assert not [relative(o) for o in repository_files() if o.suffix in unsafe]
    weights = sorted((ROOT / "illures_nb" / "weights").glob("*.safetensors"))
    assert weights
    for o in weights:
        with safe_open(o, "pt") as f:
            assert f.metadata() and f.keys(), o.name
    loading = r"torch\.load\((?!.*weights_only=True)|allow_pickle ?= ?True"
    loads = re.compile(rf"^\s*(import|from) pickle|{loading}", re.M)
    assert not [relative(o) for o in MODULES if loads.search(o.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=relative)
def test_notebook_is_presentable(path):
    "Title, subtitle and Colab badge; outputs with pictures and without errors."
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    first = "".join(cells[0]["source"])
    assert first.startswith("# ") and re.search(r"^> \S", first, re.M)
    repository = CFG["git_url"].removeprefix("https://github.com")
    colab = f"https://colab.research.google.com/github{repository}"
    assert f"{colab}/blob/main/{relative(path)}" in first
    code = [o for o in cells if o["cell_type"] == "code"]
    outputs = [o for c in code for o in c["outputs"]]
    assert not [o for o in outputs if o["output_type"] == "error"]
    kinds = [kind for o in outputs for kind in o.get("data", {})]
    assert any(kind.startswith("image/") for kind in kinds), "no picture in its outputs"
    assert path.stat().st_size < 3e6


def test_files_name_no_machine_and_no_registry():
    machine = r"(?<![\w.])/(wor" r"k|roo" r"t|hom" r"e/\w+|tmp/bash_jobs)/"
    registry = r"\bpy" r"pi\b|pythonhos" r"ted|\banacond" r"a\.org|npm" r"js\.|index-url[ =]+\S*//"
    found = []
    for o in repository_files():
        try:
            text = o.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        if o.suffix == ".ipynb":
            text = re.sub(r'"image/\w+": "[^"]*"', "", text)
        found += [f"{relative(o)}: {m[0]}" for m in re.finditer(f"{machine}|{registry}", text)]
    assert not found


def test_the_book_lists_its_chapters():
    "nbs/README.md is what `make contents` writes, and every notebook is in it."
    import contents

    text = (ROOT / "nbs" / "README.md").read_text(encoding="utf-8")
    assert text == contents.contents(), "run `make contents`"
    missing = [p for p in NOTEBOOKS if f"({p.relative_to(ROOT / 'nbs').as_posix()})" not in text]
    assert not missing


# ---- docs/papers.md


def paper_rows():
    "Rows of the tables of docs/papers.md that map a part of a paper: their cells."
    lines = (ROOT / "docs/papers.md").read_text(encoding="utf-8").splitlines()
    rows = [re.split(r"(?<!\\) \| ", line.strip("| ")) for line in lines if line.startswith("| ")]
    return [row for row in rows if len(row) == 6 and row[0] != "in the paper"]


def test_every_part_of_the_papers_has_a_place_and_a_figure():
    "A link in each row, and a measured figure, or “not had” and why."
    rows, text = paper_rows(), (ROOT / "docs/papers.md").read_text(encoding="utf-8")
    assert len(rows) > 50
    for part, place, command, _, ours, why in rows:
        assert "](" in place + command, f"{part}: no link"
        assert re.search(r"\d", ours) or "not had" in ours, f"{part}: no figure"
        if ours.startswith("not had"):
            assert ":" in ours or why != "–", f"{part}: not had, and why?"
    named = " ".join(row[0] for row in rows)
    assert set(re.findall(r"\beq\. (\d)", named)) == set("1234567")
    assert set(re.findall(r"Table (\d)", text)) == set("12")
    figures = [n for some in re.findall(r"Fig\. (\d+(?:, \d+)*)", named) for n in some.split(", ")]
    assert {int(n) for n in figures} == set(range(1, 15))
    sections = {"§3", "§3.1", "§3.2", "§4.1", "§4.2", "§4.3", "§4.4", "§5", "§1", "§2"}
    assert sections <= set(re.findall(r"§\d(?:\.\d)?", text))


def test_names_in_the_map_of_the_papers_exist():
    "`train.losses.pair_loss` and its like can be imported."
    pytest.importorskip("numba", reason="synth and train need numba")
    names = {n for row in paper_rows() for n in re.findall(r"`([a-z_]+(?:\.\w+)+)`", row[1])}
    for name in sorted(names):
        thing, parts = None, f"illures_nb.{name}".split(".")
        for k in range(len(parts), 0, -1):
            try:
                thing = importlib.import_module(".".join(parts[:k]))
                break
            except ModuleNotFoundError:
                continue
        for attribute in parts[k:]:
            thing = getattr(thing, attribute)
