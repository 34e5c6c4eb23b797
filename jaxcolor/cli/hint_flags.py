"""The flags of `jaxcolor colorize` for colors that are set by hand."""

import os
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jaxcolor.inference.folders import Plan
    from jaxcolor.inference.user_hints import Hint


def add(parser: ArgumentParser) -> None:
    """Adds the flags."""
    group = parser.add_argument_group(
        "colors set by hand",
        "they spread over what looks alike; see docs/hints.md",
    )
    given = group.add_mutually_exclusive_group()
    given.add_argument(
        "--hint",
        action="append",
        metavar="X,Y=COLOR",
        help="color of a point, such as 210,80=#c01020 or 40,200=teal: column and row"
        " of a pixel of the upright photograph, from 0 at the top left; repeat it for"
        " several points of one photograph",
    )
    given.add_argument(
        "--hints", type=Path, metavar="JSON", help="hints of one or more photographs"
    )
    group.add_argument(
        "--save-hints",
        type=Path,
        metavar="JSON",
        help="file for the hints that were given, for --hints",
    )


def planned(plan: "Plan", arguments: Namespace) -> "Plan":
    """Returns a plan whose jobs have the hints of the flags.

    Raises:
        ValueError: a hint is wrong, or it is for none of the photographs.
    """
    if arguments.save_hints is not None:
        _check_saving(arguments)
    if arguments.hint is not None:
        from jaxcolor.inference import user_hints

        hints = tuple(user_hints.parsed(text) for text in arguments.hint)
        sources = {*(job.source for job in plan.jobs), *plan.existing}
        if len(sources) != 1:
            raise ValueError(
                f"got --hint for {len(sources)} photographs; wanted one photograph, or"
                " --hints JSON"
            )
        return plan._replace(jobs=tuple(job._replace(hints=hints) for job in plan.jobs))
    if arguments.hints is not None:
        return _with_hints_of_file(plan, arguments.hints)
    return plan


def save(plan: "Plan", arguments: Namespace) -> None:
    """Writes the hints of the photographs to the file that was asked for, if any."""
    if arguments.save_hints is None:
        return
    from jaxcolor.inference import user_hints

    hints = {
        os.path.relpath(job.source, arguments.save_hints.parent): job.hints
        for job in plan.jobs
        if job.hints
    }
    user_hints.save(hints, arguments.save_hints)


def _check_saving(arguments: Namespace) -> None:
    """Refuses to save where there is nothing to save, or no place for it."""
    path = arguments.save_hints
    if arguments.hint is None and arguments.hints is None:
        raise ValueError("got --save-hints without hints; wanted --hint X,Y=COLOR")
    if not path.parent.is_dir():
        raise ValueError(f"{path.parent}: no such folder")
    if os.path.lexists(path) and not arguments.overwrite:
        raise ValueError(f"{path}: exists, not overwritten")


def _with_hints_of_file(plan: "Plan", path: Path) -> "Plan":
    from jaxcolor.inference import user_hints

    named = user_hints.load(path)
    found: dict[Path, tuple[Hint, ...]] = {
        (path.parent / name).resolve(): hints for name, hints in named.items()
    }
    sources = {source.resolve() for source in plan.existing}
    sources |= {job.source.resolve() for job in plan.jobs}
    for name in named:
        if (path.parent / name).resolve() not in sources:
            raise ValueError(f"{path}: {name} is none of the photographs to colorize")
    jobs = [
        job._replace(hints=found.get(job.source.resolve(), ())) for job in plan.jobs
    ]
    return plan._replace(jobs=tuple(jobs))
