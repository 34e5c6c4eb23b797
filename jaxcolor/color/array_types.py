"""Names of the arrays that appear in signatures across jaxcolor.

`*p` stands for any leading axes (pixels: an image, a batch of images, or one
pixel), `q` for the bins of the quantized ab plane, `k` for the neighbors of a soft
code, `t` for temperatures. Names only: no code.
"""

from jaxtyping import Array, Float, Int, UInt8

Rgb = Float[Array, "*p 3"]
Rgb8 = UInt8[Array, "*p 3"]
Lab = Float[Array, "*p 3"]
Ab = Float[Array, "*p 2"]
Lightness = Float[Array, "*p"]
PerPixel = Float[Array, "*p"]
Logits = Float[Array, "*p q"]
Probs = Float[Array, "*p q"]
Bin = Int[Array, "*p"]
BinWeights = Float[Array, " q"]
Scalar = Float[Array, ""]
