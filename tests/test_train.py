"From toy sets to weights: `illures train`; killed and continued; in two processes; what it refuses. (tests/test_synth.py makes sets.)"

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
from illures_nb.networks import build, load_weights, save_weights  # noqa: E402
from illures_nb.synth.shards import write_samples  # noqa: E402
from illures_nb.train.toys import toy_sets  # noqa: E402

ENV = os.environ | {"OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    "A toy set of every kind, of 32²; the first of three people is held out."
    return toy_sets(tmp_path_factory.mktemp("sets"))


@pytest.fixture(scope="module")
def pool(sets):
    return sets["sfsnet-syn"]


def start(*args):
    "The command as a process of its own, the leader of a group."
    code = "import sys; from illures_nb.cli import main; sys.exit(main())"
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, args)],
        env=ENV,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def kill(process):
    "As a power cut would: the process and all it started."
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def wait_for(condition, process, seconds=300):
    until = time.time() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()[1]
        assert time.time() < until, "it takes too long"
        time.sleep(0.2)


def tensors(path):
    with safe_open(path, "pt") as f:
        return {k: f.get_tensor(k) for k in f.keys()}, f.metadata()


def test_help_teaches(illures):
    code, out, _ = illures("train", "--help")
    assert (
        code == 0
        and out.count("illures train ") >= 4
        and "examples:" in out
        and "goes on" in out
        and "accelerate launch" in out
    )


def test_stages_of_the_command():
    "The command knows every stage without importing the trainer."
    from illures_nb.cli import parser
    from illures_nb.train.stage import STAGES

    for stage in (*STAGES, "ablations"):
        assert parser().parse_args(["train", stage, "--data", "x", "--out", "y"]).stage == stage
    assert {"synth", "train"} <= COMMANDS.keys()


TOY = ("--size", 32, "--batch", 4, "--device", "cpu", "--every", 0)


def last_row(out):
    with open(out / "log.csv", newline="") as f:
        return list(csv.DictReader(f))[-1]


def test_training_teaches(sets, tmp_path, illures):
    "Some steps on two sets lower the held-out loss; the weights can be used; there is a report."
    two = sets["sfsnet-syn"], sets["expre-syn"]
    code, out, err = illures(
        "train",
        "stage1b",
        "--data",
        *two,
        "--held",
        two[1],
        "--out",
        tmp_path / "run",
        "--steps",
        25,
        "--lr",
        3e-3,
        "--multilit",
        0.3,
        *TOY[:6],
        "--every",
        3,
    )
    assert (
        code == 0
        and out.strip() == str(tmp_path / "run/weights.safetensors")
        and ("bf16" in err or "fp32" in err)
        and "25/25" in err
    )
    with open(tmp_path / "run/log.csv", newline="") as f:
        rows = list(csv.DictReader(f))
    assert rows[-1]["step"] == "25" and rows[-1]["images"] == "100" and rows[-1]["multilit/cross"]
    assert len(rows) == 1 or float(rows[-1]["val_photographs/total"]) < float(
        rows[0]["val_photographs/total"]
    )
    net = load_weights(tmp_path / "run/weights.safetensors", "lite")
    maps = net(torch.rand(1, 3, 32, 32))
    assert (
        net.meta["steps"] == "25"
        and maps.light.shape == (1, 9, 3)
        and torch.isfinite(maps.albedo).all()
    )
    page = (tmp_path / "run/report.html").read_text(encoding="utf-8")
    assert (
        "stage1b" in page
        and "val_photographs/angle" in page
        and str(tmp_path) not in page
        and (tmp_path / "run/report.png").stat().st_size > 5000
    )


def test_stages_build_on_each_other(sets, tmp_path, illures):
    "AlignNets, then pairs of frames with their help, through the command."

    def train(stage, *more):
        code, out, err = illures(
            "train", stage, "--out", tmp_path / stage, "--steps", 2, *TOY, *more
        )
        assert code == 0, err
        return out.strip()

    a, n = (train(k, "--data", sets[k]) for k in ("align-albedo", "align-normals"))
    first = train("stage1b", "--data", sets["expre-syn"])
    last = train(
        "stage2",
        "--data",
        sets["videos"],
        sets["expre-syn"],
        "--held",
        sets["expre-syn"],
        "--init",
        first,
        a,
        n,
    )
    assert (
        load_weights(a).preset == "align_albedo"
        and load_weights(n).preset == "align_normals"
        and load_weights(last).preset == "lite"
    )
    assert any(k.endswith("share_residual") for k in last_row(tmp_path / "stage2"))


