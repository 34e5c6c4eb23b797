"""The network of Larsson, Maire and Shakhnarovich, ECCV 2016: VGG-16 and hypercolumns.

"Learning Representations for Automatic Colorization".
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.ad_checkpoint import checkpoint_name
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Int

from jaxcolor.color import cielab
from jaxcolor.models import convolutions, interface, layers, vgg16
from jaxcolor.models.interface import Encoder, OuterLayers

GRAY_MEAN = 0.4488
"""Subtracted from gray levels in [0, 1]. Source: the released train_vgg16.prototxt."""

FEATURES = 1024
"""Channels of h_fc1, at width 1."""

DROPOUT = 0.5
"""Share of the channels of fc6, fc7 and h_fc1 that a training step leaves out."""

# Sizes of the kernels of the dense layers, which are convolutions here.
DENSE = {"fc6": 7, "fc7": 1}

Locations = Int[Array, "b n 2"]
"""Rows and columns: of pixels of the lightness, or of cells of the output map."""

Source = Float[Array, "b _ _ _"]
"""A map of the trunk, of any size."""


class Trunk(nn.Module):
    """Maps gray levels to the maps behind each ReLU of VGG-16, at their own sizes.

    Layers are named as those of `vgg16.Features`; fc6 and fc7 are convolutions.

    Attributes:
        width: see `Larsson2016`.
        momentum: see `Larsson2016`.
        dtype: of the computation.
        axis_name: see `Larsson2016`.
    """

    width: float
    momentum: float
    dtype: DTypeLike
    axis_name: str | None

    @nn.compact
    def __call__(
        self, gray: Float[Array, "b h w 1"], *, train: bool
    ) -> list[list[Source]]:
        """Returns the maps of each block, the gray levels among those of the first.

        The last of the six blocks has fc6 and fc7.
        """
        x = gray.astype(self.dtype)
        blocks = [[x]]
        for i, convs in enumerate(vgg16.CONVS, start=1):
            for j in range(1, convs + 1):
                channels = scaled(vgg16.WIDTHS[i - 1], self.width)
                x = self._layer(x, f"conv{i}_{j}", channels, size=3, train=train)
                blocks[-1].append(x)
            x = checkpoint_name(vgg16.max_pool(x), layers.BLOCK)
            blocks.append([])
        for name, size in DENSE.items():
            hidden = scaled(vgg16.HIDDEN, self.width)
            x = self._layer(x, name, hidden, size=size, train=train)
            x = nn.Dropout(DROPOUT, deterministic=not train)(x)
            blocks[-1].append(x)
        return blocks

    def _layer(
        self, x: Array, name: str, features: int, *, size: int, train: bool
    ) -> Float[Array, "b h w c"]:
        x = layers.Conv(features, self.dtype, size=size, name=name)(x)
        x = layers.BatchNorm(
            momentum=self.momentum,
            affine=False,
            axis_name=self.axis_name,
            name=f"{name}norm",
        )(x, train=train)
        return nn.relu(x)


class Hypercolumn(nn.Module):
    """A 1x1 convolution of the hypercolumn, which is never put together.

    The convolution is linear, and so is the enlargement of the coarse maps: each map
    is multiplied at its own size by its rows of the kernel, and the products are
    enlarged and added.

    Attributes:
        features: channels out.
        dtype: of the factors of the matrix products.
    """

    features: int
    dtype: DTypeLike

    @nn.compact
    def __call__(
        self, maps: dict[int, Source], cells: Locations | None
    ) -> Float[Array, "b h w o"]:
        """Returns float32 outputs of the whole map, or (b, 1, n, o) of n of its cells.

        Args:
            maps: by the factor that each is enlarged by, in the order of their
                channels in the hypercolumn.
            cells: rows and columns of those that are wanted; None for all.
        """
        channels = sum(x.shape[-1] for x in maps.values())
        draw = nn.initializers.he_normal()
        kernel = self.param("kernel", draw, (1, 1, channels, self.features))
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        total, start = jnp.reshape(bias, (1, 1, 1, -1)), 0
        for factor, x in maps.items():
            rows = kernel[:, :, start : start + x.shape[-1]]
            start += x.shape[-1]
            if cells is not None:
                x = at_cells(x, cells, factor=factor)
            x, rows = nn.dtypes.promote_dtype(x, rows, dtype=self.dtype)
            y = convolutions.conv1x1(x, rows)
            total += layers.enlarged(y, factor=factor) if cells is None else y
        return total


class Larsson2016(nn.Module):
    """Maps lightness to one vector per pixel of a map a quarter as high and wide.

    With width 1 and 64 outputs it has 147,041,024 parameters, as the released
    network. Batch normalization, between each convolution of the trunk and its ReLU,
    has no scale and no shift, so it adds none; its 24,832 running statistics are
    counted apart. The released network has them folded into kernels and biases, which
    the statistics mean = 0 and variance = 1 stand for here.

    The trunk sees gray levels in [0, 1], less their mean: the level of the sRGB gray
    that has the pixel's L*. (The authors' lightness is the mean of R, G and B; here
    all methods start from the same L*.)

    The hypercolumn of a pixel has 12,417 channels at width 1, from 16 sources: the
    gray level, and what is behind each ReLU of the trunk. Finer maps than the output
    are averaged, coarser ones enlarged bilinearly.

    Attributes:
        width: multiplies channels, then rounded to a multiple of 8.
        outputs: channels out, as many as the head wants.
        momentum: of the running statistics, see `layers.BatchNorm`.
        dtype: of the computation, float32 or bfloat16; parameters, statistics and
            outputs are float32.
        axis_name: of the mapped axis over which statistics are shared, if any.

    Source:
        Larsson et al. 2016 (arXiv:1603.06668); layers of the released
        autocolorize.prototxt, normalization of train_vgg16.prototxt.
    """

    width: float
    outputs: int
    momentum: float
    dtype: DTypeLike = jnp.float32
    axis_name: str | None = None

    # See `interface.Network`.
    input_multiple = 32
    output_stride = 4
    outer_layers = OuterLayers(first="trunk/conv1_1", last="head")
    encoder = Encoder(kind="vgg16", module="trunk", gray_mean=GRAY_MEAN)
    extra_inputs = ("locations",)
    extra_outputs = ("cells",)
    has_features = True

    def __call__(
        self,
        lightness: Float[Array, "b h w"],
        *,
        train: bool,
        locations: Locations | None = None,
    ) -> Float[Array, "b H W outputs"]:
        """Returns float32 outputs of shape (b, h / 4, w / 4, outputs).

        Args:
            lightness: L* in [0, 100].
            train: normalize by the batch's statistics and update the running ones, and
                leave out channels at random: needs a key named "dropout".
            locations: rows and columns of n pixels of the lightness: outputs are those
                of the cells that have them, and their shape is (b, 1, n, outputs). None
                for all cells.

        Raises:
            ValueError: the height or the width is no multiple of 32.
        """
        return self.outputs_and_features(lightness, train=train, locations=locations)[0]

    def outputs_and_extra(
        self,
        lightness: Float[Array, "b h w"],
        *,
        train: bool,
        locations: Locations | None = None,
    ) -> tuple[Float[Array, "b H W outputs"], dict[str, Any]]:
        """Returns the outputs, and the "cells" that they are of, where not of all."""
        outputs = self(lightness, train=train, locations=locations)
        if locations is None:
            return outputs, {}
        return outputs, {"cells": locations // self.output_stride}

    @nn.compact
    def outputs_and_features(
        self,
        lightness: Float[Array, "b h w"],
        *,
        train: bool,
        locations: Locations | None = None,
    ) -> tuple[Float[Array, "b H W outputs"], Float[Array, "b H W c"]]:
        """Returns the outputs, and h_fc1, the input of the last layer.

        Args:
            lightness: as for a call.
            train: as for a call.
            locations: as for a call.

        Raises:
            ValueError: the height or the width is no multiple of 32.
        """
        interface.check_size(self, *lightness.shape[1:])
        gray = cielab.gray_from_lightness(lightness) - GRAY_MEAN
        blocks = Trunk(
            self.width, self.momentum, self.dtype, self.axis_name, name="trunk"
        )(gray[..., None], train=train)
        cells = None if locations is None else locations // self.output_stride
        features = Hypercolumn(scaled(FEATURES, self.width), self.dtype, name="h_fc1")(
            by_enlargement(blocks), cells
        )
        features = nn.relu(features).astype(self.dtype)
        features = nn.Dropout(DROPOUT, deterministic=not train)(features)
        return layers.Head(self.outputs, self.dtype, name="head")(features), features

    def flops(self, height: int, width: int) -> int:
        """Returns the operations of a forward pass; a multiply-add counts as two.

        Counts the convolutions only, all outputs included. A train step takes three
        times as many.

        Args:
            height: of the lightness, pixels.
            width: of the lightness, pixels.
        """
        interface.check_size(self, height, width)
        pixels = height * width
        cells = pixels // self.output_stride**2
        hidden = scaled(vgg16.HIDDEN, self.width)
        features = scaled(FEATURES, self.width)
        channels, products = 1, cells * features * (1 + self.outputs)
        for full, convs in zip(vgg16.WIDTHS, vgg16.CONVS, strict=True):
            block = scaled(full, self.width)
            products += 9 * pixels * block * (channels + (convs - 1) * block)
            # Maps that are finer than the output are averaged first.
            products += min(pixels, cells) * convs * block * features
            channels, pixels = block, pixels // 4
        products += pixels * hidden * (DENSE["fc6"] ** 2 * channels + hidden)
        products += pixels * 2 * hidden * features
        return 2 * products


def scaled(channels: int, width: float) -> int:
    """Returns a number of channels times a width, rounded to a multiple of 8."""
    return 8 * max(1, round(channels * width / 8))


def by_enlargement(blocks: list[list[Source]]) -> dict[int, Source]:
    """Returns the sources of the hypercolumn by the factor that they want.

    Sources of one size are concatenated, in the order of the released network.

    Args:
        blocks: maps at the input's size, at half of it, and so on. Those of the first
            two are averaged down to a quarter.
    """
    first, second, third, *coarse = blocks
    fine = [mean_pool(x, size=4) for x in first]
    fine += [mean_pool(x, size=2) for x in second]
    groups = {1: [*fine, *third]}
    groups |= {2**n: maps for n, maps in enumerate(coarse, start=1)}
    return {factor: jnp.concatenate(maps, axis=-1) for factor, maps in groups.items()}


def mean_pool(
    x: Float[Array, "b h w c"], *, size: int
) -> Float[Array, "b h//{size} w//{size} c"]:
    """Returns the means of squares of pixels."""
    return jnp.asarray(nn.avg_pool(x, (size, size), strides=(size, size)))


def at_cells(
    x: Float[Array, "b H W c"], cells: Locations, *, factor: int
) -> Float[Array, "b 1 n c"]:
    """Returns some cells of `layers.enlarged(x, factor=factor)`.

    Args:
        x: maps.
        cells: rows and columns of the enlarged maps.
        factor: of the enlargement, even, or 1.
    """
    if factor == 1:
        return jax.vmap(lambda image, at: image[at[:, 0], at[:, 1]][None])(x, cells)
    padded = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    # Where the center of a cell lies, in pixels of the map with zeros around it.
    exact = (cells + 0.5) / factor + 0.5
    before = jnp.floor(exact).astype(jnp.int32)
    after = exact - before

    def of_image(image: Array, first: Array, second: Array) -> Array:
        total = jnp.zeros((len(first), image.shape[-1]), image.dtype)
        for down in (0, 1):
            for right in (0, 1):
                # Bilinear: 1 - share for the pixel before, share for that after.
                weight = abs(1 - jnp.array([[down, right]]) - second).prod(axis=-1)
                seen = image[first[:, 0] + down, first[:, 1] + right]
                total += weight[:, None].astype(image.dtype) * seen
        return total[None]

    return jax.vmap(of_image)(padded, before, after)
