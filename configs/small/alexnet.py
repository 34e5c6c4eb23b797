"""The AlexNet of the paper's representation tests, small.

Run:    jaxcolor train --config small/alexnet --workdir runs/small/alexnet \
            --config.data.source=PHOTOS
Expect: coarser colors than small/zhang2016: its map has 8 x 8 cells for
    a crop. Not yet trained to its end.
"""

from ml_collections import ConfigDict

from . import zhang2016


def get_config() -> ConfigDict:
    """Returns the small full method with the AlexNet at a quarter of its width."""
    config = zhang2016.get_config()
    config.model = dict(name="alexnet", width=0.25, momentum=0.99)
    return config
