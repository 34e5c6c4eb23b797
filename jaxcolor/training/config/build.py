"""From a config to the objects of a training.

Each section of a config holds the keyword arguments of one factory, so a config can be
checked before anything starts: an argument that is unknown or missing is refused with
its name.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn
from jaxtyping import Float
from ml_collections import ConfigDict

from jaxcolor import models
from jaxcolor.color import gamut, rebalance
from jaxcolor.color.gamut import Gamut
from jaxcolor.data import sources, splits
from jaxcolor.pretrained.descriptions import AB, BINS, Description
from jaxcolor.runtime import devices
from jaxcolor.training import degradation, objectives, optimizers
from jaxcolor.training.config import limits, schema
from jaxcolor.training.objectives import Objective

INITIALIZATIONS = ("random", "within_channel")
CLASSIFICATION, REGRESSION = "classification", "regression"
# The prior's share of a bin that no training photograph has, for its logarithm only.
LOG_PRIOR_FLOOR = 1e-8


def _classification(
    gamut: Gamut,
    prior: Float[np.ndarray, " q"],
    temperature: float,
    *,
    neighbors: int,
    sigma: float,
    rebalancing_lambda: float,
    gray_threshold: float,
) -> Objective:
    weights = rebalance.class_weights(
        jnp.asarray(prior), rebalancing_lambda=rebalancing_lambda
    )
    return objectives.classification(
        gamut,
        weights,
        neighbors=neighbors,
        sigma=sigma,
        gray_threshold=gray_threshold,
        temperature=temperature,
    )


OBJECTIVES: dict[str, Callable[..., Objective]] = {
    CLASSIFICATION: _classification,
    REGRESSION: objectives.regression,
}
# A section whose factory is a table names its choice under "name".
FACTORIES: dict[str, Callable[..., Any] | Mapping[str, Callable[..., Any]]] = {
    "training": schema.Training,
    "data": schema.Data,
    "pipeline": schema.Pipeline,
    "prior": schema.Prior,
    "gamut": gamut.from_srgb,
    "objective": OBJECTIVES,
    "model": models.BY_NAME,
    "initialization": schema.Initialization,
    "optimizer": optimizers.OPTIMIZERS,
    "schedule": optimizers.SCHEDULES,
    "layers": schema.Layers,
    "average": schema.Average,
    "wear": degradation.Wear,
    "parallel": schema.Parallel,
    "release": schema.Release,
}
# Arguments that no config gives: the program fills them in.
PROVIDED = {
    "objective": ("gamut", "prior", "temperature"),
    "model": ("outputs", "dtype", "axis_name", "parent", "name"),
    "optimizer": ("schedule",),
}
# A regression knows no bins.
ONLY_WITH_BINS = ("gamut", "prior")


def check_sections(config: ConfigDict) -> None:
    """Refuses a config that lacks something or has something unknown.

    Raises:
        ValueError: naming the section, what was got and what is wanted.
    """
    name = config.objective.name if "objective" in config else CLASSIFICATION
    wanted = set(FACTORIES) - (set(ONLY_WITH_BINS) if name == REGRESSION else set())
    if wrong := sorted(wanted ^ set(config)):
        raise ValueError(f"sections missing or unknown in the config: {wrong}")
    for section in sorted(wanted):
        _check_section(section, config[section])


def check(config: ConfigDict) -> None:
    """Refuses a config of which no training can be made.

    Raises:
        ValueError: naming the setting, what was got and what is wanted.
    """
    check_sections(config)
    limits.check_finite(config.to_dict())
    limits.check_numbers(
        section_of(config, "training"),
        section_of(config, "data"),
    )
    method = config.initialization.method
    if method not in INITIALIZATIONS:
        known = ", ".join(INITIALIZATIONS)
        raise ValueError(
            f"config.initialization.method is {method!r}; wanted one of {known}"
        )
    limits.check_release(section_of(config, "release"), network=config.model.name)
    limits.check_wear(section_of(config, "wear"))
    limits.check_layers(section_of(config, "layers"))
    limits.check_parallel(
        section_of(config, "parallel"),
        section_of(config, "training"),
        devices=devices.device_count(),
    )
    _check_factories(config)


def section_of(config: ConfigDict, section: str) -> Any:
    """Returns what the factory of a section makes of it.

    Only for a section whose arguments are all in the config.
    """
    factory, arguments = _factory(section, config[section])
    try:
        return factory(**arguments)
    except ValueError as error:
        raise ValueError(f"config.{section}: {error}") from error


def data(config: ConfigDict, *, listing: dict[str, list[str]] | None) -> splits.Split:
    """Returns the training and the validation photographs.

    Args:
        config: its section `data`.
        listing: names of both, of an earlier start: neither looked for nor verified
            again. None at the first.
    """
    wanted: schema.Data = section_of(config, "data")

    def opened(spec: str, names: list[str] | None) -> sources.Source:
        return sources.open_source(spec, names=names, data_dir=wanted.data_dir)

    names = listing or {}
    if wanted.validation is not None:
        return splits.Split(
            training=opened(wanted.source, names.get("training")),
            validation=opened(wanted.validation, names.get("validation")),
        )
    both = names["training"] + names["validation"] if names else None
    whole = opened(wanted.source, both)
    return splits.split(whole, held_out_fraction=wanted.held_out_fraction)


def network(config: ConfigDict, *, axis_name: str | None) -> nn.Module:
    """Returns the network for the config's objective."""
    factory, arguments = _factory("model", config.model)
    return factory(
        **arguments,
        outputs=_outputs(config),
        dtype=jnp.dtype(config.parallel.compute_dtype),
        axis_name=axis_name,
    )


