"Speed of every stage on two CPU threads, medians: what `make bench` prints."
import argparse
import platform
import statistics
import subprocess
import sys
import time

import cv2
import numpy as np
import torch

from illures_nb import Decomposer, SHLight
from illures_nb.cli import safe_printing
from illures_nb.decompose import assemble
from illures_nb.face import crop, crop_transform, detect_faces, refine, view_transform
from illures_nb.image import read_image, resize
from illures_nb.networks import build, weights_path

THREADS = 2


def photo(height=1080, width=1920):
    "The NASA portrait of scikit-image on a 1920×1080 picture; its face is about 330 px high."
    from skimage.data import astronaut
    head = cv2.resize(astronaut()[:300, 80:400], None, fx=height/300, fy=height/300, interpolation=cv2.INTER_CUBIC)
    out = np.full((height, width, 3), 128, np.uint8)
    out[:, 400:400 + head.shape[1]] = head
    return out


def median_ms(f, runs):
    "Median time of f() after one call to warm up, in milliseconds."
    f()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        f()
        times.append(time.perf_counter() - start)
    return 1e3*statistics.median(times)


def import_ms(runs):
    "`import illures_nb` and its `Decomposer` in fresh processes, beyond what torch's own import takes."
    code = "import time, torch; t = time.perf_counter(); import illures_nb; illures_nb.Decomposer; print(time.perf_counter() - t)"
    run = lambda: float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    run()
    return 1e3*statistics.median(run() for _ in range(runs))


def decomposition(d, picture, runs):
    "What decomposing one face consists of: stage → milliseconds."
    f, x = d(picture)[0], read_image(picture)
    cut = f.photo.crop[None]
    maps = d.look(cut)[0]
    view = view_transform(f.photo.face.landmarks)
    small = resize(picture, 512)
    k = small.shape[1]/picture.shape[1]
    levels = [(small, np.array([[k, 0, k/2 - .5], [0, k, k/2 - .5]])), (picture, np.eye(2, 3))]  # what `detect_faces` hands to `refine`
    landmarks = median_ms(lambda: refine(levels, [view]), runs)
    return {"photo to floats": median_ms(lambda: cv2.convertScaleAbs(read_image(picture), alpha=255), runs),
            "detection": median_ms(lambda: detect_faces(picture), runs) - landmarks,
            "landmarks": landmarks,
            "crop": median_ms(lambda: crop(x, crop_transform(f.photo.face.landmarks, d.size), d.size), runs),
            "network, with its mirror image": median_ms(lambda: d.look(cut), runs),
            "mask and light fit": median_ms(lambda: assemble(maps, f.photo), runs)}


def main(args=None):
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--runs", type=int, default=20, help="runs per median (default: 20)")
    p.add_argument("--preset", default="lite", help="network (default: lite)")
    opts = p.parse_args(args)
    torch.set_num_threads(THREADS)
    cv2.setNumThreads(THREADS)
    trained = weights_path(opts.preset).is_file()
    d = Decomposer.from_pretrained(opts.preset, device="cpu") if trained else Decomposer(build(opts.preset), device="cpu")
    picture, light = photo(), SHLight.preset("rembrandt_left")
    f = d(picture)[0]
    x0, y0, x1, y1 = f.photo.face.box
    whole = median_ms(lambda: d(picture), opts.runs)
    parts = decomposition(d, picture, opts.runs)
    relit = {"relight": median_ms(lambda: f.relight(light).rendering, opts.runs),
             "composite": median_ms(f.relight(light).composite, opts.runs)}
    both = median_ms(lambda: f.relight(light).composite(), opts.runs)
    another = median_ms(lambda: f.relight(light).reconstruction, opts.runs)

    def row(name, ms, of=None, budget=None):
        print(f"{name:36}{ms:9.1f}{f'{ms/of:8.0%}' if of else '':8}{f'{budget:9.0f}' if budget else '':9}{'  over' if budget and ms > budget else ''}")

    print(f"{opts.preset}{'' if trained else ' (untrained: speed only)'}, one face ({y1 - y0:.0f} px high) of a 1920×1080 photo, {THREADS} threads, medians of {opts.runs}; "
          f"torch {torch.__version__}, OpenCV {cv2.__version__}, {platform.machine()}\n")
    print(f"{'':36}{'ms':>9}{'share':>8}{'budget':>9}")
    row("decompose, detection to maps", whole, budget=200)
    for name, ms in parts.items(): row(f"  {name}", ms, sum(parts.values()))
    row("relight + composite at 1080p", both, budget=60)
    for name, ms in relit.items(): row(f"  {name}", ms, sum(relit.values()))
    row("one more light at crop size", another, budget=3)
    row("import, beyond torch's own", import_ms(5), budget=300)


if __name__ == "__main__":
    with safe_printing(): main()
