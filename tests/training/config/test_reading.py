import subprocess
import sys
from pathlib import Path

import pytest

from jaxcolor import cli
from jaxcolor.training.config import reading

CONFIGS = Path(__file__).parents[3] / "configs"


def test_overrides_are_taken_over():
    config = reading.read(
        "l2",
        [
            "--config.training.steps=7",
            "--config.schedule.peak",
            "1e-3",
            "--config.data.source=album",
            "--config.data.data_dir=/sets",
            "--config.pipeline.scales=(1,1.5)",
            "--config.layers.rates={'head': 0.5}",
            "--config.initialization.partial",
            "--config.pipeline.draft=false",
            "--noconfig.pipeline.flip",
        ],
    )
    assert config.training.steps == 7
    assert config.schedule.peak == 1e-3
    assert config.data.source == "album"
    assert config.data.data_dir == "/sets"
    assert config.pipeline.scales == (1.0, 1.5)
    assert config.layers.rates == {"head": 0.5}
    assert config.initialization.partial
    assert not config.pipeline.draft
    assert not config.pipeline.flip


def test_a_setting_without_a_value_can_be_set_and_unset():
    given = ["--config.prior.path=a.json"]
    assert reading.read("smoke", given).prior.path == "a.json"
    given.append("--config.prior.path=None")
    assert reading.read("smoke", given).prior.path is None


def test_another_optimizer_takes_its_own_settings():
    given = ["--config.optimizer.name=sgd", "--config.optimizer.momentum=0.9"]
    # Those of the one before are not its own.
    with pytest.raises(ValueError, match=r"config.optimizer has unknown \['b1'"):
        reading.read("smoke", given)


def test_the_schedule_follows_the_steps():
    for name in ("scenes_small", "zhang2016_pod"):
        config = reading.read(name, ["--config.training.steps=1000"])
        assert config.schedule.length == 1000


def test_the_steps_do_not_follow_the_schedule():
    config = reading.read("bundled", ["--config.schedule.length=15000"])
    assert config.schedule.length == 15_000
    assert config.training.steps == 20_000


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["--config.training.stps=7"], 'Did you mean "steps" instead of "stps"'),
        (["--config.trainin.steps=7"], 'Did you mean "training" instead of "trainin"'),
        (["--config.training.steps=1e3"], "=1e3: .*steps is '1e3'; wanted an integer"),
        (["--config.training.steps=many"], "steps=many"),
        (["--config.training.steps"], "--config.training.steps: .*got no value"),
        (["--noconfig.training.steps"], "--noconfig.training.steps: .*no switch"),
        (["--config.schedule.peak=x"], "config.schedule.peak is 'x'; wanted a number"),
        (["--config.pipeline.flip=maybe"], "is 'maybe'; wanted True or False"),
        (
            ["--config.pipeline.scales=1,"],
            r"config.pipeline.scales is \(1,\); wanted 2",
        ),
        (["--config.layers.rates={"], "config.layers.rates is '{'; wanted a Python"),
        (["--config.training.seed=1", "--config.training=3"], "^--config.training=3"),
        (["--config.optimizer.name=adm"], "config.optimizer.name is 'adm'; wanted one"),
        (["--workers=3"], "workers"),
        (["later"], "unknown argument later"),
    ],
)
def test_an_override_that_does_not_fit_is_one_line(overrides, message):
    with pytest.raises(ValueError, match=message) as raised:
        reading.read("smoke", overrides)
    assert "\n" not in str(raised.value)


def test_a_config_is_found_by_name_and_by_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert reading.read("smoke", []) == reading.read(CONFIGS / "smoke.py", [])
    in_a_folder = reading.read(CONFIGS / "small" / "l2.py", [])
    assert reading.read("small/l2", []) == in_a_folder


def test_what_configs_share_is_no_config():
    assert not [name for name in reading.known() if "_base" in name]


def test_names_of_a_folder_are_listed_together():
    message = r", zhang2016_pod, small/\{.*l2, l2_finetune, .*zhang2016, .*\}$"
    with pytest.raises(ValueError, match=message):
        reading.read("small/smok", [])


def test_the_small_methods_see_the_same_crops():
    names = [name for name in reading.known() if name.startswith("small/")]
    configs = [reading.read(name, []) for name in names]
    assert len(configs) >= 4
    for one in configs:
        for section in ("training", "data", "pipeline"):
            assert getattr(one, section) == getattr(configs[0], section)


