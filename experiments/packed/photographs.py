"""Photographs as one array: read from parts on the host, cropped on the device.

All have the same short side; the long side is at most 3/2 of it, by a central crop.
Portraits lie on their side, so that one array holds them and landscapes. Beyond its
width a photograph is filled up with its last column, which no crop reaches.

Cropping is two products of small matrices for each photograph, whose rows are the
weights of a triangle filter, as wide as the pixels of the crop are apart: the bilinear
filter of Pillow, within the box of the crop.
"""

import json
import os
from collections.abc import Mapping, Sequence
from concurrent import futures
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray, UInt8
from PIL import Image

from experiments.packed import pack
from jaxcolor.data import decoding, splits

# The long side of a photograph over the short one, at most.
LONGEST = 1.5


class Photographs(NamedTuple):
    """Photographs of one short side s, on the host or on a device.

    Attributes:
        pixels: sRGB, (n s w 3), w = 1.5 s.
        widths: of each, at most w.
        is_portrait: whether it lies on its side: transposed.
    """

    pixels: UInt8[Array, "n s w 3"]
    widths: Int[Array, " n"]
    is_portrait: Array


class Named(NamedTuple):
    """Photographs on the host, with what they are called.

    Attributes:
        photographs: sorted by group.
        names: of each.
        groups: of each.
    """

    photographs: Photographs
    names: tuple[str, ...]
    groups: tuple[str, ...]


class Groups(NamedTuple):
    """Which photographs are chosen how often; each group's follow one another.

    Attributes:
        shares: of the groups, adding up to 1.
        starts: position of the first photograph of each.
        sizes: how many each has.
    """

    shares: Float[Array, " g"]
    starts: Int[Array, " g"]
    sizes: Int[Array, " g"]


def read(folder: Path, *, side: int, held_out_fraction: float) -> tuple[Named, Named]:
    """Reads the photographs to train on and those to validate on.

    Args:
        folder: with parts, see `pack`.
        side: what short sides become.
        held_out_fraction: of the second kind, by the hash of the path below the source.

    Raises:
        ValueError: there are no parts, or one of them is damaged.
    """
    indices = sorted(folder.glob(f"{pack.PREFIX}*{pack.INDEX}"))
    if not indices:
        raise ValueError(f"{folder} has no {pack.PREFIX}*{pack.INDEX}; see pack")
    items = [item for index in indices for item in _items(index)]
    # Stable: within a group the order of the parts stays.
    items.sort(key=lambda item: item.group)
    fates = [
        splits.is_held_out(pack.below_source(item.name), fraction=held_out_fraction)
        for item in items
    ]
    parts = [
        [x for x, fate in zip(items, fates, strict=True) if fate is wanted]
        for wanted in (False, True)
    ]
    training, held_out = (_decoded(part, side=side) for part in parts)
    return training, held_out


def fit(image: Image.Image, *, side: int) -> tuple[UInt8[np.ndarray, "s w 3"], bool]:
    """Returns a photograph with its short side down, and whether that turned it.

    Args:
        image: upright RGB.
        side: what the short side becomes.
    """
    is_portrait = image.height > image.width
    if is_portrait:
        image = image.transpose(Image.Transpose.TRANSPOSE)
    longest = _longest(side)
    wanted = min(longest, max(side, round(image.width * side / image.height)))
    # What is left of a panorama.
    across = min(image.width, image.height * longest / side)
    left = (image.width - across) / 2
    box = (left, 0, left + across, image.height)
    resized = image.resize((wanted, side), Image.Resampling.BICUBIC, box)
    return np.asarray(resized), is_portrait


def groups_of(
    groups: Sequence[str], shares: Mapping[str, float], *, power: float
) -> Groups:
    """Returns how often to choose the photographs of each group.

    Args:
        groups: of the photographs, sorted.
        shares: by group, or by source for all of its groups together; scaled to add up
            to 1. Those of a source are split by a power of its groups' sizes.
        power: 0 for equal shares, 1 for shares by size.

    Raises:
        ValueError: a group has no share or two, or a share has no photographs.
    """
    names, starts, sizes = np.unique(groups, return_index=True, return_counts=True)
    found = np.zeros(len(names))
    for wanted, share in shares.items():
        matches = np.array([x == wanted or x.startswith(f"{wanted}/") for x in names])
        if not matches.any():
            raise ValueError(f"no photographs of {wanted!r}; there are {[*names]}")
        if found[matches].any():
            raise ValueError(f"{wanted!r} and another share are of the same groups")
        weights = matches * sizes.astype(float) ** power
        found += share * weights / weights.sum()
    if not found.all():
        raise ValueError(f"no share for {[*names[found == 0]]}")
    return Groups(
        shares=np.float32(found / found.sum()),
        starts=starts.astype(np.int32),
        sizes=sizes.astype(np.int32),
    )


def chosen(key: PRNGKeyArray, groups: Groups, *, count: int) -> Int[Array, " count"]:
    """Returns positions of photographs: a group by its share, any one of its."""
    of_group, within = jax.random.uniform(key, (2, count))
    last = len(groups.sizes) - 1
    group = jnp.searchsorted(jnp.cumsum(groups.shares), of_group, side="right")
    group = jnp.minimum(group, last)
    sizes = jnp.asarray(groups.sizes)[group]
    # Rounding up to the size itself would leave the group.
    offset = jnp.minimum((within * sizes).astype(jnp.int32), sizes - 1)
    return jnp.asarray(groups.starts)[group] + offset


