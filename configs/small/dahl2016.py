"""The residual encoder of Dahl 2016, small.

Run:    jaxcolor train --config small/dahl2016 --workdir runs/small/dahl2016 \
            --config.data.source=PHOTOS
Expect: brownish colors, as with small/l2, for half of its operations. Unlike the
    author's, the trunk starts from scratch and is trained, not frozen: published
    weights of VGG-16 fit the full width only. On the photographs of small/zhang2016 a
    validation loss of 0.00306 (constant prediction: 0.00415) and relative colorfulness
    0.45, after 23 minutes of two busy cores.
"""

from ml_collections import ConfigDict

from . import _base


def get_config() -> ConfigDict:
    """Returns the author's network at a quarter of its width, with its loss."""
    config = _base.get_config()
    config.objective = dict(name="sigmoid_uv")
    config.model = dict(name="dahl2016", width=0.25, momentum=0.99)
    return config
