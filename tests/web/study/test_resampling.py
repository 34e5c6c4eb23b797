import numpy as np
import pytest
from scipy import stats

from jaxcolor.web.study import resampling
from jaxcolor.web.study.resampling import Counts


def counts_of(persons, *, trials, rng):
    return Counts(
        rng.binomial(trials, persons).astype(np.int64),
        np.full(len(persons), trials, np.int64),
    )


def test_two_level_resamples_are_those_of_drawing_trials_one_by_one():
    rng = np.random.default_rng(0)
    counts = Counts(np.array([0, 3, 9, 5]), np.array([10, 10, 12, 6]))
    answers = [
        np.arange(n) < k for k, n in zip(counts.fooled, counts.trials, strict=True)
    ]
    slow = []
    for _ in range(4000):
        drawn = [
            rng.choice(answers[person], len(answers[person]))
            for person in rng.integers(0, 4, 4)
        ]
        slow.append(np.concatenate(drawn).mean())
    quick = resampling.two_level(counts, seed=1, draws=4000)
    # Standard errors of mean and deviation with 4000 draws of deviation 0.15.
    assert abs(quick.mean() - np.mean(slow)) < 4 * 0.15 * np.sqrt(2 / 4000)
    assert abs(quick.std() - np.std(slow)) < 4 * 0.15 / np.sqrt(4000)
    assert stats.ks_2samp(quick, slow).pvalue > 1e-3


def test_the_error_of_people_who_do_not_differ_is_that_of_the_sheet():
    # 40 participants of 36 trials at 0.3: 1.6 to 1.75 points, as a simulation of the
    # paper's analysis gives; twice the binomial variance of 1440 trials.
    rng = np.random.default_rng(3)
    errors = [
        100
        * resampling.two_level(
            counts_of(np.full(40, 0.3), trials=36, rng=rng), seed=n, draws=1000
        ).std()
        for n in range(20)
    ]
    assert 1.6 < np.mean(errors) < 1.75


def test_the_quantile_of_student_is_that_of_scipy():
    for freedom in (4, 9, 39, 1000):
        exact = stats.t.ppf(0.975, freedom)
        assert resampling.student_quantile(freedom) == pytest.approx(exact, rel=3e-3)


def test_widened_resamples_give_the_interval_of_student():
    # The mean of n numbers: t times s / sqrt(n).
    values = np.random.default_rng(0).normal(size=8)
    rng = np.random.default_rng(1)
    means = rng.choice(values, (200_000, 8)).mean(axis=1)
    wide = resampling.widened(means, participants=8)
    low, high = np.quantile(wide, [0.025, 0.975])
    exact = stats.t.ppf(0.975, 7) * values.std(ddof=1) / np.sqrt(8)
    # A bootstrap of eight numbers is only nearly normal.
    assert (high - low) / 2 == pytest.approx(exact, rel=0.03)


def test_p_values_are_two_sided_and_never_0():
    draws = np.concatenate([np.full(990, 1.0), np.full(9, -1.0)])
    assert resampling.p_value(draws) == pytest.approx(2 * 10 / 1000)
    assert resampling.p_value(-draws) == pytest.approx(2 * 10 / 1000)
    assert resampling.p_value(np.ones(999)) == pytest.approx(2 / 1000)
    assert resampling.p_value(np.zeros(999)) == 1


def test_holm_s_correction_is_that_of_a_case_worked_out_by_hand():
    # Sorted .005, .01, .03, .04 times 4, 3, 2, 1; each at least the one before.
    found = resampling.holm([0.01, 0.04, 0.03, 0.005])
    assert found == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert resampling.holm([0.9, 0.8]) == [1, 1]
    assert resampling.holm([]) == []
