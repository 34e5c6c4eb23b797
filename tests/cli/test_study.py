"""`jaxcolor study` on the command line."""

import csv
import json

import pytest

from jaxcolor import cli
from jaxcolor.cli import study_flags
from jaxcolor.web.study import power, simulation
from tests.web.study import small

SIZE = small.RULES.size


@pytest.fixture(scope="module")
def folder(photographs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    small.write_pictures(photographs, folder, count=8, size=SIZE)
    return folder


def run(*arguments):
    return cli.main(["study", *(str(argument) for argument in arguments)])


def create(folder, database, *more):
    given = ("--truth", folder / "truth", "--system", folder / "gray")
    systems = ("--system", f"l2={folder / 'swapped'}")
    numbers = ("--size", SIZE, "--practice", 1, "--test", 5, "--attention-share", 0.2)
    return run("create", "s", *given, *systems, *numbers, "--database", database, *more)


@pytest.fixture
def database(folder, sqlite_url, capsys):
    assert create(folder, sqlite_url) == 0
    capsys.readouterr()
    return sqlite_url


@pytest.fixture
def sqlite_url(tmp_path):
    return f"sqlite:///{tmp_path / 'study.db'}"


def error_of(capsys):
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def test_a_study_from_pictures_to_a_table(folder, sqlite_url, tmp_path, capsys):
    assert create(folder, sqlite_url) == 0
    assert "s is in" in capsys.readouterr().out
    rates = ("--rate", "gray=10", "--rate", "l2=40", "--participants", 6)
    assert run("simulate", "s", "--database", sqlite_url, *rates, "--quiet") == 0
    capsys.readouterr()
    output = tmp_path / "out"
    assert run("analyze", "s", "--database", sqlite_url, "-o", output) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("Simulated participants: programs, no people")
    # The paper's row of L2.
    assert "| 21.2 ± 2.5 |" in printed
    with (output / "rates.csv").open() as file:
        rows = {row["algorithm"]: row for row in csv.DictReader(file)}
    assert set(rows) == {"gray", "l2", "attention check"}
    for name in ("rates.csv", "pairs.csv", "photographs.csv"):
        with (output / name).open() as file:
            listed = list(csv.DictReader(file))
        assert {row["is_simulated"] for row in listed} == {"True"}, name
    assert (
        "Simulated study s: no people took part" in (output / "report.html").read_text()
    )
    assert json.loads((output / "results.json").read_text())["is_simulated"] is True


def test_the_export_has_every_answer_and_nothing_that_leads_to_a_person(
    database, tmp_path, capsys
):
    rates = ("--rate", "gray=10", "--rate", "l2=40", "--participants", 2)
    run("simulate", "s", "--database", database, *rates)
    assert run("export", "s", "--database", database, "-o", tmp_path / "out") == 0
    with (tmp_path / "out" / "answers.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4 * 6
    assert {row["is_simulated"] for row in rows} == {"True"}
    for row in rows:
        is_fooled = row["fake_position"] == row["truth_position"]
        assert row["is_fooled"] == str(is_fooled)
    whole = json.loads((tmp_path / "out" / "study.json").read_text())
    assert len(whole["sessions"]) == 4
    text = "".join(path.read_text() for path in (tmp_path / "out").iterdir())
    for word in ("token", "hash", "secret", "started_at", "answered_at"):
        assert word not in text


def test_the_export_has_targets_beside_exposures_and_flags_the_wrong_ones(
    database, tmp_path
):
    rates = ("--rate", "gray=10", "--rate", "l2=40", "--participants", 4)
    run("simulate", "s", "--database", database, *rates, "--wrong-exposures", 40)

    def flags(*more):
        given = ("--database", database, "-o", tmp_path / "out", *more)
        assert run("export", "s", *given) == 0
        with (tmp_path / "out" / "answers.csv").open() as file:
            return [
                (float(row["second_ms"]) - float(row["second_target_ms"]), row)
                for row in csv.DictReader(file)
            ]

    found = flags()
    assert {row["first_target_ms"] for _, row in found} == {"1000"}
    assert {row["blank_target_ms"] for _, row in found} == {"600"}
    # Wrong ones are 200 ms too long, and others some milliseconds.
    is_long = [late > 100 for late, _ in found]
    assert set(is_long) == {True, False}
    assert [row["is_wrongly_exposed"] == "True" for _, row in found] == is_long
    tolerant = flags("--exposure-ms", 300)
    assert {row["is_wrongly_exposed"] for _, row in tolerant} == {"False"}
    assert run("export", "s", "-o", tmp_path, "--exposure-ms", 0) == cli.MISUSED


def test_links_are_printed_one_a_line(database, capsys):
    base = "https://study.example.org/"
    assert (
        run("links", "s", "--database", database, "--count", 3, "--base-url", base) == 0
    )
    lines = capsys.readouterr().out.split()
    assert len(set(lines)) == 3
    assert all(line.startswith("https://study.example.org/p/") for line in lines)


def test_the_open_link_has_the_form_of_prolific(database, capsys):
    assert run("links", "s", "--database", database, "--open") == 0
    (line,) = capsys.readouterr().out.split()
    assert line.endswith("?PROLIFIC_PID={{%PROLIFIC_PID%}}")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("analyze", "other"), "no study other; wanted one of: s"),
        (("simulate", "s", "--rate", "gray=10"), "no rate for l2"),
        (
            ("simulate", "s", "--rate", "gray=x"),
            "--rate is gray=x; wanted NAME=PERCENT",
        ),
        (("analyze", "s", "--exposure-ms", "-1"), "exposure is -1 ms"),
    ],
)
def test_what_cannot_be_is_an_error_of_one_line(database, capsys, arguments, message):
    assert run(*arguments, "--database", database) == cli.MISUSED
    assert message in error_of(capsys)


def test_a_study_that_cannot_be_made_leaves_no_file(
    folder, sqlite_url, tmp_path, capsys
):
    assert create(folder, sqlite_url, "--test", 40) == cli.MISUSED
    assert "has 8 photographs; wanted 41 or more" in error_of(capsys)
    missing = ("--consent", tmp_path / "none.txt")
    assert create(folder, sqlite_url, *missing) == cli.MISUSED
    assert "none.txt: No such file" in error_of(capsys)
    assert list(tmp_path.iterdir()) == []


def test_power_prints_the_number_of_participants(capsys):
    assert run("power", "--rates", 10, 40) == 0
    assert "participants of each algorithm" in capsys.readouterr().out
    assert run("power", "--rates", 10, 10) == cli.MISUSED
    assert "both rates are 0.1" in error_of(capsys)


def test_the_defaults_of_flags_are_those_of_the_records():
    people, question = simulation.People({}), power.Question((0.1, 0.2))
    assert 100 * people.check_rate == study_flags.CHECK_RATE
    assert study_flags.SPREAD == 100 * people.spread == 100 * question.spread
    assert question.trials == study_flags.TRIALS
    assert question.level == study_flags.LEVEL
    assert 100 * question.power == study_flags.POWER
