"""From a folder of clips to pairs: `illures videos`, `illures photos`; killed and continued; what
they refuse."""

import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
import wave

import cv2
import numpy as np
import pytest
import torch

pytest.importorskip("numba", reason="train.photos needs numba: pip install 'illures_nb[train]'")
from illures_nb.cli import main  # noqa: E402
from illures_nb.face import detect_faces  # noqa: E402
from illures_nb.synth.shards import read_shard  # noqa: E402
from illures_nb.train.clips import Clip  # noqa: E402
from illures_nb.train.photos import Photos, VideoPairs  # noqa: E402


def film(path, pictures):
    "Write pictures as a clip."
    path.parent.mkdir(parents=True, exist_ok=True)
    codec = cv2.VideoWriter_fourcc(*("MJPG" if path.suffix == ".avi" else "mp4v"))
    v = cv2.VideoWriter(str(path), codec, 12.5, pictures[0].shape[1::-1])
    for x in pictures:
        v.write(np.ascontiguousarray(x[..., ::-1]))
    v.release()


def film_with_landmarks(path, pictures, points):
    "Write a clip and, beside it, the landmarks of its first frames."
    film(path, pictures)
    points = np.float32(points).reshape(-1, 68, 2)
    beside = path.with_suffix(".landmarks68.npz")
    np.savez(beside, frame=np.arange(len(points)), points=points)


def swayed(picture, points, k):
    "The k-th frame of a picture stretched this way and that, and its landmarks."
    wider, higher = 1 + 0.05 * np.sin(k), 1 - 0.08 * np.sin(1.3 * k)
    slanted = 0.06 * np.cos(1.7 * k)
    M = np.array([[wider, slanted, 0], [0, higher, 0]])
    M[:, 2] = [160, 150] - M[:, :2] @ [160, 150]
    frame = cv2.warpAffine(picture, M, (320, 300), borderMode=cv2.BORDER_REPLICATE)
    return frame, (points @ M[:, :2].T + M[:, 2]).astype(np.float32)


@pytest.fixture(scope="module")
def talking(astronaut):
    "Frames of the astronaut stretched this way and that, and her landmarks in them."
    photo = astronaut[:300, 80:400]
    points = detect_faces(photo)[0].landmarks
    return [swayed(photo, points, k) for k in range(12)]


@pytest.fixture
def clips(talking, tmp_path):
    """A folder: two clips of one person, one of a single frame, one without a face, one that is no
    clip; landmarks beside each."""
    folder, (pictures, points) = tmp_path / "clips", zip(*talking)
    for name, n in {"a.mp4": len(talking), "sub/b.avi": 6, "one.mp4": 1}.items():
        film_with_landmarks(folder / name, pictures[:n], points[:n])
    grey = np.full((300, 320, 3), 90, np.uint8)
    film_with_landmarks(folder / "wall.mp4", [grey] * 2, [])
    (folder / "text.mkv").write_text("no video")
    (folder / "index.csv").write_text(
        "file,identity,licence\na.mp4,eileen,public domain\nsub/b.avi,eileen,public domain\n"
    )
    return folder


def turn(path, matrix):
    "Have an MP4 say how it is to be shown: (x, y) at (a x + c y, b x + d y)."
    a, b, c, d = (65536 * o for o in matrix)
    data = bytearray(path.read_bytes())
    at = data.find(b"tkhd") + 4
    at += 24 if data[at] == 0 else 36  # version, flags, times, track, length
    at += 16  # layer, group, volume
    numbers = a, b, 0, c, d, 0, 0, 0, 1 << 30
    data[at : at + 36] = struct.pack(">9i", *numbers)
    path.write_bytes(data)


STORED = {  # what a file says → how its pixels lie
    (1, 0, 0, 1): lambda x: x,
    (-1, 0, 0, -1): lambda x: np.rot90(x, 2),
    (0, 1, -1, 0): lambda x: np.rot90(x, 1),
    (0, -1, 1, 0): lambda x: np.rot90(x, -1),
    (-1, 0, 0, 1): lambda x: x[:, ::-1],
    (1, 0, 0, -1): lambda x: x[::-1],
    (0, 1, 1, 0): lambda x: x.swapaxes(0, 1),
    (0, -1, -1, 0): lambda x: np.rot90(x, 2).swapaxes(0, 1),
}


