"""Every figure, from arrays."""

from jaxcolor.plots.page import jpeg, png
from jaxcolor.plots.pictures import GAP, PAPER, contact_sheet, write_png
from jaxcolor.plots.plane import bins_and_prior, histograms
from jaxcolor.plots.results import (
    accuracy_curves,
    against_temperature,
    dots,
    heat_maps,
    reliability,
)

__all__ = [
    "GAP",
    "PAPER",
    "accuracy_curves",
    "against_temperature",
    "bins_and_prior",
    "contact_sheet",
    "dots",
    "heat_maps",
    "histograms",
    "jpeg",
    "png",
    "reliability",
    "write_png",
]
