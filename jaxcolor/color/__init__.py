"""Color of a pixel: CIELAB, quantized ab plane, soft encoding, rebalancing, decoding.

Arrays and named scalars in, arrays out. Every package may import it; it imports only
NumPy and JAX.
"""

from jaxcolor.color.cielab import lab_to_rgb, rgb_to_lab
from jaxcolor.color.gamut import Gamut

__all__ = ["Gamut", "lab_to_rgb", "rgb_to_lab"]
