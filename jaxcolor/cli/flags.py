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
        extra: of the installation that it needs, of `extras.MODULES`; None for none.
    """

    summary: str
    example: str
    add_arguments: Callable[[ArgumentParser], None]
    run: Callable[[Namespace], int]
    has_overrides: bool = False
    extra: str | None = None


def is_hidden(arguments: Namespace) -> bool | None:
    """Tells tqdm to show a bar on a terminal only (None), or never (True)."""
    return True if arguments.quiet else None


def add_decoding(parser: ArgumentParser) -> None:
    """Declares how a distribution over bins is read."""
    parser.add_argument(
        "--temperature",
        type=float,
        metavar="T",
        help="of the annealed mean: 1 is the mean, smooth; towards 0 the likeliest"
        " color, patchy and often more vivid (the model's)",
    )
    parser.add_argument(
        "--rebalancing-lambda",
        type=float,
        metavar="LAMBDA",
        help="0 leans to rare colors, 1 to common ones (the model's)",
    )
    add_coherence(parser)


def add_coherence(parser: ArgumentParser) -> None:
    """Declares how far colors are spread over what looks like one object."""
    parser.add_argument(
        "--coherence",
        type=float,
        metavar="X",
        help="from 0, off, to 1: spreads colors over what looks like one object to the"
        " network, up to edges of lightness (the model's)",
    )


def add_processes(parser: ArgumentParser) -> None:
    """Declares how several processes find each other."""
    group = parser.add_argument_group(
        "several processes", "the same command in each of them; see docs/scale.md"
    )
    group.add_argument(
        "--distributed",
        action="store_true",
        help="with the others that SLURM, Open MPI, Kubernetes or a TPU slice started",
    )
    group.add_argument(
        "--coordinator", metavar="HOST:PORT", help="of process 0, where nothing tells"
    )
    group.add_argument("--processes", type=count, metavar="N", help="how many")
    group.add_argument("--process", type=int, metavar="I", help="which, from 0")


def add_stopped(parser: ArgumentParser) -> None:
    """Adds the flag that tells a stopped training from a finished one."""
    parser.add_argument(
        "--status-if-stopped",
        type=int,
        default=0,
        metavar="N",
        help="exit status where a signal stopped the training before its end; 75 for"
        " schedulers that start again what failed (%(default)s)",
    )


def join(arguments: Namespace, *, heartbeat_seconds: int, is_preemptible: bool) -> None:
    """Joins the other processes, if there are any; see `processes.join`.

    Raises:
        ValueError: some of the flags lack.
    """
    place = (arguments.coordinator, arguments.processes, arguments.process)
    given = [value is not None for value in place]
    if any(given) and not all(given):
        raise ValueError(
            "got some of --coordinator, --processes and --process; wanted all three"
        )
    if any(given) and not 0 <= arguments.process < arguments.processes:
        raise ValueError(
            f"got --process {arguments.process} of {arguments.processes}; wanted from 0"
            f" to {arguments.processes - 1}"
        )
    if all(given) or arguments.distributed:
        from jaxcolor.runtime import processes

        processes.join(
            processes.Place(*place),
            heartbeat_seconds=heartbeat_seconds,
            is_preemptible=is_preemptible,
        )


def count(text: str) -> int:
    """Returns a number of things, 1 or more."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return number


def seed(text: str) -> int:
    """Returns a seed: 0 or more, of 32 bits."""
    number = int(text)
    if not 0 <= number < 2**32:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to 2^32 - 1")
    return number


def named(given: Sequence[str], *, what: str) -> dict[str, str]:
    """Returns paths by name, from NAME=PATH, or PATH, whose last part names it.

    A path may have an equals sign, as the workdirs of `sweep-train` do: a name has no
    slash, and what is there as it stands is a path.

    Args:
        given: on the command line.
        what: they are, for the error.

    Raises:
        ValueError: two of the same name.
    """
    found: dict[str, str] = {}
    for one in given:
        name, separator, path = one.partition("=")
        if not separator or "/" in name or Path(one).exists():
            name, path = Path(one).name, one
        if name in found:
            raise ValueError(f"two {what}s have the same name; name them by NAME=PATH")
        found[name] = path
    return found
