"""The paper's method on many devices: the same photographs in 32 times fewer steps.

Run:    jaxcolor train --config zhang2016_pod --workdir DIR --distributed
Expect: 17.5 million photographs, as many as in the paper, in 13,687 steps of 40 on each
    of 32 devices. Not yet trained with this code. docs/scale.md says how to start it.
"""

import math

from ml_collections import ConfigDict

from . import zhang2016

# How many of the paper's batches of 40 make one batch here.
BATCHES = 32


def get_config() -> ConfigDict:
    """Returns the paper's recipe with a larger batch, in bfloat16."""
    config = zhang2016.get_config()
    steps = config.training.steps // BATCHES
    config.training.update(
        batch_size=40 * BATCHES,
        steps=steps,
        checkpoint_every=500,
        sheet_every=1000,
    )
    # With Adam the learning rate scales with the square root of the batch size (Malladi
    # et al. 2022, arXiv:2205.10287). The warm-up lets the second moments, which start
    # at zero, settle.
    config.schedule = dict(
        name="warmup_cosine",
        peak=3.16e-5 * math.sqrt(BATCHES),
        warmup=500,
        length=config.training.get_oneway_ref("steps"),
    )
    # With this momentum the running statistics average over as many photographs as in
    # the paper.
    config.model.momentum = 0.97
    config.average.update(decay=0.999, statistics_batches=8)
    config.parallel.update(compute_dtype="bfloat16", replicas_every=500)
    return config
