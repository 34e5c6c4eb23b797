"""`jaxcolor evaluate`: models and baselines, measured on color photographs."""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from jaxcolor.commands import arguments as arguments_of
from jaxcolor.commands.arguments import Command


def _add_evaluate(parser: ArgumentParser) -> None:
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="color photographs: a folder, a .txt list of files, or tfds:NAME:SPLIT",
    )
    parser.add_argument(
        "--model",
        action="append",
        default=[],
        metavar="[NAME=]MODEL",
        help="as in colorize; may be given several times",
    )
    parser.add_argument(
        "--references",
        metavar="SOURCE",
        help="photographs that baselines take colors from, such as the training set:"
        " adds random, mean color and two transfers to the table",
    )
    parser.add_argument(
        "--classifier",
        action="append",
        default=[],
        metavar="[NAME=]DIR",
        help="of train-classifier: adds how well colorizations are recognized; SOURCE"
        " must have a folder for each class",
    )
    parser.add_argument(
        "--prior",
        type=Path,
        metavar="FILE",
        help="of jaxcolor prior: adds the AuC rebalanced by it",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="DIR",
        help="for tables, results, manifest, plots and an HTML report",
    )
    counts = {
        "--size": (256, "side of the central squares that are compared, in pixels"),
        "--batch-size": (16, "photographs at once"),
        "--reference-count": (500, "photographs of --references that are used"),
        "--resamples": (1000, "of the photographs, for the 95 %% intervals"),
    }
    for flag, (value, told) in counts.items():
        parser.add_argument(
            flag,
            type=arguments_of.count,
            default=value,
            metavar="N",
            help=f"{told} (%(default)s)",
        )
    arguments_of.add_decoding(parser)
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of all chances (%(default)s)"
    )
    parser.add_argument("--data-dir", help="where TensorFlow Datasets looks")


def _evaluate(arguments: Namespace) -> int:
    from tqdm import tqdm

    from jaxcolor import evaluate, manifest, protocol, scores
    from jaxcolor.data import sources

    output = arguments.output
    if output is not None and output.exists() and not output.is_dir():
        raise ValueError(f"{output} is a file; wanted a folder")
    chosen = protocol.Protocol(
        name=arguments.source,
        size=arguments.size,
        spacing=10.0,
        batch_size=arguments.batch_size,
        seed=arguments.seed,
        resamples=arguments.resamples,
    )
    models = _models(arguments)
    classifiers = _classifiers(arguments.classifier)
    prior = _prior(arguments.prior)
    source = sources.open_source(arguments.source, data_dir=arguments.data_dir)
    labels = _labels(source, classifiers)
    measured = _baselines(arguments) | models
    with tqdm(
        total=2 * len(source), unit="photo", disable=arguments_of.is_hidden(arguments)
    ) as bar:
        found = evaluate.evaluate(
            measured,
            source,
            chosen,
            prior=prior,
            classifiers=classifiers,
            labels=labels,
            on_done=bar.update,
        )
    found.manifest["models"] = {
        name: {"path": path, "sha256": manifest.hash_of_model(path)}
        for name, path in _named(arguments.model)
    }
    found.manifest["references"] = arguments.references
    print(scores.markdown(found))
    if output is not None:
        from jaxcolor import examples, showing

        scores.write(found, output)
        shown = examples.choose(found, measured, source, chosen)
        showing.write(found, output, examples=shown)
        if not arguments.quiet:
            print(f"written to {output}; open {output / showing.REPORT}")
    return 0


def _models(arguments: Namespace) -> dict[str, Any]:
    from jaxcolor import systems
    from jaxcolor.colorize import Colorizer

    named = _named(arguments.model)
    if len(dict(named)) < len(named):
        raise ValueError("two models have the same name; name them by NAME=MODEL")
    return {
        name: systems.of_colorizer(
            Colorizer.load(
                path,
                temperature=arguments.temperature,
                rebalancing_lambda=arguments.rebalancing_lambda,
            )
        )
        for name, path in named
    }


def _baselines(arguments: Namespace) -> dict[str, Any]:
    if arguments.references is None:
        return {}
    from jaxcolor import baselines, systems
    from jaxcolor.data import sources

    source = sources.open_source(arguments.references, data_dir=arguments.data_dir)
    references = baselines.references(
        source,
        count=min(arguments.reference_count, len(source)),
        size=arguments.size,
        seed=arguments.seed,
    )
    return {
        name: systems.of_baseline(make(references, arguments.seed))
        for name, make in baselines.BY_NAME.items()
        # It is always there.
        if name != "gray"
    }


def _classifiers(given: list[str]) -> dict[str, list[Any]]:
    if not given:
        return {}
    from jaxcolor import recognize

    found = {}
    for name, path in _named(given):
        # One training, or a folder of several.
        members = sorted(p for p in Path(path).glob("seed*") if p.is_dir())
        found[name] = [recognize.load(p) for p in members or [Path(path)]]
    return found


def _prior(path: Path | None) -> Any:
    if path is None:
        return None
    from jaxcolor import prior

    return prior.probabilities(prior.read(path))


def _labels(source: Any, classifiers: dict[str, list[Any]]) -> Any:
    if not classifiers:
        return None
    from jaxcolor import recognize

    known = {member.classes for some in classifiers.values() for member in some}
    if len(known) > 1:
        raise ValueError("the classifiers know different classes")
    return recognize.labels(source.names, known.pop())


def _named(given: list[str]) -> list[tuple[str, str]]:
    found = []
    for one in given:
        name, _, path = one.rpartition("=")
        found.append((name or Path(path).name, path))
    return found


COMMAND = Command(
    "measure models and baselines on color photographs",
    "  jaxcolor evaluate photos/ --model mine=runs/mine --size 128 -o results/",
    _add_evaluate,
    _evaluate,
)
