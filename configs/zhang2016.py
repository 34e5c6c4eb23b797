"""Zhang et al. 2016, the full method: classification with rebalancing, on ImageNet.

Run:    jaxcolor train --config zhang2016 --workdir runs/zhang2016
Expect: 438,000 steps of 40 photographs, those of the snapshot that the paper compares;
    its solver would go on to 500,000. Validation KL 1.8835 nats per pixel on the first
    10,000 validation photographs at 256 pixels (the published check value, a summed
    loss of 7715), AuC 89.5 and rebalanced AuC 67.3 percent (paper, table 1). Not yet
    trained with this code. Prepare ImageNet first, as imagenet2012 in array_record
    format: docs/data.md.
"""

from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

# The paper sums its loss over the 44 x 44 outputs of a crop of 176 pixels; ours is the
# mean, so epsilon and weight decay of Adam are divided by the number of outputs.
PIXELS = (176 // 4) ** 2


def get_config() -> ConfigDict:
    """Returns the paper's recipe, as in its released solver and network files."""
    config = ConfigDict()
    config.training = dict(
        seed=0,
        # Of the snapshot that the paper compares; max_iter of its solver is 500,000.
        steps=438_000,
        batch_size=40,
        log_every=100,
        checkpoint_every=5000,
        validation_images=10_000,
        sheet_every=5000,
        keep=3,
        patience=0,
    )
    config.data = dict(
        source="tfds:imagenet2012:train",
        # As in the paper: photographs 1 to 10,000 by the number in the file name. All
        # records of the split are read to find them, as they are in another order.
        validation="imagenet-validation:tfds:imagenet2012:validation",
        held_out_fraction=0.0,
        data_dir=placeholder(str),
    )
    config.pipeline = dict(
        resize=256,
        # As in the authors' database, the aspect ratio is not kept.
        squash=True,
        scales=(1.0, 1.0),
        crop=176,
        flip=True,
        draft=True,
        threads=16,
        prefetch=16,
    )
    config.gamut = dict(spacing=10.0)
    config.objective = dict(
        name="classification",
        # The text of the paper says 5; its code and its author say 10.
        neighbors=10,
        sigma=5.0,
        training_lambda=0.5,
        gray_threshold=5.0,
    )
    config.prior = dict(path=placeholder(str))
    config.model = dict(
        name="zhang2016",
        width=1.0,
        # Caffe's normalization layer has no scale or bias of its own.
        affine=False,
        momentum=0.999,
    )
    config.initialization = dict(
        method="within_channel",
        images=80,
        head_deviation=0.1,
        checkpoint=placeholder(str),
        partial=False,
        encoder=placeholder(str),
    )
    config.optimizer = dict(
        name="adam", b1=0.9, b2=0.99, eps=1e-8 / PIXELS, weight_decay=1e-3 / PIXELS
    )
    config.schedule = dict(name="steps", peak=3.16e-5, factor=0.316, every=215_000)
    # All layers train at the same rate; layers to freeze or slow down are named here.
    config.layers = dict(rates={}, warmup={}, fixed_statistics=())
    # Training photographs are not artificially aged; see degradation.py.
    config.degradation = dict(
        share=0.0, contrast=0.0, fading=0.0, softness=0.0, grain=0.0, scratches=0.0
    )
    config.average = dict(decay=0.0, statistics_batches=0)
    config.parallel = dict(
        lift="jit",
        compute_dtype="float32",
        accumulation=1,
        remat=False,
        heartbeat_seconds=100,
        replicas_every=5000,
    )
    config.release = dict(
        size=256, temperature=0.38, rebalancing_lambda=0.5, coherence=0.0
    )
    return config
