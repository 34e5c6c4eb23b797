"""Compares a sweep over temperatures and lambdas with evaluating each cell alone.

Both sides measure thirty cells, after compiling. For the given model, one side is
`jaxcolor sweep` with all its metrics, and the other calls `evaluate` for each cell,
which also counts the colors of the set and measures the ground truth and gray each
time; their numbers are compared. For the paper's network at full width, with random
weights, both sides measure only the raw and rebalanced AuC and the colorfulness. The
times of the forward pass, decoding and measuring of a batch are reported separately.

Run:    python -m experiments.benchmarks.sweep PHOTOS --model bundled
Expect: ratios of about 5 and 15 on two CPU cores; some minutes.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from jaxcolor.cli import flags
from jaxcolor.color import decode
from jaxcolor.data import sources
from jaxcolor.evaluation import (
    decoding_grid,
    decoding_sweep,
    evaluate,
    per_photograph,
    protocols,
    registry,
    systems,
)
from jaxcolor.inference.colorizer import Colorizer
from jaxcolor.metrics import accuracy
from jaxcolor.models.zhang2016 import Zhang2016
from jaxcolor.pretrained import release
from jaxcolor.pretrained.release import Pretrained
from jaxcolor.runtime import compilation_cache, progress

TEMPERATURES = (0.2, 0.38, 0.5, 0.65, 0.8, 1.0)
LAMBDAS = (0.0, 0.25, 0.5, 0.75, 1.0)
BATCH_SIZE, SPACING = 16, 10.0
# Without intervals, which are not part of the comparison.
RESAMPLES = 1


class Comparison(NamedTuple):
    """Median seconds over the rounds.

    Attributes:
        swept: time of all cells, from one pass of the network.
        alone: time of all cells, each evaluated alone.
        parts: time of the parts for one batch and cell: forward pass, decoding,
            measuring.
    """

    swept: float
    alone: float
    parts: dict[str, float]

    @property
    def ratio(self) -> float:
        """How many times as fast the sweep is."""
        return self.alone / self.swept


def whole(
    model: Pretrained, source: sources.Source, *, size: int, rounds: int
) -> tuple[Comparison, float]:
    """Compares the sweep with `evaluate`; also returns their largest difference."""
    how = protocols.Protocol("photographs", size, SPACING, BATCH_SIZE, 0, RESAMPLES)
    chosen = decoding_grid.make([*TEMPERATURES], [*LAMBDAS])
    colorizers = decoding_sweep.colorizers(model, chosen.lambdas)

    def swept() -> list[dict[str, float]]:
        found = decoding_sweep.sweep(colorizers, source, how, chosen, on_done=_ignore)
        return [_values(cell.numbers) for cell in found.cells]

    def alone() -> list[dict[str, float]]:
        found = []
        for x in chosen.lambdas:
            for t in chosen.temperatures:
                one = Colorizer(model, temperature=t, rebalancing_lambda=x)
                rows = evaluate.evaluate(
                    {"cell": systems.of_colorizer(one)},
                    source,
                    how,
                    on_done=_ignore,
                ).rows
                found.append(_values(rows[-1].numbers))
        return found

    times, results = _by_turns([swept, alone], rounds)
    first, second = results
    apart = max(
        abs(mine[key] - yours[key]) / max(1.0, abs(yours[key]))
        for mine, yours in zip(first, second, strict=True)
        for key in mine.keys() & yours.keys()
    )
    measure = partial(_everything, weights=_weights(source, how))
    return Comparison(*times, _parts(model, source, how, measure)), apart


def few(
    model: Pretrained, source: sources.Source, *, size: int, rounds: int
) -> Comparison:
    """Compares both sides when only AuC and colorfulness are measured."""
    how = protocols.Protocol("photographs", size, SPACING, BATCH_SIZE, 0, RESAMPLES)
    colorizers = decoding_sweep.colorizers(model, LAMBDAS)
    bins = colorizers[0].gamut
    # `readings` has checked this.
    assert bins is not None
    batches = [(truth, count) for truth, _, count in protocols.batches(source, how)]
    weights = _weights(source, how)
    temperatures = jnp.float32(TEMPERATURES)

    shown = partial(_few_of_small, weights=weights)

    def swept() -> list[Any]:
        found = []
        for truth, _ in batches:
            outputs = colorizers[0].outputs(truth.lab[..., 0])
            for one in colorizers:
                annealed = _anneal(one.move(outputs), bins, temperature=temperatures)
                found += [shown(small, truth) for small in annealed]
        return jax.block_until_ready(found)

    def alone() -> list[Any]:
        found = []
        for truth, _ in batches:
            for one in colorizers:
                for t in temperatures:
                    logits = one.logits(truth.lab[..., 0])
                    small = _anneal(logits, bins, temperature=t)
                    found.append(shown(small, truth))
        return jax.block_until_ready(found)

    times, (first, second) = _by_turns([swept, alone], rounds)
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-4), first, second)
    measure = partial(_few, weights=weights)
    return Comparison(*times, _parts(model, source, how, measure))


_anneal = jax.jit(decode.annealed_mean)


def _everything(
    truth: per_photograph.Truth, ab: Array, *, weights: per_photograph.Weights
) -> per_photograph.Measured:
    rgb = per_photograph.colored(truth.lab[..., 0], ab)
    return per_photograph.measure(
        truth, ab, rgb, weights, metrics=registry.METRICS, spacing=SPACING
    )


@jax.jit
def _few(
    truth: per_photograph.Truth, ab: Array, *, weights: per_photograph.Weights
) -> Any:
    def of_photo(
        whole: per_photograph.Truth, ab: Array, rgb: Array
    ) -> dict[str, Array]:
        distance = accuracy.ab_distance(ab, whole.lab[..., 1:])
        errors, pixels = accuracy.error_sums(
            distance, whole.bins, count=len(weights.own)
        )
        return {
            "auc": accuracy.auc_from_sums(errors, pixels),
            "error": (weights.own * errors).sum(),
            "colorfulness": accuracy.colorfulness(rgb / 255),
        }

    rgb = per_photograph.colored(truth.lab[..., 0], ab)
    return jax.lax.map(lambda each: of_photo(*each), (truth, ab, rgb))


def _few_of_small(
    small: Array, truth: per_photograph.Truth, *, weights: per_photograph.Weights
) -> Any:
    ab = systems.enlarge(small, truth.lab[..., 0])
    return _few(truth, ab, weights=weights)


def _weights(source: sources.Source, how: protocols.Protocol) -> per_photograph.Weights:
    survey = protocols.survey(source, how, _ignore)
    return per_photograph.Weights(
        accuracy.bin_weights(jnp.float32(survey.pixels)), None
    )


def _parts(
    model: Pretrained,
    source: sources.Source,
    how: protocols.Protocol,
    measure: Callable[..., Any],
) -> dict[str, float]:
    """Returns the seconds of a batch: forward pass, decoding, and measuring."""
    (one,) = decoding_sweep.colorizers(model, LAMBDAS[:1])
    assert one.gamut is not None
    truth, _, _ = next(iter(protocols.batches(source, how)))
    lightness = truth.lab[..., 0]
    outputs, features = one.predict(lightness, reweights=False)

    def decoded() -> Array:
        small = _anneal(one.move(outputs), one.gamut, temperature=jnp.float32(0.38))
        return systems.enlarge(one.coherent(small, features, lightness), lightness)

    ab = decoded()
    calls: list[Callable[[], Any]] = [
        lambda: one.outputs(lightness),
        decoded,
        lambda: measure(truth, ab),
    ]
    times, _ = _by_turns([lambda c=c: jax.block_until_ready(c()) for c in calls], 5)
    return dict(zip(("forward pass", "decoding", "measuring"), times, strict=True))


def _by_turns(
    calls: Sequence[Callable[[], Any]], rounds: int
) -> tuple[list[float], list[Any]]:
    """Times the calls alternately, after compiling; also returns their last results."""
    results = [call() for call in calls]
    taken: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds):
        for n, call in enumerate(calls):
            start = time.perf_counter()
            results[n] = call()
            taken[n].append(time.perf_counter() - start)
    return [statistics.median(times) for times in taken], results


def _values(numbers: Any) -> dict[str, float]:
    return {key: number.value for key, number in numbers.items()}


def _ignore(_: int) -> None:
    pass


def full_width(small: Pretrained) -> Pretrained:
    """Returns the paper's network with random weights and the bins of a model."""
    assert small.prior is not None
    arguments = {"width": 1.0, "outputs": len(small.prior)}
    arguments |= {"affine": False, "momentum": 0.9}
    network = Zhang2016(**arguments)
    variables = jax.jit(partial(network.init, train=False))(
        jax.random.key(0), jnp.zeros((1, 8, 8))
    )
    description = small.description._replace(arguments=arguments)
    return small._replace(network=network, variables=variables, description=description)


