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
from ml_collections import ConfigDict

from jaxcolor import models
from jaxcolor.color import gamut, heads
from jaxcolor.color.decode import Decoding
from jaxcolor.color.heads import Head, Prior
from jaxcolor.data import sources, splits
from jaxcolor.models.interface import Network
from jaxcolor.pretrained import descriptions
from jaxcolor.pretrained.descriptions import Description
from jaxcolor.runtime import devices
from jaxcolor.training import degradation, objectives, optimizers
from jaxcolor.training.config import limits, schema
from jaxcolor.training.objectives import Objective

INITIALIZATIONS = ("random", "within_channel")
CLASSIFICATION, REGRESSION = "classification", "regression"


def _classification(
    *, neighbors: int, sigma: float, rebalancing_lambda: float, gray_threshold: float
) -> dict[str, Any]:
    return {
        "neighbors": neighbors,
        "sigma": sigma,
        "training_lambda": rebalancing_lambda,
        "gray_threshold": gray_threshold,
    }


def _regression() -> dict[str, Any]:
    return {}


# Each returns the fields of its head, and the arguments of `objectives.of_head`.
OBJECTIVES: dict[str, Callable[..., dict[str, Any]]] = {
    CLASSIFICATION: _classification,
    REGRESSION: _regression,
}
HEADS: dict[str, Any] = {CLASSIFICATION: heads.Bins, REGRESSION: heads.Regression}
# Sections that only a config with this objective has.
SECTIONS_OF = {CLASSIFICATION: {"gamut", "prior"}, REGRESSION: set[str]()}
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
    "model": ("outputs", "dtype", "axis_name", "parent", "name"),
    "optimizer": ("schedule",),
}


def check_sections(config: ConfigDict) -> None:
    """Refuses a config that lacks something or has something unknown.

    Raises:
        ValueError: naming the section, what was got and what is wanted.
    """
    name = config.objective.name if "objective" in config else CLASSIFICATION
    others = set[str]().union(*SECTIONS_OF.values())
    wanted = set(FACTORIES) - (others - SECTIONS_OF.get(name, others))
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


def network(config: ConfigDict, *, axis_name: str | None) -> Network:
    """Returns the network for the config's objective."""
    factory, arguments = _factory("model", config.model)
    return factory(
        **arguments,
        outputs=head(config).outputs,
        dtype=jnp.dtype(config.parallel.compute_dtype),
        axis_name=axis_name,
    )


def head(config: ConfigDict) -> Head:
    """Returns what the network's outputs mean."""
    name = config.objective.name
    if name not in HEADS:
        known = ", ".join(HEADS)
        raise ValueError(f"config.objective.name is {name!r}; wanted one of {known}")
    given = section_of(config, "objective")
    if "gamut" in config:
        given["spacing"] = section_of(config, "gamut").spacing
    make = HEADS[name]
    its: Head = make(**{field: given[field] for field in make._fields})
    return its


def objective(config: ConfigDict, prior: Prior) -> Objective:
    """Returns the objective; a head with bins needs the prior."""
    given = section_of(config, "objective")
    return objectives.of_head(
        head(config), prior, gray_threshold=given.get("gray_threshold")
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


def description(config: ConfigDict) -> Description:
    """Returns what a model of this config is, for checkpoints and releases."""
    _, arguments = _factory("model", config.model)
    release: schema.Release = section_of(config, "release")
    its = head(config)
    return Description(
        network=config.model.name,
        arguments={**arguments, "outputs": its.outputs},
        head=its,
        size=release.size,
        decoding=Decoding(
            release.temperature, release.decoding_lambda, release.coherence
        ),
    )


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
        its = head(config)
        outputs = its.outputs
        prior = np.full(outputs, 1 / outputs, np.float32)
        terms = objective(config, None if its.gamut is None else prior).terms
        # Shapes only: nothing is computed.
        pixel = jnp.zeros((1, 1, 1, outputs)), jnp.zeros((1, 1, 1, 2))
        jax.eval_shape(terms, *pixel)
        smallest = jnp.zeros((1, module.input_multiple, module.input_multiple))
        variables = jax.eval_shape(
            lambda: module.init(jax.random.key(0), smallest, train=False)
        )
        limits.check_prefixes(section_of(config, "layers"), variables)
        _check_decoding(config)
        limits.check_crop(config.pipeline.crop, multiple=module.input_multiple)
    except TypeError as error:
        raise ValueError(f"the config has a value of a wrong type: {error}") from error


def _check_decoding(config: ConfigDict) -> None:
    """Refuses a decoding that a release of this config could not have."""
    try:
        descriptions.check_decoding(description(config))
    except ValueError as error:
        raise ValueError(f"config.release.{error}") from error
