"""Databases of studies: SQLite in a file, or PostgreSQL by its URL.

A commit returns when its changes are on the disk, in both: an answer that the server
acknowledged survives a crash.
"""

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import URL

from jaxcolor.web.study import schema

# SQLite has one writer at a time; others wait for it this long.
WAIT_SECONDS = 30
# As many connections as the server has threads for requests.
CONNECTIONS = 40
_WRITES = "jaxcolor_writes"
_WRITER = threading.Lock()


@contextlib.contextmanager
def created(url: str) -> Iterator[Engine]:
    """Yields a database, with its tables made if it has none.

    A SQLite file that is new is removed after an error.

    Raises:
        ValueError: the URL cannot be read, the database cannot be reached, or its
            schema is of another version.
    """
    path = _sqlite_file(url)
    is_new = path is not None and not path.exists()
    try:
        with _disposed(_engine(url, may_create=True)) as engine:
            with _one_line_errors(url), writing(engine) as connection:
                _make_tables(connection)
                _check_version(connection, url)
            yield engine
    except BaseException:
        if is_new:
            for suffix in ("", "-wal", "-shm"):
                Path(f"{path}{suffix}").unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def opened(url: str) -> Iterator[Engine]:
    """Yields a database that has studies.

    Raises:
        ValueError: there is none, or as for `created`.
    """
    with _disposed(_engine(url, may_create=False)) as engine:
        with _one_line_errors(url), reading(engine) as connection:
            if not _has_tables(connection):
                raise ValueError(
                    f"{shown(url)} has no studies; wanted one with a study"
                )
            _check_version(connection, url)
        yield engine


@contextlib.contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Yields a connection that sees one state of the database."""
    with engine.connect() as connection, connection.begin():
        yield connection


@contextlib.contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Yields a connection whose changes are on the disk at the end, or none of them.

    In SQLite it is the only one that writes, from its start: nothing that it reads
    changes before its end.
    """
    is_file = engine.dialect.name == "sqlite"
    # SQLite's own queue is a loop of sleeps, in which some writers starve.
    queue = _WRITER if is_file else contextlib.nullcontext()
    with queue, engine.connect() as connection:
        connection.execution_options(**{_WRITES: True})
        with connection.begin():
            yield connection


def shown(url: str | URL) -> str:
    """Returns a URL without its password, or the path of a SQLite file."""
    made = sqlalchemy.make_url(url)
    if made.get_backend_name() == "sqlite":
        return str(made.database)
    return made.render_as_string(hide_password=True)


def _sqlite_file(url: str) -> Path | None:
    made = _parsed(url)
    return Path(made.database or "") if made.drivername == "sqlite" else None


@contextlib.contextmanager
def _disposed(engine: Engine) -> Iterator[Engine]:
    try:
        yield engine
    finally:
        engine.dispose()


def _has_tables(connection: Connection) -> bool:
    return sqlalchemy.inspect(connection).has_table(schema.schema_version.name)


def _make_tables(connection: Connection) -> None:
    # Two processes may both find no tables; the number is any that no other uses.
    if connection.dialect.name == "postgresql":
        connection.execute(sqlalchemy.text("SELECT pg_advisory_xact_lock(19121612)"))
    if not _has_tables(connection):
        schema.METADATA.create_all(connection)
        connection.execute(schema.schema_version.insert(), {"version": schema.VERSION})


def _parsed(url: str) -> URL:
    try:
        made = sqlalchemy.make_url(url)
    except sqlalchemy.exc.ArgumentError:
        made = None
    drivers = ("sqlite", "postgresql", "postgresql+psycopg")
    if made is None or made.drivername not in drivers:
        raise ValueError(
            f"the database is {url if made is None else shown(made)}; wanted"
            " sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME"
        )
    return made


def _engine(url: str, *, may_create: bool) -> Engine:
    made = _parsed(url)
    if made.drivername == "sqlite":
        return _sqlite(made, may_create=may_create)
    engine = sqlalchemy.create_engine(
        made.set(drivername="postgresql+psycopg"),
        pool_size=CONNECTIONS // 2,
        max_overflow=CONNECTIONS // 2,
        # A server that was restarted leaves dead connections.
        pool_pre_ping=True,
    )
    event.listen(engine, "connect", _make_postgresql_durable)
    return engine


def _sqlite(url: URL, *, may_create: bool) -> Engine:
    # A database in memory would be another one for each connection.
    if not url.database or url.database == ":memory:" or url.query:
        raise ValueError(
            "the database is an unnamed one; wanted sqlite:/// and a path, without ?"
        )
    path = Path(url.database)
    if may_create and not path.absolute().parent.is_dir():
        raise ValueError(f"{path}: its folder does not exist; wanted one that does")
    if not may_create and not path.is_file():
        raise ValueError(f"{path}: no such database; make it by jaxcolor study create")
    engine = sqlalchemy.create_engine(
        url,
        connect_args={"timeout": WAIT_SECONDS},
        pool_size=CONNECTIONS,
        max_overflow=0,
    )
    event.listen(engine, "connect", _make_sqlite_durable)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _make_sqlite_durable(connection: Any, _: object) -> None:
    # Python's module would begin transactions by itself, at the first write only.
    connection.isolation_level = None
    for setting in (
        "journal_mode = WAL",
        # In WAL a commit is on the disk by FULL only; the default may be NORMAL.
        "synchronous = FULL",
        "foreign_keys = ON",
        f"busy_timeout = {WAIT_SECONDS * 1000}",
    ):
        connection.execute(f"PRAGMA {setting}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    # A transaction that reads first could not wait for another writer later.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _make_postgresql_durable(connection: Any, _: object) -> None:
    # The server's own setting may return before the disk has the commit.
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit TO on")
    connection.commit()


def _check_version(connection: Connection, url: str) -> None:
    found = connection.execute(sqlalchemy.select(schema.schema_version.c.version))
    versions = list(found.scalars())
    if versions != [schema.VERSION]:
        raise ValueError(
            f"{shown(url)} has schema version {', '.join(map(str, versions))};"
            f" wanted {schema.VERSION}"
        )


@contextlib.contextmanager
def _one_line_errors(url: str) -> Iterator[None]:
    """Turns what a driver says of a database into one line."""
    try:
        yield
    except sqlalchemy.exc.DBAPIError as error:
        reason = str(error.orig).strip().partition("\n")[0]
        raise ValueError(f"{shown(url)}: {reason}") from error
