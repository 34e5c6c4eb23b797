"""The residual encoder, layer by layer in NumPy, and its published numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from skimage import color

from jaxcolor.models import dahl2016

# Channels of the trunk's blocks at this width.
WIDTH, CHANNELS = 0.03, (8, 8, 8, 16)


def _network(**changed):
    fields = {"width": WIDTH, "outputs": 2, "momentum": 0.9}
    return dahl2016.Dahl2016(**(fields | changed))


def _shapes(network):
    return jax.eval_shape(
        lambda: network.init(jax.random.key(0), jnp.zeros((1, 8, 8)), train=False)
    )


def _random_variables():
    random = np.random.default_rng(0)

    def draw(path, x):
        name = path[-1].key
        if name == "kernel":
            return random.normal(size=x.shape) * np.sqrt(2 / np.prod(x.shape[:3]))
        if name in ("var", "scale"):
            return random.uniform(0.5, 1.5, x.shape)
        return random.normal(size=x.shape) / 2

    return jax.tree_util.tree_map_with_path(draw, _shapes(_network()))


def _conv(x, kernel):
    height, width, _ = x.shape
    margin = len(kernel) // 2
    padded = np.pad(x, [(margin, margin), (margin, margin), (0, 0)])
    return sum(
        padded[i : i + height, j : j + width] @ kernel[i, j]
        for i in range(len(kernel))
        for j in range(len(kernel))
    )


def _doubled(x):
    """Linear interpolation at half pixels, the edge continued."""
    for axis in (0, 1):
        at = (np.arange(2 * x.shape[axis]) + 0.5) / 2 - 0.5
        x = np.apply_along_axis(_interpolated, axis, x, at)
    return x


def _interpolated(row, at):
    return np.interp(at, np.arange(len(row)), row)


def _relu(x):
    return np.maximum(x, 0)


def _in_numpy(variables, lightness):
    """The layers of the published figure, one image, in float64."""
    params, stats = variables["params"], variables["batch_stats"]

    def norm(x, name):
        learned, seen = params[name], stats[name]
        standard = (x - seen["mean"]) / np.sqrt(seen["var"] + 1e-5)
        return standard * learned["scale"] + learned["bias"]

    def trunk(x, name):
        layer = params["trunk"][name]
        return _relu(_conv(x, layer["kernel"]) + layer["bias"])

    def pool(x):
        height, width, channels = x.shape
        return x.reshape(height // 2, 2, width // 2, 2, channels).max(axis=(1, 3))

    lab = np.stack([lightness, 0 * lightness, 0 * lightness], -1)
    gray = color.lab2rgb(lab).mean(-1)
    # torchvision's documentation of its models.
    picture = (gray[..., None] - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    conv1 = trunk(trunk(picture, "conv1_1"), "conv1_2")
    conv2 = trunk(trunk(pool(conv1), "conv2_1"), "conv2_2")
    conv3 = trunk(trunk(trunk(pool(conv2), "conv3_1"), "conv3_2"), "conv3_3")
    conv4 = trunk(trunk(trunk(pool(conv3), "conv4_1"), "conv4_2"), "conv4_3")
    kernels = {name: x["kernel"] for name, x in params.items() if "kernel" in x}
    x = _relu(_conv(norm(conv4, "trunk4norm"), kernels["conv4"]))
    x = _doubled(x) + norm(conv3, "trunk3norm")
    x = _relu(norm(_conv(x, kernels["conv3"]), "conv3norm"))
    x = _doubled(x) + norm(conv2, "trunk2norm")
    x = _relu(norm(_conv(x, kernels["conv2"]), "conv2norm"))
    x = _doubled(x) + norm(conv1, "trunk1norm")
    x = _relu(norm(_conv(x, kernels["conv1"]), "conv1norm"))
    x = x + norm(picture, "graynorm")
    x = _relu(norm(_conv(x, kernels["conv0"]), "conv0norm"))
    return norm(_conv(x, kernels["head"]), "headnorm")


def test_outputs_are_those_of_the_same_layers_in_numpy():
    variables = _random_variables()
    lightness = np.random.default_rng(1).uniform(0, 100, (2, 16, 24))
    outputs = jax.jit(lambda v, x: _network().apply(v, x, train=False))(
        jax.tree.map(jnp.float32, variables), jnp.float32(lightness)
    )
    assert outputs.shape == (2, 16, 24, 2)
    for found, one in zip(outputs, lightness, strict=True):
        expected = _in_numpy(variables, one)
        # Sixteen layers of float32 sums; the channels of scikit-image's grays differ by
        # up to 1e-5.
        scale = np.abs(expected).max()
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * scale)


def test_the_parameters_are_as_many_as_in_the_post():
    params = dict(_shapes(_network(width=1.0))["params"])
    trunk = params.pop("trunk")
    assert sum(x.size for x in jax.tree.leaves(trunk)) == 7_635_264
    assert sum(x.size for x in jax.tree.leaves(params)) == 503_901
    kernels = [x["kernel"].size for x in params.values() if "kernel" in x]
    assert sum(kernels) == 501_575


def test_the_width_scales_trunk_and_encoder():
    params = _shapes(_network())["params"]
    for number, channels in enumerate(CHANNELS, 1):
        assert params["trunk"][f"conv{number}_1"]["kernel"].shape[3] == channels
        assert params[f"conv{number}"]["kernel"].shape[2] == channels


def test_operations_are_those_of_the_published_layers():
    # Of VGG-16 up to conv4_3 and of the encoder at 224 pixels, multiply-adds.
    products = _network(width=1.0).flops(224, 224) / 2
    assert products == pytest.approx(13.96e9 + 2.05e9, rel=1e-3)


def test_outputs_of_bfloat16_are_float32():
    network = _network(dtype=jnp.bfloat16)
    outputs = jax.eval_shape(
        lambda v: network.apply(v, jnp.zeros((1, 8, 8)), train=False), _shapes(network)
    )
    assert outputs.dtype == jnp.float32
