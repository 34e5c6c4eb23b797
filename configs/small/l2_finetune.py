"""The paper's regression of ab from its full method, small: its "L2, ft".

Run:    jaxcolor train --config small/l2_finetune --workdir runs/small/l2_finetune \
            --config.data.source=PHOTOS
Expect: train small/zhang2016 first, in runs/small/zhang2016, or say where with
    --config.initialization.checkpoint=WORKDIR. As long as small/l2, after the crops
    of the full method: on the same photographs a validation loss of 167.4 (small/l2:
    170.6) and relative colorfulness 0.32.
"""

from ml_collections import ConfigDict

from . import l2


def get_config() -> ConfigDict:
    """Returns the small regression, from the trunk of the small full method."""
    config = l2.get_config()
    # Loads all arrays except those of the head, which has two outputs here.
    config.initialization.update(checkpoint="runs/small/zhang2016", partial=True)
    return config
