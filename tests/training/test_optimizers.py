import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcolor.training import optimizers

PARAMS = {
    "conv1_1": {"kernel": np.float32([[2, -1]]), "bias": np.float32([0.5, 0])},
    "conv1_2norm": {"scale": np.float32([1, 3]), "bias": np.float32([0.5, -0.5])},
}
GRADIENT = jax.tree.map(lambda x: np.full_like(x, 0.1), PARAMS)
# Hand-worked float64 against float32.
RTOL = 1e-5


def after(optimizer, steps: int):
    @jax.jit
    def step(params, state):
        updates, state = optimizer.update(GRADIENT, state, params)
        return jax.tree.map(jnp.add, params, updates), state

    params, state = PARAMS, jax.jit(optimizer.init)(PARAMS)
    for _ in range(steps):
        params, state = step(params, state)
    return params


def first_updates(optimizer, gradient, params):
    """Returns what the first step adds to parameters."""

    @jax.jit
    def updates(gradient, params):
        return optimizer.update(gradient, optimizer.init(params), params)[0]

    return jax.device_get(updates(gradient, params))


def adam_by_hand(x, *, decay: float, rate: float, steps: int) -> np.ndarray:
    b1, b2, eps = 0.9, 0.99, 1e-3
    x = np.asarray(x, np.float64)
    m = v = np.zeros_like(x)
    for t in range(1, steps + 1):
        gradient = 0.1 + decay * x
        m = b1 * m + (1 - b1) * gradient
        v = b2 * v + (1 - b2) * gradient**2
        x = x - rate * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + eps)
    return x


def test_adam_adds_the_decay_of_convolutions_to_the_gradient():
    optimizer = optimizers.adam(
        lambda _: 0.01, b1=0.9, b2=0.99, eps=1e-3, weight_decay=0.2
    )
    new = after(optimizer, 3)
    for layer, name, decay in (
        ("conv1_1", "kernel", 0.2),
        ("conv1_1", "bias", 0.2),
        ("conv1_2norm", "scale", 0.0),
        ("conv1_2norm", "bias", 0.0),
    ):
        wanted = adam_by_hand(PARAMS[layer][name], decay=decay, rate=0.01, steps=3)
        np.testing.assert_allclose(new[layer][name], wanted, rtol=RTOL, atol=1e-7)


def test_scaling_loss_eps_and_decay_alike_changes_nothing():
    # The paper sums over 1936 pixels where we average.
    n = 1936
    summed = optimizers.adam(
        lambda _: 0.01, b1=0.9, b2=0.99, eps=1e-2, weight_decay=0.2
    )
    mean = optimizers.adam(
        lambda _: 0.01, b1=0.9, b2=0.99, eps=1e-2 / n, weight_decay=0.2 / n
    )
    small = jax.tree.map(lambda g: g / n, GRADIENT)
    one = first_updates(summed, GRADIENT, PARAMS)
    other = first_updates(mean, small, PARAMS)
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_allclose(a, b, rtol=RTOL)


def test_adamw_decays_kernels_only_and_after_the_moments():
    plain = {"b1": 0.9, "b2": 0.99, "eps": 1e-3, "clip_norm": 100.0}
    with_decay = after(optimizers.adamw(lambda _: 0.01, weight_decay=0.5, **plain), 1)
    without = after(optimizers.adamw(lambda _: 0.01, weight_decay=0.0, **plain), 1)
    kernel = PARAMS["conv1_1"]["kernel"]
    np.testing.assert_allclose(
        with_decay["conv1_1"]["kernel"],
        without["conv1_1"]["kernel"] - 0.01 * 0.5 * kernel,
        rtol=RTOL,
    )
    np.testing.assert_array_equal(
        with_decay["conv1_1"]["bias"], without["conv1_1"]["bias"]
    )


def test_adamw_limits_the_norm_of_the_gradient():
    optimizer = optimizers.adamw(
        lambda _: 1.0, b1=0.0, b2=0.0, eps=1e6, weight_decay=0.0, clip_norm=0.05
    )
    updates = first_updates(optimizer, GRADIENT, PARAMS)
    # With so large an eps the update is the gradient over eps.
    squares = sum(np.square(u).sum() for u in jax.tree.leaves(updates))
    np.testing.assert_allclose(np.sqrt(squares) * 1e6, 0.05, rtol=1e-4)


def test_adadelta_moves_by_the_ratio_of_its_two_means():
    rho, eps, gradient = 0.9, 1e-3, 0.1
    x = np.asarray(PARAMS["conv1_1"]["kernel"], np.float64)
    squares = moved = 0.0
    for _ in range(3):
        squares = rho * squares + (1 - rho) * gradient**2
        step = np.sqrt(moved + eps) / np.sqrt(squares + eps) * gradient
        moved = rho * moved + (1 - rho) * step**2
        x = x - 0.5 * step
    new = after(optimizers.adadelta(lambda _: 0.5, rho=rho, eps=eps), 3)
    np.testing.assert_allclose(new["conv1_1"]["kernel"], x, rtol=RTOL)


def test_a_piecewise_rate_changes_at_its_starts():
    rate = optimizers.piecewise(rates=(0.5, 0.25, 2.0), starts=(3, 5))
    found = jax.jit(rate)(np.arange(7)).tolist()
    assert found == [0.5, 0.5, 0.5, 0.25, 0.25, 2.0, 2.0]
    assert float(jax.jit(optimizers.piecewise(rates=(0.5,), starts=()))(9)) == 0.5


