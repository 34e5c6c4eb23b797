"""The real-or-fake study, from photographs to a report, with simulated participants.

Nobody takes part: programs answer, with rates that are settings of this script. It
shows that the whole way works, and that the analysis finds the rates that were put in.
The pictures are squares of sample photographs of scikit-image and scikit-learn, several
of each, or of a folder of your own. The colors of random photographs come from other
squares, or from the folder itself.

Run:    python -m experiments.study -o runs/study
Expect: a minute or two on two CPU cores, most of it for the pictures, and 122 MB;
    the tables on the terminal, last the rates that were put in beside those that the
    analysis found, and runs/study/report/report.html, which says in its title that it
    is simulated.
"""

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from skimage import data
from sklearn.datasets import load_sample_image

from jaxcolor import cli
from jaxcolor.cli import flags
from jaxcolor.runtime import markdown_text
from jaxcolor.web.study import protocol, published
from jaxcolor.web.study.protocol import Protocol

NAME = "methods"
# Percent of trials in which the simulated participants are fooled: guesses for gray,
# which the paper did not show, and for models that are none of the paper's methods.
GRAY, OTHER = 8.0, 32.0
BASELINES = {"gray": GRAY, "random": published.PAPER[published.CHECK].labeled_real}
# Shares of the simulated participants who answer by chance, leave in the middle, and of
# trials with a wrong exposure, so that all rules of exclusion have something to do.
FAULTS = ("--guessers=5", "--dropouts=5", "--wrong-exposures=1")


def photographs() -> list[np.ndarray]:
    """Returns sample photographs in color, uint8."""
    samples = [data.astronaut(), data.chelsea(), data.coffee(), data.rocket()]
    return [*samples, *map(load_sample_image, ("china.jpg", "flower.jpg"))]


def write_squares(folder: Path, *, count: int, size: int, seed: int) -> None:
    """Writes random squares of the sample photographs, the same number of each."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    pictures = photographs()
    for n in range(count):
        pixels = pictures[n % len(pictures)]
        # From half of the photograph's shorter side to all of it.
        shorter = min(pixels.shape[:2])
        side = int(rng.integers(max(size, shorter // 2), shorter + 1))
        top, left = (int(rng.integers(0, s - side + 1)) for s in pixels.shape[:2])
        square = Image.fromarray(pixels[top : top + side, left : left + side])
        resized = square.resize((size, size), Image.Resampling.LANCZOS)
        resized.save(folder / f"{n:03}.png")


def main(given: Sequence[str] | None = None) -> int:
    """Runs all steps as commands, and returns the exit status of the last one."""
    arguments = _parser().parse_args(given)
    arguments.model = arguments.model or ["bundled"]
    output: Path = arguments.output
    try:
        put_in = rates(arguments.model)
        if output.exists():
            raise ValueError(f"{output} exists")
    except ValueError as error:
        print(f"{sys.argv[0]}: error: {error}", file=sys.stderr)
        return cli.MISUSED
    source, references = arguments.source, arguments.source
    if source is None:
        source, references = output / "photographs", output / "references"
        needed = protocol.photographs_needed(Protocol())
        # Two squares more for each photograph than a session shows.
        count = needed + 2 * len(photographs())
        write_squares(source, count=count, size=arguments.size, seed=0)
        write_squares(
            references, count=arguments.references, size=arguments.size, seed=1
        )
    commands = _commands(arguments, source=source, references=references, put_in=put_in)
    for command in commands:
        print(f"\n$ jaxcolor {' '.join(command)}", flush=True)
        if status := cli.main(command):
            return status
    found = json.loads((output / "report" / "results.json").read_text())
    print(f"\n{recovery(found, put_in)}")
    return 0


def rates(models: Sequence[str]) -> dict[str, float]:
    """Returns the percent that is put in for each system of the study.

    Args:
        models: as on the command line; those with names of the paper get its numbers.

    Raises:
        ValueError: two have the same name.
    """
    named = flags.named(models, what="model")
    paper = {name: line.labeled_real for name, line in published.PAPER.items()}
    return {name: paper.get(name.lower(), OTHER) for name in named} | BASELINES


def recovery(results: Mapping[str, Any], given: Mapping[str, float]) -> str:
    """Returns the rates that were put in beside those that were found, as a table."""
    rows = []
    for one in results["rates"]:
        put_in = given[one["algorithm"]]
        low, high = one["low"], one["high"]
        interval, contains = "–", "–"
        if low is not None:
            interval = f"{low:.1f} to {high:.1f}"
            contains = "yes" if low <= put_in <= high else "no"
        numbers = (f"{put_in:.1f}", f"{one['labeled_real']:.1f}", interval, contains)
        rows.append([one["algorithm"], *numbers])
    heads = ("simulated", "put in, %", "found, %", "95 % interval", "contains it")
    return markdown_text.table(heads, rows)


def _commands(
    arguments: Namespace,
    *,
    source: Path,
    references: Path,
    put_in: Mapping[str, float],
) -> list[list[str]]:
    output = arguments.output
    pictures = output / "evaluation" / "pictures"
    size = f"--size={arguments.size}"
    database = f"--database=sqlite:///{output / 'study.db'}"
    return [
        # Of the baselines that come with references, the study has two.
        [
            "evaluate",
            str(source),
            *(f"--model={model}" for model in arguments.model),
            f"--references={references}",
            f"--reference-count={arguments.references}",
            size,
            "--pictures",
            f"--output={output / 'evaluation'}",
            "--quiet",
        ],
        [
            "study",
            "create",
            NAME,
            database,
            size,
            f"--truth={pictures / 'ground_truth'}",
            *(f"--system={name}={pictures / name}" for name in put_in),
        ],
        [
            "study",
            "simulate",
            NAME,
            database,
            f"--participants={arguments.participants}",
            *(f"--rate={name}={rate:g}" for name, rate in put_in.items()),
            *FAULTS,
        ],
        ["study", "analyze", NAME, database, f"--output={output / 'report'}"],
        ["study", "export", NAME, database, f"--output={output / 'answers'}"],
    ]


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        description="A study with simulated participants, from pictures to a report."
    )
    parser.add_argument(
        "--source",
        type=Path,
        metavar="DIR",
        help="photographs (default: squares of sample photographs)",
    )
    parser.add_argument(
        "--model",
        action="append",
        metavar="[NAME=]MODEL",
        help="to compare; repeat it for several. Names of the paper (full, class, l2,"
        " l2-ft, larsson, dahl) get its rates (default: bundled)",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("runs/study"),
        metavar="DIR",
        help="new folder (default: %(default)s)",
    )
    parser.add_argument(
        "--size",
        type=flags.count,
        default=Protocol().size,
        metavar="N",
        help="side of the pictures (default: %(default)s)",
    )
    parser.add_argument(
        "--references",
        type=flags.count,
        default=24,
        metavar="N",
        help="photographs that random colors are taken from (default: %(default)s)",
    )
    parser.add_argument(
        "--participants",
        type=flags.count,
        default=40,
        metavar="N",
        help="simulated ones, of each system (default: %(default)s)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
