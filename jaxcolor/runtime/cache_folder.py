"""The user's folder for what can be made again: compiled programs, fetched packages."""

import os
from pathlib import Path

VARIABLE = "JAXCOLOR_CACHE"
"""The environment variable that names the folder; empty or "off" keeps nothing."""


def named(name: str) -> Path | None:
    """Returns the folder that the environment names, else one of this name.

    It may not exist. None where nothing is to be kept, and without a home folder.
    """
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
    return caches / "jaxcolor" / name
