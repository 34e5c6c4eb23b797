"""The network with a global branch: sizes, NumPy's form of it, what reaches what."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from PIL import Image

from jaxcolor import models
from jaxcolor.models import iizuka2016

CLASSES = 5


def _network(**changed):
    fields = {
        "width": 0.03,
        "global_size": 32,
        "classes": CLASSES,
        "outputs": 2,
        "momentum": 0.9,
    }
    return models.BY_NAME["iizuka2016"](**(fields | changed))


def _shapes(network, height=8, width=8):
    return jax.eval_shape(
        lambda key, x: network.init_with_output(
            key, x, train=False, method="outputs_and_extra"
        ),
        jax.random.key(0),
        jnp.zeros((2, height, width)),
    )


@functools.cache
def _variables():
    """Parameters and statistics of the small network, none of them trivial."""
    random = np.random.default_rng(0)

    def draw(path, leaf):
        kind, size = path[-1].key, leaf.shape
        if kind == "kernel":
            spread = np.sqrt(2 / np.prod(size[:3]))
            return np.asarray(spread * random.standard_normal(size), np.float32)
        low, high = (0.5, 1.5) if kind in ("var", "scale") else (-0.2, 0.2)
        return np.asarray(random.uniform(low, high, size), np.float32)

    return jax.tree_util.tree_map_with_path(draw, _shapes(_network())[1])


def _lightness(*size):
    uniform = np.random.default_rng(1).uniform(0, 100, size)
    return jnp.asarray(uniform, jnp.float32)


def _sizes(tree, *, is_norm):
    """Numbers of all layers that are normalizations, or of all that are none."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return sum(x.size for p, x in leaves if p[-2].key.endswith("norm") == is_norm)


@pytest.mark.parametrize(
    ("classes", "total", "classifier"),
    [(205, 42_353_839, 184_013), (1000, 42_558_154, 388_328)],
)
def test_the_full_network_has_the_numbers_of_the_papers(classes, total, classifier):
    network = _network(width=1.0, global_size=224, classes=classes)
    params = _shapes(network)[1]["params"]
    # Weights and biases of convolutions and dense layers; the normalizations' scales
    # and shifts are folded into them after a training.
    assert _sizes(params, is_norm=False) == total
    assert _sizes(params, is_norm=True) == 13_504
    its = {name: params[name] for name in ("classifier", "classifier_head")}
    assert _sizes(its, is_norm=False) == classifier
    assert total - classifier == 42_169_826


@pytest.mark.parametrize(("height", "width"), [(32, 32), (8, 24), (40, 16)])
def test_outputs_are_half_as_high_and_wide_and_classes_one_vector(height, width):
    (outputs, extra), _ = _shapes(_network(), height, width)
    assert outputs.shape == (2, height // 2, width // 2, 2)
    assert {name: x.shape for name, x in extra.items()} == {"classes": (2, CLASSES)}
    assert outputs.dtype == extra["classes"].dtype == jnp.float32


@pytest.mark.parametrize(("height", "width"), [(32, 36), (31, 32)])
def test_sizes_that_are_no_multiple_of_8_are_refused(height, width):
    with pytest.raises(ValueError, match=f"{height}x{width} pixels.*multiples of 8"):
        _shapes(_network(), height, width)


@pytest.mark.parametrize("size", [0, -32, 40])
def test_a_copy_of_a_size_without_global_features_is_refused(size):
    with pytest.raises(ValueError, match=f"global_size is {size}; wanted a multiple"):
        _shapes(_network(global_size=size))


def _correlated(x, layer, stride=1):
    """A 3x3 correlation with padding 1, tap by tap in float64."""
    padded = np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)])
    height, width = x.shape[1:3]
    y = sum(
        padded[:, k : k + height, j : j + width] @ layer["kernel"][k, j]
        for k in range(3)
        for j in range(3)
    )
    return y[:, ::stride, ::stride] + layer["bias"]


def _normalized(x, params, running):
    x = (x - running["mean"]) / np.sqrt(running["var"] + 1e-5)
    return np.maximum(x * params["scale"] + params["bias"], 0)


class _InNumpy:
    """The network from the layers' table, in float64."""

    def __init__(self, variables):
        variables = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), variables)
        self.params, self.running = variables["params"], variables["batch_stats"]

    def convolved(self, x, name, strides):
        params, running = self.params[name], self.running[name]
        for n, stride in enumerate(strides, start=1):
            x = _correlated(x, params[f"conv{n}"], stride)
            x = _normalized(x, params[f"conv{n}norm"], running[f"conv{n}norm"])
        return x

    def dense(self, x, name, count):
        params, running = self.params[name], self.running[name]
        for n in range(1, count + 1):
            layer = params[f"dense{n}"]
            x = x @ layer["kernel"][0, 0] + layer["bias"]
            x = _normalized(x, params[f"dense{n}norm"], running[f"dense{n}norm"])
        return x

    def low(self, lightness):
        x = (np.asarray(lightness, np.float64)[..., None] - 50) / 100
        return self.convolved(x, "low_level", [2, 1, 2, 1, 2, 1])

    def __call__(self, lightness, side):
        # Pillow's bilinear filter widens where it shrinks.
        copies = [
            Image.fromarray(np.asarray(one)).resize((side, side), Image.BILINEAR)
            for one in lightness
        ]
        x = self.convolved(self.low(np.stack(copies)), "global", [2, 1, 2, 1])
        at512 = self.dense(x.reshape(len(x), -1), "global_dense", 2)
        whole = self.dense(at512, "global_last", 1)
        mid = self.convolved(self.low(lightness), "mid_level", [1, 1])
        fused = np.empty((*mid.shape[:3], 8))
        for b, i, j in np.ndindex(mid.shape[:3]):
            fused[b, i, j] = self.dense(
                np.concatenate([mid[b, i, j], whole[b]]), "fusion", 1
            )
        x = self.convolved(fused, "colorization1", [1])
        x = self.convolved(np.kron(x, np.ones((1, 2, 2, 1))), "colorization2", [1, 1])
        x = self.convolved(np.kron(x, np.ones((1, 2, 2, 1))), "colorization3", [1])
        head = self.params["classifier_head"]
        hidden = self.dense(at512, "classifier", 1)
        logits = hidden @ head["kernel"][0, 0] + head["bias"]
        return _correlated(x, self.params["head"]), logits


