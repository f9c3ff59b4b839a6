"Clips and the landmarks beside them, frames that are judged, sets that are written once."

import os
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("numba", reason="train.photos needs numba: pip install 'illures_nb[train]'")
import test_videos  # noqa: E402

from illures_nb.image import write_image  # noqa: E402
from illures_nb.synth.assets import Assets  # noqa: E402
from illures_nb.synth.facekit import rotation  # noqa: E402
from illures_nb.train import videos  # noqa: E402
from illures_nb.train.clips import Clip, given, index, person  # noqa: E402
from illures_nb.train.frames import pose, still  # noqa: E402
from illures_nb.train.photos import VideoPairs, retouch  # noqa: E402
from illures_nb.train.videos import (  # noqa: E402
    clip_shard,
    frames_sheet,
    log,
    stills,
    write_photos,
    write_videos,
)

film, talking, clips = test_videos.film, test_videos.talking, test_videos.clips


def test_text_is_no_clip(tmp_path):
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(ValueError, match="cannot be read as a video"):
        Clip(tmp_path / "text.mp4")


def test_beside_a_clip(talking, tmp_path):
    "Landmarks written down are read back; what else may lie there is refused in a sentence."
    pictures, points = zip(*talking)
    film(tmp_path / "a.mp4", list(pictures))
    file = tmp_path / "a.landmarks68.npz"
    with pytest.raises(FileNotFoundError, match="a.landmarks68.npz is missing"):
        given(tmp_path / "a.mp4")
    np.savez(file, frame=np.arange(12), points=np.float32(points))
    known = given(tmp_path / "a.mp4")
    assert list(known) == list(range(12))
    assert np.allclose(known[7][0], points[7]) and known[7][1] == 1
    too_few = np.zeros((1, 5, 2))
    for arrays in ({"frame": [1]}, {"frame": [1], "points": too_few}):
        np.savez(file, **arrays)
        with pytest.raises(ValueError, match="holds no landmarks"):
            given(tmp_path / "a.mp4")
    file.write_text("no archive")
    with pytest.raises(ValueError, match="holds no landmarks"):
        given(tmp_path / "a.mp4")


def test_two_columns_of_scores(tmp_path):
    "The landmarks' own score counts more than the detector's."
    score = [[0.3, 0.9], [0.7, 0.5], [0.2, 0.8]]
    points = np.zeros((3, 68, 2))
    file = tmp_path / "a.landmarks68.npz"
    np.savez(file, frame=np.arange(3), points=points, score=score)
    scores = [score for _, score in given(tmp_path / "a.mp4").values()]
    assert np.allclose(scores, [1, 0.5, 0.2])


def test_who_is_seen(tmp_path):
    (tmp_path / "index.csv").write_text("file,who\na.mp4,b\n")
    with pytest.raises(ValueError, match="columns file and identity"):
        index(tmp_path)
    (tmp_path / "index.csv").write_text("file,identity,licence\na.mp4,anna,CC0\n")
    assert index(tmp_path)["a.mp4"]["identity"] == "anna"
    assert index(tmp_path.parent / "nowhere") == {}
    names = ("001/vid.avi", "id10001/xyz/00001.mp4", "anna.mp4")
    assert [person(name) for name in names] == ["001", "id10001", "anna"]


def test_one_track(clips):
    "All frames belong to the one person; fewer are taken all along the clip."
    track, seen, reasons = stills(clips / "a.mp4", 1, "given")
    assert seen == 12 and [s.number for s in track] == list(range(12)) and not reasons
    fewer, _, _ = stills(clips / "a.mp4", 1, "given", most=4)
    assert [s.number for s in fewer] == [0, 3, 6, 9]


def test_pose_of_a_measured_head():
    "Yaw and pitch of a real head model's landmarks, within 8°."
    shared = Path(os.environ.get("ILLURES_SHARED", "none")) / "data/facekit/facekit.npz"
    if not shared.is_file():
        pytest.skip("ICT-FaceKit is not here: ILLURES_SHARED names no folder that has it")
    kit = Assets(shared).kit()
    head = kit.vertices[kit.landmarks].numpy()
    for degrees in range(-50, 51, 10):
        yaw, level = torch.tensor([[degrees], [0.0]]).deg2rad()
        turned = head @ rotation(yaw, level, level)[0].numpy().T
        seen = turned[:, :2] * [10, -10]
        assert abs(pose(seen)[0] - degrees) < 8


def shards(out):
    "File name → bytes of the shards of a set."
    return {p.name: p.read_bytes() for p in sorted(out.iterdir()) if p.suffix == ".tar"}


def test_only_what_is_new_is_done(clips, tmp_path, monkeypatch):
    "Nothing is done twice; a damaged shard and a changed clip are."
    rows = write_videos(clips, tmp_path / "set", landmarks="given")
    before = shards(tmp_path / "set")
    assert list(before) == ["shard-a.mp4.tar", "shard-one.mp4.tar", "shard-sub%2Fb.avi.tar"]
    done = []

    def counted(path, *args):
        done.append(path.name)
        return clip_shard(path, *args)

    monkeypatch.setattr(videos, "clip_shard", counted)
    assert write_videos(clips, tmp_path / "set", landmarks="given") == rows and not done
    (tmp_path / "set/shard-a.mp4.tar").write_bytes(before["shard-a.mp4.tar"][:9000])
    os.utime(clips / "sub/b.landmarks68.npz", (1, 1))
    write_videos(clips, tmp_path / "set", landmarks="given")
    assert sorted(done) == ["a.mp4", "b.avi"] and shards(tmp_path / "set") == before


