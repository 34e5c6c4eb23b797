"""`jaxcolor finetune`: adapts a trained model to your own photographs."""

import sys
import tempfile
from argparse import ArgumentParser, Namespace
from pathlib import Path

from jaxcolor.cli import flags
from jaxcolor.cli.flags import Command


def _add_finetune(parser: ArgumentParser) -> None:
    parser.add_argument(
        "photographs",
        type=Path,
        metavar="PHOTOS",
        help="a folder of color photographs, 50 or more",
    )
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        type=Path,
        metavar="MODEL",
        help="a new folder for the model; a contact sheet, MODEL.png, goes beside it",
    )
    parser.add_argument(
        "--model",
        metavar="MODEL",
        help="to start from, as in colorize (default: the model that comes with"
        " jaxcolor)",
    )
    parser.add_argument(
        "--workdir",
        type=Path,
        metavar="DIR",
        help="for checkpoints and logs, kept; the same command resumes a training that"
        " was stopped (default: a temporary folder)",
    )
    parser.add_argument(
        "--steps",
        type=flags.count,
        metavar="N",
        help="training steps at most (default: 200 to 2000, by the number of"
        " photographs)",
    )
    parser.add_argument(
        "--seed",
        type=flags.seed,
        default=0,
        metavar="N",
        help="random seed (default: %(default)s)",
    )


def _finetune(arguments: Namespace) -> int:
    if arguments.workdir is not None:
        return _in_workdir(arguments, arguments.workdir)
    with tempfile.TemporaryDirectory(prefix="jaxcolor-") as folder:
        return _in_workdir(arguments, Path(folder) / "finetune")


def _in_workdir(arguments: Namespace, workdir: Path) -> int:
    from jaxcolor import finetuning
    from jaxcolor.pretrained import release

    is_own = arguments.model is None
    request = finetuning.Request(
        photographs=arguments.photographs,
        model=str(release.BUNDLED) if is_own else arguments.model,
        name="the model that comes with jaxcolor" if is_own else arguments.model,
        output=arguments.output,
        workdir=workdir,
        most_steps=arguments.steps,
        seed=arguments.seed,
        is_quiet=arguments.quiet,
    )
    tell = (lambda _: None) if arguments.quiet else print
    outcome = finetuning.tune(request, tell=tell)
    if outcome.comparison is None:
        advice = (
            "nothing is kept without --workdir"
            if arguments.workdir is None
            else "the same command resumes"
        )
        print(f"stopped after step {outcome.step}; {advice}", file=sys.stderr)
        # No model was written: whoever waits for it has to know.
        raise KeyboardInterrupt
    print(f"\n{outcome.comparison.table}\n\n{outcome.comparison.verdict}")
    if not arguments.quiet:
        print(
            f"\nreleased to {arguments.output}, the weights of step {outcome.step};"
            f" {finetuning.sheet_of(arguments.output)} shows photographs set aside:"
            " gray, before, after, original"
        )
    return 0


COMMAND = Command(
    "fine-tune a trained model on your own photographs, in minutes",
    "  jaxcolor finetune album/ -o models/album\n"
    "  jaxcolor colorize grandma.jpg --model models/album",
    _add_finetune,
    _finetune,
    extra="train",
)
