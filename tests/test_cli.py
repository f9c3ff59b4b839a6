"""The command line: what it writes, what it refuses, exit codes, and that one bad photo does not
stop the rest."""

import argparse
import io
import json
import os
import runpy
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from illures_nb import SHLight
from illures_nb.cli import COMMANDS, app, main, safe_printing
from illures_nb.image import quantise, read_image
from illures_nb.picture import read_picture

PICTURES = ["albedo", "normals", "shading", "residual", "reconstruction", "mask", "sheet"]


@pytest.fixture
def illures(capsys, weights):
    """Run a command: exit code, standard output, standard error. Photos are decomposed by the
    weights of the fixture."""

    def run(*args, model=True):
        args = [str(a) for a in args]
        if model and args[:1] in (["decompose"], ["relight"]):
            args += ["--weights", str(weights)]
        capsys.readouterr()
        try:
            code = main(args)
        except SystemExit as e:
            code = e.code
        return code, *capsys.readouterr()

    run.weights = weights
    return run


def test_help_teaches(illures):
    code, out, _ = illures("--help")
    assert code == 0 and all(name in out for name in COMMANDS)
    for name in ("decompose", "relight"):
        code, out, _ = illures(name, "--help", model=False)
        assert code == 0 and out.count(f"illures {name} ") >= 3 and "examples:" in out
    _, out, _ = illures("relight", "--help", model=False)
    assert all(preset in out for preset in SHLight.presets())


def test_decompose_writes_every_layer(illures, astronaut_path, tmp_path):
    code, out, err = illures("decompose", astronaut_path, "--out", tmp_path / "maps", "--exr")
    folder = tmp_path / "maps/astronaut"
    assert code == 0 and out.strip() == str(folder) and not err
    assert {p.name for p in folder.iterdir()} == {f"{n}.png" for n in PICTURES} | {
        f"{n}.exr" for n in PICTURES[:-1]
    } | {"light.json", "face.json", "about.txt"}
    assert all(Image.open(folder / f"{n}.png").size == (128, 128) for n in PICTURES[:-1])
    assert np.shape(json.loads((folder / "light.json").read_text())["coeffs"]) == (9, 3)


def test_exr_holds_the_exact_maps(illures, astronaut_path, face, tmp_path):
    from illures_nb.image import read_linear

    illures("decompose", astronaut_path, "--out", tmp_path, "--exr")
    assert np.allclose(read_linear(tmp_path / "astronaut/albedo.exr"), face.albedo, atol=1e-3)


def test_faces_of_one_photo_get_their_own_folders(illures, two_faces, tmp_path):
    pair = tmp_path / "pair.png"
    Image.fromarray(two_faces).save(pair)
    assert illures("decompose", pair, "--out", tmp_path / "all")[0] == 0
    assert sorted(p.name for p in (tmp_path / "all").iterdir()) == ["pair-face1", "pair-face2"]
    assert illures("decompose", pair, "--out", tmp_path / "one", "--face", 2)[0] == 0
    assert [p.name for p in (tmp_path / "one").iterdir()] == ["pair-face2"]
    code, _, err = illures("decompose", pair, "--out", tmp_path / "none", "--face", 3)
    assert code == 2 and "has 2 faces" in err


def test_photos_of_one_name_do_not_overwrite_each_other(illures, astronaut, tmp_path):
    for k, suffix in enumerate((".png", ".jpg", ".bmp")):
        (tmp_path / str(k)).mkdir()
        Image.fromarray(astronaut).save(tmp_path / str(k) / f"a{suffix}")
    photos = sorted(tmp_path.glob("*/a.*"))
    code, out, _ = illures("decompose", *photos, "--out", tmp_path / "out")
    assert code == 0 and "replaced" not in out
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a", "a-2", "a-3"]
    code, out, _ = illures("decompose", photos[0], "--out", tmp_path / "out")
    # an earlier run's folder: written over, and said so
    assert code == 0 and out.strip().endswith("a (replaced)")


