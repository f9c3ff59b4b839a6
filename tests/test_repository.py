"The repository around the code: notebooks and package in step, one list of requirements, a light import, clean files."

import ast
import json
import re
import runpy
import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version
from safetensors import safe_open

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
INI = ConfigParser(delimiters=["="])
INI.read(ROOT / "settings.ini", encoding="utf-8")
CFG = INI["DEFAULT"]
NOTEBOOKS = sorted(
    o
    for o in (ROOT / "nbs").rglob("*.ipynb")
    if not re.search(r"[/\\][._]", str(o.relative_to(ROOT)))
)
MODULES = sorted((ROOT / "illures_nb").rglob("*.py"))


def requirements(text):
    return {r.name: r for r in map(Requirement, text.split("\n"))}


def stripped(text):
    return "\n".join(o.split("#")[0].strip() for o in text.splitlines() if o.split("#")[0].strip())


def relative(path):
    return path.relative_to(ROOT).as_posix()


def repository_files():
    "Every file git tracks or would add."
    try:
        out = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return [ROOT / o for o in out.stdout.splitlines() if (ROOT / o).is_file()]


def front_matter():
    "The README's settings for Hugging Face Spaces."
    head = (ROOT / "README.md").read_text(encoding="utf-8").split("---\n")[1]
    return dict(line.split(": ", 1) for line in head.splitlines())


def test_package_is_what_the_notebooks_export(tmp_path):
    "Cleaning and exporting a copy changes nothing, so a tree with uncommitted work passes as long as both sides agree."
    shutil.copytree(
        ROOT / "nbs", tmp_path / "nbs", ignore=shutil.ignore_patterns(".*", "__pycache__")
    )
    (tmp_path / "illures_nb").mkdir()
    for o in ("settings.ini", "illures_nb/__init__.py", "illures_nb/__main__.py"):
        shutil.copy(ROOT / o, tmp_path / o)
    for o in ("nbdev_clean", "nbdev_export"):
        subprocess.run([BIN / o], cwd=tmp_path, check=True)
    unclean = [
        relative(o) for o in NOTEBOOKS if o.read_bytes() != (tmp_path / relative(o)).read_bytes()
    ]
    exported = {
        o.relative_to(tmp_path).as_posix(): o.read_text(encoding="utf-8")
        for o in (tmp_path / "illures_nb").rglob("*.py")
    }
    package = {relative(o): o.read_text(encoding="utf-8") for o in MODULES}
    differ = sorted(
        o for o in exported.keys() | package.keys() if exported.get(o) != package.get(o)
    )
    assert not unclean and not differ, (
        f"not clean: {unclean}; differ from their notebooks: {differ}; run `make export`"
    )


