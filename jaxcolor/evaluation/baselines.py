"""Baselines without training: gray, random, mean and transferred colors.

A baseline is a function from lightness to ab. Most take their colors from reference
photographs, and keep what they need of them: at most 5 kB for each. The random
photograph keeps them whole (49 kB each at 128 x 128, 98 MB for 2000); while the others
are made, they hold all references on the device, too.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray, UInt8

from jaxcolor.color import cielab
from jaxcolor.data import pipeline
from jaxcolor.data.sources import Part, Source
from jaxcolor.evaluation import transfer
from jaxcolor.evaluation.transfer import Palette

# From the lightness (L*) of a batch of photographs, and their positions in the set
# that is evaluated, to their ab. Compiled by itself; the result for a photograph
# depends on nothing else in its batch.
Baseline = Callable[[Float[Array, "b h w"], Int[Array, " b"]], Float[Array, "b h w 2"]]
References = UInt8[np.ndarray, "n h w 3"]

# Settings of `BY_NAME`. Welsh et al. 2002 took about 200 samples.
SAMPLES = 200
# For a photograph of 128 x 128, each quantile has 256 pixels.
QUANTILES = 64
BATCH_SIZE = 32

Result = TypeVar("Result")


def gray() -> Baseline:
    """Returns the baseline that leaves everything gray."""
    return lambda lightness, index: jnp.zeros((*lightness.shape, 2), jnp.float32)


def random_photograph(references_rgb: References, *, seed: int) -> Baseline:
    """Returns the baseline that gives each photograph the ab of a random reference.

    Which one follows from the seed and the photograph's position alone. It is resized
    bilinearly where the sizes differ, with antialiasing where it shrinks.

    Source:
        Zhang et al. 2016, section 3.1: "Random".
    """
    _check(references_rgb)
    references, key = jnp.asarray(references_rgb), jax.random.key(seed)
    return lambda lightness, index: _random(lightness, index, references, key)


def mean_color(references_rgb: References) -> Baseline:
    """Returns the baseline that gives every pixel the references' mean ab."""
    _check(references_rgb)
    means = _each(lambda lab, _: lab[..., 1:].mean(axis=(0, 1)), references_rgb)
    # Over a photograph in float32, over the set in float64.
    mean = np.asarray(means, np.float64).mean(axis=0).astype(np.float32)
    return lambda lightness, index: jnp.broadcast_to(mean, (*lightness.shape, 2))


def welsh(references_rgb: References, *, samples: int, seed: int) -> Baseline:
    """Returns the baseline that colors pixels as similar ones of a similar reference.

    The reference is the one with the nearest `transfer.descriptor`; in the paper a
    person chooses it. Of it, about as many pixels as given are sampled, and their
    lightness is remapped to the mean and standard deviation of the photograph's. Each
    pixel of that takes the ab of the sample that is most like it in lightness and in
    the standard deviation of the 5 x 5 around. Lightness is L*; the paper's is that
    of l-alpha-beta.

    Args:
        references_rgb: to take colors from.
        samples: of each reference; about 200 in the paper.
        seed: for the places of the samples.

    Source:
        Welsh, Ashikhmin and Mueller 2002, "Transferring color to greyscale images":
        global matching, without swatches.
    """
    _check(references_rgb)
    if samples < 1:
        raise ValueError(f"samples is {samples}; wanted at least 1")
    key = jax.random.key(seed)

    def prepare(
        lab: Float[Array, "h w 3"], n: Int[Array, ""]
    ) -> tuple[Float[Array, " d"], Palette]:
        place = jax.random.fold_in(key, n)
        palette = transfer.sample(lab, place, samples=samples)
        return transfer.descriptor(lab[..., 0]), palette

    descriptors, palettes = _each(prepare, references_rgb)
    return lambda lightness, index: _welsh(lightness, descriptors, palettes)


def histogram_transfer(
    references_rgb: References, *, neighbors: int, quantiles: int
) -> Baseline:
    """Returns the baseline that colors pixels by their rank in similar references.

    The lightness histogram of the photograph is matched to that of a reference, and a
    pixel takes the mean ab that this has at the lightness matched: the mean over the
    quantile of lightness, linear in between. With several references it takes the
    mean of what they give.

    Transfers of statistics (Reinhard et al. 2001, "Color transfer between images") and
    of histograms (Pitie et al. 2007, "Automated colour grading using colour
    distribution transfer") map three channels onto three. A gray photograph has one;
    this keeps Pitie's matching in one dimension, for lightness, and replaces the rest
    by the conditional mean. So it is related to them, and the method of neither.

    Args:
        references_rgb: to take colors from.
        neighbors: how many references, by the nearest `transfer.descriptor`; as many
            as there are pools all of them.
        quantiles: of lightness.
    """
    _check(references_rgb)
    n, height, width, _ = references_rgb.shape
    for name, value, most in (
        ("neighbors", neighbors, n),
        ("quantiles", quantiles, height * width),
    ):
        if not 1 <= value <= most:
            raise ValueError(f"{name} is {value}; wanted from 1 to {most}")

    def prepare(
        lab: Float[Array, "h w 3"], n: Int[Array, ""]
    ) -> tuple[Float[Array, " d"], Float[Array, "n 2"]]:
        lightness, ab = lab[..., 0], lab[..., 1:]
        means = transfer.quantile_means(lightness, ab, quantiles=quantiles)
        return transfer.descriptor(lightness), means

    descriptors, means = _each(prepare, references_rgb)
    return lambda lightness, index: _histogram(
        lightness, descriptors, means, neighbors=neighbors
    )


