"""`jaxcolor evaluate`: models and baselines, measured on color photographs."""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from jaxcolor.cli import flags, judge_flags
from jaxcolor.cli.flags import Command


def _add_evaluate(parser: ArgumentParser) -> None:
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="color photographs: a folder, a .txt list of files, or tfds:NAME:SPLIT;"
        " imagenet-test: before ImageNet's validation set takes the paper's part of it",
    )
    parser.add_argument(
        "--model",
        action="append",
        default=[],
        metavar="[NAME=]MODEL",
        help="as in colorize, or bundled for the model that comes with jaxcolor; may be"
        " given several times",
    )
    parser.add_argument(
        "--references",
        metavar="SOURCE",
        help="photographs that baselines take colors from, such as the training set:"
        " adds random, mean color and two transfers to the table",
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
    judge_flags.add(parser)
    counts = {
        "--size": (256, "side of the central squares that are compared, in pixels"),
        "--batch-size": (16, "photographs at once"),
        "--reference-count": (500, "photographs of --references that are used"),
        "--resamples": (1000, "of the photographs, for the 95 %% intervals"),
    }
    for flag, (value, told) in counts.items():
        parser.add_argument(
            flag,
            type=flags.count,
            default=value,
            metavar="N",
            help=f"{told} (%(default)s)",
        )
    flags.add_decoding(parser)
    parser.add_argument(
        "--seed",
        type=flags.seed,
        default=0,
        metavar="N",
        help="of all chances (%(default)s)",
    )
    parser.add_argument("--data-dir", help="where TensorFlow Datasets looks")


def _evaluate(arguments: Namespace) -> int:
    from jaxcolor.data import sources
    from jaxcolor.evaluation import evaluate, protocols, result_tables
    from jaxcolor.inference import folders
    from jaxcolor.runtime import progress

    output = arguments.output
    if output is not None:
        folders.check_folder(output)
    chosen = protocols.Protocol(
        name=arguments.source,
        size=arguments.size,
        spacing=10.0,
        batch_size=arguments.batch_size,
        seed=arguments.seed,
        resamples=arguments.resamples,
    )
    source = sources.open_source(arguments.source, data_dir=arguments.data_dir)
    if arguments.classifier:
        source = sources.by_class(source)
    names = _folders(arguments)
    on_pictures = _writer(arguments, names, count=len(source))
    fid_files = judge_flags.fid_files(arguments.fid, names)
    models, prior = _models(arguments), _prior(arguments.prior)
    evaluate.check(models, source, chosen, prior)
    classifiers = judge_flags.classifiers(arguments.classifier, arguments.classes)
    recognized = {
        "classifiers": classifiers,
        "labels": judge_flags.labels(source, classifiers),
    }
    judging = {
        **recognized,
        "lpips": judge_flags.lpips(arguments.lpips),
        "fid": judge_flags.fid(fid_files, count=len(source)),
    }
    measured = _baselines(arguments) | models
    provenance = _provenance(arguments)
    provenance |= judge_flags.provenance(arguments, fid_files, **recognized)
    with progress.bar(2 * len(source), unit="photo", is_hidden=arguments.quiet) as bar:
        found = evaluate.evaluate(
            measured,
            source,
            chosen,
            prior=prior,
            on_pictures=on_pictures,
            on_done=bar.update,
            **judging,
        )
    found.manifest.update(provenance)
    print(result_tables.markdown(found))
    if output is not None:
        from jaxcolor.evaluation.report import examples, figures

        result_tables.write(found, output)
        shown = examples.choose(found, measured, source, chosen)
        figures.write(found, output, examples=shown)
        if not arguments.quiet:
            print(f"written to {output}; open {output / figures.REPORT}")
    return 0


def _provenance(arguments: Namespace) -> dict[str, Any]:
    from jaxcolor.evaluation import manifests

    models = {
        name: {"path": path, "sha256": manifests.hash_of_model(path)}
        for name, path in _named(arguments).items()
    }
    return {"models": models, "references": arguments.references}


def _folders(arguments: Namespace) -> dict[str, str]:
    """Returns, by system, the name of its folder of pictures and of its file of FID."""
    if not (arguments.pictures or arguments.fid is not None):
        return {}
    from jaxcolor.evaluation import evaluate, pictures

    models, ours = _named(arguments), [evaluate.TRUTH, evaluate.GRAY]
    return pictures.folders([*ours, *_makers(arguments), *models])


def _writer(arguments: Namespace, names: dict[str, str], *, count: int) -> Any:
    if not arguments.pictures:
        return None
    if arguments.output is None:
        raise ValueError("--pictures needs -o, the folder that they are written into")
    from jaxcolor.evaluation import pictures

    folder = arguments.output / pictures.FOLDER
    return pictures.make_writer(folder, names, count=count)


def _models(arguments: Namespace) -> dict[str, Any]:
    from jaxcolor.evaluation import systems
    from jaxcolor.inference.colorizer import Colorizer

    return {
        name: systems.of_colorizer(
            Colorizer.load(
                path,
                temperature=arguments.temperature,
                rebalancing_lambda=arguments.rebalancing_lambda,
                coherence=arguments.coherence,
            )
        )
        for name, path in _named(arguments).items()
    }


def _baselines(arguments: Namespace) -> dict[str, Any]:
    if arguments.references is None:
        return {}
    from jaxcolor.data import sources
    from jaxcolor.evaluation import baselines, systems

    source = sources.open_source(arguments.references, data_dir=arguments.data_dir)
    references = baselines.references(
        source,
        count=min(arguments.reference_count, len(source)),
        size=arguments.size,
        seed=arguments.seed,
    )
    return {
        name: systems.of_baseline(make(references, arguments.seed))
        for name, make in _makers(arguments).items()
    }


def _makers(arguments: Namespace) -> dict[str, Any]:
    """Returns what makes each baseline of references."""
    if arguments.references is None:
        return {}
    from jaxcolor.evaluation import baselines

    # Gray is always there.
    return {n: make for n, make in baselines.BY_NAME.items() if n != "gray"}


def _prior(path: Path | None) -> Any:
    if path is None:
        return None
    from jaxcolor.training import priors

    return priors.probabilities(priors.read(path))


def _named(arguments: Namespace) -> dict[str, str]:
    return flags.named(arguments.model, what="model")


COMMAND = Command(
    "measure models and baselines on color photographs",
    "  jaxcolor evaluate photos/ --model mine=runs/mine --size 128 -o results/",
    _add_evaluate,
    _evaluate,
)
