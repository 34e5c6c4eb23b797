"""`jaxcolor sweep`, from the command line to its files."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxcolor import cli
from jaxcolor.cli import sweep
from jaxcolor.data import sources, splits
from jaxcolor.evaluation import decoding_grid
from jaxcolor.pretrained import release
from tests import tiny

CELLS = ("--temperatures", 1, 0.38, "--lambdas", 0.5, 0.2)
FAST = ("--size", 32, "--batch-size", 2, "--resamples", 50, "--quiet")


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    release.save(tiny.model(), folder, card="A card.")
    return folder


def run(*arguments) -> int:
    return cli.main(["sweep", *map(str, arguments)])


def error_of(capsys) -> str:
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def test_a_sweep_writes_what_it_promises(model, photo_folder, tmp_path, capsys):
    output = tmp_path / "sweep"
    assert run(photo_folder, "--model", model, "-o", output, *CELLS, *FAST) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    lines = printed.out.splitlines()
    assert lines[0].startswith("| T | λ | AuC, % |")
    assert lines[-1].startswith("Best: T = ")
    assert "4 of 4 cells" in lines[-1]
    names = {str(p.relative_to(output)) for p in output.rglob("*") if p.is_file()}
    files = {"table.md", "table.csv", "results.json", "manifest.json", "strip.png"}
    assert names == files | {"plots/heat_maps.png", "plots/curves.png"}
    results = json.loads((output / "results.json").read_text())
    assert results["grid"] == {"temperatures": [0.38, 1.0], "lambdas": [0.2, 0.5]}
    areas = {
        (c["temperature"], c["rebalancing_lambda"]): c["numbers"]["rebalanced_auc"]
        for c in results["cells"]
    }
    best = max(areas, key=lambda at: areas[at]["value"])
    assert tuple(results["best"].values())[:2] == best
    assert lines[3].startswith("| {:g} | {:g} | ".format(*best))
    with (output / "table.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 4
    manifest = json.loads((output / "manifest.json").read_text())
    assert len(manifest["models"]["tiny"]["sha256"]) == 64
    assert len(manifest["files"]) == len(list(photo_folder.iterdir()))
    assert manifest["criterion"] == "the highest rebalanced AuC of all cells"
    with Image.open(output / "strip.png") as strip:
        # Lightness, mean, T = 0.38, mode and truth.
        assert strip.width == 5 * (32 + 4) + 4


def test_no_cell_that_meets_the_conditions_is_reported(
    model, photo_folder, tmp_path, capsys
):
    command = (photo_folder, "--model", model, "-o", tmp_path, *CELLS, *FAST)
    assert run(*command, "--raw-above-gray", 50, "--photographs", 2) == cli.FAILED
    assert capsys.readouterr().out.startswith("No cell of 4 meets the conditions")
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["best"] is None
    assert len(json.loads((tmp_path / "manifest.json").read_text())["files"]) == 2


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--temperatures", 0.38, 0), "temperature is 0.0; wanted above 0"),
        (("--lambdas", 0.5, -0.1), "rebalancing_lambda is -0.1; wanted from 0"),
        (("--colorfulness", 1.1, 0.85), "from 1.1 to 0.85"),
        (("--held-out", 1), "--held-out is 1"),
        (("--raw-above-gray", "inf"), "is inf; wanted a finite number"),
        (("-o", Path(__file__) / "in"), "test_sweep.py is a file; wanted a"),
    ],
)
def test_bad_numbers_are_refused_before_any_work(
    flags, message, tmp_path, capsys, monkeypatch
):
    # Neither the model nor the photographs are looked at.
    monkeypatch.setattr(release, "load", pytest.fail)
    monkeypatch.setattr(sources, "open_source", pytest.fail)
    output = tmp_path / "sweep"
    assert run("nowhere", "--model", "m", "-o", output, *flags) == cli.MISUSED
    assert message in error_of(capsys)
    assert not output.exists()


def test_photographs_with_next_to_no_color_have_no_share_of_it(model, tmp_path, capsys):
    source = tmp_path / "gray"
    source.mkdir()
    for n in range(2):
        ramp = np.linspace(n, 255, 32 * 32).astype(np.uint8).reshape(32, 32)
        rgb = np.stack([ramp] * 3, axis=-1)
        # Photographs of nothing but gray are refused.
        rgb[:2, :2, 2] += 12 * (n == 0)
        Image.fromarray(rgb).save(source / f"{n}.png")
    command = (source, "--model", model, "-o", tmp_path / "sweep", *CELLS, *FAST)
    assert run(*command) == 0
    assert capsys.readouterr().out.splitlines()[2].endswith("| – |")
    assert run(*command, "--colorfulness", 0.8, 1.2) == cli.FAILED
    assert "the photographs have no color" in capsys.readouterr().out


def test_a_plot_of_an_earlier_grid_does_not_stay(model, photo_folder, tmp_path):
    command = (photo_folder, "--model", model, "-o", tmp_path, *FAST, "--lambdas", 0.5)
    assert run(*command, "--temperatures", 0.38, 1, "--photographs", 1) == 0
    assert (tmp_path / "plots" / "curves.png").exists()
    assert run(*command, "--temperatures", 0.38, "--photographs", 1) == 0
    assert not (tmp_path / "plots" / "curves.png").exists()
    gray, cell = (tmp_path / "table.md").read_text().splitlines()[5:7]
    # One photograph has no interval.
    assert "[" not in gray + cell


def test_photographs_of_the_training_are_warned_of(photo_folder, tmp_path, caplog):
    config = {"data": {"held_out_fraction": 0.5}}
    trained = tiny.model()._replace(provenance={"config": config})
    release.save(trained, tmp_path / "trained", card="A card.")
    command = (photo_folder, "--model", tmp_path / "trained", "-o", tmp_path / "sweep")
    assert run(*command, *CELLS, *FAST, "--held-out", 0.9) == 0
    (warning,) = caplog.messages
    assert "more than the 0.5 that the model's training" in warning
    caplog.clear()
    assert run(*command, *CELLS, *FAST, "--held-out", 0.5) == 0
    assert not caplog.messages


def test_an_empty_grid_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        run("nowhere", "--model", "m", "-o", tmp_path, "--lambdas", "--size", 32)
    assert ended.value.code == cli.MISUSED
    assert "--lambdas: expected at least one argument" in capsys.readouterr().err


def test_a_regression_is_refused(photo_folder, tmp_path, capsys):
    release.save(tiny.model(tiny.REGRESSION), tmp_path / "l2", card="A card.")
    output = tmp_path / "sweep"
    command = (photo_folder, "--model", tmp_path / "l2", "-o", output)
    assert run(*command) == cli.MISUSED
    assert "predicts ab itself" in error_of(capsys)
    assert not output.exists()


def _photographs(**given):
    plain = {"held_out": None, "photographs": None, "data_dir": None}
    return sweep.photographs(sweep.Namespace(**plain | given))[0].names


def test_photographs_are_those_that_a_training_holds_out(photo_folder):
    whole = sources.open_source(photo_folder)
    wanted = [n for n in whole.names if splits.is_held_out(n, fraction=0.5)]
    assert 0 < len(wanted) < len(whole)
    found = _photographs(source=str(photo_folder), held_out=0.5)
    assert list(found) == wanted


def test_some_photographs_are_spread_over_the_source(photo_folder):
    names = sorted(path.name for path in photo_folder.iterdir())
    found = _photographs(source=str(photo_folder), photographs=3)
    assert list(found) == [names[0], names[3], names[-1]]
    found = _photographs(source=str(photo_folder), photographs=100)
    assert list(found) == names


def test_criteria_of_the_command_are_those_of_the_grid():
    assert [x.replace("-", "_") for x in sweep.CRITERIA] == list(decoding_grid.CRITERIA)
    assert np.isin(
        decoding_grid.make(sweep.TEMPERATURES, sweep.LAMBDAS).lambdas, [0, 1]
    ).any()
