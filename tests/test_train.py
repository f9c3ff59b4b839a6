"""From toy sets to weights: `illures train`; killed and continued; in two processes; what it
refuses. (tests/test_synth.py makes sets.)"""

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
    assert code == 0 and out.count("illures train ") >= 4
    assert all(words in out for words in ("examples:", "goes on", "accelerate launch"))


def test_stages_of_the_command():
    "The command knows every stage without importing the trainer."
    from illures_nb.cli import parser
    from illures_nb.train.stage import STAGES

    for stage in (*STAGES, "ablations"):
        assert parser().parse_args(["train", stage, "--data", "x", "--out", "y"]).stage == stage
    assert {"synth", "train"} <= COMMANDS.keys()


TOY = ("--size", 32, "--batch", 4, "--device", "cpu", "--every", 0)


def small(stage, data, out, steps, *more):
    "The arguments of a small training; data: a set or several."
    data = [data] if isinstance(data, Path) else data
    return ["train", stage, "--data", *data, "--out", out, "--steps", steps, *TOY, *more]


def rows(out):
    "The lines of a training's log."
    with open(out / "log.csv", newline="") as f:
        return list(csv.DictReader(f))


def last_row(out):
    return rows(out)[-1]


def files(folder):
    "Name → bytes."
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}


def refused(answer, words):
    "Whether a command ended with one sentence that holds these words."
    code, _, err = answer
    last = err.strip().splitlines()[-1]
    return code == 1 and words in last and "Traceback" not in err


def test_training_teaches(sets, tmp_path, illures):
    "Some steps on two sets lower the held-out loss; the weights can be used; there is a report."
    two, run = (sets["sfsnet-syn"], sets["expre-syn"]), tmp_path / "run"
    settings = ("--held", two[1], "--lr", 3e-3, "--multilit", 0.3, "--every", 3)
    code, out, err = illures(*small("stage1b", two, run, 25, *settings))
    assert code == 0 and out.strip() == str(run / "weights.safetensors")
    assert ("bf16" in err or "fp32" in err) and "25/25" in err
    first, last, held = rows(run)[0], rows(run)[-1], "val_photographs/total"
    assert last["step"] == "25" and last["images"] == "100" and last["multilit/cross"]
    assert len(rows(run)) == 1 or float(last[held]) < float(first[held])
    net = load_weights(run / "weights.safetensors", "lite")
    maps = net(torch.rand(1, 3, 32, 32))
    assert net.meta["steps"] == "25" and maps.light.shape == (1, 9, 3)
    assert torch.isfinite(maps.albedo).all()
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "stage1b" in page and "val_photographs/angle" in page and str(tmp_path) not in page
    assert (run / "report.png").stat().st_size > 5000


@pytest.mark.slow
def test_stages_build_on_each_other(sets, tmp_path, illures):
    "AlignNets, then pairs of frames with their help, through the command."

    def train(stage, data, *more):
        code, out, err = illures(*small(stage, data, tmp_path / stage, 2, *more))
        assert code == 0, err
        return out.strip()

    albedo, normals = (train(k, sets[k]) for k in ("align-albedo", "align-normals"))
    faces = sets["expre-syn"]
    first = train("stage1b", faces)
    start = "--held", faces, "--init", first, albedo, normals
    last = train("stage2", [sets["videos"], faces], *start)
    presets = [load_weights(path).preset for path in (albedo, normals, last)]
    assert presets == ["align_albedo", "align_normals", "lite"]
    assert any(k.endswith("share_residual") for k in last_row(tmp_path / "stage2"))


def test_killed_training_goes_on_bit_for_bit(pool, tmp_path):
    "A process killed after a checkpoint and continued ends where one that was never stopped ends."
    whole, killed = (small("stage1b", pool, tmp_path / o, 6) for o in ("whole", "killed"))
    assert main([*map(str, whole)]) == 0
    process, log = start(*killed), tmp_path / "killed/log.csv"
    wait_for(lambda: log.exists() and log.read_text().count("\n") > 3, process)
    kill(process)
    assert int(tensors(tmp_path / "killed/state.safetensors")[1]["step"]) >= 2
    assert main([*map(str, killed)]) == 0
    (a, m), (b, n) = (tensors(tmp_path / o / "state.safetensors") for o in ("whole", "killed"))
    assert m == n and m["step"] == "6"
    assert a.keys() == b.keys()
    assert all(torch.equal(a[k], b[k]) for k in a)


