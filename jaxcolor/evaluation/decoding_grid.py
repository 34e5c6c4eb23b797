"""A grid of temperatures and lambdas, its measurements, and its best cell."""

import itertools
import math
from typing import Any, NamedTuple

from jaxcolor.color import decode
from jaxcolor.color.decode import Decoding
from jaxcolor.evaluation import metric, registry
from jaxcolor.evaluation.result_tables import Number

# What the best cell may be the best in: keys of metrics of which an end is better.
CRITERIA = ("rebalanced_auc", "auc", "psnr", "ciede2000")


class Grid(NamedTuple):
    """The temperatures and lambdas at which a model is measured.

    Attributes:
        temperatures: of the annealed mean, ascending.
        lambdas: rebalancing lambdas of the decoding, ascending.
    """

    temperatures: tuple[float, ...]
    lambdas: tuple[float, ...]


class Cell(NamedTuple):
    """A model at one temperature and one lambda.

    Attributes:
        decoding: its temperature, its lambda, and the coherence of the whole grid.
        numbers: by key, as in `result_tables.Row`.
    """

    decoding: Decoding
    numbers: dict[str, Number]


class Criterion(NamedTuple):
    """Which cell is the best one.

    Attributes:
        key: of the metric that it is best in, one of `CRITERIA`.
        raw_above_gray: how far above gray's its AuC is at least, percent; None for
            no condition.
        colorfulness: least and largest relative colorfulness; None for no
            condition.
    """

    key: str
    raw_above_gray: float | None
    colorfulness: tuple[float, float] | None


class Sweep(NamedTuple):
    """The results, and how they were measured.

    Attributes:
        manifest: all that is needed to reproduce the numbers, as JSON values.
        grid: where it was measured.
        truth: numbers of the ground truth.
        gray: numbers of gray.
        cells: one lambda after the other, the temperatures within.
    """

    manifest: dict[str, Any]
    grid: Grid
    truth: dict[str, Number]
    gray: dict[str, Number]
    cells: list[Cell]


def make(temperatures: list[float], lambdas: list[float]) -> Grid:
    """Returns a grid, sorted.

    Raises:
        ValueError: one of them is empty, repeats itself or has a number out of range.
    """
    for what, values in (("temperatures", temperatures), ("lambdas", lambdas)):
        if not values:
            raise ValueError(f"the grid has no {what}")
        # As the tables have them.
        if len({f"{value:g}" for value in values}) < len(values):
            raise ValueError(
                f"the {what} are {_listed(values)}; wanted each of them once"
            )
    for t, x in itertools.product(temperatures, lambdas):
        decode.check(Decoding(t, x, coherence=0.0))
    return Grid(tuple(sorted(temperatures)), tuple(sorted(lambdas)))


def check(criterion: Criterion) -> None:
    """Refuses a criterion that no cell can meet, or that is unknown.

    Raises:
        ValueError: it is one.
    """
    if criterion.key not in CRITERIA:
        raise ValueError(
            f"the criterion is {criterion.key!r}; wanted one of {', '.join(CRITERIA)}"
        )
    least = criterion.raw_above_gray
    if least is not None and not math.isfinite(least):
        raise ValueError(
            f"the least AuC above gray's is {least}; wanted a finite number"
        )
    if criterion.colorfulness is not None:
        low, high = criterion.colorfulness
        if not low <= high:
            raise ValueError(
                f"the colorfulness wanted is from {low:g} to {high:g};"
                " wanted the smaller share first"
            )


def raw_above_gray(cell: Cell, gray: dict[str, Number]) -> float:
    """Returns how far a cell's AuC is above gray's, percent."""
    return cell.numbers["auc"].value - gray["auc"].value


def candidates(sweep: Sweep, criterion: Criterion) -> list[Cell]:
    """Returns the cells that meet the conditions."""
    return [cell for cell in sweep.cells if _is_met(cell, sweep.gray, criterion)]


def best(sweep: Sweep, criterion: Criterion) -> Cell | None:
    """Returns the best of the cells that meet the conditions; None if none does.

    On a tie the cell with the lowest lambda, then with the lowest temperature.
    """
    sign = 1 if registry.BY_KEY[criterion.key].better == "higher" else -1
    return max(
        candidates(sweep, criterion),
        key=lambda cell: sign * cell.numbers[criterion.key].value,
        default=None,
    )


def wording(criterion: Criterion) -> str:
    """Returns a criterion in words."""
    wanted = registry.BY_KEY[criterion.key]
    conditions = []
    if (least := criterion.raw_above_gray) is not None:
        more = f" {'-' if least < 0 else '+'} {abs(least):g}" if least else ""
        conditions.append(f"an AuC of at least gray's{more}")
    if criterion.colorfulness is not None:
        low, high = criterion.colorfulness
        conditions.append(f"a relative colorfulness from {low:g} to {high:g}")
    those = f"those with {' and '.join(conditions)}" if conditions else "all cells"
    extreme = "highest" if wanted.better == "higher" else "lowest"
    return f"the {extreme} {metric.name_of(wanted)} of {those}"


def edges(cell: Cell, grid: Grid) -> list[str]:
    """Lists in which of T and lambda a wider grid might have a better cell."""
    found = []
    ends = (grid.temperatures[0], grid.temperatures[-1])
    if cell.decoding.temperature in ends:
        found.append("T")
    # There is nothing beyond a lambda of 0 or 1.
    ends = (grid.lambdas[0], grid.lambdas[-1])
    mixed = cell.decoding.rebalancing_lambda
    if mixed in ends and mixed not in (0, 1):
        found.append("λ")
    return found


def _is_met(cell: Cell, gray: dict[str, Number], criterion: Criterion) -> bool:
    least = criterion.raw_above_gray
    if least is not None and raw_above_gray(cell, gray) < least:
        return False
    if criterion.colorfulness is None:
        return True
    low, high = criterion.colorfulness
    # Photographs that are all gray have no colorfulness to share.
    share = cell.numbers.get("colorfulness_share")
    return share is not None and low <= share.value <= high


def _listed(values: list[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)
