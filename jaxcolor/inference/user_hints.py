"""Hints of a user: colors at points of a photograph, as text, files and arrays.

There is one form for all models. A network that takes hints sees a square of color at
each point; for any other model with bins the hints are evidence, see
`jaxcolor.color.hint_diffusion`.
"""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8
from PIL import ImageColor

from jaxcolor.color import cielab, encode
from jaxcolor.color.heads import Bins
from jaxcolor.color.hint_diffusion import Evidence
from jaxcolor.inference import tiles
from jaxcolor.inference.tiles import View
from jaxcolor.runtime import atomic

FORMAT_VERSION = 1
FIELDS = ("x", "y", "color")
# Sides of the squares that a network sees, pixels: the training draws up to 9.
SIDE = 7
# Room for hints is a power of two from this on: each is compiled.
LEAST_ROOM = 4

Color = str | tuple[int, int, int]
"""A color such as "#c01020", "teal" or "hsl(0, 80%, 40%)"; or the levels of sRGB."""


class Hint(NamedTuple):
    """A color at a point of a photograph.

    Attributes:
        x: column of the pixel, from 0 at the left of the upright photograph.
        y: row of the pixel, from 0 at the top.
        color: whose a and b count; the lightness stays that of the photograph.
    """

    x: int | float
    y: int | float
    color: Color


Hints = Sequence[Hint | tuple[int | float, int | float, Color]]
"""Hints of one photograph."""


def parsed(text: str) -> Hint:
    """Returns the hint of a text such as 210,80=#c01020.

    Raises:
        ValueError: it is no hint, or the color is none.
    """
    place, separator, color = text.partition("=")
    try:
        x, y = (float(part) for part in place.split(","))
    except ValueError as error:
        raise ValueError(
            f"{text!r} is no hint; wanted X,Y=COLOR, such as 210,80=#c01020"
        ) from error
    if not separator:
        raise ValueError(f"{text!r} has no color; wanted X,Y=COLOR")
    return checked(Hint(x, y, color))


def checked(hint: Sequence[Any]) -> Hint:
    """Returns a hint whose color is one and whose place is a pair of numbers.

    Raises:
        ValueError: naming what is wrong.
    """
    if len(hint) != len(FIELDS):
        raise ValueError(f"got the hint {hint!r}; wanted x, y and a color")
    x, y, color = hint
    for name, value in (("x", x), ("y", y)):
        is_number = isinstance(value, int | float | np.number)
        if not is_number or isinstance(value, bool):
            raise ValueError(f"{name} of a hint is {value!r}; wanted a number")
    levels(color)
    return Hint(float(x), float(y), color)


def levels(color: Any) -> tuple[int, int, int]:
    """Returns the sRGB levels of a `Color`.

    Raises:
        ValueError: it is none.
    """
    if isinstance(color, str):
        try:
            red, green, blue, *_ = ImageColor.getrgb(color)
        except ValueError as error:
            raise ValueError(
                f"{color!r} is no color; wanted #rrggbb or a name, such as #c01020"
            ) from error
        return red, green, blue
    try:
        red, green, blue = (int(level) for level in color)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{color!r} is no color; wanted three levels") from error
    if not all(0 <= level <= 255 for level in (red, green, blue)):
        raise ValueError(f"{color!r} is no color; wanted levels from 0 to 255")
    return red, green, blue


def check_inside(hints: Sequence[Hint], height: int, width: int) -> None:
    """Refuses hints outside a photograph.

    Args:
        hints: of the photograph.
        height: of the photograph, pixels.
        width: of the photograph, pixels.

    Raises:
        ValueError: naming the first of them.
    """
    for x, y, _ in hints:
        # Not by `x < 0`: a NaN is refused, too.
        if not (0 <= x < width and 0 <= y < height):
            raise ValueError(
                f"the hint at {x:g},{y:g} is outside the photograph of {width} x"
                f" {height} pixels"
            )


def load(path: str | Path) -> dict[str, tuple[Hint, ...]]:
    """Returns the hints of a file, by the names of photographs.

    Raises:
        ValueError: it cannot be read, or something in it is wrong. One line, which
            starts with the path.
    """
    path = Path(path)
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise ValueError(f"{path}: not JSON: {error}") from error
    try:
        return _from_fields(fields)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def save(hints: Mapping[str, Sequence[Hint]], path: str | Path) -> None:
    """Writes hints to a file that `load` reads; it replaces one that exists."""
    photographs = {
        name: [
            {"x": _number(x), "y": _number(y), "color": _code(color)}
            for x, y, color in given
        ]
        for name, given in hints.items()
    }
    fields = {"format_version": FORMAT_VERSION, "hints": photographs}
    text = json.dumps(fields, indent=2, ensure_ascii=False)
    atomic.write_bytes(Path(path), f"{text}\n".encode())


