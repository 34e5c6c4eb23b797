"""Numbers with their intervals in Markdown, as the studies print them."""

from collections.abc import Sequence

Estimate = tuple[float, float, float]
"""A value, and the ends of its 95 percent interval."""


def told(number: Estimate, *, sign: str = "", digits: int = 2) -> str:
    """Returns a number with its interval."""
    value, low, high = number
    form = f"{sign}.{digits}f"
    return f"{value:{form}} [{low:{form}}, {high:{form}}]"


def table(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Returns a table in Markdown, the first column of words."""
    rule = [":---", *["---:"] * (len(heads) - 1)]
    return "\n".join(f"| {' | '.join(line)} |" for line in (heads, rule, *lines))
