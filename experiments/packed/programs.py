"""The programs of the device: from photographs in its memory to the next state.

Each program chooses photographs, crops them and processes the crops. All random numbers
follow from the seed and the step.
"""

import functools
import hashlib
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn
from jaxtyping import Array, Float, Int, PRNGKeyArray, PyTree, UInt8

from experiments.packed import photographs as packed
from experiments.packed import recipe as recipes
from experiments.packed.photographs import Groups, Named, Photographs
from experiments.packed.recipe import Batch, Phase, Recipe, Validation
from jaxcolor.color import cielab, encode, rebalance
from jaxcolor.training import degradation, initial_variables, priors, train_step
from jaxcolor.training.config import build
from jaxcolor.training.config.schema import Config
from jaxcolor.training.config.schema.method import Classification
from jaxcolor.training.objectives import Objective
from jaxcolor.training.priors import Prior
from jaxcolor.training.train_step import TrainState

# Independent streams of random numbers.
TRAINING, PRIOR, STATISTICS, INITIAL = range(4)
# Terms of a step to log.
LOGGED = ("loss", "kl", "gradient_norm", "skipped")
VALIDATION_BATCH = 32

Steps = Callable[[TrainState, Photographs], tuple[TrainState, dict[str, Array]]]


class Parts(NamedTuple):
    """The parts of a training.

    Attributes:
        config: the config.
        recipe: the settings for packed photographs.
        groups: how often the photographs of each group are chosen.
        network: network of the config.
        optimizer: optimizer of the config.
        key: random key, from which all others are derived.
    """

    config: Config
    recipe: Recipe
    groups: Groups
    network: nn.Module
    optimizer: optax.GradientTransformation
    key: PRNGKeyArray


def parts(config: Config, recipe: Recipe, training: Named) -> Parts:
    """Builds the parts of a training.

    Raises:
        ValueError: the config or the recipe is wrong.
    """
    build.check(config)
    if not isinstance(config.objective, Classification):
        raise ValueError(
            "config.objective.name is 'regression'; wanted 'classification'"
        )
    return Parts(
        config=config,
        recipe=recipe,
        groups=packed.groups_of(training.groups, recipe.groups, power=recipe.power),
        network=build.network(config, axis_name=None),
        optimizer=build.optimizer(config),
        key=jax.random.key(config.training.seed),
    )


def draw(
    key: PRNGKeyArray, photographs: Photographs, groups: Groups, batch: Batch
) -> UInt8[Array, "b h w 3"]:
    """Returns random crops of photographs that are chosen by the shares of groups."""
    which, where = jax.random.split(key)
    return packed.random_crops(
        where,
        photographs,
        packed.chosen(which, groups, count=batch.count),
        crop=batch.crop,
        scales=batch.scales,
    )


def make_steps(
    parts: Parts, objective: Objective, batch: Batch, *, count: int
) -> Steps:
    """Returns a jitted function that performs several train steps.

    It returns the state, which it donates, and the terms of each step.

    Args:
        parts: parts of the training.
        objective: objective of the training.
        batch: kind of batch of each step.
        count: number of steps.
    """
    config = parts.config
    update = train_step.make_train_step(
        parts.network,
        parts.optimizer,
        objective,
        average_decay=config.average.decay,
        degrade=degradation.make_degrade(config.degradation, seed=config.training.seed),
        axis_name=None,
        accumulation=config.parallel.accumulation,
        remat=config.parallel.remat,
    )
    stream = jax.random.fold_in(parts.key, TRAINING)

    def one(
        state: TrainState, photographs: Photographs
    ) -> tuple[TrainState, dict[str, Array]]:
        key = jax.random.fold_in(stream, state.step)
        rgb = draw(key, photographs, parts.groups, batch)
        state, terms = update(state, {"rgb": rgb})
        return state, {name: terms[name] for name in LOGGED}

    def several(
        state: TrainState, photographs: Photographs
    ) -> tuple[TrainState, dict[str, Array]]:
        if count == 1:
            state, terms = one(state, photographs)
            return state, jax.tree.map(lambda x: x[None], terms)
        return jax.lax.scan(lambda s, _: one(s, photographs), state, length=count)

    return jax.jit(several, donate_argnums=0)


def first_state(
    parts: Parts, photographs: Photographs, prior: Prior | None
) -> TrainState:
    """Returns the state before the first step.

    Args:
        parts: parts of the training.
        photographs: photographs to train on, on the device.
        prior: prior of the bins; None if only the shapes of the state matter.
    """
    first = parts.recipe.phases[0].batches[0]
    key = jax.random.key(parts.config.training.seed)
    lightness = jnp.zeros((1, first.crop, first.crop))
    variables = jax.jit(lambda k: parts.network.init(k, lightness, train=False))(key)

    def crops(count: int) -> UInt8[np.ndarray, "b h w 3"]:
        stream = jax.random.fold_in(parts.key, INITIAL)
        few = first._replace(count=count)
        jitted = jax.jit(lambda key, x: draw(key, x, parts.groups, few))
        return np.asarray(jitted(stream, photographs))

    if prior is not None:
        variables = initial_variables.variables(
            parts.config,
            parts.network,
            variables,
            prior=priors.probabilities(prior),
            photographs=crops,
        )
    is_averaged = parts.config.average.decay > 0
    return train_step.init_state(variables, parts.optimizer, average=is_averaged)


