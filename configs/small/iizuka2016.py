"""Regression with the classes of scenes, small: Iizuka et al. 2016.

Run:    jaxcolor train --config small/iizuka2016 --workdir runs/small/iizuka2016 \
            --config.data.source=PHOTOS
Expect: the class of each scene beside its colors. PHOTOS has folders named as the
    classes below; photographs in other folders train the colors only. For other
    classes set objective.classes, or leave it empty for all folders, and model.classes
    to their number. On the photographs of small/zhang2016 a validation loss of 0.00522
    (constant prediction: 0.00827), 76 % of the scenes recognized, and relative
    colorfulness 0.39, after 14 minutes of two busy cores.
"""

from ml_collections import ConfigDict

from . import _base

CLASSES = ("buildings", "forest", "glacier", "mountain", "sea", "street")


def get_config() -> ConfigDict:
    """Returns the method at a quarter of its width."""
    config = _base.get_config()
    config.objective = dict(
        name="regression_with_classes", alpha=1 / 300, classes=CLASSES
    )
    config.model = dict(
        name="iizuka2016",
        width=0.25,
        # Both branches see the crop, as in the paper's training.
        global_size=config.pipeline.crop,
        classes=len(CLASSES),
        momentum=0.99,
    )
    return config
