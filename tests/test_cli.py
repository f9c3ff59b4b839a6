"The command line: what it writes, what it refuses, exit codes, and that one bad photo does not stop the rest."
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from illures_nb import SHLight
from illures_nb.cli import COMMANDS, main

PICTURES = ["albedo", "normals", "shading", "residual", "reconstruction", "mask", "sheet"]


@pytest.fixture
def illures(capsys, weights):
    "Run a command: exit code, standard output, standard error. Photos are decomposed by the weights of the fixture."
    def run(*args, model=True):
        args = [str(a) for a in args] + (["--weights", str(weights)] if model and args[0] in ("decompose", "relight") else [])
        capsys.readouterr()
        try: code = main(args)
        except SystemExit as e: code = e.code
        return code, *capsys.readouterr()
    return run


def test_help_teaches(illures):
    code, out, _ = illures("--help")
    assert code == 0 and all(name in out for name in COMMANDS)
    for name in ("decompose", "relight"):
        code, out, _ = illures(name, "--help", model=False)
        assert code == 0 and out.count(f"illures {name} ") >= 3 and "examples:" in out
    assert all(preset in illures("relight", "--help", model=False)[1] for preset in SHLight.presets())


def test_decompose_writes_every_layer(illures, astronaut_path, tmp_path):
    code, out, err = illures("decompose", astronaut_path, "--out", tmp_path / "maps", "--exr")
    folder = tmp_path / "maps/astronaut"
    assert code == 0 and out.strip() == str(folder) and not err
    assert {p.name for p in folder.iterdir()} == {f"{n}.png" for n in PICTURES} | {f"{n}.exr" for n in PICTURES[:-1]} | {"light.json", "face.json", "about.txt"}
    assert all(Image.open(folder / f"{n}.png").size == (128, 128) for n in PICTURES[:-1])
    assert np.shape(json.loads((folder / "light.json").read_text())["coeffs"]) == (9, 3)


def test_exr_holds_the_exact_maps(illures, astronaut_path, face, tmp_path):
    from illures_nb.image import read_linear
    illures("decompose", astronaut_path, "--out", tmp_path, "--exr")
    assert np.allclose(read_linear(tmp_path / "astronaut/albedo.exr"), face.albedo, atol=1e-3)


def test_faces_of_one_photo_get_their_own_folders(illures, two_faces, tmp_path):
    Image.fromarray(two_faces).save(tmp_path / "pair.png")
    assert illures("decompose", tmp_path / "pair.png", "--out", tmp_path / "all")[0] == 0
    assert sorted(p.name for p in (tmp_path / "all").iterdir()) == ["pair-face1", "pair-face2"]
    assert illures("decompose", tmp_path / "pair.png", "--out", tmp_path / "one", "--face", 2)[0] == 0
    assert [p.name for p in (tmp_path / "one").iterdir()] == ["pair-face2"]
    code, _, err = illures("decompose", tmp_path / "pair.png", "--out", tmp_path / "none", "--face", 3)
    assert code == 2 and "has 2 faces" in err


def test_photos_of_one_name_do_not_overwrite_each_other(illures, astronaut, tmp_path):
    for k, suffix in enumerate((".png", ".jpg", ".bmp")):
        (tmp_path / str(k)).mkdir()
        Image.fromarray(astronaut).save(tmp_path / str(k) / f"a{suffix}")
    photos = sorted(tmp_path.glob("*/a.*"))
    code, out, _ = illures("decompose", *photos, "--out", tmp_path / "out")
    assert code == 0 and sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a", "a-2", "a-3"] and "replaced" not in out
    code, out, _ = illures("decompose", photos[0], "--out", tmp_path / "out")
    assert code == 0 and out.strip().endswith("a (replaced)")  # an earlier run's folder: written over, and said so


