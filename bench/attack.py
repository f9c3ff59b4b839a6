"""Visitors who mean harm, or vanish: `python bench/attack.py`.

Starts the demo on this machine, attacks it, and stops it again. Uploads that break off, names that
lead elsewhere or hold HTML, files of other people, bombs (pictures, numbers and nesting that grow
when they are read). After each the server must answer an honest visitor as before; memory and disk
must not grow; every refusal must be one sentence."""

import http.client
import io
import json
import os
import struct
import sys
import tempfile
import time
import zlib
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
from PIL import Image

from illures_nb.cli import safe_printing

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "bench"))
from demo import megabytes, start  # noqa: E402

PHOTO = ROOT / "assets" / "examples" / "ada.jpg"
MOST_MEMORY = 3000  # MB that the server may hold at any moment


# ---- bombs: small files that are enormous once they are read


def chunk(kind, data):
    "A piece of a PNG."
    length = struct.pack(">I", len(data))
    check = struct.pack(">I", zlib.crc32(kind + data))
    return length + kind + data + check


def zeros(size):
    "Deflated zeros, without ever holding them."
    packer, out = zlib.compressobj(9), []
    block = bytes(1 << 20)
    for _ in range(size >> 20):
        out.append(packer.compress(block))
    return b"".join(out) + packer.compress(bytes(size & 0xFFFFF)) + packer.flush()


def png(width, height, data, *chunks):
    "An 8-bit RGB PNG with this content."
    head = struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + b"".join(chunks)
        + chunk(b"IDAT", data)
        + chunk(b"IEND", b"")
    )


def small_png(*chunks):
    "A PNG of 4 × 4 pixels with more chunks."
    return png(4, 4, zlib.compress(bytes(4 * 13)), *chunks)


def tiff(width, height):
    "A TIFF of one strip of deflated zeros."
    data = zeros(min(width * height * 3, 1 << 30))
    tags = [
        (256, 4, width),
        (257, 4, height),
        (258, 3, 8),
        (259, 3, 8),
        (262, 3, 2),
        (273, 4, 200),
        (277, 3, 3),
        (278, 4, height),
        (279, 4, len(data)),
    ]
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    head = b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + bytes(4)
    return head.ljust(200, b"\0") + data


