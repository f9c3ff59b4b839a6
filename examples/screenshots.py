"""Take the README's pictures of the demo: `python examples/screenshots.py`.

Starts it, uses it in Chromium as a visitor would, and writes into assets/."""

import io
import os
import shutil
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright

from illures_nb.cli import safe_printing

ROOT = Path(__file__).resolve().parents[1]
ASSETS = ROOT / "assets"
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
sys.path.insert(0, str(ROOT))


def open_page(browser, url, **context):
    "The demo's page with its first example, ready."
    screen = {"viewport": {"width": 1280, "height": 860}, "reduced_motion": "reduce"}
    page = browser.new_context(**screen, **context).new_page()
    page.goto(url)
    page.wait_for_function("globalThis.illures?.seen && illures.face.paint")
    return page


def settled(page):
    page.wait_for_function("!illures.asked")
    page.wait_for_timeout(400)


def screenshot(page, x, y, width, height):
    "A part of the page as an RGB picture."
    data = page.screenshot(clip={"x": x, "y": y, "width": width, "height": height})
    return Image.open(io.BytesIO(data)).convert("RGB")


def picture(page, name):
    settled(page)
    shot = screenshot(page, 0, 0, 1280, 830)
    shot.save(ASSETS / name, quality=90, subsampling=0)


def light(page):
    page.get_by_role("button", name="Window", exact=True).click()
    page.get_by_label("Before and after").fill("40")
    picture(page, "demo-light.jpg")
    page.get_by_label("Before and after").fill("0")


def paint(page):
    page.get_by_role("tab", name="Paint").click()
    for name in ("Beard", "Freckles"):
        page.get_by_role("button", name=name, exact=True).click()
    picture(page, "demo-paint.jpg")


def save_gif(path, frames):
    "Write pictures as a GIF of one palette."
    some = np.vstack([np.asarray(f) for f in frames[::6]])
    palette = Image.fromarray(some).quantize(256)
    dither = Image.Dither.FLOYDSTEINBERG
    first, *others = (f.quantize(palette=palette, dither=dither) for f in frames)
    first.save(path, save_all=True, append_images=others, duration=110, loop=0, optimize=True)


def going_round(page):
    "The light dragged about the ball, as a GIF of stage and ball."
    page.get_by_role("button", name="Front", exact=True).click()
    box = page.locator(".ball").bounding_box()

    def at(t):
        "The place on the ball at an angle."
        x, y = 0.5 + 0.42 * np.sin(t), 0.45 - 0.3 * np.cos(t)
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    stage, tabs = (page.locator(name).bounding_box() for name in (".stage", "#tabs"))
    width = tabs["x"] + tabs["width"] - stage["x"]
    clip = stage["x"] - 6, stage["y"] - 6, width + 12, stage["height"] + 12
    frames, turns = [], np.linspace(0, 2 * np.pi, 24, endpoint=False)
    page.mouse.move(*at(turns[0]))
    page.mouse.down()
    for t in turns:
        page.mouse.move(*at(t))
        page.wait_for_function("!illures.asked")
        page.wait_for_timeout(150)
        frames.append(screenshot(page, *clip))
    page.mouse.up()
    size = 560, round(560 * frames[0].height / frames[0].width)
    save_gif(ASSETS / "demo.gif", [f.resize(size, Image.Resampling.LANCZOS) for f in frames])


def main():
    from app import build_demo

    demo = build_demo()
    url = demo.launch(prevent_thread_lock=True, quiet=True, inbrowser=False)[1]
    with sync_playwright() as p:
        browser = p.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("chromium-browser"),
            args=["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"],
        )
        page = open_page(browser, url)
        light(page)
        going_round(page)
        paint(open_page(browser, url, color_scheme="dark"))
        browser.close()
    demo.close()
    for name in ("demo-light.jpg", "demo-paint.jpg", "demo.gif"):
        print(f"{ASSETS / name}: {(ASSETS / name).stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    with safe_printing():
        main()
