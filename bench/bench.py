"""Speed of every stage on two cores, alone and beside a process that keeps one busy: `make bench`.
Alone and beside take turns, five calls each, so that both columns saw the same machine."""

import argparse
import contextlib
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

import cv2
import numpy as np
import torch

from illures_nb import Decomposer, SHLight
from illures_nb.cli import safe_printing
from illures_nb.decompose import assemble
from illures_nb.face import crop, crop_transform, detect_faces, refine, view_transform
from illures_nb.image import read_image, resize, write_image
from illures_nb.networks import build, weights_path
from illures_nb.person import look_around

THREADS = 2
BLOCK = 5  # calls in a row, alone or beside


def two_cores():
    "Keep this process and its children on two cores, where the system can."
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:THREADS])
    torch.set_num_threads(THREADS)
    cv2.setNumThreads(THREADS)


SPIN = """
import os
parent = os.getppid()
print(flush=True)
while os.getppid() == parent: pass
"""  # ends with its parent


@contextlib.contextmanager
def neighbours(count):
    "Processes that do nothing but keep a core each busy."
    call = [sys.executable, "-c", SPIN]
    running = [subprocess.Popen(call, stdout=subprocess.PIPE) for _ in range(count)]
    try:
        for p in running:
            p.stdout.readline()
        yield
    finally:
        for p in running:
            p.kill()
            p.communicate()


class Times(NamedTuple):
    "Milliseconds of the same calls under both conditions."

    alone: list
    beside: list

    def __sub__(self, other):
        "What is left when a part that was timed by itself is taken away, by medians."
        medians = ((statistics.median(a), statistics.median(b)) for a, b in zip(self, other))
        return Times(*([whole - part] for whole, part in medians))


def timed(f, runs):
    "Milliseconds of each of so many calls of f()."
    out = []
    for _ in range(runs):
        start = time.perf_counter()
        f()
        out.append(1e3 * (time.perf_counter() - start))
    return out


def measure(f, runs, count=1):
    "Time f() alone and beside `count` busy processes, in turns, after one call to warm up."
    f()
    out = Times([], [])
    while len(out.alone) < runs:
        block = min(BLOCK, runs - len(out.alone))
        out.alone.extend(timed(f, block))
        with neighbours(count):
            out.beside.extend(timed(f, block))
    return out


def photo(height=1080, width=1920):
    "The NASA portrait of scikit-image on a 1920×1080 picture; its face is about 330 px high."
    from skimage.data import astronaut

    small, k = astronaut()[:300, 80:400], height / 300
    head = cv2.resize(small, None, fx=k, fy=k, interpolation=cv2.INTER_CUBIC)
    out = np.full((height, width, 3), 128, np.uint8)
    out[:, 400 : 400 + head.shape[1]] = head
    return out


IMPORT = """
import time, torch
t = time.perf_counter()
import illures_nb
illures_nb.Decomposer
print(time.perf_counter() - t)
"""


def import_ms(runs):
    "Milliseconds that `import illures_nb` and its `Decomposer` take in new processes beyond torch."

    def run():
        call = [sys.executable, "-c", IMPORT]
        return float(subprocess.run(call, capture_output=True, text=True, check=True).stdout)

    run()
    return [1e3 * run() for _ in range(runs)]


def children_seconds(times):
    "Processor time of ended child processes."
    return times.children_user + times.children_system


