"Imports and checks of assets: what is damaged or cut off is named, and nothing half-done stays."

import cv2
import numpy as np
import pytest

from illures_nb.image import write_image
from illures_nb.synth.assets import Assets, painted_scenes
from illures_nb.synth.checks import check_assets
from illures_nb.synth.upstream import import_assets, import_environments, import_head
from illures_nb.synth.upstream import import_makehuman, toy_checkout
from illures_nb.tools import refusal


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    "Downloads, imported into assets/; b/ is a checkout that is damaged."
    work = tmp_path_factory.mktemp("assets")
    toy_checkout(work / "ict")
    toy_checkout(work / "b", 1)
    cut = work / "b/FaceXModel/identity000.obj"
    cut.write_text(cut.read_text()[:200_000])
    (work / "mh").mkdir()
    texture = np.full((1024, 1024, 3), 200, np.uint8)
    cv2.imwrite(str(work / "mh/young_lightskinned_male_diffuse.png"), texture)
    (work / "hdris").mkdir()
    skies = painted_scenes(3)
    for name, sky in zip(("studio_1k", "meadow_2k", "harbour_1k"), skies):
        write_image(work / f"hdris/{name}.exr", sky)
    (work / "bad.hdr").write_bytes(b"#?RADIANCE not really")
    write_image(work / "square.exr", skies[0][:, :32])
    (work / "lfs.hdr").write_text("version https://git-lfs.github.com/spec/v1\noid")
    (work / "not.npz").write_text("no archive")
    no_uvs = {"vertices": np.zeros((3, 3)), "faces": np.zeros((1, 3))}
    np.savez(work / "old.npz", **no_uvs)
    folders = [work / name for name in ("ict", "mh")]
    list(import_assets(work / "assets", *folders, [work / "hdris"], "painted for a test"))
    return work


def test_everything_is_imported_once(work):
    found = Assets.find(work / "assets")
    assert len(found.sources()) == 1 and found.brows() is None
    assert len(found.kit().identity) == 2 and found.licences()[0].endswith("MIT License")
    folders = [work / name for name in ("ict", "mh")]
    said = list(import_assets(work / "assets", *folders, [work / "hdris"]))
    assert "already" in said[0] and "0 of them new" in said[1] and "already" in said[-1]


def test_a_texture_that_was_imported_is_none_of_makehumans(work):
    again = refusal(lambda: list(import_makehuman(work / "assets", work / "x")))
    assert "too small" in again


@pytest.mark.parametrize("bad", ["bad.hdr", "square.exr", "lfs.hdr", "gone.exr"])
def test_one_bad_environment_stops_an_import(bad, work, tmp_path):
    sources = [work / "hdris", work / bad]
    assert bad in refusal(lambda: list(import_environments(sources, tmp_path / "x/envmaps.npz")))
    assert not (tmp_path / "x/envmaps.npz").exists()


def test_a_head_that_cannot_be_used_is_named(work, tmp_path):
    path = tmp_path / "never.npz"

    def refused(folder):
        return refusal(lambda: list(import_head(folder, path)))

    toy_checkout(tmp_path / "b", 1)
    cut = tmp_path / "b/FaceXModel/identity000.obj"
    cut.write_text(cut.read_text()[:200_000])
    assert "identity000.obj is damaged" in refused(tmp_path / "b")
    cut.unlink()
    assert "no identity" in refused(tmp_path / "b")
    (tmp_path / "b/LICENSE").unlink()
    assert "LICENSE" in refused(tmp_path / "b")
    (tmp_path / "b/FaceXModel/vertex_indices.json").write_text("{}")
    assert "vertex_indices.json is damaged" in refused(tmp_path / "b")
    assert "no ICT-FaceKit checkout" in refused(work / "mh")
    assert "no ICT-FaceKit checkout" in refused(work / "nowhere")
    assert not path.exists()


NAMES = ("ict", "b", "mh", "assets", "hdris", "bad.hdr", "not.npz", "old.npz", "gone", "x.txt")


@pytest.mark.parametrize("name", NAMES)
def test_a_check_says_what_is_wrong(name, work):
    findings = list(check_assets(work / name))
    assert findings[-1][0] == (name in ("mh", "assets", "hdris")), findings
    assert all(name in sentence and "\n" not in sentence for _, sentence in findings)
