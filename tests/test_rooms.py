"""Who imports whom, derived from the code: wings in one order, no circles, notebooks in the order
they are read.

A wing is a folder of the package; what lies beside the folders is inference. Imports inside
functions count."""

import ast
import re
from collections import Counter
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
import style

import illures_nb

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "illures_nb"
INFERENCE = "inference"
# each may import those before it
WINGS = (INFERENCE, "video", "head", "synth", "train", "measure", "cli", "teach")


def dotted(path):
    "A file's module name; a folder's for its `__init__.py`."
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


PATHS = {dotted(p): p for p in sorted(PACKAGE.rglob("*.py")) if p.name != "_modidx.py"}
HANDED_ON = {
    f"illures_nb.{name}": getattr(illures_nb, name).__module__ for name in illures_nb.__all__
}  # names that the package itself takes from one of its modules, on first use


# ---- reading imports


def absolute(node, package):
    "The module that a `from … import` names, relative ones resolved against a package."
    if not node.level:
        return node.module
    for _ in range(node.level - 1):
        package = package.rpartition(".")[0]
    return f"{package}.{node.module}" if node.module else package


def is_script_part(node):
    "Whether a statement runs only where its file is started as a program."
    return isinstance(node, ast.If) and ast.unparse(node.test).startswith("__name__ == '__main__'")


def imported_names(tree, package):
    "Every dotted name that a module's code imports, in its functions too."
    statements = (s for s in tree.body if not is_script_part(s))
    for node in (node for statement in statements for node in ast.walk(statement)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = absolute(node, package)
            yield from (f"{base}.{alias.name}" for alias in node.names)


def home(name, modules):
    "The module of ours that a dotted name comes from, or None."
    name = HANDED_ON.get(name, name)
    while name and name not in modules:
        name = name.rpartition(".")[0]
    return name or None


def imports(tree, package, modules=None):
    "Our modules that code imports."
    modules = PATHS if modules is None else modules
    return {home(name, modules) for name in imported_names(tree, package)} - {None}


def package_of(module):
    "The package that a module's relative imports start from."
    return module if PATHS[module].name == "__init__.py" else module.rpartition(".")[0]


def tree_of(module):
    return ast.parse(PATHS[module].read_text(encoding="utf-8"))


IMPORTS = {m: imports(tree_of(m), package_of(m)) - {m} for m in PATHS}


# ---- wings


def wing(module):
    "The wing that a module belongs to, by its place in the file tree."
    room = f"{module}..".split(".")[1]
    if room == "__main__":  # `python -m illures_nb` is the command
        return "cli"
    return room if (PACKAGE / room).is_dir() or room == "cli" else INFERENCE


def test_every_folder_is_a_wing():
    folders = {p.parent.name for p in PACKAGE.glob("*/*.py")}
    assert folders <= set(WINGS), f"no place in the order: {sorted(folders - set(WINGS))}"


@pytest.mark.parametrize("name", WINGS)
def test_a_wing_imports_only_what_comes_before(name):
    beyond = set(WINGS[WINGS.index(name) + 1 :])
    upwards = [
        f"{module} imports {target}"
        for module, targets in IMPORTS.items()
        for target in sorted(targets)
        if wing(module) == name and wing(target) in beyond
    ]
    assert not upwards, "; ".join(upwards)


def test_no_circle_between_modules():
    try:
        TopologicalSorter(IMPORTS).prepare()
    except CycleError as error:
        pytest.fail(" ← ".join(error.args[1]))


# ---- notebooks


class Notebook:
    "A notebook: its number, the module it writes, and the modules that its cells import."

    def __init__(self, chapter):
        self.name, self.code = chapter.name, chapter.page.tree
        self.folder, _, file = chapter.name.rpartition("/")
        number = re.match(r"(\d+)_", file)
        self.number = int(number[1]) if number else None
        written = re.search(r"^#\| ?default_exp (\S+)", chapter.page.source, re.M)
        self.module = f"illures_nb.{written[1]}" if written else None

    def imports(self, modules):
        "Those of some modules that its cells import."
        package = (self.module or "illures_nb.").rpartition(".")[0]
        return imports(self.code, package, modules)


NOTEBOOKS = [Notebook(chapter) for chapter in style.chapters()]
FOLDERS = sorted({book.folder for book in NOTEBOOKS})


@pytest.mark.parametrize("folder", FOLDERS)
def test_notebooks_have_numbers_of_their_own(folder):
    numbers = Counter(book.number for book in NOTEBOOKS if book.folder == folder)
    assert None not in numbers, "a notebook without a number"
    assert not [n for n, count in numbers.items() if count > 1]


@pytest.mark.parametrize("folder", FOLDERS)
def test_notebooks_are_numbered_in_the_order_of_imports(folder):
    "No cell imports what a later notebook of the same folder writes."
    books = [book for book in NOTEBOOKS if book.folder == folder]
    writers = {book.module: book for book in books if book.module}
    modules = PATHS.keys() | writers.keys()
    forward = {
        f"{book.name} imports {module} of {writers[module].name}"
        for book in books
        for module in book.imports(modules)
        if module in writers and writers[module].number > book.number
    }
    assert not forward, "; ".join(sorted(forward))


def test_every_module_is_written_by_a_notebook():
    "A folder's `__init__.py` may be written by one, or be empty; three files are written by hand."
    by_hand = {"illures_nb", "illures_nb.__main__", "illures_nb.cli.__main__"}
    with_code = {m for m in PATHS if PATHS[m].name != "__init__.py" or tree_of(m).body}
    written = {book.module.removesuffix(".__init__") for book in NOTEBOOKS if book.module}
    assert with_code - by_hand == written


# ---- the reading itself


@pytest.mark.parametrize(
    "line, package, found",
    [
        ("import illures_nb.light", "", {"illures_nb.light"}),
        ("from illures_nb.light import SHLight", "", {"illures_nb.light"}),
        ("from .light import SHLight", "illures_nb", {"illures_nb.light"}),
        ("from . import light", "illures_nb", {"illures_nb.light"}),
        ("from ..light import SHLight", "illures_nb.synth", {"illures_nb.light"}),
        ("from .. import light", "illures_nb.synth", {"illures_nb.light"}),
        ("from . import raster", "illures_nb.synth", {"illures_nb.synth.raster"}),
        ("from illures_nb import SHLight", "", {"illures_nb.light"}),
        ("from . import Decomposer", "illures_nb", {"illures_nb.decompose"}),
        ("def f():\n    from .light import SHLight", "illures_nb", {"illures_nb.light"}),
        ("if __name__ == '__main__':\n    from .light import SHLight", "illures_nb", set()),
        ("import numpy as np\nfrom torch import nn", "illures_nb", set()),
    ],
)
def test_imports_are_seen(line, package, found):
    assert imports(ast.parse(line), package) == found
