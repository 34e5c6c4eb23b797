"""What is kept on disk of what was compiled, and when nothing is."""

import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from jaxcolor.pretrained import release
from jaxcolor.runtime import compilation_cache
from tests import tiny

# A colorization may load none of these: each takes its part of a second.
HEAVY = (
    "grain",
    "matplotlib",
    "ml_collections",
    "optax",
    "orbax",
    "tensorboardX",
    "tensorflow",
    "tensorflow_datasets",
)
PROGRAMS = ("class_weights", "ab_of_rgb", "paint")
# Of the shapes of variables, and of the network.
TRACING = r"Finished tracing.* (init|unflattened) "


class _Jax:
    """Records the settings of JAX, which may have a folder already."""

    def __init__(self, folder):
        self.settings = {}
        self.config = SimpleNamespace(
            jax_compilation_cache_dir=folder, update=self.settings.__setitem__
        )


@pytest.fixture
def settings(monkeypatch):
    """Returns the settings that JAX gets, which has no folder yet."""
    # The tests' own JAX has one.
    jax = _Jax(None)
    monkeypatch.setattr(compilation_cache, "jax", jax)
    monkeypatch.delenv("JAXCOLOR_CACHE")
    return jax.settings


def test_it_is_kept_in_the_users_cache(settings, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    compilation_cache.keep()
    folder = tmp_path / "caches" / "jaxcolor" / "compiled"
    assert settings["jax_compilation_cache_dir"] == str(folder)
    assert settings["jax_persistent_cache_min_compile_time_secs"] == 0
    # JAX runs what it finds there.
    assert folder.stat().st_mode & 0o077 == 0


def test_what_is_compiled_in_no_time_need_not_be_kept(settings, monkeypatch, tmp_path):
    monkeypatch.setenv("JAXCOLOR_CACHE", str(tmp_path))
    compilation_cache.keep(least_seconds=2.0)
    assert settings["jax_persistent_cache_min_compile_time_secs"] == 2


@pytest.mark.parametrize("caches", [None, "", "relative"])
def test_without_xdg_it_is_below_home(settings, monkeypatch, tmp_path, caches):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    if caches is not None:
        monkeypatch.setenv("XDG_CACHE_HOME", caches)
    compilation_cache.keep()
    folder = tmp_path / ".cache" / "jaxcolor" / "compiled"
    assert settings["jax_compilation_cache_dir"] == str(folder)


def test_the_environment_moves_it(settings, monkeypatch, tmp_path):
    monkeypatch.setenv("JAXCOLOR_CACHE", str(tmp_path / "mine"))
    compilation_cache.keep()
    assert settings["jax_compilation_cache_dir"] == str(tmp_path / "mine")


@pytest.mark.parametrize("value", ["", "off"])
def test_the_environment_switches_it_off(settings, monkeypatch, value):
    monkeypatch.setenv("JAXCOLOR_CACHE", value)
    compilation_cache.keep()
    assert settings == {}


def test_a_folder_that_jax_has_already_stays(monkeypatch, tmp_path):
    monkeypatch.setenv("JAXCOLOR_CACHE", str(tmp_path / "mine"))
    jax = _Jax("/theirs")
    monkeypatch.setattr(compilation_cache, "jax", jax)
    compilation_cache.keep()
    assert jax.settings == {}
    assert not (tmp_path / "mine").exists()


def test_a_folder_that_cannot_be_made_is_done_without(settings, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("JAXCOLOR_CACHE", str(tmp_path / "file" / "mine"))
    compilation_cache.keep()
    assert settings == {}


def test_a_folder_that_cannot_be_written_is_done_without(
    settings, monkeypatch, tmp_path
):
    monkeypatch.setenv("JAXCOLOR_CACHE", str(tmp_path))
    # Its permissions would not keep the superuser out.
    monkeypatch.setattr(os, "access", lambda *_: False)
    compilation_cache.keep()
    assert settings == {}


def _colorize(folder: Path, cache: Path) -> str:
    script = f"""
import sys, jaxcolor, jax
assert jax.config.jax_compilation_cache_dir is None
from jaxcolor import cli
jax.config.update("jax_log_compiles", True)
arguments = ["photo.png", "--model", "model", "-o", "out.png", "--overwrite"]
assert cli.main(["colorize", *arguments, "--quiet"]) == 0
print([name for name in {HEAVY} if name in sys.modules])
"""
    # Without the tests' own folder.
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("JAX_COMPILATION_CACHE", "JAX_PERSISTENT_CACHE"))
    }
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        env=environment | {"JAXCOLOR_CACHE": str(cache)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
    return done.stderr


@pytest.mark.slow
def test_a_colorization_loads_little_and_compiles_three_programs_once(tmp_path):
    release.save(tiny.model(), tmp_path / "model", card="")
    photo = np.random.default_rng(0).integers(0, 256, (40, 30), np.uint8)
    Image.fromarray(photo).save(tmp_path / "photo.png")
    printed = _colorize(tmp_path, tmp_path / "cache")
    assert set(re.findall(TRACING, printed)) == {"init", "unflattened"}
    everything = sorted((tmp_path / "cache").iterdir())
    kept = [path for path in everything if not path.name.startswith("trace-")]
    # A program, and the shapes of the network's variables.
    assert len(everything) == len(kept) + 2
    assert len(kept) == printed.count("Finished XLA compilation") == len(PROGRAMS)
    for program in PROGRAMS:
        assert sum(program in path.name for path in kept) == 1
    first = (tmp_path / "out.png").read_bytes()
    # A damaged entry costs time, and no more.
    kept[0].write_bytes(kept[0].read_bytes()[:100])
    printed = _colorize(tmp_path, tmp_path / "cache")
    assert not re.search(TRACING, printed)
    assert printed.count("Persistent compilation cache hit") == len(PROGRAMS) - 1
    assert "warning" not in printed
    assert (tmp_path / "out.png").read_bytes() == first