def test_killed_training_goes_on_bit_for_bit(pool, tmp_path):
    "A process killed after a checkpoint and continued ends where one that was never stopped ends."
    args = lambda out: (
        "train",
        "stage1b",
        "--data",
        pool,
        "--out",
        tmp_path / out,
        "--steps",
        6,
        *TOY,
    )
    assert main([*map(str, args("whole"))]) == 0
    process, log = start(*args("killed")), tmp_path / "killed/log.csv"
    wait_for(lambda: log.exists() and log.read_text().count("\n") > 3, process)
    kill(process)
    assert int(tensors(tmp_path / "killed/state.safetensors")[1]["step"]) >= 2
    assert main([*map(str, args("killed"))]) == 0
    (a, m), (b, n) = (tensors(tmp_path / o / "state.safetensors") for o in ("whole", "killed"))
    assert (
        m == n
        and m["step"] == "6"
        and a.keys() == b.keys()
        and all(torch.equal(a[k], b[k]) for k in a)
    )


def test_killed_while_it_writes(pool, tmp_path, monkeypatch):
    "Whoever is killed within the last checkpoint finds weights, log and report all the same after the same call."
    from illures_nb.train.state import State

    args, save = (
        [
            str(x)
            for x in (
                "train",
                "stage1b",
                "--data",
                pool,
                "--out",
                tmp_path / "run",
                "--steps",
                3,
                *TOY,
            )
        ],
        State.save,
    )

    def killed(self, path):
        if self.step == 3:
            raise KeyboardInterrupt
        save(self, path)

    with monkeypatch.context() as m:
        m.setattr(State, "save", killed)
        assert main(args) != 0
    assert tensors(tmp_path / "run/state.safetensors")[1]["step"] == "2"
    assert (
        main(args) == 0 and load_weights(tmp_path / "run/weights.safetensors").meta["steps"] == "3"
    )
    with open(tmp_path / "run/log.csv", newline="") as f:
        assert [r["step"] for r in csv.DictReader(f)] == ["1", "2", "3"]


def test_another_run_is_refused(sets, pool, tmp_path, illures):
    "What was trained with other settings is not continued: the sentence names them, and nothing is written."
    args = (
        "train",
        "stage1b",
        "--data",
        pool,
        "--out",
        tmp_path / "run",
        "--steps",
        1,
        *TOY,
        "--workers",
        0,
    )
    code, weights, err = illures(*args)
    assert code == 0, err
    read = lambda: {p.name: p.read_bytes() for p in (tmp_path / "run").iterdir() if p.is_file()}
    before = read()
    other = {
        "its batch is 4, not 8": ("--batch", 8),
        "its size is 32, not 16": ("--size", 16),
        "its seed is 0, not 1": ("--seed", 1),
        "its lr is 0.0015, not 0.001": ("--lr", 1e-3),
        "its multilit is 0.0, not 0.5": ("--multilit", 0.5),
        "its preset is 'lite', not 'sfsnet'": ("--preset", "sfsnet"),
        "its init is none, not lite ": ("--init", weights.strip()),
        "its held is none, not expre-syn ": ("--held", sets["expre-syn"]),
        "its data is sfsnet-syn ": ("--data", sets["expre-syn"]),
        "not 16; its seed is 0, not 3": ("--size", 16, "--seed", 3),
    }
    for words, more in other.items():
        code, _, err = illures(*args, "--steps", 2, *more)
        last = err.strip().splitlines()[-1]
        assert (
            code == 1 and words in last and "another folder" in last and "Traceback" not in err
        ), (more, err)
    code, _, err = illures("train", "stage1a", *args[2:], "--steps", 2)
    assert code == 1 and "its stage is 'stage1b', not 'stage1a'" in err
    assert read() == before


def test_same_run_goes_further(pool, tmp_path, illures):
    "More steps, and a set that was moved: the same run. Fewer steps than it has, and a folder that lost its state: refused."
    args = lambda data, steps: (
        "train",
        "stage1b",
        "--data",
        data,
        "--out",
        tmp_path / "run",
        "--steps",
        steps,
        *TOY,
    )
    assert illures(*args(pool, 1))[0] == 0
    shutil.copytree(pool, tmp_path / "moved")
    code, _, err = illures(*args(tmp_path / "moved", 2), "--workers", 0, "--every", 60)
    assert (
        code == 0
        and last_row(tmp_path / "run")["step"] == "2"
        and last_row(tmp_path / "run")["images"] == "8"
    ), err
    code, _, err = illures(*args(pool, 1))
    assert code == 1 and "has made 2 steps already, more than 1" in err
    (tmp_path / "run/state.safetensors").unlink()
    code, _, err = illures(*args(pool, 2))
    assert code == 1 and "log.csv of a run, but no state" in err


