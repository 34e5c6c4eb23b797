"""`jaxcolor colorize`: colorizes photographs and folders of them."""

import sys
import warnings
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxcolor.cli import colorize_pipe, flags, hint_flags
from jaxcolor.cli.flags import Command
from jaxcolor.runtime import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jaxcolor.inference.colorizer import Colorizer
    from jaxcolor.inference.folders import Outcome, Plan
    from jaxcolor.inference.forms import Form

# The exit status where some photographs failed.
FAILED = 1
FAILURES_SHOWN = 20
# For the results, unless another place is given.
FOLDER = Path("colored")


def _add_colorize(parser: ArgumentParser) -> None:
    parser.add_argument(
        "photos",
        nargs="+",
        type=colorize_pipe.path,
        metavar="PHOTO_OR_FOLDER",
        help="photographs, and folders that are searched for them; - reads a photograph"
        " from standard input, and writes it to standard output",
    )
    parser.add_argument(
        "--model",
        metavar="MODEL",
        help="a released model, hf:OWNER/NAME of the Hugging Face Hub, the WORKDIR of a"
        " training, WORKDIR@STEP, or a file of the papers' authors, see docs/weights.md"
        " (default: the bundled model)",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="OUT",
        help=f"a folder, or a file for one photograph (default: {FOLDER})",
    )
    flags.add_decoding(parser)
    hint_flags.add(parser)
    _add_form(parser)
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
        help="number of photographs in one pass of the network; several passes run in"
        " parallel (default: %(default)s)",
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


def _add_form(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("what is made of each photograph")
    group.add_argument(
        "--strength",
        type=float,
        default=1.0,
        metavar="S",
        help="factor on the chroma, from 0, gray, to 1.5 (default: %(default)s)",
    )
    group.add_argument(
        "--variants",
        type=flags.count,
        metavar="N",
        help="draw N colorizations from the distribution, as NAME_1, NAME_2 and so on",
    )
    group.add_argument(
        "--sheet", action="store_true", help="put the variants side by side in one file"
    )
    group.add_argument(
        "--compare",
        action="store_true",
        help="put the photograph and its colorization side by side",
    )
    group.add_argument(
        "--no-mark",
        action="store_true",
        help="do not note in the metadata (XMP) that a model made the colors",
    )


def _colorize(arguments: Namespace) -> int:
    from jaxcolor.inference import adjustments, folders, forms

    # An entry that is damaged or cannot be written only costs time.
    warnings.filterwarnings("ignore", "Error .* persistent compilation cache")
    form = _form(arguments)
    if colorize_pipe.is_asked_for(arguments):
        colorizer = _colorizer(arguments)
        adjustments.check_look(forms.looks(form)[0], colorizer.description)
        mark = _mark(arguments, colorizer)
        return colorize_pipe.run(arguments, colorizer, form, mark)
    if arguments.output is None:
        arguments.output = FOLDER
    choices: dict[str, Any] = {
        "requested": arguments.format,
        "existing": _existing(arguments),
    }
    plan = folders.plan(arguments.photos, arguments.output, **choices, form=form)
    plan = hint_flags.planned(plan, arguments)
    for message in plan.unsupported:
        _warn(message)
    colorizer = _colorizer(arguments)
    if any(job.hints for job in plan.jobs):
        adjustments.check_hints(colorizer.description, colorizer.network)
    adjustments.check_look(forms.looks(form)[0], colorizer.description)
    outcomes = folders.colorize_files(
        colorizer,
        plan.jobs,
        **choices,
        batch_size=arguments.batch_size,
        mark=_mark(arguments, colorizer),
    )
    failures = _finished(outcomes, plan, arguments)
    for message in plan.unreadable:
        _warn(message)
    for reason in failures[:FAILURES_SHOWN]:
        _say(f"not colorized: {reason}")
    if len(failures) > FAILURES_SHOWN:
        _say(f"and {len(failures) - FAILURES_SHOWN} more not colorized")
    if not failures:
        hint_flags.save(plan, arguments)
    return FAILED if failures or plan.unreadable else 0


def _form(arguments: Namespace) -> "Form":
    """Returns what is made of each photograph.

    Raises:
        ValueError: a sheet of variants is wanted, but no variants.
    """
    from jaxcolor.inference import forms

    if arguments.sheet and arguments.variants is None:
        raise ValueError("got --sheet without variants; wanted --variants N, too")
    return forms.Form(
        strength=arguments.strength,
        variants=arguments.variants or 0,
        on_sheet=arguments.sheet,
        compares=arguments.compare,
    )


def _colorizer(arguments: Namespace) -> "Colorizer":
    from jaxcolor.inference.colorizer import Colorizer

    return Colorizer.load(
        arguments.model,
        temperature=arguments.temperature,
        rebalancing_lambda=arguments.rebalancing_lambda,
        coherence=arguments.coherence,
        size=arguments.size,
    )


def _finished(
    outcomes: "Iterable[Outcome]", plan: "Plan", arguments: Namespace
) -> list[str]:
    """Waits for all photographs, and returns why some failed."""
    from jaxcolor.runtime import progress, stages

    failures, written, skipped = [], 0, len(plan.existing)
    with (
        stages.measured() as measured,
        progress.bar(len(plan.jobs), unit="photo", is_hidden=arguments.quiet) as bar,
    ):
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
        if written > 1:
            shares = measured.shares().items()
            print("time:", ", ".join(f"{name} {share:.0%}" for name, share in shares))
    return failures


def _mark(arguments: Namespace, colorizer: "Colorizer") -> str | None:
    """Returns what is noted in the metadata; None for nothing."""
    from jaxcolor.inference import forms

    if arguments.no_mark:
        return None
    return forms.mark(
        colorizer.description,
        model=arguments.model,
        decoding=colorizer.decoding,
        strength=arguments.strength,
    )


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
    "  jaxcolor colorize grandma.jpg album/ -o colored/\n"
    "  jaxcolor colorize - < grandma.jpg > colored.jpg\n"
    "  jaxcolor colorize grandma.jpg --hint 210,80=#c01020 --hint 40,200=teal\n"
    "  jaxcolor colorize grandma.jpg --variants 4 --sheet --compare -o sheet.jpg",
    _add_colorize,
    _colorize,
)
