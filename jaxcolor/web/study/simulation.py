"""Participants that are programs, with known rates, to test an analysis.

They go the way of people: a link, a session, trials that are shown and answered, each
by the same functions and under the same constraints. Their study is marked.
"""

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import sqlalchemy
from jaxtyping import Float
from sqlalchemy import Connection, Engine

from jaxcolor.web.study import (
    database,
    participants,
    protocol,
    reading,
    schema,
    studies,
)
from jaxcolor.web.study.participants import Answer, Screen
from jaxcolor.web.study.studies import Study

SPREAD = 0.12
"""Standard deviation of rates between participants. With it, 40 participants of 36
trials give ± 2.5, as the paper has, and without it 1.7."""

# Of response times: median, and the spread of their logarithm.
RESPONSE_MS, RESPONSE_SPREAD = 900, 0.5
# Of exposures around their targets.
JITTER_MS = 1.5
SCREEN = Screen(
    screen_width=1920,
    screen_height=1080,
    window_width=1905,
    window_height=950,
    pixel_ratio=1.0,
    zoom=1.0,
    frame_ms=16.7,
    browser="simulated",
    has_touch=False,
)


class People(NamedTuple):
    """What simulated participants do; shares from 0 to 1.

    Attributes:
        rates: by algorithm, mean share of trials in which they are fooled.
        check_rate: the same for attention checks; 0.13 in the paper.
        spread: standard deviation of both between participants.
        guessers: share of participants who answer by chance.
        dropouts: share of participants who leave in the middle.
        wrong_exposures: share of trials with an exposure that is too long.
    """

    rates: Mapping[str, float]
    check_rate: float = 0.13
    spread: float = SPREAD
    guessers: float = 0.0
    dropouts: float = 0.0
    wrong_exposures: float = 0.0


def simulate(
    engine: Engine,
    name: str,
    *,
    people: People,
    per_algorithm: int,
    seed: int,
    on_done: Callable[[int], object] = lambda _: None,
) -> None:
    """Fills a study with simulated participants, and marks it as simulated.

    Args:
        engine: of the database.
        name: of the study.
        people: what they do.
        per_algorithm: participants of each algorithm.
        seed: for them; their links are random all the same.
        on_done: is called with the number of participants that are done.

    Raises:
        ValueError: a share is none, an algorithm has no rate, or people took part in
            the study.
    """
    with database.writing(engine) as connection:
        study = studies.find(connection, name)
        algorithms = reading.algorithms(connection, study)
        check(people, algorithms)
        studies.mark_simulated(connection, study)
    rng = np.random.default_rng(seed)
    # In the past, so that none of them is still under way.
    start_ms = 1000 * int(time.time()) - 24 * 3_600_000
    for n in range(per_algorithm * len(algorithms)):
        with database.writing(engine) as connection:
            _take_part(connection, study, people, rng, now_ms=start_ms + 1000 * n)
        on_done(1)


def check(people: People, algorithms: list[str]) -> None:
    """Refuses what no one can do.

    Raises:
        ValueError: a share is outside of 0 to 1, the spread is larger than the rates
            allow, or an algorithm has no rate.
    """
    for algorithm in algorithms:
        if algorithm not in people.rates:
            raise ValueError(f"no rate for {algorithm}; wanted one of each algorithm")
    for algorithm in people.rates:
        if algorithm not in algorithms:
            raise ValueError(
                f"a rate for {algorithm}; wanted one of {', '.join(algorithms)}"
            )
    shares = {
        **{f"rate of {name}": rate for name, rate in people.rates.items()},
        "check rate": people.check_rate,
        "guessers": people.guessers,
        "dropouts": people.dropouts,
        "wrong exposures": people.wrong_exposures,
    }
    for name, share in shares.items():
        if not 0 <= share <= 1:
            raise ValueError(f"{name} is {share:g}; wanted from 0 to 1")
    for rate in (*people.rates.values(), people.check_rate):
        check_spread(rate, people.spread)


