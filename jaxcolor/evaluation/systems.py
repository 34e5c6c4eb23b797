"""Systems that an evaluation measures: models and baselines behind one interface."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, UInt8

from jaxcolor.color import cielab, compose
from jaxcolor.color.decode import Decoding
from jaxcolor.data.sources import Source
from jaxcolor.evaluation import manifests, matching
from jaxcolor.evaluation.baselines import Baseline
from jaxcolor.inference.colorizer import Colorizer

TRUTH, GRAY = "ground truth", "gray"
"""Names of what is always measured."""


class Answer(NamedTuple):
    """How a system colors some photographs.

    Attributes:
        ab: at their full size.
        logits: over its bins, at a fraction of the size; None without a distribution.
    """

    ab: Float[Array, "b h w 2"]
    logits: Float[Array, "b g k q"] | None


class System(NamedTuple):
    """A way to color photographs.

    Attributes:
        answer: from lightness and the photographs' positions in the set.
        spacing: of its bins; None where it has none.
        decoding: of its outputs; None for a baseline.
        multiple: sides of the lightness are multiples of it, pixels.
        provenance: path and SHA-256 of its files, as JSON values; empty if unknown.
    """

    answer: Callable[[Float[Array, "b h w"], Int[Array, " b"]], Answer]
    spacing: float | None = None
    decoding: Decoding | None = None
    multiple: int = 1
    provenance: Mapping[str, Any] = MappingProxyType({})


def load(
    model: str | Path,
    *,
    temperature: float | None = None,
    rebalancing_lambda: float | None = None,
    coherence: float | None = None,
) -> System:
    """Returns a model with its provenance, as `jaxcolor colorize` would use it.

    Args:
        model: as for `Colorizer.load`.
        temperature: of the annealed mean; None for the model's own.
        rebalancing_lambda: of decoding; None for the model's own.
        coherence: of colors; None for the model's own.

    Raises:
        ValueError: there is no such model, or it cannot be decoded so.
    """
    colorizer = Colorizer.load(
        model,
        temperature=temperature,
        rebalancing_lambda=rebalancing_lambda,
        coherence=coherence,
    )
    provenance = {"path": str(model), "sha256": manifests.hash_of(model)}
    return of_colorizer(colorizer)._replace(provenance=provenance)


def of_colorizer(colorizer: Colorizer) -> System:
    """Returns a model as `jaxcolor colorize` would use it."""

    def answer(lightness: Float[Array, "b h w"], _: Int[Array, " b"]) -> Answer:
        logits, features = colorizer.predict(lightness)
        ab = colorizer.decode(logits, lightness)
        colors = colorizer.coherent(ab, features, lightness)
        whole = enlarge(colors, lightness)
        return Answer(whole, None if colorizer.gamut is None else logits)

    return System(
        answer,
        None if colorizer.gamut is None else colorizer.gamut.spacing,
        colorizer.decoding,
        colorizer.network.input_multiple,
    )


def of_pictures(folder: str | Path, photographs: Source, *, size: int) -> System:
    """Returns the system that made the pictures in a folder, whatever it is.

    Its ab is that of the pictures, resized and cropped as the photographs are; their
    lightness is not used. It has no distribution.

    Args:
        folder: a picture of each photograph, see `matching`.
        photographs: the set that is evaluated.
        size: of the protocol.

    Raises:
        ValueError: a picture is missing, broken or of another aspect.
        OSError: one cannot be read.
    """
    found = matching.match(folder, photographs.names)
    checked = matching.check(found, photographs, size=size)

    def answer(lightness: Float[Array, "b h w"], index: Int[Array, " b"]) -> Answer:
        # The last batch is filled up: with any picture, as it counts for nothing.
        positions = np.minimum(np.asarray(index), len(found.names) - 1)
        rgb = [matching.square(found, int(n), size=size) for n in positions]
        return Answer(_ab(np.stack(rgb)), None)

    provenance = {
        "path": str(folder),
        "sha256": checked.sha256,
        "pictures": len(found.names),
        "ignored": found.ignored,
        "of_another_lightness": list(checked.apart),
    }
    return System(answer, provenance=provenance)


def of_baseline(baseline: Baseline) -> System:
    """Returns a system that needs no training."""
    return System(lambda lightness, index: Answer(baseline(lightness, index), None))


def gray() -> System:
    """Returns the system that leaves everything gray."""
    return System(_gray)


def _gray(lightness: Float[Array, "b h w"], _: Int[Array, " b"]) -> Answer:
    return Answer(jnp.zeros((*lightness.shape, 2)), None)


@jax.jit
def _ab(rgb: UInt8[Array, "b h w 3"]) -> Float[Array, "b h w 2"]:
    return cielab.rgb8_to_lab(rgb)[..., 1:]


enlarge = jax.jit(compose.enlarge)