def test_a_batch_goes_on_and_says_what_failed(
    illures, astronaut_path, broken_files, wall, tmp_path
):
    Image.fromarray(wall).save(tmp_path / "wall.png")
    photos = [*broken_files.values(), tmp_path / "wall.png", astronaut_path]
    code, out, err = illures("decompose", *photos, "--out", tmp_path / "out")
    written = {p.name for p in (tmp_path / "out").iterdir()}
    assert code == 1 and written == {"astronaut", "manifest.jsonl"}  # there is a folder in it
    assert f"{len(photos) - 1} of {len(photos)} photos failed" in err and "Traceback" not in err
    assert all(str(p) in err for p in photos[:-1])
    assert err.count("\n") == len(photos)


@pytest.mark.parametrize(
    "name", ["empty", "letter", "noise", "half", "header", "huge", "pickle", "folder", "missing"]
)
@pytest.mark.parametrize("command", ["decompose", "relight"])
def test_one_broken_photo_is_one_sentence(command, name, illures, broken_files, tmp_path):
    light = ["--light", "front"] if command == "relight" else []
    code, out, err = illures(command, broken_files[name], *light, "--out", tmp_path / "out.png")
    assert code == 1 and not out
    assert err.count("\n") == 1 and str(broken_files[name]) in err and len(err) < 400


def test_no_face_is_exit_code_2(illures, wall, astronaut_path, tmp_path):
    photo = tmp_path / "wall.png"
    Image.fromarray(wall).save(photo)
    tiny = tmp_path / "tiny.png"
    Image.fromarray(wall[:1, :1]).save(tiny)
    for args in (
        ("decompose", photo, "--out", tmp_path / "o"),
        ("decompose", tiny, "--out", tmp_path / "o"),
        ("decompose", photo, tiny, "--out", tmp_path / "o"),
        ("relight", photo, "--light", "top", "--out", tmp_path / "o.png"),
        ("relight", astronaut_path, "--reference", photo, "--out", tmp_path / "o.png"),
    ):
        code, out, err = illures(*args)
        assert code == 2 and "no face" in err and not out, args
    assert not (tmp_path / "o.png").exists()


def test_relight_takes_every_kind_of_light(illures, face, astronaut, astronaut_path, tmp_path):
    outside = face.to_frame("matte") == 0
    SHLight.preset("top").save(tmp_path / "top.json")
    panorama = np.zeros((32, 64, 3), np.uint8)
    panorama[:10] = 255
    Image.fromarray(panorama).save(tmp_path / "sky.png")
    results = {}
    for name, light in {
        "preset": "split_left",
        "angles": "-60,20",
        "positive": "60,20",
        "json": tmp_path / "top.json",
        "map": tmp_path / "sky.png",
    }.items():
        path = tmp_path / f"{name}.png"
        code, out, err = illures("relight", astronaut_path, "--light", light, "--out", path)
        assert code == 0 and out.strip() == str(path) and not err
        results[name] = np.asarray(Image.open(path))
        assert results[name].shape == astronaut.shape
        assert np.array_equal(results[name][outside], astronaut[outside])
    assert len({r.tobytes() for r in results.values()}) == len(results)

    def from_the_left(picture):
        "How much brighter the face is on the picture's left than on its right."
        columns = picture[100:170, 185:265].mean((0, 2))
        return columns[:20].mean() - columns[-20:].mean()

    assert from_the_left(results["angles"]) > from_the_left(results["positive"])  # AZ < 0: left


def test_relight_by_the_photo_itself_changes_nothing(illures, astronaut, astronaut_path, tmp_path):
    same, matte = tmp_path / "same.png", tmp_path / "matte.jpg"
    args = "relight", astronaut_path, "--reference", astronaut_path
    assert illures(*args, "--out", same)[0] == 0
    assert abs(np.asarray(Image.open(same)).astype(int) - astronaut).max() <= 2
    assert illures(*args, "--residual", "0", "--out", matte)[0] == 0


