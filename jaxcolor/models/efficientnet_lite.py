"""EfficientNet-Lite: a small ImageNet classifier, and the encoder that is in it.

Its batch normalization is folded into the convolutions, which have biases instead:
statistics that belong to ImageNet's colors stay as they are while the weights learn.
"""

from typing import NamedTuple

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from jaxcolor.models import layers


class Stage(NamedTuple):
    """Inverted residual blocks that share their kind.

    Attributes:
        repeats: blocks, at depth 1.
        size: of the depthwise kernel.
        stride: of the first block's depthwise convolution.
        expand: channels within a block for each one that enters it.
        channels: out of each block, at width 1.
    """

    repeats: int
    size: int
    stride: int
    expand: int
    channels: int


STAGES = (
    Stage(1, size=3, stride=1, expand=1, channels=16),
    Stage(2, size=3, stride=2, expand=6, channels=24),
    Stage(2, size=5, stride=2, expand=6, channels=40),
    Stage(3, size=3, stride=2, expand=6, channels=80),
    Stage(3, size=5, stride=1, expand=6, channels=112),
    Stage(4, size=5, stride=2, expand=6, channels=192),
    Stage(1, size=3, stride=1, expand=6, channels=320),
)
"""The blocks between the first and the last convolution."""

STEM_CHANNELS, HEAD_CHANNELS, CLASSES = 32, 1280, 1000
"""Channels of the first and the last convolution at every width; ImageNet's classes."""

STRIDE = 32
"""Pixels of the photograph, along each axis, for one of the coarsest map."""

GRAY_LEVEL, GRAY_RANGE = 127.0, 128.0
"""Offset and scale that normalize 8-bit pixels before the first convolution."""


class Size(NamedTuple):
    """One of the published networks.

    Attributes:
        width: multiplies the stages' channels, rounded to multiples of 8.
        depth: multiplies the stages' repeats, rounded up; the first and the last
            stage keep theirs.
        pixels: side of the photographs it was trained on.
    """

    width: float
    depth: float
    pixels: int


SIZES = {
    "lite0": Size(1.0, 1.0, 224),
    "lite1": Size(1.0, 1.1, 240),
    "lite2": Size(1.1, 1.2, 260),
}
"""Source: tensorflow/tpu, models/official/efficientnet/lite."""


class Block(NamedTuple):
    """One inverted residual block; the fields are those of `Stage`."""

    size: int
    stride: int
    expand: int
    channels: int


def blocks(*, width: float, depth: float) -> tuple[Block, ...]:
    """Returns the blocks of a network.

    Args:
        width: see `Size`.
        depth: see `Size`.
    """
    found = []
    for number, stage in enumerate(STAGES):
        is_outer = number in (0, len(STAGES) - 1)
        repeats = stage.repeats if is_outer else _rounded_up(stage.repeats * depth)
        for repeat in range(repeats):
            found.append(
                Block(
                    stage.size,
                    stage.stride if repeat == 0 else 1,
                    stage.expand,
                    _rounded(stage.channels * width),
                )
            )
    return tuple(found)


class Encoder(nn.Module):
    """Maps normalized pixels to five maps, of strides 2, 4, 8, 16 and 32.

    At width and depth 1 it has 2,939,120 parameters for three channels, and 2,938,544
    for one.

    Attributes:
        width: see `Size`.
        depth: see `Size`.
        dtype: of the computation, float32 or bfloat16.

    Source:
        Tan and Le 2019 (arXiv:1905.11946); tensorflow/tpu, efficientnet/lite: without
        squeeze and excitation, ReLU6 in place of swish.
    """

    width: float
    depth: float
    dtype: DTypeLike

    @nn.compact
    def __call__(
        self, normalized: Float[Array, "b h w i"]
    ) -> list[Float[Array, "b H W c"]]:
        """Returns the outputs of the last block of each stride.

        Args:
            normalized: (v - 127) / 128 for 8-bit values v: three channels, or one
                where weights were summed over them.
        """
        x = normalized.astype(self.dtype)
        x = layers.SameConv(STEM_CHANNELS, self.dtype, stride=2, name="stem")(x)
        x = nn.relu6(x)
        maps = []
        for number, block in enumerate(blocks(width=self.width, depth=self.depth)):
            if block.stride > 1:
                maps.append(x)
            x = InvertedResidual(block, self.dtype, name=f"block_{number:02}")(x)
        return [*maps, x]


class InvertedResidual(nn.Module):
    """Expands the channels, filters each, projects them, and adds the input if it fits.

    Attributes:
        block: its kind.
        dtype: of the computation.
    """

    block: Block
    dtype: DTypeLike

    @nn.compact
    def __call__(self, x: Float[Array, "b h w i"]) -> Float[Array, "b H W o"]:
        block, entered = self.block, x
        if block.expand > 1:
            wide = block.expand * x.shape[-1]
            x = nn.relu6(layers.Pointwise(wide, self.dtype, name="expand")(x))
        x = layers.Depthwise(
            self.dtype, size=block.size, stride=block.stride, name="depthwise"
        )(x)
        x = nn.relu6(x)
        x = layers.Pointwise(block.channels, self.dtype, name="project")(x)
        is_alike = block.stride == 1 and entered.shape[-1] == x.shape[-1]
        return x + entered if is_alike else x


class EfficientNetLite(nn.Module):
    """Maps photographs to logits of classes; for use, not for training.

    Attributes:
        width: see `Size`.
        depth: see `Size`.
        outputs: how many classes.
        dtype: of the computation; logits are float32.
    """

    width: float
    depth: float
    outputs: int = CLASSES
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, rgb: Float[Array, "b h w 3"]) -> Float[Array, "b outputs"]:
        """Returns float32 logits.

        Args:
            rgb: in [0, 1], of any size; the published ones are made for `Size.pixels`.
        """
        encoder = Encoder(self.width, self.depth, self.dtype, name="encoder")
        *_, x = encoder(normalize(255 * rgb))
        x = nn.relu6(layers.Pointwise(HEAD_CHANNELS, self.dtype, name="last")(x))
        pooled = jnp.mean(x, (1, 2), keepdims=True, dtype=jnp.float32)
        return layers.Head(self.outputs, self.dtype, name="head")(pooled)[:, 0, 0]


def normalize(levels: Float[Array, "*p"]) -> Float[Array, "*p"]:
    """Returns 8-bit levels, as floats, in the range that the network knows."""
    return (levels - GRAY_LEVEL) / GRAY_RANGE


def _rounded(channels: float) -> int:
    """Returns the nearest multiple of 8, or the next where it loses a tenth."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * channels else nearest


def _rounded_up(repeats: float) -> int:
    return int(-(-repeats // 1))