def count_prior(parts: Parts, photographs: Photographs, training: Named) -> Prior:
    """Counts the soft codes of crops that are drawn as in the training."""
    task = parts.config.objective
    # `parts` has checked this.
    assert isinstance(task, Classification)
    assert parts.config.gamut is not None
    bins, neighbors, sigma = parts.config.gamut.make(), task.neighbors, task.sigma
    batches = recipes.in_turn(parts.recipe.phases[-1], count=parts.recipe.prior_batches)
    stream = jax.random.fold_in(parts.key, PRIOR)
    stride = parts.network.output_stride

    @functools.partial(jax.jit, static_argnames="batch")
    def count(
        position: Array, photographs: Photographs, *, batch: Batch
    ) -> Float[Array, " q"]:
        key = jax.random.fold_in(stream, position)
        rgb = draw(key, photographs, parts.groups, batch)
        ab = cielab.rgb8_to_lab(rgb[:, ::stride, ::stride])[..., 1:]
        code = encode.soft_encode(ab, bins, neighbors=neighbors, sigma=sigma)
        return rebalance.accumulate(code, bins=len(bins.centers))

    counts = np.zeros(len(bins.centers))
    for position, batch in enumerate(batches):
        found = count(np.int32(position), photographs, batch=batch)
        counts += np.asarray(found, np.float64)
    return Prior(
        counts=counts,
        spacing=bins.spacing,
        neighbors=neighbors,
        sigma=sigma,
        source=", ".join(f"{x:g} {name}" for name, x in parts.recipe.groups.items()),
        images=sum(x.count for x in batches),
        pixels=sum(x.count * (x.crop // stride) ** 2 for x in batches),
        resize=max(x.crop for x in batches),
        squash=False,
        lab=priors.LAB,
        sha256=hashlib.sha256("\n".join(training.names).encode()).hexdigest(),
    )


def make_settle(
    parts: Parts, phase: Phase
) -> Callable[[TrainState, Photographs], PyTree]:
    """Returns a function from a state to the variables to evaluate.

    If the weights are averaged, their batch statistics are recomputed as means over
    batches of training photographs, of each kind of the phase in turn; see
    `jaxcolor.training.validation.settled`.
    """
    batches = recipes.in_turn(phase, count=parts.config.average.statistics_batches)
    of_batch = train_step.make_statistics_step(parts.network)

    @functools.partial(jax.jit, static_argnames="batch")
    def statistics(
        key: PRNGKeyArray, variables: PyTree, photographs: Photographs, *, batch: Batch
    ) -> PyTree:
        return of_batch(variables, draw(key, photographs, parts.groups, batch))

    def settle(state: TrainState, photographs: Photographs) -> PyTree:
        variables = train_step.variables_of(state)
        if state.average is None or not batches:
            return variables
        key = jax.random.fold_in(jax.random.fold_in(parts.key, STATISTICS), state.step)
        sums = None
        for position, batch in enumerate(batches):
            at = jax.random.fold_in(key, position)
            found = statistics(at, variables, photographs, batch=batch)
            sums = found if sums is None else jax.tree.map(jnp.add, sums, found)
        means = jax.tree.map(lambda x: x / np.float32(len(batches)), sums)
        return {**variables, "batch_stats": means}

    return settle


def validation_sets(
    held_out: Named, validation: Validation, *, images: int
) -> dict[str, Int[np.ndarray, " n"]]:
    """Returns the positions of the photographs of each set, spread over its groups.

    Args:
        held_out: photographs that are set aside for validation.
        validation: validation settings of the recipe.
        images: largest number of photographs in a set.

    Raises:
        ValueError: a set has no photographs.
    """
    found = {}
    for name, wanted in validation.sets.items():
        of_set = [
            position
            for position, group in enumerate(held_out.groups)
            if any(group == x or group.startswith(f"{x}/") for x in wanted)
        ]
        if not of_set:
            raise ValueError(
                f"no photographs are set aside for the validation set {name}; wanted"
                f" some of {wanted}"
            )
        size = min(images, len(of_set))
        found[name] = np.array(of_set)[np.arange(size) * len(of_set) // size]
    return found


def make_validate(
    parts: Parts, objective: Objective, prior: Prior
) -> Callable[[PyTree, Photographs, Int[np.ndarray, " n"]], dict[str, float]]:
    """Returns a function from variables and validation photographs to mean metrics."""
    description = build.description(parts.config)
    decoding = description.decoding
    colorize = train_step.make_colorize(
        parts.network,
        description.head.decoder(decoding, priors.probabilities(prior)),
        amount=decoding.coherence,
    )
    evaluate = train_step.make_eval_step(parts.network, objective, colorize)

    @jax.jit
    def sums_of(
        variables: PyTree, photographs: Photographs, indices: Array, valid: Array
    ) -> dict[str, Array]:
        crop = parts.recipe.validation.crop
        rgb = packed.center_crops(photographs, indices, crop=crop)
        return evaluate(variables, {"rgb": rgb, "valid": valid})

    def validate(
        variables: PyTree, photographs: Photographs, positions: Int[np.ndarray, " n"]
    ) -> dict[str, float]:
        sums: dict[str, Any] = {}
        for start in range(0, len(positions), VALIDATION_BATCH):
            part = positions[start : start + VALIDATION_BATCH]
            missing = VALIDATION_BATCH - len(part)
            valid = np.pad(np.ones(len(part), np.float32), (0, missing))
            indices = np.pad(part, (0, missing), mode="edge").astype(np.int32)
            found = sums_of(variables, photographs, indices, valid)
            for name, x in jax.device_get(found).items():
                sums[name] = sums.get(name, 0.0) + np.asarray(x, np.float64)
        images = sums.pop("images")
        means = {name: x / images for name, x in sums.items()}
        numbers = {name: float(x) for name, x in means.items() if np.ndim(x) == 0}
        constant = objective.constant_loss(jax.tree.map(jnp.float32, means))
        return numbers | {"constant_loss": float(constant)}

    return validate
