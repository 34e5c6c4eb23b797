"""The README's figure: photographs of scikit-image and scikit-learn, colorized.

Each row shows what the network sees, what it makes of it, and the photograph; the last
one has always been black-and-white.

Run:    python -m experiments.figure --model runs/scenes_small -o docs/colorized.jpg
Expect: seconds.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from skimage import data
from sklearn.datasets import load_sample_image

from jaxcolor import Colorizer

HEIGHT, GAP, CAPTION = 168, 6, 18
HEADS = ("lightness", "colorized", "photograph")


def row(colorizer: Colorizer, photograph: np.ndarray) -> Image.Image:
    """Returns three pictures side by side, of the same height."""
    whole = Image.fromarray(photograph)
    small = whole.resize((whole.width * HEIGHT // whole.height, HEIGHT))
    gray = np.asarray(small.convert("L"))
    shown = [Image.fromarray(gray), Image.fromarray(colorizer(gray)), small]
    width = sum(picture.width + GAP for picture in shown) - GAP
    strip = Image.new("RGB", (width, HEIGHT), "white")
    left = 0
    for picture in shown:
        strip.paste(picture, (left, 0))
        left += picture.width + GAP
    return strip


def main() -> int:
    """Writes the figure and returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    colorizer = Colorizer.load(arguments.model)
    photographs = [load_sample_image("china.jpg"), data.rocket(), data.camera()]
    rows = [row(colorizer, photograph) for photograph in photographs]
    width = max(strip.width for strip in rows)
    size = (width, CAPTION + len(rows) * (HEIGHT + GAP) - GAP)
    figure = Image.new("RGB", size, "white")
    for n, head in enumerate(HEADS):
        place = (n * (rows[0].width + GAP) // len(HEADS) + 2, 3)
        ImageDraw.Draw(figure).text(place, head, fill="black")
    for n, strip in enumerate(rows):
        figure.paste(strip, (0, CAPTION + n * (HEIGHT + GAP)))
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    figure.save(arguments.output, quality=88)
    return 0


if __name__ == "__main__":
    sys.exit(main())
