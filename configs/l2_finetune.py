"""The paper's regression of ab, fine-tuned from its full method: "Ours (L2, ft)".

Run:    jaxcolor train --config l2_finetune --workdir runs/l2_finetune \
            --config.initialization.checkpoint=runs/zhang2016
Expect: 312,000 steps after those of the full method, as the snapshot that the paper
    compares; its published solver would go on to 500,000. AuC 91.5 and rebalanced AuC
    66.2 percent (paper, table 1). Not yet trained with this code.
"""

from ml_collections import ConfigDict

from . import l2


def get_config() -> ConfigDict:
    """Returns the regression, which starts from the trunk of a trained full method."""
    config = l2.get_config()
    config.training.steps = 312_000
    # Loads all arrays except those of the head, which has two outputs here.
    config.initialization.update(checkpoint="runs/zhang2016", partial=True)
    return config
