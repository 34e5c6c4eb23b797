"""Fixtures and settings of all tests: the CPU as eight devices, and strict shapes."""

import atexit
import os
import shutil
import tempfile

# Set before jax is imported; processes that a test starts inherit it. Set the variable
# yourself to run the tests on an accelerator.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
# Tests write nothing to the user's cache.
os.environ["JAXCOLOR_CACHE"] = "off"
# A test session compiles each program once, for all tests and the processes that they
# start, and removes the folder at its end. A folder that is already set is kept.
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    COMPILED = tempfile.mkdtemp(prefix="jaxcolor-tests-")
    os.environ |= {
        "JAX_COMPILATION_CACHE_DIR": COMPILED,
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.1",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }
    atexit.register(shutil.rmtree, COMPILED, ignore_errors=True)
# Each worker of pytest-xdist has a folder of its own: JAX does not write a program at
# once, and another worker could read half of it.
if worker := os.environ.get("PYTEST_XDIST_WORKER"):
    os.environ["JAX_COMPILATION_CACHE_DIR"] += f"/{worker}"

from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

# These settings must come before any use of a backend.
jax.config.update("jax_num_cpu_devices", 8)
jax.config.update("jax_numpy_rank_promotion", "raise")


@pytest.fixture(scope="session")
def photographs() -> dict[str, np.ndarray]:
    """Returns sample photographs, uint8, of scikit-image and scikit-learn."""
    from skimage import data
    from sklearn.datasets import load_sample_image

    found = {
        "astronaut": data.astronaut(),
        "chelsea": data.chelsea(),
        "china": load_sample_image("china.jpg"),
        "coffee": data.coffee(),
        "flower": load_sample_image("flower.jpg"),
        "motorcycle": data.stereo_motorcycle()[0],
        "rocket": data.rocket(),
    }
    for photograph in found.values():
        photograph.setflags(write=False)
    return found


@pytest.fixture(scope="session")
def photo_folder(photographs, tmp_path_factory) -> Path:
    """Returns a folder of the photographs as JPEGs, at half their width and height."""
    folder = tmp_path_factory.mktemp("photographs")
    for name, photograph in photographs.items():
        Image.fromarray(photograph).reduce(2).save(folder / f"{name}.jpg", quality=95)
    return folder
