"""A small network that classifies scenes: colors in, one number per class out."""

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from jaxcolor.models import layers

CHANNELS_AND_STRIDES = (
    (32, 2),
    (64, 2),
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
)
"""Channels and strides of the convolutions, at width 1."""


class SceneClassifier(nn.Module):
    """Maps photographs of any size to logits of classes.

    Seven 3x3 convolutions, each followed by batch normalization and a ReLU, the mean
    over all pixels, one matrix. At width 1 the convolutions have 1,162,080 weights.

    Unlike the networks of `models.BY_NAME` it sees color and has no output map.

    Attributes:
        width: multiplies channels, then rounded to a multiple of 8.
        outputs: how many classes.
        momentum: of the running statistics, see `layers.BatchNorm`.
        dtype: of the computation, float32 or bfloat16; parameters, statistics and
            logits are float32.
    """

    width: float
    outputs: int
    momentum: float
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, rgb: Float[Array, "b h w 3"], *, train: bool
    ) -> Float[Array, "b outputs"]:
        """Returns float32 logits.

        Args:
            rgb: in [0, 1]; centered and scaled to [-2, 2] here.
            train: normalize by the batch's statistics and update the running ones.
        """
        x = ((rgb - 0.5) / 0.25).astype(self.dtype)
        for i, (channels, stride) in enumerate(CHANNELS_AND_STRIDES, start=1):
            features = 8 * max(1, round(channels * self.width / 8))
            x = layers.Conv(features, self.dtype, stride=stride, name=f"conv{i}")(x)
            x = layers.BatchNorm(
                momentum=self.momentum, affine=True, axis_name=None, name=f"norm{i}"
            )(x, train=train)
            x = nn.relu(x)
        pooled = jnp.mean(x, (1, 2), keepdims=True, dtype=jnp.float32)
        return layers.Head(self.outputs, self.dtype, name="head")(pooled)[:, 0, 0]
