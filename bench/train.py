"Speed of training: steps a second of every stage for both networks, and how much of it is spent waiting for data: `python bench/train.py`."

import argparse
import contextlib
import os
import platform
import tempfile
import time
from pathlib import Path

import torch

from illures_nb.cli import safe_printing
from illures_nb.networks import build, save_weights
from illures_nb.synth.assets import painted_scenes
from illures_nb.synth.shards import about
from illures_nb.train.batches import to_device
from illures_nb.train.mixture import Mixture, loader
from illures_nb.train.roles import bf16_helps
from illures_nb.train.stage import STAGES, stage_for
from illures_nb.train.state import State
from illures_nb.train.stored import forkable
from illures_nb.train.streams import STREAMS
from illures_nb.train.toys import toy_sets
from illures_nb.train.trainer import train_step


def first_weights(stage, folder):
    "Untrained networks as files, for the stages that build on others: speed does not depend on what they know."
    kinds = {stage.preset, *stage.trains, *stage.uses} - {"decomposer", "teacher"}
    for kind in kinds:
        save_weights(folder / f"{kind}.safetensors", build(kind), {"size": stage.size})
    return [folder / f"{kind}.safetensors" for kind in kinds]


def readable(stage, folders):
    "The sets that a stage can use."
    recipes = {r for k in stage.streams for r in STREAMS[k].recipes}
    return [f for f in folders if about(f)["recipe"] in recipes]


def measure(stage, folders, envs, init, device, steps, workers):
    "Steps a second after a first one of each stream, share of the time spent waiting, seconds that one process needs to make a batch."
    mixture, state = Mixture(stage, folders, envs), State(stage, init, device)
    begun = time.perf_counter()
    for i in range(4):
        mixture[i]
    made = (time.perf_counter() - begun) / 4
    for k, s in mixture.streams.items():
        train_step(state, k, to_device(s[0], device))
    with forkable():
        batches, waited = iter(loader(mixture, 0, workers)), 0
        first = next(batches)  # the processes have started
        begun = time.perf_counter()
        for i in range(steps):
            asked = time.perf_counter()
            kind, x = first if i == 0 else next(batches)
            waited += time.perf_counter() - asked
            train_step(state, kind, to_device(x, device))
    passed = time.perf_counter() - begun
    return steps / passed, waited / passed, made


def main(args=None):
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument(
        "--data",
        nargs="+",
        type=Path,
        help="sets of all kinds (default: toy sets, made for the occasion)",
    )
    p.add_argument("--stages", nargs="+", default=list(STAGES), choices=list(STAGES))
    p.add_argument(
        "--presets",
        nargs="+",
        default=["lite", "paper"],
        choices=["lite", "paper", "sfsnet", "illures"],
    )
    p.add_argument("--steps", type=int, default=6, help="steps to measure (default: 6)")
    p.add_argument(
        "--batch", type=int, default=4, help="pictures or pairs per step (default: 4, the paper's)"
    )
    p.add_argument("--size", type=int, default=128)
    p.add_argument(
        "--workers", type=int, default=1, help="processes that make batches (default: 1)"
    )
    p.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    opts = p.parse_args(args)
    print(
        f"{torch.cuda.get_device_name() if opts.device == 'cuda' else platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {torch.get_num_threads()} threads, "
        f"{'bf16' if bf16_helps(opts.device) else 'fp32'}; batches of {opts.batch} at {opts.size}², {opts.workers} data process{'es' * (opts.workers != 1)}\n"
    )
    print(
        f"{'stage':15}{'network':10}{'steps/s':>9}{'pictures/s':>12}{'waiting':>9}{'ms to make a batch':>20}"
    )
    with tempfile.TemporaryDirectory() as folder:
        with open(os.devnull, "w") as null, contextlib.redirect_stderr(null):
            sets = opts.data or list(toy_sets(Path(folder) / "sets", opts.size).values())
        for name in opts.stages:
            for preset in opts.presets:
                stage = stage_for(name, preset, batch=opts.batch, size=opts.size, steps=opts.steps)
                if name.startswith("align") and preset != opts.presets[0]:
                    continue  # no decomposer
                init = first_weights(stage, Path(folder)) if stage.uses else ()
                rate, waiting, made = measure(
                    stage,
                    readable(stage, sets),
                    painted_scenes(8),
                    init,
                    opts.device,
                    opts.steps,
                    opts.workers,
                )
                each = sum(
                    share * (2 if k in ("pairs", "videos") else 1)
                    for k, share in stage.streams.items()
                )
                print(
                    f"{name:15}{'AlignNet' if name.startswith('align') else stage.preset:10}{rate:9.2f}{rate * stage.batch * each:12.1f}{waiting:9.0%}{1e3 * made:20.0f}",
                    flush=True,
                )


if __name__ == "__main__":
    with safe_printing():
        main()
