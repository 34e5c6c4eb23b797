"""Figures of pictures side by side, with or without titles, and maps of numbers."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from jaxcolor.plots import figure_style
from jaxcolor.runtime import atomic

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Pixels between the pictures of a contact sheet.
GAP = 4
PAPER = 255
# Width of a panel with a picture, inches.
WIDTH = 2.4
# Width of the scale beside maps, inches.
BAR = 0.9
# Width of a picture of a grid and of its heads, inches, and letters in a line of them.
CELL, HEAD, LETTERS = 1.25, 0.5, 16


def contact_sheet(rows: UInt8[np.ndarray, "n m h w 3"]) -> UInt8[np.ndarray, "H W 3"]:
    """Returns one picture of n rows of m pictures, with white between them."""
    n, m, height, width, _ = rows.shape
    size = (n * (height + GAP) + GAP, m * (width + GAP) + GAP, 3)
    sheet = np.full(size, PAPER, np.uint8)
    for i in range(n):
        for j in range(m):
            top, left = GAP + i * (height + GAP), GAP + j * (width + GAP)
            sheet[top : top + height, left : left + width] = rows[i, j]
    return sheet


def write_png(picture: UInt8[np.ndarray, "h w 3"], path: Path) -> None:
    """Writes a picture as a PNG file."""
    with atomic.stream(path) as file:
        Image.fromarray(picture).save(file, "PNG")


def photographs(
    panels: Mapping[str, UInt8[np.ndarray, "h w *c"]],
    *,
    columns: int,
    marked: Mapping[str, tuple[int, int]],
) -> "Figure":
    """Draws pictures under their titles.

    Args:
        panels: by title, gray (h, w) or RGB (h, w, 3).
        columns: pictures in a row.
        marked: by title, row and column of a pixel with a ring around it.
    """
    figure, grid = _panels(panels, columns, beside=0.0)
    for axes, (title, picture) in zip(grid, panels.items(), strict=False):
        axes.imshow(picture, cmap="gray", vmin=0, vmax=255)
        axes.set_title(title, fontsize="medium")
        if title in marked:
            row, column = marked[title]
            for color, width in (("white", 4), ("black", 1.5)):
                ring = {"facecolor": "none", "edgecolor": color, "linewidth": width}
                axes.scatter(column, row, s=140, **ring)
    return figure


def picture_grid(
    pictures: UInt8[np.ndarray, "n m h w 3"],
    *,
    columns: Sequence[str],
    rows: Sequence[str],
) -> "Figure":
    """Draws n rows of m pictures with a head above each column and beside each row.

    Args:
        pictures: by row, then by column.
        columns: m heads.
        rows: n heads.
    """
    height, width = pictures.shape[2:4]
    size = CELL * len(columns) + HEAD, CELL * height / width * len(rows) + HEAD
    figure = figure_style.figure(*size, layout="compressed")
    grid = figure.subplots(len(rows), len(columns), squeeze=False)
    for axes, line in zip(grid, pictures, strict=True):
        for cell, picture in zip(axes, line, strict=True):
            cell.imshow(picture)
            cell.set(xticks=[], yticks=[])
            cell.spines[:].set_visible(False)
    for cell, head in zip(grid[0], columns, strict=True):
        # In the narrow columns long heads take several lines.
        cell.set_title("\n".join(textwrap.wrap(head, LETTERS)), fontsize="small")
    for cell, head in zip(grid[:, 0], rows, strict=True):
        cell.set_ylabel(head, fontsize="small")
    return figure


def maps(
    panels: Mapping[str, Float[np.ndarray, "h w"]],
    *,
    columns: int,
    unit: str,
    is_logarithmic: bool,
) -> "Figure":
    """Draws numbers of pixels as maps, on one scale, dark for low ones.

    Args:
        panels: by title.
        columns: maps in a row.
        unit: what the numbers are.
        is_logarithmic: whether the scale is; the numbers are then positive.
    """
    from matplotlib.colors import LogNorm, Normalize

    figure, grid = _panels(panels, columns, beside=BAR)
    low = min(float(np.min(numbers)) for numbers in panels.values())
    high = max(float(np.max(numbers)) for numbers in panels.values())
    scale = (LogNorm if is_logarithmic else Normalize)(low, high)
    for axes, (title, numbers) in zip(grid, panels.items(), strict=False):
        drawn = axes.imshow(numbers, cmap="magma", norm=scale)
        axes.set_title(title, fontsize="medium")
    figure.colorbar(drawn, ax=grid, label=unit, shrink=0.9)
    return figure


def _panels(
    panels: Mapping[str, Any], columns: int, *, beside: float
) -> tuple["Figure", list[Any]]:
    """Returns a figure and its axes, which are as high as the pictures need.

    Args:
        panels: by title, pictures.
        columns: pictures in a row.
        beside: inches that are left for something else.
    """
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    aspect = max(picture.shape[0] / picture.shape[1] for picture in panels.values())
    height = (WIDTH * aspect + 0.35) * rows
    figure = figure_style.figure(
        WIDTH * columns + 0.2 + beside, height, layout="compressed"
    )
    grid = list(figure.subplots(rows, columns, squeeze=False).ravel())
    for axes in grid:
        axes.set_axis_off()
    return figure, grid
