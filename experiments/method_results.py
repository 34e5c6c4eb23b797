"""The numbers of `experiments.methods`: differences, costs, and the tables."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from experiments import method_figure, table1, tables
from experiments.table1 import Published
from experiments.tables import Estimate
from jaxcolor.evaluation import metric, registry, systems
from jaxcolor.evaluation.metric import Metric, Totals
from jaxcolor.evaluation.result_tables import Evaluation, Number
from jaxcolor.metrics import bootstrap
from jaxcolor.pretrained import release
from jaxcolor.runtime import atomic, markdown_text
from jaxcolor.training import train_log

# Metrics of the table, besides those of the judges.
KEYS = ("auc", "rebalanced_auc", "colorfulness_share", "ciede2000", "nll")
# What the numbers of a system may be relative to, in the order of `Totals`.
ALWAYS = (systems.TRUTH, systems.GRAY)
GIGA = 1e9

# The published numbers that were compared with the paper's own text or slides, beside
# the shares of fooled raters. The others were not.
CONFIRMED = {
    "ground truth": {"auc", "rebalanced_auc", "top1"},
    "gray": {"top1"},
    "Larsson et al. 2016": {"top1"},
    "full": {"auc", "rebalanced_auc", "top1"},
}
UNCONFIRMED = "†"
PAPER = {
    "auc": "paper: AuC, %",
    "rebalanced_auc": "paper: rebalanced AuC, %",
    "top1": "paper: VGG-16 top-1, %",
    "fooled": "paper: people fooled, %",
}
PAPER_NOTE = (
    "Paper: Zhang et al. 2016, table 1: networks of full size, trained on 1.3 million"
    " photographs and measured on 10,000 others of ImageNet; only the order of the"
    " methods is comparable. People fooled: share of trials in which people took the"
    " colorized picture for the true one; the machine real-or-fake error is another"
    f" measure. {UNCONFIRMED}: not compared with the paper's text."
)
NOTE = (
    "Ours: small networks, all trained on the same crops for the same number of steps,"
    " each decoded as its own method says; in brackets 95 % intervals over"
    " photographs, which do not include the spread over trainings. Machine"
    " real-or-fake errors come from networks, not from people; 50 is chance. The NLL"
    " is that of the distributions that are decoded."
)


class Column(NamedTuple):
    """A column of the tables.

    Attributes:
        key: of the metric.
        heading: with an arrow towards better values.
        digits: number of decimals.
    """

    key: str
    heading: str
    digits: int


class Result(NamedTuple):
    """The numbers of one test set.

    Attributes:
        photographs: how many it has.
        columns: the metrics.
        numbers: by system, then by key.
        differences: the full method minus each other system, by system, then by key;
            empty without the full method.
        scores: rebalanced AuC of each photograph by the full method; likewise.
    """

    photographs: int
    columns: list[Column]
    numbers: dict[str, dict[str, Number]]
    differences: dict[str, dict[str, Estimate]]
    scores: list[float]


class Cost(NamedTuple):
    """What a method takes.

    Attributes:
        parameters: how many it has, frozen ones among them; no running statistics.
        operations: of a forward pass for one picture; a multiply-add counts as two.
        size: side of that picture, pixels.
        crops: that it was trained on; None if unknown.
        seconds: of training, without validation; None if unknown.
        starts_from: the method whose weights the training starts from; None for none.
    """

    parameters: int
    operations: int
    size: int
    crops: int | None
    seconds: float | None
    starts_from: str | None


def of_evaluation(found: Evaluation, *, full: str, seed: int, resamples: int) -> Result:
    """Returns the numbers of an evaluation that the comparison shows.

    Args:
        found: the evaluation.
        full: name of the full method.
        seed: of the resampling.
        resamples: how many.
    """
    own = {one.key for one in registry.METRICS}
    chosen = [
        one
        for one in found.metrics
        if (one.key in KEYS or one.key not in own)
        and any(one.key in row.numbers for row in found.rows)
    ]
    numbers = {
        row.system: {c.key: row.numbers[c.key] for c in chosen if c.key in row.numbers}
        for row in found.rows
    }
    differences: dict[str, dict[str, Estimate]] = {}
    for one in chosen:
        has = [name for name, its in numbers.items() if one.key in its]
        if full in has and one.has_interval:
            others = [name for name in has if name not in (full, systems.TRUTH)]
            apart = minus_each(
                found, one, full, others=others, seed=seed, resamples=resamples
            )
            for other, estimate in apart.items():
                differences.setdefault(other, {})[one.key] = estimate
    return Result(
        photographs=len(found.names),
        columns=[
            Column(one.key, metric.heading_of(one), _decimals(one.format))
            for one in chosen
        ],
        numbers=numbers,
        differences=differences,
        scores=method_figure.of_photographs(found.photographs[full])
        if full in numbers
        else [],
    )


def _decimals(form: str) -> int:
    """Returns the number of decimals of a format such as ".2f"."""
    return int(form.strip(".f"))


def minus_each(
    found: Evaluation,
    one: Metric,
    full: str,
    *,
    others: Sequence[str],
    seed: int,
    resamples: int,
) -> dict[str, Estimate]:
    """Returns how much a metric of one system exceeds that of each other.

    The intervals are over the same resamples of the photographs for both systems, so
    that what they share cancels.

    Args:
        found: the evaluation.
        one: a metric of numbers of photographs.
        full: name of the system.
        others: names of those whose number is subtracted.
        seed: of the resampling.
        resamples: how many.
    """
    columns = {
        (system, name): np.asarray(found.photographs[system][name])
        for system in dict.fromkeys((full, *others, *ALWAYS))
        for name in one.statistic.names
        if name in found.photographs[system]
    }
    stacked = np.stack([*columns.values()], axis=1)
    drawn = bootstrap.resampled_sums(stacked, seed=seed, resamples=resamples)
    sums = np.concatenate([stacked.sum(axis=0, keepdims=True), drawn])
    of_column = dict(zip(columns, sums.T, strict=True))

    def values(system: str) -> Float[np.ndarray, " n"]:
        parts = [
            {name: sums for (owner, name), sums in of_column.items() if owner == part}
            for part in (system, *ALWAYS)
        ]
        whole = Totals(*parts, photographs=len(stacked))
        return np.asarray(one.statistic.value(whole))

    apart = {other: values(full) - values(other) for other in others}
    return {
        other: (float(x[0]), *bootstrap.interval(x[1:])) for other, x in apart.items()
    }


def cost(
    model: str | Path,
    *,
    size: int,
    crops: int | None = None,
    seconds: float | None = None,
    starts_from: str | None = None,
) -> Cost:
    """Returns the cost of a model; see `Cost`.

    Raises:
        ValueError: there is no such model.
    """
    loaded = release.load(model)
    shapes = jax.tree.leaves(loaded.variables["params"])
    return Cost(
        parameters=sum(math.prod(x.shape) for x in shapes),
        operations=loaded.network.flops(size, size),
        size=size,
        crops=crops,
        seconds=seconds,
        starts_from=starts_from,
    )


def seconds(workdir: Path, *, steps: int, batch_size: int) -> float | None:
    """Returns how long a training took, by the speeds in its log.

    Steps that have no line in the log count at the mean speed of the others. Time for
    validation and saving is not counted.

    Args:
        workdir: of the training.
        steps: of the training.
        batch_size: crops of a step.

    Returns:
        Seconds; None where the log has no speed.
    """
    path = workdir / train_log.LOG
    if not path.exists():
        return None
    total, before = 0.0, 0
    for line in map(json.loads, path.read_text().splitlines()):
        if line["kind"] == "train":
            crops = (line["step"] - before) * batch_size
            total, before = total + crops / line["images_per_second"], line["step"]
    return total * steps / before if before else None


def write(result: Result, path: Path, *, asked: Mapping[str, Any]) -> None:
    """Writes a result with what was asked for, for `read`."""
    atomic.write_json(
        path,
        {
            "asked": asked,
            **result._asdict(),
            "differences": tables.plain(result.differences),
        },
    )


def read(path: Path, *, asked: Mapping[str, Any]) -> Result | None:
    """Reads the result that was asked for; None if there is none, or another."""
    if not path.exists():
        return None
    fields = json.loads(path.read_text())
    # As JSON has it, which knows no tuples.
    if fields.pop("asked") != json.loads(json.dumps(asked)):
        return None
    return Result(
        photographs=fields["photographs"],
        columns=[Column(*column) for column in fields["columns"]],
        numbers={
            system: {key: Number(*number) for key, number in numbers.items()}
            for system, numbers in fields["numbers"].items()
        },
        differences={
            system: {
                key: tuple(math.nan if x is None else x for x in number)
                for key, number in numbers.items()
            }
            for system, numbers in fields["differences"].items()
        },
        scores=fields["scores"],
    )


def markdown(
    results: Mapping[tuple[str, int], Result],
    costs: Mapping[str, Cost],
    *,
    full: str,
    rule: str,
    left_out: Mapping[str, str],
) -> str:
    """Returns all tables.

    Args:
        results: by the name of the test set and the size of its pictures.
        costs: by method.
        full: name of the full method.
        rule: how the photographs of the figures were chosen.
        left_out: by method that could not be trained, why.
    """
    parts = [f"Left out: {method}: {why}" for method, why in left_out.items()]
    for (name, size), result in results.items():
        parts.append(
            f"### {name}: {result.photographs:,} photographs, {size} x {size} pixels"
        )
        parts.append(_numbers(result))
        if result.differences:
            parts.append(f"#### {full} minus each other, on the same photographs")
            parts.append(_differences(result))
    if results:
        parts += [NOTE, PAPER_NOTE]
    if costs:
        parts += ["### Networks and trainings", _costs(costs)]
    if any(result.scores for result in results.values()):
        parts.append(rule)
    return "\n\n".join(parts) + "\n"


def _numbers(result: Result) -> str:
    heads = [column.heading for column in result.columns]
    lines = []
    for system, numbers in result.numbers.items():
        cells = [
            "–"
            if column.key not in numbers
            else tables.formatted(_estimate(numbers[column.key]), digits=column.digits)
            for column in result.columns
        ]
        lines.append([system, *cells, *published(system)])
    return markdown_text.table(["system", *heads, *PAPER.values()], lines)


def published(system: str) -> list[str]:
    """Returns the paper's numbers of a system as cells, the unconfirmed ones marked."""
    found = table1.PUBLISHED.get(system)
    if found is None:
        return ["–"] * len(PAPER)
    cells = []
    for field in Published._fields:
        value = getattr(found, field)
        is_confirmed = field == "fooled" or field in CONFIRMED.get(system, ())
        mark = "" if is_confirmed else UNCONFIRMED
        cells.append("–" if value is None else f"{value:.1f}{mark}")
    return cells


