"""A sweep of the training lambda, three seeds each, on a folder of photographs.

Run:    jaxcolor train --config lambda_sweep --workdir runs/one \
            --config.data.source=PHOTOS
        jaxcolor sweep-train --config lambda_sweep --workdir runs/lambdas \
            --config.data.source=PHOTOS
Expect: the first command runs scenes_small's own training; the second runs nine like
    it, with other lambdas and seeds, about an hour each on two CPU cores. Losses with
    different lambdas are not comparable, so compare models with `jaxcolor evaluate`.
"""

from types import ModuleType
from typing import Any

from ml_collections import ConfigDict

from . import scenes_small


def get_config() -> ConfigDict:
    """Returns the small training."""
    return scenes_small.get_config()


def get_hyper(hyper: ModuleType) -> list[dict[str, Any]]:
    """Returns the changes to the config, one set for each training."""
    return hyper.product(
        hyper.sweep("objective.training_lambda", [0.25, 0.5, 1.0]),
        hyper.sweep("training.seed", [0, 1, 2]),
    )
