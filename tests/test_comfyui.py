"""The nodes of integrations/comfyui, by ComfyUI's rules: types that are connected agree, every
socket and widget is an argument, tensors in and out."""

import importlib.util
import inspect
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from illures_nb import SHLight

FOLDER = Path(__file__).parents[1] / "integrations" / "comfyui"
PLUGS = {"IMAGE", "MASK", "FLOAT", "BOOLEAN", "ILLURES_LIGHT"}


@pytest.fixture(scope="module")
def pack():
    "The folder, imported as ComfyUI does: by its path, under a name of its own."
    name = "custom_nodes_illures"
    where = FOLDER / "__init__.py"
    spec = importlib.util.spec_from_file_location(
        name, where, submodule_search_locations=[str(FOLDER)]
    )
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    for key in [key for key in sys.modules if key.startswith(name)]:
        del sys.modules[key]


@pytest.fixture(scope="module")
def nodes(pack):
    return {name: cls() for name, cls in pack.NODE_CLASS_MAPPINGS.items()}


@pytest.fixture(scope="module")
def image(astronaut):
    "One picture, as ComfyUI loads it."
    return torch.from_numpy(astronaut[:400, 40:440].astype(np.float32) / 255)[None]


def test_every_node_says_what_it_takes_and_gives(pack, nodes):
    assert pack.NODE_DISPLAY_NAME_MAPPINGS.keys() == nodes.keys()
    for node in nodes.values():
        asked = node.INPUT_TYPES()["required"]
        called = inspect.signature(getattr(node, node.FUNCTION)).parameters
        open_ended = any(p.kind is p.VAR_KEYWORD for p in called.values())
        named = {name for name, p in called.items() if p.kind is not p.VAR_KEYWORD}
        assert named <= asked.keys() and (open_ended or named == asked.keys())
        for kind, *options in asked.values():
            assert isinstance(kind, list) and len(kind) > 1 or kind in PLUGS
            if kind == "FLOAT":
                assert options[0]["min"] <= options[0]["default"] <= options[0]["max"]
        assert len(node.RETURN_TYPES) == len(node.RETURN_NAMES)
        assert set(node.RETURN_TYPES) <= PLUGS and node.CATEGORY


def test_layers_explain_the_picture(nodes, image):
    out = dict(
        zip(nodes["IlluresDecompose"].RETURN_NAMES, nodes["IlluresDecompose"].run(image, "OpenGL"))
    )
    for name in ("albedo", "normals", "shading", "residual"):
        x = out[name]
        assert x.shape == image.shape and x.dtype == torch.float32 and 0 <= x.min() <= x.max() <= 1
    assert out["face"].shape == out["person"].shape == image.shape[:3]
    assert out["person"].mean() > 1.5 * out["face"].mean()
    on = out["face"] > 0.9
    normals = out["normals"][on] * 2 - 1
    assert torch.allclose(normals.norm(dim=1), torch.ones(()), atol=2e-2)
    assert isinstance(out["light"], SHLight)
    turned = nodes["IlluresDecompose"].run(image, "DirectX")[1]
    assert torch.allclose(turned[..., 1], 1 - out["normals"][..., 1], atol=1e-6)


def test_every_light_relights(nodes, image):
    sky = torch.zeros(1, 32, 64, 3)
    sky[:, :16, 28:40] = torch.tensor([1.0, 0.9, 0.7])
    lights = {
        "ready": nodes["IlluresReadyLight"].run(SHLight.presets()[0]),
        "direction": nodes["IlluresLightFromDirection"].run(-60.0, 10.0, 0.1, 0.2, 0.5),
        "environment": nodes["IlluresLightFromEnvironment"].run(sky, 90.0),
        "reference": nodes["IlluresLightFromReference"].run(image.flip(2), False),
    }
    how = dict(contrast=1.0, strength=1.0, shine="moved", shadows="moved")
    seen = {}
    for name, (light,) in lights.items():
        (relit,) = nodes["IlluresRelight"].run(image, light, **how)
        assert relit.shape == image.shape and relit.dtype == torch.float32
        seen[name] = (relit - image).abs().mean()
        assert seen[name] > 0.004, name
    (own,) = nodes["IlluresDecompose"].run(image, "OpenGL")[-1:]
    (again,) = nodes["IlluresRelight"].run(image, own, **how)
    assert (again - image).abs().mean() < 0.15 * min(seen.values())


def test_batches_go_through_and_nobody_is_a_sentence(nodes, image):
    two = torch.cat([image, image.flip(2)])
    how = dict(contrast=1.0, strength=1.0, shine="none", shadows="kept")
    (relit,) = nodes["IlluresRelight"].run(two, SHLight.preset(SHLight.presets()[0]), **how)
    assert relit.shape == two.shape and not torch.equal(relit[0], relit[1])
    empty = torch.cat([image, torch.full_like(image, 0.5)])
    with pytest.raises(ValueError, match="No face was found in picture 2"):
        nodes["IlluresDecompose"].run(empty, "OpenGL")
