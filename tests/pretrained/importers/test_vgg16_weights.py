"""Trunks from torchvision's VGG-16: what the tensors become in another network."""

import numpy as np
import pytest
import safetensors.numpy

from jaxcolor.pretrained.importers import vgg16_weights
from tests.models import test_vgg16

GRAY_MEAN = 0.4488
WIDTHS = test_vgg16.WIDTHS


@pytest.fixture
def state():
    return test_vgg16.random_state()


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


def _convolved(maps, layer):
    """Inner pixels of a convolution, by the window of each."""
    windows = np.lib.stride_tricks.sliding_window_view(maps, (3, 3), axis=(0, 1))
    return np.einsum("hwikl,klio->hwo", windows, layer["kernel"]) + layer["bias"]


def test_a_trunk_of_one_channel_sees_gray_as_three_equal_colors(path):
    colors, gray = (
        vgg16_weights.read_trunk(path, wanted=_first_block(n), gray_mean=GRAY_MEAN)
        for n in (3, 1)
    )
    levels = np.random.default_rng(0).random((9, 9, 1))
    # torchvision's documentation of its models.
    normalized = (levels - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    expected = _convolved(normalized, colors["conv1_1"])
    found = _convolved(levels - GRAY_MEAN, gray["conv1_1"])
    # float32 weights.
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_array_equal(
        gray["conv1_2"]["kernel"], colors["conv1_2"]["kernel"]
    )


def test_only_the_layers_of_the_trunk_are_read(path):
    norm = {"scale": np.ones(WIDTHS[0])}
    wanted = {**_first_block(3), "conv1_1norm": norm}
    found = vgg16_weights.read_trunk(path, wanted=wanted, gray_mean=0.0)
    assert set(found) == {"conv1_1", "conv1_2", "conv1_1norm"}
    assert found["conv1_1norm"] is norm


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
