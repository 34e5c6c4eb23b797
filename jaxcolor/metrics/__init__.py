"""Metrics of colors: accuracy, difference, similarity, calibration, intervals.

Each is a function of arrays for one photograph or one set of numbers. Packages above
this one may import it; it imports `color` only.
"""

from jaxcolor.metrics import (
    accuracy,
    bootstrap,
    calibration,
    ciede2000,
    color_contrast,
    frechet,
    ssim,
)

__all__ = [
    "accuracy",
    "bootstrap",
    "calibration",
    "ciede2000",
    "color_contrast",
    "frechet",
    "ssim",
]
