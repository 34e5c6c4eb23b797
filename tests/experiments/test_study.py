"""The study of the methods at hand, with simulated participants."""

import json

import pytest

from experiments import study
from jaxcolor import cli
from jaxcolor.pretrained import release
from tests import tiny


def test_rates_that_were_put_in_stand_beside_those_that_were_found():
    rate = {"algorithm": "full", "labeled_real": 30.0, "low": 25.0, "high": 32.0}
    few = {"algorithm": "gray", "labeled_real": 8.0, "low": None, "high": None}
    given = study.rates(["full=a/b", "mine"])
    assert given == {"full": 32.3, "mine": 32.0, "gray": 8.0, "random": 13.0}
    lines = study.recovery({"rates": [rate, few]}, given).splitlines()
    assert lines[2] == "| full | 32.3 | 30.0 | 25.0 to 32.0 | no |"
    assert lines[3] == "| gray | 8.0 | 8.0 | – | – |"


def test_models_of_the_same_name_are_refused_before_anything_is_written(
    tmp_path, capsys
):
    models = ("--model", "a/one", "--model", "b/one")
    assert study.main([*models, "-o", str(tmp_path / "study")]) == cli.MISUSED
    assert "two models have the same name" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_the_report_of_simulated_participants_says_so(tmp_path, capsys):
    release.save(tiny.model(), tmp_path / "tiny", card="A card.")
    output = tmp_path / "study"
    options = ["--size", "32", "--participants", "8", "--references", "6"]
    models = [f"--model={name}={tmp_path / 'tiny'}" for name in ("tiny", "l2")]
    given = [*models, "-o", str(output), *options]
    assert study.main(given) == 0
    printed = capsys.readouterr().out
    assert "programs, no people, gave these answers" in printed
    page = (output / "report" / "report.html").read_text()
    for tag in ("title", "h1"):
        heading = page.partition(f"<{tag}>")[2].partition(f"</{tag}>")[0]
        assert heading == "Simulated study methods: no people took part"
    found = json.loads((output / "report" / "results.json").read_text())
    assert found["is_simulated"] is True
    assert {one["algorithm"] for one in found["rates"]} == {
        "tiny",
        "l2",
        *study.BASELINES,
    }
    # The paper's, for a name of the paper.
    assert "| l2 | 21.2 |" in printed
    assert (output / "answers" / "answers.csv").exists()
    assert study.main(given) == cli.MISUSED
