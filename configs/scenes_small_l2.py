"""The regression of `l2` on a folder of photographs: under an hour on two CPU cores.

Run:    jaxcolor train --config scenes_small_l2 --workdir runs/scenes_small_l2 \
            --config.data.source=PHOTOS
Expect: brownish colors, the mean of all plausible ones, beside those of scenes_small.
    Not yet trained to its end.
"""

from ml_collections import ConfigDict

from . import scenes_small


def get_config() -> ConfigDict:
    """Returns the small training with two outputs and the Euclidean loss."""
    config = scenes_small.get_config()
    del config.gamut, config.prior
    config.objective = dict(name="regression")
    config.release = dict(
        size=176, temperature=None, rebalancing_lambda=None, coherence=0.0
    )
    return config
