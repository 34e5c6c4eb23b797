"""The methods of the paper's comparison, trained alike and measured alike.

One command trains a small form of each method on the same photographs, with the same
crops and steps, evaluates all of them on one or several test sets, each at its own
decoding, and writes their numbers beside the published ones. A second start of the
same command resumes: it trains what is not finished and measures what has changed.

Run:    python -m experiments.methods --train PHOTOS --test scenes=TEST@128 \
            -o runs/methods
        python -m experiments.methods --train PHOTOS --test scenes=TEST@128 \
            -o runs/methods --only zhang2016 l2 --config.training.steps=2000
Expect: in the output folder comparison.md; trainings/NAME, the workdir of each method;
    tests/NAME, the whole evaluation of each test set; and figures/NAME.jpg, the same
    photographs by every method. Figures of photographs that are not yours to publish
    stay there: --figure-photographs takes others.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from experiments import method_figure, method_results, method_training
from experiments.method_results import Cost, Result
from experiments.method_training import FULL, LABELS, STARTS_FROM, Trained
from jaxcolor import cli, evaluation, plots
from jaxcolor.cli import flags, judge_flags
from jaxcolor.data import sources
from jaxcolor.data.sources import Source
from jaxcolor.evaluation import systems
from jaxcolor.evaluation.systems import System
from jaxcolor.inference import folders
from jaxcolor.recognition import two_sample
from jaxcolor.runtime import atomic
from jaxcolor.training.config import build
from jaxcolor.training.config.schema import Config

TRAININGS, TESTS, FIGURES = "trainings", "tests", "figures"
TABLE, RESULT = "comparison.md", "comparison.json"


class Test(NamedTuple):
    """A set of test photographs.

    Attributes:
        name: in tables and file names.
        source: where the photographs are.
        size: side of the squares that are compared, pixels.
    """

    name: str
    source: str
    size: int


def open_tests(
    arguments: argparse.Namespace, configs: Mapping[str, Config]
) -> dict[Test, Source]:
    """Returns the photographs of the test sets, checked before any training.

    Raises:
        ValueError: two sets have one name, one cannot be opened or measured, or
            --labelled names none of them.
    """
    tests: list[Test] = arguments.test
    names = [test.name for test in tests]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"two test sets are called {repeated[0]}; wanted one")
    if unknown := sorted({*arguments.labelled} - {*names}):
        raise ValueError(
            f"--labelled {unknown[0]} is no test set; wanted one of {', '.join(names)}"
        )
    # For its errors.
    judge_flags.judges(arguments)
    for name, config in configs.items():
        multiple = build.network(config, axis_name=None).input_multiple
        for test in tests:
            if test.size % multiple:
                raise ValueError(
                    f"the size of {test.name} is {test.size}; {name} wants a multiple"
                    f" of {multiple}"
                )
    found = {test: sources.open_source(test.source) for test in tests}
    for source in found.values():
        two_sample.check(len(source))
    return found


def measure(
    test: Test,
    source: Source,
    measured: Mapping[str, System],
    arguments: argparse.Namespace,
    *,
    references: str,
) -> Result:
    """Returns the numbers of a test set: measured, or read where nothing changed.

    Args:
        test: the set.
        source: its photographs.
        measured: the systems by their labels.
        arguments: of the command line.
        references: photographs that the baselines take colors from.

    Raises:
        ValueError: something of it cannot be measured.
    """
    folder = arguments.output / TESTS / test.name
    asked = _asked(test, measured, arguments, references=references)
    known = method_results.read(folder / RESULT, asked=asked)
    if known is not None:
        return known
    judges = judge_flags.judges(arguments)
    if arguments.labelled and test.name not in arguments.labelled:
        judges = [judge for judge in judges if not judge.needs_labels]
    found = evaluation.assemble(
        measured,
        source,
        protocol=_protocol(test, arguments),
        references=evaluation.References(references, arguments.reference_count),
        judges=judges,
        output=folder,
        keeps_pictures=arguments.pictures,
        is_quiet=arguments.quiet,
    )
    result = method_results.of_evaluation(
        found,
        full=LABELS[FULL],
        seed=arguments.seed,
        resamples=arguments.resamples,
    )
    method_results.write(result, folder / RESULT, asked=asked)
    return result


def _asked(
    test: Test,
    measured: Mapping[str, System],
    arguments: argparse.Namespace,
    *,
    references: str,
) -> dict[str, Any]:
    """Returns all that the numbers of a test set depend on, as JSON values."""
    names = ("seed", "resamples", "reference_count", "real_or_fake", "classifier")
    return {
        "test": [*test],
        "systems": {name: dict(one.provenance) for name, one in measured.items()},
        "references": references,
        "labelled": sorted(arguments.labelled),
        "lpips": arguments.lpips and [str(path) for path in arguments.lpips],
        "classes": arguments.classes and str(arguments.classes),
        "fid": arguments.fid and str(arguments.fid),
        **{name: getattr(arguments, name) for name in names},
    }


def _protocol(test: Test, arguments: argparse.Namespace) -> evaluation.Protocol:
    return evaluation.Protocol(
        name=test.source,
        size=test.size,
        batch_size=arguments.batch_size,
        seed=arguments.seed,
        resamples=arguments.resamples,
    )


def draw(
    test: Test,
    source: Source,
    result: Result,
    measured: Mapping[str, System],
    arguments: argparse.Namespace,
) -> None:
    """Writes the figure of a test set, or of other photographs at its size."""
    how, scores = _protocol(test, arguments), result.scores
    if arguments.figure_photographs is not None:
        source = sources.open_source(arguments.figure_photographs)
        named = how._replace(name=str(arguments.figure_photographs))
        scores = method_figure.scores(source, measured[LABELS[FULL]], named)
    chosen = method_figure.choose(scores, each=arguments.figure_rows)
    figure = method_figure.draw(source, measured, how, chosen=chosen)
    folder = arguments.output / FIGURES
    folder.mkdir(parents=True, exist_ok=True)
    atomic.write_bytes(folder / f"{test.name}.jpg", plots.jpeg(figure))


def test_set(text: str) -> Test:
    """Returns a test set from NAME=SOURCE@SIZE."""
    name, equals, rest = text.partition("=")
    source, at, size = rest.rpartition("@")
    if not (name and equals and source and at and size.isdigit()) or "/" in name:
        raise argparse.ArgumentTypeError(f"got {text}; wanted NAME=SOURCE@SIZE")
    return Test(name, source, int(size))


def main(given: Sequence[str] | None = None) -> int:
    """Trains, measures, writes the tables, and returns the exit status."""
    parser = _parser()
    arguments, overrides = parser.parse_known_args(given)
    output: Path = arguments.output
    try:
        folders.check_folder(output)
        others = flags.named(arguments.systems, what="system")
        photographs = method_training.train_source(arguments.train, output)
        configs = method_training.read_configs(
            arguments.only,
            folder=arguments.config_folder,
            train=photographs,
            trainings=output / TRAININGS,
            overrides=overrides,
        )
        opened = open_tests(arguments, configs)
        ended = method_training.train(
            configs, output / TRAININGS, is_quiet=arguments.quiet
        )
        if ended is None:
            print("stopped; the same command resumes")
            return cli.FAILED
        trained, left_out = ended
        models = {LABELS.get(n, n): one.model for n, one in trained.items()} | others
        measured = {name: systems.load(model) for name, model in models.items()}
        results = {}
        for test, source in opened.items():
            results[test] = measure(
                test, source, measured, arguments, references=photographs
            )
            if LABELS[FULL] in measured:
                draw(test, source, results[test], measured, arguments)
        costs = _costs(trained, others, size=_size(arguments, configs))
    except ValueError as error:
        print(f"{parser.prog}: error: {error}", file=sys.stderr)
        return cli.MISUSED
    text = method_results.markdown(
        {(test.name, test.size): result for test, result in results.items()},
        costs,
        full=LABELS[FULL],
        rule=method_figure.RULE,
        left_out=left_out,
    )
    output.mkdir(parents=True, exist_ok=True)
    atomic.write_text(output / TABLE, text)
    print(text)
    return cli.FAILED if left_out else 0


def _size(arguments: argparse.Namespace, configs: Mapping[str, Config]) -> int:
    """Returns the side of the pictures that operations are counted for."""
    if arguments.test:
        return int(arguments.test[0].size)
    return max(config.release.size for config in configs.values())


def _costs(
    trained: Mapping[str, Trained], others: Mapping[str, str], *, size: int
) -> dict[str, Cost]:
    found = {}
    for name, one in trained.items():
        training = one.config.training
        found[LABELS.get(name, name)] = method_results.cost(
            one.model,
            size=size,
            crops=training.steps * training.batch_size,
            seconds=method_results.seconds(
                one.workdir, steps=training.steps, batch_size=training.batch_size
            ),
            starts_from=LABELS.get(STARTS_FROM.get(name, "")),
        )
    for name, path in others.items():
        found[name] = method_results.cost(path, size=size)
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.methods",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="--config.SECTION.SETTING=VALUE overrides a setting of all configs.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--train",
        action="append",
        required=True,
        metavar="SOURCE",
        help=f"color photographs to train on: {flags.SOURCES}; repeat it for several"
        " folders. Baselines take their colors from them, too",
    )
    parser.add_argument(
        "--test",
        action="append",
        default=[],
        type=test_set,
        metavar="NAME=SOURCE@SIZE",
        help="color photographs to measure on, none of which is trained on, and the"
        " side of their central squares in pixels; repeat it for several sets",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder to write to; what is finished there is not done again",
    )
    parser.add_argument(
        "--only",
        nargs="+",
        default=[*LABELS],
        metavar="NAME",
        help="configs of the methods to train and measure (default: %(default)s)",
    )
    parser.add_argument(
        "--config-folder",
        default="small",
        metavar="FOLDER",
        help="folder of the configs, a path or one of the project's own (default:"
        " %(default)s)",
    )
    parser.add_argument(
        "--systems",
        action="append",
        default=[],
        metavar="[NAME=]MODEL",
        help="another model to measure, such as bundled; repeat it for several models",
    )
    parser.add_argument(
        "--labelled",
        action="append",
        default=[],
        metavar="NAME",
        help="a test set that --classifier judges; repeat it for several (default: all"
        " test sets)",
    )
    _add_measuring(parser)
    parser.add_argument("--quiet", action="store_true", help="no progress bars")
    return parser


def _add_measuring(parser: argparse.ArgumentParser) -> None:
    """Adds the flags that say how the methods are measured and drawn."""
    judge_flags.add(parser)
    parser.set_defaults(real_or_fake=3)
    counts = {
        "--reference-count": (500, "training photographs that baselines use"),
        "--batch-size": (flags.BATCH_SIZE, "photographs at once"),
        "--resamples": (flags.RESAMPLES, "resamplings, for the 95 %% intervals"),
        "--figure-rows": (2, "rows of a figure for each of best, median and worst"),
    }
    for flag, (value, meaning) in counts.items():
        parser.add_argument(
            flag,
            type=flags.count,
            default=value,
            metavar="N",
            help=f"{meaning} (default: %(default)s)",
        )
    parser.add_argument(
        "--seed",
        type=flags.seed,
        default=flags.SEED,
        metavar="N",
        help="random seed of the measurements (default: %(default)s)",
    )
    parser.add_argument(
        "--figure-photographs",
        metavar="SOURCE",
        help="color photographs for the figures (default: those of the test sets)",
    )


if __name__ == "__main__":
    sys.exit(main())
