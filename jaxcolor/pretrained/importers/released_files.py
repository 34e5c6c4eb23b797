"""The files of weights that the authors of the papers released, known by SHA-256."""

import hashlib
from pathlib import Path
from typing import NamedTuple

LICENSE = "bsd-2-clause"
"""Of the authors' repository, richzhang/colorization, as model hubs write it."""

COPYRIGHT = "© 2016 Richard Zhang, Phillip Isola, Alexei A. Efros"

TORCH = "https://colorizers.s3.us-east-2.amazonaws.com"
CAFFE = "http://eecs.berkeley.edu/~rich.zhang/projects/2016_colorization/files/demo_v2"


class ReleasedFile(NamedTuple):
    """A file of the authors.

    Attributes:
        name: of the file.
        url: where the authors host it.
        training_lambda: lambda of the training's class weights; None without bins.
        about: what it is, for a model card.
    """

    name: str
    url: str
    training_lambda: float | None
    about: str


BY_SHA256 = {
    "9b330a0bae53f4ded77b1e23defbf78beaa09c10ebc4c4999e8e4f4a160b93f9": ReleasedFile(
        "colorization_release_v2-9b330a0b.pth",
        f"{TORCH}/colorization_release_v2-9b330a0b.pth",
        0.5,
        "the full method of the ECCV 2016 paper, for PyTorch",
    ),
    "df00044c0a4d7c3edcecf6f75437ce346a66e7a42612d9b968e1a7e17dbc6f66": ReleasedFile(
        "siggraph17-df00044c.pth",
        f"{TORCH}/siggraph17-df00044c.pth",
        None,
        "the user-guided network of the SIGGRAPH 2017 paper, for PyTorch",
    ),
    "f5af1e602646328c792e1094f9876fe9cd4c09ac46fa886e5708a1abc89137b1": ReleasedFile(
        "colorization_release_v2.caffemodel",
        f"{CAFFE}/colorization_release_v2.caffemodel",
        0.5,
        "the full method of the ECCV 2016 paper",
    ),
    "6ab42a7fa853eb7ca822b9a0a2997a08a29c819c985c3e70b460c6be9c8b2159": ReleasedFile(
        "colorization_release_v2_norebal.caffemodel",
        f"{CAFFE}/colorization_release_v2_norebal.caffemodel",
        1.0,
        "the method of the ECCV 2016 paper without class rebalancing",
    ),
}
"""Released files by the SHA-256 of their content."""

PRIOR_SHA256 = "19d00659c7d6f6ee47456fd2c19c86a073f7124875e3d5ab9d601864e062b56c"
"""Of `resources/prior_probs.npy` in the authors' repository: the prior of ImageNet."""


def sha256_of(path: str | Path) -> str:
    """Returns the SHA-256 of a file.

    Raises:
        ValueError: it cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror or error}") from error
