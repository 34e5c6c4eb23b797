"""What participants do: begin a session, see a trial, answer it.

All functions take a connection, and the time as an argument, so that a server and a
simulation go the same way. A participant is known by the token of a link alone, and
every query starts from it: no token leads to the pictures or the answers of another.
"""

from typing import Any, NamedTuple

import sqlalchemy
from sqlalchemy import Connection

from jaxcolor.web.study import assignment, protocol, schema, studies
from jaxcolor.web.study.studies import Study

# Stages of a participant, in their order.
CONSENT, PRACTICE, TEST, FINISHED = "consent", "practice", "test", "finished"


class UnknownError(LookupError):
    """A token or a position that leads nowhere."""


class ConflictError(ValueError):
    """A request that does not fit what the database has."""


class Screen(NamedTuple):
    """What pictures are shown on.

    Attributes:
        screen_width: in CSS pixels.
        screen_height: in CSS pixels.
        window_width: of the page's area, in CSS pixels.
        window_height: of the page's area, in CSS pixels.
        pixel_ratio: pixels of the screen for a CSS pixel.
        zoom: of the page, 1 for none.
        frame_ms: time between frames.
        browser: Chromium, Firefox, Safari, other or simulated.
        has_touch: whether there is a touch screen.
    """

    screen_width: int
    screen_height: int
    window_width: int
    window_height: int
    pixel_ratio: float
    zoom: float
    frame_ms: float
    browser: str
    has_touch: bool


class Answer(NamedTuple):
    """What a participant answers, and what was shown before.

    Attributes:
        fake_position: "first" or "second", which picture the participant holds for
            the fake one.
        response_ms: from the question to the answer.
        first_ms: for how long the first picture was shown.
        blank_ms: between the two pictures.
        second_ms: for how long the second picture was shown.
        dropped_frames: frames that the screen missed in that time.
        device: keyboard, mouse, touch or other.
    """

    fake_position: str
    response_ms: float
    first_ms: float
    blank_ms: float
    second_ms: float
    dropped_frames: int
    device: str


class Shown(NamedTuple):
    """A trial as its participant may know it.

    Attributes:
        position: in the session, from 0.
        kind: "practice" or "test", which attention checks are for a participant.
        first: token of the first picture.
        second: token of the second picture.
        exposures: how often it has been shown.
    """

    position: int
    kind: str
    first: str
    second: str
    exposures: int


class State(NamedTuple):
    """Where a participant is.

    Attributes:
        study: that the link is for.
        stage: CONSENT, PRACTICE, TEST or FINISHED.
        trials: those that are not answered yet.
    """

    study: Study
    stage: str
    trials: tuple[Shown, ...]


def state(connection: Connection, token: str) -> State:
    """Returns where the participant of a link is.

    Raises:
        UnknownError: there is no such link.
    """
    study = _study(connection, token)
    session = _session(connection, token)
    if session is None:
        return State(study, CONSENT, ())
    trials, answers = schema.trials, schema.answers
    rows = connection.execute(
        sqlalchemy.select(trials)
        .outerjoin(answers)
        .where(trials.c.session_id == session.id, answers.c.trial_id.is_(None))
        .order_by(trials.c.position)
    )
    left = tuple(
        Shown(
            position=row.position,
            kind=_shown_kind(row.kind),
            first=row.first_token,
            second=row.second_token,
            exposures=row.exposures,
        )
        for row in rows
    )
    return State(study, left[0].kind if left else FINISHED, left)


def begin(
    connection: Connection, token: str, screen: Screen, *, now_ms: int, seed: int
) -> None:
    """Begins the session of a link, unless it has one.

    Its algorithm is one of those with the fewest sessions, finished or under way.

    Args:
        connection: that writes.
        token: of the link.
        screen: of the participant.
        now_ms: the time.
        seed: of the session; for its algorithm and its trials.

    Raises:
        UnknownError: there is no such link.
    """
    study = _study(connection, token)
    # Keeps another request from counting the same sessions, or beginning this one.
    connection.execute(
        sqlalchemy.select(schema.studies.c.id)
        .where(schema.studies.c.id == study.id)
        .with_for_update()
    )
    if _session(connection, token) is not None:
        return
    link_id = connection.execute(
        sqlalchemy.select(schema.links.c.id).where(schema.links.c.token == token)
    ).scalar_one()
    algorithm = assignment.least_used(connection, study, now_ms=now_ms, seed=seed)
    added = connection.execute(
        schema.sessions.insert(),
        {
            "link_id": link_id,
            "algorithm_id": algorithm,
            "seed": seed,
            "started_at": now_ms // 1000,
            **screen._asdict(),
        },
    )
    (session_id,) = added.inserted_primary_key or (0,)
    rows = assignment.trials(connection, study, algorithm=algorithm, seed=seed)
    added_to = {"session_id": session_id, "exposures": 0}
    connection.execute(schema.trials.insert(), [row | added_to for row in rows])


