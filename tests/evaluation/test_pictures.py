import numpy as np
import pytest
from PIL import Image

from jaxcolor.evaluation import pictures


def _plain(value, count=1):
    return np.full((count, 4, 5, 3), value, np.uint8)


def test_names_are_safe_on_every_file_system():
    systems = ["ground truth", "Welsh et al. 2002", "a/b", "..", "größe", "T-0.4_x"]
    assert list(pictures.folders(systems).values()) == [
        "ground_truth",
        "Welsh_et_al._2002",
        "a_b",
        "__",
        "gr__e",
        "T-0.4_x",
    ]


@pytest.mark.parametrize("pair", [("a b", "a_b"), ("A", "a"), (".", "_")])
def test_two_systems_of_one_folder_are_refused(pair):
    with pytest.raises(ValueError, match=r"would both be called .*; name models by"):
        pictures.folders(pair)


def test_pictures_are_named_by_position(tmp_path):
    folder = tmp_path / "pictures"
    write = pictures.make_writer(folder, {"a b": "a_b"}, count=3)
    write("a b", _plain(7, count=2), 0)
    write("a b", _plain(9), 2)
    paths = sorted((folder / "a_b").iterdir())
    assert [path.name for path in paths] == ["00000.png", "00001.png", "00002.png"]
    for path, value in zip(paths, (7, 7, 9), strict=True):
        np.testing.assert_array_equal(np.asarray(Image.open(path)), _plain(value)[0])


def test_names_of_many_pictures_still_sort(tmp_path):
    write = pictures.make_writer(tmp_path / "pictures", {"a": "a"}, count=1_000_000)
    write("a", _plain(0), 42)
    assert (tmp_path / "pictures" / "a" / "000042.png").is_file()


def test_pictures_of_another_set_are_not_mixed_with(tmp_path):
    with pytest.raises(ValueError, match="exists; not overwritten"):
        pictures.make_writer(tmp_path, {"a": "a"}, count=1)
