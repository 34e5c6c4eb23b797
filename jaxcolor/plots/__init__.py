"""Every figure, from arrays."""

from jaxcolor.plots.figure_style import jpeg, png
from jaxcolor.plots.pictures import (
    GAP,
    PAPER,
    contact_sheet,
    maps,
    photographs,
    picture_grid,
    write_png,
)
from jaxcolor.plots.plane import (
    bins_and_outline,
    bins_and_prior,
    distributions,
    histograms,
    planes,
)
from jaxcolor.plots.results import (
    accuracy_curves,
    against_count,
    against_temperature,
    dots,
    heat_maps,
    lines,
    reliability,
)

__all__ = [
    "GAP",
    "PAPER",
    "accuracy_curves",
    "against_count",
    "against_temperature",
    "bins_and_outline",
    "bins_and_prior",
    "contact_sheet",
    "distributions",
    "dots",
    "heat_maps",
    "histograms",
    "jpeg",
    "lines",
    "maps",
    "photographs",
    "picture_grid",
    "planes",
    "png",
    "reliability",
    "write_png",
]
