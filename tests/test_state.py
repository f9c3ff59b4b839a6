"""Inference is its own master: whatever the process has set, in whatever thread, before and after a
fork, the maps are those of a fresh process."""

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
import torch

from illures_nb import Decomposer, SHLight
from illures_nb.decompose import MAPS, _answer, _averaged, infer
from illures_nb.networks import build, load_weights

LIMIT = 300  # seconds after which a process counts as hanging


@contextlib.contextmanager
def put(setter, value, usual):
    "A setting of the whole process, for a while."
    setter(value)
    try:
        yield
    finally:
        setter(usual)


@contextlib.contextmanager
def filters(action):
    with warnings.catch_warnings():
        warnings.simplefilter(action)
        yield


def anomalies_watched():
    with filters("ignore"):
        return torch.autograd.detect_anomaly()


SETTINGS = {
    "default dtype float64": lambda: put(torch.set_default_dtype, torch.float64, torch.float32),
    "default dtype float16": lambda: put(torch.set_default_dtype, torch.float16, torch.float32),
    "default dtype bfloat16": lambda: put(torch.set_default_dtype, torch.bfloat16, torch.float32),
    "default device meta": lambda: put(torch.set_default_device, "meta", None),
    "device context": lambda: torch.device("meta"),
    "grad disabled": torch.no_grad,
    "inference mode": torch.inference_mode,
    "anomalies watched": anomalies_watched,
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "deterministic algorithms": lambda: put(torch.use_deterministic_algorithms, True, False),
    "one thread": lambda: put(torch.set_num_threads, 1, 1),
    "five threads": lambda: put(torch.set_num_threads, 5, 1),
    "matmul precision medium": lambda: put(torch.set_float32_matmul_precision, "medium", "highest"),
    "denormals flushed": lambda: put(torch.set_flush_denormal, True, False),
    "OpenCV without threads": lambda: put(cv2.setNumThreads, 0, -1),
    "OpenCV with seven threads": lambda: put(cv2.setNumThreads, 7, -1),
    "OpenCV unoptimised": lambda: put(cv2.setUseOptimized, False, True),
    "NumPy raises": lambda: np.errstate(all="raise"),
    "warnings are errors": lambda: filters("error"),
}


@pytest.fixture(params=SETTINGS)
def setting(request):
    with SETTINGS[request.param]():
        yield request.param


def check(found, face):
    "The same layers to 1e-5."
    assert np.allclose(found.light.coeffs, face.light.coeffs, atol=1e-5)
    for name in MAPS:
        x = getattr(found, name)
        assert x.dtype == np.float32 and np.allclose(x, getattr(face, name), atol=1e-5), name


def test_settings_of_the_process_change_nothing(setting, decomposer, face, astronaut):
    check(decomposer(astronaut)[0], face)


def test_weights_are_read_the_same_under_any_setting(setting, weights, face, astronaut):
    d = Decomposer.from_pretrained(weights)
    assert {p.dtype for p in d.net.parameters()} == {torch.float32}
    check(d(astronaut, [face.photo.face])[0], face)


def test_relighting_is_the_same_under_any_setting(face):
    light = SHLight.preset("rembrandt_left")
    expected = face.relight(light).composite()
    rounds_otherwise = {"OpenCV unoptimised"}  # by one level of 255
    for name in set(SETTINGS) - rounds_otherwise:
        with SETTINGS[name]():
            assert np.array_equal(face.relight(light).composite(), expected), name


def test_nets_of_another_type_become_float32(face, astronaut):
    with SETTINGS["default dtype float64"]():
        d = Decomposer(build("lite").double())
    assert d(astronaut, [face.photo.face])[0].albedo.dtype == np.float32


@pytest.mark.parametrize("preset", ["align_albedo", "align_normals"])
def test_aligners_too(preset):
    net = load_weights(preset)
    x, lines = torch.rand(1, 3, 64, 64), torch.rand(1, 1, 64, 64)
    with torch.inference_mode():
        there = net(x, lines, lines)
        with SETTINGS["default dtype float64"]():
            assert torch.equal(load_weights(preset)(x, lines, lines), there)


