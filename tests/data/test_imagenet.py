import hashlib
from importlib import resources

import numpy as np
import pytest

from jaxcolor.data import imagenet, sources


def _name(number):
    return f"ILSVRC2012_val_{number:08}.JPEG"


def test_the_test_photographs_are_the_published_ones():
    numbers = imagenet.numbers(imagenet.TEST)
    joined = ",".join(map(str, numbers.tolist()))
    # Of ilsvrclin12_val_inds.npy plus 1; it is one off where 1 is not added.
    expected = "48d8f350c65fe4589f099befb932dd65402e50a95b3fdf6c96d4997e8a0a8712"
    assert hashlib.sha256(joined.encode()).hexdigest() == expected
    # The published list counts from 0: it begins 25274, 26186, 28374 and ends at 49999.
    assert numbers[:3].tolist() == [25_275, 26_187, 28_375]
    assert numbers[-1] == 50_000
    assert len(numbers) == len(set(numbers.tolist())) == 10_000


def test_the_parts_are_disjoint():
    validation, test = map(imagenet.numbers, imagenet.SUBSETS)
    assert (validation[0], validation[-1], len(validation)) == (1, 10_000, 10_000)
    assert not set(validation.tolist()) & set(test.tolist())


def test_an_unknown_part_is_refused():
    with pytest.raises(ValueError, match=r"no part 'train'.*imagenet-test"):
        imagenet.numbers("train")


@pytest.mark.parametrize("subset", imagenet.SUBSETS)
def test_positions_find_the_numbers_in_any_order(subset):
    numbers = np.random.default_rng(0).permutation(50_000) + 1
    # In folders of their classes.
    names = [f"n0144{number % 7}/{_name(number)}" for number in numbers]
    found = numbers[imagenet.positions(["readme.txt", *names], subset) - 1]
    assert found.tolist() == imagenet.numbers(subset).tolist()


def test_missing_and_doubled_photographs_are_reported():
    names = [_name(n) for n in range(1, 10_001) if n not in (7, 30)]
    with pytest.raises(ValueError, match=r"2 of the 10,000 .* ILSVRC2012_val_00000007"):
        imagenet.positions(names, imagenet.VALIDATION)
    with pytest.raises(ValueError, match="ILSVRC2012_val_00000001 occurs twice"):
        imagenet.positions([*names, f"again/{_name(1)}"], imagenet.VALIDATION)


def test_a_spec_chooses_a_part_of_a_folder(tmp_path, monkeypatch):
    from PIL import Image

    for number in (3, 1, 2, 30):
        folder = tmp_path / f"n{number % 2}"
        folder.mkdir(exist_ok=True)
        Image.new("RGB", (8, 8), (number, 0, 0)).save(folder / _name(number))
    monkeypatch.setattr(imagenet, "numbers", lambda subset: np.array([1, 2, 3]))
    spec = f"imagenet-validation:{tmp_path}"
    source = sources.open_source(spec)
    expected = [f"n1/{_name(1)}", f"n0/{_name(2)}", f"n1/{_name(3)}"]
    assert list(source.names) == expected
    assert [source[i].name for i in range(3)] == expected
    again = sources.open_source(spec, names=sources.listing(source))
    assert [again[i] for i in range(3)] == [source[i] for i in range(3)]


def test_a_class_is_known_by_its_folder_its_file_or_its_number():
    found = imagenet.labels(
        [
            "val/n07920052/x.JPEG",
            # The folder counts before the file.
            "n01443537/n01440764_1.JPEG",
            "photos/n01440764_tench.jpg",
            "n02123045.jpg",
            "ILSVRC2012_val_00000001.JPEG",
            "beach/n01.jpg",
            # A number of nine digits, and a name that is not ImageNet's.
            "n014407640_a.jpg",
            "n00000001/a.jpg",
            "ILSVRC2012_val_00050001.JPEG",
        ]
    )
    # Espresso, goldfish, tench, tabby cat; and a sea snake, as torchvision numbers it.
    assert found.tolist() == [967, 1, 0, 281, 65, -1, -1, -1, -1]


def test_the_classes_are_those_of_tensorflow_datasets():
    package = resources.files("tensorflow_datasets")
    listed = package / "datasets" / "imagenet2012" / "labels.txt"
    assert list(imagenet.wnids()) == listed.read_text().split()


def test_the_classes_are_a_thousand_from_tench_to_toilet_tissue():
    names = imagenet.wnids()
    assert len(set(names)) == len(names) == 1000
    # Classes 0 and 999 of torchvision's networks.
    assert (names[0], names[-1]) == ("n01440764", "n15075141")
    assert list(names) == sorted(names)
