"""Colorful image colorization in JAX.

`Colorizer` colorizes photographs; the packages are described in CONTRIBUTING.md. They
load on first use, so that `import jaxcolor` costs nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxcolor import (
        color,
        evaluation,
        images,
        metrics,
        models,
        plots,
        pretrained,
    )
    from jaxcolor.inference.colorizer import Colorizer

    __version__: str

__all__ = [
    "Colorizer",
    "__version__",
    "color",
    "evaluation",
    "images",
    "metrics",
    "models",
    "plots",
    "pretrained",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version(__name__)
    if name == "Colorizer":
        return importlib.import_module("jaxcolor.inference.colorizer").Colorizer
    return importlib.import_module(f"{__name__}.{name}")


def __dir__() -> list[str]:
    return __all__