def test_settings_stay_as_they_were(weights, astronaut):
    torch.set_num_threads(3)
    cv2.setUseOptimized(False)
    try:
        with np.errstate(all="raise"):
            Decomposer.from_pretrained(weights)(astronaut)
            assert set(np.geterr().values()) == {"raise"}
        assert torch.get_num_threads() == 3 and not cv2.useOptimized()
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(torch.get_num_threads).result() == 3
    finally:
        torch.set_num_threads(1)
        cv2.setUseOptimized(True)


def test_random_numbers_are_left_alone(weights, astronaut):
    def states():
        kind, keys, *rest = np.random.get_state()  # noqa: NPY002 - theirs, not ours
        return (
            random.getstate(),
            (kind, keys.tobytes(), *rest),
            torch.get_rng_state().numpy().tobytes(),
        )

    before = states()
    Decomposer.from_pretrained(weights)(astronaut)
    assert states() == before


def test_another_folder_changes_nothing(decomposer, face, astronaut, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check(decomposer(astronaut)[0], face)


def test_many_threads_share_one_decomposer(decomposer, face, astronaut):
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(decomposer, [astronaut] * 8):
            check(found[0], face)

    async def several():
        return await asyncio.gather(*(asyncio.to_thread(decomposer, astronaut) for _ in range(3)))

    for found in asyncio.run(several()):
        check(found[0], face)


def test_threads_with_settings_of_their_own(decomposer, face, astronaut):
    "One caller's settings are not another's."

    def call(name):
        with SETTINGS[name]():
            return decomposer(astronaut)

    names = ["inference mode", "NumPy raises", "autocast", "device context"]
    with ThreadPoolExecutor(len(names)) as pool:
        for found in pool.map(call, names):
            check(found[0], face)


@pytest.mark.skipif(
    not hasattr(signal, "setitimer"), reason="this system has no timers that interrupt"
)
@pytest.mark.parametrize("after", [0.005, 0.03, 0.08])
def test_a_call_that_was_interrupted_leaves_nothing_behind(after, decomposer, face, astronaut):
    class Stop(BaseException):
        "What no handler of errors expects."

    def stop(*_):
        raise Stop

    usual = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, after)
    try:
        with contextlib.suppress(Stop):
            decomposer(astronaut)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, usual)
    assert cv2.useOptimized()
    check(decomposer(astronaut)[0], face)


def test_a_compiled_caller_gets_the_same(decomposer, face, astronaut):
    "torch.compile leaves us alone: what it makes of other packages' NumPy need not work."
    check(torch.compile(lambda photo: decomposer(photo), backend="eager")(astronaut)[0], face)


def test_batches_are_answered_as_single_pictures_are(decomposer):
    "A GPU takes them whole, a CPU one by one."
    crops = torch.rand(3, 3, 64, 64)
    whole = _averaged([_answer(decomposer.net, crops, mirrored) for mirrored in (False, True)])
    for one, many in zip(infer(decomposer.net, crops), whole):
        assert torch.allclose(one, many, atol=1e-5)


def test_inference_keeps_no_gradients(decomposer):
    out = infer(decomposer.net, torch.rand(1, 3, 64, 64, requires_grad=True))
    assert not any(t.requires_grad for t in out)


def run(code, folder, *flags, **env):
    "A script in a process of its own, which may not hang: what it printed."
    script = folder / "script.py"
    script.write_text(code)
    p = subprocess.run(
        [sys.executable, *flags, script],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        env=os.environ | env,
    )
    assert p.returncode == 0, p.stderr
    return p.stdout


@pytest.fixture(scope="module")
def kept(face, astronaut, tmp_path_factory):
    "A folder with the photo and the maps of this process."
    folder = tmp_path_factory.mktemp("state")
    np.savez(
        folder / "expected.npz",
        photo=astronaut,
        light=face.light.coeffs,
        **{k: getattr(face, k) for k in MAPS},
    )
    return folder


SAME = """
import numpy as np
expected = dict(np.load("expected.npz"))
photo = expected["photo"]
def same(faces):
    f, = faces
    def near(k, x): return np.allclose(x, expected[k], atol=1e-5)
    maps = expected.keys() - {"photo", "light"}
    return near("light", f.light.coeffs) and all(near(k, getattr(f, k)) for k in maps)
"""

