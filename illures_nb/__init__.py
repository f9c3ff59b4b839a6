__version__ = "0.1.0"

from .decompose import Decomposer, Decomposition
from .light import SHLight

__all__ = ["Decomposer", "Decomposition", "SHLight"]
