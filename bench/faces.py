"""How well faces are found: `python bench/faces.py rolls|groups|nobody|speed`.

Folders of portraits are those that `illures_nb.train.labelled` reads.

`rolls`: portraits turned all the way round: found turned, nothing, or a wrong reading.
`groups`: portraits pasted at many sizes on large canvases: recall by size, false faces, seconds.
`nobody`: pictures without a face: what is found in them.
`speed`: processor time of ordinary photos.
"""

import argparse
import time
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import torch
from skimage import data

from illures_nb.cli import safe_printing
from illures_nb.face import detect_faces, transform_points
from illures_nb.train.labelled import read_portraits, read_videos

NEAR = 0.25  # a face found is the right one when its landmarks are nearer, by `gap`
FACELESS = (
    "brick",
    "camera",
    "cell",
    "chelsea",
    "clock",
    "coffee",
    "coins",
    "colorwheel",
    "grass",
    "gravel",
    "horse",
    "hubble_deep_field",
    "immunohistochemistry",
    "logo",
    "microaneurysms",
    "moon",
    "page",
    "retina",
    "rocket",
    "text",
)
SCENES = (
    "brick",
    "coffee",
    "coins",
    "grass",
    "gravel",
    "rocket",
    "retina",
    "immunohistochemistry",
    "chelsea",
    "text",
)


def picture(name):
    "A picture of scikit-image as uint8 RGB."
    x = getattr(data, name)()
    x = x.astype(np.uint8) * (255 if x.dtype == bool else 1)
    if x.ndim == 2:
        return np.repeat(x[..., None], 3, 2)
    return np.ascontiguousarray(x[..., :3])


def gap(p, q):
    "Mean distance of landmarks p from q, in distances of q's outer eye corners."
    between_eyes = np.linalg.norm(q[36] - q[45])
    return np.linalg.norm(p - q, axis=1).mean() / between_eyes


def turned(image, points, degrees):
    "A picture and its landmarks turned about its middle, on a canvas that holds all of it."
    h, w = image.shape[:2]
    M = cv2.getRotationMatrix2D(((w - 1) / 2, (h - 1) / 2), degrees, 1)
    size = np.ceil(abs(M[:, :2]) @ (w, h) - 1e-6).astype(int)
    M[:, 2] += (size - (w, h)) / 2
    beyond = image[0].mean(0).tolist()
    x = cv2.warpAffine(image, M, tuple(map(int, size)), flags=cv2.INTER_LINEAR, borderValue=beyond)
    return x, transform_points(points, M)


