"""Text that can be printed on a terminal, whatever the names of files hold."""

import re

# Control characters, line separators, changes of the writing direction, and surrogates.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
# Python keeps a byte of a file name that is not UTF-8 as one of these surrogates.
_FIRST_BYTE, _LAST_BYTE, _OFFSET = 0xDC80, 0xDCFF, 0xDC00


def escape(text: str) -> str:
    r"""Returns one line: escapes such as \n or \x1b replace unsafe characters.

    A file name may hold a newline, a sequence that controls the terminal, or bytes that
    are not UTF-8.
    """
    return _UNSAFE.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    if _FIRST_BYTE <= code <= _LAST_BYTE:
        return f"\\x{code - _OFFSET:02x}"
    return match[0].encode("unicode_escape").decode("ascii")
