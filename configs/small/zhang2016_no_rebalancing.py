"""The paper's classification without rebalancing, small: its "class".

Run:    jaxcolor train --config small/zhang2016_no_rebalancing \
            --workdir runs/small/zhang2016_no_rebalancing --config.data.source=PHOTOS
Expect: as long as small/zhang2016, and duller colors: on the same photographs a
    validation loss of 3.085 nats (constant prediction: 3.315) and relative
    colorfulness 0.26.
"""

from ml_collections import ConfigDict

from . import zhang2016


def get_config() -> ConfigDict:
    """Returns the small full method without reweighting."""
    config = zhang2016.get_config()
    # At lambda = 1 there is no reweighting; a threshold below 0 keeps gray photographs.
    config.objective.training_lambda = 1.0
    config.objective.gray_threshold = -1.0
    config.release.rebalancing_lambda = 1.0
    return config
