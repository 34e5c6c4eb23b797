"""The sessions of a study as records, without anything that leads to a participant."""

from typing import NamedTuple


class Trial(NamedTuple):
    """An answered trial.

    Attributes:
        position: in the session, from 0.
        kind: practice, test or attention.
        algorithm: that made the fake picture.
        truth: name of the photograph whose real picture was shown.
        fake: name of the photograph whose fake picture was shown.
        truth_position: first or second, the real picture.
        fake_position: first or second, which the participant held for the fake.
        is_fooled: whether that is the real picture.
        response_ms: from the question to the answer.
        first_ms: for how long the first picture was shown.
        blank_ms: between the pictures.
        second_ms: for how long the second picture was shown.
        dropped_frames: in that time.
        device: keyboard, mouse, touch or other.
        exposures: how often the trial was shown; above 1 after a reload.
        since_shown_ms: from its start to its answer, by the server's clock.
    """

    position: int
    kind: str
    algorithm: str
    truth: str
    fake: str
    truth_position: str
    fake_position: str
    is_fooled: bool
    response_ms: float
    first_ms: float
    blank_ms: float
    second_ms: float
    dropped_frames: int
    device: str
    exposures: int
    since_shown_ms: int


class Session(NamedTuple):
    """A participant's session.

    Attributes:
        number: in the study, from 1, in a random order.
        algorithm: that is measured.
        is_rehearsal: whether it was only to try the study.
        is_finished: whether all trials are answered.
        screen: what the pictures were shown on, by the names of its columns.
        trials: the answered ones, in their order.
    """

    number: int
    algorithm: str
    is_rehearsal: bool
    is_finished: bool
    screen: dict[str, object]
    trials: tuple[Trial, ...]
