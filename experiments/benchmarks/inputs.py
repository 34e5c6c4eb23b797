"""What the sides of a comparison of `experiments.benchmarks.run` are made of.

A side is prepared in a process of its own and imports what it needs only then.
"""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

# The paper's numbers.
CROP, RESIZE, STRIDE, SPACING, NEIGHBORS, SIGMA = 176, 256, 4, 10.0, 10, 5.0


class Arm(NamedTuple):
    """One side of a comparison.

    Attributes:
        call: does the work once and waits for its end.
        facts: what else there is to report, by name.
    """

    call: Callable[[], object]
    facts: dict[str, Any]


class Setting(NamedTuple):
    """What an arm is prepared for.

    Attributes:
        photos: a folder of photographs.
        cores: that the process may use.
    """

    photos: Path
    cores: int


def make_photographs(folder: Path) -> None:
    """Writes eight photographs of scikit-image as JPEG files of 500 x 375 pixels."""
    from skimage import data

    names = ("astronaut", "chelsea", "coffee", "rocket")
    for name, mirror in itertools.product(names, (False, True)):
        image = Image.fromarray(getattr(data, name)())
        if mirror:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        image = image.resize((500, 375), Image.Resampling.BICUBIC)
        image.save(folder / f"{name}{int(mirror)}.jpg", quality=95, subsampling=2)


def paths(setting: Setting) -> Iterator[Path]:
    """Returns the photographs, over and over."""
    return itertools.cycle(sorted(p for p in setting.photos.rglob("*") if p.is_file()))


def photographs(setting: Setting, side: int) -> np.ndarray:
    """Returns eight squares, uint8; the same ones again if there are fewer."""
    chosen = itertools.islice(paths(setting), 8)
    images = [Image.open(path).convert("RGB").resize((side, side)) for path in chosen]
    return np.stack([np.asarray(image) for image in images])


def ab_of(setting: Setting) -> np.ndarray:
    """Returns the ab of eight photographs, as many as training would encode."""
    from skimage import color

    rgb = photographs(setting, RESIZE)[:, ::STRIDE, ::STRIDE]
    return color.rgb2lab(rgb)[..., 1:].reshape(-1, 2).astype(np.float32)


def bins() -> Any:
    """Returns the paper's bins."""
    from jaxcolor.color import gamut

    return gamut.from_srgb(spacing=SPACING)
