"""The versions of the code that a result depends on."""

import importlib.metadata
import platform
import subprocess
from pathlib import Path

RECORDED_PACKAGES = ("jaxcolor", "jax", "jaxlib", "flax", "optax", "numpy", "pillow")


def recorded() -> dict[str, str]:
    """Returns the versions of packages and Python, and this code's commit."""
    found = {name: importlib.metadata.version(name) for name in RECORDED_PACKAGES}
    return found | {"python": platform.python_version(), "git": _git_hash()}


def _git_hash() -> str:
    """Returns the commit of this code, or "" outside of a checkout."""
    try:
        return subprocess.run(
            ["git", "rev-parse", "HEAD"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
