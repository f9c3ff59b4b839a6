"""The site: `make docs` builds _docs/ out of README, lessons, chapters, docs, cards and docstrings.

Pages keep their places in the repository, so that links between them hold; what is linked and no
page of the site is linked where the code lives. nbdev documents the names."""

import base64
import importlib
import inspect
import json
import os
import re
import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path, PurePosixPath

from contents import PARTS, chapters

ROOT = Path(__file__).resolve().parents[1]
STAGE, SITE = ROOT / "_proc", ROOT / "_docs"
INI = ConfigParser(delimiters=["="])
INI.read(ROOT / "settings.ini", encoding="utf-8")
CFG = INI["DEFAULT"]
CODE = f"{CFG['git_url']}/blob/{CFG['branch']}"
TEXTS = "README.md CHANGELOG.md CONTRIBUTING.md nbs/README.md illures_nb/weights/README.md".split()
FOLDERS = "docs", "runs"  # of texts
PICTURES = {".png", ".jpg", ".gif", ".svg", ".webp"}


# ---- links


LINK = re.compile(r"(?<=\]\()[^)\s]+(?=\))|(?<=src=\")[^\"]+(?=\")")


def place_of(path):
    "Where a file of the repository is on the site: a README is its folder's first page."
    path = PurePosixPath(path)
    return path.with_name("index.md") if path.name == "README.md" else path.with_suffix(".md")


def relinked(text, page, pages):
    "A page's text with links that hold on the site; pictures that it shows are laid there, too."

    def target(match):
        link = match[0]
        if "://" in link or link.startswith(("#", "data:", "mailto:")):
            return link
        name, mark, part = link.partition("#")
        path = PurePosixPath(os.path.normpath(page.parent / name))
        if path in pages:
            return os.path.relpath(place_of(path), place_of(page).parent) + mark + part
        if path.suffix in PICTURES:
            write(path, (ROOT / path).read_bytes())
            return link
        return f"{CODE}/{path}{mark}{part}"

    return LINK.sub(target, text)


def write(path, content):
    "Lay a file of the site."
    place = STAGE / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content if isinstance(content, bytes) else content.encode())


def front(**matter):
    "YAML before a page."
    lines = (f"{name}: {json.dumps(text, ensure_ascii=False)}\n" for name, text in matter.items())
    return f"---\n{''.join(lines)}---\n\n"


# ---- texts


def texts():
    "Texts that become pages, as paths in the repository."
    found = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.md"))]
    names = [*TEXTS, *(path.relative_to(ROOT).as_posix() for path in found)]
    return list(map(PurePosixPath, names))


def text_page(page, pages):
    "A text as a page."
    text = (ROOT / page).read_text(encoding="utf-8")
    text = re.sub(r"\A---\n.*?\n---\n+", "", text, flags=re.S)  # what Hugging Face reads
    title = re.match(r"# (.+)\n", text)
    return front(title=title[1]) + relinked(text[title.end() :], page, pages)


# ---- notebooks


UNREAD = re.compile(r"^#\| ?(hide|default_exp)\b", re.M)
DIRECTIVE = re.compile(r"^#\| ?(export|slow|gpu)\b.*\n?", re.M)
BADGE = re.compile(r"\[!\[Open in Colab\]\([^)]+\)\]\(([^)]+)\)")
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")  # colours of a terminal


def notebooks():
    "Notebooks that become pages, as paths in the repository."
    found = sorted((ROOT / "nbs").rglob("[0-9]*.ipynb"))
    return [PurePosixPath(path.relative_to(ROOT).as_posix()) for path in found]


def fenced(text, kind):
    "Text as it stands."
    longest = max(map(len, re.findall(r"`+", text)), default=2)
    fence = "`" * max(3, longest + 1)
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
        return data["text/markdown"]
    return fenced(data.get("text/plain", ""), "output")


def introduced(source, page, module):
    "A notebook's first cell: front matter, what else it says, where code and signatures are."
    title, subtitle = (re.search(rf"^{mark} (.+)", source, re.M)[1] for mark in "#>")
    (colab,) = BADGE.findall(source)
    rest = BADGE.sub("", re.sub(r"\A# .+\n+> .+\n", "", source)).strip()
    links = [f"[Open in Colab]({colab})", f"[notebook]({CODE}/{page})"]
    if module:
        there = os.path.relpath(api_place(module), page.parent)
        links.insert(0, f"[`{module}`]({there}#{module})")
    return f"{front(title=title, subtitle=subtitle)}{rest}\n\n{' · '.join(links)}\n{{.where}}\n"


def notebook_page(page, pages, module):
    "A notebook as a page: what was printed and drawn stands below its cell."
    cells = json.loads((ROOT / page).read_text(encoding="utf-8"))["cells"]
    first, *cells = ({**cell, "source": "".join(cell["source"])} for cell in cells)
    parts = [relinked(introduced(first["source"], page, module), page, pages)]
    for cell in cells:
        if cell["cell_type"] == "markdown":
            parts.append(relinked(cell["source"], page, pages) + "\n")
        elif cell["cell_type"] == "code" and not UNREAD.search(cell["source"]):
            parts.append(fenced(DIRECTIVE.sub("", cell["source"]), "python"))
            for output in cell["outputs"]:
                parts.append(shown(output, page, len(parts)))
    return "\n".join(parts)


# ---- signatures


def slug(title):
    return re.sub(r"\W+", "-", title.lower()).strip("-")


