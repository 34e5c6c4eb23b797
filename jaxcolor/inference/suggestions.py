"""Suggestions: the likely colors of a point, from which a user may choose a hint."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from jaxcolor.color import compose, decode
from jaxcolor.color.array_types import Scalar
from jaxcolor.color.gamut import Gamut
from jaxcolor.inference import adjustments
from jaxcolor.pretrained.descriptions import Description

# Bins within this distance are shades of one color, CIELAB units: one and a half times
# the usual spacing, so the eight neighbors.
RADIUS = 15.0


class Suggestion(NamedTuple):
    """A likely color of a point.

    Attributes:
        color: at the lightness of the point, as #rrggbb.
        share: its probability.
    """

    color: str
    share: float


def gamut_of(description: Description, *, count: int) -> Gamut:
    """Returns the bins that a model suggests colors from.

    Args:
        description: of the model.
        count: number of colors that are wanted.

    Raises:
        ValueError: the model has no bins, or no colors are wanted.
    """
    if (bins := adjustments.bins_of(description)) is None:
        raise ValueError(
            f"the model {description.network} has no bins; wanted a model with bins,"
            " for suggestions"
        )
    if count < 1:
        raise ValueError(f"count is {count}; wanted 1 or more")
    return bins.gamut


def of_cell(
    logits: Float[Array, " q"],
    lightness: Scalar,
    gamut: Gamut,
    *,
    temperature: float | None,
    count: int,
) -> list[Suggestion]:
    """Returns likely colors, the likeliest first.

    Args:
        logits: of the cell.
        lightness: L* of the point.
        gamut: the bins.
        temperature: of the distribution; None for 1.
        count: number of colors; there are fewer where the distribution has fewer.
    """
    modes = decode.modes(
        logits,
        gamut,
        temperature=1.0 if temperature is None else temperature,
        count=count,
        radius=RADIUS,
    )
    levels = np.asarray(_levels(lightness, modes.ab))
    shares = np.asarray(modes.share)
    order = np.argsort(-shares, kind="stable")
    return [
        Suggestion("#{:02x}{:02x}{:02x}".format(*levels[n]), float(shares[n]))
        for n in order
        if shares[n] > 0
    ]


@jax.jit
def _levels(lightness: Scalar, ab: Float[Array, "m 2"]) -> UInt8[Array, "m 3"]:
    everywhere = jnp.full(len(ab), lightness)
    return compose.levels(compose.rgb(everywhere, ab), dtype=jnp.uint8)
