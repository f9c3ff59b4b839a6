"""The networks in torch and in ONNX Runtime: size, speed, accuracy: `python bench/runtimes.py`.

Speed: milliseconds of one picture, medians; torch and ONNX Runtime take turns, one thread and two,
alone and beside a process that keeps a core busy, so that all of them saw the same machine.
Accuracy (`--yale DIR`): normals (rot, degrees) and albedo (SI log-RMSE) on Extended Yale B, faces
found once, with each network replaced by its file."""

import argparse
import statistics
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from bench import neighbours, timed, two_cores

from illures_nb import Decomposer, landmarks
from illures_nb.cli import safe_printing
from illures_nb.face import detect_faces
from illures_nb.measure.answers import answer_of
from illures_nb.measure.yale import YALE_LIGHTS, as_prediction, score_subject
from illures_nb.measure.yale import yale_input, yale_photo, yale_subjects, yale_truth
from illures_nb.onnx import NETWORKS, PRECISIONS, load_onnx, write_onnx

BLOCK = 3  # calls in a row
THREADS = (1, 2)


def written(folder, names):
    "Write networks in every precision: (network, precision) → path."
    paths = {}
    for name in names:
        for precision in PRECISIONS:
            paths[name, precision] = folder / f"{name}-{precision}.onnx"
            write_onnx(paths[name, precision], name, precision)
    return paths


# ---- speed


def callable_of(net, images, threads):
    "One call of a network, and what to do before a block of calls."

    @torch.inference_mode()
    def call():
        net(*images)

    return call, lambda: torch.set_num_threads(threads)


def contenders(name, paths):
    "What is timed: (engine, threads) → call, preparation."
    images = [torch.rand(1, *port.shape) for port in NETWORKS[name].inputs]
    net = NETWORKS[name].load().to(memory_format=torch.channels_last)
    found = {}
    for threads in THREADS:
        found["torch", threads] = callable_of(net, images, threads)
        for precision in ("fp32", "int8"):
            other = load_onnx(paths[name, precision], threads)
            found[precision, threads] = callable_of(other, images, threads)
    return found


def block(calls, times, runs):
    "Time every contender some times, one after the other."
    for key, (call, prepare) in calls.items():
        prepare()
        times[key] += timed(call, runs)


def speed(name, paths, runs):
    "Medians of all contenders: (engine, threads) → milliseconds alone, beside."
    calls = contenders(name, paths)
    alone, beside = ({key: [] for key in calls} for _ in range(2))
    block(calls, {key: [] for key in calls}, 2)  # to warm up
    for _ in range(0, runs, BLOCK):
        block(calls, alone, BLOCK)
        with neighbours(1):
            block(calls, beside, BLOCK)
    return {key: [statistics.median(x[key]) for x in (alone, beside)] for key in calls}


def print_speed(names, paths, runs):
    versions = f"torch {torch.__version__}, ONNX Runtime {onnxruntime.__version__}"
    print(f"{versions}; milliseconds of one picture, medians of {runs}\n")
    print(
        "| network, threads | torch | ONNX Runtime | ratio | int8 | beside one: torch | ONNX "
        "Runtime | ratio | int8 |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for name in names:
        times = speed(name, paths, runs)
        for threads in THREADS:
            cells = []
            for column in (0, 1):
                ours, plain, small = (
                    times[engine, threads][column] for engine in ("torch", "fp32", "int8")
                )
                cells += [f"{ours:.1f}", f"{plain:.1f}", f"{ours / plain:.2f}", f"{small:.1f}"]
            print(f"| {name}, {threads} | {' | '.join(cells)} |", flush=True)


def print_sizes(names, paths):
    print("\n| network | " + " | ".join(f"{p}, MB" for p in PRECISIONS) + " |")
    print("|---" * (1 + len(PRECISIONS)) + "|")
    for name in names:
        sizes = (paths[name, p].stat().st_size / 1e6 for p in PRECISIONS)
        print(f"| {name} | {' | '.join(f'{size:.1f}' for size in sizes)} |")


# ---- accuracy


def decomposers(name, paths):
    "Precision → a decomposer with this network replaced; its landmark network, or None."
    preset = name if name in ("lite", "fine", "illures") else "lite"
    whole = name == "portrait"
    found = {"torch": (Decomposer.from_pretrained(preset, device="cpu", portrait=whole), None)}
    for precision in PRECISIONS:
        net = load_onnx(paths[name, precision])
        d = Decomposer.from_pretrained(preset, device="cpu", portrait=whole)
        if name == "portrait":
            d.portrait = net
        elif name != "landmarks":
            d.net = net
        found[precision] = d, net if name == "landmarks" else None
    return found


def photos_of(folder):
    "Subject → light → the picture that a method gets, and the faces in it."
    found = {}
    for subject in yale_subjects(folder):
        images = {light: yale_input(yale_photo(folder, subject, light)) for light in YALE_LIGHTS}
        found[subject] = {light: (x, detect_faces(x)) for light, x in images.items()}
    return found


def scores(decomposer, points, photos, truths):
    "Mean rot and albedo error over all photos."
    ours = landmarks.landmark_net
    landmarks.landmark_net = (lambda: points) if points else ours
    rows = []
    for subject, lights in photos.items():
        predictions = {}
        for light, (image, faces) in lights.items():
            given = None if points else faces
            answer = answer_of(lambda x: decomposer(x, given), image)
            predictions[light] = as_prediction(answer)
        rows += score_subject(predictions, truths[subject])[0]
    landmarks.landmark_net = ours
    return [float(np.mean([row[key] for row in rows])) for key in ("rot", "albedo")]


def print_accuracy(names, paths, folder):
    photos = photos_of(folder)
    truths = {subject: yale_truth(folder, subject) for subject in photos}
    print("\n| network | " + " | ".join(f"{p}: rot, albedo" for p in ("torch", *PRECISIONS)) + " |")
    print("|---" * (2 + len(PRECISIONS)) + "|")
    for name in names:
        cells = []
        for decomposer, points in decomposers(name, paths).values():
            rot, albedo = scores(decomposer, points, photos, truths)
            cells.append(f"{rot:.2f}°, {albedo:.4f}")
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def main(args=None):
    p = argparse.ArgumentParser(description=__doc__)
    names = f"which: {', '.join(NETWORKS)} (default: all)"
    p.add_argument("names", nargs="*", metavar="NETWORK", help=names)
    p.add_argument("--runs", type=int, default=15, help="calls of each (default: 15); 0: no speed")
    p.add_argument("--yale", type=Path, metavar="DIR", help="Extended Yale B, cropped")
    opts = p.parse_args(args)
    two_cores()
    with tempfile.TemporaryDirectory() as folder:
        names = opts.names or list(NETWORKS)
        paths = written(Path(folder), names)
        if opts.runs:
            print_speed(names, paths, opts.runs)
        print_sizes(names, paths)
        if opts.yale:
            print_accuracy(names, paths, opts.yale)


if __name__ == "__main__":
    with safe_printing():
        main()
