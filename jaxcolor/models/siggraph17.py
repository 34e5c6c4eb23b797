"""The network of Zhang et al., "Real-time user-guided image colorization", 2017."""

from typing import Literal

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.ad_checkpoint import checkpoint_name
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from jaxcolor.color import ab_grid, decode
from jaxcolor.models import interface, layers, zhang2016
from jaxcolor.models.interface import OuterLayers

MAIN_CHANNELS = (256, 128, 128)
"""Of conv8, conv9 and conv10, the blocks that double the size, at width 1."""

INPUTS = 4
"""Channels in: lightness, a and b of the hints, and their mask."""

SLOPE = 0.2
"""Of the last rectifier below zero."""


class Siggraph17(nn.Module):
    """Maps lightness, and hints where there are any, to ab for each pixel.

    A U-Net: blocks conv1 to conv7 are those of `zhang2016`, but drop every other row
    and column after their normalization instead of striding; conv8 to conv10 double
    the size, and each adds the map that was normalized at that size on the way down.

    At width 1 it has 34,187,027 parameters, 135,953 of them in the layer `bins`. The
    layers are named as in `zhang2016`, so that a training can start from its weights;
    the convolutions of the shortcuts are conv1_2_short, conv2_2_short, conv3_3_short.

    Attributes:
        width: multiplies channels, then rounded to a multiple of 8.
        outputs: 2: ab, in units of `decode.AB_SCALE`, in (-1, 1).
        centers_mask: whether 0.5 is subtracted from the mask, as in the authors'
            training with PyTorch; weights that were converted from their Caffe network
            want the mask as it is.
        momentum: of the running statistics, see `layers.BatchNorm`.
        dtype: of the computation, float32 or bfloat16; parameters, statistics and
            outputs are float32.
        axis_name: of the mapped axis over which statistics are shared, if any.
        detached: which of "outputs" and "bins" teaches the layers that both share
            nothing, by stopping its gradient; None for neither.

    Source:
        Zhang et al. 2017 (arXiv:1705.02999), section 3.3 and figure 2; sizes, padding
        and order of the layers from the authors' release for PyTorch.
    """

    width: float
    outputs: int
    centers_mask: bool
    momentum: float
    dtype: DTypeLike = jnp.float32
    axis_name: str | None = None
    detached: Literal["outputs", "bins"] | None = None

    # See `interface.Network`.
    input_multiple = 8
    output_stride = 1
    outer_layers = OuterLayers(first="conv1_1", last="head")
    encoder = None
    extra_inputs = ("hints",)
    extra_outputs = ("bins",)
    has_features = False

    def __call__(
        self,
        lightness: Float[Array, "b h w"],
        *,
        train: bool,
        hints: Float[Array, "b h w 3"] | None = None,
    ) -> Float[Array, "b h w 2"]:
        """Returns ab in units of `decode.AB_SCALE`, float32.

        Args:
            lightness: L* in [0, 100].
            train: normalize by the batch's statistics and update the running ones.
            hints: a and b in CIELAB units, zero where there is no hint, and a mask: 1
                where there is a hint, else 0. None for no hints.

        Raises:
            ValueError: the height or the width is no multiple of 8, or the network
                was built with another number of outputs than 2.
        """
        return self.outputs_and_extra(lightness, train=train, hints=hints)[0]

    @nn.compact
    def outputs_and_extra(
        self,
        lightness: Float[Array, "b h w"],
        *,
        train: bool,
        hints: Float[Array, "b h w 3"] | None = None,
    ) -> tuple[Float[Array, "b h w 2"], dict[str, Float[Array, "b H W q"]]]:
        """Returns the outputs, and "bins", logits of the bins of `ab_grid`.

        The logits have a quarter of the height and width.

        Args:
            lightness: as for a call.
            train: as for a call.
            hints: as for a call.

        Raises:
            ValueError: as for a call.
        """
        interface.check_size(self, *lightness.shape[1:])
        if self.outputs != 2:
            raise ValueError(
                f"siggraph17 has {self.outputs} outputs; wanted 2, as it predicts ab"
            )
        maps = self._contracted(self._inputs(lightness, hints), train=train)
        maps, x = maps[:3], maps[-1]
        x = self._expanded(x, maps.pop(), block=8, train=train)
        bins = layers.Head(ab_grid.BINS, self.dtype, name="bins")(
            jax.lax.stop_gradient(x) if self.detached == "bins" else x
        )
        if self.detached == "outputs":
            x, maps = jax.lax.stop_gradient((x, maps))
        x = self._expanded(x, maps.pop(), block=9, train=train)
        x = self._expanded(x, maps.pop(), block=10, train=train)
        outputs = layers.Head(self.outputs, self.dtype, name="head")(x)
        return jnp.tanh(outputs), {"bins": bins}

    @nn.nowrap
    def _inputs(
        self, lightness: Float[Array, "b h w"], hints: Float[Array, "b h w 3"] | None
    ) -> Float[Array, "b h w 4"]:
        if hints is None:
            hints = jnp.zeros((*lightness.shape, 3), lightness.dtype)
        mask = hints[..., 2:] - 0.5 * self.centers_mask
        parts = [
            (lightness[..., None] - 50) / 100,
            hints[..., :2] / decode.AB_SCALE,
            mask,
        ]
        return jnp.concatenate(parts, axis=-1).astype(self.dtype)

    @nn.nowrap
    def _contracted(self, x: Array, *, train: bool) -> list[Array]:
        """Returns the map after each of the blocks conv1 to conv7."""
        maps = []
        for i, block in enumerate(zhang2016.BLOCKS, start=1):
            for j in range(1, block.convs + 1):
                x = nn.relu(
                    self._conv(
                        x,
                        self._channels(block.channels),
                        f"conv{i}_{j}",
                        dilation=block.dilation,
                    )
                )
            x = self._norm(x, f"conv{i}_{block.convs}norm", train=train)
            maps.append(checkpoint_name(x, layers.BLOCK))
            # Not by indexing, which gathers where an export leaves sizes open.
            strides = (1, block.stride, block.stride, 1)
            x = jax.lax.slice(x, (0, 0, 0, 0), x.shape, strides)
        return maps

    @nn.nowrap
    def _expanded(
        self,
        x: Float[Array, "b h w i"],
        shortcut: Float[Array, "b 2*h 2*w s"],
        *,
        block: int,
        train: bool,
    ) -> Float[Array, "b 2*h 2*w o"]:
        """Returns the map after one of the blocks conv8 to conv10."""
        features = self._channels(MAIN_CHANNELS[block - 8])
        of = 11 - block
        short = f"conv{of}_{zhang2016.BLOCKS[of - 1].convs}_short"
        up = layers.ConvTranspose(features, self.dtype, name=f"conv{block}_1")(x)
        x = nn.relu(up + self._conv(shortcut, features, short))
        if block == 10:
            x = self._conv(x, features, "conv10_2")
            return nn.leaky_relu(x, SLOPE)
        convs = 3 if block == 8 else 2
        for j in range(2, convs + 1):
            x = nn.relu(self._conv(x, features, f"conv{block}_{j}"))
        x = self._norm(x, f"conv{block}_{convs}norm", train=train)
        return checkpoint_name(x, layers.BLOCK)

    @nn.nowrap
    def _conv(self, x: Array, features: int, name: str, *, dilation: int = 1) -> Array:
        return layers.Conv(features, self.dtype, dilation=dilation, name=name)(x)

    @nn.nowrap
    def _norm(self, x: Array, name: str, *, train: bool) -> Array:
        return layers.BatchNorm(
            momentum=self.momentum, affine=True, axis_name=self.axis_name, name=name
        )(x, train=train)

    def flops(self, height: int, width: int) -> int:
        """Returns the operations of a forward pass; a multiply-add counts as two.

        Counts the convolutions that the outputs need, so not `bins`, which is one
        percent more. A train step takes three times as many.

        Args:
            height: of the lightness, pixels.
            width: of the lightness, pixels.
        """
        interface.check_size(self, height, width)
        channels, pixels, products, shortcuts = INPUTS, height * width, 0, []
        for block in zhang2016.BLOCKS:
            features = self._channels(block.channels)
            for _ in range(block.convs):
                products += 9 * pixels * channels * features
                channels = features
            shortcuts.append(features)
            pixels //= block.stride**2
        for full, short, convs in zip(
            MAIN_CHANNELS, shortcuts[2::-1], (2, 1, 1), strict=True
        ):
            features = self._channels(full)
            products += 16 * pixels * channels * features
            pixels *= 4
            products += 9 * pixels * features * (short + convs * features)
            channels = features
        return 2 * (products + pixels * channels * self.outputs)

    @nn.nowrap
    def _channels(self, full: int) -> int:
        return 8 * max(1, round(full * self.width / 8))
