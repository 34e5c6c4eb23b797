"""Larsson et al. 2016: hue and chroma from the hypercolumns of VGG-16, on ImageNet.

Run:    jaxcolor train --config larsson2016 --workdir runs/larsson2016
Expect: an AMT fooling rate of 27.2 percent and 59.4 percent of photographs classified
    by VGG-16, as Zhang et al. measured for the authors' release (their table 1). Not
    yet trained with this code. Prepare ImageNet first, see docs/data.md.

The recipe is that of the authors' released solver and training network, except: the
trunk starts at random (He), as their training file does, while their paper starts from
VGG-16 trained on color photographs and then, for an epoch, on gray ones; a target is
the color of a pixel, as in the paper, where the file has the histogram of 7 x 7
pixels around it (`objective.window` counts cells of 4 x 4 pixels); and lightness is L*,
as for all networks here, not the mean of R, G and B.
"""

from ml_collections import ConfigDict

from . import zhang2016


def get_config() -> ConfigDict:
    """Returns the recipe of the released training files."""
    config = zhang2016.get_config()
    del config.gamut, config.prior
    config.training.update(steps=2_000_000, batch_size=8)
    # The shortest side is random between 352 and 600 pixels.
    config.pipeline.update(resize=352, squash=False, scales=(1.0, 600 / 352), crop=352)
    config.objective = dict(
        name="hue_chroma",
        bins=32,
        window=1,
        # About one over the mean chroma.
        hue_weight=5.0,
        # Their 0.03 is of the mean over the 32 bins, not of the sum.
        fading=0.96,
        samples=128,
        margin=96,
    )
    config.model = dict(name="larsson2016", width=1.0, momentum=0.999)
    config.initialization.update(method="random", images=0)
    config.optimizer = dict(
        name="caffe_sgd", momentum=0.9, weight_decay=5e-4, bias_rate=2.0
    )
    config.schedule = dict(
        name="piecewise",
        rates=(1e-3, 1e-4, 1e-5, 1e-6),
        starts=(1_000_000, 1_500_000, 1_750_000),
    )
    # The authors' scale: a photograph of 3 by 2 has a short side of 256 pixels.
    config.release = dict(
        size=384, temperature=None, rebalancing_lambda=None, coherence=0.0
    )
    return config
