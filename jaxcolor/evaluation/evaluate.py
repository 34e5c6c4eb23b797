"""Systems against the ground truth and against gray, over a set of photographs.

Two passes: the first counts the colors of the set, which weight the pixels of the
rebalanced AuC; the second measures, a batch at a time, and keeps some numbers of each
photograph. The report colorizes its pictures again, so that none is kept.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, UInt8

from jaxcolor.color import gamut
from jaxcolor.data import prefetching
from jaxcolor.data.sources import Source
from jaxcolor.evaluation import (
    judges,
    manifests,
    metric,
    per_photograph,
    protocols,
    registry,
    summary,
    systems,
)
from jaxcolor.evaluation.judges import Judging, Shown
from jaxcolor.evaluation.metric import Metric
from jaxcolor.evaluation.per_photograph import Weights
from jaxcolor.evaluation.pictures import OnPictures
from jaxcolor.evaluation.protocols import Batch, Progress, Protocol
from jaxcolor.evaluation.result_tables import Evaluation, Number, Row
from jaxcolor.evaluation.summary import Tally, Trio
from jaxcolor.evaluation.systems import GRAY, TRUTH, Answer, System
from jaxcolor.metrics import accuracy

# Smaller ones have no window of SSIM.
SMALLEST = 16


def evaluate(
    measured: Mapping[str, System],
    source: Source,
    protocol: Protocol,
    *,
    metrics: Sequence[Metric] = registry.METRICS,
    judging: Sequence[Judging] = (),
    prior: Float[np.ndarray, " q"] | None = None,
    on_pictures: OnPictures | None = None,
    on_done: Progress,
) -> Evaluation:
    """Measures the ground truth, gray, and systems on the centers of photographs.

    Args:
        measured: systems by the names that the table shows.
        source: the photographs.
        protocol: how they are measured.
        metrics: what is measured, in the order of the tables; judges have more.
        judging: what judges measure, see `judges`.
        prior: shares of the bins that `prior_auc` weights by; None for none.
        on_pictures: called with a system's name, its pictures as they are measured,
            and the position of their first; None to make none.
        on_done: called with the number of photographs that were done, in either pass.

    Raises:
        ValueError: no photographs, only black-and-white ones, a wrong size, a reserved
            name for a system, a prior for other bins, or two metrics with one key.
    """
    columns = (*metrics, *(one for some in judging for one in some.metrics))
    check(measured, source, protocol, prior, metrics=columns)
    survey = protocols.survey(source, protocol, on_done)
    weights = Weights(
        accuracy.bin_weights(jnp.float32(survey.pixels)),
        None if prior is None else accuracy.bin_weights(jnp.float32(prior)),
    )
    everything = {TRUTH: System(_unused), GRAY: systems.gray(), **measured}
    tallies = {name: Tally() for name in everything}

    def measure(batch: Batch) -> tuple[Batch, dict[str, _Found]]:
        found = {
            name: _measure(
                name, system, batch, weights=weights, metrics=columns, protocol=protocol
            )
            for name, system in everything.items()
        }
        return batch, jax.block_until_ready(found)

    for batch, of_systems in prefetching.applied(
        measure, protocols.batches(source, protocol), threads=protocols.AT_ONCE
    ):
        truth, index, count = batch
        for name, found in of_systems.items():
            shown = Shown(name, found.rgb / 255, truth.rgb / 255, index, name == TRUTH)
            for one in judging:
                if one.of_pictures is not None:
                    found.numbers.update(one.of_pictures(shown))
            kept = jax.tree.map(lambda x, n=count: np.asarray(x)[:n], found)
            tallies[name].add(kept.numbers, is_finite=kept.is_finite)
            if on_pictures is not None:
                on_pictures(name, kept.rgb, int(index[0]))
        on_done(count)
    for one in judging:
        for name, numbers in ({} if one.at_end is None else one.at_end()).items():
            tallies[name].complete(numbers)
    rows = [
        _row(name, everything[name], tallies, columns, judging, protocol)
        for name in everything
    ]
    return Evaluation(
        manifest=manifests.manifest(source, survey, protocol, prior)
        | judges.joined(judging),
        rows=rows,
        names=list(source.names),
        photographs={name: part.photographs for name, part in tallies.items()},
        curves=_known({name: part.curves() for name, part in tallies.items()}),
        histograms=_known({n: part.share_of_bins() for n, part in tallies.items()}),
        centers=gamut.from_srgb(spacing=protocol.spacing).centers.tolist(),
        reliability=_known({n: summary.reliability(t) for n, t in tallies.items()}),
        empty=_empty(rows, columns, judging),
        metrics=columns,
    )


def check(
    measured: Mapping[str, System],
    source: Source,
    protocol: Protocol,
    prior: Float[np.ndarray, " q"] | None,
    *,
    metrics: Sequence[Metric] = (),
) -> None:
    """Refuses what `evaluate` would refuse, before any long work.

    Raises:
        ValueError: no photographs, a wrong size, a reserved name for a system, a prior
            for other bins, or two metrics with one key.
    """
    metric.check(metrics)
    size = protocol.size
    if size < SMALLEST:
        raise ValueError(f"size is {size}; wanted {SMALLEST} or more")
    for name, system in measured.items():
        if size % system.multiple:
            raise ValueError(
                f"size is {size}; {name} wants a multiple of {system.multiple}"
            )
    if taken := {TRUTH, GRAY} & set(measured):
        raise ValueError(f"a model may not be called {taken.pop()!r}")
    if not len(source):
        raise ValueError(f"{protocol.name} has no photographs")
    bins = len(gamut.from_srgb(spacing=protocol.spacing).centers)
    if prior is not None and len(prior) != bins:
        raise ValueError(f"the prior has {len(prior)} bins; wanted {bins}")


class _Found(NamedTuple):
    rgb: UInt8[Array, "b h w 3"]
    is_finite: Bool[Array, " b"]
    numbers: dict[str, Array]


def _unused(lightness: Float[Array, "b h w"], index: Int[Array, " b"]) -> Answer:
    raise AssertionError("the ground truth is not predicted")


def _measure(
    name: str,
    system: System,
    batch: Batch,
    *,
    weights: Weights,
    metrics: Sequence[Metric],
    protocol: Protocol,
) -> _Found:
    truth = batch.truth
    lightness, true_ab = truth.lab[..., 0], truth.lab[..., 1:]
    # The original pixels, without the rounding of a conversion to CIELAB and back.
    answer, rgb = Answer(true_ab, None), truth.rgb
    if name != TRUTH:
        answer = system.answer(lightness, batch.positions)
        rgb = per_photograph.colored(lightness, answer.ab)
    found = per_photograph.measure(
        truth, answer.ab, rgb, weights, metrics=metrics, spacing=protocol.spacing
    )
    numbers = dict(found.numbers)
    if answer.logits is not None and system.spacing is not None:
        numbers |= per_photograph.likelihood(
            answer.logits, true_ab, metrics=metrics, spacing=system.spacing
        )
    return _Found(rgb, found.is_finite, numbers)


def _row(
    name: str,
    system: System,
    tallies: Mapping[str, Tally],
    metrics: Sequence[Metric],
    judging: Sequence[Judging],
    protocol: Protocol,
) -> Row:
    found = summary.numbers(
        Trio(tallies[name], tallies[TRUTH], tallies[GRAY]),
        metrics,
        seed=protocol.seed,
        resamples=protocol.resamples,
    )
    for one in judging:
        values = one.of_set.get(name, {})
        found |= {key: Number(value) for key, value in values.items()}
    return Row(name, found, system.decoding)


def _known(by_system: Mapping[str, Any | None]) -> dict[str, Any]:
    return {name: found for name, found in by_system.items() if found is not None}


def _empty(
    rows: Sequence[Row], metrics: Sequence[Metric], judging: Sequence[Judging]
) -> dict[str, str]:
    """Returns why a column that a reader may look for is not there, or has gaps."""
    titles = {one.title for one in judging}
    found = {t: how for t, how in judges.REMEDIES.items() if t not in titles}
    for one in metrics:
        if one.remedy and not any(one.key in row.numbers for row in rows):
            found[metric.name_of(one)] = one.remedy
    for some in judging:
        found |= some.missing
    return found
