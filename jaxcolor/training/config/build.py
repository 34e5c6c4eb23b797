"""From a config to the objects that need several of its sections."""

import difflib
import os
from collections.abc import Iterable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn
from jaxtyping import Float, PyTree

from jaxcolor.models import layerwise
from jaxcolor.pretrained.descriptions import AB, BINS, Description
from jaxcolor.runtime import devices
from jaxcolor.training import train_step
from jaxcolor.training.config.schema import Config
from jaxcolor.training.config.schema.method import Classification
from jaxcolor.training.config.schema.optimization import Layers
from jaxcolor.training.objectives import Objective

# Share of the prior for a bin that no training photograph has, in its logarithm only.
LOG_PRIOR_FLOOR = 1e-8
# Names that an error suggests.
SUGGESTED = 3
GIGABYTE = 1e9


def check(config: Config) -> None:
    """Refuses a config that this machine or its own network cannot train.

    Builds every object that needs no photographs, as shapes, to surface errors early.

    Raises:
        ValueError: naming the setting, what was got and what is wanted.
    """
    config.parallel.check_share(config.training, devices=devices.device_count())
    module = network(config, axis_name=None)
    if config.pipeline.crop % module.multiple:
        raise ValueError(
            f"config.pipeline.crop is {config.pipeline.crop};"
            f" wanted a multiple of {module.multiple}"
        )
    _check_objective(config)
    smallest = jax.ShapeDtypeStruct((1, module.multiple, module.multiple), jnp.float32)
    variables = jax.eval_shape(
        lambda x: module.init(jax.random.key(0), x, train=False), smallest
    )
    _check_prefixes(config.layers, variables)
    _check_memory(config, variables)


def network(config: Config, *, axis_name: str | None) -> nn.Module:
    """Returns the network for the config's objective."""
    return config.model.make(
        outputs=_outputs(config),
        dtype=config.parallel.compute_dtype,
        axis_name=axis_name,
    )


def objective(config: Config, prior: Float[np.ndarray, " q"] | None) -> Objective:
    """Returns the objective; a classification needs the prior."""
    if not isinstance(config.objective, Classification):
        return config.objective.make()
    assert config.gamut is not None
    assert prior is not None
    assert config.release.temperature is not None
    return config.objective.make(
        config.gamut.make(), prior, temperature=config.release.temperature
    )


def optimizer(config: Config) -> optax.GradientTransformation:
    """Returns the optimizer with its schedule and its factors by layer."""
    return config.layers.scale(config.optimizer.make(config.schedule.make()))


def head_mean(
    config: Config, prior: Float[np.ndarray, " q"] | None
) -> Float[np.ndarray, " outputs"]:
    """Returns the outputs of the best constant prediction, for the last bias.

    Under class weights w that is log(prior w), up to a constant: for lambda = 1 the
    log prior.
    """
    if prior is None or not isinstance(config.objective, Classification):
        return np.zeros(2, np.float32)
    weights = config.objective.class_weights(prior)
    weighted = np.maximum(prior, LOG_PRIOR_FLOOR) * np.asarray(weights)
    return np.log(weighted / weighted.sum()).astype(np.float32)


def description(config: Config) -> Description:
    """Returns the description of the trained model, for checkpoints and releases."""
    task = config.objective if isinstance(config.objective, Classification) else None
    return Description(
        network=config.model.name,
        arguments={**config.model.arguments, "outputs": _outputs(config)},
        head=AB if task is None else BINS,
        spacing=None if config.gamut is None else config.gamut.spacing,
        neighbors=None if task is None else task.neighbors,
        sigma=None if task is None else task.sigma,
        rebalancing_lambda=None if task is None else task.training_lambda,
        size=config.release.size,
        temperature=config.release.temperature,
        decoding_lambda=config.release.rebalancing_lambda,
        coherence=config.release.coherence,
    )


def _outputs(config: Config) -> int:
    return 2 if config.gamut is None else len(config.gamut.make().centers)


def _check_objective(config: Config) -> None:
    outputs = _outputs(config)
    prior = None if config.gamut is None else np.full(outputs, 1 / outputs, np.float32)
    try:
        # Shapes only: nothing is computed.
        terms = objective(config, prior).terms
        pixel = jnp.zeros((1, 1, 1, outputs)), jnp.zeros((1, 1, 1, 2))
        jax.eval_shape(terms, *pixel)
    except ValueError as error:
        raise ValueError(f"config.objective.{error}") from error


def _check_memory(config: Config, variables: PyTree) -> None:
    """Refuses a network whose state does not fit into this machine's memory.

    A checkpoint is written from there, and gradients are as large as parameters.
    """
    state = jax.eval_shape(
        lambda x: train_step.init_state(
            x, optimizer(config), average=config.average.decay > 0
        ),
        variables,
    )
    arrays = jax.tree.leaves((state, state.params))
    needed = sum(x.size * x.dtype.itemsize for x in arrays)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > memory:
        raise ValueError(
            "config.model makes a network whose weights, moments and gradients take"
            f" {needed / GIGABYTE:,.0f} GB; wanted at most the"
            f" {memory / GIGABYTE:,.0f} GB of this machine"
        )


def _check_prefixes(section: Layers, variables: PyTree) -> None:
    """Refuses prefixes that match nothing in the network.

    Args:
        section: with the prefixes.
        variables: of the network, shapes suffice.

    Raises:
        ValueError: naming the first prefix, with some that are known.
    """
    names = layerwise.names_of(variables["params"])
    _check_matches("rates", section.rates, names)
    _check_matches("warmup", section.warmup, names)
    statistics = layerwise.names_of(variables.get("batch_stats", {}))
    modules = [layerwise.module_of(name) for name in statistics]
    _check_matches("fixed_statistics", section.fixed_statistics, modules)


def _check_matches(setting: str, prefixes: Iterable[str], names: Sequence[str]) -> None:
    for prefix in prefixes:
        if any(layerwise.match(name, [prefix]) is not None for name in names):
            continue
        parts = [name.split("/") for name in names]
        known = {"/".join(p[:n]) for p in parts for n in range(1, len(p) + 1)}
        likeness = {
            name: difflib.SequenceMatcher(None, name, prefix).ratio() for name in known
        }
        meant = sorted(known, key=lambda name: (-likeness[name], name))[:SUGGESTED]
        raise ValueError(
            f"config.layers.{setting} has {prefix!r}, which matches nothing in the"
            f" network; known are {', '.join(meant) or 'none'}"
            + (" and others" if len(known) > len(meant) else "")
        )
