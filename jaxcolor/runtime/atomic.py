"""Files and folders that appear whole or not at all.

A writer gets a temporary name beside the final one. When it has succeeded, the content
is flushed to the disk and renamed. After any error, such as a full disk or Ctrl-C, the
temporary is removed. Only a killed process leaves one behind; `remove_leftovers` finds
it, because a lock marks those that are still being written.
"""

import contextlib
import errno
import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

# Hidden, so that no listing of photographs shows them.
PREFIX, SUFFIX = ".jaxcolor-", ".partial"


@contextlib.contextmanager
def file(path: Path, *, overwrite: bool = True) -> Iterator[Path]:
    """Yields the path of an empty temporary file, which then becomes the one wanted.

    The file has the permissions that the umask leaves.

    Args:
        path: of the file to write; its folder exists.
        overwrite: replace what is at the path.

    Raises:
        FileExistsError: something is at the path at the end, and stays.
        OSError: the file cannot be written.
    """
    try:
        with _temporary_file(path.parent) as temporary:
            yield temporary
            with temporary.open("rb") as written:
                os.fsync(written.fileno())
            if overwrite:
                temporary.replace(path)
            else:
                _rename_to_new(temporary, path)
    except OSError as error:
        _name_wanted(error, path)
        raise
    _sync_folder(path.parent)


@contextlib.contextmanager
def stream(path: Path, *, overwrite: bool = True) -> Iterator[IO[bytes]]:
    """Yields a stream, whose content then becomes the file; see `file`."""
    with file(path, overwrite=overwrite) as temporary, temporary.open("wb") as opened:
        yield opened


def write_bytes(path: Path, content: bytes, *, overwrite: bool = True) -> None:
    """Writes a file; see `file`."""
    try:
        with stream(path, overwrite=overwrite) as opened:
            opened.write(content)
    except OSError as error:
        # Such as a full disk, which a write reports without the path.
        error.filename = error.filename or str(path)
        raise


def write_text(path: Path, text: str) -> None:
    r"""Writes a text as UTF-8.

    File names that are not UTF-8 hold lone surrogates, which become \udcXX.
    """
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


def write_json(path: Path, value: Any, *, indent: int = 1) -> None:
    """Writes a value as JSON in ASCII."""
    write_text(path, json.dumps(value, indent=indent) + "\n")


@contextlib.contextmanager
def folder(path: Path) -> Iterator[Path]:
    """Yields an empty temporary folder, which then becomes the one wanted.

    A folder that exists is replaced, and stays as it is after an error. Missing parent
    folders are made.

    Raises:
        OSError: the folder cannot be written.
    """
    path = path.absolute()
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not named as a leftover: after a kill between the two renames it is all there is.
    replaced = path.with_name(f".{path.name}.{secrets.token_hex(8)}.replaced")
    try:
        with scratch(path.parent) as temporary:
            yield temporary
            _sync_tree(temporary)
            if path.exists():
                path.rename(replaced)
            temporary.rename(path)
    except OSError as error:
        _name_wanted(error, path)
        raise
    finally:
        if replaced.exists() and not path.exists():
            replaced.rename(path)
        shutil.rmtree(replaced, ignore_errors=True)
    _sync_folder(path.parent)


def remove_leftovers(folder: Path) -> None:
    """Removes the temporary files and folders that killed writers left in a folder.

    Those that a running process still writes stay. Where the file system has no locks,
    all stay.
    """
    for path in folder.glob(f"{PREFIX}*{SUFFIX}"):
        # Locked by its writer, or removed in the meantime.
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(path)
            finally:
                os.close(descriptor)


@contextlib.contextmanager
def _temporary_file(folder: Path) -> Iterator[Path]:
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
    while True:
        path = _temporary_path(folder)
        # Unlike tempfile, with the permissions that the umask leaves.
        descriptor = os.open(path, flags, 0o666)
        with _held(path, descriptor) as is_there:
            # Another process may remove it between its creation and its lock.
            if is_there:
                yield path
                return


@contextlib.contextmanager
def scratch(parent: Path) -> Iterator[Path]:
    """Yields an empty temporary folder, removed at the end with what is left in it."""
    while True:
        path = _temporary_path(parent)
        path.mkdir()
        with _held(path, os.open(path, os.O_RDONLY)) as is_there:
            if is_there:
                yield path
                return


@contextlib.contextmanager
def _held(path: Path, descriptor: int) -> Iterator[bool]:
    """Locks a temporary, yields whether it still exists, and removes it at the end."""
    try:
        # Some network file systems have no locks.
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield path.exists()
    finally:
        with contextlib.suppress(OSError):
            _remove(path)
        os.close(descriptor)


def _temporary_path(folder: Path) -> Path:
    return folder / f"{PREFIX}{secrets.token_hex(8)}{SUFFIX}"


def _name_wanted(error: OSError, path: Path) -> None:
    """Puts the wanted path into an error that names a temporary one."""
    if not isinstance(error.filename, str | os.PathLike):
        return
    parts = Path(error.filename).parts
    for position, part in enumerate(parts, 1):
        if part.startswith(PREFIX) and part.endswith(SUFFIX):
            error.filename = str(path.joinpath(*parts[position:]))
            error.filename2 = None


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _rename_to_new(temporary: Path, path: Path) -> None:
    """Renames a file, unless something has the new name."""
    try:
        # Unlike a rename, this fails where the name is taken: of two processes that
        # write the same file, one gets the error.
        os.link(temporary, path)
    except FileExistsError:
        raise FileExistsError(errno.EEXIST, "exists", str(path)) from None
    except OSError:
        # A file system without hard links.
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, "exists", str(path)) from None
        temporary.rename(path)


def _sync_tree(folder: Path) -> None:
    for parent, _, names in os.walk(folder):
        for name in names:
            with (Path(parent) / name).open("rb") as written:
                os.fsync(written.fileno())
        _sync_folder(Path(parent))


def _sync_folder(folder: Path) -> None:
    # Some file systems cannot; then a crash of the machine may undo a rename.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
