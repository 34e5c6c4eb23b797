"""The network: its size, its padding, and PyTorch's form of the same network."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcolor import models
from jaxcolor.models import zhang2016

BINS = 313


def _network(**changed):
    fields = {"width": 0.125, "outputs": BINS, "affine": True, "momentum": 0.9}
    return zhang2016.Zhang2016(**(fields | changed))


@functools.cache
def _variables():
    """Parameters and statistics of the default network, none of them trivial."""
    network, lightness = _network(), jnp.zeros((1, 8, 8))
    shapes = jax.eval_shape(
        lambda key: network.init(key, lightness, train=False), jax.random.key(0)
    )
    random = np.random.default_rng(0)

    def draw(path, leaf):
        kind, size = path[-1].key, leaf.shape
        if kind == "kernel":
            spread = np.sqrt(2 / np.prod(size[:3]))
            return np.asarray(spread * random.standard_normal(size), np.float32)
        low, high = (0.5, 1.5) if kind in ("var", "scale") else (-0.2, 0.2)
        return np.asarray(random.uniform(low, high, size), np.float32)

    return jax.tree_util.tree_map_with_path(draw, shapes)


def _lightness(*size):
    uniform = np.random.default_rng(1).uniform(0, 100, size)
    return jnp.asarray(uniform, jnp.float32)


def _count(tree):
    return sum(leaf.size for leaf in jax.tree.leaves(tree))


@pytest.mark.parametrize(("affine", "extra"), [(False, 0), (True, 4_992)])
def test_the_full_network_has_the_published_number_of_parameters(affine, extra):
    network = _network(width=1.0, affine=affine)
    variables = jax.eval_shape(
        lambda key: network.init(key, jnp.zeros((1, 8, 8)), train=False),
        jax.random.key(0),
    )
    # All convolutions, the head included; without the fixed 313-to-2 layer (626).
    assert _count(variables["params"]) == 32_230_393 + extra
    assert _count(variables["batch_stats"]) == 4_992


def test_layers_are_named_as_in_the_release():
    convs = {1: 2, 2: 2, 3: 3, 4: 3, 5: 3, 6: 3, 7: 3, 8: 3}
    norms = {f"conv{i}_{n}norm" for i, n in convs.items() if i < 8}
    names = {f"conv{i}_{j}" for i, n in convs.items() for j in range(1, n + 1)}
    assert set(_variables()["params"]) == names | norms | {"head"}
    assert set(_variables()["batch_stats"]) == norms


@pytest.mark.parametrize(("height", "width"), [(32, 32), (8, 40), (48, 16)])
def test_outputs_are_a_quarter_as_high_and_wide(height, width):
    network, lightness = _network(outputs=2), jnp.zeros((3, height, width))
    made = jax.eval_shape(
        lambda key: network.init_with_output(key, lightness, train=False)[0],
        jax.random.key(0),
    )
    assert made.shape == (3, height // 4, width // 4, 2)
    assert made.dtype == jnp.float32


@pytest.mark.parametrize(("height", "width"), [(32, 36), (31, 32)])
def test_sizes_that_are_no_multiple_of_8_are_refused(height, width):
    with pytest.raises(ValueError, match=f"{height}x{width} pixels.*multiples of 8"):
        jax.eval_shape(
            lambda x: _network().apply(_variables(), x, train=False),
            jnp.zeros((1, height, width)),
        )


@pytest.mark.parametrize(("width", "channels"), [(0.01, 8), (0.25, 16), (0.3, 16)])
def test_channels_are_rounded_to_multiples_of_8(width, channels):
    shapes = jax.eval_shape(
        lambda key: _network(width=width).init(key, jnp.zeros((1, 8, 8)), train=False),
        jax.random.key(0),
    )
    assert shapes["params"]["conv1_1"]["kernel"].shape == (3, 3, 1, channels)


# Blocks as in the authors' train_val.prototxt: convolutions, stride of the last one,
# dilation of all; each ends with a normalization, on what its last ReLU leaves.
BLOCKS = ((2, 2, 1), (2, 2, 1), (3, 2, 1), (3, 1, 1), (3, 1, 2), (3, 1, 2), (3, 1, 1))


def _correlated(x, layer, *, stride=1, dilation=1):
    """A 3x3 correlation, padded equally on all sides, tap by tap in float64."""
    kernel = layer["kernel"]
    padded = np.pad(x, [(0, 0), (dilation, dilation), (dilation, dilation), (0, 0)])
    height, width = x.shape[1:3]
    y = sum(
        padded[:, dilation * k : dilation * k + height, dilation * j :][:, :, :width]
        @ kernel[k, j]
        for k in range(3)
        for j in range(3)
    )
    return y[:, ::stride, ::stride] + layer["bias"]


def _transposed(x, layer):
    """A 4x4 transposed convolution of stride 2 and padding 1, tap by tap."""
    kernel = layer["kernel"]
    batch, height, width, _ = x.shape
    y = np.zeros((batch, 2 * height + 2, 2 * width + 2, kernel.shape[-1]))
    for k in range(4):
        for j in range(4):
            y[:, k : k + 2 * height : 2, j : j + 2 * width : 2] += x @ kernel[k, j]
    return y[:, 1:-1, 1:-1] + layer["bias"]


def _network_in_numpy(variables, lightness):
    variables = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), variables)
    params, running = variables["params"], variables["batch_stats"]
    x = (np.asarray(lightness, np.float64)[..., None] - 50) / 100
    for i, (convs, stride, dilation) in enumerate(BLOCKS, start=1):
        for j in range(1, convs + 1):
            last = stride if j == convs else 1
            x = _correlated(x, params[f"conv{i}_{j}"], stride=last, dilation=dilation)
            x = np.maximum(x, 0)
        norm = f"conv{i}_{convs}norm"
        x = (x - running[norm]["mean"]) / np.sqrt(running[norm]["var"] + 1e-5)
        x = x * params[norm]["scale"] + params[norm]["bias"]
    x = np.maximum(_transposed(x, params["conv8_1"]), 0)
    for name in ("conv8_2", "conv8_3"):
        x = np.maximum(_correlated(x, params[name]), 0)
    return x @ params["head"]["kernel"][0, 0] + params["head"]["bias"]


@pytest.mark.parametrize(("height", "width"), [(32, 32), (24, 56)])
def test_outputs_are_those_of_the_network_written_out_in_numpy(height, width):
    x = _lightness(2, height, width)
    expected = _network_in_numpy(_variables(), x)
    found = jax.jit(lambda v, x: _network().apply(v, x, train=False))(_variables(), x)
    # 23 layers of float32 sums, each off by some 1e-7 of its scale.
    scale = np.abs(expected).max()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * scale)


@pytest.mark.parametrize(("height", "width"), [(32, 32), (24, 56)])
def test_outputs_are_those_of_the_same_network_in_pytorch(height, width):
    torch = pytest.importorskip("torch")
    from experiments.benchmarks import torch_zhang2016

    theirs = torch_zhang2016.zhang2016(outputs=BINS, affine=True, width=0.125).eval()
    torch_zhang2016.copy_variables(theirs, _variables())
    x = _lightness(2, height, width)
    with torch.no_grad():
        expected = theirs(torch.tensor(np.asarray(x)[:, None])).numpy()
    found = jax.jit(lambda v, x: _network().apply(v, x, train=False))(_variables(), x)
    # 23 layers of float32 sums in another order, each off by some 1e-7 of its scale.
    scale = np.abs(expected).max()
    np.testing.assert_allclose(
        np.moveaxis(found, -1, 1), expected, rtol=0, atol=1e-5 * scale
    )


def test_training_outputs_and_gradients_are_those_of_pytorch():
    torch = pytest.importorskip("torch")
    from experiments.benchmarks import torch_zhang2016

    theirs = torch_zhang2016.zhang2016(outputs=BINS, affine=True, width=0.125).train()
    torch_zhang2016.copy_variables(theirs, _variables())
    x = _lightness(2, 32, 32)
    y = theirs(torch.tensor(np.asarray(x)[:, None]))
    y.square().mean().backward()
    expected = {
        name: layer.weight.grad.numpy()
        for name, layer in theirs.named_children()
        if hasattr(layer, "weight")
    }
    by_params, outputs = _gradient(_variables(), x)
    # As above; the batch's statistics add sums over 32 pixels in conv7.
    scale = y.detach().abs().max().item()
    np.testing.assert_allclose(
        np.moveaxis(outputs, -1, 1), y.detach(), rtol=0, atol=2e-5 * scale
    )
    for name, theirs_by in expected.items():
        if "norm" in name:
            ours = by_params[name]["scale"]
        else:
            axes = (2, 3, 0, 1) if name == "conv8_1" else (3, 2, 0, 1)
            ours = np.transpose(by_params[name]["kernel"], axes)
        # A ReLU whose input is within rounding of zero may switch either way.
        error = np.linalg.norm(ours - theirs_by) / np.linalg.norm(theirs_by)
        assert error < 5e-3, name


@jax.jit
def _gradient(variables, lightness):
    """Returns the gradient of the mean square of the outputs, and the outputs."""

    def loss(params):
        outputs, _ = _network().apply(
            variables | {"params": params},
            lightness,
            train=True,
            mutable=["batch_stats"],
        )
        return jnp.square(outputs).mean(), outputs

    return jax.grad(loss, has_aux=True)(variables["params"])


@pytest.mark.parametrize("level", [0.0, 50.0, 100.0])
@pytest.mark.slow
def test_gradients_are_finite_on_a_photograph_of_one_tone(level):
    by_params, _ = _gradient(_variables(), jnp.full((2, 32, 32), level))
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(by_params))


def test_conv7_sees_325_pixels():
    network, size = _network(width=0.01, outputs=2), 344
    lightness = jnp.full((1, size, 8), 90.0)
    shapes = jax.eval_shape(
        lambda key: network.init(key, lightness, train=False), jax.random.key(0)
    )

    def average(path, leaf):
        # Averages pass every pixel on; none dies in a ReLU, and no sum overflows.
        if path[-1].key == "kernel":
            return jnp.full(leaf.shape, 1 / np.prod(leaf.shape[:3]))
        return jnp.full(leaf.shape, float(path[-1].key in ("var", "scale")))

    variables = jax.tree_util.tree_map_with_path(average, shapes)

    @jax.jit
    @jax.grad
    def seen(lightness):
        _, made = network.apply(
            variables,
            lightness,
            train=False,
            capture_intermediates=lambda module, _: module.name == "conv7_3",
        )
        (conv7,) = made["intermediates"]["conv7_3"]["__call__"]
        return conv7[0, size // 16].sum()

    rows = np.flatnonzero(np.abs(seen(lightness)[0]).sum(axis=1))
    assert rows[-1] - rows[0] + 1 == 325
    assert len(rows) == 325


@pytest.mark.slow
def test_bfloat16_changes_little_and_keeps_float32_where_it_matters():
    network, x = _network(dtype=jnp.bfloat16), _lightness(2, 32, 32)
    variables = jax.eval_shape(
        lambda key: network.init(key, x, train=False), jax.random.key(0)
    )
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype("f4")}

    @jax.jit
    def run(variables):
        exact = _network().apply(variables, x, train=False)
        coarse, same = network.apply(variables, x, train=False, mutable=["batch_stats"])
        _, changed = network.apply(variables, x, train=True, mutable=["batch_stats"])
        return exact, coarse, same, changed

    exact, coarse, same, changed = run(_variables())
    assert coarse.dtype == jnp.float32
    assert {leaf.dtype for leaf in jax.tree.leaves(changed)} == {jnp.dtype("f4")}
    # 8 bits a value: 0.2 percent of noise a layer, added up over 23 layers.
    assert np.std(coarse - exact) < 0.03 * np.std(exact)
    old = _variables()["batch_stats"]
    jax.tree.map(np.testing.assert_array_equal, same["batch_stats"], old)
    close = jax.tree.map(np.allclose, changed["batch_stats"], old)
    assert not any(jax.tree.leaves(close))


def test_networks_are_found_by_name():
    assert models.BY_NAME["zhang2016"] is zhang2016.Zhang2016


@pytest.mark.parametrize(("side", "gflops"), [(256, 83.55), (224, 63.97), (176, 39.49)])
def test_operations_are_those_counted_by_hand(side, gflops):
    network = models.BY_NAME["zhang2016"](
        width=1.0, outputs=313, affine=False, momentum=0.9
    )
    # Published to two digits behind the point.
    assert network.flops(side, side) / 1e9 == pytest.approx(gflops, abs=0.01)


def test_operations_are_those_that_xla_counts():
    network = models.BY_NAME["zhang2016"](
        width=0.25, outputs=313, affine=False, momentum=0.9
    )
    lightness = jax.ShapeDtypeStruct((1, 256, 256), jnp.float32)
    variables = jax.eval_shape(
        lambda x: network.init(jax.random.key(0), x, train=False), lightness
    )
    cost = jax.jit(lambda v, x: network.apply(v, x, train=False)).lower(
        variables, lightness
    )
    counted = cost.compile().cost_analysis()["flops"]
    # XLA leaves out products with the zeros at borders, a few percent on maps of 32,
    # and adds what is no convolution.
    assert counted == pytest.approx(network.flops(256, 256), rel=0.06)
