"Plain TIFFs of every layout come back to the last bit."

import itertools
import struct
import zlib

import numpy as np
import pytest

from illures_nb.decode import upright
from illures_nb.image import read_image, read_linear
from illures_nb.tiff import tiff_bands, tiff_picture

FORMS = {"u": 1, "i": 2, "f": 3}
LAYOUTS = {
    "strips": {},
    "one strip": {"rows": 37},
    "tiles": {"tile": (16, 16)},
    "planes": {"planar": True},
    "planes of tiles": {"planar": True, "tile": (16, 32)},
}


def differences(block, size):
    "Predictor 2: each number less the one before."
    whole = block.view(f"u{size}")
    return np.diff(whole, axis=1, prepend=np.zeros_like(whole[:, :1]))


def byte_differences(block, size):
    "Predictor 3: bytes of floats by their weight, then each byte less the one before."
    rows, _, samples = block.shape
    big_endian = np.ascontiguousarray(block, block.dtype.newbyteorder(">"))
    by_number = big_endian.view(np.uint8).reshape(rows, -1, size)
    by_weight = by_number.swapaxes(1, 2).reshape(rows, -1, samples)
    return np.diff(by_weight, axis=1, prepend=np.zeros_like(by_weight[:, :1]))


def packed(block, order, predictor, packing):
    "A block as its bytes in the file."
    size = block.dtype.itemsize
    if predictor == 2:
        block = differences(block, size)
    if predictor == 3:
        block = byte_differences(block, size)
    content = np.ascontiguousarray(block).astype(block.dtype.newbyteorder(order)).tobytes()
    return zlib.compress(content) if packing == 8 else content


def blocks_of(x, planar, tile, rows):
    "The blocks of a picture, plane by plane."
    height, width, channels = x.shape
    tall, wide = tile or (rows, width)
    planes = [x[..., c : c + 1] for c in range(channels)] if planar else [x]
    for plane in planes:
        for top in range(0, height, tall):
            for left in range(0, width, wide):
                block = plane[top : top + tall, left : left + wide]
                if tile:
                    missing = tall - block.shape[0], wide - block.shape[1], 0
                    block = np.pad(block, [(0, n) for n in missing])
                yield block


def file_of(fields, where, blocks, order):
    "A TIFF of tags (all of them 32-bit numbers) and blocks."
    heap = 8 + 2 + 12 * len(fields) + 4
    starts = heap + 4096 + np.cumsum([0] + [len(b) for b in blocks[:-1]])
    fields[where] = starts.tolist()
    entries, long_values = b"", b""
    for tag in sorted(fields):
        values = fields[tag] if isinstance(fields[tag], list) else [fields[tag]]
        content = struct.pack(f"{order}{len(values)}I", *values)
        if len(content) > 4:
            place = heap + len(long_values)
            long_values += content
            content = struct.pack(order + "I", place)
        entries += struct.pack(order + "HHI", tag, 4, len(values)) + content
    mark = b"II" if order == "<" else b"MM"
    head = mark + struct.pack(order + "HIH", 42, 8, len(fields))
    return head + entries + bytes(4) + long_values.ljust(4096, b"\0") + b"".join(blocks)


def tiff(
    x,  # (H, W, C)
    order="<",
    planar=False,
    packing=1,
    predictor=1,
    rows=3,  # of a strip
    tile=None,  # height, width
    alpha=None,  # 1: multiplied in, 2: not
    orientation=1,
):
    "A TIFF of any layout, written byte by byte: no compression (1) or deflate (8)."
    height, width, channels = x.shape
    blocks = [packed(b, order, predictor, packing) for b in blocks_of(x, planar, tile, rows)]
    fields = {256: width, 257: height, 258: [8 * x.itemsize] * channels, 259: packing}
    fields |= {262: 2 if channels > 2 else 1, 274: orientation, 277: channels, 284: 1 + planar}
    fields |= {317: predictor, 339: [FORMS[x.dtype.kind]] * channels}
    fields |= {322: tile[1], 323: tile[0]} if tile else {278: rows}
    fields |= {338: alpha} if alpha else {}
    where, sizes = (324, 325) if tile else (273, 279)
    fields |= {where: 0, sizes: [len(b) for b in blocks]}
    return file_of(fields, where, blocks, order)


def random_samples(dtype):
    "Arbitrary numbers (37, 21, 4)."
    rng = np.random.default_rng(0)
    if dtype.startswith("f"):
        return rng.normal(size=(37, 21, 4)).astype(dtype)
    size = np.dtype(dtype).itemsize
    return rng.integers(0, 256, (37, 21, 4, size), np.uint8).view(dtype)[..., 0]


def comes_back(data, x):
    return np.array_equal(tiff_bands(data, tiff_picture(data)).whole(), x)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "f2", "f4", "f8"])
def test_every_layout_comes_back_to_the_bit(dtype, layout):
    x = random_samples(dtype)
    predictors = (1, 2, 3) if dtype.startswith("f") else (1, 2)
    ways = itertools.product((1, 3, 4), "<>", predictors, (1, 8))
    for channels, order, predictor, packing in ways:
        part = x[..., :channels]
        data = tiff(part, order, predictor=predictor, packing=packing, **LAYOUTS[layout])
        assert comes_back(data, part), (channels, order, predictor, packing)


@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("rows", [64, 100, 128, 192, 300])
def test_tall_strips_are_taken_in_pieces_where_they_can_be(rows, planar):
    rng = np.random.default_rng(0)
    tall = rng.integers(0, 65536, (300, 5, 3), dtype=np.uint16)
    assert comes_back(tiff(tall, planar=planar, rows=rows), tall)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientations_and_alpha_are_read(orientation):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 65536, (5, 7, 3), dtype=np.uint16)
    read = read_image(tiff(x, orientation=orientation))
    assert np.array_equal(read, upright(x, orientation) / np.float32(65535))
    rgba = np.dstack([x, np.full((5, 7), 40000, np.uint16)])
    assert np.array_equal(read_image(tiff(rgba, alpha=2)), read_image(rgba))
    multiplied = np.round(x * (40000 / 65535)).astype(np.uint16)
    joined = np.dstack([multiplied, rgba[..., 3]])
    np.testing.assert_allclose(read_image(tiff(joined, alpha=1)), read_image(rgba), atol=2 / 65535)


def test_floats_are_light_as_stored():
    rng = np.random.default_rng(0)
    light = rng.normal(1, 0.3, (64, 64, 3)).astype(np.float32)
    data = tiff(light, predictor=3, packing=8)
    np.testing.assert_allclose(read_linear(data), light, atol=1e-7)