def objective(config: ConfigDict, prior: Float[np.ndarray, " q"] | None) -> Objective:
    """Returns the objective; a classification needs the prior."""
    factory, arguments = _factory("objective", config.objective)
    if factory is objectives.regression:
        return factory(**arguments)
    return factory(
        section_of(config, "gamut"), prior, config.release.temperature, **arguments
    )


def schedule(config: ConfigDict) -> optax.Schedule:
    """Returns the learning rate by step."""
    return section_of(config, "schedule")


def optimizer(config: ConfigDict) -> optax.GradientTransformation:
    """Returns the optimizer with its schedule and its factors by layer."""
    factory, arguments = _factory("optimizer", config.optimizer)
    layers: schema.Layers = section_of(config, "layers")
    inner = factory(schedule(config), **arguments)
    return optimizers.by_layer(inner, rates=layers.rates, warmup=layers.warmup)


def head_mean(
    config: ConfigDict, prior: Float[np.ndarray, " q"] | None
) -> Float[np.ndarray, " outputs"]:
    """Returns the outputs of the best constant prediction, for the last bias.

    Under class weights w that is log(prior w), up to a constant: for lambda = 1 the
    log prior.
    """
    if prior is None:
        return np.zeros(2, np.float32)
    weights = rebalance.class_weights(
        jnp.asarray(prior), rebalancing_lambda=config.objective.rebalancing_lambda
    )
    weighted = np.maximum(prior, LOG_PRIOR_FLOOR) * np.asarray(weights)
    return np.log(weighted / weighted.sum()).astype(np.float32)


def description(config: ConfigDict) -> Description:
    """Returns what a model of this config is, for checkpoints and releases."""
    _, arguments = _factory("model", config.model)
    release: schema.Release = section_of(config, "release")
    is_regression = config.objective.name == REGRESSION
    return Description(
        network=config.model.name,
        arguments={**arguments, "outputs": _outputs(config)},
        head=AB if is_regression else BINS,
        spacing=None if is_regression else config.gamut.spacing,
        neighbors=None if is_regression else config.objective.neighbors,
        sigma=None if is_regression else config.objective.sigma,
        rebalancing_lambda=(
            None if is_regression else config.objective.rebalancing_lambda
        ),
        size=release.size,
        temperature=release.temperature,
        decoding_lambda=release.decoding_lambda,
        coherence=release.coherence,
    )


def _outputs(config: ConfigDict) -> int:
    if config.objective.name == REGRESSION:
        return 2
    return len(section_of(config, "gamut").centers)


def _factory(
    section: str, values: ConfigDict
) -> tuple[Callable[..., Any], dict[str, Any]]:
    factory = FACTORIES[section]
    arguments = values.to_dict()
    if isinstance(factory, Mapping):
        name = arguments.pop("name", None)
        if name not in factory:
            known = ", ".join(factory)
            raise ValueError(
                f"config.{section}.name is {name!r}; wanted one of {known}"
            )
        return factory[name], arguments
    return factory, arguments


def _check_section(section: str, values: ConfigDict) -> None:
    factory, arguments = _factory(section, values)
    provided = PROVIDED.get(section, ())
    wanted = {
        name for name in inspect.signature(factory).parameters if name not in provided
    }
    if wrong := sorted(set(arguments) - wanted):
        raise ValueError(
            f"config.{section} has unknown {wrong}; known: {sorted(wanted)}"
        )
    if missing := sorted(wanted - set(arguments)):
        raise ValueError(f"config.{section} lacks {missing}")


def _check_factories(config: ConfigDict) -> None:
    """Makes what needs no photographs, for its errors."""
    try:
        optimizer(config)
        module = network(config, axis_name=None)
        outputs = _outputs(config)
        prior = None
        if config.objective.name != REGRESSION:
            prior = np.full(outputs, 1 / outputs, np.float32)
        terms = objective(config, prior).terms
        # Shapes only: nothing is computed.
        pixel = jnp.zeros((1, 1, 1, outputs)), jnp.zeros((1, 1, 1, 2))
        jax.eval_shape(terms, *pixel)
        smallest = jnp.zeros((1, module.multiple, module.multiple))
        variables = jax.eval_shape(
            lambda: module.init(jax.random.key(0), smallest, train=False)
        )
        limits.check_prefixes(section_of(config, "layers"), variables)
        limits.check_crop(config.pipeline.crop, multiple=module.multiple)
    except TypeError as error:
        raise ValueError(f"the config has a value of a wrong type: {error}") from error
