"""Hints of a user as evidence: their colors spread over cells that look alike.

For models with bins, and without a training: in the cell of a hint the distribution
becomes the soft code of its color, and other cells take a share of it that falls along
a diffusion of fixed length. A cell is a pixel of the network's output: several pixels
of its input along each axis.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from jaxcolor.color import affinity
from jaxcolor.color.affinity import Diffusion
from jaxcolor.color.array_types import Logits


class Spreading(NamedTuple):
    """Settings of the diffusion of hints.

    Attributes:
        between: the neighbors of a cell and their weights, see `coherence.diffuse`;
            the features are the square roots of the network's distribution.
        sweeps: number of times that all distances are passed.
        leak: weight of "no hint" beside the cell, which has 1, and its neighbors; it
            limits how far hints reach.
        half: diffused amount at which hints and network count equally.
    """

    between: Diffusion
    sweeps: int
    leak: float
    half: float


# Chosen on photographs set aside, with the bundled model; experiments/README.md has the
# table. A smaller half, or leak, gains more PSNR on average, but spoils places far from
# all hints in some photographs.
SPREADING = Spreading(
    between=Diffusion(
        distances=(16, 8, 4, 2, 1),
        weight=4.0,
        sharpness=5.0,
        deviation=9.0,
        components=16,
    ),
    sweeps=4,
    leak=0.1,
    half=0.1,
)


class Evidence(NamedTuple):
    """Hints of photographs, in cells.

    Attributes:
        row: row of the cell of each hint.
        column: column of its cell.
        code: its color as a distribution over the bins, see `encode.soft_encode`.
        exists: whether there is such a hint; others are room that is not used.
    """

    row: Int[Array, "*b n"]
    column: Int[Array, "*b n"]
    code: Float[Array, "*b n q"]
    exists: Bool[Array, "*b n"]


class Guided(NamedTuple):
    """Distributions that hints have changed.

    Attributes:
        logits: of the bins.
        share: of the hints in each cell, in [0, 1].
    """

    logits: Float[Array, "*b h w q"]
    share: Float[Array, "*b h w"]


def of_photographs(
    logits: Float[Array, "b h w q"],
    lightness: Float[Array, "b h w"],
    evidence: Evidence,
    *,
    valid: Int[Array, "b 2"],
) -> Guided:
    """Returns the distributions of a batch, each changed by its own hints.

    Args:
        logits: of the bins, in cells.
        lightness: L*, the mean of each cell.
        evidence: the hints.
        valid: rows and columns of cells that are no padding.
    """
    rows = jnp.arange(logits.shape[1])[:, None]
    columns = jnp.arange(logits.shape[2])[None]

    def one(part: tuple[Array, Array, Evidence, Array]) -> Guided:
        logits, lightness, evidence, valid = part
        inside = (rows < valid[0]) & (columns < valid[1])
        found = shares(logits, lightness, evidence, inside=inside, settings=SPREADING)
        return Guided(mixed(logits, found, evidence.code), found.sum(axis=-1))

    # One photograph after the other, as for coherence.
    return lax.map(one, (logits, lightness, evidence, valid))


def shares(
    logits: Float[Array, "h w q"],
    lightness: Float[Array, "h w"],
    evidence: Evidence,
    *,
    inside: Bool[Array, "h w"],
    settings: Spreading,
) -> Float[Array, "h w n"]:
    """Returns how much each hint counts in each cell: their sum is at most 1.

    The cell of a hint has 1 (several hints there share it), and keeps it while all
    other cells become the mean of their neighbors, of themselves and, by the leak, of
    0. The amounts of a cell, x in sum, are then divided by x + half.

    Args:
        logits: of the bins, in cells.
        lightness: L*, the mean of each cell.
        evidence: the hints.
        inside: the cells of the photograph; the others are padding.
        settings: of the diffusion.

    Source:
        Zhu, Ghahramani and Lafferty 2003, "Semi-supervised learning using Gaussian
        fields and harmonic functions", whose solution the diffusion approaches; here
        with a leak, and along the steps of `coherence.diffuse`.
    """
    graph = affinity.neighbors(
        jnp.sqrt(jax.nn.softmax(logits)),
        lightness,
        inside=inside,
        settings=settings.between,
    )
    fixed = _given(evidence, graph.height, graph.width)
    is_fixed = fixed.any(axis=-1, keepdims=True)
    held = graph.inner(graph.flat(is_fixed.astype(jnp.float32))) > 0
    amounts = graph.flat(fixed)
    given = graph.inner(amounts)

    def average(
        amounts: Float[Array, "n _"], step: tuple[Array, Array]
    ) -> tuple[Float[Array, "n _"], None]:
        total, whole = affinity.sums(amounts, graph, *step)
        mean = total / (whole + settings.leak)[None]
        return graph.put(jnp.where(held, given, mean), amounts), None

    def sweep(_: Array, amounts: Float[Array, "n _"]) -> Float[Array, "n _"]:
        return lax.scan(average, amounts, graph.steps)[0]

    spread = graph.maps(lax.fori_loop(0, settings.sweeps, sweep, amounts))
    total = spread.sum(axis=-1, keepdims=True)
    return jnp.where(is_fixed, fixed, spread / (total + settings.half))


def mixed(
    logits: Logits, shares: Float[Array, "*p n"], codes: Float[Array, "n q"]
) -> Logits:
    """Returns logits of the mean of the network's distribution and those of hints.

    Args:
        logits: of the network.
        shares: of the hints; the rest, up to 1, is the network's. Where all are 0 the
            logits stay as they are.
        codes: the distribution of each hint.
    """
    share = shares.sum(axis=-1, keepdims=True)
    own = jnp.maximum(1 - share, 0) * jax.nn.softmax(logits)
    # In float32 also on accelerators.
    probabilities = own + jnp.matmul(shares, codes, precision="highest")
    # A bin that no hint and no network has is ruled out: the logarithm of 0.
    return jnp.where(share > 0, jnp.log(probabilities), logits)


def _given(evidence: Evidence, height: int, width: int) -> Float[Array, "h w n"]:
    """Returns maps that are 1 at the hint; several hints of one cell share it."""
    down = jnp.arange(height)[:, None] == evidence.row[None]
    across = jnp.arange(width)[:, None] == evidence.column[None]
    is_here = down[:, None] & across[None] & evidence.exists[None, None]
    here = is_here.astype(jnp.float32)
    return here / jnp.maximum(here.sum(axis=-1, keepdims=True), 1)