def test_killed_while_it_writes(pool, tmp_path, monkeypatch):
    """Whoever is killed within the last checkpoint finds weights, log and report all the same after
    the same call."""
    from illures_nb.train.state import State

    run, save = tmp_path / "run", State.save
    args = [str(x) for x in small("stage1b", pool, run, 3)]

    def killed(self, path):
        if self.step == 3:
            raise KeyboardInterrupt
        save(self, path)

    with monkeypatch.context() as m:
        m.setattr(State, "save", killed)
        assert main(args) != 0
    assert tensors(run / "state.safetensors")[1]["step"] == "2"
    assert main(args) == 0
    assert load_weights(run / "weights.safetensors").meta["steps"] == "3"
    assert [row["step"] for row in rows(run)] == ["1", "2", "3"]


def test_another_run_is_refused(sets, pool, tmp_path, illures):
    """What was trained with other settings is not continued: the sentence names them, and nothing
    is written."""
    args = small("stage1b", pool, tmp_path / "run", 1, "--workers", 0)
    code, weights, err = illures(*args)
    assert code == 0, err
    before = files(tmp_path / "run")
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
        answer = illures(*args, "--steps", 2, *more)
        assert refused(answer, words) and refused(answer, "another folder"), (more, answer)
    code, _, err = illures("train", "stage1a", *args[2:], "--steps", 2)
    assert code == 1 and "its stage is 'stage1b', not 'stage1a'" in err
    assert files(tmp_path / "run") == before


def test_same_run_goes_further(pool, tmp_path, illures):
    """More steps, and a set that was moved: the same run. Fewer steps than it has, and a folder
    that lost its state: refused."""
    run, moved = tmp_path / "run", tmp_path / "moved"
    assert illures(*small("stage1b", pool, run, 1))[0] == 0
    shutil.copytree(pool, moved)
    code, _, err = illures(*small("stage1b", moved, run, 2, "--workers", 0, "--every", 60))
    assert code == 0, err
    assert last_row(run)["step"] == "2" and last_row(run)["images"] == "8"
    code, _, err = illures(*small("stage1b", pool, run, 1))
    assert code == 1 and "has made 2 steps already, more than 1" in err
    (run / "state.safetensors").unlink()
    code, _, err = illures(*small("stage1b", pool, run, 2))
    assert code == 1 and "log.csv of a run, but no state" in err


def test_sets_may_grow_by_clips():
    "Clips may have been added to a set, none may be missing or another."
    from illures_nb.train.settings import differences

    def run(**clips):
        return {"data": [{"set": "videos (size 32)", "clips": clips}]}

    assert differences(run(a=3), run(a=3, b=2)) == []
    for clips in ({"a": 3}, {"a": 3, "b": 1}):
        gone = differences(run(a=3, b=2), run(**clips))
        assert gone == ["b of its data is gone, or another now"]


@pytest.mark.parametrize("batch", [2, 4, 6, 8, 12])
def test_two_lights_are_two_pictures(pool, batch):
    "A step on faces in two lights sees as many pictures as --batch says."
    from illures_nb.synth.assets import painted_scenes
    from illures_nb.train.batches import picture_count
    from illures_nb.train.mixture import Mixture
    from illures_nb.train.stage import stage_for

    stage = stage_for("stage1b", size=32, batch=batch, multilit=1.0, steps=3)
    name, (a, b) = Mixture(stage, pool, painted_scenes(4))[1]
    assert name == "multilit" and picture_count((a, b)) == batch
    assert len(a.image) == len(b.image) == batch // 2
    assert torch.equal(a.albedo, b.albedo) and not torch.equal(a.image, b.image)


