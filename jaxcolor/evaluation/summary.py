"""From the numbers of each photograph to the numbers of the table, with intervals."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from jaxcolor.evaluation import registry
from jaxcolor.evaluation.metric import Metric, Totals
from jaxcolor.evaluation.result_tables import Number, Reliability
from jaxcolor.metrics import bootstrap, calibration


class Tally:
    """The measurements of one system, photograph by photograph.

    Attributes:
        photographs: numbers of each photograph so far, by name.
        sums: by name, the sum of vectors over the photographs, such as histograms.
        count: photographs so far.
    """

    def __init__(self) -> None:
        """Starts with no photograph."""
        self.photographs: dict[str, list[float]] = {}
        self.sums: dict[str, np.ndarray] = {}
        self.count = 0

    def add(
        self, numbers: Mapping[str, np.ndarray], *, is_finite: Bool[np.ndarray, " b"]
    ) -> None:
        """Adds the measurements of some photographs.

        Args:
            numbers: by name, on the host, without filling: one number for each
                photograph, or a vector, of which the sum is kept.
            is_finite: whether all predicted colors of a photograph are numbers.

        Raises:
            ValueError: the predicted colors are not all finite.
        """
        if not np.all(is_finite):
            raise ValueError("a model gives colors that are not finite numbers")
        self.count += len(is_finite)
        for name, values in numbers.items():
            if np.ndim(values) == 1:
                self.photographs.setdefault(name, []).extend(map(float, values))
            else:
                some = np.asarray(np.sum(values, axis=0, dtype=np.float64))
                self.sums[name] = np.asarray(self.sums.get(name, 0.0) + some)

    def complete(self, numbers: Mapping[str, Float[np.ndarray, " n"]]) -> None:
        """Adds further numbers of all photographs, by name, in their order."""
        for name, values in numbers.items():
            self.photographs[name] = list(map(float, values))

    def share_of_bins(self) -> list[float] | None:
        """Returns the share of the pixels that are predicted in each bin."""
        histogram = self.sums.get(registry.HISTOGRAM)
        return None if histogram is None else (histogram / histogram.sum()).tolist()

    def curves(self) -> dict[str, list[float]] | None:
        """Returns the percentage of pixels within each distance, as JSON values."""
        if not {registry.CURVE, registry.REBALANCED_CURVE} <= self.sums.keys():
            return None
        raw, rebalanced = (
            self.sums[name] for name in (registry.CURVE, registry.REBALANCED_CURVE)
        )
        return {
            "raw": (raw / self.count).tolist(),
            "rebalanced": (100 * rebalanced[:-1] / rebalanced[-1]).tolist(),
        }


class Trio(NamedTuple):
    """A system, with the two references that its numbers may be relative to.

    Attributes:
        system: the one that the numbers are about.
        truth: the ground truth.
        gray: gray.
    """

    system: Tally
    truth: Tally
    gray: Tally


def numbers(
    tallies: Trio, metrics: Sequence[Metric], *, seed: int, resamples: int
) -> dict[str, Number]:
    """Returns the table's numbers of a system; those that are not defined are left out.

    Args:
        tallies: of the system, of the ground truth and of gray.
        metrics: the columns.
        seed: of the resampling.
        resamples: how many.
    """
    per_image = {
        (part, name): np.asarray(values)
        for part, tally in zip(Trio._fields, tallies, strict=True)
        for name, values in tally.photographs.items()
    }
    count = tallies.system.count
    # Metrics of vectors alone keep no number of a photograph.
    stacked = list(per_image.values()) or [np.empty((count, 0))]
    columns = np.column_stack(stacked)
    drawn = bootstrap.resampled_sums(columns, seed=seed, resamples=resamples)
    whole = _totals(per_image, columns.sum(axis=0)[:, None], tallies)
    again = _totals(per_image, drawn.T, tallies)
    found: dict[str, Number] = {}
    for metric in _defined(metrics, tallies, whole):
        value = float(np.ravel(metric.statistic.value(whole))[0])
        # For example, because of a division by zero.
        if not np.isfinite(value):
            continue
        found[metric.key] = Number(value)
        if metric.has_interval and count > 1:
            values = np.asarray(metric.statistic.value(again))
            # A resample may divide by zero; then there are too few photographs for it.
            if np.isfinite(values).all():
                found[metric.key] = Number(value, *bootstrap.interval(values))
    return found


def reliability(tally: Tally) -> Reliability | None:
    """Returns the reliability diagram; None without a distribution."""
    sums = registry.calibration_of(tally.sums)
    if sums is None:
        return None
    points = calibration.reliability(sums)
    return Reliability(
        pixels=np.asarray(sums.pixels).tolist(),
        confidence=np.asarray(points.confidence).tolist(),
        accuracy=np.asarray(points.accuracy).tolist(),
    )


def _totals(
    per_image: Mapping[tuple[str, str], np.ndarray],
    sums: Sequence[Float[np.ndarray, " n"]] | Float[np.ndarray, "m n"],
    tallies: Trio,
) -> Totals:
    # Vectors are not resampled.
    parts: dict[str, dict[str, np.ndarray]] = {
        part: dict(tally.sums)
        for part, tally in zip(Trio._fields, tallies, strict=True)
    }
    for (part, name), values in zip(per_image, sums, strict=True):
        parts[part][name] = values
    return Totals(**parts, photographs=tallies.system.count)


def _defined(
    metrics: Sequence[Metric], tallies: Trio, whole: Totals
) -> Iterator[Metric]:
    is_truth = tallies.system is tallies.truth
    for metric in metrics:
        is_measured = all(name in whole.system for name in metric.statistic.names)
        is_wanted = metric.is_for_truth or not is_truth
        is_defined = metric.is_defined or (lambda _: True)
        if is_measured and is_wanted and is_defined(whole):
            yield metric
