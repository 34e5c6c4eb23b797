"""Formats the results of the studies: numbers with intervals, and JSON."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

Estimate = tuple[float, float, float]
"""A value, and the ends of its 95 percent interval."""


def formatted(number: Estimate, *, sign: str = "", digits: int = 2) -> str:
    """Formats a number with its interval; leaves out whichever is not finite.

    Args:
        number: the value and its interval.
        sign: "+" to write the sign of positive numbers, too.
        digits: number of decimals.
    """
    value, low, high = number
    form = f"{sign}.{digits}f"
    if not math.isfinite(value):
        return "–"
    if not math.isfinite(low + high):
        return f"{value:{form}}"
    return f"{value:{form}} [{low:{form}}, {high:{form}}]"


def plain(found: Any) -> Any:
    """Converts results to JSON types: None for numbers that are not finite."""
    if isinstance(found, Mapping):
        return {key: plain(value) for key, value in found.items()}
    if isinstance(found, Sequence) and not isinstance(found, str):
        return [plain(value) for value in found]
    is_number = not isinstance(found, float) or math.isfinite(found)
    return found if is_number else None
