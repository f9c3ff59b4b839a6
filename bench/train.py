"""Speed of training: steps a second of every stage for both networks, and how much of it is spent
waiting for data: `python bench/train.py`."""

import argparse
import contextlib
import itertools
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
    "Write untrained networks for the stages that build on others: as fast as trained ones."
    kinds = {stage.preset, *stage.trains, *stage.uses} - {"decomposer", "teacher"}
    for kind in kinds:
        save_weights(folder / f"{kind}.safetensors", build(kind), {"size": stage.size})
    return [folder / f"{kind}.safetensors" for kind in kinds]


def readable(stage, folders):
    "The sets that a stage can use."
    recipes = {r for k in stage.streams for r in STREAMS[k].recipes}
    return [f for f in folders if about(f)["recipe"] in recipes]


def measure(stage, folders, envs, init, device, steps, workers):
    """Steps a second after a first one of each stream, share of the time spent waiting, seconds
    that one process needs to make a batch."""
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


def parsed_arguments(args):
    p = argparse.ArgumentParser(description=__doc__)
    kinds = ["lite", "paper", "sfsnet", "illures"]
    sets = "sets of all kinds (default: toy sets, made for the occasion)"
    batch = "pictures or pairs per step (default: 4, the paper's)"
    device = "cuda" if torch.cuda.is_available() else "cpu"
    p.add_argument("--data", nargs="+", type=Path, help=sets)
    p.add_argument("--stages", nargs="+", default=list(STAGES), choices=list(STAGES))
    p.add_argument("--presets", nargs="+", default=["lite", "paper"], choices=kinds)
    p.add_argument("--steps", type=int, default=6, help="steps to measure (default: 6)")
    p.add_argument("--batch", type=int, default=4, help=batch)
    p.add_argument("--size", type=int, default=128)
    p.add_argument("--workers", type=int, default=1, help="that make batches (default: 1)")
    p.add_argument("--device", default=device)
    return p.parse_args(args)


def print_head(opts):
    "Say what is measured, on what, and name the columns."
    machine = torch.cuda.get_device_name() if opts.device == "cuda" else platform.machine()
    cores = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    kind = "bf16" if bf16_helps(opts.device) else "fp32"
    print(f"{machine}, {cores}, {torch.get_num_threads()} threads, {kind}", end="; ")
    processes = "process" if opts.workers == 1 else "processes"
    print(f"batches of {opts.batch} at {opts.size}², {opts.workers} data {processes}\n")
    rates = f"{'steps/s':>9}{'pictures/s':>12}{'waiting':>9}{'ms to make a batch':>20}"
    print(f"{'stage':15}{'network':10}{rates}")


def pictures_of_a_step(stage):
    "How many pictures a step sees, over all streams: pairs and videos are two at once."
    shares = (2 * n if k in ("pairs", "videos") else n for k, n in stage.streams.items())
    return stage.batch * sum(shares)


def print_row(name, stage, rate, waiting, made):
    "Print the figures of a stage."
    network = "AlignNet" if name.startswith("align") else stage.preset
    rates = f"{rate:9.2f}{rate * pictures_of_a_step(stage):12.1f}"
    print(f"{name:15}{network:10}{rates}{waiting:9.0%}{1e3 * made:20.0f}", flush=True)


def main(args=None):
    opts = parsed_arguments(args)
    print_head(opts)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        with open(os.devnull, "w") as null, contextlib.redirect_stderr(null):
            sets = opts.data or list(toy_sets(folder / "sets", opts.size).values())
        for name, preset in itertools.product(opts.stages, opts.presets):
            if name.startswith("align") and preset != opts.presets[0]:
                continue  # no decomposer
            stage = stage_for(name, preset, batch=opts.batch, size=opts.size, steps=opts.steps)
            init = first_weights(stage, folder) if stage.uses else ()
            inputs = readable(stage, sets), painted_scenes(8), init
            print_row(name, stage, *measure(stage, *inputs, opts.device, opts.steps, opts.workers))


if __name__ == "__main__":
    with safe_printing():
        main()
