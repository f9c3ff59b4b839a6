"""Speed of the synthetic faces: rasterised and path-traced, with a profile, memory and a leak test:
`python bench/synth.py --assets DIR`."""

import argparse
import multiprocessing
import os
import platform
import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

from illures_nb.cli import safe_printing
from illures_nb.synth import pathtrace, recipes
from illures_nb.synth.assets import Assets
from illures_nb.synth.lighting import illuminate, sample_light
from illures_nb.synth.raster import Geometry
from illures_nb.synth.shards import Shards, write_shards

MB = 2**20


def resident():
    "Memory of this process in megabytes; NaN where there is no /proc."
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return float("nan")
    return pages * os.sysconf("SC_PAGE_SIZE") / MB


def processor(who=resource.RUSAGE_SELF):
    "Seconds of processor time of this process, or of its ended children."
    use = resource.getrusage(who)
    return use.ru_utime + use.ru_stime


def everyones():
    "Seconds of processor time of this process and of its ended children."
    return processor() + processor(resource.RUSAGE_CHILDREN)


@contextmanager
def timed():
    "Wall-clock and processor seconds of this process inside the block."
    t = SimpleNamespace(wall=time.perf_counter(), cpu=processor())
    yield t
    t.wall, t.cpu = time.perf_counter() - t.wall, processor() - t.cpu


def rasterised(assets, n, size):
    """SfSNet-syn: new faces under SH light, new faces with 16 shadowed lights, and their light
    alone: name → (faces, timing)."""
    out, rng = {}, np.random.default_rng(0)
    recipe = recipes.RECIPES["sfsnet-syn"]

    def draw(start, n):
        numbers = range(start, start + n)
        faces = [recipes._drawn(recipe, assets, 0, i, size, 16)[0] for i in numbers]
        return Geometry.cat(faces)

    def light(g):
        lights = sample_light(g, assets.environments(), rng)
        few = (len(g.albedo),)
        return illuminate(g, lights, torch.full(few, 0.1), torch.full(few, 20.0))

    recipes.sfsnet_syn(assets, 0, 8, size)
    with timed() as t:
        recipes.sfsnet_syn(assets, 64, n, size)
    out["new face, SH light"] = n, t
    light(draw(0, 8))
    with timed() as t:
        g = draw(8, n)
    out["new face, 16 shadowed lights, not lit"] = n, t
    with timed() as t:
        light(g)
    out["another light with shadows and shine"] = n, t
    return out


def _drawn(assets, start, n, size):
    "Draw new faces under SH light in a process of its own; returns when it began and ended."
    recipes.sfsnet_syn(assets, start - 8, 8, size)
    begun = time.time()
    recipes.sfsnet_syn(assets, start, n, size)
    return begun, time.time()


def rasterised_together(assets, n, size, workers):
    "New faces under SH light a second, drawn by several processes at once."
    with ProcessPoolExecutor(workers, multiprocessing.get_context("fork")) as pool:
        starts = (6400 * (1 + w) for w in range(workers))
        jobs = [pool.submit(_drawn, assets, start, n, size) for start in starts]
        times = [job.result() for job in jobs]
    return sum(n / (ended - begun) for begun, ended in times)


def path_traced(assets, n, size, spp, workers):
    """Write about n pictures of Expre-syn as shards: pictures, seconds, processor seconds,
    megabytes of the largest worker, megabytes on disk."""
    recipe = recipes.RECIPES["expre-syn"]
    people = max(2, round(n / recipe.pictures))
    scale = people / recipe.identities
    with tempfile.TemporaryDirectory() as folder:
        before, cpu = time.perf_counter(), everyones()
        write_shards("expre-syn", folder, assets, scale, size=size, spp=spp, workers=workers)
        wall, cpu = time.perf_counter() - before, everyones() - cpu
        pictures = sum(len(arrays["image"]) for arrays, _ in Shards(folder))
        disk = sum(f.stat().st_size for f in Path(folder).glob("*.tar")) / MB
    who = resource.RUSAGE_CHILDREN if workers > 1 else resource.RUSAGE_SELF
    most = resource.getrusage(who).ru_maxrss / 1024
    return pictures, wall, cpu, most, disk


PARTS = (  # module, function, what it does
    (recipes, "_fine_head", "person, expression, relief"),
    (recipes, "trace", "trace"),
    (pathtrace, "_scene", "mesh, search tree, textures"),
    (pathtrace, "_layers", "layers"),
    (pathtrace, "_light", "setting lights"),
    (pathtrace, "_calm", "fireflies"),
    (recipes, "sample", "all"),
)


