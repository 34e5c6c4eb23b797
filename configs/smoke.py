"""A few steps of a tiny network: checks that everything works; it learns very little.

Run:    jaxcolor train --config smoke --workdir runs/smoke \
            --config.data.source=PHOTOS
Expect: 20 steps in 31 seconds of CPU time, mostly for compilation: half a minute on two
    free cores. A second start uses the cached programs and takes less.
"""

from ml_collections import ConfigDict

from . import scenes_small


def get_config() -> ConfigDict:
    """Returns the small training with a tiny network, photographs and few steps."""
    config = scenes_small.get_config()
    config.training.update(
        steps=20,
        batch_size=8,
        log_every=5,
        checkpoint_every=10,
        validation_images=8,
        sheet_every=10,
    )
    config.data.held_out_fraction = 0.2
    config.pipeline.update(resize=32, crop=32)
    # 8 and 16 channels; most of the time goes to compiling.
    config.model.update(width=1 / 32, momentum=0.9)
    config.initialization.images = 8
    config.schedule.warmup = 5
    config.release.size = 32
    return config
