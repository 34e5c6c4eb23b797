"""Which numbers of a config are of use: the errors name the setting."""

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jaxtyping import PyTree

from jaxcolor.models import layerwise
from jaxcolor.training.config import schema
from jaxcolor.training.degradation import Wear

DTYPES = ("float32", "bfloat16")
# Names that an error tells of those that were probably meant.
TOLD = 3


def check_finite(config: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuses numbers that are infinite or none.

    Raises:
        ValueError: naming the first of them.
    """
    for section, values in config.items():
        for name, value in values.items():
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError(
                    f"config.{section}.{name} is {value}; wanted a finite number"
                )


def check_wear(wear: Wear) -> None:
    """Refuses wear that is no share, or would leave nothing of a photograph.

    Raises:
        ValueError: naming the first number.
    """
    below = {"share": 1.0, "fading": 0.49, "softness": 1 / 3}
    for name, value in wear._asdict().items():
        highest = below.get(name, math.inf)
        if not 0 <= value <= highest:
            wanted = f"from 0 to {highest:.2f}" if name in below else "0 or more"
            raise ValueError(f"config.wear.{name} is {value}; wanted {wanted}")


def check_layers(section: schema.Layers) -> None:
    """Refuses factors and steps, by layer, that no training can have.

    Raises:
        ValueError: naming the first of them.
    """
    for name, factor in section.rates.items():
        if not isinstance(factor, int | float) or not 0 <= factor < math.inf:
            raise ValueError(
                f"config.layers.rates has {name!r}: {factor!r}; wanted 0 or more"
            )
    for name, count in section.warmup.items():
        if not isinstance(count, int) or count < 0:
            raise ValueError(
                f"config.layers.warmup has {name!r}: {count!r}; wanted an integer"
            )
    fixed = section.fixed_statistics
    if isinstance(fixed, str) or not isinstance(fixed, Sequence):
        raise ValueError(
            f"config.layers.fixed_statistics is {fixed!r}; wanted a tuple of prefixes"
        )


def check_prefixes(section: schema.Layers, variables: PyTree) -> None:
    """Refuses prefixes that match nothing in the network.

    Args:
        section: of the config.
        variables: of the network, shapes suffice.

    Raises:
        ValueError: naming the first prefix, with some that are known.
    """
    names = layerwise.names_of(variables["params"])
    _check_prefixes("rates", section.rates, names)
    _check_prefixes("warmup", section.warmup, names)
    statistics = layerwise.names_of(variables.get("batch_stats", {}))
    modules = [layerwise.module_of(name) for name in statistics]
    _check_prefixes("fixed_statistics", section.fixed_statistics, modules)


def _check_prefixes(
    setting: str, prefixes: Iterable[str], names: Sequence[str]
) -> None:
    for prefix in prefixes:
        if any(layerwise.match(name, [prefix]) is not None for name in names):
            continue
        parts = [name.split("/") for name in names]
        known = {"/".join(p[:n]) for p in parts for n in range(1, len(p) + 1)}
        likeness = {
            name: difflib.SequenceMatcher(None, name, prefix).ratio() for name in known
        }
        meant = sorted(known, key=lambda name: (-likeness[name], name))[:TOLD]
        raise ValueError(
            f"config.layers.{setting} has {prefix!r}, which matches nothing in the"
            f" network; known are {', '.join(meant) or 'none'}"
            + (" and others" if len(known) > len(meant) else "")
        )


def check_parallel(
    section: schema.Parallel, training: schema.Training, *, devices: int
) -> None:
    """Refuses what devices cannot do, or cannot share.

    Args:
        section: of the config.
        training: of the config.
        devices: of all processes.

    Raises:
        ValueError: naming the first setting.
    """
    if section.compute_dtype not in DTYPES:
        raise ValueError(
            f"config.parallel.compute_dtype is {section.compute_dtype!r};"
            f" wanted one of {', '.join(DTYPES)}"
        )
    lowest = {"accumulation": 1, "heartbeat_seconds": 1, "replicas_every": 0}
    for name, least in lowest.items():
        if getattr(section, name) < least:
            got = getattr(section, name)
            raise ValueError(f"config.parallel.{name} is {got}; wanted {least} or more")
    at_once, rest = divmod(training.batch_size, section.accumulation)
    if rest or at_once < 1 or at_once % devices:
        parts = f" in {section.accumulation} parts" if section.accumulation > 1 else ""
        raise ValueError(
            f"config.training.batch_size is {training.batch_size}{parts};"
            f" wanted a multiple of the {devices} devices"
        )


def check_numbers(training: schema.Training, data: schema.Data) -> None:
    """Refuses counts and sizes that no training can have.

    Raises:
        ValueError: naming the first of them.
    """
    if not 0 <= training.seed < 2**31:
        raise ValueError(
            f"config.training.seed is {training.seed}; wanted from 0 to 2^31 - 1"
        )
    for name in ("steps", "batch_size", "log_every", "checkpoint_every", "keep"):
        if getattr(training, name) < 1:
            got = getattr(training, name)
            raise ValueError(f"config.training.{name} is {got}; wanted 1 or more")
    if training.patience < 0:
        raise ValueError(
            f"config.training.patience is {training.patience}; wanted 0 or more"
        )
    if training.patience and not training.validation_images:
        raise ValueError(
            f"config.training.patience is {training.patience}, but nothing is"
            " validated; wanted 0, or config.training.validation_images above 0"
        )
    fraction = data.held_out_fraction
    if not 0 <= fraction < 1:
        raise ValueError(
            f"config.data.held_out_fraction is {fraction}; wanted from 0 to below 1"
        )


def check_crop(crop: int, *, multiple: int) -> None:
    """Refuses crops of a size that the network cannot see.

    Raises:
        ValueError: naming it.
    """
    if crop % multiple:
        raise ValueError(
            f"config.pipeline.crop is {crop}; wanted a multiple of {multiple}"
        )
