"""Photographs as one array: read from parts on the host, cropped on the device.

All photographs have the same short side; a central crop limits the long side to 3/2 of
it. Portraits are transposed, so that one array holds portraits and landscapes. To the
right of a photograph the array repeats its last column, which no crop reaches.

A photograph is cropped and resized by two products with small matrices. Their rows are
the weights of a triangle filter as wide as the distance between the pixels of the crop:
the bilinear filter of Pillow, within the box of the crop.
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

# The largest ratio of the long side of a photograph to the short one.
LONGEST = 1.5


class Photographs(NamedTuple):
    """Photographs with the same short side s, on the host or on a device.

    Attributes:
        pixels: sRGB, (n s w 3), w = 1.5 s.
        widths: width of each photograph, at most w.
        is_portrait: whether each photograph is transposed.
    """

    pixels: UInt8[Array, "n s w 3"]
    widths: Int[Array, " n"]
    is_portrait: Array


class Named(NamedTuple):
    """Photographs on the host, with their names.

    Attributes:
        photographs: the photographs, sorted by group.
        names: name of each photograph.
        groups: group of each photograph.
    """

    photographs: Photographs
    names: tuple[str, ...]
    groups: tuple[str, ...]


class Groups(NamedTuple):
    """How often the photographs of each group are chosen; a group is contiguous.

    Attributes:
        shares: share of the crops of each group; they add up to 1.
        starts: position of the first photograph of each group.
        sizes: number of photographs in each group.
    """

    shares: Float[Array, " g"]
    starts: Int[Array, " g"]
    sizes: Int[Array, " g"]


def read(folder: Path, *, side: int, held_out_fraction: float) -> tuple[Named, Named]:
    """Returns the photographs to train on and the photographs to validate on.

    Args:
        folder: a folder of parts, as `pack` writes them.
        side: the short side to which photographs are resized, pixels.
        held_out_fraction: fraction of the photographs to set aside for validation, by
            the hash of the path below the source.

    Raises:
        ValueError: there are no parts, or one of them is damaged.
    """
    indices = sorted(folder.glob(f"{pack.PREFIX}*{pack.INDEX}"))
    if not indices:
        raise ValueError(
            f"{folder} has no {pack.PREFIX}*{pack.INDEX}; wanted a folder that"
            " experiments.packed.pack has written"
        )
    items = [item for index in indices for item in _items(index)]
    # The sort is stable: within a group the photographs keep their order.
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
    """Returns a resized photograph in landscape format, and whether it is transposed.

    Args:
        image: upright RGB.
        side: length of the short side of the result, pixels.
    """
    is_portrait = image.height > image.width
    if is_portrait:
        image = image.transpose(Image.Transpose.TRANSPOSE)
    longest = _longest(side)
    wanted = min(longest, max(side, round(image.width * side / image.height)))
    # A panorama is cropped at the center.
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
        groups: group of each photograph, sorted.
        shares: share of the crops by group, or by source for all its groups together;
            scaled to add up to 1. The share of a source is divided among its groups in
            proportion to a power of their sizes.
        power: 0 for equal shares, 1 for shares in proportion to the sizes.

    Raises:
        ValueError: a group has no share or two shares, or no photographs.
    """
    names, starts, sizes = np.unique(groups, return_index=True, return_counts=True)
    found = np.zeros(len(names))
    for wanted, share in shares.items():
        matches = np.array([x == wanted or x.startswith(f"{wanted}/") for x in names])
        if not matches.any():
            raise ValueError(
                f"groups has {wanted!r}, which has no photographs; wanted some of"
                f" {[*names]}"
            )
        if found[matches].any():
            raise ValueError(
                f"{wanted!r} and another share have groups in common; wanted one share"
                " for each group"
            )
        weights = matches * sizes.astype(float) ** power
        found += share * weights / weights.sum()
    if not found.all():
        raise ValueError(
            f"no share for {[*names[found == 0]]}; wanted one for each group"
        )
    return Groups(
        shares=np.float32(found / found.sum()),
        starts=starts.astype(np.int32),
        sizes=sizes.astype(np.int32),
    )


def chosen(key: PRNGKeyArray, groups: Groups, *, count: int) -> Int[Array, " count"]:
    """Draws positions of photographs: a group by its share, then any of its members."""
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
        key: random key.
        photographs: the photographs, on the device.
        indices: positions of the photographs to crop.
        crop: side of the results, pixels.
        scales: smallest and largest side of the square, as shares of the short side;
            uniform between them. The position of the square is not rounded to pixels.
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
    """Returns the largest central square of each photograph, resized to the crop."""
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
    """Returns the resampling weights from the pixels of a line to those of a crop.

    Args:
        start: where the window to crop begins, in pixels of the line.
        window: length of the window, in pixels of the line.
        valid: number of valid pixels; the pixels after them have no weight.
        crop: number of pixels in the result.
        length: number of pixels in the line.

    Returns:
        Rows that add up to 1: a triangle around each pixel of the crop. It reaches to
        the neighboring pixels of the crop when reducing, and to the neighboring pixels
        of the line when enlarging.
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
        # 'highest', because accelerators otherwise multiply in bfloat16 or TF32.
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
        raise ValueError(
            f"{index} has format {fields.get('format')}; wanted {pack.FORMAT_VERSION}"
        )
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

    # In threads, because Pillow releases the GIL while it decodes and resizes.
    with futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in pool.map(decode, range(count)):
            pass
    return Named(
        Photographs(pixels, widths, is_portrait),
        names=tuple(item.name for item in items),
        groups=tuple(item.group for item in items),
    )
