"""The manifest: all that is needed to reproduce the numbers of an evaluation."""

import hashlib
import shlex
import sys
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from jaxcolor.data.sources import Source
from jaxcolor.evaluation.protocols import Protocol, Survey
from jaxcolor.pretrained import release
from jaxcolor.runtime import versions

RESIZE = "Pillow, bicubic"
PROGRAM = "jaxcolor"
LAB = "D65, 2 degrees, scikit-image's constants"


def manifest(
    source: Source,
    survey: Survey,
    protocol: Protocol,
    prior: Float[np.ndarray, " q"] | None,
) -> dict[str, Any]:
    """Returns the manifest, as JSON values."""
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
        "versions": versions.recorded(),
        "command": _command(),
        "files": [{"name": name, "sha256": found} for name, found in listed],
    }


def hash_of(path: str | Path) -> str:
    """Returns the SHA-256 of a file, or of a model's folder as `hash_of_model`."""
    if not Path(path).is_file():
        return hash_of_model(path)
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_of_model(path: str | Path) -> str:
    """Returns a SHA-256 over the files of a model's folder, by their names."""
    path = release.locate(path)
    folder = Path(str(path).rpartition("@")[0] or str(path))
    folder = folder if folder.exists() else path
    digest = hashlib.sha256()
    for file in sorted(p for p in folder.rglob("*") if p.is_file()):
        digest.update(str(file.relative_to(folder)).encode("utf-8", "surrogateescape"))
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _command() -> str | None:
    """Returns the command line of jaxcolor or an experiment; None in a notebook."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    name = "" if spec is None else spec.name
    if name.startswith("experiments."):
        return shlex.join(["python", "-m", name, *sys.argv[1:]])
    is_ours = name.startswith(PROGRAM) or Path(sys.argv[0]).name == PROGRAM
    return shlex.join([PROGRAM, *sys.argv[1:]]) if is_ours else None


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
