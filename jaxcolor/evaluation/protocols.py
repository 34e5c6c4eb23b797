"""The protocol of an evaluation: which pixels, in what batches, and their colors."""

import hashlib
import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxcolor.color import gamut
from jaxcolor.data import black_and_white, pipeline
from jaxcolor.data.sources import Source
from jaxcolor.evaluation import per_photograph
from jaxcolor.evaluation.per_photograph import Truth

Progress = Callable[[int], object]


class Protocol(NamedTuple):
    """How systems are measured.

    Attributes:
        name: of the source, for the table; empty for the path of the photographs.
        size: of the photographs: the shorter side is resized to it, then the central
            square is taken. A network sees just that, and its ab is enlarged to it.
        spacing: of the bins that rebalancing counts by; the paper's is 10.
        batch_size: photographs at once.
        seed: for the resampling.
        resamples: for the intervals.
    """

    name: str = ""
    size: int = 256
    spacing: float = 10.0
    batch_size: int = 16
    seed: int = 0
    resamples: int = 1000


DEFAULT = Protocol()

AT_ONCE = min(4, os.cpu_count() or 1)
"""Batches measured at once: much of a measurement uses one core."""


class Batch(NamedTuple):
    """Photographs that are measured together.

    Attributes:
        truth: as they are.
        positions: theirs in the set.
        photographs: how many there are; black ones after them fill the last batch.
    """

    truth: Truth
    positions: Int[Array, " b"]
    photographs: int


class Survey(NamedTuple):
    """The result of the first pass.

    Attributes:
        pixels: how many have each bin as their nearest.
        hashes: SHA-256 of each file.
        gray: how many photographs are black-and-white.
    """

    pixels: Float[np.ndarray, " q"]
    hashes: list[str]
    gray: int


def survey(source: Source, protocol: Protocol, on_done: Progress) -> Survey:
    """Returns the colors of a set, and what identifies its files.

    Raises:
        ValueError: all photographs are black-and-white.
    """
    bins = len(gamut.from_srgb(spacing=protocol.spacing).centers)
    pixels, gray = np.zeros(bins), 0
    for truth, _, count in batches(source, protocol):
        some = np.asarray(truth.bins[:count])
        pixels += np.bincount(some.ravel(), minlength=bins)
        gray += black_and_white.count(np.asarray(truth.rgb[:count]))
        on_done(count)
    black_and_white.check(gray, photographs=len(source), source=protocol.name)
    images = (source[n].image for n in range(len(source)))
    hashes = [hashlib.sha256(image).hexdigest() for image in images]
    return Survey(pixels, hashes, gray)


def batches(source: Source, protocol: Protocol) -> Iterator[Batch]:
    """Yields the centers of photographs, in order; the last batch is filled up."""
    found = pipeline.center_squares(
        source, size=protocol.size, batch_size=protocol.batch_size
    )
    for n, batch in enumerate(found):
        index = jnp.arange(protocol.batch_size) + n * protocol.batch_size
        truth = per_photograph.truth(batch["rgb"], spacing=protocol.spacing)
        yield Batch(truth, index, int(batch["valid"].sum()))
