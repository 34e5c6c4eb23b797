"""Models with random weights, small enough to run within a test.

At their size of 32 pixels the network sees all photographs in the same shape, so that
it is compiled only once.
"""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax.ad_checkpoint import checkpoint_name

from configs import smoke
from jaxcolor.color.decode import Decoding
from jaxcolor.color.heads import Bins, Regression
from jaxcolor.models import layers, zhang2016
from jaxcolor.models.interface import OuterLayers
from jaxcolor.pretrained import descriptions, release
from jaxcolor.pretrained.descriptions import Description
from jaxcolor.training.config import schema
from jaxcolor.training.config.schema import Config

STEPS = 12
"""Number of steps in a training."""
FEW_BLOCKS = tuple(block._replace(convs=1, stride=2) for block in zhang2016.BLOCKS[:3])
"""For `zhang2016.BLOCKS`, in tests of trainings: most of their time goes by layers."""
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
USER_GUIDED = Description(
    network="siggraph17",
    arguments={"width": 0.125, "outputs": 2, "centers_mask": True, "momentum": 0.9},
    head=Regression(),
    size=32,
    decoding=Decoding(temperature=None, rebalancing_lambda=None, coherence=0.0),
)
LITE = Description(
    network="lite_fpn",
    arguments={
        "width": 0.25,
        "encoder_width": 0.25,
        "encoder_depth": 0.25,
        "momentum": 0.99,
        "outputs": 313,
    },
    head=Bins(spacing=10.0, neighbors=10, sigma=5.0, training_lambda=1.0),
    size=256,
    decoding=Decoding(temperature=0.38, rebalancing_lambda=0.58, coherence=1.0),
)


class Part(nn.Module):
    """A convolution, a ReLU and batch normalization, in the order of the paper."""

    momentum: float
    stride: int
    axis_name: str | None

    @nn.compact
    def __call__(self, x, *, train):
        x = layers.Conv(8, jnp.float32, stride=self.stride, name="conv")(x)
        norm = layers.BatchNorm(
            momentum=self.momentum, affine=True, axis_name=self.axis_name, name="norm"
        )
        return norm(nn.relu(x), train=train)


class Nested(nn.Module):
    """Two parts and a head: a network that compiles in a second.

    Its names have three levels.
    """

    outputs: int
    momentum: float = 0.9
    axis_name: str | None = None

    input_multiple = output_stride = 4
    outer_layers = OuterLayers("encoder/conv", "head")
    extra_inputs = ()
    extra_outputs = ()
    encoder = None
    has_features = False

    def flops(self, height, width):
        return 0

    @nn.compact
    def __call__(self, lightness, *, train):
        x = (lightness[..., None] - 50) / 100
        x = Part(self.momentum, 4, self.axis_name, name="encoder")(x, train=train)
        x = checkpoint_name(x, layers.BLOCK)
        x = Part(self.momentum, 1, self.axis_name, name="decoder")(x, train=train)
        return layers.Head(self.outputs, jnp.float32, name="head")(x)


def trained_under(training_lambda):
    """Returns BINS, as if trained with another lambda."""
    return BINS._replace(head=BINS.head._replace(training_lambda=training_lambda))


def decoded_by(**settings):
    """Returns BINS with another decoding."""
    return BINS._replace(decoding=BINS.decoding._replace(**settings))


def model(description=BINS, **changes):
    """Returns a model whose colors vary from pixel to pixel."""
    network = descriptions.network(description)
    # Only the shapes, because compiling an initialization is slower.
    shapes = jax.eval_shape(
        lambda: network.init(jax.random.key(0), jnp.zeros((1, 32, 32)), train=False)
    )
    random = np.random.default_rng(0)

    def draw(path, shape):
        name = path[-1].key
        if name == "kernel":
            return random.normal(size=shape.shape) * np.sqrt(
                2 / np.prod(shape.shape[:-1])
            )
        # With a mean of 0.3 some ReLUs are inactive; otherwise colors hardly vary.
        constants = {"bias": 0.0, "mean": 0.3, "var": 1.0, "scale": 1.0}
        return np.full(shape.shape, constants[name])

    variables = jax.tree_util.tree_map_with_path(draw, shapes)
    variables["params"]["head"]["kernel"] *= 4
    prior = random.dirichlet(np.ones(313))
    parts = {"variables": variables, "prior": prior, "provenance": {"step": 7}}
    return release.assemble(description, **(parts | changes))


def training_config(photo_folder: Path, changes=(), **sections) -> Config:
    """Returns the config of a training of a few seconds on the photographs of a folder.

    Args:
        photo_folder: folder of the photographs.
        changes: values by name, such as "training.steps".
        sections: sections that replace those of the config `smoke`; None removes one.
    """
    fields = smoke.get_config().to_dict()
    values = {
        "training.steps": STEPS,
        "training.batch_size": 8,
        "training.log_every": 2,
        "training.checkpoint_every": 3,
        "training.validation_images": 8,
        "training.sheet_every": 0,
        "training.keep": 3,
        "training.patience": 0,
        "data.source": str(photo_folder),
        "data.held_out_fraction": 0.3,
        "pipeline.resize": 32,
        "pipeline.crop": 32,
        "gamut.spacing": 20.0,
        "objective.neighbors": 5,
        "objective.sigma": 10.0,
        "schedule.warmup": 1,
    } | dict(changes)
    # As in a config file, the length of the schedule follows the steps.
    values["schedule.length"] = values["training.steps"]
    for name, value in values.items():
        section, _, setting = name.partition(".")
        fields[section][setting] = value
    fields |= sections
    return schema.bind({name: x for name, x in fields.items() if x is not None})
