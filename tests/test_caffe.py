"""SfSNet's Caffe weights: read by an own reader, laid out as the deploy description says."""

import re
import struct

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from illures_nb.caffe import LAYERS, read_caffe, sfsnet_from_caffe
from illures_nb.cli import main
from illures_nb.image import srgb_to_linear
from illures_nb.light import shade_maps
from illures_nb.networks import SfSNet, build, load_weights

# ---- files as Caffe writes them


def number(value):
    "Seven bits a byte."
    rest = value >> 7
    return bytes([value & 127 | 128]) + number(rest) if rest else bytes([value])


def field(tag, value):
    "A field of a protocol buffer: an int, or bytes."
    if isinstance(value, int):
        return number(tag << 3) + number(value)
    return number(tag << 3 | 2) + number(len(value)) + value


def blob(x):
    shape = field(7, field(1, b"".join(map(number, x.shape))))
    return shape + field(5, np.ascontiguousarray(x, "<f4").tobytes())


def old_blob(x):
    "num, channels, height, width, and numbers one by one."
    shape = (1,) * (4 - x.ndim) + x.shape
    floats = b"".join(number(5 << 3 | 5) + struct.pack("<f", v) for v in x.ravel())
    return b"".join(field(k + 1, n) for k, n in enumerate(shape)) + floats


def caffemodel(layers):
    "The bytes of a .caffemodel, with what else stands in one: a name, layers without weights."
    parts, kind = [field(1, b"PS-Net")], field(2, b"Convolution") + field(3, b"data")
    for name, blobs in layers.items():
        stored = b"".join(field(7, blob(x)) for x in blobs)
        parts.append(field(100, field(1, name.encode()) + kind + stored))
        parts.append(field(100, field(1, f"relu_{name}".encode()) + field(2, b"ReLU")))
    return b"".join(parts)


# ---- SfSNet by its deploy description, written down once more and independently


CHANNELS = {"conv1": (64, 3, 7), "conv2": (128, 64, 3), "conv3": (128, 128, 3)}
CHANNELS |= {f"{b}conv{k}{r}": (128, 128, 3) for b in "na" for k in range(1, 6) for r in ("", "r")}
CHANNELS |= {f"{b}conv6": (128, 128, 1) for b in "na"} | {f"{b}conv7": (64, 128, 3) for b in "na"}
CHANNELS |= {"Nconv0": (3, 64, 1), "Aconv0": (3, 64, 1), "lconv1": (128, 384, 1)}
NORMS = {"bn1": 64, "bn2": 128, "lbn1": 128}
NORMS |= {f"{b}bn{k}{r}": 128 for b in "na" for k in range(1, 6) for r in ("", "r")}
NORMS |= {f"{b}bn6r": 128 for b in "na"} | {f"{b}bn6": 128 for b in "na"}
NORMS |= {f"{b}bn7": 64 for b in "na"}


@pytest.fixture(scope="module")
def layers():
    "Random blobs of the shapes of the deploy description."
    rng = np.random.default_rng(0)
    blobs = {}
    for name, (o, i, k) in CHANNELS.items():
        weight = rng.normal(0, (i * k * k) ** -0.5, (o, i, k, k))
        blobs[name] = [weight, rng.normal(0, 0.1, o)]
    for name, width in NORMS.items():  # Caffe keeps sums, and what to divide them by
        mean, variance = rng.normal(0, 0.2, width), rng.uniform(0.5, 1.5, width)
        blobs[name] = [mean * 3, variance * 3, np.array([3.0])]
    blobs["Aconv0"][1] += 0.5  # albedos between 0 and 1
    blobs["fc_light"] = [rng.normal(0, 0.1, (27, 128)), rng.normal(0.5, 0.1, 27)]
    return {name: [np.float32(x) for x in of_layer] for name, of_layer in blobs.items()}


