"""A minute on a handful of photographs, for `experiments/first_run.py`.

Run:    jaxcolor train --config configs/first_run.py --workdir runs/first/training \
            --config.data.source=runs/first/photographs
Expect: 200 steps in about a minute on two CPU cores; photographs learnt by heart.
"""

from ml_collections import ConfigDict

from configs import scenes_small


def get_config() -> ConfigDict:
    """Returns the small training with few steps of small batches."""
    config = scenes_small.get_config()
    config.training.update(
        steps=200,
        batch_size=8,
        log_every=40,
        checkpoint_every=100,
        validation_images=8,
        sheet_every=100,
    )
    config.data.held_out_fraction = 0.1
    config.model.momentum = 0.9
    config.schedule.warmup = 10
    config.schedule.peak = 3e-3
    config.average.decay = 0.9
    config.release.size = 128
    return config
