"""Trunks from torchvision's VGG-16: what the tensors become in another network."""

import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy

from jaxcolor.models import vgg16
from jaxcolor.pretrained.importers import vgg16_weights
from tests.models import test_vgg16

GRAY_MEAN = 0.4488
WIDTHS = test_vgg16.WIDTHS


@pytest.fixture
def state():
    return {name: np.float32(x) for name, x in test_vgg16.random_state().items()}


@pytest.fixture
def path(tmp_path, state):
    safetensors.numpy.save_file(state, tmp_path / "vgg16.safetensors")
    return tmp_path / "vgg16.safetensors"


def _layer(*shape):
    return {"kernel": np.zeros(shape), "bias": np.zeros(shape[-1])}


def _first_block(channels):
    return {
        "conv1_1": _layer(3, 3, channels, WIDTHS[0]),
        "conv1_2": _layer(3, 3, WIDTHS[0], WIDTHS[0]),
    }


def test_a_trunk_of_one_channel_sees_gray_as_three_equal_colors(path):
    colors, gray = (
        vgg16_weights.read_trunk(path, wanted=_first_block(n), gray_mean=GRAY_MEAN)
        for n in (3, 1)
    )
    levels = np.random.default_rng(0).random((1, 9, 9, 1), np.float32)
    blocks = vgg16.Features(WIDTHS[:1])
    equal = vgg16.normalize(jnp.asarray(np.repeat(levels, 3, axis=-1)))
    (expected,) = blocks.apply({"params": colors}, equal)
    (found,) = blocks.apply({"params": gray}, jnp.asarray(levels - GRAY_MEAN))
    # The edges, of two convolutions, are padded with other grays.
    inside = np.s_[:, 2:-2, 2:-2]
    # float32.
    np.testing.assert_allclose(found[inside], expected[inside], atol=1e-5)
    assert np.any(expected[inside])


def test_only_the_layers_of_the_trunk_are_read(path):
    found = vgg16_weights.read_trunk(path, wanted=_first_block(3), gray_mean=0.0)
    assert set(found) == {"conv1_1", "conv1_2"}


def test_dense_layers_become_convolutions(path, state):
    hidden = test_vgg16.HIDDEN
    wanted = {
        "fc6": _layer(7, 7, WIDTHS[-1], hidden),
        "fc7": _layer(1, 1, hidden, hidden),
    }
    found = vgg16_weights.read_trunk(path, wanted=wanted, gray_mean=0.0)
    maps = np.random.default_rng(0).random((7, 7, WIDTHS[-1]), np.float32)
    # PyTorch flattens channels, then height and width.
    dense = state["classifier.0.weight"] @ maps.transpose(2, 0, 1).ravel()
    convolved = np.einsum("hwi,hwio->o", maps, found["fc6"]["kernel"])
    # Sums of 588 float32 products.
    np.testing.assert_allclose(convolved, dense, rtol=0, atol=1e-4)
    np.testing.assert_array_equal(found["fc6"]["bias"], state["classifier.0.bias"])
    np.testing.assert_array_equal(
        found["fc7"]["kernel"][0, 0].T, state["classifier.3.weight"]
    )


def test_a_trunk_of_another_width_is_refused(path):
    wanted = {"conv1_1": _layer(3, 3, 3, 8)}
    with pytest.raises(ValueError, match=r"vgg16.safetensors: .*conv1_1 .*width 1"):
        vgg16_weights.read_trunk(path, wanted=wanted, gray_mean=0.0)
