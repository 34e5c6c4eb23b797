"""JSON files that travel: read within bounds, and checked field by field.

Models, classifiers and priors come from others. A damaged or hostile file is refused
with one line that names the field, what it has and what was wanted.
"""

import json
import math
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

# Levels of nesting; a released model has 6.
DEEPEST = 64
# Size of a file; the config.json of the bundled model has 5 kB.
MOST_BYTES = 16 * 2**20
# Number of characters of a wrong value, and of names, that an error shows.
SHOWN, NAMES_SHOWN = 60, 3

Real = float | int

LARGEST_SIZE = 4096
"""Largest long side that a network sees, pixels: more would take tens of gigabytes."""


class Field(NamedTuple):
    """What a field of a record may hold.

    Attributes:
        wanted: in an error, as "a number above 0".
        is_valid: from a JSON value to whether the field may hold it.
    """

    wanted: str
    is_valid: Callable[[Any], bool]


def number(
    *, above: Real | None = None, least: Real = -math.inf, most: Real = math.inf
) -> Field:
    """Returns a field for finite numbers.

    Args:
        above: they are larger than it; None for `least` alone.
        least: they are at least that.
        most: they are at most that.
    """

    def is_valid(value: Any) -> bool:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not abs(value) <= sys.float_info.max:
            return False
        return least <= value <= most and (above is None or value > above)

    return Field("a number" + _range(above, least, most), is_valid)


def whole(*, least: int, most: Real = math.inf) -> Field:
    """Returns a field for whole numbers in a range."""

    def is_valid(value: Any) -> bool:
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        return is_whole and least <= value <= most

    return Field("a whole number" + _range(None, least, most), is_valid)


def text() -> Field:
    """Returns a field for text."""
    return Field("text", lambda value: isinstance(value, str))


def truth() -> Field:
    """Returns a field for true and false."""
    return Field("true or false", lambda value: isinstance(value, bool))


def anything() -> Field:
    """Returns a field for values of any kind."""
    return Field("a value", lambda value: True)


def table() -> Field:
    """Returns a field for names with values of any kind."""
    return Field("an object", lambda value: isinstance(value, dict))


def several(item: Field, *, least: int) -> Field:
    """Returns a field for lists.

    Args:
        item: what each value is.
        least: length of the shortest list.
    """
    return Field(
        f"a list of {least} or more, each {item.wanted}",
        lambda value: (
            isinstance(value, list)
            and len(value) >= least
            and all(map(item.is_valid, value))
        ),
    )


def optional(field: Field) -> Field:
    """Returns a field that may also be null."""
    return Field(
        f"{field.wanted}, or null",
        lambda value: value is None or field.is_valid(value),
    )


def check(values: Mapping[str, Any], fields: Mapping[str, Field]) -> None:
    """Refuses a record with a field that is missing, unknown or wrong.

    Raises:
        ValueError: naming the first of them.
    """
    if wrong := sorted(set(fields) ^ set(values)):
        raise ValueError(f"missing or unknown field: {listed(wrong)}")
    for name, field in fields.items():
        if not field.is_valid(values[name]):
            raise ValueError(f"{name} is {shown(values[name])}; wanted {field.wanted}")


def read(path: Path) -> dict[str, Any]:
    """Reads a record.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it cannot be read, is no JSON, or holds no record.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror or error}") from error
    if len(content) > MOST_BYTES:
        raise ValueError(f"{path} has more than {MOST_BYTES >> 20} MiB of JSON")
    try:
        values = json.loads(content)
    except RecursionError as error:
        raise ValueError(f"{path} is nested too deeply") from error
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
    if _depth(values) > DEEPEST:
        raise ValueError(f"{path} is nested more than {DEEPEST} deep")
    if not isinstance(values, dict):
        raise ValueError(f"{path} holds {shown(values)}; wanted an object")
    return values


def check_version(
    values: Mapping[str, Any], name: str, *, wanted: int, path: Path
) -> None:
    """Refuses a record of another format.

    Args:
        values: of the record.
        name: of the field that holds its version.
        wanted: the version that this jaxcolor reads.
        path: of the file, for the error.

    Raises:
        ValueError: naming both versions.
    """
    version = values[name]
    if version != wanted or isinstance(version, bool):
        raise ValueError(
            f"{path} has format {shown(version)}; this jaxcolor reads {wanted}"
        )


def shown(value: Any) -> str:
    """Returns a value as an error shows it: JSON, cut where it is long."""
    try:
        written = json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        written = repr(value)
    return written if len(written) <= SHOWN else f"{written[:SHOWN]}..."


def listed(names: list[str]) -> str:
    """Returns the first few names, and how many more there are."""
    more = len(names) - NAMES_SHOWN
    first = ", ".join(
        name if len(name) <= SHOWN else f"{name[:SHOWN]}..."
        for name in names[:NAMES_SHOWN]
    )
    return first + (f" and {more} more" if more > 0 else "")


def _range(above: Real | None, least: Real, most: Real) -> str:
    if above is not None:
        end = f", at most {most:g}" if most < math.inf else ""
        return f" above {above:g}{end}"
    if least == -math.inf:
        return ""
    return (
        f", {least:g} or more" if most == math.inf else f" from {least:g} to {most:g}"
    )


def _depth(value: Any) -> int:
    """Returns how deep a value is nested, as far as it matters."""
    level, depth = [value], 0
    while level and depth <= DEEPEST:
        depth += 1
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
    return depth
