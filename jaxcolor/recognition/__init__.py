"""Semantic interpretability: how well re-colored photographs are recognized.

A classifier that has learned from color photographs recognizes gray ones less well.
How much of the loss a colorizer recovers tells whether its colors are meaningful.
`classifier_training` trains one of your own; it needs the extra `train`.

Source:
    Zhang et al. 2016 (arXiv:1603.08511), section 3.1, "semantic interpretability".
"""

from jaxcolor.recognition.classification import (
    classes_of,
    gray,
    hits,
    is_among_top,
    labels,
    top,
)
from jaxcolor.recognition.classifiers import (
    Classifier,
    FromFunction,
    Trained,
    load,
    save,
)
from jaxcolor.recognition.published_classifiers import published

__all__ = [
    "Classifier",
    "FromFunction",
    "Trained",
    "classes_of",
    "gray",
    "hits",
    "is_among_top",
    "labels",
    "load",
    "published",
    "save",
    "top",
]
