"""The network of Zhang, Isola and Efros, "Colorful Image Colorization", ECCV 2016."""

from typing import NamedTuple

import jax.numpy as jnp
from flax import linen as nn
from jax.ad_checkpoint import checkpoint_name
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from jaxcolor.models import interface, layers
from jaxcolor.models.interface import OuterLayers


class Block(NamedTuple):
    """A few 3x3 convolutions, a ReLU after each; then one batch normalization.

    Attributes:
        channels: out of every convolution, at width 1.
        convs: number of convolutions.
        stride: stride of the last one.
        dilation: dilation of all of them.
    """

    channels: int
    convs: int
    stride: int
    dilation: int


BLOCKS = (
    Block(64, convs=2, stride=2, dilation=1),
    Block(128, convs=2, stride=2, dilation=1),
    Block(256, convs=3, stride=2, dilation=1),
    Block(512, convs=3, stride=1, dilation=1),
    Block(512, convs=3, stride=1, dilation=2),
    Block(512, convs=3, stride=1, dilation=2),
    Block(512, convs=3, stride=1, dilation=1),
)
"""conv1 to conv7; conv8 has a transposed convolution and no normalization."""

LAST_CHANNELS = 256
"""Out of each convolution of conv8, at width 1."""


class Zhang2016(nn.Module):
    """Maps lightness to one vector per pixel of a map a quarter as high and wide.

    With width 1 and 313 outputs the convolutions, head included, have 32,230,393
    parameters; `affine` adds 4,992. The released network further stores the bin
    centers as a fixed 1x1 layer (626 numbers), which here belong to decoding.

    Layers are named as in the released prototxt: conv1_1 to conv8_3, conv1_2norm to
    conv7_3norm; conv8_313 is `head`, as its size is free.

    Attributes:
        width: multiplies channels, then rounded to a multiple of 8.
        outputs: channels out: the number of bins, or 2 to predict ab itself.
        affine: whether batch normalization learns a scale and a bias; the paper's
            Caffe network does not, its release for PyTorch does.
        momentum: of the running statistics, see `layers.BatchNorm`.
        dtype: of the computation, float32 or bfloat16; parameters, statistics and
            outputs are float32.
        axis_name: of the mapped axis over which statistics are shared, if any.

    Source:
        Zhang et al. 2016 (arXiv:1603.08511), table 4 and figure 2; padding and the
        order of ReLU and normalization from the released colorization_deploy_v2.
    """

    width: float
    outputs: int
    affine: bool
    momentum: float
    dtype: DTypeLike = jnp.float32
    axis_name: str | None = None

    # See `interface.Network`.
    input_multiple = 8
    output_stride = 4
    outer_layers = OuterLayers(first="conv1_1", last="head")
    extra_inputs = ()
    extra_outputs = ()
    encoder = None
    has_features = True

    def __call__(
        self, lightness: Float[Array, "b h w"], *, train: bool
    ) -> Float[Array, "b H W outputs"]:
        """Returns float32 outputs of shape (b, h / 4, w / 4, outputs).

        Args:
            lightness: L* in [0, 100]; centered and scaled to about [-0.5, 0.5] here.
            train: normalize by the batch's statistics and update the running ones.

        Raises:
            ValueError: the height or the width is no multiple of 8.
        """
        return self.outputs_and_features(lightness, train=train)[0]

    @nn.compact
    def outputs_and_features(
        self, lightness: Float[Array, "b h w"], *, train: bool
    ) -> tuple[Float[Array, "b H W outputs"], Float[Array, "b H W c"]]:
        """Returns the outputs, and conv8_3, the input of the head.

        Args:
            lightness: as for a call.
            train: as for a call.

        Raises:
            ValueError: the height or the width is no multiple of 8.
        """
        interface.check_size(self, *lightness.shape[1:])
        x = ((lightness[..., None] - 50) / 100).astype(self.dtype)
        for i, block in enumerate(BLOCKS, start=1):
            for j in range(1, block.convs + 1):
                x = layers.Conv(
                    features=self._channels(block.channels),
                    stride=block.stride if j == block.convs else 1,
                    dilation=block.dilation,
                    dtype=self.dtype,
                    name=f"conv{i}_{j}",
                )(x)
                x = nn.relu(x)
            x = layers.BatchNorm(
                momentum=self.momentum,
                affine=self.affine,
                axis_name=self.axis_name,
                name=f"conv{i}_{block.convs}norm",
            )(x, train=train)
            x = checkpoint_name(x, layers.BLOCK)
        last = self._channels(LAST_CHANNELS)
        x = nn.relu(layers.ConvTranspose(last, self.dtype, name="conv8_1")(x))
        x = nn.relu(layers.Conv(last, self.dtype, name="conv8_2")(x))
        x = nn.relu(layers.Conv(last, self.dtype, name="conv8_3")(x))
        return layers.Head(self.outputs, self.dtype, name="head")(x), x

    def flops(self, height: int, width: int) -> int:
        """Returns the operations of a forward pass; a multiply-add counts as two.

        Counts the convolutions only; all else is below one percent. A train step takes
        three times as many.

        Args:
            height: of the lightness, pixels.
            width: of the lightness, pixels.
        """
        interface.check_size(self, height, width)
        channels, pixels, products = 1, height * width, 0
        for block in BLOCKS:
            features = self._channels(block.channels)
            for j in range(block.convs):
                if j == block.convs - 1:
                    pixels //= block.stride**2
                products += 9 * pixels * channels * features
                channels = features
        last = self._channels(LAST_CHANNELS)
        products += 16 * pixels * channels * last
        # Four times the pixels, from conv8_1 on.
        products += 4 * pixels * (2 * 9 * last * last + last * self.outputs)
        return 2 * products

    def _channels(self, full: int) -> int:
        return 8 * max(1, round(full * self.width / 8))
