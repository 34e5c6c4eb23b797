"""Classifiers that others have published: which one a file holds, by its content."""

from collections.abc import Sequence
from pathlib import Path

from jaxcolor.pretrained.importers import efficientnet_lite, torch_pickle
from jaxcolor.recognize import vgg
from jaxcolor.recognize.classifiers import FromFunction


def published(path: str | Path, *, classes: Sequence[str] | None) -> FromFunction:
    """Returns VGG-16 or EfficientNet-Lite, whichever the file holds.

    Args:
        path: of weights, see `torch_pickle.read`, or as in `efficientnet_lite.locate`.
        classes: names of the classes, in order; None for "0", "1" ...

    Raises:
        ValueError: the file cannot be read or holds another network, or there are not
            as many names as classes.
    """
    path = efficientnet_lite.locate(path)
    tensors = torch_pickle.read(path)
    if efficientnet_lite.MARK in tensors:
        return efficientnet_lite.from_tensors(tensors, path, classes=classes)
    if vgg.MARK in tensors:
        return vgg.from_tensors(tensors, path, classes=classes)
    raise ValueError(
        f"{path} lacks {vgg.MARK} and {efficientnet_lite.MARK}; wanted torchvision's"
        " VGG-16 or EfficientNet-Lite of efficientnet_lite_pytorch"
    )
