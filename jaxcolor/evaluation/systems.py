"""What is measured: models and baselines behind one interface."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxcolor.color import compose
from jaxcolor.color.decode import Decoding
from jaxcolor.evaluation.baselines import Baseline
from jaxcolor.inference.colorizer import Colorizer


class Answer(NamedTuple):
    """What a system says of some photographs.

    Attributes:
        ab: at their full size.
        logits: of its bins, at a fraction of the size; None without a distribution.
    """

    ab: Float[Array, "b h w 2"]
    logits: Float[Array, "b g k q"] | None


class System(NamedTuple):
    """What is measured.

    Attributes:
        answer: from lightness and the photographs' positions in the set.
        spacing: of its bins; None where there are none.
        decoding: of its outputs; None for a baseline.
        multiple: sides of the lightness are multiples of it, pixels.
    """

    answer: Callable[[Float[Array, "b h w"], Int[Array, " b"]], Answer]
    spacing: float | None = None
    decoding: Decoding | None = None
    multiple: int = 1


def of_colorizer(colorizer: Colorizer) -> System:
    """Returns a model as `jaxcolor colorize` would use it."""

    def answer(lightness: Float[Array, "b h w"], _: Int[Array, " b"]) -> Answer:
        logits, features = colorizer.predict(lightness)
        colors = colorizer.coherent(colorizer.decode(logits), features, lightness)
        ab = enlarge(colors, lightness)
        return Answer(ab, None if colorizer.gamut is None else logits)

    return System(
        answer,
        None if colorizer.gamut is None else colorizer.gamut.spacing,
        colorizer.decoding,
        colorizer.network.input_multiple,
    )


def of_baseline(baseline: Baseline) -> System:
    """Returns a system that needs no training."""
    return System(lambda lightness, index: Answer(baseline(lightness, index), None))


def gray() -> System:
    """Returns what leaves everything gray."""
    return System(_gray)


def _gray(lightness: Float[Array, "b h w"], _: Int[Array, " b"]) -> Answer:
    return Answer(jnp.zeros((*lightness.shape, 2)), None)


enlarge = jax.jit(compose.enlarge)
