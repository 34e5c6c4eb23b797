import concurrent.futures
import threading

import pytest
import sqlalchemy

from jaxcolor.web.study import database, participants, schema, studies
from jaxcolor.web.study.participants import ConflictError, UnknownError
from tests.web.study import small

NOW = 1_700_000_000_000


@pytest.fixture
def engine(url, pictures):
    small.create(url, pictures)
    with database.opened(url) as engine:
        yield engine


def links(engine, *, count=1, is_rehearsal=False):
    with database.writing(engine) as connection:
        study = studies.find(connection, small.NAME)
        return studies.add_links(
            connection, study, count=count, is_rehearsal=is_rehearsal
        )


def begin(engine, token, *, seed=1, now_ms=NOW):
    with database.writing(engine) as connection:
        participants.begin(connection, token, small.SCREEN, now_ms=now_ms, seed=seed)


def show(engine, token, position, *, number=1):
    with database.writing(engine) as connection:
        participants.show(connection, token, position, number=number, now_ms=NOW)


def answer(engine, token, position, given=small.ANSWER):
    with database.writing(engine) as connection:
        return participants.answer(
            connection, token, position, given, now_ms=NOW + 5000
        )


def state(engine, token):
    with database.reading(engine) as connection:
        return participants.state(connection, token)


def rows(engine, table):
    with database.reading(engine) as connection:
        return connection.execute(table.select()).all()


def finish(engine, token):
    for trial in state(engine, token).trials:
        show(engine, token, trial.position)
        answer(engine, token, trial.position)


def test_a_session_goes_from_consent_to_its_end(engine):
    (token,) = links(engine)
    assert state(engine, token).stage == "consent"
    begin(engine, token)
    stages = []
    for position in range(6):
        found = state(engine, token)
        stages.append(found.stage)
        assert [trial.position for trial in found.trials] == [*range(position, 6)]
        show(engine, token, position)
        answer(engine, token, position)
    assert stages == ["practice"] * 2 + ["test"] * 4
    assert state(engine, token).stage == "finished"
    (session,) = rows(engine, schema.sessions)
    assert session.finished_at == NOW // 1000 + 5
    assert len(rows(engine, schema.answers)) == 6


def test_a_link_has_one_session(engine):
    (token,) = links(engine)
    begin(engine, token, seed=1)
    before = state(engine, token).trials
    begin(engine, token, seed=2)
    assert state(engine, token).trials == before
    (session,) = rows(engine, schema.sessions)
    # Held by the database, too.
    values = {k: v for k, v in session._asdict().items() if k != "id"}
    with (
        pytest.raises(sqlalchemy.exc.IntegrityError),
        database.writing(engine) as connection,
    ):
        connection.execute(schema.sessions.insert(), values)


def test_a_trial_has_one_answer(engine):
    (token,) = links(engine)
    begin(engine, token)
    show(engine, token, 0)
    real = answer(engine, token, 0)
    # The same request again, as after a lost connection.
    assert answer(engine, token, 0) == real
    with pytest.raises(ConflictError, match="trial 0 has another answer already"):
        answer(engine, token, 0, small.ANSWER._replace(fake_position="second"))
    (found,) = rows(engine, schema.answers)
    assert found.fake_position == "first"
    with (
        pytest.raises(sqlalchemy.exc.IntegrityError),
        database.writing(engine) as connection,
    ):
        connection.execute(schema.answers.insert(), found._asdict())


@pytest.mark.parametrize(
    ("change", "table"),
    [
        ({"fake_position": "third"}, schema.answers),
        ({"device": "nose"}, schema.answers),
        ({"response_ms": -1.0}, schema.answers),
    ],
)
def test_the_database_refuses_what_is_no_answer(engine, change, table):
    (token,) = links(engine)
    begin(engine, token)
    show(engine, token, 0)
    answer(engine, token, 0)
    with (
        pytest.raises(sqlalchemy.exc.IntegrityError),
        database.writing(engine) as connection,
    ):
        connection.execute(table.update().values(**change))


def test_trials_come_in_their_order_and_are_shown_before(engine):
    (token,) = links(engine)
    begin(engine, token)
    with pytest.raises(ConflictError, match="trial 0 was not shown"):
        answer(engine, token, 0)
    with pytest.raises(ConflictError, match="trial 3 is not the next; it is 0"):
        show(engine, token, 3)
    show(engine, token, 0)
    answer(engine, token, 0)
    with pytest.raises(ConflictError, match="trial 0 is answered already"):
        show(engine, token, 0, number=2)
    with pytest.raises(UnknownError):
        show(engine, token, 6)


