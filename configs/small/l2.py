"""The paper's regression of ab from scratch, small: its "L2".

Run:    jaxcolor train --config small/l2 --workdir runs/small/l2 \
            --config.data.source=PHOTOS
Expect: about 20 minutes of CPU time, and brownish colors, the mean of all plausible
    ones: on the photographs of small/zhang2016 a validation loss of 170.6 (constant
    prediction: 213.4) and relative colorfulness 0.32.
"""

from ml_collections import ConfigDict

from . import _base


def get_config() -> ConfigDict:
    """Returns the small network of the full method with two outputs."""
    config = _base.get_config()
    config.objective = dict(name="regression")
    config.model = dict(name="zhang2016", width=0.25, affine=True, momentum=0.99)
    return config
