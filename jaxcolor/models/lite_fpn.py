"""An ImageNet encoder with a light pyramid on top: the network of the bundled model."""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.ad_checkpoint import checkpoint_name
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from jaxcolor.color import cielab
from jaxcolor.models import efficientnet_lite, interface, layers
from jaxcolor.models.interface import Encoder, OuterLayers

COARSEST = 160
"""Channels of the map at stride 32, before anything is added to it."""

PYRAMID = (128, 112, 96)
"""Channels at strides 16, 8 and 4."""

REFINEMENTS = 3
"""Depthwise and pointwise convolutions, as residuals, at stride 4."""

HEADS = 4
"""Heads of the attention; the number of channels at stride 16 is a multiple of it."""

EPSILON = 1e-6


class LiteFpn(nn.Module):
    """Maps lightness to one vector per pixel of a map a quarter as high and wide.

    An EfficientNet-Lite sees the photograph in gray. From its coarsest map on, which
    gets the mean of the whole photograph, each map is doubled in size and added to
    the encoder's of that size, down to a quarter of the photograph; at stride 16
    every place attends to all others.

    With Lite0 and the paper's bins it has 3.6 million parameters, 2.9 of them the
    encoder's.

    Attributes:
        width: multiplies the channels of the pyramid, rounded to multiples of 8.
        encoder_width: see `efficientnet_lite.Size`; 1 for Lite0.
        encoder_depth: see `efficientnet_lite.Size`.
        outputs: channels out: the number of bins, or 2 to predict ab itself.
        momentum: of the pyramid's running statistics, see `layers.BatchNorm`. The
            encoder has none.
        dtype: of the computation, float32 or bfloat16; parameters, statistics and
            outputs are float32.
        axis_name: of the mapped axis over which statistics are shared, if any.

    Source:
        The encoder: Tan and Le 2019 (arXiv:1905.11946). The pyramid: Lin et al. 2017
        (arXiv:1612.03144). Attention as a residual: Wang et al. 2018
        (arXiv:1711.07971). How they are joined is this project's.
    """

    width: float
    encoder_width: float
    encoder_depth: float
    outputs: int
    momentum: float
    dtype: DTypeLike = jnp.float32
    axis_name: str | None = None

    # See `interface.Network`.
    input_multiple = efficientnet_lite.STRIDE
    output_stride = 4
    outer_layers = OuterLayers(first="encoder/stem", last="head")
    extra_inputs = ()
    extra_outputs = ()
    encoder = Encoder(kind="efficientnet_lite", module="encoder")
    has_features = True

    @nn.compact
    def outputs_and_features(
        self, lightness: Float[Array, "b h w"], *, train: bool
    ) -> tuple[Float[Array, "b H W outputs"], Float[Array, "b H W c"]]:
        """Returns `__call__`'s outputs and the features that they are linear in.

        Args:
            lightness: as for a call.
            train: as for a call.
        """
        interface.check_size(self, *lightness.shape[1:])
        c1, c2, c3, c4, c5 = efficientnet_lite.Encoder(
            self.encoder_width, self.encoder_depth, self.dtype, name="encoder"
        )(gray(lightness)[..., None])
        coarsest = self._channels(COARSEST)
        at16, at8, at4 = (self._channels(n) for n in PYRAMID)

        def conv(x: Array, features: int, name: str) -> Array:
            x = layers.Conv(features, self.dtype, name=name)(x)
            return self._norm(x, name, train=train)

        def lateral(x: Array, features: int, name: str) -> Array:
            x = layers.Pointwise(features, self.dtype, name=name)(x)
            return self._norm(x, name, train=train)

        x = nn.relu(lateral(c5, coarsest, "lateral32"))
        whole = jnp.mean(c5, (1, 2), keepdims=True, dtype=jnp.float32)
        x = x + nn.relu(layers.Pointwise(coarsest, self.dtype, name="context")(whole))
        x = nn.relu(conv(x, at16, "fuse32"))
        x = nn.relu(layers.doubled(x) + lateral(c4, at16, "lateral16"))
        x = Attention(HEADS, self.dtype, name="attention")(x)
        x = checkpoint_name(x, layers.BLOCK)
        x = nn.relu(conv(x, at8, "fuse16"))
        x = nn.relu(layers.doubled(x) + lateral(c3, at8, "lateral8"))
        x = nn.relu(conv(x, at4, "fuse8"))
        x = layers.doubled(x) + lateral(c2, at4, "lateral4")
        x = nn.relu(x + lateral(four_as_one(c1), at4, "lateral2"))
        x = checkpoint_name(x, layers.BLOCK)
        for number in range(1, 1 + REFINEMENTS):
            # Dense 3x3 convolutions here would take a third of a training's time.
            name = f"refine{number}"
            y = layers.Depthwise(self.dtype, size=5, name=f"{name}_depthwise")(x)
            y = nn.relu(self._norm(y, f"{name}_depthwise", train=train))
            x = nn.relu(x + lateral(y, at4, f"{name}_pointwise"))
        return layers.Head(self.outputs, self.dtype, name="head")(x), x

    @nn.nowrap
    def _norm(self, x: Array, name: str, *, train: bool) -> Array:
        return layers.BatchNorm(
            momentum=self.momentum,
            affine=True,
            axis_name=self.axis_name,
            name=f"{name}norm",
        )(x, train=train)

    def __call__(
        self, lightness: Float[Array, "b h w"], *, train: bool
    ) -> Float[Array, "b H W outputs"]:
        """Returns float32 outputs of shape (b, h / 4, w / 4, outputs).

        Args:
            lightness: L* in [0, 100].
            train: normalize by the batch's statistics and update the running ones.

        Raises:
            ValueError: the height or the width is no multiple of 32.
        """
        return self.outputs_and_features(lightness, train=train)[0]

    def flops(self, height: int, width: int) -> int:
        """Returns the operations of a forward pass; a multiply-add counts as two.

        Those of convolutions only. A train step takes three times as many.

        Args:
            height: of the lightness, pixels.
            width: of the lightness, pixels.
        """
        interface.check_size(self, height, width)
        pixels, products = height * width // 4, 9 * efficientnet_lite.STEM_CHANNELS
        products *= pixels
        channels, of_maps = efficientnet_lite.STEM_CHANNELS, []
        for block in efficientnet_lite.blocks(
            width=self.encoder_width, depth=self.encoder_depth
        ):
            if block.stride > 1:
                of_maps.append(channels)
            wide = block.expand * channels
            if block.expand > 1:
                products += pixels * channels * wide
            pixels //= block.stride**2
            products += pixels * wide * (block.size**2 + block.channels)
            channels = block.channels
        c1, c2, c3, c4, c5 = (*of_maps, channels)
        coarsest = self._channels(COARSEST)
        at16, at8, at4 = (self._channels(n) for n in PYRAMID)
        products += pixels * (c5 * coarsest + 9 * coarsest * at16)
        products += 4 * pixels * (c4 * at16 + 4 * at16**2 + 9 * at16 * at8)
        products += 16 * pixels * (c3 * at8 + 9 * at8 * at4)
        refined = REFINEMENTS * (25 + at4)
        products += 64 * pixels * at4 * (c2 + 4 * c1 + refined + self.outputs)
        return 2 * products

    @nn.nowrap
    def _channels(self, full: int) -> int:
        return 8 * max(1, round(full * self.width / 8))


