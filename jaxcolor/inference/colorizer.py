"""Colorizes photographs: from lightness to ab, and from photograph to photograph."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, overload

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt

from jaxcolor.color.decode import Decoding
from jaxcolor.color.heads import Decoder
from jaxcolor.images import inputs
from jaxcolor.inference import adjustments, prediction, suggestions, tiles, user_hints
from jaxcolor.inference.adjustments import PLAIN, Look
from jaxcolor.inference.prediction import Prediction
from jaxcolor.inference.suggestions import Suggestion
from jaxcolor.inference.tiles import View
from jaxcolor.inference.user_hints import Hint, Hints
from jaxcolor.models import prepared
from jaxcolor.pretrained import descriptions, records, release
from jaxcolor.pretrained.release import Pretrained
from jaxcolor.runtime import compilation_cache, stages

Pixels = UInt[np.ndarray, "_ _"] | UInt[np.ndarray, "_ _ 3"]

MOST_AT_ONCE = 8
"""Photographs that the network sees at once, of a list or a batch."""
# Decodings that stay ready to use: a program may ask for many, one after the other.
_MOST_READINGS = 256


class Reading(NamedTuple):
    """A decoding, ready to use.

    Attributes:
        decoder: of the model's head.
        amount: the coherence; None for none, for what is compiled without it.
    """

    decoder: Decoder
    amount: np.float32 | None


class Colorizer:
    """Colorizes photographs with one model.

    Example:
        >>> colorizer = Colorizer.load()
        >>> rgb = colorizer("grandma.jpg")  # uint8 (h, w, 3), the photograph's size
        >>> vivid = colorizer("grandma.jpg", rebalancing_lambda=0.3)
        >>> gray = np.random.default_rng(0).random((2, 64, 64, 1))  # floats in [0, 1]
        >>> colorizer(gray).shape  # a batch of two
        (2, 64, 64, 3)
        >>> one, other = colorizer(["grandma.jpg", "wedding.png"])  # any sizes
        >>> red = colorizer("grandma.jpg", hints=[Hint(210, 80, "#c01020")])

    Attributes:
        description: of the model.
        network: of the model.
        gamut: bins that the outputs are logits of; None for another head.
        size: long side that the network sees, pixels.
        decoding: temperature, lambda and coherence, unless a call asks for others.
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
            model: as `release.load` returns it.
            temperature: towards 0 the likeliest color, 1 the mean; default: the
                model's.
            rebalancing_lambda: lower is more vivid, higher more muted; default: the
                model's.
            coherence: 0 leaves each cell of the network's map by itself, 1 spreads
                colors over what looks like one object; default: the model's.
            size: long side that the network sees, pixels; default: the model's.

        Raises:
            ValueError: a number is out of range, or means nothing to the model.
        """
        self.network = model.network
        self.size = model.description.size if size is None else size
        least, most = self.network.input_multiple, records.LARGEST_SIZE
        if not least <= self.size <= most:
            wanted = f"at least {least}" if self.size < least else f"at most {most}"
            raise ValueError(f"size is {self.size}; wanted {wanted}")
        self.description = descriptions.with_decoding(
            model.description,
            temperature=temperature,
            rebalancing_lambda=rebalancing_lambda,
            coherence=coherence,
        )
        self.decoding = self.description.decoding
        self.gamut = self.description.head.gamut
        self._prior = model.prior
        self._readings: dict[Decoding, Reading] = {}
        self._reading = self.reading(self.decoding)
        variables = prepared.for_inference(model.network, model.variables)
        self._variables = jax.device_put(variables)

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
            path: see `release.load`; default: the bundled model.
            temperature: as for the class, like those that follow.
            rebalancing_lambda: as for the class.
            coherence: as for the class.
            size: as for the class.

        Raises:
            ValueError: there is no model, or a number means nothing to it.
        """
        compilation_cache.keep()
        return cls(
            release.load(release.BUNDLED if path is None else path),
            temperature=temperature,
            rebalancing_lambda=rebalancing_lambda,
            coherence=coherence,
            size=size,
        )

    @overload
    def __call__(
        self,
        image: inputs.Input,
        *,
        temperature: float | None = None,
        rebalancing_lambda: float | None = None,
        coherence: float | None = None,
        hints: Hints | None = None,
        look: Look = PLAIN,
    ) -> np.ndarray: ...

    @overload
    def __call__(
        self,
        image: list[inputs.Input],
        *,
        temperature: float | None = None,
        rebalancing_lambda: float | None = None,
        coherence: float | None = None,
        hints: Sequence[Hints] | None = None,
        look: Look = PLAIN,
    ) -> list[np.ndarray]: ...

    def __call__(
        self,
        image: inputs.Input | list[inputs.Input],
        *,
        temperature: float | None = None,
        rebalancing_lambda: float | None = None,
        coherence: float | None = None,
        hints: Any = None,
        look: Look = PLAIN,
    ) -> np.ndarray | list[np.ndarray]:
        """Returns photographs in color, each with its own lightness and size.

        Args:
            image: a photograph, see `inputs.Input`, of which only the lightness counts;
                a list of them, of any sizes; or a batch, (b, h, w, 1), (b, h, w, 3) or
                (b, h, w, 4).
            temperature: for this call; default: the colorizer's, as for the next two.
            rebalancing_lambda: for this call.
            coherence: for this call.
            hints: colors at points, see `Hint`; for a list or a batch those of each
                photograph.
            look: strength of the colors, and which variant.

        Returns:
            sRGB in the type of the photograph: uint8, uint16, or floats in [0, 1]; with
            alpha where the photograph has it. For a list a list, for a batch a batch.

        Raises:
            ValueError: it is no photograph, a number is out of range, or a hint is
                outside its photograph, has no color or means nothing to the model.
        """
        decoding = self.decoding_with(temperature, rebalancing_lambda, coherence)
        if isinstance(image, jax.Array):
            image = np.asarray(image)
        if isinstance(image, list):
            return self._several(image, decoding, hints, look)
        if isinstance(image, np.ndarray) and image.ndim == 4:
            if not len(image):
                raise ValueError(
                    f"got a batch of shape {image.shape}; wanted a photograph in it"
                )
            return np.stack(self._several(list(image), decoding, hints, look))
        given = None if hints is None else [hints]
        return self._several([image], decoding, given, look)[0]

    def colorize(
        self,
        photos: Sequence[Pixels],
        *,
        decoding: Decoding | None = None,
        hints: Sequence[Hints] | None = None,
        look: Look = PLAIN,
    ) -> list[UInt[np.ndarray, "_ _ 3"]]:
        """Returns photographs in color, predicted as one batch.

        Args:
            photos: gray or RGB, 8 or 16 bits, of which the network sees the same shape.
            decoding: of the outputs; default: the colorizer's.
            hints: of each photograph; None for none.
            look: of all of them.

        Raises:
            ValueError: a hint is outside its photograph, has no color or means nothing
                to the model, or the look is out of range.
        """
        reading = self.reading(decoding)
        views = [self._view(photo) for photo in photos]
        # Few batch sizes, as each is compiled.
        rgb = np.zeros((_power_of_two(len(views)), *views[0].rgb.shape), np.uint8)
        rgb[: len(views)] = [view.rgb for view in views]
        valid = np.zeros((len(rgb), 2), np.int32)
        valid[: len(views)] = [tiles.cells(view) for view in views]
        adjusted = adjustments.of_photographs(
            hints,
            look,
            sizes=[adjustments.size_of(photo) for photo in photos],
            views=views,
            description=self.description,
            network=self.network,
            batch_size=len(rgb),
        )
        parts = (self.network, self._variables, *reading, rgb, valid, adjusted)
        with stages.timed("predicting"):
            grids = np.asarray(prediction.kept_ab_of_rgb(*parts))
        if look.strength != 1:
            grids = grids * np.float32(look.strength)
        each = zip(photos, grids, views, strict=False)
        with stages.timed("painting"):
            return [tiles.paint(*parts) for parts in each]

    def suggest(
        self,
        image: inputs.Input,
        x: int | float,
        y: int | float,
        *,
        count: int = 5,
        temperature: float | None = None,
    ) -> list[Suggestion]:
        """Returns likely colors of a point, the likeliest first.

        Args:
            image: a photograph, as for a call of the colorizer.
            x: column of the pixel, as of a `Hint`.
            y: row of the pixel.
            count: number of colors; there are fewer where the distribution has fewer.
            temperature: of the distribution: towards 0 the likeliest color has all of
                it; default: the colorizer's.

        Raises:
            ValueError: the point is outside the photograph, a number is out of range,
                or the model has no bins.
        """
        gamut = suggestions.gamut_of(self.description, count=count)
        decoding = self.decoding_with(temperature)
        photo = inputs.opaque(inputs.pixels(image))
        size = adjustments.size_of(photo)
        user_hints.check_inside([Hint(x, y, "gray")], *size)
        view = self._view(photo)
        row, column = user_hints.pixel_seen(x, y, size, view)
        seen = prediction.lightness(view.rgb[None])
        logits = self.logits(seen)[0, row // view.stride, column // view.stride]
        return suggestions.of_cell(
            logits,
            seen[0, row, column],
            gamut,
            temperature=decoding.temperature,
            count=count,
        )

    def reading(self, decoding: Decoding | None = None) -> Reading:
        """Returns a decoding, ready to use; default: the colorizer's."""
        wanted = decoding or self.decoding
        if wanted not in self._readings:
            if len(self._readings) >= _MOST_READINGS:
                self._readings.pop(next(iter(self._readings)))
            decoder = self.description.head.decoder(wanted, self._prior)
            amount = np.float32(wanted.coherence) if wanted.coherence else None
            self._readings[wanted] = Reading(decoder, amount)
        return self._readings[wanted]

    def view_shape(self, photo: Pixels) -> tuple[int, int]:
        """Returns the height and width at which the network sees a photograph."""
        return tiles.view_shape(*photo.shape[:2], size=self.size, network=self.network)

    def logits(self, lightness: Float[Array, "b h w"]) -> Float[Array, "b H W n"]:
        """Returns the network's outputs, one for each cell of its map.

        A cell is `network.output_stride` pixels high and wide: row r of the map belongs
        to the rows of the lightness from r times the stride on.

        Args:
            lightness: L* in [0, 100], sides multiples of `network.input_multiple`.

        Returns:
            Logits of the bins, moved to this colorizer's lambda; of a regression the
            outputs themselves.
        """
        return self.predict(lightness).outputs

    def outputs(self, lightness: Float[Array, "b h w"]) -> Float[Array, "b H W n"]:
        """Returns the network's own outputs, at the lambda of the training."""
        return self.predict(lightness, reweights=False).outputs

    def predict(
        self,
        lightness: Float[Array, "b h w"],
        *,
        reweights: bool = True,
        has_features: bool | None = None,
        hints: Float[Array, "_ _ _ _"] | None = None,
    ) -> Prediction:
        """Returns `logits`, and the features that `coherent` takes, in one pass.

        Args:
            lightness: as for `logits`.
            reweights: whether to reweight to the rebalancing lambda.
            has_features: whether the features are wanted; default: whether the
                colorizer's coherence needs them.
            hints: of a user: at each pixel a and b in CIELAB units, and 1 where they
                are a hint, else zeros; see `jaxcolor.color.hints`. None for none.

        Raises:
            ValueError: the network takes no hints, or they have another size.
        """
        if hints is not None:
            self._check_hints(hints.shape, lightness.shape)
        needs_features = self._reading.amount is not None
        return prediction.predict(
            self.network,
            self._variables,
            self._reading.decoder if reweights else None,
            lightness,
            has_features=needs_features if has_features is None else has_features,
            hints=hints,
        )

    def move(self, outputs: Float[Array, "*p n"]) -> Float[Array, "*p n"]:
        """Returns `logits` of `outputs`: many lambdas share a pass of the network."""
        return prediction.move(self._reading.decoder, outputs)

    def decode(
        self,
        logits: Float[Array, "*p n"],
        lightness: Float[Array, "*b h w"] | None = None,
    ) -> Float[Array, "*p 2"]:
        """Returns ab in CIELAB units from what `logits` gives, each cell by itself.

        Args:
            logits: of the bins; of another head its outputs.
            lightness: that they were predicted from. Only heads whose colors depend
                on it, such as hue and chroma, need it.

        Raises:
            ValueError: there is no lightness, and the head needs it.
        """
        return prediction.colors(self._reading.decoder, logits, lightness)

    def coherent(
        self,
        ab: Float[Array, "*t b H W 2"],
        features: Float[Array, "b H W c"] | None,
        lightness: Float[Array, "b h w"],
    ) -> Float[Array, "*t b H W n"]:
        """Returns what `compose.enlarge` enlarges: with a coherence of 0, ab as it is.

        Args:
            ab: from `decode`; leading axes share the features.
            features: from `predict`.
            lightness: that both were predicted from.
        """
        if features is None:
            return ab
        valid = jnp.broadcast_to(jnp.array(ab.shape[-3:-1]), (len(lightness), 2))
        return prediction.coherent(ab, features, lightness, self._reading.amount, valid)

    def logits_of(self, image: inputs.Input) -> Float[Array, "H W n"]:
        """Returns `logits` of a photograph, without those of the padding.

        The network sees the photograph at `view_shape`'s size, reduced by one factor
        for both sides: a pixel belongs to the cell at its place, scaled.

        Args:
            image: in any colors; only its lightness counts.
        """
        seen = self._view(inputs.opaque(inputs.pixels(image)))
        rows, columns = tiles.cells(seen)
        return self.logits(prediction.lightness(seen.rgb[None]))[0][:rows, :columns]

    def paint(self, image: inputs.Input, ab: Float[Array, "H W 2"]) -> np.ndarray:
        """Returns a photograph with its own lightness and other colors.

        With a coherence above 0 this takes a pass of the network, for its features.

        Args:
            image: as for a call of the colorizer.
            ab: CIELAB units, decoded from `logits_of`; made coherent and enlarged.
        """
        pixels = inputs.pixels(image)
        rgb = inputs.opaque(pixels)
        view = self._view(rgb)
        grid = np.asarray(ab)
        if self._reading.amount is not None:
            grid = self._coherent_of(view, grid)
        painted = inputs.with_alpha(tiles.paint(rgb, grid, view), pixels)
        return inputs.like(painted, image)

    def ab(self, lightness: Float[Array, "b h w"]) -> Float[Array, "b H W 2"]:
        """Returns ab in CIELAB units, in cells.

        Args:
            lightness: as for `logits`.
        """
        logits, features = self.predict(lightness)
        ab = self.decode(logits, lightness)
        colors = self.coherent(ab, features, lightness)
        return prediction.ab_of_cells(colors, lightness)

    def _several(
        self,
        photos: Sequence[inputs.Input],
        decoding: Decoding,
        hints: Sequence[Hints] | None,
        look: Look,
    ) -> list[np.ndarray]:
        """Returns photographs in color; those of one view shape go together."""
        if hints is not None and len(hints) != len(photos):
            raise ValueError(
                f"got hints for {len(hints)} photographs; wanted them for each of"
                f" {len(photos)}"
            )
        given: Sequence[Hints] = hints or [()] * len(photos)
        pixels = [inputs.pixels(photo) for photo in photos]
        rgb = [inputs.opaque(each) for each in pixels]
        groups: dict[tuple[int, int], list[int]] = {}
        for n, each in enumerate(rgb):
            groups.setdefault(self.view_shape(each), []).append(n)
        found: dict[int, np.ndarray] = {}
        for group in groups.values():
            for start in range(0, len(group), MOST_AT_ONCE):
                few = group[start : start + MOST_AT_ONCE]
                painted = self.colorize(
                    [rgb[n] for n in few],
                    decoding=decoding,
                    hints=[given[n] for n in few],
                    look=look,
                )
                for n, each in zip(few, painted, strict=True):
                    colored = inputs.with_alpha(each, pixels[n])
                    found[n] = inputs.like(colored, photos[n])
        return [found[n] for n in range(len(photos))]

    def decoding_with(
        self,
        temperature: float | None = None,
        rebalancing_lambda: float | None = None,
        coherence: float | None = None,
    ) -> Decoding:
        """Returns the colorizer's decoding with other numbers, where they are given.

        Raises:
            ValueError: a number is out of range, or means nothing to the model.
        """
        if (temperature, rebalancing_lambda, coherence) == (None, None, None):
            return self.decoding
        return descriptions.with_decoding(
            self.description,
            temperature=temperature,
            rebalancing_lambda=rebalancing_lambda,
            coherence=coherence,
        ).decoding

    def _check_hints(self, shape: tuple[int, ...], seen: tuple[int, ...]) -> None:
        """Refuses hints that the network cannot take with a lightness."""
        if "hints" not in self.network.extra_inputs:
            raise ValueError(
                "got hints; wanted none, as the network"
                f" {self.description.network} takes lightness alone"
            )
        if shape != (*seen, 3):
            raise ValueError(f"hints have shape {shape}; wanted {(*seen, 3)}")

    def _view(self, photo: Pixels) -> View:
        return tiles.view(photo, size=self.size, network=self.network)

    def _coherent_of(
        self, view: View, ab: Float[np.ndarray, "H W 2"]
    ) -> Float[np.ndarray, "g k 4"]:
        lightness = prediction.lightness(view.rgb[None])
        logits, features = self.predict(lightness)
        margin = [(0, n - m) for n, m in zip(logits.shape[1:3], ab.shape, strict=False)]
        whole = np.pad(ab, [*margin, (0, 0)])[None]
        valid = np.array([tiles.cells(view)])
        parts = (whole, features, lightness, self._reading.amount, valid)
        return np.asarray(prediction.coherent(*parts))[0]


def _power_of_two(least: int) -> int:
    return 1 << (least - 1).bit_length()
