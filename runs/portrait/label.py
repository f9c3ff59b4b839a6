"Label persons: mattes of portraits and of clip frames, one .npz each (image, matte, points)."

import argparse
import csv
from pathlib import Path

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter

SIDE = 256  # of the model's input
LONGEST = 800  # pixels of a frame's longer side
FRAMES = 40  # of a clip


class Segmenter:
    "The labelling tool: a picture in, a soft matte out."

    def __init__(self, file):
        self.model = Interpreter(str(file), num_threads=1)
        self.model.allocate_tensors()
        self.input = self.model.get_input_details()[0]["index"]
        self.output = self.model.get_output_details()[0]["index"]

    def __call__(self, image):  # (H, W, 3) uint8 → (H, W) float32
        height, width = image.shape[:2]
        side = max(height, width)
        above, left = side - height, (side - width) // 2
        right = side - width - left
        square = cv2.copyMakeBorder(image, above, 0, left, right, cv2.BORDER_REPLICATE)
        small = cv2.resize(square, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        self.model.set_tensor(self.input, small[None].astype(np.float32) / 255)
        self.model.invoke()
        matte = self.model.get_tensor(self.output)[0, ..., 0]
        matte = cv2.resize(matte, (side, side), interpolation=cv2.INTER_CUBIC).clip(0, 1)
        return matte[above:, left : left + width]


def box(x, radius):
    "Mean over a window."
    return cv2.blur(x, (2 * radius + 1,) * 2, borderType=cv2.BORDER_REFLECT)


def guided(guide, matte, radius, eps=1e-4):
    "Refine a matte by the colours of the picture (He, Sun and Tang 2013, eq. 14 to 16)."
    guide = guide.astype(np.float64)
    mean, mean_matte = box(guide, radius), box(matte, radius)
    covariance = box(guide * matte[..., None], radius) - mean * mean_matte[..., None]
    products = guide[..., :, None] * guide[..., None, :]
    moments = box(products.reshape(*matte.shape, 9), radius).reshape(products.shape)
    variance = moments - mean[..., :, None] * mean[..., None, :] + eps * np.eye(3)
    slope = np.linalg.solve(variance, covariance[..., None])[..., 0]
    offset = mean_matte - (slope * mean).sum(-1)
    return (box(slope, radius) * guide).sum(-1) + box(offset, radius)


def label(segmenter, image, points, file):
    "Write the label of one picture, unless it is there."
    if file.exists():
        return
    radius = max(2, int(0.012 * max(image.shape[:2])))
    matte = guided(image / 255, segmenter(image), radius)
    matte = ((matte - 0.03) / 0.94).clip(0, 1)  # faint veils away
    levels = np.round(255 * matte).astype(np.uint8)
    np.savez(file, image=image, matte=levels, points=points.astype(np.float32))


def portraits(folder):
    "Yield name, picture and landmarks of the official portraits."
    known = np.load(folder / "landmarks68.npz")
    for name, points in zip(known["name"], known["points"]):
        image = cv2.imread(str(folder / "images" / str(name)))
        yield f"w_{Path(str(name)).stem}", image[..., ::-1].copy(), points


def surely_labelled(known):
    "Rows of a clip's landmarks that can be relied on, spread over the clip."
    scores = known["score"]
    sure = [k for k, s in enumerate(scores) if s.min() > 0.5 or s[1] > 0.7]
    return sure[:: max(1, len(sure) // FRAMES)][:FRAMES]


def clip_frames(folder):
    "Yield name, picture and landmarks of frames of the clips."
    with open(folder / "index.csv", encoding="utf-8") as index:
        rows = list(csv.DictReader(index))
    for row in rows:
        stem = Path(row["file"]).stem
        known = np.load(folder / f"{stem}.landmarks68.npz")
        wanted = {int(known["frame"][k]): known["points"][k] for k in surely_labelled(known)}
        clip = cv2.VideoCapture(str(folder / row["file"]))
        for number in range(max(wanted, default=-1) + 1):
            there, frame = clip.read()
            if not there:
                break
            if number not in wanted:
                continue
            scale = min(1, LONGEST / max(frame.shape[:2]))
            frame = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            points = (wanted[number] + 0.5) * scale - 0.5
            yield f"v_{row['identity']}_{stem}_{number}", frame[..., ::-1].copy(), points


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with portraits_wide/ and videos/")
    parser.add_argument("model", type=Path, help="selfie_segmentation.tflite")
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    segmenter = Segmenter(args.model)
    for pictures in portraits(args.data / "portraits_wide"), clip_frames(args.data / "videos"):
        for name, image, points in pictures:
            label(segmenter, image, points, args.out / f"{name}.npz")


if __name__ == "__main__":
    main()
