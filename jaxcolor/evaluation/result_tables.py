"""The results of an evaluation: its tables, and the numbers of each photograph."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jaxcolor.color.decode import Decoding
from jaxcolor.evaluation import metric, systems
from jaxcolor.evaluation.metric import Metric
from jaxcolor.runtime import atomic, markdown_text, printable

RESULTS, TABLE, CSV, MANIFEST = "results.json", "table.md", "table.csv", "manifest.json"
# Heads of the last columns of a table.
SETTING = ("T", "λ", "coherence")
NOT_MEASURED = "Not measured:"


class Number(NamedTuple):
    """A number of the table.

    Attributes:
        value: as measured.
        low: lower end of its 95 % interval over photographs; None where there is none.
        high: its upper end.
    """

    value: float
    low: float | None = None
    high: float | None = None


class Row(NamedTuple):
    """One system over the whole set.

    Attributes:
        system: its name.
        numbers: by key; those that are undefined for the system are left out.
        decoding: decoding of its outputs; None if it is not a model.
    """

    system: str
    numbers: dict[str, Number]
    decoding: Decoding | None


class Reliability(NamedTuple):
    """How often the likeliest bin is right, by the confidence of the system.

    Attributes:
        pixels: how many are in each interval of confidence.
        confidence: mean probability of the likeliest bin there.
        accuracy: share of those pixels whose likeliest bin is the true one.
    """

    pixels: list[float]
    confidence: list[float]
    accuracy: list[float]


class Evaluation(NamedTuple):
    """The results, and how they were measured.

    Attributes:
        manifest: all that is needed to reproduce the numbers, as JSON values.
        rows: one for each system.
        names: of the photographs.
        photographs: numbers of each photograph by system, then by metric. The
            rebalanced AuC of any of them together is
            100 (1 - sum(rebalanced_error) / (150 sum(rebalanced_pixels))).
        curves: by system: percent of the pixels within each distance from 0 to 150,
            "raw" and "rebalanced"; none where no metric measures them.
        histograms: by system: share of the pixels in each bin of `centers`; likewise.
        centers: of the bins that rebalancing counts by, CIELAB units.
        reliability: by system, of those that predict a distribution.
        empty: by column that a reader may look for, why it is missing.
        metrics: those that were measured, the columns of the tables.
    """

    manifest: dict[str, Any]
    rows: list[Row]
    names: list[str]
    photographs: dict[str, dict[str, list[float]]]
    curves: dict[str, dict[str, list[float]]]
    histograms: dict[str, list[float]]
    centers: list[list[float]]
    reliability: dict[str, Reliability]
    empty: dict[str, str]
    metrics: tuple[Metric, ...]


def write(evaluation: Evaluation, folder: Path) -> None:
    """Writes table.md, table.csv, results.json and manifest.json."""
    folder.mkdir(parents=True, exist_ok=True)
    fields = evaluation._asdict()
    fields["rows"] = [
        {
            "system": row.system,
            "numbers": {k: n._asdict() for k, n in row.numbers.items()},
            **dict(zip(Decoding._fields, decoding_of(row), strict=True)),
        }
        for row in evaluation.rows
    ]
    fields["reliability"] = {
        name: found._asdict() for name, found in evaluation.reliability.items()
    }
    del fields["metrics"]
    manifest = fields.pop("manifest")
    atomic.write_json(folder / RESULTS, fields)
    atomic.write_json(folder / MANIFEST, manifest)
    atomic.write_text(folder / TABLE, markdown(evaluation))
    atomic.write_text(folder / CSV, comma_separated(evaluation))


def columns(evaluation: Evaluation) -> list[tuple[str, list[Metric]]]:
    """Returns the tables: a title, and the metrics that some system has."""
    found: dict[str, list[Metric]] = {}
    for one in evaluation.metrics:
        if any(one.key in row.numbers for row in evaluation.rows):
            found.setdefault(one.table, []).append(one)
    return list(found.items())


def best(evaluation: Evaluation, one: Metric) -> set[str]:
    """Returns the systems with a metric's best value, as far as the table tells.

    The ground truth does not compete. There is no best one of fewer than two, and none
    by a metric of which neither end is better.
    """
    shown = {
        row.system: float(format(row.numbers[one.key].value, one.format))
        for row in evaluation.rows
        if one.key in row.numbers and row.system != systems.TRUTH
    }
    if one.better == "none" or len(shown) < 2:
        return set()
    value = max(shown.values()) if one.better == "higher" else min(shown.values())
    return {system for system, number in shown.items() if number == value}


def markdown(evaluation: Evaluation) -> str:
    """Returns the tables, with what the numbers mean and how they were measured."""
    parts = []
    for title, found in columns(evaluation):
        heads = ["system", *map(metric.heading_of, found), *SETTING]
        leading = {one.key: best(evaluation, one) for one in found}
        rows = []
        for row in evaluation.rows:
            cells = [
                cell(
                    row.numbers.get(one.key), one.format, row.system in leading[one.key]
                )
                for one in found
            ]
            rows.append([row.system, *cells, *setting(row)])
        table = markdown_text.table(heads, rows)
        parts.append(f"### {title}\n\n{table}\n\n{meanings(found)}\n")
    parts.append(method(evaluation.manifest, evaluation.empty))
    return "\n".join(parts)


def meanings(found: Sequence[Metric]) -> str:
    """Returns one sentence on what the columns of a table mean."""
    return "; ".join(f"{metric.name_of(one)}: {one.meaning}" for one in found) + "."


def comma_separated(evaluation: Evaluation) -> str:
    """Returns one line for each system, every number with the ends of its interval."""
    found = [one for _, some in columns(evaluation) for one in some]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    ends = [f"{one.key}{end}" for one in found for end in ("", "_low", "_high")]
    writer.writerow(["system", *ends, *Decoding._fields])
    for row in evaluation.rows:
        numbers = [row.numbers.get(one.key, (None, None, None)) for one in found]
        values = [value for number in numbers for value in number]
        name = printable.escape(row.system)
        writer.writerow([name, *values, *decoding_of(row)])
    return out.getvalue()


def cell(number: Number | None, form: str, is_best: bool = False) -> str:
    """Returns a number as tables show it: 71.03 [70.51, 71.60]; the best in bold."""
    if number is None:
        return "–"
    shown = format(number.value, form)
    shown = f"**{shown}**" if is_best else shown
    if number.low is None or number.high is None:
        return shown
    return f"{shown} [{format(number.low, form)}, {format(number.high, form)}]"


def setting(row: Row) -> list[str]:
    """Returns temperature, lambda and coherence as tables show them: `SETTING`."""
    return ["–" if x is None else f"{x:g}" for x in decoding_of(row)]


def decoding_of(row: Row) -> Sequence[float | None]:
    """Returns temperature, lambda and coherence; None where there is none."""
    return [None] * len(Decoding._fields) if row.decoding is None else row.decoding


def method(manifest: Mapping[str, Any], empty: Mapping[str, str]) -> str:
    """Returns how the numbers were measured, and which ones are missing."""
    measured = "\n\n".join(paragraphs(manifest)) + "\n"
    lines = [f"- {what}: {why}" for what, why in empty.items()]
    missing = "\n".join([measured, NOT_MEASURED, "", *lines, ""])
    return missing if lines else measured


def paragraphs(manifest: Mapping[str, Any]) -> list[str]:
    """Returns how the numbers were measured: paragraphs of plain text."""
    size, versions, skipped = (
        manifest["size"],
        manifest["versions"],
        manifest["skipped"],
    )
    broken = f" ({len(skipped)} broken ones left out)" if skipped else ""
    source = printable.escape(manifest["source"])
    protocol = (
        f"{manifest['photographs']:,} photographs of {source}{broken}: shorter side"
        f" resized to {size} pixels ({manifest['resize']}), central {size} × {size}"
        " taken. Predicted ab is enlarged to that size as for painting, and compared"
        f" before it is rounded to RGB; bins are {manifest['spacing']:g} apart. In"
        f" brackets: 95 % intervals over {manifest['resamples']:,} resamplings of the"
        " photographs, with the weights of the colors fixed. jaxcolor"
        f" {versions['jaxcolor']}, jax {versions['jax']}."
    )
    return [protocol, *map(printable.escape, manifest.get("notes", ()))]
