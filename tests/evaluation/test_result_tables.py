"""The tables of an evaluation, from numbers made by hand."""

import csv
import io
import json

import pytest

from jaxcolor.color.decode import Decoding
from jaxcolor.evaluation import metric, registry, result_tables
from jaxcolor.evaluation.metric import Metric
from jaxcolor.evaluation.result_tables import Evaluation, Number, Reliability, Row

MANIFEST = {
    "source": "set",
    "photographs": 1234,
    "skipped": [],
    "size": 128,
    "resize": "Pillow, bicubic",
    "spacing": 10.0,
    "resamples": 1000,
    "versions": {"jaxcolor": "0.1", "jax": "0.12"},
}

TOP1 = Metric(
    key="scenes.top1",
    heading="scenes top-1, %",
    format=".1f",
    meaning="recognized",
    better="higher",
    table="Recognition",
    statistic=metric.mean("scenes.top1"),
)


def made():
    """Two systems, of which one has a distribution and a classifier's number."""
    model = {
        "auc": Number(90.126, 89.5, 90.7),
        "nll": Number(3.1499, 3.1, 3.2),
        "scenes.top1": Number(85.04),
    }
    return Evaluation(
        manifest=MANIFEST,
        rows=[
            Row("gray", {"auc": Number(91.0)}, None),
            Row("mine", model, Decoding(0.38, 0.5, 0.25)),
        ],
        names=["a.png"],
        photographs={"gray": {"auc": [91.0]}, "mine": {"auc": [90.1]}},
        curves={"gray": {"raw": [0.0], "rebalanced": [0.0]}},
        histograms={"gray": [1.0]},
        centers=[[0.0, 0.0]],
        reliability={"mine": Reliability([1.0], [0.5], [0.4])},
        empty={"FID": "no features were given"},
        metrics=(registry.BY_KEY["auc"], registry.BY_KEY["nll"], TOP1),
    )


def test_tables_show_what_some_system_has():
    tables = result_tables.columns(made())
    assert [title for title, _ in tables] == [
        "Accuracy",
        "Colors and likelihood",
        "Recognition",
    ]
    keys = [[column.key for column in found] for _, found in tables]
    assert keys == [["auc"], ["nll"], ["scenes.top1"]]


def test_cells_have_values_and_intervals():
    lines = result_tables.markdown(made()).splitlines()
    assert "| system | AuC, % ↑ | T | λ | coherence |" in lines
    assert "| gray | **91.00** | – | – | – |" in lines
    assert "| mine | 90.13 [89.50, 90.70] | 0.38 | 0.5 | 0.25 |" in lines
    assert "| mine | 3.150 [3.100, 3.200] | 0.38 | 0.5 | 0.25 |" in lines
    assert "- FID: no features were given" in lines
    assert any(line.startswith("1,234 photographs of set:") for line in lines)


def test_the_csv_has_every_number_and_its_ends():
    rows = list(csv.DictReader(io.StringIO(result_tables.comma_separated(made()))))
    assert rows[1]["system"] == "mine"
    numbers = [float(rows[1][f"auc{end}"]) for end in ("", "_low", "_high")]
    assert numbers == [90.126, 89.5, 90.7]
    assert rows[0]["nll"] == rows[0]["auc_low"] == ""
    assert (rows[1]["temperature"], rows[1]["coherence"]) == ("0.38", "0.25")


def test_files_are_written_whole(tmp_path):
    result_tables.write(made(), tmp_path / "out")
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {"table.md", "table.csv", "results.json", "manifest.json"}
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["rows"][1]["numbers"]["auc"]["low"] == pytest.approx(89.5)
    assert results["reliability"]["mine"]["accuracy"] == [0.4]
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest == MANIFEST


def test_equal_numbers_of_the_table_are_both_the_best():
    def row(system, value):
        return Row(system, {"auc": Number(value)}, None)

    rows = [row("ground truth", 100.0), row("a", 90.004), row("b", 90.001)]
    rows.append(row("c", 89.0))
    evaluation = made()._replace(rows=rows)
    auc = registry.BY_KEY["auc"]
    assert result_tables.best(evaluation, auc) == {"a", "b"}
    assert result_tables.best(evaluation, auc._replace(better="lower")) == {"c"}
    assert result_tables.best(evaluation, auc._replace(better="none")) == set()
