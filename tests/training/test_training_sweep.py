import csv
import json
from pathlib import Path

import pytest

from jaxcolor import cli
from jaxcolor.training import loop, training_sweep
from jaxcolor.training.config import reading, schema

CONFIG = reading.known()["lambda_sweep"]


def validate(workdir: Path, losses: dict[int, float]) -> None:
    workdir.mkdir(parents=True)
    lines = [
        {"step": step, "kind": kind, "loss": loss, "kl": loss / 2, "constant_loss": 4.0}
        for step, loss in losses.items()
        for kind in ("train", "validation")
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    # A training that runs may just be writing a line.
    (workdir / "log.jsonl").write_text(text + '{"step": 9')


def test_a_config_lists_its_trainings():
    found = reading.read_sweep(
        CONFIG, ["--config.training.steps=7", "--config.schedule.warmup=1"]
    )
    assert len(found) == 9
    name, config = found[4]
    assert name == "004-training_lambda=0.5,seed=1"
    assert config.objective.training_lambda == 0.5
    assert config.training.seed == 1
    # The schedule follows an override in each of them.
    assert {config.training.steps for _, config in found} == {7}
    assert {config.schedule.length for _, config in found} == {7}


def test_a_change_of_what_is_no_setting_is_one_line(tmp_path):
    path = tmp_path / "mine.py"
    text = CONFIG.read_text().replace("training.seed", "training.sed")
    # Away from its siblings.
    text = text.replace("from . import", "from jaxcolor.configs import")
    path.write_text(text)
    message = r"mine\.py: there is no setting training\.sed\. Did you mean \"seed\""
    with pytest.raises(ValueError, match=message) as raised:
        reading.read_sweep(path, [])
    assert "\n" not in str(raised.value)
    path.write_text(text.partition("def get_hyper")[0])
    with pytest.raises(ValueError, match="no function get_hyper"):
        reading.read_sweep(path, [])


def test_what_is_finished_is_not_trained_again(tmp_path, monkeypatch):
    configs = reading.read_sweep(CONFIG, [])[:4]
    done = {configs[1][0]}
    trained = []

    def fake(config, workdir, *, is_quiet):
        trained.append(workdir.name)
        done.add(workdir.name)
        return loop.Outcome(1, is_finished=workdir.name != configs[2][0])

    monkeypatch.setattr(loop, "train", fake)
    monkeypatch.setattr(
        training_sweep, "is_finished", lambda _, path: path.name in done
    )
    assert not training_sweep.run(configs, tmp_path, only=None, is_quiet=True)
    # Interrupted in the third: the fourth waits for the next time.
    assert trained == [configs[0][0], configs[2][0]]
    assert training_sweep.run(configs, tmp_path, only=3, is_quiet=True)
    assert trained[2:] == [configs[3][0]]
    with pytest.raises(ValueError, match="got index 4 of 4 trainings; wanted from 0"):
        training_sweep.run(configs, tmp_path, only=4, is_quiet=True)


def test_a_table_is_made_of_what_there_is(tmp_path):
    configs = reading.read_sweep(CONFIG, [])
    validate(tmp_path / configs[0][0], {10: 3.5, 20: 3.25})
    validate(tmp_path / configs[1][0], {10: 3.0})
    table = training_sweep.collect(configs, tmp_path)
    assert "| 000-training_lambda=0.25,seed=0 | 0.25 | 0 | 20 | 3.25 |" in table
    assert "| 8 | – |" not in table.splitlines()[3]
    with (tmp_path / "table.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["loss"] for row in rows[:3]] == ["3.25", "3.0", ""]
    assert {row["objective.training_lambda"] for row in rows} == {
        "0.25",
        "0.5",
        "1.0",
    }
    assert (tmp_path / "losses.png").read_bytes().startswith(b"\x89PNG")


def test_no_table_is_made_of_other_trainings(tmp_path):
    configs = reading.read_sweep(CONFIG, [])
    with pytest.raises(ValueError, match="has no training of this config"):
        training_sweep.collect(configs, tmp_path)
    assert not list(tmp_path.iterdir())
    name, config = configs[0]
    validate(tmp_path / name, {10: 3.5})
    plain = schema.to_dict(config)
    plain["training"]["batch_size"] = 7
    (tmp_path / name / "training.json").write_text(json.dumps(plain))
    with pytest.raises(ValueError, match=r"training\.batch_size was 7"):
        training_sweep.collect(configs, tmp_path)
    assert not (tmp_path / "table.md").exists()


def test_an_override_that_the_sweep_would_undo_is_refused():
    overrides = ["--config.objective.training_lambda=0.3"]
    with pytest.raises(ValueError, match=r"get_hyper sets objective\.train"):
        reading.read_sweep(CONFIG, overrides)


def test_the_command_lists_and_refuses(tmp_path, capsys):
    command = ["sweep-train", f"--config={CONFIG}", f"--workdir={tmp_path / 'runs'}"]
    assert cli.main([*command, "--list"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 9
    assert cli.main([*command, "--collect"]) == 2
    assert "there is no folder" in capsys.readouterr().err
    assert cli.main([*command, "--index=9"]) == 2
    assert "got index 9 of 9 trainings" in capsys.readouterr().err
