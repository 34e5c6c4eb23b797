"""Numbers with their intervals in Markdown, as the studies print them."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

Estimate = tuple[float, float, float]
"""A value, and the ends of its 95 percent interval."""


def told(number: Estimate, *, sign: str = "", digits: int = 2) -> str:
    """Returns a number with its interval, as far as there are any."""
    value, low, high = number
    form = f"{sign}.{digits}f"
    if not math.isfinite(value):
        return "–"
    if not math.isfinite(low + high):
        return f"{value:{form}}"
    return f"{value:{form}} [{low:{form}}, {high:{form}}]"


def plain(found: Any) -> Any:
    """Returns results as JSON has them: None for what is no number."""
    if isinstance(found, Mapping):
        return {key: plain(value) for key, value in found.items()}
    if isinstance(found, Sequence) and not isinstance(found, str):
        return [plain(value) for value in found]
    is_number = not isinstance(found, float) or math.isfinite(found)
    return found if is_number else None
