"""Batches of pixels from a source, for training and for validation.

Row j of training batch k is a pure function of the seed and of its global index,
k * batch_size + j: which photograph it is, and how that is cropped. Only then do the
processes share the rows. So neither their number nor the step at which a training was
interrupted changes the data: the position is the train step, and there is no other
state.
"""

import functools
import hashlib
import math
import struct
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int, UInt8

from jaxcolor.data import decoding, prefetching
from jaxcolor.data.sources import Example, Source

# More rows than any training needs.
ENDLESS = 2**52

Row = dict[str, Any]
Batch = dict[str, np.ndarray]
Labels = Int[np.ndarray, " photographs"]
"""The number of the class of each photograph of a source."""


class Crop(NamedTuple):
    """What is cut out of a photograph.

    Attributes:
        resize: side in pixels, as in `decoding.decode_resize`.
        squash: whether to a square, as in `decoding.decode_resize`.
        side: of the crop, pixels.
        draft: whether large JPEGs are decoded at a smaller size, as in
            `decoding.decode_resize`: quicker, but it changes pixels a little.
        scales: of random crops: each photograph is resized to `resize` times a random
            number from this range.
        flip: of random crops: mirror half of them.
    """

    resize: int
    squash: bool
    side: int
    draft: bool
    scales: tuple[float, float] = (1.0, 1.0)
    flip: bool = False


class Share(NamedTuple):
    """Which rows of a batch a process has: p, p + n, p + 2 n and so on.

    Attributes:
        process: its number, p.
        processes: how many there are, n.
    """

    process: int
    processes: int


class Workers(NamedTuple):
    """How batches are made ahead.

    Attributes:
        threads: how many decode, each a batch at a time; 0 decodes when asked.
        prefetch: how many batches are made ahead; 0 makes them when asked.
    """

    threads: int
    prefetch: int


ALONE = Share(0, 1)
"""The share of a process that has no others."""

WORKERS = Workers(threads=4, prefetch=4)
"""For all passes but those of a training, which takes them from its config."""


def training_batches(
    source: Source,
    crop: Crop,
    *,
    seed: int,
    step: int,
    batch_size: int,
    share: Share,
    workers: Workers,
    labels: Labels | None = None,
) -> Iterator[Batch]:
    """Yields this process's share of the batches of random crops, without end.

    Every epoch visits each photograph once, in a new order; a batch may span two.

    Args:
        source: the photographs.
        crop: what is cut out of each.
        seed: of the order and the crops; not negative.
        step: the batch to begin with.
        batch_size: of all processes together.
        share: which rows of each batch.
        workers: what decodes.
        labels: numbers of the photographs' classes; None for batches without.

    Returns:
        An iterator of {"rgb": uint8, "b crop crop 3"}, and {"label": int32, "b"} where
        there are labels; `close()` ends its threads.

    Raises:
        ValueError: no photographs, a crop larger than the resized photograph, or
            processes that cannot share a batch equally; while iterating, a file that
            cannot be decoded, by name.
        OSError: while iterating, a file that cannot be read, by name.
    """
    if not len(source):
        raise ValueError("got no photographs, wanted at least one")
    _check_crop(crop.side, smallest=round(crop.resize * min(crop.scales)))
    return _batches(
        _by_grain,
        functools.partial(_training_row, source, seed, crop, labels),
        indices=range(step * batch_size, ENDLESS),
        batch_size=batch_size,
        share=share,
        workers=workers,
    )


def training_names(
    source: Source, *, seed: int, step: int, batch_size: int
) -> list[str]:
    """Lists the names of the photographs in a batch of all processes, row by row."""
    rows = range(step * batch_size, (step + 1) * batch_size)
    return [source.names[_photograph(source, seed, index)] for index in rows]


