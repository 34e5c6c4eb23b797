"""`jaxcolor sweep`: measures a model at many temperatures and lambdas."""

import logging
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from jaxcolor.cli import flags
from jaxcolor.cli.flags import Command

LOGGER = logging.getLogger(__name__)
TEMPERATURES = [0.2, 0.38, 0.5, 0.65, 0.8, 1.0]
LAMBDAS = [0.0, 0.25, 0.35, 0.5, 0.65, 0.8, 1.0]
# As people write them; `decoding_grid.CRITERIA` has underscores.
CRITERIA = ("rebalanced-auc", "auc", "psnr", "ciede2000")
# Photographs in the strip of pictures.
SHOWN = 6


def _add_sweep(parser: ArgumentParser) -> None:
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="color photographs, as in evaluate; none that results are reported on",
    )
    parser.add_argument(
        "--model",
        required=True,
        metavar="MODEL",
        help="a model that predicts bins; otherwise as in colorize",
    )
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        type=Path,
        metavar="DIR",
        help="folder for the table, results, manifest, plots and a strip of pictures",
    )
    for flag, values, meaning in (
        ("--temperatures", TEMPERATURES, "temperatures of the annealed mean"),
        ("--lambdas", LAMBDAS, "rebalancing lambdas, from 0 to 1"),
    ):
        parser.add_argument(
            flag,
            nargs="+",
            type=float,
            default=values,
            metavar="X",
            help=f"{meaning} (default: {' '.join(f'{x:g}' for x in values)})",
        )
    flags.add_coherence(parser)
    _add_photographs(parser)
    _add_criterion(parser)
    flags.add_protocol(parser)
    flags.add_data_dir(parser)


def _add_photographs(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--held-out",
        type=float,
        metavar="FRACTION",
        help="only the photographs that a training on SOURCE sets aside for validation"
        " with this config.data.held_out_fraction",
    )
    parser.add_argument(
        "--photographs",
        type=flags.count,
        metavar="N",
        help="only N photographs, spread over the source (default: all)",
    )


def _add_criterion(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--criterion",
        choices=CRITERIA,
        default=CRITERIA[0],
        help="metric that the best cell is best in (default: %(default)s)",
    )
    parser.add_argument(
        "--raw-above-gray",
        type=float,
        metavar="X",
        help="only cells whose AuC is at least gray's plus X percent",
    )
    parser.add_argument(
        "--colorfulness",
        nargs=2,
        type=float,
        metavar=("LOW", "HIGH"),
        help="only cells whose colorfulness relative to the originals is in this range",
    )


def _sweep(arguments: Namespace) -> int:
    from jaxcolor.evaluation import (
        decoding_grid,
        decoding_sweep,
        protocols,
        result_tables,
    )
    from jaxcolor.evaluation.report import sweep_tables
    from jaxcolor.inference import folders
    from jaxcolor.pretrained import release
    from jaxcolor.runtime import progress

    chosen = decoding_grid.make(arguments.temperatures, arguments.lambdas)
    criterion = decoding_grid.Criterion(
        key=arguments.criterion.replace("-", "_"),
        raw_above_gray=arguments.raw_above_gray,
        colorfulness=arguments.colorfulness and tuple(arguments.colorfulness),
    )
    decoding_grid.check(criterion)
    if (fraction := arguments.held_out) is not None and not 0 < fraction < 1:
        raise ValueError(f"--held-out is {fraction:g}; wanted above 0 and below 1")
    output = arguments.output
    folders.check_folder(output)
    model = release.load(arguments.model)
    if model.description.decoding.temperature is None:
        raise ValueError(
            f"{arguments.model} predicts {model.description.head.about}; wanted a model"
            " with a temperature and a lambda"
        )
    _warn_of_trained(arguments.held_out, model.provenance)
    own, *colorizers = decoding_sweep.colorizers(
        model, [None, *chosen.lambdas], coherence=arguments.coherence
    )
    source, skipped = photographs(arguments)
    how = protocols.Protocol(**flags.protocol(arguments))
    with progress.bar(
        len(source) * (1 + len(chosen.temperatures) * len(chosen.lambdas)),
        unit="picture",
        is_hidden=arguments.quiet,
    ) as bar:
        found = decoding_sweep.sweep(
            colorizers, source, how, chosen, on_done=bar.update
        )
    found.manifest.update(_provenance(arguments, own), skipped=skipped)
    found.manifest["criterion"] = decoding_grid.wording(criterion)
    sweep_tables.write(found, output, criterion)
    strip = decoding_sweep.strip(own, _spread(source, SHOWN), how, chosen)
    sweep_tables.write_strip(strip.heads, strip.rows, output)
    if (best := decoding_grid.best(found, criterion)) is not None:
        print(sweep_tables.markdown_line(best, found))
    print(sweep_tables.verdict(found, criterion))
    if not arguments.quiet:
        print(f"written to {output}; see {output / result_tables.TABLE}")
    return 0 if best else 1


def _warn_of_trained(fraction: float | None, provenance: dict[str, Any]) -> None:
    """Warns if the training of the model did not set these photographs aside."""
    config = provenance.get("config", {})
    trained = config.get("data", {}).get("held_out_fraction")
    if fraction is not None and trained is not None and fraction > trained:
        LOGGER.warning(
            "--held-out %g is more than the %g that the model's training set aside for"
            " validation: it has seen some of these photographs",
            fraction,
            trained,
        )


def photographs(arguments: Namespace) -> tuple[Any, list[str]]:
    """Returns the photographs, and the names of the broken ones."""
    from jaxcolor.data import sources, splits

    source = sources.open_source(arguments.source, data_dir=arguments.data_dir)
    skipped = [part.name for part in getattr(source, "skipped", ())]
    if arguments.held_out is not None:
        parts = splits.split(source, held_out_fraction=arguments.held_out)
        source = parts.validation
    if arguments.photographs is not None:
        source = _spread(source, arguments.photographs)
    return source, skipped


def _spread(source: Any, count: int) -> Any:
    """Returns so many of the photographs, at equal steps; all where there are fewer."""
    import numpy as np

    from jaxcolor.data import sources

    indices = np.linspace(0, len(source) - 1, min(count, len(source)))
    return sources.Part(source, np.round(indices).astype(int))


def _provenance(arguments: Namespace, own: Any) -> dict[str, Any]:
    from jaxcolor.evaluation import manifests

    return {
        "models": {
            Path(arguments.model).name: {
                "path": arguments.model,
                "sha256": manifests.hash_of(arguments.model),
                **own.decoding._asdict(),
            }
        },
        "temperatures": sorted(arguments.temperatures),
        "lambdas": sorted(arguments.lambdas),
        "held_out_fraction": arguments.held_out,
    }


COMMAND = Command(
    "measure a model at many temperatures and lambdas",
    "  jaxcolor sweep photos/ --model runs/mine --held-out 0.02 --size 128 -o sweep/",
    _add_sweep,
    _sweep,
)
