"""One model at many temperatures and lambdas, from one pass of its network.

Every cell has the numbers of `evaluate`. Memory holds a few batches, each at the
temperatures of one lambda.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from jaxcolor.color import decode
from jaxcolor.data import prefetching
from jaxcolor.data.sources import Source
from jaxcolor.evaluation import (
    evaluate,
    manifests,
    per_photograph,
    protocols,
    registry,
    summary,
    systems,
)
from jaxcolor.evaluation.decoding_grid import Cell, Grid, Sweep
from jaxcolor.evaluation.per_photograph import Measured, Truth, Weights
from jaxcolor.evaluation.protocols import Batch, Progress, Protocol
from jaxcolor.evaluation.result_tables import Number
from jaxcolor.evaluation.summary import Tally, Trio
from jaxcolor.inference.colorizer import Colorizer
from jaxcolor.metrics import accuracy
from jaxcolor.pretrained.release import Pretrained

NO_LIKELIHOOD: Mapping[str, np.ndarray] = MappingProxyType({})


class Strip(NamedTuple):
    """Photographs from the mean of the distribution to its mode.

    Attributes:
        heads: above the columns.
        rows: one for each photograph.
    """

    heads: list[str]
    rows: UInt8[np.ndarray, "n m h w 3"]


def colorizers(
    model: Pretrained,
    lambdas: Sequence[float | None],
    *,
    coherence: float | None = None,
) -> list[Colorizer]:
    """Returns a colorizer for each lambda; all share the model's arrays.

    Args:
        model: one with bins.
        lambdas: None for the model's own.
        coherence: of all of them; the model's own if None.

    Raises:
        ValueError: the model predicts ab itself, so that lambda means nothing to it; or
            it can have no coherence.
    """
    shared = model._replace(variables=jax.device_put(model.variables))
    return [
        Colorizer(shared, rebalancing_lambda=x, coherence=coherence) for x in lambdas
    ]


def sweep(
    colorizers: Sequence[Colorizer],
    source: Source,
    protocol: Protocol,
    grid: Grid,
    *,
    on_done: Progress,
) -> Sweep:
    """Measures one model over a grid, on the centers of photographs.

    Args:
        colorizers: of `colorizers`, one for each lambda of the grid.
        source: the photographs.
        protocol: how they are measured.
        grid: the temperatures and lambdas.
        on_done: called with the number of pictures that were done: each photograph once
            in the first pass, then once for each cell.

    Raises:
        ValueError: no photographs, or a wrong size.
    """
    evaluate.check(
        {"the model": systems.of_colorizer(colorizers[0])}, source, protocol, None
    )
    survey = protocols.survey(source, protocol, on_done)
    weights = Weights(accuracy.bin_weights(jnp.float32(survey.pixels)), None)
    truths, grays = Tally(), Tally()
    tallies = [[Tally() for _ in grid.temperatures] for _ in grid.lambdas]
    temperatures = jnp.float32(grid.temperatures)

    def measure(batch: Batch) -> _OfBatch:
        return _measure(
            batch, colorizers, temperatures, weights=weights, spacing=protocol.spacing
        )

    for found in prefetching.applied(
        measure, protocols.batches(source, protocol), threads=protocols.AT_ONCE
    ):
        _add(truths, found.truth)
        _add(grays, found.gray)
        for cells, row in zip(found.cells, tallies, strict=True):
            for (measured, likely), part in zip(cells, row, strict=True):
                _add(part, measured, likely)
                on_done(found.photographs)

    def numbers(part: Tally) -> dict[str, Number]:
        return summary.numbers(
            Trio(part, truths, grays),
            registry.METRICS,
            seed=protocol.seed,
            resamples=protocol.resamples,
        )

    return Sweep(
        manifest=manifests.manifest(source, survey, protocol, None),
        grid=grid,
        truth=numbers(truths),
        gray=numbers(grays),
        cells=[
            Cell(colorizer.decoding._replace(temperature=temperature), numbers(part))
            for colorizer, row in zip(colorizers, tallies, strict=True)
            for temperature, part in zip(grid.temperatures, row, strict=True)
        ],
    )


def strip(
    colorizer: Colorizer, source: Source, protocol: Protocol, grid: Grid
) -> Strip:
    """Colorizes photographs at each temperature: as in the paper's figure 4.

    Args:
        colorizer: of a model with bins, at the lambda that is wanted.
        source: a few photographs.
        protocol: how they are measured.
        grid: its temperatures below the mean's are shown, from the mean to the mode.
    """
    bins = colorizer.gamut
    assert bins is not None
    between = sorted((t for t in grid.temperatures if t < 1), reverse=True)
    temperatures = jnp.float32([1.0, *between])
    rows: list[np.ndarray] = []
    for truth, _, count in protocols.batches(source, protocol):
        lightness = truth.lab[..., 0]
        logits, features = colorizer.predict(lightness)
        annealed = _anneal(logits, bins, temperature=temperatures)
        small = jnp.concatenate([annealed, decode.mode(logits, bins)[None]])
        coherent = colorizer.coherent(small, features, lightness)
        large = [systems.enlarge(one, lightness) for one in coherent]
        colors = [jnp.zeros_like(large[0]), *large]
        pictures = [per_photograph.colored(lightness, ab) for ab in colors]
        rows.append(np.stack([*map(np.asarray, pictures), truth.rgb], axis=1)[:count])
    heads = ["lightness", "T = 1, mean", *(f"T = {t:g}" for t in between), "mode"]
    return Strip([*heads, "truth"], np.concatenate(rows))


class _OfBatch(NamedTuple):
    """What was measured of some photographs, on the host.

    Attributes:
        truth: the originals.
        gray: the same photographs in gray.
        cells: for each lambda, then each temperature: the colors, and the likelihood.
        photographs: how many there are.
    """

    truth: Measured
    gray: Measured
    cells: list[list[tuple[Measured, dict[str, np.ndarray]]]]
    photographs: int


def _measure(
    batch: Batch,
    colorizers: Sequence[Colorizer],
    temperatures: Float[Array, " t"],
    *,
    weights: Weights,
    spacing: float,
) -> _OfBatch:
    truth, _, count = batch
    lightness, true_ab = truth.lab[..., 0], truth.lab[..., 1:]
    found = partial(_measured, truth, weights=weights, spacing=spacing)
    cut = partial(jax.tree.map, lambda x: np.asarray(x)[:count])
    outputs, features = colorizers[0].predict(lightness, reweights=False)
    rows = []
    for colorizer in colorizers:
        bins, logits = colorizer.gamut, colorizer.move(outputs)
        # `colorizers` has checked this.
        assert bins is not None
        # It does not depend on the temperature.
        likely = cut(
            per_photograph.likelihood(
                logits, true_ab, metrics=registry.METRICS, spacing=bins.spacing
            )
        )
        annealed = _anneal(logits, bins, temperature=temperatures)
        small = colorizer.coherent(annealed, features, lightness)
        large = (systems.enlarge(one, lightness) for one in small)
        rows.append([(cut(found(ab)), likely) for ab in large])
    return _OfBatch(
        truth=cut(found(true_ab, rgb=truth.rgb)),
        gray=cut(found(jnp.zeros_like(true_ab))),
        cells=rows,
        photographs=count,
    )


def _measured(
    truth: Truth,
    ab: Float[Array, "b h w 2"],
    *,
    rgb: UInt8[Array, "b h w 3"] | None = None,
    weights: Weights,
    spacing: float,
) -> Measured:
    if rgb is None:
        rgb = per_photograph.colored(truth.lab[..., 0], ab)
    return per_photograph.measure(
        truth, ab, rgb, weights, metrics=registry.METRICS, spacing=spacing
    )


def _add(
    part: Tally, found: Any, likely: Mapping[str, np.ndarray] = NO_LIKELIHOOD
) -> None:
    """Adds what was measured, a `Measured` that is on the host."""
    part.add(found.numbers | dict(likely), is_finite=found.is_finite)


_anneal = jax.jit(decode.annealed_mean)
