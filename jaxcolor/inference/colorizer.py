"""Photographs in color: the one way from a lightness to ab, and from photo to photo."""

from collections.abc import Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt

from jaxcolor.images import inputs
from jaxcolor.inference import prediction, tiles
from jaxcolor.inference.prediction import Prediction
from jaxcolor.inference.tiles import View
from jaxcolor.pretrained import descriptions, release
from jaxcolor.pretrained.release import Pretrained
from jaxcolor.runtime import compilation_cache

Pixels = UInt[np.ndarray, "_ _"] | UInt[np.ndarray, "_ _ 3"]

SMALLEST_SIZE = 8
"""Of the network's input: one pixel of its coarsest map."""


class Colorizer:
    """Colorizes photographs with one model.

    Attributes:
        description: of the model.
        gamut: its bins; None for a model that predicts ab itself.
        size: long side of a photograph for the network, pixels.
        temperature: of the annealed mean; None where there are no bins.
        rebalancing_lambda: that the posterior is moved to; None where there are no
            bins.
        coherence: from 0, each cell by itself, to 1: see `jaxcolor.color.coherence`.
        multiple: sides of the lightness that the network sees are multiples of it.
    """

    def __init__(
        self,
        model: Pretrained,
        *,
        temperature: float | None = None,
        rebalancing_lambda: float | None = None,
        coherence: float | None = None,
        size: int | None = None,
    ) -> None:
        """Prepares a model.

        Args:
            model: as `release.load` gives it.
            temperature: towards 0 the likeliest color, 1 the mean; the model's own if
                None.
            rebalancing_lambda: 0 leans to rare colors, 1 to common ones; the model's
                own if None.
            coherence: 0 leaves each cell of the network's map by itself, 1 spreads
                colors over what looks like one object; the model's own if None.
            size: long side of a photograph for the network; the model's own if None.

        Raises:
            ValueError: a number is out of range, or means nothing to the model.
        """
        self.description = model.description
        self.size = model.description.size if size is None else size
        if self.size < SMALLEST_SIZE:
            raise ValueError(f"size is {self.size}; wanted at least {SMALLEST_SIZE}")
        described = descriptions.read_by(
            model.description,
            temperature=temperature,
            rebalancing_lambda=rebalancing_lambda,
            coherence=coherence,
        )
        numbers = descriptions.decoding(described)
        self.coherence = described.coherence
        self.gamut = None if numbers is None else numbers.bins
        self.temperature = None if numbers is None else numbers.temperature
        self.rebalancing_lambda = None if numbers is None else numbers.decoding_lambda
        self._reading = (
            None if numbers is None else prediction.reading(numbers, model.prior)
        )
        # None, for what is compiled without it.
        self._amount = np.float32(self.coherence) if self.coherence else None
        self.multiple = model.network.multiple
        self._network = model.network
        self._variables = jax.device_put(model.variables)

    @classmethod
    def load(
        cls,
        path: str | Path | None = None,
        *,
        temperature: float | None = None,
        rebalancing_lambda: float | None = None,
        coherence: float | None = None,
        size: int | None = None,
    ) -> "Colorizer":
        """Loads a model, and turns on the cache of compiled programs on disk.

        Args:
            path: see `release.load`; None for the model that is in the package.
            temperature: as those that follow, see the class.
            rebalancing_lambda: see the class.
            coherence: see the class.
            size: see the class.

        Raises:
            ValueError: there is no model, or it has no use for a number.
        """
        compilation_cache.keep()
        return cls(
            release.load(release.BUNDLED if path is None else path),
            temperature=temperature,
            rebalancing_lambda=rebalancing_lambda,
            coherence=coherence,
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
        views = [tiles.view(photo, size=self.size) for photo in photos]
        # Few batch sizes, as each is compiled.
        rgb = np.zeros((_power_of_two(len(views)), *views[0].rgb.shape), np.uint8)
        rgb[: len(views)] = [view.rgb for view in views]
        valid = np.zeros((len(rgb), 2), np.int32)
        valid[: len(views)] = [tiles.cells(view) for view in views]
        grids = np.asarray(
            prediction.ab_of_rgb(
                self._network, self._variables, self._reading, self._amount, rgb, valid
            )
        )
        parts = zip(photos, grids, views, strict=False)
        return [tiles.paint(*each) for each in parts]

    def view_shape(self, photo: Pixels) -> tuple[int, int]:
        """Returns the height and width at which the network sees a photograph."""
        return tiles.view_shape(*photo.shape[:2], size=self.size)

    def logits(self, lightness: Float[Array, "b h w"]) -> Float[Array, "b H W n"]:
        """Returns the network's outputs at a quarter of the height and width.

        Args:
            lightness: L* in [0, 100], sides multiples of `multiple`.

        Returns:
            Logits of the bins, moved to this colorizer's lambda; or what
            `decode.regression` makes ab of.
        """
        return self.predict(lightness).outputs

    def outputs(self, lightness: Float[Array, "b h w"]) -> Float[Array, "b H W n"]:
        """Returns what `logits` makes logits of: the network's own outputs."""
        return self.predict(lightness, moves=False).outputs

    def predict(
        self, lightness: Float[Array, "b h w"], *, moves: bool = True
    ) -> Prediction:
        """Returns `logits`, and the features that `coherent` takes, in one pass.

        Args:
            lightness: L* in [0, 100], sides multiples of `multiple`.
            moves: False for `outputs`, of which `move` makes logits.
        """
        return prediction.predict(
            self._network,
            self._variables,
            self._reading if moves else None,
            lightness,
            has_features=self._amount is not None,
        )

    def move(self, outputs: Float[Array, "*p n"]) -> Float[Array, "*p n"]:
        """Returns `logits` of `outputs`: many lambdas share a pass of the network."""
        return prediction.move(self._reading, outputs)

    def decode(self, logits: Float[Array, "*p n"]) -> Float[Array, "*p 2"]:
        """Returns ab in CIELAB units from what `logits` gives, each cell by itself."""
        return prediction.colors(self._reading, logits)

    def coherent(
        self,
        ab: Float[Array, "*t b H W 2"],
        features: Float[Array, "b H W c"] | None,
        lightness: Float[Array, "b h w"],
    ) -> Float[Array, "*t b H W n"]:
        """Returns what `tiles.enlarge` enlarges: with a coherence of 0, ab as it is.

        Args:
            ab: as `decode` gives it; leading axes share the features.
            features: of `prediction`.
            lightness: that these are of.
        """
        if features is None:
            return ab
        valid = jnp.broadcast_to(jnp.array(ab.shape[-3:-1]), (len(lightness), 2))
        return prediction.coherent(ab, features, lightness, self._amount, valid)

    def logits_of(self, image: inputs.Input) -> Float[Array, "H W n"]:
        """Returns `logits` of a photograph, at a quarter of the size of its view.

        Args:
            image: in any colors; only its lightness counts.
        """
        seen = tiles.view(inputs.opaque(inputs.pixels(image)), size=self.size)
        rows, columns = tiles.cells(seen)
        return self.logits(prediction.lightness(seen.rgb[None]))[0][:rows, :columns]

    def paint(
        self, image: inputs.Input, ab: Float[Array, "H W 2"]
    ) -> UInt[np.ndarray, "_ _ c"]:
        """Returns a photograph with its own lightness and other colors.

        With a coherence above 0 this takes a pass of the network, for its features.

        Args:
            image: as for a call of the colorizer.
            ab: CIELAB units, decoded from `logits_of`; made coherent and enlarged.
        """
        pixels = inputs.pixels(image)
        rgb = inputs.opaque(pixels)
        view = tiles.view(rgb, size=self.size)
        grid = np.asarray(ab)
        if self._amount is not None:
            grid = self._coherent_of(view, grid)
        return inputs.with_alpha(tiles.paint(rgb, grid, view), pixels)

    def ab(self, lightness: Float[Array, "b h w"]) -> Float[Array, "b H W 2"]:
        """Returns ab in CIELAB units at a quarter of the height and width.

        Args:
            lightness: L* in [0, 100], sides multiples of `multiple`.
        """
        logits, features = self.predict(lightness)
        colors = self.coherent(self.decode(logits), features, lightness)
        return prediction.ab_of_cells(colors, lightness)

    def _coherent_of(
        self, view: View, ab: Float[np.ndarray, "H W 2"]
    ) -> Float[np.ndarray, "g k 4"]:
        lightness = prediction.lightness(view.rgb[None])
        logits, features = self.predict(lightness)
        margin = [(0, n - m) for n, m in zip(logits.shape[1:3], ab.shape, strict=False)]
        whole = np.pad(ab, [*margin, (0, 0)])[None]
        valid = np.array([tiles.cells(view)])
        parts = (whole, features, lightness, self._amount, valid)
        return np.asarray(prediction.coherent(*parts))[0]


def _power_of_two(least: int) -> int:
    return 1 << (least - 1).bit_length()
