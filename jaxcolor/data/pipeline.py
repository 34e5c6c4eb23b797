"""Batches of pixels from a source, for training and for validation.

Row j of training batch k is a pure function of the seed and of its global index,
k * batch_size + j: which photograph it is, and how that is cropped. Only then do the
processes share the rows out. So neither their number nor where a training was
interrupted changes what is learnt from: the position is the train step, and there is
no other state.
"""

import functools
import hashlib
import math
import struct
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int, UInt8

from jaxcolor.data import ahead, decoding
from jaxcolor.data.sources import Example, Source

# More rows than any training has.
ENDLESS = 2**52

Row = dict[str, np.ndarray]
Batch = dict[str, np.ndarray]


class Augmentation(NamedTuple):
    """How random crops are made; the fields are those of `training_batches`."""

    resize: int
    squash: bool
    scales: tuple[float, float]
    crop: int
    flip: bool
    draft: bool


def training_batches(
    source: Source,
    *,
    seed: int,
    step: int,
    batch_size: int,
    resize: int,
    squash: bool,
    scales: tuple[float, float],
    crop: int,
    flip: bool,
    draft: bool,
    process_index: int,
    process_count: int,
    threads: int,
    prefetch: int,
) -> Iterator[Batch]:
    """Yields this process's share of the batches of random crops, without end.

    Every epoch visits each photograph once, shuffled anew; a batch may span two.
    Process p of n has the rows p, p + n, p + 2 n ... of each batch.

    Args:
        source: the photographs.
        seed: of the order and the crops; not negative.
        step: the batch to begin with.
        batch_size: of all processes together.
        resize: as in `decoding.decode_resize`.
        squash: as in `decoding.decode_resize`.
        scales: each photograph is resized to `resize` times a random number from
            this range; (1, 1) for always the same.
        crop: side of the crops.
        flip: mirror half of the crops.
        draft: as in `decoding.decode_resize`.
        process_index: of this process.
        process_count: how many processes there are.
        threads: how many decode, each a batch at a time; 0 decodes when asked.
        prefetch: how many batches are made ahead; 0 makes them when asked.

    Returns:
        An iterator of {"rgb": uint8, "b crop crop 3"}; `close()` ends its threads.

    Raises:
        ValueError: no photographs, a crop larger than what it is cut from, or
            processes that cannot share a batch equally; while iterating, a file that
            cannot be decoded, by name.
        OSError: while iterating, a file that cannot be read, by name.
    """
    if not len(source):
        raise ValueError("got no photographs, wanted at least one")
    _check_crop(crop, smallest=round(resize * min(scales)))
    augmentation = Augmentation(resize, squash, scales, crop, flip, draft)
    return _batches(
        _by_grain,
        functools.partial(_training_row, source, seed, augmentation),
        indices=range(step * batch_size, ENDLESS),
        batch_size=batch_size,
        process_index=process_index,
        process_count=process_count,
        threads=threads,
        prefetch=prefetch,
    )


def training_names(
    source: Source, *, seed: int, step: int, batch_size: int
) -> list[str]:
    """Lists the names of the photographs in a batch of all processes, row by row."""
    rows = range(step * batch_size, (step + 1) * batch_size)
    return [source.names[_photograph(source, seed, index)] for index in rows]


