"""Networks: lightness in, one vector of outputs per pixel of a smaller map out."""

from collections.abc import Callable

from jaxcolor.models import alexnet, lite_fpn, zhang2016
from jaxcolor.models.interface import Network

BY_NAME: dict[str, Callable[..., Network]] = {
    "alexnet": alexnet.AlexNet,
    "lite_fpn": lite_fpn.LiteFpn,
    "zhang2016": zhang2016.Zhang2016,
}
"""Networks by their names in configs and released models."""

__all__ = ["BY_NAME", "Network"]
