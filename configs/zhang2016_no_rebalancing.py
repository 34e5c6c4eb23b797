"""Zhang et al. 2016 without rebalancing: the paper's "class".

Run:    jaxcolor train --config zhang2016_no_rebalancing \
            --workdir runs/zhang2016_no_rebalancing
Expect: 446,000 steps, those of the snapshot that the paper compares; its solver would
    go on to 500,000. AuC 91.6 and rebalanced AuC 65.1 percent (paper, table 1); duller
    than the full method. Not yet trained with this code.
"""

from ml_collections import ConfigDict

from . import zhang2016


def get_config() -> ConfigDict:
    """Returns the full method without reweighting."""
    config = zhang2016.get_config()
    config.training.steps = 446_000
    # At lambda = 1 there is no reweighting; a threshold below 0 keeps gray photographs.
    config.objective.training_lambda = 1.0
    config.objective.gray_threshold = -1.0
    config.release.rebalancing_lambda = 1.0
    return config
