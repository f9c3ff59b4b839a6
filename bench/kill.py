"""Long jobs killed at random moments: `python bench/kill.py`.

Twenty times each, `illures synth`, `videos`, `train` and a batch of `decompose` are ended by
SIGKILL somewhere in their work and started again with the same command. Looked for: a half file
that is taken for a whole one, more than one checkpoint's work lost, an end that differs from an
undisturbed one."""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import cv2
import numpy as np
from PIL import Image

from illures_nb.cli import safe_printing

ROOT = Path(__file__).resolve().parents[1]
FACES = sorted((ROOT / "assets" / "examples").glob("*.jpg"))
PORTRAIT = ROOT / "assets" / "examples" / "eileen.jpg"
ENV = {**os.environ, "OMP_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Job:
    "A command that takes a while, and what must hold of its folder."

    name: str
    command: Callable  # output folder → arguments of `illures`
    faults: Callable  # output folder, whether it is finished → sentences about what is wrong
    result: Callable  # output folder → what must be the same as in an undisturbed run
    done: Callable  # output folder → pieces of work that need not be done again


def start(arguments):
    "The command as a process of its own, the leader of a group."
    code = "import sys; from illures_nb.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(
        command,
        env=ENV,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finish(job, out):
    "Run a job to its end; stops everything when it fails."
    process = start(job.command(out))
    error = process.communicate()[1]
    if process.returncode:
        sys.exit(f"{job.name} does not go on: exit code {process.returncode}\n{error[-2000:]}")


def kill_after(job, out, seconds):
    """Start a job and kill it, with all that it started, some time later.
    Returns whether it was still at work."""
    process = start(job.command(out))
    try:
        process.wait(seconds)
        process.communicate()
        return False
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return True


def film(path, frames):
    "Write pictures as a clip."
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(
        str(path), cv2.VideoWriter_fourcc(*"MJPG"), 12.5, frames[0].shape[1::-1]
    )
    for frame in frames:
        writer.write(np.ascontiguousarray(frame[..., ::-1]))
    writer.release()


def swaying(picture, count):
    "A picture moved to and fro."
    h, w = picture.shape[:2]
    for k in range(count):
        wider, higher = 1 + 0.05 * np.sin(k), 1 - 0.08 * np.sin(1.3 * k)
        slanted = 0.06 * np.cos(1.7 * k)
        stretch = np.array([[wider, slanted, 0], [0, higher, 0]])
        middle = np.array([w / 2, h / 2])
        stretch[:, 2] = middle - stretch[:, :2] @ middle
        yield cv2.warpAffine(picture, stretch, (w, h), borderMode=cv2.BORDER_REPLICATE)


def unreadable_pictures(folder):
    "Sentences about pictures and numbers in a folder that cannot be read."
    for path in sorted(folder.rglob("*")):
        try:
            if path.suffix == ".png":
                Image.open(path).load()
            elif path.suffix == ".json":
                json.loads(path.read_bytes())
        except Exception as e:
            yield f"{path.name} is half a file ({e})"


# ---- the jobs


def set_faults(out, finished):
    "What `illures synth verify` says of a set, sentence by sentence."
    from illures_nb.synth.shards import verify

    if not (out / "dataset.json").exists():
        return []
    return [line for _, line in verify(out) if finished or "missing" not in line]


def shard_bytes(out):
    "Every shard of a set."
    return {p.name: p.read_bytes() for p in sorted(out.glob("shard-*"))}


def synth_job(folder):
    "A set of synthetic faces."

    def command(out):
        return ["synth", "sfsnet-syn", "--out", out, "--scale", ".03", "--size", 32, "--workers", 2]

    return Job("synth", command, set_faults, shard_bytes, lambda out: len(shard_bytes(out)))


def videos_job(folder):
    "Frames from clips."
    clips = folder / "clips"
    picture = np.asarray(Image.open(PORTRAIT).convert("RGB"))[:300, 80:400]
    for k in range(12):
        film(clips / f"clip{k}.avi", list(swaying(picture, 24)))

    def command(out):
        return ["videos", clips, "--out", out, "--landmarks", "ours"]

    return Job(
        "videos",
        command,
        lambda out, finished: list(unreadable_pictures(out)),
        shard_bytes,
        lambda out: len(shard_bytes(out)),
    )


def steps_done(out):
    "The step of a training's last checkpoint."
    from safetensors import safe_open

    path = out / "state.safetensors"
    if not path.exists():
        return 0
    with safe_open(path, "pt") as f:
        return int(f.metadata()["step"])


def train_faults(out, finished):
    "What is wrong with a training's weights, state and log, or with how they belong together."
    import csv

    from illures_nb.networks import load_weights

    if not (out / "log.csv").exists():
        return []
    rows = list(csv.DictReader(open(out / "log.csv", newline="")))
    steps = [int(row["step"]) for row in rows]
    if steps != sorted(set(steps)):
        return [f"log.csv holds the steps {steps}"]
    load_weights(out / "weights.safetensors")
    in_step = finished or steps_done(out) >= steps[-1] - 1000
    return [] if in_step else ["state.safetensors is older than the log"]


def final_weights(out):
    "The tensors of a finished training."
    from safetensors import safe_open

    with safe_open(out / "weights.safetensors", "pt") as f:
        return {k: f.get_tensor(k).numpy().tobytes() for k in sorted(f.keys())}


def train_job(folder):
    "A training of forty steps with a checkpoint every second."
    pool = folder / "pool"

    def make_pool(out):
        return f"synth sfsnet-syn --out {out} --scale .002 --size 32 --workers 0".split()

    def command(out):
        small = "--size 32 --batch 2 --steps 40 --every 1 --device cpu --workers 0"
        return ["train", "stage1b", "--data", pool, "--out", out, *small.split()]

    finish(Job("the set for train", make_pool, None, None, None), pool)
    return Job("train", command, train_faults, final_weights, steps_done)


def map_bytes(out):
    "Every file that `illures decompose` wrote but sheets."
    files = [p for p in sorted(out.rglob("*")) if p.is_file()]
    return {str(p.relative_to(out)): p.read_bytes() for p in files}


def decompose_job(folder):
    "A batch of photographs."
    photos = folder / "photos"
    photos.mkdir()
    for k, path in enumerate(FACES * 5):
        Image.open(path).convert("RGB").save(photos / f"photo{k:02d}.png")

    def command(out):
        return ["decompose", *sorted(photos.glob("*.png")), "--out", out, "--exr"]

    return Job(
        "decompose",
        command,
        lambda out, finished: list(unreadable_pictures(out)),
        map_bytes,
        lambda out: sum(1 for p in out.glob("*") if p.is_dir()),
    )


JOBS = {"synth": synth_job, "videos": videos_job, "train": train_job, "decompose": decompose_job}


# ---- killing them


def half_files(out):
    "Names of files that were being written; they may lie about, but nobody may read them."
    return [p.name for p in out.rglob("*") if p.name.endswith(".part") or ".tmp" in p.name]


def faults_at_the_end(job, out, expected):
    "Sentences about a finished folder."
    yield from job.faults(out, True)
    if job.result(out) != expected:
        yield f"{out.name} ended otherwise than an undisturbed run"
    left = half_files(out)
    if left:
        yield f"{out.name} keeps {left}"


def torture(job, folder, times, rng):
    "Kill a job at random moments; print what was seen. Returns the number of faults."
    began = time.time()
    finish(job, folder / "whole")
    duration = time.time() - began
    expected = job.result(folder / "whole")
    kills, faults, lost, rounds, out = 0, [], [], 0, None
    while kills < times:
        if out is None:
            rounds, out = rounds + 1, folder / f"killed-{rounds}"
            out.mkdir()
        before = job.done(out)
        if kill_after(job, out, rng.uniform(0.1, 1) * duration):
            kills += 1
            faults += job.faults(out, False)
            if job.done(out) < before:
                lost.append(before - job.done(out))
        if kills == times or rng.random() < 0.3:
            finish(job, out)
            faults += faults_at_the_end(job, out, expected)
            out = None
    print(f"{job.name}: {kills} kills in {rounds} folders (undisturbed {duration:.1f} s)", end=", ")
    print(f"{len(faults)} faults, work lost that was done: {lost or 'none'}")
    for fault in faults:
        print("  ", fault)
    return len(faults) + len(lost)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("jobs", nargs="*", choices=[*JOBS, []], help="which (default: all)")
    parser.add_argument("--times", type=int, default=20, help="kills of each (default: 20)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default: 0)")
    args = parser.parse_args()
    faults = 0
    for name in args.jobs or JOBS:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            faults += torture(JOBS[name](folder), folder, args.times, random.Random(args.seed))
    return int(bool(faults))


if __name__ == "__main__":
    with safe_printing():
        sys.exit(main())
