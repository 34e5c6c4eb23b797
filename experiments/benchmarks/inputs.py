"""Types and inputs that the arms of the comparisons of `run` share.

Each arm is prepared in a process of its own, and imports its libraries only there.
"""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

# Settings of the paper.
CROP, RESIZE, STRIDE, SPACING, NEIGHBORS, SIGMA = 176, 256, 4, 10.0, 10, 5.0


class Arm(NamedTuple):
    """One side of a comparison.

    Attributes:
        call: does the work once and waits until it is done.
        facts: other facts to report, by name.
    """

    call: Callable[[], object]
    facts: dict[str, Any]


class Setting(NamedTuple):
    """The conditions that an arm is prepared for.

    Attributes:
        photos: a folder of photographs.
        cores: number of cores that the process may use.
    """

    photos: Path
    cores: int


def make_photographs(folder: Path) -> None:
    """Writes eight sample photographs of scikit-image as JPEGs of 500 x 375 pixels."""
    from skimage import data

    names = ("astronaut", "chelsea", "coffee", "rocket")
    for name, mirror in itertools.product(names, (False, True)):
        image = Image.fromarray(getattr(data, name)())
        if mirror:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        image = image.resize((500, 375), Image.Resampling.BICUBIC)
        image.save(folder / f"{name}{int(mirror)}.jpg", quality=95, subsampling=2)


def paths(setting: Setting) -> Iterator[Path]:
    """Yields the paths of the photographs, repeated without end."""
    return itertools.cycle(sorted(p for p in setting.photos.rglob("*") if p.is_file()))


def photographs(setting: Setting, side: int) -> np.ndarray:
    """Returns eight square photographs, uint8; repeats them if there are fewer."""
    chosen = itertools.islice(paths(setting), 8)
    images = [Image.open(path).convert("RGB").resize((side, side)) for path in chosen]
    return np.stack([np.asarray(image) for image in images])


def ab_of(setting: Setting) -> np.ndarray:
    """Returns the ab of eight photographs, at the pixels that a training encodes."""
    from skimage import color

    rgb = photographs(setting, RESIZE)[:, ::STRIDE, ::STRIDE]
    return color.rgb2lab(rgb)[..., 1:].reshape(-1, 2).astype(np.float32)


def bins() -> Any:
    """Returns the bins of the paper."""
    from jaxcolor.color import gamut

    return gamut.from_srgb(spacing=SPACING)