@pytest.mark.parametrize(
    "args",
    [
        ("relight", "P", "--light", "sunny", "--out", "o.png"),
        ("relight", "P", "--light", "95", "--out", "o.png"),
        ("relight", "P", "--out", "o.png"),
        ("relight", "P", "--light", "front", "--reference", "P", "--out", "o.png"),
        ("relight", "P", "--light", "front"),
        ("relight", "P", "--light", "front", "--out", "o.gif"),
        ("relight", "P", "--light", "front", "--out", "no/where/o.png"),
        ("relight", "P", "--light", "front", "--out", "P"),
        ("relight", "P", "--light", "front", "--residual", "2.5", "--out", "o.png"),
        ("decompose", "--out", "d"),
        ("decompose", "P"),
        ("decompose", "P", "--out", "d", "--face", "0"),
        ("decompose", "P", "--out", "P"),
        ("decompose", "P", "--out", "P/deeper"),
        ("dance",),
        (),
    ],
)
def test_commands_that_make_no_sense(args, illures, astronaut_path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(astronaut_path, "P")
    before = Path("P").read_bytes()
    code, out, err = illures(*args) if args else illures("", model=False)
    assert code == 2 and not out and err.count("\n") == 1 and err.startswith("illures")
    assert Path("P").read_bytes() == before and not Path("o.png").exists()


def test_weights_problems_are_one_sentence(illures, astronaut_path, tmp_path):
    (tmp_path / "bad.safetensors").write_bytes(b"not safetensors")
    for name in (tmp_path / "bad.safetensors", tmp_path / "gone.safetensors", tmp_path / "net.pth"):
        code, out, err = illures(
            "decompose", astronaut_path, "--out", tmp_path / "o", "--weights", name, model=False
        )
        assert code == 1 and not out and err.count("\n") == 1 and str(name) in err


def test_a_light_file_that_is_none(illures, astronaut_path, tmp_path):
    (tmp_path / "bad.json").write_text('{"coeffs": [1, 2]}')
    (tmp_path / "bad.hdr").write_text("#?RADIANCE")
    for name in ("bad.json", "bad.hdr"):
        code, _, err = illures(
            "relight", astronaut_path, "--light", tmp_path / name, "--out", tmp_path / "o.png"
        )
        assert code == 2 and err.count("\n") == 1 and name in err


def test_evaluate_wild_looks_at_whatever_there_is(
    illures, weights, astronaut, wall, broken_files, tmp_path
):
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, picture in (("astronaut", astronaut), ("wall", wall)):
        Image.fromarray(picture).save(folder / f"{name}.png")
    shutil.copy(broken_files["letter"], folder / "letter.jpg")
    code, out, err = illures(
        "evaluate", "wild", folder, "--weights", weights, "--out", tmp_path / "wild.md", model=False
    )
    assert (
        code == 0
        and (tmp_path / "wild.md").read_text(encoding="utf-8").strip() == out.strip()
        and "Traceback" not in err
    )
    assert (
        "1: astronaut.png" in out
        and "no face): wall.png" in out
        and "cannot be read): letter.jpg" in out
    )
    assert (
        Image.open(tmp_path / "wild_01.png").height < 200
        and not (tmp_path / "wild_02.png").exists()
    )  # a page of one row
    code, out, _ = illures(
        "evaluate", "wild", folder, folder, "--most", "1", "--weights", weights, model=False
    )  # the first by name
    assert (
        code == 0
        and "2: astronaut.png" in out
        and "wall.png" not in out
        and "letter.jpg" not in out
    )
    (tmp_path / "empty").mkdir()
    code, out, err = illures(
        "evaluate", "wild", tmp_path / "empty", "--weights", weights, model=False
    )
    assert code == 1 and not out and err.count("\n") == 1 and "holds no photographs or clips" in err


def test_the_installed_command(astronaut_path, weights, tmp_path):
    "In a process of its own, as a user has it."
    script = shutil.which("illures", path=str(Path(sys.executable).parent)) or pytest.skip(
        "the package is not installed here"
    )
    run = subprocess.run(
        [
            script,
            "relight",
            str(astronaut_path),
            "--light",
            "-45,30",
            "--weights",
            str(weights),
            "--out",
            str(tmp_path / "o.png"),
        ],
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0 and run.stdout.strip() == str(tmp_path / "o.png"), run.stderr
    assert Image.open(tmp_path / "o.png").size == (512, 512)
    run = subprocess.run(
        [
            script,
            "relight",
            "nobody.jpg",
            "--light",
            "front",
            "--weights",
            str(weights),
            "--out",
            "o.png",
        ],
        capture_output=True,
        text=True,
    )
    assert run.returncode == 1 and run.stderr == "illures: nobody.jpg does not exist.\n"


# ---- printing


ENCODINGS = ["ascii", "cp437", "cp932", "gbk", "cp1250", "cp1251", "cp1252", "latin-1", "utf-8"]
PROCESS = {
    **os.environ,
    "OMP_NUM_THREADS": "1",
    "PYTHONPATH": os.pathsep.join(
        filter(None, [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH")])
    ),
}


def started(*words, **how):
    "The command as a process."
    env = PROCESS | how.pop("env", {})
    return subprocess.Popen(
        [sys.executable, "-m", "illures_nb", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=env,
        **how,
    )


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_no_encoding_fails_a_job(encoding, illures, astronaut_path, wall, tmp_path, monkeypatch):
    """Help, a batch with a name from afar and a photo that fails, on consoles that know few
    characters."""
    shutil.copy(astronaut_path, tmp_path / "山 é ½.png")
    Image.fromarray(wall).save(tmp_path / "墙.png")

    def console():
        return io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="strict", newline="")

    consoles = [console(), console()]
    for name, console in zip(("stdout", "stderr"), consoles):
        monkeypatch.setattr(sys, name, console)
    for command in ([], *([name] for name in COMMANDS)):
        with pytest.raises(SystemExit, match="0"):
            main([*command, "--help"])
    photos = sorted(map(str, tmp_path.glob("*.png")))
    options = ["--out", str(tmp_path / "山"), "--weights", str(illures.weights)]
    assert main(["decompose", *photos, *options]) == 1
    assert (tmp_path / "山/山 é ½/light.json").is_file()
    assert [sys.stdout, sys.stderr] == consoles
    shown = [console.buffer.getvalue().decode(encoding) for console in consoles]
    known = encoding in ("cp932", "gbk", "utf-8")
    assert ("山" in shown[0]) == known and ("\\u5c71" in shown[0]) == (not known)
    assert "1 of 2 photos failed" in shown[1] and "no face was found" in shown[1]


class Broken(io.StringIO):
    "A stream that refuses whatever it is given."

    def __init__(self, error):
        super().__init__()
        self.error = error

    def write(self, text):
        raise self.error

    def flush(self):
        raise self.error


ERRORS = [
    None,
    BrokenPipeError(32, "Broken pipe"),
    OSError(28, "No space left on device"),
    ValueError("I/O operation on closed file"),
    UnicodeEncodeError("charmap", "é", 0, 1, "undefined"),
]


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_no_stream_fails_a_job(error, illures, astronaut_path, tmp_path, monkeypatch):
    "Where there is no console at all (None), and where nothing can be written."
    streams = tuple(error and Broken(error) for _ in range(2))
    for name, stream in zip(("stdout", "stderr"), streams):
        monkeypatch.setattr(sys, name, stream)
    out = tmp_path / "o.png"
    options = ["--light", "front", "--out", str(out), "--weights", str(illures.weights)]
    assert main(["relight", str(astronaut_path), *options]) == 0 and out.is_file()
    assert main(["relight", str(tmp_path / "gone.png"), *options]) == 1
    with pytest.raises(SystemExit, match="2"):
        main(["relight", "--nonsense"])
    assert (sys.stdout, sys.stderr) == streams


def test_safe_printing_within_itself(capsys):
    "One coat is enough, and it is taken off when something goes wrong, too."
    before = sys.stdout, sys.stderr
    with pytest.raises(KeyError), safe_printing():
        coat = sys.stdout
        with safe_printing():
            assert sys.stdout is coat
        print("bars need these:", sys.stdout.isatty(), sys.stdout.encoding is not None)
        raise KeyError
    assert (sys.stdout, sys.stderr) == before
    assert capsys.readouterr().out == "bars need these: False True\n"


LOST = "illures: what was printed is lost: No space left on device\n"
STREAMS = {  # what the shell does with the streams → its line, what is said on the error stream
    "head": ('exec 3>&1; { "$@"; echo $? >&3; } | true', ""),
    "closed": ('"$@" <&- >&- 2>&-; echo $?', ""),
}
if Path("/dev/full").exists():
    STREAMS["full"] = ('"$@" > /dev/full; echo $?', LOST)


@pytest.fixture
def shell(weights, astronaut_path, tmp_path):
    'Relight a photo by a line of a POSIX shell, in which "$@" is the command.'
    if os.name != "posix":
        pytest.skip("a shell of POSIX")
    photo = tmp_path / "山.png"
    shutil.copy(astronaut_path, photo)
    command = [sys.executable, "-m", "illures_nb", "relight", photo, "--light", "front"]
    ascii_console = PROCESS | {"PYTHONIOENCODING": "ascii"}

    def run(line, out, *first):
        call = ["sh", "-c", line, "sh", *first, *command, "--weights", weights, "--out", out]
        return subprocess.run(call, env=ascii_console, capture_output=True, text=True)

    return run


@pytest.mark.slow
def test_streams_of_a_process(shell, tmp_path):
    "`… | head`, closed streams, a full disk, an ASCII console: the picture is made."
    plain = tmp_path / "plain山.png"
    run = shell('"$@"', plain)
    assert run.returncode == 0 and not run.stderr
    assert run.stdout == f"{tmp_path}/plain\\u5c71.png\n"
    for name, (line, lost) in STREAMS.items():
        out = tmp_path / f"{name}山.png"
        run = shell(line, out)
        assert run.stdout == "0\n" and run.stderr == lost, (name, run)
        assert out.read_bytes() == plain.read_bytes(), name


def test_a_folder_that_is_gone(shell, tmp_path):
    (tmp_path / "gone").mkdir()
    run = shell('cd "$1"; rmdir "$1"; shift; "$@"', "o.png", tmp_path / "gone")
    assert run.returncode == 2
    assert run.stderr == "illures: the folder you are in has been deleted\n"


# ---- what a shell expects


@pytest.mark.skipif(
    not Path("/proc/self/maps").exists(), reason="sees by /proc how far a process is"
)
def test_stopped_by_hand(weights, astronaut_path, tmp_path):
    """Ctrl-C, while torch loads and in the middle of a batch: one line, exit code 130, whole
    folders only."""
    for i in range(40):
        shutil.copy(astronaut_path, tmp_path / f"{i:02d}.png")
    for moment in ("loading", "working"):
        photos, out = sorted(tmp_path.glob("*.png")), tmp_path / moment
        options = "--out", out, "--weights", weights
        p = started("decompose", *photos, *options, start_new_session=True)
        until = time.time() + 300
        reached = {
            "loading": lambda: b"numpy" in Path(f"/proc/{p.pid}/maps").read_bytes(),
            "working": (out / "02").exists,
        }[moment]
        while not reached():
            assert p.poll() is None and time.time() < until
            time.sleep(0.02)
        os.killpg(p.pid, signal.SIGINT)
        told = p.communicate(timeout=300)
        assert p.returncode == 130 and told[1] == b"illures: stopped\n", (moment, told)
    done = sorted((tmp_path / "working").iterdir())
    assert 2 <= len(done) < 40
    assert all((folder / "sheet.png").is_file() for folder in done[:-1])


def test_help_everywhere(illures):
    bare = code, out, _ = illures()
    assert code == 0 and out.startswith("usage: illures ")
    assert bare[1:] == illures("--help")[1:]
    for name in COMMANDS:
        short = code, out, err = illures(name, "-h", model=False)
        assert code == 0 and out.startswith(f"usage: illures {name} ") and not err
        assert short == illures(name, "--help", model=False)
    code, out, _ = illures("--version")
    assert code == 0 and out.startswith("illures ")


MISTYPED = {  # what was typed → what is meant
    "decompos a.jpg": "decompose",
    "rellight": "relight",
    "Train": "train",
    "train stage1 --data d --out o": "stage1b",
    "synth expre --out o": "expre-syn",
    "decompose a.jpg --out o --preset light": "lite",
}


@pytest.mark.parametrize("typed, meant", MISTYPED.items())
def test_mistyped_words(typed, meant, illures):
    code, out, err = illures(*typed.split(), model=False)
    assert code == 2 and not out and err.count("\n") == 1
    assert f"perhaps you mean '{meant}'" in err
    assert "choose from" in illures("dance")[2]


SERVER = "GRADIO_SERVER_NAME", "GRADIO_SERVER_PORT", "GRADIO_NUM_PORTS", "GRADIO_ROOT_PATH"
SERVER += ("ILLURES_LANDMARKS",)


@pytest.fixture
def runs(monkeypatch):
    "What `illures app` would run: file, name and the server's settings in the environment."
    for name in SERVER:
        monkeypatch.delenv(name, raising=False)
    seen = []

    def run_path(path, run_name):
        seen.append((Path(path).name, run_name, [os.environ.get(name) for name in SERVER]))

    monkeypatch.setattr(runpy, "run_path", run_path)
    return seen


@pytest.fixture
def port():
    "A port of this machine that is taken."
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        yield str(s.getsockname()[1])


def test_the_app_listens_where_it_is_told(illures, runs, monkeypatch):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        free = str(s.getsockname()[1])
    assert illures("app")[0] == 0
    public = "--host", "0.0.0.0", "--port", free, "--root-path", "/faces"
    assert illures("app", *public, "--landmarks", "face-alignment")[0] == 0
    assert runs == [
        ("app.py", "__main__", ["127.0.0.1", None, None, None, None]),
        ("app.py", "__main__", ["0.0.0.0", free, "1", "/faces", "face-alignment"]),
    ]
    assert not [name for name in SERVER if name in os.environ]
    monkeypatch.setenv("GRADIO_SERVER_NAME", "localhost")
    app(argparse.Namespace(host=None, port=None, root_path=None, landmarks=None))
    assert runs.pop()[2][0] == "localhost" and os.environ["GRADIO_SERVER_NAME"] == "localhost"


def test_a_wrong_address_is_said_before_anything_is_loaded(illures, runs, port):
    ports = [["--port", value] for value in (port, "0", "70000", "http")]
    hosts = [["--host", value] for value in ("no.such.host.invalid", "192.0.2.1")]
    for args in (*ports, *hosts):
        code, out, err = illures("app", *args)
        assert code == 2 and not out and err.count("\n") == 1 and args[1] in err, (args, err)
    assert not runs


# ---- how a light is staged, and on whom


@pytest.fixture(scope="module")
def street(astronaut, tmp_path_factory):
    "The astronaut, behind her a second one in focus and half as high, a blurred and a far one."
    out = np.full((512, 1100, 3), 150, np.uint8)
    out[:, :512] = astronaut
    head = Image.fromarray(astronaut[:300, 80:380])
    for side, left, blur in ((180, 520, 0), (180, 710, 3), (95, 900, 0)):
        small = head.resize((side, side), Image.Resampling.LANCZOS)
        out[:side, left : left + side] = small.filter(ImageFilter.GaussianBlur(blur))
    path = tmp_path_factory.mktemp("street") / "street.png"
    Image.fromarray(out).save(path)
    return path


STANDING = (130, 225), (78, 607), (78, 797), (41, 946)  # rows and columns of their faces


def changed(path, photo):
    "Which of the four heads of `street` are not the photo's, in the mean of their pixels."
    out, before = (np.asarray(Image.open(x)).astype(int) for x in (path, photo))
    heads = (150, 330, 0, 200), (570, 660, 0, 120), (760, 850, 0, 120), (925, 970, 0, 60)
    parts = [np.s_[top:bottom, left:right] for left, right, top, bottom in heads]
    return [bool(abs(out[part] - before[part]).mean() > 1) for part in parts]


def test_only_those_who_are_meant_are_relit(illures, trained, street, tmp_path):
    args = "relight", street, "--light", "split_left"
    ways = {
        (): [True, True, False, False],
        ("--all-faces",): [True] * 4,
        ("--face", "all"): [True] * 4,
        ("--face", "1"): [True, False, False, False],
    }
    for k, (words, relit) in enumerate(ways.items()):
        out = tmp_path / f"{k}.png"
        code, said, err = illures(*args, *words, "--out", out)
        note = "" if words else " (2 of 4 faces: --all-faces relights all)"
        assert code == 0 and not err and said.strip() == f"{out}{note}"
        assert changed(out, street) == relit, words
    (tmp_path / "folder").mkdir()
    code, said, _ = illures(*args, "--out", tmp_path / "folder")
    assert code == 0 and "2 of 4 faces" in said


STAGED = {
    "as it is": (),
    "contrast": ("--contrast", "0.3"),
    "strength": ("--strength", "2"),
    "brightness": ("--brightness", "0.5"),
    "neutral": ("--neutral",),
    "no shine": ("--shine", "none"),
    "kept shadows": ("--shadows", "kept"),
    "literal": ("--residual", "1"),
    "face only": ("--face-only",),
}


def test_every_way_to_stage_a_light_is_another_picture(
    illures, trained, astronaut, astronaut_path, tmp_path
):
    args, pictures = ("relight", astronaut_path, "--light", "neon"), {}
    for name, words in STAGED.items():
        code, _, err = illures(*args, *words, "--out", tmp_path / f"{name}.png")
        assert code == 0 and not err
        pictures[name] = np.asarray(Image.open(tmp_path / f"{name}.png")).astype(int)
    assert len({x.tobytes() for x in pictures.values()}) == len(STAGED)
    effect = {name: abs(x - astronaut).mean() for name, x in pictures.items()}
    assert effect["strength"] > 1.2 * effect["as it is"] > 1.2 * effect["face only"]
    assert effect["contrast"] < effect["as it is"]
    assert pictures["brightness"].mean() < pictures["as it is"].mean()
    face = np.s_[90:170, 180:270]

    def cast(x):
        return np.ptp(x[face].mean((0, 1)) / astronaut[face].mean((0, 1)))

    assert cast(pictures["neutral"]) < 0.5 * cast(pictures["as it is"])


def test_strength_0_is_the_photo(illures, astronaut, astronaut_path, tmp_path):
    args = "relight", astronaut_path, "--light", "neon", "--strength", "0"
    assert illures(*args, "--out", tmp_path / "same.png")[0] == 0
    assert np.array_equal(np.asarray(Image.open(tmp_path / "same.png")), astronaut)


@pytest.mark.parametrize(
    "words",
    [
        ("--contrast", "2.5"),
        ("--strength", "-1"),
        ("--strength", "3"),
        ("--shine", "away"),
        ("--shadows", "soft"),
        ("--face", "1", "--all-faces"),
        ("--residual", "1", "--contrast", "0.5"),
        ("--residual", "1", "--shine", "none"),
    ],
    ids=" ".join,
)
def test_wrong_staging_is_one_sentence(words, illures, astronaut_path, tmp_path):
    out = tmp_path / "o.png"
    code, _, err = illures("relight", astronaut_path, "--light", "front", *words, "--out", out)
    assert code == 2 and len(err.splitlines()) == 1 and not out.exists()


def test_maps_on_the_photo_come_with_the_matte(illures, astronaut_path, tmp_path):
    args = "decompose", astronaut_path, "--out"
    assert illures(*args, tmp_path / "maps", "--frame")[0] == 0
    place = tmp_path / "maps/astronaut"
    assert (place / "photo/matte.png").is_file() and not (place / "matte.png").exists()
    record = json.loads((place / "light.json").read_text())
    assert record["lamps"]["lamps"] and len(record["coeffs"]) == 9
    assert json.loads((place / "face.json").read_text())["maps"]["matte"]["png"] == "no curve"
    assert illures(*args, tmp_path / "alone", "--frame", "--face-only")[0] == 0
    alone = tmp_path / "alone/astronaut/photo"
    mask, matte = (np.asarray(Image.open(alone / f"{n}.png")) for n in ("mask", "matte"))
    assert np.array_equal(mask, matte)


@pytest.fixture
def beach(tmp_path):
    "A picture of a place, upright by EXIF only, dark on the left and bright on the right."
    ramp = np.linspace(10, 240, 60)[None, :, None] * np.float32([0.6, 0.8, 1])
    sideways = Image.fromarray(np.uint8(np.repeat(ramp, 30, 0))).rotate(90, expand=True)
    exif = Image.Exif()
    exif[274] = 6
    sideways.save(tmp_path / "beach.png", exif=exif)
    return tmp_path / "beach.png"


def test_the_background_is_a_picture_that_may_light_the_person(
    illures, astronaut, astronaut_path, face, beach, tmp_path
):
    args = "relight", astronaut_path, "--background", beach
    pictures = {}
    for name, words in {"own": (), "lit": ("--light", "background")}.items():
        code, _, err = illures(*args, *words, "--out", tmp_path / f"{name}.png")
        assert code == 0 and not err
        pictures[name] = np.asarray(Image.open(tmp_path / f"{name}.png")).astype(int)
    outline = face.silhouette
    inside, outside = outline == 1, outline == 0
    assert abs(pictures["own"] - astronaut)[inside].max() <= 1
    assert np.array_equal(pictures["own"][outside], pictures["lit"][outside])
    sky = pictures["own"][5, :, 2]
    assert 60 < sky[2] < 80 and 170 < sky[-3] < 195  # upright, a quarter cut off on each side
    gain = (pictures["lit"] / np.maximum(astronaut, 1)).mean(2)[100:170, 185:265]
    assert gain[:, -20:].mean() > 1.1 * gain[:, :20].mean()


def opened(path):
    "A picture as its file holds it."
    return read_picture(path.read_bytes(), quantise(read_image(path), 8))


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif", ".exr"])
def test_a_person_can_be_cut_out(suffix, illures, astronaut_path, face, tmp_path):
    out = tmp_path / f"cut{suffix}"
    args = "relight", astronaut_path, "--background", "transparent", "--out"
    assert illures(*args, out)[0] == 0
    alpha = opened(out).alpha
    most = 1 if alpha.dtype.kind == "f" else np.iinfo(alpha.dtype).max
    assert abs(alpha / most - face.silhouette).max() < 0.01


def test_another_background_keeps_16_bits(illures, odd_photos, face, tmp_path):
    for background in ("#336699", "transparent"):
        args = "relight", odd_photos["deep.png"], "--background", background
        assert illures(*args, "--light", "window", "--out", tmp_path / "deep.png")[0] == 0
        samples = opened(tmp_path / "deep.png").samples
        assert samples.dtype == np.uint16 and len(np.unique(samples)) > 2000
        if background == "#336699":
            outside = samples[face.silhouette == 0]
            assert (outside == np.uint16([0x33, 0x66, 0x99]) * 257).all()


def test_nobody_but_who_is_meant_is_left(illures, trained, street, tmp_path):
    for words, left in {(): 2, ("--face", "1"): 1}.items():
        args = "relight", street, "--background", "transparent", *words
        assert illures(*args, "--out", tmp_path / "cut.png")[0] == 0
        alpha = np.asarray(Image.open(tmp_path / "cut.png"))[..., 3]
        there = [alpha[row, column] > 128 for row, column in STANDING]
        assert sum(there) == left


@pytest.mark.parametrize(
    "words",
    [
        ("--background", "gone.jpg"),
        ("--background", "#12"),
        ("--background", "transparent", "--out", "o.jpg"),
        ("--background", "#123456", "--light", "background"),
        ("--light", "background"),
        ("--background", "#123456", "--face-only"),
        ("--background", "#123456", "--neutral"),
        (),
    ],
    ids=" ".join,
)
def test_wrong_backgrounds_are_one_sentence(words, illures, astronaut_path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    out = () if "--out" in words else ("--out", "o.png")
    code, _, err = illures("relight", astronaut_path, *words, *out)
    assert code == 2 and len(err.splitlines()) == 1 and err.startswith("illures")
    assert not list(tmp_path.glob("o.*"))
