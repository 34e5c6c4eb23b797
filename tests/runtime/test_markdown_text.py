"""Text for Markdown: one line a row, and nothing that a terminal obeys."""

import pytest

from jaxcolor.runtime import markdown_text, printable


def test_a_table_has_words_left_and_numbers_right():
    assert markdown_text.table(["system", "AuC"], [["gray", "1.0"]]) == (
        "| system | AuC |\n| --- | ---: |\n| gray | 1.0 |"
    )


def test_a_bar_or_a_line_break_in_a_name_does_not_end_a_cell():
    table = markdown_text.table(["a", "b"], [["x|y", "1\n2"]])
    assert table.splitlines()[2:] == [r"| x\|y | 1\n2 |"]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("größe ×2.jpg", "größe ×2.jpg"),
        # As Python carries the byte of a file name in Latin-1.
        (b"caf\xe9.jpg".decode("utf-8", "surrogateescape"), r"caf\xe9.jpg"),
        ("a\x1b[31mred.jpg", r"a\x1b[31mred.jpg"),
        ("two\nlines", r"two\nlines"),
    ],
)
def test_names_are_shown_whatever_bytes_they_have(name, shown):
    assert printable.escape(name) == shown
    shown.encode()
