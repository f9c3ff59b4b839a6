"""How the code reads, in figures: `make style`. The limits that hold are in tests/test_style.py."""

import ast
import io
import json
import re
import signal
import statistics
import tokenize
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WIDTH = 100  # columns of a line
FULL = 30  # tokens of a line from which on it is hard to read
TOO_FULL = 45  # tokens that no line has, tables of constants aside
SCREEN = 40  # lines of a function
END = "## What must hold"  # where a chapter gathers its assertions

NO_TOKEN = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
}


def is_list_of_names(node):
    "Whether a statement is the `__all__` that nbdev writes."
    return isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__"


def is_table(node):
    "Whether a statement gives something to names in capitals."
    if not isinstance(node, ast.Assign):
        return False
    names = [t.id for t in node.targets if isinstance(t, ast.Name)]
    return bool(names) and all(n.lstrip("_").isupper() or n == "__all__" for n in names)


def is_wide(line):
    "Whether a line does not fit; what is said to ruff at its end does not count."
    return len(re.sub(r" +# noqa\b.*", "", line)) > WIDTH


def lines_of(node):
    "Numbers of the lines of a statement."
    return range(node.lineno, node.end_lineno + 1)


@dataclass
class Page:
    "A file's code and what was measured of it."

    name: str
    source: str
    tokens: dict = field(default_factory=dict)  # line number → tokens on it
    semicolons: int = 0

    def __post_init__(self):
        for token in tokenize.generate_tokens(io.StringIO(self.source).readline):
            docstring = token.type == tokenize.STRING and token.line.strip().startswith(('"', "'"))
            if token.type in NO_TOKEN or docstring:
                continue
            self.tokens[token.start[0]] = self.tokens.get(token.start[0], 0) + 1
            self.semicolons += token.string == ";"
        self.tree = ast.parse(self.source)
        tables = (node for node in ast.walk(self.tree) if is_table(node))
        lists = (node for node in self.tree.body if is_list_of_names(node))
        self.constants = {i for node in tables for i in lines_of(node)}
        self.listed = {i for node in lists for i in lines_of(node)}

    @property
    def length(self):
        "Lines of the file."
        return len(self.source.splitlines())

    def over(self, limit):
        "Numbers of the lines outside tables with more tokens than a limit."
        return [line for line, n in self.tokens.items() if n > limit and line not in self.constants]

    def wide(self):
        "Numbers of the lines wider than the page."
        lines = enumerate(self.source.splitlines(), 1)
        return [i for i, line in lines if is_wide(line) and i not in self.listed]

    def named_lambdas(self):
        "Numbers of the lines that give a lambda a name."
        assigned = (n for n in ast.walk(self.tree) if isinstance(n, ast.Assign))
        return [n.lineno for n in assigned if isinstance(n.value, ast.Lambda)]

    def long_functions(self):
        "Name and lines of each function whose body does not fit a screen."
        functions = (ast.FunctionDef, ast.AsyncFunctionDef)
        for f in (n for n in ast.walk(self.tree) if isinstance(n, functions)):
            body = f.body[1:] if ast.get_docstring(f) else f.body
            length = f.end_lineno - body[0].lineno + 1 if body else 0
            if length > SCREEN:
                yield f.name, length

    def public(self):
        "Name and definition of what is public at the top of the module, and in its public classes."
        for f in self.tree.body:
            if not isinstance(f, (ast.FunctionDef, ast.ClassDef)) or f.name.startswith("_"):
                continue
            yield f.name, f
            for m in f.body if isinstance(f, ast.ClassDef) else ():
                if isinstance(m, ast.FunctionDef) and not m.name.startswith("_"):
                    yield f"{f.name}.{m.name}", m


def page(path):
    "A file of Python as a page."
    return Page(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))


def package_pages():
    "Read the package, module by module."
    paths = sorted((ROOT / "illures_nb").rglob("*.py"))
    return [page(p) for p in paths if p.name != "_modidx.py"]


def other_pages():
    "Read the demo, tests, benchmarks, examples and the static page's builder."
    folders = ("illures_demo", "tests", "bench", "examples", "web")
    paths = [p for folder in folders for p in sorted((ROOT / folder).rglob("*.py"))]
    return [page(p) for p in (ROOT / "app.py", ROOT / "setup.py", *paths)]


# ---- notebooks


@dataclass(frozen=True)
class Chapter:
    "A notebook's code, cell by cell."

    name: str
    cells: list  # sources
    pictures: int  # in the outputs
    early: list  # sources of cells that assert something before the heading END

    @property
    def exports(self):
        "The cells that go into the package."
        return [s for s in self.cells if s.startswith("#| export")]

    @property
    def examples(self):
        "The other cells that show something."
        others = ("#| export", "#| hide", "#| default_exp", "assert")
        return [s for s in self.cells if not s.lstrip().startswith(others)]

    @property
    def wide(self):
        "Lines cut off on the rendered page."
        return [line for s in self.cells for line in s.splitlines() if is_wide(line)]

    @property
    def page(self):
        "All cells as one page; Jupyter's own commands do nothing there."
        source = "\n\n".join(s.removesuffix("\n") for s in self.cells) + "\n"
        return Page(self.name, source_of({"source": source}))


