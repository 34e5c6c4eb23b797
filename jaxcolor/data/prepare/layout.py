"""Assigns photographs to the splits of a data set, and to classes.

A folder of photographs is split by the hash of their names, a folder that has folders
for the splits by these, and ImageNet as in the paper.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from jaxcolor.data import imagenet, splits
from jaxcolor.data.prepare.archives import Member

TRAIN, VALIDATION, TEST = SPLITS = ("train", "validation", "test")
FOLDERS = {
    "train": TRAIN,
    "training": TRAIN,
    "val": VALIDATION,
    "valid": VALIDATION,
    "validation": VALIDATION,
    "test": TEST,
    "testing": TEST,
}
"""Names of folders that are splits, in lower case."""

BY_HASH, BY_FOLDERS, AS_PAPER = WAYS = ("hash", "folders", "imagenet")
# Names of ImageNet's files, with or without the folders of its classes.
OF_IMAGENET = re.compile(r"\bn\d{8}[/_]|\bILSVRC2012_(val|test)_\d{8}\b")
# The share of validation and of test, where none is given.
FRACTION = 0.1
UNLABELED = -1


class Item(NamedTuple):
    """A photograph of a split.

    Attributes:
        member: the place of its bytes.
        file_name: its path within the folder of its class.
        label: the position of its class, -1 if it is not known.
    """

    member: Member
    file_name: str
    label: int


class Layout(NamedTuple):
    """The assignment of photographs to splits and classes.

    Attributes:
        way: how they were split, one of `WAYS`.
        classes: names of the classes, sorted; empty where there are none.
        items: photographs of each split, sorted by name.
        left_out: number of photographs in no split.
    """

    way: str
    classes: tuple[str, ...]
    items: dict[str, tuple[Item, ...]]
    left_out: int


class _Placed(NamedTuple):
    split: str
    # Within the folder of the split.
    name: str
    # None is not known.
    category: str | None
    member: Member


def arrange(
    members: Sequence[Member],
    *,
    way: str | None,
    validation: float | None,
    test: float | None,
) -> Layout:
    """Assigns photographs to splits and classes.

    Args:
        members: sorted by name. The first folder of a name, after that of the split,
            is its class; where a photograph for training is in none, there are no
            classes.
        way: of `WAYS`. None is 'imagenet' where all are named as in ImageNet, and
            some as its validation images, 'folders' where the folders are named as in
            `FOLDERS`, one of them for training, and else 'hash'.
        validation: its share of the photographs, by hash only; None is a tenth.
        test: likewise. It stays the same when that of validation changes.

    Raises:
        ValueError: shares do not fit the way or add up to 1 or more, a photograph is
            in no split, or a split would be empty.
    """
    chosen = way or _way_for(members)
    shares = [FRACTION if x is None else x for x in (validation, test)]
    if chosen == AS_PAPER:
        placed = [place for m in members if (place := _as_paper(m))]
    elif chosen == BY_FOLDERS:
        placed = [_by_folder(m) for m in members]
    else:
        _refuse_shares(*shares)
        placed = [_by_hash(m, validation=shares[0], test=shares[1]) for m in members]
    if chosen != BY_HASH and (validation, test) != (None, None):
        raise ValueError(
            f"got shares of validation {validation} and test {test}, wanted none: the"
            f" photographs are split by {chosen!r}; --splits hash splits them by shares"
        )
    classes = _classes(placed)
    items: dict[str, list[Item]] = {name: [] for name in SPLITS}
    for place in placed:
        items[place.split].append(_item(place, classes))
    kept = {name: tuple(found) for name, found in items.items() if found}
    layout = Layout(chosen, tuple(classes), kept, len(members) - len(placed))
    # A part of ImageNet, such as one of its tars, may lack a split.
    wanted = [VALIDATION] * (shares[0] > 0) + [TEST] * (shares[1] > 0) + [TRAIN]
    _refuse_empty(layout, len(members), wanted=wanted if chosen == BY_HASH else [])
    return layout


def _way_for(members: Sequence[Member]) -> str:
    names = [member.name for member in members]
    if any(map(imagenet.NAME.search, names)) and all(map(OF_IMAGENET.search, names)):
        return AS_PAPER
    named = {FOLDERS.get(_top(member.name)) for member in members}
    return BY_FOLDERS if TRAIN in named and None not in named else BY_HASH


def _top(name: str) -> str:
    return name.partition("/")[0].lower() if "/" in name else ""


def _as_paper(member: Member) -> _Placed | None:
    top = _top(member.name)
    name = member.name.partition("/")[2] if top in FOLDERS else member.name
    match = imagenet.NAME.search(name)
    if match is None:
        # The labels of ImageNet's own test images are not public, and the paper uses
        # none of them.
        is_training = FOLDERS.get(top, TRAIN) == TRAIN
        return _Placed(TRAIN, name, _category(name), member) if is_training else None
    number = int(match[1])
    known = imagenet.validation_wnids()
    category = _category(name)
    if category is None and 1 <= number <= len(known):
        category = known[number - 1]
    for split, subset in ((VALIDATION, imagenet.VALIDATION), (TEST, imagenet.TEST)):
        if number in imagenet.numbers(subset):
            return _Placed(split, name, category, member)
    return None


def _by_folder(member: Member) -> _Placed:
    top = _top(member.name)
    if top not in FOLDERS:
        raise ValueError(
            f"{member.name} is in none of the folders {', '.join(sorted(FOLDERS))}"
        )
    name = member.name.partition("/")[2]
    return _Placed(FOLDERS[top], name, _category(name), member)


def _by_hash(member: Member, *, validation: float, test: float) -> _Placed:
    split = TRAIN
    if splits.is_held_out(member.name, fraction=test):
        split = TEST
    elif splits.is_held_out(member.name, fraction=test + validation):
        split = VALIDATION
    return _Placed(split, member.name, _category(member.name), member)


def _category(name: str) -> str | None:
    return name.partition("/")[0] if "/" in name else None


def _classes(placed: Sequence[_Placed]) -> dict[str, int]:
    """Returns the position of each class by its name."""
    if any(p.category is None for p in placed if p.split == TRAIN):
        return {}
    found = {p.category for p in placed if p.category is not None}
    thousand = imagenet.wnids()
    # A class more or less changes no label of ImageNet.
    names = thousand if found <= set(thousand) else tuple(sorted(found))
    for name in names:
        if name != name.strip() or not name.isprintable():
            raise ValueError(f"got a class {name!r}, wanted a printable name")
    return {name: position for position, name in enumerate(names)}


def _item(place: _Placed, classes: dict[str, int]) -> Item:
    is_below = bool(classes) and place.name.startswith(f"{place.category}/")
    file_name = place.name.partition("/")[2] if is_below else place.name
    if place.category is None:
        return Item(place.member, file_name, UNLABELED)
    return Item(place.member, file_name, classes.get(place.category, UNLABELED))


def _refuse_shares(validation: float, test: float) -> None:
    if validation < 0 or test < 0 or validation + test >= 1:
        raise ValueError(
            f"got shares of validation {validation} and test {test}, wanted both 0 or"
            " more, and less than 1 together"
        )


def _refuse_empty(layout: Layout, total: int, *, wanted: Sequence[str]) -> None:
    empty = [name for name in wanted if name not in layout.items]
    if not layout.items:
        raise ValueError(
            f"none of {total:,} photographs are in a split of {layout.way!r}; the"
            f" others are {', '.join(way for way in WAYS if way != layout.way)}"
        )
    if empty:
        raise ValueError(
            f"none of {total:,} photographs are for {' and '.join(empty)}, split by"
            f" {layout.way!r}; wanted some, or a share of 0"
        )
