__version__ = "0.1.0"

import gc
from importlib import import_module

__all__ = ["Decomposer", "Decomposition", "SHLight"]
_HOMES = {"Decomposer": "decompose", "Decomposition": "decompose", "SHLight": "light"}
_LOADED = ("decompose", "face", "image", "light", "networks")  # parts that need no import


def _load(module):
    "Import a module; searching torch's many objects for garbage meanwhile would take longer."
    collects = gc.isenabled()
    gc.disable()
    try:
        return import_module(f"{__name__}.{module}")
    finally:
        if collects:
            gc.enable()


def __getattr__(name):
    "Load what is asked for on first use, so that the command can answer while torch loads."
    if name in _LOADED:
        return _load(name)
    if name in _HOMES:
        return getattr(_load(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *__all__, *_LOADED})
