"""Layers with parameters: batch normalization, and the variance of fresh kernels."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from scipy import ndimage

from jaxcolor.models import layers


def _batch(seed=0):
    noise = np.random.default_rng(seed).standard_normal((4, 3, 5, 2))
    return np.float32(3 + 2 * noise)


def _normalization(**changed):
    return layers.BatchNorm(
        **({"momentum": 0.9, "affine": True, "axis_name": None} | changed)
    )


@functools.partial(jax.jit, static_argnums=0)
def _trained_on(norm, x):
    variables = norm.init(jax.random.key(0), x, train=False)
    return norm.apply(variables, x, train=True, mutable=["batch_stats"])


def test_batch_normalization_is_its_definition_in_numpy():
    x = _batch()
    y, changed = _trained_on(_normalization(), x)
    exact = np.asarray(x, np.float64)
    mean, var = exact.mean((0, 1, 2)), exact.var((0, 1, 2))
    # The variance is a difference of float32 sums of 60 values near 13.
    np.testing.assert_allclose(y, (exact - mean) / np.sqrt(var + 1e-5), atol=1e-5)
    running = changed["batch_stats"]
    np.testing.assert_allclose(running["mean"], 0.1 * mean, rtol=1e-5)
    np.testing.assert_allclose(running["var"], 0.9 + 0.1 * var, rtol=1e-5)


def test_a_constant_channel_has_no_negative_variance():
    for level in np.linspace(100, 3000, 30):
        # In float32 the mean of squares less the square of the mean may be -0.5 here.
        x = np.full((4, 7, 9, 2), level, np.float32)
        y, changed = _trained_on(_normalization(momentum=0.0), x)
        assert np.isfinite(y).all()
        assert (np.asarray(changed["batch_stats"]["var"]) >= 0).all()


def test_batch_normalization_and_its_gradient_are_those_of_flax():
    x, by_y = _batch(), _batch(1)
    ours, flaxs = _normalization(), nn.BatchNorm(momentum=0.9, epsilon=1e-5)
    learned = {"scale": np.float32([0.5, 2.0]), "bias": np.float32([-1.0, 3.0])}
    running = {"mean": np.zeros(2, np.float32), "var": np.ones(2, np.float32)}

    def run(norm, how):
        def call(params, x):
            variables = {"params": params, "batch_stats": running}
            return norm.apply(variables, x, mutable=["batch_stats"], **how)[0]

        @jax.jit
        def with_gradients(params, x, by_y):
            y, pull = jax.vjp(call, params, x)
            return y, pull(by_y)

        return with_gradients(learned, x, by_y)

    found = run(ours, {"train": True})
    expected = run(flaxs, {"use_running_average": False})
    # float32 in another order: Flax centers x first, ours takes it times the scale, so
    # that sums over 60 values have terms near 5 that cancel.
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=2e-4),
        found,
        expected,
    )


def test_statistics_are_shared_over_a_mapped_axis():
    x = _batch() * np.float32([1, 10, 0.1, 3]).reshape(4, 1, 1, 1)
    _, whole = _trained_on(_normalization(), x)
    norm = _normalization(axis_name="devices")
    # Made without the axis, as initialization is.
    variables = jax.jit(functools.partial(norm.init, train=False))(
        jax.random.key(0), x[:1]
    )

    def one(x):
        return norm.apply(variables, x, train=True, mutable=["batch_stats"])[1]

    shared = jax.jit(jax.vmap(one, axis_name="devices"))(x[:, None])
    shared, whole = jax.device_get((shared, whole))
    for i in range(len(x)):
        # Means of means: another order of float32 sums.
        jax.tree.map(
            lambda a, b, i=i: np.testing.assert_allclose(a[i], b, rtol=1e-5),
            shared,
            whole,
        )


def test_statistics_of_bfloat16_are_float32():
    x = (100 + _batch()).astype(jnp.bfloat16)
    y, changed = _trained_on(_normalization(momentum=0.0), x)
    assert y.dtype == jnp.bfloat16
    exact = np.asarray(x, np.float64)
    found = changed["batch_stats"]
    # In bfloat16 the mean itself would be off by up to 0.5, the variance by 100.
    np.testing.assert_allclose(found["mean"], exact.mean((0, 1, 2)), rtol=1e-6)
    # E[x^2] - E[x]^2 is about 1e4 - 1e4: float32 leaves 1e-3 and a few roundings.
    np.testing.assert_allclose(found["var"], exact.var((0, 1, 2)), atol=2e-2)


def test_a_constant_channel_has_finite_gradients():
    norm = _normalization()

    @jax.jit
    @jax.grad
    def slope(x):
        return _trained_on(norm, x)[0].sum()

    assert np.isfinite(slope(np.full((2, 2, 2, 2), 0.3, np.float32))).all()


@pytest.mark.parametrize("layer", [layers.Conv, layers.ConvTranspose])
def test_fresh_layers_double_the_variance_and_relu_halves_it(layer):
    x = np.random.default_rng(0).standard_normal((1, 16, 16, 64)).astype(np.float32)
    init = jax.jit(layer(64, jnp.float32).init_with_output)
    y, variables = init(jax.random.key(0), x)
    np.testing.assert_array_equal(variables["params"]["bias"], 0)
    inside = np.asarray(y)[:, 2:-2, 2:-2]
    # Over 64 random channels of random inputs the mean square scatters by 2 percent.
    assert np.mean(np.square(inside.clip(min=0))) == pytest.approx(1, rel=0.1)


def test_doubling_is_linear_interpolation_at_half_pixels():
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 2))
    # Output pixel i has its center at (i + 1/2) / 2 - 1/2 of the input's.
    rows, columns = ((np.arange(2 * n) + 0.5) / 2 - 0.5 for n in x.shape[1:3])
    at = np.meshgrid(rows, columns, indexing="ij")
    expected = np.empty((2, 6, 8, 2))
    for b in range(2):
        for c in range(2):
            expected[b, :, :, c] = ndimage.map_coordinates(
                x[b, :, :, c], at, order=1, mode="nearest"
            )
    # A few roundings of float32.
    found = jax.jit(layers.doubled)(np.float32(x))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "layer", [layers.SameConv(8, jnp.float32, stride=2), layers.Depthwise(jnp.float32)]
)
def test_layers_padded_as_tensorflow_pads_add_their_bias(layer):
    x = np.zeros((1, 5, 7, 8), np.float32)
    variables = jax.jit(layer.init)(jax.random.key(0), x)
    bias = np.arange(8, dtype=np.float32)
    changed = {"params": {**variables["params"], "bias": bias}}
    y = jax.jit(layer.apply)(changed, x)
    assert y.shape == (1, *((3, 4) if layer.stride == 2 else (5, 7)), 8)
    np.testing.assert_array_equal(y, np.broadcast_to(bias, y.shape))


def test_a_pointwise_layer_is_a_matrix_product_and_may_start_as_zero():
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 5)).astype(np.float32)
    layer = layers.Pointwise(6, jnp.float32)
    y, variables = jax.jit(layer.init_with_output)(jax.random.key(0), x)
    kernel = np.float64(variables["params"]["kernel"])[0, 0]
    # Sums of five float32 products.
    np.testing.assert_allclose(y, np.float64(x) @ kernel, rtol=0, atol=1e-5)
    zero = layers.Pointwise(6, jnp.float32, is_zero=True)
    y, _ = jax.jit(zero.init_with_output)(jax.random.key(0), x)
    np.testing.assert_array_equal(y, 0)
    half = jax.eval_shape(layers.Pointwise(6, jnp.bfloat16).apply, variables, x)
    assert half.dtype == jnp.bfloat16


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_enlarging_interpolates_between_centers_of_pixels(factor):
    x = np.random.default_rng(0).standard_normal((1, 3, 4, 2))
    found = jax.jit(functools.partial(layers.enlarged, factor=factor))(np.float32(x))
    # SciPy's linear interpolation, of the map with zeros around it.
    rows, columns = ((np.arange(factor * n) + 0.5) / factor - 0.5 for n in (3, 4))
    at = np.meshgrid(rows, columns, indexing="ij")
    expected = np.stack(
        [
            ndimage.map_coordinates(x[0, ..., c], at, order=1, mode="grid-constant")
            for c in range(2)
        ],
        axis=-1,
    )
    # float32 weights, exact in binary, and two sums.
    np.testing.assert_allclose(np.asarray(found)[0], expected, atol=1e-6)


def test_enlarging_by_one_changes_nothing():
    x = jnp.asarray(_batch())
    assert layers.enlarged(x, factor=1) is x
