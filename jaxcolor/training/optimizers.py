"""Optimizers and learning-rate schedules: the paper's, and for short trainings."""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax
import optax.contrib
from jax.typing import ArrayLike
from jaxtyping import PyTree

from jaxcolor.models import layerwise

# The first and the last layer of the networks.
OUTER = ("conv1", "conv1_1", "fc8", "head")
# Added to a parameter it changes no bit, not even that of -0.0, which 0.0 would.
NOTHING = -0.0

# `warmup_cosine` and `trapezoid` are not Optax's: at the first step the rate is not 0
# here, and `optax.warmup_cosine_decay_schedule` with an initial value of that rate
# differs in the last bits at a quarter of the steps, as does `optax.join_schedules`.


def adam(
    schedule: optax.Schedule, *, b1: float, b2: float, eps: float, weight_decay: float
) -> optax.GradientTransformation:
    """Returns Adam with L2 decay of kernels and biases added to the gradient.

    The decay enters before the moments, as in Caffe ("coupled"), unlike AdamW's.

    Args:
        schedule: learning rate by step.
        b1: decay of the first moment.
        b2: decay of the second moment.
        eps: added to the root of the second moment. The paper sums the loss over
            pixels: for a loss that averages over n pixels divide its 1e-8 by n.
        weight_decay: the paper's 1e-3 likewise becomes 1e-3 / n.

    Source:
        The authors' released solver and train_val prototxt; Kingma and Ba 2015.
    """
    return optax.chain(
        optax.add_decayed_weights(weight_decay, mask=_is_of_a_convolution),
        optax.scale_by_adam(b1=b1, b2=b2, eps=eps),
        optax.scale_by_learning_rate(schedule),
    )


def adamw(
    schedule: optax.Schedule,
    *,
    b1: float,
    b2: float,
    eps: float,
    weight_decay: float,
    clip_norm: float,
) -> optax.GradientTransformation:
    """Returns AdamW on gradients of limited norm; only kernels decay.

    Args:
        schedule: learning rate by step.
        b1: decay of the first moment.
        b2: decay of the second moment.
        eps: added to the root of the second moment.
        weight_decay: times the learning rate, subtracted from kernels each step.
        clip_norm: a gradient of a larger global norm is scaled down to it.

    Source:
        Loshchilov and Hutter 2019.
    """
    return optax.chain(
        optax.clip_by_global_norm(clip_norm),
        optax.adamw(
            schedule, b1=b1, b2=b2, eps=eps, weight_decay=weight_decay, mask=_is_kernel
        ),
    )


def muon(
    schedule: optax.Schedule,
    *,
    momentum: float,
    adam_share: float,
    b1: float,
    b2: float,
    weight_decay: float,
    clip_norm: float,
) -> optax.GradientTransformation:
    """Returns Muon for kernels, Nesterov's Adam for all else, on limited gradients.

    The momentum of a kernel, as a matrix from all inputs of a pixel to its channels, is
    replaced by the nearest orthogonal matrix, so that every direction moves as
    fast. The first and the last layer, whose inputs are one number and whose outputs
    are rare or common bins, stay with Adam.

    Args:
        schedule: learning rate of the kernels by step.
        momentum: share of it kept each step.
        adam_share: of the learning rate, for Adam.
        b1: decay of Adam's first moment.
        b2: decay of Adam's second moment.
        weight_decay: times the learning rate, subtracted from those kernels each step.
        clip_norm: as of `adamw`.

    Source:
        Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks".
    """
    return optax.chain(
        optax.clip_by_global_norm(clip_norm),
        optax.contrib.muon(
            schedule,
            beta=momentum,
            weight_decay=weight_decay,
            weight_decay_mask=_is_kernel,
            adam_b1=b1,
            adam_b2=b2,
            adam_learning_rate=lambda step: adam_share * schedule(step),
            muon_weight_dimension_numbers=_matrices,
        ),
    )


def sgd(schedule: optax.Schedule, *, momentum: float) -> optax.GradientTransformation:
    """Returns gradient descent with momentum; 0 for none."""
    return optax.sgd(schedule, momentum=momentum or None)


def caffe_sgd(
    schedule: optax.Schedule, *, momentum: float, weight_decay: float, bias_rate: float
) -> optax.GradientTransformation:
    """Returns gradient descent as Caffe's networks of 2014 to 2016 were trained.

    The decay enters before the momentum, and the learning rate, too: when the rate
    falls, earlier steps still count by the rate that they were made at.

    Args:
        schedule: learning rate by step.
        momentum: share of the last step that is made again.
        weight_decay: times a kernel, added to its gradient; biases do not decay.
        bias_rate: factor on the learning rate of biases; 2 in those networks.

    Source:
        Caffe's SGDSolver; factors 2 and 0 of rate and decay in its reference networks.
    """
    return optax.chain(
        optax.add_decayed_weights(weight_decay, mask=_is_kernel),
        optax.masked(optax.scale(bias_rate), _is_bias),
        optax.scale_by_learning_rate(schedule),
        optax.trace(decay=momentum),
    )


def adadelta(
    schedule: optax.Schedule, *, rho: float, eps: float
) -> optax.GradientTransformation:
    """Returns Adadelta, which needs no learning rate: a rate of 1 leaves it as it is.

    Args:
        schedule: factor on its steps, by step.
        rho: kept of the running means of squares each step.
        eps: added to both means. Gradients whose squares are far below it are followed
            at about the rate itself, as without Adadelta.

    Source:
        Zeiler 2012 (arXiv:1212.5701), algorithm 1.
    """
    return optax.adadelta(schedule, rho=rho, eps=eps)


