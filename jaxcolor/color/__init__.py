"""Color of a pixel: CIELAB, quantized ab plane, soft encoding, rebalancing, decoding.

Arrays and named scalars in, arrays out. Every package may import it; it imports only
NumPy and JAX.
"""

from jaxcolor.color import (
    cielab,
    coherence,
    compose,
    decode,
    encode,
    gamut,
    heads,
    hue_chroma,
    losses,
    marginals,
    rebalance,
)

__all__ = [
    "cielab",
    "coherence",
    "compose",
    "decode",
    "encode",
    "gamut",
    "heads",
    "hue_chroma",
    "losses",
    "marginals",
    "rebalance",
]