def source_of(cell):
    "A cell's text; Jupyter's own commands do nothing there."
    return re.sub(r"^( *)[%!].*$", r"\1pass", "".join(cell["source"]), flags=re.M)


def asserts(node):
    "Whether code asserts something when it is run, not in a function that is called later."
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return False
    return isinstance(node, ast.Assert) or any(map(asserts, ast.iter_child_nodes(node)))


def early_assertions(cells):
    "The code cells that assert something before the heading END."
    early = []
    for cell in cells:
        if cell["cell_type"] == "markdown" and END in source_of(cell):
            break
        if cell["cell_type"] == "code" and asserts(ast.parse(source_of(cell))):
            early.append(source_of(cell))
    return early


def chapters():
    "Read the notebooks."
    for path in sorted((ROOT / "nbs").rglob("*.ipynb")):
        if re.search(r"[/\\][._]", str(path.relative_to(ROOT))):
            continue
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code = [c for c in cells if c["cell_type"] == "code"]
        shown = [kind for c in code for o in c["outputs"] for kind in o.get("data", {})]
        pictures = sum(kind.startswith("image/") for kind in shown)
        name, sources = path.relative_to(ROOT).as_posix(), ["".join(c["source"]) for c in code]
        yield Chapter(name, sources, pictures, early_assertions(cells))


def code_lines(source):
    "Lines of a cell that hold code."
    lines = (line.strip() for line in source.splitlines())
    return sum(bool(line) and not line.startswith("#") for line in lines)


# ---- the report


def share(part, whole):
    "A share in per cent."
    return f"{100 * part / max(whole, 1):.1f} %"


def report(pages, title):
    "Print the figures of some pages."
    lines = sum(len(p.tokens) for p in pages)
    per_line = sorted(n for p in pages for n in p.tokens.values())
    full, too_full = (sum(len(p.over(limit)) for p in pages) for limit in (FULL, TOO_FULL))
    wide = sum(len(p.wide()) for p in pages)
    lambdas = sum(len(p.named_lambdas()) for p in pages)
    print(f"{title}: {len(pages)} files, {lines:,} lines of code")
    print(f"  lines over {FULL} tokens: {full} ({share(full, lines)}), over {TOO_FULL}: {too_full}")
    print(f"  tokens of a line, 90th percentile: {per_line[int(0.9 * len(per_line))]}")
    semicolons = sum(p.semicolons for p in pages)
    print(f"  lines over {WIDTH} columns: {wide}, semicolons: {semicolons}", end=", ")
    print(f"lambdas with names: {lambdas}")
    long = [(n, f"{p.name}:{f}") for p in pages for f, n in p.long_functions()]
    longest = (f"{name} {n}" for n, name in sorted(long, reverse=True)[:6])
    print(f"  functions over {SCREEN} lines: {len(long)}", *longest, sep="  ")
    worst = sorted(pages, key=lambda p: -len(p.over(FULL)))[:6]
    print("  most full lines:", ", ".join(f"{p.name} {len(p.over(FULL))}" for p in worst))


def report_chapters(books):
    "Print the figures of the notebooks."
    exports = sum(len(b.exports) for b in books)
    lengths = [code_lines(s) for b in books for s in b.examples]
    ratio = len(lengths) / max(exports, 1)
    print(f"notebooks: {len(books)}, export cells : example cells = 1 : {ratio:.1f}")
    print(f"  example cell, median: {statistics.median(lengths):.0f} lines")
    print(f"  lines cut off on the page: {sum(len(b.wide) for b in books)}")
    print(f"  cells that assert before “What must hold”: {sum(len(b.early) for b in books)}")
    print("  without a picture:", ", ".join(b.name for b in books if not b.pictures) or "none")


def main():
    package, books = package_pages(), list(chapters())
    report(package, "package")
    report([b.page for b in books], "notebooks")
    report(other_pages(), "demo, tests, benchmarks, examples")
    public = [f for p in package for _, f in p.public()]
    documented = sum(ast.get_docstring(f) is not None for f in public)
    print(f"public names with a docstring: {share(documented, len(public))} of {len(public)}")
    longest = sorted(package, key=lambda p: -p.length)[:6]
    print("longest modules:", ", ".join(f"{p.name} {p.length}" for p in longest))
    report_chapters(books)


if __name__ == "__main__":
    if hasattr(signal, "SIGPIPE"):  # `| head` is no error; any Python runs this, without packages
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    main()