EVERYTHING = (
    SAME
    + """
import cv2, torch
torch.set_default_dtype(torch.float64)
torch.set_default_device("meta")
torch.set_float32_matmul_precision("medium")
np.seterr(all="raise")
cv2.setUseOptimized(False)
from illures_nb import Decomposer
print(same(Decomposer.from_pretrained(WEIGHTS)(photo)))
"""
)


def test_settings_made_before_the_import(kept, weights):
    assert run(EVERYTHING.replace("WEIGHTS", repr(str(weights))), kept, "-W", "error") == "True\n"


FORK = (
    SAME
    + """
import multiprocessing, threading, torch
from torch.utils.data import DataLoader
from illures_nb import Decomposer

class Photos:
    def __len__(self): return 2
    def __getitem__(self, i): return torch.tensor(same(d(photo)))

def one(_): return same(d(photo))
def call(): said.append(one(0))
def anew(_): return same(Decomposer.from_pretrained(WEIGHTS)(photo))

if __name__ == "__main__":
    torch.set_num_threads(2)
    d = Decomposer.from_pretrained(WEIGHTS)
    said = [same(d(photo))]
    torch.rand(600, 600) @ torch.rand(600, 600)
    torch.rand(1000, 1000).exp().sum()
    fork = multiprocessing.get_context("fork")
    with fork.Pool(2) as pool: said += pool.map(one, range(2)) + pool.map(anew, range(2))
    said.append(same(d(photo)))
    loader = DataLoader(Photos(), None, num_workers=2, multiprocessing_context="fork")
    said += [bool(x) for x in loader]
    busy = [threading.Thread(target=call) for _ in range(3)]
    for t in busy: t.start()
    with fork.Pool(2) as pool: said += pool.map(one, range(2))
    for t in busy: t.join()
    print(len(said), all(said))
"""
)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_forked_workers(kept, weights):
    """After a first decomposition, in new decomposers, in the workers of a data loader, and while
    other threads are at it."""
    code = FORK.replace("WEIGHTS", repr(str(weights)))
    assert run(code, kept, OMP_NUM_THREADS="2") == "13 True\n"


SPAWN = (
    SAME
    + """
import multiprocessing
from illures_nb import Decomposer

if __name__ == "__main__":
    d = Decomposer.from_pretrained(WEIGHTS)
    with multiprocessing.get_context("spawn").Pool(1) as pool: faces, = pool.map(d, [photo])
    print(same(faces))
"""
)


def test_a_spawned_worker_takes_the_decomposer_along(kept, weights):
    assert run(SPAWN.replace("WEIGHTS", repr(str(weights))), kept) == "True\n"


IMPORTED = """
import sys
from illures_nb.cli import main
sys.argv = ["illures", *ARGS]
try: main()
except SystemExit: pass
print(*sorted(sys.modules), file=sys.stderr)
"""
HEAVY = {
    "gradio",
    "matplotlib",
    "numba",
    "sympy",
    "torch._dynamo",
    "torch._inductor",
    "av",
    "face_alignment",
    "skimage",
    "scipy",
    "mitsuba",
    "accelerate",
    "ipywidgets",
    "IPython",
    "joblib",
    "pandas",
    "huggingface_hub",
    "illures_nb.train",
    "illures_nb.synth",
    "illures_nb.measure.yale",
    "illures_nb.measure.synthetic",
}


def modules(folder, *args):
    script = folder / "script.py"
    script.write_text(IMPORTED.replace("ARGS", repr(args)))
    p = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=LIMIT, check=True
    )
    return set(p.stderr.splitlines()[-1].split())


def test_a_command_imports_what_it_needs(astronaut_path, weights, tmp_path):
    "A decomposition leaves alone what only training, evaluation, synthesis and the page need."
    args = (
        "decompose",
        str(astronaut_path),
        "--weights",
        str(weights),
        "--out",
        str(tmp_path / "maps"),
    )
    assert not modules(tmp_path, *args) & HEAVY
    assert (tmp_path / "maps").is_dir()
