"""What is kept of what was traced: read in place of tracing, and never wrongly."""

import os
import time
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcolor.runtime import trace_cache

X = np.linspace(-2, 2, 12, dtype=np.float32).reshape(3, 4)


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """Where traces are kept; the tests' eight devices would keep none."""
    monkeypatch.setattr(jax, "device_count", lambda: 1)
    monkeypatch.setattr(trace_cache, "_programs", {})
    trace_cache.keep_in(tmp_path)
    yield tmp_path
    trace_cache.keep_in(None)


@pytest.fixture
def traced():
    """A program, and the static arguments that it was traced with."""
    seen = []

    @partial(jax.jit, static_argnums=0)
    def scaled_tanh(power, tree, factor):
        seen.append(power)
        return jnp.tanh(tree["x"]) ** power * factor

    return scaled_tanh, seen


def _run(program, power=2, *, x=X, factor=3.0, setting=""):
    return np.asarray(
        trace_cache.run(program, power, {"x": x}, factor, setting=setting)
    )


def _as_another_process():
    trace_cache._programs.clear()
    jax.clear_caches()


def test_a_program_is_traced_once_for_all_processes(folder, traced):
    program, seen = traced
    first = _run(program)
    np.testing.assert_allclose(first, np.tanh(X) ** 2 * 3, rtol=1e-6)
    assert seen == [2]
    assert len(list(folder.iterdir())) == 1
    _as_another_process()
    np.testing.assert_array_equal(_run(program), first)
    np.testing.assert_array_equal(_run(program), first)
    assert seen == [2]


def test_numbers_are_operands_and_no_part_of_a_program(folder, traced):
    program, seen = traced
    _run(program)
    np.testing.assert_allclose(_run(program, factor=5.0), np.tanh(X) ** 2 * 5, 1e-6)
    assert seen == [2]


@pytest.mark.parametrize(
    "change",
    [{"power": 3}, {"x": X[:2]}, {"x": X.astype(np.float16)}, {"setting": "other"}],
    ids=str,
)
def test_another_program_is_kept_apart(folder, traced, change):
    program, seen = traced
    first = _run(program)
    _as_another_process()
    other = _run(program, **change)
    x, power = change.get("x", X), change.get("power", 2)
    np.testing.assert_allclose(other, np.tanh(x.astype(float)) ** power * 3, rtol=5e-3)
    assert len(seen) == 2
    assert len(list(folder.iterdir())) == 2
    np.testing.assert_array_equal(_run(program), first)


@pytest.mark.parametrize("damage", [b"", b"x" * 1000], ids=["empty", "other"])
def test_a_damaged_trace_is_replaced(folder, traced, damage):
    program, seen = traced
    first = _run(program)
    (kept,) = folder.iterdir()
    whole = kept.read_bytes()
    kept.write_bytes(damage or whole[:-1])
    _as_another_process()
    np.testing.assert_array_equal(_run(program), first)
    assert len(seen) == 2
    assert len(kept.read_bytes()) == len(whole)


def test_a_changed_source_is_traced_again(folder, traced, monkeypatch, tmp_path):
    program, seen = traced
    package = tmp_path / "package"
    package.mkdir()
    (package / "module.py").write_text("x = 1")
    monkeypatch.setattr(trace_cache, "_PACKAGE", package)
    trace_cache._sources.cache_clear()
    _run(program)
    (package / "module.py").write_text("x = 2\n")
    trace_cache._sources.cache_clear()
    _as_another_process()
    _run(program)
    trace_cache._sources.cache_clear()
    assert len(seen) == 2


def test_without_a_folder_and_on_several_devices_nothing_is_kept(
    traced, monkeypatch, tmp_path
):
    program, _ = traced
    expected = np.tanh(X) ** 2 * 3
    np.testing.assert_allclose(_run(program), expected, rtol=1e-6)
    trace_cache.keep_in(tmp_path)
    # The tests have eight devices.
    np.testing.assert_allclose(_run(program), expected, rtol=1e-6)
    trace_cache.keep_in(None)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_costs_time_only(folder, traced, monkeypatch):
    program, _ = traced

    def write_bytes(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(trace_cache.atomic, "write_bytes", write_bytes)
    np.testing.assert_allclose(_run(program), np.tanh(X) ** 2 * 3, rtol=1e-6)


def test_what_was_not_read_for_a_month_is_removed(folder):
    for name in ("read", "unread"):
        trace_cache.shapes(lambda: {"x": (1,)}, of=name)
    (folder / "another's").touch()
    month_ago = time.time() - 31 * 24 * 3600
    for path in folder.iterdir():
        os.utime(path, (month_ago, month_ago))
    trace_cache.shapes(dict, of="read")
    trace_cache.shapes(lambda: {"x": (2,)}, of="new")
    assert len(list(folder.iterdir())) == 3
    assert trace_cache.shapes(dict, of="read") == {"x": (1,)}
    assert trace_cache.shapes(dict, of="unread") == {}


def test_shapes_are_computed_once(folder):
    wanted = {"params/conv/kernel": (3, 3, 1, 8), "params/scale": ()}
    computed = []

    def compute():
        computed.append(1)
        return wanted

    for _ in range(2):
        assert trace_cache.shapes(compute, of="a network") == wanted
    assert len(computed) == 1
    assert trace_cache.shapes(lambda: {"x": (1,)}, of="another") == {"x": (1,)}
