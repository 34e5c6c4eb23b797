import numpy as np
import pytest
from scipy import stats

from jaxcolor.web.study import (
    analysis,
    database,
    participants,
    power,
    reading,
    resampling,
    simulation,
    studies,
)
from jaxcolor.web.study.exclusions import Rules
from jaxcolor.web.study.power import Question
from jaxcolor.web.study.protocol import Protocol
from jaxcolor.web.study.resampling import Counts
from jaxcolor.web.study.simulation import People
from tests.web.study import small

RATES = {"gray": 0.2, "swapped": 0.4}


def simulated(engine, people, *, per_algorithm=6, seed=0):
    simulation.simulate(
        engine, small.NAME, people=people, per_algorithm=per_algorithm, seed=seed
    )
    with database.reading(engine) as connection:
        study = studies.find(connection, small.NAME)
        return study, reading.sessions(connection, study)


def results(study, sessions, *, rules=Rules(), seed=0):  # noqa: B008 # a constant
    return analysis.analyze(
        sessions, study.protocol, rules=rules, draws=1000, seed=seed
    )


def test_a_simulated_study_is_marked_and_complete(url, pictures):
    small.create(url, pictures)
    with database.opened(url) as engine:
        study, sessions = simulated(engine, People(RATES))
    assert study.is_simulated
    assert [one.is_finished for one in sessions] == [True] * 12
    assert {one.screen["browser"] for one in sessions} == {"simulated"}
    assert [one.algorithm for one in sessions].count("gray") == 6
    found = results(study, sessions)
    assert sum(one.trials for one in found.excluded) == 0


def test_programs_do_not_join_people(sqlite_url, pictures):
    small.create(sqlite_url, pictures)
    (token,) = small.new_links(sqlite_url)
    with database.opened(sqlite_url) as engine:
        with database.writing(engine) as connection:
            participants.begin(connection, token, small.SCREEN, now_ms=0, seed=0)
        with pytest.raises(ValueError, match="has 1 sessions of participants"):
            simulated(engine, People(RATES))


def test_guessers_dropouts_and_wrong_exposures_are_left_out_by_their_rules(
    sqlite_url, pictures
):
    small.create(sqlite_url, pictures)
    people = People(
        RATES, check_rate=0.05, guessers=0.5, dropouts=0.3, wrong_exposures=0.2
    )
    with database.opened(sqlite_url) as engine:
        study, sessions = simulated(engine, people, per_algorithm=30)
    found = results(study, sessions)
    left_out = [(one.sessions, one.trials) for one in found.excluded]
    # Of 60: 18 leave, 21 guess and half of these fail the one check.
    assert 8 < left_out[1][0] < 30
    assert left_out[2][1] > 10
    assert 3 < left_out[4][0] < 20


def test_rates_of_persons_have_the_mean_and_the_spread():
    rng = np.random.default_rng(0)
    found = simulation.rates_of_persons(0.3, 0.12, rng=rng, size=100_000)
    assert found.mean() == pytest.approx(0.3, abs=0.002)
    assert found.std() == pytest.approx(0.12, abs=0.002)


def test_the_default_spread_gives_the_paper_s_error():
    # Published: ± 2.2 to 2.8 for 40 participants of about 36 trials.
    rng = np.random.default_rng(0)
    errors = []
    for n in range(30):
        persons = simulation.rates_of_persons(0.27, simulation.SPREAD, rng=rng, size=40)
        counts = Counts(rng.binomial(36, persons), np.full(40, 36))
        errors.append(100 * resampling.two_level(counts, seed=n, draws=1000).std())
    assert 2.2 < np.mean(errors) < 2.8


@pytest.mark.parametrize(
    ("people", "message"),
    [
        (People({"gray": 0.2}), "no rate for swapped"),
        (People({**RATES, "other": 0.1}), "a rate for other; wanted one of"),
        (People({**RATES, "gray": 1.2}), "rate of gray is 1.2"),
        (People(RATES, spread=0.45), "the spread is 0.45; wanted from 0 to below 0.4"),
        (People(RATES, dropouts=-0.1), "dropouts is -0.1"),
    ],
)
def test_people_who_cannot_be_are_refused(sqlite_url, pictures, people, message):
    small.create(sqlite_url, pictures)
    with (
        database.opened(sqlite_url) as engine,
        pytest.raises(ValueError, match=message),
    ):
        simulated(engine, people)


