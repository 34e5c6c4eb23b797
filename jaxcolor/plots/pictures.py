"""Pictures side by side, with titles or without, and numbers as pictures."""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

# Between the pictures of a contact sheet.
GAP = 4
PAPER = 255


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
    Image.fromarray(picture).save(path)
