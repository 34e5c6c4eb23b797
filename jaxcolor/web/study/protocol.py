"""The protocol of a study: its numbers and what they mean."""

import math
from typing import NamedTuple

# Kinds of trials. Participants cannot distinguish the last two.
PRACTICE, TEST, ATTENTION = "practice", "test", "attention"
# Positions of a picture within a trial, and answers.
FIRST, SECOND = "first", "second"


class Protocol(NamedTuple):
    """The settings of a study; the defaults are those of the paper.

    Attributes:
        practice: trials with feedback at the start, which are not counted.
        test: trials after them, attention checks included.
        attention_share: part of the test trials that are attention checks, whose fake
            has the colors of another photograph.
        size: side of the pictures, in pixels.
        lead_ms: blank before the first picture of each trial.
        first_ms: the first picture is shown.
        blank_ms: blank between the pictures.
        second_ms: the second picture is shown.
        question_ms: blank before the question.
        feedback_ms: both pictures are shown with their labels, in practice.
        is_paired: whether the real and the fake picture of a trial show the same
            photograph.
        allows_mobile: whether phones and tablets may take part.
        open_places: sessions that the open link begins at most.

    Source:
        Zhang et al. 2016, section 3.1; times between the pictures from the authors'
        published page.
    """

    practice: int = 10
    test: int = 40
    attention_share: float = 0.1
    size: int = 256
    lead_ms: int = 900
    first_ms: int = 1000
    blank_ms: int = 600
    second_ms: int = 1000
    question_ms: int = 100
    feedback_ms: int = 2400
    is_paired: bool = True
    allows_mobile: bool = False
    open_places: int = 1000


# The least and the largest value of each number.
RANGES: dict[str, tuple[float, float]] = {
    "practice": (0, 200),
    "test": (1, 1000),
    "attention_share": (0, 0.5),
    "size": (16, 1024),
    "lead_ms": (0, 10_000),
    "first_ms": (17, 60_000),
    "blank_ms": (0, 10_000),
    "second_ms": (17, 60_000),
    "question_ms": (0, 10_000),
    "feedback_ms": (0, 60_000),
    "open_places": (0, 1_000_000),
}


def check(protocol: Protocol) -> None:
    """Refuses settings that make no study.

    Raises:
        ValueError: a number is outside of its range.
    """
    for name, (low, high) in RANGES.items():
        value = getattr(protocol, name)
        if not (math.isfinite(value) and low <= value <= high):
            raise ValueError(f"{name} is {value:g}; wanted from {low:g} to {high:g}")


def attention_checks(protocol: Protocol) -> int:
    """Returns the number of attention checks among the test trials."""
    return round(protocol.attention_share * protocol.test)


def photographs_needed(protocol: Protocol) -> int:
    """Returns the number of photographs of a session: none is seen in two trials."""
    trials = protocol.practice + protocol.test
    return trials if protocol.is_paired else 2 * trials


def duration_ms(protocol: Protocol) -> int:
    """Returns how long a trial takes at least, from its start to its question."""
    return protocol.lead_ms + protocol.first_ms + protocol.blank_ms + protocol.second_ms
