"""configs/smoke.py, with a network of three of the blocks, a convolution in each.

For tests of several processes: each of them compiles for itself, and most of that time
goes by layers. What processes share is there: normalization by the whole batch, strides
and the transposed convolution.
"""

from ml_collections import ConfigDict

from configs import smoke
from jaxcolor.models import zhang2016
from tests import tiny

zhang2016.BLOCKS = tiny.FEW_BLOCKS


def get_config() -> ConfigDict:
    """Returns the config of the smoke test."""
    return smoke.get_config()
