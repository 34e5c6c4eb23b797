"""The paper's regression of ab from scratch, small: its "L2".

Run:    jaxcolor train --config small/l2 --workdir runs/small/l2 \
            --config.data.source=PHOTOS
Expect: a little faster than small/zhang2016, and brownish colors, the mean of all
    plausible ones. Not yet trained to its end.
"""

from ml_collections import ConfigDict

from . import _base


def get_config() -> ConfigDict:
    """Returns the small network of the full method with two outputs."""
    config = _base.get_config()
    config.objective = dict(name="regression")
    config.model = dict(name="zhang2016", width=0.25, affine=True, momentum=0.99)
    return config