def test_an_interrupted_trial_is_shown_again_and_counted(engine):
    (token,) = links(engine)
    begin(engine, token)
    show(engine, token, 0)
    # A repeated request is no second exposure.
    show(engine, token, 0)
    assert state(engine, token).trials[0].exposures == 1
    show(engine, token, 0, number=2)
    assert state(engine, token).trials[0].exposures == 2
    with pytest.raises(ConflictError, match="trial 0 was shown 2 times"):
        show(engine, token, 0, number=4)


def test_practice_tells_which_picture_is_real_and_the_test_does_not(engine):
    (token,) = links(engine)
    begin(engine, token)
    answers = []
    for position in range(6):
        show(engine, token, position)
        answers.append(answer(engine, token, position))
    truths = [trial.truth_position for trial in rows(engine, schema.trials)]
    assert answers == [*truths[:2], None, None, None, None]


def test_a_participant_cannot_distinguish_attention_checks(engine):
    (token,) = links(engine)
    begin(engine, token)
    assert {trial.kind for trial in rows(engine, schema.trials)} == {
        "practice",
        "test",
        "attention",
    }
    assert {trial.kind for trial in state(engine, token).trials} == {"practice", "test"}


def test_no_token_leads_to_the_pictures_of_another(engine):
    one, other = links(engine, count=2)
    for seed, token in enumerate((one, other)):
        begin(engine, token, seed=seed)
    with database.reading(engine) as connection:
        for trial in participants.state(connection, one).trials:
            for picture in (trial.first, trial.second):
                assert participants.picture(connection, one, picture)
                with pytest.raises(UnknownError):
                    participants.picture(connection, other, picture)
                with pytest.raises(UnknownError):
                    participants.state(connection, picture)


def test_tokens_are_never_used_twice(engine):
    tokens = links(engine, count=10)
    for seed, token in enumerate(tokens):
        # The same seed, and so the same trials.
        begin(engine, token, seed=seed // 2)
    pictures = [
        picture
        for token in tokens
        for trial in state(engine, token).trials
        for picture in (trial.first, trial.second)
    ]
    assert len(set(tokens + pictures)) == 10 + 10 * 6 * 2
    # 192 bits, in letters of 6.
    assert {len(token) for token in tokens + pictures} == {32}


def test_sessions_are_balanced_over_algorithms(engine):
    for seed, token in enumerate(links(engine, count=9)):
        begin(engine, token, seed=seed)
    counts = sorted(
        [s.algorithm_id for s in rows(engine, schema.sessions)].count(a.id)
        for a in rows(engine, schema.algorithms)
        if a.kind == "compared"
    )
    assert counts == [4, 5]


def test_rehearsals_and_sessions_that_were_left_do_not_count_in_the_balance(engine):
    # Eight rehearsals and one old session that was not finished.
    for seed, token in enumerate(links(engine, count=8, is_rehearsal=True)):
        begin(engine, token, seed=seed)
    (old,) = links(engine)
    begin(engine, old, seed=50, now_ms=NOW - 3 * 3_600_000)
    (done,) = links(engine)
    begin(engine, done, seed=51, now_ms=NOW - 3 * 3_600_000)
    finish(engine, done)
    used = rows(engine, schema.sessions)[-1].algorithm_id
    for seed in range(60, 64):
        (token,) = links(engine)
        begin(engine, token, seed=seed)
    found = [session.algorithm_id for session in rows(engine, schema.sessions)[-4:]]
    # With the one that is done: two or three of each.
    assert found.count(used) in (1, 2)
    assert found[0] != used


def test_an_outside_identifier_is_hashed_and_leads_to_one_link(engine):
    with database.writing(engine) as connection:
        study = studies.find(connection, small.NAME)
        first, again, other = (
            studies.outside_link(connection, study, identifier)
            for identifier in ("5f3c0ffee", "5f3c0ffee", "5f3c0ffef")
        )
    assert first == again != other
    for table in schema.METADATA.tables.values():
        if table is not schema.pictures:
            assert "5f3c0ffe" not in repr(rows(engine, table))


def test_the_open_link_has_no_more_places_than_the_study(url, pictures):
    small.create(url, pictures, rules=small.RULES._replace(open_places=2))
    with database.opened(url) as engine, database.writing(engine) as connection:
        study = studies.find(connection, small.NAME)
        found = [studies.outside_link(connection, study, str(n)) for n in range(3)]
        assert found[2] is None
        # Who has a place keeps it.
        assert studies.outside_link(connection, study, "0") == found[0]


def test_answers_at_the_same_time_are_one_answer(engine):
    (token,) = links(engine)
    begin(engine, token)
    show(engine, token, 0)
    together = threading.Barrier(8)

    def post(n):
        together.wait()
        given = small.ANSWER._replace(response_ms=float(n))
        try:
            answer(engine, token, 0, given)
        except ConflictError:
            return None
        return n

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        taken = [n for n in pool.map(post, range(8)) if n is not None]
    (found,) = rows(engine, schema.answers)
    assert taken == [found.response_ms]
