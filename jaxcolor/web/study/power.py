"""How many participants a study needs, by simulation."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from jaxcolor.web.study import resampling, simulation

# Simulated studies for each number of participants. The power has a standard error of
# 1.3 percent at most.
STUDIES = 1500
MOST = 2000
# Studies at once, for the memory of their resamples.
BATCH = 100


class Question(NamedTuple):
    """What a study should find.

    Attributes:
        rates: of the two algorithms, shares from 0 to 1.
        spread: standard deviation between participants.
        trials: of a participant that count.
        level: of the test, two-sided.
        comparisons: pairs that are tested; the level is divided by it, which needs
            somewhat more participants than Holm's correction.
        power: share of studies that have to find the difference.
    """

    rates: tuple[float, float]
    spread: float = simulation.SPREAD
    trials: int = 36
    level: float = 0.05
    comparisons: int = 1
    power: float = 0.8


class Found(NamedTuple):
    """The answer.

    Attributes:
        participants: of each algorithm; None for more than MOST.
        powers: by the numbers that were tried, ascending.
    """

    participants: int | None
    powers: dict[int, float]


def check(question: Question) -> None:
    """Refuses a question without an answer.

    Raises:
        ValueError: a number is outside of its range, or the rates are equal.
    """
    for rate in question.rates:
        if not 0 <= rate <= 1:
            raise ValueError(f"a rate is {rate:g}; wanted from 0 to 1")
        simulation.check_spread(rate, question.spread)
    if question.rates[0] == question.rates[1]:
        raise ValueError(
            f"both rates are {question.rates[0]:g}; wanted two that differ"
        )
    for name in ("level", "power"):
        if not 0 < (value := getattr(question, name)) < 1:
            raise ValueError(f"{name} is {value:g}; wanted between 0 and 1")
    for name in ("trials", "comparisons"):
        if (value := getattr(question, name)) < 1:
            raise ValueError(f"{name} is {value}; wanted 1 or more")


def needed(question: Question, *, seed: int) -> Found:
    """Returns how many participants each algorithm needs.

    Args:
        question: what to find.
        seed: of the simulation.

    Raises:
        ValueError: as `check`.
    """
    check(question)
    powers: dict[int, float] = {}

    def is_enough(participants: int) -> bool:
        powers[participants] = power(question, participants, seed=seed)
        return powers[participants] >= question.power

    low, high = resampling.LEAST_PARTICIPANTS - 1, 2 * resampling.LEAST_PARTICIPANTS
    while not is_enough(high):
        if high == MOST:
            return Found(None, dict(sorted(powers.items())))
        low, high = high, min(2 * high, MOST)
    while high - low > 1:
        middle = (low + high) // 2
        if is_enough(middle):
            high = middle
        else:
            low = middle
    return Found(high, dict(sorted(powers.items())))


def power(question: Question, participants: int, *, seed: int) -> float:
    """Returns the share of simulated studies that find the difference.

    Their test is that of the analysis: a two-sided p over participants.

    Args:
        question: what to find.
        participants: of each algorithm; 5 or more.
        seed: of the simulation.
    """
    rng = np.random.default_rng([seed, participants])
    level = question.level / question.comparisons
    draws = resampling.draws_for(level, least=resampling.DRAWS)
    fooled = [
        rng.binomial(
            question.trials,
            simulation.rates_of_persons(
                rate, question.spread, rng=rng, size=(STUDIES, participants)
            ),
        )
        for rate in question.rates
    ]
    # All studies share the draws, so that one product makes their resamples.
    even = np.full(participants, 1 / participants)
    times = [rng.multinomial(participants, even, draws).T / participants for _ in "ab"]
    found = [
        _is_found(
            fooled[0][start : start + BATCH] / question.trials @ times[0]
            - fooled[1][start : start + BATCH] / question.trials @ times[1],
            participants=participants,
            level=level,
        )
        for start in range(0, STUDIES, BATCH)
    ]
    return float(np.concatenate(found).mean())


def _is_found(
    differences: Float[np.ndarray, "studies draws"], *, participants: int, level: float
) -> Bool[np.ndarray, " studies"]:
    widened = resampling.widened(differences, participants=participants)
    return resampling.p_value(widened) <= level