def profile(assets, size, spp, units):
    "Processor seconds per picture of what makes a unit of Expre-syn, and of the unit as a whole."
    r, total = recipes.RECIPES["expre-syn"], {}

    def watch(owner, name, label):
        f = getattr(owner, name)

        def timer(*args, **kw):
            start = processor()
            try:
                return f(*args, **kw)
            finally:
                total[label] = total.get(label, 0) + processor() - start

        setattr(owner, name, timer)
        return lambda: setattr(owner, name, f)

    recipes.sample(r, assets, 0, 0, size, spp)
    undo = [watch(*part) for part in PARTS]
    try:
        for i in range(1, 1 + units):
            recipes.sample(r, assets, 0, i, size, spp)
    finally:
        for f in undo:
            f()
    inside = ("mesh, search tree, textures", "layers", "setting lights", "fireflies")
    total["path pass"] = total.pop("trace") - sum(total[k] for k in inside)
    whole = total.pop("all")
    total["camera, SH fit, encoding"] = whole - sum(total.values())
    return {k: v / units / r.lights for k, v in total.items()}, whole / units / r.lights


def growth(assets, pictures, size):
    "Megabytes after every tenth of many quick path-traced pictures."
    r, out = recipes.RECIPES["expre-syn"], []
    units = max(10, pictures // r.lights)
    for i in range(units):
        recipes.sample(r, assets, 0, i % r.each, size, 4)
        if (i + 1) % max(1, units // 10) == 0:
            out.append(resident())
    return out


def parsed_arguments(args):
    p = argparse.ArgumentParser(description=__doc__)
    assets = "folder of imported assets (default: none, the analytic head)"
    count = "path-traced pictures to write, in people of 120 (default: 500)"
    workers = "processes (default: 2); each has one thread"
    p.add_argument("--assets", type=Path, help=assets)
    p.add_argument("--n", type=int, default=500, help=count)
    p.add_argument("--faces", type=int, default=64, help="rasterised faces (default: 64)")
    p.add_argument("--leak", type=int, default=200, help="pictures of the leak test (default: 200)")
    p.add_argument("--size", type=int, default=128)
    p.add_argument("--spp", type=int, default=64)
    p.add_argument("--workers", type=int, default=2, help=workers)
    return p.parse_args(args)


def print_machine(opts):
    "Say what is measured, on what."
    machine = f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    print(f"{machine}; {opts.size}², {opts.spp} paths; {': '.join(pathtrace.backend())}\n")


def print_rasterised(assets, opts):
    "Measure and print the rasteriser."
    print(f"{'rasterised, one thread':44}{'faces/s':>9}{'per cpu-s':>11}")
    for name, (n, t) in rasterised(assets, opts.faces, opts.size).items():
        print(f"  {name:42}{n / t.wall:9.0f}{n / t.cpu:11.0f}")
    name = f"new face, SH light, {opts.workers} processes"
    rate = rasterised_together(assets, 3 * opts.faces, opts.size, opts.workers)
    print(f"  {name:42}{rate:9.0f}   (target 60 on two idle cores)")


def print_profile(assets, opts):
    "Measure and print what a path-traced picture consists of."
    parts, whole = profile(assets, opts.size, opts.spp, 8)
    print(f"\n{'path-traced, one thread':44}{'ms':>9}{'share':>11}")
    for name, s in sorted(parts.items(), key=lambda part: -part[1]):
        print(f"  {name:42}{1e3 * s:9.0f}{s / whole:11.0%}")
    print(f"  {'a picture':42}{1e3 * whole:9.0f}   bound by {max(parts, key=parts.get)}")


def print_growth(assets, opts):
    "Measure and print whether memory grows."
    memory = growth(assets, opts.leak, opts.size)
    grown = memory[-1] - memory[len(memory) // 2]
    listed = ", ".join(f"{m:.0f}" for m in memory)
    print(f"\nmemory over {opts.leak} pictures: {listed} MB", end="; ")
    print(f"the second half grew by {grown:+.0f} MB")


def print_path_traced(assets, opts):
    "Measure and print a small set."
    n, wall, cpu, most, disk = path_traced(assets, opts.n, opts.size, opts.spp, opts.workers)
    print(
        f"\n{n} path-traced pictures written in {wall:.0f} s by {opts.workers} processes", end=": "
    )
    print(f"{n / wall:.2f} a second (target 2.5 on two idle cores)", end=", ")
    print(f"{cpu / n:.2f} processor seconds each", end=", ")
    print(f"{most:.0f} MB at most in a worker, {disk:.0f} MB of shards")


def main(args=None):
    opts = parsed_arguments(args)
    assets = (Assets() if opts.assets is None else Assets.find(opts.assets)).read()
    torch.set_num_threads(1)
    print_machine(opts)
    for part in (print_rasterised, print_profile, print_growth, print_path_traced):
        part(assets, opts)


if __name__ == "__main__":
    with safe_printing():
        main()
