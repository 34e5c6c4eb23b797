import contextlib
import sqlite3

import pytest
import sqlalchemy

from jaxcolor.web.study import database, schema
from tests.web.study import small


def test_both_databases_promise_that_a_commit_is_on_the_disk(url, pictures):
    small.create(url, pictures)
    with database.opened(url) as engine, database.reading(engine) as connection:

        def value(question):
            return connection.execute(sqlalchemy.text(question)).scalar()

        if connection.dialect.name == "sqlite":
            assert value("PRAGMA journal_mode") == "wal"
            # FULL.
            assert value("PRAGMA synchronous") == 2
            assert value("PRAGMA foreign_keys") == 1
        else:
            assert value("SHOW synchronous_commit") == "on"
            assert value("SHOW fsync") == "on"


def test_a_transaction_that_fails_changes_nothing(url, pictures):
    small.create(url, pictures)
    with database.opened(url) as engine:
        with (
            contextlib.suppress(ZeroDivisionError),
            database.writing(engine) as connection,
        ):
            connection.execute(schema.studies.update().values(name="other"))
            raise ZeroDivisionError
        with database.reading(engine) as connection:
            names = connection.execute(sqlalchemy.select(schema.studies.c.name))
            assert list(names.scalars()) == [small.NAME]


def test_a_schema_of_another_version_is_refused(url, pictures):
    small.create(url, pictures)
    with database.opened(url) as engine, database.writing(engine) as connection:
        connection.execute(schema.schema_version.update().values(version=99))
    for opening in (database.opened, database.created):
        with (
            pytest.raises(ValueError, match="has schema version 99; wanted 1"),
            opening(url),
        ):
            pass


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("study.db", "wanted sqlite:///FILE or postgresql://"),
        ("mysql://localhost/a", "wanted sqlite:///FILE or postgresql://"),
        ("sqlite://", "the database is an unnamed one"),
        ("sqlite:////nowhere/at/all.db", "its folder does not exist"),
    ],
)
def test_what_is_no_database_is_refused_in_one_line(url, message):
    with pytest.raises(ValueError, match=message) as caught, database.created(url):
        pass
    assert "\n" not in str(caught.value)


def test_a_database_that_cannot_be_reached_is_named_without_its_password():
    # Port 1 is nobody's.
    url = "postgresql://me:secret@127.0.0.1:1/none"
    with (
        pytest.raises(ValueError, match=r"127\.0\.0\.1") as caught,
        database.opened(url),
    ):
        pass
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_database_that_is_not_there_is_not_made(tmp_path):
    with (
        pytest.raises(ValueError, match="no such database"),
        database.opened(f"sqlite:///{tmp_path / 'none.db'}"),
    ):
        pass
    assert not list(tmp_path.iterdir())


def test_a_file_of_something_else_is_refused(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("no database " * 500)
    for opening in (database.opened, database.created):
        with (
            pytest.raises(ValueError, match="file is not a database"),
            opening(f"sqlite:///{path}"),
        ):
            pass
    assert path.read_text() == "no database " * 500
    empty = tmp_path / "other.db"
    with contextlib.closing(sqlite3.connect(empty)) as file:
        file.execute("CREATE TABLE a (b)")
    with (
        pytest.raises(ValueError, match="has no studies"),
        database.opened(f"sqlite:///{empty}"),
    ):
        pass
