"""Folders of photos: what is written down, what is done again and what is not, workers, kills."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from PIL import Image

from illures_nb.cli.batch import Manifest, Outcome, run_batch, side_by_side

MAPS = ("--maps", "mask", "--face-only")


@pytest.fixture
def folder(astronaut, wall, tmp_path):
    "A folder of four: two photos of one name, a wall, and a file that is no picture."
    place = tmp_path / "in"
    (place / "below").mkdir(parents=True)
    Image.fromarray(astronaut).save(place / "a.png")
    Image.fromarray(astronaut[:, ::-1]).save(place / "below/a.png")
    Image.fromarray(wall).save(place / "wall.png")
    (place / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 not much of a JPEG")
    return place


def entries(out):
    "File → entry, of the manifest."
    lines = (out / "manifest.jsonl").read_text().splitlines()
    return {entry["file"]: entry for entry in map(json.loads, lines)}


def times(out):
    "When each map was written."
    return {path: path.stat().st_mtime_ns for path in out.rglob("mask.png")}


def test_every_photo_of_a_folder_is_written_down(illures, folder, tmp_path):
    out = tmp_path / "out"
    code, said, err = illures("decompose", folder, "--out", out, *MAPS)
    assert code == 1 and "2 of 4 photos failed" in err
    assert said.splitlines() == [str(out / "a"), str(out / "a-2")]
    found = entries(out)
    assert set(found) == {f"../in/{n}" for n in ("a.png", "below/a.png", "wall.png", "broken.jpg")}
    assert found["../in/below/a.png"]["outputs"] == ["a-2"]
    assert found["../in/a.png"]["faces"] == 1 and found["../in/a.png"]["error"] is None
    assert "no face" in found["../in/wall.png"]["error"]
    assert "broken.jpg" in found["../in/broken.jpg"]["error"]


def test_what_is_done_is_not_done_again(illures, folder, tmp_path):
    out = tmp_path / "out"
    illures("decompose", folder, "--out", out, *MAPS)
    before = times(out)
    code, said, err = illures("decompose", folder, "--out", out, *MAPS)
    assert code == 1 and not said and "2 of 4 photos failed" in err
    assert "2 of 4 photos were done before" in err and times(out) == before


SLOW = [pytest.param(change, marks=pytest.mark.slow) for change in ("settings", "gone")]


@pytest.mark.parametrize("change", ["photo", *SLOW, "overwrite"])
def test_what_has_changed_is_done_again(change, illures, folder, astronaut, tmp_path):
    out = tmp_path / "out"
    for name in ("wall.png", "broken.jpg"):
        (folder / name).unlink()
    illures("decompose", folder, "--out", out, *MAPS)
    before, more = times(out), ()
    if change == "photo":
        Image.fromarray(astronaut[5:]).save(folder / "a.png")
    elif change == "gone":
        shutil.rmtree(out / "a")
    else:
        more = ("--normals", "directx") if change == "settings" else ("--overwrite",)
    code, said, _ = illures("decompose", folder, "--out", out, *MAPS, *more)
    both = change in ("settings", "overwrite")
    assert code == 0 and len(said.splitlines()) == 1 + both
    after = times(out)
    assert after.keys() == before.keys() and after[out / "a/mask.png"] != before[out / "a/mask.png"]
    assert (after[out / "a-2/mask.png"] != before[out / "a-2/mask.png"]) == both


def test_workers_write_what_one_process_writes(illures, folder, tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    first = illures("decompose", folder, "--out", one, *MAPS)
    second = illures("decompose", folder, "--out", two, *MAPS, "--workers", 2)
    assert first[0] == second[0] == 1
    assert first[2].replace(str(one), "") == second[2].replace(str(two), "")
    assert entries(one) == entries(two)
    files = {path.relative_to(one) for path in one.rglob("*.*") if path.name != "manifest.jsonl"}
    assert len(files) == 10  # two folders of five
    assert all((one / file).read_bytes() == (two / file).read_bytes() for file in files)


def test_a_batch_that_was_killed_goes_on(folder, weights, tmp_path):
    out = tmp_path / "out"
    words = ["decompose", folder, "--out", out, *MAPS, "--weights", weights]
    call = [sys.executable, "-m", "illures_nb", *map(str, words)]
    with subprocess.Popen(call, stderr=subprocess.PIPE) as process:
        while not (out / "manifest.jsonl").exists():
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
    known = set(entries(out))
    assert known
    done = subprocess.run(call, capture_output=True, text=True)
    assert done.returncode == 1 and len(entries(out)) == 4
    assert sorted(path.name for path in out.iterdir()) == ["a", "a-2", "manifest.jsonl"]


def test_a_manifest_cut_short_is_read_as_far_as_it_goes(tmp_path):
    manifest = Manifest(tmp_path, {"x": (1, 2)})
    for name in ("a", "b"):
        manifest.add(tmp_path / name, Outcome([], {"faces": 1}))
    whole = manifest.path.read_text()
    manifest.path.write_text(whole[:-10] + '\nnull\n{"no": "file"}\n')
    assert set(Manifest(tmp_path, {}).entries) == {"a"}
    assert set(entries(tmp_path)) == {"a"}  # and is whole again


def test_a_photo_alone_is_written_again_and_leaves_no_manifest(illures, folder, tmp_path):
    for note in ("", " (replaced)"):
        code, said, _ = illures("decompose", folder / "a.png", "--out", tmp_path / "out", *MAPS)
        assert code == 0 and said.strip() == f"{tmp_path / 'out/a'}{note}"
    assert not (tmp_path / "out/manifest.jsonl").exists()


class Dies:
    "Work that ends its process."

    def __call__(self, photo):
        os._exit(1)


def test_a_worker_that_dies_is_one_sentence_a_photo(capsys):
    assert run_batch(Dies(), ["a", "b"], workers=2) == 1
    err = capsys.readouterr().err
    assert "2 of 2 photos failed" in err and err.count("fewer --workers") == 2


class Slow:
    "Work that says when it has begun, and takes a while."

    def __init__(self, folder):
        self.folder = folder

    def __call__(self, photo):
        (self.folder / photo).touch()
        time.sleep(0.3)
        return [], {}


@pytest.mark.slow
def test_who_stops_a_batch_need_not_wait_for_all_of_it(tmp_path):
    photos = [str(k) for k in range(40)]
    results = side_by_side(Slow(tmp_path), photos, workers=2)
    next(results)
    results.close()
    begun = len(list(tmp_path.iterdir()))
    time.sleep(0.5)
    assert 0 < begun < 20 and len(list(tmp_path.iterdir())) == begun


def test_aces_needs_layers(illures, folder, tmp_path):
    code, _, err = illures("decompose", folder, "--out", tmp_path / "out", "--aces")
    assert code == 2 and "--layers" in err
    assert not (tmp_path / "out").exists()


def test_a_network_that_is_none_is_said_once(illures, folder, tmp_path):
    words = ("--weights", tmp_path / "none.safetensors", "--workers", 2)
    code, _, err = illures("decompose", folder, "--out", tmp_path / "out", *words)
    assert code == 1 and err.count("\n") == 1 and "none.safetensors" in err