@pytest.mark.parametrize(("height", "width"), [(32, 32), (24, 56), (64, 40)])
def test_outputs_are_those_of_the_network_written_out_in_numpy(height, width):
    x = _lightness(2, height, width)
    expected = _InNumpy(_variables())(x, 32)
    outputs, extra = jax.jit(
        lambda v, x: _network().apply(v, x, train=False, method="outputs_and_extra")
    )(_variables(), x)
    for found, wanted in zip((outputs, extra["classes"]), expected, strict=True):
        # 18 layers of float32 sums, each off by some 1e-7 of its scale; Pillow keeps
        # the copy in float32.
        scale = np.abs(wanted).max()
        np.testing.assert_allclose(found, wanted, rtol=0, atol=2e-5 * scale)


@pytest.mark.slow
def test_the_classes_guide_what_both_share_and_no_layer_of_the_local_branch():
    x, label = _lightness(4, 32, 32), jnp.array([0, 3, 1, 4])

    def loss(params):
        (_, extra), _ = _network().apply(
            {**_variables(), "params": params},
            x,
            train=True,
            mutable=["batch_stats"],
            method="outputs_and_extra",
        )
        return optax.softmax_cross_entropy_with_integer_labels(
            extra["classes"], label
        ).mean()

    gradient = jax.jit(jax.grad(loss))(_variables()["params"])
    guided = {
        name
        for name, its in gradient.items()
        if any(np.any(leaf) for leaf in jax.tree.leaves(its))
    }
    classifying = {"low_level", "global", "global_dense"}
    assert guided == classifying | {"classifier", "classifier_head"}
    local = {"mid_level", "fusion", "global_last", "head"}
    assert set(gradient) - guided == local | {f"colorization{n}" for n in (1, 2, 3)}


def _convolutions_in(height, width):
    traced = jax.make_jaxpr(lambda v, x: _network().apply(v, x, train=False))(
        _variables(), _lightness(1, height, width)
    )
    # The name of a primitive, before its parameters.
    return str(traced).count("conv_general_dilated[")


def test_a_photograph_of_the_copys_size_is_seen_once():
    # Six low-level, four global, two mid-level and five of the colorization.
    assert _convolutions_in(32, 32) == 17
    assert _convolutions_in(40, 32) == 17 + 6


def test_low_level_statistics_are_those_of_the_photograph_where_it_is_its_own_copy():
    x = _lightness(3, 32, 32)
    _, changed = jax.jit(
        lambda v: _network().apply(v, x, train=True, mutable=["batch_stats"])
    )(_variables())
    layer = jax.tree.map(np.float64, _variables()["params"]["low_level"]["conv1"])
    seen = _correlated((np.float64(x)[..., None] - 50) / 100, layer, 2)
    before = _variables()["batch_stats"]["low_level"]["conv1norm"]["mean"]
    found = changed["batch_stats"]["low_level"]["conv1norm"]["mean"]
    # Moved once, by a tenth; float32.
    wanted = 0.9 * np.float64(before) + 0.1 * seen.mean((0, 1, 2))
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_an_enlarged_map_repeats_its_pixels():
    x = np.arange(6.0).reshape(1, 2, 3, 1)
    found = iizuka2016.doubled(jnp.asarray(x))[0, ..., 0]
    assert found.tolist() == [
        [0, 0, 1, 1, 2, 2],
        [0, 0, 1, 1, 2, 2],
        [3, 3, 4, 4, 5, 5],
        [3, 3, 4, 4, 5, 5],
    ]


def test_operations_are_those_counted_by_hand():
    network = _network(width=1.0, global_size=224, classes=205)
    # 8.58 billion products, of which 3.71 are the low-level features, which another
    # size needs twice; the classifier's are 184 thousand.
    assert network.flops(224, 224) / 2e9 == pytest.approx(8.58, abs=0.005)
    twice = network.flops(224, 448) - 2 * network.flops(224, 224)
    of_branch = 0.925e9 + 0.231e9 + 26.3e6 + 0.2e6
    assert twice / 2 == pytest.approx(3.707e9 - of_branch, rel=1e-3)


@pytest.mark.slow
def test_bfloat16_changes_little_and_keeps_float32_where_it_matters():
    x = _lightness(2, 32, 32)

    @jax.jit
    def run(variables):
        network = _network(dtype=jnp.bfloat16)
        trained = network.apply(
            variables,
            x,
            train=True,
            mutable=["batch_stats"],
            method="outputs_and_extra",
        )
        return network.apply(variables, x, train=False), trained

    coarse, trained = run(_variables())
    assert {x.dtype for x in jax.tree.leaves((coarse, trained))} == {jnp.dtype("f4")}
    exact, _ = _InNumpy(_variables())(x, 32)
    # 8 bits a value: 0.2 percent of noise a layer, added up over 18 layers.
    assert np.std(coarse - exact) < 0.03 * np.std(exact)
