"""A minute on six photographs, for `experiments/first_run.py`.

Run:    jaxcolor train --config configs/first_run.py --workdir runs/first/training \
            --config.data.source=runs/first/photographs
Expect: 600 steps in about a minute on two CPU cores; the loss falls from 3.4, the
    constant predictor's, to 2.1: photographs learnt by heart, and nothing else.
"""

from ml_collections import ConfigDict

from configs import scenes_small


def get_config() -> ConfigDict:
    """Returns the small training with few steps of small batches of small crops."""
    config = scenes_small.get_config()
    config.training.update(
        steps=600,
        batch_size=8,
        log_every=100,
        checkpoint_every=200,
        validation_images=0,
        sheet_every=0,
    )
    # All are needed to learn from.
    config.data.held_out_fraction = 0.0
    config.pipeline.update(resize=64, crop=64, scales=(1.0, 1.15))
    config.model.momentum = 0.9
    config.schedule.warmup = 30
    config.schedule.peak = 3e-3
    config.average.decay = 0.9
    config.release.size = 96
    return config
