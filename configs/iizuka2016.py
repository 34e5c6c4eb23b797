"""Iizuka et al. 2016: ab by regression, with the classes of scenes, on Places205.

Run:    jaxcolor train --config iizuka2016 --workdir runs/iizuka2016 \
            --config.data.source=PLACES205
Expect: 200,000 steps of 128 photographs, about 11 epochs of 2.3 million. PLACES205 is a
    folder of the 205 classes, CLASS/FILE; the paper left out photographs of little
    color. For ImageNet set data.source to tfds:imagenet2012:train, data.validation to
    imagenet-validation:tfds:imagenet2012:validation, data.held_out_fraction to 0 and
    model.classes to 1000. Not yet trained with this code.
"""

from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

from . import l2


def get_config() -> ConfigDict:
    """Returns the paper's recipe: Adadelta on colors and a little of classes."""
    config = l2.get_config()
    config.training.update(steps=200_000, batch_size=128)
    # About as many as the paper validates on: 19,000.
    config.data.update(
        source="places205", validation=placeholder(str), held_out_fraction=0.008
    )
    # Photographs of 256 x 256 pixels, and random crops of the size at which the global
    # branch sees the same crop.
    config.pipeline.update(resize=256, squash=True, crop=224)
    config.objective = dict(
        name="regression_with_classes",
        # Photographs are of the classes that their folders, or their labels, name.
        classes=(),
        alpha=1 / 300,
    )
    config.model = dict(
        name="iizuka2016", width=1.0, global_size=224, classes=205, momentum=0.9
    )
    config.initialization.method = "random"
    # Sources name no constants of Adadelta; these are the usual ones.
    config.optimizer = dict(name="adadelta", rho=0.9, eps=1e-6)
    # Constant.
    config.schedule = dict(name="steps", peak=1.0, factor=1.0, every=200_000)
    return config