def command(picture, runs):
    """`illures decompose` of one photo from a cold start: seconds to the end of the process, and
    seconds of processor time, medians."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/photo.jpg"
        write_image(path, picture)
        call = [sys.executable, "-m", "illures_nb.cli", "decompose", path, "--out", folder]
        out = []
        for _ in range(runs + 1):
            start, before = time.perf_counter(), os.times()
            subprocess.run(call, check=True, capture_output=True)
            used = children_seconds(os.times()) - children_seconds(before)
            out.append((time.perf_counter() - start, used))
    return [statistics.median(x) for x in zip(*out[1:])]


def stages(d, picture):
    "What decomposing one face consists of: stage → function to time."
    f, x = d(picture)[0], read_image(picture)
    cut = f.photo.crop[None]
    maps = d.look(cut)[0]
    albedo, normals = (x.transpose(1, 2, 0) for x in (maps.albedo, maps.normals))
    view = view_transform(f.photo.face.landmarks)
    small = resize(picture, 512)
    k = small.shape[1] / picture.shape[1]
    shift = k / 2 - 0.5
    shrinking = np.array([[k, 0, shift], [0, k, shift]])
    levels = [(small, shrinking), (picture, np.eye(2, 3))]  # what `detect_faces` hands to `refine`
    return {
        "photo to floats": lambda: cv2.convertScaleAbs(read_image(picture), alpha=255),
        "detection": lambda: detect_faces(picture),
        "landmarks": lambda: refine(levels, [view]),
        "crop": lambda: crop(x, crop_transform(f.photo.face.landmarks, d.size), d.size),
        "network, with its mirror image": lambda: d.look(cut),
        "mask and light fit": lambda: assemble(maps, f.photo),
        "person around the face": lambda: look_around(f.photo, albedo, normals, d.portrait),
    }


def row(name, times, of=None, budget=None, worst_budget=None):
    "Print medians and worst calls of one stage, its share, and what is over its budget."
    alone, beside = (statistics.median(x) for x in times)
    worst = max(times.beside)
    share = f"{alone / of:8.0%}" if of else f"{'':8}"
    many = len(times.alone) > 1  # a difference of medians has no worst call
    columns = [f"{max(t):9.1f}" if many else f"{'':9}" for t in times]
    text = f"{name:34}{alone:9.1f}{columns[0]}{share}"
    text += f"{beside:12.1f}{columns[1]}{beside / alone:8.2f}"
    over = [f"median alone over {budget}"] * bool(budget and alone > budget)
    over += [f"worst beside over {worst_budget}"] * bool(worst_budget and worst > worst_budget)
    print(text, ", ".join(over))


def parsed_arguments(args):
    p = argparse.ArgumentParser(description=__doc__)
    runs = "calls of a stage, alone and beside each (default: 20)"
    busy = "processes that keep a core busy each (default: 1)"
    p.add_argument("--runs", type=int, default=20, help=runs)
    p.add_argument("--preset", default="lite", help="network (default: lite)")
    p.add_argument("--busy", type=int, default=1, help=busy)
    return p.parse_args(args)


def decomposer(preset):
    "A decomposer on the CPU, untrained where there are no weights."
    if weights_path(preset).is_file():
        return Decomposer.from_pretrained(preset, device="cpu")
    return Decomposer(build(preset), device="cpu")


def print_head(opts, height):
    "Say what was measured, on what, and name the columns."
    untrained = "" if weights_path(opts.preset).is_file() else " (untrained: speed only)"
    photo = f"one face ({height:.0f} px high) of a 1920×1080 photo, two cores"
    versions = f"torch {torch.__version__}, OpenCV {cv2.__version__}, {platform.machine()}"
    print(f"{opts.preset}{untrained}, {photo}, milliseconds of {opts.runs} calls; {versions}")
    columns = f"{'alone':>9}{'worst':>9}{'share':>8}{f'beside {opts.busy}':>12}{'worst':>9}"
    print(f"\n{'':34}{columns}{'ratio':>8}")


def parts_rows(parts):
    "Print what a whole consists of: name → times."
    total = sum(statistics.median(t.alone) for t in parts.values())
    for name, t in parts.items():
        row(f"  {name}", t, total)


def main(args=None):
    opts = parsed_arguments(args)
    two_cores()
    d = decomposer(opts.preset)
    picture, light = photo(), SHLight.preset("rembrandt_left")
    f = d(picture)[0]
    x0, y0, x1, y1 = f.photo.face.box

    def times(call):
        return measure(call, opts.runs, opts.busy)

    whole = times(lambda: d(picture))
    parts = {name: times(call) for name, call in stages(d, picture).items()}
    parts["detection"] -= parts["landmarks"]
    relit = {
        "relight": times(lambda: f.relight(light).rendering),
        "composite": times(f.relight(light).composite),
    }
    both = times(lambda: f.relight(light).composite())
    another = times(lambda: f.relight(light).reconstruction)

    print_head(opts, y1 - y0)
    row("decompose, detection to maps", whole, budget=250, worst_budget=400)
    parts_rows(parts)
    row("relight + composite at 1080p", both, budget=60)
    parts_rows(relit)
    row("one more light at crop size", another, budget=5)
    print(f"{'import, beyond torch itself':34}{statistics.median(import_ms(5)):9.1f}")
    seconds, used = command(picture, 5)
    print(f"\nillures decompose, one photo, from a cold start: {seconds:.2f} s", end=", ")
    print(f"{used:.2f} s of processor time (medians of 5)")


if __name__ == "__main__":
    with safe_printing():
        main()
