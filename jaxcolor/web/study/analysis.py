"""From the answers of a study to its numbers."""

from collections.abc import Sequence
from itertools import combinations
from math import comb
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from jaxcolor.metrics import bootstrap
from jaxcolor.web.study import creation, exclusions, resampling
from jaxcolor.web.study.exclusions import Excluded, Kept, Rules
from jaxcolor.web.study.protocol import Protocol
from jaxcolor.web.study.records import Session, Trial
from jaxcolor.web.study.resampling import Counts

# Quartiles that describe times.
QUARTILES = (0.25, 0.5, 0.75)


class Rate(NamedTuple):
    """How often the pictures of an algorithm were labeled real, in percent.

    Attributes:
        algorithm: its name.
        participants: whose trials count.
        trials: that count.
        labeled_real: share of trials in which the fake was held for the real picture.
        error: the paper's ±, standard deviation over two-level resamples.
        low: lower end of the 95 percent interval; None for few participants.
        high: upper end.
    """

    algorithm: str
    participants: int
    trials: int
    labeled_real: float
    error: float
    low: float | None
    high: float | None


class Pair(NamedTuple):
    """A comparison of two algorithms, in percentage points.

    Attributes:
        first: the one with the higher rate.
        second: the other.
        difference: of their rates.
        low: lower end of its 95 percent interval; None for few participants.
        high: upper end.
        paper_p: share of two-level resamples in which the order is reversed, as in the
            paper: one-sided, not corrected.
        p: two-sided, over participants; None for few participants.
        holm_p: p corrected for the number of pairs.
    """

    first: str
    second: str
    difference: float
    low: float | None
    high: float | None
    paper_p: float
    p: float | None
    holm_p: float | None


class Fooling(NamedTuple):
    """How often a picture was labeled real.

    Attributes:
        algorithm: that made it.
        photograph: name of the photograph.
        answers: number of trials.
        fooled: number of those in which it was held for the real one.
    """

    algorithm: str
    photograph: str
    answers: int
    fooled: int


class Times(NamedTuple):
    """Quartiles of a time of the test trials, in milliseconds.

    Attributes:
        name: of the time.
        low: a quarter is below it.
        median: half is below it.
        high: three quarters are below it.
    """

    name: str
    low: float
    median: float
    high: float


class Results(NamedTuple):
    """The numbers of a study.

    Attributes:
        rates: of each algorithm with trials, highest first.
        check: of the attention checks, over all sessions that were shown them right,
            also those that failed; None for none.
        pairs: of all algorithms with trials.
        photographs: of each algorithm's pictures, most fooling first.
        times: of responses and exposures.
        response_ms: of the test trials, by algorithm.
        excluded: what each rule left out.
        sessions: in all.
        rules: of exclusion.
        draws: of each two-level bootstrap.
        participant_draws: of each bootstrap of participants.
        seed: of them.
    """

    rates: list[Rate]
    check: Rate | None
    pairs: list[Pair]
    photographs: list[Fooling]
    times: list[Times]
    response_ms: dict[str, list[float]]
    excluded: list[Excluded]
    sessions: int
    rules: Rules
    draws: int
    participant_draws: int
    seed: int


def analyze(
    sessions: Sequence[Session],
    settings: Protocol,
    *,
    rules: Rules,
    draws: int,
    seed: int,
) -> Results:
    """Returns the numbers of a study.

    Args:
        sessions: of all participants.
        settings: of the study.
        rules: of exclusion.
        draws: of each bootstrap; of participants more, where many pairs are tested.
        seed: for them.

    Raises:
        ValueError: a rule is none, or there are no draws.
    """
    exclusions.check(rules)
    if draws < 1:
        raise ValueError(f"got {draws} draws; wanted 1 or more")
    kept = exclusions.apply(sessions, settings, rules)
    counts = {
        name: _counts(
            [exclusions.tests(s) for s in kept.sessions if s.algorithm == name]
        )
        for name in sorted({session.algorithm for session in kept.sessions})
    }
    # With too few, no p could stay small when it is corrected for all pairs.
    level = (1 - resampling.LEVEL) / max(1, comb(len(counts), 2))
    participant_draws = resampling.draws_for(level, least=draws)
    numbers = {"draws": draws, "participant_draws": participant_draws}
    samples = {
        name: _resampled(counted, **numbers, seed=seed + n)
        for n, (name, counted) in enumerate(counts.items())
    }
    rates = [rate(name, one, samples[name]) for name, one in counts.items()]
    rates.sort(key=lambda one: -one.labeled_real)
    trials = [trial for one in kept.sessions for trial in exclusions.tests(one)]
    return Results(
        rates=rates,
        check=_check_rate(kept, **numbers, seed=seed),
        pairs=_pairs([one.algorithm for one in rates], counts, samples),
        photographs=_photographs(trials),
        times=_times(trials),
        response_ms={
            name: [t.response_ms for t in trials if t.algorithm == name]
            for name in counts
        },
        excluded=kept.excluded,
        sessions=len(sessions),
        rules=rules,
        **numbers,
        seed=seed,
    )


