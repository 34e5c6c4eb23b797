"""Keeps what JAX traces on disk, so that only the first run waits for Python.

JAX's own cache keeps what XLA compiled, but every process traces and lowers a program
again to find it there, which takes longer than to colorize a photograph. Kept programs
are StableHLO, by `jax.export`; what is computed by one that was read is bit for bit
what is computed by one that was just traced, as both go through it.
"""

import contextlib
import hashlib
import json
import os
import platform
import time
from collections.abc import Callable, Hashable
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import Array

from jaxcolor.runtime import atomic

_PACKAGE = Path(__file__).parents[1]
_PREFIX = "trace-"
# What was not read for so long is removed: each change of the sources leaves traces.
_KEPT_SECONDS = 30 * 24 * 3600
_DIGEST_BYTES = hashlib.sha256().digest_size

_folder: Path | None = None
_programs: dict[Hashable, Callable[..., Array]] = {}


def keep_in(folder: Path | None) -> None:
    """Keeps traces in a folder that exists, from now on; None to keep none."""
    global _folder
    _folder = folder


def run(
    program: Callable[..., Array], static: Any, *operands: Any, setting: str
) -> Array:
    """Returns `program(static, *operands)`, which is traced if it was not kept.

    Where nothing is kept, and on accelerators and several devices, it is called as it
    is.

    Args:
        program: by `jax.jit`, of one static argument, which comes first.
        static: hashable, with a representation that says all of it that matters.
        operands: trees of arrays and numbers.
        setting: what else decides on the program.
    """
    if _folder is None or jax.default_backend() != "cpu" or jax.device_count() > 1:
        return program(static, *operands)
    leaves, tree = jax.tree.flatten(operands)
    types = tuple((np.shape(x), getattr(x, "dtype", type(x))) for x in leaves)
    known = program, static, tree, types, setting
    if known not in _programs:
        name = program.__name__
        key = _key(
            program.__module__, name, repr(static), str(tree), repr(types), setting
        )

        def unflattened(*leaves: Any) -> Array:
            return program(static, *jax.tree.unflatten(tree, leaves))

        exported = _exported(unflattened, leaves, key)

        def call(*leaves: Any) -> Array:
            found: Array = exported.call(*leaves)
            return found

        # For logs, and for the file of the compiled program.
        call.__name__ = name
        _programs[known] = jax.jit(call)
    return _programs[known](*leaves)


def shapes(
    compute: Callable[[], dict[str, tuple[int, ...]]], *, of: str
) -> dict[str, tuple[int, ...]]:
    """Returns shapes by name, which are computed if they were not kept.

    Args:
        compute: takes a second, as tracing a network does.
        of: what the shapes are of, as text that says all that decides on them.
    """
    if _folder is None:
        return compute()
    key = _key("shapes", of)
    content = _read(key)
    if content is None:
        found = compute()
        _write(key, json.dumps(found).encode())
        return found
    return {name: tuple(shape) for name, shape in json.loads(content).items()}


def _exported(function: Callable[..., Array], leaves: list[Any], key: str) -> Any:
    from jax import export

    content = _read(key)
    if content is None:
        # Read again even now, so that the first run computes what later ones do.
        content = bytes(export.export(jax.jit(function))(*leaves).serialize())
        _write(key, content)
    return export.deserialize(bytearray(content))


def _key(*parts: str) -> str:
    versions = [metadata.version(name) for name in ("jax", "jaxlib", "flax")]
    settings = [
        str(getattr(jax.config, name))
        for name in ("jax_enable_x64", "jax_default_matmul_precision")
    ]
    everything = [*versions, *settings, platform.machine(), _sources(), *parts]
    return hashlib.sha256(json.dumps(everything).encode()).hexdigest()


@cache
def _sources() -> str:
    """Returns what changes when a file of the package does."""
    files = sorted(_PACKAGE.rglob("*.py"))
    found = [(str(x), x.stat().st_size, x.stat().st_mtime_ns) for x in files]
    return hashlib.sha256(json.dumps(found).encode()).hexdigest()


def _path(key: str) -> Path:
    assert _folder is not None
    return _folder / f"{_PREFIX}{key}"


def _read(key: str) -> bytes | None:
    """Returns what was kept; None if it is missing or damaged."""
    try:
        content = _path(key).read_bytes()
    except OSError:
        return None
    with contextlib.suppress(OSError):
        os.utime(_path(key))
    digest, rest = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
    return rest if hashlib.sha256(rest).digest() == digest else None


def _write(key: str, content: bytes) -> None:
    """Keeps content, or does without where the disk is full."""
    path = _path(key)
    with contextlib.suppress(OSError):
        atomic.write_bytes(path, hashlib.sha256(content).digest() + content)
        for other in path.parent.glob(f"{_PREFIX}*"):
            if time.time() - other.stat().st_mtime > _KEPT_SECONDS:
                other.unlink(missing_ok=True)