def test_interrupted_goes_on_with_the_next_clip(clips, tmp_path, monkeypatch):
    write_videos(clips, tmp_path / "whole", landmarks="given")
    done = []

    def dies(path, *args):
        if path.name == "b.avi":
            raise KeyboardInterrupt
        return clip_shard(path, *args)

    def counted(path, *args):
        done.append(path.name)
        return clip_shard(path, *args)

    monkeypatch.setattr(videos, "clip_shard", dies)
    with pytest.raises(KeyboardInterrupt):
        write_videos(clips, tmp_path / "killed", landmarks="given")
    monkeypatch.setattr(videos, "clip_shard", counted)
    write_videos(clips, tmp_path / "killed", landmarks="given")
    assert done[0] == "b.avi" and "a.mp4" not in done
    assert shards(tmp_path / "killed") == shards(tmp_path / "whole")


def test_refusals(clips, tmp_path):
    "What cannot be done is said in a sentence, and what was done wrongly."
    rows = write_videos(clips, tmp_path / "set", landmarks="given")
    assert rows["one.mp4"]["kept"] == 1 and "pairs need two" in rows["one.mp4"]["note"]
    assert rows["text.mkv"]["kept"] == 0 and "cannot be read" in rows["text.mkv"]["failed"]
    assert "none of the frames" in rows["wall.mp4"]["failed"]
    (tmp_path / "none").mkdir()
    with pytest.raises(FileNotFoundError, match="no pictures yet"):
        frames_sheet(tmp_path / "none")
    with pytest.raises(ValueError, match=r"another set \(its every is 2, not 3\)"):
        write_videos(clips, tmp_path / "set", landmarks="given", every=3)
    for write in (write_videos, write_photos):
        with pytest.raises(FileNotFoundError, match="holds no"):
            write(tmp_path / "none", tmp_path / "x")
    (tmp_path / "set/clips.json").write_text("{")
    with pytest.raises(ValueError, match="clips.json is damaged"):
        log(tmp_path / "set")


def test_photographs_with_given_landmarks(talking, tmp_path):
    "One without landmarks and one that cannot be read are left out."
    folder = tmp_path / "photos"
    folder.mkdir()
    pictures, points = zip(*talking[:6])
    for k, picture in enumerate(pictures):
        write_image(folder / f"{k}.png", picture.astype(np.float32) / 255)
    (folder / "broken.jpg").write_bytes(b"\xff\xd8 no picture")
    with pytest.raises(FileNotFoundError, match="landmarks68.npz is missing"):
        write_photos(folder, tmp_path / "x", "given")
    names = np.array([f"{k}.png" for k in range(5)] + ["broken.jpg"])
    known = np.float32([*points[:5], points[0]])
    np.savez(folder / "landmarks68.npz", name=names, points=known)
    row = write_photos(folder, tmp_path / "set", "given", licence="ours")["00000"]
    assert row["dropped"] == {"no landmarks": 1, "unreadable": 1} and row["kept"] == 5


def test_pairs_are_never_twice_the_same(clips, tmp_path):
    "The same step gives the same pairs, another one others; the two frames of a pair differ."
    write_videos(clips, tmp_path / "set", landmarks="given")
    write_videos(clips, tmp_path / "held", landmarks="given", held=("eileen",))
    pairs = VideoPairs(tmp_path / "set", 6, 100)
    first, again = pairs[3], VideoPairs(tmp_path / "set", 6, 100)[3]
    names = "image_i image_j contours_i contours_j mask_i mask_j".split()
    assert all(torch.equal(getattr(first, k), getattr(again, k)) for k in names)
    assert not torch.equal(first.image_i, pairs[4].image_i) and first.truth_i is None
    assert first.contours_j.shape == first.mask_i.shape == (6, 1, 128, 128)
    kept = sum(
        row["kept"] for n, row in log(tmp_path / "held").items() if n in ("a.mp4", "sub/b.avi")
    )
    assert len(VideoPairs(tmp_path / "held", 2, 5, split="test").sets[0]) == kept


def test_retouching(talking):
    "Colour is changed alike in both pictures of a pair (there is one albedo), noise is not."
    picture, points = talking[5]
    frame = still(picture, points, 1.0).frame
    twice = np.stack([frame, frame])
    pairs = [retouch(twice, np.random.default_rng(i)) for i in range(40)]
    colour = np.stack(pairs).mean((2, 3))  # (40, 2, 3)
    apart = abs(colour[:, 0] - colour[:, 1]).max()
    assert apart < 0.004 < 0.02 < colour[:, 0].std(0).mean() < 0.08
    assert 0.3 < np.mean([not np.array_equal(*pair) for pair in pairs]) < 0.95
    shift = colour.mean((0, 1)) - frame.mean((0, 1)) / 255
    assert abs(shift).max() < 0.03
