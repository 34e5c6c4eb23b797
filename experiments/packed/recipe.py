"""The recipe of a training on packed photographs: its settings beside the config.

A recipe is a JSON file, such as

    {
      "side": 160,
      "groups": {"train": 0.3, "photos": 0.15, "everyday": 0.55},
      "power": 0.5,
      "phases": [
        {"until": 0.66, "crop": 96, "batch": 32, "scales": [0.6, 1.0]},
        {"until": 1.0, "crop": 128, "batch": 24, "scales": [0.8, 1.0]}
      ],
      "prior_batches": 300,
      "validation": {
        "crop": 128,
        "sets": {"scenes": ["train"], "everyday": ["everyday"]}
      }
    }
"""

import itertools
import json
from pathlib import Path
from typing import Any, NamedTuple


class Phase(NamedTuple):
    """A range of steps with the same crops and batches.

    Attributes:
        until: end of the phase, as a share of all steps.
        crop: side of the network's input, pixels.
        batch: number of crops in a step.
        scales: smallest and largest side of the square that becomes a crop, as shares
            of the photograph's short side.
    """

    until: float
    crop: int
    batch: int
    scales: tuple[float, float]


class Validation(NamedTuple):
    """How to validate.

    Attributes:
        crop: side to which the central square of a photograph is resized, pixels.
        sets: for each validation set by name, the groups or sources of its photographs.
    """

    crop: int
    sets: dict[str, list[str]]


class Recipe(NamedTuple):
    """The settings of a training on packed photographs, beside its config.

    Attributes:
        side: short side of the photographs in memory, pixels.
        groups: shares of the crops by group, or by source for all its groups together.
        power: exponent of the sizes of the groups, for dividing the share of a source
            among its groups.
        phases: the phases in order; the last one ends at 1.
        prior_batches: number of batches, of the last phase, for counting the prior.
        validation: how to validate.
    """

    side: int
    groups: dict[str, float]
    power: float
    phases: tuple[Phase, ...]
    prior_batches: int
    validation: Validation


def from_json(fields: dict[str, Any]) -> Recipe:
    """Returns a recipe from its fields.

    Raises:
        ValueError: a field is missing, unknown or out of range.
    """
    _check_names("the recipe", fields, Recipe)
    for phase in fields["phases"]:
        _check_names("a phase", phase, Phase)
    _check_names("validation", fields["validation"], Validation)
    phases = tuple(
        Phase(**{**phase, "scales": tuple(phase["scales"])})
        for phase in fields["phases"]
    )
    ends = [0.0, *(phase.until for phase in phases)]
    if ends[-1] != 1 or any(a >= b for a, b in itertools.pairwise(ends)):
        raise ValueError(f"phases end at {ends[1:]}; wanted them to rise to 1")
    for phase in phases:
        small, large = phase.scales
        if not 0 < small <= large <= 1:
            raise ValueError(f"scales are {phase.scales}; wanted 0 < low <= high <= 1")
        if phase.crop % 8 or phase.crop < 8 or phase.batch < 1:
            raise ValueError(
                f"{phase}: wanted a crop of 8, 16, ... and a batch of 1 or more"
            )
    return Recipe(
        **{
            **fields,
            "phases": phases,
            "validation": Validation(**fields["validation"]),
        }
    )


def to_json(recipe: Recipe) -> dict[str, Any]:
    """Returns what `from_json` reads."""
    phases = [phase._asdict() for phase in recipe.phases]
    validation = recipe.validation._asdict()
    return recipe._asdict() | {"phases": phases, "validation": validation}


def read(path: Path) -> Recipe:
    """Reads a recipe from a JSON file.

    Raises:
        ValueError: it cannot be read, or is wrong; the message names the file.
    """
    try:
        return from_json(json.loads(path.read_text()))
    except (OSError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error


def ends(recipe: Recipe, *, steps: int) -> list[int]:
    """Returns the last step of each phase."""
    return [round(phase.until * steps) for phase in recipe.phases]


def crops_until(recipe: Recipe, step: int, *, steps: int) -> int:
    """Returns the number of crops in the first `step` of all `steps`."""
    total = start = 0
    for phase, end in zip(recipe.phases, ends(recipe, steps=steps), strict=True):
        total += phase.batch * max(0, min(step, end) - start)
        start = end
    return total


def _check_names(what: str, fields: dict[str, Any], kind: Any) -> None:
    if wrong := sorted(set(fields) ^ set(kind._fields)):
        raise ValueError(f"{what} lacks fields or has unknown ones: {wrong}")
