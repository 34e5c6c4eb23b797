"""The AlexNet of the paper's representation tests: ab from lightness, on ImageNet.

Run:    jaxcolor train --config alexnet --workdir runs/alexnet
Expect: 450,000 steps of 80 photographs; 2 seconds a step, 10.5 days, on one Titan X
    Pascal (its author's report). Its colors are coarse, as its map is an eighth of the
    size; it is trained for what its layers learn, of which the paper has the numbers
    (section 3.2). Not yet trained with this code. Prepare ImageNet first, as for
    zhang2016: docs/data.md.
"""

from ml_collections import ConfigDict

from . import zhang2016

# The authors sum the loss over the 23 x 23 outputs of a crop of 180 pixels; ours is the
# mean, so epsilon and weight decay of Adam are divided by the number of outputs.
PIXELS = 23**2


def get_config() -> ConfigDict:
    """Returns the recipe of the released train_alexnet: network file and solvers."""
    config = zhang2016.get_config()
    config.training.update(steps=450_000, batch_size=80)
    # 180 in the paper, which is no multiple of 8. From pool1 on, the maps have the same
    # size, and there are 22 x 22 labels.
    config.pipeline.crop = 176
    config.model = dict(name="alexnet", width=1.0, momentum=0.999)
    # Its solvers have 0.999, where that of the paper's own network has 0.99.
    config.optimizer = dict(
        name="adam", b1=0.9, b2=0.999, eps=1e-8 / PIXELS, weight_decay=1e-3 / PIXELS
    )
    # Four solvers, one after the other.
    config.schedule = dict(
        name="piecewise",
        rates=(3e-5, 1e-5, 3e-6, 1e-6),
        starts=(240_000, 300_000, 400_000),
    )
    # Biases learn twice as fast; normalization cancels all others. Unlike the authors'
    # they also decay, which for this one is little.
    config.layers.rates = {"fc8/bias": 2.0}
    return config
