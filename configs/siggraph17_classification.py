"""Zhang et al. 2017, the first stage: features from classes of color, without hints.

Run:    jaxcolor train --config siggraph17_classification \
            --workdir runs/siggraph17_classification
Expect: weights that `siggraph17` starts from; the branch that predicts ab trains on
    features that it does not change. Not yet trained with this code. The authors'
    program first trains 100 epochs on ten classes of ImageNet, in place of a k-means
    initialization, and leaves out photographs of nearly one color; here the layers are
    rescaled to unit variance instead, and all photographs are used.
"""

from ml_collections import ConfigDict

from . import zhang2016

# The authors' is 25; 24 can be shared by 2, 4 or 8 devices.
BATCH = 24
# Steps of an epoch of ImageNet's 1,281,167 training photographs.
EPOCH = 1_281_167 // BATCH


def get_config() -> ConfigDict:
    """Returns the recipe of the authors' training program for PyTorch."""
    config = zhang2016.get_config()
    del config.gamut, config.prior
    config.training.update(steps=15 * EPOCH, batch_size=BATCH)
    # A crop shows from 8 to 100 percent of the photograph's central square.
    config.pipeline.update(squash=False, scales=(0.6875, 2.43))
    config.objective = dict(
        name="user_guided",
        stage="classification",
        ab_weight=10.0,
        class_weight=1.0,
        hint_stop=1.0,
        hint_side=9,
        # The paper reveals all colors of one photograph in a hundred, its code none.
        revealed_share=0.0,
    )
    config.model = dict(name="siggraph17", width=1.0, centers_mask=True, momentum=0.9)
    config.optimizer = dict(name="adam", b1=0.9, b2=0.999, eps=1e-8, weight_decay=0.0)
    config.schedule = dict(name="steps", peak=1e-4, factor=1.0, every=EPOCH)
    config.release = dict(
        size=256, temperature=None, rebalancing_lambda=None, coherence=0.0
    )
    return config
