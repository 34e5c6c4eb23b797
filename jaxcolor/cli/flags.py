"""Flags that several commands share, each declared once."""

import argparse
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jaxcolor.runtime import printable


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


SOURCES = "a folder, a .txt list of files, or tfds:NAME:SPLIT"
"""Sources of photographs, for help texts."""

# The defaults of `evaluation.Protocol`, whose import would take a second for JAX.
SIZE, BATCH_SIZE, RESAMPLES, SEED = 256, 16, 1000, 0


def add_decoding(parser: ArgumentParser) -> None:
    """Adds the flags that say how a distribution over bins becomes a color."""
    parser.add_argument(
        "--temperature",
        type=float,
        metavar="T",
        help="temperature of the annealed mean: at 1 the mean, which is smooth; towards"
        " 0 the likeliest color, patchy and often more vivid (default: the model's)",
    )
    parser.add_argument(
        "--rebalancing-lambda",
        type=float,
        metavar="LAMBDA",
        help="from 0 to 1: lower is more vivid, higher more muted (default: the"
        " model's)",
    )
    add_coherence(parser)


def decoding(arguments: Namespace) -> dict[str, float | None]:
    """Returns the values of `add_decoding` by name; None for the model's own."""
    names = ("temperature", "rebalancing_lambda", "coherence")
    return {name: getattr(arguments, name) for name in names}


def add_protocol(parser: ArgumentParser) -> None:
    """Adds the flags that say how photographs are measured."""
    counts = {
        "--size": (SIZE, "side of the central squares that are compared, in pixels"),
        "--batch-size": (BATCH_SIZE, "photographs at once"),
        "--resamples": (RESAMPLES, "resamplings, for the 95 %% intervals"),
    }
    for flag, (value, meaning) in counts.items():
        parser.add_argument(
            flag,
            type=count,
            default=value,
            metavar="N",
            help=f"{meaning} (default: %(default)s)",
        )
    parser.add_argument(
        "--seed",
        type=seed,
        default=SEED,
        metavar="N",
        help="random seed (default: %(default)s)",
    )


def protocol(arguments: Namespace) -> dict[str, Any]:
    """Returns the fields of an `evaluation.Protocol`, from the flags of its group."""
    names = ("size", "batch_size", "resamples", "seed")
    fields = {name: getattr(arguments, name) for name in names}
    return {"name": arguments.source, **fields}


def add_data_dir(parser: ArgumentParser) -> None:
    """Adds the flag that says where data sets are."""
    parser.add_argument(
        "--data-dir",
        metavar="DIR",
        help="where TensorFlow Datasets looks for its data sets",
    )


def add_coherence(parser: ArgumentParser) -> None:
    """Adds the flag for spreading colors over what looks like one object."""
    parser.add_argument(
        "--coherence",
        type=float,
        metavar="X",
        help="from 0, off, to 1: spreads colors over what looks like one object to the"
        " network, up to edges of lightness (default: the model's)",
    )


def add_processes(parser: ArgumentParser) -> None:
    """Adds the flags that several processes need to find each other."""
    group = parser.add_argument_group(
        "several processes", "run the same command in each; see docs/scale.md"
    )
    group.add_argument(
        "--distributed",
        action="store_true",
        help="join the other processes that SLURM, Open MPI, Kubernetes or a TPU slice"
        " started",
    )
    group.add_argument(
        "--coordinator", metavar="HOST:PORT", help="address of process 0, if unknown"
    )
    group.add_argument(
        "--processes", type=count, metavar="N", help="number of processes"
    )
    group.add_argument("--process", type=int, metavar="I", help="its number, from 0")


def add_stopped(parser: ArgumentParser) -> None:
    """Adds the flag for the exit status of a training that was stopped."""
    parser.add_argument(
        "--status-if-stopped",
        type=int,
        default=0,
        metavar="N",
        help="exit status if a signal stops the training before its end; 75 for"
        " schedulers that restart failed jobs (default: %(default)s)",
    )


def join(arguments: Namespace, *, heartbeat_seconds: int, is_preemptible: bool) -> None:
    """Joins the other processes, if there are any; see `processes.join`.

    Raises:
        ValueError: some of the flags are missing.
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
        # The name appears in tables, figures and pages.
        name = printable.escape(name)
        if name in found:
            raise ValueError(f"two {what}s have the same name; name them by NAME=PATH")
        found[name] = path
    return found
