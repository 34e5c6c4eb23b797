"""A photograph's pass through the network, kept: decodings then answer at once.

The network takes most of the time of a colorization. Its outputs are a few megabytes
and the same for all temperatures, lambdas, strengths, variants and, unless the network
takes them itself, hints.
"""

from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float, UInt

from jaxcolor.color.decode import Decoding
from jaxcolor.inference import (
    adjustments,
    prediction,
    suggestions,
    tiles,
    user_hints,
)
from jaxcolor.inference.adjustments import PLAIN, Look
from jaxcolor.inference.colorizer import Colorizer
from jaxcolor.inference.prediction import Adjustments, Prediction
from jaxcolor.inference.suggestions import Suggestion
from jaxcolor.inference.tiles import View
from jaxcolor.inference.user_hints import Hint, Hints


class Pass(NamedTuple):
    """What the network predicts for a photograph.

    Attributes:
        size: height and width of the photograph, pixels.
        view: of the photograph.
        lightness: of the view.
        predicted: at the lambda of the training, with features if the network has any.
    """

    size: tuple[int, int]
    view: View
    lightness: Float[Array, "1 h w"]
    predicted: Prediction


def make(
    colorizer: Colorizer, photo: UInt[np.ndarray, "h w *c"], *, hints: Hints = ()
) -> Pass:
    """Returns the pass of a photograph.

    Args:
        colorizer: the model.
        photo: gray or RGB, 8 or 16 bits, of which only the lightness counts.
        hints: of a user, for a network that takes them; with any other network they are
            for `grid`, and have no effect here.

    Raises:
        ValueError: a hint is outside the photograph or has no color.
    """
    size = adjustments.size_of(photo)
    network = colorizer.network
    view = tiles.view(photo, size=colorizer.size, network=network)
    seen = prediction.lightness(view.rgb[None])
    shown = None
    if takes_hints(colorizer):
        adjusted = _adjusted(colorizer, hints, PLAIN, size, view)
        shown = None if adjusted is None else adjusted.shown
    predicted = colorizer.predict(
        seen, reweights=False, has_features=network.has_features, hints=shown
    )
    return Pass(size, view, seen, predicted)


def takes_hints(colorizer: Colorizer) -> bool:
    """Returns whether the network itself takes hints: each set needs its own pass."""
    return "hints" in colorizer.network.extra_inputs


def grid(
    colorizer: Colorizer,
    passed: Pass,
    *,
    decoding: Decoding | None = None,
    hints: Hints = (),
    look: Look = PLAIN,
) -> Float[np.ndarray, "g k n"]:
    """Returns the colors of a photograph in cells, as `tiles.paint` takes them.

    They are those of `Colorizer.colorize`, but for rounding.

    Args:
        colorizer: that has made the pass.
        passed: of the photograph.
        decoding: of the outputs; default: the colorizer's.
        hints: of the photograph; what the network has taken in the pass stays.
        look: strength of the colors, and which variant.

    Raises:
        ValueError: a hint is outside the photograph, has no color or means nothing to
            the model, or the look is out of range.
    """
    adjusted = _adjusted(colorizer, hints, look, passed.size, passed.view)
    if adjusted is not None:
        adjusted = adjusted._replace(shown=None)
    found = prediction.ab_of_prediction(
        *colorizer.reading(decoding),
        passed.predicted,
        passed.lightness,
        np.array([tiles.cells(passed.view)]),
        adjusted,
    )
    ab = np.asarray(found)[0]
    return ab if look.strength == 1 else ab * np.float32(look.strength)


def suggest(
    colorizer: Colorizer,
    passed: Pass,
    x: int | float,
    y: int | float,
    *,
    count: int,
    temperature: float | None = None,
) -> list[Suggestion]:
    """Returns likely colors of a point, as `Colorizer.suggest` does.

    Args:
        colorizer: that has made the pass.
        passed: of the photograph.
        x: column of the pixel.
        y: row of the pixel.
        count: number of colors; there are fewer where the distribution has fewer.
        temperature: of the distribution; default: the colorizer's.

    Raises:
        ValueError: the point is outside the photograph, a number is out of range, or
            the model has no bins.
    """
    gamut = suggestions.gamut_of(colorizer.description, count=count)
    decoding = colorizer.decoding_with(temperature)
    user_hints.check_inside([Hint(x, y, "gray")], *passed.size)
    row, column = user_hints.pixel_seen(x, y, passed.size, passed.view)
    stride = passed.view.stride
    outputs = passed.predicted.outputs[0, row // stride, column // stride]
    return suggestions.of_cell(
        colorizer.move(outputs),
        passed.lightness[0, row, column],
        gamut,
        temperature=decoding.temperature,
        count=count,
    )


def bytes_of(passed: Pass) -> int:
    """Returns the size of a pass in memory."""
    # The others are whole numbers.
    return sum(getattr(leaf, "nbytes", 0) for leaf in jax.tree.leaves(passed))


def _adjusted(
    colorizer: Colorizer,
    hints: Hints,
    look: Look,
    size: tuple[int, int],
    view: View,
) -> Adjustments | None:
    return adjustments.of_photographs(
        [hints],
        look,
        sizes=[size],
        views=[view],
        description=colorizer.description,
        network=colorizer.network,
        batch_size=1,
    )
