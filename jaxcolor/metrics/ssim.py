"""Structural similarity of two images."""

from collections.abc import Callable, Sequence
from functools import reduce
from operator import add

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from jaxcolor.color.array_types import Scalar

# Side and standard deviation of the window, and the constants that keep flat windows
# finite, for images in [0, 1]: Wang et al. 2004.
WINDOW, SIGMA = 11, 1.5
C1, C2 = 0.01**2, 0.03**2


def ssim(predicted: Float[Array, "h w 3"], target: Float[Array, "h w 3"]) -> Scalar:
    """Returns the mean structural similarity; 1 for equal images, the best.

    The mean over the channels and over the pixels whose window is inside the image.

    Args:
        predicted: gamma-encoded RGB in [0, 1], at least 11 pixels high and wide.
        target: as `predicted`.

    Raises:
        ValueError: the images are smaller than the window.

    Source:
        Wang, Bovik, Sheikh and Simoncelli 2004, section III-B, equation 13.
    """
    height, width, channels = predicted.shape
    if min(height, width) < WINDOW:
        raise ValueError(
            f"images are {height} x {width}; wanted at least {WINDOW} pixels a side"
        )
    # Around the middle of the range, where squares cancel less; one long axis across
    # is quicker than a short one of channels.
    x, y = (image.reshape(height, -1) - 0.5 for image in (predicted, target))
    maps = [x, y, x * x + y * y, x * y]
    mean_x, mean_y, squares, product = _blur(maps, stride=channels)
    covariance = product - mean_x * mean_y
    variances = squares - mean_x * mean_x - mean_y * mean_y
    mean_x, mean_y = mean_x + 0.5, mean_y + 0.5
    luminance = (2 * mean_x * mean_y + C1) / (mean_x * mean_x + mean_y * mean_y + C1)
    return jnp.mean(luminance * (2 * covariance + C2) / (variances + C2))


def _blur(
    maps: Sequence[Float[Array, "h w"]], *, stride: int
) -> Float[Array, "maps n m"]:
    """Returns the maps under the window, where it is inside; channels interleave."""
    offsets = np.arange(WINDOW) - WINDOW // 2
    window = np.exp(-0.5 * np.square(offsets / SIGMA))
    window = window / window.sum()
    height = maps[0].shape[0] - WINDOW + 1
    width = maps[0].shape[1] - stride * (WINDOW - 1)

    def mix(shifted: Callable[[int], Array]) -> Array:
        mixed = reduce(add, (float(g) * shifted(k) for k, g in enumerate(window)))
        # Otherwise XLA computes it again for each tap and for each use.
        return lax.optimization_barrier(mixed)

    together = lax.optimization_barrier(jnp.stack(maps))
    lower = mix(lambda k: together[:, k : k + height])
    return mix(lambda k: lower[:, :, stride * k : stride * k + width])
