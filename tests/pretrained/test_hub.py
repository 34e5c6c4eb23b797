"""Models of the Hugging Face Hub, from a cache made by hand, without a network."""

import shutil
import sys

import pytest

from jaxcolor.pretrained import release
from tests import tiny

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Returns the folder of a cache that has hf:someone/colors."""
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    # As HF_HUB_OFFLINE=1, which is read once, at the first import.
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    folder = tmp_path / "hub" / "models--someone--colors"
    snapshot = folder / "snapshots" / COMMIT
    release.save(tiny.model(), tmp_path / "released", card="# Colors\n")
    snapshot.parent.mkdir(parents=True)
    shutil.copytree(tmp_path / "released", snapshot)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(COMMIT)
    return folder


def test_a_model_in_the_cache_loads_offline(cache):
    found = release.load("hf:someone/colors")
    assert found.description == tiny.model().description


def test_a_model_that_is_not_in_the_cache_is_one_line_offline(cache):
    with pytest.raises(ValueError, match="hf:someone/else cannot be downloaded") as got:
        release.load("hf:someone/else")
    assert "\n" not in str(got.value)


@pytest.mark.parametrize("name", ["colors", "a/b/c", "someone/../x", ""])
def test_other_names_are_refused(name):
    with pytest.raises(ValueError, match="wanted hf:OWNER/NAME"):
        release.load(f"hf:{name}")


def test_without_the_package_the_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ValueError, match=r'pip install "jaxcolor\[hub\]"'):
        release.load("hf:someone/colors")
