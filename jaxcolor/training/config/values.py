"""Typed values of a config: from Python or JSON, from the text of an override."""

import ast
import difflib
import math
import sys
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

# What an error calls a value of each type.
WANTED = {
    bool: "True or False",
    int: "an integer",
    float: "a number",
    str: "a text",
}
# Devices count in 32 bits.
MOST, LARGEST = 2**31 - 1, sys.float_info.max
YES, NO = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")


def typed(value: Any, kind: Any, *, name: str) -> Any:
    """Returns a value as its type: integers as floats, lists as tuples where wanted.

    Args:
        value: as a Python file or JSON has it.
        kind: the annotation of a record's field.
        name: of the setting, for the error.

    Raises:
        ValueError: the value has another type, or is not finite.
    """
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is types.UnionType:
        if value is None and types.NoneType in arguments:
            return None
        (inner,) = (one for one in arguments if one is not types.NoneType)
        return typed(value, inner, name=name)
    if origin is tuple:
        return _tuple(value, arguments, name=name)
    if origin is Mapping:
        if not isinstance(value, Mapping):
            raise ValueError(f"{name} is {value!r}; wanted a dictionary")
        return dict(value)
    return _scalar(value, kind, name=name)


def parsed(text: str, kind: Any, *, name: str) -> Any:
    """Returns the value that the text of an override stands for.

    Args:
        text: what follows "=".
        kind: the annotation of a record's field.
        name: of the setting, for the error.

    Raises:
        ValueError: the text is no value of the type.
    """
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is types.UnionType:
        if text == "None" and types.NoneType in arguments:
            return None
        (inner,) = (one for one in arguments if one is not types.NoneType)
        return parsed(text, inner, name=name)
    if kind is str:
        return text
    wanted = WANTED.get(kind, "a Python literal")
    try:
        if kind is bool:
            return _yes_or_no(text)
        return kind(text) if kind in (int, float) else ast.literal_eval(text)
    except (ValueError, SyntaxError) as error:
        raise ValueError(f"{name} is {text!r}; wanted {wanted}") from error


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Returns the end of an error on an unknown name: the nearest known, or all."""
    known = sorted(known)
    if meant := difflib.get_close_matches(name, known, n=1):
        return f'Did you mean "{meant[0]}" instead of "{name}"?'
    return f"known: {', '.join(known)}"


def check_range(
    fields: Mapping[str, Any],
    names: Sequence[str],
    *,
    low: int | float,
    high: int | float = math.inf,
    is_above: bool = False,
    is_below: bool = False,
) -> None:
    """Refuses numbers outside a range.

    Args:
        fields: values by name.
        names: of the fields to check; those that are None pass.
        low: the smallest number allowed.
        high: the largest one.
        is_above: whether `low` itself is refused.
        is_below: whether `high` itself is refused.

    Raises:
        ValueError: naming the first that is outside, its value and the range.
    """
    for name in names:
        value = fields[name]
        if value is None:
            continue
        is_low = value <= low if is_above else value < low
        is_high = value >= high if is_below else value > high
        if is_low or is_high or math.isnan(value):
            above = f"above {low:g}" if is_above else f"{low:g} or more"
            if high == math.inf:
                wanted = above
            elif is_above:
                wanted = f"{above}, at most {high:g}"
            else:
                wanted = f"from {low:g} to {'below ' if is_below else ''}{high:g}"
            raise ValueError(f"{name} is {value}; wanted {wanted}")


def check_choice(value: Any, known: Iterable[str], *, name: str) -> None:
    """Refuses a word that is not among the known ones.

    Raises:
        ValueError: naming it and those.
    """
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"{name} is {value!r}; wanted one of {', '.join(known)}")


def _scalar(value: Any, kind: Any, *, name: str) -> Any:
    # To Python, True is an integer.
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind is float and is_number:
        # An integer may be beyond all floats.
        if not abs(value) <= LARGEST:
            raise ValueError(f"{name} is {value}; wanted a finite number")
        return float(value)
    if kind is int and is_number and abs(value) > MOST:
        raise ValueError(f"{name} is {value}; wanted at most 2^31 - 1")
    fits = {
        bool: isinstance(value, bool),
        int: is_number and isinstance(value, int),
        str: isinstance(value, str),
    }
    if kind in WANTED and not fits.get(kind, False):
        raise ValueError(f"{name} is {value!r}; wanted {WANTED[kind]}")
    return value


def _tuple(value: Any, kinds: tuple[Any, ...], *, name: str) -> tuple[Any, ...]:
    is_open = kinds[-1] is Ellipsis
    wanted = (
        f"a tuple of {'texts' if kinds[0] is str else 'numbers'}"
        if is_open
        else f"{len(kinds)} numbers"
    )
    is_sequence = isinstance(value, Sequence) and not isinstance(value, str)
    if not is_sequence or not (is_open or len(value) == len(kinds)):
        raise ValueError(f"{name} is {value!r}; wanted {wanted}")
    each = [kinds[0]] * len(value) if is_open else kinds
    return tuple(
        typed(x, kind, name=f"{name}[{position}]")
        for position, (x, kind) in enumerate(zip(value, each, strict=True))
    )


def _yes_or_no(text: str) -> bool:
    if text.lower() not in YES + NO:
        raise ValueError(text)
    return text.lower() in YES
