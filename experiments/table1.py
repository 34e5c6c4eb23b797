"""The paper's table 1: measured numbers beside the published ones.

It evaluates on the paper's 10,000 test photographs of ImageNet, prepared by TensorFlow
Datasets, or on any other photographs; for these, only the order of the published
numbers is comparable. It takes the flags of `jaxcolor evaluate` that change the table.

Run:    python -m experiments.table1 --model full=MODEL -o runs/table1 \
            --classifier vgg=vgg16-397923af.pth
        python -m experiments.table1 --source PHOTOS --references OTHERS \
            --model full=MODEL -o runs/table1 --size 128
Expect: some hours for 10,000 photographs on two CPU cores, minutes on a GPU; the table
    on the terminal and in DIR/table1.md, everything else in DIR (see --output).
"""

import sys
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from jaxcolor import cli, evaluation
from jaxcolor.cli import flags, judge_flags
from jaxcolor.evaluation import result_tables, systems
from jaxcolor.evaluation.result_tables import Number, Row
from jaxcolor.runtime import markdown_text

IMAGENET = "tfds:imagenet2012"
TEST = f"imagenet-test:{IMAGENET}:validation"
REFERENCES = f"{IMAGENET}:train"
TABLE = "table1.md"


class Published(NamedTuple):
    """A line of the paper's table 1, in percent; None where it has no number.

    Attributes:
        auc: raw AuC.
        rebalanced_auc: rebalanced AuC.
        top1: top-1 accuracy of VGG-16.
        fooled: share of trials in which raters were fooled; not measured here.
    """

    auc: float
    rebalanced_auc: float
    top1: float
    fooled: float | None


# The authors did not publish the sizes, the resampling filters and the rebalancing
# weights of their evaluation, so a difference of a few tenths means nothing.
PUBLISHED = {
    "ground truth": Published(100, 100, 68.3, 50),
    "gray": Published(89.1, 58.0, 52.7, None),
    "random": Published(84.2, 57.3, 41.0, 13.0),
    "Dahl 2016": Published(90.4, 58.9, 48.7, 18.3),
    "Larsson et al. 2016": Published(91.7, 65.9, 59.4, 27.2),
    "L2": Published(91.2, 64.4, 54.9, 21.2),
    "L2, fine-tuned": Published(91.5, 66.2, 56.5, 23.9),
    "classification": Published(91.6, 65.1, 56.6, 25.2),
    "full": Published(89.5, 67.3, 56.0, 32.3),
}


def table(rows: Sequence[Row]) -> str:
    """Returns the measured systems, then the published ones that were not measured.

    Args:
        rows: the rows of an evaluation.
    """
    heads = ["system", "AuC, %", "rebalanced AuC, %", "top-1, %"]
    heads += [f"published {head}" for head in (*heads[1:], "fooled, %")]
    measured = {row.system: row.numbers for row in rows}
    unmeasured = [system for system in PUBLISHED if system not in measured]
    lines = [
        [system, *_measured(measured.get(system)), *_published(system)]
        for system in [*measured, *unmeasured]
    ]
    return markdown_text.table(heads, lines) + "\n"


def _measured(numbers: Mapping[str, Number] | None) -> list[str]:
    if numbers is None:
        return ["–"] * 3
    # Top-1 of the first classifier, if several were given.
    tops = [key for key in numbers if key.endswith(".top1")][:1]
    keys = ["auc", "rebalanced_auc", *(tops or ["none"])]
    return [result_tables.cell(numbers.get(key), ".2f") for key in keys]


def _published(system: str) -> list[str]:
    if system not in PUBLISHED:
        return ["–"] * 4
    return ["–" if x is None else f"{x:g}" for x in PUBLISHED[system]]


def main(given: Sequence[str] | None = None) -> int:
    """Evaluates the models, prints the table, and returns the exit status."""
    arguments = _parser().parse_args(given)
    references = arguments.references
    if references is None and arguments.source == TEST:
        references = REFERENCES
    try:
        named = flags.named(arguments.model, what="model")
        found = evaluation.assemble(
            {n: systems.load(x, **flags.decoding(arguments)) for n, x in named.items()},
            arguments.source,
            protocol=evaluation.Protocol(**flags.protocol(arguments)),
            references=references and evaluation.References(references),
            judges=judge_flags.judges(arguments),
            output=arguments.output,
            keeps_pictures=arguments.pictures,
            data_dir=arguments.data_dir,
            is_quiet=arguments.quiet,
        )
    except ValueError as error:
        print(f"{sys.argv[0]}: error: {error}", file=sys.stderr)
        return cli.MISUSED
    text = table(found.rows)
    (arguments.output / TABLE).write_text(text)
    print(text)
    return 0


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="python -m experiments.table1", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "--source",
        default=TEST,
        metavar="SOURCE",
        help="photographs, as in jaxcolor evaluate (default: %(default)s)",
    )
    parser.add_argument(
        "--model",
        action="append",
        default=[],
        metavar="[NAME=]MODEL",
        help="a model to evaluate; repeat it for several models",
    )
    parser.add_argument(
        "--references",
        metavar="SOURCE",
        help="photographs that the baselines take colors from (default:"
        f" {REFERENCES}, if the test photographs are ImageNet's)",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("runs/table1"),
        metavar="DIR",
        help="folder to write to (default: %(default)s)",
    )
    judge_flags.add(parser)
    flags.add_protocol(parser)
    flags.add_decoding(parser)
    flags.add_data_dir(parser)
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    return parser


if __name__ == "__main__":
    sys.exit(main())
