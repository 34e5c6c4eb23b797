"""Networks: lightness in, one vector of outputs per pixel of a smaller map out."""

from collections.abc import Callable

from jaxcolor.models import (
    alexnet,
    dahl2016,
    iizuka2016,
    larsson2016,
    lite_fpn,
    siggraph17,
    zhang2016,
)
from jaxcolor.models.interface import Network

BY_NAME: dict[str, Callable[..., Network]] = {
    "alexnet": alexnet.AlexNet,
    "dahl2016": dahl2016.Dahl2016,
    "iizuka2016": iizuka2016.Iizuka2016,
    "larsson2016": larsson2016.Larsson2016,
    "lite_fpn": lite_fpn.LiteFpn,
    "siggraph17": siggraph17.Siggraph17,
    "zhang2016": zhang2016.Zhang2016,
}
"""Networks by their names in configs and released models."""

__all__ = ["BY_NAME", "Network"]
