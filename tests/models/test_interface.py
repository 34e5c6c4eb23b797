"""What networks declare is what they do; by shapes only, so that nothing compiles."""

import jax
import jax.numpy as jnp
import pytest

from jaxcolor import models
from jaxcolor.models.interface import Network

ARGUMENTS = {
    "alexnet": {"width": 0.125},
    "lite_fpn": {"width": 0.25, "encoder_width": 0.25, "encoder_depth": 0.25},
    "zhang2016": {"width": 0.125, "affine": True},
}


@pytest.fixture(params=sorted(models.BY_NAME))
def network(request) -> Network:
    make = models.BY_NAME[request.param]
    return make(**ARGUMENTS[request.param], outputs=7, momentum=0.9)


def _variables(network, side):
    return jax.eval_shape(
        lambda: network.init(jax.random.key(0), jnp.zeros((1, side, side)), train=False)
    )


def test_a_network_declares_all(network):
    assert isinstance(network, Network)
    assert network.extra_inputs == ()


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
    assert jax.tree.leaves(shapes)[0].shape[3] == network.outputs == 7


def test_the_outer_layers_see_lightness_and_give_the_outputs(network):
    params = _variables(network, network.input_multiple)["params"]

    def layer(name):
        found = params
        for part in name.split("/"):
            found = found[part]
        return found

    assert layer(network.outer_layers.first)["kernel"].shape[2] == 1
    assert layer(network.outer_layers.last)["bias"].shape == (7,)


def test_another_size_is_refused(network):
    side = network.input_multiple
    with pytest.raises(ValueError, match=f"{side}x{side + 1} .* multiples of {side}"):
        network.flops(side, side + 1)


def test_the_operations_grow_with_the_pixels(network):
    side = 128 * network.input_multiple
    ratio = network.flops(2 * side, side) / network.flops(side, side)
    # Maps may have a pixel more than their share.
    assert ratio == pytest.approx(2, rel=0.01)