def test_sets_may_grow_by_clips():
    "Clips may have been added to a set, none may be missing or another."
    from illures_nb.train.settings import differences

    run = lambda **clips: {"data": [{"set": "videos (size 32)", "clips": clips}]}
    assert differences(run(a=3), run(a=3, b=2)) == []
    assert (
        differences(run(a=3, b=2), run(a=3))
        == differences(run(a=3, b=2), run(a=3, b=1))
        == ["b of its data is gone, or another now"]
    )


@pytest.mark.parametrize("batch", [2, 4, 6, 8, 12])
def test_two_lights_are_two_pictures(pool, batch):
    "A step on faces in two lights sees as many pictures as --batch says."
    from illures_nb.synth.assets import painted_scenes
    from illures_nb.train.batches import picture_count
    from illures_nb.train.mixture import Mixture
    from illures_nb.train.stage import stage_for

    stage = stage_for("stage1b", size=32, batch=batch, multilit=1.0, steps=3)
    name, (a, b) = Mixture(stage, pool, painted_scenes(4))[1]
    assert (
        name == "multilit"
        and len(a.image) == len(b.image) == batch // 2
        and picture_count((a, b)) == batch
    )
    assert torch.equal(a.albedo, b.albedo) and not torch.equal(a.image, b.image)


def test_two_lights_need_an_even_batch(pool, tmp_path, illures):
    code, _, err = illures(
        "train",
        "stage1b",
        "--data",
        pool,
        "--out",
        tmp_path / "run",
        "--multilit",
        0.2,
        *TOY,
        "--batch",
        5,
    )
    assert code == 1 and "batch of 5 cannot hold every face in two lights" in err


class Constant(torch.nn.Module):
    "An AlignNet that answers the same whatever it is shown."

    def __init__(self, answer):
        super().__init__()
        self.answer = torch.nn.Parameter(torch.tensor(answer).view(1, 3, 1, 1))

    def forward(self, map_i, contours_i, contours_j):
        return self.answer.expand_as(map_i)


def test_equation_7_does_not_teach_aligners_to_answer_anything():
    "A constant φ costs nothing where both sides go through it: so only where it cannot learn."
    from types import SimpleNamespace
    from illures_nb.networks import Maps
    from illures_nb.train.losses import pair_loss

    torch.manual_seed(0)
    unit = torch.nn.functional.normalize(torch.randn(2, 3, 8, 8), dim=1)
    maps = Maps(torch.rand(2, 3, 8, 8), unit, torch.rand(2, 9, 3), torch.zeros(2, 3, 8, 8))
    one, picture = torch.ones(2, 1, 8, 8), torch.rand(2, 3, 8, 8)
    pair = SimpleNamespace(
        image_i=picture, image_j=picture, contours_i=one, contours_j=one, mask_i=one, mask_j=one
    )
    aligners = {"albedo": Constant([0.2, 0.2, 0.2]), "normals": Constant([0.0, 0.0, 1.0])}
    weights = dict(image=0.0, albedo=1.0, normals=1.0)
    learning = pair_loss(maps, maps, pair, aligners, weights)
    learning["total"].backward()
    for kind, true in (("albedo", maps.albedo), ("normals", maps.normals)):
        assert (
            learning[kind] >= (true - aligners[kind].answer).abs().mean() - 1e-5
            and aligners[kind].answer.grad.abs().sum() > 0.1
        )
    for net in aligners.values():
        net.requires_grad_(False)
    frozen = pair_loss(maps, maps, pair, aligners, weights)
    assert frozen["albedo"] == 0 and frozen["normals"].abs() < 1e-6


def test_stage_3_takes_equation_7_as_printed():
    "A stage tells its loss which AlignNets learn: those of stage 3, not those of stage 2; and so does its average."
    from illures_nb.train.losses import _learns
    from illures_nb.train.roles import Networks
    from illures_nb.train.stage import stage_for
    from illures_nb.train.state import State

    for name, learn in (("stage2", False), ("stage3", True)):
        stage = stage_for(name, size=32, batch=4)
        state = State(stage, ["lite", "align_albedo", "align_normals"])
        for nets in (state.nets, state.averaged()):
            aligners = Networks(stage, nets, False).aligners
            assert {k: _learns(net) for k, net in aligners.items()} == {
                "albedo": learn,
                "normals": learn,
            }