@pytest.mark.slow
def test_intervals_of_60_simulated_studies_cover_the_true_rates(tmp_path, pictures):
    # Through the database, as people would go.
    rules = small.RULES._replace(practice=0, test=8, attention_share=0)
    covered, differences, widths = [], [], []
    url = f"sqlite:///{tmp_path / 'study.db'}"
    for n in range(60):
        small.create(url, pictures, name=f"study{n}", rules=rules)
    with database.opened(url) as engine:
        for n in range(60):
            name = f"study{n}"
            simulation.simulate(
                engine, name, people=People(RATES), per_algorithm=12, seed=n
            )
            with database.reading(engine) as connection:
                study = studies.find(connection, name)
                found = results(study, reading.sessions(connection, study), seed=n)
            for rate in found.rates:
                true = 100 * RATES[rate.algorithm]
                covered.append(rate.low <= true <= rate.high)
                widths.append(rate.high - rate.low)
            (pair,) = found.pairs
            sign = 1 if pair.first == "swapped" else -1
            differences.append(pair.low <= sign * 20 <= pair.high)
    # 120 intervals at 95 percent: standard error 2 percent; 60: 2.8. Three of them.
    assert abs(np.mean(covered) - 0.95) < 0.06
    assert abs(np.mean(differences) - 0.95) < 0.085
    assert np.mean(widths) < 40


def coverage(rate, *, persons_of, trials, studies_of=200):
    """Returns how often intervals cover a rate: over participants, and two-level."""
    rng = np.random.default_rng(persons_of)
    found = np.zeros(2)
    for n in range(studies_of):
        persons = simulation.rates_of_persons(
            rate, simulation.SPREAD, rng=rng, size=persons_of
        )
        counts = Counts(rng.binomial(trials, persons), np.full(persons_of, trials))
        samples = (
            resampling.widened(
                resampling.over_participants(counts, seed=n, draws=1000),
                participants=persons_of,
            ),
            resampling.two_level(counts, seed=n, draws=1000),
        )
        for k, values in enumerate(samples):
            low, high = np.quantile(values, [0.025, 0.975])
            found[k] += low <= rate <= high
    return found / studies_of


@pytest.mark.slow
def test_intervals_cover_at_the_level_that_they_state():
    own, two_level = np.mean(
        [
            coverage(0.323, persons_of=40, trials=36),
            coverage(0.13, persons_of=40, trials=36),
            coverage(0.25, persons_of=12, trials=36),
        ],
        axis=0,
    )
    # 600 studies: standard error 0.9 percent.
    assert abs(own - 0.95) < 0.027
    # With trials drawn again, few trials make too wide an interval.
    few = coverage(0.13, persons_of=160, trials=4)
    assert two_level > 0.93
    assert few[1] > 0.975


@pytest.mark.parametrize("spread", [0.0, 0.12])
def test_the_power_is_that_of_student_s_test(spread):
    question = Question((0.25, 0.32), spread=spread)
    count = 40 if spread else 20
    found = power.power(question, count, seed=0)
    # A noncentral t; the variance of a person's share is that of both levels.
    variances = [
        spread**2 + (p * (1 - p) - spread**2) / question.trials for p in question.rates
    ]
    freedom = 2 * count - 2
    center = 0.07 / np.sqrt(sum(variances) / count)
    limit = stats.t.ppf(0.975, freedom)
    exact = stats.nct.sf(limit, freedom, center) + stats.nct.cdf(
        -limit, freedom, center
    )
    # The standard error of 1500 studies is 1.3 percent, and the bootstrap is nearly t.
    assert found == pytest.approx(exact, abs=0.04)


def test_the_number_of_participants_has_the_power_that_was_asked():
    found = power.needed(Question((0.2, 0.4), trials=Protocol().test - 4), seed=0)
    assert found.powers[found.participants] >= 0.8
    assert found.powers.get(found.participants - 1, 0) < 0.8
    more = power.needed(Question((0.2, 0.4), comparisons=15), seed=0)
    assert more.participants > found.participants


def test_questions_without_an_answer_are_refused():
    for question, message in (
        (Question((0.3, 0.3)), "both rates are 0.3"),
        (Question((0.3, 1.3)), "a rate is 1.3"),
        (Question((0.2, 0.3), level=0.0), "level is 0"),
        (Question((0.2, 0.3), trials=0), "trials is 0"),
    ):
        with pytest.raises(ValueError, match=message):
            power.needed(question, seed=0)