def validation_batches(
    source: Source,
    *,
    batch_size: int,
    resize: int,
    squash: bool,
    crop: int,
    draft: bool,
    process_index: int,
    process_count: int,
    threads: int,
    prefetch: int,
) -> Iterator[Batch]:
    """Yields this process's share of the batches of center crops, once, in order.

    The last batch is filled up with black, and every process has as many batches.
    Process p of n has the rows p, p + n, p + 2 n ... of each batch.

    Args:
        source: the photographs; may be none.
        batch_size: as in `training_batches`, like all the others.
        resize: as in `decoding.decode_resize`.
        squash: as in `decoding.decode_resize`.
        crop: side of the crops.
        draft: as in `decoding.decode_resize`.
        process_index: of this process.
        process_count: how many processes there are.
        threads: how many decode.
        prefetch: how many batches are made ahead.

    Returns:
        An iterator of {"rgb": uint8, "b crop crop 3"; "valid": float32, "b", 1 for a
        photograph and 0 for filling}.

    Raises:
        ValueError: as `training_batches`.
        OSError: as `training_batches`.
    """
    _check_crop(crop, smallest=resize)
    center = functools.partial(
        decoding.decode_center, resize=resize, squash=squash, crop=crop, draft=draft
    )
    batches = -(-len(source) // batch_size)
    # Without Grain: an evaluation takes place where only models are used, too.
    return _batches(
        ahead.in_order,
        functools.partial(_validation_row, source, center, crop),
        indices=range(batches * batch_size),
        batch_size=batch_size,
        process_index=process_index,
        process_count=process_count,
        threads=threads,
        prefetch=prefetch,
    )


def _batches(
    make_ahead: Callable[..., Iterator[Batch]],
    row: Callable[[int], Row],
    *,
    indices: range,
    batch_size: int,
    process_index: int,
    process_count: int,
    threads: int,
    prefetch: int,
) -> Iterator[Batch]:
    if batch_size % process_count or not 0 <= process_index < process_count:
        raise ValueError(
            f"got process {process_index} of {process_count} for batches of"
            f" {batch_size}, wanted a share of the same size for each"
        )

    def batch(number: int) -> Batch:
        rows = indices[number * batch_size : (number + 1) * batch_size]
        made = [row(index) for index in rows[process_index::process_count]]
        return {key: np.stack([one[key] for one in made]) for key in made[0]}

    count = len(indices) // batch_size
    return make_ahead(batch, count, threads=threads, prefetch=prefetch)


def _by_grain(
    batch: Callable[[int], Batch], count: int, *, threads: int, prefetch: int
) -> Iterator[Batch]:
    # Here, for it takes seconds.
    import grain

    # Grain gets whole batches: it takes 15 microseconds for everything it is shown,
    # and its position is then the train step.
    return iter(
        grain.MapDataset.range(count)
        .map(batch)
        .to_iter_dataset(grain.ReadOptions(threads, prefetch))
    )


def _training_row(
    source: Source, seed: int, augmentation: Augmentation, index: int
) -> Row:
    example = source[_photograph(source, seed, index)]
    chances = _chances(seed, index)
    return {"rgb": _named(_random_crop, example, chances, augmentation)}


def _validation_row(
    source: Source, center: Callable[..., np.ndarray], crop: int, index: int
) -> Row:
    is_photograph = index < len(source)
    if is_photograph:
        rgb = _named(center, source[index])
    else:
        rgb = np.zeros((crop, crop, 3), np.uint8)
    return {"rgb": rgb, "valid": np.array(is_photograph, np.float32)}


def _random_crop(
    image: bytes, chances: list[float], augmentation: Augmentation
) -> UInt8[np.ndarray, "crop crop 3"]:
    low, high = augmentation.scales
    resize = round(augmentation.resize * (low + (high - low) * chances[0]))
    decoded = decoding.decode(
        image, at_least=2 * resize if augmentation.draft else None
    )
    size = decoding.resized(decoded.size, resize=resize, squash=augmentation.squash)
    crop = augmentation.crop
    left = math.floor(chances[1] * (size[0] - crop + 1))
    top = math.floor(chances[2] * (size[1] - crop + 1))
    flip = augmentation.flip and chances[3] < 0.5
    return decoding.resized_crop(
        decoded, size, left=left, top=top, crop=crop, flip=flip
    )


def _photograph(source: Source, seed: int, index: int) -> int:
    """Returns the position in the source of the photograph in a row."""
    epoch, place = divmod(index, len(source))
    return int(_order(len(source), seed, epoch)[place])


@functools.lru_cache(maxsize=4)
def _order(count: int, seed: int, epoch: int) -> Int[np.ndarray, " count"]:
    # Grain's own shuffle takes over a millisecond a photograph if there are but ten.
    return np.random.default_rng((seed, epoch)).permutation(count)


def _chances(seed: int, index: int) -> list[float]:
    """Returns four numbers in [0, 1) that only look random."""
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
