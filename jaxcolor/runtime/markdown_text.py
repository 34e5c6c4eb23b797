"""Tables in Markdown, and names as text that every terminal and file can hold."""

from collections.abc import Sequence


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Returns a table, its first column aligned left and the others right.

    A bar within a cell would end it, and is escaped.
    """
    rule = ["---", *["---:"] * (len(heads) - 1)]
    return "\n".join([_line(heads), f"| {' | '.join(rule)} |", *map(_line, rows)])


def readable(text: str) -> str:
    r"""Returns text in which nothing is invisible, breaks a line or moves a cursor.

    Names of files may have any bytes. Those that are not UTF-8, which Python carries
    as surrogates, become `\xff`, a line break becomes `\n`, an escape `\x1b`.
    """
    return "".join(c if c.isprintable() else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    byte = ord(character) - 0xDC00
    is_raw = 0x80 <= byte <= 0xFF
    return f"\\x{byte:02x}" if is_raw else character.encode("unicode_escape").decode()


def _line(cells: Sequence[str]) -> str:
    escaped = (readable(cell).replace("|", r"\|") for cell in cells)
    return f"| {' | '.join(escaped)} |"
