import numpy as np
import pytest
from PIL import Image

from jaxcolor.data import sources, splits


def write(path):
    Image.new("RGB", (24, 16), "teal").save(path)
    return path


def test_what_is_held_out_depends_on_the_name_alone():
    # `printf beach.jpg | sha256sum` begins with 83281d59, and that / 2**32 is 0.51233.
    assert splits.is_held_out("beach.jpg", fraction=0.5124)
    assert not splits.is_held_out("beach.jpg", fraction=0.5123)


def test_about_the_wanted_fraction_is_held_out():
    held_out = [splits.is_held_out(f"{i}.jpg", fraction=0.1) for i in range(20_000)]
    # Five standard deviations of a binomial distribution: sqrt(0.1 * 0.9 / 20000).
    assert abs(np.mean(held_out) - 0.1) < 5 * 0.00212


def test_a_split_is_a_partition_that_new_files_do_not_change(tmp_path):
    for i in range(30):
        write(tmp_path / f"{i}.png")
    source = sources.folder(tmp_path)
    training, validation = splits.split(source, held_out_fraction=0.3)
    assert sorted([*training.names, *validation.names]) == sorted(source.names)
    assert [training[i].name for i in range(len(training))] == list(training.names)
    for i in range(30, 40):
        write(tmp_path / f"{i}.png")
    more = splits.split(sources.folder(tmp_path), held_out_fraction=0.3)
    assert set(training.names) < set(more.training.names)
    assert set(validation.names) <= set(more.validation.names)


def test_a_split_that_leaves_nothing_is_refused(tmp_path):
    write(tmp_path / "beach.jpg")
    source = sources.folder(tmp_path)
    assert len(splits.split(source, held_out_fraction=0.0).validation) == 0
    with pytest.raises(ValueError, match="into 1 and 0"):
        splits.split(source, held_out_fraction=0.1)
    with pytest.raises(ValueError, match="into 0 and 1"):
        splits.split(source, held_out_fraction=0.9)
    with pytest.raises(ValueError, match=r"wanted \[0, 1\)"):
        splits.split(source, held_out_fraction=1.0)