def test_an_unknown_name_lists_the_known_ones(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"no config at smok; .*bundled, .*, smoke"):
        reading.read("smok", [])


def test_a_missing_config_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"no config at .*nowhere\.py"):
        reading.read(tmp_path / "nowhere.py", [])


@pytest.mark.parametrize(
    "content",
    [
        "def get_config(:",
        "raise RuntimeError('out of order')",
        "x = 1",
        "def get_config():\n    return 3\n",
    ],
)
def test_a_config_that_fails_is_one_line(tmp_path, content):
    path = tmp_path / "mine" / "broken.py"
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(ValueError, match=r"broken\.py") as raised:
        reading.read(path, [])
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("content", ["[1]", "{", '{"training": 3}'])
def test_json_that_is_no_config_is_one_line(tmp_path, content):
    path = tmp_path / "broken.json"
    path.write_text(content)
    for overrides in ([], ["--config.training.steps=3"]):
        with pytest.raises(ValueError, match=r"broken|config") as raised:
            reading.read(path, overrides)
        assert "\n" not in str(raised.value)


def _project(folder: Path, *, seed: int) -> Path:
    """Writes a folder of configs of one's own, which import each other."""
    folder.mkdir(parents=True)
    text = (CONFIGS / "scenes_small.py").read_text()
    (folder / "base.py").write_text(text.replace("seed=0", f"seed={seed}"))
    path = folder / "mine.py"
    path.write_text(
        f"from . import base\nfrom {folder.name} import base as same\n"
        "from jaxcolor.configs import bundled\n"
        "from jaxcolor.configs.small import l2\n"
        "def get_config():\n"
        "    assert same is base\n"
        "    config = base.get_config()\n"
        "    config.layers = bundled.get_config().layers\n"
        "    config.release.size = l2.get_config().release.size\n"
        "    return config\n"
    )
    return path


def test_configs_of_ones_own_may_import_their_siblings(tmp_path):
    # The second has the same names as the first, and as the project's.
    for seed in (3, 4):
        path = _project(tmp_path / str(seed) / "configs", seed=seed)
        config = reading.read(path, ["--config.training.steps=300"])
        assert config.training.seed == seed
        assert "encoder" in config.layers.rates
    assert reading.read("smoke", []).training.seed == 0


def test_a_config_leaves_no_modules_behind(tmp_path):
    path = _project(tmp_path / "my_configs", seed=3)
    before = set(sys.modules)
    reading.read(path, [])
    assert not {name for name in sys.modules if name.startswith("my_configs")}
    assert before <= set(sys.modules)


def test_an_installed_package_finds_its_configs_from_anywhere(tmp_path):
    # As a wheel has them: inside the package, and nothing beside it.
    root = CONFIGS.parent
    package = tmp_path / "site" / "jaxcolor"
    package.mkdir(parents=True)
    for one in (root / "jaxcolor").iterdir():
        (package / one.name).symlink_to(one)
    (package / "configs").symlink_to(CONFIGS)
    script = (
        "from jaxcolor.training.config import reading\n"
        "assert 'site' in str(reading.known()['smoke'])\n"
        "assert reading.read('smoke', []).training.steps == 20\n"
        "assert reading.read('small/l2', []).training.steps == 2000\n"
    )
    subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": str(tmp_path / "site"), "JAX_PLATFORMS": "cpu"},
        cwd=tmp_path,
        check=True,
    )


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("--config.model.widht=1.0", 'Did you mean "width" instead of "widht"'),
        ("--config.model.width=1e6", "config.model.width is 1000000.0; wanted above 0"),
        ("--config.prior.path=nowhere.json", "there is no prior at nowhere.json"),
        # Noticed last, after the prior.
        pytest.param(
            "--config.initialization.checkpoint=nowhere",
            "nowhere",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_refused_config_ends_with_status_2_and_leaves_nothing(
    photo_folder, tmp_path, capsys, override, message
):
    status = cli.main(
        [
            "train",
            "--config=smoke",
            "--quiet",
            f"--workdir={tmp_path / 'run'}",
            f"--config.data.source={photo_folder}",
            "--config.pipeline.resize=32",
            "--config.pipeline.crop=32",
            override,
        ]
    )
    assert status == cli.MISUSED
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert message in lines[0]
    assert not (tmp_path / "run").exists()