@pytest.mark.parametrize(
    ("starts", "message"),
    [
        ((3,), "starts has 1 and rates 3 numbers"),
        ((5, 5), r"starts is \(5, 5\); wanted rising"),
        ((0, 5), r"starts is \(0, 5\); wanted rising numbers above 0"),
    ],
)
def test_starts_that_do_not_fit_the_rates_are_refused(starts, message):
    with pytest.raises(ValueError, match=message):
        optimizers.piecewise(rates=(0.5, 0.25, 2.0), starts=starts)


def test_the_papers_schedule_falls_at_its_steps():
    rate = jax.jit(optimizers.steps(peak=3.16e-5, factor=0.316, every=215_000))
    np.testing.assert_allclose(rate(0), 3.16e-5, rtol=RTOL)
    np.testing.assert_allclose(rate(214_999), 3.16e-5, rtol=RTOL)
    np.testing.assert_allclose(rate(215_000), 9.9856e-6, rtol=RTOL)
    np.testing.assert_allclose(rate(430_000), 3.15545e-6, rtol=RTOL)


def test_warmup_rises_and_a_cosine_falls_to_zero():
    rate = jax.jit(optimizers.warmup_cosine(peak=2.0, warmup=9, length=109))
    np.testing.assert_allclose(rate(0), 0.2, rtol=RTOL)
    np.testing.assert_allclose(rate(9), 2.0, rtol=RTOL)
    np.testing.assert_allclose(rate(59), 1.0, rtol=RTOL)
    np.testing.assert_allclose(rate(109), 0.0, atol=1e-7)
    np.testing.assert_allclose(rate(1000), 0.0, atol=1e-7)


def test_a_warmup_as_long_as_the_training_is_refused():
    with pytest.raises(ValueError, match="warmup is 10; wanted 0 or more, below"):
        optimizers.warmup_cosine(peak=1.0, warmup=10, length=10)


def test_muon_turns_kernels_orthogonally_and_leaves_the_rest_to_adam():
    random = np.random.default_rng(0)
    shapes = {
        "conv1_1": {"kernel": (3, 3, 1, 8), "bias": (8,)},
        "conv1_2": {"kernel": (3, 3, 8, 16), "bias": (16,)},
        "head": {"kernel": (1, 1, 16, 20), "bias": (20,)},
    }
    is_shape = {"is_leaf": lambda x: isinstance(x, tuple)}
    params, gradient = (
        jax.tree.map(lambda s: np.float32(random.normal(size=s)), shapes, **is_shape)
        for _ in range(2)
    )
    optimizer = optimizers.muon(
        lambda _: 0.1,
        momentum=0.9,
        adam_share=0.5,
        b1=0.9,
        b2=0.99,
        weight_decay=0.2,
        clip_norm=1e9,
    )
    updates = first_updates(optimizer, gradient, params)
    # A kernel's step, less the decay, has the gradient's singular vectors, and nearly
    # the same length along all of them.
    decayed = updates["conv1_2"]["kernel"] + 0.1 * 0.2 * params["conv1_2"]["kernel"]
    left, _, right = np.linalg.svd(
        np.reshape(gradient["conv1_2"]["kernel"], (72, 16)), full_matrices=False
    )
    turned = left.T @ np.reshape(decayed, (72, 16)) @ right.T / -0.1
    lengths = np.diag(turned)
    # What five iterations of its polynomial leave of the unit lengths.
    assert 0.6 < lengths.min() <= lengths.max() < 1.3
    np.testing.assert_allclose(turned, np.diag(lengths), atol=1e-3)
    # Adam's first step, with Nesterov's look ahead: the sign of the gradient, times the
    # rate, times 1 + (1 - b1) b1 / (1 - b1^2).
    size = 0.1 * 0.5 * (1 + 0.09 / 0.19)
    for layer, name in (("conv1_1", "kernel"), ("conv1_2", "bias"), ("head", "kernel")):
        expected = -size * np.sign(gradient[layer][name])
        np.testing.assert_allclose(updates[layer][name], expected, rtol=1e-4)


def test_caffe_sgd_moves_by_the_rates_of_earlier_steps_too():
    # Caffe: v = m v + rate (gradient + decay x), x = x - v; twice the rate for biases,
    # and no decay.
    rates = (0.1, 0.1, 0.01)
    optimizer = optimizers.caffe_sgd(
        lambda step: jnp.array(rates)[step],
        momentum=0.9,
        weight_decay=0.5,
        bias_rate=2.0,
    )
    new = after(optimizer, 3)["conv1_1"]
    for name, decay, factor in (("kernel", 0.5, 1.0), ("bias", 0.0, 2.0)):
        x = np.asarray(PARAMS["conv1_1"][name], np.float64)
        v = np.zeros_like(x)
        for rate in rates:
            v = 0.9 * v + factor * rate * (0.1 + decay * x)
            x = x - v
        np.testing.assert_allclose(new[name], x, rtol=RTOL)


def test_a_trapezoid_rises_stays_and_falls():
    rate = optimizers.trapezoid(peak=2.0, warmup=3, cooldown=4, length=12)
    found = jax.jit(rate)(np.arange(14))
    expected = [0.5, 1, 1.5, 2, 2, 2, 2, 2, 2, 1.5, 1, 0.5, 0, 0]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_trapezoid_longer_than_the_training_is_refused():
    with pytest.raises(ValueError, match=r"warmup is 6 and cooldown 5.* length 10"):
        optimizers.trapezoid(peak=1.0, warmup=6, cooldown=5, length=10)
