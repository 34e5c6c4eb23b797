"""`jaxcolor evaluate`: models, measured on color photographs."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

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
        required=True,
        action="append",
        metavar="[NAME=]MODEL",
        help="as in colorize; may be given several times",
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="DIR", help="for results.json and table.md"
    )
    parser.add_argument(
        "--size",
        type=arguments_of.count,
        default=256,
        metavar="PIXELS",
        help="side of the central squares that are compared (%(default)s)",
    )
    arguments_of.add_decoding(parser)
    parser.add_argument(
        "--batch-size",
        type=arguments_of.count,
        default=16,
        metavar="N",
        help="(%(default)s)",
    )
    parser.add_argument("--data-dir", help="where TensorFlow Datasets looks")


def _evaluate(arguments: Namespace) -> int:
    from tqdm import tqdm

    from jaxcolor import evaluate, scores
    from jaxcolor.colorize import Colorizer
    from jaxcolor.data import sources

    colorizers = {}
    for given in arguments.model:
        name, _, path = given.rpartition("=")
        colorizers[name or Path(path).name] = Colorizer.load(
            path,
            temperature=arguments.temperature,
            rebalancing_lambda=arguments.rebalancing_lambda,
        )
    if len(colorizers) < len(arguments.model):
        raise ValueError("two models have the same name; name them by NAME=MODEL")
    source = sources.open_source(arguments.source, data_dir=arguments.data_dir)
    hidden = arguments_of.is_hidden(arguments)
    with tqdm(total=len(source), unit="photo", disable=hidden) as bar:
        found = evaluate.evaluate(
            colorizers,
            source,
            name=arguments.source,
            size=arguments.size,
            spacing=10.0,
            batch_size=arguments.batch_size,
            on_done=bar.update,
        )
    print(scores.markdown(found))
    if arguments.output is not None:
        scores.write(found, arguments.output)
    return 0


COMMAND = Command(
    "measure models on color photographs",
    "  jaxcolor evaluate photos/ --model mine=runs/mine --size 128 -o results/",
    _add_evaluate,
    _evaluate,
)
