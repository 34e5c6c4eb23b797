"""Zhang et al. 2017, the second stage: ab from lightness and simulated hints.

Run:    jaxcolor train --config siggraph17 --workdir runs/siggraph17 \
            --config.initialization.checkpoint=runs/siggraph17_classification
Expect: PSNR of 24.4 dB without hints, 25.4 with one, 28.4 with ten and 31.1 with a
    hundred (the authors' model on 1,000 test photographs of ImageNet), by
    `python -m experiments.hints PHOTOS --model runs/siggraph17 -o hints.png`. Not yet
    trained with this code.
"""

from ml_collections import ConfigDict

from . import siggraph17_classification
from .siggraph17_classification import EPOCH


def get_config() -> ConfigDict:
    """Returns ten epochs at 1e-5 and five at 1e-6, from the weights of stage one."""
    config = siggraph17_classification.get_config()
    config.training.steps = 15 * EPOCH
    config.objective.update(
        stage="regression",
        # Seven hints in the mean.
        hint_stop=0.125,
    )
    config.initialization.checkpoint = "runs/siggraph17_classification"
    config.schedule = dict(name="steps", peak=1e-5, factor=0.1, every=10 * EPOCH)
    return config