def test_pairs_do_not_teach_aligners(sets):
    "In stage 3 equation 7 teaches the decomposer alone; the AlignNets learn from true maps."
    from illures_nb.synth.assets import painted_scenes
    from illures_nb.train.mixture import Mixture
    from illures_nb.train.roles import Networks
    from illures_nb.train.stage import stage_for
    from illures_nb.train.state import State
    from illures_nb.train.streams import STREAMS

    stage = stage_for("stage3", size=32, batch=4)
    data = [sets[k] for k in ("sfsnet-syn", "expre-syn", "videos", "align-albedo", "align-normals")]
    streams, nets = (
        Mixture(stage, data, painted_scenes(4)).streams,
        State(stage, ["lite", "align_albedo", "align_normals"]).nets,
    )
    run = Networks(stage, nets, False)
    taught = lambda name: any(p.grad is not None and p.grad.any() for p in nets[name].parameters())
    STREAMS["videos"].loss(run, streams["videos"][0])["total"].backward()
    assert taught("decomposer") and not taught("align_normals") and not taught("align_albedo")
    STREAMS["align-normals"].loss(run, streams["align-normals"][0])["total"].backward()
    assert taught("align_normals") and not taught("align_albedo")


def test_report_watches_aligners_that_learn(sets, tmp_path):
    "Stage 3 logs, without being asked, how its AlignNets do on the people held out, and whether they read the map."
    from illures_nb.synth.assets import painted_scenes
    from illures_nb.train.report import curves, read_log
    from illures_nb.train.stage import stage_for
    from illures_nb.train.trainer import train

    data = [sets[k] for k in ("videos", "expre-syn", "align-albedo", "align-normals")]
    stage = stage_for("stage3", size=32, steps=2, batch=4)
    train(
        stage,
        data,
        painted_scenes(4),
        tmp_path,
        ["lite", "align_albedo", "align_normals"],
        "cpu",
        0,
    )
    row = read_log(tmp_path / "log.csv")[-1]
    assert 0 < float(row["val_align-normals/angle"]) < 90
    for kind in ("albedo", "normals"):
        assert (
            float(row[f"val_align-{kind}/reads"]) > 0.2
            and float(row[f"val_align-{kind}/moved"]) > 0.2
        )
    alone = {k: v for k, v in row.items() if k in ("images", "step") or "reads" in k}
    assert curves([alone]).shape == (190, 4 * 300, 3)  # two panels in a row of four


def test_ablations_refuse_other_settings(sets, tmp_path):
    "A run of the comparison that is finished is left alone; with other settings it is refused, not taken for done."
    from illures_nb.synth.assets import Assets
    from illures_nb.train.ablations import planned, train_all

    def go(**given):
        train_all(
            {"sfs-1": planned("sfs-1", size=32, batch=4, steps=1, **given)},
            [sets["sfsnet-syn"]],
            Assets(),
            tmp_path,
            device="cpu",
            workers=0,
        )

    go()
    stamps = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.*")}
    go()
    with pytest.raises(ValueError, match="its seed is 0, not 1"):
        go(seed=1)
    assert all(p.stat().st_mtime_ns == t for p, t in stamps.items())


DISTRIBUTED = """
import sys, torch
from pathlib import Path
from illures_nb.synth.assets import painted_scenes
from illures_nb.train import mixture, stage, trainer
torch.set_num_threads(1)
trainer.bf16_helps = lambda device: False  # its rounding would hide small differences
kind, data, out = sys.argv[1:]
s = stage.stage_for(kind, size=32, steps=4, batch=8, warmup=2, lr=1e-3)
held = mixture.held_batches(s, data, painted_scenes(4, 9), 1)
trainer.train(s, data, painted_scenes(8), Path(out), device="cpu", workers=0, every=1e9, held=held)
"""


