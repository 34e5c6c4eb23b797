"""Studies of a database: their settings and the links of their participants."""

import hashlib
import hmac
import json
import secrets
from typing import Any, NamedTuple

import sqlalchemy
from sqlalchemy import Connection

from jaxcolor.web.study import protocol, schema
from jaxcolor.web.study.protocol import Protocol
from jaxcolor.web.study.recruitment import Recruitment

# Bytes of a token: too many to guess.
TOKEN_BYTES = 24


class Study(NamedTuple):
    """A study of a database.

    Attributes:
        id: its key.
        name: its name.
        is_simulated: whether its participants are programs.
        protocol: its numbers.
        recruitment: its texts.
        open_token: of its open link.
        secret: key of the hashes of outside identifiers.
    """

    id: int
    name: str
    is_simulated: bool
    protocol: Protocol
    recruitment: Recruitment
    open_token: str
    secret: str


def settings(rules: Protocol, recruitment: Recruitment) -> str:
    """Returns settings as the database stores them."""
    kept = {"protocol": rules._asdict(), "recruitment": recruitment._asdict()}
    return json.dumps(kept)


def find(connection: Connection, name: str) -> Study:
    """Returns the study of a name.

    Raises:
        ValueError: there is none; the message names those that are there.
    """
    table = schema.studies
    row = connection.execute(table.select().where(table.c.name == name)).first()
    if row is None:
        names = sorted(connection.execute(sqlalchemy.select(table.c.name)).scalars())
        raise ValueError(f"no study {name}; wanted one of: {', '.join(names) or '-'}")
    return _study(row)


def by_id(connection: Connection, study_id: int) -> Study:
    """Returns the study of a key."""
    table = schema.studies
    return _study(
        connection.execute(table.select().where(table.c.id == study_id)).one()
    )


def by_open_token(connection: Connection, token: str) -> Study | None:
    """Returns the study whose open link has a token; None if none has."""
    table = schema.studies
    row = connection.execute(table.select().where(table.c.open_token == token)).first()
    return None if row is None else _study(row)


def add_links(
    connection: Connection, study: Study, *, count: int, is_rehearsal: bool
) -> list[str]:
    """Adds links, and returns their tokens. Each allows one session.

    Args:
        connection: that writes.
        study: to take part in.
        count: of links.
        is_rehearsal: whether the analysis leaves out what is answered.
    """
    tokens = [secrets.token_urlsafe(TOKEN_BYTES) for _ in range(count)]
    rows = [
        {"study_id": study.id, "token": token, "is_rehearsal": is_rehearsal}
        for token in tokens
    ]
    connection.execute(schema.links.insert(), rows)
    return tokens


def outside_link(connection: Connection, study: Study, identifier: str) -> str | None:
    """Returns the token for someone whom a recruitment service sent.

    The same identifier gets the same token. The identifier is not stored, but a hash of
    it, whose key is the study's own.

    Returns:
        The token; None if all places of the open link are taken.
    """
    table = schema.links
    # Two requests at once would both find no link.
    connection.execute(
        sqlalchemy.select(schema.studies.c.id)
        .where(schema.studies.c.id == study.id)
        .with_for_update()
    )
    key = bytes.fromhex(study.secret)
    hashed = hmac.new(key, identifier.encode(), hashlib.sha256).hexdigest()
    outside = sqlalchemy.and_(
        table.c.study_id == study.id, table.c.outside_hash.is_not(None)
    )
    found = connection.execute(
        sqlalchemy.select(table.c.token).where(outside, table.c.outside_hash == hashed)
    ).scalar()
    if found is not None:
        return str(found)
    taken = connection.execute(
        sqlalchemy.select(sqlalchemy.func.count()).select_from(table).where(outside)
    ).scalar_one()
    if taken >= study.protocol.open_places:
        return None
    (token,) = add_links(connection, study, count=1, is_rehearsal=False)
    connection.execute(
        table.update().where(table.c.token == token).values(outside_hash=hashed)
    )
    return token


def mark_simulated(connection: Connection, study: Study) -> None:
    """Marks a study as one whose participants are programs.

    Raises:
        ValueError: someone has taken part in it.
    """
    if study.is_simulated:
        return
    count = connection.execute(
        sqlalchemy.select(sqlalchemy.func.count())
        .select_from(schema.sessions.join(schema.links))
        .where(schema.links.c.study_id == study.id)
    ).scalar_one()
    if count:
        raise ValueError(
            f"{study.name} has {count} sessions of participants; wanted a study of its"
            " own for simulated ones"
        )
    connection.execute(
        schema.studies.update()
        .where(schema.studies.c.id == study.id)
        .values(is_simulated=True)
    )


def _study(row: Any) -> Study:
    kept = json.loads(row.settings)
    rules = Protocol(**kept["protocol"])
    protocol.check(rules)
    return Study(
        id=row.id,
        name=row.name,
        is_simulated=row.is_simulated,
        protocol=rules,
        recruitment=Recruitment(**kept["recruitment"]),
        open_token=row.open_token,
        secret=row.secret,
    )
