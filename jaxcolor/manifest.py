"""What a reader needs to get the numbers of an evaluation again."""

import hashlib
import shlex
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from jaxcolor import versions
from jaxcolor.data.sources import Source
from jaxcolor.protocol import Protocol, Survey

RESIZE = "Pillow, bicubic"
LAB = "D65, 2 degrees, scikit-image's constants"
NO_EXTRACTOR = (
    "needs a network whose published weights are not a part of jaxcolor; a number of"
    " another network would not be comparable"
)


def manifest(
    source: Source,
    survey: Survey,
    protocol: Protocol,
    prior: Float[np.ndarray, " q"] | None,
    classifiers: list[str],
) -> dict[str, Any]:
    """Returns the manifest, as JSON has it."""
    shares = None if prior is None else np.asarray(prior, np.float32)
    listed = zip(source.names, survey.hashes, strict=True)
    return {
        "source": protocol.name,
        "photographs": len(source),
        "skipped": [part.name for part in getattr(source, "skipped", ())],
        "size": protocol.size,
        "crop": "the central square, after the shorter side was resized to it",
        "resize": RESIZE,
        "enlargement": "bilinear, pixel centers at halves",
        "lab": LAB,
        "spacing": protocol.spacing,
        "seed": protocol.seed,
        "resamples": protocol.resamples,
        "prior_sha256": None if shares is None else _hash(shares.tobytes()),
        "classifiers": classifiers,
        "versions": versions.recorded(),
        "command": shlex.join(["jaxcolor", *sys.argv[1:]]),
        "files": [{"name": name, "sha256": found} for name, found in listed],
    }


def empty(
    prior: Float[np.ndarray, " q"] | None, classifiers: Collection[str]
) -> dict[str, str]:
    """Returns why a column that a reader may look for is not there."""
    found = {"FID": NO_EXTRACTOR, "LPIPS": NO_EXTRACTOR}
    if prior is None:
        found["AuC by the prior"] = "no prior was given"
    if not classifiers:
        found["Recognition"] = "no classifier was given"
    return found


def hash_of_model(path: str | Path) -> str:
    """Returns a SHA-256 over the files of a model's folder, by their names."""
    folder = Path(str(path).rpartition("@")[0] or str(path))
    folder = folder if folder.exists() else Path(path)
    digest = hashlib.sha256()
    for file in sorted(p for p in folder.rglob("*") if p.is_file()):
        digest.update(str(file.relative_to(folder)).encode("utf-8", "surrogateescape"))
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
