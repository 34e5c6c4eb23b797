"""The user-guided network of Zhang et al. 2017, small.

Run:    jaxcolor train --config small/siggraph17 --workdir runs/small/siggraph17 \
            --config.data.source=PHOTOS
Expect: ab from lightness and simulated hints. One stage: there are too few photographs
    to learn the features from classes of color first. `python -m experiments.hints`
    measures what hints add. On the photographs of small/zhang2016 a validation L1 of
    0.1544 (gray: 0.1763) and relative colorfulness 0.36, after 33 minutes of two busy
    cores. The branch of classes, which the shared layers do not learn from, stays worse
    than a constant prediction.
"""

from ml_collections import ConfigDict

from . import _base


def get_config() -> ConfigDict:
    """Returns the second stage of the paper, from random weights."""
    config = _base.get_config()
    config.objective = dict(
        name="user_guided",
        stage="regression",
        ab_weight=10.0,
        class_weight=1.0,
        hint_stop=0.125,
        # Of crops of 64 pixels, where the authors' 9 are of crops of 176.
        hint_side=4,
        revealed_share=0.0,
    )
    config.model = dict(name="siggraph17", width=0.25, centers_mask=True, momentum=0.99)
    return config
