import numpy as np
import pytest

from jaxcolor.web.study import analysis, exclusions
from jaxcolor.web.study.exclusions import Rules
from jaxcolor.web.study.protocol import Protocol
from jaxcolor.web.study.records import Session, Trial

RULES = Protocol(practice=1, test=4, attention_share=0.25)


def trial(position, kind="test", *, fooled=False, algorithm="full", **changes):
    made = Trial(
        position=position,
        kind=kind,
        algorithm="attention check" if kind == "attention" else algorithm,
        truth=f"p{position}",
        fake=f"p{position}",
        truth_position="first",
        fake_position="first" if fooled else "second",
        is_fooled=fooled,
        response_ms=800.0,
        first_ms=1000.0,
        blank_ms=600.0,
        second_ms=1000.0,
        dropped_frames=0,
        device="mouse",
        exposures=1,
        since_shown_ms=4000,
    )
    return made._replace(**changes)


def session(number, *, fooled=(0, 0, 0), check=False, algorithm="full", **changes):
    trials = (
        trial(0, "practice", fooled=True, algorithm=algorithm),
        *(
            trial(n + 1, fooled=bool(x), algorithm=algorithm)
            for n, x in enumerate(fooled)
        ),
        trial(4, "attention", fooled=check),
    )
    made = Session(number, algorithm, False, True, {}, trials)
    return made._replace(**changes)


def analyzed(sessions, rules=Rules()):  # noqa: B008 # a constant
    return analysis.analyze(sessions, RULES, rules=rules, draws=500, seed=0)


def test_the_rate_is_the_share_of_test_trials_without_practice_and_checks():
    sessions = [session(n, fooled=(1, 0, 0)) for n in range(3)]
    sessions += [session(3, fooled=(1, 1, 0))]
    (rate,) = analyzed(sessions).rates
    assert (rate.participants, rate.trials) == (4, 12)
    assert rate.labeled_real == pytest.approx(100 * 5 / 12)


def test_rates_of_attention_checks_are_over_all_who_finished():
    sessions = [session(n, check=n == 0) for n in range(4)]
    found = analyzed(sessions)
    assert found.check.labeled_real == 25
    assert found.check.trials == 4
    # Who failed is left out of the rest.
    assert found.rates[0].participants == 3


def change_trial(one, n, **changes):
    trials = list(one.trials)
    trials[n] = trials[n]._replace(**changes)
    return one._replace(trials=tuple(trials))


@pytest.mark.parametrize(
    ("broken", "rule", "whole", "single"),
    [
        (session(9, is_rehearsal=True), "rehearsal", 1, 0),
        (session(9, is_finished=False), "not finished", 1, 0),
        (change_trial(session(9), 1, first_ms=1050.1), "exposure", 0, 1),
        (change_trial(session(9), 1, second_ms=949.9), "exposure", 0, 1),
        (change_trial(session(9), 1, blank_ms=660.0), "exposure", 0, 1),
        (change_trial(session(9), 1, since_shown_ms=2000), "exposure", 0, 1),
        (change_trial(session(9), 1, exposures=2), "shown again", 0, 1),
        (session(9, check=True), "of attention checks right", 1, 0),
        (
            change_trial(change_trial(session(9), 1, exposures=2), 2, exposures=2),
            "of the test trials left",
            1,
            0,
        ),
    ],
)
def test_each_rule_leaves_out_what_it_says(broken, rule, whole, single):
    good = [session(n) for n in range(5)]
    found = analyzed([*good, broken])
    by_rule = {one.rule: one for one in found.excluded}
    (name,) = [name for name in by_rule if rule in name]
    assert by_rule[name].sessions == whole
    assert by_rule[name].trials >= single
    assert sum(one.sessions for one in found.excluded) == whole
    assert found.rates[0].trials == 15 + (0 if whole else 3 - single)
    assert found.sessions == 6


def test_an_exposure_within_the_tolerance_counts():
    near = change_trial(session(9), 1, first_ms=1050.0, second_ms=950.0)
    assert exclusions.apply([near], RULES, Rules()).sessions == [
        near._replace(trials=near.trials[1:])
    ]


def test_rules_can_be_changed_and_nonsense_is_refused():
    late = change_trial(session(9), 1, first_ms=1090.0)
    assert analyzed([late], Rules(exposure_ms=100)).rates[0].trials == 3
    for rules, message in (
        (Rules(exposure_ms=0), "exposure is 0 ms"),
        (Rules(attention=2), "attention is 2"),
        (Rules(valid=float("nan")), "valid is nan"),
    ):
        with pytest.raises(ValueError, match=message):
            analyzed([late], rules)


def test_a_large_difference_is_found_and_none_is_not():
    rng = np.random.default_rng(0)
    sessions = [
        session(
            n,
            fooled=tuple(rng.random(3) < {"a": 0.6, "b": 0.1, "c": 0.1}[name]),
            algorithm=name,
        )
        for n, name in enumerate("abc" * 30)
    ]
    found = analyzed(sessions)
    pairs = {frozenset((one.first, one.second)): one for one in found.pairs}
    large = pairs[frozenset("ab")]
    assert large.first == "a"
    assert large.p < large.holm_p < 0.05
    assert large.paper_p == 0
    assert large.low > 20
    none = pairs[frozenset("bc")]
    assert none.p > 0.05
    assert none.low < 0 < none.high
    assert [one.labeled_real for one in found.rates] == sorted(
        (one.labeled_real for one in found.rates), reverse=True
    )


def test_a_large_difference_stays_significant_among_45_pairs():
    # 1000 draws give no p below 0.002, and Holm's correction makes 0.09 of it.
    names = "abcdefghij"
    sessions = [
        session(n, fooled=(name == "a",) * 2 + (n % 3 == 0,), algorithm=name)
        for n, name in enumerate(names * 12)
    ]
    found = analysis.analyze(sessions, RULES, rules=Rules(), draws=1000, seed=0)
    assert len(found.pairs) == 45
    holm = {pair.second: pair.holm_p for pair in found.pairs if pair.first == "a"}
    assert len(holm) == 9
    assert max(holm.values()) < 0.01
    # The paper's ± keeps its number of draws.
    assert (found.draws, found.participant_draws) == (1000, 18000)


def test_photographs_are_sorted_by_how_often_they_fool():
    sessions = [session(n, fooled=(1, n % 2, 0)) for n in range(6)]
    found = analyzed(sessions).photographs
    assert [(one.photograph, one.answers, one.fooled) for one in found] == [
        ("p1", 6, 6),
        ("p2", 6, 3),
        ("p3", 6, 0),
    ]


def test_few_participants_have_no_interval():
    found = analyzed([session(n) for n in range(4)])
    assert found.rates[0].low is None
    assert analyzed([session(n) for n in range(5)]).rates[0].low is not None


def test_a_study_without_answers_has_no_numbers():
    found = analyzed([])
    assert found.rates == found.pairs == found.times == []
    assert found.check is None