class Samples(NamedTuple):
    """Shares over resamples.

    Attributes:
        two_level: over participants, then trials.
        over_participants: over participants only.
    """

    two_level: Float[np.ndarray, " draws"]
    over_participants: Float[np.ndarray, " participant_draws"]


def rate(name: str, counts: Counts, samples: Samples) -> Rate:
    """Returns how often an algorithm's pictures were labeled real."""
    participants = len(counts.trials)
    low = high = None
    if participants >= resampling.LEAST_PARTICIPANTS:
        spread = resampling.widened(
            samples.over_participants, participants=participants
        )
        found = bootstrap.interval(np.clip(spread, 0, 1))
        low, high = 100 * found.low, 100 * found.high
    return Rate(
        algorithm=name,
        participants=participants,
        trials=int(counts.trials.sum()),
        labeled_real=100 * resampling.share(counts),
        error=100 * float(samples.two_level.std()),
        low=low,
        high=high,
    )


def _resampled(
    counts: Counts, *, draws: int, participant_draws: int, seed: int
) -> Samples:
    return Samples(
        resampling.two_level(counts, seed=seed, draws=draws),
        resampling.over_participants(counts, seed=seed, draws=participant_draws),
    )


def _counts(trials: Sequence[Sequence[Trial]]) -> Counts:
    answered = [one for one in trials if one]
    return Counts(
        np.array([sum(t.is_fooled for t in one) for one in answered], np.int64),
        np.array([len(one) for one in answered], np.int64),
    )


def _check_rate(
    kept: Kept, *, draws: int, participant_draws: int, seed: int
) -> Rate | None:
    counts = _counts([exclusions.checks(session) for session in kept.checked])
    if not len(counts.trials):
        return None
    samples = _resampled(
        counts, draws=draws, participant_draws=participant_draws, seed=seed
    )
    return rate(creation.CHECK, counts, samples)


def _pairs(
    names: Sequence[str], counts: dict[str, Counts], samples: dict[str, Samples]
) -> list[Pair]:
    """Returns the comparisons, from the names in the order of their rates."""
    pairs = [
        _pair(first, second, counts=counts, samples=samples)
        for first, second in combinations(names, 2)
    ]
    tested = [n for n, pair in enumerate(pairs) if pair.p is not None]
    corrected = resampling.holm([pairs[n].p or 0.0 for n in tested])
    for n, p in zip(tested, corrected, strict=True):
        pairs[n] = pairs[n]._replace(holm_p=p)
    return pairs


def _pair(
    first: str, second: str, *, counts: dict[str, Counts], samples: dict[str, Samples]
) -> Pair:
    fewest = min(len(counts[name].trials) for name in (first, second))
    low = high = p = None
    if fewest >= resampling.LEAST_PARTICIPANTS:
        between = resampling.widened(
            samples[first].over_participants - samples[second].over_participants,
            participants=fewest,
        )
        found = bootstrap.interval(between)
        low, high = 100 * found.low, 100 * found.high
        p = float(resampling.p_value(between))
    reversed_order = samples[first].two_level < samples[second].two_level
    rates = [resampling.share(counts[name]) for name in (first, second)]
    return Pair(
        first=first,
        second=second,
        difference=100 * (rates[0] - rates[1]),
        low=low,
        high=high,
        paper_p=float(reversed_order.mean()),
        p=p,
        holm_p=None,
    )


def _photographs(trials: Sequence[Trial]) -> list[Fooling]:
    found: dict[tuple[str, str], list[bool]] = {}
    for trial in trials:
        found.setdefault((trial.algorithm, trial.fake), []).append(trial.is_fooled)
    listed = [
        Fooling(algorithm, photograph, len(answers), sum(answers))
        for (algorithm, photograph), answers in found.items()
    ]
    # Of equal rates, the one with more answers is the surer.
    return sorted(
        listed,
        key=lambda x: (x.algorithm, -x.fooled / x.answers, -x.answers, x.photograph),
    )


def _times(trials: Sequence[Trial]) -> list[Times]:
    if not trials:
        return []
    names = {
        "response": "response_ms",
        "first picture": "first_ms",
        "blank": "blank_ms",
        "second picture": "second_ms",
    }
    return [
        Times(
            name, *map(float, np.quantile([getattr(t, x) for t in trials], QUARTILES))
        )
        for name, x in names.items()
    ]
