"""How an evaluation is done: which pixels, in what batches, and of what colors."""

import hashlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxcolor.color import gamut
from jaxcolor.data import pipeline
from jaxcolor.data.sources import Source
from jaxcolor.evaluation import per_photograph
from jaxcolor.evaluation.per_photograph import Truth

THREADS, PREFETCH = 4, 4

Progress = Callable[[int], object]


class Protocol(NamedTuple):
    """How it is measured.

    Attributes:
        name: of the source, for the table.
        size: of the photographs: the shorter side is resized to it, then the central
            square is taken. A network sees just that, and its ab is enlarged to it.
        spacing: of the bins that rebalancing counts by; the paper's is 10.
        batch_size: photographs at once.
        seed: of the resampling.
        resamples: for the intervals.
    """

    name: str
    size: int
    spacing: float
    batch_size: int
    seed: int
    resamples: int


class Survey(NamedTuple):
    """What the first pass finds.

    Attributes:
        pixels: how many have each bin as their nearest.
        hashes: SHA-256 of each file.
    """

    pixels: Float[np.ndarray, " q"]
    hashes: list[str]


def survey(source: Source, protocol: Protocol, on_done: Progress) -> Survey:
    """Returns the colors of a set, and what identifies its files."""
    bins = len(gamut.from_srgb(spacing=protocol.spacing).centers)
    pixels = np.zeros(bins)
    for truth, _, count in batches(source, protocol):
        some = np.asarray(truth.bins[:count])
        pixels += np.bincount(some.ravel(), minlength=bins)
        on_done(count)
    images = (source[n].image for n in range(len(source)))
    return Survey(pixels, [hashlib.sha256(image).hexdigest() for image in images])


def batches(
    source: Source, protocol: Protocol
) -> Iterator[tuple[Truth, Int[Array, " b"], int]]:
    """Yields photographs, their positions, and how many are no filling."""
    found = pipeline.validation_batches(
        source,
        batch_size=protocol.batch_size,
        resize=protocol.size,
        squash=False,
        crop=protocol.size,
        # The shortcut for large JPEGs would change pixels a little.
        draft=False,
        process_index=0,
        process_count=1,
        threads=THREADS,
        prefetch=PREFETCH,
    )
    for n, batch in enumerate(found):
        index = jnp.arange(protocol.batch_size) + n * protocol.batch_size
        truth = per_photograph.truth(batch["rgb"], spacing=protocol.spacing)
        yield truth, index, int(batch["valid"].sum())
