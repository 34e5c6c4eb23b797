"""`jaxcolor colorize`: colorizes photographs and folders of photographs."""

import sys
import warnings
from argparse import ArgumentParser, Namespace
from pathlib import Path

from jaxcolor.cli import flags
from jaxcolor.cli.flags import Command

# The exit status where some photographs failed.
FAILED = 1
FAILURES_SHOWN = 20


def _add_colorize(parser: ArgumentParser) -> None:
    parser.add_argument(
        "photos",
        nargs="+",
        type=Path,
        metavar="PHOTO_OR_FOLDER",
        help="what to colorize",
    )
    parser.add_argument(
        "--model",
        metavar="MODEL",
        help="a released model, a training's WORKDIR, or WORKDIR@STEP (default: the"
        " model that comes with jaxcolor)",
    )
    parser.add_argument(
        "-o",
        "--output",
        default=Path("colored"),
        type=Path,
        metavar="OUT",
        help="a folder, or a file for a single photograph (default: %(default)s)",
    )
    flags.add_decoding(parser)
    parser.add_argument(
        "--size",
        type=int,
        metavar="PIXELS",
        help="long side that the network sees, in pixels; the output keeps the"
        " photograph's size (default: the model's)",
    )
    parser.add_argument(
        "--batch-size",
        type=flags.count,
        default=1,
        metavar="N",
        help="photographs at once (default: %(default)s)",
    )
    parser.add_argument(
        "--format", help="png, jpeg, tiff or webp (default: the photograph's own)"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace existing files"
    )


def _colorize(arguments: Namespace) -> int:
    from tqdm import tqdm

    from jaxcolor.inference import folders
    from jaxcolor.inference.colorizer import Colorizer

    # An entry that is damaged or cannot be written only costs time.
    warnings.filterwarnings("ignore", "Error .* persistent compilation cache")
    choices = {"requested": arguments.format, "overwrite": arguments.overwrite}
    jobs = folders.plan(arguments.photos, arguments.output, **choices)
    colorizer = Colorizer.load(
        arguments.model,
        temperature=arguments.temperature,
        rebalancing_lambda=arguments.rebalancing_lambda,
        coherence=arguments.coherence,
        size=arguments.size,
    )
    outcomes = folders.colorize_files(
        colorizer, jobs, **choices, batch_size=arguments.batch_size
    )
    hidden = flags.is_hidden(arguments)
    bar = tqdm(outcomes, total=len(jobs), unit="photo", disable=hidden)
    failures, written = [], 0
    for outcome in bar:
        if outcome.reason is None:
            written += 1
        else:
            failures.append(outcome)
    if not arguments.quiet:
        print(f"{written} of {len(jobs)} photographs written to {arguments.output}")
    for outcome in failures[:FAILURES_SHOWN]:
        print(f"jaxcolor: not colorized: {outcome.reason}", file=sys.stderr)
    if len(failures) > FAILURES_SHOWN:
        more = len(failures) - FAILURES_SHOWN
        print(f"jaxcolor: and {more} more not colorized", file=sys.stderr)
    return FAILED if failures else 0


COMMAND = Command(
    "colorize photographs and folders of photographs",
    "  jaxcolor colorize grandma.jpg album/ -o colored/",
    _add_colorize,
    _colorize,
)
