"""A PostgreSQL server of the tests' own, where PostgreSQL is installed."""

import contextlib
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

USER = "study"


def binaries() -> Path | None:
    """Returns the folder of initdb, which Debian keeps off the path."""
    if found := shutil.which("initdb"):
        return Path(found).parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return folders[-1].parent if folders else None


def owner() -> str | None:
    """Returns who runs the server, if not the user of the tests: it refuses root."""
    if os.geteuid():
        return None
    with contextlib.suppress(KeyError):
        return pwd.getpwnam("postgres").pw_name
    return "nobody"


@contextlib.contextmanager
def running(programs: Path) -> Iterator[str]:
    """Yields the URL of a server, without a database."""
    # Neither below pytest's folder nor where a server of another test has its files,
    # which the user that runs the database may not enter.
    outside = os.environ.get("TMPDIR", "/tmp")
    folder = Path(tempfile.mkdtemp(prefix="jaxcolor-postgresql-", dir=outside))
    if name := owner():
        entry = pwd.getpwnam(name)
        os.chown(folder, entry.pw_uid, entry.pw_gid)
    data, port = folder / "data", _free_port()
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1"
    control = [programs / "pg_ctl", "-D", data, "-w", "-l", folder / "log"]
    try:
        _run([programs / "initdb", "-D", data, "-A", "trust", "-U", USER])
        _run([*control, "-o", options, "start"])
        yield f"postgresql://{USER}@127.0.0.1:{port}"
    finally:
        if (data / "postmaster.pid").exists():
            _run([*control, "-m", "immediate", "stop"])
        shutil.rmtree(folder)


def new_database(server: str) -> str:
    """Returns the URL of an empty database."""
    import psycopg

    name = f"study_{secrets.token_hex(6)}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"{server}/{name}"


def _run(command: list) -> None:
    prefix = []
    if name := owner():
        entry = pwd.getpwnam(name)
        ids = (f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}")
        prefix = ["setpriv", *ids, "--clear-groups"]
    words = [*prefix, *map(str, command)]
    # Without pipes: the server keeps those of the program that started it.
    done = subprocess.run(
        words, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    assert done.returncode == 0, words


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]
