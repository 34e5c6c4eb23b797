"""Figures of the ab plane: its colors, its bins, and distributions over them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from jaxtyping import Bool, Float

from jaxcolor.color import cielab
from jaxcolor.plots import figure_style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Lightness at which bins are shown in their own color.
SHOWN_LIGHTNESS = 60.0
# Bins that are empty are left white; the rest is cut off below this share.
SMALLEST_SHARE = 1e-7
# Extent of a plane: CIELAB units to each side, and pixels along it.
REACH, PLANE_PIXELS = 120, 241
# A distribution is shown around the bins that have this share of its likeliest one's,
# with so many CIELAB units to each side, and not closer than within SMALLEST_WINDOW.
SEEN_SHARE, MARGIN, SMALLEST_WINDOW = 0.02, 12.0, 70.0
MARKERS = "o^Ds*P"


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
    figure = figure_style.figure(2.9 * columns + 0.9, 3 * rows, layout="compressed")
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
    figure = figure_style.figure(9, 4)
    own, prior = figure.subplots(1, 2, sharex=True, sharey=True)
    colors = _own_colors(centers)
    own.scatter(*centers.T[::-1], c=colors, s=_marker(centers), marker="s")
    own.set_title(f"{len(centers)} bins at L* = {SHOWN_LIGHTNESS:g}")
    drawn = _draw_shares(prior, shares, centers)
    prior.set_title(f"their shares in {source}", fontsize="medium")
    figure.colorbar(drawn, ax=prior, label="share of the pixels")
    for axes in (own, prior):
        _label_ab(axes)
    return figure


def planes(lightnesses: Sequence[float]) -> "Figure":
    """Draws the colors that sRGB has at some lightnesses, over the ab plane.

    Args:
        lightnesses: L* in [0, 100], a panel for each.
    """
    figure = figure_style.figure(2.7 * len(lightnesses) + 0.3, 3, layout="compressed")
    grid = np.atleast_1d(figure.subplots(1, len(lightnesses), sharey=True))
    axis = np.linspace(-REACH, REACH, PLANE_PIXELS, dtype=np.float32)
    ab = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1)
    for axes, lightness in zip(grid, lightnesses, strict=True):
        level = np.full((*ab.shape[:2], 1), lightness, np.float32)
        rgb = np.asarray(_lab_to_rgb(np.concatenate([level, ab], axis=-1)))
        is_inside = ((rgb >= 0) & (rgb <= 1)).all(axis=-1, keepdims=True)
        axes.imshow(
            np.where(is_inside, rgb, 1.0).clip(0, 1),
            extent=(-REACH, REACH, -REACH, REACH),
            origin="lower",
        )
        axes.set_title(f"L* = {lightness:g}", fontsize="medium")
        axes.grid(alpha=0.3)
        _label_ab(axes)
        axes.label_outer()
    return figure


def bins_and_outline(
    centers: Float[np.ndarray, "q 2"],
    outline: Float[np.ndarray, "n 2"],
    *,
    is_reached: Bool[np.ndarray, " q"],
) -> "Figure":
    """Draws the bins over the outline of all colors, which determines them.

    Args:
        centers: of the bins, CIELAB units.
        outline: corners of the hull of all colors, see `gamut.outline`.
        is_reached: whether a bin is the nearest one of some color.
    """
    figure = figure_style.figure(7.4, 4.8, layout="compressed")
    axes = figure.subplots()
    closed = np.concatenate([outline, outline[:1]])
    axes.fill(*closed.T[::-1], color="0.9", zorder=0)
    axes.plot(*closed.T[::-1], color="black", linewidth=1, label="outline of sRGB")
    for n, (chosen, meaning) in enumerate(
        (
            (is_reached, "nearest to some color"),
            (~is_reached, "neighbors of colors only"),
        )
    ):
        label = f"{chosen.sum()} bins, {meaning}"
        a, b = centers[chosen].T
        axes.scatter(
            b, a, s=_marker(centers) / 5, color=figure_style.COLORS[n], label=label
        )
    axes.set_aspect("equal")
    axes.legend(fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))
    _label_ab(axes)
    return figure


def distributions(
    panels: Mapping[str, Float[np.ndarray, " q"]],
    centers: Float[np.ndarray, "q 2"],
    *,
    marks: Mapping[str, Mapping[str, Float[np.ndarray, "2"]]],
) -> "Figure":
    """Draws distributions over bins, as squares in the bins' colors.

    A square's area is the bin's share, relative to that of the likeliest one. What is
    empty in all panels is cut off.

    Args:
        panels: by title, shares of the bins.
        centers: of the bins, CIELAB units.
        marks: by title, points of the plane by what they are called; at most six.
    """
    figure = figure_style.figure(3.3 * len(panels) + 0.4, 4.1, layout="compressed")
    grid = figure.subplots(1, len(panels), sharex=True, sharey=True, squeeze=False)[0]
    points = [ab for some in marks.values() for ab in some.values()]
    seen = [centers[p >= SEEN_SHARE * p.max()] for p in panels.values()]
    lows, highs = _window(np.concatenate([*seen, np.reshape(points, (-1, 2))]))
    # A bin's width in points, of an axis of about 2.6 inches.
    width = 2.6 * 72 * np.diff(np.unique(centers[:, 1])).min() / (highs - lows).max()
    colors = _own_colors(centers)
    for axes, (title, shares) in zip(grid, panels.items(), strict=True):
        axes.scatter(*centers.T[::-1], s=1, color="0.8", zorder=0)
        area = np.square(0.95 * width) * shares / shares.max()
        some = shares >= SEEN_SHARE * shares.max() / 10
        a, b = centers[some].T
        rim: dict[str, Any] = {"marker": "s", "edgecolor": "0.3", "linewidth": 0.4}
        axes.scatter(b, a, c=colors[some], s=area[some], **rim)
        named = marks.get(title, {}).items()
        for marker, (name, (a, b)) in zip(MARKERS, named, strict=False):
            rim = {"facecolor": "white", "edgecolor": "black", "zorder": 3}
            axes.scatter(b, a, marker=marker, s=60, label=name, **rim)
        if title in marks:
            # Below, where it hides no bin.
            below = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.17)}
            axes.legend(fontsize="small", ncols=2, **below)
        axes.set_title(title, fontsize="medium")
        axes.set(xlim=(lows[1], highs[1]), ylim=(lows[0], highs[0]), aspect="equal")
        _label_ab(axes)
        axes.label_outer()
    return figure


# Compiled as one, in a fraction of the time of its operations.
_lab_to_rgb = jax.jit(cielab.lab_to_rgb)


def _own_colors(centers: Float[np.ndarray, "q 2"]) -> Float[np.ndarray, "q 3"]:
    lab = np.column_stack([np.full(len(centers), SHOWN_LIGHTNESS), centers])
    return np.clip(np.asarray(_lab_to_rgb(np.float32(lab))), 0, 1)


def _window(
    points: Float[np.ndarray, "n 2"],
) -> tuple[Float[np.ndarray, "2"], Float[np.ndarray, "2"]]:
    """Returns the low and high ends of a square around points."""
    lows, highs = points.min(axis=0) - MARGIN, points.max(axis=0) + MARGIN
    side = max(float((highs - lows).max()), SMALLEST_WINDOW)
    middle = (lows + highs) / 2
    return middle - side / 2, middle + side / 2


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
