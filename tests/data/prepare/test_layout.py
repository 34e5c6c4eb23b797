import hashlib

import pytest

from jaxcolor.data import imagenet
from jaxcolor.data.prepare import layout
from jaxcolor.data.prepare.archives import Member


def arranged(names, *, way=None, validation=None, test=None):
    members = [Member(name, name, 0, None) for name in sorted(names)]
    return layout.arrange(members, way=way, validation=validation, test=test)


def labels(found):
    """The label and the file name of each photograph, by its name."""
    return {
        item.member.name: (item.label, item.file_name)
        for items in found.items.values()
        for item in items
    }


def test_the_hash_of_a_name_chooses_its_split():
    names = [f"{kind}/{i}.jpg" for kind in ("sea", "sky") for i in range(200)]
    found = arranged(names, validation=0.2, test=0.1)
    for split, items in found.items.items():
        for item in items:
            digest = hashlib.sha256(item.member.name.encode()).hexdigest()
            share = int(digest[:16], 16) / 2**64
            edges = {"test": (0, 0.1), "validation": (0.1, 0.3), "train": (0.3, 1)}
            assert edges[split][0] <= share < edges[split][1]
    assert sum(map(len, found.items.values())) == len(names)


def test_a_share_of_zero_is_no_split():
    assert list(arranged("abc", validation=0.0, test=0.0).items) == ["train"]


def test_the_first_folder_is_the_class():
    found = arranged(
        ["sky/b.jpg", "sea/a.jpg", "sea/x/c.jpg"], validation=0.0, test=0.0
    )
    assert found.classes == ("sea", "sky")
    assert labels(found) == {
        "sea/a.jpg": (0, "a.jpg"),
        "sea/x/c.jpg": (0, "x/c.jpg"),
        "sky/b.jpg": (1, "b.jpg"),
    }


def test_one_photograph_beside_the_folders_makes_them_no_classes():
    found = arranged(["sky/b.jpg", "a.jpg"], validation=0.0, test=0.0)
    assert found.classes == ()
    assert labels(found)["sky/b.jpg"] == (-1, "sky/b.jpg")


def test_folders_of_splits_are_splits():
    found = arranged(["train/sea/a.jpg", "Val/sky/b.jpg", "test/c.jpg"])
    assert found.way == "folders"
    assert {k: len(v) for k, v in found.items.items()} == {
        "train": 1,
        "validation": 1,
        "test": 1,
    }
    assert found.classes == ("sea", "sky")
    assert labels(found) == {
        "Val/sky/b.jpg": (1, "b.jpg"),
        "test/c.jpg": (-1, "c.jpg"),
        "train/sea/a.jpg": (0, "a.jpg"),
    }


def test_folders_of_classes_that_sound_like_splits_are_split_by_hash_if_wanted():
    names = ["train/a.jpg", "test/b.jpg"]
    found = arranged(names, way="hash", validation=0.0, test=0.0)
    assert found.classes == ("test", "train")


def test_imagenet_has_the_papers_splits_unpacked_too():
    train = ["train/n01440764/n01440764_18.JPEG", "train/n15075141/n15075141_3.JPEG"]
    # 25275 is the first of the test's list; 10001 is in neither.
    numbers = {1: "validation", 10_000: "validation", 25_275: "test"}
    names = [f"val/ILSVRC2012_val_{n:08}.JPEG" for n in (*numbers, 10_001)]
    unlabeled = "test/ILSVRC2012_test_00000001.JPEG"
    found = arranged([*train, *names, unlabeled])
    assert found.way == "imagenet"
    assert found.classes == imagenet.wnids()
    assert {k: [i.member.name for i in v] for k, v in found.items.items()} == {
        "train": train,
        "validation": names[:2],
        "test": names[2:3],
    }
    assert found.left_out == 2
    # Sea snake: 65, as torchvision's networks number it.
    assert labels(found)[names[0]] == (65, "ILSVRC2012_val_00000001.JPEG")
    assert labels(found)[train[1]] == (999, "n15075141_3.JPEG")


def test_an_image_of_imagenet_among_others_does_not_make_them_imagenet():
    names = ["val/ILSVRC2012_val_00000001.JPEG", "train/beach.jpg"]
    assert arranged(names).way == "folders"


def test_validation_images_in_folders_of_their_classes_have_these():
    found = arranged(["val/n15075141/ILSVRC2012_val_00000001.JPEG"])
    assert labels(found) == {
        "val/n15075141/ILSVRC2012_val_00000001.JPEG": (
            999,
            "ILSVRC2012_val_00000001.JPEG",
        )
    }


@pytest.mark.parametrize("shares", [(-0.1, 0.1), (0.5, 0.5)])
def test_senseless_shares_are_refused(shares):
    with pytest.raises(ValueError, match="wanted both 0 or more, and less than 1"):
        arranged("abc", validation=shares[0], test=shares[1])


def test_a_class_whose_name_cannot_be_listed_is_refused():
    with pytest.raises(ValueError, match=r"got a class 'a\\nb', wanted a printable"):
        arranged(["a\nb/x.jpg"], validation=0.0, test=0.0)
