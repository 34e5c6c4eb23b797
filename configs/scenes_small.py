"""A small network on a folder of photographs: an hour on two CPU cores.

Run:    jaxcolor train --config scenes_small --workdir runs/scenes_small \
            --config.data.source=PHOTOS
Expect: on 12,640 photographs of scenes, rebalanced AuC 71.5 percent (gray: 63.0) and
    relative colorfulness 1.07; experiments/README.md has the other results.
"""

from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder


def get_config() -> ConfigDict:
    """Returns the paper's method at a quarter of its width, on small photographs."""
    config = ConfigDict()
    config.training = dict(
        seed=0,
        steps=5000,
        batch_size=32,
        log_every=50,
        checkpoint_every=500,
        validation_images=256,
        sheet_every=1000,
        keep=2,
        patience=0,
    )
    config.data = dict(
        source="photos",
        validation=placeholder(str),
        held_out_fraction=0.04,
        data_dir=placeholder(str),
    )
    config.pipeline = dict(
        # Smaller than the photographs, which have 128 pixels; this halves the time. The
        # scales reach up to the size at which photographs are colorized.
        resize=96,
        squash=False,
        scales=(1.0, 1.35),
        crop=96,
        flip=True,
        draft=True,
        threads=2,
        prefetch=4,
    )
    config.gamut = dict(spacing=10.0)
    config.objective = dict(
        name="classification",
        neighbors=10,
        sigma=5.0,
        training_lambda=0.5,
        gray_threshold=5.0,
    )
    config.prior = dict(path=placeholder(str))
    config.model = dict(name="zhang2016", width=0.25, affine=True, momentum=0.99)
    config.initialization = dict(
        method="within_channel",
        images=64,
        head_deviation=0.1,
        checkpoint=placeholder(str),
        partial=False,
        encoder=placeholder(str),
    )
    config.optimizer = dict(
        name="adamw", b1=0.9, b2=0.99, eps=1e-8, weight_decay=0.01, clip_norm=5.0
    )
    config.schedule = dict(
        name="warmup_cosine",
        peak=1e-3,
        warmup=200,
        # Follows the steps when they are overridden; not the other way around.
        length=config.training.get_oneway_ref("steps"),
    )
    # All layers train at the same rate; layers to freeze or slow down are named here.
    config.layers = dict(rates={}, warmup={}, fixed_statistics=())
    # Training photographs are not artificially aged; see degradation.py.
    config.degradation = dict(
        share=0.0, contrast=0.0, fading=0.0, softness=0.0, grain=0.0, scratches=0.0
    )
    config.average = dict(decay=0.999, statistics_batches=8)
    config.parallel = dict(
        lift="jit",
        compute_dtype="float32",
        accumulation=1,
        remat=False,
        heartbeat_seconds=100,
        replicas_every=0,
    )
    config.release = dict(
        size=176, temperature=0.38, rebalancing_lambda=0.5, coherence=0.0
    )
    return config
