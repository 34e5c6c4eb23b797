"""Tables in Markdown."""

from collections.abc import Sequence

from jaxcolor.runtime import printable


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Returns a table, its first column aligned left and the others right.

    A bar within a cell would end it, and is escaped.
    """
    rule = ["---", *["---:"] * (len(heads) - 1)]
    return "\n".join([_line(heads), f"| {' | '.join(rule)} |", *map(_line, rows)])


def _line(cells: Sequence[str]) -> str:
    escaped = (printable.escape(cell).replace("|", r"\|") for cell in cells)
    return f"| {' | '.join(escaped)} |"