def test_two_lights_need_an_even_batch(pool, tmp_path, illures):
    odd = "--multilit", 0.2, "--batch", 5
    code, _, err = illures(*small("stage1b", pool, tmp_path / "run", 1, *odd))
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
    albedo, light = torch.rand(2, 3, 8, 8), torch.rand(2, 9, 3)
    maps = Maps(albedo, unit, light, torch.zeros(2, 3, 8, 8))
    one, picture = torch.ones(2, 1, 8, 8), torch.rand(2, 3, 8, 8)
    pair = SimpleNamespace(
        image_i=picture, image_j=picture, contours_i=one, contours_j=one, mask_i=one, mask_j=one
    )
    aligners = {"albedo": Constant([0.2, 0.2, 0.2]), "normals": Constant([0.0, 0.0, 1.0])}
    weights = dict(image=0.0, albedo=1.0, normals=1.0)
    learning = pair_loss(maps, maps, pair, aligners, weights)
    learning["total"].backward()
    for kind, true in (("albedo", maps.albedo), ("normals", maps.normals)):
        answer = aligners[kind].answer
        assert learning[kind] >= (true - answer).abs().mean() - 1e-5
        assert answer.grad.abs().sum() > 0.1
    for net in aligners.values():
        net.requires_grad_(False)
    frozen = pair_loss(maps, maps, pair, aligners, weights)
    assert frozen["albedo"] == 0 and frozen["normals"].abs() < 1e-6


def test_stage_3_takes_equation_7_as_printed():
    """A stage tells its loss which AlignNets learn: those of stage 3, not those of stage 2; and so
    does its average."""
    from illures_nb.train.losses import learns
    from illures_nb.train.roles import Networks
    from illures_nb.train.stage import stage_for
    from illures_nb.train.state import State

    for name, learn in (("stage2", False), ("stage3", True)):
        stage = stage_for(name, size=32, batch=4)
        state = State(stage, ["lite", "align_albedo", "align_normals"])
        for nets in (state.nets, state.averaged()):
            aligners = Networks(stage, nets, False).aligners
            learning = {k: learns(net) for k, net in aligners.items()}
            assert learning == {"albedo": learn, "normals": learn}


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
    streams = Mixture(stage, data, painted_scenes(4)).streams
    nets = State(stage, ["lite", "align_albedo", "align_normals"]).nets
    run = Networks(stage, nets, False)

    def taught(name):
        gradients = [p.grad for p in nets[name].parameters()]
        return any(g is not None and g.any() for g in gradients)

    STREAMS["videos"].loss(run, streams["videos"][0])["total"].backward()
    assert taught("decomposer") and not taught("align_normals") and not taught("align_albedo")
    STREAMS["align-normals"].loss(run, streams["align-normals"][0])["total"].backward()
    assert taught("align_normals") and not taught("align_albedo")


def test_report_watches_aligners_that_learn(sets, tmp_path):
    """Stage 3 logs, without being asked, how its AlignNets do on the people held out, and whether
    they read the map."""
    from illures_nb.synth.assets import painted_scenes
    from illures_nb.train.report import curves, read_log
    from illures_nb.train.stage import stage_for
    from illures_nb.train.trainer import train

    data = [sets[k] for k in ("videos", "expre-syn", "align-albedo", "align-normals")]
    stage = stage_for("stage3", size=32, steps=2, batch=4)
    init = ["lite", "align_albedo", "align_normals"]
    train(stage, data, painted_scenes(4), tmp_path, init, "cpu", 0)
    row = read_log(tmp_path / "log.csv")[-1]
    assert 0 < float(row["val_align-normals/angle"]) < 90
    for kind in ("albedo", "normals"):
        assert float(row[f"val_align-{kind}/reads"]) > 0.2
        assert float(row[f"val_align-{kind}/moved"]) > 0.2
    alone = {k: v for k, v in row.items() if k in ("images", "step") or "reads" in k}
    assert curves([alone]).shape == (190, 4 * 300, 3)  # two panels in a row of four


def test_ablations_refuse_other_settings(sets, tmp_path):
    """A run of the comparison that is finished is left alone; with other settings it is refused,
    not taken for done."""
    from illures_nb.synth.assets import Assets
    from illures_nb.measure.ablations import planned, train_all

    def go(**given):
        plan = {"sfs-1": planned("sfs-1", size=32, batch=4, steps=1, **given)}
        data = [sets["sfsnet-syn"]]
        train_all(plan, data, Assets(), tmp_path, device="cpu", workers=0)

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


LAUNCH = (
    "-m accelerate.commands.launch --multi_gpu --num_processes 2 --num_machines 1 "
    "--mixed_precision no --dynamo_backend no --main_process_port 0"
).split()


