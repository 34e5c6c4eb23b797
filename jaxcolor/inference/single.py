"""Colorizes one photograph in memory, as `folders` does from file to file."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from jaxcolor import images
from jaxcolor.color.decode import Decoding
from jaxcolor.images import Photo
from jaxcolor.inference import forms
from jaxcolor.inference.adjustments import PLAIN, Look
from jaxcolor.inference.colorizer import Colorizer
from jaxcolor.inference.user_hints import Hint


class Picture(NamedTuple):
    """A colorized photograph as a file.

    Attributes:
        name: of the file, whose suffix says the format.
        content: of the file.
    """

    name: str
    content: bytes


def colorize(
    colorizer: Colorizer,
    photo: Photo,
    *,
    name: str,
    decoding: Decoding | None = None,
    hints: Sequence[Hint] = (),
    looks: Sequence[Look] = (PLAIN,),
    compares: bool = False,
    requested: str | None = None,
    mark: str | None = None,
) -> Picture:
    """Returns a photograph in color, the same bytes that `jaxcolor colorize` writes.

    Args:
        colorizer: the model.
        photo: as loaded.
        name: of its file.
        decoding: of the outputs; default: the colorizer's.
        hints: colors at points of the photograph.
        looks: of the pictures that the file shows side by side; usually one.
        compares: whether the photograph itself goes before these pictures.
        requested: format by name; None for the photograph's own.
        mark: what made the colors, see `forms.mark`; None to leave it out.

    Raises:
        ValueError: a hint or a look is wrong, or the format is unknown or cannot hold
            the picture.
    """
    # Before the work: an unknown format.
    target = images.output_name(photo, name, requested=requested)
    pictures = [
        colorizer.colorize([photo.rgb], decoding=decoding, hints=[hints], look=look)[0]
        for look in looks
    ]
    if compares:
        pictures.insert(0, photo.rgb)
    made = forms.side_by_side(photo, pictures)
    if mark is not None:
        made = forms.marked(made, mark, source=Path(name))
    return Picture(target, images.encoded(made, name=target))
