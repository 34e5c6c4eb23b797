"""The hypercolumn network: its size, and its released form written out in NumPy."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from scipy import signal
from skimage import color

from jaxcolor import models
from jaxcolor.models import larsson2016

CONVS = {1: 2, 2: 2, 3: 3, 4: 3, 5: 3}
TRUNK = [f"conv{i}_{j}" for i, n in CONVS.items() for j in range(1, n + 1)]
TRUNK += ["fc6", "fc7"]
OUTPUTS = 6
SIZE = (64, 96)


def _network(**changed):
    # Eight channels in every layer, the least that there can be.
    fields = {"width": 0.001, "outputs": OUTPUTS, "momentum": 0.9}
    return larsson2016.Larsson2016(**(fields | changed))


def _shapes(network):
    return jax.eval_shape(
        lambda key: network.init(key, jnp.zeros((1, 32, 32)), train=False),
        jax.random.key(0),
    )


@functools.cache
def _variables():
    """Parameters and statistics of the smallest network, none of them trivial."""
    random = np.random.default_rng(0)

    def draw(path, leaf):
        kind, size = path[-1].key, leaf.shape
        if kind == "kernel":
            spread = np.sqrt(2 / np.prod(size[:3]))
            return np.asarray(spread * random.standard_normal(size), np.float32)
        low, high = (0.1, 0.3) if kind == "var" else (-0.2, 0.2)
        return np.asarray(random.uniform(low, high, size), np.float32)

    return jax.tree_util.tree_map_with_path(draw, _shapes(_network()))


def _lightness():
    uniform = np.random.default_rng(1).uniform(0, 100, (2, *SIZE))
    return jnp.asarray(uniform, jnp.float32)


@jax.jit
def _apply(variables, lightness, locations=None):
    return _network().apply(variables, lightness, train=False, locations=locations)


def _count(tree):
    return sum(leaf.size for leaf in jax.tree.leaves(tree))


def test_the_full_network_has_the_published_number_of_parameters():
    variables = _shapes(_network(width=1.0, outputs=64))
    # 588.16 MB in the paper's table; the released file has 588,203,256 bytes.
    assert _count(variables["params"]) == 147_041_024
    # A mean and a variance for each channel of the trunk.
    assert _count(variables["batch_stats"]) == 2 * (4224 + 8192)


def test_the_hypercolumn_has_12417_channels():
    kernel = _shapes(_network(width=1.0))["params"]["h_fc1"]["kernel"]
    assert kernel.shape == (1, 1, 12_417, 1024)


def test_trunk_layers_are_named_as_those_of_vgg16():
    params = _variables()["params"]
    assert set(params) == {"trunk", "h_fc1", "head"}
    assert set(params["trunk"]) == set(TRUNK)


def _correlated(x, layer):
    """An odd correlation, zeros around, by SciPy: one pair of channels at a time."""
    kernel = layer["kernel"]
    y = np.zeros((*x.shape[:2], kernel.shape[-1]))
    for out in range(kernel.shape[-1]):
        for channel in range(x.shape[-1]):
            y[..., out] += signal.correlate2d(
                x[..., channel], kernel[..., channel, out], mode="same"
            )
    return y + layer["bias"]


def _pooled(x, size, how):
    height, width, channels = x.shape
    squares = x.reshape(height // size, size, width // size, size, channels)
    return how(squares, axis=(1, 3))


def _deconvolved(x, factor):
    """Caffe's deconvolution with its bilinear filler, pixel by pixel."""
    if factor == 1:
        return x
    size, pad = 2 * factor, factor // 2
    center = (2 * factor - 1) / (2 * factor)
    line = np.array([1 - abs(n / factor - center) for n in range(size)])
    kernel = line[:, None, None] * line[None, :, None]
    height, width, channels = x.shape
    y = np.zeros((height * factor + 2 * pad, width * factor + 2 * pad, channels))
    for row in range(height):
        for column in range(width):
            down, right = row * factor, column * factor
            y[down : down + size, right : right + size] += kernel * x[row, column]
    return y[pad:-pad, pad:-pad]


