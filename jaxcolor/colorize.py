"""Photographs in color: the one way from a lightness to ab, and from photo to photo."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from flax import linen as nn
from jaxtyping import Array, Float, PyTree, UInt, UInt8

from jaxcolor import (
    cielab,
    compilation,
    decode,
    describe,
    paint,
    pretrained,
    rebalance,
)
from jaxcolor.array_types import Ab, BinWeights, Lightness, Scalar
from jaxcolor.gamut import Gamut
from jaxcolor.images import inputs
from jaxcolor.pretrained import Pretrained

Pixels = UInt[np.ndarray, "_ _"] | UInt[np.ndarray, "_ _ 3"]

SMALLEST_SIZE = 8
"""Of the network's input: one pixel of its coarsest map."""


class Reading(NamedTuple):
    """How a distribution over bins is read.

    Attributes:
        gamut: the bins.
        temperature: of the annealed mean.
        from_weights: class weights of the training.
        to_weights: class weights that the posterior is moved to.
    """

    gamut: Gamut
    temperature: Scalar
    from_weights: BinWeights
    to_weights: BinWeights


class Colorizer:
    """Colorizes photographs with one model.

    Attributes:
        description: of the model.
        gamut: its bins; None for a model that predicts ab itself.
        size: long side of a photograph for the network, pixels.
        temperature: of the annealed mean; None where there are no bins.
        rebalancing_lambda: that the posterior is moved to; None where there are no
            bins.
    """

    def __init__(
        self,
        model: Pretrained,
        *,
        temperature: float | None = None,
        rebalancing_lambda: float | None = None,
        size: int | None = None,
    ) -> None:
        """Prepares a model.

        Args:
            model: as `pretrained.load` gives it.
            temperature: towards 0 the likeliest color, 1 the mean; the model's own if
                None.
            rebalancing_lambda: 0 leans to rare colors, 1 to common ones; the model's
                own if None.
            size: long side of a photograph for the network; the model's own if None.

        Raises:
            ValueError: a number is out of range, or means nothing to the model.
        """
        self.description = model.description
        self.size = model.description.size if size is None else size
        if self.size < SMALLEST_SIZE:
            raise ValueError(f"size is {self.size}; wanted at least {SMALLEST_SIZE}")
        numbers = describe.decoding(
            describe.read_by(
                model.description,
                temperature=temperature,
                rebalancing_lambda=rebalancing_lambda,
            )
        )
        self.gamut = None if numbers is None else numbers.bins
        self.temperature = None if numbers is None else numbers.temperature
        self.rebalancing_lambda = None if numbers is None else numbers.decoding_lambda
        self._reading = None if numbers is None else _reading(numbers, model.prior)
        self._network = model.network
        self._variables = jax.device_put(model.variables)

    @classmethod
    def load(
        cls,
        path: str | Path | None = None,
        *,
        temperature: float | None = None,
        rebalancing_lambda: float | None = None,
        size: int | None = None,
    ) -> "Colorizer":
        """Loads a model; what is compiled from then on, `compilation` keeps on disk.

        Args:
            path: see `pretrained.load`; None for the model that is in the package.
            temperature: as those that follow, see the class.
            rebalancing_lambda: see the class.
            size: see the class.

        Raises:
            ValueError: there is no model, or it has no use for a number.
        """
        compilation.keep()
        return cls(
            pretrained.load(pretrained.BOX if path is None else path),
            temperature=temperature,
            rebalancing_lambda=rebalancing_lambda,
            size=size,
        )

    def __call__(self, image: inputs.Input) -> UInt[np.ndarray, "_ _ c"]:
        """Returns a photograph in color: its own lightness, size and bits.

        Args:
            image: in any colors; only its lightness counts.

        Returns:
            sRGB, with alpha where the photograph has it.

        Raises:
            ValueError: it is no photograph, or of another type than `inputs.Input`.
        """
        pixels = inputs.pixels(image)
        (painted,) = self.colorize([inputs.opaque(pixels)])
        return inputs.with_alpha(painted, pixels)

    def colorize(self, photos: Sequence[Pixels]) -> list[UInt[np.ndarray, "_ _ 3"]]:
        """Returns photographs in color, predicted as one batch.

        Args:
            photos: gray or RGB, 8 or 16 bits, of which the network sees the same shape.
        """
        views = [paint.view(photo, size=self.size) for photo in photos]
        # Few batch sizes, as each is compiled.
        rgb = np.zeros((_power_of_two(len(views)), *views[0].rgb.shape), np.uint8)
        rgb[: len(views)] = [view.rgb for view in views]
        grids = np.asarray(
            _ab_of_rgb(self._network, self._variables, self._reading, rgb)
        )
        parts = zip(photos, grids, views, strict=False)
        return [paint.paint(*each) for each in parts]

    def view_shape(self, photo: Pixels) -> tuple[int, int]:
        """Returns the height and width at which the network sees a photograph."""
        return paint.view_shape(*photo.shape[:2], size=self.size)

    def logits(self, lightness: Float[Array, "b h w"]) -> Float[Array, "b H W n"]:
        """Returns the network's outputs at a quarter of the height and width.

        Args:
            lightness: L* in [0, 100], sides multiples of 8.

        Returns:
            Logits of the bins, moved to this colorizer's lambda; or what
            `decode.regression` makes ab of.
        """
        return _logits(self._network, self._variables, self._reading, lightness)

    def outputs(self, lightness: Float[Array, "b h w"]) -> Float[Array, "b H W n"]:
        """Returns what `logits` makes logits of: the network's own outputs."""
        return _logits(self._network, self._variables, None, lightness)

    def move(self, outputs: Float[Array, "*p n"]) -> Float[Array, "*p n"]:
        """Returns `logits` of `outputs`: many lambdas share a pass of the network."""
        return _move(self._reading, outputs)

    def logits_of(self, image: inputs.Input) -> Float[Array, "H W n"]:
        """Returns `logits` of a photograph, at a quarter of the size of its view.

        Args:
            image: in any colors; only its lightness counts.
        """
        seen = paint.view(inputs.opaque(inputs.pixels(image)), size=self.size)
        outputs = self.logits(_lightness(seen.rgb[None]))[0]
        return outputs[: -(-seen.height // paint.CELL), : -(-seen.width // paint.CELL)]

    def paint(
        self, image: inputs.Input, ab: Float[Array, "H W 2"]
    ) -> UInt[np.ndarray, "_ _ c"]:
        """Returns a photograph with its own lightness and other colors.

        Args:
            image: as for a call of the colorizer.
            ab: CIELAB units, decoded from `logits_of`; enlarged.
        """
        pixels = inputs.pixels(image)
        rgb = inputs.opaque(pixels)
        painted = paint.paint(rgb, np.asarray(ab), paint.view(rgb, size=self.size))
        return inputs.with_alpha(painted, pixels)

    def decode(self, logits: Float[Array, "*p n"]) -> Float[Array, "*p 2"]:
        """Returns ab in CIELAB units from what `logits` gives."""
        return _decode(self._reading, logits)

    def ab(self, lightness: Float[Array, "b h w"]) -> Float[Array, "b H W 2"]:
        """Returns ab in CIELAB units at a quarter of the height and width.

        Args:
            lightness: L* in [0, 100], sides multiples of 8.
        """
        return _ab(self._network, self._variables, self._reading, lightness)


def _reading(
    numbers: describe.Decoding, prior: Float[np.ndarray, " q"] | None
) -> Reading:
    temperature, prior = jax.device_put((np.float32(numbers.temperature), prior))
    lambdas = (numbers.rebalancing_lambda, numbers.decoding_lambda)
    return Reading(numbers.bins, temperature, *_class_weights(lambdas, prior))


# Compiled as one: operation by operation it takes seconds to start.
@partial(jax.jit, static_argnums=0)
def _class_weights(
    lambdas: tuple[float, float], prior: BinWeights
) -> tuple[BinWeights, BinWeights]:
    first, second = (
        rebalance.class_weights(prior, rebalancing_lambda=each) for each in lambdas
    )
    return first, second


# The network is compared by value, so that all colorizers share what is compiled.
@partial(jax.jit, static_argnums=0)
def _logits(
    network: nn.Module,
    variables: PyTree,
    reading: Reading | None,
    lightness: Float[Array, "b h w"],
) -> Float[Array, "b H W n"]:
    outputs = network.apply(variables, lightness, train=False)
    # With `mutable`, Flax would return a tuple.
    assert isinstance(outputs, jax.Array)
    return _move(reading, outputs)


@jax.jit
def _move(
    reading: Reading | None, outputs: Float[Array, "*p n"]
) -> Float[Array, "*p n"]:
    if reading is None:
        return outputs
    return decode.reweight(
        outputs, from_weights=reading.from_weights, to_weights=reading.to_weights
    )


@jax.jit
def _decode(reading: Reading | None, logits: Float[Array, "*p n"]) -> Ab:
    if reading is None:
        return decode.regression(logits)
    return decode.annealed_mean(logits, reading.gamut, temperature=reading.temperature)


@partial(jax.jit, static_argnums=0)
def _ab(
    network: nn.Module,
    variables: PyTree,
    reading: Reading | None,
    lightness: Float[Array, "b h w"],
) -> Ab:
    return _decode(reading, _logits(network, variables, reading, lightness))


@jax.jit
def _lightness(rgb: UInt8[Array, "*p 3"]) -> Lightness:
    return cielab.rgb8_to_lab(rgb)[..., 0]


@partial(jax.jit, static_argnums=0)
def _ab_of_rgb(
    network: nn.Module,
    variables: PyTree,
    reading: Reading | None,
    rgb: UInt8[Array, "b h w 3"],
) -> Ab:
    return _ab(network, variables, reading, _lightness(rgb))


def _power_of_two(least: int) -> int:
    return 1 << (least - 1).bit_length()