def test_a_batch_goes_on_and_says_what_failed(illures, astronaut_path, broken_files, wall, tmp_path):
    Image.fromarray(wall).save(tmp_path / "wall.png")
    photos = [*broken_files.values(), tmp_path / "wall.png", astronaut_path]
    code, out, err = illures("decompose", *photos, "--out", tmp_path / "out")
    assert code == 1 and [p.name for p in (tmp_path / "out").iterdir()] == ["astronaut"]
    assert f"{len(photos) - 1} of {len(photos)} photos failed" in err and "Traceback" not in err
    assert all(str(p) in err for p in photos[:-1]) and err.count("\n") == len(photos)


@pytest.mark.parametrize("name", ["empty", "letter", "noise", "half", "header", "huge", "pickle", "folder", "missing"])
@pytest.mark.parametrize("command", ["decompose", "relight"])
def test_one_broken_photo_is_one_sentence(command, name, illures, broken_files, tmp_path):
    light = ["--light", "front"] if command == "relight" else []
    code, out, err = illures(command, broken_files[name], *light, "--out", tmp_path / "out.png")
    assert code == 1 and not out and err.count("\n") == 1 and str(broken_files[name]) in err and len(err) < 400


def test_no_face_is_exit_code_2(illures, wall, astronaut_path, tmp_path):
    photo = tmp_path / "wall.png"
    Image.fromarray(wall).save(photo)
    tiny = tmp_path / "tiny.png"
    Image.fromarray(wall[:1, :1]).save(tiny)
    for args in (("decompose", photo, "--out", tmp_path / "o"), ("decompose", tiny, "--out", tmp_path / "o"), ("decompose", photo, tiny, "--out", tmp_path / "o"),
                 ("relight", photo, "--light", "top", "--out", tmp_path / "o.png"), ("relight", astronaut_path, "--reference", photo, "--out", tmp_path / "o.png")):
        code, out, err = illures(*args)
        assert code == 2 and "no face" in err and not out, args
    assert not (tmp_path / "o.png").exists()


def test_relight_takes_every_kind_of_light(illures, astronaut, astronaut_path, tmp_path):
    SHLight.preset("top").save(tmp_path / "top.json")
    panorama = np.zeros((32, 64, 3), np.uint8)
    panorama[:10] = 255
    Image.fromarray(panorama).save(tmp_path / "sky.png")
    results = {}
    for name, light in {"preset": "split_left", "angles": "-60,20", "positive": "60,20", "json": tmp_path / "top.json", "map": tmp_path / "sky.png"}.items():
        code, out, err = illures("relight", astronaut_path, "--light", light, "--out", tmp_path / f"{name}.png")
        assert code == 0 and out.strip() == str(tmp_path / f"{name}.png") and not err
        results[name] = np.asarray(Image.open(tmp_path / f"{name}.png"))
        assert results[name].shape == astronaut.shape and np.array_equal(results[name][400:], astronaut[400:])
    assert len({r.tobytes() for r in results.values()}) == len(results)
    halves = [results[k][100:170, 185:265].mean((0, 2)) for k in ("angles", "positive")]
    assert halves[0][:20].mean() - halves[0][-20:].mean() > halves[1][:20].mean() - halves[1][-20:].mean()  # AZ < 0 comes from the picture's left


def test_relight_by_the_photo_itself_changes_nothing(illures, astronaut, astronaut_path, tmp_path):
    assert illures("relight", astronaut_path, "--reference", astronaut_path, "--out", tmp_path / "same.png")[0] == 0
    assert abs(np.asarray(Image.open(tmp_path / "same.png")).astype(int) - astronaut).max() <= 2
    assert illures("relight", astronaut_path, "--reference", astronaut_path, "--residual", "0", "--out", tmp_path / "matte.jpg")[0] == 0