def _line(name: str, found: Comparison) -> str:
    parts = ", ".join(f"{key} {1000 * x:.0f}" for key, x in found.parts.items())
    return (
        f"{name}: sweep {found.swept:.2f} s, cell by cell {found.alone:.2f} s,"
        f" {found.ratio:.1f} times as fast; ms per batch of {BATCH_SIZE}: {parts}"
    )


def main() -> int:
    """Measures and prints both comparisons; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", help="a folder, a .txt list, or tfds:NAME:SPLIT")
    parser.add_argument(
        "--model", default="bundled", help="a model with bins (default: %(default)s)"
    )
    for flag, default, meaning in (
        ("--size", 128, "side of the photographs, pixels"),
        ("--photographs", 32, "number of photographs, the first of the source"),
        ("--rounds", 3, "number of measurements of each side"),
    ):
        parser.add_argument(
            flag,
            type=flags.count,
            default=default,
            metavar="N",
            help=f"{meaning} (default: %(default)s)",
        )
    arguments = parser.parse_args()
    compilation_cache.keep()
    model = release.load(arguments.model)
    source = sources.open_source(arguments.source)
    count = min(arguments.photographs, len(source))
    source = sources.Part(source, np.arange(count))
    cells = len(TEMPERATURES) * len(LAMBDAS)
    print(f"{count} photographs of {arguments.size} x {arguments.size}, {cells} cells")
    with progress.bar(2, unit="comparison", is_hidden=False) as bar:
        options = {"size": arguments.size, "rounds": arguments.rounds}
        found, apart = whole(model, source, **options)
        bar.update()
        print(_line(f"{arguments.model}, all metrics", found))
        print(f"  largest relative difference of the numbers {apart:.0e}")
        large = few(full_width(model), source, **options)
        bar.update()
        print(_line("full width, AuC and colorfulness", large))
    return 0


if __name__ == "__main__":
    sys.exit(main())
