"""The demo's page where files come and go: odd formats, slow lines, sub-paths and proxies, busy
states, saving."""

import base64
import threading
import time
from contextlib import contextmanager
from functools import partial
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import fastapi
import gradio as gr
import numpy as np
import pytest
import uvicorn
from PIL import Image
from test_browser import Visit, browser  # noqa: F401 (a fixture)


@pytest.fixture
def visit(browser, url):  # noqa: F811
    visits = []

    def open_page(address=url, **context):
        visits.append(Visit(browser, address, **context))
        return visits[-1]

    yield open_page
    for o in visits:
        o.context.close()
        assert not o.errors and not o.elsewhere()


def message(v, text):
    v.page.locator("#said").get_by_role("status").filter(has_text=text).wait_for()


def said(v):
    return v.page.locator("#said .said").text_content()


def choose(v, path):
    "Choose a photo without waiting for it."
    v.page.set_input_files("#photo input[type=file]", path)


# ---- where the page is


def use(v, photo, tmp_path):
    "What everyone does: send a photo, relight it, save it; then open an example."
    v.bring(photo)
    before = v.seen()
    v.button("Window").click()
    assert abs(v.seen() - before).max() > 8
    v.download("Save the picture", tmp_path / "relit.png")
    assert np.asarray(Image.open(tmp_path / "relit.png")).shape == (512, 512, 3)
    visit = v.js("illures.photo.visit")
    v.button("Ben, who does not exist").click()
    v.wait("v => illures.photo.visit !== v && illures.seen && illures.face.paint", visit)


@contextmanager
def served(app):
    "An ASGI app on a port of this machine."
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


@pytest.mark.slow
def test_page_in_another_app(visit, app, decomposer, astronaut_path, tmp_path):
    "Mounted without a word about looks, it has its style, its scripts and its files."
    site = fastapi.FastAPI()
    gr.mount_gradio_app(site, app.build_demo(decomposer), path="/demo")
    with served(site) as address:
        v = visit(f"{address}/demo", accept_downloads=True)
        use(v, astronaut_path, tmp_path)
        assert v.js("getComputedStyle(document.querySelector('.tile')).display") == "flex"
        paths = {urlsplit(o).path for o in v.requests if o.startswith("http:")}
        assert not [o for o in paths if not o.startswith("/demo")]
        v.context.close()


class Proxy(BaseHTTPRequestHandler):
    "Passes on what comes under a prefix, with or without it."

    prefix, strip, to = "/faces", True, None

    def do_GET(self):
        if not self.path.startswith(self.prefix + "/"):
            return self.send_error(404)
        there = HTTPConnection(urlsplit(self.to).netloc)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = self.path.removeprefix(self.prefix) if self.strip else self.path
        there.request(self.command, path, body, dict(self.headers))
        answer = there.getresponse()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "connection"):
                self.send_header(name, value)
        self.end_headers()
        while part := answer.read1(1 << 16):
            self.wfile.write(part)
        there.close()

    do_POST = do_GET

    def log_message(self, *_):
        pass


@contextmanager
def proxied(address, strip):
    proxy = ThreadingHTTPServer(
        ("127.0.0.1", 0), type("Proxy", (Proxy,), {"strip": strip, "to": address})
    )
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{proxy.server_port}/faces/"
    proxy.shutdown()


def test_page_behind_a_proxy(visit, app, decomposer, astronaut_path, tmp_path):
    demo = app.build_demo(decomposer)
    _, address, _ = demo.launch(
        prevent_thread_lock=True, quiet=True, inbrowser=False, root_path="/faces"
    )
    for strip in (True, False):
        with proxied(address, strip) as proxy:
            v = visit(proxy, accept_downloads=True)
            use(v, astronaut_path, tmp_path)
            v.context.close()
    demo.close()


# ---- what is brought


def opened(v, does):
    "What the page shows after something brought a photo."
    visit = v.js("illures.photo.visit")
    does()
    v.wait(
        "v => illures.photo?.visit !== v && illures.seen && illures.face.paint && !illures.busy",
        visit,
    )


