"""Models of every network and head, small and with random variables."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxcolor.color.decode import Decoding
from jaxcolor.color.heads import Bins, Regression
from jaxcolor.color.marginals import AbMarginals, HueChroma
from jaxcolor.color.sigmoid_ab import SigmoidAb
from jaxcolor.color.sigmoid_uv import SigmoidUv
from jaxcolor.pretrained import descriptions, release
from jaxcolor.pretrained.descriptions import Description

# The spacing makes few bins, for speed.
BINS = Bins(spacing=20.0, neighbors=5, sigma=10.0, training_lambda=0.5)
OF_BINS = Decoding(temperature=0.38, rebalancing_lambda=0.5, coherence=0.0)
OF_OTHERS = Decoding(temperature=None, rebalancing_lambda=None, coherence=0.0)

KINDS = {
    "zhang2016": (BINS, {"affine": False}),
    "lite_fpn": (BINS, {"encoder_width": 0.25, "encoder_depth": 0.5}),
    "siggraph17": (Regression(), {"centers_mask": True}),
    "dahl2016": (SigmoidUv(), {}),
    "iizuka2016": (SigmoidAb(), {"global_size": 32, "classes": 4}),
    "larsson2016": (HueChroma(bins=4, window=3, hue_weight=5.0, fading=0.96), {}),
    "larsson2016 of ab": (AbMarginals(bins=4, sigma=25.0), {}),
    "alexnet": (BINS, {}),
}
"""Heads, and arguments of the networks besides those that all have."""


def description(kind):
    """Returns the description of a model."""
    head, arguments = KINDS[kind]
    return Description(
        network=kind.partition(" ")[0],
        arguments={
            "width": 0.125,
            "outputs": head.outputs,
            "momentum": 0.9,
            **arguments,
        },
        head=head,
        size=64,
        decoding=OF_BINS if head is BINS else OF_OTHERS,
    )


def model(described):
    """Returns a model with random variables, and random statistics."""
    network = descriptions.network(described)
    shapes = jax.eval_shape(
        lambda: network.init(jax.random.key(0), jnp.zeros((1, 32, 32)), train=False)
    )
    random = np.random.default_rng(0)

    def draw(path, shape):
        name, sizes = path[-1].key, shape.shape
        if name == "kernel":
            deviation = np.sqrt(2 / np.prod(sizes[:-1]))
            return random.normal(size=sizes) * deviation
        if name in ("var", "scale"):
            return random.uniform(0.5, 1.5, sizes)
        return random.normal(size=sizes) * 0.2

    variables = jax.tree_util.tree_map_with_path(draw, shapes)
    bins = described.head.gamut
    prior = None if bins is None else random.dirichlet(np.ones(len(bins.centers)))
    return release.assemble(
        described, variables=variables, prior=prior, provenance={"step": 7}
    )


def lightness(*shape):
    """Returns random L* of shape (b, 1, h, w), with large and small structure."""
    b, h, w = shape
    random = np.random.default_rng(1)
    coarse = random.uniform(0, 80, (b, 1, h // 8, w // 8)).repeat(8, 2).repeat(8, 3)
    return np.float32(coarse + random.uniform(0, 20, (b, 1, h, w)))
