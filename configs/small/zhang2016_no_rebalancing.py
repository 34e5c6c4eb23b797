"""The paper's classification without rebalancing, small: its "class".

Run:    jaxcolor train --config small/zhang2016_no_rebalancing \
            --workdir runs/small/zhang2016_no_rebalancing --config.data.source=PHOTOS
Expect: as long as small/zhang2016, a higher AuC and duller colors. Not yet trained to
    its end.
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
