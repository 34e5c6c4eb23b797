"""`jaxcolor colorize`: colorizes photographs and folders of them."""

import sys
import warnings
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from jaxcolor.cli import flags
from jaxcolor.cli.flags import Command
from jaxcolor.runtime import printable

# The exit status where some photographs failed.
FAILED = 1
FAILURES_SHOWN = 20


def _add_colorize(parser: ArgumentParser) -> None:
    parser.add_argument(
        "photos",
        nargs="+",
        type=Path,
        metavar="PHOTO_OR_FOLDER",
        help="photographs, and folders that are searched for them",
    )
    parser.add_argument(
        "--model",
        metavar="MODEL",
        help="a released model, the WORKDIR of a training, WORKDIR@STEP, or a file of"
        " the papers' authors, see docs/weights.md (default: the bundled model)",
    )
    parser.add_argument(
        "-o",
        "--output",
        default=Path("colored"),
        type=Path,
        metavar="OUT",
        help="a folder, or a file for one photograph (default: %(default)s)",
    )
    flags.add_decoding(parser)
    parser.add_argument(
        "--size",
        type=int,
        metavar="PIXELS",
        help="long side that the network sees; the output keeps its size (default: the"
        " model's)",
    )
    parser.add_argument(
        "--batch-size",
        type=flags.count,
        default=1,
        metavar="N",
        help="photographs that are colorized at once (default: %(default)s)",
    )
    parser.add_argument(
        "--format",
        help="format of the results: png, jpeg, tiff, webp, avif (default: that of the"
        " photograph)",
    )
    existing = parser.add_mutually_exclusive_group()
    existing.add_argument(
        "--overwrite", action="store_true", help="replace results that exist"
    )
    existing.add_argument(
        "--skip-existing",
        action="store_true",
        help="leave results that exist, and colorize the rest: resumes a run that was"
        " stopped",
    )


def _colorize(arguments: Namespace) -> int:
    from jaxcolor.inference import folders
    from jaxcolor.inference.colorizer import Colorizer
    from jaxcolor.runtime import progress

    # An entry that is damaged or cannot be written only costs time.
    warnings.filterwarnings("ignore", "Error .* persistent compilation cache")
    choices: dict[str, Any] = {
        "requested": arguments.format,
        "existing": _existing(arguments),
    }
    plan = folders.plan(arguments.photos, arguments.output, **choices)
    for message in plan.unsupported:
        _warn(message)
    colorizer = Colorizer.load(
        arguments.model,
        temperature=arguments.temperature,
        rebalancing_lambda=arguments.rebalancing_lambda,
        coherence=arguments.coherence,
        size=arguments.size,
    )
    outcomes = folders.colorize_files(
        colorizer, plan.jobs, **choices, batch_size=arguments.batch_size
    )
    failures, written, skipped = [], 0, len(plan.existing)
    with progress.bar(len(plan.jobs), unit="photo", is_hidden=arguments.quiet) as bar:
        for outcome in outcomes:
            bar.update()
            if outcome.reason is not None:
                failures.append(outcome.reason)
            elif outcome.is_skipped:
                skipped += 1
            else:
                written += 1
    if not arguments.quiet:
        total = len(plan.jobs) + len(plan.existing)
        print(f"{written} of {total} photographs written to {arguments.output}")
        if skipped:
            print(f"{skipped} had been written before")
    for message in plan.unreadable:
        _warn(message)
    for reason in failures[:FAILURES_SHOWN]:
        _say(f"not colorized: {reason}")
    if len(failures) > FAILURES_SHOWN:
        _say(f"and {len(failures) - FAILURES_SHOWN} more not colorized")
    return FAILED if failures or plan.unreadable else 0


def _existing(arguments: Namespace) -> str:
    if arguments.skip_existing:
        return "skip"
    return "replace" if arguments.overwrite else "refuse"


def _warn(message: str) -> None:
    _say(f"warning: {message}")


def _say(message: str) -> None:
    print(f"jaxcolor: {printable.escape(message)}", file=sys.stderr)


COMMAND = Command(
    "colorize photographs and folders of photographs",
    "  jaxcolor colorize grandma.jpg album/ -o colored/",
    _add_colorize,
    _colorize,
)
