import os

from jaxcolor.runtime import printable


def test_what_a_terminal_would_obey_is_escaped():
    assert printable.escape("a\nb\x1b[2Jc\r") == "a\\nb\\x1b[2Jc\\r"
    # A change of the writing direction makes gpj.exe look like exe.jpg.
    assert printable.escape("\u202egpj.exe") == "\\u202egpj.exe"


def test_bytes_that_are_not_utf_8_are_shown_as_such():
    assert printable.escape(os.fsdecode(b"caf\xe9.jpg")) == "caf\\xe9.jpg"


def test_names_of_all_languages_stay():
    # The narrow space stands in the names of screenshots on macOS.
    name = "Großmutter 写真 👩\u200d👧 10.30\u202fAM.jpg"
    assert printable.escape(name) == name
