"""Models as StableHLO, the language of XLA, in the container of `jax.export`."""

import jax
import jax.numpy as jnp
from jax import export
from jaxtyping import Array, Float

from jaxcolor.color import compose
from jaxcolor.pretrained.exporters import program
from jaxcolor.pretrained.release import Pretrained

PLATFORMS = ("cpu", "cuda", "tpu")
"""Platforms that a file runs on."""


def encode(model: Pretrained, *, has_logits: bool = False) -> bytes:
    """Returns a model as what `jax.export.deserialize` reads.

    Its arguments are the lightness (b, 1, h, w), L* in [0, 100], and, of a model with
    bins, the scalars temperature and rebalancing_lambda. It gives ab (b, 2, h, w) in
    CIELAB units, under the name "ab" of a dictionary. Sizes are open: height and width
    are multiples of the network's. Decoding is plain: there is no coherence.

    Args:
        model: to export.
        has_logits: whether there is also "logits" (b, n, H, W): what the head decodes,
            moved to the lambda, for each cell of the network's map.
    """
    exported = program.of_model(model)

    def function(
        lightness: Float[Array, "b 1 h w"], *settings: Float[Array, ""]
    ) -> dict[str, Float[Array, "b n H W"]]:
        ab, outputs = exported.function(lightness, *settings)
        if exported.stride > 1:
            ab = compose.enlarge(ab, lightness[:, 0])
        found = {"ab": ab, "logits": outputs} if has_logits else {"ab": ab}
        return {name: jnp.moveaxis(x, -1, 1) for name, x in found.items()}

    traced = export.export(jax.jit(function), platforms=PLATFORMS)
    return bytes(traced(*exported.arguments.values()).serialize())
