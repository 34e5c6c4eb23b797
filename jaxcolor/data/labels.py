"""Classes of photographs: by their folders, by labels of records, by ImageNet's names.

For trainings in which a photograph may be of no class that counts.
"""

from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from jaxcolor.data import imagenet
from jaxcolor.data.sources import Part, Records, Source

UNKNOWN = -1
"""The label of a photograph of no class, or of none that counts."""

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
