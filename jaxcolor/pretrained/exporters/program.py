"""What all exports compute: from lightness to ab, as one function of arrays.

Its sizes are symbols, so that what is exported runs at every size of photographs.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import export
from jaxtyping import Array, Float

from jaxcolor.color import coherence, rebalance
from jaxcolor.color.heads import BinsDecoder, Decoder
from jaxcolor.pretrained.release import Pretrained

SETTINGS = ("temperature", "rebalancing_lambda")
"""Inputs of a model with bins, besides the lightness: scalars, as of `Decoding`."""

PLAIN = "plain decoding, without coherence: each cell of the network's map by itself"
"""What is exported of the ways to decode, for cards and help texts."""


class Program(NamedTuple):
    """A function to export, and what it is traced with.

    Attributes:
        function: from lightness (b, 1, h, w), and the settings, to ab in CIELAB units
            and to the outputs, moved to the decoding's lambda: both for each cell of
            the network's map, channels last.
        arguments: shapes and types of its arguments, by name.
        symbols: of the sizes in these shapes: (b, multiple * h, multiple * w).
        multiple: height and width of the lightness are multiples of it.
        stride: pixels of the lightness for one cell, along each axis.
    """

    function: Callable[..., tuple[Array, Array]]
    arguments: dict[str, jax.ShapeDtypeStruct]
    symbols: tuple[Any, Any, Any]
    multiple: int
    stride: int


def of_model(model: Pretrained) -> Program:
    """Returns the program of a model, which holds its variables as constants."""
    network, multiple = model.network, model.network.input_multiple
    decoding = model.description.decoding
    # Regressions have neither, and where the prior is unknown there is no lambda.
    names = [name for name in SETTINGS if getattr(decoding, name) is not None]

    def function(
        lightness: Float[Array, "b 1 h w"], *settings: Float[Array, ""]
    ) -> tuple[Float[Array, "b H W 2"], Float[Array, "b H W n"]]:
        b, _, h, w = lightness.shape
        lightness = lightness.reshape(b, h, w)
        outputs = network.apply(model.variables, lightness, train=False)
        # With `mutable`, Flax would return a tuple.
        assert isinstance(outputs, jax.Array)
        decoder = _decoder(model, dict(zip(names, settings, strict=True)))
        moved = decoder.move(outputs)
        cells = coherence.cell_means(lightness, of=moved)
        return decoder.ab(moved, cells), moved

    b, h, w = export.symbolic_shape("b, h, w")
    shape = (b, 1, multiple * h, multiple * w)
    arguments = {"lightness": jax.ShapeDtypeStruct(shape, jnp.float32)}
    arguments |= {name: jax.ShapeDtypeStruct((), jnp.float32) for name in names}
    return Program(function, arguments, (b, h, w), multiple, network.output_stride)


def _decoder(model: Pretrained, settings: Mapping[str, Float[Array, ""]]) -> Decoder:
    head, prior = model.description.head, model.prior
    if head.gamut is None:
        return head.decoder(model.description.decoding, prior)
    trained = wanted = jnp.ones(head.outputs)
    if "rebalancing_lambda" in settings:
        # Within its range also where a program asks for another.
        lambdas = (
            head._asdict()["training_lambda"],
            jnp.clip(settings["rebalancing_lambda"], 0, 1),
        )
        trained, wanted = (
            rebalance.class_weights(jnp.asarray(prior), rebalancing_lambda=each)
            for each in lambdas
        )
    return BinsDecoder(
        head.gamut, settings["temperature"], from_weights=trained, to_weights=wanted
    )