class Attention(nn.Module):
    """Attends over all positions of the map, with a residual connection.

    Starts as the identity. There are no positional encodings: places attend to similar
    places at any distance, and inputs may have any size.

    Attributes:
        heads: parts of the channels that attend by themselves.
        dtype: of the computation and the result.
    """

    heads: int
    dtype: DTypeLike

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        b, h, w, c = x.shape
        normal = nn.LayerNorm(epsilon=EPSILON, dtype=self.dtype, name="prenorm")(x)
        joint = layers.Pointwise(3 * c, self.dtype, name="query_key_value")(normal)
        parts = joint.reshape(b, h * w, 3, self.heads, c // self.heads)
        query, key, value = (parts[:, :, i] for i in range(3))
        found = jax.nn.dot_product_attention(query, key, value)
        found = found.reshape(b, h, w, c)
        return x + layers.Pointwise(c, self.dtype, is_zero=True, name="out")(found)


def four_as_one(x: Float[Array, "b h w c"]) -> Float[Array, "b h//2 w//2 4*c"]:
    """Halves height and width: four pixels become the channels of one."""
    b, h, w, c = x.shape
    parts = x.reshape(b, h // 2, 2, w // 2, 2, c).transpose(0, 1, 3, 2, 4, 5)
    return parts.reshape(b, h // 2, w // 2, 4 * c)


def gray(lightness: Float[Array, "b h w"]) -> Float[Array, "b h w"]:
    """Returns the sRGB level of a lightness, in the range that the encoder knows."""
    return efficientnet_lite.normalize(255 * cielab.gray_from_lightness(lightness))
