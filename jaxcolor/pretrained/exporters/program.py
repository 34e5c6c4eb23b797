"""What all exports compute: from lightness to ab, as one function of arrays.

Its sizes are symbols, so that what is exported runs at every size of photographs.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import export
from jaxtyping import Array, Float

from jaxcolor.color import coherence, rebalance
from jaxcolor.color.heads import BinsDecoder, Decoder
from jaxcolor.models import fast_convolutions
from jaxcolor.models.interface import Network
from jaxcolor.pretrained.release import Pretrained

SETTINGS = ("temperature", "rebalancing_lambda")
"""Inputs of a model with bins, besides the lightness: scalars, as of `Decoding`."""

PLAIN = "plain decoding, without coherence: each cell of the network's map by itself"
"""What is exported of the ways to decode, for cards and help texts."""

UNDECODED = "none: what the network predicts for each cell of its map"
"""What a program of `of_cells` leaves to others."""

OF_CELLS = ("cells", "features")
"""Outputs of a program of `of_cells`; not all networks have the second."""


class Program(NamedTuple):
    """A function to export, and what it is traced with.

    Attributes:
        function: from lightness (b, 1, h, w), and the settings, to arrays for each cell
            of the network's map, channels last.
        arguments: shapes and types of its arguments, by name.
        symbols: of the sizes in these shapes: (b, multiple * h, multiple * w).
        multiple: height and width of the lightness are multiples of it.
        stride: pixels of the lightness for one cell, along each axis.
    """

    function: Callable[..., tuple[Array, ...]]
    arguments: dict[str, jax.ShapeDtypeStruct]
    symbols: tuple[Any, Any, Any]
    multiple: int
    stride: int


def of_model(model: Pretrained) -> Program:
    """Returns the program of a model, which holds its variables as constants.

    It gives ab in CIELAB units, and the outputs of the network, moved to the decoding's
    lambda.
    """
    network = model.network
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

    return _program(function, network, settings=names)


def of_cells(model: Pretrained) -> Program:
    """Returns the program of a model without the decoding of its bins.

    It gives the logits of the bins at the lambda of the training, or, where the head
    has no bins, ab in CIELAB units; and, of a network that has them, the features that
    coherence compares.
    """
    network, head = model.network, model.description.head

    def function(lightness: Float[Array, "b 1 h w"]) -> tuple[Array, ...]:
        b, _, h, w = lightness.shape
        lightness = lightness.reshape(b, h, w)
        apply = partial(network.apply, model.variables, lightness, train=False)
        outputs, *features = (
            apply(method="outputs_and_features") if network.has_features else (apply(),)
        )
        # With `mutable`, Flax would return something else.
        assert isinstance(outputs, jax.Array)
        if head.gamut is None:
            decoder = head.decoder(model.description.decoding, model.prior)
            cells = coherence.cell_means(lightness, of=outputs)
            outputs = decoder.ab(decoder.move(outputs), cells)
        return outputs, *features

    return _program(function, network, settings=())


def _program(
    function: Callable[..., tuple[Array, ...]],
    network: Network,
    *,
    settings: Sequence[str],
) -> Program:
    def plain(*arguments: Array) -> tuple[Array, ...]:
        # Those need to know the sizes.
        with fast_convolutions.off():
            return function(*arguments)

    multiple = network.input_multiple
    b, h, w = export.symbolic_shape("b, h, w")
    shape = (b, 1, multiple * h, multiple * w)
    arguments = {"lightness": jax.ShapeDtypeStruct(shape, jnp.float32)}
    arguments |= {name: jax.ShapeDtypeStruct((), jnp.float32) for name in settings}
    return Program(plain, arguments, (b, h, w), multiple, network.output_stride)


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
