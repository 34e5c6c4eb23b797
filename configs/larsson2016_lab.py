"""Larsson et al. 2016, their variant of Lab: a and b by themselves, 32 bins each.

Run:    jaxcolor train --config larsson2016_lab --workdir runs/larsson2016_lab
Expect: less vivid colors than larsson2016, whose recipe it has otherwise. Not yet
    trained with this code.
"""

from ml_collections import ConfigDict

from . import larsson2016


def get_config() -> ConfigDict:
    """Returns the recipe of hue and chroma with other targets."""
    config = larsson2016.get_config()
    config.objective = dict(
        name="ab_marginals", bins=32, sigma=25.0, samples=128, margin=96
    )
    return config
