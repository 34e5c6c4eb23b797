"""A sweep as files: its table, results and manifest, and its plots."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw, ImageFont

from jaxcolor import plots
from jaxcolor.evaluation import decoding_grid, registry, result_tables
from jaxcolor.evaluation.decoding_grid import Cell, Criterion, Sweep
from jaxcolor.evaluation.metric import Metric
from jaxcolor.evaluation.result_tables import Number
from jaxcolor.runtime import atomic, markdown_text

PLOTS, STRIP = "plots", "strip.png"
DRAWN = ("heat_maps", "curves")
# Keys of the table's columns, then of those that no temperature changes.
CELLS = ("auc", "rebalanced_auc", "ciede2000", "psnr", "colorfulness")
SHARE = "colorfulness_share"
LIKELIHOOD = ("nll", "ece")
# Height of the letters above a strip and of their line, pixels.
LETTERS, LINE = 12, 18


def write(sweep: Sweep, folder: Path, criterion: Criterion) -> None:
    """Writes table.md, table.csv, results.json, manifest.json and plots/*.png."""
    (folder / PLOTS).mkdir(parents=True, exist_ok=True)
    best = decoding_grid.best(sweep, criterion)
    results = {
        "grid": sweep.grid._asdict(),
        "truth": _plain(sweep.truth),
        "gray": _plain(sweep.gray),
        "cells": [
            {**c.decoding._asdict(), "numbers": _plain(c.numbers)} for c in sweep.cells
        ],
        "criterion": criterion._asdict()
        | {"in_words": decoding_grid.wording(criterion)},
        "best": best and best.decoding._asdict(),
    }
    atomic.write_json(folder / result_tables.RESULTS, results)
    atomic.write_json(folder / result_tables.MANIFEST, sweep.manifest)
    atomic.write_text(folder / result_tables.TABLE, markdown(sweep, criterion))
    atomic.write_text(folder / result_tables.CSV, comma_separated(sweep, criterion))
    drawn = figures(sweep, criterion)
    for name in DRAWN:
        path = folder / PLOTS / f"{name}.png"
        # A plot of an earlier grid must not remain beside the results of this one.
        path.unlink(missing_ok=True)
        if name in drawn:
            atomic.write_bytes(path, drawn[name])


def write_strip(
    heads: Sequence[str], rows: UInt8[np.ndarray, "n m h w 3"], folder: Path
) -> None:
    """Writes pictures in rows, under their heads, as strip.png."""
    plots.write_png(sheet(heads, rows), folder / STRIP)


def markdown(sweep: Sweep, criterion: Criterion) -> str:
    """Returns the table, the best cell, and how it was measured."""
    best = decoding_grid.best(sweep, criterion)
    lines = [
        _line("ground truth", "–", sweep.truth, sweep),
        _line("gray", "–", sweep.gray, sweep),
    ]
    for cell in sweep.cells:
        line = _of_cell(cell, sweep)
        lines.append([f"**{x}**" for x in line] if cell == best else line)
    first = sweep.cells[:: len(sweep.grid.temperatures)]
    likelihood = [
        [
            f"{cell.decoding.rebalancing_lambda:g}",
            *(_shown(cell.numbers, registry.BY_KEY[key]) for key in LIKELIHOOD),
        ]
        for cell in first
    ]
    by_lambda = markdown_text.table(
        ["λ", *(registry.BY_KEY[key].heading for key in LIKELIHOOD)], likelihood
    )
    return "\n".join(
        [
            f"### Temperature and λ\n\n{markdown_text.table(_heads(), lines)}\n",
            f"{verdict(sweep, criterion)}\n",
            f"{_meanings([*CELLS, SHARE])}\n",
            f"### Likelihood, at every temperature\n\n{by_lambda}\n",
            f"{_meanings(LIKELIHOOD)}\n",
            result_tables.method(sweep.manifest, {}),
        ]
    )


def comma_separated(sweep: Sweep, criterion: Criterion) -> str:
    """Returns one line for each cell, every number with the ends of its interval."""
    best, candidates = (
        decoding_grid.best(sweep, criterion),
        decoding_grid.candidates(sweep, criterion),
    )
    keys = (*CELLS, SHARE, *LIKELIHOOD)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    ends = [f"{key}{end}" for key in keys for end in ("", "_low", "_high")]
    verdicts = ["auc_above_gray", "meets_conditions", "is_best"]
    writer.writerow(["temperature", "rebalancing_lambda", *ends, *verdicts])
    for cell in sweep.cells:
        numbers = [cell.numbers.get(key, (None, None, None)) for key in keys]
        values = [value for number in numbers for value in number]
        above = decoding_grid.raw_above_gray(cell, sweep.gray)
        is_met, is_best = cell in candidates, cell == best
        start = [cell.decoding.temperature, cell.decoding.rebalancing_lambda]
        writer.writerow([*start, *values, above, int(is_met), int(is_best)])
    return out.getvalue()


def markdown_line(cell: Cell, sweep: Sweep) -> str:
    """Returns the line of one cell, with gray's, under the head of the table."""
    gray = _line("gray", "–", sweep.gray, sweep)
    return markdown_text.table(_heads(), [gray, _of_cell(cell, sweep)])


def verdict(sweep: Sweep, criterion: Criterion) -> str:
    """Returns a sentence on which cell is the best one, or on why none is."""
    best = decoding_grid.best(sweep, criterion)
    wanted = decoding_grid.wording(criterion)
    if best is None:
        nearest = max(
            decoding_grid.raw_above_gray(cell, sweep.gray) for cell in sweep.cells
        )
        shares = [c.numbers[SHARE].value for c in sweep.cells if SHARE in c.numbers]
        spread = (
            f"from {min(shares):.2f} to {max(shares):.2f}"
            if shares
            else "unknown, as the photographs have no color"
        )
        return (
            f"No cell of {len(sweep.cells)} meets the conditions ({wanted}): the"
            f" highest AuC is gray's {nearest:+.2f}, the relative colorfulness is"
            f" {spread}."
        )
    count = len(decoding_grid.candidates(sweep, criterion))
    verdict = (
        f"Best: T = {best.decoding.temperature:g},"
        f" λ = {best.decoding.rebalancing_lambda:g}, {wanted};"
        f" {count} of {len(sweep.cells)} cells meet the conditions."
    )
    if edges := decoding_grid.edges(best, sweep.grid):
        verdict += f" It is at the end of the grid in {' and '.join(edges)}."
    return verdict


def figures(sweep: Sweep, criterion: Criterion) -> dict[str, bytes]:
    """Returns PNG files by name: heat maps, and curves against the temperature."""
    gray, best = sweep.gray, decoding_grid.best(sweep, criterion)
    temperatures, lambdas = sweep.grid
    maps = plots.heat_maps(
        {
            "AuC above gray's, %": _values(sweep, "auc") - gray["auc"].value,
            "rebalanced AuC above gray's, %": _values(sweep, "rebalanced_auc")
            - gray["rebalanced_auc"].value,
            "relative colorfulness": _values(sweep, SHARE),
        },
        temperatures,
        lambdas,
        best=best
        and (
            temperatures.index(best.decoding.temperature),
            lambdas.index(best.decoding.rebalancing_lambda),
        ),
    )
    found = {"heat_maps": plots.png(maps)}
    if len(temperatures) > 1:
        curves = plots.against_temperature(
            {
                registry.BY_KEY[key].heading: {
                    f"λ = {x:g}": [_ends(c.numbers[key]) for c in _row(sweep, x)]
                    for x in lambdas
                }
                for key in ("rebalanced_auc", "colorfulness")
            },
            temperatures,
            levels={
                registry.BY_KEY["rebalanced_auc"].heading: (
                    "gray",
                    gray["rebalanced_auc"].value,
                ),
                registry.BY_KEY["colorfulness"].heading: (
                    "truth",
                    sweep.truth["colorfulness"].value,
                ),
            },
        )
        found["curves"] = plots.png(curves)
    return found


def sheet(
    heads: Sequence[str], rows: UInt8[np.ndarray, "n m h w 3"]
) -> UInt8[np.ndarray, "H W 3"]:
    """Returns rows of pictures with a head above each column."""
    pictures = plots.contact_sheet(rows)
    page = Image.new("RGB", (pictures.shape[1], LINE), (plots.PAPER,) * 3)
    draw = ImageDraw.Draw(page)
    step = rows.shape[3] + plots.GAP
    font = ImageFont.load_default(LETTERS)
    for n, head in enumerate(heads):
        middle = plots.GAP + n * step + rows.shape[3] // 2
        draw.text((middle, LINE // 2), head, fill=0, font=font, anchor="mm")
    return np.concatenate([np.asarray(page), pictures])


def _heads() -> list[str]:
    accuracy, *others = (registry.BY_KEY[key].heading for key in CELLS)
    return ["T", "λ", accuracy, "above gray's", *others, registry.BY_KEY[SHARE].heading]


def _of_cell(cell: Cell, sweep: Sweep) -> list[str]:
    temperature, mixed, _ = (f"{x:g}" for x in cell.decoding)
    return _line(temperature, mixed, cell.numbers, sweep)


def _line(
    temperature: str, mixed: str, numbers: dict[str, Number], sweep: Sweep
) -> list[str]:
    accuracy, *others = (
        _shown(numbers, registry.BY_KEY[key]) for key in (*CELLS, SHARE)
    )
    above = f"{numbers['auc'].value - sweep.gray['auc'].value:+.2f}"
    return [temperature, mixed, accuracy, above, *others]


def _shown(numbers: dict[str, Number], one: Metric) -> str:
    return result_tables.cell(numbers.get(one.key), one.format)


def _meanings(keys: Sequence[str]) -> str:
    return result_tables.meanings([registry.BY_KEY[key] for key in keys])


def _values(sweep: Sweep, key: str) -> Float[np.ndarray, "t l"]:
    nothing = Number(float("nan"))
    values = [cell.numbers.get(key, nothing).value for cell in sweep.cells]
    return np.array(values).reshape(len(sweep.grid.lambdas), -1).T


def _row(sweep: Sweep, mixed: float) -> list[Cell]:
    return [c for c in sweep.cells if c.decoding.rebalancing_lambda == mixed]


def _ends(number: Number) -> tuple[float, float, float]:
    value, low, high = number
    return value, value if low is None else low, value if high is None else high


def _plain(numbers: dict[str, Number]) -> dict[str, dict[str, float | None]]:
    return {key: number._asdict() for key, number in numbers.items()}
