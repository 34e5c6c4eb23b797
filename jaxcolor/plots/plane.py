"""Figures of the ab plane: its colors, its bins, and distributions over them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from jaxcolor import cielab
from jaxcolor.plots import page

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Lightness at which bins are shown in their own color.
SHOWN_LIGHTNESS = 60.0
# Bins that are empty are left white; the rest is cut off below this share.
SMALLEST_SHARE = 1e-7


def histograms(
    shares: Mapping[str, Sequence[float]], centers: Float[np.ndarray, "q 2"]
) -> "Figure":
    """Draws how common each color is, by system, on a logarithmic scale.

    Args:
        shares: by system, of the bins; each sums to one.
        centers: of the bins, CIELAB units.
    """
    columns = min(4, len(shares))
    rows = -(-len(shares) // columns)
    figure = page.figure(2.9 * columns + 0.9, 3 * rows)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axes in grid.ravel()[len(shares) :]:
        axes.set_axis_off()
    for axes, (system, share) in zip(grid.ravel(), shares.items(), strict=False):
        drawn = _draw_shares(axes, np.asarray(share), centers)
        axes.set_title(system, fontsize="medium")
    figure.colorbar(drawn, ax=grid, label="share of the pixels", shrink=0.8)
    _label_ab(grid[-1, 0])
    return figure


def bins_and_prior(
    centers: Float[np.ndarray, "q 2"], shares: Float[np.ndarray, " q"], *, source: str
) -> "Figure":
    """Draws the bins in their own colors, and how common each is: the paper's figure 3.

    Args:
        centers: of the bins, CIELAB units.
        shares: of the bins; they sum to one.
        source: of the photographs that were counted.
    """
    figure = page.figure(9, 4)
    own, prior = figure.subplots(1, 2, sharex=True, sharey=True)
    lab = np.column_stack([np.full(len(centers), SHOWN_LIGHTNESS), centers])
    rgb = np.clip(cielab.lab_to_rgb(np.float32(lab)), 0, 1)
    own.scatter(*centers.T[::-1], c=np.asarray(rgb), s=_marker(centers), marker="s")
    own.set_title(f"{len(centers)} bins at L* = {SHOWN_LIGHTNESS:g}")
    drawn = _draw_shares(prior, shares, centers)
    prior.set_title(f"their shares in {source}", fontsize="medium")
    figure.colorbar(drawn, ax=prior, label="share of the pixels")
    for axes in (own, prior):
        _label_ab(axes)
    return figure


def _draw_shares(
    axes: Any, shares: Float[np.ndarray, " q"], centers: Float[np.ndarray, "q 2"]
) -> Any:
    from matplotlib.colors import LogNorm

    some = shares > SMALLEST_SHARE
    axes.set_facecolor("0.92")
    axes.set_aspect("equal")
    return axes.scatter(
        *centers[some].T[::-1],
        c=shares[some],
        s=_marker(centers) / 2,
        marker="s",
        norm=LogNorm(SMALLEST_SHARE, 1),
        cmap="viridis",
    )


def _marker(centers: Float[np.ndarray, "q 2"]) -> float:
    """Returns the area of a marker, points squared, so that neighbors nearly touch."""
    spacing = np.diff(np.unique(centers[:, 1])).min()
    return float(0.6 * spacing**2)


def _label_ab(axes: Any) -> None:
    axes.set(xlabel="b*", ylabel="a*")
