"""What networks declare is what they do; by shapes only, so that nothing compiles."""

import inspect

import jax
import jax.numpy as jnp
import pytest

from jaxcolor import models
from jaxcolor.models.interface import Network

ARGUMENTS = {
    "larsson2016": {"width": 0.01},
    "dahl2016": {"width": 0.03},
    "iizuka2016": {"width": 0.02, "global_size": 32, "classes": 3},
    "alexnet": {"width": 0.125},
    "lite_fpn": {"width": 0.25, "encoder_width": 0.25, "encoder_depth": 0.25},
    "siggraph17": {"width": 0.125, "centers_mask": True},
    "zhang2016": {"width": 0.125, "affine": True},
}
# Of networks that predict ab itself; others have any number of outputs.
OUTPUTS = {"siggraph17": 2}
# Channels of the first layer besides lightness, by extra input.
CHANNELS = {"hints": 3, "locations": 0}


@pytest.fixture(params=sorted(models.BY_NAME))
def network(request) -> Network:
    make = models.BY_NAME[request.param]
    outputs = OUTPUTS.get(request.param, 7)
    return make(**ARGUMENTS[request.param], outputs=outputs, momentum=0.9)


def _variables(network, side):
    return jax.eval_shape(
        lambda: network.init(jax.random.key(0), jnp.zeros((1, side, side)), train=False)
    )


def test_a_network_declares_all(network):
    assert isinstance(network, Network)
    for name in network.extra_inputs:
        # Colorizing gives none of them.
        assert (
            inspect.signature(type(network).__call__).parameters[name].default is None
        )
    assert set(network.extra_inputs) <= set(CHANNELS)


def test_extra_outputs_are_those_that_a_network_declares(network):
    if not network.extra_outputs:
        assert not hasattr(network, "outputs_and_extra")
        return
    side = network.input_multiple
    outputs, extra = jax.eval_shape(
        lambda variables: network.apply(
            variables,
            jnp.zeros((1, side, side)),
            train=False,
            method="outputs_and_extra",
        ),
        _variables(network, side),
    )
    assert outputs.shape[-1] == network.outputs
    # Cells belong to locations, of which none are given.
    assert set(extra) == set(network.extra_outputs) - {"cells"}


def test_the_output_map_is_smaller_by_the_stride(network):
    height, width = 2 * network.input_multiple, 3 * network.input_multiple
    method = "outputs_and_features" if network.has_features else "__call__"
    shapes = jax.eval_shape(
        lambda variables: network.apply(
            variables, jnp.zeros((2, height, width)), train=False, method=method
        ),
        _variables(network, network.input_multiple),
    )
    stride = network.output_stride
    for found in jax.tree.leaves(shapes):
        assert found.shape[:3] == (2, height // stride, width // stride)
    assert jax.tree.leaves(shapes)[0].shape[3] == network.outputs


def test_the_outer_layers_see_lightness_and_give_the_outputs(network):
    params = _variables(network, network.input_multiple)["params"]

    def layer(name):
        found = params
        for part in name.split("/"):
            found = found[part]
        return found

    # One channel, or its copies for an encoder that knows colors.
    seen = layer(network.outer_layers.first)["kernel"].shape[2]
    assert seen in (1, 3) or seen == 1 + sum(
        CHANNELS[name] for name in network.extra_inputs
    )
    assert layer(network.outer_layers.last)["bias"].shape == (network.outputs,)


def test_an_encoder_is_a_part_of_the_parameters(network):
    if network.encoder is not None:
        params = _variables(network, network.input_multiple)["params"]
        assert network.encoder.module in params


def test_another_size_is_refused(network):
    side = network.input_multiple
    with pytest.raises(ValueError, match=f"{side}x{side + 1} .* multiples of {side}"):
        network.flops(side, side + 1)


def test_the_operations_grow_with_the_pixels(network):
    side = 128 * network.input_multiple
    ratio = network.flops(2 * side, side) / network.flops(side, side)
    # Maps may have a pixel more than their share.
    assert ratio == pytest.approx(2, rel=0.01)
