"""The residual encoder of Dahl, "Automatic Colorization", 2016."""

import jax.numpy as jnp
from flax import linen as nn
from jax.ad_checkpoint import checkpoint_name
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from jaxcolor.color import cielab
from jaxcolor.models import interface, layers, vgg16
from jaxcolor.models.interface import Encoder, OuterLayers

BLOCKS = 4
"""Blocks of VGG-16 that the trunk has: up to conv4_3."""

COLORS = 3
"""Channels of the gray photograph, of its copies that VGG-16 sees, at any width."""


class Dahl2016(nn.Module):
    """Maps lightness to one vector for each of its pixels.

    VGG-16 sees the gray photograph, copied to three channels. From its coarsest map on,
    each map is doubled in size and added to the trunk's normalized map of that size; in
    the end the gray photograph itself is added.

    With width 1 and 2 outputs the trunk has 7,635,264 parameters and the encoder above
    it 503,901, 501,575 of them in kernels. The author trained the encoder alone, above
    a trunk from ImageNet: `config.initialization.encoder` reads its weights, and
    `config.layers.rates = {"trunk": 0.0}` freezes it.

    Attributes:
        width: multiplies the channels of trunk and encoder, then rounded to a multiple
            of 8.
        outputs: channels out: 2, U and V before the sigmoid.
        momentum: of the running statistics, see `layers.BatchNorm`. The trunk has none.
        dtype: of the computation, float32 or bfloat16; parameters, statistics and
            outputs are float32.
        axis_name: of the mapped axis over which statistics are shared, if any.

    Source:
        Dahl 2016, tinyclouds.org/colorize. The layers are those of the post's figure
        as published reimplementations read it. The post has batch normalization behind
        every convolution; by the figure the 1x1 convolution has none.
    """

    width: float
    outputs: int
    momentum: float
    dtype: DTypeLike = jnp.float32
    axis_name: str | None = None

    # See `interface.Network`.
    input_multiple = 2 ** (BLOCKS - 1)
    output_stride = 1
    # The last normalization takes the place of a bias.
    outer_layers = OuterLayers(first="trunk/conv1_1", last="headnorm")
    extra_inputs = ()
    extra_outputs = ()
    encoder = Encoder(kind="vgg16", module="trunk")
    has_features = False

    @nn.compact
    def __call__(
        self, lightness: Float[Array, "b h w"], *, train: bool
    ) -> Float[Array, "b h w outputs"]:
        """Returns float32 outputs, one vector for each pixel.

        Args:
            lightness: L* in [0, 100].
            train: normalize by the batch's statistics and update the running ones.

        Raises:
            ValueError: the height or the width is no multiple of 8.
        """
        interface.check_size(self, *lightness.shape[1:])
        gray = cielab.gray_from_lightness(lightness)[..., None]
        photograph = vgg16.normalize(jnp.repeat(gray, COLORS, axis=-1))
        photograph = photograph.astype(self.dtype)
        widths = self._widths()
        maps = vgg16.Features(widths, self.dtype, name="trunk")(photograph)

        def conv(x: Array, features: int, name: str, size: int = 3) -> Array:
            make = layers.Conv(
                features, self.dtype, size=size, has_bias=False, name=name
            )
            return make(x)

        def norm(x: Array, name: str) -> Array:
            return layers.BatchNorm(
                momentum=self.momentum,
                affine=True,
                axis_name=self.axis_name,
                name=f"{name}norm",
            )(x, train=train)

        x = norm(maps[-1], f"trunk{BLOCKS}")
        x = nn.relu(conv(x, widths[-2], f"conv{BLOCKS}", size=1))
        for number in range(BLOCKS - 1, 0, -1):
            name = f"conv{number}"
            x = layers.doubled(x) + norm(maps[number - 1], f"trunk{number}")
            x = checkpoint_name(x, layers.BLOCK)
            x = conv(x, widths[number - 2] if number > 1 else COLORS, name)
            x = nn.relu(norm(x, name))
        x = x + norm(photograph, "gray")
        x = nn.relu(norm(conv(x, COLORS, "conv0"), "conv0"))
        x = conv(x, self.outputs, "head")
        return norm(x.astype(jnp.float32), "head")

    def flops(self, height: int, width: int) -> int:
        """Returns the operations of a forward pass; a multiply-add counts as two.

        Those of convolutions only. A train step takes three times as many where the
        trunk is trained too.

        Args:
            height: of the lightness, pixels.
            width: of the lightness, pixels.
        """
        interface.check_size(self, height, width)
        pixels, channels, products = height * width, COLORS, 0
        for number, features in enumerate(self._widths(), 1):
            of_trunk = channels + (vgg16.CONVS[number - 1] - 1) * features
            products += 9 * pixels * features * of_trunk
            # The encoder's convolution of this map has as many channels out as the
            # trunk's block has in; that of the coarsest is 1x1.
            products += (1 if number == BLOCKS else 9) * pixels * features * channels
            channels, pixels = features, pixels // 4
        products += 9 * height * width * COLORS * (COLORS + self.outputs)
        return 2 * products

    @nn.nowrap
    def _widths(self) -> tuple[int, ...]:
        """Returns the channels of each block of the trunk."""
        return tuple(
            8 * max(1, round(full * self.width / 8)) for full in vgg16.WIDTHS[:BLOCKS]
        )
