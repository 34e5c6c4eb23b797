"""Which sessions and trials count, by rules that are stated before."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from jaxcolor.web.study import protocol
from jaxcolor.web.study.protocol import Protocol
from jaxcolor.web.study.records import Session, Trial


class Rules(NamedTuple):
    """What is left out.

    Attributes:
        exposure_ms: by how much an exposure, or the blank between the two, may differ
            from its target; three frames of a common screen by default.
        attention: share of the attention checks that a participant has to answer
            right.
        valid: share of the test trials that have to be left of a session.
    """

    exposure_ms: float = 50
    attention: float = 0.5
    valid: float = 0.5


class Excluded(NamedTuple):
    """What a rule left out.

    Attributes:
        rule: in words.
        sessions: number of whole sessions.
        trials: number of single trials of other sessions.
    """

    rule: str
    sessions: int
    trials: int


class Kept(NamedTuple):
    """What is left.

    Attributes:
        sessions: that count, with the test trials and attention checks that do.
        checked: those and the sessions that failed attention checks.
        excluded: what each rule left out, in the order of the rules.
    """

    sessions: list[Session]
    checked: list[Session]
    excluded: list[Excluded]


def check(rules: Rules) -> None:
    """Refuses rules that nothing or everything fits.

    Raises:
        ValueError: a number is outside of its range.
    """
    if not rules.exposure_ms > 0:
        raise ValueError(f"exposure is {rules.exposure_ms:g} ms; wanted above 0")
    for name in ("attention", "valid"):
        if not 0 <= (value := getattr(rules, name)) <= 1:
            raise ValueError(f"{name} is {value:g}; wanted from 0 to 1")


def apply(sessions: Sequence[Session], settings: Protocol, rules: Rules) -> Kept:
    """Returns the sessions and trials that count, and what each rule left out.

    Practice never counts. The rules, in their order: rehearsals and unfinished sessions
    are left out; then trials with a wrong exposure, and those that were shown more than
    once; then sessions that failed attention checks, and those with too few trials.

    Args:
        sessions: of a study.
        settings: of the study.
        rules: what is left out.
    """
    real = [one for one in sessions if not one.is_rehearsal]
    done = [one for one in real if one.is_finished]
    excluded = [
        Excluded("rehearsal", len(sessions) - len(real), 0),
        Excluded("not finished", len(real) - len(done), 0),
    ]
    counted = [
        one._replace(trials=tuple(t for t in one.trials if t.kind != protocol.PRACTICE))
        for one in done
    ]
    timed, wrong = _without(
        counted, lambda trial: is_wrongly_exposed(trial, settings, rules)
    )
    once, repeated = _without(timed, lambda trial: trial.exposures > 1)
    excluded += [
        Excluded(
            f"exposure or blank more than {rules.exposure_ms:g} ms off its target, or"
            " answered sooner than the pictures take",
            0,
            wrong,
        ),
        Excluded("shown again after a reload", 0, repeated),
    ]
    attentive = [one for one in once if passed(one) >= rules.attention]
    failed = len(once) - len(attentive)
    needed = rules.valid * (settings.test - protocol.attention_checks(settings))
    kept = [one for one in attentive if len(tests(one)) >= max(1, needed)]
    excluded += [
        Excluded(
            f"fewer than {rules.attention:.0%} of attention checks right", failed, 0
        ),
        Excluded(
            f"fewer than {rules.valid:.0%} of the test trials left",
            len(attentive) - len(kept),
            0,
        ),
    ]
    return Kept(kept, once, excluded)


def tests(session: Session) -> list[Trial]:
    """Returns the test trials of a session, without attention checks."""
    return [trial for trial in session.trials if trial.kind == protocol.TEST]


def checks(session: Session) -> list[Trial]:
    """Returns the attention checks of a session."""
    return [trial for trial in session.trials if trial.kind == protocol.ATTENTION]


def passed(session: Session) -> float:
    """Returns the share of attention checks that were answered right; 1 for none."""
    found = checks(session)
    return 1 - sum(t.is_fooled for t in found) / len(found) if found else 1.0


def is_wrongly_exposed(trial: Trial, settings: Protocol, rules: Rules) -> bool:
    """Tells whether a trial was shown for too long or too short a time.

    The server's clock limits what a manipulated page could claim.
    """
    pairs = (
        (trial.first_ms, settings.first_ms),
        (trial.blank_ms, settings.blank_ms),
        (trial.second_ms, settings.second_ms),
    )
    if any(abs(actual - target) > rules.exposure_ms for actual, target in pairs):
        return True
    shortest = settings.first_ms + settings.blank_ms + settings.second_ms
    return trial.since_shown_ms < shortest - rules.exposure_ms


def _without(
    sessions: Sequence[Session], is_out: Callable[[Trial], bool]
) -> tuple[list[Session], int]:
    """Returns the sessions without some trials, and the number of those."""
    kept = [
        one._replace(trials=tuple(t for t in one.trials if not is_out(t)))
        for one in sessions
    ]
    before = sum(len(one.trials) for one in sessions)
    return kept, before - sum(len(one.trials) for one in kept)
