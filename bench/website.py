"""The site: `make docs` builds _docs/ out of README, lessons, chapters, docs, cards and docstrings.

Pages keep their places in the repository, so that links between them hold; what is linked and no
page of the site is linked where the code lives. Signatures are the code's own, with what it says of
arguments: nothing is imported. pandoc sets the pages; layout and search are in bench/website. The
site loads nothing from elsewhere."""

import ast
import base64
import html
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from configparser import ConfigParser
from pathlib import Path, PurePosixPath
from string import Template

from contents import PARTS, chapters

ROOT = Path(__file__).resolve().parents[1]
LAYOUT = Path(__file__).with_suffix("")  # a folder
SITE = ROOT / "_docs"
INI = ConfigParser(delimiters=["="])
INI.read(ROOT / "settings.ini", encoding="utf-8")
GIT = f"https://github.com/{INI['DEFAULT']['user']}/{INI['DEFAULT']['repo']}"
CODE = f"{GIT}/blob/{INI['DEFAULT']['branch']}"
TEXTS = "README.md CHANGELOG.md CONTRIBUTING.md nbs/README.md illures_nb/weights/README.md".split()
FOLDERS = "docs", "runs"  # of texts
PICTURES = {".png", ".jpg", ".gif", ".svg", ".webp"}


def write(path, content):
    "Lay a file of the site."
    place = SITE / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content if isinstance(content, bytes) else content.encode())


# ---- links


LINK = re.compile(r"(?<=\]\()[^)\s]+(?=\))|(?<=src=\")[^\"]+(?=\")")


def place_of(path):
    "Where a page is on the site: a README is its folder's first page."
    path = PurePosixPath(path)
    return path.with_name("index.html") if path.name == "README.md" else path.with_suffix(".html")


def relinked(text, page, pages):
    "A page's text with links that hold on the site; pictures that it shows are laid there, too."

    def target(match):
        link = match[0]
        if "://" in link or link.startswith(("#", "data:", "mailto:")):
            return link
        name, mark, part = link.partition("#")
        path = PurePosixPath(os.path.normpath(page.parent / name))
        if path in pages:
            return os.path.relpath(place_of(path), page.parent) + mark + part
        if path.suffix in PICTURES:
            write(path, (ROOT / path).read_bytes())
            return link
        return f"{CODE}/{path}{mark}{part}"

    return LINK.sub(target, text)


# ---- texts


def texts():
    "Texts that become pages, as paths in the repository."
    found = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.md"))]
    names = [*TEXTS, *(path.relative_to(ROOT).as_posix() for path in found)]
    return list(map(PurePosixPath, names))


def text_page(page, pages):
    "A text's title, subtitle and Markdown."
    text = (ROOT / page).read_text(encoding="utf-8")
    text = re.sub(r"\A---\n.*?\n---\n+", "", text, flags=re.S)  # what Hugging Face reads
    title = re.match(r"# (.+)\n", text)
    return title[1], "", relinked(text[title.end() :], page, pages)


# ---- notebooks


UNREAD = re.compile(r"^#\| ?(hide|default_exp)\b", re.M)
DIRECTIVE = re.compile(r"^#\| ?(export|slow|gpu)\b.*\n?", re.M)
BADGE = re.compile(r"\[!\[Open in Colab\]\([^)]+\)\]\(([^)]+)\)")
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")  # colours of a terminal


def notebooks():
    "Notebooks that become pages → their modules, or ''."
    found = {}
    for folder in dict.fromkeys(part[0] for part in PARTS):
        for _, place, _, module, _ in chapters(folder):
            found[PurePosixPath(f"nbs/{place}")] = module.strip("`")
    return found


def fenced(text, kind):
    "Text as it stands."
    fence = "`" * max(3, 1 + max(map(len, re.findall(r"`+", text)), default=0))
    return f"{fence}{{.{kind}}}\n{text.rstrip()}\n{fence}\n"


def shown(output, page, number):
    "What a cell put out, as Markdown: of several kinds the one that shows most."
    if output["output_type"] == "stream":
        return fenced(ESCAPES.sub("", "".join(output["text"])), "output")
    data = {kind: "".join(x) for kind, x in output["data"].items() if isinstance(x, (str, list))}
    for kind, suffix in {"image/png": ".png", "image/jpeg": ".jpg"}.items():
        if kind in data:
            name = f"{page.stem}_{number}{suffix}"
            write(page.with_name(name), base64.b64decode(data[kind]))
            return f"![]({name})\n"
    if "text/html" in data:
        return f"```{{=html}}\n{data['text/html']}\n```\n"
    if "text/markdown" in data:
        return data["text/markdown"] + "\n"
    return fenced(data.get("text/plain", ""), "output")