def api_parts():
    "Part of the book → its modules."
    found = {}
    for folder, first, last, title, _ in PARTS:
        names = [c[3].strip("`") for c in chapters(folder) if first <= c[0] <= last]
        found[title] = [name for name in names if name]
    return {title: names for title, names in found.items() if names}


def api_place(module):
    "The page on which a module's names are."
    (part,) = (title for title, names in api_parts().items() if module in names)
    return PurePosixPath("api") / f"{slug(part)}.md"


def documented(name, thing, level):
    "A function's or class' heading, signature and document, as nbdev writes them."
    from fastcore.docments import MarkdownRenderer

    words = MarkdownRenderer(thing, title_level=level)._repr_markdown_()
    heading = f"{'#' * level} `{name.rpartition('.')[2]}` {{#{name}}}"
    return f"{heading}\n\n{words}\n"


def module_api(module):
    "What a module defines and tells others of."
    home = importlib.import_module(module)
    parts = [f"## `{module}` {{#{module}}}\n\n{home.__doc__ or ''}\n"]
    for name in home.__all__:
        thing = getattr(home, name)
        is_own = getattr(thing, "__module__", None) == module
        if not (is_own and (inspect.isfunction(thing) or inspect.isclass(thing))):
            continue
        parts.append(documented(f"{module}.{name}", thing, 3))
        members = vars(thing).items() if inspect.isclass(thing) else ()
        for member, value in members:
            value = getattr(value, "__func__", value)
            if inspect.isfunction(value) and not member.startswith("_") and value.__doc__:
                parts.append(documented(f"{module}.{name}.{member}", value, 4))
    return "\n".join(parts)


# ---- the whole


GUIDES = [f"docs/{name}.md" for name in "photos clips demo pipelines synthetic training".split()]
REFERENCE = ["docs/conventions.md", "docs/papers.md", "illures_nb/weights/index.md"]
RECORDS = ["docs/measured.md", "docs/lab.md", "CHANGELOG.md", "CONTRIBUTING.md"]


def section(title, contents):
    return {"section": title, "contents": list(map(str, contents))}


def sidebar():
    "What stands beside every page: lessons, guides, the book by part, signatures, records."
    inside = {
        title: [place_of(f"nbs/{c[1]}") for c in chapters(folder) if first <= c[0] <= last]
        for folder, first, last, title, _ in PARTS
    }
    (course, lessons), *book = inside.items()
    parts = [section(title, places) for title, places in book]
    return [
        "index.md",
        section(course, [*lessons, "docs/teaching.md"]),
        section("Guides", GUIDES),
        {"section": "The book", "contents": ["nbs/index.md", *parts]},
        section("Signatures", [f"api/{slug(title)}.md" for title in api_parts()]),
        section("Reference", REFERENCE),
        section("Records", RECORDS),
    ]


MARKDOWN = "markdown+lists_without_preceding_blankline+gfm_auto_identifiers-citations"
FORMAT = {
    "from": MARKDOWN,
    "theme": "cosmo",
    "css": "website.css",
    "toc": True,
    "toc-depth": 3,
    "html-math-method": "mathml",  # needs nothing from elsewhere
    "code-copy": True,
    "code-overflow": "scroll",
}


def settings():
    "Quarto's settings, in the three files that nbdev parts them into."
    where = f"{CFG['doc_host']}{CFG['doc_baseurl']}" % CFG
    website = {"title": CFG["lib_name"], "description": CFG["description"], "site-url": where}
    website |= {"repo-url": CFG["git_url"], "repo-branch": CFG["branch"]}
    bar = {"style": "docked", "collapse-level": 1, "contents": sidebar()}
    tools = [{"icon": "github", "href": CFG["git_url"], "aria-label": "The code"}]
    navbar = {"search": True, "tools": tools}
    return {
        "_quarto.yml": {
            "project": {"type": "website", "render": ["**/*.md"]},
            "execute": {"enabled": False},
            "format": {"html": FORMAT},
            "website": {"navbar": navbar, "search": True},
            "metadata-files": ["nbdev.yml", "sidebar.yml"],
        },
        "nbdev.yml": {"project": {"output-dir": SITE.name}, "website": website},
        "sidebar.yml": {"website": {"sidebar": bar}},
    }


def stage():
    "Lay everything that Quarto needs."
    shutil.rmtree(STAGE, ignore_errors=True)
    modules = {f"nbs/{c[1]}": c[3].strip("`") for part in PARTS for c in chapters(part[0])}
    pages = {*texts(), *notebooks()}
    for page in texts():
        write(place_of(page), text_page(page, pages))
    for page in notebooks():
        write(place_of(page), notebook_page(page, pages, modules[str(page)]))
    for title, names in api_parts().items():
        body = "\n".join(map(module_api, names))
        write(f"api/{slug(title)}.md", front(title=f"{title}: signatures") + body)
    for name, content in settings().items():
        write(name, json.dumps(content, ensure_ascii=False, indent=1))  # JSON is YAML
    write("website.css", (ROOT / "bench/website.css").read_bytes())


def main():
    stage()
    quarto = shutil.which("quarto", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if quarto is None:
        sys.exit("Quarto is missing here: pip install '.[docs]'")
    done = subprocess.run([quarto, "render", STAGE, "--no-execute"])
    if done.returncode:
        sys.exit(done.returncode)
    shutil.rmtree(SITE, ignore_errors=True)
    shutil.move(STAGE / SITE.name, SITE)


if __name__ == "__main__":
    main()
