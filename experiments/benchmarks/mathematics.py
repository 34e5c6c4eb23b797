"""The mathematics against named peers: Lab, soft codes and the loss."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from experiments.benchmarks import inputs, worker
from experiments.benchmarks.inputs import (
    CROP,
    NEIGHBORS,
    RESIZE,
    SIGMA,
    STRIDE,
    Arm,
    Setting,
)


def lab_ours(setting: Setting) -> Arm:
    """Prepares the conversion of 8-bit RGB to Lab by a table."""
    import jax
    from skimage import color

    from jaxcolor.color import cielab

    rgb = inputs.photographs(setting, RESIZE)
    convert = jax.jit(cielab.rgb8_to_lab)
    error = np.abs(convert(rgb) - color.rgb2lab(rgb)).max()
    return Arm(lambda: convert(rgb).block_until_ready(), {"error": float(error)})


def lab_peer(setting: Setting) -> Arm:
    """Prepares the same conversion with scikit-image."""
    from skimage import color

    rgb = inputs.photographs(setting, RESIZE)
    return Arm(lambda: color.rgb2lab(rgb), {})


def encoding_ours(setting: Setting) -> Arm:
    """Prepares soft encoding; the facts have its errors relative to exact codes."""
    import jax

    from jaxcolor.color import encode

    ab, bins = inputs.ab_of(setting), inputs.bins()
    soft_encode = jax.jit(
        lambda x: encode.soft_encode(x, bins, neighbors=NEIGHBORS, sigma=SIGMA)
    )
    indices, weights = jax.tree.map(np.asarray, tuple(soft_encode(ab)))
    return Arm(
        lambda: jax.block_until_ready(soft_encode(ab)),
        _mistakes(ab, bins.centers.astype(np.float64), indices, weights),
    )


def encoding_peer(setting: Setting) -> Arm:
    """Prepares the same encoding with the fastest search of scikit-learn."""
    from sklearn.neighbors import NearestNeighbors

    ab, centers = inputs.ab_of(setting), inputs.bins().centers

    def encoder(algorithm: str, jobs: int) -> Callable[[], object]:
        search = NearestNeighbors(
            n_neighbors=NEIGHBORS, algorithm=algorithm, n_jobs=jobs
        ).fit(centers)

        def encode() -> object:
            distances, indices = search.kneighbors(ab)
            weights = np.exp(-(distances**2) / (2 * SIGMA**2))
            return indices, weights / weights.sum(axis=1, keepdims=True)

        return encode

    algorithms = ("ball_tree", "kd_tree", "brute")
    choices = itertools.product(algorithms, sorted({1, setting.cores}))
    calls = {choice: encoder(*choice) for choice in choices}
    best = min(calls, key=lambda choice: _fastest_of_three(calls[choice]))
    return Arm(calls[best], {"search": f"{best[0]}, n_jobs={best[1]}"})


def loss_ours(setting: Setting) -> Arm:
    """Prepares the rebalanced loss and its gradient with sparse targets."""
    from jaxcolor.color import losses

    return _loss_arm(losses.rebalanced_cross_entropy, *_loss_inputs())


def loss_peer(setting: Setting) -> Arm:
    """Prepares the same loss with dense targets, which are given as an argument."""
    import jax
    import jax.numpy as jnp

    from jaxcolor.color import encode

    logits, code, weight = _loss_inputs()
    dense = jax.jit(lambda x: encode.densify(x, bins=logits.shape[-1]))(code)

    def loss(logits: Any, dense: Any, weight: Any) -> Any:
        log_probs = jax.nn.log_softmax(logits)
        return jnp.mean(weight * -(dense * log_probs).sum(axis=-1))

    return _loss_arm(loss, logits, dense, weight)


def _loss_inputs() -> tuple[Any, Any, Any]:
    """Returns logits, soft codes and weights of eight crops."""
    import jax
    import jax.numpy as jnp

    from jaxcolor.color import encode

    bins, rng = inputs.bins(), np.random.default_rng(0)
    shape = (8, CROP // STRIDE, CROP // STRIDE)
    logits = jnp.asarray(rng.normal(size=(*shape, len(bins.centers))), jnp.float32)
    ab = jnp.asarray(rng.normal(0, 20, (*shape, 2)), jnp.float32)
    weight = jnp.asarray(rng.uniform(0, 6, shape), jnp.float32)
    code = jax.jit(
        lambda x: encode.soft_encode(x, bins, neighbors=NEIGHBORS, sigma=SIGMA)
    )(ab)
    return logits, code, weight


def _loss_arm(loss: Callable[..., Any], *arguments: Any) -> Arm:
    import jax

    compiled = jax.jit(jax.value_and_grad(loss)).lower(*arguments).compile()
    analysis = compiled.memory_analysis()
    assert analysis is not None
    memory = analysis.temp_size_in_bytes
    value = float(compiled(*arguments)[0])
    return Arm(
        lambda: jax.block_until_ready(compiled(*arguments)),
        {"temporaries": memory, "loss": value},
    )


def _mistakes(
    ab: np.ndarray, centers: np.ndarray, indices: np.ndarray, weights: np.ndarray
) -> dict[str, float]:
    """Returns the errors of codes relative to exact codes in float64."""
    squares = ((ab[:, None].astype(np.float64) - centers) ** 2).sum(axis=-1)
    order = np.argsort(squares, axis=1, kind="stable")
    ranked = np.take_along_axis(squares, order, axis=1)
    # If two bins are equally far, up to the rounding of float32, either is right.
    is_clear = ranked[:, NEIGHBORS] - ranked[:, NEIGHBORS - 1] > 1e-3
    exact = np.exp(-ranked[:, :NEIGHBORS] / (2 * SIGMA**2))
    exact /= exact.sum(axis=1, keepdims=True)
    expected = np.sort(order[:, :NEIGHBORS], axis=1)
    is_wrong = (np.sort(indices, axis=1) != expected).any(axis=1)
    return {
        "wrong sets": int((is_wrong & is_clear).sum()),
        "weight error": float(np.abs(np.asarray(weights) - exact).max()),
    }


def _fastest_of_three(call: Callable[[], object]) -> float:
    call()
    return min(worker.measure(call, repeats=1).wall for _ in range(3))
