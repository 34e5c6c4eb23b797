"""Training with and without rebalancing, two seeds each: for experiments.rebalancing.

Run:    jaxcolor train --config lambda_study --workdir runs/one \
            --config.data.source=PHOTOS
        jaxcolor sweep-train --config lambda_study --workdir runs/study \
            --config.data.source=PHOTOS
Expect: the first command trains on 32,000 crops of 64 pixels, five to ten minutes on
    two CPU cores; the second makes four such trainings, of two lambdas and two seeds.
    experiments/rebalancing.py makes tables and figures of them, and
    experiments/README.md has the findings.
"""

from types import ModuleType
from typing import Any

from ml_collections import ConfigDict

from . import scenes


def get_config() -> ConfigDict:
    """Returns a short version of the training of the `scenes` model."""
    config = scenes.get_config()
    # The length of the schedule follows, since it refers to the steps.
    config.training.steps = 1000
    config.training.update(checkpoint_every=500, validation_images=256, sheet_every=0)
    config.pipeline.update(resize=64, crop=64)
    config.schedule.update(warmup=50, cooldown=600)
    config.degradation.share = 0.0
    config.average.decay = 0.99
    return config


def get_hyper(hyper: ModuleType) -> list[dict[str, Any]]:
    """Returns the changes to the config, one set for each training."""
    return hyper.product(
        hyper.sweep("objective.training_lambda", [0.5, 1.0]),
        hyper.sweep("training.seed", [0, 1]),
    )
