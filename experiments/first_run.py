"""The main job in minutes: trains a little, then colorizes what it never saw in color.

Trains on the six color photographs that scikit-image and scikit-learn carry, which
shows the way, not the quality: the network learns them by heart, so that two of them
come back in about their own colors. Of the third, which has always been
black-and-white, it knows nothing.

Run:    python -m experiments.first_run
Expect: about a minute on two CPU cores; look at runs/first/colorized/.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data
from sklearn.datasets import load_sample_image

from jaxcolor import cli

CONFIG = Path(__file__).parent.parent / "configs" / "first_run.py"


def photographs() -> dict[str, np.ndarray]:
    """Returns the color photographs of the two packages, uint8 RGB."""
    return {
        "astronaut": data.astronaut(),
        "chelsea": data.chelsea(),
        "china": load_sample_image("china.jpg"),
        "coffee": data.coffee(),
        "flower": load_sample_image("flower.jpg"),
        "rocket": data.rocket(),
    }


def write_training_set(folder: Path) -> None:
    """Writes the photographs as JPEG files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, pixels in photographs().items():
        Image.fromarray(pixels).save(folder / f"{name}.jpg", quality=95)


def write_black_and_white(folder: Path) -> None:
    """Writes a black-and-white photograph, and two training photographs grayed."""
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(data.camera()).save(folder / "camera.png")
    for name in ("chelsea", "china"):
        gray = Image.fromarray(photographs()[name]).convert("L")
        gray.save(folder / f"{name}_gray.png")


def main() -> int:
    """Trains, colorizes, and returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("runs/first"), metavar="DIR"
    )
    parser.add_argument("--steps", type=int, metavar="N", help="of the training")
    arguments = parser.parse_args()
    output: Path = arguments.output
    write_training_set(output / "photographs")
    write_black_and_white(output / "black_and_white")
    train = ["train", f"--config={CONFIG}", f"--workdir={output / 'training'}"]
    train += [f"--config.data.source={output / 'photographs'}"]
    if arguments.steps is not None:
        train += [f"--config.training.steps={arguments.steps}"]
    model = f"--model={output / 'training'}"
    colorize = ["colorize", str(output / "black_and_white"), model, "--overwrite"]
    colorize += [f"--output={output / 'colorized'}"]
    return cli.main(train) or cli.main(colorize)


if __name__ == "__main__":
    sys.exit(main())
