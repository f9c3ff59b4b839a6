"""The static page in Chromium, beside the package: `make bench-web`.

For every example portrait: milliseconds from the file to its layers, in the page and then in the
package, one after the other; and how far the picture that the page saves under a light is from
the package's, in levels of 255, over the pixels that either changed."""

import argparse
import functools
import shutil
import statistics
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
from PIL import Image

from illures_nb import Decomposer, SHLight
from illures_nb.cli import safe_printing

ROOT = Path(__file__).resolve().parents[1]
BUILT = ROOT / "dist/web"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
QUIET = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
PATIENCE = 120_000  # ms, for machines that have other things to do
TIMED = """() => {
    illures.on("begin", () => { globalThis.began ??= performance.now() })
    illures.on("busy", () => { if (!illures.busy) globalThis.ended = performance.now() })
}"""


# ---- a static host


class Host(ThreadingHTTPServer):
    "Serves a folder as `python -m http.server` does, and remembers what was asked for and sent."

    def __init__(self, folder):
        self.asked, self.sent = [], 0
        super().__init__(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
        self.url = f"http://127.0.0.1:{self.server_port}/"


class Handler(SimpleHTTPRequestHandler):
    def send_response(self, code, message=None):
        self.server.asked.append(self.path)
        super().send_response(code, message)

    def copyfile(self, source, outputfile):
        self.server.sent += Path(source.name).stat().st_size
        super().copyfile(source, outputfile)

    def log_message(self, format, *args):
        "Say nothing."


@contextmanager
def served(
    folder,  # of a built page
):  # `Host`
    "Serve a folder on this machine."
    host = Host(folder)
    threading.Thread(target=host.serve_forever, daemon=True).start()
    try:
        yield host
    finally:
        host.shutdown()
        host.server_close()


# ---- a visitor


@contextmanager
def chromium():  # playwright's browser
    "Start Chromium."
    from playwright.sync_api import sync_playwright

    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=CHROMIUM, headless=True, args=QUIET)
        yield browser
        browser.close()


class Visit:
    "The page in a browser, with all that it complains about."

    def __init__(self, browser, url, **context):
        screen = {"viewport": {"width": 1280, "height": 860}, "reduced_motion": "reduce"}
        self.context, self.errors = browser.new_context(**screen | context), []
        self.page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.page.on("pageerror", lambda e: self.errors.append(str(e)))
        self.go(url)

    def go(self, url):
        "Open the page; it opens the first portrait."
        self.page.goto(url)
        self.wait("globalThis.illures?.seen && !illures.busy")

    def wait(self, what, arg=None):
        self.page.wait_for_function(what, arg=arg)

    def js(self, code, arg=None):
        return self.page.evaluate(code, arg)

    def bring(self, path):
        "Bring a photo, and wait until it is open."
        visit = self.js("illures.photo?.visit")
        self.page.set_input_files("#photo input", path)
        self.wait("v => illures.photo?.visit !== v && illures.seen && !illures.busy", visit)

    def refused(self, path) -> str:
        "Bring what cannot be opened, and return what is said."
        self.page.set_input_files("#photo input", path)
        said = self.page.locator("#said .bad")
        said.wait_for()
        return said.text_content()

    def save(self, path, kind="PNG"):
        "Save the picture, and read it."
        self.page.get_by_label(kind).check()
        with self.page.expect_download() as download:
            self.page.get_by_role("button", name="Save the picture").click()
        download.value.save_as(path)
        return np.asarray(Image.open(path))


# ---- page and package


def relit_by_package(decomposer, path, light):  # photo and picture, (H, W, 3) uint8
    "Relight the biggest face of a photo by a named light, as bright as its own."
    f = decomposer(path)[0]
    return f.photo.picture, f.relight(SHLight.preset(light).matched(f.light)).composite()


def difference(
    photo,  # (H, W, 3) uint8
    ours,
    theirs,
):  # mean and highest, levels of 255, over what either changed
    "Say how far two relit pictures are from one another."
    changed = ((ours != photo) | (theirs != photo)).any(-1)
    off = np.abs(ours.astype(int) - theirs)[changed]
    return float(off.mean()), int(off.max())


def measured(visit, decomposer, path, lights, folder):
    "Measure one portrait: ms of the page and of the package, differences by light."
    visit.js("globalThis.began = undefined")
    visit.bring(path)
    in_page = visit.js("ended - began")
    start = time.perf_counter()
    decomposer(path)
    in_package = 1000 * (time.perf_counter() - start)
    found = {}
    for light in lights:
        visit.js("light => { illures.resetLight(); illures.use(light) }", light)
        picture = visit.save(folder / "relit.png")[..., :3]
        found[light] = difference(*relit_by_package(decomposer, path, light), picture)
    return in_page, in_package, found


def main():
    "Print a table."
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--engine", choices=("wasm", "webgpu"), default="wasm")
    parser.add_argument("--lights", nargs="*", default=["rembrandt_left", "golden_hour"])
    args = parser.parse_args()
    if not BUILT.is_dir():
        sys.exit("the page is not built yet: make web")
    decomposer, every = Decomposer.from_pretrained(), []
    with served(BUILT) as host, chromium() as browser, tempfile.TemporaryDirectory() as folder:
        visit = Visit(browser, f"{host.url}?engine={args.engine}", accept_downloads=True)
        print(visit.page.locator("#engine").text_content())
        print(f"a first visit: {host.sent / 1e6:.1f} MB")
        visit.js(TIMED)
        print("| portrait | page, ms | package, ms | " + " | ".join(args.lights) + " |")
        print("|---" * (3 + len(args.lights)) + "|")
        for path in sorted((ROOT / "assets/examples").glob("*.jpg")):
            page, package, off = measured(visit, decomposer, path, args.lights, Path(folder))
            every += [mean for mean, _ in off.values()]
            cells = [f"{mean:.2f}, at most {most}" for mean, most in off.values()]
            row = [path.stem, f"{page:.0f}", f"{package:.0f}", *cells]
            print(f"| {' | '.join(row)} |", flush=True)
    print(f"mean of all: {statistics.mean(every):.2f} of 255")


if __name__ == "__main__":
    with safe_printing():
        main()
