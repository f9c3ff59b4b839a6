"""As people install it: an sdist, a wheel made from that, both without network; the README's
commands and its Python, run from an empty folder with nothing of the clone in sight; a package that
nobody may write to."""

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import time
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from illures_nb.cli import parser

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = (README, *(p.read_text(encoding="utf-8") for p in sorted((ROOT / "docs").glob("*.md"))))
LINES = [
    line
    for page in PAGES
    for block in re.findall(r"^```bash\n(.*?)^```", page, re.M | re.S)
    for line in block.splitlines()
]
COMMANDS = list(dict.fromkeys(line for line in LINES if line.startswith("illures ")))
# runs until it is stopped; data that is not here, or takes hours to make; has tests of its own
ELSEWHERE = re.compile(r"^illures app|ICT-FaceKit|hdris|--assets|sets/|clips|talk\.mp4")
QUICK = {  # what makes the heavy ones small
    "synth": ["--scale", ".0005", "--size", "32", "--workers", "0"],
    "train": ["--steps", "1", "--batch", "2", "--size", "32", "--workers", "0", "--device", "cpu"],
}
RUN = """
import json, sys
import illures_nb
from illures_nb.__main__ import main
codes = []
for words in json.load(sys.stdin):
    sys.argv[1:] = words
    print("$", *words, flush=True)
    try: code = main()
    except SystemExit as e: code = e.code or 0
    codes.append(code)
print(json.dumps({"codes": codes, "file": illures_nb.__file__}))
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    "An sdist of the clone, and a wheel of that sdist."
    pytest.importorskip("setuptools", "64")
    folder = tmp_path_factory.mktemp("built")
    clone = folder / "clone"
    clone.mkdir()
    packaging = ("settings.ini", "setup.py", "pyproject.toml", "MANIFEST.in")
    for name in (*packaging, "README.md", "LICENSE", "app.py"):
        shutil.copy(ROOT / name, clone)
    for name in ("assets", "illures_demo", "illures_nb"):
        shutil.copytree(ROOT / name, clone / name, ignore=shutil.ignore_patterns("__pycache__"))

    def build(what, source):
        make = f"from setuptools import build_meta; build_meta.build_{what}({str(folder)!r})"
        call = [sys.executable, "-c", make]
        subprocess.run(call, cwd=source, check=True, capture_output=True)

    build("sdist", clone)
    (sdist,) = folder.glob("*.tar.gz")
    careful = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
    with tarfile.open(sdist) as f:
        f.extractall(folder / "unpacked", **careful)
    (source,) = (folder / "unpacked").iterdir()
    build("wheel", source)
    return sdist, next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def target(built, tmp_path_factory):
    "A folder with nothing but the installed wheel."
    place = tmp_path_factory.mktemp("target")
    pip = "-m pip install -q --disable-pip-version-check --no-deps --no-index".split()
    call = [sys.executable, *pip, "--target", place, built[1]]
    done = subprocess.run(call, capture_output=True, text=True)
    if "No module named pip" in done.stderr:
        pytest.skip("there is no pip here")
    assert done.returncode == 0, done.stderr
    return place


@pytest.fixture
def empty(target, astronaut, tmp_path, monkeypatch):
    "An empty folder to work in; the environment of a Python that sees the installed package only."
    monkeypatch.chdir(tmp_path)
    return {**os.environ, "PYTHONPATH": str(target), "OMP_NUM_THREADS": "1"}


def ran(words, env, prefix=(), **how):
    return subprocess.run(
        [*prefix, sys.executable, *words],
        env=env,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=900,
        **how,
    )


def prepared(line, photo):
    """A command of the README as words, with the photos and lights that it names at hand, and made
    small."""
    words = shlex.split(line, comments=True)[1:]
    for before, name in zip(words, words[1:]):
        if before == "--out" or Path(name).exists():
            continue
        if name == "holiday":  # a folder of photos
            Path(name).mkdir()
            Image.fromarray(photo).save(f"{name}/beach.jpg")
        if name.endswith((".jpg", ".png")):
            Image.fromarray(photo).save(name)
        if name.endswith(".hdr"):
            ramp = np.linspace(0, 1, 16 * 32 * 3, dtype=np.float32)
            cv2.imwrite(name, ramp.reshape(16, 32, 3))
    return words + (QUICK.get(words[0], []) if "--out" in words else [])


def test_everything_is_packed(built):
    "Weights, the demo and what it serves, byte by byte; nothing that was left lying about."
    with zipfile.ZipFile(built[1]) as f:
        packed = {name: f.read(name) for name in f.namelist()}
    for path in sorted(ROOT.glob("illures_nb/**/*")):
        if path.is_file() and path.suffix in (".py", ".safetensors", ".md"):
            assert packed[path.relative_to(ROOT).as_posix()] == path.read_bytes(), path
    parts = (*(ROOT / "illures_demo").glob("*.py"), *(ROOT / "assets").rglob("*"))
    for path in (ROOT / "app.py", *sorted(parts)):
        name = f"illures_nb/demo/{path.relative_to(ROOT).as_posix()}"
        assert not path.is_file() or packed[name] == path.read_bytes(), path
    assert all(name.startswith("illures_nb") and not name.endswith(".pyc") for name in packed)
    (entry,) = (name for name in packed if name.endswith("entry_points.txt"))
    assert "illures = illures_nb.__main__:main" in packed[entry].decode()


def test_commands_of_the_readme(target, empty, astronaut):
    "Those that need no more than portraits are run."
    commands = [prepared(line, astronaut) for line in COMMANDS if not ELSEWHERE.search(line)]
    assert len(commands) > 10
    done = ran(["-c", RUN], empty, input=json.dumps(commands))
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert Path(told["file"]).is_relative_to(target)
    codes = zip(commands, told["codes"], strict=True)
    failed = [" ".join(words) for words, code in codes if code != 0]
    assert not failed, (failed, done.stdout[-2000:], done.stderr[-2000:])
    for path in ("maps/photo/albedo.png", "relit.png", "runs/lite/report.html"):
        assert Path(path).is_file(), path


def test_other_commands_of_the_readme(astronaut, tmp_path, monkeypatch):
    "The others are commands, too."
    monkeypatch.chdir(tmp_path)
    others = [prepared(line, astronaut) for line in COMMANDS if ELSEWHERE.search(line)]
    assert others and all(parser().parse_args(words).command == words[0] for words in others)


def test_python_of_the_readme(empty, astronaut):
    code = re.search(r"^```python\n(.*?)^```", README, re.M | re.S)[1]
    Image.fromarray(astronaut).save("photo.jpg")
    done = ran(["-c", code + "\nprint(picture.shape)"], empty)
    assert done.returncode == 0 and done.stdout.strip() == str(astronaut.shape), done.stderr


@pytest.mark.parametrize("how", ["-m illures_nb", "-m illures_nb.cli", "bin/illures"])
def test_ways_to_call_it(how, target, empty):
    words = how.split() if how.startswith("-m") else [target / how]
    if how.startswith("bin") and not words[0].is_file():
        pytest.skip("scripts are elsewhere here")
    done = ran([*words, "relight", "gone.jpg", "--light", "front", "--out", "o.png"], empty)
    assert done.returncode == 1 and not done.stdout
    assert done.stderr == "illures: gone.jpg does not exist.\n"


def asked(url):
    with urllib.request.urlopen(url, timeout=20) as f:
        return f.read()


def answer(process, url, seconds=300):
    "The page at an address, as soon as the process serves it."
    until = time.time() + seconds
    while process.poll() is None and time.time() < until:
        try:
            return asked(url).decode()
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    ended = process.poll() is not None
    pytest.fail(process.communicate(timeout=300)[0] if ended else "nobody answers")


def test_a_taken_port_is_said(empty):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = str(s.getsockname()[1])
        s.listen()
        taken = ran(["-m", "illures_nb", "app", "--host", "127.0.0.1", "--port", port], empty)
    assert taken.returncode == 2 and port in taken.stderr
    assert taken.stderr.startswith("illures: ") and taken.stderr.count("\n") == 1


def heeds_interrupts():
    "A child of a job in the background ignores Ctrl-C, unless told otherwise."
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_the_demo_is_there(empty):
    "`illures app` where it is told to, with its first example taken apart."
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    words = f"-m illures_nb app --host 127.0.0.1 --port {port} --root-path /faces".split()
    p = subprocess.Popen(
        [sys.executable, *words],
        env=empty | {"BROWSER": "true"},  # with nothing to show a page, none is opened
        preexec_fn=heeds_interrupts if os.name == "posix" else None,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert "illures" in answer(p, f"{url}/")
        assert json.loads(asked(f"{url}/config"))["root"].endswith("/faces")
    finally:
        if p.poll() is None:
            p.send_signal(signal.SIGINT if os.name == "posix" else signal.SIGTERM)
        told = p.communicate(timeout=300)[0]
    assert url in told and "Traceback" not in told


def obedient():
    "What makes a command keep to the permissions of files even when it is run by root."
    if os.name != "posix":
        pytest.skip("permissions are others here")
    if os.geteuid():
        return []
    if not shutil.which("setpriv"):
        pytest.skip("root may write everywhere, and there is no setpriv to give that up")
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]


@pytest.fixture
def locked(target, tmp_path):
    "The installed package, and a home, that nobody may write to."
    home = tmp_path / "home"
    home.mkdir()
    folders = [home, *(o for o in (target, *target.rglob("*")) if o.is_dir())]
    for o in target.rglob("__pycache__"):
        shutil.rmtree(o, ignore_errors=True)
    folders = [o for o in folders if o.exists()]
    for o in folders:
        o.chmod(0o555)
    yield home
    for o in folders:
        o.chmod(0o755)


def test_no_place_to_write_to(locked, empty, astronaut, tmp_path):
    """Neither package nor home can be written to, so that nothing can be cached: all works, and an
    output folder of that kind is a sentence."""
    Image.fromarray(astronaut).save("photo.jpg")
    caches = ("XDG_", "MPLCONFIG", "NUMBA_CACHE")
    env = {name: value for name, value in empty.items() if not name.startswith(caches)}
    env["HOME"] = str(locked)
    commands = [
        ["decompose", "photo.jpg", "--out", "maps"],
        ["decompose", "photo.jpg", "--out", f"{locked}/maps"],
        ["relight", "photo.jpg", "--light", "front", "--out", f"{locked}/o.png"],
    ]
    done = ran(["-c", RUN], env, prefix=obedient(), input=json.dumps(commands))
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    codes = json.loads(done.stdout.splitlines()[-1])["codes"]
    assert codes[0] == 0 and Path("maps/photo/sheet.png").is_file(), done.stderr
    assert codes[1] == 2 and codes[2] in (1, 2), done.stderr
    assert f"{locked}" in done.stderr, done.stderr
    assert done.stderr.lower().count("permission denied") == 2, done.stderr
    pytest.importorskip("numba")
    code = "from illures_nb import triangles; print(triangles.compiled(triangles._fill))"
    done = ran(["-c", code], env, prefix=obedient())
    assert done.returncode == 0, done.stderr
