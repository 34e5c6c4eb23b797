"""Which cell of a sweep is the best one, and how a sweep is written."""

import csv

import numpy as np
import pytest

from jaxcolor.color.decode import Decoding
from jaxcolor.evaluation import decoding_grid
from jaxcolor.evaluation.decoding_grid import Cell, Criterion, Sweep
from jaxcolor.evaluation.report import sweep_tables
from jaxcolor.evaluation.result_tables import Number

GRAY = {"auc": Number(80.0), "rebalanced_auc": Number(55.0)}
# By temperature and lambda: raw AuC, rebalanced AuC, share of the colorfulness, PSNR,
# CIEDE2000.
HAND_MADE = {
    (0.38, 0.0): (77.0, 64.0, 1.30, 20.0, 12.0),
    (1.0, 0.0): (78.0, 62.0, 0.90, 21.0, 11.0),
    (0.38, 0.5): (80.5, 60.0, 1.00, 22.0, 10.0),
    (1.0, 0.5): (81.0, 58.0, 0.60, 23.0, 9.0),
    (0.38, 1.0): (80.8, 57.0, 0.50, 23.5, 9.5),
    (1.0, 1.0): (81.2, 56.0, 0.30, 24.0, 8.0),
}
FREE = Criterion("rebalanced_auc", None, None)
MANIFEST = {
    "source": "set",
    "photographs": 3,
    "skipped": [],
    "size": 32,
    "resize": "Pillow",
    "spacing": 10.0,
    "resamples": 50,
    "versions": {"jaxcolor": "0", "jax": "0"},
}


def _cell(at, numbers):
    keys = ("auc", "rebalanced_auc", "colorfulness_share", "psnr", "ciede2000")
    found = {k: Number(x, x - 1, x + 1) for k, x in zip(keys, numbers, strict=True)}
    nll = {"nll": Number(4 + at[1], 3.5, 5.5), "ece": Number(0.1)}
    return Cell(
        Decoding(*at, coherence=0.0),
        found | {"colorfulness": Number(30 * numbers[2])} | nll,
    )


SWEEP = Sweep(
    manifest=MANIFEST,
    grid=decoding_grid.make([0.38, 1.0], [0.0, 0.5, 1.0]),
    truth={"auc": Number(100.0), "colorfulness": Number(30.0)},
    gray=GRAY,
    cells=[_cell(at, numbers) for at, numbers in HAND_MADE.items()],
)


@pytest.mark.parametrize(
    ("criterion", "wanted"),
    [
        (FREE, (0.38, 0.0)),
        (FREE._replace(raw_above_gray=0.5), (0.38, 0.5)),
        (FREE._replace(raw_above_gray=0.6), (1.0, 0.5)),
        (FREE._replace(colorfulness=(0.85, 1.1)), (1.0, 0.0)),
        (FREE._replace(raw_above_gray=-1.0, colorfulness=(0.85, 1.1)), (0.38, 0.5)),
        (FREE._replace(key="auc"), (1.0, 1.0)),
        (FREE._replace(key="psnr", colorfulness=(0.5, 1.0)), (0.38, 1.0)),
        (FREE._replace(key="ciede2000"), (1.0, 1.0)),
        (FREE._replace(raw_above_gray=2.0), None),
    ],
)
def test_the_best_cell_meets_the_conditions(criterion, wanted):
    best = decoding_grid.best(SWEEP, criterion)
    assert (best and best.decoding[:2]) == wanted


def test_the_verdict_states_the_criterion():
    criterion = Criterion("rebalanced_auc", -1.0, (0.85, 1.1))
    assert sweep_tables.verdict(SWEEP, criterion) == (
        "Best: T = 0.38, λ = 0.5, the highest rebalanced AuC of those with an AuC of"
        " at least gray's - 1 and a relative colorfulness from 0.85 to 1.1;"
        " 1 of 6 cells meet the conditions. It is at the end of the grid in T."
    )


def test_no_cell_tells_how_near_they_come():
    text = sweep_tables.verdict(SWEEP, FREE._replace(raw_above_gray=2.0))
    assert text.startswith("No cell of 6 meets the conditions (")
    assert "the highest AuC is gray's +1.20" in text
    assert "from 0.30 to 1.30" in text


