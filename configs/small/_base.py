"""What all methods of the small comparison share; each adds its objective and model."""

from ml_collections import ConfigDict

from .. import scenes_small


def get_config() -> ConfigDict:
    """Returns a config without `objective` and `model`, to be released without bins.

    A classification adds `gamut` and `prior`, and its own numbers for `release`.
    """
    config = scenes_small.get_config()
    del config.gamut, config.prior, config.objective, config.model
    # 64,000 crops.
    config.training.update(steps=2000, checkpoint_every=500, sheet_every=2000, keep=1)
    config.pipeline.update(resize=64, crop=64, scales=(1.0, 2.0))
    config.schedule.warmup = 100
    config.average.decay = 0.995
    config.release = dict(
        size=128, temperature=None, rebalancing_lambda=None, coherence=0.0
    )
    return config
