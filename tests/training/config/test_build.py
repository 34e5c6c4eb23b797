import importlib
from pathlib import Path

import pytest

from configs import l2, scenes_small, zhang2016
from jaxcolor.pretrained import descriptions
from jaxcolor.training.config import build

CONFIGS = sorted(
    path.stem
    for path in (Path(__file__).parents[3] / "configs").glob("*.py")
    if path.stem != "__init__"
)


@pytest.mark.parametrize("name", CONFIGS)
def test_every_section_of_every_config_fits_its_factory(name):
    config = importlib.import_module(f"configs.{name}").get_config()
    build.check(config)
    build.optimizer(config)
    described = build.description(config)
    assert descriptions.from_fields(descriptions.to_fields(described)) == described
    descriptions.network(described)


@pytest.mark.parametrize("name", CONFIGS)
def test_every_config_says_how_to_run_it_and_what_to_expect(name):
    told = importlib.import_module(f"configs.{name}").__doc__
    assert f"\nRun:    jaxcolor train --config configs/{name}.py" in told
    assert "\nExpect: " in told


def test_the_papers_numbers_are_those_of_its_release():
    config = zhang2016.get_config()
    assert config.objective.to_dict() == {
        "name": "classification",
        "neighbors": 10,
        "sigma": 5.0,
        "rebalancing_lambda": 0.5,
        "gray_threshold": 5.0,
    }
    # A crop of 176 leaves 44 x 44 outputs, over which the paper sums.
    assert config.optimizer.eps == pytest.approx(5.165e-12, rel=1e-3)
    assert config.optimizer.weight_decay == pytest.approx(5.165e-7, rel=1e-3)
    rate = build.schedule(config)
    assert float(rate(0)) == pytest.approx(3.16e-5)
    assert float(rate(215_000)) == pytest.approx(9.9856e-6)


def test_a_missing_section_is_named():
    config = scenes_small.get_config()
    del config.prior
    with pytest.raises(ValueError, match=r"missing or unknown.*prior"):
        build.check(config)


def test_a_regression_with_bins_is_refused():
    config = l2.get_config()
    config.gamut = {"spacing": 10.0}
    with pytest.raises(ValueError, match=r"missing or unknown.*gamut"):
        build.check(config)


def test_an_unknown_argument_is_named():
    config = scenes_small.get_config()
    config.objective.update({"lambda_": 0.5})
    with pytest.raises(ValueError, match=r"config.objective has unknown \['lambda_'\]"):
        build.check(config)


def test_a_missing_argument_is_named():
    config = scenes_small.get_config()
    del config.optimizer.b2
    with pytest.raises(ValueError, match=r"config.optimizer lacks \['b2'\]"):
        build.check(config)


def test_an_unknown_choice_is_named_with_the_known_ones():
    config = scenes_small.get_config()
    config.schedule.name = "linear"
    wanted = r"config.schedule.name is 'linear'; wanted one of steps, trapezoid"
    with pytest.raises(ValueError, match=wanted):
        build.check(config)


@pytest.mark.parametrize(
    ("section", "name", "value", "told"),
    [
        ("training", "steps", 0, "steps is 0; wanted 1 or more"),
        ("training", "log_every", -1, "log_every is -1; wanted 1 or more"),
        ("training", "seed", -1, "config.training.seed is -1; wanted from 0"),
        ("pipeline", "crop", 100, "crop is 100; wanted a multiple of 8"),
        ("data", "held_out_fraction", 1.5, "config.data.held_out_fraction is 1.5"),
        ("schedule", "peak", float("nan"), "config.schedule.peak is nan"),
        ("schedule", "warmup", -1, "config.schedule: warmup is -1"),
        ("objective", "neighbors", 0, "neighbors is 0; wanted from 1"),
        ("objective", "sigma", 0.0, "sigma is 0.0; wanted more than 0"),
        ("objective", "rebalancing_lambda", 2.0, "rebalancing_lambda is 2.0"),
        ("gamut", "spacing", 1.0, "config.gamut: spacing is 1.0"),
        ("release", "temperature", 0.0, "config.release.temperature is 0.0"),
        ("release", "decoding_lambda", 2.0, "config.release.rebalancing_lambda is 2.0"),
        ("release", "coherence", 2.0, "config.release.coherence is 2.0; wanted from 0"),
        ("initialization", "method", "zeros", "'zeros'; wanted one of random"),
    ],
)
def test_a_number_of_no_use_is_refused(section, name, value, told):
    config = scenes_small.get_config()
    config[section][name] = value
    with pytest.raises(ValueError, match=told):
        build.check(config)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("rates", {"conv1": 0.1}, r"rates has 'conv1', which matches nothing.*conv1_1"),
        ("rates", {"conv1_1": -1.0}, r"rates has 'conv1_1': -1.0; wanted 0 or more"),
        ("rates", {"head": "x"}, r"rates has 'head': 'x'; wanted 0 or more"),
        ("rates", {"head": float("nan")}, r"rates has 'head': nan; wanted 0 or more"),
        ("warmup", {"heads": 5}, r"warmup has 'heads', which.*known are .*head"),
        ("warmup", {"head": 0.5}, r"warmup has 'head': 0.5; wanted an integer"),
        ("fixed_statistics", ("conv1_2",), r".* 'conv1_2', which.*conv1_2norm"),
        ("fixed_statistics", "conv1_2norm", r".* 'conv1_2norm'; wanted a tuple"),
    ],
)
def test_a_setting_by_layer_of_no_use_is_refused(name, value, told):
    config = scenes_small.get_config()
    config.layers = {"rates": {}, "warmup": {}, "fixed_statistics": (), name: value}
    with pytest.raises(ValueError, match=f"config.layers.{told}"):
        build.check(config)


def test_settings_by_layer_are_taken():
    config = scenes_small.get_config()
    rates = {"": 0.0, "conv8_1": 1.0, "head/kernel": 0.5}
    config.layers = {"rates": rates, "warmup": {"head": 5}, "fixed_statistics": ("",)}
    build.check(config)


def test_the_schedule_follows_overridden_steps():
    config = scenes_small.get_config()
    config.training.steps = 1000
    assert config.schedule.length == 1000
