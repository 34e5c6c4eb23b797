"""What an evaluation found: its tables, and the numbers of each photograph."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from jaxcolor.evaluation import registry
from jaxcolor.evaluation.registry import Column
from jaxcolor.runtime import atomic

RESULTS, TABLE, CSV, MANIFEST = "results.json", "table.md", "table.csv", "manifest.json"
# Heads of the last columns of a table.
SETTING = ("T", "λ", "coherence")


class Number(NamedTuple):
    """A number of the table.

    Attributes:
        value: what was measured.
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
        numbers: by key; one that means nothing to the system is left out.
        temperature: of the annealed mean, if any.
        rebalancing_lambda: of decoding, if any.
        coherence: of colors, if it has any.
    """

    system: str
    numbers: dict[str, Number]
    temperature: float | None
    rebalancing_lambda: float | None
    coherence: float | None


class Reliability(NamedTuple):
    """How often the likeliest bin is right, by how sure the system is.

    Attributes:
        pixels: how many are in each interval of confidence.
        confidence: mean probability of the likeliest bin there.
        accuracy: share of those pixels whose likeliest bin is the true one.
    """

    pixels: list[float]
    confidence: list[float]
    accuracy: list[float]


class Evaluation(NamedTuple):
    """What came out, and how it was measured.

    Attributes:
        manifest: all that a reader needs to get the same numbers, as JSON has it.
        rows: one for each system.
        names: of the photographs.
        photographs: numbers of each photograph by system, then by metric. The
            rebalanced AuC of any of them together is
            100 (1 - sum(rebalanced_error) / (150 sum(rebalanced_pixels))).
        curves: by system: percent of the pixels within each distance from 0 to 150,
            "raw" and "rebalanced".
        histograms: by system: share of the pixels in each bin of `centers`.
        centers: of the bins that rebalancing counts by, CIELAB units.
        reliability: by system, of those that predict a distribution.
        empty: why a column that a reader may look for is not there.
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


def write(evaluation: Evaluation, folder: Path) -> None:
    """Writes table.md, table.csv, results.json and manifest.json."""
    folder.mkdir(parents=True, exist_ok=True)
    fields = evaluation._asdict()
    fields["rows"] = [
        row._asdict() | {"numbers": {k: n._asdict() for k, n in row.numbers.items()}}
        for row in evaluation.rows
    ]
    fields["reliability"] = {
        name: found._asdict() for name, found in evaluation.reliability.items()
    }
    manifest = fields.pop("manifest")
    atomic.write_json(folder / RESULTS, fields)
    atomic.write_json(folder / MANIFEST, manifest)
    atomic.write_text(folder / TABLE, markdown(evaluation))
    atomic.write_text(folder / CSV, comma_separated(evaluation))


def columns(evaluation: Evaluation) -> list[tuple[str, list[Column]]]:
    """Returns the tables: a title, and the columns that some system has."""
    classifiers = evaluation.manifest["classifiers"]
    tables = {
        "Accuracy": registry.ACCURACY,
        "Colors and likelihood": registry.COLOR,
        "Coherence": registry.COHERENCE,
        "Recognition": registry.recognition(list(classifiers)),
    }
    kept = {
        title: [c for c in all_ if any(c.key in row.numbers for row in evaluation.rows)]
        for title, all_ in tables.items()
    }
    return [(title, found) for title, found in kept.items() if found]


def markdown(evaluation: Evaluation) -> str:
    """Returns the tables, with what the numbers mean and how they were measured."""
    parts = []
    for title, found in columns(evaluation):
        heads = ["system", *(c.head for c in found), *SETTING]
        lines = [heads, ["---", *["---:"] * (len(heads) - 1)]]
        for row in evaluation.rows:
            cells = [cell(row.numbers.get(c.key), c.form) for c in found]
            lines.append([row.system, *cells, *setting(row)])
        table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        meanings = "; ".join(f"{c.head.partition(',')[0]}: {c.meaning}" for c in found)
        parts.append(f"### {title}\n\n{table}\n\n{meanings}.\n")
    parts.append(method(evaluation.manifest, evaluation.empty))
    return "\n".join(parts)


def comma_separated(evaluation: Evaluation) -> str:
    """Returns one line for each system, every number with the ends of its interval."""
    found = [c for _, some in columns(evaluation) for c in some]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    ends = [f"{c.key}{end}" for c in found for end in ("", "_low", "_high")]
    settings = ["temperature", "rebalancing_lambda", "coherence"]
    writer.writerow(["system", *ends, *settings])
    for row in evaluation.rows:
        numbers = [row.numbers.get(c.key, (None, None, None)) for c in found]
        values = [value for number in numbers for value in number]
        setting = [row.temperature, row.rebalancing_lambda, row.coherence]
        writer.writerow([row.system, *values, *setting])
    return out.getvalue()


def cell(number: Number | None, form: str) -> str:
    """Returns a number as tables show it: 71.03 [70.51, 71.60]."""
    if number is None:
        return "–"
    shown = format(number.value, form)
    if number.low is None or number.high is None:
        return shown
    return f"{shown} [{format(number.low, form)}, {format(number.high, form)}]"


def setting(row: Row) -> list[str]:
    """Returns temperature, lambda and coherence as tables show them: `SETTING`."""
    numbers = (row.temperature, row.rebalancing_lambda, row.coherence)
    return ["–" if x is None else f"{x:g}" for x in numbers]


def method(manifest: Mapping[str, Any], empty: Mapping[str, str]) -> str:
    """Returns how the numbers were measured, and which ones are not there."""
    size, versions, skipped = (
        manifest["size"],
        manifest["versions"],
        manifest["skipped"],
    )
    broken = f" ({len(skipped)} broken ones left out)" if skipped else ""
    told = (
        f"{manifest['photographs']:,} photographs of {manifest['source']}{broken}:"
        f" shorter side resized to {size} pixels ({manifest['resize']}), central"
        f" {size} × {size} taken. ab enlarged to that size as for painting and compared"
        f" before rounding to RGB; bins {manifest['spacing']:g} apart. In brackets 95 %"
        f" of {manifest['resamples']:,} resamplings of the photographs, the weights of"
        f" the colors held fixed. jaxcolor {versions['jaxcolor']}, jax"
        f" {versions['jax']}.\n"
    )
    notes = [f"{note}\n" for note in manifest.get("notes", ())]
    lines = [f"- {what}: {why}" for what, why in empty.items()]
    missing = ["Not measured:", "", *lines, ""] if lines else []
    return "\n".join([told, *notes, *missing])
