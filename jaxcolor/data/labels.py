"""Classes of photographs: by their folders, by labels of records, by ImageNet's names.

For trainings in which a photograph may be of no class that counts.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int

from jaxcolor.data import imagenet
from jaxcolor.data.sources import Part, Records, Source
from jaxcolor.data.splits import Split

UNKNOWN = -1
"""The label of a photograph of no class, or of none that counts."""

# Classes that an error names.
LISTED = 8
# Parts of a path that name no folder of their own.
UNNAMED = ("/", ".", "..")


class Labeling(NamedTuple):
    """The classes of the photographs of a training.

    Attributes:
        classes: their names, by number.
        training: the number for each training photograph; `UNKNOWN` for none.
        validation: likewise for each photograph set aside.
    """

    classes: tuple[str, ...]
    training: Int[np.ndarray, " training"]
    validation: Int[np.ndarray, " validation"]


def of_split(split: Split, *, classes: Sequence[str], source: str) -> Labeling:
    """Returns the classes of all photographs of a training.

    Args:
        split: the photographs.
        classes: their names; none for all that `classes_of` finds in training.
        source: name of the training photographs, for errors.

    Raises:
        ValueError: no training photograph is of a class, or all are of one.
    """
    found = candidates(split.training)
    known = classes_of(found)
    named = tuple(classes) or known
    training = numbers(found, named)
    if len(named) < 2 or not np.any(training != UNKNOWN):
        wanted = (
            f"some of {listed(classes)}"
            if classes
            else "CLASS/FILE of two classes or more, or a data set with labels"
        )
        raise ValueError(
            f"labels are missing: the photographs of {source} are of"
            f" {'the class ' + listed(known) if known else 'no class'};"
            f" wanted {wanted}"
        )
    return Labeling(named, training, numbers(candidates(split.validation), named))


def unseen(labeling: Labeling) -> list[str]:
    """Lists the classes of which there is no training photograph."""
    seen = set(labeling.training.tolist())
    return [name for n, name in enumerate(labeling.classes) if n not in seen]


def to_json(labeling: Labeling) -> dict[str, Any]:
    """Returns the classes of photographs as JSON values."""
    classes, *both = labeling
    training, validation = (x.tolist() for x in both)
    return {"classes": classes, "training": training, "validation": validation}


def from_json(fields: Mapping[str, Any]) -> Labeling:
    """Returns the classes that `to_json` wrote."""
    both = (np.array(fields[name], np.int32) for name in ("training", "validation"))
    return Labeling(tuple(fields["classes"]), *both)


def listed(classes: Sequence[str]) -> str:
    """Returns the names of classes for an error; the first few of many."""
    more = f" and {len(classes) - LISTED} more" * (len(classes) > LISTED)
    return ", ".join(classes[:LISTED]) + more


def candidates(source: Source) -> list[tuple[str, ...]]:
    """Returns, for each photograph, the names that may be its class, best first.

    For a record with a label it is the name of its class, and each of them is read.
    For a file they are its folders, from the outermost to the innermost; where it
    lies in none, its WordNet name if it is named as in ImageNet.
    """
    positions = np.arange(len(source))
    whole = source
    while isinstance(whole, Part):
        positions = whole.indices[positions]
        whole = whole.whole
    if isinstance(whole, Records) and whole.label is not None:
        records = (whole.records[int(position)] for position in positions)
        numbers = (int(record[whole.label]) for record in records)
        # -1 is an unknown class.
        return [(whole.classes[n],) if n >= 0 else () for n in numbers]
    if isinstance(whole, Records):
        return [()] * len(source)
    return _of_names(source.names)


def classes_of(found: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """Lists the best candidates of photographs, each once, sorted."""
    return tuple(sorted({names[0] for names in found if names}))


def numbers(
    found: Sequence[Sequence[str]], classes: Sequence[str]
) -> Int[np.ndarray, " photographs"]:
    """Returns, for each photograph, the number of its best candidate that is a class.

    Args:
        found: the candidates, as from `candidates`.
        classes: names by number.

    Returns:
        int32; `UNKNOWN` where no candidate is a class.
    """
    known = {name: number for number, name in enumerate(classes)}
    labels = (
        next((known[name] for name in names if name in known), UNKNOWN)
        for names in found
    )
    return np.fromiter(labels, np.int32, count=len(found))


def _of_names(names: Sequence[str]) -> list[tuple[str, ...]]:
    folders = [
        tuple(part for part in PurePosixPath(name).parts[:-1] if part not in UNNAMED)
        for name in names
    ]
    bare = [name for name, its in zip(names, folders, strict=True) if not its]
    wnids = imagenet.wnids()
    of_bare = iter(
        (wnids[number],) if number >= 0 else () for number in imagenet.labels(bare)
    )
    return [its or next(of_bare) for its in folders]
