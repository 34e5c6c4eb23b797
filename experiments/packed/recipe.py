"""The recipe of a training on packed photographs: its settings beside the config.

A recipe is a JSON file, such as

    {
      "side": 160,
      "groups": {"train": 0.3, "photos": 0.15, "everyday": 0.55},
      "power": 0.5,
      "phases": [
        {
          "until": 0.66,
          "batches": [{"crop": 96, "count": 32, "scales": [0.6, 1.0]}]
        },
        {
          "until": 1.0,
          "batches": [
            {"crop": 128, "count": 24, "scales": [0.6, 1.0]},
            {"crop": 192, "count": 16, "scales": [0.6, 1.0]}
          ]
        }
      ],
      "prior_batches": 300,
      "validation": {
        "crop": 128,
        "sets": {"scenes": ["train"], "everyday": ["everyday"]}
      }
    }

The batches of a phase take turns of `TURN` steps, so that one training sees crops of
several sizes.
"""

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

# Steps with the same kind of batch, where a phase has several. More than one, so that
# one program can perform several steps on an accelerator.
TURN = 10


class Batch(NamedTuple):
    """A kind of batch.

    Attributes:
        crop: side of the network's input, pixels.
        count: number of crops in a step.
        scales: smallest and largest side of the square that becomes a crop, as shares
            of the photograph's short side.
    """

    crop: int
    count: int
    scales: tuple[float, float]


class Phase(NamedTuple):
    """A range of steps with the same kinds of batches.

    Attributes:
        until: end of the phase, as a share of all steps.
        batches: the kinds of batches, which take turns.
    """

    until: float
    batches: tuple[Batch, ...]


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
        for batch in phase["batches"]:
            _check_names("a batch", batch, Batch)
    _check_names("validation", fields["validation"], Validation)
    phases = tuple(
        Phase(phase["until"], tuple(_batch(**batch) for batch in phase["batches"]))
        for phase in fields["phases"]
    )
    ends = [0.0, *(phase.until for phase in phases)]
    if ends[-1] != 1 or any(a >= b for a, b in itertools.pairwise(ends)):
        raise ValueError(f"phases end at {ends[1:]}; wanted them to rise to 1")
    if not all(phase.batches for phase in phases):
        raise ValueError("a phase has no batches; wanted one kind or more")
    return Recipe(
        **{
            **fields,
            "phases": phases,
            "validation": Validation(**fields["validation"]),
        }
    )


def to_json(recipe: Recipe) -> dict[str, Any]:
    """Returns what `from_json` reads."""
    phases = [
        {"until": phase.until, "batches": [x._asdict() for x in phase.batches]}
        for phase in recipe.phases
    ]
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
    total, at, step = 0, 0, min(step, steps)
    while at < step:
        batch, end = turn(recipe, at, steps=steps)
        end = min(end, step)
        total, at = total + batch.count * (end - at), end
    return total


def turn(recipe: Recipe, step: int, *, steps: int) -> tuple[Batch, int]:
    """Returns the kind of batch after `step` < `steps`, and its turn's last step."""
    phase, start, end = phase_at(recipe, step, steps=steps)
    if len(phase.batches) == 1:
        return phase.batches[0], end
    position = (step - start) // TURN
    batch = phase.batches[position % len(phase.batches)]
    return batch, min(start + (position + 1) * TURN, end)


def phase_at(recipe: Recipe, step: int, *, steps: int) -> tuple[Phase, int, int]:
    """Returns the phase after `step` < `steps`, and the steps where it begins and ends.

    Phases that are too short for a step are left out.
    """
    starts = [0, *ends(recipe, steps=steps)]
    which = max(i for i in range(len(recipe.phases)) if starts[i] <= step)
    return recipe.phases[which], starts[which], starts[which + 1]


def in_turn(phase: Phase, *, count: int) -> list[Batch]:
    """Returns the kinds of `count` batches, each as often as the others if possible."""
    return [phase.batches[i % len(phase.batches)] for i in range(count)]


def _batch(crop: int, count: int, scales: Sequence[float]) -> Batch:
    small, large = scales
    if not 0 < small <= large <= 1:
        raise ValueError(f"scales are {scales}; wanted 0 < low <= high <= 1")
    if crop % 8 or crop < 8 or count < 1:
        raise ValueError(
            f"a batch has {count} crops of {crop} pixels; wanted 1 or more of 8, 16,"
            " ..."
        )
    return Batch(crop, count, (small, large))


def _check_names(what: str, fields: dict[str, Any], kind: Any) -> None:
    if wrong := sorted(set(fields) ^ set(kind._fields)):
        raise ValueError(f"{what} lacks fields or has unknown ones: {wrong}")
