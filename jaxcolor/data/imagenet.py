"""ImageNet (ILSVRC2012): its classes, and which validation photographs are for what."""

import base64
import functools
import re
from collections.abc import Sequence
from importlib import resources

import numpy as np
from jaxtyping import Int

VALIDATION, TEST = "imagenet-validation", "imagenet-test"
SUBSETS = (VALIDATION, TEST)
"""Names of the parts of the validation set, as `numbers` takes them."""

VALIDATED = 10_000
"""The paper validates on the photographs up to this number."""

LIST = "imagenet_test.txt"
# Of the photograph that the first bit of the list is about.
FIRST = 25_275
NAME = re.compile(r"ILSVRC2012_val_(\d{8})\b")


@functools.cache
def numbers(subset: str) -> Int[np.ndarray, " n"]:
    """Returns which photographs of the validation set belong to a part, in order.

    They are counted from 1, as in the names of their files: ILSVRC2012_val_N.JPEG.

    Args:
        subset: of `SUBSETS`; the two are disjoint, 10,000 photographs each.

    Raises:
        ValueError: there is no such part.

    Source:
        Zhang et al. 2016 (arXiv:1603.08511), section 3: the first 10,000 are for
        validation, a separate 10,000 for the test. The list of the test is that of
        Larsson et al. 2016; imagenet_test.txt tells where it comes from.
    """
    if subset == VALIDATION:
        return np.arange(1, VALIDATED + 1)
    if subset != TEST:
        raise ValueError(f"no part {subset!r} of ImageNet; {', '.join(SUBSETS)}")
    lines = resources.files(__package__).joinpath(LIST).read_text("ascii").splitlines()
    content = base64.b64decode("".join(x for x in lines if not x.startswith("#")))
    bits = np.unpackbits(np.frombuffer(content, np.uint8))
    return FIRST + np.flatnonzero(bits)


def positions(names: Sequence[str], subset: str) -> Int[np.ndarray, " n"]:
    """Returns where the photographs of a part stand among those of the whole set.

    Args:
        names: of the photographs, with or without folders.
        subset: as in `numbers`.

    Raises:
        ValueError: one of them is missing, or there twice.
    """
    found: dict[int, int] = {}
    for position, name in enumerate(names):
        match = NAME.search(name)
        if match is None:
            continue
        if int(match[1]) in found:
            raise ValueError(f"{match[0]} is there twice: {name}")
        found[int(match[1])] = position
    wanted = numbers(subset).tolist()
    missing = [number for number in wanted if number not in found]
    if missing:
        raise ValueError(
            f"{len(missing):,} of the {len(wanted):,} photographs of {subset} are"
            f" missing, the first of them ILSVRC2012_val_{missing[0]:08}"
        )
    return np.array([found[number] for number in wanted])


def wnids() -> tuple[str, ...]:
    """Returns the WordNet names of the 1000 classes, such as "n01440764", sorted.

    This is the order in which torchvision's networks number the classes.

    Source:
        The list of TensorFlow Datasets' imagenet_resized, which lies in its package.
    """
    package = resources.files("tensorflow_datasets")
    listed = package / "image_classification" / "imagenet_resized_labels.txt"
    return tuple(sorted(listed.read_text().split()))


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
