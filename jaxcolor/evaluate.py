"""Models against the ground truth and against gray, over a set of photographs."""

import functools
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, UInt8

from jaxcolor import cielab, encode, gamut, metrics, paint, versions
from jaxcolor.colorize import Colorizer
from jaxcolor.data import pipeline
from jaxcolor.data.sources import Source
from jaxcolor.scores import Evaluation, Row

TRUTH, GRAY = "ground truth", "gray"
# Sides of photographs: the network's coarsest map has a pixel for each 8.
STRIDE = 8
THREADS, PREFETCH = 4, 4
# Of a photograph that differs by the rounding to 8 bits only: 10 log10(12 255^2). A
# few gray photographs, predicted without any error, would otherwise rule the mean.
LARGEST_PSNR = 58.92


# On the device, then on the host.
Both = Array | np.ndarray


class Measures(NamedTuple):
    """One system on some photographs.

    Attributes:
        auc: percent.
        psnr: decibels.
        colorfulness: Hasler and Suesstrunk's.
        nll: nats; None where there is no distribution.
        errors: sum of clipped ab distances of the pixels of each bin.
        pixels: how many pixels of the ground truth are in each bin.
    """

    auc: Float[Both, " b"]
    psnr: Float[Both, " b"]
    colorfulness: Float[Both, " b"]
    nll: Float[Both, " b"] | None
    errors: Float[Both, "b q"]
    pixels: Float[Both, "b q"]


def evaluate(
    colorizers: Mapping[str, Colorizer],
    source: Source,
    *,
    name: str,
    size: int,
    spacing: float,
    batch_size: int,
    on_done: Callable[[int], object],
) -> Evaluation:
    """Measures the ground truth, gray, and models on the centers of photographs.

    Args:
        colorizers: by the names that the table shows.
        source: the photographs.
        name: of the source, for the table.
        size: of the photographs: the shorter side is resized to it, then the central
            square is taken. The network sees just that, and its ab is enlarged to it.
        spacing: of the bins that rebalancing counts by; the paper's is 10.
        batch_size: photographs at once.
        on_done: called with the number of photographs that were done.

    Raises:
        ValueError: no photographs, a wrong size, or a name of ours for a model.
    """
    if size < STRIDE or size % STRIDE:
        raise ValueError(f"size is {size}; wanted a multiple of {STRIDE}")
    if taken := {TRUTH, GRAY} & set(colorizers):
        raise ValueError(f"a model may not be called {taken.pop()!r}")
    if not len(source):
        raise ValueError(f"{name} has no photographs")
    measure = _make_measure(colorizers, spacing=spacing)
    parts: list[dict[str, Measures]] = []
    for batch in _batches(source, size=size, batch_size=batch_size):
        count = int(batch["valid"].sum())
        whole = jax.device_get(measure(batch["rgb"]))
        parts.append(jax.tree.map(lambda x, n=count: x[:n], whole))
        on_done(count)
    joined = jax.tree.map(lambda *each: np.concatenate(each), *parts)
    # In the order of the table: jax sorts names.
    measures = {system: joined[system] for system in (TRUTH, GRAY, *colorizers)}
    return Evaluation(
        protocol=_protocol(source, name=name, size=size, spacing=spacing),
        rows=[_row(system, measures, colorizers.get(system)) for system in measures],
        names=list(source.names),
        photographs={system: _listed(measures[system]) for system in measures},
    )


def _make_measure(
    colorizers: Mapping[str, Colorizer], *, spacing: float
) -> Callable[[UInt8[np.ndarray, "b h w 3"]], dict[str, Measures]]:
    """Returns what measures all systems on a batch."""

    def measure(rgb: UInt8[np.ndarray, "b h w 3"]) -> dict[str, Measures]:
        lab = _to_lab(rgb)
        truth, (height, width) = lab[..., 1:], rgb.shape[1:3]
        count = len(gamut.from_srgb(spacing=spacing).centers)
        scored = partial(_scores, rgb, lab, _make_nearest(spacing)(truth), count=count)
        measures = {TRUTH: scored(truth), GRAY: scored(jnp.zeros_like(truth))}
        for name, colorizer in colorizers.items():
            logits = colorizer.logits(lab[..., 0])
            ab = _enlarge(colorizer.decode(logits), height=height, width=width)
            measures[name] = scored(ab)
            if colorizer.gamut is not None:
                nll = _make_nll(colorizer.gamut.spacing)(logits, truth)
                measures[name] = measures[name]._replace(nll=nll)
        return measures

    return measure


_to_lab = jax.jit(cielab.rgb8_to_lab)
_enlarge = jax.jit(paint.enlarge, static_argnames=("height", "width"))