def samples(folder, count):
    "Labelled pictures that training never saw, spread over a folder."
    folder = Path(folder)
    videos = (folder / "index.csv").is_file()
    held = read_videos(folder, True, 6) if videos else read_portraits(folder, True)
    return held[:: max(1, len(held) // count)][:count]


def outcome(faces, points):
    """What was found where one face is: right, nothing or wrong; the highest score of a wrong one;
    whether a wrong one comes first."""
    right = [gap(f.landmarks, points) < NEAR for f in faces]
    wrong = max((f.score for f, ok in zip(faces, right) if not ok), default=0)
    first_wrong = bool(faces) and not right[0]
    return ("wrong" if wrong else "right" if any(right) else "nothing"), wrong, first_wrong


def rolls(folders, count, step):
    "Counts outcomes for every roll."
    people = [s for folder in folders for s in samples(folder, count)]
    print(
        f"{len(people)} pictures: roll, right, nothing, wrong (of these scored above .8;", end=" "
    )
    print("of these first of the list), error of those found")
    total = Counter()
    for degrees in range(-180, 180, step):
        seen, error = Counter(), []
        for image, p, _ in people:
            x, q = turned(image, p, degrees)
            faces = detect_faces(x)
            kind, score, first = outcome(faces, q)
            seen.update({kind: 1, "sure": score > 0.8, "first": first})
            error += [e for e in (gap(f.landmarks, q) for f in faces) if e < NEAR]
        total.update(seen)
        mean = np.mean(error) if error else np.nan
        counts = " ".join(f"{seen[kind]:3d}" for kind in ("right", "nothing", "wrong"))
        sure = f"({seen['sure']}; {seen['first']})"
        print(f"{degrees:+4d}°: {counts} {sure}  {mean:.2%}", flush=True)
    print({k: total[k] for k in ("right", "nothing", "wrong", "sure", "first")})


def canvas(h, w, rng):
    "A mosaic of scenes without people, softened here and there."
    out = np.zeros((h, w, 3), np.uint8)
    side = 1000
    for y in range(0, h, side):
        for x in range(0, w, side):
            tile = picture(rng.choice(SCENES))
            tile = cv2.resize(tile, (side, side), interpolation=cv2.INTER_CUBIC)
            if rng.random() < 0.5:
                tile = cv2.GaussianBlur(tile, (0, 0), rng.uniform(1, 6))
            tile = np.clip(tile * rng.uniform(0.5, 1.1), 0, 255).astype(np.uint8)
            out[y : y + side, x : x + side] = tile[: h - y, : w - x]
    return out


def pasted(out, image, points, height, at, roll, exposure):
    "Pastes a portrait so that its landmarks are `height` px high; their places on the canvas."
    k = height / np.ptp(points[:, 1])
    way = cv2.INTER_AREA if k < 1 else cv2.INTER_CUBIC
    small = cv2.resize(image, None, fx=k, fy=k, interpolation=way)
    s = np.array(small.shape[1::-1]) / image.shape[1::-1]
    p = (points + 0.5) * s - 0.5
    h, w = small.shape[:2]
    middle = (w - 1) / 2, (h - 1) / 2
    M = cv2.getRotationMatrix2D(middle, roll, 1)
    M[:, 2] += np.asarray(at) - middle
    edge = max(1, round(0.04 * w))
    inside = np.zeros((h, w), np.float32)
    inside[edge:-edge, edge:-edge] = 1
    inside = cv2.blur(inside, (edge, edge))
    reach = int(np.hypot(h, w) / 2) + 2
    x0, y0 = int(at[0]) - reach, int(at[1]) - reach
    M[:, 2] -= x0, y0
    part = out[y0 : y0 + 2 * reach, x0 : x0 + 2 * reach]
    size = part.shape[1::-1]
    soft = cv2.warpAffine(inside, M, size)[..., None]
    lit = np.clip(small * exposure, 0, 255).astype(np.float32)
    part[:] = part * (1 - soft) + cv2.warpAffine(lit, M, size) * soft
    return transform_points(p, M) + (x0, y0)


def group(people, h, w, heights, rng):
    "A canvas with a head of each height in places of its own, and their landmarks."
    out, truth, taken = canvas(h, w, rng), [], []
    for height in sorted(heights, reverse=True):
        image, p, _ = people[rng.integers(len(people))]
        diagonal = np.hypot(*image.shape[:2])
        reach = height / np.ptp(p[:, 1]) * diagonal / 2 + 4
        for _ in range(200):
            at = rng.uniform(reach, (w - reach, h - reach))
            if all(np.hypot(*(at - a)) > reach + r for a, r in taken):
                break
        else:
            continue
        taken.append((at, reach))
        roll = rng.normal(0, 12)
        exposure = rng.choice([0.5, 0.8, 1, 1.2])
        truth.append((height, pasted(out, image, p, height, at, roll, exposure)))
    return out, truth


# fmt: off
KINDS = {"six of 100 on 12 MP": (3000, 4000, [100]*6),
         "selfie of seven, 12 MP": (3000, 4000, [620, 420, 330, 260, 240, 200, 180]),
         "near and far, 12 MP": (3000, 4000, [400, 300, 200, 150, 100, 75] + [48, 36]*2 + [24]*3),
         "crowd on 1080p": (1080, 1920, [100, 48, 48, 36, 36, 24, 24, 24, 24]),
         "portrait and people behind, 1080p": (1080, 1920, [330, 60, 40, 30, 24]),
         "small on 48 MP": (6000, 8000, [200, 100, 48, 48, 36, 36] + [32]*4 + [24]*8),
         "panorama of 80 MP": (5000, 16000, [200, 100, 48, 48, 36, 36] + [32]*4 + [24]*8)}
# fmt: on


def is_nobody(face, truth):
    "Whether a face found is none of those that are there."
    return all(gap(face.landmarks, q) >= NEAR for _, q in truth)


def groups(folders, count, repeats, only):
    "Recall by size, false faces and time of each kind of group."
    people = [s for folder in folders for s in samples(folder, count)]
    everything, megapixels, false_all = {}, 0, 0
    for name, (h, w, heights) in KINDS.items():
        if only and only not in name:
            continue
        rng, seen, false, spent = np.random.default_rng(5), {}, 0, []
        for _ in range(repeats):
            x, truth = group(people, h, w, heights, rng)
            start = time.process_time()
            faces = detect_faces(x)
            spent.append(time.process_time() - start)
            for height, q in truth:
                hit = any(gap(f.landmarks, q) < NEAR for f in faces)
                for table in (seen, everything):
                    table.setdefault(height, []).append(hit)
            false += sum(is_nobody(f, truth) for f in faces)
            megapixels += h * w / 1e6
        false_all += false
        recall = {k: f"{sum(v)}/{len(v)}" for k, v in sorted(seen.items())}
        print(
            f"{name}: {recall}, false {false}, {np.median(spent):.2f} s of processor time",
            flush=True,
        )
    if everything:
        shares = {k: f"{np.mean(v):.0%} of {len(v)}" for k, v in sorted(everything.items())}
        print(shares, f"{false_all} false in {megapixels:.0f} megapixels")


def nobody(places):
    "What is found where nobody is."
    pictures = {name: picture(name) for name in FACELESS}
    pictures["bodies"] = data.astronaut()[250:]
    rng = np.random.default_rng(11)
    pictures |= {f"mosaic {k}": canvas(2000, 3000, rng) for k in range(3)}
    if places:
        from illures_nb.train.labelled import read_places

        pictures |= {f"place {k}": x for k, x in enumerate(read_places(places, held_out=True))}
    count, megapixels = 0, 0
    for name, x in pictures.items():
        for turn in (0, 2):
            faces = detect_faces(np.ascontiguousarray(np.rot90(x, turn)))
            megapixels += x.size / 3e6
            count += len(faces)
            if faces:
                which = f"{name} upside down" if turn else name
                boxes = [f.box.astype(int).tolist() for f in faces]
                print(f"{which}: {boxes}, scores {[round(f.score, 2) for f in faces]}", flush=True)
    print(f"{count} faces in {2 * len(pictures)} pictures without any, {megapixels:.0f} megapixels")


def speed(runs=7):
    "Median processor time of ordinary photos, milliseconds."
    from bench import photo

    a = data.astronaut()
    for name, x in {
        "portrait of 1920 × 1080": photo(),
        "512 × 512": a,
        "12 megapixels": cv2.resize(a, (4000, 3000)),
        "brick, 1920 × 1080": cv2.resize(picture("brick"), (1920, 1080)),
    }.items():
        detect_faces(x)
        spent = []
        for _ in range(runs):
            start = time.process_time()
            detect_faces(x)
            spent.append(time.process_time() - start)
        print(f"{name}: {1e3 * np.median(spent):.0f} ms", flush=True)


def main():
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("what", choices=("rolls", "groups", "nobody", "speed"))
    p.add_argument(
        "folders", nargs="*", help="of portraits (landmarks68.npz, images/) or clips (index.csv)"
    )
    p.add_argument(
        "--count", type=int, default=20, help="people of each folder (default: %(default)s)"
    )
    p.add_argument(
        "--step", type=int, default=15, help="degrees from roll to roll (default: %(default)s)"
    )
    p.add_argument(
        "--repeats",
        type=int,
        default=2,
        help="canvases of each kind of group (default: %(default)s)",
    )
    p.add_argument("--only", help="groups whose name contains this")
    p.add_argument("--places", help="nobody: .npz of environment maps")
    a = p.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    if a.what in ("rolls", "groups") and not a.folders:
        p.error(f"{a.what} needs folders of portraits")
    if a.what == "rolls":
        rolls(a.folders, a.count, a.step)
    if a.what == "groups":
        groups(a.folders, a.count, a.repeats, a.only)
    if a.what == "nobody":
        nobody(a.places)
    if a.what == "speed":
        speed()


if __name__ == "__main__":
    with safe_printing():
        main()
