"""Colorizes sample photographs of scikit-image and scikit-learn: the README's figure.

One of them has always been black-and-white. The others are converted to gray, and the
sheet shows their originals, too. None is selected for quality.

Run:    python -m experiments.demo
Expect: runs/demo/sheet.jpg within seconds. `--sheet docs/colorized.jpg` writes the
    README's figure.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from skimage import data
from sklearn.datasets import load_sample_image

from jaxcolor import cli

# Height of a photograph, gap, height of the heading and width of the labels, pixels.
HEIGHT, GAP, HEAD, LABEL = 168, 6, 26, 116
ROWS = ("black_and_white", "colorized", "photograph")


def photographs() -> dict[str, np.ndarray]:
    """Returns the photographs, uint8: gray (h, w) or RGB (h, w, 3)."""
    return {
        "camera": data.camera(),
        "rocket": data.rocket(),
        "coffee": data.coffee(),
        "chelsea": data.chelsea(),
        "astronaut": data.astronaut(),
        "china": load_sample_image("china.jpg"),
    }


def write(folder: Path) -> None:
    """Writes each photograph in gray, and the original of each that is in color."""
    for row in ("black_and_white", "photograph"):
        (folder / row).mkdir(parents=True, exist_ok=True)
    for name, pixels in photographs().items():
        image = Image.fromarray(pixels)
        image.convert("L").save(folder / "black_and_white" / f"{name}.png")
        if image.mode == "RGB":
            image.save(folder / "photograph" / f"{name}.png")


def sheet(folder: Path) -> Image.Image:
    """Returns one labelled row of pictures for each sub-folder of a folder."""
    widths = {
        name: HEIGHT * pixels.shape[1] // pixels.shape[0]
        for name, pixels in photographs().items()
    }
    width = LABEL + sum(widths.values()) + GAP * len(widths)
    whole = Image.new("RGB", (width, HEAD + len(ROWS) * (HEIGHT + GAP)), "white")
    draw, font = ImageDraw.Draw(whole), ImageFont.load_default(14)
    for n, row in enumerate(ROWS):
        top, left = HEAD + n * (HEIGHT + GAP), LABEL
        middle = (GAP, top + HEIGHT // 2)
        draw.text(middle, row.replace("_", "-"), "black", font, anchor="lm")
        for name, across in widths.items():
            if n == 0:
                draw.text((left, GAP), name, "black", font)
            path = folder / row / f"{name}.png"
            if path.exists():
                with Image.open(path) as image:
                    whole.paste(image.resize((across, HEIGHT)), (left, top))
            else:
                draw.text(
                    (left + GAP, top + GAP), "always black-and-white", "gray", font
                )
            left += across + GAP
    return whole


def main(argv: Sequence[str] | None = None) -> int:
    """Colorizes the photographs, writes the sheet, and returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--model", help="as in jaxcolor colorize (default: the bundled model)"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("runs/demo"),
        metavar="DIR",
        help="folder to write to (default: %(default)s)",
    )
    parser.add_argument(
        "--sheet",
        type=Path,
        metavar="FILE",
        help="file for the sheet (default: DIR/sheet.jpg)",
    )
    arguments = parser.parse_args(argv)
    output: Path = arguments.output
    write(output)
    colorize = ["colorize", str(output / "black_and_white"), "--overwrite"]
    colorize += [f"--output={output / 'colorized'}"]
    if arguments.model is not None:
        colorize += [f"--model={arguments.model}"]
    if status := cli.main(colorize):
        return status
    path = arguments.sheet or output / "sheet.jpg"
    sheet(output).save(path, quality=88)
    print(f"sheet written to {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
