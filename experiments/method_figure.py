"""The figure of `experiments.methods`: the same photographs by every method.

Rows are photographs, columns are methods, as in figure 4 of the paper: first the
lightness, last the original.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import jax.numpy as jnp
import numpy as np

from jaxcolor import plots
from jaxcolor.data import sources
from jaxcolor.data.sources import Source
from jaxcolor.evaluation import (
    evaluate,
    per_photograph,
    protocols,
    registry,
    systems,
)
from jaxcolor.evaluation.protocols import Protocol
from jaxcolor.evaluation.systems import System
from jaxcolor.metrics import accuracy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RANKED_BY = "rebalanced_auc"
RULE = (
    "Figures show the photographs on which the full method has its best, median and"
    " worst rebalanced AuC (colors weighted by the whole set), successes and failures"
    " alike; none was selected by eye."
)
RANKS = ("best", "median", "worst")


def scores(source: Source, system: System, protocol: Protocol) -> list[float]:
    """Returns the rebalanced AuC of each photograph, in percent, as a system colors it.

    The colors of the source weight the pixels.

    Raises:
        ValueError: the source cannot be measured.
    """
    found = evaluate.evaluate(
        {"system": system},
        source,
        protocol,
        metrics=[one for one in registry.METRICS if one.key == RANKED_BY],
        on_done=lambda count: None,
    )
    return of_photographs(found.photographs["system"])


def of_photographs(numbers: Mapping[str, Sequence[float]]) -> list[float]:
    """Returns the rebalanced AuC of each photograph from the numbers of a system."""
    error, pixels = (
        np.asarray(numbers[f"rebalanced_{part}"]) for part in ("error", "pixels")
    )
    return (100 * (1 - error / (accuracy.AUC_REACH * pixels))).tolist()


def choose(scores: Sequence[float], *, each: int) -> list[tuple[str, int]]:
    """Returns the rank and the position of the photographs of the figure's rows.

    Args:
        scores: of all photographs, higher is better; the first of equal ones is taken
            for the better one.
        each: photographs of each rank; fewer where the set is small. Fewer than three
            photographs are all shown.
    """
    order = np.argsort(-np.asarray(scores), kind="stable").tolist()
    if len(order) < len(RANKS):
        return list(zip((RANKS[0], RANKS[-1]), order, strict=False))
    each = min(each, len(order) // len(RANKS))
    middle = (len(order) - each) // 2
    parts = (order[:each], order[middle : middle + each], order[-each:])
    return [
        (rank, position)
        for rank, part in zip(RANKS, parts, strict=True)
        for position in part
    ]


def draw(
    source: Source,
    measured: Mapping[str, System],
    protocol: Protocol,
    *,
    chosen: Sequence[tuple[str, int]],
) -> "Figure":
    """Draws the chosen photographs by every system.

    Args:
        source: all photographs.
        measured: the systems, by the heads of their columns.
        protocol: size of the pictures.
        chosen: see `choose`.
    """
    one = protocol._replace(batch_size=1)
    rows = []
    for _, position in chosen:
        only = sources.Part(source, np.array([position]))
        ((truth, _, _),) = protocols.batches(only, one)
        lightness, index = truth.lab[..., 0], jnp.array([position])
        answers = [
            system.answer(lightness, index).ab
            for system in (systems.gray(), *measured.values())
        ]
        pictures = [per_photograph.colored(lightness, ab)[0] for ab in answers]
        rows.append([*map(np.asarray, pictures), np.asarray(truth.rgb[0])])
    return plots.picture_grid(
        np.array(rows),
        columns=["input", *measured, systems.TRUTH],
        rows=[rank for rank, _ in chosen],
    )
