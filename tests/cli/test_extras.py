"""What a command says where a package of its extra is not installed."""

import configparser
import importlib.util
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from PIL import Image

from jaxcolor import cli
from jaxcolor.cli import extras

ROOT = Path(__file__).parents[2]
TRAIN = ["train", "--config", "configs/smoke.py", "--workdir", "run"]
PREPARE = ["prepare", "photos", "-o", "data", "--name", "photos"]


@pytest.fixture
def without(monkeypatch):
    """Makes modules look as if they were not installed."""
    find = importlib.util.find_spec

    def hide(*names):
        monkeypatch.setattr(
            importlib.util,
            "find_spec",
            lambda name: None if name in names else find(name),
        )
        for name in names:
            for loaded in list(sys.modules):
                if loaded == name or loaded.startswith(f"{name}."):
                    monkeypatch.delitem(sys.modules, loaded)
        monkeypatch.setattr(sys, "meta_path", [_Hider(names), *sys.meta_path])

    return hide


class _Hider:
    """Finds some modules first, and says that they are nowhere."""

    def __init__(self, names):
        self._names = names

    def find_spec(self, name, path, target=None):
        if name in self._names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


@pytest.mark.parametrize(
    ("command", "module", "extra"),
    [
        (TRAIN, "optax", "train"),
        (TRAIN, "grain", "train"),
        (["finetune", "album", "-o", "model"], "tensorboardX", "train"),
        (["sweep-train", *TRAIN[1:]], "ml_collections", "train"),
        (["train-classifier", "scenes", "-o", "classifiers"], "optax", "train"),
        (PREPARE, "tensorflow_datasets", "tfds"),
    ],
)
def test_a_command_without_its_extra_says_what_to_install(
    without, capsys, tmp_path, monkeypatch, command, module, extra
):
    monkeypatch.chdir(tmp_path)
    without(module)
    assert cli.main(command) == cli.MISUSED
    message = f'jaxcolor {command[0]} needs {module}; pip install "jaxcolor[{extra}]"'
    assert capsys.readouterr().err == f"jaxcolor: error: {message}\n"
    assert not list(tmp_path.iterdir())


def test_a_prepared_data_set_asks_for_its_extra(without, capsys, tmp_path):
    without("tensorflow_datasets")
    assert cli.main(["prior", "tfds:photos", "-o", str(tmp_path / "prior.json")]) == 2
    message = 'jaxcolor prior needs tensorflow_datasets; pip install "jaxcolor[tfds]"'
    assert capsys.readouterr().err == f"jaxcolor: error: {message}\n"


def test_other_modules_are_missed_loudly(without, tmp_path):
    without("jaxcolor.inference")
    with pytest.raises(ModuleNotFoundError, match=r"jaxcolor\.inference"):
        cli.main(["colorize", str(tmp_path)])


def test_an_extra_declares_the_packages_of_its_modules():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    providers = metadata.packages_distributions()
    for extra, modules in extras.MODULES.items():
        declared = _normalized(setup["options.extras_require"][extra])
        assert not set(modules) & _normalized(setup["options"]["install_requires"])
        for module in modules:
            assert declared & _normalized("\n".join(providers[module])), module


def _normalized(requirements):
    names = re.findall(r"^\s*([\w-]+)", requirements, re.MULTILINE)
    return {name.lower().replace("_", "-") for name in names}


# What evaluates and colorizes; what a training or a prepared data set needs.
USED = (
    "jaxcolor.cli.command_line",
    "jaxcolor.evaluation.decoding_sweep",
    "jaxcolor.evaluation.evaluate",
    "jaxcolor.evaluation.report.figures",
    "jaxcolor.inference.folders",
    "jaxcolor.pretrained.release",
    "jaxcolor.recognition",
    "jaxcolor.training.priors",
)


def test_evaluating_imports_nothing_that_only_trains(tmp_path):
    Image.new("RGB", (32, 32), "teal").save(tmp_path / "teal.png")
    modules = {module for of in extras.MODULES.values() for module in of}
    # As if they were not installed: the import itself fails.
    script = f"""
import sys
sys.modules |= dict.fromkeys({sorted(modules)})
import {", ".join(USED)}
from jaxcolor import cli
command = ["evaluate", {str(tmp_path)!r}, "--size", "32", "--resamples", "10"]
sys.exit(cli.main([*command, "--quiet"]))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "gray" in done.stdout
