"""Fixtures and settings of all tests: the CPU as eight devices, and strict shapes."""

import gc
import os
from importlib import metadata
from pathlib import Path

# Set before jax is imported; processes that a test starts inherit it. Set the variable
# yourself to run the tests on an accelerator.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
# Tests write nothing to the user's cache.
os.environ["JAXCOLOR_CACHE"] = "off"
# Most of the time of the tests goes into compiling. Programs are kept in pytest's cache
# for the processes that a test starts, for other workers and for the next run, and they
# are optimized little; `.ci/run` tests the mathematics and the notebooks as users get
# them.
if "XLA_FLAGS" not in os.environ:
    os.environ["XLA_FLAGS"] = "--xla_backend_optimization_level=0"
    # MLIR's emitters take half of the time of a compilation. XLA of JAX 0.11 and later
    # has no others, and ends at an unknown flag.
    if metadata.version("jaxlib").startswith("0.10."):
        os.environ["XLA_FLAGS"] += " --xla_cpu_use_fusion_emitters=false"
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    os.environ |= {
        "JAX_COMPILATION_CACHE_DIR": str(
            Path(__file__).parents[1] / ".pytest_cache" / "compiled"
        ),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.02",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }

import jax
import numpy as np
import pytest
from PIL import Image

# Tracing leaves many objects; to look through them again and again for garbage takes a
# seventh of the time.
gc.set_threshold(100_000, 50, 100)

# These settings must come before any use of a backend.
jax.config.update("jax_num_cpu_devices", 8)
jax.config.update("jax_numpy_rank_promotion", "raise")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests of the mathematics, whose rounding optimization may change."""
    for item in items:
        if item.path.parent.name in ("color", "metrics"):
            item.add_marker(pytest.mark.numerical)


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
