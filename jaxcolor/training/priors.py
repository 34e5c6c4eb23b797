"""The empirical prior over bins, estimated on photographs and kept with provenance."""

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float, UInt8
from tqdm import tqdm

from jaxcolor.color import cielab, encode, rebalance
from jaxcolor.color.gamut import Gamut
from jaxcolor.data import pipeline
from jaxcolor.data.sources import Source
from jaxcolor.runtime import devices, processes

FORMAT_VERSION = 1
# Every fourth pixel along each axis, as the targets of the paper are picked.
STRIDE = 4
BATCH_SIZE = 32
THREADS, PREFETCH = 4, 4
# The constants that Lab was computed with: a prior made with others has other bins.
LAB = "D65, 2 degrees, scikit-image's constants"


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
        resize: side in pixels, see `data.decoding.decode_resize`.
        squash: whether aspect is given up; otherwise the central square is taken.
        name: of the source, to keep with the counts.
        is_quiet: no progress bar.

    Raises:
        ValueError: there are no photographs.

    Source:
        Zhang et al. 2016, section 2.2; smoothed by the soft code itself.
    """
    if not len(source):
        raise ValueError(f"{name} has no photographs to count a prior on")
    bins = len(gamut.centers)

    def count(rgb: UInt8[Array, "h w 3"], valid: Float[Array, ""]) -> Array:
        ab = cielab.rgb8_to_lab(rgb[::STRIDE, ::STRIDE])[..., 1:]
        code = encode.soft_encode(ab, gamut, neighbors=neighbors, sigma=sigma)
        each = jax.numpy.broadcast_to(valid, ab.shape[:-1])
        return rebalance.accumulate(code, bins=bins, per_pixel=each)

    # A photograph at a time: the sums do not depend on the rest of a batch.
    count_each = devices.on_local_devices(jax.vmap(count))
    counts, images = np.zeros(bins), 0
    batches = pipeline.validation_batches(
        source,
        batch_size=BATCH_SIZE * jax.process_count(),
        resize=resize,
        squash=squash,
        crop=resize,
        draft=True,
        process_index=jax.process_index(),
        process_count=jax.process_count(),
        threads=THREADS,
        prefetch=PREFETCH,
    )
    # A bar only on a terminal (None), or never (True).
    hidden = True if is_quiet or not processes.is_first() else None
    with tqdm(total=len(source), unit="photo", desc="prior", disable=hidden) as bar:
        for batch in batches:
            # A photograph in float32, the set in float64.
            found = np.asarray(count_each(batch["rgb"], batch["valid"]), np.float64)
            counts += found.sum(axis=0)
            images += int(batch["valid"].sum())
            bar.update(int(batch["valid"].sum()) * jax.process_count())
    counts = processes.gather(counts).sum(axis=0)
    images = int(processes.gather(np.array(images)).sum())
    return Prior(
        counts=counts,
        spacing=gamut.spacing,
        neighbors=neighbors,
        sigma=sigma,
        source=name,
        images=images,
        pixels=images * (-(-resize // STRIDE)) ** 2,
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
    """Returns the prior as JSON has it."""
    fields = prior._asdict() | {"counts": prior.counts.tolist()}
    return {"format": FORMAT_VERSION, **fields}


def from_json(fields: dict[str, Any]) -> Prior:
    """Returns a prior from `to_json`'s form.

    Raises:
        ValueError: it is no such thing, or is damaged.
    """
    if not isinstance(fields, dict) or fields.get("format") != FORMAT_VERSION:
        raise ValueError(f"this is no prior of format {FORMAT_VERSION}")
    values = {name: value for name, value in fields.items() if name != "format"}
    if wrong := sorted(set(values) ^ set(Prior._fields)):
        raise ValueError(f"a prior with missing or unknown {wrong}")
    counts = np.asarray(values["counts"], np.float64)
    if not (np.isfinite(counts).all() and (counts >= 0).all() and counts.sum() > 0):
        raise ValueError("a prior whose counts are not finite, negative, or all zero")
    return Prior(**{**values, "counts": counts})


def _hash_of(names: Sequence[str]) -> str:
    # Names of files that are not UTF-8 carry their bytes as surrogates.
    listed = "\n".join(names).encode("utf-8", "surrogateescape")
    return hashlib.sha256(listed).hexdigest()


def write(prior: Prior, path: Path) -> None:
    """Writes a prior as JSON, whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(to_json(prior), indent=1) + "\n")
    temporary.replace(path)


def read(path: Path) -> Prior:
    """Reads a prior.

    Raises:
        ValueError: naming the file and what is wrong with it.
    """
    try:
        return from_json(json.loads(path.read_text()))
    except FileNotFoundError as error:
        raise ValueError(f"there is no prior at {path}") from error
    except (ValueError, OSError) as error:
        raise ValueError(f"{path}: {error}") from error
