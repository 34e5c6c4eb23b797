"""The full method of Zhang et al. 2016, small: classification with rebalancing.

Run:    jaxcolor train --config small/zhang2016 --workdir runs/small/zhang2016 \
            --config.data.source=PHOTOS
Expect: 64,000 crops of 64 pixels, 22 minutes of CPU time. On 26,000 photographs of
    scenes and everyday life a validation loss of 3.893 nats (constant prediction:
    4.147) and relative colorfulness 0.71. Compare it with the other configs of this
    folder only: they see the same crops.
"""

from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

from . import _base


def get_config() -> ConfigDict:
    """Returns the paper's method at a quarter of its width."""
    config = _base.get_config()
    config.gamut = dict(spacing=10.0)
    config.objective = dict(
        name="classification",
        neighbors=10,
        sigma=5.0,
        training_lambda=0.5,
        gray_threshold=5.0,
    )
    config.prior = dict(path=placeholder(str))
    config.model = dict(name="zhang2016", width=0.25, affine=True, momentum=0.99)
    config.release.update(temperature=0.38, rebalancing_lambda=0.5)
    return config
