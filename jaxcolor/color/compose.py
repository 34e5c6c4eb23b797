"""Composes pictures in sRGB from lightness and ab."""

from functools import partial

import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Int, UInt, UInt8

from jaxcolor.color import cielab, coherence
from jaxcolor.color.array_types import Ab, Lightness, Rgb


def rgb(lightness: Lightness, ab: Ab) -> Rgb:
    """Returns sRGB in [0, 1] of a lightness and colors.

    A color outside sRGB loses chroma until it is inside, so that its lightness and its
    hue stay.

    Args:
        lightness: L* in [0, 100].
        ab: CIELAB units.
    """
    lab = jnp.concatenate([lightness[..., None], ab], axis=-1)
    return jnp.clip(cielab.lab_to_rgb(cielab.clip_chroma(lab)), 0, 1)


def levels(rgb: Rgb, *, dtype: DTypeLike) -> UInt[Array, "*p 3"]:
    """Returns sRGB in [0, 1] rounded to the levels of an unsigned integer type."""
    return jnp.round(rgb * jnp.iinfo(dtype).max).astype(dtype)


def pictures(
    lightness: Float[Array, "b h w"], cells: Float[Array, "b H W n"]
) -> UInt8[Array, "b h w 3"]:
    """Returns photographs as a file of 8 bits holds them.

    Args:
        lightness: L* in [0, 100], at full size.
        cells: as for `enlarge`.
    """
    return levels(rgb(lightness, enlarge(cells, lightness)), dtype=jnp.uint8)


def enlarge(
    cells: Float[Array, "*b g k n"], lightness: Float[Array, "*b height width"]
) -> Float[Array, "*b height width 2"]:
    """Enlarges ab bilinearly; pixels and cells have their centers at halves.

    For ab itself equal to PyTorch's
    `interpolate(mode="bilinear", align_corners=False)`.

    Args:
        cells: ab in CIELAB units, one for each cell of the network's output; or
            functions from lightness to ab, see `coherence.at_lightness`.
        lightness: L* at full size.
    """
    rows, columns = cells.shape[-3:-1]
    height, width = lightness.shape[-2:]
    down = shares(jnp.arange(height), rows / height, rows, cells=rows)
    across = shares(jnp.arange(width), columns / width, columns, cells=columns)
    return coherence.at_lightness(interpolate(down, cells, across), lightness)


def shares(
    pixels: Int[Array, " n"],
    scale: Float[Array, ""] | float,
    valid: Int[Array, ""] | int,
    *,
    cells: int,
) -> Float[Array, "n cells"]:
    """Returns each pixel's share of each cell, along one axis.

    Args:
        pixels: their positions.
        scale: cells per pixel.
        valid: number of cells that count. Pixels beyond the middle of the last one
            take its value.
        cells: number of cells.
    """
    place = jnp.clip((pixels + 0.5) * scale - 0.5, 0, valid - 1)
    return jnp.maximum(0, 1 - jnp.abs(place[:, None] - jnp.arange(cells)[None]))


def interpolate(
    down: Float[Array, "h g"],
    cells: Float[Array, "*b g k n"],
    across: Float[Array, "w k"],
) -> Float[Array, "*b h w n"]:
    """Returns the weighted sums of cells, by the `shares` along both axes."""
    # Two small matrix products are faster than gathering four cells for each pixel.
    product = partial(jnp.einsum, precision="highest")
    return product("hg,...gkn,wk->...hwn", down, cells, across)
