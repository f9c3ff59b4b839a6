"""From nothing to sets of faces: `illures assets`, `illures synth`; killed and continued, damaged,
refused."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("numba", reason="the rasteriser needs numba: pip install 'illures_nb[synth]'")
pytest.importorskip("joblib", reason="sets are written by joblib: pip install 'illures_nb[synth]'")
from illures_nb.cli import RECIPES, main  # noqa: E402

ENV = os.environ | {"OMP_NUM_THREADS": "1"}
TOY = ["--scale", ".00528", "--size", "24"]  # 66 people: a shard of 64 and one of 2


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    "A set that the command wrote without any asset, undisturbed."
    out = tmp_path_factory.mktemp("sets") / "toy"
    assert main(["synth", "sfsnet-syn", "--out", str(out), *TOY, "--workers", "1"]) == 0
    return out


def start(*args):
    "The command as a process of its own, the leader of a group."
    code = "import sys; from illures_nb.cli import main; sys.exit(main())"
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, args)],
        env=ENV,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def shards(folder):
    return {p.name: p.read_bytes() for p in folder.glob("shard-*")}


HEAVY = """
import sys
from illures_nb.cli import parser
parser().format_help()
heavy = ("illures_nb.synth", "illures_nb.train", "numba", "mitsuba", "joblib")
print(*(name for name in sys.modules if name.startswith(heavy)))
"""


def test_help_teaches_and_loads_nothing(illures):
    for name in ("synth", "assets"):
        code, out, _ = illures(name, "--help")
        assert code == 0 and out.count(f"illures {name} ") >= 4
        assert "examples:" in out and "goes on" in out
    assert all(r in illures("synth", "--help")[1] for r in RECIPES)
    code, out, _ = illures("assets")
    sources = ("ICT-FaceKit", "MIT", "makehuman-assets", "CC0", "polyhaven.com")
    assert code == 0 and all(x in out for x in (*sources, "assets import", "assets check"))
    call = [sys.executable, "-c", HEAVY]
    assert subprocess.run(call, env=ENV, capture_output=True, text=True).stdout.strip() == ""


def test_a_set_needs_no_file_and_describes_itself(toy, illures):
    shard_names = {"shard-00000.tar", "shard-00001.tar"}
    assert {p.name for p in toy.iterdir()} == shard_names | {"dataset.json", "sheet.png"}
    about = json.loads((toy / "dataset.json").read_text())
    assert about["recipe"] == "sfsnet-syn" and about["samples"] == 66
    assert all("Apache-2.0" in line for line in about["licences"])
    sheet = np.asarray(Image.open(toy / "sheet.png").convert("RGB"))
    assert sheet.shape[1] == 3 * 3 * 24 and sheet.std() > 20
    code, out, err = illures("synth", "verify", toy)
    assert code == 0 and "66 samples" in out and not err


@pytest.mark.slow
def test_killed_and_continued_it_is_the_same(toy, tmp_path):
    """Shards have the same bytes, those that were whole are not written again, and nothing
    half-written stays."""
    out = tmp_path / "set"
    p, until = start("synth", "sfsnet-syn", "--out", out, *TOY, "--workers", "2"), time.time() + 300
    while not list(out.glob("shard-*.tar")):
        assert p.poll() is None and time.time() < until, p.communicate()
        time.sleep(0.1)
    os.killpg(p.pid, signal.SIGKILL)  # as a power cut would: the process and all it started
    p.communicate()
    first = {f: f.stat().st_mtime_ns for f in out.glob("shard-*.tar")}
    assert len(first) == 1
    (out / "shard-00000.tar.tmp").write_bytes(b"half a shard")
    assert main(["synth", "sfsnet-syn", "--out", str(out), *TOY, "--workers", "1"]) == 0
    assert shards(out) == shards(toy)
    assert all(f.stat().st_mtime_ns == t for f, t in first.items())


@pytest.mark.slow
def test_a_cluster_makes_the_same_set(toy, tmp_path, illures):
    "Two workers of a local Dask cluster, each a process, asked by `--cluster`."
    missing = "clusters need dask and distributed: pip install 'illures_nb[dev]'"
    distributed = pytest.importorskip("dask.distributed", reason=missing)
    silent = {"dashboard_address": None, "worker_dashboard_address": None}
    with distributed.LocalCluster(2, threads_per_worker=1, **silent) as local:
        args = "synth", "sfsnet-syn", "--out", tmp_path / "set", *TOY
        code, out, err = illures(*args, "--cluster", local.scheduler_address)
    assert code == 0 and out.strip() == str(tmp_path / "set"), err
    assert shards(tmp_path / "set") == shards(toy)


def test_no_space_left(toy, tmp_path, illures, monkeypatch):
    """No space left: one sentence that names the file, no shard; with space again the same command
    goes on."""
    out = tmp_path / "set"
    shutil.copytree(toy, out)
    (out / "shard-00001.tar").unlink()

    def full(fd):
        raise OSError(28, "No space left on device")

    args = "synth", "sfsnet-syn", "--out", out, *TOY, "--workers", "1"
    with monkeypatch.context() as m:
        m.setattr(os, "fsync", full)
        code, _, err = illures(*args)
    assert code == 1 and "Traceback" not in err
    assert "shard-00001.tar: no space left on device" in err.strip().splitlines()[-1]
    assert not list(out.glob("*.tmp")) and len(shards(out)) == 1
    assert illures(*args)[0] == 0
    assert shards(out) == shards(toy)


def test_damaged_shards_are_named(toy, tmp_path, illures):
    out = tmp_path / "set"
    shutil.copytree(toy, out)
    flipped = bytearray((out / "shard-00000.tar").read_bytes())
    flipped[len(flipped) // 2] ^= 255
    (out / "shard-00000.tar").write_bytes(flipped)
    (out / "shard-00001.tar").write_bytes((out / "shard-00001.tar").read_bytes()[:5_000])
    for what in ("damaged", "missing"):
        code, said, err = illures("synth", "verify", out)
        first, second = err.strip().splitlines()
        assert code == 1 and not said, err
        assert "shard-00000.tar is damaged" in first, err
        assert f"shard-00001.tar is {what}" in second, err
        (out / "shard-00001.tar").unlink(missing_ok=True)


MAKE, IMPORT = "synth sfsnet-syn --out D/s", "assets import --out D/a"
BROKEN_SKIN = "young_lightskinned_male_diffuse.png"
REFUSED = {  # arguments (D: a folder with what the fixture puts there) → exit code, words
    "no recipe": ("synth", 2, "RECIPE"),
    "unknown recipe": ("synth bfm --out D/s", 2, "invalid choice"),
    "no out": ("synth expre-syn", 2, "--out"),
    "scale": ("synth expre-syn --out D/s --scale 0", 2, "--scale"),
    "size": ("synth expre-syn --out D/s --size 3", 2, "--size"),
    "folder is a file": ("synth sfsnet-syn --out D/file", 2, "cannot write into"),
    "no folder can be made": ("synth sfsnet-syn --out D/file/deeper", 2, "cannot write into"),
    "no assets": (f"{MAKE} --assets D/empty", 1, "holds no assets"),
    "no head": (f"{MAKE} --kit D/nowhere.npz", 1, "nowhere.npz is not there"),
    "wrong checkout": (f"{MAKE} --kit D/empty", 1, "is it an ICT-FaceKit checkout?"),
    "old npz": (f"{MAKE} --kit D/old.npz", 1, "older npz"),
    "no npz": (f"{MAKE} --kit D/broken.npz", 1, "broken.npz is not"),
    "no skins": (f"{MAKE} --skins D/empty", 1, "no skins"),
    "broken skin": (f"{MAKE} --skins D/skins", 1, "a.png"),
    "no brows": (f"{MAKE} --brows D/empty", 1, "no eyebrow"),
    "broken envs": ("synth expre-syn --out D/s --envs D/broken.npz", 1, "broken.npz is not"),
    "old envs": ("synth expre-syn --out D/s --envs D/old.npz", 1, "older npz"),
    "another set": ("synth caric-syn --out D/set", 1, "holds another set"),
    "nothing to verify": ("synth verify D/empty", 1, "dataset.json"),
    "verify what": ("synth verify", 2, "folder"),
    "no cluster": (f"{MAKE} --cluster nonsense", 1, "No Dask scheduler"),
    "assets that are no folder": (f"{MAKE} --assets D/nowhere", 1, "no folder of assets"),
    "check what": ("assets check", 2, "at least one"),
    "import what": ("assets import --out D/a", 2, "something to import"),
    "import where": ("assets import --ict D", 2, "--out"),
    "import a wrong checkout": (f"{IMPORT} --ict D/empty", 1, "no ICT-FaceKit checkout"),
    "import no checkout": ("assets import --ict D/nowhere --out D/a", 1, "no ICT-FaceKit checkout"),
    "import no skins": ("assets import --makehuman D/empty --out D/a", 1, "none of MakeHuman's"),
    "import a broken skin": (f"{IMPORT} --makehuman D/skins", 1, BROKEN_SKIN),
    "import no light": ("assets import --envs D/empty --out D/a", 1, "holds no .hdr or .exr"),
    "import broken light": ("assets import --envs D/hdr --out D/a", 1, "bad.hdr"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_is_one_sentence(name, toy, tmp_path, illures):
    for folder in ("empty", "skins", "hdr"):
        (tmp_path / folder).mkdir()
    skins = "skins/a.png", "skins/young_lightskinned_male_diffuse.png"
    for file in ("file", "broken.npz", *skins, "hdr/bad.hdr", "hdr/other.hdr"):
        (tmp_path / file).write_bytes(b"#?RADIANCE nothing")
    vertices, faces = np.zeros((9, 3)), np.zeros((3, 3), int)
    np.savez(tmp_path / "old.npz", vertices=vertices, faces=faces)
    shutil.copytree(toy, tmp_path / "set")
    line, expected, words = REFUSED[name]
    if "--cluster" in line:
        pytest.importorskip("dask.distributed", reason="clusters need dask and distributed")
    line = line.replace("D/", f"{tmp_path}/").replace(" D", f" {tmp_path}")
    code, out, err = illures(*line.split())
    last = err.strip().splitlines()[-1]
    assert code == expected and not out, err
    assert words in last and last.startswith("illures") and len(last) < 500, err
    assert "Traceback" not in err
    assert not list(tmp_path.glob("s/shard-*")) and not list(tmp_path.rglob("*.tmp"))
    assert shards(tmp_path / "set") == shards(toy)
    assert not [p for p in tmp_path.glob("a/**/*") if p.is_file()]


def test_errors_have_their_types(tmp_path):
    "What a program that catches them relies on; the notebooks show the sentences."
    from illures_nb.synth import recipes
    from illures_nb.synth.imported import load_skins

    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(FileNotFoundError):
            load_skins(folder)
    with pytest.raises(ValueError):
        recipes.recipe_named("bfm")
    with pytest.raises(ValueError):
        recipes.units("expre-syn", 0)
    with pytest.raises(IndexError):
        recipes.place("expre-syn", 2736)


def test_imported_assets_are_used_and_named(tmp_path, illures):
    """Painted environments as files → import → check → a set that lists them; the import goes on
    where it was."""
    from illures_nb.image import write_image
    from illures_nb.synth.assets import Assets, painted_scenes

    assets, hdris = tmp_path / "assets", tmp_path / "hdris"
    hdris.mkdir()
    for name, e in zip("abcde", painted_scenes(5, 3)):
        write_image(hdris / f"{name}_1k.exr", e)
    licence = "painted for a test"
    importing = "assets", "import", "--envs", hdris, "--licence", licence, "--out", assets
    code, out, err = illures(*importing)
    assert code == 0 and "5 environments of 5 places" in out and not err
    assert illures(*importing)[1].strip().endswith("is there already.")
    code, out, _ = illures("assets", "check", assets)
    assert code == 0 and "4 environments to train with, 1 to test with; painted for a test" in out
    assert len(Assets.find(assets).environments()) == 4
    few = "--scale", ".0002", "--size", "24", "--workers", "1"
    args = "synth", "sfsnet-syn", "--out", tmp_path / "set", "--assets", assets
    code, _, err = illures(*args, *few)
    about = json.loads((tmp_path / "set/dataset.json").read_text())
    assert code == 0 and "painted for a test" in err
    assert "environments: painted for a test" in about["licences"]
    (assets / "envs/envmaps.npz").write_bytes(b"cut short")
    assert illures("assets", "check", assets)[0] == 1


NO_MITSUBA = "path tracing needs Mitsuba: pip install 'illures_nb[synth]'"


@pytest.mark.slow
@pytest.mark.skipif(not find_spec("mitsuba"), reason=NO_MITSUBA)
def test_a_path_traced_toy(tmp_path, illures):
    few = "--scale", ".001", "--size", "32", "--spp", "4", "--workers", "1"
    code, out, err = illures("synth", "expre-syn", "--out", tmp_path / "set", *few)
    assert code == 0 and out.strip() == str(tmp_path / "set"), err
    assert "path tracing by llvm_ad_rgb: " in err or "path tracing by scalar_rgb: " in err
    from illures_nb.synth.shards import Shards

    s = Shards(tmp_path / "set")
    samples = list(s)
    assert len(samples) == len(s) == 48
    assert {i["identity"] for _, i in samples} == {0, 1}
    assert {i["split"] for _, i in samples} == {"train", "test"}
    for arrays, info in samples[::7]:
        image = arrays["image"]
        assert image.shape == (5, 3, 32, 32)
        assert image.min() >= 0 and np.isfinite(image).all()
        assert arrays["mask"].mean() > 20 and len(info["licences"]) == 4
    assert Image.open(tmp_path / "set/sheet.png").width == 3 * 4 * 32
    code, out, _ = illures("synth", "verify", Path(tmp_path / "set"))
    assert code == 0 and "48 samples" in out
