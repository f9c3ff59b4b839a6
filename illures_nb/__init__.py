__version__ = "0.1.0"

from importlib import import_module

__all__ = ["Decomposer", "Decomposition", "SHLight"]
_HOMES = {"Decomposer": "decompose", "Decomposition": "decompose", "SHLight": "light"}
_LOADED = ("decompose", "face", "image", "light", "networks")  # parts that need no import


def __getattr__(name):
    "Load what is asked for on first use, so that the command can answer while torch loads."
    if name in _LOADED:
        return import_module(f"{__name__}.{name}")
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *__all__, *_LOADED})
