from pathlib import Path

import pytest

from jaxcolor import cli
from jaxcolor.training.config import reading

CONFIGS = Path(__file__).parents[3] / "configs"


def test_overrides_are_taken_over():
    config = reading.read(
        CONFIGS / "l2.py",
        [
            "--config.training.steps=7",
            "--config.schedule.peak",
            "1e-3",
            "--config.data.source=album",
            "--config.data.data_dir=/sets",
            "--noconfig.pipeline.flip",
        ],
    )
    assert config.training.steps == 7
    assert config.schedule.peak == 1e-3
    assert config.data.to_dict()["source"] == "album"
    assert config.data.data_dir == "/sets"
    assert not config.pipeline.flip


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (["--config.training.stps=7"], 'Did you mean "steps" instead of "stps"'),
        (["--config.training.steps=1e3"], "invalid literal for int.*'1e3'"),
        (["--config.training.steps=many"], "steps=many"),
        (["--config.training.seed=1", "--config.training=3"], "^--config.training=3"),
        (["--workers=3"], "workers"),
        (["later"], "unknown argument later"),
    ],
)
def test_an_override_that_does_not_fit_is_one_line(overrides, told):
    with pytest.raises(ValueError, match=told) as raised:
        reading.read(CONFIGS / "smoke.py", overrides)
    assert "\n" not in str(raised.value)


def test_a_missing_config_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"no config at .*nowhere\.py"):
        reading.read(tmp_path / "nowhere.py", [])


@pytest.mark.parametrize(
    "content",
    ["def get_config(:", "raise RuntimeError('out of order')", "x = 1"],
)
def test_a_config_that_fails_is_one_line(tmp_path, content):
    path = tmp_path / "mine" / "broken.py"
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(ValueError, match=r"broken\.py") as raised:
        reading.read(path, [])
    assert "\n" not in str(raised.value)


def test_a_config_of_ones_own_may_import_its_siblings(tmp_path):
    folder = tmp_path / "my_configs"
    folder.mkdir()
    (folder / "base.py").write_text(
        "from ml_collections import ConfigDict\n"
        "def get_config():\n    return ConfigDict({'a': 1})\n"
    )
    (folder / "mine.py").write_text(
        "from my_configs import base\ndef get_config():\n    return base.get_config()\n"
    )
    assert reading.read(folder / "mine.py", ["--config.a=2"]).a == 2


def test_a_misspelt_override_ends_the_command_with_status_2(tmp_path, capsys):
    status = cli.main(
        [
            "train",
            f"--config={CONFIGS / 'smoke.py'}",
            f"--workdir={tmp_path / 'run'}",
            "--config.model.widht=1.0",
        ]
    )
    assert status == cli.MISUSED
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert 'Did you mean "width" instead of "widht"' in lines[0]
    assert not (tmp_path / "run").exists()
