"""Reads the sessions of a study from its database."""

import sqlalchemy
from sqlalchemy import Connection

from jaxcolor.web.study import schema
from jaxcolor.web.study.participants import Screen
from jaxcolor.web.study.records import Session, Trial
from jaxcolor.web.study.studies import Study


def algorithms(connection: Connection, study: Study) -> list[str]:
    """Returns the names of the compared algorithms, in the order that they came in."""
    table = schema.algorithms
    found = connection.execute(
        sqlalchemy.select(table.c.name)
        .where(table.c.study_id == study.id, table.c.kind == schema.COMPARED)
        .order_by(table.c.id)
    )
    return list(found.scalars())


def sessions(connection: Connection, study: Study) -> list[Session]:
    """Returns the sessions of a study."""
    table, links, algorithms = schema.sessions, schema.links, schema.algorithms
    rows = connection.execute(
        sqlalchemy.select(table, algorithms.c.name, links.c.is_rehearsal)
        .join(links, links.c.id == table.c.link_id)
        .join(algorithms, algorithms.c.id == table.c.algorithm_id)
        .where(links.c.study_id == study.id)
        # By the random seed: the order of arrival could be compared with the list of a
        # recruitment service.
        .order_by(table.c.seed, table.c.id)
    ).all()
    trials = _trials(connection, study)
    return [
        Session(
            number=number,
            algorithm=row.name,
            is_rehearsal=row.is_rehearsal,
            is_finished=row.finished_at is not None,
            screen={name: getattr(row, name) for name in Screen._fields},
            trials=tuple(trials.get(row.id, ())),
        )
        for number, row in enumerate(rows, 1)
    ]


def _trials(connection: Connection, study: Study) -> dict[int, list[Trial]]:
    trials, answers = schema.trials, schema.answers
    truth, fake = schema.pictures.alias("truth"), schema.pictures.alias("fake")
    truths, fakes = schema.photographs.alias("t"), schema.photographs.alias("f")
    rows = connection.execute(
        sqlalchemy.select(
            trials,
            answers,
            truths.c.name.label("truth"),
            fakes.c.name.label("fake"),
            schema.algorithms.c.name.label("algorithm"),
        )
        .select_from(trials)
        .join(answers, answers.c.trial_id == trials.c.id)
        .join(truth, truth.c.id == trials.c.truth_id)
        .join(fake, fake.c.id == trials.c.fake_id)
        .join(truths, truths.c.id == truth.c.photograph_id)
        .join(fakes, fakes.c.id == fake.c.photograph_id)
        .join(schema.algorithms, schema.algorithms.c.id == fake.c.algorithm_id)
        .where(truths.c.study_id == study.id)
        .order_by(trials.c.session_id, trials.c.position)
    )
    found: dict[int, list[Trial]] = {}
    for row in rows:
        values = {
            name: getattr(row, name) for name in Trial._fields if name != "is_fooled"
        }
        is_fooled = row.fake_position == row.truth_position
        found.setdefault(row.session_id, []).append(
            Trial(is_fooled=is_fooled, **values)
        )
    return found
