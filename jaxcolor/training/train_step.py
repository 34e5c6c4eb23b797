"""The train step and the evaluation step: pure functions of one global batch."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, Key, PyTree, UInt8

from jaxcolor.color import cielab, coherence, compose
from jaxcolor.color.heads import Decoder, Terms
from jaxcolor.metrics import accuracy
from jaxcolor.models import layers, layerwise
from jaxcolor.models.interface import Network
from jaxcolor.training import degradation
from jaxcolor.training.degradation import Degrade
from jaxcolor.training.objectives import UNKNOWN, ExtraInputs, Objective, Truth

# Forward passes through the network that a train step costs: one, and the two
# gradients of each product.
FORWARD_PASSES = 3


class TrainState(NamedTuple):
    """Everything that a training carries from step to step.

    Attributes:
        step: how many updates were made.
        params: the network's parameters.
        batch_stats: the network's running statistics.
        opt_state: of the optimizer.
        average: exponential averages of params and batch_stats, which evaluation
            prefers, or None.
    """

    step: Int[Array, ""]
    params: PyTree
    batch_stats: PyTree
    opt_state: PyTree
    average: PyTree


Batch = Mapping[str, Array]
"""Photographs "rgb", uint8 (b h w 3); with classes, their "label", int32 (b)."""

TrainStep = Callable[[TrainState, Batch], tuple[TrainState, Terms]]

# From variables and lightness to outputs and colored photographs.
Colorize = Callable[
    [PyTree, Float[Array, "b h w"]],
    tuple[Float[Array, "b H W n"], UInt8[Array, "b h w 3"]],
]


def init_state(
    variables: PyTree, optimizer: optax.GradientTransformation, *, average: bool
) -> TrainState:
    """Returns the state before the first step, from the network's variables."""
    params, batch_stats = variables["params"], variables["batch_stats"]
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        params=params,
        batch_stats=batch_stats,
        # One program, where each shape of an array would be compiled by itself.
        opt_state=jax.jit(optimizer.init)(params),
        average={"params": params, "batch_stats": batch_stats} if average else None,
    )


def variables_of(state: TrainState) -> PyTree:
    """Returns the variables to evaluate: the averages where there are any."""
    if state.average is not None:
        return state.average
    return {"params": state.params, "batch_stats": state.batch_stats}


def make_train_step(
    network: Network,
    optimizer: optax.GradientTransformation,
    objective: Objective,
    *,
    average_decay: float,
    degrade: Degrade | None,
    axis_name: str | None,
    accumulation: int = 1,
    remat: bool = False,
    is_frozen: Callable[[str], bool] | None = None,
    fixed_statistics: Sequence[str] = (),
    seed: int = 0,
) -> TrainStep:
    """Returns the function of a state and a batch that makes one update.

    Where the loss, the gradient or the update is not finite, only the step advances;
    the term "skipped" is 1 then, and 0 otherwise.

    Args:
        network: built with the same `axis_name`.
        optimizer: of the parameters.
        objective: the loss and other numbers to log.
        average_decay: share of the averages kept each step. Early steps keep less,
            (1 + t) / (10 + t), so that the start is soon forgotten.
        degrade: artificial aging of the lightness that the network sees, see
            `degradation.make_degrade`; None for none.
        axis_name: the mapped axis under pmap, over which gradients and terms are
            averaged; None under jit, where the batch is the global one already.
        accumulation: number of parts that the batch is split into, computed one after
            the other to save memory; on CPU side by side, for speed. The gradient is
            that of the whole batch, except that batch normalization sees one part.
        remat: keep only the outputs of each block of the network, and recompute the
            rest for the gradient: less memory, a third more work.
        is_frozen: whether the parameter with a name has no gradient; None for no
            parameter. The optimizer has to leave these unchanged.
        fixed_statistics: see `layers.fixed_statistics`.
        seed: of dropout and of the extra inputs.
    """
    if objective.detached is not None:
        network = network.clone(detached=objective.detached)
    apply = _make_apply(
        network,
        remat=remat,
        fixed_statistics=fixed_statistics,
        has_extra=bool(objective.extra_outputs),
    )

    def slopes(
        params: PyTree, batch_stats: PyTree, inputs: _Inputs, truth: Truth
    ) -> tuple[PyTree, Terms, PyTree]:
        def loss(params: PyTree) -> tuple[Array, tuple[Terms, PyTree]]:
            if is_frozen is not None:
                params = layerwise.frozen(params, is_frozen)
            (outputs, extra), updated = apply(params, batch_stats, inputs)
            terms = objective.terms(outputs, truth, extra)
            means = jax.tree.map(lambda x: x.mean(axis=0), terms)
            return means["loss"], (means, updated["batch_stats"])

        gradients, (means, updated) = jax.grad(loss, has_aux=True)(params)
        return gradients, means, updated

    def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, Terms]:
        rgb = batch["rgb"]
        lab = cielab.rgb8_to_lab(rgb)
        lightness = lab[..., 0]
        if degrade is not None:
            lightness = degrade(state.step, rgb, lightness)
        step_key = jax.random.fold_in(jax.random.key(seed), state.step)
        keys = degradation.keys_of(step_key, rgb)
        draw = objective.extra_inputs
        extra = {} if draw is None else jax.vmap(draw)(keys, lab)
        inputs = _Inputs(lightness, extra, keys)
        truth = truth_of(batch, lab, stride=network.output_stride)
        gradients, means, batch_stats = _accumulated(
            slopes, state, inputs, truth, parts=accumulation
        )
        if axis_name is not None:
            gradients, means = jax.lax.pmean((gradients, means), axis_name)
        updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        new = {"params": params, "batch_stats": batch_stats}
        average = _moved(state.average, new, state.step, decay=average_decay)
        means["gradient_norm"] = optax.tree.norm(gradients)
        stepped = TrainState(state.step, params, batch_stats, opt_state, average)
        is_sound = _is_sound(means, [updates, opt_state, batch_stats])
        means["skipped"] = 1 - is_sound.astype(jnp.float32)
        stepped = jax.tree.map(lambda a, b: jnp.where(is_sound, a, b), stepped, state)
        return stepped._replace(step=state.step + 1), means

    return train_step


