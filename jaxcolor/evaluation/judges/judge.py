"""The interface between an evaluation and its judges."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Array, Float, Int

from jaxcolor.evaluation.metric import Metric

NOTHING: Mapping[str, Any] = MappingProxyType({})


class Setting(NamedTuple):
    """The photographs and systems that are judged.

    Attributes:
        names: of the photographs.
        systems: names of all systems, the ground truth and gray among them.
    """

    names: Sequence[str]
    systems: Sequence[str]


class Shown(NamedTuple):
    """Pictures as one system colorizes them.

    Attributes:
        system: its name.
        rgb: in [0, 1].
        true_rgb: the originals.
        positions: of the photographs in the set; beyond it, for filling.
        is_truth: whether the pictures are the originals themselves.
    """

    system: str
    rgb: Float[Array, "b h w 3"]
    true_rgb: Float[Array, "b h w 3"]
    positions: Int[Array, " b"]
    is_truth: bool


class Judging(NamedTuple):
    """A judge that is ready for one evaluation.

    Attributes:
        title: of its measurements; several judges may share one.
        metrics: its columns.
        of_pictures: from a batch to numbers of each photograph, by name; None for a
            judge of whole sets.
        at_end: called after the last batch: by system, then by name, one number for
            each photograph; None for a judge that can tell from each batch.
        of_set: by system, then by key of a metric, numbers of the whole set.
        provenance: fields of the manifest, as JSON values; of several judges,
            mappings and lists are joined.
        missing: for each column that a reader may look for, why it is missing.
    """

    title: str
    metrics: tuple[Metric, ...]
    of_pictures: Callable[[Shown], Mapping[str, Array]] | None = None
    at_end: Callable[[], Mapping[str, Mapping[str, Float[np.ndarray, " n"]]]] | None = (
        None
    )
    of_set: Mapping[str, Mapping[str, float]] = NOTHING
    provenance: Mapping[str, Any] = NOTHING
    missing: Mapping[str, str] = NOTHING


class Judge(NamedTuple):
    """A judge whose files are not read yet.

    Attributes:
        prepare: reads its files, and checks that it can judge these photographs and
            systems. Raises ValueError where it cannot.
        needs_labels: whether photographs have to be named as in a labelled folder,
            CLASS/FILE.
    """

    prepare: Callable[[Setting], Judging]
    needs_labels: bool = False


def joined(judging: Sequence[Judging]) -> dict[str, Any]:
    """Returns the fields of the manifest about judges."""
    found: dict[str, Any] = {}
    for one in judging:
        for field, value in one.provenance.items():
            if isinstance(value, Mapping):
                found[field] = {**found.get(field, {}), **value}
            else:
                found[field] = [*found.get(field, []), *value]
    return found