def by_layer(
    inner: optax.GradientTransformation,
    *,
    rates: Mapping[str, float],
    warmup: Mapping[str, int],
) -> optax.GradientTransformation:
    """Returns an optimizer whose updates, weight decay included, are scaled by layer.

    During their warm-up, parameters stay as they are, but the inner optimizer sees
    their gradients: its moments accumulate, so that the first update is that of
    settled moments and not of one noisy gradient. A limit on the gradient's norm
    counts these gradients too.

    Args:
        inner: the optimizer; returned unchanged where nothing is scaled.
        rates: factors by prefix of parameter names. For parameters with factor 0,
            no update is computed.
        warmup: updates, by prefix, before the first that changes a parameter.
    """
    if not rates and not warmup:
        return inner

    def init(params: PyTree) -> optax.ScaleByScheduleState:
        return optax.ScaleByScheduleState(count=jnp.zeros((), jnp.int32))

    def update(
        updates: PyTree, state: optax.ScaleByScheduleState, params: PyTree = None
    ) -> tuple[PyTree, optax.ScaleByScheduleState]:
        def scaled(name: str, step: jax.Array) -> jax.Array:
            factor = layerwise.rate(name, rates)
            if factor == 0:
                return jnp.full_like(step, NOTHING)
            step = step if factor == 1 else factor * step
            if (prefix := layerwise.match(name, warmup)) is not None and warmup[prefix]:
                step = jnp.where(state.count < warmup[prefix], NOTHING, step)
            return step

        new = optax.ScaleByScheduleState(count=state.count + 1)
        return layerwise.map_named(scaled, updates), new

    return optax.chain(inner, optax.GradientTransformation(init, update))


def steps(*, peak: float, factor: float, every: int) -> optax.Schedule:
    """Returns a learning rate that is multiplied by `factor` each `every` steps."""
    return optax.exponential_decay(peak, every, factor, staircase=True)


def piecewise(*, rates: Sequence[float], starts: Sequence[int]) -> optax.Schedule:
    """Returns a learning rate that stays the same between some steps.

    Args:
        rates: one after the other.
        starts: the first step of each rate but the first.

    Raises:
        ValueError: there are not as many as that, or they do not rise from above 0.
    """
    if not rates or len(starts) != len(rates) - 1:
        raise ValueError(
            f"starts has {len(starts)} and rates {len(rates)} numbers;"
            " wanted one start for each rate but the first"
        )
    if not all(a < b for a, b in itertools.pairwise((0, *starts))):
        raise ValueError(f"starts is {tuple(starts)}; wanted rising numbers above 0")

    def rate(step: ArrayLike) -> jax.Array:
        number = jnp.searchsorted(jnp.asarray([*starts], jnp.int32), step, side="right")
        return jnp.asarray([*rates], jnp.float32)[number]

    return rate


def warmup_cosine(*, peak: float, warmup: int, length: int) -> optax.Schedule:
    """Returns a rate that rises over `warmup` steps and falls to zero at `length`.

    Raises:
        ValueError: the warm-up is not shorter than the whole.
    """
    if not 0 <= warmup < length:
        raise ValueError(f"warmup is {warmup}; wanted 0 or more, below length {length}")

    def rate(step: ArrayLike) -> jax.Array:
        step = jnp.asarray(step)
        rising = (step + 1) / (warmup + 1)
        progress = jnp.clip((step - warmup) / (length - warmup), 0, 1)
        falling = (1 + jnp.cos(math.pi * progress)) / 2
        return peak * jnp.minimum(rising, falling)

    return rate


def trapezoid(
    *, peak: float, warmup: int, cooldown: int, length: int
) -> optax.Schedule:
    """Returns a rate that rises, stays, and falls to zero over the last steps.

    As good as a cosine; a longer training can start from the weights before the fall.

    Args:
        peak: the constant rate.
        warmup: number of steps of the rise.
        cooldown: number of steps of the fall, which is linear.
        length: number of all steps.

    Raises:
        ValueError: rise and fall are longer than the whole.

    Source:
        Haegele et al. 2024 (arXiv:2405.18392).
    """
    if not 0 <= warmup <= length - cooldown <= length:
        raise ValueError(
            f"warmup is {warmup} and cooldown {cooldown}; wanted 0 or more, together"
            f" at most length {length}"
        )

    def rate(step: ArrayLike) -> jax.Array:
        step = jnp.asarray(step)
        rising = (step + 1) / (warmup + 1)
        falling = (length - step) / max(cooldown, 1)
        return peak * jnp.clip(jnp.minimum(rising, falling), 0, 1)

    return rate


def _is_kernel(params: PyTree) -> PyTree:
    return jax.tree_util.tree_map_with_path(lambda p, _: p[-1].key == "kernel", params)


def _is_bias(params: PyTree) -> PyTree:
    return jax.tree_util.tree_map_with_path(lambda p, _: p[-1].key == "bias", params)


def _matrices(params: PyTree) -> PyTree:
    """Returns, for kernels of inner layers, which axes go in and which come out."""
    inner = optax.contrib.MuonDimensionNumbers((0, 1, 2), (3,))

    def axes(path: tuple[jax.tree_util.DictKey, ...], _: jax.Array) -> Any:
        layer, name = path[-2].key, path[-1].key
        return inner if name == "kernel" and layer not in OUTER else None

    return jax.tree_util.tree_map_with_path(axes, params)


def _is_of_a_convolution(params: PyTree) -> PyTree:
    # Scale and bias of a normalization are left alone: Caffe's layer has none.
    return jax.tree_util.tree_map_with_path(
        lambda p, _: not p[-2].key.endswith("norm"), params
    )
