"""Models of random weights, small enough to run within a test.

At their size of 32 the network sees every photograph in one shape: compiled once.
"""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from configs import smoke
from jaxcolor.color.decode import Decoding
from jaxcolor.color.heads import Bins, Regression
from jaxcolor.models.zhang2016 import Zhang2016
from jaxcolor.pretrained import release
from jaxcolor.pretrained.descriptions import Description

STEPS = 12
"""Of a training."""
BINS = Description(
    network="zhang2016",
    arguments={"width": 0.125, "outputs": 313, "affine": False, "momentum": 0.9},
    head=Bins(spacing=10.0, neighbors=10, sigma=5.0, training_lambda=0.5),
    size=32,
    decoding=Decoding(temperature=0.38, rebalancing_lambda=0.5, coherence=0.0),
)
REGRESSION = Description(
    network="zhang2016",
    arguments={"width": 0.125, "outputs": 2, "affine": True, "momentum": 0.9},
    head=Regression(),
    size=32,
    decoding=Decoding(temperature=None, rebalancing_lambda=None, coherence=0.0),
)


def trained_under(training_lambda):
    """BINS, as trained under another lambda."""
    return BINS._replace(head=BINS.head._replace(training_lambda=training_lambda))


def decoded_by(**settings):
    """BINS with another decoding."""
    return BINS._replace(decoding=BINS.decoding._replace(**settings))


def model(description=BINS, **changes):
    """A model whose colors vary from pixel to pixel."""
    network = Zhang2016(**description.arguments)
    # Faster than to compile an initialization.
    shapes = jax.eval_shape(
        lambda: network.init(jax.random.key(0), jnp.zeros((1, 8, 8)), train=False)
    )
    random = np.random.default_rng(0)

    def draw(path, shape):
        name = path[-1].key
        if name == "kernel":
            return random.normal(size=shape.shape) * np.sqrt(
                2 / np.prod(shape.shape[:-1])
            )
        # A mean of 0.3 makes ReLUs matter: else colors hardly vary.
        constants = {"bias": 0.0, "mean": 0.3, "var": 1.0, "scale": 1.0}
        return np.full(shape.shape, constants[name])

    variables = jax.tree_util.tree_map_with_path(draw, shapes)
    variables["params"]["head"]["kernel"] *= 4
    prior = random.dirichlet(np.ones(313))
    parts = {"variables": variables, "prior": prior, "provenance": {"step": 7}}
    return release.assemble(description, **(parts | changes))


def training_config(photo_folder: Path) -> ConfigDict:
    """A training of some seconds on photographs in a folder."""
    config = smoke.get_config()
    config.training.update(
        steps=STEPS,
        batch_size=8,
        log_every=2,
        checkpoint_every=3,
        validation_images=8,
        sheet_every=0,
        keep=3,
        patience=0,
    )
    config.data.update(source=str(photo_folder), held_out_fraction=0.3)
    config.pipeline.update(resize=32, crop=32)
    config.gamut.spacing = 20.0
    config.objective.update(neighbors=5, sigma=10.0)
    config.schedule.warmup = 1
    return config
