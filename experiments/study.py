"""The real-or-fake study, from photographs to a report, with simulated participants.

Nobody takes part: programs answer, with rates that are settings of this script. It
shows that the whole way works, and that the analysis finds the rates that were put in.
The pictures are squares of sample photographs of scikit-image and scikit-learn, several
of each, or of a folder of your own. The colors of random photographs come from other
squares, or from the folder itself.

Run:    python -m experiments.study -o runs/study
Expect: some minutes on two CPU cores, most of them for the pictures; the table on the
    terminal, and runs/study/report/report.html, which says in its title that it is
    simulated.
"""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data
from sklearn.datasets import load_sample_image

from jaxcolor import cli
from jaxcolor.cli import flags
from jaxcolor.web.study import protocol
from jaxcolor.web.study.protocol import Protocol

NAME = "methods"
# Percent of trials in which the simulated participants are fooled: a full method and
# the random colors of the paper, and a guess for gray, which the paper did not show.
RATES = {"bundled": 32.0, "gray": 8.0, "random": 13.0}
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
    output: Path = arguments.output
    if output.exists():
        print(f"{sys.argv[0]}: error: {output} exists", file=sys.stderr)
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
    for command in _commands(arguments, source=source, references=references):
        print(f"\n$ jaxcolor {' '.join(command)}", flush=True)
        if status := cli.main(command):
            return status
    return 0


def _commands(
    arguments: Namespace, *, source: Path, references: Path
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
            f"--model=bundled={arguments.model}",
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
            *(f"--system={name}={pictures / name}" for name in RATES),
        ],
        [
            "study",
            "simulate",
            NAME,
            database,
            f"--participants={arguments.participants}",
            *(f"--rate={name}={rate:g}" for name, rate in RATES.items()),
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
        default="bundled",
        metavar="MODEL",
        help="is called bundled in the study (default: %(default)s)",
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
