import importlib
import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from configs import l2, scenes_small
from jaxcolor import models
from jaxcolor.pretrained import descriptions
from jaxcolor.training.config import build, reading, schema

ROOT = Path(__file__).parents[3]
CONFIGS = sorted(
    path.relative_to(ROOT / "configs").with_suffix("").as_posix()
    for path in (ROOT / "configs").rglob("*.py")
    if not path.stem.startswith("_")
)
# What no module of a training may need to read a config in JSON.
WITHOUT_ML_COLLECTIONS = """
import json, sys
sys.modules["ml_collections"] = None
from jaxcolor.training.config import reading
config = reading.read(sys.argv[1], ["--config.training.steps=5000", *sys.argv[2:]])
assert config.training.steps == config.schedule.length == 5000
assert not config.pipeline.flip
"""


def fields(**changes):
    """Returns the fields of a config; None leaves a section or a setting out."""
    found = scenes_small.get_config().to_dict()
    for section, values in changes.items():
        merged = None if values is None else {**found.get(section, {}), **values}
        found[section] = merged and {n: x for n, x in merged.items() if x is not ...}
    return {name: section for name, section in found.items() if section is not None}


def _module(name):
    return importlib.import_module(f"configs.{name.replace('/', '.')}")


@pytest.mark.parametrize("name", CONFIGS)
def test_every_config_can_be_trained_and_described(name):
    config = reading.read(name, [])
    # The tests have eight devices, and some batches are for fewer.
    batch = {"training.batch_size": 8 * config.training.batch_size}
    build.check(schema.changed(config, batch))
    described = build.description(config)
    assert descriptions.from_fields(descriptions.to_fields(described)) == described
    descriptions.network(described)


@pytest.mark.parametrize("name", CONFIGS)
def test_every_config_says_how_to_run_it_and_what_to_expect(name):
    text = _module(name).__doc__
    assert f"\nRun:    jaxcolor train --config {name} " in text
    assert "\nExpect: " in text


@pytest.mark.parametrize("name", CONFIGS)
def test_a_config_is_the_same_after_json(name):
    config = reading.read(name, [])
    assert schema.bind(json.loads(json.dumps(schema.to_dict(config)))) == config


@pytest.mark.parametrize("name", CONFIGS)
def test_json_has_what_the_file_says(name):
    file = _module(name).get_config().to_dict()
    # JSON has lists for tuples.
    wanted = json.loads(json.dumps(file))
    assert schema.to_dict(reading.read(name, [])) == wanted


def test_json_is_read_without_ml_collections(tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(schema.to_dict(reading.read("scenes_small", []))))
    command = [sys.executable, "-c", WITHOUT_ML_COLLECTIONS, path]
    subprocess.run([*command, "--noconfig.pipeline.flip"], check=True, cwd=ROOT)


def test_the_papers_numbers_are_those_of_its_release():
    config = reading.read("zhang2016", [])
    assert config.objective._asdict() == {
        "neighbors": 10,
        "sigma": 5.0,
        "training_lambda": 0.5,
        "gray_threshold": 5.0,
    }
    # A crop of 176 leaves 44 x 44 outputs, over which the paper sums.
    assert config.optimizer.eps == pytest.approx(5.165e-12, rel=1e-3)
    assert config.optimizer.weight_decay == pytest.approx(5.165e-7, rel=1e-3)
    rate = config.schedule.make()
    assert float(rate(0)) == pytest.approx(3.16e-5)
    assert float(rate(215_000)) == pytest.approx(9.9856e-6)


HUE_CHROMA = {
    "bins": 32,
    "window": 1,
    "hue_weight": 5.0,
    "fading": 0.96,
    "samples": 128,
    "margin": 96,
}


def test_the_numbers_of_larsson_et_al_are_those_of_their_release():
    config = reading.read("larsson2016", [])
    assert config.objective._asdict() == HUE_CHROMA
    assert config.optimizer._asdict() == {
        "momentum": 0.9,
        "weight_decay": 5e-4,
        "bias_rate": 2.0,
    }
    # The shortest side is random between these.
    assert [round(352 * x) for x in config.pipeline.scales] == [352, 600]
    rate = config.schedule.make()
    for step, wanted in ((999_999, 1e-3), (1_000_000, 1e-4), (1_999_999, 1e-6)):
        assert float(rate(step)) == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("bins", 1, "1; wanted from 2 to 1000"),
        ("window", 2, "2; wanted an odd number"),
        ("window", 101, "101; wanted from 1 to 99"),
        ("fading", 1.5, r"1\.5; wanted from 0 to 1"),
        ("samples", -1, "-1; wanted 0 or more"),
        ("margin", -1, "-1; wanted 0 or more"),
        ("hue_weight", -1.0, r"-1\.0; wanted 0 or more"),
    ],
)
def test_numbers_of_hue_and_chroma_out_of_range_are_named(name, value, message):
    objective = {"name": "hue_chroma", **HUE_CHROMA, name: value}
    changes = {"gamut": None, "prior": None}
    found = fields(**changes) | {"objective": objective}
    with pytest.raises(ValueError, match=rf"config\.objective\.{name} is {message}"):
        schema.bind(found)