@pytest.mark.parametrize(
    "kind, recipe", [("stage1b", "sfsnet-syn"), ("align-albedo", "align-albedo")]
)
def test_two_processes_do_what_one_does(kind, recipe, sets, tmp_path):
    "`accelerate launch` with two processes, each with its half of every batch, ends close to where one process ends."
    pytest.importorskip(
        "accelerate",
        reason="training in several processes needs accelerate: pip install 'illures_nb[train]'",
    )
    (tmp_path / "toy.py").write_text(DISTRIBUTED)
    launch = [
        sys.executable,
        "-m",
        "accelerate.commands.launch",
        "--multi_gpu",
        "--num_processes",
        "2",
        "--num_machines",
        "1",
        "--mixed_precision",
        "no",
        "--dynamo_backend",
        "no",
    ]
    for name, command in (
        ("one", [sys.executable]),
        ("two", [*launch, "--main_process_port", "0"]),
    ):
        done = subprocess.run(
            [*command, tmp_path / "toy.py", kind, sets[recipe], tmp_path / name],
            env=ENV,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr.count("4/4") == 1 and ("cpu:0 x 2" in done.stderr) == (
            name == "two"
        )  # one of them speaks
    one, two = (last_row(tmp_path / n) for n in ("one", "two"))
    terms = [k for k in one if k not in ("steps_per_s", "waiting")]
    assert one.keys() == two.keys() and all(
        float(two[k]) == pytest.approx(float(one[k]), rel=0.02, abs=0.002) for k in terms
    ), (one, two)
    (a, _), (b, _) = (tensors(tmp_path / n / "state.safetensors") for n in ("one", "two"))
    from illures_nb.train.stage import stage_for
    from illures_nb.train.state import State

    start = State(stage_for(kind, size=32)).nets.state_dict()
    norm = lambda x: sum((v.float() ** 2).sum() for v in x) ** 0.5
    moved, apart = (
        norm(a["net." + k] - v for k, v in start.items()),
        norm(a["net." + k] - b["net." + k] for k in start),
    )
    assert 0 < apart < 0.2 * moved, (
        apart,
        moved,
    )  # means over a mask are taken in each half: close, not equal


def test_trainer_needs_little(pool, tmp_path):
    "A bare machine: torch, NumPy, OpenCV and safetensors; nothing that draws, watches or launches."
    code = f"""
import builtins, sys
honest, absent = builtins.__import__, {{"tqdm", "accelerate", "tensorboard", "matplotlib", "scipy", "joblib", "gradio", "mtcnn", "mitsuba", "face_alignment"}}
def bare(name, *args, **more):
    if name.split(".")[0] in absent: raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
    return honest(name, *args, **more)
builtins.__import__ = bare
from illures_nb.cli import main
sys.exit(main(["train", "stage1b", "--data", {str(pool)!r}, "--out", {str(tmp_path / "run")!r}, "--size", "32", "--batch", "4", "--steps", "2", "--device", "cpu"]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env=ENV, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0 and "2/2" in done.stderr, done.stderr
    assert (tmp_path / "run/report.html").is_file() and not (tmp_path / "run/tensorboard").exists()


def test_one_sentence(sets, pool, tmp_path, illures):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("in the way")
    shutil.copytree(pool, tmp_path / "damaged")
    (tmp_path / "damaged/shard-00000.tar").write_bytes(
        (pool / "shard-00000.tar").read_bytes()[:9999]
    )
    (tmp_path / "old").mkdir()
    np.savez(tmp_path / "old/shard-00000.npz", albedo=np.zeros((64, 3, 32, 32), np.uint8))
    write_samples(
        tmp_path / "maps",
        lambda i: ({"maps": np.zeros(3)}, {}),
        {"recipe": "align-albedo", "size": 32, "samples": 1, "per_shard": 1},
        workers=1,
    )
    for name, size in (("foreign", 32), ("large", 64)):
        write_samples(
            tmp_path / name,
            lambda i: ({"mask": np.zeros(3)}, {"split": "train"}),
            {"recipe": "sfsnet-syn", "size": size, "samples": 1, "per_shard": 1},
            workers=1,
        )
    save_weights(tmp_path / "blind.safetensors", build("align_normals"), {"contours": "none"})
    train, second = (
        ("train", k, "--out", tmp_path / "out", "--steps", 1, "--data")
        for k in ("stage1b", "stage2")
    )
    train += (pool,)
    for args, code, words in (
        (
            ("train", "stage1b", "--data", tmp_path / "empty", "--out", tmp_path / "out"),
            1,
            "illures synth",
        ),
        (
            (
                "train",
                "stage1b",
                "--data",
                tmp_path / "damaged",
                "--size",
                32,
                "--out",
                tmp_path / "out",
            ),
            1,
            "shard-00000.tar is damaged",
        ),
        (
            ("train", "stage1b", "--data", tmp_path / "old", "--out", tmp_path / "out"),
            1,
            "earlier version",
        ),
        (
            ("train", "stage1b", "--data", tmp_path / "maps", "--out", tmp_path / "out"),
            1,
            "holds align-albedo: stage1b is trained on photographs",
        ),
        ((*second, sets["expre-syn"], "--size", 32), 1, "needs a set videos"),
        (
            (
                "train",
                "stage2",
                "--data",
                sets["expre-syn"],
                sets["videos"],
                "--size",
                32,
                "--out",
                tmp_path / "out",
            ),
            1,
            "needs trained weights of",
        ),
        (
            (
                "train",
                "stage2",
                "--data",
                sets["expre-syn"],
                sets["videos"],
                "--size",
                64,
                "--out",
                tmp_path / "out",
            ),
            1,
            "trains on 64²",
        ),
        (
            (
                "train",
                "ablations",
                "--data",
                sets["expre-syn"],
                "--size",
                32,
                "--out",
                tmp_path / "out",
            ),
            1,
            "needs a set",
        ),
        (
            (
                "train",
                "stage1b",
                "--data",
                tmp_path / "foreign",
                "--size",
                32,
                "--out",
                tmp_path / "out",
            ),
            1,
            "it is not a shard of sfsnet-syn",
        ),
        (
            (
                "train",
                "stage1b",
                "--data",
                pool,
                tmp_path / "large",
                "--size",
                32,
                "--out",
                tmp_path / "out",
            ),
            1,
            "all must have one size",
        ),
        ((*train, "--held", tmp_path / "gone"), 1, "illures synth"),
        ((*train, "--held", pool), 1, "holds nobody out"),
        (
            (*train, "--size", 32, "--held", tmp_path / "maps"),
            1,
            "holds align-albedo: stage1b is trained on photographs",
        ),
        (
            (
                "train",
                "stage1b",
                "--data",
                tmp_path / "large",
                "--size",
                64,
                "--held",
                sets["expre-syn"],
                "--out",
                tmp_path / "out",
            ),
            1,
            "trains on 64²",
        ),
        (
            (
                "train",
                "ablations",
                "--data",
                *sets.values(),
                "--held",
                sets["videos"],
                "--size",
                32,
                "--out",
                tmp_path / "out",
            ),
            1,
            "Nothing to measure on",
        ),
        (
            (
                *second,
                sets["expre-syn"],
                sets["videos"],
                "--size",
                32,
                "--init",
                "lite",
                "align_albedo",
                tmp_path / "blind.safetensors",
            ),
            1,
            "never saw contours",
        ),
        ((*train, "--size", 64), 1, "trains on 64²"),
        ((*train, "--size", 32, "--envs", tmp_path / "gone.npz"), 1, "gone.npz"),
        ((*train, "--size", 32, "--envs", tmp_path / "file"), 1, "environment maps"),
        ((*train, "--size", 32, "--init", tmp_path / "gone.safetensors"), 1, "gone.safetensors"),
        (("train", "stage1b", "--data", pool, "--out", tmp_path / "file"), 2, "cannot write into"),
        (
            ("train", "stage1b", "--data", pool, "--out", tmp_path / "out", "--lr", "much"),
            2,
            "--lr",
        ),
        (("train", "vgg", "--data", pool, "--out", tmp_path / "out"), 2, "vgg"),
    ):
        got, _, err = illures(*args)
        last = err.strip().splitlines()[-1]
        assert (
            got == code and words in last and last.startswith("illures") and "Traceback" not in err
        ), (args, got, err)


def test_disk_full(pool, tmp_path, illures):
    "Files may not grow beyond 100 kB: training and synthesis say so, in one sentence, and leave no half file."
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        train = illures(
            "train",
            "stage1b",
            "--data",
            pool,
            "--out",
            tmp_path / "run",
            "--steps",
            1,
            "--batch",
            4,
            "--size",
            32,
            "--device",
            "cpu",
        )
        synth = illures(
            "synth",
            "sfsnet-syn",
            "--out",
            tmp_path / "pool",
            "--scale",
            0.004,
            "--size",
            32,
            "--workers",
            0,
        )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    for code, _, err in (train, synth):
        assert (
            code == 1 and "too large" in err.strip().splitlines()[-1] and "Traceback" not in err
        ), err
    assert [p.name for p in tmp_path.glob("*/*")] == ["dataset.json"]


def test_package_holds_the_subpackages():
    "`pip install` must bring synth and train along."
    from setuptools import find_packages

    assert {"illures_nb", "illures_nb.synth", "illures_nb.train"} <= set(
        find_packages(Path(__file__).parents[1], include=["illures_nb*"])
    )