def distance(tensors, others):
    "The norm of a difference of two networks, over all their tensors."
    squares = [(a - b).float() ** 2 for a, b in zip(tensors, others)]
    return sum(x.sum() for x in squares) ** 0.5


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind, recipe",
    [
        ("stage1b", "sfsnet-syn"),
        ("align-albedo", "align-albedo"),
    ],
)
def test_two_processes_do_what_one_does(kind, recipe, sets, tmp_path):
    """`accelerate launch` with two processes, each with its half of every batch, ends close to
    where one process ends."""
    missing = "training in several processes needs accelerate: pip install 'illures_nb[train]'"
    pytest.importorskip("accelerate", reason=missing)
    from illures_nb.train.stage import stage_for
    from illures_nb.train.state import State

    (tmp_path / "toy.py").write_text(DISTRIBUTED)
    for name, options in (("one", []), ("two", LAUNCH)):
        call = [sys.executable, *options, tmp_path / "toy.py", kind, sets[recipe], tmp_path / name]
        done = subprocess.run(call, env=ENV, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr
        assert done.stderr.count("4/4") == 1  # one of them speaks
        assert ("cpu:0 x 2" in done.stderr) == (name == "two")
    one, two = (last_row(tmp_path / n) for n in ("one", "two"))
    assert one.keys() == two.keys()
    for k in one.keys() - {"steps_per_s", "waiting"}:
        close = pytest.approx(float(one[k]), rel=0.02, abs=0.002)
        assert float(two[k]) == close, (k, one, two)
    begun = State(stage_for(kind, size=32)).nets.state_dict()
    states = [tensors(tmp_path / n / "state.safetensors")[0] for n in ("one", "two")]
    a, b = ([state["net." + k] for k in begun] for state in states)
    moved, apart = distance(a, begun.values()), distance(a, b)
    # means over a mask are taken in each half: close, not equal
    assert 0 < apart < 0.2 * moved, (apart, moved)


BARE = """
import builtins, sys
honest = builtins.__import__
absent = {"tqdm", "accelerate", "tensorboard", "matplotlib", "scipy", "joblib", "gradio", "mtcnn"}
absent |= {"mitsuba", "face_alignment"}
def bare(name, *args, **more):
    if name.split(".")[0] in absent:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    return honest(name, *args, **more)
builtins.__import__ = bare
from illures_nb.cli import main
sys.exit(main())
"""


def test_trainer_needs_little(pool, tmp_path):
    "A bare machine: torch, NumPy, OpenCV and safetensors; nothing that draws, watches or launches."
    args = ["train", "stage1b", "--data", pool, "--out", tmp_path / "run"]
    toy = ["--size", "32", "--batch", "4", "--steps", "2", "--device", "cpu"]
    call = [sys.executable, "-c", BARE, *args, *toy]
    done = subprocess.run(call, env=ENV, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and "2/2" in done.stderr, done.stderr
    assert (tmp_path / "run/report.html").is_file() and not (tmp_path / "run/tensorboard").exists()


@pytest.fixture(scope="module")
def wrong(pool, tmp_path_factory):
    "A folder of sets and weights that cannot be used."
    folder = tmp_path_factory.mktemp("wrong")
    (folder / "empty").mkdir()
    (folder / "file").write_text("in the way")
    shutil.copytree(pool, folder / "damaged")
    half = (pool / "shard-00000.tar").read_bytes()[:9999]
    (folder / "damaged/shard-00000.tar").write_bytes(half)
    (folder / "old").mkdir()
    np.savez(folder / "old/shard-00000.npz", albedo=np.zeros((64, 3, 32, 32), np.uint8))
    one = {"samples": 1, "per_shard": 1}
    maps = {"recipe": "align-albedo", "size": 32, **one}
    nothing = {"maps": np.zeros(3)}, {}
    trained = {"mask": np.zeros(3)}, {"split": "train"}
    write_samples(folder / "maps", lambda i: nothing, maps, workers=1)
    for name, size in (("foreign", 32), ("large", 64)):
        faces = {"recipe": "sfsnet-syn", "size": size, **one}
        write_samples(folder / name, lambda i: trained, faces, workers=1)
    save_weights(folder / "blind.safetensors", build("align_normals"), {"contours": "none"})
    return folder


LARGE = "stage1b --data W/large"
PAIRS = "stage2 --data S/expre-syn S/videos"
ALL = "ablations --data S/*"
POOL = "stage1b --steps 1 --data S/sfsnet-syn"
BLIND = "--init lite align_albedo W/blind.safetensors"
NO_SHARD = "it is not a shard of sfsnet-syn"
ON_PHOTOGRAPHS = "holds align-albedo: stage1b is trained on photographs"
REFUSED = {  # what is wrong → arguments, exit code, words; W/ the wrong sets, S/ the right ones
    "no set": ("stage1b --data W/empty", 1, "illures synth"),
    "half a shard": ("stage1b --data W/damaged --size 32", 1, "shard-00000.tar is damaged"),
    "an old set": ("stage1b --data W/old", 1, "earlier version"),
    "maps for photographs": ("stage1b --data W/maps", 1, ON_PHOTOGRAPHS),
    "no videos": ("stage2 --steps 1 --data S/expre-syn --size 32", 1, "needs a set videos"),
    "no weights": (f"{PAIRS} --size 32", 1, "needs trained weights of"),
    "another size, of two": (f"{PAIRS} --size 64", 1, "trains on 64²"),
    "too few sets": ("ablations --data S/expre-syn --size 32", 1, "needs a set"),
    "no shard of ours": ("stage1b --data W/foreign --size 32", 1, NO_SHARD),
    "two sizes": ("stage1b --data S/sfsnet-syn W/large --size 32", 1, "all must have one size"),
    "held: no set": (f"{POOL} --held W/gone", 1, "illures synth"),
    "held: nobody": (f"{POOL} --held S/sfsnet-syn", 1, "holds nobody out"),
    "held: maps": (f"{POOL} --size 32 --held W/maps", 1, ON_PHOTOGRAPHS),
    "held: another size": (f"{LARGE} --size 64 --held S/expre-syn", 1, "trains on 64²"),
    "held: not to measure on": (f"{ALL} --held S/videos --size 32", 1, "Nothing to measure on"),
    "blind AlignNet": (f"{PAIRS} --steps 1 --size 32 {BLIND}", 1, "never saw contours"),
    "another size": (f"{POOL} --size 64", 1, "trains on 64²"),
    "no environments": (f"{POOL} --size 32 --envs W/gone.npz", 1, "gone.npz"),
    "no environments in it": (f"{POOL} --size 32 --envs W/file", 1, "environment maps"),
    "no such weights": (f"{POOL} --size 32 --init W/gone.safetensors", 1, "gone.safetensors"),
    "out is a file": ("stage1b --data S/sfsnet-syn --out W/file", 2, "cannot write into"),
    "no number": ("stage1b --data S/sfsnet-syn --lr much", 2, "--lr"),
    "no stage": ("vgg --data S/sfsnet-syn", 2, "vgg"),
}


@pytest.mark.parametrize("command, code, words", REFUSED.values(), ids=REFUSED)
def test_one_sentence(command, code, words, sets, wrong, tmp_path, illures):
    command = command.replace("S/*", " ".join(f"S/{name}" for name in sets))
    places = {f"S/{name}": path for name, path in sets.items()}
    args = [places.get(word, word.replace("W/", f"{wrong}/")) for word in command.split()]
    out = [] if "--out" in args else ["--out", tmp_path / "out"]
    got, _, err = illures("train", *args, *out)
    last = err.strip().splitlines()[-1]
    assert got == code and words in last, err
    assert last.startswith("illures") and "Traceback" not in err, err


def test_disk_full(pool, tmp_path, illures):
    """Files may not grow beyond 100 kB: training and synthesis say so, in one sentence, and leave
    no half file."""
    resource = pytest.importorskip("resource")
    run, made = tmp_path / "run", tmp_path / "pool"
    train = f"train stage1b --data {pool} --out {run} --steps 1 --batch 4 --size 32 --device cpu"
    synth = f"synth sfsnet-syn --out {made} --scale 0.004 --size 32 --workers 0"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        answers = [illures(*command.split()) for command in (train, synth)]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert all(refused(answer, "too large") for answer in answers), answers
    assert [p.name for p in tmp_path.glob("*/*")] == ["dataset.json"]


def test_package_holds_the_subpackages():
    "`pip install` must bring synth and train along."
    from setuptools import find_packages

    assert {"illures_nb", "illures_nb.synth", "illures_nb.train"} <= set(
        find_packages(Path(__file__).parents[1], include=["illures_nb*"])
    )
