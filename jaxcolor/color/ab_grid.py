"""A square grid of bins over the whole ab plane, colors or not.

The paper's bins (`gamut`) are those that sRGB reaches; a network that learns its
features from classes of color needs no such choice.
"""

import jax.numpy as jnp

from jaxcolor.color.array_types import Ab, Bin

SPACING = 10.0
"""Of neighboring bins, CIELAB units."""

REACH = 110.0
"""Largest and, negative, smallest a and b of a center, CIELAB units."""

SIDE = 23
"""Bins along each axis."""

BINS = SIDE**2


def nearest(ab: Ab) -> Bin:
    """Returns the index of the bin with the nearest center, sorted by a, then b.

    Args:
        ab: CIELAB units; beyond the grid the nearest bin at its edge counts.

    Source:
        The authors' training code for Zhang et al. 2017 (arXiv:1705.02999).
    """
    steps = jnp.clip(jnp.round((ab + REACH) / SPACING), 0, SIDE - 1).astype(jnp.int32)
    return steps[..., 0] * SIDE + steps[..., 1]
