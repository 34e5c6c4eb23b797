"""Between a photograph and the network: its small view, and its colors at full size.

The network sees a photograph at a small size; the ab that it predicts is enlarged and
put under the photograph's own lightness, tile by tile: so a large photograph never
exists in floating point, and one compiled program serves all sizes.
"""

import itertools
import math
import os
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, UInt, UInt8
from PIL import Image

from jaxcolor.color import cielab, coherence, compose
from jaxcolor.color.array_types import Lightness
from jaxcolor.models.interface import Network

# Both sides of the network's input are multiples of this, even where the network needs
# less: all aspects of a long side of 256 then share 15 shapes, each compiled once.
PADDING = 32
# Side of a tile. Small photographs fill several poorly, large ones need many.
TILE = 256


class View(NamedTuple):
    """A photograph as the network sees it.

    Attributes:
        rgb: resized, then padded at the bottom and on the right by reflection.
        height: rows without the padding.
        width: columns without the padding.
        stride: pixels, along each axis, for one cell of the network's output.
    """

    rgb: UInt8[np.ndarray, "h w 3"]
    height: int
    width: int
    stride: int


def view(photo: UInt[np.ndarray, "h w *c"], *, size: int, network: Network) -> View:
    """Returns a photograph resized for a network, the aspect kept.

    Args:
        photo: gray (h, w) or RGB (h, w, 3), 8 or 16 bits.
        size: of the long side, pixels.
        network: that sees it.
    """
    if photo.dtype == np.uint16:
        # The high byte: the 8-bit level n is 257 n in 16 bits, whose high byte is n.
        photo = (photo >> 8).astype(np.uint8)
    height, width = _view_size(*photo.shape[:2], size=size)
    small = Image.fromarray(photo).resize((width, height), Image.Resampling.BICUBIC)
    rgb = np.asarray(small.convert("RGB"))
    # Reflection continues textures across the border; the network's own zeros would
    # look like a gray frame, repeated pixels like streaks.
    padded = view_shape(*photo.shape[:2], size=size, network=network)
    margin = ((0, padded[0] - height), (0, padded[1] - width), (0, 0))
    padded_rgb = np.pad(rgb, margin, mode="symmetric")
    return View(padded_rgb, height, width, network.output_stride)


def view_shape(
    height: int, width: int, *, size: int, network: Network
) -> tuple[int, int]:
    """Returns the height and width, with padding, of a photograph's view.

    Args:
        height: of the photograph.
        width: of the photograph.
        size: of the long side of the view, pixels.
        network: that sees it.
    """
    rows, columns = _view_size(height, width, size=size)
    multiple = math.lcm(PADDING, network.input_multiple)
    return rows + -rows % multiple, columns + -columns % multiple


def cells(seen: View) -> tuple[int, int]:
    """Returns how many rows and columns of the network's output are no padding."""
    return -(-seen.height // seen.stride), -(-seen.width // seen.stride)


def paint(
    photo: UInt[np.ndarray, "h w *c"], ab: Float[np.ndarray, "g k n"], seen: View
) -> UInt[np.ndarray, "h w 3"]:
    """Returns a photograph with its own lightness and the colors given.

    Args:
        photo: gray (h, w) or RGB (h, w, 3), 8 or 16 bits; the result has as many.
        ab: predicted for the view, as `compose.enlarge` takes it; cells of the padding
            are ignored.
        seen: the view of the photograph.
    """
    side = max(ab.shape[:2])
    grid = np.pad(ab, [(0, side - n) for n in ab.shape[:2]] + [(0, 0)])
    # Not by jnp.asarray, which is compiled as well.
    grid = jax.device_put(grid)
    height, width = photo.shape[:2]
    scale = np.array([seen.height / height, seen.width / width], np.float32)
    scale /= seen.stride
    valid = np.array(cells(seen))
    painted = np.empty((height, width, 3), photo.dtype)

    def paint_tile(corner: tuple[int, int]) -> None:
        top, left = corner
        part = np.s_[top : top + TILE, left : left + TILE]
        tile = _paint(_tile(photo[part]), grid, np.array(corner), scale, valid)
        rows, columns = photo[part].shape[:2]
        painted[part] = np.asarray(tile)[:rows, :columns]

    corners = itertools.product(range(0, height, TILE), range(0, width, TILE))
    # Compiles the program; at once, several threads would.
    paint_tile(next(corners))
    # Programs release Python's lock, and use one core each.
    for _ in _threads().map(paint_tile, corners):
        pass
    return painted


@cache
def _threads() -> Executor:
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="paint")


def _tile(part: UInt[np.ndarray, "h w *c"]) -> UInt[np.ndarray, "t t 3"]:
    tile = np.zeros((TILE, TILE, 3), part.dtype)
    rgb = part if part.ndim == 3 else part[..., None]
    tile[: part.shape[0], : part.shape[1]] = rgb
    return tile


def _view_size(height: int, width: int, *, size: int) -> tuple[int, int]:
    scale = size / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


@jax.jit
def _paint(
    photo: UInt[Array, "t t 3"],
    grid: Float[Array, "g g n"],
    corner: Int[Array, "2"],
    scale: Float[Array, "2"],
    valid: Int[Array, "2"],
) -> UInt[Array, "t t 3"]:
    """Paints the tile that has its upper left corner at a row and a column."""
    down, across = (
        compose.shares(c + jnp.arange(TILE), s, v, cells=grid.shape[0])
        for c, s, v in zip(corner, scale, valid, strict=True)
    )
    lightness = _lightness(photo)
    ab = coherence.at_lightness(compose.interpolate(down, grid, across), lightness)
    return compose.levels(compose.rgb(lightness, ab), dtype=photo.dtype)


def _lightness(photo: UInt[Array, "*p 3"]) -> Lightness:
    if photo.dtype == jnp.uint8:
        return cielab.rgb8_to_lab(photo)[..., 0]
    return cielab.rgb_to_lab(photo / jnp.float32(jnp.iinfo(photo.dtype).max))[..., 0]