def test_versions_agree():
    import illures_nb

    assert illures_nb.__version__ == CFG["version"]
    assert re.search(
        rf"^## \[{re.escape(CFG['version'])}\]",
        (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"),
        re.M,
    )


def test_lowest_versions_are_what_is_allowed():
    "What tests/lowest.py installs: one version of every requirement, the lower bound of each list that names it."
    pins = runpy.run_path(str(ROOT / "tests/lowest.py"))["pins"]()
    lists = [o for key, o in CFG.items() if key.endswith("requirements")]
    needed = [r for text in lists for r in requirements(text.strip()).values()]
    assert {r.name for r in needed} == pins.keys()
    assert all(r.specifier.contains(pins[r.name]) for r in needed)
    assert {f"{name}=={version}" for name, version in pins.items()} >= {
        "torch==2.6",
        "nbdev==2.4.14",
    }


def test_spaces_requirements_follow_settings():
    wanted, spaces = (
        requirements(CFG["requirements"].strip()),
        requirements(stripped((ROOT / "requirements.txt").read_text())),
    )
    del wanted["gradio"]  # Spaces installs the README's sdk_version
    assert wanted.keys() == spaces.keys()
    assert {n: r.specifier for n, r in wanted.items() if n != "torch"} == {
        n: r.specifier for n, r in spaces.items() if n != "torch"
    }
    ours, theirs = wanted["torch"].specifier, spaces["torch"].specifier
    minors = [f"2.{i}.0" for i in range(30)]
    assert set(theirs.filter(minors)) and set(theirs.filter(minors)) <= set(ours.filter(minors))


def test_spaces_front_matter():
    matter = front_matter()
    gradio = requirements(CFG["requirements"].strip())["gradio"]
    assert matter["sdk"] == "gradio" and gradio.specifier.contains(matter["sdk_version"])
    assert (
        Version(CFG["min_python"])
        <= Version(matter["python_version"].strip('"'))
        < Version(CFG["below_python"])
    )
    assert (ROOT / matter["app_file"]).is_file()
    assert matter["license"] == "apache-2.0" and "Apache License" in (ROOT / "LICENSE").read_text()


def test_readme_points_at_files_that_exist():
    text = (ROOT / "README.md").read_text(encoding="utf-8") + (ROOT / "CONTRIBUTING.md").read_text(
        encoding="utf-8"
    )
    links = {
        o.split("#")[0]
        for o in re.findall(r"\]\(([^)\s]+)\)|src=\"([^\"]+)\"", text)
        for o in o
        if o and "://" not in o
    }
    assert not [o for o in links if o and not (ROOT / o).exists()]


IMPORT = """
import sys, time
import torch
before, start = set(sys.modules), time.process_time()
import illures_nb
illures_nb.Decomposer, illures_nb.Decomposition, illures_nb.SHLight
print(time.process_time() - start)
new = {m.split(".")[0]: getattr(sys.modules[m.split(".")[0]], "__file__", None) or "" for m in set(sys.modules) - before}
print(*sorted(name for name, file in new.items() if "site-packages" in file))
"""


def test_import_is_light():
    "Nothing beyond torch, numpy, safetensors, opencv and pillow, and at most 0.3 s of processor time (so that a busy machine does not count)."
    runs = [
        subprocess.run(
            [sys.executable, "-c", IMPORT], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.splitlines()
        for _ in range(2)
    ]
    assert set(runs[0][1].split()) <= {"numpy", "safetensors", "cv2", "PIL"}
    assert min(float(o[0]) for o in runs) <= 0.3


def imports(module):
    "Names of all modules that `module` imports anywhere, relative ones resolved."
    package = relative(module).removesuffix(".py").removesuffix("/__init__").split("/")
    for o in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(o, ast.Import):
            yield from (a.name for a in o.names)
        if isinstance(o, ast.ImportFrom):
            is_package = module.name == "__init__.py"
            base = package[: len(package) - o.level + is_package] if o.level else []
            yield from (
                ".".join(
                    [*base, *([o.module] if o.module else []), *([] if o.module else [a.name])]
                )
                for a in o.names
            )


def test_dependencies_point_one_way():
    inference = {"__init__", "light", "image", "face", "networks", "decompose", "video"}
    for module in MODULES:
        names = set(imports(module))
        assert not {o for o in names if o.split(".")[0] in ("nbdev", "fastcore")}, (
            f"{relative(module)} needs a development tool at run time"
        )
        if module.parent.name == "illures_nb" and module.stem in inference:
            assert not {
                o for o in names if re.match(r"illures_nb\.(synth|train|measure|cli)\b", o)
            }, relative(module)


def test_weights_are_safetensors_only():
    unsafe = {".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".bin", ".joblib", ".tar"}
    assert not [relative(o) for o in repository_files() if o.suffix in unsafe]
    weights = sorted((ROOT / "illures_nb" / "weights").glob("*.safetensors"))
    assert weights
    for o in weights:
        with safe_open(o, "pt") as f:
            assert f.metadata() and f.keys(), o.name
    loads = re.compile(
        r"^\s*(import|from) pickle|torch\.load\((?!.*weights_only=True)|allow_pickle ?= ?True", re.M
    )
    assert not [relative(o) for o in MODULES if loads.search(o.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=relative)
def test_notebook_is_presentable(path):
    "Title, subtitle and Colab badge; outputs with pictures and without errors; short cells."
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    first = "".join(cells[0]["source"])
    assert first.startswith("# ") and re.search(r"^> \S", first, re.M)
    assert (
        f"{CFG['git_url'].replace('https://github.com', 'https://colab.research.google.com/github')}/blob/main/{relative(path)}"
        in first
    )
    code = [o for o in cells if o["cell_type"] == "code"]
    outputs = [o for c in code for o in c["outputs"]]
    assert not [o for o in outputs if o["output_type"] == "error"]
    assert any(kind.startswith("image/") for o in outputs for kind in o.get("data", {})), (
        "no picture in its outputs"
    )
    assert (
        max(len("".join(c["source"]).splitlines()) for c in code) <= 90
    )  # a class may be one long cell
    assert path.stat().st_size < 3e6
    assert f"({relative(path)})" in (ROOT / "README.md").read_text(encoding="utf-8"), (
        "not in the README's table"
    )


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