def test_photographs_without_color_meet_no_condition_of_color():
    cells = [
        c._replace(numbers={k: x for k, x in c.numbers.items() if "_share" not in k})
        for c in SWEEP.cells
    ]
    gray = SWEEP._replace(cells=cells)
    criterion = FREE._replace(colorfulness=(0.0, 2.0))
    assert decoding_grid.best(gray, criterion) is None
    assert "unknown" in sweep_tables.verdict(gray, criterion)
    # Maps and tables have a gap there.
    assert sweep_tables.figures(gray, criterion).keys() == {"heat_maps", "curves"}
    assert "| – |" in sweep_tables.markdown(gray, criterion)


def test_ends_of_lambda_are_no_ends_at_0_and_1():
    at = {c.decoding[:2]: c for c in SWEEP.cells}
    narrow = decoding_grid.make([0.2, 0.38, 1.0], [0.5, 1.0])
    assert decoding_grid.edges(at[0.38, 0.5], narrow) == ["λ"]
    assert decoding_grid.edges(at[1.0, 1.0], narrow) == ["T"]


def test_the_table_has_a_line_for_each_cell():
    text = sweep_tables.markdown(SWEEP, FREE)
    lines = [line for line in text.splitlines() if line.startswith("|")]
    # Heads, rules, truth, gray; then those of likelihood.
    assert len(lines) == 4 + 6 + 2 + 3
    assert lines[4].startswith("| **0.38** | **0** | **77.00 [76.00, 78.00]** |")
    assert lines[6].startswith("| 0.38 | 0.5 | 80.50 [79.50, 81.50] | +0.50 |")
    assert "| 0.5 | 4.500 [3.500, 5.500] | 0.100 |" in lines


def test_the_lines_of_the_csv_tell_the_best():
    read = csv.DictReader(sweep_tables.comma_separated(SWEEP, FREE).splitlines())
    rows = list(read)
    assert [float(row["rebalanced_auc"]) for row in rows] == [64, 62, 60, 58, 57, 56]
    assert [row["is_best"] for row in rows] == ["1", "0", "0", "0", "0", "0"]
    assert rows[0]["auc_above_gray"] == "-3.0"
    assert (rows[0]["psnr_low"], rows[0]["psnr_high"]) == ("19.0", "21.0")


def test_heads_stand_above_their_columns():
    rows = np.zeros((2, 3, 32, 32, 3), np.uint8)
    sheet = sweep_tables.sheet(["a", "", "c"], rows)
    head = sheet[: sweep_tables.LINE].min(axis=(0, 2))
    inked = [bool((head[n * 36 : (n + 1) * 36] < 128).any()) for n in range(3)]
    assert inked == [True, False, True]
    assert (sheet[sweep_tables.LINE + 4 : sweep_tables.LINE + 36, 4:36] == 0).all()


@pytest.mark.parametrize(
    ("temperatures", "lambdas", "message"),
    [
        ([0.38, 0.0], [0.5], "temperature is 0.0; wanted above 0, and finite"),
        ([float("inf")], [0.5], "temperature is inf"),
        ([float("nan")], [0.5], "temperature is nan"),
        ([1.0], [0.5, 1.5], "rebalancing_lambda is 1.5; wanted from 0 to 1"),
        ([], [0.5], "no temperatures"),
        ([1.0], [], "no lambdas"),
        ([1.0, 1.0], [0.5], "wanted each of them once"),
        ([0.38, 0.3800001], [0.5], "wanted each of them once"),
    ],
)
def test_bad_grids_are_refused(temperatures, lambdas, message):
    with pytest.raises(ValueError, match=message):
        decoding_grid.make(temperatures, lambdas)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"key": "ssim"}, "criterion is 'ssim'; wanted one of rebalanced_auc"),
        ({"raw_above_gray": float("nan")}, "is nan; wanted a finite number"),
        ({"raw_above_gray": float("inf")}, "is inf; wanted a finite number"),
        ({"colorfulness": (1.1, 0.85)}, "from 1.1 to 0.85"),
    ],
)
def test_bad_criteria_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        decoding_grid.check(FREE._replace(**changes))
