"""Large pictures are read in bands: to the bit as if they had been read whole."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from illures_nb.decode import streamed_rows
from illures_nb.image import ImageReadError, encode_image, read_image, read_linear


def with_small_bands(monkeypatch):
    "Let every picture be converted three rows at a time."
    for module in ("decode", "image"):
        monkeypatch.setattr(f"illures_nb.{module}.rows_at_once", lambda width: 3)


def many_kinds():
    "Name → bytes of pictures of 16 × 11."
    rng = np.random.default_rng(3)
    deep = rng.integers(0, 65536, (11, 16, 4), dtype=np.uint16)
    x = np.uint8(deep >> 8)
    light = np.float32(x[..., :3] / 200)
    kinds = {
        "16-bit PNG": cv2.imencode(".png", deep[..., :3])[1].tobytes(),
        "16-bit PNG with alpha": cv2.imencode(".png", deep)[1].tobytes(),
        "16-bit grey": cv2.imencode(".png", deep[..., 0])[1].tobytes(),
        "light": encode_image(light, ".exr"),
        "float TIFF": cv2.imencode(".tif", light / 2)[1].tobytes(),
    }
    for kind, mode in (("PNG", "RGBA"), ("GIF", "P"), ("JPEG", "CMYK"), ("TIFF", "LAB")):
        file = io.BytesIO()
        Image.fromarray(x[..., :3]).convert(mode).save(file, kind)
        kinds[f"{kind}, {mode}"] = file.getvalue()
    return kinds


@pytest.mark.parametrize("name", many_kinds())
def test_in_bands_a_picture_is_the_same_to_the_bit(name, monkeypatch):
    data = many_kinds()[name]
    whole = read_image(data)
    with_small_bands(monkeypatch)
    assert np.array_equal(read_image(data), whole)


def test_nan_is_refused_in_whatever_band_it_lies(monkeypatch):
    light = np.ones((11, 16, 3), np.float32)
    light[9, 3] = np.nan
    with_small_bands(monkeypatch)
    with pytest.raises(ImageReadError, match="NaN"):
        read_image(encode_image(light, ".exr"))


def test_no_filter_of_a_16_bit_png_is_lost_between_bands():
    across = np.linspace(0, 65535, 64)[None, :, None] * np.float32([1, 0.7, 0.4])
    deep = np.uint16(across * np.linspace(0.1, 1, 50)[:, None, None])
    for strategy in range(5):
        options = [cv2.IMWRITE_PNG_STRATEGY, strategy, cv2.IMWRITE_PNG_COMPRESSION, 9]
        data = cv2.imencode(".png", deep[..., ::-1], options)[1].tobytes()
        rows = streamed_rows(data, "RGB;16B")
        parts = [rows(top, min(50, top + 7)) for top in range(0, 50, 7)]
        assert np.array_equal(np.concatenate(parts), deep)


def test_the_library_reads_a_large_exr_a_band_at_a_time(tmp_path, monkeypatch):
    OpenEXR = pytest.importorskip("OpenEXR")
    x = np.random.default_rng(0).random((600, 8, 3)).astype(np.float16)
    header = {"compression": OpenEXR.PIZ_COMPRESSION, "type": OpenEXR.scanlineimage}
    OpenEXR.File(header, {"RGB": x}).write(str(tmp_path / "x.exr"))
    monkeypatch.setattr(OpenEXR, "File", None)  # would hold all of it
    assert np.array_equal(read_linear(tmp_path / "x.exr"), x.astype(np.float32))
