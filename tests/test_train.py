"From a toy set to weights: `illures train`; killed and continued; what it refuses. (tests/test_synth.py makes sets.)"
import csv
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

pytest.importorskip("numba", reason="the rasteriser needs numba: pip install 'illures_nb[synth]'")
from illures_nb.cli import COMMANDS, main  # noqa: E402
from illures_nb.networks import PRESETS, load_weights  # noqa: E402
from illures_nb.synth.assets import painted_scenes  # noqa: E402
from illures_nb.synth.lighting import illuminate, sample_light  # noqa: E402
from illures_nb.synth.raster import Geometry  # noqa: E402
from illures_nb.synth.shards import write_samples  # noqa: E402
from illures_nb.train.data import Pool  # noqa: E402

ENV = os.environ | {"OMP_NUM_THREADS": "1"}


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    "Toy steps are too small for more; two threads on a busy machine wait for each other."
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def illures(capsys):
    "Run a command here: exit code, standard output, standard error."
    def run(*args):
        capsys.readouterr()
        try: code = main([str(a) for a in args])
        except SystemExit as e: code = e.code
        return code, *capsys.readouterr()
    return run


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    "A set that the command wrote without any asset: one shard, 50 faces of 32²."
    out = tmp_path_factory.mktemp("pool")
    assert main(["synth", "sfsnet-syn", "--out", str(out), "--scale", ".004", "--size", "32", "--workers", "1"]) == 0
    return out


