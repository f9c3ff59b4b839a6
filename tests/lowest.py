"""The tests against the lowest versions that settings.ini allows, all at once: `make lowest`, or
`python tests/lowest.py [PYTEST ARGUMENTS …]`.

Makes a virtual environment (--venv, default .venv-lowest; kept for the next time) with every
requirement of settings.ini, extras and tools as well, at its lower bound, by the lowest Python that
is found (python3.10 … python3.12, or --python), and runs pytest there, from the clone. What pip
says when bounds contradict each other is as good a finding as a test that fails. On Linux torch 2.6
comes with CUDA: 3 GB to download, 7 GB on disk. `--pins` prints the versions and stops."""

import argparse
import os
import re
import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LISTS = [
    "requirements",
    *(f"{extra}_requirements" for extra in ("synth", "cluster", "train", "formats", "onnx", "dev")),
]


def settings():
    ini = ConfigParser(delimiters=["="])
    ini.read(ROOT / "settings.ini", encoding="utf-8")
    return ini["DEFAULT"]


def numbers(version):
    return [int(n) for n in version.split(".")]


def pins():  # name → version
    "The lower bound of every requirement; of several bounds, the highest."
    found = {}
    for line in "\n".join(settings()[name] for name in LISTS).split():
        name, version = re.fullmatch(r"([\w-]+)[>=]=([\d.]+)(?:,<[\d.]+)?", line).groups()
        found[name] = max(found.get(name, version), version, key=numbers)
    return found


def lowest_python():  # path
    "The oldest Python of this machine that the package allows."
    bounds = (settings()[key] for key in ("min_python", "below_python"))
    first, beyond = (numbers(version)[1] for version in bounds)
    for minor in range(first, beyond):
        python = shutil.which(f"python3.{minor}")
        if not python:
            continue
        if not subprocess.run([python, "-c", "import venv"], capture_output=True).returncode:
            return python
    return sys.executable


def installed(venv, python):  # path of the environment's Python
    "The environment, with every requirement at its lower bound."
    own = venv / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not own.exists():
        subprocess.run([python, "-m", "venv", venv], check=True)
    wanted = [f"{name}=={version}" for name, version in pins().items()]
    pip = [own, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    subprocess.run([*pip, *wanted], check=True)
    return own


def main():
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--venv", type=Path, default=ROOT / ".venv-lowest")
    p.add_argument("--python", help="which Python to make it by")
    p.add_argument("--pins", action="store_true", help="print the versions only")
    opts, rest = p.parse_known_args()
    if opts.pins:
        print(*(f"{name}=={version}" for name, version in pins().items()), sep="\n")
        return 0
    python = installed(opts.venv.resolve(), opts.python or lowest_python())
    env = os.environ | {"PYTHONPATH": str(ROOT), "GRADIO_ANALYTICS_ENABLED": "False"}
    return subprocess.run([python, "-m", "pytest", *rest], cwd=ROOT, env=env).returncode


if __name__ == "__main__":
    sys.exit(main())
