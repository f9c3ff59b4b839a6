"""As people install it: an sdist, a wheel made from that, both without network; the README's commands and its Python, run from an empty folder with nothing
of the clone in sight; a package that nobody may write to."""

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
COMMANDS = [
    line
    for block in re.findall(r"^```bash\n(.*?)^```", README, re.M | re.S)
    for line in block.splitlines()
    if line.startswith("illures ")
]
ELSEWHERE = re.compile(
    r"^illures app|ICT-FaceKit|hdris|--assets|sets/|clips"
)  # runs until it is stopped; data that is not here, or takes hours to make
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
    for name in (
        "settings.ini",
        "setup.py",
        "pyproject.toml",
        "MANIFEST.in",
        "README.md",
        "LICENSE",
        "app.py",
    ):
        shutil.copy(ROOT / name, clone)
    for name in ("assets", "illures_demo", "illures_nb"):
        shutil.copytree(ROOT / name, clone / name, ignore=shutil.ignore_patterns("__pycache__"))
    make = "import sys; from setuptools import build_meta; getattr(build_meta, 'build_' + sys.argv[1])(sys.argv[2])"

    def build(what, source):
        subprocess.run(
            [sys.executable, "-c", make, what, folder], cwd=source, check=True, capture_output=True
        )

    build("sdist", clone)
    (sdist,) = folder.glob("*.tar.gz")
    with tarfile.open(sdist) as f:
        f.extractall(
            folder / "unpacked", **({"filter": "data"} if hasattr(tarfile, "data_filter") else {})
        )
    (source,) = (folder / "unpacked").iterdir()
    build("wheel", source)
    return sdist, next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def target(built, tmp_path_factory):
    "A folder with nothing but the installed wheel."
    place = tmp_path_factory.mktemp("target")
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--disable-pip-version-check",
        "--no-deps",
        "--no-index",
        "--target",
        place,
        built[1],
    ]
    done = subprocess.run(pip, capture_output=True, text=True)
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
    "A command of the README as words, with the photos and lights that it names at hand, and made small."
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
            cv2.imwrite(name, np.linspace(0, 1, 16 * 32 * 3, dtype=np.float32).reshape(16, 32, 3))
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
        if path.is_file():
            assert (
                packed[f"illures_nb/demo/{path.relative_to(ROOT).as_posix()}"] == path.read_bytes()
            ), path
    assert not [
        name for name in packed if not name.startswith("illures_nb") or name.endswith(".pyc")
    ]
    (entry,) = (text.decode() for name, text in packed.items() if name.endswith("entry_points.txt"))
    assert "illures = illures_nb.__main__:main" in entry


def test_commands_of_the_readme(target, empty, astronaut):
    "Those that need no more than portraits are run."
    commands = [prepared(line, astronaut) for line in COMMANDS if not ELSEWHERE.search(line)]
    assert len(commands) > 10
    done = ran(["-c", RUN], empty, input=json.dumps(commands))
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert Path(told["file"]).is_relative_to(target)
    failed = [
        " ".join(words) for words, code in zip(commands, told["codes"], strict=True) if code != 0
    ]
    assert not failed, (failed, done.stdout[-2000:], done.stderr[-2000:])
    assert (
        Path("maps/photo/albedo.png").is_file()
        and Path("relit.png").is_file()
        and Path("runs/lite/report.html").is_file()
    )


def test_other_commands_of_the_readme():
    "The others are commands, too."
    others = [shlex.split(line, comments=True)[1:] for line in COMMANDS if ELSEWHERE.search(line)]
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
    assert (
        done.returncode == 1
        and done.stderr == "illures: gone.jpg does not exist.\n"
        and not done.stdout
    )


def asked(url):
    with urllib.request.urlopen(url, timeout=20) as f:
        return f.read()


def test_the_demo_is_there(empty):
    "`illures app` where it is told to, with its first example taken apart; a port that is taken is a sentence."
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
        s.listen()
        taken = ran(["-m", "illures_nb", "app", "--host", "127.0.0.1", "--port", str(port)], empty)
        assert (
            taken.returncode == 2
            and taken.stderr.startswith("illures: ")
            and taken.stderr.count("\n") == 1
            and str(port) in taken.stderr
        )
    words = [
        "-m",
        "illures_nb",
        "app",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--root-path",
        "/faces",
    ]
    # with nothing to show a page, none is opened
    p = subprocess.Popen(
        [sys.executable, *words],
        env=empty | {"BROWSER": "true"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        until, page = time.time() + 300, None
        while page is None and p.poll() is None and time.time() < until:
            try:
                page = asked(f"http://127.0.0.1:{port}/").decode()
            except (urllib.error.URLError, OSError):
                time.sleep(0.3)
        assert page, p.communicate(timeout=300)[0] if p.poll() is not None else "nobody answers"
        assert "illures" in page and json.loads(asked(f"http://127.0.0.1:{port}/config"))[
            "root"
        ].endswith("/faces")
    finally:
        if p.poll() is None:
            p.send_signal(signal.SIGINT if os.name == "posix" else signal.SIGTERM)
        told = p.communicate(timeout=300)[0]
    assert f"http://127.0.0.1:{port}" in told and "Traceback" not in told


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
    "Neither package nor home can be written to, so that nothing can be cached: all works, and an output folder of that kind is a sentence."
    Image.fromarray(astronaut).save("photo.jpg")
    env = {
        k: v for k, v in empty.items() if not k.startswith(("XDG_", "MPLCONFIG", "NUMBA_CACHE"))
    } | {"HOME": str(locked)}
    commands = [
        ["decompose", "photo.jpg", "--out", "maps"],
        ["decompose", "photo.jpg", "--out", f"{locked}/maps"],
        ["relight", "photo.jpg", "--light", "front", "--out", f"{locked}/o.png"],
    ]
    done = ran(["-c", RUN], env, prefix=obedient(), input=json.dumps(commands))
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    codes = json.loads(done.stdout.splitlines()[-1])["codes"]
    assert codes[0] == 0 and Path("maps/photo/sheet.png").is_file(), done.stderr
    assert (
        codes[1] == 2
        and codes[2] in (1, 2)
        and f"{locked}" in done.stderr
        and done.stderr.lower().count("permission denied") == 2
    ), done.stderr
    pytest.importorskip("numba")
    done = ran(
        [
            "-c",
            "from illures_nb.synth import triangles; print(triangles.compiled(triangles._fill))",
        ],
        env,
        prefix=obedient(),
    )
    assert done.returncode == 0, done.stderr