def test_clips_are_shown_upright(talking, tmp_path, monkeypatch):
    """As a phone stores them: turned and mirrored beside what the file says. No OpenCV has a part
    in it."""
    monkeypatch.delattr(cv2, "VideoCapture")
    pictures = [x for x, _ in talking[:3]]
    for k, (matrix, stored) in enumerate(STORED.items()):
        path = tmp_path / f"{k}.mp4"
        film(path, [stored(x) for x in pictures])
        turn(path, matrix)
        clip = Clip(path)
        shown = dict(clip.frames([0, 2].__contains__))
        assert clip.length == 3 and clip.fps == 12.5 and list(shown) == [0, 2], matrix
        for number, x in shown.items():
            assert x.shape == pictures[number].shape, matrix
            assert abs(x.astype(int) - pictures[number]).mean() < 5, matrix


def test_damaged_and_other_files(talking, tmp_path, capfd):
    """What can be decoded of a damaged clip; a sentence where there is no film in a file. FFmpeg's
    own words are not seen."""
    film(tmp_path / "a.mp4", [x for x, _ in talking])
    data = bytearray((tmp_path / "a.mp4").read_bytes())
    data[len(data) // 2 : len(data) // 2 + 400] = bytes(400)
    (tmp_path / "damaged.mp4").write_bytes(data)
    assert 6 <= len(dict(Clip(tmp_path / "damaged.mp4").frames(lambda k: True))) <= 12
    with wave.open(str(tmp_path / "sound.avi"), "wb") as f:
        f.setparams((1, 2, 8000, 0, "NONE", ""))
        f.writeframes(bytes(8000))
    (tmp_path / "half.mp4").write_bytes(data[:3000])
    for name in ("sound.avi", "half.mp4", "gone.mp4", "."):
        with pytest.raises(ValueError, match="cannot be read as a video"):
            Clip(tmp_path / name)
    assert capfd.readouterr() == ("", "")


def test_help_teaches(illures):
    for command in ("videos", "photos"):
        code, out, _ = illures(command, "--help")
        assert code == 0 and "examples:" in out and "goes on" in out


def test_given_landmarks(clips, tmp_path, illures):
    "The good clips become pairs, the others a sentence each."
    code, out, err = illures("videos", clips, "--out", tmp_path / "set", "--landmarks", "given")
    assert code == 1 and "Traceback" not in err
    few, none = "one.mp4 gives one frame", "wall.mp4 has none of the frames"
    for words in (few, none, "text.mkv cannot be read"):
        assert err.count(words) == 1, err
    rows = json.loads((tmp_path / "set/clips.json").read_bytes())
    assert rows["a.mp4"]["kept"] >= 10 and rows["sub/b.avi"]["kept"] >= 5
    assert (tmp_path / "set/sheet.png").is_file()
    arrays, info = next(read_shard(tmp_path / "set/shard-a.mp4.tar"))
    assert arrays["frame"].shape == (128, 128, 3) and abs(info["yaw"]) < 30
    assert info["identity"] == "eileen" and info["licence"] == "public domain"
    p, again = (VideoPairs(tmp_path / "set", 4, 10)[3] for _ in range(2))
    assert p.image_i.shape == (4, 3, 128, 128) and torch.equal(p.contours_j, again.contours_j)
    difference = (p.contours_i - p.contours_j).abs()
    assert difference.amax((1, 2, 3)).min() > 0.3
    assert Photos(tmp_path / "set", 4, 10)[0].mask.shape == (4, 1, 128, 128)


def given(folder, out, *more):
    "The command for clips with landmarks beside them."
    return ["videos", folder, "--out", out, "--landmarks", "given", *more]


def people(out):
    "Who is in a set: file → identity, split."
    infos = [info for p in out.glob("shard-*.tar") for _, info in read_shard(p)]
    return {info["clip"]: (info["identity"], info["split"]) for info in infos}


@pytest.fixture
def corpus(talking, tmp_path):
    "Makes a folder of small clips with landmarks beside them."

    def make(*names):
        for name in names:
            film_with_landmarks(tmp_path / "corpus" / name, *zip(*talking[:3]))
        return tmp_path / "corpus"

    return make


def test_folders_are_people(corpus, tmp_path, illures):
    "300VW: every clip has the same name, its folder says who it shows."
    folder = corpus("001/vid.avi", "002/vid.avi", "anna.mp4")
    code, out, err = illures(*given(folder, tmp_path / "set", "--held", "001"))
    assert code == 0 and "people (3): 001, 002, anna" in out, err
    assert people(tmp_path / "set") == {
        "001/vid.avi": ("001", "test"),
        "002/vid.avi": ("002", "train"),
        "anna.mp4": ("anna", "train"),
    }
    code, _, err = illures(*given(folder, tmp_path / "other", "--held", "vid"))
    assert code == 1 and "is called 'vid', only 001, 002, anna." in err


def test_first_folder_is_the_person(corpus, tmp_path, illures):
    "VoxCeleb: a person's clips lie in several folders below one; what index.csv says comes first."
    folder = corpus("id1/x/1.mp4", "id1/y/1.mp4", "id2/x/1.mp4", "id3/x/1.mp4")
    (folder / "index.csv").write_text("file,identity\nid3/x/1.mp4,zoe\n")
    code, _, err = illures(*given(folder, tmp_path / "set", "--held", "id1"))
    assert code == 0, err
    assert people(tmp_path / "set") == {
        "id1/x/1.mp4": ("id1", "test"),
        "id1/y/1.mp4": ("id1", "test"),
        "id2/x/1.mp4": ("id2", "train"),
        "id3/x/1.mp4": ("zoe", "train"),
    }


def test_another_index_is_another_person(corpus, tmp_path, illures):
    "A clip of which index.csv says something else now is done again, the others are not."
    folder, out = corpus("1/a.mp4", "2/a.mp4"), tmp_path / "set"
    args = given(folder, out)
    assert illures(*args)[0] == 0
    rows = json.loads((out / "clips.json").read_bytes())
    for row in rows.values():  # as earlier versions wrote them
        row["identity"] = "a"
        row.pop("licence")
    rows["1/a.mp4"]["identity"] = "1"
    (out / "clips.json").write_text(json.dumps(rows))
    stamps = {p.name: p.stat().st_mtime_ns for p in out.glob("*.tar")}
    assert illures(*args)[0] == 0
    changed = [n for n, t in stamps.items() if (out / n).stat().st_mtime_ns != t]
    assert changed == ["shard-2%2Fa.mp4.tar"]
    (folder / "index.csv").write_text("file,identity\n1/a.mp4,zoe\n")
    assert illures(*args)[0] == 0
    assert {who for who, _ in people(out).values()} == {"zoe", "2"}


def test_photographs_of_one_name(astronaut, astronaut_path, tmp_path, illures):
    """Two photographs of the same name in two folders are two people, and their landmarks are told
    apart by their paths."""
    points = detect_faces(astronaut)[0].landmarks
    for k in "ab":
        (tmp_path / "photos" / k).mkdir(parents=True)
        shutil.copy(astronaut_path, tmp_path / "photos" / k)

    def save(*names):
        all_points = np.float32([points + k for k in range(len(names))])
        np.savez(tmp_path / "photos/landmarks68.npz", name=np.array(names), points=all_points)

    args = "photos", tmp_path / "photos", "--out", tmp_path / "set", "--landmarks", "given"
    save("astronaut.png")
    code, _, err = illures(*args)
    assert code == 1 and "several photographs are called so" in err
    save("a/astronaut.png", "b/astronaut.png")
    code, _, err = illures(*args)
    assert code == 0, err
    found = list(read_shard(tmp_path / "set/shard-00000.tar"))
    assert [info["identity"] for _, info in found] == ["a/astronaut", "b/astronaut"]
    assert illures(*args, "--licence", "NASA")[0] == 0
    assert {info["licence"] for _, info in read_shard(tmp_path / "set/shard-00000.tar")} == {"NASA"}


def between_eyes(points):
    "Distance of the outer eye corners, px."
    return np.linalg.norm(points[36] - points[45])


def test_ours(talking, tmp_path, illures):
    """Our finder follows the face about as well as given landmarks say, and held-out people do not
    train."""
    film(tmp_path / "clips/a.mp4", [x for x, _ in talking])
    args = "videos", tmp_path / "clips", "--out", tmp_path / "set", "--landmarks", "ours"
    code, out, err = illures(*args, "--every", 1, "--held", "a")
    assert code == 0, err
    with pytest.raises(FileNotFoundError, match="illures videos"):
        VideoPairs(tmp_path / "set", 2, 5)
    pairs = VideoPairs(tmp_path / "set", 2, 5, split="test")
    assert pairs[0].image_j.shape == (2, 3, 128, 128)
    for arrays, info in read_shard(tmp_path / "set/shard-a.mp4.tar"):
        expected = between_eyes(talking[info["number"]][1]) / info["side"] * 128
        assert abs(between_eyes(arrays["landmarks"]) / expected - 1) < 0.1


def test_killed_goes_on(clips, tmp_path):
    "Killed after the first clip, the same command ends with the same bytes."

    def args(out):
        return f"videos {clips} --out {tmp_path / out} --landmarks ours --every 1".split()

    def tars(out):
        return {q.name: q.read_bytes() for q in (tmp_path / out).glob("*.tar")}

    assert main(args("whole")) == 1
    code = "import sys; from illures_nb.cli import main; sys.exit(main())"
    p = subprocess.Popen(
        [sys.executable, "-c", code, *args("killed")],
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    until = time.time() + 120
    while not (tmp_path / "killed/clips.json").exists():
        assert p.poll() is None and time.time() < until
        time.sleep(0.05)
    os.killpg(p.pid, signal.SIGKILL)
    p.communicate()
    first = {q.name: q.stat().st_mtime_ns for q in (tmp_path / "killed").glob("*.tar")}
    assert main(args("killed")) == 1
    assert tars("whole") == tars("killed") and len(tars("whole")) == 3
    second = {q.name: q.stat().st_mtime_ns for q in (tmp_path / "killed").glob("*.tar")}
    kept = first.items() & second.items()
    assert kept, "everything was done again"


def test_photos(astronaut_path, broken_files, tmp_path, illures):
    folder = tmp_path / "photos"
    folder.mkdir()
    shutil.copy(astronaut_path, folder)
    shutil.copy(broken_files["half"], folder / "half.jpg")
    args = "photos", folder, "--out", tmp_path / "set", "--landmarks", "ours"
    code, out, err = illures(*args, "--licence", "NASA")
    assert code == 0 and "unreadable 1" in out, (out, err)
    ((_, info),) = read_shard(tmp_path / "set/shard-00000.tar")
    assert info["identity"] == "astronaut" and info["licence"] == "NASA"
    assert Photos(tmp_path / "set", 3, 5)[0].image.shape == (3, 3, 128, 128)


OTHER_SIZE = "another set (its size is 128, not 64)"
NO_FACE = "no face was good enough"
REFUSED = {  # what is wrong → command (D: the folder made below), exit code, words
    "no clips": ("videos D/empty --out D/x", 1, "holds no videos"),
    "no folder": ("videos D/gone --out D/x", 1, "There is no folder"),
    "nobody in it": ("videos D/dull --out D/x --landmarks ours", 2, NO_FACE),
    "out is a file": ("videos D/clips --out D/file", 2, "cannot write into"),
    "other size": ("videos D/clips/sub --out D/set --landmarks given --size 64", 1, OTHER_SIZE),
    "held: unknown": ("videos D/clips --out D/x --held zoe", 1, "Nobody in"),
    "no number": ("videos D/clips --out D/x --every often", 2, "--every"),
    "no photographs": ("photos D/empty --out D/y", 1, "holds no photographs"),
    "no landmarks": ("photos D/clips --out D/y --landmarks mine", 2, "--landmarks"),
}


@pytest.mark.parametrize("command, code, words", REFUSED.values(), ids=REFUSED)
def test_one_sentence(command, code, words, clips, tmp_path, illures):
    for name in ("empty", "dull"):
        (tmp_path / name).mkdir()
    (tmp_path / "file").write_text("in the way")
    shutil.copy(clips / "wall.mp4", tmp_path / "dull")
    if "D/set" in command:
        assert illures(*given(clips / "sub", tmp_path / "set"))[0] == 0
    got, _, err = illures(*command.replace("D/", f"{tmp_path}/").split())
    last = err.strip().splitlines()[-1]
    assert got == code and words in last, err
    assert last.startswith("illures") and "Traceback" not in err, err


def test_a_damaged_set_is_said(clips, tmp_path, illures):
    damaged = given(clips / "sub", tmp_path / "set")
    assert illures(*damaged)[0] == 0
    shard = tmp_path / "set/shard-b.avi.tar"
    shard.write_bytes(shard.read_bytes()[:-30000])
    with pytest.raises(ValueError, match="is damaged"):
        VideoPairs(tmp_path / "set", 2, 5)
    (tmp_path / "set/clips.json").write_text("{")
    code, _, err = illures(*damaged)
    assert code == 1 and "clips.json is damaged" in err


def test_disk_full(clips, tmp_path, illures):
    "Files may not grow beyond 50 kB: one sentence, no half file."
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        code, _, err = illures("videos", clips, "--out", tmp_path / "set", "--landmarks", "given")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert code == 1 and "too large" in err.strip().splitlines()[-1] and "Traceback" not in err, err
    assert not [*(tmp_path / "set").glob("*.tar*")]
