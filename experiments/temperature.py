"""The effect of the temperature of the annealed mean, and on which pixels.

Measures models at several temperatures, each model at its own lambda, from the mean of
the distribution (1) towards its mode (0): the metrics of `jaxcolor sweep`, one line for
each model and temperature. For the first model, also the error and the chroma of the
pixels by the confidence of the model: thirds of the pixels by the entropy of their
distributions.

Run:    python -m experiments.temperature TEST --model bundled --model mine=runs/mine \
            -o runs/temperature
Expect: table.md, results.json, temperature.png, entropy.png and strip.png; some minutes
    for 700 photographs on two CPU cores.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from experiments import tables
from experiments.tables import Estimate
from jaxcolor import plots
from jaxcolor.cli import flags
from jaxcolor.color import decode
from jaxcolor.data import sources
from jaxcolor.evaluation import (
    decoding_grid,
    decoding_sweep,
    manifests,
    protocols,
    result_tables,
    systems,
)
from jaxcolor.evaluation.decoding_grid import Sweep
from jaxcolor.evaluation.report import sweep_tables
from jaxcolor.inference import folders
from jaxcolor.inference.colorizer import Colorizer
from jaxcolor.metrics import accuracy, bootstrap
from jaxcolor.pretrained import release
from jaxcolor.runtime import atomic, markdown_text, progress

TEMPERATURES = (0.05, 0.2, 0.38, 0.5, 0.65, 0.8, 1.0)
BATCH_SIZE, SPACING = 16, 10.0
SEED, RESAMPLES = 0, 1000
# Number of photographs in the strip.
SHOWN = 6
NUMBERS = {
    "auc": "AuC, %",
    "rebalanced_auc": "rebalanced AuC, %",
    "colorfulness_share": "relative colorfulness",
    "ciede2000": "CIEDE2000",
}
THIRDS = ("sure", "between", "unsure")


class BySureness(NamedTuple):
    """Error and chroma of the pixels by the entropy of their distributions.

    Attributes:
        entropies: the two entropies, in nats, that separate the thirds.
        error: for each third, distance in ab at each temperature.
        chroma: for each third, chroma of the predicted color at each temperature.
        true_chroma: for each third, chroma of the true color.
    """

    entropies: tuple[float, float]
    error: dict[str, list[Estimate]]
    chroma: dict[str, list[Estimate]]
    true_chroma: dict[str, Estimate]


def by_sureness(
    colorizer: Colorizer,
    source: sources.Source,
    how: protocols.Protocol,
    temperatures: Sequence[float],
    *,
    on_done: protocols.Progress,
) -> BySureness:
    """Measures a model on the thirds of the pixels by entropy, in two passes.

    Args:
        colorizer: colorizer with a model that has bins.
        source: color photographs.
        how: protocol, as for a sweep.
        temperatures: temperatures of the annealed mean.
        on_done: called in both passes with the number of photographs just measured.
    """
    bins = colorizer.gamut
    assert bins is not None
    entropy_of = jax.jit(decode.entropy)
    entropies = []
    for truth, _, count in protocols.batches(source, how):
        entropies.append(
            np.asarray(entropy_of(colorizer.logits(truth.lab[..., 0])))[:count]
        )
        on_done(count)
    ends = np.quantile(np.concatenate(entropies), [1 / 3, 2 / 3])

    @jax.jit
    def sums(entropy: Array, ab: Array, true_ab: Array) -> Array:
        third = jax.nn.one_hot(jnp.digitize(entropy, jnp.float32(ends)), len(THIRDS))
        numbers = [
            accuracy.ab_distance(ab, true_ab),
            jnp.linalg.norm(ab, axis=-1),
            jnp.linalg.norm(true_ab, axis=-1),
            jnp.ones(ab.shape[:-1]),
        ]
        return jnp.einsum("bhwi,nbhw->bni", third, jnp.stack(numbers))

    found: list[list[np.ndarray]] = [[] for _ in temperatures]
    for truth, _, count in protocols.batches(source, how):
        lightness, true_ab = truth.lab[..., 0], truth.lab[..., 1:]
        logits, features = colorizer.predict(lightness)
        # Each cell of the map covers a square of the photograph's pixels.
        entropy = entropy_of(logits)
        for axis, side in enumerate(lightness.shape[1:], start=1):
            entropy = jnp.repeat(entropy, side // entropy.shape[axis], axis)
        annealed = decode.annealed_mean(
            logits, bins, temperature=jnp.float32(temperatures)
        )
        small = colorizer.coherent(annealed, features, lightness)
        for one, parts in zip(small, found, strict=True):
            ab = systems.enlarge(one, lightness)
            parts.append(np.asarray(sums(entropy, ab, true_ab))[:count])
        on_done(count)
    each = [np.concatenate(parts) for parts in found]

    def estimates(n: int, third: int) -> list[Estimate]:
        return [_mean(columns[:, [n, 3], third]) for columns in each]

    named = list(enumerate(THIRDS))
    return BySureness(
        entropies=(float(ends[0]), float(ends[1])),
        error={name: estimates(0, i) for i, name in named},
        chroma={name: estimates(1, i) for i, name in named},
        true_chroma={name: estimates(2, i)[0] for i, name in named},
    )


def _mean(columns: Float[np.ndarray, "b 2"]) -> Estimate:
    """Returns a ratio of sums over photographs, with its interval."""

    def value(sums: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, " n"]:
        return sums[:, 0] / sums[:, 1]

    ends = bootstrap.bootstrap(value, columns, seed=SEED, resamples=RESAMPLES)
    return float(value(columns.sum(axis=0, keepdims=True))[0]), *ends


def markdown(swept: Mapping[str, Sweep], found: BySureness) -> str:
    """Returns the tables."""
    lines = []
    for name, one in swept.items():
        lines.append([f"{name}: gray", "–", *_of(one.gray)])
        lines += [
            [name, f"{c.decoding.temperature:g}", *_of(c.numbers)] for c in one.cells
        ]
    first = next(iter(swept.values()))
    sure = [
        [
            name,
            tables.formatted(found.true_chroma[name]),
            *(
                f"{tables.formatted(error)}; {tables.formatted(chroma)}"
                for error, chroma in zip(
                    found.error[name], found.chroma[name], strict=True
                )
            ),
        ]
        for name in THIRDS
    ]
    low, high = found.entropies
    heads = [f"at {x:g}" for x in first.grid.temperatures]
    return "\n\n".join(
        [
            "### By temperature",
            markdown_text.table(["model", "temperature", *NUMBERS.values()], lines),
            "### Distance in ab; chroma of the prediction, by temperature",
            f"Thirds of the pixels by entropy: below {low:.2f} nats, between, and"
            f" above {high:.2f}.",
            markdown_text.table(["the model is", "true chroma", *heads], sure),
        ]
    )


def _of(numbers: Mapping[str, result_tables.Number]) -> list[str]:
    return [
        tables.formatted((x.value, x.low, x.high)) if (x := numbers.get(key)) else "–"
        for key in NUMBERS
    ]


def figures(swept: Mapping[str, Sweep], found: BySureness) -> dict[str, bytes]:
    """Returns the figures as PNG files by name."""
    first = next(iter(swept.values()))
    temperatures = first.grid.temperatures
    panels = {
        head: {
            name: [tuple(c.numbers[key][:3]) for c in one.cells]
            for name, one in swept.items()
        }
        for key, head in NUMBERS.items()
    }
    levels = {
        head: ("gray", first.gray[key].value)
        for key, head in NUMBERS.items()
        if key in ("auc", "rebalanced_auc")
    }
    sure = {"distance in ab": found.error, "chroma of the prediction": found.chroma}
    drawn = {
        "temperature": plots.against_temperature(panels, temperatures, levels=levels),
        "entropy": plots.against_temperature(sure, temperatures, levels={}),
    }
    return {f"{name}.png": plots.png(figure) for name, figure in drawn.items()}


def main(argv: Sequence[str] | None = None) -> int:
    """Writes the tables and the figures, and prints the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", help="a folder, a .txt list, or tfds:NAME:SPLIT")
    parser.add_argument(
        "--model",
        action="append",
        required=True,
        metavar="NAME=MODEL",
        help="a model with bins; repeat it for several models",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder for tables and figures",
    )
    parser.add_argument(
        "--size",
        type=flags.count,
        default=128,
        metavar="N",
        help="side of the photographs, pixels (default: %(default)s)",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    arguments = parser.parse_args(argv)
    try:
        folders.check_folder(arguments.output)
        source = sources.open_source(arguments.source)
        named = flags.named(arguments.model, what="model")
        own, swept, found = measure(named, source, arguments)
    except ValueError as error:
        parser.error(str(error))
    output = arguments.output
    output.mkdir(parents=True, exist_ok=True)
    cells = {
        name: {
            "gray": {key: x.value for key, x in one.gray.items()},
            "cells": [
                {**c.decoding._asdict(), "numbers": c.numbers} for c in one.cells
            ],
            "manifest": one.manifest,
        }
        for name, one in swept.items()
    }
    results = {"models": cells, "by sureness": found._asdict()}
    atomic.write_json(output / result_tables.RESULTS, tables.plain(results))
    atomic.write_text(output / result_tables.TABLE, markdown(swept, found) + "\n")
    for name, content in figures(swept, found).items():
        atomic.write_bytes(output / name, content)
    spread = np.linspace(0, len(source) - 1, min(SHOWN, len(source))).round()
    few = sources.Part(source, spread.astype(int))
    chosen = next(iter(swept.values())).grid
    strip = decoding_sweep.strip(own, few, _protocol(arguments), chosen)
    sweep_tables.write_strip(strip.heads, strip.rows, output)
    print(markdown(swept, found))
    return 0


def measure(
    named: Mapping[str, str], source: sources.Source, arguments: argparse.Namespace
) -> tuple[Colorizer, dict[str, Sweep], BySureness]:
    """Returns the first model's colorizer, all sweeps, and the first model's thirds.

    Raises:
        ValueError: a model is missing or has no bins, or there are no photographs.
    """
    colorizers, swept = {}, {}
    how = _protocol(arguments)
    for name, path in named.items():
        (colorizers[name],) = decoding_sweep.colorizers(release.load(path), [None])
        if colorizers[name].gamut is None:
            raise ValueError(f"{name} predicts ab itself; wanted a model with bins")
        if colorizers[name].decoding.rebalancing_lambda is None:
            raise ValueError(f"the prior of {name} is unknown; wanted a model with one")
    # For each model one pass per temperature and one for the survey; two by entropy.
    total = len(source) * (len(named) * (1 + len(TEMPERATURES)) + 2)
    with progress.bar(total, unit="picture", is_hidden=arguments.quiet) as bar:
        for name, colorizer in colorizers.items():
            mixed = colorizer.decoding.rebalancing_lambda
            chosen = decoding_grid.make([*TEMPERATURES], [mixed])
            swept[name] = decoding_sweep.sweep(
                [colorizer], source, how, chosen, on_done=bar.update
            )
            swept[name].manifest["model"] = {
                "path": named[name],
                "sha256": manifests.hash_of_model(named[name]),
            }
        own = next(iter(colorizers.values()))
        found = by_sureness(own, source, how, TEMPERATURES, on_done=bar.update)
    return own, swept, found


def _protocol(arguments: argparse.Namespace) -> protocols.Protocol:
    return protocols.Protocol(
        arguments.source, arguments.size, SPACING, BATCH_SIZE, SEED, RESAMPLES
    )


if __name__ == "__main__":
    sys.exit(main())
