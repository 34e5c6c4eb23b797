"""Reads weights of Caffe networks (.caffemodel) without Caffe.

The file is one message in the wire format of protocol buffers. This reader knows the
few fields of it that hold layers and their numbers, and skips all others.
"""

import itertools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

# Bytes of a file: four times the published weights of AlexNet.
LARGEST = 2**30
# Number of fields in a file; a network of a hundred layers has some thousand.
MOST_FIELDS = 1_000_000
# Number of axes of an array in Caffe.
MOST_AXES = 32
# Bits of the longest number of the wire format.
LONGEST = 64


class _Layout(NamedTuple):
    """Numbers of the fields of a layer."""

    name: int
    blobs: int


# Caffe's caffe.proto: the fields of NetParameter that hold layers, today's (`layer`)
# and those of before 2015 (`layers`), by their number.
LAYOUTS = {100: _Layout(name=1, blobs=7), 2: _Layout(name=4, blobs=6)}
# Fields of BlobProto. Older files give four sides in place of a shape.
SIDES, DATA, SHAPE, DOUBLES = range(1, 5), 5, 7, 8
# The field of BlobShape.
DIMENSION = 1

# Kinds of fields on the wire.
VARINT, EIGHT_BYTES, BYTES, FOUR_BYTES = 0, 1, 2, 5

Fields = Iterator[tuple[int, int | memoryview]]


def read(path: str | Path) -> dict[str, list[np.ndarray]]:
    """Reads the arrays ("blobs") of the layers that have some, by the layer's name.

    Args:
        path: of a binary NetParameter.

    Raises:
        ValueError: the file is too large, damaged, or something else.
    """
    path = Path(path)
    try:
        if (size := path.stat().st_size) > LARGEST:
            raise ValueError(f"it has {size:,} bytes; wanted {LARGEST:,} or less")
        found = _layers(memoryview(path.read_bytes()))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read as a .caffemodel: {error}") from error
    if not found:
        raise ValueError(f"{path} cannot be read as a .caffemodel: it has no layers")
    return found


def _layers(net: memoryview) -> dict[str, list[np.ndarray]]:
    budget = iter(range(MOST_FIELDS))
    found: dict[str, list[np.ndarray]] = {}
    for number, value in _fields(net, budget):
        if number not in LAYOUTS or isinstance(value, int):
            continue
        name, blobs = _layer(value, LAYOUTS[number], budget)
        if blobs and name in found:
            raise ValueError(f"two of its layers are named {name}")
        if blobs:
            found[name] = blobs
    return found


def _layer(
    layer: memoryview, layout: _Layout, budget: Iterator[int]
) -> tuple[str, list[np.ndarray]]:
    name, blobs = "", []
    for number, value in _fields(layer, budget):
        if isinstance(value, int):
            continue
        if number == layout.name:
            name = bytes(value).decode("utf-8", "replace")
        elif number == layout.blobs:
            blobs.append(_blob(value, budget))
    return name, blobs


def _blob(blob: memoryview, budget: Iterator[int]) -> np.ndarray:
    sides: dict[int, int] = {}
    shape: tuple[int, ...] | None = None
    runs: list[np.ndarray] = [np.zeros(0, np.float32)]
    for number, value in _fields(blob, budget):
        if isinstance(value, int):
            if number in SIDES:
                sides[number] = value
        elif number == SHAPE:
            shape = _shape(value, budget)
        elif number in (DATA, DOUBLES):
            runs.append(_numbers(value, "<f4" if number == DATA else "<f8"))
    if shape is None:
        shape = tuple(sides.get(number, 1) for number in SIDES)
    # One run, as Caffe writes it, is not copied.
    data = runs[1] if len(runs) == 2 else np.concatenate(runs)
    if math.prod(shape) != data.size:
        raise ValueError(f"an array of shape {shape} has {data.size:,} numbers")
    return data.reshape(shape)


def _shape(shape: memoryview, budget: Iterator[int]) -> tuple[int, ...]:
    axes: list[int] = []
    for number, value in _fields(shape, budget):
        if number != DIMENSION:
            continue
        if isinstance(value, int):
            axes.append(value)
            continue
        position = 0
        while position < len(value) and len(axes) <= MOST_AXES:
            axis, position = _varint(value, position)
            axes.append(axis)
    if len(axes) > MOST_AXES:
        raise ValueError(f"an array has more than {MOST_AXES} axes")
    return tuple(axes)


def _numbers(run: memoryview, dtype: str) -> np.ndarray:
    size = np.dtype(dtype).itemsize
    # A number that stands alone has as many bytes as these: Caffe packs all of them.
    if len(run) % size:
        raise ValueError(f"{len(run):,} bytes are no numbers of {size} bytes each")
    return np.frombuffer(run, dtype).astype(np.float32, copy=False)


def _fields(message: memoryview, budget: Iterator[int]) -> Fields:
    """Yields the number and the value of each field of a message.

    Args:
        message: on the wire.
        budget: from which one is taken for each field.

    Raises:
        ValueError: the message is damaged, or the budget is spent.
    """
    lengths = {EIGHT_BYTES: 8, FOUR_BYTES: 4}
    position = 0
    while position < len(message):
        if next(budget, None) is None:
            raise ValueError(f"it has more than {MOST_FIELDS:,} fields")
        key, position = _varint(message, position)
        number, kind = key >> 3, key & 7
        if number == 0 or kind not in (VARINT, BYTES, *lengths):
            raise ValueError(f"it has a field {number} of the unknown kind {kind}")
        length, position = (
            (lengths[kind], position) if kind in lengths else _varint(message, position)
        )
        if kind == VARINT:
            yield number, length
            continue
        if length > len(message) - position:
            raise ValueError("it ends within a field")
        yield number, message[position : position + length]
        position += length


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    """Returns the number of variable length at a position, and the position after."""
    value = 0
    for shift in itertools.count(0, 7):
        if shift >= LONGEST:
            raise ValueError("it has a number that is too long")
        if position >= len(message):
            raise ValueError("it ends within a number")
        byte = message[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            break
    return value, position
