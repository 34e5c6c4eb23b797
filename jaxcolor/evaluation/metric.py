"""A metric as one record: what it measures of a photograph, and what the table shows.

`registry.METRICS` lists the records. A metric of your own needs no change of the
package: make a record, and pass it along with the others.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, UInt8

from jaxcolor.color.array_types import BinWeights
from jaxcolor.color.gamut import Gamut

Better = Literal["higher", "lower", "none"]
"""Which values are better; "none" where neither end is, as for colorfulness."""

ARROWS: Mapping[Better, str] = {"higher": "↑", "lower": "↓", "none": ""}

Numbers = Mapping[str, Array]
"""Numbers of one photograph by name; a vector, such as a histogram, is summed."""


class Photograph(NamedTuple):
    """One photograph as a system colors it, beside the original.

    Attributes:
        ab: as predicted, CIELAB units.
        rgb: the prediction as a file with 8 bits a channel holds it.
        bins: the nearest bin of each predicted pixel.
        true_lab: the original in CIELAB.
        true_rgb: the original with 8 bits a channel.
        true_bins: the nearest bin of each of its pixels.
        weights: for each true bin, how much its pixels count in the rebalanced AuC.
        prior_weights: likewise, by a prior; None where none was given.
        distance: between predicted and true ab, CIELAB units.
        errors: for each true bin, the sum of the clipped distances.
        pixels: for each true bin, the number of pixels.
    """

    ab: Float[Array, "h w 2"]
    rgb: UInt8[Array, "h w 3"]
    bins: Int[Array, "h w"]
    true_lab: Float[Array, "h w 3"]
    true_rgb: UInt8[Array, "h w 3"]
    true_bins: Int[Array, "h w"]
    weights: BinWeights
    prior_weights: BinWeights | None
    distance: Float[Array, "h w"]
    errors: Float[Array, " q"]
    pixels: Float[Array, " q"]


class Distribution(NamedTuple):
    """The distributions over bins that a system predicts for one photograph.

    Attributes:
        logits: of the bins, at a fraction of the photograph's size.
        true_ab: at the pixels of the logits, picked, not averaged.
        gamut: the bins.
    """

    logits: Float[Array, "g k q"]
    true_ab: Float[Array, "g k 2"]
    gamut: Gamut


class Totals(NamedTuple):
    """Sums of per-photograph numbers over a set, or over many resamples of it.

    Attributes:
        system: by name, for the system that the number is about.
        truth: likewise, for the ground truth.
        gray: likewise, for gray.
        photographs: how many the set has.
    """

    system: Mapping[str, np.ndarray]
    truth: Mapping[str, np.ndarray]
    gray: Mapping[str, np.ndarray]
    photographs: int


class Statistic(NamedTuple):
    """The function from sums over photographs to the table's number.

    Attributes:
        names: the per-photograph numbers that a system must have for it.
        value: from sums to numbers, elementwise over resamples; NaN where undefined.
    """

    names: tuple[str, ...]
    value: Callable[[Totals], np.ndarray]


class Metric(NamedTuple):
    """One column of the tables.

    A function that measures returns one number, which is kept under the metric's key,
    or several by name. It is compiled by JAX, and sees one photograph.

    Attributes:
        key: name in results.json and table.csv; no other metric has it.
        heading: what the table shows above the column, with the unit.
        format: how the number is written, such as ".2f".
        meaning: one phrase for the foot of the table.
        better: which values are better.
        table: title of the table that the column stands in.
        statistic: what turns the photographs' numbers into the set's.
        of_photograph: measures the predicted colors of a photograph; None for a metric
            that needs nothing beyond what others measure.
        of_distribution: measures the distributions of a photograph, for systems that
            have any.
        has_interval: whether the statistic is resampled for a 95 % interval; False
            where it reads vectors.
        is_for_truth: whether the ground truth has the number; False where it would
            show only rounding.
        is_defined: from sums over the whole set, whether the number means something;
            None for always.
        remedy: what a reader gives to get the column; empty where it is always there.
    """

    key: str
    heading: str
    format: str
    meaning: str
    better: Better
    table: str
    statistic: Statistic
    of_photograph: Callable[[Photograph], Array | Numbers] | None = None
    of_distribution: Callable[[Distribution], Array | Numbers] | None = None
    has_interval: bool = True
    is_for_truth: bool = True
    is_defined: Callable[[Totals], bool] | None = None
    remedy: str = ""


def name_of(metric: Metric) -> str:
    """Returns a metric's heading without its unit."""
    return metric.heading.partition(",")[0]


def heading_of(metric: Metric) -> str:
    """Returns a metric's heading with an arrow towards better values, if any is."""
    arrow = ARROWS[metric.better]
    return f"{metric.heading} {arrow}" if arrow else metric.heading


def named(found: Array | Numbers, *, key: str) -> Numbers:
    """Returns the numbers that a metric measured, by name."""
    return dict(found) if isinstance(found, Mapping) else {key: jnp.asarray(found)}


def mean(name: str) -> Statistic:
    """Returns the mean over photographs."""
    return Statistic((name,), lambda totals: totals.system[name] / totals.photographs)


def ratio(part: str, whole: str) -> Statistic:
    """Returns the ratio of two sums over photographs."""
    return Statistic(
        (part, whole), lambda totals: over(totals.system[part], totals.system[whole])
    )


def ratio_to_truth(name: str) -> Statistic:
    """Returns the ratio of a sum over photographs to the ground truth's."""
    return Statistic(
        (name,), lambda totals: over(totals.system[name], totals.truth[name])
    )


def over(
    part: Float[np.ndarray, " n"], whole: Float[np.ndarray, " n"]
) -> Float[np.ndarray, " n"]:
    """Returns ratios; NaN, without a warning, for a share of nothing."""
    safe = np.where(whole == 0, 1.0, whole)
    return np.where(whole == 0, np.nan, part / safe)


def check(metrics: Sequence[Metric]) -> None:
    """Refuses metrics of which two have the same key.

    Raises:
        ValueError: naming the key.
    """
    keys = [metric.key for metric in metrics]
    if repeated := sorted({key for key in keys if keys.count(key) > 1}):
        raise ValueError(f"two metrics have the key {repeated[0]!r}; wanted one")
