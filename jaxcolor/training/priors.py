"""The empirical prior over bins, estimated on photographs and kept with provenance."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float, UInt8

from jaxcolor.color import cielab, encode, rebalance
from jaxcolor.color.gamut import Gamut
from jaxcolor.data import black_and_white, pipeline
from jaxcolor.data.sources import Source
from jaxcolor.pretrained import descriptions, records
from jaxcolor.runtime import atomic, devices, processes, progress

FORMAT_VERSION = 1
BATCH_SIZE = 32
# The constants that Lab was computed with: a prior made with others has other bins.
LAB = "D65, 2 degrees, scikit-image's constants"


FIELDS = {
    "counts": records.several(records.number(least=0), least=1),
    **{k: descriptions.HEAD_FIELDS[k] for k in ("spacing", "neighbors", "sigma")},
    "source": records.text(),
    "images": records.whole(least=1),
    "pixels": records.whole(least=1),
    "resize": records.whole(least=1),
    "squash": records.truth(),
    "lab": records.text(),
    "sha256": records.text(),
}
"""Fields of a prior's file."""


class Prior(NamedTuple):
    """How often each bin occurs, and on which photographs that was counted.

    Attributes:
        counts: sum over pixels of their soft codes.
        spacing: of the bins, CIELAB units.
        neighbors: of the soft codes.
        sigma: of the soft codes, CIELAB units.
        source: the photographs, as they were named.
        images: how many.
        pixels: how many were encoded.
        resize: side that photographs were resized to, see `decoding.decode_resize`.
        squash: whether to a square; otherwise the central square is counted.
        lab: which Lab.
        sha256: of the names of the photographs, one a line.
    """

    counts: Float[np.ndarray, " q"]
    spacing: float
    neighbors: int
    sigma: float
    source: str
    images: int
    pixels: int
    resize: int
    squash: bool
    lab: str
    sha256: str


def estimate(
    source: Source,
    gamut: Gamut,
    *,
    neighbors: int,
    sigma: float,
    stride: int,
    resize: int,
    squash: bool,
    name: str,
    is_quiet: bool,
) -> Prior:
    """Counts the mean soft code over photographs.

    Several processes share the photographs and each gets all counts, the same up to
    rounding in float64 for any number of them and of devices.

    Args:
        source: the photographs.
        gamut: the bins.
        neighbors: of the soft code.
        sigma: of the soft code.
        stride: one pixel is counted for so many along each axis: the output stride of
            the network, as its targets are picked.
        resize: side in pixels, see `data.decoding.decode_resize`.
        squash: whether aspect is given up; otherwise the central square is taken.
        name: of the source, to keep with the counts.
        is_quiet: no progress bar.

    Raises:
        ValueError: there are no photographs, or only black-and-white ones.

    Source:
        Zhang et al. 2016, section 2.2; smoothed by the soft code itself.
    """
    if not len(source):
        raise ValueError(f"{name} has no photographs to count a prior on")
    bins = len(gamut.centers)

    def count(rgb: UInt8[Array, "h w 3"], valid: Float[Array, ""]) -> Array:
        ab = cielab.rgb8_to_lab(rgb[::stride, ::stride])[..., 1:]
        code = encode.soft_encode(ab, gamut, neighbors=neighbors, sigma=sigma)
        each = jax.numpy.broadcast_to(valid, ab.shape[:-1])
        return rebalance.accumulate(code, bins=bins, per_pixel=each)

    # A photograph at a time: the sums do not depend on the rest of a batch.
    count_each = devices.on_local_devices(jax.vmap(count))
    counts, images, gray = np.zeros(bins), 0, 0
    batches = pipeline.validation_batches(
        source,
        pipeline.Crop(resize=resize, squash=squash, side=resize, draft=True),
        batch_size=BATCH_SIZE * jax.process_count(),
        share=pipeline.Share(jax.process_index(), jax.process_count()),
        workers=pipeline.WORKERS,
    )
    hidden = is_quiet or not processes.is_first()
    bar = progress.bar(len(source), unit="photo", title="prior", is_hidden=hidden)
    with bar:
        for batch in batches:
            # A photograph in float32, the set in float64.
            found = np.asarray(count_each(batch["rgb"], batch["valid"]), np.float64)
            counts += found.sum(axis=0)
            images += int(batch["valid"].sum())
            gray += black_and_white.count(batch["rgb"][batch["valid"] > 0])
            bar.update(int(batch["valid"].sum()) * jax.process_count())
    counts = processes.gather(counts).sum(axis=0)
    images = int(processes.gather(np.array(images)).sum())
    gray = int(processes.gather(np.array(gray)).sum())
    black_and_white.check(gray, photographs=images, source=name)
    return Prior(
        counts=counts,
        spacing=gamut.spacing,
        neighbors=neighbors,
        sigma=sigma,
        source=name,
        images=images,
        pixels=images * (-(-resize // stride)) ** 2,
        resize=resize,
        squash=squash,
        lab=LAB,
        sha256=_hash_of(source.names),
    )


def probabilities(prior: Prior) -> Float[np.ndarray, " q"]:
    """Returns the share of each bin, float32."""
    return (prior.counts / prior.counts.sum()).astype(np.float32)


def check(prior: Prior, gamut: Gamut, *, neighbors: int, sigma: float) -> None:
    """Refuses a prior that was counted for other targets.

    Raises:
        ValueError: naming what differs.
    """
    wanted = {
        "spacing": gamut.spacing,
        "neighbors": neighbors,
        "sigma": sigma,
        "lab": LAB,
    }
    for name, value in wanted.items():
        got = getattr(prior, name)
        if got != value:
            raise ValueError(
                f"the prior of {prior.source} has {name} {got}; the config has {value}"
            )
    if len(prior.counts) != len(gamut.centers):
        raise ValueError(
            f"the prior of {prior.source} has {len(prior.counts)} bins;"
            f" wanted {len(gamut.centers)}"
        )


def to_json(prior: Prior) -> dict[str, Any]:
    """Returns the prior as JSON values."""
    fields = prior._asdict() | {"counts": prior.counts.tolist()}
    return {"format": FORMAT_VERSION, **fields}


def from_json(fields: dict[str, Any]) -> Prior:
    """Returns a prior from `to_json`'s form.

    Raises:
        ValueError: it is not a prior, or is damaged.
    """
    if not isinstance(fields, dict) or fields.get("format") != FORMAT_VERSION:
        raise ValueError(f"this is no prior of format {FORMAT_VERSION}")
    values = {name: value for name, value in fields.items() if name != "format"}
    records.check(values, FIELDS)
    counts = np.asarray(values["counts"], np.float64)
    if not counts.sum() > 0:
        raise ValueError("the counts of the prior are all zero")
    return Prior(**{**values, "counts": counts})


def _hash_of(names: Sequence[str]) -> str:
    # Names of files that are not UTF-8 carry their bytes as surrogates.
    listed = "\n".join(names).encode("utf-8", "surrogateescape")
    return hashlib.sha256(listed).hexdigest()


def write(prior: Prior, path: Path) -> None:
    """Writes a prior as JSON, whole or not at all."""
    atomic.write_json(path, to_json(prior))


def read(path: Path) -> Prior:
    """Reads a prior.

    Raises:
        ValueError: naming the file and what is wrong with it.
    """
    try:
        fields = records.read(path)
    except FileNotFoundError as error:
        raise ValueError(f"there is no prior at {path}") from error
    try:
        return from_json(fields)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
