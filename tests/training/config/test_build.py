import os
import re

import jax
import pytest

from jaxcolor.training.config import build, reading, schema


def config(**changes):
    """Returns scenes_small with changes, such as layers__rates."""
    named = {name.replace("__", "."): value for name, value in changes.items()}
    return schema.changed(reading.read("scenes_small", []), named)


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("pipeline__crop", 92, "pipeline.crop is 92; wanted a multiple of 8"),
        ("objective__neighbors", 400, "objective.neighbors is 400; wanted from 1"),
    ],
)
def test_a_number_that_does_not_fit_the_network_is_refused(setting, value, message):
    with pytest.raises(ValueError, match=f"^config.{message}"):
        build.check(config(**{setting: value}))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("rates", {"conv1": 0.1}, r"rates has 'conv1', which matches nothing.*conv1_1"),
        ("warmup", {"heads": 5}, r"warmup has 'heads', which.*known are .*head"),
        ("fixed_statistics", ("conv1_2",), r".* 'conv1_2', which.*conv1_2norm"),
    ],
)
def test_a_prefix_that_matches_nothing_is_refused(name, value, message):
    with pytest.raises(ValueError, match=f"config.layers.{message}"):
        build.check(config(**{f"layers__{name}": value}))


def test_settings_by_layer_are_taken():
    rates = {"": 0.0, "conv8_1": 1.0, "head/kernel": 0.5}
    build.check(
        config(
            layers__rates=rates,
            layers__warmup={"head": 5},
            layers__fixed_statistics=("",),
        )
    )


def test_a_network_larger_than_the_memory_is_refused_in_a_line(monkeypatch):
    wide = config(model__width=64.0)
    monkeypatch.setattr(os, "sysconf", lambda name: 2**20)
    with pytest.raises(ValueError, match=r"^config\.model makes a .*$") as raised:
        build.check(wide)
    # At width 64 the 32,230,393 parameters are about 64² times as many, of which there
    # are five arrays: parameters, gradients, two moments, averages; 4 bytes each.
    (size,) = re.findall(r"take ([\d,]+) GB", str(raised.value))
    assert float(size.replace(",", "")) == pytest.approx(
        32_230_393 * 64**2 * 5 * 4 / 1e9, rel=0.05
    )


def test_a_network_that_fits_the_memory_is_taken(monkeypatch):
    # Two million parameters take 41 MB so.
    monkeypatch.setattr(os, "sysconf", lambda name: 8_000)
    build.check(config())


def test_a_classification_without_a_temperature_is_refused():
    with pytest.raises(ValueError, match=r"^config\.release\.temperature is missing"):
        build.check(config(release__temperature=None))


def test_a_classification_without_a_lambda_of_decoding_is_refused():
    with pytest.raises(
        ValueError, match=r"^config\.release\.rebalancing_lambda is mis"
    ):
        build.check(config(release__rebalancing_lambda=None))


def guided(**changes):
    """Returns siggraph17 with changes, as `config`."""
    named = {name.replace("__", "."): value for name, value in changes.items()}
    return schema.changed(reading.read("siggraph17", []), named)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"model": {"name": "zhang2016", "width": 0.25, "affine": True}},
            r"objective\.name wants a network that takes hints in training;"
            r" config\.model\.name is 'zhang2016'",
        ),
        (
            {"release": {"temperature": 0.38}},
            r"release\.temperature is 0.38; wanted none",
        ),
    ],
)
def test_what_no_user_guided_network_has_is_refused(changes, message):
    fields = schema.to_dict(guided())
    model = changes.get("model")
    fields["model"] = fields["model"] if model is None else {**model, "momentum": 0.9}
    fields["release"] |= changes.get("release", {})
    with pytest.raises(ValueError, match=rf"^config\.{message}"):
        build.check(schema.bind(fields))


def test_a_network_of_ab_has_no_bins():
    fields = schema.to_dict(config())
    fields["model"] = schema.to_dict(guided())["model"]
    with pytest.raises(ValueError, match="has 313 outputs; wanted 2"):
        build.check(schema.bind(fields))


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("stage", "both", "is 'both'; wanted one of classification, regression"),
        ("hint_stop", 0.0, "is 0.0; wanted from 0.01 to 1"),
        ("hint_side", 0, "is 0; wanted 1 or more"),
        ("revealed_share", 1.5, "is 1.5; wanted from 0 to 1"),
        ("ab_weight", -1.0, "is -1.0; wanted 0 or more"),
    ],
)
def test_settings_of_hints_out_of_range_are_refused(setting, value, message):
    with pytest.raises(ValueError, match=rf"^config\.objective\.{setting} {message}"):
        guided(**{f"objective__{setting}": value})


def test_a_check_computes_nothing(monkeypatch):
    def traced_only(function, **_):
        def call(*operands):
            leaves = jax.tree.leaves(operands)
            assert any(isinstance(x, jax.core.Tracer) for x in leaves), "computed"
            return function(*operands)

        return call

    monkeypatch.setattr(jax, "jit", traced_only)
    build.check(config())


def of_larsson2016(**changes):
    """Returns small/larsson2016 with changes, as by `config`."""
    named = {name.replace("__", "."): value for name, value in changes.items()}
    return schema.changed(reading.read("small/larsson2016", []), named)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"release__temperature": 0.38},
            r"release\.temperature is 0\.38; wanted none, as the model predicts hue",
        ),
        (
            {"objective__samples": 16, "objective__margin": 32},
            r"objective\.margin is 32; wanted less than half the crop's 64",
        ),
        ({"pipeline__crop": 40}, r"pipeline\.crop is 40; wanted a multiple of 32"),
    ],
)
def test_what_hue_and_chroma_cannot_have_is_refused_in_a_line(changes, message):
    with pytest.raises(ValueError, match=rf"^config\.{message}[^\n]*$"):
        build.check(of_larsson2016(**changes))


def test_samples_need_a_network_that_takes_locations():
    fields = schema.to_dict(of_larsson2016(objective__samples=16))
    fields["model"] = schema.to_dict(config())["model"]
    wanted = r"objective\.name wants a network that takes locations .* 'zhang2016'$"
    with pytest.raises(ValueError, match=wanted):
        build.check(schema.bind(fields))


def test_hue_and_chroma_are_taken_for_the_whole_map_of_any_network():
    fields = schema.to_dict(of_larsson2016())
    fields["model"] = schema.to_dict(config())["model"]
    build.check(schema.bind(fields))