def random_crops(
    key: PRNGKeyArray,
    photographs: Photographs,
    indices: Int[Array, " b"],
    *,
    crop: int,
    scales: tuple[float, float],
) -> UInt8[Array, "b crop crop 3"]:
    """Returns a random square of each photograph, half of them mirrored.

    Args:
        key: of everything random.
        photographs: on the device.
        indices: of those that are wanted.
        crop: side of what is returned.
        scales: smallest and largest side of the square, as shares of the short side;
            uniform between them. The square lies anywhere, also between pixels.
    """
    side = photographs.pixels.shape[1]
    scale, down, across, mirror = jax.random.uniform(key, (4, len(indices)))
    window = side * (scales[0] + (scales[1] - scales[0]) * scale)
    return _crops(
        photographs,
        indices,
        tops=down * (side - window),
        lefts=across * (photographs.widths[indices] - window),
        windows=window,
        is_mirrored=mirror < 0.5,
        crop=crop,
    )


def center_crops(
    photographs: Photographs, indices: Int[Array, " b"], *, crop: int
) -> UInt8[Array, "b crop crop 3"]:
    """Returns the central square of each photograph, of all of its short side."""
    side = photographs.pixels.shape[1]
    window = jnp.full(indices.shape, side, jnp.float32)
    return _crops(
        photographs,
        indices,
        tops=jnp.zeros_like(window),
        lefts=(photographs.widths[indices] - window) / 2,
        windows=window,
        is_mirrored=jnp.zeros(indices.shape, bool),
        crop=crop,
    )


def resampling(
    start: Float[Array, ""],
    window: Float[Array, ""],
    valid: Int[Array, ""],
    *,
    crop: int,
    length: int,
) -> Float[Array, "crop length"]:
    """Returns the weights from pixels of a line to those of a crop of it.

    Args:
        start: where the crop begins, in pixels.
        window: how long it is.
        valid: pixels that count; those after them do not.
        crop: pixels of the result.
        length: of the line.

    Returns:
        Rows that add up to 1: triangles around the pixels of the crop, that reach to
        the neighbors where it is smaller than its window, and otherwise to the
        neighboring pixels of the line.
    """
    step = window / crop
    center = start + (jnp.arange(crop) + 0.5) * step
    at = jnp.arange(length) + 0.5
    distance = jnp.abs(at[None] - center[:, None]) / jnp.maximum(step, 1)
    weights = jnp.clip(1 - distance, 0) * (at < valid)[None]
    return weights / weights.sum(axis=1, keepdims=True)


def _crops(
    photographs: Photographs,
    indices: Int[Array, " b"],
    *,
    tops: Float[Array, " b"],
    lefts: Float[Array, " b"],
    windows: Float[Array, " b"],
    is_mirrored: Array,
    crop: int,
) -> UInt8[Array, "b crop crop 3"]:
    _, side, longest, _ = photographs.pixels.shape

    def one(
        pixels: Array, width: Array, top: Array, left: Array, window: Array
    ) -> Array:
        rows = resampling(top, window, side, crop=crop, length=side)
        columns = resampling(left, window, width, crop=crop, length=longest)
        # 'highest': accelerators otherwise multiply in bfloat16 or TF32.
        down = jnp.einsum("is,swc->iwc", rows, pixels, precision="highest")
        return jnp.einsum("jw,iwc->ijc", columns, down, precision="highest")

    cut = jax.vmap(one)(
        photographs.pixels[indices].astype(jnp.float32),
        photographs.widths[indices],
        tops,
        lefts,
        windows,
    )
    cut = jnp.clip(jnp.round(cut), 0, 255).astype(jnp.uint8)
    where = (slice(None), None, None, None)
    turned = photographs.is_portrait[indices][where]
    cut = jnp.where(turned, jnp.swapaxes(cut, 1, 2), cut)
    return jnp.where(is_mirrored[where], cut[:, :, ::-1], cut)


def _longest(side: int) -> int:
    return round(LONGEST * side)


def _items(index: Path) -> list[pack.Item]:
    fields: dict[str, Any] = json.loads(index.read_text())
    if fields.get("format") != pack.FORMAT_VERSION:
        raise ValueError(f"{index} is no index of format {pack.FORMAT_VERSION}")
    content = memoryview(index.with_suffix(pack.BYTES).read_bytes())
    offsets = fields["offsets"]
    if offsets[-1] != len(content):
        raise ValueError(
            f"{index.with_suffix(pack.BYTES)} has {len(content)} bytes;"
            f" wanted {offsets[-1]}"
        )
    each = zip(fields["names"], fields["groups"], strict=True)
    return [
        pack.Item(name, group, bytes(content[offsets[i] : offsets[i + 1]]))
        for i, (name, group) in enumerate(each)
    ]


def _decoded(items: Sequence[pack.Item], *, side: int) -> Named:
    count, longest = len(items), _longest(side)
    pixels = np.zeros((count, side, longest, 3), np.uint8)
    widths = np.full(count, longest, np.int32)
    is_portrait = np.zeros(count, bool)

    def decode(position: int) -> None:
        content = items[position].content
        assert content is not None
        image = decoding.decode(content, at_least=2 * side)
        found, is_portrait[position] = fit(image, side=side)
        width = found.shape[1]
        pixels[position, :, :width] = found
        pixels[position, :, width:] = found[:, -1:]
        widths[position] = width

    # Threads: Pillow decodes and resizes without Python's lock.
    with futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in pool.map(decode, range(count)):
            pass
    return Named(
        Photographs(pixels, widths, is_portrait),
        names=tuple(item.name for item in items),
        groups=tuple(item.group for item in items),
    )