@pytest.fixture(scope="module")
def traced(pool, tmp_path_factory):
    "A stand-in for a path-traced set: rasterised faces in five lights, stored alike; the first of three people is held out."
    out, rng, envs = tmp_path_factory.mktemp("traced"), np.random.default_rng(0), painted_scenes(6)
    faces = [Pool(pool).draw(rng, 1) for _ in range(6)]

    def sample(index):
        g, rng = faces[index], np.random.default_rng(index)
        lit = illuminate(many := Geometry.cat([g] * 5), sample_light(many, envs, rng))
        arrays = {k: getattr(g, k)[0].numpy() for k in ("albedo", "normals", "mask", "head", "landmarks")}
        return arrays | dict(image=lit.image.numpy().astype(np.float16), light=lit.light.numpy()), {"identity": index // 2, "split": "train" if index > 1 else "test"}

    write_samples(out, sample, {"recipe": "expre-syn", "size": 32, "samples": 6, "per_shard": 2}, 5, 1)
    return out


def start(*args):
    "The command as a process of its own, the leader of a group."
    code = "import sys; from illures_nb.cli import main; sys.exit(main())"
    return subprocess.Popen([sys.executable, "-c", code, *map(str, args)], env=ENV, stderr=subprocess.PIPE, text=True, start_new_session=True)


def kill(process):
    "As a power cut would: the process and all it started."
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def wait_for(condition, process, seconds=300):
    until = time.time() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()[1]
        assert time.time() < until, "it takes too long"
        time.sleep(.2)


def tensors(path):
    with safe_open(path, "pt") as f: return {k: f.get_tensor(k) for k in f.keys()}, f.metadata()


def test_help_teaches(illures):
    code, out, _ = illures("train", "--help")
    assert code == 0 and out.count("illures train ") >= 4 and "examples:" in out and "goes on" in out


def test_stages_are_presets():
    from illures_nb.train.stages import STAGES
    assert list(STAGES) == list(PRESETS) and all(s.preset == name for name, s in STAGES.items()) and {"synth", "train"} <= COMMANDS.keys()


TOY = ("--size", 32, "--batch", 4, "--device", "cpu", "--every", 0)


def test_training_teaches(pool, traced, tmp_path, illures):
    "Some steps on two sets lower the held-out loss; the weights can be used."
    code, out, err = illures("train", "lite", "--data", pool, traced, "--held", pool, traced, "--out", tmp_path / "run", "--steps", 25, "--lr", 3e-3, *TOY[:4], "--device", "cpu", "--every", 3)
    assert code == 0 and out.strip() == str(tmp_path / "run/weights.safetensors") and ("bf16" in err or "fp32" in err)
    with open(tmp_path / "run/log.csv", newline="") as f: rows = list(csv.DictReader(f))
    assert rows[-1]["step"] == "25" and rows[-1]["images"] == "100"
    assert len(rows) == 1 or float(rows[-1]["val_total"]) < float(rows[0]["val_total"])
    net = load_weights(tmp_path / "run/weights.safetensors", "lite")
    maps = net(torch.rand(1, 3, 32, 32))
    assert net.meta["steps"] == "25" and maps.light.shape == (1, 9, 3) and torch.isfinite(maps.albedo).all()


def test_killed_training_goes_on_bit_for_bit(pool, tmp_path):
    "A process killed after a checkpoint and continued ends where one that was never stopped ends."
    args = lambda out: ("train", "lite", "--data", pool, "--out", tmp_path / out, "--steps", 6, *TOY)
    assert main([*map(str, args("whole"))]) == 0
    process, log = start(*args("killed")), tmp_path / "killed/log.csv"
    wait_for(lambda: log.exists() and log.read_text().count("\n") > 2, process)
    kill(process)
    assert int(tensors(tmp_path / "killed/state.safetensors")[1]["step"]) >= 2
    assert main([*map(str, args("killed"))]) == 0
    (a, m), (b, n) = (tensors(tmp_path / o / "state.safetensors") for o in ("whole", "killed"))
    assert m == n and m["step"] == "6" and a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def test_one_sentence(pool, tmp_path, illures):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("in the way")
    shutil.copytree(pool, tmp_path / "damaged")
    (tmp_path / "damaged/shard-00000.tar").write_bytes((pool / "shard-00000.tar").read_bytes()[:9999])
    (tmp_path / "old").mkdir()
    np.savez(tmp_path / "old/shard-00000.npz", albedo=np.zeros((64, 3, 32, 32), np.uint8))
    write_samples(tmp_path / "maps", lambda i: ({"maps": np.zeros(3)}, {}), {"recipe": "align-albedo", "size": 32, "samples": 1, "per_shard": 1}, workers=1)
    for name, size in (("foreign", 32), ("large", 64)):
        write_samples(tmp_path / name, lambda i: ({"mask": np.zeros(3)}, {"split": "train"}), {"recipe": "sfsnet-syn", "size": size, "samples": 1, "per_shard": 1}, workers=1)
    train = ("train", "lite", "--data", pool, "--out", tmp_path / "out", "--steps", 1)
    for args, code, words in (
            (("train", "lite", "--data", tmp_path / "empty", "--out", tmp_path / "out"), 1, "illures synth"),
            (("train", "lite", "--data", tmp_path / "damaged", "--out", tmp_path / "out"), 1, "shard-00000.tar is damaged"),
            (("train", "lite", "--data", tmp_path / "old", "--out", tmp_path / "out"), 1, "earlier version"),
            (("train", "lite", "--data", tmp_path / "maps", "--out", tmp_path / "out"), 1, "holds align-albedo"),
            (("train", "lite", "--data", tmp_path / "foreign", "--out", tmp_path / "out"), 1, "it is not a shard of sfsnet-syn"),
            (("train", "lite", "--data", pool, tmp_path / "large", "--out", tmp_path / "out"), 1, "all must have one size"),
            ((*train, "--held", tmp_path / "gone"), 1, "illures synth"),
            ((*train, "--size", 64), 1, "trains on 64²"),
            ((*train, "--size", 32, "--envs", tmp_path / "gone.npz"), 1, "gone.npz"),
            ((*train, "--size", 32, "--envs", tmp_path / "file"), 1, "environment maps"),
            ((*train, "--size", 32, "--init", tmp_path / "gone.safetensors"), 1, "gone.safetensors"),
            (("train", "lite", "--data", pool, "--out", tmp_path / "file"), 2, "cannot write into"),
            (("train", "lite", "--data", pool, "--out", tmp_path / "out", "--lr", "much"), 2, "--lr"),
            (("train", "vgg", "--data", pool, "--out", tmp_path / "out"), 2, "vgg")):
        got, _, err = illures(*args)
        last = err.strip().splitlines()[-1]
        assert got == code and words in last and last.startswith("illures") and "Traceback" not in err, (args, got, err)


def test_disk_full(pool, tmp_path, illures):
    "Files may not grow beyond 100 kB: training and synthesis say so, in one sentence, and leave no half file."
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        train = illures("train", "lite", "--data", pool, "--out", tmp_path / "run", "--steps", 1, "--batch", 4, "--size", 32, "--device", "cpu")
        synth = illures("synth", "sfsnet-syn", "--out", tmp_path / "pool", "--scale", .004, "--size", 32, "--workers", 0)
    finally: resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    for code, _, err in (train, synth): assert code == 1 and "too large" in err.strip().splitlines()[-1] and "Traceback" not in err, err
    assert [p.name for p in tmp_path.glob("*/*")] == ["dataset.json"]


def test_package_holds_the_subpackages():
    "`pip install` must bring synth and train along."
    from setuptools import find_packages
    assert {"illures_nb", "illures_nb.synth", "illures_nb.train"} <= set(find_packages(Path(__file__).parents[1], include=["illures_nb*"]))
