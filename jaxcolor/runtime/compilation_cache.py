"""What XLA compiled, kept on disk: so that only the first photograph waits for it."""

import os
from pathlib import Path
from typing import Any

import jax

VARIABLE = "JAXCOLOR_CACHE"
"""The environment variable that names the folder; empty or "off": nothing is kept."""


def keep(*, least_seconds: float = 0.0) -> None:
    """Lets JAX keep what it compiles from now on, for this and later processes.

    A folder that JAX was told of already stays. One that cannot be made or written to
    is done without.

    Args:
        least_seconds: what took less to compile is not kept. By default all is: the
            programs that colorize are small, and several.
    """
    # Not all versions of JAX declare the settings that their configuration has.
    config: Any = jax.config
    if config.jax_compilation_cache_dir is not None:
        return
    folder = _folder()
    if folder is None or not _is_writable(folder):
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", least_seconds)


def _folder() -> Path | None:
    """Returns where to keep it by the environment, or None for nowhere."""
    chosen = os.environ.get(VARIABLE)
    if chosen is not None:
        return None if chosen in ("", "off") else Path(chosen).absolute()
    caches = Path(os.environ.get("XDG_CACHE_HOME", ""))
    # The XDG specification says to ignore paths that are not absolute.
    if not caches.is_absolute():
        try:
            caches = Path.home() / ".cache"
        except RuntimeError:
            return None
    return caches / "jaxcolor" / "compiled"


def _is_writable(folder: Path) -> bool:
    try:
        # For the user alone: JAX runs what it finds there.
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.R_OK | os.W_OK | os.X_OK)
