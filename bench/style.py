"""How the code reads, in figures: `make style`. The limits that hold are in tests/test_style.py."""

import ast
import io
import json
import statistics
import sys
import tokenize
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WIDTH = 100  # columns of a line
FULL = 30  # tokens of a line from which on it is hard to read
TOO_FULL = 45  # tokens that no line has, tables of constants aside
SCREEN = 40  # lines of a function

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
        self.constants = set(self.constant_lines())
        self.listed = {
            i
            for node in self.tree.body
            if is_list_of_names(node)
            for i in range(node.lineno, node.end_lineno + 1)
        }

    def constant_lines(self):
        "Numbers of the lines that belong to tables: literals given to names in capitals."
        for node in ast.walk(self.tree):
            if not isinstance(node, ast.Assign):
                continue
            names = [t.id for t in node.targets if isinstance(t, ast.Name)]
            if names and all(n.lstrip("_").isupper() or n == "__all__" for n in names):
                yield from range(node.lineno, node.end_lineno + 1)

    def over(self, limit):
        "Numbers of the lines outside tables with more tokens than a limit."
        return [line for line, n in self.tokens.items() if n > limit and line not in self.constants]

    def wide(self):
        "Numbers of the lines wider than the page."
        lines = enumerate(self.source.splitlines(), 1)
        return [i for i, line in lines if len(line) > WIDTH and i not in self.listed]

    def named_lambdas(self):
        "Numbers of the lines that give a lambda a name."
        return [
            n.lineno
            for n in ast.walk(self.tree)
            if isinstance(n, ast.Assign) and isinstance(n.value, ast.Lambda)
        ]

    def functions(self):
        "Every function and class definition."
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        return [n for n in ast.walk(self.tree) if isinstance(n, kinds)]

    def long_functions(self):
        "Name and lines of each function that does not fit a screen; its arguments and docstring do not count."
        for f in self.functions():
            if isinstance(f, ast.ClassDef):
                continue
            body = f.body[1:] if ast.get_docstring(f) else f.body
            length = f.end_lineno - body[0].lineno + 1 if body else 0
            if length > SCREEN:
                yield f.name, length

    def public(self):
        "Public definitions at the top of the module, and the public methods of its public classes."
        for f in self.tree.body:
            if not isinstance(f, (ast.FunctionDef, ast.ClassDef)) or f.name.startswith("_"):
                continue
            yield f
            if isinstance(f, ast.ClassDef):
                methods = (m for m in f.body if isinstance(m, ast.FunctionDef))
                yield from (m for m in methods if not m.name.startswith("_"))


def package_pages():
    "The package, module by module."
    paths = sorted((ROOT / "illures_nb").rglob("*.py"))
    return [
        Page(str(p.relative_to(ROOT)), p.read_text(encoding="utf-8"))
        for p in paths
        if p.name != "_modidx.py"
    ]


def other_pages():
    "The demo, tests, benchmarks and examples."
    paths = [
        ROOT / "app.py",
        *(
            p
            for folder in ("illures_demo", "tests", "bench", "examples")
            for p in sorted((ROOT / folder).rglob("*.py"))
        ),
    ]
    return [Page(str(p.relative_to(ROOT)), p.read_text(encoding="utf-8")) for p in paths]


@dataclass(frozen=True)
class Chapter:
    "A notebook's cells, by what they are for."

    name: str
    exports: list  # sources of the cells that go into the package
    examples: list  # sources of the others that show something
    wide: int  # lines cut off on the rendered page
    pictures: int


def chapters():
    "The notebooks."
    for path in sorted((ROOT / "nbs").rglob("*.ipynb")):
        if ".ipynb_checkpoints" in path.parts:
            continue
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code = [c for c in cells if c["cell_type"] == "code"]
        sources = ["".join(c["source"]) for c in code]
        exports = [s for s in sources if s.startswith("#| export")]
        hidden = ("#| export", "#| hide", "#| default_exp")
        examples = [
            s for s in sources if not s.startswith(hidden) and not s.lstrip().startswith("assert")
        ]
        wide = sum(len(line) > WIDTH for s in sources for line in s.splitlines())
        shown = [k for c in code for o in c["outputs"] for k in o.get("data", {})]
        yield Chapter(
            str(path.relative_to(ROOT)),
            exports,
            examples,
            wide,
            sum(k.startswith("image/") for k in shown),
        )


def code_lines(source):
    "Lines of a cell that hold code."
    return sum(
        bool(line.strip()) and not line.lstrip().startswith("#") for line in source.splitlines()
    )


def share(part, whole):
    "A share in per cent."
    return f"{100 * part / max(whole, 1):.1f} %"


def report(pages, title):
    "Print the figures of some pages."
    lines = sum(len(p.tokens) for p in pages)
    per_line = sorted(n for p in pages for n in p.tokens.values())
    full, too_full = (sum(len(p.over(limit)) for p in pages) for limit in (FULL, TOO_FULL))
    print(f"{title}: {len(pages)} files, {lines:,} lines of code")
    print(
        f"  lines over {FULL} tokens: {full} ({share(full, lines)}), over {TOO_FULL}: {too_full}; 90th percentile {per_line[int(0.9 * len(per_line))]}"
    )
    print(
        f"  lines over {WIDTH} columns: {sum(len(p.wide()) for p in pages)}, semicolons: {sum(p.semicolons for p in pages)}, "
        f"lambdas with names: {sum(len(p.named_lambdas()) for p in pages)}"
    )
    long = [(n, f"{p.name}:{name}") for p in pages for name, n in p.long_functions()]
    print(
        f"  functions over {SCREEN} lines: {len(long)}",
        *(f"{name} {n}" for n, name in sorted(long, reverse=True)[:6]),
        sep="  ",
    )
    worst = sorted(pages, key=lambda p: -len(p.over(FULL)))[:6]
    print("  most full lines:", ", ".join(f"{p.name} {len(p.over(FULL))}" for p in worst))


def main():
    package = package_pages()
    report(package, "package")
    report(other_pages(), "demo, tests, benchmarks, examples")
    public = [f for p in package for f in p.public()]
    told = sum(ast.get_docstring(f) is not None for f in public)
    print(f"public names with a docstring: {share(told, len(public))} of {len(public)}")
    longest = sorted(package, key=lambda p: -len(p.source.splitlines()))[:6]
    print("longest modules:", ", ".join(f"{p.name} {len(p.source.splitlines())}" for p in longest))
    books = list(chapters())
    exports, examples = (
        sum(len(getattr(b, kind)) for b in books) for kind in ("exports", "examples")
    )
    lengths = [code_lines(s) for b in books for s in b.examples]
    print(
        f"notebooks: {len(books)}, export cells : example cells = 1 : {examples / max(exports, 1):.1f}, "
        f"example cell median {statistics.median(lengths):.0f} lines, lines cut off on the page {sum(b.wide for b in books)}, "
        f"without a picture: {', '.join(b.name for b in books if not b.pictures) or 'none'}"
    )


if __name__ == "__main__":
    sys.exit(main())