def check_spread(rate: float, spread: float) -> None:
    """Refuses a spread that shares of a mean cannot have.

    Raises:
        ValueError: it is negative or too large.
    """
    if spread < 0 or (0 < rate < 1 and spread**2 >= rate * (1 - rate)):
        most = np.sqrt(rate * (1 - rate))
        raise ValueError(
            f"the spread is {spread:g}; wanted from 0 to below {most:.2g} for a rate of"
            f" {rate:g}"
        )


def rates_of_persons(
    rate: float, spread: float, *, rng: np.random.Generator, size: int | tuple[int, int]
) -> Float[np.ndarray, "..."]:
    """Returns the rates of single participants: a beta distribution.

    Args:
        rate: their mean.
        spread: their standard deviation.
        rng: draws them.
        size: how many.
    """
    if spread == 0 or rate in (0, 1):
        return np.full(size, float(rate))
    total = rate * (1 - rate) / spread**2 - 1
    return rng.beta(rate * total, (1 - rate) * total, size)


def _take_part(
    connection: Connection,
    study: Study,
    people: People,
    rng: np.random.Generator,
    *,
    now_ms: int,
) -> None:
    (token,) = studies.add_links(connection, study, count=1, is_rehearsal=False)
    seed = int(rng.integers(0, 2**62))
    participants.begin(connection, token, SCREEN, now_ms=now_ms, seed=seed)
    trials = _trials(connection, token)
    compared = (t.algorithm for t in trials if t.kind != protocol.ATTENTION)
    rate = people.rates[next(compared)]
    is_guesser = rng.random() < people.guessers
    fooled = {
        kind: 0.5
        if is_guesser
        else float(rates_of_persons(mean, people.spread, rng=rng, size=1)[0])
        for kind, mean in (
            (protocol.PRACTICE, rate),
            (protocol.TEST, rate),
            (protocol.ATTENTION, people.check_rate),
        )
    }
    end = len(trials)
    if rng.random() < people.dropouts:
        end = int(rng.integers(0, end))
    pause = protocol.duration_ms(study.protocol)
    for trial in trials[:end]:
        participants.show(connection, token, trial.position, number=1, now_ms=now_ms)
        given = _answer(
            study, trial, rng, fooled=fooled[trial.kind], wrong=people.wrong_exposures
        )
        now_ms += pause + round(given.response_ms)
        participants.answer(connection, token, trial.position, given, now_ms=now_ms)


class _Known(NamedTuple):
    """A trial, with what only the database knows of it."""

    position: int
    kind: str
    truth_position: str
    algorithm: str


def _trials(connection: Connection, token: str) -> list[_Known]:
    trials, sessions = schema.trials, schema.sessions
    rows = connection.execute(
        sqlalchemy.select(
            trials.c.position,
            trials.c.kind,
            trials.c.truth_position,
            schema.algorithms.c.name,
        )
        .join(sessions, sessions.c.id == trials.c.session_id)
        .join(schema.links, schema.links.c.id == sessions.c.link_id)
        .join(schema.algorithms, schema.algorithms.c.id == sessions.c.algorithm_id)
        .where(schema.links.c.token == token)
        .order_by(trials.c.position)
    )
    return [_Known(*row) for row in rows]


def _answer(
    study: Study,
    trial: _Known,
    rng: np.random.Generator,
    *,
    fooled: float,
    wrong: float,
) -> Answer:
    places = (protocol.FIRST, protocol.SECOND)
    other = places[trial.truth_position == protocol.FIRST]
    targets = study.protocol.first_ms, study.protocol.blank_ms, study.protocol.second_ms
    first, blank, second = (
        max(0.0, target + JITTER_MS * rng.standard_normal()) for target in targets
    )
    if rng.random() < wrong:
        second += 200
    return Answer(
        fake_position=trial.truth_position if rng.random() < fooled else other,
        response_ms=RESPONSE_MS
        * float(np.exp(RESPONSE_SPREAD * rng.standard_normal())),
        first_ms=first,
        blank_ms=blank,
        second_ms=second,
        dropped_frames=0,
        device="other",
    )
