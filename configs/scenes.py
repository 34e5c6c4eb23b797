"""The previous bundled model: small, mostly for scenes, for old photographs too.

Run:    jaxcolor train --config scenes --workdir runs/scenes \
            --config.data.source=PHOTOS
Expect: 640,000 crops in three to four hours on two CPU cores; it can be stopped and
    resumed at any time. experiments/README.md has the results of 528,000.
"""

from ml_collections import ConfigDict

from . import scenes_small


def get_config() -> ConfigDict:
    """Returns a longer small training, with Muon, on artificially aged photographs."""
    config = scenes_small.get_config()
    config.training.update(
        steps=20_000, log_every=100, validation_images=512, sheet_every=2000
    )
    config.pipeline.scales = (1.0, 1.5)
    config.optimizer = dict(
        name="muon",
        momentum=0.95,
        adam_share=0.1,
        b1=0.9,
        b2=0.99,
        weight_decay=0.01,
        clip_norm=5.0,
    )
    config.schedule = dict(
        name="trapezoid",
        peak=0.02,
        warmup=200,
        cooldown=4000,
        length=config.training.get_oneway_ref("steps"),
    )
    config.degradation.update(
        share=0.5, contrast=0.4, fading=0.15, softness=0.2, grain=3.0, scratches=25.0
    )
    return config
