"""Initialization on data: what every layer gives on the batch that it has seen."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcolor.models import dahl2016, initialization, zhang2016

DEVIATION = 0.01


def _network(outputs, **changed):
    fields = {"width": 0.125, "affine": True, "momentum": 0.9}
    return zhang2016.Zhang2016(outputs=outputs, **(fields | changed))


@functools.cache
def _fresh(outputs):
    make = jax.jit(_network(outputs).init, static_argnames="train")
    return make(jax.random.key(0), jnp.zeros((1, 8, 8)), train=False)


def _photographs():
    """Lightness with structure of all sizes, dark on the whole."""
    noise = np.random.default_rng(0).standard_normal((4, 32, 32))
    walks = np.cumsum(np.cumsum(noise, 1), 2)
    walks = walks / np.abs(walks).max(axis=(1, 2), keepdims=True)
    return jnp.asarray(30 + 30 * walks, jnp.float32)


def _head_mean(outputs):
    if outputs == 2:
        return jnp.zeros(2)
    return jnp.log(jnp.arange(1.0, outputs + 1) / 49_141)


@functools.cache
def _initialize(outputs, dtype, axis_name):
    """Returns the jitted map from lightness to variables and what layers give."""
    network = _network(outputs, dtype=dtype, axis_name=axis_name)

    @jax.jit
    def run(variables, lightness):
        new = initialization.within_channel(
            network,
            variables,
            lightness=lightness,
            head_mean=_head_mean(outputs),
            head_deviation=DEVIATION,
        )
        _, made = network.apply(new, lightness, train=False, capture_intermediates=True)
        given = {
            name: made["__call__"][0].astype(jnp.float32)
            for name, made in made["intermediates"].items()
            if name != "__call__" and "norm" not in name
        }
        return new, given

    return run


def _initialized(outputs, dtype=jnp.float32, axis_name=None):
    run = _initialize(outputs, dtype, axis_name)
    return run(_fresh(outputs), _photographs())


# Rounding of 23 layers, over as few as 64 pixels: in float32, and 2^16 times coarser.
@pytest.mark.parametrize(
    ("outputs", "dtype", "atol"),
    [
        (313, jnp.float32, 1e-4),
        pytest.param(2, jnp.float32, 1e-4, marks=pytest.mark.slow),
        pytest.param(313, jnp.bfloat16, 0.4, marks=pytest.mark.slow),
    ],
)
def test_pre_activations_have_mean_0_and_variance_1_per_channel(outputs, dtype, atol):
    _, given = _initialized(outputs, dtype)
    assert len(given) == 23
    for name, made in given.items():
        if name != "head":
            mean, variance = np.mean(made, (0, 1, 2)), np.var(made, (0, 1, 2))
            np.testing.assert_allclose(mean, 0, atol=atol, err_msg=name)
            np.testing.assert_allclose(variance, 1, atol=atol, err_msg=name)


@pytest.mark.parametrize("outputs", [313, 2])
def test_the_head_starts_at_the_given_mean_and_hardly_leaves_it(outputs):
    _, given = _initialized(outputs)
    mean = np.mean(given["head"], (0, 1, 2))
    # Log-probabilities down to -11 in float32.
    np.testing.assert_allclose(mean, _head_mean(outputs), atol=1e-5)
    np.testing.assert_allclose(np.std(given["head"], (0, 1, 2)), DEVIATION, rtol=1e-3)


def test_running_statistics_become_those_of_the_batch():
    new, _ = _initialized(313)

    @jax.jit
    def both(variables, lightness):
        by_running = _network(313).apply(variables, lightness, train=False)
        by_batch, _ = _network(313).apply(
            variables, lightness, train=True, mutable=["batch_stats"]
        )
        return by_running, by_batch

    by_running, by_batch = both(new, _photographs())
    # Outputs within DEVIATION of their means; rounding of 23 layers.
    np.testing.assert_allclose(by_running, by_batch, atol=1e-3 * DEVIATION)


def test_kernels_keep_their_directions():
    new, _ = _initialized(313)
    for name, layer in _fresh(313)["params"].items():
        if "kernel" in layer:
            old, kernel = (
                np.asarray(tree["kernel"]).reshape(-1, tree["kernel"].shape[-1])
                for tree in (layer, new["params"][name])
            )
            cosine = (old * kernel).sum(0) / np.linalg.norm(old, axis=0)
            np.testing.assert_allclose(
                cosine, np.linalg.norm(kernel, axis=0), rtol=1e-5, err_msg=name
            )


def test_a_network_for_mapped_axes_is_initialized_alike():
    expected, found = _initialized(313), _initialized(313, axis_name="devices")
    jax.tree.map(np.testing.assert_array_equal, found, expected)


def test_photographs_of_one_tone_leave_everything_finite():
    run = _initialize(2, jnp.float32, None)
    made = run(_fresh(2), jnp.full_like(_photographs(), 50.0))
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(made))


@pytest.mark.slow
def test_an_encoder_with_trained_weights_is_kept():
    network = dahl2016.Dahl2016(width=0.03, outputs=2, momentum=0.9)
    fresh = jax.jit(network.init, static_argnames="train")(
        jax.random.key(0), jnp.zeros((1, 8, 8)), train=False
    )

    @jax.jit
    def run(variables, lightness):
        new = initialization.within_channel(
            network,
            variables,
            lightness=lightness,
            head_mean=jnp.array([0.5, -1.0]),
            head_deviation=DEVIATION,
            kept=("trunk",),
        )
        return new, network.apply(new, lightness, train=False)

    new, outputs = run(fresh, _photographs())
    jax.tree.map(
        np.testing.assert_array_equal, new["params"]["trunk"], fresh["params"]["trunk"]
    )
    # A normalization ends this network: float32 moments of 4096 pixels.
    np.testing.assert_allclose(np.mean(outputs, (0, 1, 2)), [0.5, -1.0], atol=1e-4)
    np.testing.assert_allclose(np.std(outputs, (0, 1, 2)), DEVIATION, rtol=1e-3)
