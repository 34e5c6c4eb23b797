import subprocess
import sys
from importlib import metadata
from pathlib import Path

from jaxcolor.runtime import versions


def test_the_versions_are_those_that_are_installed():
    found = versions.recorded()
    for name in ("jax", "numpy", "pillow"):
        assert found[name] == metadata.version(name)
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))


def test_the_commit_is_that_of_the_code():
    asked = subprocess.run(
        ["git", "rev-parse", "HEAD"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert versions.recorded()["git"] == asked.stdout.strip()


def test_outside_of_a_checkout_there_is_no_commit(monkeypatch, tmp_path):
    monkeypatch.setattr(versions, "__file__", str(tmp_path / "versions.py"))
    assert versions.recorded()["git"] == ""
