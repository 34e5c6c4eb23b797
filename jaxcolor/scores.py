"""What an evaluation found: the table, and the numbers of each photograph."""

import json
from pathlib import Path
from typing import Any, NamedTuple

RESULTS, TABLE = "results.json", "table.md"


class Row(NamedTuple):
    """One system over the whole set.

    Attributes:
        system: its name.
        auc: percent, over all pixels.
        rebalanced_auc: percent, each occupied bin counting the same.
        psnr: mean over photographs, decibels, at most 58.92; None for the ground truth.
        colorfulness: mean over photographs.
        colorfulness_share: of the ground truth's mean; None where that is gray.
        nll: mean, nats per pixel; None where there is no distribution.
        temperature: of the annealed mean, if any.
        rebalancing_lambda: of decoding, if any.
    """

    system: str
    auc: float
    rebalanced_auc: float
    psnr: float | None
    colorfulness: float
    colorfulness_share: float | None
    nll: float | None
    temperature: float | None
    rebalancing_lambda: float | None


class Evaluation(NamedTuple):
    """What came out, and how it was measured.

    Attributes:
        protocol: the set and its treatment, as JSON has it.
        rows: one for each system.
        names: of the photographs.
        photographs: numbers of each photograph by system, then by metric. With
            `rebalanced_error` and `rebalanced_pixels` as e and n, the rebalanced AuC
            of any of them together is 100 (1 - sum e / (150 sum n)), by the colors of
            the whole set.
    """

    protocol: dict[str, Any]
    rows: list[Row]
    names: list[str]
    photographs: dict[str, dict[str, list[float]]]


def write(evaluation: Evaluation, folder: Path) -> None:
    """Writes results.json and table.md."""
    folder.mkdir(parents=True, exist_ok=True)
    fields = evaluation._asdict()
    fields["rows"] = [row._asdict() for row in evaluation.rows]
    (folder / RESULTS).write_text(json.dumps(fields, indent=1) + "\n")
    (folder / TABLE).write_text(markdown(evaluation))


def markdown(evaluation: Evaluation) -> str:
    """Returns the table, with a line that says how it was measured."""
    heads = ["system", "AuC, %", "rebalanced AuC, %", "PSNR, dB", "colorfulness"]
    heads += ["of the truth's", "NLL, nats", "T", "λ"]
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)]]
    for row in evaluation.rows:
        lines.append(
            [
                row.system,
                f"{row.auc:.2f}",
                f"{row.rebalanced_auc:.2f}",
                _number(row.psnr, ".2f"),
                f"{row.colorfulness:.1f}",
                _number(row.colorfulness_share, ".2f"),
                _number(row.nll, ".3f"),
                _number(row.temperature, "g"),
                _number(row.rebalancing_lambda, "g"),
            ]
        )
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"{table}\n\n{_method(evaluation.protocol)}\n"


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)


def _method(protocol: dict[str, Any]) -> str:
    skipped = protocol["skipped"]
    broken = f" ({skipped} broken ones left out)" if skipped else ""
    size, versions = protocol["size"], protocol["versions"]
    return (
        f"{protocol['photographs']:,} photographs of {protocol['source']}{broken}:"
        f" shorter side resized to {size} pixels ({protocol['resize']}), central"
        f" {size} × {size} taken. AuC from ab enlarged to that size, before rounding to"
        f" RGB; rebalanced by the set's own colors, bins {protocol['spacing']:g} apart."
        f" jaxcolor {versions['jaxcolor']}, jax {versions['jax']}."
    )