def test_a_negative_rate_of_a_piecewise_schedule_is_named():
    given = ["--config.schedule.rates=(3e-5,-1.0,0.,0.)"]
    with pytest.raises(
        ValueError, match=r"config.schedule.*rates\[1\] is -1.0; wanted 0 or more"
    ):
        reading.read("alexnet", given)


def test_the_papers_methods_train_as_long_as_its_snapshots():
    # The snapshots whose pictures the paper's authors showed to people.
    snapshots = {
        "zhang2016": 438_000,
        "zhang2016_no_rebalancing": 446_000,
        "l2": 534_000,
        "l2_finetune": 312_000,
    }
    found = {name: reading.read(name, []).training.steps for name in snapshots}
    assert found == snapshots


def test_a_missing_section_is_named():
    with pytest.raises(ValueError, match=r"missing or unknown.*prior"):
        schema.bind(fields(prior=None))


def test_a_regression_with_bins_is_refused():
    found = l2.get_config().to_dict() | {"gamut": {"spacing": 10.0}}
    with pytest.raises(ValueError, match=r"missing or unknown.*gamut"):
        schema.bind(found)


def test_an_unknown_argument_is_named():
    with pytest.raises(ValueError, match=r"config.objective has unknown \['lambda_'\]"):
        schema.bind(fields(objective={"lambda_": 0.5}))


def test_a_missing_argument_is_named():
    with pytest.raises(ValueError, match=r"config.optimizer lacks \['b2'\]"):
        schema.bind(fields(optimizer={"b2": ...}))
    with pytest.raises(ValueError, match=r"config.model lacks \['name'\]"):
        schema.bind(fields(model={"name": ...}))


@pytest.mark.parametrize(
    ("section", "message"),
    [
        (
            "schedule",
            "'linear'; wanted one of piecewise, steps, trapezoid, warmup_cosine",
        ),
        ("model", f"'linear'; wanted one of {', '.join(models.BY_NAME)}"),
    ],
)
def test_an_unknown_choice_is_named_with_the_known_ones(section, message):
    with pytest.raises(ValueError, match=f"config.{section}.name is {message}"):
        schema.bind(fields(**{section: {"name": "linear"}}))


@pytest.mark.parametrize(
    ("section", "name", "value", "message"),
    [
        ("training", "batch_size", "32", "'32'; wanted an integer"),
        ("training", "batch_size", 32.0, "32.0; wanted an integer"),
        ("training", "steps", True, "True; wanted an integer"),
        ("training", "seed", None, "None; wanted an integer"),
        ("schedule", "peak", "1e-3", "'1e-3'; wanted a number"),
        ("schedule", "peak", math.nan, "nan; wanted a finite number"),
        ("schedule", "peak", math.inf, "inf; wanted a finite number"),
        ("schedule", "peak", 10**400, "10+; wanted a finite number"),
        ("training", "steps", 10**400, r"10+; wanted at most 2\^31 - 1"),
        ("training", "seed", 2**31, r"\d+; wanted at most 2\^31 - 1"),
        ("optimizer", "name", [], r"\[\]; wanted one of adadelta, adam"),
        ("pipeline", "flip", "no", "'no'; wanted True or False"),
        ("pipeline", "scales", (), r"\(\); wanted 2 numbers"),
        ("pipeline", "scales", (1.0,), r"\(1.0,\); wanted 2 numbers"),
        ("pipeline", "scales", 1.0, "1.0; wanted 2 numbers"),
        ("data", "source", 3, "3; wanted a text"),
        ("data", "validation", 3, "3; wanted a text"),
        ("model", "width", "wide", "'wide'; wanted a number"),
        ("model", "affine", 1, "1; wanted True or False"),
        ("layers", "rates", 3, "3; wanted a dictionary"),
        ("layers", "fixed_statistics", "head", "'head'; wanted a tuple of texts"),
    ],
)
def test_a_value_of_another_type_is_refused(section, name, value, message):
    with pytest.raises(ValueError, match=f"^config.{section}.{name} is {message}"):
        schema.bind(fields(**{section: {name: value}}))


