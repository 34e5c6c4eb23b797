"""Hue and chroma from hypercolumns, small: the method of Larsson et al. 2016.

Run:    jaxcolor train --config small/larsson2016 --workdir runs/small/larsson2016 \
            --config.data.source=PHOTOS
Expect: about 40 minutes of CPU time; gray where the network is unsure of the hue. On
    the photographs of small/zhang2016 a validation loss of 3.639 (constant prediction:
    4.049) and relative colorfulness 0.38.
"""

from ml_collections import ConfigDict

from . import _base


def get_config() -> ConfigDict:
    """Returns the method at a quarter of its width, on all cells of the crops."""
    config = _base.get_config()
    config.objective = dict(
        name="hue_chroma",
        bins=32,
        window=1,
        hue_weight=5.0,
        fading=0.96,
        # The crops are smaller than the margin of the full recipe.
        samples=0,
        margin=0,
    )
    config.model = dict(name="larsson2016", width=0.25, momentum=0.99)
    return config
