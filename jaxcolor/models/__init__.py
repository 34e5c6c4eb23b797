"""Networks: lightness in, one vector of outputs per pixel of a quarter-size map out."""

from jaxcolor.models import zhang2016

BY_NAME = {"zhang2016": zhang2016.Zhang2016}