def _network_in_numpy(variables, lightness):
    """Outputs of one photograph, with the whole hypercolumn put together."""
    variables = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), variables)
    params, running = variables["params"], variables["batch_stats"]["trunk"]
    gray = color.lab2rgb(np.stack([lightness, 0 * lightness, 0 * lightness], -1))
    x = gray[..., :1] - 0.4488
    sources, scales = [x], [1]
    for name in TRUNK:
        if name == "fc6" or (name.endswith("_1") and name != "conv1_1"):
            x = _pooled(x, 2, np.max)
        x = _correlated(x, params["trunk"][name])
        x = (x - running[f"{name}norm"]["mean"]) / np.sqrt(
            running[f"{name}norm"]["var"] + 1e-5
        )
        x = np.maximum(x, 0)
        sources.append(x)
        scales.append(lightness.shape[0] // x.shape[0])
    # The scales of the released training file.
    assert scales == [1, 1, 1, 2, 2, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32]
    hypercolumn = np.concatenate(
        [
            _pooled(x, 4 // scale, np.mean)
            if scale < 4
            else _deconvolved(x, scale // 4)
            for x, scale in zip(sources, scales, strict=True)
        ],
        axis=-1,
    )
    h_fc1 = hypercolumn @ params["h_fc1"]["kernel"][0, 0] + params["h_fc1"]["bias"]
    head = params["head"]
    return np.maximum(h_fc1, 0) @ head["kernel"][0, 0] + head["bias"]


def test_outputs_are_those_of_the_network_with_a_whole_hypercolumn_in_numpy():
    lightness = _lightness()
    expected = [
        _network_in_numpy(_variables(), np.asarray(x, np.float64)) for x in lightness
    ]
    found = _apply(_variables(), lightness)
    # 17 layers of float32 sums, each off by some 1e-7 of its scale.
    scale = np.abs(expected).max()
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5 * scale)


def test_outputs_at_locations_are_those_of_their_cells_of_the_whole_map():
    rows, columns = SIZE[0] // 4, SIZE[1] // 4
    # All cells, the corners included, in another order for each photograph.
    whole = np.stack(np.meshgrid(range(rows), range(columns), indexing="ij"), axis=-1)
    random = np.random.default_rng(0)
    cells = np.stack([random.permutation(whole.reshape(-1, 2)) for _ in range(2)])
    locations = 4 * cells + random.integers(0, 4, cells.shape)
    found = _apply(_variables(), _lightness(), jnp.asarray(locations, jnp.int32))
    dense = np.asarray(_apply(_variables(), _lightness()))
    expected = [[image[tuple(at.T)]] for image, at in zip(dense, cells, strict=True)]
    # The same sums, of which enlarging comes first here.
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.ptp(dense))


@pytest.mark.slow
def test_gradients_at_all_cells_are_those_of_the_whole_map():
    layer = larsson2016.Hypercolumn(features=3, dtype=jnp.float32)
    random = np.random.default_rng(0)
    maps = {
        factor: jnp.asarray(random.normal(size=(1, 8 // factor, 16 // factor, 2)), "f4")
        for factor in (1, 2, 4, 8)
    }
    by_y = jnp.asarray(random.normal(size=(1, 8, 16, 3)), jnp.float32)
    cells = np.stack(np.meshgrid(range(8), range(16), indexing="ij"), axis=-1)
    kernel = jnp.asarray(random.normal(size=(1, 1, 8, 3)), jnp.float32)

    def loss(kernel, maps, cells):
        params = {"kernel": kernel, "bias": jnp.zeros(3)}
        y = layer.apply({"params": params}, maps, cells)
        return (y.reshape(by_y.shape) * by_y).sum()

    slopes = jax.jit(jax.grad(loss, argnums=(0, 1)))
    found = slopes(kernel, maps, jnp.asarray(cells.reshape(1, -1, 2)))
    # float32 sums over 128 cells, in another order.
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=1e-4),
        found,
        slopes(kernel, maps, None),
    )


def test_cells_are_given_with_the_outputs_at_locations():
    locations = jnp.array([[[15, 20], [0, 3]]], jnp.int32)

    def apply(locations):
        return _network().apply(
            _variables(),
            _lightness()[:1],
            train=False,
            locations=locations,
            method="outputs_and_extra",
        )

    outputs, extra = jax.jit(apply)(locations)
    assert outputs.shape == (1, 1, 2, OUTPUTS)
    assert extra["cells"].tolist() == [[[3, 5], [0, 0]]]
    dense, extra = jax.eval_shape(lambda: apply(None))
    assert dense.shape == (1, SIZE[0] // 4, SIZE[1] // 4, OUTPUTS)
    assert extra == {}


@functools.partial(jax.jit, static_argnames="train")
def _dropped(seed, *, train):
    """Returns what goes into and comes out of each dropout of a forward pass."""
    seen = []
    # Made before its dropouts would be recorded, too.
    variables = _variables()

    def record(call, args, kwargs, context):
        y = call(*args, **kwargs)
        if isinstance(context.module, nn.Dropout):
            seen.append((args[0], y))
        return y

    with nn.intercept_methods(record):
        _network().apply(
            variables,
            _lightness(),
            train=train,
            rngs={"dropout": jax.random.key(seed)},
            mutable=["batch_stats"],
        )
    return seen


@pytest.mark.slow
def test_training_leaves_out_half_of_fc6_fc7_and_h_fc1():
    found = _dropped(0, train=True)
    assert [x.shape[1:3] for x, _ in found] == [(2, 3), (2, 3), (16, 24)]
    for x, y in found:
        kept = np.asarray(y)[np.asarray(x) > 0] > 0
        # Five standard deviations of as many fair coins.
        assert abs(kept.mean() - 0.5) < 2.5 / np.sqrt(kept.size)
        # Twice, so that the mean stays; exact in binary.
        np.testing.assert_array_equal(y, np.where(np.asarray(y) > 0, 2 * x, 0))
    other = [np.asarray(y) for _, y in _dropped(1, train=True)]
    assert not any(map(np.array_equal, other, [y for _, y in found]))


def test_use_leaves_out_nothing():
    for x, y in _dropped(0, train=False):
        np.testing.assert_array_equal(x, y)


def test_training_updates_the_statistics_of_every_layer_of_the_trunk():
    @jax.jit
    def statistics():
        _, changed = _network().apply(
            _variables(),
            _lightness(),
            train=True,
            rngs={"dropout": jax.random.key(0)},
            mutable=["batch_stats"],
        )
        return changed["batch_stats"]

    old = _variables()["batch_stats"]
    close = jax.tree.map(np.allclose, statistics(), old)
    assert set(close["trunk"]) == {f"{name}norm" for name in TRUNK}
    assert not any(jax.tree.leaves(close))


def test_networks_are_found_by_name():
    assert models.BY_NAME["larsson2016"] is larsson2016.Larsson2016


def test_operations_are_those_counted_by_hand():
    network = _network(width=1.0, outputs=64)
    # At 256 x 256 pixels, layer by layer: 20.06 G multiply-adds of VGG-16's
    # convolutions at 256/224 of its size squared, less two of conv1_1's three input
    # channels; fc6 and fc7 at 8 x 8; h_fc1 at the sizes of its sources; the outputs.
    trunk = 15_346_630_656 * 256**2 // 224**2 - 2 * 9 * 64 * 256**2
    dense = 64 * 4096 * (49 * 512 + 4096)
    sizes = {64: 1 + 2 * 64 + 2 * 128 + 3 * 256, 32: 3 * 512, 16: 3 * 512, 8: 2 * 4096}
    h_fc1 = sum(side**2 * channels * 1024 for side, channels in sizes.items())
    by_hand = trunk + dense + h_fc1 + 64**2 * 1024 * 64
    assert network.flops(256, 256) == 2 * by_hand
    # The reference has 27.6 G multiply-adds for the trunk.
    assert (trunk + dense) / 1e9 == pytest.approx(27.6, rel=0.05)


def test_operations_are_those_that_xla_counts():
    network = _network(width=0.125, outputs=64)
    lightness = jax.ShapeDtypeStruct((1, 256, 256), jnp.float32)
    cost = jax.jit(lambda v, x: network.apply(v, x, train=False)).lower(
        _shapes(network), lightness
    )
    counted = cost.compile().cost_analysis()["flops"]
    # XLA leaves out products with the zeros at borders, most of fc6's on an 8 x 8 map,
    # and adds what is no convolution.
    assert counted == pytest.approx(network.flops(256, 256), rel=0.1)
