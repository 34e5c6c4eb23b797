"""The user-guided network: its layers, its wiring, and where its gradients stop."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcolor.models import siggraph17

# The release for PyTorch: kernel, channels in and out, and pixels of the lightness,
# along each axis, for one pixel of the input of the layer.
LAYERS = {
    "conv1_1": (3, 4, 64, 1),
    "conv1_2": (3, 64, 64, 1),
    "conv2_1": (3, 64, 128, 2),
    "conv2_2": (3, 128, 128, 2),
    "conv3_1": (3, 128, 256, 4),
    "conv3_2": (3, 256, 256, 4),
    "conv3_3": (3, 256, 256, 4),
    "conv4_1": (3, 256, 512, 8),
    "conv4_2": (3, 512, 512, 8),
    "conv4_3": (3, 512, 512, 8),
    "conv5_1": (3, 512, 512, 8),
    "conv5_2": (3, 512, 512, 8),
    "conv5_3": (3, 512, 512, 8),
    "conv6_1": (3, 512, 512, 8),
    "conv6_2": (3, 512, 512, 8),
    "conv6_3": (3, 512, 512, 8),
    "conv7_1": (3, 512, 512, 8),
    "conv7_2": (3, 512, 512, 8),
    "conv7_3": (3, 512, 512, 8),
    "conv8_1": (4, 512, 256, 8),
    "conv3_3_short": (3, 256, 256, 4),
    "conv8_2": (3, 256, 256, 4),
    "conv8_3": (3, 256, 256, 4),
    "bins": (1, 256, 529, 4),
    "conv9_1": (4, 256, 128, 4),
    "conv2_2_short": (3, 128, 128, 2),
    "conv9_2": (3, 128, 128, 2),
    "conv10_1": (4, 128, 128, 2),
    "conv1_2_short": (3, 64, 128, 1),
    "conv10_2": (3, 128, 128, 1),
    "head": (1, 128, 2, 1),
}
NORMS = {
    "conv1_2norm": 64,
    "conv2_2norm": 128,
    "conv3_3norm": 256,
    "conv4_3norm": 512,
    "conv5_3norm": 512,
    "conv6_3norm": 512,
    "conv7_3norm": 512,
    "conv8_3norm": 256,
    "conv9_2norm": 128,
}
# Layers behind the point where the two branches part.
BEHIND = {
    "outputs": {
        "conv9_1",
        "conv2_2_short",
        "conv9_2",
        "conv9_2norm",
        "conv10_1",
        "conv1_2_short",
        "conv10_2",
        "head",
    },
    "bins": {"bins"},
}


def _network(**changed):
    fields = {"width": 0.125, "outputs": 2, "centers_mask": True, "momentum": 0.9}
    return siggraph17.Siggraph17(**(fields | changed))


def _shapes(network):
    return jax.eval_shape(
        lambda: network.init(jax.random.key(0), jnp.zeros((1, 8, 8)), train=False)
    )


@functools.cache
def _variables():
    """Parameters and statistics of the default network, none of them trivial."""
    random = np.random.default_rng(0)

    def draw(path, leaf):
        kind, size = path[-1].key, leaf.shape
        if kind == "kernel":
            spread = np.sqrt(2 / np.prod(size[:3]))
            return np.asarray(spread * random.standard_normal(size), np.float32)
        low, high = (0.5, 1.5) if kind in ("var", "scale") else (-0.2, 0.2)
        return np.asarray(random.uniform(low, high, size), np.float32)

    return jax.tree_util.tree_map_with_path(draw, _shapes(_network()))


def _inputs(*size):
    random = np.random.default_rng(1)
    lightness = random.uniform(0, 100, size)
    mask = random.uniform(size=size) < 0.2
    ab = random.uniform(-80, 80, (*size, 2)) * mask[..., None]
    hints = np.concatenate([ab, mask[..., None]], axis=-1)
    return jnp.asarray(lightness, jnp.float32), jnp.asarray(hints, jnp.float32)


def test_the_layers_are_those_of_the_release():
    params = _shapes(_network(width=1.0))["params"]
    assert set(params) == set(LAYERS) | set(NORMS)
    for name, (side, before, after, _) in LAYERS.items():
        assert params[name]["kernel"].shape == (side, side, before, after), name
        assert params[name]["bias"].shape == (after,), name
    for name, channels in NORMS.items():
        assert params[name]["scale"].shape == params[name]["bias"].shape == (channels,)


def test_the_full_network_has_the_released_number_of_parameters():
    shapes = _shapes(_network(width=1.0))

    def count(tree):
        return sum(leaf.size for leaf in jax.tree.leaves(tree))

    # The 107 tensors of the release without running statistics and counters.
    assert count(shapes["params"]) == 34_187_027
    assert count(shapes["params"]["bins"]) == 135_953
    assert count(shapes["batch_stats"]) == 2 * sum(NORMS.values())


def test_operations_are_those_of_the_convolutions_before_the_outputs():
    products = sum(
        side**2 * before * after * (32 // stride) * (16 // stride)
        for name, (side, before, after, stride) in LAYERS.items()
        if name != "bins"
    )
    assert _network(width=1.0).flops(32, 16) == 2 * products


def test_the_outputs_are_as_large_as_the_lightness_and_the_bins_a_quarter():
    network = _network()
    outputs, extra = jax.eval_shape(
        lambda v, x: network.apply(v, x, train=False, method="outputs_and_extra"),
        _shapes(network),
        jnp.zeros((3, 16, 40)),
    )
    assert outputs.shape == (3, 16, 40, 2)
    assert outputs.dtype == jnp.float32
    assert set(extra) == set(network.extra_outputs)
    assert extra["bins"].shape == (3, 4, 10, 529)


def test_another_number_of_outputs_is_refused():
    with pytest.raises(ValueError, match="has 313 outputs; wanted 2"):
        _shapes(_network(outputs=313))


def _correlated(x, layer, *, dilation=1):
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
    return y + layer["bias"]


def _transposed(x, layer):
    """A 4x4 transposed convolution of stride 2 and padding 1, tap by tap."""
    kernel = layer["kernel"]
    batch, height, width, _ = x.shape
    y = np.zeros((batch, 2 * height + 2, 2 * width + 2, kernel.shape[-1]))
    for k in range(4):
        for j in range(4):
            y[:, k : k + 2 * height : 2, j : j + 2 * width : 2] += x @ kernel[k, j]
    return y[:, 1:-1, 1:-1] + layer["bias"]


def _network_in_numpy(variables, lightness, hints, *, center):
    """The forward pass as the release for PyTorch writes it, and its class logits."""
    variables = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), variables)
    params, running = variables["params"], variables["batch_stats"]

    def conv(x, name, dilation=1):
        return _correlated(x, params[name], dilation=dilation)

    def relu(x):
        return np.maximum(x, 0)

    def norm(x, name):
        x = (x - running[name]["mean"]) / np.sqrt(running[name]["var"] + 1e-5)
        return x * params[name]["scale"] + params[name]["bias"]

    def dense(x, name):
        return x @ params[name]["kernel"][0, 0] + params[name]["bias"]

    lightness, hints = (np.asarray(x, np.float64) for x in (lightness, hints))
    gray = (lightness[..., None] - 50) / 100
    x = np.concatenate([gray, hints[..., :2] / 110, hints[..., 2:] - center], -1)
    conv1 = norm(relu(conv(relu(conv(x, "conv1_1")), "conv1_2")), "conv1_2norm")
    x = conv1[:, ::2, ::2]
    conv2 = norm(relu(conv(relu(conv(x, "conv2_1")), "conv2_2")), "conv2_2norm")
    x = conv2[:, ::2, ::2]
    for j in (1, 2, 3):
        x = relu(conv(x, f"conv3_{j}"))
    conv3 = norm(x, "conv3_3norm")
    x = conv3[:, ::2, ::2]
    for i, dilation in ((4, 1), (5, 2), (6, 2), (7, 1)):
        for j in (1, 2, 3):
            x = relu(conv(x, f"conv{i}_{j}", dilation))
        x = norm(x, f"conv{i}_3norm")
    x = relu(_transposed(x, params["conv8_1"]) + conv(conv3, "conv3_3_short"))
    conv8 = norm(relu(conv(relu(conv(x, "conv8_2")), "conv8_3")), "conv8_3norm")
    x = relu(_transposed(conv8, params["conv9_1"]) + conv(conv2, "conv2_2_short"))
    conv9 = norm(relu(conv(x, "conv9_2")), "conv9_2norm")
    x = relu(_transposed(conv9, params["conv10_1"]) + conv(conv1, "conv1_2_short"))
    x = conv(x, "conv10_2")
    x = np.where(x > 0, x, 0.2 * x)
    return np.tanh(dense(x, "head")), dense(conv8, "bins")


@pytest.mark.parametrize(("centers_mask", "center"), [(True, 0.5), (False, 0.0)])
def test_outputs_are_those_of_the_network_written_out_in_numpy(centers_mask, center):
    network = _network(centers_mask=centers_mask)
    lightness, hints = _inputs(2, 24, 32)
    outputs, extra = jax.jit(
        lambda v, x, y: network.apply(
            v, x, train=False, hints=y, method="outputs_and_extra"
        )
    )(_variables(), lightness, hints)
    expected = _network_in_numpy(_variables(), lightness, hints, center=center)
    # 25 layers of float32 sums, each off by some 1e-7 of its scale.
    for found, wanted in zip((outputs, extra["bins"]), expected, strict=True):
        scale = np.abs(wanted).max()
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5 * scale)


def test_no_hints_are_a_mask_of_zeros():
    lightness, hints = _inputs(1, 16, 16)
    apply = jax.jit(lambda **x: _network().apply(_variables(), train=False, **x))
    without = apply(lightness=lightness)
    empty = apply(lightness=lightness, hints=jnp.zeros_like(hints))
    np.testing.assert_array_equal(without, empty)
    assert np.abs(apply(lightness=lightness, hints=hints) - without).max() > 1e-3


@pytest.mark.parametrize(
    ("detached", "teachers"),
    [
        ("bins", {"outputs"}),
        pytest.param("outputs", {"bins"}, marks=pytest.mark.slow),
        pytest.param(None, {"outputs", "bins"}, marks=pytest.mark.slow),
    ],
)
def test_a_detached_branch_teaches_the_shared_layers_nothing(detached, teachers):
    network = _network(detached=detached)
    lightness, hints = _inputs(1, 16, 16)

    def totals(params):
        outputs, extra = network.apply(
            {**_variables(), "params": params},
            lightness,
            train=False,
            hints=hints,
            method="outputs_and_extra",
        )
        return jnp.stack([jnp.square(x).sum() for x in (outputs, extra["bins"])])

    slopes = jax.jit(jax.jacrev(totals))(_variables()["params"])
    for n, (branch, own) in enumerate(BEHIND.items()):
        moved = {name for name, by in slopes.items() if np.any(by["bias"][n])}
        shared = set(slopes) - BEHIND["outputs"] - BEHIND["bins"]
        assert moved == own | (shared if branch in teachers else set())