def as_deployed(layers, bgr):
    "What the deploy description computes: albedo and normals as stored, blue first; 27 numbers."

    def conv(x, name, stride=1):
        weight, bias = map(torch.from_numpy, layers[name])
        return F.conv2d(x, weight, bias, stride, weight.shape[-1] // 2)

    def norm(x, name):
        mean, variance, factor = map(torch.from_numpy, layers[name])
        return F.relu(F.batch_norm(x, mean / factor, variance / factor, eps=1e-5))

    def branch(b, x):
        for k in range(1, 6):
            inner = conv(norm(x, f"{b}bn{k}"), f"{b}conv{k}")
            x = x + conv(norm(inner, f"{b}bn{k}r"), f"{b}conv{k}r")
        features = norm(x, f"{b}bn6r")
        tent = torch.tensor([0.25, 0.75, 0.75, 0.25])
        kernel = (tent[:, None] * tent).repeat(128, 1, 1, 1)
        up = F.conv_transpose2d(features, kernel, stride=2, padding=1, groups=128)
        h = norm(conv(norm(conv(up, f"{b}conv6"), f"{b}bn6"), f"{b}conv7"), f"{b}bn7")
        return features, conv(h, f"{b.upper()}conv0")

    x = norm(conv(bgr, "conv1"), "bn1")
    trunk = conv(norm(conv(x, "conv2"), "bn2"), "conv3", 2)
    (n_features, normals), (a_features, albedo) = branch("n", trunk), branch("a", trunk)
    both = torch.cat([n_features, a_features, trunk], 1)
    pooled = norm(conv(both, "lconv1"), "lbn1").mean((2, 3))
    weight, bias = map(torch.from_numpy, layers["fc_light"])
    return albedo, normals, pooled @ weight.T + bias


def test_answers_are_those_of_the_deploy_description(layers, tmp_path):
    "Through file, reader and converter: the same albedo, normals and light for the same picture."
    path = tmp_path / "SfSNet.caffemodel"
    path.write_bytes(caffemodel(layers))
    net = sfsnet_from_caffe(read_caffe(path))
    image = torch.rand(2, 3, 32, 32)
    with torch.inference_mode():
        maps = net(image)
        albedo, normals, light = as_deployed(layers, image.flip(1))
    expected = srgb_to_linear(albedo.flip(1).clamp(0, 1))
    assert torch.allclose(maps.albedo, expected, atol=1e-4) and expected.std() > 0.05
    expected = F.normalize(2 * normals.flip(1) - 1, dim=1)
    assert torch.allclose(maps.normals, expected, atol=1e-4) and expected[:, 0].std() > 0.05
    assert torch.allclose(maps.light, light.view(-1, 3, 9).mT, atol=1e-4)
    assert (maps.residual == 0).all()
    # one light of nine numbers per colour, in the order of our basis: its first number is ambient
    ambient = torch.zeros(1, 9, 3)
    ambient[:, 0] = 1
    assert torch.allclose(shade_maps(maps.normals[:1], ambient), torch.tensor(0.886227))


def test_layers_stand_in_the_order_of_the_network(layers):
    "Every layer of the description once, and no other; shapes are those of our SfSNet."
    assert {theirs for _, theirs in LAYERS} == set(layers) and len(LAYERS) == len(layers)
    kinds = torch.nn.Conv2d, torch.nn.BatchNorm2d, torch.nn.Linear
    ours = [name for name, m in SfSNet().named_modules() if isinstance(m, kinds)]
    assert sorted(ours) == sorted(name for name, _ in LAYERS)


def test_older_files_are_read(tmp_path):
    "V1 layers, blobs of four sizes, numbers one by one."
    x = np.float32(np.arange(6).reshape(2, 3))
    layer = field(4, b"ip") + field(5, 14) + field(6, old_blob(x))
    (tmp_path / "old.caffemodel").write_bytes(field(1, b"net") + field(2, layer))
    found = read_caffe(tmp_path / "old.caffemodel")
    assert list(found) == ["ip"] and np.array_equal(found["ip"][0].reshape(2, 3), x)


def test_hdf5_files_are_read(layers, tmp_path):
    "As the published file: a group for each layer, its blobs by number."
    h5py = pytest.importorskip("h5py", reason="reads .caffemodel.h5: pip install h5py")
    with h5py.File(tmp_path / "SfSNet.caffemodel.h5", "w") as file:
        for name, blobs in layers.items():
            for k, x in enumerate(blobs):
                file[f"data/{name}/{k}"] = x
        file.create_group("data/relu1")
    found = read_caffe(tmp_path / "SfSNet.caffemodel.h5")
    assert set(found) == set(layers)
    assert all(np.array_equal(a, b) for k in layers for a, b in zip(found[k], layers[k]))


def test_the_command_writes_weights(layers, tmp_path, capsys):
    (tmp_path / "SfSNet.caffemodel").write_bytes(caffemodel(layers))
    out = tmp_path / "w/sfsnet.safetensors"
    assert main(["assets", "convert", str(tmp_path / "SfSNet.caffemodel"), "--out", str(out)]) == 0
    net = load_weights(out)
    assert net.preset == "sfsnet_published" and net.meta["size"] == "128"
    same = sfsnet_from_caffe(layers).state_dict()
    assert all(torch.equal(same[name], x) for name, x in net.state_dict().items())


def damaged(kind, layers):
    "The bytes of a file that is wrong, and what is said of it."
    if kind == "cut":
        whole = caffemodel({name: layers[name] for name in ("conv1", "bn1", "conv2")})
        return whole[: len(whole) // 2], "damaged"
    if kind == "lacking":
        return caffemodel({"conv1": layers["conv1"]}), "no layer bn1"
    if kind == "thin":
        weight, bias = layers["conv1"]
        return caffemodel(layers | {"conv1": [weight[:, :1], bias]}), "layer conv1 does not fit"
    if kind == "short":
        return caffemodel(layers | {"bn1": [x[:1] for x in layers["bn1"]]}), "layer bn1 does not"
    return {"text": (b"no weights at all", "damaged|no layers"), "empty": (b"", "no layers")}[kind]


@pytest.mark.parametrize("kind", ["cut", "text", "empty", "lacking", "thin", "short"])
def test_other_files_are_refused_in_a_sentence(kind, layers, tmp_path, capsys):
    data, words = damaged(kind, layers)
    path = tmp_path / f"{kind}.caffemodel"
    path.write_bytes(data)
    code = main(["assets", "convert", str(path), "--out", str(tmp_path / "o.safetensors")])
    err = capsys.readouterr().err
    assert code == 1 and err.count("\n") == 1 and path.name in err and "Traceback" not in err
    assert re.search(words, err), err
    assert not (tmp_path / "o.safetensors").exists()


def test_networks_for_comparison_can_be_built():
    for name in ("skipnet", "sfsnet_published"):
        with torch.inference_mode():
            maps = build(name).eval()(torch.rand(1, 3, 64, 64))
        assert maps.albedo.shape == (1, 3, 64, 64) and maps.light.shape == (1, 9, 3)
