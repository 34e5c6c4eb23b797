"""The paper's table 1: what it measures by machine, beside what it published.

On the paper's 10,000 test photographs of ImageNet, prepared by TensorFlow Datasets, or
on any other photographs; then the published column says what to expect in kind, not in
number. All flags of `jaxcolor evaluate` can be given; those of the table come first.

Run:    python -m experiments.table1 --model full=MODEL -o runs/table1 \
            --classifier vgg=vgg16-397923af.pth
        python -m experiments.table1 --source PHOTOS --references OTHERS \
            --model full=MODEL -o runs/table1 --size 128
Expect: some hours for 10,000 photographs on two CPU cores, minutes on a GPU; the table
    on the terminal and in OUTPUT/table1.md, everything else in OUTPUT.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

from jaxcolor import cli
from jaxcolor.runtime import atomic

IMAGENET = "tfds:imagenet2012"
TEST = f"imagenet-test:{IMAGENET}:validation"
REFERENCES = f"{IMAGENET}:train"
TABLE = "table1.md"


class Published(NamedTuple):
    """A line of the paper's table 1, in percent; None where it has no number.

    Attributes:
        auc: raw accuracy.
        rebalanced_auc: the same, rebalanced.
        top1: of VGG-16.
        fooled: of its raters; not measured here.
    """

    auc: float
    rebalanced_auc: float
    top1: float
    fooled: float | None


# The authors' sizes, kernels and weights of the rebalancing are not published, so that
# a difference of some tenths means nothing.
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


def table(results: dict[str, Any]) -> str:
    """Returns measured lines, then published ones that no system is called as.

    Args:
        results: the content of results.json of an evaluation.
    """
    heads = ["system", "AuC, %", "rebalanced AuC, %", "top-1, %"]
    heads += [f"published {head}" for head in (*heads[1:], "fooled, %")]
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)]]
    measured = {row["system"]: row["numbers"] for row in results["rows"]}
    unmeasured = [system for system in PUBLISHED if system not in measured]
    for system in [*measured, *unmeasured]:
        lines.append([system, *_measured(measured.get(system)), *_published(system)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _measured(numbers: dict[str, Any] | None) -> list[str]:
    if numbers is None:
        return ["–"] * 3
    # Of the first classifier, if several were given.
    tops = [key for key in numbers if key.endswith(".top1")][:1]
    keys = ["auc", "rebalanced_auc", *(tops or ["none"])]
    return [_cell(numbers.get(key)) for key in keys]


def _cell(number: dict[str, Any] | None) -> str:
    if number is None:
        return "–"
    shown = f"{number['value']:.2f}"
    if number["low"] is None:
        return shown
    return f"{shown} [{number['low']:.2f}, {number['high']:.2f}]"


def _published(system: str) -> list[str]:
    if system not in PUBLISHED:
        return ["–"] * 4
    return ["–" if x is None else f"{x:g}" for x in PUBLISHED[system]]


def main(given: list[str] | None = None) -> int:
    """Evaluates, prints the table, and returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.table1",
        description=__doc__.splitlines()[0],
        epilog="Other flags go to jaxcolor evaluate: see its --help.",
    )
    parser.add_argument(
        "--source",
        default=TEST,
        metavar="SOURCE",
        help="photographs, as in jaxcolor evaluate (default: %(default)s)",
    )
    parser.add_argument(
        "--references",
        metavar="SOURCE",
        help=f"photographs that the baselines take colors from ({REFERENCES}, if the"
        " test photographs are ImageNet's)",
    )
    parser.add_argument("-o", "--output", type=Path, default=Path("runs/table1"))
    arguments, others = parser.parse_known_args(given)
    references = arguments.references
    if references is None and arguments.source == TEST:
        references = REFERENCES
    command = ["evaluate", arguments.source, "--output", str(arguments.output)]
    command += [] if references is None else ["--references", references]
    status = cli.main([*command, *others])
    if status:
        return status
    results = json.loads((arguments.output / "results.json").read_text())
    text = table(results)
    atomic.write_text(arguments.output / TABLE, text)
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