def _differences(result: Result) -> str:
    shown = [
        column
        for column in result.columns
        if any(column.key in numbers for numbers in result.differences.values())
    ]
    heads = [column.heading for column in shown]
    lines = [
        [
            system,
            *(
                "–"
                if column.key not in numbers
                else tables.formatted(
                    numbers[column.key], sign="+", digits=column.digits
                )
                for column in shown
            ),
        ]
        for system, numbers in result.differences.items()
    ]
    return markdown_text.table(["minus", *heads], lines)


def _estimate(number: Number) -> Estimate:
    ends = [math.nan if x is None else x for x in (number.low, number.high)]
    return (number.value, *ends)


def _costs(costs: Mapping[str, Cost]) -> str:
    size = next(iter(costs.values())).size
    heads = [
        "method",
        "parameters",
        f"GFLOP at {size} x {size}",
        "training crops",
        "training seconds",
    ]
    lines = []
    for method, one in costs.items():
        crops = "–" if one.crops is None else f"{one.crops:,}"
        if one.starts_from is not None:
            crops += f" after those of {one.starts_from}"
        took = "–" if one.seconds is None else f"{one.seconds:,.0f}"
        operations = f"{one.operations / GIGA:.3g}"
        lines.append([method, f"{one.parameters:,}", operations, crops, took])
    return markdown_text.table(heads, lines)