def evidence(
    hints: Sequence[Sequence[Hint]],
    sizes: Sequence[tuple[int, int]],
    views: Sequence[View],
    *,
    head: Bins,
    batch_size: int,
) -> Evidence:
    """Returns the hints of photographs as `hint_diffusion` takes them.

    Args:
        hints: of each photograph.
        sizes: height and width of each photograph, pixels.
        views: of each photograph.
        head: of the model.
        batch_size: number of rows; those beyond the photographs have no hints.
    """
    room = LEAST_ROOM
    while room < max(map(len, hints)):
        room *= 2
    place = np.zeros((2, batch_size, room), np.int32)
    rgb = np.zeros((batch_size, room, 3), np.uint8)
    exists = np.zeros((batch_size, room), bool)
    for row, (given, size, view) in enumerate(zip(hints, sizes, views, strict=True)):
        last = np.array(tiles.cells(view)) - 1
        for n, hint in enumerate(given):
            at = np.array(_seen(hint, size, view)) // view.stride
            place[:, row, n] = np.minimum(at, last)
            rgb[row, n] = levels(hint.color)
            exists[row, n] = True
    return Evidence(
        row=jnp.asarray(place[0]),
        column=jnp.asarray(place[1]),
        code=_codes(head, rgb),
        exists=jnp.asarray(exists),
    )


def inputs(
    hints: Sequence[Sequence[Hint]],
    sizes: Sequence[tuple[int, int]],
    views: Sequence[View],
    *,
    batch_size: int,
) -> Float[np.ndarray, "b h w 3"]:
    """Returns the hints of photographs as a network takes them, see `color.hints`.

    Args:
        hints: of each photograph; where their squares overlap, the later one counts.
        sizes: height and width of each photograph, pixels.
        views: of each photograph.
        batch_size: number of rows; those beyond the photographs have no hints.
    """
    shown = np.zeros((batch_size, *views[0].rgb.shape), np.float32)
    for row, (given, size, view) in enumerate(zip(hints, sizes, views, strict=True)):
        for hint in given:
            down, across = _seen(hint, size, view)
            half = SIDE // 2
            square = np.s_[
                row,
                max(down - half, 0) : down + half + 1,
                max(across - half, 0) : across + half + 1,
            ]
            shown[square] = [*_ab(np.array(levels(hint.color), np.uint8)), 1]
    return shown


def pixel_seen(
    x: int | float, y: int | float, size: tuple[int, int], view: View
) -> tuple[int, int]:
    """Returns the row and the column of a view that show a pixel of its photograph.

    Args:
        x: column of the pixel.
        y: row of the pixel.
        size: height and width of the photograph, pixels.
        view: of the photograph.
    """
    row = int((y + 0.5) * view.height / size[0])
    column = int((x + 0.5) * view.width / size[1])
    return min(row, view.height - 1), min(column, view.width - 1)


def _seen(hint: Hint, size: tuple[int, int], view: View) -> tuple[int, int]:
    return pixel_seen(hint.x, hint.y, size, view)


def _from_fields(fields: Any) -> dict[str, tuple[Hint, ...]]:
    if not isinstance(fields, dict) or set(fields) != {"format_version", "hints"}:
        raise ValueError("wanted the fields format_version and hints")
    if (version := fields["format_version"]) != FORMAT_VERSION:
        raise ValueError(f"format_version is {version!r}; wanted {FORMAT_VERSION}")
    photographs = fields["hints"]
    if not isinstance(photographs, dict):
        raise ValueError("hints are no table; wanted lists of hints by photograph")
    found = {}
    for name, given in photographs.items():
        if not isinstance(given, list):
            raise ValueError(f"{name}: got {given!r}; wanted a list of hints")
        found[name] = tuple(_hint(name, each) for each in given)
    return found


def _hint(name: str, fields: Any) -> Hint:
    if not isinstance(fields, dict) or set(fields) != set(FIELDS):
        raise ValueError(f"{name}: got {fields!r}; wanted x, y and color")
    try:
        return checked([fields[field] for field in FIELDS])
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _number(value: int | float) -> int | float:
    """Returns a whole number as such, for a file that is easy to read."""
    return int(value) if float(value).is_integer() else float(value)


def _code(color: Color) -> str:
    return "#{:02x}{:02x}{:02x}".format(*levels(color))


@partial(jax.jit, static_argnums=0)
def _codes(head: Bins, rgb: UInt8[Array, "b n 3"]) -> Float[Array, "b n q"]:
    ab = cielab.rgb8_to_lab(rgb)[..., 1:]
    code = encode.soft_encode(
        ab, head.gamut, neighbors=head.neighbors, sigma=head.sigma
    )
    return encode.densify(code, bins=head.outputs)


@jax.jit
def _ab(rgb: UInt8[Array, "3"]) -> Float[Array, "2"]:
    return jnp.asarray(cielab.rgb8_to_lab(rgb))[1:]