# By the names that a table shows: functions that make them from references and a seed.
BY_NAME: Mapping[str, Callable[[References, int], Baseline]] = {
    "gray": lambda references, seed: gray(),
    "random": lambda references, seed: random_photograph(references, seed=seed),
    "mean color": lambda references, seed: mean_color(references),
    "Welsh et al. 2002": lambda references, seed: welsh(
        references, samples=SAMPLES, seed=seed
    ),
    "histogram transfer": lambda references, seed: histogram_transfer(
        references, neighbors=1, quantiles=QUANTILES
    ),
}


def references(source: Source, *, count: int, size: int, seed: int) -> References:
    """Returns the central squares of random photographs, in the order of the source.

    Args:
        source: the photographs, none of which should be evaluated on.
        count: how many; they take 3 size^2 bytes each.
        size: the shorter side is resized to it.
        seed: for the choice.

    Raises:
        ValueError: the source has fewer, or none are wanted.
    """
    if not 1 <= count <= len(source):
        raise ValueError(f"count is {count}; wanted from 1 to {len(source)}")
    chosen = np.random.default_rng(seed).permutation(len(source))[:count]
    batches = pipeline.center_squares(
        Part(source, np.sort(chosen)), size=size, batch_size=BATCH_SIZE, draft=True
    )
    return np.concatenate([batch["rgb"] for batch in batches])[:count]


def _check(references_rgb: References) -> None:
    if not len(references_rgb):
        raise ValueError("got no references, wanted at least one")


def _each(
    function: Callable[[Float[Array, "h w 3"], Int[Array, ""]], Result],
    references_rgb: References,
) -> Result:
    """Applies a function of Lab and position to each reference."""

    @jax.jit
    def run(rgb: UInt8[Array, "n h w 3"]) -> Result:
        return jax.lax.map(
            lambda pair: function(cielab.rgb8_to_lab(pair[0]), pair[1]),
            (rgb, jnp.arange(len(rgb))),
        )

    return run(references_rgb)


@jax.jit
def _random(
    lightness: Float[Array, "b h w"],
    index: Int[Array, " b"],
    references_rgb: UInt8[Array, "n rows columns 3"],
    key: PRNGKeyArray,
) -> Float[Array, "b h w 2"]:
    def choose(index: Int[Array, ""]) -> Int[Array, ""]:
        place = jax.random.fold_in(key, index)
        return jax.random.randint(place, (), 0, len(references_rgb))

    ab = cielab.rgb8_to_lab(references_rgb[jax.vmap(choose)(index)])[..., 1:]
    return jax.image.resize(ab, (*lightness.shape, 2), "linear")


@jax.jit
def _welsh(
    lightness: Float[Array, "b h w"],
    descriptors: Float[Array, "n d"],
    palettes: Palette,
) -> Float[Array, "b h w 2"]:
    def color(lightness: Float[Array, "h w"]) -> Float[Array, "h w 2"]:
        wanted = transfer.descriptor(lightness)
        chosen = transfer.nearest(wanted, descriptors, neighbors=1)[0]
        palette = jax.tree.map(lambda x: x[chosen], palettes)
        remapped = transfer.remap(
            palette, mean=lightness.mean(), spread=lightness.std()
        )
        return transfer.by_sample(lightness, remapped)

    return jax.vmap(color)(lightness)


@partial(jax.jit, static_argnames="neighbors")
def _histogram(
    lightness: Float[Array, "b h w"],
    descriptors: Float[Array, "n d"],
    means: Float[Array, "n quantiles 2"],
    *,
    neighbors: int,
) -> Float[Array, "b h w 2"]:
    def color(lightness: Float[Array, "h w"]) -> Float[Array, "h w 2"]:
        wanted = transfer.descriptor(lightness)
        chosen = transfer.nearest(wanted, descriptors, neighbors=neighbors)
        return transfer.by_quantile(lightness, means[chosen].mean(axis=0))

    return jax.vmap(color)(lightness)
