"What several tests need: a photo with a face, photos without, files that are broken, weights."

import importlib.util
import io
import os
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

# read when gradio and the hub's client are imported: later
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_OFFLINE", "1")


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Small networks: a second thread gains little and loses much on a busy machine. Whatever a
    module changes, the next one starts with one."""
    torch.set_num_threads(1)


@pytest.fixture
def illures(capsys):
    "Run a command in this process: exit code, standard output, standard error."
    from illures_nb.cli import main

    def run(*args):
        capsys.readouterr()
        try:
            code = main([str(a) for a in args])
        except SystemExit as e:
            code = e.code
        return code, *capsys.readouterr()

    return run


@pytest.fixture(scope="session")
def astronaut():
    "A photo with one face, uint8 (512, 512, 3): Eileen Collins, NASA, public domain."
    from skimage.data import astronaut

    return astronaut()


@pytest.fixture(scope="session")
def astronaut_path(astronaut, tmp_path_factory):
    "The same as a PNG file."
    path = tmp_path_factory.mktemp("photos") / "astronaut.png"
    Image.fromarray(astronaut).save(path)
    return path


@pytest.fixture(scope="session")
def two_faces(astronaut):
    "A wide photo of the astronaut twice: big on the right, half as big on the left."
    small = np.asarray(Image.fromarray(astronaut).resize((256, 256), Image.Resampling.LANCZOS))
    out = np.full((512, 800, 3), small[:20].mean(), np.uint8)
    out[200:456, 20:276], out[:, 288:] = small, astronaut
    return out


@pytest.fixture(scope="session")
def wall():
    "A photo without a face, uint8 (240, 320, 3)."
    y, x = np.mgrid[:240, :320]
    channels = 120 + x // 8, 110 + y // 8, 100 + x // 16
    return np.stack(channels, -1).astype(np.uint8)


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    "A weights file: the bundled one, or an untrained network where there is none."
    from illures_nb.networks import build, save_weights, weights_path

    if weights_path("lite", 128).is_file():
        return weights_path("lite", 128)
    path = tmp_path_factory.mktemp("weights") / "untrained.safetensors"
    torch.manual_seed(0)
    save_weights(path, build("lite"), {"size": 128})
    return path


@pytest.fixture(scope="session")
def trained():
    "Skips where the package has no trained weights."
    from illures_nb.networks import weights_path

    if not weights_path("lite", 128).is_file():
        pytest.skip("this checkout has no trained weights")


@pytest.fixture(scope="session")
def decomposer(weights):
    from illures_nb import Decomposer

    return Decomposer.from_pretrained(weights)


@pytest.fixture(scope="session")
def face(decomposer, astronaut):
    "The astronaut's decomposition."
    faces = decomposer(astronaut)
    assert len(faces) == 1
    return faces[0]


@pytest.fixture(scope="session")
def load_app():
    "Makes the demo's module anew, as `python app.py` would."

    def load():
        path = Path(__file__).parents[1] / "app.py"
        spec = importlib.util.spec_from_file_location("illures_app", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture(scope="session")
def app(load_app):
    return load_app()


@pytest.fixture(scope="session")
def url(app, decomposer):
    "The demo, served on this machine."
    demo = app.build_demo(decomposer)
    yield demo.launch(prevent_thread_lock=True, quiet=True, inbrowser=False)[1]
    demo.close()


@pytest.fixture
def calls(decomposer, monkeypatch):
    "Grows by one whenever the network looks at a photo's faces."
    seen, look = [], decomposer.look

    def counted(crops):
        seen.append(1)
        return look(crops)

    monkeypatch.setattr(decomposer, "look", counted)
    return seen


@pytest.fixture(scope="session")
def broken_files(astronaut, tmp_path_factory):
    "Files that are no readable pictures: what is wrong with them → path."
    folder = tmp_path_factory.mktemp("broken")
    whole, bmp = io.BytesIO(), io.BytesIO()
    Image.fromarray(astronaut).save(whole, "JPEG")
    Image.new("RGB", (2, 2)).save(bmp, "BMP")
    huge = bytearray(bmp.getvalue())
    huge[18:26] = struct.pack("<ii", 20000, 20000)
    contents = {
        "empty.png": b"",
        "letter.jpg": b"Dear Sir,",
        "noise.png": np.random.default_rng(0).bytes(2000),
        "half.jpg": whole.getvalue()[:9000],
        "header.png": b"\x89PNG\r\n\x1a\n",
        "huge.bmp": bytes(huge),
        "pickle.png": b"\x80\x04\x95\x0b\x00\x00",
    }
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    (folder / "folder.jpg").mkdir()
    names = [*contents, "folder.jpg", "missing.jpg"]
    return {name.split(".")[0]: folder / name for name in names}


@pytest.fixture(scope="session")
def odd_photos(astronaut, tmp_path_factory):
    "The astronaut as the kinds of files that cameras, phones and programs write: name → path."
    folder = tmp_path_factory.mktemp("odd")
    write_deep(folder, astronaut)
    write_ordinary(folder, Image.fromarray(astronaut))
    return {path.name: path for path in sorted(folder.iterdir())}


def write_deep(folder, picture):
    "Files of more than 8 bits a channel."
    import cv2

    from illures_nb.image import write_image

    bgr = picture[..., ::-1]
    encoded = bgr / 255
    steep = ((encoded + 0.055) / 1.055) ** 2.4
    linear = np.where(encoded <= 0.04045, encoded / 12.92, steep).astype(np.float32)
    deep = {
        "deep.png": bgr.astype(np.uint16) * 257,
        "grey16.png": bgr[..., 1].astype(np.uint16) * 257,
        "deep.tif": bgr.astype(np.uint16) * 257,
        "radiance.hdr": linear,
    }
    for name, x in deep.items():
        assert cv2.imwrite(str(folder / name), x)
    write_image(folder / "linear.exr", linear[..., ::-1])


def write_ordinary(folder, photo):
    "Files of 8 bits a channel, each odd in its way."
    turned = Image.Exif()
    turned[274] = 6
    sideways = photo.transpose(Image.Transpose.ROTATE_90)
    sideways.save(folder / "turned.jpg", exif=turned.tobytes(), quality=95)
    photo.convert("CMYK").save(folder / "cmyk.jpg", quality=95)
    photo.convert("L").save(folder / "grey.jpg", quality=95)
    photo.quantize(256).save(folder / "palette.png")
    second = {"moving.webp": photo.rotate(180), "two.mpo": photo.resize((64, 64))}
    for name, frame in second.items():
        photo.save(folder / name, save_all=True, append_images=[frame], quality=95)
    photo.save(folder / "PHOTO.BMP")
    photo.save(folder / "no suffix", "JPEG", quality=95)
    photo.save(folder / "really a jpeg.png", "JPEG", quality=95)
    inside = np.indices((512, 512))[1] < 400
    cut = photo.copy()
    cut.putalpha(Image.fromarray(np.uint8(255 * inside)))
    cut.save(folder / "cutout.png")
    if importlib.util.find_spec("pillow_heif"):
        from pillow_heif import from_pillow

        from_pillow(photo).save(folder / "IMG_0001.HEIC", quality=95)
