"Take the README's pictures of the demo: `python examples/screenshots.py` starts it, uses it in Chromium as a visitor would, and writes into assets/."

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
    page = browser.new_context(
        viewport={"width": 1280, "height": 860}, reduced_motion="reduce", **context
    ).new_page()
    page.goto(url)
    page.wait_for_function("globalThis.illures?.seen && illures.face.paint")
    return page


def settled(page):
    page.wait_for_function("!illures.asked")
    page.wait_for_timeout(400)


def picture(page, name):
    settled(page)
    shot = Image.open(
        io.BytesIO(page.screenshot(clip={"x": 0, "y": 0, "width": 1280, "height": 830}))
    ).convert("RGB")
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


def going_round(page):
    "The light dragged about the ball, as a GIF of stage and ball."
    page.get_by_role("button", name="Front", exact=True).click()
    box = page.locator(".ball").bounding_box()
    at = lambda t: (
        box["x"] + box["width"] * (0.5 + 0.42 * np.sin(t)),
        box["y"] + box["height"] * (0.45 - 0.3 * np.cos(t)),
    )
    left, right = page.locator(".stage").bounding_box(), page.locator("#tabs").bounding_box()
    clip = {
        "x": left["x"] - 6,
        "y": left["y"] - 6,
        "width": right["x"] + right["width"] - left["x"] + 12,
        "height": left["height"] + 12,
    }
    frames, turns = [], np.linspace(0, 2 * np.pi, 24, endpoint=False)
    page.mouse.move(*at(turns[0]))
    page.mouse.down()
    for t in turns:
        page.mouse.move(*at(t))
        page.wait_for_function("!illures.asked")
        page.wait_for_timeout(150)
        frames.append(Image.open(io.BytesIO(page.screenshot(clip=clip))).convert("RGB"))
    page.mouse.up()
    small = [
        f.resize((560, round(560 * f.height / f.width)), Image.Resampling.LANCZOS) for f in frames
    ]
    palette = Image.fromarray(np.vstack([np.asarray(f) for f in small[::6]])).quantize(256)
    small = [f.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG) for f in small]
    small[0].save(
        ASSETS / "demo.gif",
        save_all=True,
        append_images=small[1:],
        duration=110,
        loop=0,
        optimize=True,
    )


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
