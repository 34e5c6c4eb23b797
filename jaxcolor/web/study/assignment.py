"""What a new participant gets: an algorithm, and trials with pictures of it."""

import secrets
from typing import Any

import numpy as np
import sqlalchemy
from sqlalchemy import Connection

from jaxcolor.web.study import planning, protocol, schema, studies
from jaxcolor.web.study.studies import Study

# A session that is not finished by then no longer counts in the balance of algorithms.
ABANDONED_SECONDS = 2 * 3600


def least_used(connection: Connection, study: Study, *, now_ms: int, seed: int) -> int:
    """Returns the key of an algorithm with the fewest sessions, by chance among these.

    Sessions count that are finished, or that began not long ago; rehearsals never do.

    Args:
        connection: to the database.
        study: to begin a session of.
        now_ms: the time.
        seed: of the session.
    """
    algorithms, sessions, links = schema.algorithms, schema.sessions, schema.links
    counts = dict.fromkeys(
        connection.execute(
            sqlalchemy.select(algorithms.c.id)
            .where(
                algorithms.c.study_id == study.id,
                algorithms.c.kind == schema.COMPARED,
            )
            .order_by(algorithms.c.id)
        ).scalars(),
        0,
    )
    is_alive = sessions.c.started_at > now_ms // 1000 - ABANDONED_SECONDS
    used = connection.execute(
        sqlalchemy.select(sessions.c.algorithm_id, sqlalchemy.func.count())
        .join(links)
        .where(
            links.c.study_id == study.id,
            links.c.is_rehearsal.is_(False),
            sessions.c.finished_at.is_not(None) | is_alive,
        )
        .group_by(sessions.c.algorithm_id)
    )
    counts.update((row[0], row[1]) for row in used)
    least = [key for key, count in counts.items() if count == min(counts.values())]
    return int(np.random.default_rng([seed, 1]).choice(least))


def trials(
    connection: Connection, study: Study, *, algorithm: int, seed: int
) -> list[dict[str, Any]]:
    """Returns the trials of a session, as rows without the key of the session.

    Args:
        connection: to the database.
        study: of the session.
        algorithm: key of the session's algorithm.
        seed: of the session.
    """
    algorithms, photographs, pictures = (
        schema.algorithms,
        schema.photographs,
        schema.pictures,
    )
    rows = connection.execute(
        sqlalchemy.select(pictures.c.id, pictures.c.photograph_id, algorithms.c.kind)
        .join(algorithms)
        .join(photographs, photographs.c.id == pictures.c.photograph_id)
        .where(
            photographs.c.study_id == study.id,
            (algorithms.c.kind != schema.COMPARED) | (algorithms.c.id == algorithm),
        )
        .order_by(pictures.c.photograph_id)
    ).all()
    by_kind: dict[str, list[int]] = {}
    for row in rows:
        by_kind.setdefault(row.kind, []).append(row.id)
    truths = by_kind[schema.TRUTH]
    plans = planning.plan(study.protocol, photographs=len(truths), seed=seed)
    return [
        {
            "position": position,
            "kind": one.kind,
            "truth_id": truths[one.truth],
            "fake_id": by_kind[
                schema.CHECK if one.kind == protocol.ATTENTION else schema.COMPARED
            ][one.fake],
            "truth_position": one.truth_position,
            "first_token": secrets.token_urlsafe(studies.TOKEN_BYTES),
            "second_token": secrets.token_urlsafe(studies.TOKEN_BYTES),
        }
        for position, one in enumerate(plans)
    ]
