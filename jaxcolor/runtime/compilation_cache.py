"""Keeps programs on disk, so that only the first run waits for JAX and XLA."""

import os
from pathlib import Path
from typing import Any

import jax

from jaxcolor.runtime import cache_folder, trace_cache


def keep(*, least_seconds: float = 0.0) -> None:
    """Makes JAX keep the programs that it compiles, for this and later processes.

    Traces are kept beside them, see `trace_cache`. If JAX has been given a folder
    already, it stays. If the folder cannot be made or written to, nothing is kept.

    Args:
        least_seconds: programs that compile faster are not kept. By default all are:
            the programs that colorize are small, and several.
    """
    # Not all versions of JAX declare the settings that their configuration has.
    config: Any = jax.config
    if config.jax_compilation_cache_dir is not None:
        return
    folder = cache_folder.named("compiled")
    if folder is None or not _is_writable(folder):
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", least_seconds)
    trace_cache.keep_in(folder)


def _is_writable(folder: Path) -> bool:
    try:
        # For the user alone: JAX runs what it finds there.
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.R_OK | os.W_OK | os.X_OK)
