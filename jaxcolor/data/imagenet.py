"""ImageNet (ILSVRC2012): its classes, and the parts of its validation set."""

import base64
import functools
import re
from collections.abc import Sequence
from importlib import resources
from pathlib import PurePosixPath

import numpy as np
from jaxtyping import Int

VALIDATION, TEST = "imagenet-validation", "imagenet-test"
SUBSETS = (VALIDATION, TEST)
"""Names of the parts of the validation set, as `numbers` takes them."""

VALIDATED = 10_000
"""The paper validates on the photographs up to this number."""

LIST, CLASSES = "imagenet_test.txt", "imagenet_classes.txt"
# Number of the photograph that the first bit of the list stands for.
FIRST = 25_275
NAME = re.compile(r"ILSVRC2012_val_(\d{8})\b")
WNID = re.compile(r"n\d{8}(?!\d)")


@functools.cache
def numbers(subset: str) -> Int[np.ndarray, " n"]:
    """Returns the numbers of the validation photographs in a part, in order.

    They are counted from 1, as in the names of their files: ILSVRC2012_val_N.JPEG.

    Args:
        subset: of `SUBSETS`; the two are disjoint, 10,000 photographs each.

    Raises:
        ValueError: there is no such part.

    Source:
        Zhang et al. 2016 (arXiv:1603.08511), section 3: the first 10,000 are for
        validation, a separate 10,000 for the test. The list of the test is that of
        Larsson et al. 2016; imagenet_test.txt gives its origin.
    """
    if subset == VALIDATION:
        return np.arange(1, VALIDATED + 1)
    if subset != TEST:
        raise ValueError(f"no part {subset!r} of ImageNet; {', '.join(SUBSETS)}")
    content = base64.b64decode("".join(_lines(LIST)))
    bits = np.unpackbits(np.frombuffer(content, np.uint8))
    return FIRST + np.flatnonzero(bits)


def positions(names: Sequence[str], subset: str) -> Int[np.ndarray, " n"]:
    """Returns the positions of a part's photographs among those of the whole set.

    Args:
        names: of the photographs, with or without folders.
        subset: as in `numbers`.

    Raises:
        ValueError: one of them is missing, or occurs twice.
    """
    found: dict[int, int] = {}
    for position, name in enumerate(names):
        match = NAME.search(name)
        if match is None:
            continue
        if int(match[1]) in found:
            raise ValueError(f"{match[0]} occurs twice: {name}")
        found[int(match[1])] = position
    wanted = numbers(subset).tolist()
    missing = [number for number in wanted if number not in found]
    if missing:
        raise ValueError(
            f"{len(missing):,} of the {len(wanted):,} photographs of {subset} are"
            f" missing, the first of them ILSVRC2012_val_{missing[0]:08}"
        )
    return np.array([found[number] for number in wanted])


@functools.cache
def wnids() -> tuple[str, ...]:
    """Returns the WordNet names of the 1000 classes, such as "n01440764", sorted.

    This is the order in which networks trained on ImageNet number the classes.

    Source:
        imagenet_classes.txt gives the origin of the list.
    """
    return tuple(" ".join(_lines(CLASSES)).split())


def labels(names: Sequence[str]) -> Int[np.ndarray, " n"]:
    """Returns the number of each photograph's class in `wnids`; -1 where none is known.

    A class is known by the photograph's folder ("n01440764/1.jpg"), else by the
    beginning of its file name ("n01440764_tench.jpg"), else by its number in the
    validation set ("ILSVRC2012_val_00000001.JPEG").

    Args:
        names: of the photographs, with or without folders.
    """
    numbers = {wnid: number for number, wnid in enumerate(wnids())}
    found = [numbers.get(_wnid(name), -1) for name in names]
    return np.array(found, np.int64)


@functools.cache
def validation_wnids() -> tuple[str, ...]:
    """Returns the WordNet name of the class of each of the 50,000 validation images.

    That of ILSVRC2012_val_00000001 comes first.

    Source:
        The list of TensorFlow Datasets' imagenet2012, which lies in its package.
    """
    package = resources.files("tensorflow_datasets")
    listed = package / "datasets" / "imagenet2012" / "validation_labels.txt"
    return tuple(listed.read_text().split())


def _wnid(name: str) -> str:
    """Returns the WordNet name of a photograph's class; an empty one without any."""
    path = PurePosixPath(name)
    if WNID.fullmatch(path.parent.name):
        return path.parent.name
    if begins := WNID.match(path.name):
        return begins[0]
    numbered = NAME.match(path.name)
    known = validation_wnids() if numbered else ()
    number = int(numbered[1]) if numbered else 0
    return known[number - 1] if 0 < number <= len(known) else ""


def _lines(file: str) -> list[str]:
    """Returns the lines of a file of this package that are no comments."""
    lines = resources.files(__package__).joinpath(file).read_text("ascii").splitlines()
    return [line for line in lines if not line.startswith("#")]
