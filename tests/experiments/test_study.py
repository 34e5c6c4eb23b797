"""The study of the methods at hand, with simulated participants."""

import json

import pytest

from experiments import study
from jaxcolor import cli
from jaxcolor.pretrained import release
from tests import tiny


@pytest.mark.slow
def test_the_report_of_simulated_participants_says_so(tmp_path, capsys):
    release.save(tiny.model(), tmp_path / "tiny", card="A card.")
    output = tmp_path / "study"
    options = ["--size", "32", "--participants", "8", "--references", "6"]
    given = ["--model", str(tmp_path / "tiny"), "-o", str(output), *options]
    assert study.main(given) == 0
    printed = capsys.readouterr().out
    assert "programs, no people, gave these answers" in printed
    page = (output / "report" / "report.html").read_text()
    for tag in ("title", "h1"):
        heading = page.partition(f"<{tag}>")[2].partition(f"</{tag}>")[0]
        assert heading == "Simulated study methods: no people took part"
    found = json.loads((output / "report" / "results.json").read_text())
    assert found["is_simulated"] is True
    assert {one["algorithm"] for one in found["rates"]} == set(study.RATES)
    assert (output / "answers" / "answers.csv").exists()
    assert study.main(given) == cli.MISUSED
