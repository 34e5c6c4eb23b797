"""Classes of photographs: from folders, records and ImageNet's names."""

from pathlib import Path

import numpy as np

from jaxcolor.data import imagenet, labels
from jaxcolor.data.sources import Files, Part, Records

SCENES = ("forest", "sea")


def _files(*names):
    return Files(Path("photographs"), names)


def _records(numbers, label="label"):
    records = [{"image": b"", "label": number} for number in numbers]
    return Records("set/train", records, "image", label, SCENES)


def _numbers(source, classes=SCENES):
    return labels.numbers(labels.candidates(source), classes).tolist()


def test_a_photograph_is_of_the_class_that_its_folder_names():
    source = _files("sea/1.jpg", "forest/a/2.jpg", "sea.jpg", "street/3.jpg")
    assert _numbers(source) == [1, 0, -1, -1]


def test_without_names_the_first_folders_are_the_classes():
    source = _files("sea/1.jpg", "forest/a/2.jpg", "sea.jpg", "forest/3.jpg")
    assert labels.classes_of(labels.candidates(source)) == ("forest", "sea")


def test_a_class_may_be_named_by_a_folder_further_down():
    source = _files("train/sea/1.jpg", "../forest/2.jpg", "/disk/sea/forest/3.jpg")
    assert _numbers(source) == [1, 0, 1]


def test_a_file_is_no_class():
    assert _numbers(_files("forest", "other/sea")) == [-1, -1]


def test_records_are_of_the_class_of_their_label():
    assert _numbers(_records([1, -1, 0])) == [1, -1, 0]
    # By their names, not by their numbers.
    assert _numbers(_records([1, -1, 0]), ("sea", "desert")) == [0, -1, -1]


def test_records_without_labels_are_of_no_class():
    assert _numbers(_records([1, 0], label=None)) == [-1, -1]


def test_of_a_part_only_its_own_records_are_read():
    whole = _records([1, 0, 1, 0])
    whole.records[0] = None
    part = Part(Part(whole, np.array([0, 3, 2, 1])), np.array([2, 1]))
    assert _numbers(part) == [1, 0]


def test_parts_of_folders_keep_their_classes():
    whole = _files("sea/1.jpg", "forest/2.jpg", "sea/3.jpg")
    assert _numbers(Part(whole, np.array([2, 1]))) == [1, 0]


def test_photographs_named_as_in_imagenet_are_of_its_classes():
    source = _files("n01443537_1.JPEG", "sea/n01443537_2.JPEG", "1.jpg")
    assert labels.candidates(source) == [("n01443537",), ("sea",), ()]
    assert "n01443537" in imagenet.wnids()