def introduced(source, page, module):
    "Title and subtitle of a notebook, the rest of its first cell, and where code and names are."
    title, subtitle = (re.search(rf"^{mark} (.+)", source, re.M)[1] for mark in "#>")
    (colab,) = BADGE.findall(source)
    rest = BADGE.sub("", re.sub(r"\A# .+\n+> .+\n", "", source)).strip()
    links = [f"[open in Colab]({colab})", f"[the notebook]({CODE}/{page})"]
    if module:
        there = os.path.relpath(api_place(module), page.parent)
        links.insert(0, f"[signatures of `{module}`]({there}#{module})")
    return title, subtitle, f"{rest}\n\n::: where\n{' · '.join(links)}\n:::\n"


def notebook_page(page, pages, module):
    "A notebook's title, subtitle and Markdown: what was printed and drawn is below its cell."
    cells = json.loads((ROOT / page).read_text(encoding="utf-8"))["cells"]
    first, *cells = ({**cell, "source": "".join(cell["source"])} for cell in cells)
    title, subtitle, words = introduced(first["source"], page, module)
    parts = [relinked(words, page, pages)]
    for cell in cells:
        if cell["cell_type"] == "markdown":
            parts.append(relinked(cell["source"], page, pages) + "\n")
        elif cell["cell_type"] == "code" and not UNREAD.search(cell["source"]):
            parts.append(fenced(DIRECTIVE.sub("", cell["source"]), "python"))
            for output in cell["outputs"]:
                parts.append(shown(output, page, len(parts)))
    return title, subtitle, "\n".join(parts)


# ---- signatures


def slug(title):
    return re.sub(r"\W+", "-", title.lower()).strip("-")


def api_parts():
    "Part of the book → its modules."
    found = {}
    for folder, first, last, title, _ in PARTS:
        names = [c[3].strip("`") for c in chapters(folder) if first <= c[0] <= last]
        if any(names):
            found[title] = list(filter(None, names))
    return found


API = api_parts()
NAMED = ast.FunctionDef, ast.ClassDef


def api_place(module):
    "The page on which a module's names are."
    (part,) = (title for title, names in API.items() if module in names)
    return PurePosixPath("api") / f"{slug(part)}.html"


def as_written(node, lines):
    "A definition's lines up to its document: arguments and answer with what is said of them."
    first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
    return lines[first - 1 : node.body[0].lineno - 1]


def documented(name, node, lines, level):
    "A function's or class' heading, signature and document."
    code = as_written(node, lines)
    if isinstance(node, ast.ClassDef):
        fields = [one for one in node.body if isinstance(one, ast.AnnAssign)]
        begin = [one for one in node.body if getattr(one, "name", "") == "__init__"]
        code = [*code, *(line for one in fields for line in lines[one.lineno - 1 : one.end_lineno])]
        code += [line for one in begin for line in as_written(one, lines)]
    heading = f"{'#' * level} `{node.name}` {{#{name}}}"
    words = ast.get_docstring(node) or ""
    return f"{heading}\n\n{words}\n\n{fenced(textwrap.dedent(chr(10).join(code)), 'python')}"


