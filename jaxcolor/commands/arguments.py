"""What several commands take."""

import argparse
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple


class Command(NamedTuple):
    """A sub-command.

    Attributes:
        summary: one line for `jaxcolor --help`.
        example: for its own help.
        add_arguments: declares the flags; imports nothing heavy.
        run: does the work, importing what it needs, and returns the exit status.
        has_overrides: whether unknown flags are left in `overrides`.
    """

    summary: str
    example: str
    add_arguments: Callable[[ArgumentParser], None]
    run: Callable[[Namespace], int]
    has_overrides: bool = False


def is_hidden(arguments: Namespace) -> bool | None:
    """Tells tqdm to show a bar on a terminal only (None), or never (True)."""
    return True if arguments.quiet else None


def add_decoding(parser: ArgumentParser) -> None:
    """Declares how a distribution over bins is read."""
    parser.add_argument(
        "--temperature",
        type=float,
        metavar="T",
        help="of the annealed mean: lower is more vivid, 1 is the mean (the model's)",
    )
    parser.add_argument(
        "--rebalancing-lambda",
        type=float,
        metavar="LAMBDA",
        help="0 leans to rare colors, 1 to common ones (the model's)",
    )


def count(text: str) -> int:
    """Returns a number of things, 1 or more."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return number


def named(given: Sequence[str], *, what: str) -> dict[str, str]:
    """Returns paths by name, from NAME=PATH, or PATH, whose last part names it.

    Args:
        given: on the command line.
        what: they are, for the error.

    Raises:
        ValueError: two of the same name.
    """
    found: dict[str, str] = {}
    for one in given:
        name, _, path = one.rpartition("=")
        name = name or Path(path).name
        if name in found:
            raise ValueError(f"two {what}s have the same name; name them by NAME=PATH")
        found[name] = path
    return found
