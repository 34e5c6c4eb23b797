"""The form of a colorization: which pictures a file shows, and its mark."""

import importlib.metadata
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt

from jaxcolor.color.decode import Decoding
from jaxcolor.images import Photo, marking
from jaxcolor.inference.adjustments import Look
from jaxcolor.pretrained.descriptions import Description


class Form(NamedTuple):
    """What is made of each photograph.

    Attributes:
        strength: factor on the chroma.
        variants: number of samples; 0 for the annealed mean.
        on_sheet: whether the variants share a file.
        compares: whether a file begins with the photograph itself.
    """

    strength: float = 1.0
    variants: int = 0
    on_sheet: bool = False
    compares: bool = False


AS_PREDICTED = Form()


def looks(form: Form) -> tuple[Look, ...]:
    """Returns the look of each picture that is made of a photograph."""
    if not form.variants:
        return (Look(form.strength),)
    return tuple(Look(form.strength, n) for n in range(form.variants))


def side_by_side(photo: Photo, pictures: Sequence[UInt[np.ndarray, "h w 3"]]) -> Photo:
    """Returns a photograph with other pixels: pictures of its size, in a row."""
    if len(pictures) == 1:
        return photo._replace(rgb=pictures[0])
    alpha = photo.alpha
    if alpha is not None:
        alpha = np.concatenate([alpha] * len(pictures), axis=1)
    # EXIF tells the size of the photograph.
    return photo._replace(rgb=np.concatenate(pictures, axis=1), alpha=alpha, exif=None)


def mark(
    description: Description,
    *,
    model: str | None,
    decoding: Decoding,
    strength: float,
) -> str:
    """Returns what made the colors: the program, the model and its decoding.

    Args:
        description: of the model.
        model: its name or path as it was given; None for the bundled one.
        decoding: of its outputs.
        strength: factor on the chroma.
    """
    name = "bundled" if model is None else Path(model).name
    settings = {**decoding._asdict(), "strength": strength}
    told = [
        f"{setting.replace('_', ' ')} {value:g}"
        for setting, value in settings.items()
        if value is not None
    ]
    return f"jaxcolor, model {name} ({description.network}), {', '.join(told)}"


def marked(photo: Photo, mark: str, *, source: Path) -> Photo:
    """Returns a photograph with a mark in its XMP, see `marking.marked`.

    Args:
        photo: to be written.
        mark: name of the program and the model, and the decoding.
        source: its file, for a warning where the XMP cannot be extended.
    """
    version = importlib.metadata.version("jaxcolor")
    try:
        return photo._replace(
            xmp=marking.marked(photo.xmp, system=mark, version=version)
        )
    except ValueError as error:
        warnings.warn(f"{source}: not marked: {error}", stacklevel=2)
        return photo
