"""The network against its table, and against loops over its definition in NumPy."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcolor.models import alexnet

# Kernel, stride, padding, dilation and groups of the authors' train_val.prototxt.
CONVOLUTIONS = {
    "conv1": (11, 4, 5, 1, 1),
    "conv2": (5, 1, 2, 1, 2),
    "conv3": (3, 1, 1, 1, 1),
    "conv4": (3, 1, 1, 1, 2),
    "conv5": (3, 1, 1, 1, 2),
    "fc6": (6, 1, 5, 2, 1),
    "fc7": (1, 1, 0, 1, 1),
}
POOLINGS = {"conv1": ("pool1", 2), "conv2": ("pool2", 2), "conv5": ("pool5", 1)}


def _network(**changed):
    # 8, 16 and 208 channels: several in each group.
    fields = {"width": 0.05, "outputs": 5, "momentum": 0.9}
    return alexnet.AlexNet(**(fields | changed))


def _shapes(network):
    return jax.eval_shape(
        lambda: network.init(jax.random.key(0), jnp.zeros((1, 8, 8)), train=False)
    )


@functools.cache
def _variables():
    """Random parameters and statistics of the small network, none of them trivial."""
    random = np.random.default_rng(0)

    def draw(path, leaf):
        kind, size = path[-1].key, leaf.shape
        if kind == "kernel":
            spread = np.sqrt(2 / np.prod(size[:3]))
            return np.asarray(spread * random.standard_normal(size), np.float32)
        low, high = (0.5, 1.5) if kind == "var" else (-0.2, 0.2)
        return np.asarray(random.uniform(low, high, size), np.float32)

    return jax.tree_util.tree_map_with_path(draw, _shapes(_network()))


def _lightness(*size):
    uniform = np.random.default_rng(1).uniform(0, 100, size)
    return jnp.asarray(uniform, jnp.float32)


def test_the_full_network_has_the_parameters_of_its_table():
    variables = _shapes(_network(width=1.0, outputs=313))
    found = {
        name: sum(leaf.size for leaf in layer.values())
        for name, layer in variables["params"].items()
    }
    assert found == {
        "conv1": 11_712,
        "conv2": 307_456,
        "conv3": 885_120,
        "conv4": 663_936,
        "conv5": 442_624,
        "fc6": 37_752_832,
        "fc7": 16_781_312,
        "fc8": 1_282_361,
    }
    # Normalization learns nothing, and keeps two numbers for each channel.
    channels = 96 + 256 + 384 + 384 + 256 + 4096 + 4096
    running = jax.tree.leaves(variables["batch_stats"])
    assert sum(leaf.size for leaf in running) == 2 * channels


def test_maps_have_the_sizes_of_the_table_at_256_pixels():
    network = _network()
    outputs, maps = jax.eval_shape(
        lambda variables: network.apply(
            variables, jnp.zeros((1, 256, 176)), train=False, method="outputs_and_maps"
        ),
        _shapes(network),
    )
    assert outputs.shape == (1, 32, 22, 5)
    assert {name: x.shape[1] for name, x in maps.items()} == {
        "conv1": 64,
        "pool1": 33,
        "conv2": 33,
        "pool2": 17,
        "conv3": 17,
        "conv4": 17,
        "conv5": 17,
        "pool5": 17,
        "fc6": 17,
        "fc7": 17,
    }
    # A crop of 176 pixels has the same maps inside as the authors' 180.
    assert maps["pool1"].shape[2] == 23
    assert maps["fc7"].shape[2] == 12


def _correlated(x, layer, *, size, stride, padding, dilation, groups):
    """A convolution as Caffe defines it: output by output, in float64."""
    kernel, bias = layer["kernel"], layer["bias"]
    padded = np.pad(x, [(0, 0), (padding, padding), (padding, padding), (0, 0)])
    reach = dilation * (size - 1) + 1
    rows, columns = ((n - reach) // stride + 1 for n in padded.shape[1:3])
    seen, made = x.shape[3] // groups, kernel.shape[3] // groups
    y = np.zeros((len(x), rows, columns, kernel.shape[3]))
    for row, column in np.ndindex(rows, columns):
        top, left = row * stride, column * stride
        window = padded[:, top : top + reach : dilation, left : left + reach : dilation]
        for group in range(groups):
            out = slice(group * made, (group + 1) * made)
            part = window[..., group * seen : (group + 1) * seen]
            y[:, row, column, out] = np.einsum("bijc,ijco->bo", part, kernel[..., out])
    return y + bias


def _pooled(x, *, stride):
    """The largest of each 3x3 pixels; a last window begins inside or on the padding."""
    size = x.shape[1:3]
    rows, columns = (int(np.ceil((n + 2 - 3) / stride)) + 1 for n in size)
    y = np.zeros((len(x), rows, columns, x.shape[3]))
    for row, column in np.ndindex(rows, columns):
        top, left = row * stride - 1, column * stride - 1
        window = x[:, max(top, 0) : top + 3, max(left, 0) : left + 3]
        y[:, row, column] = window.max(axis=(1, 2))
    return y


def _resized(x, height, width):
    """Bilinear between the corners, one pixel after the other."""
    y = np.zeros((len(x), height, width, x.shape[3]))
    for row, column in np.ndindex(height, width):
        down = row * (x.shape[1] - 1) / max(height - 1, 1)
        across = column * (x.shape[2] - 1) / max(width - 1, 1)
        for i, j in itertools.product((0, 1), (0, 1)):
            n, m = int(down) + i, int(across) + j
            share = abs(1 - i - down % 1) * abs(1 - j - across % 1)
            if share:
                y[:, row, column] += share * x[:, n, m]
    return y


def _maps_in_numpy(variables, lightness):
    variables = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), variables)
    params, running = variables["params"], variables["batch_stats"]
    names = ("size", "stride", "padding", "dilation", "groups")
    maps, x = {}, np.asarray(lightness, np.float64)[..., None] - 50
    for name, form in CONVOLUTIONS.items():
        x = _correlated(x, params[name], **dict(zip(names, form, strict=True)))
        norm = running[f"{name}norm"]
        x = maps[name] = np.maximum((x - norm["mean"]) / np.sqrt(norm["var"] + 1e-5), 0)
        if name in POOLINGS:
            pool, stride = POOLINGS[name]
            x = maps[pool] = _pooled(x, stride=stride)
    y = x @ params["fc8"]["kernel"][0, 0] + params["fc8"]["bias"]
    height, width = (n // 8 for n in lightness.shape[1:])
    return _resized(y, height, width), maps


# Odd and even maps at each pooling, and a single row of outputs.
@pytest.mark.parametrize(("height", "width"), [(40, 64), (8, 56)])
def test_outputs_and_maps_are_those_of_the_network_written_out_in_numpy(height, width):
    x = _lightness(2, height, width)
    outputs, maps = _maps_in_numpy(_variables(), x)
    found, found_maps = jax.jit(
        lambda v, x: _network().apply(v, x, train=False, method="outputs_and_maps")
    )(_variables(), x)
    assert set(maps) == set(found_maps)
    for name, expected in (maps | {"fc8": outputs}).items():
        # Eight layers of float32 sums, each off by some 1e-7 of its scale.
        np.testing.assert_allclose(
            (found_maps | {"fc8": found})[name],
            expected,
            rtol=0,
            atol=1e-5 * np.abs(expected).max(),
            err_msg=name,
        )


def test_operations_are_those_of_the_maps_and_kernels():
    network = _network(width=1.0, outputs=313)
    variables = _shapes(network)
    _, maps = jax.eval_shape(
        lambda v: network.apply(
            v, jnp.zeros((1, 184, 256)), train=False, method="outputs_and_maps"
        ),
        variables,
    )
    sizes = maps | {"fc8": maps["fc7"]}
    expected = sum(
        2 * layer["kernel"].size * sizes[name].shape[1] * sizes[name].shape[2]
        for name, layer in variables["params"].items()
    )
    assert network.flops(184, 256) == expected


def test_training_normalizes_by_the_batch_and_keeps_its_statistics():
    x = _lightness(3, 16, 16)
    _, changed = jax.jit(
        lambda v, x: _network().apply(v, x, train=True, mutable=["batch_stats"])
    )(_variables(), x)
    exact = _correlated(
        np.asarray(x, np.float64)[..., None] - 50,
        jax.tree.map(np.asarray, _variables()["params"]["conv1"]),
        size=11,
        stride=4,
        padding=5,
        dilation=1,
        groups=1,
    )
    old = _variables()["batch_stats"]["conv1norm"]["mean"]
    np.testing.assert_allclose(
        changed["batch_stats"]["conv1norm"]["mean"],
        0.9 * old + 0.1 * exact.mean(axis=(0, 1, 2)),
        # Sums of 48 responses of up to some hundreds in float32.
        rtol=1e-4,
        atol=1e-4,
    )


@pytest.mark.parametrize(("height", "width"), [(180, 184), (32, 36)])
def test_sizes_that_are_no_multiple_of_8_are_refused(height, width):
    with pytest.raises(ValueError, match=f"{height}x{width} pixels.*multiples of 8"):
        jax.eval_shape(
            lambda x: _network().apply(_variables(), x, train=False),
            jnp.zeros((1, height, width)),
        )


def test_the_corners_of_a_resized_map_keep_their_values():
    x = np.arange(12.0, dtype=np.float32).reshape(1, 3, 4, 1)
    y = alexnet.resize(jnp.asarray(x), height=5, width=7)[0, :, :, 0]
    # Every second pixel is one of the old ones, as at the authors' 12 to 23.
    np.testing.assert_allclose(y[::2, ::2], x[0, :, :, 0], atol=1e-6)
    np.testing.assert_allclose(y[1, 1], (0 + 1 + 4 + 5) / 4, atol=1e-6)