def show(
    connection: Connection, token: str, position: int, *, number: int, now_ms: int
) -> None:
    """Records that a trial is about to be shown. The same again changes nothing.

    Args:
        connection: that writes.
        token: of the participant's link.
        position: of the trial.
        number: how often it has been shown, this time included. Above 1 after a reload
            in the middle: the trial is shown again, and the analysis leaves it out.
        now_ms: the time.

    Raises:
        UnknownError: there is no such trial.
        ConflictError: it is not the next one, or the number is not.
    """
    trial, answered = _trial(connection, token, position)
    if answered is not None:
        raise ConflictError(f"trial {position} is answered already")
    _check_is_next(connection, trial)
    if number == trial.exposures:
        return
    if number != trial.exposures + 1:
        raise ConflictError(f"trial {position} was shown {trial.exposures} times")
    connection.execute(
        schema.trials.update()
        .where(schema.trials.c.id == trial.id)
        .values(exposures=number, shown_ms=now_ms)
    )


def answer(
    connection: Connection, token: str, position: int, given: Answer, *, now_ms: int
) -> str | None:
    """Records an answer. The same answer again changes nothing.

    Args:
        connection: that writes.
        token: of the participant's link.
        position: of the trial.
        given: the answer.
        now_ms: the time.

    Returns:
        Which picture was real, "first" or "second", in practice; None in the test.

    Raises:
        UnknownError: there is no such trial.
        ConflictError: it has another answer, is not the next one, or was not shown.
    """
    trial, answered = _trial(connection, token, position)
    if answered is None:
        _check_is_next(connection, trial)
        if not trial.exposures:
            raise ConflictError(f"trial {position} was not shown")
        connection.execute(
            schema.answers.insert(),
            {
                "trial_id": trial.id,
                "since_shown_ms": max(0, now_ms - trial.shown_ms),
                "answered_at": now_ms // 1000,
                **given._asdict(),
            },
        )
        _finish_if_last(connection, trial, now_ms=now_ms)
    elif any(getattr(answered, name) != x for name, x in given._asdict().items()):
        raise ConflictError(f"trial {position} has another answer already")
    return trial.truth_position if trial.kind == protocol.PRACTICE else None


def picture(connection: Connection, token: str, picture_token: str) -> bytes:
    """Returns a picture of a participant's own session, as PNG.

    Raises:
        UnknownError: the session has no such picture.
    """
    trials, pictures = schema.trials, schema.pictures
    row = connection.execute(
        sqlalchemy.select(trials)
        .join(schema.sessions, schema.sessions.c.id == trials.c.session_id)
        .join(schema.links, schema.links.c.id == schema.sessions.c.link_id)
        .where(
            schema.links.c.token == token,
            (trials.c.first_token == picture_token)
            | (trials.c.second_token == picture_token),
        )
    ).first()
    if row is None:
        raise UnknownError("no such picture")
    is_first = row.first_token == picture_token
    is_truth = is_first == (row.truth_position == protocol.FIRST)
    wanted = row.truth_id if is_truth else row.fake_id
    png = sqlalchemy.select(pictures.c.png).where(pictures.c.id == wanted)
    return bytes(connection.execute(png).scalar_one())


def _shown_kind(kind: str) -> str:
    return PRACTICE if kind == protocol.PRACTICE else TEST


def _study(connection: Connection, token: str) -> Study:
    study_id = connection.execute(
        sqlalchemy.select(schema.links.c.study_id).where(schema.links.c.token == token)
    ).scalar()
    if study_id is None:
        raise UnknownError("no such link")
    return studies.by_id(connection, study_id)


def _session(connection: Connection, token: str) -> Any:
    return connection.execute(
        sqlalchemy.select(schema.sessions)
        .join(schema.links)
        .where(schema.links.c.token == token)
    ).first()


def _trial(connection: Connection, token: str, position: int) -> tuple[Any, Any]:
    """Returns a trial and its answer; until the end no other request changes them."""
    session_id = connection.execute(
        sqlalchemy.select(schema.sessions.c.id)
        .join(schema.links)
        .where(schema.links.c.token == token)
        .with_for_update(of=schema.sessions)
    ).scalar()
    table = schema.trials
    trial = connection.execute(
        table.select().where(
            table.c.session_id == session_id, table.c.position == position
        )
    ).first()
    if trial is None:
        raise UnknownError("no such trial")
    answered = connection.execute(
        schema.answers.select().where(schema.answers.c.trial_id == trial.id)
    ).first()
    return trial, answered


def _answered(connection: Connection, session_id: int) -> int:
    count = sqlalchemy.select(sqlalchemy.func.count()).select_from(
        schema.answers.join(schema.trials)
    )
    return int(
        connection.execute(
            count.where(schema.trials.c.session_id == session_id)
        ).scalar_one()
    )


def _check_is_next(connection: Connection, trial: Any) -> None:
    # All trials before it are answered, and positions count from 0.
    if (expected := _answered(connection, trial.session_id)) != trial.position:
        raise ConflictError(f"trial {trial.position} is not the next; it is {expected}")


def _finish_if_last(connection: Connection, trial: Any, *, now_ms: int) -> None:
    table = schema.trials
    total = connection.execute(
        sqlalchemy.select(sqlalchemy.func.count())
        .select_from(table)
        .where(table.c.session_id == trial.session_id)
    ).scalar_one()
    if trial.position + 1 == total:
        connection.execute(
            schema.sessions.update()
            .where(schema.sessions.c.id == trial.session_id)
            .values(finished_at=now_ms // 1000)
        )
