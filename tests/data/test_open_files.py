"""A data set of more shards than a process may have files open, at first."""

import subprocess
import sys

import pytest
from PIL import Image

from jaxcolor.data.prepare import prepare
from jaxcolor.data.prepare.recode import Recipe

SHARDS = 24
# Leaves a few files to a process that has loaded everything, and reads all shards.
READ = """
import os, resource, sys
import tensorflow_datasets
from jaxcolor.data import sources

folder, hard = sys.argv[1], sys.argv[2]
few = max(map(int, os.listdir("/dev/fd"))) + 8
before = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
limits = (few, few if hard == "hard" else before)
resource.setrlimit(resource.RLIMIT_NOFILE, limits)
source = sources.open_source(f"tfds:{folder}:train")
print(len({source[i].image for i in range(len(source))}))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> str:
    """A data set of a photograph in each shard."""
    photos = tmp_path_factory.mktemp("photos")
    for number in range(SHARDS):
        Image.new("RGB", (16, 16), (9 * number, 80, 200)).save(photos / f"{number}.jpg")
    outcome = prepare.prepare(
        photos,
        tmp_path_factory.mktemp("data"),
        name="tiny",
        recipe=Recipe("keep", 256, 95),
        division=prepare.Division("hash", 0.0, 0.0),
        shard_photos=1,
        part=prepare.Part(0, 1),
        workers=1,
        is_quiet=True,
    )
    assert outcome.shards == SHARDS
    return str(outcome.folder)


def read(folder: str, limit: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", READ, folder, limit]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_all_shards_are_read_under_a_low_soft_limit(folder):
    done = read(folder, "soft")
    assert done.stdout.split() == [str(SHARDS)], done.stderr


def test_a_hard_limit_below_the_shards_is_reported_before_anything_is_read(folder):
    line = read(folder, "hard").stderr.splitlines()[-1]
    assert f"tiny/1.0.0 has {SHARDS} shards, and this process may open " in line
    assert "--shard-photos" in line
