"""Classes of photographs: from folders, records and ImageNet's names."""

import json
from pathlib import Path

import numpy as np
import pytest

from jaxcolor.data import imagenet, labels
from jaxcolor.data.sources import Files, Part, Records
from jaxcolor.data.splits import Split

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


def _split(training, validation=()):
    return Split(_files(*training), _files(*validation))


def test_photographs_set_aside_have_the_classes_of_the_training():
    split = _split(["sea/1.jpg", "forest/2.jpg"], ["desert/3.jpg", "sea/4.jpg"])
    found = labels.of_split(split, classes=(), source="photos")
    assert found.classes == ("forest", "sea")
    assert found.training.tolist() == [1, 0]
    assert found.validation.tolist() == [-1, 1]
    assert found.training.dtype == np.int32


def test_classes_survive_json():
    split = _split(["sea/1.jpg", "forest/2.jpg"], ["x/3.jpg"])
    found = labels.of_split(split, classes=SCENES, source="photos")
    again = labels.from_json(json.loads(json.dumps(labels.to_json(found))))
    assert again.classes == found.classes
    for one, other in zip(found[1:], again[1:], strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype


@pytest.mark.parametrize(
    ("names", "classes", "message"),
    [
        (["1.jpg"], (), "of no class; wanted CLASS/FILE of two classes"),
        (["sea/1.jpg", "2.jpg"], (), "of the class sea; wanted CLASS/FILE of two"),
        (["a/1.jpg", "b/2.jpg"], SCENES, "of the class a, b; wanted some of forest, s"),
        (["1.jpg"], SCENES, "of no class; wanted some of forest, sea"),
    ],
)
def test_missing_labels_are_refused(names, classes, message):
    message = f"^labels are missing: the photographs of photos are {message}"
    with pytest.raises(ValueError, match=message):
        labels.of_split(_split(names), classes=classes, source="photos")


def test_a_class_without_photographs_is_found():
    found = labels.of_split(_split(["sea/1.jpg"]), classes=SCENES, source="photos")
    assert labels.unseen(found) == ["forest"]
