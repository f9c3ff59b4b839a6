"""The built site: every link leads somewhere, every picture is there, nothing comes from elsewhere.
Skipped where it was not built (`make docs`)."""

import json
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parents[1]
SITE = ROOT / "_docs"
if not (SITE / "index.js").is_file():  # what is written last but for the layout
    pytest.skip("the site was not built: make docs", allow_module_level=True)

LOADED = {"img": "src", "script": "src", "link": "href", "iframe": "src", "source": "src"}


class Page(HTMLParser):
    "What a page links, loads, and can be linked at."

    def __init__(self, path):
        super().__init__()
        self.path, self.links, self.loaded, self.places = path, [], [], {""}
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.places.add(found.get("id", ""))
        if tag == "a" and found.get("href"):
            self.links.append(found["href"])
        if found.get(LOADED.get(tag)):
            self.loaded.append(found[LOADED[tag]])


@pytest.fixture(scope="module")
def pages():
    return {path: Page(path) for path in sorted(SITE.rglob("*.html"))}


def led_to(page, link):
    "File and place that a link leads to; None: to somewhere else."
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return None
    path = (page.path.parent / unquote(parts.path)).resolve() if parts.path else page.path
    return path, unquote(parts.fragment)


def test_no_link_is_broken(pages):
    broken = []
    for page in pages.values():
        for link in page.links:
            path, place = led_to(page, link) or (page.path, "")
            known = pages[path].places if path in pages else {""}
            if not path.is_file() or place not in known:
                broken.append(f"{page.path.relative_to(SITE)}: {link}")
    assert not broken, broken[:20]


def test_every_picture_and_script_is_there(pages):
    missing = []
    for page in pages.values():
        for link in (link for link in page.loaded if not link.startswith("data:")):
            there = led_to(page, link)
            if there is None or not there[0].is_file() or not there[0].stat().st_size:
                missing.append(f"{page.path.relative_to(SITE)}: {link}")
    assert not missing, missing[:20]


def test_every_notebook_and_text_has_its_page(pages):
    sources = [*(ROOT / "nbs").rglob("[0-9]*.ipynb"), *(ROOT / "docs").glob("*.md")]
    places = [SITE / path.relative_to(ROOT).with_suffix(".html") for path in sources]
    assert not [place for place in places if place not in pages]


def test_every_public_name_has_its_signature(pages):
    known = json.loads((ROOT / "tests/api_surface.json").read_text(encoding="utf-8"))
    own = {name for name, text in known.items() if text == "class" or text.startswith("(")}
    own = {name for name in own if not name.rpartition(".")[2].startswith("_")}
    api = (page for path, page in pages.items() if path.parent.name == "api")
    missing = sorted(own - set().union(*(page.places for page in api)))
    assert not missing, missing[:20]


def test_the_search_knows_lessons_and_names():
    text = (SITE / "index.js").read_text(encoding="utf-8")
    entries = json.loads(text.removeprefix("window.SITE_INDEX = "))
    heads = {f"{title} › {heading}" for _, title, heading, _ in entries}
    assert "Lesson 1: light on a ball › " in heads
    assert any(head.endswith("› detect_faces") for head in heads)
    assert any("rembrandt_left" in words for *_, words in entries)
