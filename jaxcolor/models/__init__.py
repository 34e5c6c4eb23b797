"""Networks: lightness in, one vector of outputs per pixel of a quarter-size map out."""

from jaxcolor.models import lite_fpn, zhang2016

BY_NAME = {"lite_fpn": lite_fpn.LiteFpn, "zhang2016": zhang2016.Zhang2016}
