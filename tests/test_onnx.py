"""Every network as an ONNX file against torch: the same answers, any batch, names and metadata that
say what they are."""

import json
import sys

import numpy as np
import pytest
import torch

from illures_nb.networks import Maps, weights_path
from illures_nb.onnx import NETWORKS, OPSET, PRECISIONS, load_onnx, write_onnx

onnx = pytest.importorskip("onnx", reason="the package onnx is not installed")
runtime = pytest.importorskip("onnxruntime", reason="the package onnxruntime is not installed")

APART = {"fp32": 1e-4, "fp16": 0.01, "int8": 0.15}  # from torch, at most, on outputs near 1
PORTS = {
    "lite": (["image"], list(Maps._fields)),
    "fine": (["image"], list(Maps._fields)),
    "illures": (["image"], list(Maps._fields)),
    "portrait": (
        ["image", "face_albedo", "face_normals", "face_region"],
        ["albedo", "normals", "matte"],
    ),
    "landmarks": (["image"], ["points", "score"]),
}


def there_is(name):
    return weights_path(*(("portrait", 192) if name == "portrait" else (name,))).is_file()


@pytest.fixture(scope="module", params=[pytest.param(name, id=name) for name in NETWORKS])
def written(request, tmp_path_factory):
    "A network's name, its torch module, and its files by precision."
    name = request.param
    if not there_is(name):
        pytest.skip(f"this checkout has no weights of {name}")
    folder = tmp_path_factory.mktemp(name)
    for precision in PRECISIONS:
        write_onnx(folder / f"{precision}.onnx", name, precision)
    return name, NETWORKS[name].load(), {p: folder / f"{p}.onnx" for p in PRECISIONS}


def inputs(name, count):
    "Pictures that vary smoothly, and noise."
    draw = torch.Generator().manual_seed(count)
    shapes = [(count, *port.shape) for port in NETWORKS[name].inputs]
    coarse = (torch.rand(*shape[:2], 6, 6, generator=draw) for shape in shapes)
    how = {"mode": "bilinear", "align_corners": False}
    smooth = [torch.nn.functional.interpolate(x, s[2:], **how) for x, s in zip(coarse, shapes)]
    return [x + 0.1 * torch.rand(x.shape, generator=draw) for x in smooth]


@pytest.mark.parametrize("precision", PRECISIONS)
def test_files_answer_as_torch_does_for_any_batch(precision, written):
    name, net, files = written
    other = load_onnx(files[precision])
    for count in (1, 3):
        images = inputs(name, count)
        with torch.no_grad():
            wanted, found = net(*images), other(*images)
        assert len(wanted) == len(found)
        for a, b in zip(wanted, found):
            assert a.shape == b.shape
            scale = max(1, float(a.abs().max()))
            assert float((a - b).abs().max()) < APART[precision] * scale


def test_names_and_shapes_are_fixed_but_for_the_batch(written):
    name, _, files = written
    for path in files.values():
        model = onnx.load(path)
        groups = model.graph.input, model.graph.output
        assert tuple([port.name for port in group] for group in groups) == PORTS[name]
        wanted = (*NETWORKS[name].inputs, *NETWORKS[name].outputs)
        for found, port in zip([*model.graph.input, *model.graph.output], wanted):
            kind = found.type.tensor_type
            assert kind.elem_type == onnx.TensorProto.FLOAT
            first, *rest = kind.shape.dim
            assert first.dim_param == "batch" and tuple(d.dim_value for d in rest) == port.shape


def test_files_say_what_they_are(written):
    name, _, files = written
    for precision, path in files.items():
        model = onnx.load(path)
        facts = {pair.key: pair.value for pair in model.metadata_props}
        assert facts["network"] == name and facts["precision"] == precision
        assert facts["opset"] == str(OPSET) and facts["size"] == str(
            NETWORKS[name].inputs[0][1][-1]
        )
        assert "y up" in facts["axes"] and "sRGB" in facts["colours"]
        assert json.loads(facts["weights"]) if name != "landmarks" else True
        ports = json.loads(facts["ports"])
        assert all(port.doc_string == ports[port.name] for port in model.graph.input)
        assert all(port.doc_string == ports[port.name] for port in model.graph.output)
        assert [o.version for o in model.opset_import if o.domain in ("", "ai.onnx")] == [OPSET]


def test_files_are_as_small_as_they_promise(written):
    _, _, files = written
    whole, half, eighth = (files[p].stat().st_size for p in ("fp32", "fp16", "int8"))
    assert half < 0.52 * whole and eighth < 0.3 * whole


def test_a_file_stands_in_for_the_torch_network(astronaut, trained, tmp_path):
    from illures_nb import Decomposer

    write_onnx(tmp_path / "lite.onnx", "lite")
    write_onnx(tmp_path / "portrait.onnx", "portrait")
    ours = Decomposer.from_pretrained(device="cpu")
    other = Decomposer(load_onnx(tmp_path / "lite.onnx"), device="cpu")
    other.portrait = load_onnx(tmp_path / "portrait.onnx")
    (f,), (g,) = ours(astronaut), other(astronaut)
    for name in ("albedo", "normals", "residual"):
        np.testing.assert_allclose(getattr(f, name), getattr(g, name), atol=2e-4)
    np.testing.assert_allclose(f.to_frame("matte"), g.to_frame("matte"), atol=2e-3)


def test_what_makes_no_sense_is_one_sentence(tmp_path):
    for path, words, said in (
        ("x.onnx", ("paper",), "there are: lite"),
        ("x.onnx", ("landmarks", "int4"), "there are: fp32"),
        ("x.pt", ("landmarks",), "must end in .onnx"),
    ):
        with pytest.raises(ValueError, match=said):
            write_onnx(tmp_path / path, *words)
    (tmp_path / "broken.onnx").write_bytes(b"no model")
    with pytest.raises(ValueError, match="broken.onnx is no ONNX file"):
        load_onnx(tmp_path / "broken.onnx")
    with pytest.raises(FileNotFoundError, match="gone.onnx"):
        load_onnx(tmp_path / "gone.onnx")


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"illures_nb\[onnx\]"):
        write_onnx(tmp_path / "x.onnx", "landmarks")


def test_the_command_writes_what_is_named(illures, tmp_path):
    words = ("export", "landmarks", "--to", "onnx", "--out", tmp_path / "nets")
    code, said, _ = illures(*words, "--precision", "fp16")
    assert code == 0 and "landmarks-fp16.onnx (1.6 MB)" in said
    assert [p.name for p in (tmp_path / "nets").iterdir()] == ["landmarks-fp16.onnx"]
    code, _, err = illures("export", "lit", "--to", "onnx", "--out", tmp_path)
    assert code == 2 and "there are: lite" in err
