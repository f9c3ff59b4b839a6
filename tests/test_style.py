"How the code must read: the limits whose figures `make style` prints (bench/style.py)."

import ast

import pytest
import style

LONGEST_MODULE = 600  # lines
LONGEST_CELL = 60  # lines
LONGEST_CLASS = 270  # lines of a cell that is one class of short methods
FULL_SHARE = 0.03  # of all lines of code

CHAPTERS = list(style.chapters())
PACKAGE = style.package_pages()
PAGES = {
    "package": PACKAGE,
    "notebooks": [chapter.page for chapter in CHAPTERS],
    "others": style.other_pages(),
}
every_page = pytest.mark.parametrize("pages", PAGES.values(), ids=PAGES)


def said(found):
    "Places, one a line."
    return f"{len(found)} places:\n  " + "\n  ".join(map(str, found))


def begins_well(text):
    return bool(text) and not text[0].islower()


@every_page
def test_lines_fit_the_page(pages):
    wide = [f"{p.name}:{line}" for p in pages for line in p.wide()]
    assert not wide, said(wide)


@every_page
def test_a_line_is_one_statement(pages):
    several = [f"{p.name}: {p.semicolons}" for p in pages if p.semicolons]
    assert not several, said(several)


@every_page
def test_functions_with_a_name_are_defined(pages):
    lambdas = [f"{p.name}:{line}" for p in pages for line in p.named_lambdas()]
    assert not lambdas, said(lambdas)


@every_page
def test_no_line_is_too_full(pages):
    full = [f"{p.name}:{line}" for p in pages for line in p.over(style.TOO_FULL)]
    assert not full, said(full)


@every_page
def test_few_lines_are_full(pages):
    full = [f"{p.name}:{line}" for p in pages for line in p.over(style.FULL)]
    lines = sum(len(p.tokens) for p in pages)
    assert len(full) <= FULL_SHARE * lines, said(full)


@every_page
def test_a_function_fits_a_screen(pages):
    long = [f"{p.name}:{name} has {n} lines" for p in pages for name, n in p.long_functions()]
    assert not long, said(long)


def test_no_module_is_a_giant():
    giants = [f"{p.name} has {p.length} lines" for p in PACKAGE if p.length > LONGEST_MODULE]
    assert not giants, said(giants)


def is_one_class(source):
    "Is a cell one class, which may be a long cell of short methods?"
    try:
        body = ast.parse(source).body
    except SyntaxError:  # a shell command
        return False
    return len(body) == 1 and isinstance(body[0], ast.ClassDef)


def test_no_cell_is_endless():
    long = []
    for chapter in CHAPTERS:
        for cell in chapter.cells:
            lines, limit = (
                len(cell.splitlines()),
                LONGEST_CLASS if is_one_class(cell) else LONGEST_CELL,
            )
            if lines > limit:
                long.append(f"{chapter.name}: {lines} lines: {cell.splitlines()[1]}")
    assert not long, said(long)


def test_every_public_name_says_what_it_is():
    "Its docstring begins with a word in upper case or a name in backticks."
    public = [(f"{p.name}:{name}", f) for p in PACKAGE for name, f in p.public()]
    texts = {name: ast.get_docstring(f) or "" for name, f in public if f.name != "forward"}
    wrong = [f"{name}: {t[:40] or 'nothing'}" for name, t in texts.items() if not begins_well(t)]
    assert not wrong, said(wrong)


def test_every_chapter_has_a_picture():
    assert not [chapter.name for chapter in CHAPTERS if not chapter.pictures]


def test_chapters_assert_at_their_end():
    "Under the heading “What must hold”, not between sentences and pictures."
    early = [f"{chapter.name}: {cell[:60]}" for chapter in CHAPTERS for cell in chapter.early]
    assert not early, said(early)


# ---- the measuring itself


def test_full_lines_are_seen_and_tables_are_not():
    numbers = ", ".join("1" * 20)
    measured = style.Page("x", f"x = [{numbers}]\nTABLE = [{numbers}]\n'one docstring, and more'\n")
    assert measured.over(30) == [1] and measured.over(50) == []
    assert measured.tokens[1] == 2 + 2 + 39


def test_lambdas_and_semicolons_are_seen():
    measured = style.Page("x", "f = lambda x: x\ng(key=lambda x: x); h()\ntext = ';'\n")
    assert measured.named_lambdas() == [1] and measured.semicolons == 1


def test_a_function_is_as_long_as_its_body():
    body = "    pass\n" * 41
    page = style.Page("x", f'def f(\n    a,\n    b,\n):\n    "Say it."\n{body}\n')
    assert list(page.long_functions()) == [("f", 41)]
    assert list(style.Page("x", page.source.replace("    pass\n", "", 1)).long_functions()) == []


def test_assertions_before_the_end_are_seen():
    def code(source):
        return {"cell_type": "code", "source": [source]}

    end = {"cell_type": "markdown", "source": ["## What must hold"]}
    in_function = code("def f():\n    assert True\n")
    early = code("for x in y:\n    assert x\n")
    late = code("assert x")
    assert style.early_assertions([in_function, early, end, late]) == [
        "for x in y:\n    assert x\n"
    ]
