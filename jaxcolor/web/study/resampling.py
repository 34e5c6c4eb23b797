"""Bootstrap of shares of answers, which come in groups: one for each participant."""

from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from jaxcolor.metrics import bootstrap

DRAWS = 1000
"""Of the paper."""

# With fewer participants no interval is given: it would be too short.
LEAST_PARTICIPANTS = 5
LEVEL = 0.95
# Draws of which this many, by chance, are as far as the level of a test asks.
DRAWS_FOR_LEVEL = 20


class Counts(NamedTuple):
    """The answers of several participants.

    Attributes:
        fooled: of each, trials in which the fake picture was held for the real one.
        trials: of each, all trials; 1 or more.
    """

    fooled: Int[np.ndarray, " n"]
    trials: Int[np.ndarray, " n"]


def draws_for(level: float, *, least: int) -> int:
    """Returns how many draws a test at a level needs: p is 2 / (draws + 1) or more.

    Args:
        level: of the test, corrected for the number of tests.
        least: draws at any level.
    """
    return max(least, round(DRAWS_FOR_LEVEL / level))


def share(counts: Counts) -> float:
    """Returns the share of all trials in which participants were fooled."""
    return float(counts.fooled.sum() / counts.trials.sum())


def two_level(counts: Counts, *, seed: int, draws: int) -> Float[np.ndarray, " draws"]:
    """Returns shares when participants are drawn again, then the trials of each.

    To draw n trials of which k fooled is to draw a binomial of n and k / n.

    Source:
        Zhang et al. 2016, section 3.1; the authors' analysis of it, whose standard
        deviation is the number after ± in table 1.
    """
    rng = np.random.default_rng(seed)
    participants = len(counts.trials)
    chosen = rng.integers(0, participants, size=(draws, participants))
    trials = counts.trials[chosen]
    fooled = rng.binomial(trials, (counts.fooled / counts.trials)[chosen])
    return fooled.sum(axis=1) / trials.sum(axis=1)


def over_participants(
    counts: Counts, *, seed: int, draws: int
) -> Float[np.ndarray, " draws"]:
    """Returns shares when participants are drawn again, with the trials that they had.

    The chance in trials is within what differs between participants. `two_level` counts
    it twice, and so gives wider intervals than the level says.
    """
    both = np.stack([counts.fooled, counts.trials], axis=1).astype(np.float64)
    sums = bootstrap.resampled_sums(both, seed=seed, resamples=draws)
    return sums[:, 0] / sums[:, 1]


def widened(
    values: Float[np.ndarray, "*s draws"], *, participants: int
) -> Float[np.ndarray, "*s draws"]:
    """Returns a statistic's values over resamples, spread as few participants need.

    Quantiles of a bootstrap are too near to each other in small samples: as if a normal
    distribution stood for Student's t, and n for n - 1. Both are corrected.

    Args:
        values: along the last axis, of a bootstrap.
        participants: in the sample; the smaller number for two samples.

    Source:
        Hesterberg 2015, "What Teachers Should Know About the Bootstrap", section 5.3:
        the expanded percentile interval, here by scaling.
    """
    normal = NormalDist().inv_cdf((1 + LEVEL) / 2)
    factor = np.sqrt(participants / (participants - 1))
    factor *= student_quantile(participants - 1) / normal
    center = values.mean(axis=-1, keepdims=True)
    return center + factor * (values - center)


def student_quantile(freedom: int) -> float:
    """Returns the quantile of Student's t that cuts off the upper 2.5 percent.

    Args:
        freedom: degrees of it, 4 or more for an error below 0.3 percent.

    Source:
        Abramowitz and Stegun 1964, equation 26.7.5.
    """
    x = NormalDist().inv_cdf((1 + LEVEL) / 2)
    terms = (
        (x**3 + x) / 4,
        (5 * x**5 + 16 * x**3 + 3 * x) / 96,
        (3 * x**7 + 19 * x**5 + 17 * x**3 - 15 * x) / 384,
        (79 * x**9 + 776 * x**7 + 1482 * x**5 - 1920 * x**3 - 945 * x) / 92160,
    )
    return x + sum(term / freedom**n for n, term in enumerate(terms, 1))


def p_value(differences: Float[np.ndarray, "*s draws"]) -> Float[np.ndarray, "*s"]:
    """Returns the two-sided p-value of a difference from 0, from its resamples.

    One draw is added to each side, so that it is never 0.
    """
    below = (differences <= 0).sum(axis=-1)
    above = (differences >= 0).sum(axis=-1)
    draws = differences.shape[-1]
    return np.asarray(np.minimum(1, 2 * (np.minimum(below, above) + 1) / (draws + 1)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Returns p-values corrected for their number.

    Source:
        Holm 1979, "A simple sequentially rejective multiple test procedure".
    """
    order = np.argsort(p_values)
    corrected = np.empty(len(p_values))
    largest = 0.0
    for rank, n in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * p_values[n]))
        corrected[n] = largest
    return corrected.tolist()
