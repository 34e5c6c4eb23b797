"""Measures one system on a batch of photographs, on the device."""

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, UInt8

from jaxcolor.color import cielab, compose, encode, gamut
from jaxcolor.color.array_types import Ab, BinWeights, Lightness, Rgb8
from jaxcolor.evaluation import metric
from jaxcolor.evaluation.metric import Distribution, Metric, Numbers, Photograph
from jaxcolor.metrics import accuracy

# The functions of some metrics that measure, by the metrics' keys: hashable, so that
# the same ones are compiled once.
Measuring = tuple[tuple[str, Callable[..., Array | Numbers]], ...]


class Truth(NamedTuple):
    """Photographs as they are.

    Attributes:
        rgb: their pixels.
        lab: the same in CIELAB.
        bins: the nearest bin of each pixel.
    """

    rgb: UInt8[Array, "b h w 3"]
    lab: Float[Array, "b h w 3"]
    bins: Int[Array, "b h w"]


class Predicted(NamedTuple):
    """The same photographs as a system colors them.

    Attributes:
        ab: as predicted.
        rgb: their pixels as a file with 8 bits a channel holds them.
        bins: the nearest bin of each pixel.
    """

    ab: Float[Array, "b h w 2"]
    rgb: UInt8[Array, "b h w 3"]
    bins: Int[Array, "b h w"]


class Weights(NamedTuple):
    """How much a pixel counts, by its true bin: see `accuracy.bin_weights`.

    Attributes:
        own: by the colors of the evaluated set.
        prior: by a prior that was given, or None.
    """

    own: BinWeights
    prior: BinWeights | None


class Measured(NamedTuple):
    """The measurements of the metrics on a batch.

    Attributes:
        is_finite: whether all predicted colors of a photograph are numbers.
        numbers: by name, a number or a vector for each photograph.
    """

    is_finite: Bool[Array, " b"]
    numbers: dict[str, Array]


def truth(rgb: UInt8[np.ndarray, "b h w 3"], *, spacing: float) -> Truth:
    """Returns photographs with their ground truth in CIELAB and in bins."""
    lab = _to_lab(rgb)
    return Truth(jnp.asarray(rgb), lab, _make_nearest(spacing)(lab[..., 1:]))


def colored(
    lightness: Float[Array, "b h w"], ab: Float[Array, "b h w 2"]
) -> UInt8[Array, "b h w 3"]:
    """Returns pictures as a file with 8 bits a channel holds them."""
    # A program of its own: within `_measure` XLA would compute the colors again for
    # every metric that reads them.
    return _colored(lightness, ab)


def measure(
    whole: Truth,
    ab: Float[Array, "b h w 2"],
    rgb: UInt8[Array, "b h w 3"],
    weights: Weights,
    *,
    metrics: Sequence[Metric],
    spacing: float,
) -> Measured:
    """Measures predicted ab, and the pictures that are made from it."""
    functions = tuple((m.key, m.of_photograph) for m in metrics if m.of_photograph)
    predicted = Predicted(ab, rgb, _make_nearest(spacing)(ab))
    return _measure(whole, predicted, weights, functions=functions)


def likelihood(
    logits: Float[Array, "b g k q"],
    ab: Float[Array, "b h w 2"],
    *,
    metrics: Sequence[Metric],
    spacing: float,
) -> dict[str, Array]:
    """Measures distributions over bins; returns the numbers by name.

    Targets are picked, not averaged, as in training.

    Args:
        logits: at a fraction of the resolution.
        ab: true.
        metrics: those without a function for distributions measure nothing here.
        spacing: of the bins that the logits are for.
    """
    functions = tuple((m.key, m.of_distribution) for m in metrics if m.of_distribution)
    return _make_likelihood(spacing, functions)(logits, ab)


_to_lab = jax.jit(cielab.rgb8_to_lab)


# Here and below one photograph after the other: smaller arrays stay in the processor's
# cache.
@jax.jit
def _colored(
    lightness: Float[Array, "b h w"], ab: Float[Array, "b h w 2"]
) -> UInt8[Array, "b h w 3"]:
    def of_photograph(lightness: Lightness, ab: Ab) -> Rgb8:
        return compose.levels(compose.rgb(lightness, ab), dtype=jnp.uint8)

    return jax.lax.map(lambda pair: of_photograph(*pair), (lightness, ab))


@cache
def _make_nearest(spacing: float):  # type: ignore[no-untyped-def]  # type of jax.jit
    bins = gamut.from_srgb(spacing=spacing)
    return jax.jit(lambda ab: jax.lax.map(lambda one: encode.nearest(one, bins), ab))


@cache
def _make_likelihood(spacing: float, functions: Measuring):  # type: ignore[no-untyped-def]  # type of jax.jit
    bins = gamut.from_srgb(spacing=spacing)

    @jax.jit
    @jax.vmap
    def likelihood(
        logits: Float[Array, "g k q"], ab: Float[Array, "h w 2"]
    ) -> dict[str, Array]:
        step = ab.shape[0] // logits.shape[0]
        return _joined(functions, Distribution(logits, ab[::step, ::step], bins))

    return likelihood


@partial(jax.jit, static_argnames="functions")
def _measure(
    whole: Truth, predicted: Predicted, weights: Weights, *, functions: Measuring
) -> Measured:
    each = partial(_of_photograph, weights=weights, functions=functions)
    return jax.lax.map(lambda pair: each(*pair), (whole, predicted))


def _of_photograph(
    whole: Truth, predicted: Predicted, *, weights: Weights, functions: Measuring
) -> Measured:
    distance = accuracy.ab_distance(predicted.ab, whole.lab[..., 1:])
    errors, pixels = accuracy.error_sums(distance, whole.bins, count=len(weights.own))
    photograph = Photograph(
        ab=predicted.ab,
        rgb=predicted.rgb,
        bins=predicted.bins,
        true_lab=whole.lab,
        true_rgb=whole.rgb,
        true_bins=whole.bins,
        weights=weights.own,
        prior_weights=weights.prior,
        distance=distance,
        errors=errors,
        pixels=pixels,
    )
    is_finite = jnp.isfinite(predicted.ab).all()
    return Measured(is_finite, _joined(functions, photograph))


def _joined(
    functions: Measuring, measured: Photograph | Distribution
) -> dict[str, Array]:
    """Returns the numbers of all functions by name; refuses a name given twice."""
    joined: dict[str, Array] = {}
    for key, function in functions:
        found = metric.named(function(measured), key=key)
        if taken := joined.keys() & found.keys():
            raise ValueError(f"the metric {key!r} measures {taken.pop()!r} once more")
        joined |= found
    return joined
