"""Clips by command: turned telephones, uneven times, sound, cuts, two people, a kill on the way,
and what is refused in a sentence."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from illures_nb import Decomposer
from illures_nb.video import ClipError, Footage, SteadyClip, Steadier
from illures_nb.video.steady import REACH

RATE = 12  # frames a second
MS = Fraction(1, 1000)


def moved(picture, k):
    "A picture that sways: the k-th frame."
    height, width = picture.shape[:2]
    M = cv2.getRotationMatrix2D((width / 2, height / 2), 3 * np.sin(k / 3), 1)
    M[:, 2] += 3 * np.sin(k / 2), 2 * np.cos(k / 2)
    return cv2.warpAffine(picture, M, (width, height), borderMode=cv2.BORDER_REPLICATE)


def encode(file, stream, frames):
    "Encode frames into an open file."
    for frame in [*frames, None]:
        file.mux(stream.encode(frame))


def tone(stream):
    "A second of a tone, as frames that a stream of sound takes."
    wave = np.int16(9000 * np.sin(np.arange(16000) * 0.2))[None]
    frame = av.AudioFrame.from_ndarray(wave, format="s16", layout="mono")
    frame.sample_rate, frame.pts = 16000, 0
    resampler = av.AudioResampler(stream.codec_context.format, "mono", 16000, 1024)
    return [*resampler.resample(frame), *resampler.resample(None)]


def film(path, pictures, ticks=None, sound=None, codec="libx264", kind="yuv420p"):
    "Write pictures at their times (milliseconds; None: even), perhaps with a second of sound."
    ticks = ticks or [round(1000 * k / RATE) for k in range(len(pictures))]
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=RATE, pix_fmt=kind)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.codec_context.time_base = MS
        track = sound and file.add_stream(sound, rate=16000, layout="mono")
        frames = [av.VideoFrame.from_ndarray(np.ascontiguousarray(x)) for x in pictures]
        for frame, tick in zip(frames, ticks):
            frame.pts, frame.time_base = tick, MS
        encode(file, stream, frames)
        if track:
            encode(file, track, tone(track))
    return path


def read(path):
    "A clip's pictures, and seconds since the first."
    clip = Footage(path)
    frames = list(clip.frames())
    return [f.picture for f in frames], [float((f.tick - clip.start) * clip.base) for f in frames]


def apart(a, b):
    "Mean difference of two pictures, levels."
    return np.abs(a.astype(int) - b).mean()


@pytest.fixture(scope="module")
def portrait(astronaut):
    "The astronaut's head, (160, 128, 3)."
    return cv2.resize(astronaut[0:300, 104:344], (128, 160), interpolation=cv2.INTER_AREA)


@pytest.fixture(scope="module")
def other(portrait):
    "The head mirrored, in a warmer and weaker light."
    return np.uint8(portrait[:, ::-1] * np.array([0.9, 0.65, 0.45]))


@pytest.fixture(scope="module")
def decomposer(portrait):
    "Says of every picture what the network says of one: quick."
    (face,) = Decomposer.from_pretrained(portrait=False)(portrait)

    def answer(picture, faces):
        dim = np.float32(picture.mean() / portrait.mean())
        photo = replace(face.photo, picture=picture, crop=np.clip(face.photo.crop * dim, 0, 1))
        light, residual = face.light * dim**2.2, face.residual * dim**2.2
        return [replace(face, photo=photo, light=light, residual=residual) for _ in faces]

    return answer


LIT = "--light", "split_left", "--face-only"


def test_uneven_times_and_sound_are_kept(portrait, tmp_path, illures):
    ticks = [0, 83, 166, 250, 500, 540, 900, 1400]
    clip = film(tmp_path / "a.mkv", [moved(portrait, k) for k in range(8)], ticks, "pcm_s16le")
    code, out, err = illures("relight", clip, *LIT, "--out", tmp_path / "b.mp4")
    assert (code, out.strip()) == (0, str(tmp_path / "b.mp4")), err
    pictures, seconds = read(tmp_path / "b.mp4")
    assert np.allclose(seconds, np.array(ticks) / 1000, atol=1e-3)
    with av.open(str(tmp_path / "b.mp4")) as file:
        samples = sum(frame.samples for frame in file.decode(audio=0))
    assert samples / 16000 == pytest.approx(1, abs=0.13)
    assert 3 < apart(pictures[4], moved(portrait, 4)) < 60
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.mkv", "b.mp4"]


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_turned_telephones_are_read_upright(turn, portrait, tmp_path):
    lying = film(tmp_path / "lying.mp4", [np.rot90(portrait, turn // 90)] * 2)
    data = bytearray(lying.read_bytes())
    a, b = round(np.cos(np.radians(turn))), round(np.sin(np.radians(turn)))
    at = data.index(b"tkhd") + 4 + 40  # of the display matrix
    matrix = 65536 * np.array([a, b, 0, -b, a, 0, 0, 0])
    data[at : at + 32] = matrix.astype(">i4").tobytes()
    (tmp_path / "turned.mp4").write_bytes(data)
    upright = Footage(tmp_path / "turned.mp4")
    picture = next(upright.frames()).picture
    assert upright.shape == picture.shape == portrait.shape
    assert apart(picture, portrait) < 8 < apart(picture[::-1, ::-1], portrait)


def test_ten_bits_and_other_matrices_are_read(portrait, tmp_path):
    ten = film(tmp_path / "ten.mkv", [portrait] * 2, codec="ffv1", kind="yuv420p10le")
    assert next(Footage(ten).frames()).picture.dtype == np.uint8
    assert apart(read(ten)[0][0], portrait) < 4


def test_a_cut_begins_a_shot_of_its_own(portrait, other, decomposer, tmp_path):
    frames = [moved(portrait if k < 7 else other, k) for k in range(14)]
    clip = SteadyClip(film(tmp_path / "cut.mp4", frames), decomposer, tmp_path / "work")
    assert [(shot.first, shot.end) for shot in clip.shots] == [(0, 7), (7, 14)]
    assert all(len(people) == 1 for people in clip.people)
    lights = [shared[1].light.coeffs for shared in clip.shared]
    assert not np.allclose(*lights, atol=0.15)
    moments = list(clip.moments())
    assert [m.frame.number for m in moments] == list(range(14))
    by_frame = [m.people[1].light.coeffs for m in moments]
    for first, last in ((0, 6), (7, 13)):
        assert np.allclose(by_frame[first], by_frame[last], atol=0.03)
    assert not np.allclose(by_frame[6], by_frame[7], atol=0.15)


def test_two_people_each_have_their_folder(portrait, other, tmp_path, illures):
    small = cv2.resize(portrait, (102, 128), interpolation=cv2.INTER_AREA)
    left = cv2.copyMakeBorder(small, 16, 16, 0, 0, cv2.BORDER_REPLICATE)
    frames = [np.concatenate([moved(left, k), moved(portrait, k + 2)], 1) for k in range(4)]
    clip = film(tmp_path / "two.mp4", frames)
    what = "--maps", "albedo,mask", "--face-only"
    code, _, err = illures("decompose", clip, *what, "--out", tmp_path / "layers")
    assert code == 0, err
    names = [p.name for p in sorted((tmp_path / "layers/person2/albedo").iterdir())]
    assert names == [f"{k:06d}.png" for k in range(1, 5)]
    boxes = [
        json.loads((tmp_path / f"layers/person{n}/face/000003.json").read_text())["face"]["box"]
        for n in (1, 2)
    ]
    assert boxes[0][0] > 102 > boxes[1][2]
    record = json.loads((tmp_path / "layers/clip.json").read_text())
    assert record["frames"] == 4 and record["shots"][0]["people"]["person2"] == [1, 4]


@pytest.mark.slow
def test_another_clip_replaces_what_is_in_a_folder(portrait, other, tmp_path, illures):
    long = film(tmp_path / "long.mp4", [moved(portrait, k) for k in range(4)])
    short = film(tmp_path / "short.mp4", [moved(other, k) for k in range(3)])
    out, what = tmp_path / "layers", ("--maps", "albedo", "--face-only")
    albedo = out / "person1/albedo"
    for clip, frames, note in (long, 4, ""), (short, 3, " (replaced)"):
        code, said, err = illures("decompose", clip, *what, "--out", out)
        assert (code, said.strip()) == (0, f"{out}{note}"), err
        assert len(list(albedo.iterdir())) == frames
    assert json.loads((out / "clip.json").read_text())["clip"] == "short.mp4"
    seen = cv2.imread(str(albedo / "000001.png"))
    assert illures("decompose", long, *what, "--out", out)[0] == 0
    assert apart(seen, cv2.imread(str(albedo / "000001.png"))) > 5
    assert illures("decompose", long, "--maps", "normals", "--face-only", "--out", out)[0] == 0
    assert not list(albedo.iterdir()) and len(list((out / "person1/normals").iterdir())) == 4


def killed_while(command, until):
    "Run a command in a process of its own until something is there, then kill it."
    run = [sys.executable, "-m", "illures_nb", *map(str, command)]
    process = subprocess.Popen(run, stderr=subprocess.PIPE, env=os.environ)
    while not until() and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return process.returncode == -signal.SIGKILL


def test_a_killed_run_goes_on(portrait, tmp_path, illures):
    clip = film(tmp_path / "a.mp4", [moved(portrait, k) for k in range(8)])
    what = "--maps", "albedo", "--face-only"
    assert illures("decompose", clip, *what, "--out", tmp_path / "whole")[0] == 0
    done = tmp_path / "part/person1/face"
    command = ["decompose", clip, *what, "--out", tmp_path / "part"]
    assert killed_while(command, lambda: len(list(done.glob("0*.json"))) >= 2)
    before = {p.name: p.stat().st_mtime_ns for p in done.glob("0*.json")}
    code, _, err = illures(*command)
    assert code == 0 and "going on" in err
    assert all((done / name).stat().st_mtime_ns == when for name, when in before.items())
    names = sorted(p.relative_to(tmp_path / "part") for p in (tmp_path / "part").rglob("*.*"))
    assert names == sorted(
        p.relative_to(tmp_path / "whole") for p in (tmp_path / "whole").rglob("*.*")
    )
    last = (f"{folder}/person1/albedo/000008.png" for folder in ("whole", "part"))
    assert len({(tmp_path / path).read_bytes() for path in last}) == 1


@pytest.mark.slow
def test_parts_that_were_written_are_kept(portrait, tmp_path, illures, monkeypatch):
    import illures_nb.video as video

    clip = film(tmp_path / "a.mp4", [moved(portrait, k) for k in range(6)])
    monkeypatch.setattr(video, "_PART", 2)
    taken = []

    def stopped(steadier, number):
        taken.append(number)
        if len(taken) == 4:
            raise KeyboardInterrupt
        return steady(steadier, number)

    steady = Steadier.steady
    monkeypatch.setattr(Steadier, "steady", stopped)
    assert illures("relight", clip, *LIT, "--out", tmp_path / "b.mp4")[0] == 130
    assert illures("relight", clip, *LIT, "--out", tmp_path / "b.mp4")[0] == 0
    assert taken == [0, 1, 2, 3, *range(2, 6)]
    assert len(read(tmp_path / "b.mp4")[0]) == 6


def test_a_long_clip_needs_no_more_memory(portrait, decomposer, tmp_path, monkeypatch):
    "Counted are the frames that a steadier holds, and those that wait."
    clip = SteadyClip(
        film(tmp_path / "a.mp4", [moved(portrait, k) for k in range(30)]),
        decomposer,
        tmp_path / "w",
    )
    held, add = [], Steadier.add

    def counted(steadier, number, face):
        add(steadier, number, face)
        held.append(len(steadier.faces))

    monkeypatch.setattr(Steadier, "add", counted)
    assert sum(1 for _ in clip.moments()) == 30
    assert max(held) <= 2 * REACH + 1 and len(held) == 30


def test_a_light_that_turns_moves_shadows_smoothly(portrait, tmp_path, illures):
    clip = film(tmp_path / "still.mp4", [portrait] * 8)
    turn = "--light", "split_left", "--turn", "90", "--face-only"
    assert illures("relight", clip, *turn, "--out", tmp_path / "b.mp4")[0] == 0
    pictures = [x.astype(float) for x in read(tmp_path / "b.mp4")[0]]
    steps = [abs(b - a).mean() for a, b in zip(pictures, pictures[1:])]
    assert abs(pictures[-1] - pictures[0]).mean() > 2 * max(steps)
    assert max(steps) < 3 * np.median(steps)


def sound_only(path):
    with av.open(str(path), "w") as file:
        track = file.add_stream("aac", rate=16000, layout="mono")
        encode(file, track, tone(track))


def cut_short(path):
    film(path, [np.zeros((64, 64, 3), np.uint8)] * 4)
    path.write_bytes(path.read_bytes()[:60])


SAID = {
    "sound.mp4": (sound_only, "holds sound but no pictures"),
    "text.mp4": (lambda path: path.write_text("no clip"), "cannot be read as a video"),
    "empty.mp4": (lambda path: path.write_bytes(b""), "cannot be read as a video"),
    "short.mp4": (cut_short, "cannot be read as a video"),
    "absent.mp4": (lambda path: None, "there is no file"),
}


@pytest.mark.parametrize("name", SAID)
@pytest.mark.parametrize("command", ["relight", "decompose"])
def test_what_is_no_clip_is_said_in_a_sentence(name, command, tmp_path, illures):
    make, said = SAID[name]
    make(tmp_path / name)
    more = LIT if command == "relight" else ()
    out = tmp_path / ("b.mp4" if command == "relight" else "layers")
    code, _, err = illures(command, tmp_path / name, *more, "--out", out)
    assert code == 1 and said in err and name in err and len(err.splitlines()) == 1
    assert not list(tmp_path.rglob(".*"))


def test_a_clip_without_faces_is_refused(tmp_path, decomposer):
    wall = film(tmp_path / "wall.mp4", [np.full((64, 96, 3), 90 + k, np.uint8) for k in range(3)])
    with pytest.raises(ClipError, match="no face was found in 3 frames"):
        SteadyClip(wall, decomposer, tmp_path / "work")


def test_what_makes_no_sense_is_refused(tmp_path, illures):
    for words, said in {
        ("a.mp4", "b.mp4", *LIT, "--out", "c.mp4"): "worked on alone",
        ("a.mp4", *LIT, "--out", "c.png"): "must end in .mp4, .mov, .mkv",
        ("a.jpg", *LIT, "--turn", "9", "--out", "c.png"): "--turn",
        ("a.mp4", "--background", "transparent", "--out", "c.mp4"): "no transparency",
    }.items():
        code, _, err = illures("relight", *words)
        assert code == 2 and said in err, err
