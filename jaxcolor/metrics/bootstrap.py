"""Bootstrap intervals of numbers over a set of photographs."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

# The ends of 95 percent.
QUANTILES = (0.025, 0.975)
# Draws of photographs that are held at once: 8 bytes each, and twice.
DRAWS = 2_000_000


class Interval(NamedTuple):
    """A 95 percent interval.

    Attributes:
        low: 2.5 percent of the resamples are below it.
        high: 2.5 percent are above it.
    """

    low: float
    high: float


def bootstrap(
    statistic: Callable[[Float[np.ndarray, "n m"]], Float[np.ndarray, " n"]],
    per_image: Float[np.ndarray, "b m"],
    *,
    seed: int,
    resamples: int,
) -> Interval:
    """Returns the 95 percent percentile-bootstrap interval of a statistic of sums.

    Photographs are drawn with replacement, their pixels stay together. So it is the
    spread over photographs that counts; not that over trainings of the model.

    Args:
        statistic: from the sums over a resample's photographs, one row for each
            resample, to a number for each. For a mean, columns (value, 1) and
            `lambda sums: sums[:, 0] / sums[:, 1]`; for the rebalanced AuC, the errors
            beside the pixels of all bins; for the difference of two systems, the
            columns of one beside those of the other.
        per_image: what each photograph adds to the sums.
        seed: the same one, the same interval.
        resamples: how many; 1000 or more.

    Raises:
        ValueError: no photographs, or no resamples.

    Source:
        Efron and Tibshirani 1993, section 13.3.
    """
    sums = resampled_sums(per_image, seed=seed, resamples=resamples)
    return interval(np.asarray(statistic(sums)))


def resampled_sums(
    per_image: Float[np.ndarray, "b m"], *, seed: int, resamples: int
) -> Float[np.ndarray, "n m"]:
    """Returns the sums over the photographs of each resample.

    The same seed draws the same photographs, so that systems can be compared.

    Raises:
        ValueError: no photographs, or no resamples.
    """
    photographs = len(per_image)
    if not photographs or resamples < 1:
        raise ValueError(
            f"{photographs} photographs, {resamples} resamples; wanted one or more"
        )
    rng = np.random.default_rng(seed)
    shares = np.full(photographs, 1 / photographs)
    per_image = np.asarray(per_image, np.float64)
    size = max(1, DRAWS // photographs)
    found: list[np.ndarray] = []
    for start in range(0, resamples, size):
        # How often each photograph is drawn says all, and takes no copies of rows.
        draws = rng.multinomial(
            photographs, shares, size=min(size, resamples - start)
        ).astype(np.float64)
        found.append(draws @ per_image)
    return np.concatenate(found)


def interval(values: Float[np.ndarray, " n"]) -> Interval:
    """Returns the 95 percent interval of a statistic's values over resamples."""
    low, high = np.quantile(np.asarray(values, np.float64), QUANTILES)
    return Interval(float(low), float(high))
