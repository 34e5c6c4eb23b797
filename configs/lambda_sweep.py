"""The rebalancing lambda of the training, three seeds each, on a folder of photographs.

Run:    jaxcolor train --config lambda_sweep --workdir runs/one \
            --config.data.source=PHOTOS
        jaxcolor sweep-train --config lambda_sweep --workdir runs/lambdas \
            --config.data.source=PHOTOS
Expect: of the first, scenes_small's own training; of the second, nine like it, of
    other lambdas and seeds, about an hour each on two CPU cores; a loss
    weighted by another lambda is another loss, so compare by `jaxcolor evaluate`.
"""

from types import ModuleType
from typing import Any

from ml_collections import ConfigDict

from . import scenes_small


def get_config() -> ConfigDict:
    """Returns the small training."""
    return scenes_small.get_config()


def get_hyper(hyper: ModuleType) -> list[dict[str, Any]]:
    """Returns the trainings, by what they change in the config."""
    return hyper.product(
        hyper.sweep("objective.training_lambda", [0.25, 0.5, 1.0]),
        hyper.sweep("training.seed", [0, 1, 2]),
    )
