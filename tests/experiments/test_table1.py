"""The script of the paper's table 1."""

import json

from experiments import table1
from jaxcolor.evaluation.result_tables import Number, Row


def test_measured_and_published_numbers_stand_side_by_side():
    numbers = {
        "auc": Number(89.123, 88.9, 89.4),
        "rebalanced_auc": Number(58.456),
        "vgg.top1": Number(52.0, 51.0, 53.0),
    }
    rows = [
        Row("gray", numbers, None),
        Row("ours", {"auc": numbers["auc"]}, None),
    ]
    _, _, gray, ours, *others = table1.table(rows).splitlines()
    assert gray == (
        "| gray | 89.12 [88.90, 89.40] | 58.46 | 52.00 [51.00, 53.00] |"
        " 89.1 | 58 | 52.7 | – |"
    )
    assert ours == "| ours | 89.12 [88.90, 89.40] | – | – | – | – | – | – |"
    assert others[-1] == "| full | – | – | – | 89.5 | 67.3 | 56 | 32.3 |"
    assert len(others) == len(table1.PUBLISHED) - 1


def test_it_runs_on_any_folder(photo_folder, tmp_path, capsys):
    command = ["--source", str(photo_folder), "-o", str(tmp_path), "--size", "32"]
    assert table1.main([*command, "--resamples", "20", "--quiet"]) == 0
    text = (tmp_path / "table1.md").read_text()
    assert text in capsys.readouterr().out
    results = json.loads((tmp_path / "results.json").read_text())
    gray = results["rows"][1]["numbers"]["auc"]
    assert f"| gray | {gray['value']:.2f} [" in text


def test_without_imagenet_it_says_how_to_prepare_it(tmp_path, capsys):
    command = ["--data-dir", str(tmp_path / "tfds"), "-o", str(tmp_path / "out")]
    assert table1.main(command) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "imagenet2012 is not prepared" in line
    assert not (tmp_path / "out").exists()