class _Inputs(NamedTuple):
    """What a network gets in training.

    Attributes:
        lightness: L* in [0, 100].
        extra: inputs besides it, by name.
        keys: a random key for each photograph.
    """

    lightness: Float[Array, "b h w"]
    extra: dict[str, Array]
    keys: Key[Array, " b"]


def _make_apply(
    network: Network,
    *,
    remat: bool,
    fixed_statistics: Sequence[str],
    has_extra: bool = False,
) -> Callable[[PyTree, PyTree, _Inputs], PyTree]:
    """Returns the function that applies a network in training.

    It returns outputs and extra outputs, and the updated statistics.
    """

    def apply(params: PyTree, batch_stats: PyTree, inputs: _Inputs) -> PyTree:
        # Inside: `jax.checkpoint` runs this again, outside of any context.
        with layers.fixed_statistics(fixed_statistics):
            found, updated = network.apply(
                {"params": params, "batch_stats": batch_stats},
                inputs.lightness,
                **inputs.extra,
                train=True,
                mutable=["batch_stats"],
                # Of the first photograph, so that parts and devices differ.
                rngs={"dropout": inputs.keys[0]},
                method="outputs_and_extra" if has_extra else None,
            )
        return (found if has_extra else (found, {})), updated

    if not remat:
        return apply
    kept = jax.checkpoint_policies.save_only_these_names(layers.BLOCK)
    return jax.checkpoint(apply, policy=kept)


def _is_sound(means: Terms, trees: list[PyTree]) -> Array:
    """Returns whether loss, gradient and trees are finite.

    Of a tree the norm is looked at: for every array by itself the program of a
    network of many layers compiles for minutes.
    """

    def norm(tree: PyTree) -> Array:
        leaves = jax.tree.leaves(tree)
        return optax.tree.norm(
            [x for x in leaves if jnp.issubdtype(x.dtype, jnp.inexact)]
        )

    numbers = [means["loss"], means["gradient_norm"], *map(norm, trees)]
    return jnp.isfinite(jnp.stack(numbers)).all()


def make_statistics_step(
    network: Network,
    *,
    fixed_statistics: Sequence[str] = (),
    extra_inputs: ExtraInputs | None = None,
) -> Callable[[PyTree, UInt8[Array, "b h w 3"]], PyTree]:
    """Returns the function of variables and photographs to the batch's statistics.

    Each layer's are those behind layers that are normalized by the batch's, too.

    Args:
        network: with a `momentum`.
        fixed_statistics: prefixes of modules whose statistics are returned as they
            are, and normalized by.
        extra_inputs: as of the training's objective.
    """
    # Running statistics that keep nothing are the batch's own.
    forgetful = network.clone(momentum=0.0)
    apply = _make_apply(forgetful, remat=False, fixed_statistics=fixed_statistics)

    def statistics_step(variables: PyTree, rgb: UInt8[Array, "b h w 3"]) -> PyTree:
        keys = degradation.keys_of(jax.random.key(0), rgb)
        lab = cielab.rgb8_to_lab(rgb)
        extra = {} if extra_inputs is None else jax.vmap(extra_inputs)(keys, lab)
        inputs = _Inputs(lab[..., 0], extra, keys)
        # From zero: a step from other statistics to the batch's would round.
        zero = jax.tree.map(jnp.zeros_like, variables["batch_stats"])
        start = layerwise.where_fixed(fixed_statistics, variables["batch_stats"], zero)
        _, updated = apply(variables["params"], start, inputs)
        return updated["batch_stats"]

    return statistics_step


