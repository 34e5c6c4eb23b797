"""`jaxcolor colorize -`: a photograph from standard input to standard output."""

import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from jaxcolor.runtime import printable

if TYPE_CHECKING:
    from jaxcolor.inference.colorizer import Colorizer
    from jaxcolor.inference.forms import Form

STREAM = Path("-")
"""Stands for standard input, as this object only: the path ./- is a file."""
FAILED = 1
# What errors and warnings call the photograph.
_NAME = "standard input"
# Flags that have a meaning for files only, and what to give instead.
_FOR_FILES = {
    "output": "no -o, but > FILE",
    "hints": "--hint X,Y=COLOR",
    "save_hints": "no --save-hints",
}


def path(text: str) -> Path:
    """Returns the path of a photograph; STREAM for a dash."""
    return STREAM if text == str(STREAM) else Path(text)


def is_asked_for(arguments: Namespace) -> bool:
    """Returns whether standard input is to be colorized.

    Raises:
        ValueError: it is, but other arguments want files, or a terminal would get the
            result.
    """
    if not any(photo is STREAM for photo in arguments.photos):
        return False
    if len(arguments.photos) > 1:
        raise ValueError(
            f"got - among {len(arguments.photos)} photographs; wanted it alone"
        )
    for name, wanted in _FOR_FILES.items():
        if getattr(arguments, name) is not None:
            flag = f"--{name.replace('_', '-')}"
            raise ValueError(f"got {flag} for {_NAME}; wanted {wanted}")
    if arguments.variants is not None and not arguments.sheet:
        raise ValueError(
            f"got --variants for {_NAME}; wanted --sheet, too, for one picture"
        )
    if sys.stdout.isatty():
        raise ValueError("the result would go to the terminal; wanted > FILE")
    return True


def run(
    arguments: Namespace, colorizer: "Colorizer", form: "Form", mark: str | None
) -> int:
    """Colorizes standard input, and returns the exit status.

    Args:
        arguments: of `jaxcolor colorize`.
        colorizer: the model.
        form: of the result.
        mark: to write into the metadata; None for none.

    Raises:
        ValueError: the text of a hint is none.
    """
    from jaxcolor import images
    from jaxcolor.inference import adjustments, forms, single, user_hints

    hints = [user_hints.parsed(text) for text in arguments.hint or ()]
    if hints:
        adjustments.check_hints(colorizer.description, colorizer.network)
    try:
        photo = images.load(_NAME, content=sys.stdin.buffer.read())
        chosen = images.output_format(photo, requested=arguments.format)
        picture = single.colorize(
            colorizer,
            photo,
            name=f"{_NAME}{chosen.suffix}",
            hints=hints,
            looks=forms.looks(form),
            compares=form.compares,
            requested=arguments.format,
            mark=mark,
        )
    except ValueError as error:
        _say(f"not colorized: {error}")
        return FAILED
    if arguments.format is None and chosen.format not in (photo.format, "JPEG"):
        _say(f"written as {chosen.format}, as {photo.format} would lose much")
    sys.stdout.buffer.write(picture.content)
    sys.stdout.buffer.flush()
    return 0


def _say(message: str) -> None:
    print(f"jaxcolor: {printable.escape(message)}", file=sys.stderr)