@pytest.mark.parametrize(
    ("section", "name", "value", "wanted"),
    [
        ("training", "steps", 0, "1 or more"),
        ("training", "batch_size", 0, "1 or more"),
        ("training", "log_every", -1, "1 or more"),
        ("training", "validation_images", -1, "0 or more"),
        ("training", "sheet_every", -1, "0 or more"),
        ("training", "seed", -1, "from 0"),
        ("data", "held_out_fraction", 1.5, "from 0 to below 1"),
        ("pipeline", "crop", 0, "1 or more"),
        ("pipeline", "crop", 104, "at most 96"),
        ("pipeline", "resize", 0, "1 or more"),
        ("pipeline", "threads", 0, "1 or more"),
        ("pipeline", "prefetch", -1, "0 or more"),
        ("objective", "neighbors", 0, "1 or more"),
        ("objective", "sigma", 0.0, "above 0"),
        ("objective", "training_lambda", 2.0, "from 0 to 1"),
        ("gamut", "spacing", 1.0, "from 2 to 40"),
        ("model", "width", 0.0, "above 0"),
        ("model", "width", -1.0, "above 0"),
        ("model", "width", 1e6, "above 0, at most 64"),
        ("model", "momentum", 2.0, "from 0 to below 1"),
        ("initialization", "images", -3, "1 or more"),
        ("initialization", "images", 0, "1 or more"),
        ("initialization", "head_deviation", -0.1, "above 0"),
        ("optimizer", "b1", 2.0, "from 0 to below 1"),
        ("optimizer", "b2", 1.0, "from 0 to below 1"),
        ("optimizer", "eps", -1.0, "above 0"),
        ("optimizer", "clip_norm", -1.0, "above 0"),
        ("optimizer", "weight_decay", -1.0, "0 or more"),
        ("schedule", "peak", -1.0, "0 or more"),
        ("schedule", "warmup", -1, "0 or more, below length 5000"),
        ("average", "decay", 2.0, "from 0 to below 1"),
        ("average", "statistics_batches", -1, "0 or more"),
        ("degradation", "share", 1.5, "from 0 to 1"),
        ("degradation", "fading", 0.5, "from 0 to 0.49"),
        ("parallel", "accumulation", 0, "1 or more"),
        ("parallel", "heartbeat_seconds", 0, "1 or more"),
        ("parallel", "replicas_every", -1, "0 or more"),
        ("release", "size", -5, "1 or more"),
        ("release", "temperature", 0.0, "above 0"),
        ("release", "rebalancing_lambda", 2.0, "from 0 to 1"),
        ("release", "coherence", 2.0, "from 0"),
    ],
)
def test_a_number_out_of_range_is_refused(section, name, value, wanted):
    message = f"^config.{section}.{name} is {value}; wanted {wanted}"
    with pytest.raises(ValueError, match=message):
        schema.bind(fields(**{section: {name: value}}))


@pytest.mark.parametrize(
    ("section", "name", "known"),
    [
        ("parallel", "lift", "jit, pmap"),
        ("parallel", "compute_dtype", "float32, bfloat16"),
        ("initialization", "method", "random, within_channel"),
    ],
)
def test_an_unknown_word_is_refused(section, name, known):
    message = f"^config.{section}.{name} is 'other'; wanted one of {known}"
    with pytest.raises(ValueError, match=message):
        schema.bind(fields(**{section: {name: "other"}}))


@pytest.mark.parametrize("scales", [(0.0, 1.0), (-1.0, 1.0), (2.0, 1.0)])
def test_scales_that_make_no_crop_are_refused(scales):
    with pytest.raises(ValueError, match=r"config.pipeline.scales are .*above 0"):
        schema.bind(fields(pipeline={"scales": scales}))


def test_a_batch_that_parts_cannot_share_is_refused():
    message = "config.training.batch_size is 32 in 3 parts; wanted a multiple"
    with pytest.raises(ValueError, match=message):
        schema.bind(fields(parallel={"accumulation": 3}))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("rates", {"conv1_1": -1.0}, "rates has 'conv1_1': -1.0; wanted 0 or more"),
        ("rates", {"head": "x"}, "rates has 'head': 'x'; wanted 0 or more"),
        ("rates", {"head": math.nan}, "rates has 'head': nan; wanted 0 or more"),
        ("warmup", {"head": 0.5}, "warmup has 'head': 0.5; wanted an integer"),
    ],
)
def test_a_setting_by_layer_out_of_range_is_refused(name, value, message):
    with pytest.raises(ValueError, match=f"^config.layers.{message}"):
        schema.bind(fields(layers={name: value}))


def test_a_change_is_checked():
    config = reading.read("scenes_small", [])
    assert schema.changed(config, {"training.seed": 3}).training.seed == 3
    with pytest.raises(ValueError, match=r"config\.training\.seed is -1"):
        schema.changed(config, {"training.seed": -1})


def test_integers_are_numbers():
    config = schema.bind(fields(schedule={"peak": 1}))
    assert isinstance(config.schedule.peak, float)
    assert np.isclose(config.schedule.peak, 1)