def make_colorize(network: Network, decoder: Decoder, *, amount: float) -> Colorize:
    """Returns the function that colorizes photographs as `evaluate` does.

    Args:
        network: applied by its running statistics.
        decoder: of the head, under the decoding of the release.
        amount: the coherence of that decoding.
    """

    def colorize(
        variables: PyTree, lightness: Float[Array, "b h w"]
    ) -> tuple[Float[Array, "b H W n"], UInt8[Array, "b h w 3"]]:
        apply = partial(network.apply, variables, lightness, train=False)
        if not amount:
            outputs = jnp.asarray(apply())
            means = coherence.cell_means(lightness, of=outputs)
            cells = decoder.ab(decoder.move(outputs), means)
            return outputs, compose.pictures(lightness, cells)
        outputs, features = apply(method="outputs_and_features")
        means = coherence.cell_means(lightness, of=outputs)
        cells = coherence.of_photographs(
            decoder.ab(decoder.move(outputs), means),
            features,
            lightness=lightness,
            coherence=amount,
            valid=jnp.broadcast_to(jnp.array(outputs.shape[1:3]), (len(outputs), 2)),
        )
        return outputs, compose.pictures(lightness, cells)

    return colorize


def make_eval_step(
    network: Network, objective: Objective, colorize: Colorize
) -> Callable[[PyTree, Batch], Terms]:
    """Returns the function of variables and a batch to sums.

    The batch has, besides, which photographs are "valid", 1 or 0, float32 (b). The
    sums are over these: of the objective's terms, of the colorfulness of prediction
    and truth, and of the number of photographs ("images").
    """

    def eval_step(variables: PyTree, batch: Batch) -> Terms:
        rgb, valid = batch["rgb"], batch["valid"]
        lab = cielab.rgb8_to_lab(rgb)
        lightness = lab[..., 0]
        outputs, predicted = colorize(variables, lightness)
        extra = {}
        if objective.extra_outputs:
            # The same pass as that of `colorize`, which the compiler computes once.
            _, extra = network.apply(
                variables, lightness, train=False, method="outputs_and_extra"
            )
        truth = truth_of(batch, lab, stride=network.output_stride)
        terms = objective.terms(outputs, truth, extra)
        terms["colorfulness"] = jax.vmap(accuracy.colorfulness)(predicted / 255)
        terms["colorfulness_of_truth"] = jax.vmap(accuracy.colorfulness)(rgb / 255)
        terms["images"] = jnp.ones_like(valid)
        # A product, not a `where`: invalid rows repeat real photographs, so are finite.
        return jax.tree.map(lambda x: jnp.tensordot(valid, x, axes=1), terms)

    return eval_step


def truth_of(batch: Batch, lab: Float[Array, "b h w 3"], *, stride: int) -> Truth:
    """Returns the Lab of one pixel for each cell of the output, and the classes.

    Picked, not averaged: the authors' release has a 1x1 convolution of stride 4.

    Args:
        batch: of which the labels are taken, where it has any.
        lab: of its photographs.
        stride: of the network's output.
    """
    unknown = jnp.full(len(lab), UNKNOWN, jnp.int32)
    return Truth(lab[:, ::stride, ::stride], batch.get("label", unknown))


def _accumulated(
    slopes: Callable[..., tuple[PyTree, Terms, PyTree]],
    state: TrainState,
    inputs: _Inputs,
    truth: Truth,
    *,
    parts: int,
) -> tuple[PyTree, Terms, PyTree]:
    """Returns mean gradients and terms over the parts, and the last statistics."""
    if parts == 1:
        return slopes(state.params, state.batch_stats, inputs, truth)

    # Part j has the rows j, j + parts ...: an equal number from each device's share.
    def part(x: Array) -> Array:
        return jnp.swapaxes(x.reshape(-1, parts, *x.shape[1:]), 0, 1)

    def add(carried: PyTree, batch: tuple[_Inputs, Truth]) -> tuple[PyTree, None]:
        sums, batch_stats = carried
        *found, batch_stats = slopes(state.params, batch_stats, *batch)
        sums = jax.tree.map(lambda total, x: total + x / parts, sums, tuple(found))
        return (sums, batch_stats), None

    whole = jax.tree.map(part, (inputs, truth))
    first = jax.tree.map(lambda x: x[0], whole)
    shapes = jax.eval_shape(slopes, state.params, state.batch_stats, *first)[:2]
    zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
    # Side by side on a CPU, whose threads would wait for each other's small operations.
    is_cpu = jax.default_backend() == "cpu"
    (sums, batch_stats), _ = jax.lax.scan(
        add,
        (zeros, state.batch_stats),
        whole,
        unroll=parts if is_cpu else 1,
    )
    return *sums, batch_stats


def _moved(average: PyTree, new: PyTree, step: Array, *, decay: float) -> PyTree:
    if average is None:
        return None
    kept = jnp.minimum(decay, (1 + step) / (10 + step))
    return jax.tree.map(lambda old, now: now + kept * (old - now), average, new)
