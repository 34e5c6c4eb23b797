"""Which numbers of a config are of use: the errors name the setting."""

import math
from collections.abc import Mapping
from typing import Any

from jaxcolor import describe, sections
from jaxcolor.models import zhang2016
from jaxcolor.wear import Wear

DTYPES = ("float32", "bfloat16")


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


def check_release(release: sections.Release, *, network: str) -> None:
    """Refuses a temperature, a lambda or a coherence that decoding would.

    Args:
        release: of the config.
        network: its name.

    Raises:
        ValueError: naming it.
    """
    if release.temperature is not None and not release.temperature > 0:
        raise ValueError(
            f"config.release.temperature is {release.temperature}; wanted above 0"
        )
    if release.decoding_lambda is not None and not 0 <= release.decoding_lambda <= 1:
        raise ValueError(
            f"config.release.decoding_lambda is {release.decoding_lambda};"
            " wanted from 0 to 1"
        )
    try:
        describe.check_coherence(release.coherence, network=network)
    except ValueError as error:
        raise ValueError(f"config.release.{error}") from error


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


def check_parallel(
    section: sections.Parallel, training: sections.Training, *, devices: int
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


def check_numbers(
    training: sections.Training, chain: sections.Pipeline, data: sections.Data
) -> None:
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
    fraction = data.held_out_fraction
    if not 0 <= fraction < 1:
        raise ValueError(
            f"config.data.held_out_fraction is {fraction}; wanted from 0 to below 1"
        )
    if chain.crop % zhang2016.STRIDE:
        raise ValueError(
            f"config.pipeline.crop is {chain.crop};"
            f" wanted a multiple of {zhang2016.STRIDE}"
        )
