from collections import Counter

import pytest

from jaxcolor.web.study import planning, protocol
from jaxcolor.web.study.protocol import Protocol


def plans(rules=Protocol(), *, seeds=1):  # noqa: B008 # a constant
    needed = protocol.photographs_needed(rules)
    return [
        planning.plan(rules, photographs=needed, seed=seed) for seed in range(seeds)
    ]


def test_a_session_of_the_paper_has_10_practice_36_test_and_4_vigilance_trials():
    (trials,) = plans()
    kinds = [trial.kind for trial in trials]
    assert kinds[:10] == ["practice"] * 10
    assert Counter(kinds) == {"practice": 10, "test": 36, "attention": 4}


def test_no_photograph_is_seen_in_two_trials():
    for rules in (Protocol(), Protocol(is_paired=False)):
        for trials in plans(rules, seeds=20):
            seen = [n for trial in trials for n in {trial.truth, trial.fake}]
            assert len(seen) == len(set(seen))


def test_both_pictures_of_a_pair_show_one_photograph_and_of_no_pair_two():
    assert all(t.truth == t.fake for trials in plans(seeds=5) for t in trials)
    unpaired = plans(Protocol(is_paired=False), seeds=5)
    assert all(t.truth != t.fake for trials in unpaired for t in trials)


def test_the_real_picture_comes_first_in_half_of_the_trials_at_random():
    counts = [
        sum(trial.truth_position == "first" for trial in trials)
        for trials in plans(seeds=400)
    ]
    # 20,000 fair coins: 4 standard deviations are 283.
    assert abs(sum(counts) - 10_000) < 283
    # Independent draws, not a balanced order: the variance of 50 coins is 12.5, with a
    # standard error of 0.9.
    mean = sum(counts) / 400
    variance = sum((count - mean) ** 2 for count in counts) / 399
    assert 9 < variance < 16


def test_attention_checks_are_at_any_place_of_the_test():
    found = Counter(
        n
        for trials in plans(seeds=500)
        for n, trial in enumerate(trials)
        if trial.kind == "attention"
    )
    assert set(found) == set(range(10, 50))
    # 2000 checks over 40 places: 50 each, standard deviation 6.7.
    assert max(found.values()) < 85


def test_the_same_seed_makes_the_same_session():
    rules = Protocol()
    first, again, other = (
        planning.plan(rules, photographs=80, seed=seed) for seed in (7, 7, 8)
    )
    assert first == again != other


def test_too_few_photographs_are_refused():
    with pytest.raises(ValueError, match="got 49 photographs; wanted 50 or more"):
        planning.plan(Protocol(), photographs=49, seed=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"first_ms": 5}, "first_ms is 5; wanted from 17 to 60000"),
        ({"attention_share": 0.7}, "attention_share is 0.7; wanted from 0 to 0.5"),
        ({"attention_share": float("nan")}, "attention_share is nan"),
        ({"test": 0}, "test is 0; wanted from 1 to 1000"),
    ],
)
def test_settings_outside_of_their_range_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        protocol.check(Protocol(**change))
