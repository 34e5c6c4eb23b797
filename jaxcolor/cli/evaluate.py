"""`jaxcolor evaluate`: measures models and baselines on color photographs."""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from jaxcolor.cli import flags, judge_flags
from jaxcolor.cli.flags import Command


def _add_evaluate(parser: ArgumentParser) -> None:
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help=f"color photographs: {flags.SOURCES}; imagenet-test: before ImageNet's"
        " validation set takes the paper's part of it",
    )
    parser.add_argument(
        "--model",
        action="append",
        default=[],
        metavar="[NAME=]MODEL",
        help="as in colorize, or bundled for the model that comes with jaxcolor; repeat"
        " it for several models",
    )
    parser.add_argument(
        "--pictures-of",
        action="append",
        default=[],
        metavar="[NAME=]DIR",
        help="adds what any other program made of the photographs: a folder with a"
        " picture of each, of the same name but for the ending (faces/ann.png for"
        " faces/ann.jpg, or ann.png if that is the only ann), of the same aspect at any"
        " size, or the squares of --size pixels. Their colors (ab) are resized,"
        " cropped and measured as those of models, under the lightness of the"
        " photographs; other pictures in the folder are ignored; repeat it for several",
    )
    parser.add_argument(
        "--references",
        metavar="SOURCE",
        help="photographs that baselines take colors from, such as the training set:"
        " adds a random photograph's colors, the mean color and two color transfers to"
        " the table",
    )
    parser.add_argument(
        "--prior",
        type=Path,
        metavar="FILE",
        help="a file from jaxcolor prior: adds the AuC that is rebalanced by it",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="DIR",
        help="folder for tables, results, manifest, plots and an HTML report",
    )
    judge_flags.add(parser)
    parser.add_argument(
        "--reference-count",
        type=flags.count,
        default=500,
        metavar="N",
        help="photographs of --references that are used (default: %(default)s)",
    )
    flags.add_protocol(parser)
    flags.add_decoding(parser)
    flags.add_data_dir(parser)


def _evaluate(arguments: Namespace) -> int:
    from jaxcolor import evaluation
    from jaxcolor.evaluation import systems

    if arguments.pictures and arguments.output is None:
        raise ValueError("--pictures needs -o, the folder that they are written into")
    judges = judge_flags.judges(arguments)
    named = flags.named(arguments.model, what="model")
    models = {
        name: systems.load(path, **flags.decoding(arguments))
        for name, path in named.items()
    }
    pictures_of = flags.named(arguments.pictures_of, what="folder")
    references = None
    if arguments.references is not None:
        references = evaluation.References(
            arguments.references, arguments.reference_count
        )
    found = evaluation.assemble(
        models,
        arguments.source,
        protocol=evaluation.Protocol(**flags.protocol(arguments)),
        pictures_of=pictures_of,
        references=references,
        judges=judges,
        prior=_prior(arguments.prior),
        output=arguments.output,
        keeps_pictures=arguments.pictures,
        data_dir=arguments.data_dir,
        is_quiet=arguments.quiet,
    )
    print(evaluation.markdown(found))
    if arguments.output is not None and not arguments.quiet:
        from jaxcolor.evaluation.report import figures

        report = arguments.output / figures.REPORT
        print(f"written to {arguments.output}; open {report}")
    return 0


def _prior(path: Path | None) -> Any:
    if path is None:
        return None
    from jaxcolor.training import priors

    return priors.probabilities(priors.read(path))


COMMAND = Command(
    "measure models, baselines and pictures of other programs on color photographs",
    "  jaxcolor evaluate photos/ --model mine=runs/mine --size 128 -o results/",
    _add_evaluate,
    _evaluate,
)