@functools.cache
def _make_nearest(spacing: float) -> Callable[[Array], Array]:
    bins = gamut.from_srgb(spacing=spacing)
    return jax.jit(lambda ab: encode.nearest(ab, bins))


@functools.cache
def _make_nll(spacing: float) -> Callable[[Array, Array], Array]:
    """Returns what gives the mean over each photograph of `metrics.nll`."""
    bins = gamut.from_srgb(spacing=spacing)

    @jax.jit
    def nll(
        logits: Float[Array, "b h w q"], ab: Float[Array, "b H W 2"]
    ) -> Float[Array, " b"]:
        # Targets are picked, not averaged, as in training.
        step = ab.shape[1] // logits.shape[1]
        return metrics.nll(logits, ab[:, ::step, ::step], bins).mean(axis=(1, 2))

    return nll


@partial(jax.jit, static_argnames="count")
def _scores(
    rgb: UInt8[Array, "b h w 3"],
    lab: Float[Array, "b h w 3"],
    indices: Int[Array, "b h w"],
    ab: Float[Array, "b h w 2"],
    *,
    count: int,
) -> Measures:
    return jax.vmap(partial(_score, count=count))(rgb, lab, indices, ab)


def _score(
    rgb: UInt8[Array, "h w 3"],
    lab: Float[Array, "h w 3"],
    indices: Int[Array, "h w"],
    ab: Float[Array, "h w 2"],
    *,
    count: int,
) -> Measures:
    """Returns the measures of one photograph, but for the likelihood."""
    distance = metrics.ab_distance(ab, lab[..., 1:])
    errors, pixels = metrics.error_sums(distance, indices, count=count)
    colored = cielab.clip_chroma(jnp.concatenate([lab[..., :1], ab], axis=-1))
    predicted = jnp.clip(cielab.lab_to_rgb(colored), 0, 1)
    return Measures(
        auc=metrics.auc(distance),
        psnr=jnp.minimum(metrics.psnr(predicted, rgb / 255), LARGEST_PSNR),
        colorfulness=metrics.colorfulness(predicted),
        nll=None,
        errors=errors,
        pixels=pixels,
    )


def _batches(
    source: Source, *, size: int, batch_size: int
) -> Iterator[dict[str, np.ndarray]]:
    return pipeline.validation_batches(
        source,
        batch_size=batch_size,
        resize=size,
        squash=False,
        crop=size,
        # The shortcut for large JPEGs would change pixels a little.
        draft=False,
        process_index=0,
        process_count=1,
        threads=THREADS,
        prefetch=PREFETCH,
    )


def _row(
    system: str, measures: Mapping[str, Measures], colorizer: Colorizer | None
) -> Row:
    found = measures[system]
    errors, pixels = _total(found.errors), _total(found.pixels)
    weights = metrics.bin_weights(pixels)
    colorfulness = float(np.mean(found.colorfulness))
    truth = float(np.mean(measures[TRUTH].colorfulness))
    return Row(
        system=system,
        auc=float(metrics.auc_from_sums(errors, pixels)),
        rebalanced_auc=float(metrics.auc_from_sums(errors, pixels, weights=weights)),
        # The truth's own would tell of rounding only.
        psnr=None if system == TRUTH else float(np.mean(found.psnr)),
        colorfulness=colorfulness,
        colorfulness_share=colorfulness / truth if truth else None,
        nll=None if found.nll is None else float(np.mean(found.nll)),
        temperature=None if colorizer is None else colorizer.temperature,
        rebalancing_lambda=None if colorizer is None else colorizer.rebalancing_lambda,
    )


def _total(sums: Float[Both, "b q"]) -> Float[Array, " q"]:
    return jnp.asarray(np.sum(sums, axis=0, dtype=np.float64), jnp.float32)


def _listed(found: Measures) -> dict[str, list[float]]:
    """Returns the numbers of each photograph, as JSON has them."""
    weights = np.asarray(metrics.bin_weights(_total(found.pixels)))
    columns = {
        "auc": found.auc,
        "psnr": found.psnr,
        "colorfulness": found.colorfulness,
        "nll": found.nll,
        "rebalanced_error": found.errors @ weights,
        "rebalanced_pixels": found.pixels @ weights,
    }
    return {name: x.tolist() for name, x in columns.items() if x is not None}


def _protocol(
    source: Source, *, name: str, size: int, spacing: float
) -> dict[str, Any]:
    return {
        "source": name,
        "photographs": len(source),
        "skipped": len(getattr(source, "skipped", ())),
        "size": size,
        "resize": "Pillow, bicubic",
        "spacing": spacing,
        "versions": versions.recorded(),
    }