def unnamed(path):
    "A file as browsers send it that do not know its type."
    return {"name": path.name, "mimeType": "", "buffer": path.read_bytes()}


@pytest.mark.slow
def test_photos_whose_type_the_browser_does_not_know(visit, odd_photos, face):
    v = visit()
    for name in ("grey16.png", "radiance.hdr", "linear.exr", "cutout.png", "IMG_0001.HEIC"):
        if name not in odd_photos:
            continue
        opened(v, lambda: choose(v, unnamed(odd_photos[name])))
        assert said(v) == ""
        box = v.js("illures.photo.boxes[0]")
        assert abs(np.subtract(box, face.photo.face.box)).max() < 8, name
    v.page.get_by_role("button", name="Light from elsewhere").click()
    v.page.set_input_files("#file input[type=file]", unnamed(odd_photos["linear.exr"]))
    v.page.get_by_text("The light on the face in linear.exr").wait_for()


DROP = """([place, kind, name, bytes]) => {
    const data = new DataTransfer()
    data.items.add(new File([Uint8Array.from(atob(bytes), c => c.charCodeAt(0))], name))
    const usual = {bubbles: true, cancelable: true}
    const event = kind === "paste"
        ? new ClipboardEvent("paste", {clipboardData: data, ...usual})
        : new DragEvent(kind, {dataTransfer: data, ...usual})
    document.querySelector(place).dispatchEvent(event)
}"""


def test_photos_are_dropped_and_pasted(visit, odd_photos):
    v = visit()
    bytes_ = base64.b64encode(odd_photos["turned.jpg"].read_bytes()).decode()
    for place, kind in (("#photo button", "drop"), (".frame .picture", "drop"), ("body", "paste")):
        opened(v, lambda: v.js(DROP, [place, kind, "turned.jpg", bytes_]))
        assert said(v) == ""


@pytest.mark.slow
def test_messages_belong_to_what_was_done_last(visit, wall, astronaut_path, broken_files, tmp_path):
    Image.fromarray(wall).save(tmp_path / "wall.png")
    v = visit()
    choose(v, tmp_path / "wall.png")
    message(v, "No face was found in wall.png")
    choose(v, broken_files["half"])
    message(v, "half.jpg")
    assert "wall.png" not in v.page.locator("#page").inner_text()
    choose(v, tmp_path / "wall.png")
    message(v, "wall.png")
    v.button("Save the picture").click()
    v.wait("!document.querySelector('#said .said').textContent")
    choose(v, tmp_path / "wall.png")
    message(v, "wall.png")  # the same sentence once more
    opened(v, lambda: v.button("Grace Hopper, computer scientist").click())
    assert said(v) == ""


# ---- what takes long


def slow(v, rate):
    "A line that sends so many bytes a second."
    line = v.context.new_cdp_session(v.page)
    line.send("Network.enable")
    line.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": rate},
    )


@pytest.mark.slow
def test_a_slow_line_is_seen_and_can_be_cut(visit, astronaut_path):
    v = visit()
    before = v.js("illures.photo.visit")
    slow(v, 30_000)
    choose(v, astronaut_path)
    v.page.get_by_text("Sending astronaut.png …").wait_for()
    assert float(v.js("getComputedStyle(document.querySelector('.frame')).opacity")) < 0.5
    v.wait("document.querySelector('.busy progress').value > .1")
    v.button("Cancel").click()
    v.wait("!illures.busy && document.querySelector('.busy').hidden")
    assert v.js("illures.photo.visit") == before and said(v) == ""
    slow(v, -1)
    opened(v, lambda: choose(v, astronaut_path))


