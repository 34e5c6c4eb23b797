"""The AlexNet that predicts ab from lightness, for tests of what it has learned."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax.ad_checkpoint import checkpoint_name
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from jaxcolor.models import interface, layers
from jaxcolor.models.interface import OuterLayers


class Stage(NamedTuple):
    """A convolution, a batch normalization, a ReLU, and perhaps a pooling.

    Attributes:
        name: of the convolution; its normalization has "norm" after it.
        channels: out, at width 1.
        size: height and width of the kernel.
        stride: of the convolution.
        dilation: of the kernel.
        groups: of channels; each sees one part of the input.
        pool: stride of the 3x3 pooling that follows; 0 for none.
    """

    name: str
    channels: int
    size: int
    stride: int = 1
    dilation: int = 1
    groups: int = 1
    pool: int = 0


STAGES = (
    Stage("conv1", 96, size=11, stride=4, pool=2),
    Stage("conv2", 256, size=5, groups=2, pool=2),
    Stage("conv3", 384, size=3),
    Stage("conv4", 384, size=3, groups=2),
    Stage("conv5", 256, size=3, groups=2, pool=1),
    Stage("fc6", 4096, size=6, dilation=2),
    Stage("fc7", 4096, size=1),
)
"""All layers but the last, fc8."""


class AlexNet(nn.Module):
    """Maps lightness to one vector per pixel of a map an eighth as high and wide.

    The network has a map of a sixteenth of the size, one pixel larger (17 x 17 for
    256 x 256), whose outputs are enlarged. With width 1 and 313 outputs it has
    58,127,353 parameters, of which conv1 to conv5 have 2,310,848.

    Attributes:
        width: multiplies channels, then rounded to a multiple of 8.
        outputs: channels out: the number of bins, or 2 to predict ab itself.
        momentum: of the running statistics, see `layers.BatchNorm`.
        dtype: of the computation, float32 or bfloat16; parameters, statistics and
            outputs are float32.
        axis_name: of the mapped axis over which statistics are shared, if any.

    Source:
        Zhang et al. 2016 (arXiv:1603.08511), section 3.2; the layers of the authors'
        train_alexnet/train_val.prototxt, after Krizhevsky et al. 2012.
    """

    width: float
    outputs: int
    momentum: float
    dtype: DTypeLike = jnp.float32
    axis_name: str | None = None

    # See `interface.Network`.
    input_multiple = 8
    output_stride = 8
    outer_layers = OuterLayers(first="conv1", last="fc8")
    encoder = None
    extra_inputs = ()
    extra_outputs = ()
    has_features = False

    def __call__(
        self, lightness: Float[Array, "b h w"], *, train: bool
    ) -> Float[Array, "b H W outputs"]:
        """Returns float32 outputs of shape (b, h / 8, w / 8, outputs).

        Args:
            lightness: L* in [0, 100]; 50 is subtracted here, nothing is scaled.
            train: normalize by the batch's statistics and update the running ones.

        Raises:
            ValueError: the height or the width is no multiple of 8.
        """
        return self.outputs_and_maps(lightness, train=train)[0]

    @nn.compact
    def outputs_and_maps(
        self, lightness: Float[Array, "b h w"], *, train: bool
    ) -> tuple[Float[Array, "b H W outputs"], dict[str, Float[Array, "b g k c"]]]:
        """Returns the outputs, and the map after each layer by its name.

        The names are conv1, pool1, conv2, pool2, conv3, conv4, conv5, pool5, fc6 and
        fc7; those of convolutions are after normalization and ReLU.

        Args:
            lightness: as for a call.
            train: as for a call.

        Raises:
            ValueError: the height or the width is no multiple of 8.
        """
        height, width = lightness.shape[1:]
        interface.check_size(self, height, width)
        maps: dict[str, Float[Array, "b g k c"]] = {}
        x = (lightness[..., None] - 50).astype(self.dtype)
        for stage in STAGES:
            x = layers.Conv(
                features=self._channels(stage.channels),
                dtype=self.dtype,
                size=stage.size,
                stride=stage.stride,
                dilation=stage.dilation,
                groups=stage.groups,
                name=stage.name,
            )(x)
            # Without a scale and a bias, as Caffe's layer.
            x = layers.BatchNorm(
                momentum=self.momentum,
                affine=False,
                axis_name=self.axis_name,
                name=f"{stage.name}norm",
            )(x, train=train)
            x = maps[stage.name] = nn.relu(x)
            if stage.pool:
                x = maps[f"pool{stage.name[-1]}"] = pool(x, stride=stage.pool)
            x = checkpoint_name(x, layers.BLOCK)
        y = layers.Head(self.outputs, self.dtype, name="fc8")(x)
        stride = self.output_stride
        return resize(y, height=height // stride, width=width // stride), maps

    def flops(self, height: int, width: int) -> int:
        """Returns the operations of a forward pass; a multiply-add counts as two.

        Counts the convolutions only; all else is below one percent. A train step takes
        three times as many.

        Args:
            height: of the lightness, pixels.
            width: of the lightness, pixels.
        """
        interface.check_size(self, height, width)
        channels, products = 1, 0
        for stage in STAGES:
            features = self._channels(stage.channels)
            height, width = height // stage.stride, width // stage.stride
            taps = stage.size**2 * channels // stage.groups
            products += height * width * taps * features
            if stage.pool:
                height, width = (_pooled(n, stride=stage.pool) for n in (height, width))
            channels = features
        return 2 * (products + height * width * channels * self.outputs)

    def _channels(self, full: int) -> int:
        return 8 * max(1, round(full * self.width / 8))


def pool(x: Float[Array, "b h w c"], *, stride: int) -> Float[Array, "b H W c"]:
    """Returns the largest of each 3x3 pixels, the first around the first pixel.

    As Caffe's pooling with padding 1, which rounds sizes up: 45 pixels become 23 at
    stride 2, and 64 become 33.
    """
    around = [
        (1, stride * (_pooled(n, stride=stride) - 1) + 2 - n) for n in x.shape[1:3]
    ]
    return jnp.asarray(nn.max_pool(x, (3, 3), strides=(stride, stride), padding=around))


def _pooled(length: int, *, stride: int) -> int:
    return -(-(length - 1) // stride) + 1


def resize(
    x: Float[Array, "b g k n"], *, height: int, width: int
) -> Float[Array, "b height width n"]:
    """Resizes bilinearly, so that the first and the last pixels of both maps meet.

    So does the authors' layer. The pixels of the network's map lie at every 16th pixel
    of the lightness, from the first on, and those of the labels at every 8th.
    """
    down = _shares(x.shape[1], height)
    across = _shares(x.shape[2], width)
    return jnp.einsum("Hg,Wk,bgkn->bHWn", down, across, x, precision="highest")


def _shares(
    length: int, new: int
) -> Float[np.ndarray, "new length"] | Float[Array, "new length"]:
    """Returns the share of each pixel in each new one, along one axis."""
    if not isinstance(new, int):
        # An export leaves sizes open: the shares are computed where it runs.
        scale = jnp.float32(length - 1) / jnp.maximum(jnp.float32(new - 1), 1)
        distance = scale * jnp.arange(new)[:, None] - jnp.arange(length)[None]
        return jnp.maximum(0, 1 - jnp.abs(distance))
    place = np.linspace(0, length - 1, new)[:, None]
    return np.maximum(0, 1 - np.abs(place - np.arange(length))).astype(np.float32)
