"""From a photograph to its colors: prediction, tiles, and many files in one run.

`Colorizer` is what a user holds; evaluation, finetuning and `cli` use it, too.
"""

from jaxcolor.inference.colorizer import Colorizer

__all__ = ["Colorizer"]
