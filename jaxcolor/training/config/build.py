"""Builds the objects that need several sections of a config."""

import difflib
import os
from collections.abc import Iterable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import PyTree

from jaxcolor.color.decode import Decoding
from jaxcolor.color.heads import Head, Prior
from jaxcolor.models import layerwise
from jaxcolor.models.interface import Network
from jaxcolor.pretrained import descriptions
from jaxcolor.pretrained.descriptions import Description
from jaxcolor.runtime import devices
from jaxcolor.training import train_step
from jaxcolor.training.config.schema import Config
from jaxcolor.training.config.schema.optimization import Layers
from jaxcolor.training.objectives import Objective

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
    if config.pipeline.crop % module.input_multiple:
        raise ValueError(
            f"config.pipeline.crop is {config.pipeline.crop};"
            f" wanted a multiple of {module.input_multiple}"
        )
    _check_objective(config, module)
    _check_decoding(config)
    smallest = jax.ShapeDtypeStruct(
        (1, module.input_multiple, module.input_multiple), jnp.float32
    )
    variables = jax.eval_shape(
        lambda x: module.init(jax.random.key(0), x, train=False), smallest
    )
    _check_prefixes(config.layers, variables)
    _check_memory(config, variables)


def network(config: Config, *, axis_name: str | None) -> Network:
    """Returns the network for the config's objective."""
    return config.model.make(
        outputs=head(config).outputs,
        dtype=config.parallel.compute_dtype,
        axis_name=axis_name,
    )


def head(config: Config) -> Head:
    """Returns what the network's outputs mean."""
    return config.objective.head(config.gamut)


def objective(config: Config, prior: Prior) -> Objective:
    """Returns the objective; a head with bins needs the prior."""
    return config.objective.objective(head(config), prior)


def optimizer(config: Config) -> optax.GradientTransformation:
    """Returns the optimizer with its schedule and its factors by layer."""
    return config.layers.scale(config.optimizer.make(config.schedule.make()))


def description(config: Config) -> Description:
    """Returns the description of the trained model, for checkpoints and releases."""
    its, release = head(config), config.release
    return Description(
        network=config.model.name,
        arguments={**config.model.arguments, "outputs": its.outputs},
        head=its,
        size=release.size,
        decoding=Decoding(
            release.temperature, release.rebalancing_lambda, release.coherence
        ),
    )


def _check_objective(config: Config, module: Network) -> None:
    its = head(config)
    outputs = its.outputs
    prior = None if its.gamut is None else np.full(outputs, 1 / outputs, np.float32)
    try:
        made = objective(config, prior)
        _check_extra_inputs(config, made, module)
        if lacking := set(made.extra_outputs) - set(module.extra_outputs):
            raise ValueError(
                f"name wants a network that predicts {', '.join(sorted(lacking))};"
                f" config.model.name is {config.model.name!r}"
            )
        # Shapes only: nothing is computed.
        terms = its.make_terms(prior, gray_threshold=None)
        jax.eval_shape(terms, jnp.zeros((1, 1, outputs)), jnp.zeros((1, 1, 3)))
    except ValueError as error:
        raise ValueError(f"config.objective.{error}") from error


def _check_extra_inputs(config: Config, made: Objective, module: Network) -> None:
    if made.extra_inputs is None:
        return
    crop = jnp.zeros((config.pipeline.crop, config.pipeline.crop, 3))
    given = jax.eval_shape(made.extra_inputs, jax.random.key(0), crop)
    if unknown := set(given) - set(module.extra_inputs):
        raise ValueError(
            f"name wants a network that takes {', '.join(sorted(unknown))} in training;"
            f" config.model.name is {config.model.name!r}"
        )


def _check_decoding(config: Config) -> None:
    """Refuses a decoding that a release of this config could not have."""
    its, mixed = head(config), config.release.rebalancing_lambda
    try:
        descriptions.check_decoding(description(config))
        # Only models that were published without their prior go without.
        if its.gamut is not None and mixed is None:
            raise ValueError(
                "rebalancing_lambda is missing; wanted one, as the model has bins"
            )
    except ValueError as error:
        raise ValueError(f"config.release.{error}") from error


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