def validation_batches(
    source: Source,
    crop: Crop,
    *,
    batch_size: int,
    share: Share,
    workers: Workers,
    labels: Labels | None = None,
) -> Iterator[Batch]:
    """Yields this process's share of the batches of center crops, once, in order.

    The last batch is filled up with black, and every process has as many batches.

    Args:
        source: the photographs; may be none.
        crop: what is cut out of each, from its center.
        batch_size: as in `training_batches`, like all the others.
        share: which rows of each batch.
        workers: what decodes.

    Returns:
        An iterator of {"rgb": uint8, "b crop crop 3"; "valid": float32, "b", 1 for a
        photograph and 0 for filling}, and labels as `training_batches`.

    Raises:
        ValueError: as `training_batches`.
        OSError: as `training_batches`.
    """
    _check_crop(crop.side, smallest=crop.resize)
    batches = -(-len(source) // batch_size)
    # Without Grain: an evaluation takes place where only models are used, too.
    return _batches(
        prefetching.in_order,
        functools.partial(_validation_row, source, crop, labels),
        indices=range(batches * batch_size),
        batch_size=batch_size,
        share=share,
        workers=workers,
    )


def center_squares(
    source: Source, *, size: int, batch_size: int, draft: bool = False
) -> Iterator[Batch]:
    """Yields the central squares of photographs, once, in order, for one process.

    Args:
        source: the photographs; may be none.
        size: the shorter side is resized to it, in pixels.
        batch_size: photographs at once; the last batch is filled up with black.
        draft: as of `Crop`.

    Returns:
        As `validation_batches`.
    """
    crop = Crop(resize=size, squash=False, side=size, draft=draft)
    return validation_batches(
        source, crop, batch_size=batch_size, share=ALONE, workers=WORKERS
    )


def _batches(
    make_ahead: Callable[..., Iterator[Batch]],
    row: Callable[[int], Row],
    *,
    indices: range,
    batch_size: int,
    share: Share,
    workers: Workers,
) -> Iterator[Batch]:
    if batch_size % share.processes or not 0 <= share.process < share.processes:
        raise ValueError(
            f"got process {share.process} of {share.processes} for batches of"
            f" {batch_size}, wanted a share of the same size for each"
        )

    def batch(number: int) -> Batch:
        rows = indices[number * batch_size : (number + 1) * batch_size]
        made = [row(index) for index in rows[share.process :: share.processes]]
        return {key: np.stack([one[key] for one in made]) for key in made[0]}

    count = len(indices) // batch_size
    return make_ahead(batch, count, threads=workers.threads, prefetch=workers.prefetch)


def _by_grain(
    batch: Callable[[int], Batch], count: int, *, threads: int, prefetch: int
) -> Iterator[Batch]:
    # Imported here because it takes seconds.
    import grain

    # Grain handles whole batches: it takes 15 microseconds for each element, and its
    # position is then the train step.
    return iter(
        grain.MapDataset.range(count)
        .map(batch)
        .to_iter_dataset(grain.ReadOptions(threads, prefetch))
    )


def _training_row(
    source: Source, seed: int, crop: Crop, labels: Labels | None, index: int
) -> Row:
    photograph = _photograph(source, seed, index)
    chances = _chances(seed, index)
    rgb = _named(_random_crop, source[photograph], chances, crop)
    return {"rgb": rgb, **_label(labels, photograph)}


def _validation_row(
    source: Source, crop: Crop, labels: Labels | None, index: int
) -> Row:
    is_photograph = index < len(source)
    if is_photograph:
        rgb = _named(_center, source[index], crop)
    else:
        rgb = np.zeros((crop.side, crop.side, 3), np.uint8)
    valid = np.array(is_photograph, np.float32)
    # Filling has the label of a photograph, and counts for nothing.
    return {"rgb": rgb, "valid": valid, **_label(labels, index if is_photograph else 0)}


def _label(labels: Labels | None, photograph: int) -> Row:
    return {} if labels is None else {"label": np.int32(labels[photograph])}


def _center(image: bytes, crop: Crop) -> UInt8[np.ndarray, "crop crop 3"]:
    return decoding.decode_center(
        image,
        resize=crop.resize,
        squash=crop.squash,
        crop=crop.side,
        draft=crop.draft,
    )


def _random_crop(
    image: bytes, chances: list[float], crop: Crop
) -> UInt8[np.ndarray, "crop crop 3"]:
    low, high = crop.scales
    resize = round(crop.resize * (low + (high - low) * chances[0]))
    decoded = decoding.decode(image, at_least=2 * resize if crop.draft else None)
    size = decoding.resized(decoded.size, resize=resize, squash=crop.squash)
    left = math.floor(chances[1] * (size[0] - crop.side + 1))
    top = math.floor(chances[2] * (size[1] - crop.side + 1))
    flip = crop.flip and chances[3] < 0.5
    return decoding.resized_crop(
        decoded, size, left=left, top=top, crop=crop.side, flip=flip
    )


def _photograph(source: Source, seed: int, index: int) -> int:
    """Returns the position in the source of the photograph in a row."""
    epoch, place = divmod(index, len(source))
    return int(_order(len(source), seed, epoch)[place])


@functools.lru_cache(maxsize=4)
def _order(count: int, seed: int, epoch: int) -> Int[np.ndarray, " count"]:
    # Grain's own shuffle takes over a millisecond a photograph even for ten of them.
    return np.random.default_rng((seed, epoch)).permutation(count)


def _chances(seed: int, index: int) -> list[float]:
    """Returns four pseudorandom numbers in [0, 1)."""
    # A NumPy generator for each index takes 20 times as long.
    key = hashlib.blake2b(f"{seed}/{index}".encode(), digest_size=32).digest()
    return [(number >> 11) / 2**53 for number in struct.unpack("<4Q", key)]


def _named(
    make: Callable[..., np.ndarray], example: Example, *arguments: Any
) -> np.ndarray:
    try:
        return make(example.image, *arguments)
    except ValueError as error:
        raise ValueError(f"cannot decode {example.name}: {error}") from error


def _check_crop(crop: int, *, smallest: int) -> None:
    if not 0 < crop <= smallest:
        raise ValueError(
            f"got crop {crop} of photographs whose shorter side is resized to"
            f" {smallest}, wanted at most that"
        )
