"""The demo under load, and its frame rate: `python bench/demo.py [--clients 20] [--seconds 60]`.

Starts the demo on this machine and stops it again."""

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from illures_nb.cli import safe_printing

ROOT = Path(__file__).resolve().parents[1]
PRESETS = ("window", "neon", "split_left", "golden_hour", "rembrandt_left", "campfire")
ANY_WEBGL = """const ask = WebGL2RenderingContext.prototype.getExtension
WebGL2RenderingContext.prototype.getExtension = function(name) {
    return name === "WEBGL_debug_renderer_info" ? null : ask.call(this, name)
}"""  # who plays it is hidden
DRAG = """async seconds => {
    const times = [], start = performance.now()
    let last = start
    await new Promise(done => {
        const step = now => {
            times.push(now - last)
            last = now
            illures.point(-80 + (now - start)/20 % 160, 10)
            now - start < 1000*seconds ? requestAnimationFrame(step) : done()
        }
        requestAnimationFrame(step)
    })
    times.sort((a, b) => a - b)
    const fast = (f, n = 30) => {
        let best = 1e9
        for (let i = 0; i < n; i++) {
            const t = performance.now()
            f()
            best = Math.min(best, performance.now() - t)
        }
        return best
    }
    return {
        fps: times.length/seconds,
        median: times[times.length >> 1],
        relight: fast(() => illures.face.relight(true)), // as while the light moves
        draw: fast(() => illures.draw()),
        size: [illures.canvas.width, illures.canvas.height],
        by: illures.compositor.constructor.name,
    }
}"""


def start():
    "The demo as a process of its own, and its address."
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    own = {"GRADIO_SERVER_PORT": str(port), "GRADIO_ANALYTICS_ENABLED": "False"}
    own["SPACE_ID"] = "bench"  # opens no browser
    call, env = [sys.executable, str(ROOT / "app.py")], {**os.environ, **own}
    process = subprocess.Popen(call, env=env, stdout=subprocess.DEVNULL)
    while process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return process, f"http://127.0.0.1:{port}"
        except OSError:
            time.sleep(0.2)
    sys.exit("The demo did not start.")


def megabytes(process):
    "Memory of a process."
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    held = next(line for line in lines if line.startswith("VmRSS"))
    return int(held.split()[1]) / 1024


def visit(url, photo, until, times, errors, folder):
    from gradio_client import Client, handle_file

    try:
        client = Client(url, verbose=False, download_files=folder)
        client.predict(handle_file(photo), api_name="/decompose")
        while time.time() < until:
            t = time.time()
            client.predict(light=PRESETS[len(times) % len(PRESETS)], api_name="/relight")
            times.append(time.time() - t)
    except Exception as e:
        errors.append(repr(e)[:200])


def load(url, process, clients, seconds, photo):
    times, errors = [], []
    with tempfile.TemporaryDirectory() as folder:
        visit(url, photo, time.time() + 3, [], errors, folder)
        before, until = megabytes(process), time.time() + seconds
        arguments = (url, photo, until, times, errors, folder)
        threads = [threading.Thread(target=visit, args=arguments) for _ in range(clients)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    print(
        f"{clients} clients for {seconds} s: {len(times)} requests, {len(errors)} errors", end=", "
    )
    print(f"median {np.median(times):.2f} s, p95 {np.percentile(times, 95):.2f} s", end="; ")
    print(f"server {before:.0f} MB before, {megabytes(process):.0f} MB after")
    for e in errors[:3]:
        print(e)


def memory(url, process, photo, requests):
    "Memory of the server while one client asks again and again."
    from gradio_client import Client, handle_file

    with tempfile.TemporaryDirectory() as folder:
        client, seen = Client(url, verbose=False, download_files=folder), []
        for i in range(requests + 1):
            client.predict(handle_file(photo), light=PRESETS[i % len(PRESETS)], api_name="/relight")
            if i % (requests // 4) == 0:
                seen.append(f"{megabytes(process):.0f}")
    photos = ", ".join(str(requests * i // 4) for i in range(5))
    print(f"memory after {photos} photos: {', '.join(seen)} MB")


def frames(url):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as p:
        browser = p.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("chromium-browser"),
            args=["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"],
        )
        screen = {"viewport": {"width": 1280, "height": 860}, "reduced_motion": "reduce"}
        for script in ("", ANY_WEBGL):  # without a GPU: as it is, and WebGL played by the CPU
            page = browser.new_context(**screen).new_page()
            page.set_default_timeout(120_000)
            if script:
                page.add_init_script(script)
            page.goto(url)
            page.wait_for_function("globalThis.illures?.seen && illures.face.paint")
            page.evaluate("illures.use('window')")
            page.wait_for_timeout(2000)
            o = page.evaluate(DRAG, 8)
            print(f"dragging the light, {o['by']}, {o['size'][0]} x {o['size'][1]}", end=": ")
            print(f"{o['fps']:.0f} frames a second, median {o['median']:.0f} ms", end="; ")
            print(f"shading and gain at best {o['relight']:.1f} ms", end=", ")
            print(f"whole picture {o['draw']:.1f} ms")
        browser.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("clients", 20), ("seconds", 60), ("requests", 200)):
        parser.add_argument(f"--{name}", type=int, default=default)
    args = parser.parse_args()
    photo = ROOT / "assets" / "examples" / "ada.jpg"
    process, url = start()
    try:
        print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores before the start")
        frames(url)
        load(url, process, args.clients, args.seconds, photo)
        memory(url, process, photo, args.requests)
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    with safe_printing():
        main()