def exr(width, height):
    "An EXR whose blocks of 16 lines are deflated zeros."
    from illures_nb.image import write_exr

    with tempfile.TemporaryFile() as file:
        band = np.zeros((16, width, 3), np.float32)
        write_exr(file, height, width, (band for _ in range(height // 16)))
        file.seek(0)
        return file.read()


def gif(width, height):
    "A GIF that says it is large and holds one pixel."
    out = io.BytesIO()
    Image.new("P", (1, 1)).save(out, "GIF")
    data = bytearray(out.getvalue())
    data[6:10] = struct.pack("<HH", width, height)
    return bytes(data)


def bombs():
    "Name → bytes."
    return {
        "wide.png": png(60_000, 60_000, zeros(1 << 28)),
        "allowed.png": png(8_900, 8_900, zeros(8_900 * (8_900 * 3 + 1))),
        "profile.png": small_png(chunk(b"iCCP", b"x\0\0" + zeros(1 << 30))),
        "text.png": small_png(chunk(b"zTXt", b"Comment\0\0" + zeros(1 << 30))),
        "wide.tif": tiff(100_000, 100_000),
        "allowed.tif": tiff(8_900, 8_900),
        "wide.exr": exr(64, 64).replace(
            struct.pack("<4i", 0, 0, 63, 63), struct.pack("<4i", 0, 0, 16_383, 16_383)
        ),
        "allowed.exr": exr(8_192, 8_192),
        "wide.gif": gif(65_535, 65_535),
        "header.hdr": b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 2000000000 +X 2000000000\n"
        + bytes(100),
        "digits.json": b'{"coeffs": [[' + b"9" * 20_000_000 + b", 1, 1]]}",
        "nested.json": b'{"coeffs": ' + b"[" * 3_000_000 + b"]" * 3_000_000 + b"}",
        "infinite.json": b'{"coeffs": [' + b", ".join([b"[1e999, -1e999, NaN]"] * 9) + b"]}",
        "many.json": b'{"coeffs": [' + b", ".join([b"[1, 1, 1]"] * 1_000_000) + b"]}",
    }


NAMES = (
    "../../../escaped.png",
    "..\\..\\escaped.png",
    "/etc/escaped.png",
    "....jpg",
    "<img src=x onerror=alert(1)>.png",
    "a\r\nSet-Cookie: x=1.png",
    "%2e%2e%2fescaped.png",
    "con.png",
    "x" * 400 + ".png",
    "\u202egnp.exe.png",
    "'; drop table faces; --.png",
    "{{7*7}}.png",
    "$(touch escaped).png",
)


FOREIGN = (
    "/etc/passwd",
    "/proc/self/environ",
    str(ROOT / "settings.ini"),
    "../../etc/passwd",
    "file:///etc/passwd",
    "http://127.0.0.1:1/x.png",
)


def bad_arguments():
    "Arguments of an endpoint that are no such thing."
    deep = []
    for _ in range(400):
        deep = [deep]
    return (
        {"light": "9" * 1_000_000},
        {"light": "nan,inf"},
        {"light": "{" * 100_000},
        {"layers": deep},
        {"layers": [{"kind": "x" * 100_000}]},
        {"layers": ["beard"] * 5_000},
        {"residual": 1e308},
        {"face": -1},
        {"face": 1e30},
        {"light": "<script>alert(1)</script>"},
    )


# ---- talking to the server without a client's manners


def body_of(name, data):
    "A multipart body with one file."
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    lines = [
        "--edge",
        f'Content-Disposition: form-data; name="files"; filename="{quoted}"',
        "Content-Type: image/png",
    ]
    head = "\r\n".join(lines) + "\r\n\r\n"
    return head.encode() + data + b"\r\n--edge--\r\n"


def connection(url):
    "To the server's address."
    return http.client.HTTPConnection(urlsplit(url).hostname, urlsplit(url).port, timeout=120)


HEADERS = {"Content-Type": "multipart/form-data; boundary=edge"}


def upload(url, name, data):
    "Send a file; status and answer."
    c = connection(url)
    c.request("POST", "/gradio_api/upload", body_of(name, data), HEADERS)
    answer = c.getresponse()
    return answer.status, answer.read()


def break_off(url, share):
    "Begin to send a file of 20 MB and vanish."
    body = body_of("half.png", bytes(20_000_000))
    c = connection(url)
    c.putrequest("POST", "/gradio_api/upload")
    for name, value in {**HEADERS, "Content-Length": str(len(body))}.items():
        c.putheader(name, value)
    c.endheaders()
    c.send(body[: int(share * len(body))])
    c.close()


def said(client, *args, **kwargs):
    "What an endpoint answers: its result, or the sentence it refuses with."
    try:
        return client.predict(*args, **kwargs), None
    except Exception as e:
        return None, str(e)


def disk(folder):
    "Files of the server, and their bytes together."
    sizes = [p.stat().st_size for p in folder.rglob("*") if p.is_file()]
    return len(sizes), sum(sizes)


# ---- the attacks


class Attack:
    "A server, an honest client, and what went wrong."

    def __init__(self, url, process, folder):
        from gradio_client import Client

        self.url, self.process, self.folder, self.faults = url, process, folder, []
        self.client = Client(url, verbose=False, download_files=str(folder / "client"))

    def fault(self, text):
        "Remember and say what went wrong."
        self.faults.append(text)
        print("  FAULT:", text)

    def honest(self, after):
        "An honest visitor is served as before."
        from gradio_client import handle_file

        began = time.time()
        result, refusal = said(self.client, handle_file(PHOTO), light="window", api_name="/relight")
        if result is None:
            self.fault(f"after {after} an honest visitor is told: {refusal[:300]}")
        return time.time() - began

    def refused(self, what, refusal):
        "A refusal is a sentence that shows nothing of the machine."
        words = ("Traceback", "/tmp", "/home", str(ROOT), "site-packages", "\n")
        if refusal is None or len(refusal) > 600 or any(w in refusal for w in words):
            self.fault(f"{what}: {str(refusal)[:400]}")

    def vanish(self):
        "Twenty visitors break off their uploads."
        before = disk(self.folder / "server")
        for k in range(20):
            break_off(self.url, 0.05 + 0.045 * k)
        time.sleep(3)
        for path in (self.folder / "server").glob("*"):  # as if a while had gone by
            os.utime(path, (0, time.time() - 3600))
        self.honest("broken uploads")
        after = disk(self.folder / "server")
        files, size = (b - a for a, b in zip(before, after))
        print(f"20 broken uploads: {files} files more on the server's disk, {size / 1e6:.1f} MB")
        if size > 30e6:
            self.fault(f"broken uploads leave {size / 1e6:.0f} MB on disk")

    def names(self):
        "Names that lead elsewhere."
        for name in NAMES:
            status, answer = upload(self.url, name, PHOTO.read_bytes())
            if status != 200:
                continue
            path = Path(json.loads(answer)[0])
            if not path.resolve().is_relative_to((self.folder / "server").resolve()):
                self.fault(f"{name!r} was stored outside the server's folder")
            given = {"path": str(path), "meta": {"_type": "gradio.FileData"}, "orig_name": name}
            result, refusal = said(self.client, given, "zip", api_name="/export")
            if result is None:
                self.refused(f"a photo named {name!r}", refusal)
        places = (ROOT, Path("/"), Path("/etc"), Path("/tmp"), self.folder)
        escaped = [path for place in places for path in place.glob("escaped*")]
        print(f"{len(NAMES)} names: {len(escaped)} files outside")
        if escaped:
            self.fault(f"files outside: {escaped}")

    def theft(self):
        "Files that are not the visitor's."
        for path in FOREIGN:
            given = {"path": path, "meta": {"_type": "gradio.FileData"}}
            result, refusal = said(self.client, given, api_name="/decompose")
            if result is not None:
                self.fault(f"{path} was read")
            for door in ("/gradio_api/file=", "/studio/", "/studio/..%2f..%2f"):
                c = connection(self.url)
                c.request("GET", door + path)
                answer = c.getresponse()
                content = answer.read()
                if answer.status == 200 and (b"root:" in content or b"lib_name" in content):
                    self.fault(f"GET {door}{path} gives the file")
        print(f"{len(FOREIGN)} paths of others: asked for in four ways each")

    def bombs(self):
        "Files that grow when they are read."
        from gradio_client import handle_file

        for name, data in bombs().items():
            path = self.folder / name
            path.write_bytes(data)
            file, began = handle_file(path), time.time()
            if name.endswith((".json", ".exr", ".hdr")):
                asked = {"reference": file, "api_name": "/relight"}
                result, refusal = said(self.client, handle_file(PHOTO), **asked)
            else:
                result, refusal = said(self.client, file, api_name="/decompose")
            seconds = time.time() - began
            held = f"server {megabytes(self.process):.0f} MB, peak {peak(self.process):.0f} MB"
            answer = "taken" if result else (refusal or "")[:160]
            print(f"{name}: {len(data) / 1e6:.2f} MB, {seconds:.1f} s, {held}: {answer}")
            if result is None:
                self.refused(name, refusal)
            path.unlink()
        if peak(self.process) > MOST_MEMORY:
            self.fault(f"the server held {peak(self.process):.0f} MB")
        self.honest("bombs")

    def arguments(self):
        "Arguments that are no such thing."
        from gradio_client import handle_file

        for bad in bad_arguments():
            name, began = str(bad)[:60], time.time()
            result, refusal = said(self.client, handle_file(PHOTO), api_name="/relight", **bad)
            seconds = time.time() - began
            if result is None:
                self.refused(name, refusal)
            if seconds > 30:
                self.fault(f"{name} kept the server busy for {seconds:.0f} s")
        print("10 arguments that are no such thing: asked")
        self.honest("odd arguments")


def peak(process):
    "The most memory that a process ever held, MB."
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for name in ("server", "client"):
            (folder / name).mkdir()
        os.environ["GRADIO_TEMP_DIR"] = str(folder / "server")
        process, url = start()
        try:
            attack = Attack(url, process, folder)
            seconds = attack.honest("the start")
            print(f"honest visitor: {seconds:.1f} s; server {megabytes(process):.0f} MB")
            for step in (attack.vanish, attack.names, attack.theft, attack.arguments, attack.bombs):
                step()
                if process.poll() is not None:
                    attack.fault(f"the server ended after {step.__name__}")
                    break
            seconds = attack.honest("everything")
            print(f"honest visitor: {seconds:.1f} s; server {megabytes(process):.0f} MB", end=", ")
            print(f"{len(attack.faults)} faults")
        finally:
            process.terminate()
            process.wait()
    return int(bool(attack.faults))


if __name__ == "__main__":
    with safe_printing():
        sys.exit(main())
