"""Writes the plots of an evaluation as files, and the report that contains them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from jaxcolor import plots
from jaxcolor.evaluation import metric, systems
from jaxcolor.evaluation.report import html
from jaxcolor.evaluation.report.html import Example, Figure
from jaxcolor.evaluation.result_tables import Evaluation
from jaxcolor.runtime import atomic

REPORT, PLOTS = "report.html", "plots"
AREAS = ("auc", "rebalanced_auc")


def write(
    evaluation: Evaluation, folder: Path, *, examples: Mapping[str, Sequence[Example]]
) -> None:
    """Writes report.html and plots/*.png into the folder of an evaluation."""
    drawn = figures(evaluation)
    (folder / PLOTS).mkdir(parents=True, exist_ok=True)
    for name, figure in drawn.items():
        atomic.write_bytes(folder / PLOTS / f"{name}.png", figure.png)
    page = html.page(evaluation, figures=list(drawn.values()), examples=examples)
    atomic.write_text(folder / REPORT, page)


def figures(evaluation: Evaluation) -> dict[str, Figure]:
    """Returns the figures of an evaluation, by the name of their file."""
    # The ground truth's own curve and numbers show nothing.
    predicted = {n: c for n, c in evaluation.curves.items() if n != systems.TRUTH}
    rows = [row for row in evaluation.rows if row.system != systems.TRUTH]
    areas = {
        metric.heading_of(one): [row.numbers[one.key] for row in rows]
        for one in evaluation.metrics
        if one.key in AREAS
    }
    found = {}
    if predicted:
        found["accuracy_curves"] = Figure(
            "Share of the pixels within a distance of the true ab",
            plots.png(plots.accuracy_curves(predicted)),
        )
    if areas:
        found["auc"] = Figure(
            "Area under these curves, with 95 % intervals",
            plots.png(plots.dots([row.system for row in rows], areas)),
        )
    if evaluation.histograms:
        found |= _colors(evaluation)
    if evaluation.reliability:
        diagrams = {n: d._asdict() for n, d in evaluation.reliability.items()}
        found["reliability"] = Figure(
            "How often the likeliest bin is the true one",
            plots.png(plots.reliability(diagrams)),
        )
    return found


def _colors(evaluation: Evaluation) -> dict[str, Figure]:
    centers = np.asarray(evaluation.centers, np.float32)
    shares = np.asarray(evaluation.histograms[systems.TRUTH])
    return {
        "histograms": Figure(
            "How common each color is, on a logarithmic scale",
            plots.png(plots.histograms(evaluation.histograms, centers)),
        ),
        "bins": Figure(
            "The bins of the ab plane, and the colors of the photographs",
            plots.png(plots.bins_and_prior(centers, shares, source="the photographs")),
        ),
    }
