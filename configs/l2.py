"""The paper's regression of ab, from scratch: "Ours (L2)".

Run:    jaxcolor train --config l2 --workdir runs/l2
Expect: 534,000 steps, those of the snapshot that the paper compares; its published
    solver would end at 500,000. AuC 91.2 and rebalanced AuC 64.4 percent (paper, table
    1); brownish colors, the mean of all plausible ones. Not yet trained with this code.
"""

from ml_collections import ConfigDict

from . import zhang2016


def get_config() -> ConfigDict:
    """Returns the full method's protocol with two outputs and the Euclidean loss."""
    config = zhang2016.get_config()
    config.training.steps = 534_000
    del config.gamut, config.prior
    config.objective = dict(name="regression")
    config.release = dict(
        size=256, temperature=None, rebalancing_lambda=None, coherence=0.0
    )
    return config
