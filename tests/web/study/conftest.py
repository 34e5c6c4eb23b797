"""Fixtures: pictures, and databases of both kinds."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.study import clusters, small

COUNT = 8


@pytest.fixture(scope="session")
def pictures(photographs, tmp_path_factory) -> Path:
    """Returns a folder of folders with eight pictures of 32 x 32."""
    folder = tmp_path_factory.mktemp("pictures")
    size = small.RULES.size
    reduced = {
        name: photograph[::6, ::6]
        for name, photograph in photographs.items()
        if min(photograph.shape[:2]) >= 6 * size
    }
    small.write_pictures(reduced, folder, count=COUNT, size=size)
    return folder


@pytest.fixture(scope="session")
def cluster() -> Iterator[str]:
    """Yields the URL of a PostgreSQL server."""
    programs = clusters.binaries()
    if programs is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    with clusters.running(programs) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path) -> str:
    """Returns the URL of a new database, of both kinds in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'study.db'}"
    return clusters.new_database(request.getfixturevalue("cluster"))


@pytest.fixture
def sqlite_url(tmp_path) -> str:
    """Returns the URL of a new SQLite database."""
    return f"sqlite:///{tmp_path / 'study.db'}"