def test_whatever_goes_wrong_the_page_is_not_busy(visit, astronaut_path, tmp_path):
    v = visit()
    before = v.js("illures.photo.visit")
    v.js(
        "illures.seenBusy = 0, illures.on('busy', () => illures.seenBusy += Boolean(illures.busy))"
    )

    def trouble(where, text, **answer):
        v.page.route(where, lambda r: r.fulfill(**answer) if answer else r.abort())
        v.js("illures.seenBusy = 0")
        choose(v, astronaut_path)
        v.wait("illures.seenBusy && !illures.busy")
        if text:
            message(v, text)
        v.page.unroute(where)

    trouble("**/gradio_api/upload", "could not be sent")
    trouble("**/gradio_api/upload", "could not be sent", status=500)
    trouble("**/gradio_api/upload", "larger than this server takes", status=413)
    trouble("**/gradio_api/queue/join*", None, status=503, body="{}")
    assert v.js("illures.photo.visit") == before
    (tmp_path / "big.png").write_bytes(bytes(51 << 20))
    choose(v, tmp_path / "big.png")
    message(v, "big.png has 51 MB; at most 50 MB can be sent.")
    v.wait("!illures.busy")
    trouble("**/maps-1.bin", None)
    v.page.locator(".waiting").filter(has_text="could not be fetched").wait_for()
    opened(v, lambda: choose(v, astronaut_path))


@pytest.mark.slow
def test_the_last_choice_wins(visit, astronaut_path):
    v = visit()
    choose(v, astronaut_path)
    for name in ("Ben", "Chi", "Ada"):
        v.button(f"{name}, who does not exist").click()
    v.wait("illures.photo?.name === 'ada' && illures.seen && illures.face.paint && !illures.busy")


@pytest.mark.slow
def test_films_tell_how_far_they_are_and_can_be_stopped(visit, app, monkeypatch, tmp_path):
    saving = app.illures_demo.saving
    monkeypatch.setattr(saving, "write_turn", partial(saving.write_turn, seconds=20))
    v = visit(accept_downloads=True)
    v.page.get_by_role("tab", name="Keep").click()
    v.button("The light going round (.mp4)").click()
    v.page.get_by_text("of 480").wait_for()
    v.wait("document.querySelector('.work progress').value > 0")
    assert float(v.js("getComputedStyle(document.querySelector('#save-mp4')).opacity")) == 1
    v.page.locator(".work").get_by_role("button", name="Cancel").click()
    v.wait("!document.querySelector('.work, [aria-busy=true]')")
    folder = Path(v.js("illures.photo.folder"))
    assert not [o for o in folder.rglob("saved-*/*")]
    monkeypatch.undo()
    v.download("The same as .gif", tmp_path / "turn.gif")
    assert Image.open(tmp_path / "turn.gif").n_frames > 10


def test_saving_that_fails_says_so_beside_its_button(visit):
    v = visit()
    v.js("illures.scene = () => ({face: 1, faces: 3})")
    v.button("Save the picture").click()
    v.page.get_by_text("this is no scene of the page").wait_for()
    assert not v.js("Boolean(document.querySelector('[aria-busy=true]'))")
    v.page.route("**/gradio_api/queue/join*", lambda r: r.fulfill(status=503, body="{}"))
    v.button("Save the picture").click()
    v.page.get_by_text("The line was lost").wait_for()
    assert not v.js("Boolean(document.querySelector('[aria-busy=true]'))")
    assert v.page.get_by_text("this is no scene of the page").count() == 0


# ---- what is kept


@pytest.mark.slow
def test_png_or_jpeg_is_remembered(visit, astronaut_path, tmp_path):
    v = visit(accept_downloads=True)
    assert v.page.get_by_label("JPEG").is_checked()  # as the example is
    assert v.download("Save the picture", tmp_path / "a.jpg") == "eileen-relit.jpg"
    assert Image.open(tmp_path / "a.jpg").format == "JPEG"
    v.bring(astronaut_path)
    assert v.page.get_by_label("PNG").is_checked()
    v.page.get_by_label("JPEG").check()
    assert v.download("Save the picture", tmp_path / "b.jpg") == "astronaut-relit.jpg"
    v.page.reload()
    v.wait("globalThis.illures?.seen && illures.face.paint")
    v.bring(astronaut_path)
    assert v.page.get_by_label("JPEG").is_checked()


def test_the_page_opens_with_a_real_portrait(visit, calls):
    v = visit()
    first = v.page.locator(".people button").first
    assert first.get_attribute("title") == "Eileen Collins, astronaut"
    assert v.js("illures.photo.boxes.length") == 1 and not calls