@pytest.mark.parametrize("args", [("relight", "P", "--light", "sunny", "--out", "o.png"), ("relight", "P", "--light", "95", "--out", "o.png"), ("relight", "P", "--out", "o.png"),
                                  ("relight", "P", "--light", "front", "--reference", "P", "--out", "o.png"), ("relight", "P", "--light", "front"),
                                  ("relight", "P", "--light", "front", "--out", "o.gif"), ("relight", "P", "--light", "front", "--out", "no/where/o.png"),
                                  ("relight", "P", "--light", "front", "--out", "P"), ("relight", "P", "--light", "front", "--residual", "2.5", "--out", "o.png"),
                                  ("decompose", "--out", "d"), ("decompose", "P"), ("decompose", "P", "--out", "d", "--face", "0"), ("decompose", "P", "--out", "P"),
                                  ("decompose", "P", "--out", "P/deeper"), ("dance",), ()])
def test_commands_that_make_no_sense(args, illures, astronaut_path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(astronaut_path, "P")
    before = Path("P").read_bytes()
    code, out, err = illures(*args) if args else illures("", model=False)
    assert code == 2 and not out and err.count("\n") == 1 and err.startswith("illures")
    assert Path("P").read_bytes() == before and not Path("o.png").exists()


def test_weights_problems_are_one_sentence(illures, astronaut_path, tmp_path):
    (tmp_path / "bad.safetensors").write_bytes(b"not safetensors")
    for name in (tmp_path / "bad.safetensors", tmp_path / "gone.safetensors", tmp_path / "net.pth"):
        code, out, err = illures("decompose", astronaut_path, "--out", tmp_path / "o", "--weights", name, model=False)
        assert code == 1 and not out and err.count("\n") == 1 and str(name) in err


def test_a_light_file_that_is_none(illures, astronaut_path, tmp_path):
    (tmp_path / "bad.json").write_text('{"coeffs": [1, 2]}')
    (tmp_path / "bad.hdr").write_text("#?RADIANCE")
    for name in ("bad.json", "bad.hdr"):
        code, _, err = illures("relight", astronaut_path, "--light", tmp_path / name, "--out", tmp_path / "o.png")
        assert code == 2 and err.count("\n") == 1 and name in err


def test_evaluate_wild_looks_at_whatever_there_is(illures, weights, astronaut, wall, broken_files, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, picture in (("astronaut", astronaut), ("wall", wall)): Image.fromarray(picture).save(folder / f"{name}.png")
    shutil.copy(broken_files["letter"], folder / "letter.jpg")
    code, out, err = illures("evaluate", "wild", folder, "--weights", weights, "--out", tmp_path / "wild.md", model=False)
    assert code == 0 and (tmp_path / "wild.md").read_text(encoding="utf-8").strip() == out.strip() and "Traceback" not in err
    assert "1: astronaut.png" in out and "no face): wall.png" in out and "cannot be read): letter.jpg" in out
    assert Image.open(tmp_path / "wild_01.png").height < 200 and not (tmp_path / "wild_02.png").exists()  # a page of one row
    code, out, _ = illures("evaluate", "wild", folder, folder, "--most", "1", "--weights", weights, model=False)  # the first by name
    assert code == 0 and "2: astronaut.png" in out and "wall.png" not in out and "letter.jpg" not in out
    (tmp_path / "empty").mkdir()
    code, out, err = illures("evaluate", "wild", tmp_path / "empty", "--weights", weights, model=False)
    assert code == 1 and not out and err.count("\n") == 1 and "holds no photographs or clips" in err


def test_the_installed_command(astronaut_path, weights, tmp_path):
    "In a process of its own, as a user has it."
    script = shutil.which("illures", path=str(Path(sys.executable).parent)) or pytest.skip("the package is not installed here")
    run = subprocess.run([script, "relight", str(astronaut_path), "--light", "-45,30", "--weights", str(weights), "--out", str(tmp_path / "o.png")], capture_output=True, text=True)
    assert run.returncode == 0 and run.stdout.strip() == str(tmp_path / "o.png"), run.stderr
    assert Image.open(tmp_path / "o.png").size == (512, 512)
    run = subprocess.run([script, "relight", "nobody.jpg", "--light", "front", "--weights", str(weights), "--out", "o.png"], capture_output=True, text=True)
    assert run.returncode == 1 and run.stderr == "illures: nobody.jpg does not exist.\n"
