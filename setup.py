"""Packaging, driven by settings.ini: nbdev's own template needs pkg_resources, which setuptools no
longer has."""

import shutil
from configparser import ConfigParser
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

here = Path(__file__).parent
ini = ConfigParser(delimiters=["="])
ini.read(here / "settings.ini", encoding="utf-8")
cfg = ini["DEFAULT"]
stages = ["Planning", "Pre-Alpha", "Alpha", "Beta", "Production/Stable", "Mature", "Inactive"]


def lines(key):
    return [o.strip() for o in cfg.get(key, "").splitlines() if o.strip()]


class build_with_demo(build_py):
    """The package with the demo in it: app.py and assets stand at the top of the repository, where
    Hugging Face Spaces looks for them."""

    def run(self):
        super().run()
        if self.editable_mode:
            return  # the clone's own are used
        place = Path(self.build_lib) / cfg["lib_path"] / "demo"
        shutil.rmtree(place, ignore_errors=True)
        unwanted = shutil.ignore_patterns("__pycache__")
        for folder in ("assets", "illures_demo"):
            shutil.copytree(here / folder, place / folder, ignore=unwanted)
        shutil.copy(here / "app.py", place)


names = ("synth", "cluster", "train", "formats", "onnx", "dev")
extras = {name: lines(f"{name}_requirements") for name in names}
extras["dev"] = sorted(set(sum(extras.values(), [])))
extras |= {name: lines(f"{name}_requirements") for name in ("lab", "docs")}
setup(
    name=cfg["lib_name"],
    version=cfg["version"],
    description=cfg["description"],
    keywords=cfg["keywords"],
    author=cfg["author"],
    author_email=cfg["author_email"],
    license="Apache-2.0",
    url=cfg["git_url"],
    long_description=(here / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    python_requires=f">={cfg['min_python']},<{cfg['below_python']}",
    packages=find_packages(include=["illures_nb*"]),
    package_data={"illures_nb": ["weights/*"]},
    zip_safe=False,
    cmdclass={"build_py": build_with_demo},
    install_requires=lines("requirements"),
    extras_require=extras,
    entry_points={"console_scripts": lines("console_scripts")},
    classifiers=[
        f"Development Status :: {cfg['status']} - {stages[int(cfg['status']) - 1]}",
        f"Intended Audience :: {cfg['audience']}",
        f"Natural Language :: {cfg['language']}",
        *(f"Programming Language :: Python :: 3.{minor}" for minor in (10, 11, 12)),
        "Topic :: Scientific/Engineering :: Image Processing",
    ],
)
