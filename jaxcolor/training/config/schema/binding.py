"""The whole config as one record: bound from dictionaries, checked, and back."""

import json
import typing
from collections.abc import Mapping
from typing import Any, NamedTuple

from jaxcolor import models
from jaxcolor.training.config import values
from jaxcolor.training.config.schema import method
from jaxcolor.training.config.schema.method import (
    OBJECTIVES,
    WITH_BINS,
    Bins,
    Initialization,
    Model,
    PriorFile,
    RegressionWithClasses,
    Release,
    Task,
)
from jaxcolor.training.config.schema.optimization import (
    OPTIMIZERS,
    SCHEDULES,
    Layers,
    Optimizer,
    Schedule,
)
from jaxcolor.training.config.schema.photographs import Data, Pipeline
from jaxcolor.training.config.schema.running import Average, Parallel, Training
from jaxcolor.training.degradation import Degradation


class Config(NamedTuple):
    """A training, checked.

    Attributes:
        training: length, batch, and what is kept.
        data: which photographs.
        pipeline: how they become batches.
        gamut: the bins; None for an objective without.
        objective: what the network is trained for.
        prior: where the prior of the bins comes from; None for an objective without.
        model: which network.
        initialization: its weights before the first step.
        optimizer: how the weights move.
        schedule: the learning rate by step.
        layers: settings by layer.
        degradation: artificial aging of the inputs.
        average: averages of the weights.
        parallel: how the devices share the work.
        release: how the model is used by default.
    """

    training: Training
    data: Data
    pipeline: Pipeline
    gamut: Bins | None
    objective: Task
    prior: PriorFile | None
    model: Model
    initialization: Initialization
    optimizer: Optimizer
    schedule: Schedule
    layers: Layers
    degradation: Degradation
    average: Average
    parallel: Parallel
    release: Release


# A section with a choice of records has the choice under "name".
CHOICES: dict[str, Mapping[str, Any]] = {
    "objective": OBJECTIVES,
    "model": models.BY_NAME,
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
}
SECTIONS: dict[str, Any] = {
    "training": Training,
    "data": Data,
    "pipeline": Pipeline,
    "gamut": Bins,
    "prior": PriorFile,
    "initialization": Initialization,
    "layers": Layers,
    "degradation": Degradation,
    "average": Average,
    "parallel": Parallel,
    "release": Release,
}
ONLY_WITH_BINS = ("gamut", "prior")


def bind(fields: Mapping[str, Any]) -> Config:
    """Returns the config that nested dictionaries stand for, checked as a whole.

    Args:
        fields: by section and setting, as in a config file or in JSON.

    Raises:
        ValueError: a section or a setting is missing, unknown, of another type or out
            of range; named as config.SECTION.SETTING.
    """
    chosen = fields.get("objective")
    name = chosen.get("name") if isinstance(chosen, Mapping) else None
    is_known = isinstance(name, str) and name in OBJECTIVES
    is_without_bins = is_known and name not in WITH_BINS
    unused = ONLY_WITH_BINS if is_without_bins else ()
    wanted = set(Config._fields) - set(unused)
    if wrong := sorted(wanted ^ set(fields)):
        raise ValueError(f"sections missing or unknown in the config: {wrong}")
    sections: dict[str, Any] = {
        section: _section(section, fields[section]) if section in wanted else None
        for section in Config._fields
    }
    config = Config(**sections)
    _check_together(config)
    return config


def to_dict(config: Config) -> dict[str, dict[str, Any]]:
    """Returns nested dictionaries that `bind` reads and JSON can have."""
    found = {}
    for section, record in config._asdict().items():
        if record is None:
            continue
        fields = {} if section not in CHOICES else {"name": _choice(section, record)}
        own = record.arguments if isinstance(record, Model) else record._asdict()
        found[section] = fields | own
    plain: dict[str, dict[str, Any]] = json.loads(json.dumps(found))
    return plain


def changed(config: Config, changes: Mapping[str, Any]) -> Config:
    """Returns a config with other values, checked again.

    Args:
        config: to change.
        changes: values by names such as "training.steps".

    Raises:
        ValueError: as `bind`.
    """
    fields = to_dict(config)
    for name, value in changes.items():
        section, _, setting = name.partition(".")
        fields[section] = {**fields[section], setting: value}
    return bind(fields)


def kinds_of(section: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the types of a section's settings, by name.

    Args:
        section: its name.
        fields: its settings, of which "name" says which choice the others belong to.

    Raises:
        ValueError: there is no such section, or no such choice.
    """
    if section in CHOICES:
        name = fields.get("name")
        if name is None:
            raise ValueError(f"config.{section} lacks ['name']")
        values.check_choice(name, CHOICES[section], name=f"config.{section}.name")
        own = (
            method.model_fields(name)
            if section == "model"
            else typing.get_type_hints(CHOICES[section][name])
        )
        return {"name": str, **own}
    if section not in SECTIONS:
        raise ValueError(f"there is no section {section!r}")
    return typing.get_type_hints(SECTIONS[section])


def _section(section: str, fields: Any) -> Any:
    if not isinstance(fields, Mapping):
        raise ValueError(f"config.{section} is {fields!r}; wanted a section")
    kinds = kinds_of(section, fields)
    if wrong := sorted(set(fields) - set(kinds)):
        raise ValueError(
            f"config.{section} has unknown {wrong}; known: {sorted(kinds)}"
        )
    if missing := sorted(set(kinds) - set(fields)):
        raise ValueError(f"config.{section} lacks {missing}")
    found = {
        name: values.typed(fields[name], kind, name=f"config.{section}.{name}")
        for name, kind in kinds.items()
    }
    record = _record(section, found)
    try:
        record.check()
    except ValueError as error:
        raise ValueError(f"config.{section}.{error}") from error
    return record


def _record(section: str, fields: dict[str, Any]) -> Any:
    if section not in CHOICES:
        return SECTIONS[section](**fields)
    name = fields.pop("name")
    if section == "model":
        return Model(name, fields)
    return CHOICES[section][name](**fields)


def _choice(section: str, record: Any) -> str:
    if isinstance(record, Model):
        return record.name
    return next(n for n, kind in CHOICES[section].items() if type(record) is kind)


def _check_together(config: Config) -> None:
    """Refuses sections that do not fit each other."""
    config.parallel.check_share(config.training, devices=1)
    if isinstance(config.objective, RegressionWithClasses):
        named, count = config.objective.classes, config.model.arguments.get("classes")
        if named and count is not None and count != len(named):
            raise ValueError(
                f"config.model.classes is {count}; wanted {len(named)}, one for each of"
                " config.objective.classes"
            )
    encoder = config.initialization.encoder
    with_encoder = method.models_with_encoder()
    if encoder is not None and config.model.name not in with_encoder:
        raise ValueError(
            f"config.initialization.encoder is {encoder!r}, and this network has no"
            " encoder; wanted None, or config.model.name ="
            f" {' or '.join(map(repr, with_encoder))}"
        )
