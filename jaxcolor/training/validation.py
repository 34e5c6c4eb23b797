"""A training's validation: numbers and contact sheets on photographs set aside."""

import itertools
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import UInt8

from jaxcolor import plots
from jaxcolor.color import cielab, compose
from jaxcolor.data import pipeline, sources
from jaxcolor.models import layerwise
from jaxcolor.runtime import devices, processes
from jaxcolor.training import setup, train_step
from jaxcolor.training.config import build
from jaxcolor.training.setup import Setup
from jaxcolor.training.train_step import TrainState

SHEETS = "sheets"
SHEET_PHOTOS = 6


def settled(built: Setup, state: TrainState) -> TrainState:
    """Returns the state with statistics that fit its averaged weights.

    They are the means over the batches of training photographs that come next.

    Source:
        Izmailov et al. 2018 (arXiv:1803.05407), section 3.2.
    """
    count = built.config.average.statistics_batches
    if state.average is None or not count:
        return state
    sums = None
    batches = setup.training_batches(built, int(state.step))
    for batch in itertools.islice(batches, count):
        found = jax.device_get(built.statistics(state.average, batch["rgb"]))
        sums = found if sums is None else jax.tree.map(np.add, sums, found)
    means = jax.tree.map(lambda x: x / np.float32(count), sums)
    # A mean of equal numbers may differ from them in its last bit.
    fixed = built.config.layers.fixed_statistics
    old = jax.device_get(state.average["batch_stats"])
    batch_stats = devices.replicate(layerwise.where_fixed(fixed, old, means))
    return state._replace(average={**state.average, "batch_stats": batch_stats})


def validate(built: Setup, state: TrainState) -> dict[str, float] | None:
    """Returns mean numbers over photographs set aside; None where none are wanted."""
    if not len(built.split.validation) or not built.config.training.validation_images:
        return None
    sums: dict[str, Any] = {}
    variables = train_step.variables_of(state)
    for batch in _validation_batches(
        built,
        built.config.training.validation_images,
        index=jax.process_index(),
        count=jax.process_count(),
    ):
        found = built.evaluate(variables, batch)
        for name, x in jax.device_get(found).items():
            sums[name] = sums.get(name, 0.0) + np.asarray(x, np.float64)
    images = sums.pop("images")
    return built.numbers({name: x / images for name, x in sums.items()})


def write_sheet(built: Setup, state: TrainState, step: int) -> None:
    """Writes lightness, prediction and truth of a few photographs set aside as PNG."""
    if not len(built.split.validation) or not processes.is_first():
        return
    batch = next(_validation_batches(built, SHEET_PHOTOS, index=0, count=1))
    truth: UInt8[np.ndarray, "b h w 3"] = batch["rgb"][:SHEET_PHOTOS]
    count = int(batch["valid"][:SHEET_PHOTOS].sum())
    variables = devices.local(train_step.variables_of(state))
    predicted = np.asarray(built.predict(variables, truth))
    gray = compose.pictures(
        cielab.rgb8_to_lab(truth)[..., 0], jnp.zeros((len(truth), 1, 1, 2))
    )
    rows = np.stack([np.asarray(gray), predicted, truth], axis=1)
    folder = built.workdir / SHEETS
    folder.mkdir(exist_ok=True)
    plots.write_png(plots.contact_sheet(rows[:count]), folder / f"{step:07d}.png")


def _validation_batches(
    built: Setup, images: int, *, index: int, count: int
) -> Iterator[dict[str, Any]]:
    """Yields the share of process `index` of `count`."""
    chain = built.config.pipeline
    whole = built.split.validation
    # Spread over the set: names are sorted, often by class.
    size = min(images, len(whole))
    multiple = build.network(built.config, axis_name=None).input_multiple
    chosen = np.arange(size) * len(whole) // max(size, 1)
    labels = None if built.labels is None else built.labels.validation[chosen]
    return pipeline.validation_batches(
        sources.Part(whole, chosen),
        pipeline.Crop(
            resize=chain.resize,
            squash=chain.squash,
            # As much of the photograph as fits: the paper validates on all of it.
            side=chain.resize // multiple * multiple,
            draft=chain.draft,
        ),
        batch_size=built.config.training.batch_size,
        share=pipeline.Share(index, count),
        workers=pipeline.Workers(chain.threads, chain.prefetch),
        labels=labels,
    )