def module_api(module):
    "What a module defines and tells others of, as its code says it."
    path = ROOT.joinpath(*module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    source = path.read_text(encoding="utf-8")
    tree, lines = ast.parse(source), source.splitlines()
    defined = {node.name: node for node in tree.body if isinstance(node, NAMED)}
    parts = [f"## `{module}` {{#{module}}}\n\n{ast.get_docstring(tree)}\n"]
    for name, node in defined.items():
        if name.startswith("_"):
            continue
        parts.append(documented(f"{module}.{name}", node, lines, 3))
        methods = node.body if isinstance(node, ast.ClassDef) else ()
        for one in methods:
            if isinstance(one, ast.FunctionDef) and not one.name.startswith("_"):
                parts.append(documented(f"{module}.{name}.{one.name}", one, lines, 4))
    return "\n".join(parts)


def api_page(title):
    "Title, subtitle and Markdown of a part's signatures."
    words = "What can be imported, with arguments and answers as their authors say them"
    return f"Signatures: {title.lower()}", words, "\n".join(map(module_api, API[title]))


# ---- the order of the pages


GUIDES = [f"docs/{name}.md" for name in "photos clips demo pipelines synthetic training".split()]
REFERENCE = ["docs/conventions.md", "docs/papers.md", "illures_nb/weights/README.md"]
RECORDS = ["docs/measured.md", "docs/lab.md", "CHANGELOG.md", "CONTRIBUTING.md"]


def order(pages):
    "Section → places of its pages, in the order of reading."
    inside = {
        title: [place_of(f"nbs/{c[1]}") for c in chapters(folder) if first <= c[0] <= last]
        for folder, first, last, title, _ in PARTS
    }
    course, *book = inside
    found = {"": [place_of("README.md")]}
    found[course] = [*inside[course], place_of("docs/teaching.md")]
    found["Guides"] = list(map(place_of, GUIDES))
    found["The book"] = [place_of("nbs/README.md")]
    found |= {title: inside[title] for title in book}
    found["Signatures"] = [PurePosixPath(f"api/{slug(title)}.html") for title in API]
    found["Reference"] = list(map(place_of, REFERENCE))
    found["Records"] = list(map(place_of, RECORDS))
    listed = {place for places in found.values() for place in places}
    found["Records"] += sorted(set(pages) - listed)
    return found


def listed(place, titles, here):
    "A line of the list beside a page."
    current = ' aria-current="page"' if place == here else ""
    link = os.path.relpath(place, here.parent)
    return f'<li><a href="{link}"{current}>{html.escape(titles[place])}</a></li>'


def contents_beside(sections, titles, here):
    "The list beside a page: the section that it is in is open."
    parts = []
    for section, places in sections.items():
        lines = "".join(listed(place, titles, here) for place in places)
        if section:
            is_open = " open" if here in places else ""
            head = f"<details{is_open}><summary>{html.escape(section)}</summary>"
            lines = f"<li>{head}<ul>{lines}</ul></details></li>"
        parts.append(lines)
    return f"<ul>{''.join(parts)}</ul>"


# ---- setting


MARKDOWN = "markdown+lists_without_preceding_blankline+gfm_auto_identifiers-citations"
PARTED = "<!-- contents above, text below -->"
HEADING = re.compile(r'<h[1-6][^>]* id="([^"]*)"[^>]*>(.*?)</h[1-6]>', re.S)
LONGEST = 1500  # letters of a section that are searched


def pandoc():
    "The program that sets pages."
    try:
        import pypandoc
    except ImportError:
        sys.exit("pandoc is missing here: pip install '.[docs]'")
    return pypandoc.get_pandoc_path()


def typeset(program, markdown):
    "HTML of a page's contents and of its text."
    settings = ["--from", MARKDOWN, "--to", "html5", "--mathml", "--toc", "--toc-depth=3"]
    template = ["--template", LAYOUT / "parts.html", "--wrap=none", "--quiet"]
    call = [program, *settings, *template, "--metadata", "title=-"]
    done = subprocess.run(call, input=markdown, capture_output=True, text=True, check=True)
    return done.stdout.split(PARTED)


def plain(text):
    "The words of HTML."
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))).strip()


def indexed(place, title, body):
    "What the search knows of a page: link, title, heading and words of every section."
    pieces = HEADING.split(body)  # text, id, heading, text, id, heading, text, …
    entries = [[str(place), title, "", plain(pieces[0])[:LONGEST]]]
    for anchor, heading, text in zip(pieces[1::3], pieces[2::3], pieces[3::3]):
        entries.append([f"{place}#{anchor}", title, plain(heading), plain(text)[:LONGEST]])
    return entries


def turn(word, place, here, titles):
    "A link to the page before or after."
    if place is None:
        return "<span></span>"
    link = os.path.relpath(place, here.parent)
    return f'<a href="{link}">{word} {html.escape(titles[place])}</a>'


def lay_page(place, page, parts, sections, titles):
    "Write a page with everything around it."
    title, subtitle, _ = page
    run = [one for places in sections.values() for one in places]
    at = run.index(place)
    before = run[at - 1] if at else None
    after = run[at + 1] if at + 1 < len(run) else None
    contents, body = parts
    layout = Template((LAYOUT / "page.html").read_text(encoding="utf-8"))
    text = layout.substitute(
        title=html.escape(title.replace("`", "")),
        subtitle=f'<p class="subtitle">{html.escape(subtitle)}</p>' if subtitle else "",
        root=os.path.relpath(".", place.parent),
        code=GIT,
        nav=contents_beside(sections, titles, place),
        body=body,
        toc=contents,
        before=turn("←", before, place, titles),
        after=turn("→", after, place, titles),
    )
    write(place, text)


def gathered():
    "Place → title, subtitle and Markdown of every page."
    books = notebooks()
    sources = {*texts(), *books}
    found = {place_of(page): text_page(page, sources) for page in texts()}
    found |= {place_of(p): notebook_page(p, sources, module) for p, module in books.items()}
    found |= {PurePosixPath(f"api/{slug(title)}.html"): api_page(title) for title in API}
    return found


def main():
    shutil.rmtree(SITE, ignore_errors=True)
    program, index = pandoc(), []
    pages = gathered()
    titles = {place: page[0].replace("`", "") for place, page in pages.items()}
    sections = order(pages)
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # each waits for a pandoc
        typesets = list(pool.map(lambda page: typeset(program, page[2]), pages.values()))
    for (place, page), parts in zip(pages.items(), typesets):
        lay_page(place, page, parts, sections, titles)
        index += indexed(place, titles[place], parts[1])
    write("index.js", f"window.SITE_INDEX = {json.dumps(index, ensure_ascii=False)}")
    for name in ("style.css", "search.js"):
        write(name, (LAYOUT / name).read_bytes())
    print(f"{len(pages)} pages: {SITE / 'index.html'}")


if __name__ == "__main__":
    main()
