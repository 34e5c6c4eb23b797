"""Dahl 2016, "Automatic Colorization" (tinyclouds.org/colorize): the residual encoder.

Run:    jaxcolor train --config dahl2016 --workdir runs/dahl2016 \
            --config.initialization.encoder=vgg16-397923af.pth
Expect: AuC 90.4, rebalanced AuC 58.9 and VGG-16 accuracy 48.7 percent (Zhang et al.
    2016, table 1, for weights of the author); results were published after 156,000
    steps of 6 photographs, about three days on a GTX 750 Ti. Not yet trained with this
    code. The .pth file has torchvision's weights of VGG-16, which stay as they are
    here; without it the training does not start. Prepare ImageNet first, as
    imagenet2012 in array_record format: docs/data.md.
"""

from ml_collections import ConfigDict

from . import zhang2016


def get_config() -> ConfigDict:
    """Returns the post's recipe; what it leaves open is said beside it."""
    config = zhang2016.get_config()
    del config.gamut, config.prior
    config.training.update(steps=156_000, batch_size=6)
    # The post has photographs of 224 pixels and does not say how they were cut.
    config.pipeline.update(squash=False, crop=224)
    config.objective = dict(name="sigmoid_uv")
    # The decay of the running statistics is not published.
    config.model = dict(name="dahl2016", width=1.0, momentum=0.99)
    config.initialization.update(method="random", encoder="vgg16-397923af.pth")
    # The trunk from ImageNet is not trained: only the encoder above it.
    config.layers.rates = {"trunk": 0.0}
    # Plain gradient descent without weight decay. The rate belongs to the author's
    # sum or mean over pixels, which is not published; here the loss is a mean.
    config.optimizer = dict(name="sgd", momentum=0.0)
    config.schedule = dict(name="steps", peak=0.1, factor=1.0, every=156_000)
    config.release = dict(
        size=224, temperature=None, rebalancing_lambda=None, coherence=0.0
    )
    return config
