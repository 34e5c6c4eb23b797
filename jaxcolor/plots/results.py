"""Figures of measurements: curves, dots with intervals, heat maps of a grid."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from jaxcolor.plots import figure_style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Shares of the cells of a heat map below and above which colors do not change.
OUTER = (0.2, 0.8)
# Share of a plot's width over which the points of one temperature are spread.
ASIDE = 0.03


def accuracy_curves(curves: Mapping[str, Mapping[str, Sequence[float]]]) -> "Figure":
    """Draws the share of pixels within each ab distance, raw and rebalanced.

    Args:
        curves: by system, "raw" and "rebalanced", percent at 0, 1, ..., 150.
    """
    figure = figure_style.figure(9, 4)
    raw, rebalanced = figure.subplots(1, 2, sharey=True)
    for axes, kind, title in (
        (raw, "raw", "all pixels weighted equally"),
        (rebalanced, "rebalanced", "all colors weighted equally"),
    ):
        for look, (system, curve) in zip(
            figure_style.looks([*curves]), curves.items(), strict=True
        ):
            axes.plot(curve[kind], label=system, **look)
        axes.set(title=title, xlabel="ab distance, CIELAB units", xlim=(0, 150))
        axes.set_ylim(0, 100)
        axes.grid(alpha=0.3)
    raw.set_ylabel("pixels within the distance, %")
    rebalanced.legend(fontsize="small", loc="lower right")
    return figure


def dots(
    names: Sequence[str],
    panels: Mapping[str, Sequence[tuple[float, float | None, float | None]]],
) -> "Figure":
    """Draws one panel of dots with intervals for each metric.

    Args:
        names: of the systems.
        panels: by the label of the metric, its value, low and high end by system; an
            interval that is None is not drawn.
    """
    figure = figure_style.figure(4.5 * len(panels), 0.9 + 0.32 * len(names))
    grid = np.atleast_1d(figure.subplots(1, len(panels), sharey=True))
    colors = [look["color"] for look in figure_style.looks(names)]
    for axes, (label, numbers) in zip(grid, panels.items(), strict=True):
        for n, (value, low, high) in enumerate(numbers):
            ends = None
            if low is not None and high is not None:
                ends = [[max(0, value - low)], [max(0, high - value)]]
            axes.errorbar(value, n, xerr=ends, fmt="o", color=colors[n], capsize=3)
        axes.set(xlabel=label, yticks=range(len(names)), yticklabels=names)
        axes.grid(alpha=0.3)
    # The first on top, and no dot on the frame.
    grid[0].set_ylim(len(names) - 0.5, -0.5)
    return figure


def reliability(diagrams: Mapping[str, Mapping[str, Sequence[float]]]) -> "Figure":
    """Draws how often the likeliest bin is right against how sure the system is.

    Args:
        diagrams: by system, "pixels", "confidence" and "accuracy" of each interval.
    """
    figure = figure_style.figure(4.8, 4.4)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="gray", linewidth=1, label="calibrated")
    looks = figure_style.looks([*diagrams])
    for look, (system, diagram) in zip(looks, diagrams.items(), strict=True):
        some = np.asarray(diagram["pixels"]) > 0
        x, y = (np.asarray(diagram[k])[some] for k in ("confidence", "accuracy"))
        axes.plot(x, y, label=system, marker="o", **look)
    axes.set(
        xlabel="probability of the likeliest bin",
        ylabel="share of pixels where it is the true one",
        xlim=(0, 1),
        ylim=(0, 1),
        aspect="equal",
    )
    axes.legend(fontsize="small")
    return figure


def heat_maps(
    panels: Mapping[str, Float[np.ndarray, "t l"]],
    temperatures: Sequence[float],
    lambdas: Sequence[float],
    *,
    best: tuple[int, int] | None,
) -> "Figure":
    """Draws numbers over a grid of temperatures and lambdas, written in its cells.

    Args:
        panels: by title, numbers; one that is NaN is left empty.
        temperatures: of the rows.
        lambdas: of the columns.
        best: row and column of the cell that is framed; None to frame none.
    """
    wide, high = 0.62 * len(lambdas) + 1.4, 0.42 * len(temperatures) + 1.1
    figure = figure_style.figure(max(3.0, wide) * len(panels), max(2.4, high))
    grid = np.atleast_1d(figure.subplots(1, len(panels), sharey=True))
    for axes, (title, values) in zip(grid, panels.items(), strict=True):
        _draw_cells(axes, values)
        if best is not None:
            row, column = best
            across, up = np.array([[-1, 1, 1, -1, -1], [-1, -1, 1, 1, -1]]) * 0.46
            axes.plot(
                column + across, row + up, color=figure_style.COLORS[1], linewidth=2.5
            )
        axes.set_title(title, fontsize="medium")
        axes.set(xlabel="λ", xticks=range(len(lambdas)), yticks=range(len(values)))
        axes.set_xticklabels([f"{x:g}" for x in lambdas])
        axes.set_yticklabels([f"{t:g}" for t in temperatures])
    grid[0].set_ylabel("temperature")
    return figure


def against_temperature(
    panels: Mapping[str, Mapping[str, Sequence[tuple[float, float, float]]]],
    temperatures: Sequence[float],
    *,
    levels: Mapping[str, tuple[str, float]],
) -> "Figure":
    """Draws numbers with their intervals against the temperature, two to a row.

    Args:
        panels: by the label of a number, then by that of a line, as a lambda: its
            value, low and high end at each temperature.
        temperatures: two or more, ascending.
        levels: by the label of a number, the name and the number of something else that
            is drawn across.
    """
    columns = min(2, len(panels))
    rows = -(-len(panels) // columns)
    figure = figure_style.figure(5.5 * columns + 1, 4.2 * rows)
    for place, (label, curves) in enumerate(panels.items(), start=1):
        axes = figure.add_subplot(rows, columns, place)
        # Offset for legibility of the intervals, but only slightly: the position of a
        # point shows its temperature.
        step = ASIDE * np.ptp(temperatures) / len(curves)
        for n, (name, numbers) in enumerate(curves.items()):
            value, low, high = np.array(numbers).T
            ends = np.maximum(0, [value - low, high - value])
            x = np.asarray(temperatures) + (n - (len(curves) - 1) / 2) * step
            look = figure_style.look(n) | {
                "marker": "o",
                "markersize": 3,
                "elinewidth": 0.8,
            }
            axes.errorbar(x, value, yerr=ends, label=name, **look)
        if label in levels:
            name, level = levels[label]
            axes.axhline(level, color="gray", linewidth=1, label=name)
        axes.set(xlabel="temperature", ylabel=label, xticks=temperatures)
        axes.set_xticklabels([f"{t:g}" for t in temperatures])
        axes.grid(alpha=0.3)
        # Beside it, where it hides no line.
        axes.legend(fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def lines(
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    *,
    x: str,
    y: str,
    is_logarithmic: bool,
    verticals: Mapping[str, float],
) -> "Figure":
    """Draws lines of y over x.

    Args:
        curves: by label, the numbers along x and along y.
        x: what x is, with its unit.
        y: what y is, with its unit.
        is_logarithmic: whether both scales are.
        verticals: by what they are called, values of x that are marked.
    """
    figure = figure_style.figure(6.6, 3.4)
    axes = figure.subplots()
    for n, (label, (across, up)) in enumerate(curves.items()):
        axes.plot(across, up, label=label, **figure_style.look(n))
    for n, (name, value) in enumerate(verticals.items()):
        style = figure_style.STYLES[1 + n % 3]
        axes.axvline(value, color="gray", linestyle=style, linewidth=1, label=name)
    axes.set(xlabel=x, ylabel=y)
    if is_logarithmic:
        axes.set(xscale="log", yscale="log")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def against_count(
    curves: Mapping[str, tuple[Sequence[int], Sequence[float]]], *, x: str, y: str
) -> "Figure":
    """Draws lines with dots over counts that begin at 0 and reach hundreds.

    Args:
        curves: by label, the counts, ascending, and the numbers at them.
        x: what is counted.
        y: what the numbers are, with their unit.
    """
    figure = figure_style.figure(6.6, 3.6)
    axes = figure.subplots()
    for n, (label, (across, up)) in enumerate(curves.items()):
        axes.plot(across, up, label=label, marker="o", **figure_style.look(n))
    axes.set(xlabel=x, ylabel=y)
    # Linear from 0 to 1, logarithmic beyond.
    axes.set_xscale("symlog", linthresh=1)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def _draw_cells(axes: Any, values: Float[np.ndarray, "t l"]) -> None:
    # A corner of the grid may be far off, and would use up the range of colors.
    low, high = np.nanquantile(values, OUTER) if np.isfinite(values).any() else (0, 1)
    drawn = axes.imshow(
        values, cmap="viridis", origin="lower", aspect="auto", vmin=low, vmax=high
    )
    for (i, j), value in np.ndenumerate(values):
        if np.isfinite(value):
            # Viridis is bright in its upper half only.
            color = "black" if drawn.norm(value) > 0.6 else "white"
            axes.text(j, i, f"{value:.2f}", color=color, ha="center", va="center")
