"""From lightness to ab on a map of cells, step by step and as one compiled program.

A cell is a pixel of the network's output: several pixels of its input along each axis.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree, UInt8

from jaxcolor.color import cielab, coherence, hint_diffusion
from jaxcolor.color.array_types import Ab, Lightness, Scalar
from jaxcolor.color.heads import Decoder
from jaxcolor.color.hint_diffusion import Evidence
from jaxcolor.models import fast_convolutions
from jaxcolor.models.interface import Network
from jaxcolor.runtime import trace_cache


class Prediction(NamedTuple):
    """What a network predicts from lightness, in cells.

    Attributes:
        outputs: what the model's head decodes, as logits of bins.
        features: the input of the last layer; None where nothing needs it.
    """

    outputs: Float[Array, "b H W n"]
    features: Float[Array, "b H W c"] | None


class Adjustments(NamedTuple):
    """What a user adds to photographs; None where there is nothing.

    Attributes:
        shown: hints for a network that takes them, see `color.hints`.
        evidence: hints for any other network, of a head with bins.
        noise: added to the logits of all cells, see `decode.shared_noise`.
    """

    shown: Float[Array, "b h w 3"] | None
    evidence: Evidence | None
    noise: Float[Array, "1 1 1 q"] | None


UNADJUSTED = Adjustments(None, None, None)


# The network is compared by value, so that all colorizers share what is compiled.
@partial(jax.jit, static_argnums=0, static_argnames="has_features")
def predict(
    network: Network,
    variables: PyTree,
    decoder: Decoder | None,
    lightness: Float[Array, "b h w"],
    *,
    has_features: bool,
    hints: Float[Array, "b h w 3"] | None = None,
) -> Prediction:
    """Returns the outputs of the network.

    Args:
        network: of the model.
        variables: of the network.
        decoder: whose lambda the outputs are moved to; None to leave them.
        lightness: L* in [0, 100].
        has_features: whether the features are wanted, too.
        hints: see `color.hints`, for a network that takes them; None for none.
    """
    given = {} if hints is None else {"hints": hints}
    apply = partial(network.apply, variables, lightness, train=False, **given)
    if has_features:
        outputs, features = apply(method="outputs_and_features")
        assert isinstance(features, jax.Array)
    else:
        outputs, features = apply(), None
    # With `mutable`, Flax would return a tuple.
    assert isinstance(outputs, jax.Array)
    return Prediction(outputs if decoder is None else decoder.move(outputs), features)


@jax.jit
def move(decoder: Decoder, outputs: Float[Array, "*p n"]) -> Float[Array, "*p n"]:
    """Returns outputs moved to the decoder's lambda."""
    return decoder.move(outputs)


@jax.jit
def colors(
    decoder: Decoder,
    outputs: Float[Array, "*p n"],
    lightness: Float[Array, "*b h w"] | None = None,
) -> Ab:
    """Returns ab of moved outputs.

    Args:
        decoder: of the model's head.
        outputs: moved to the decoder's lambda.
        lightness: that the outputs are from; None where the head does without.
    """
    if lightness is None:
        return decoder.ab(outputs)
    cells = coherence.cell_means(lightness, of=outputs)
    return decoder.ab(outputs, jnp.broadcast_to(cells, outputs.shape[:-1]))


@jax.jit
def coherent(
    ab: Float[Array, "*t b H W 2"],
    features: Float[Array, "b H W c"],
    lightness: Float[Array, "b h w"],
    amount: Scalar,
    valid: Int[Array, "b 2"],
) -> Float[Array, "*t b H W 4"]:
    """Returns coherent colors, see `coherence.of_photographs`."""
    return coherence.of_photographs(
        ab, features, lightness=lightness, coherence=amount, valid=valid
    )


@jax.jit
def ab_of_cells(
    colors: Float[Array, "b H W n"], lightness: Float[Array, "b h w"]
) -> Float[Array, "b H W 2"]:
    """Returns ab of colors at the mean lightness of each cell."""
    return coherence.at_lightness(colors, coherence.cell_means(lightness, of=colors))


@partial(jax.jit, static_argnums=0)
def ab_of_rgb(
    network: Network,
    variables: PyTree,
    decoder: Decoder,
    amount: Scalar | None,
    rgb: UInt8[Array, "b h w 3"],
    valid: Int[Array, "b 2"],
    adjustments: Adjustments | None = None,
) -> Float[Array, "b H W n"]:
    """Returns ab of views, in cells: all of the above as one program.

    Args:
        network: of the model.
        variables: of the network.
        decoder: of the model's head.
        amount: the coherence; None for none.
        rgb: of which only the lightness counts.
        valid: see `coherence.of_photographs`.
        adjustments: of a user; None for none.
    """
    adjusted = adjustments or UNADJUSTED
    seen = lightness(rgb)
    predicted = predict(
        network,
        variables,
        decoder,
        seen,
        has_features=amount is not None,
        hints=adjusted.shown,
    )
    return _ab(decoder, amount, predicted, seen, valid, adjusted)


def kept_ab_of_rgb(network: Network, *operands: Any) -> Float[Array, "b H W n"]:
    """Returns `ab_of_rgb`, which is traced only if an earlier process did not."""
    setting = fast_convolutions.choice()
    return trace_cache.run(ab_of_rgb, network, *operands, setting=setting)


@jax.jit
def ab_of_prediction(
    decoder: Decoder,
    amount: Scalar | None,
    predicted: Prediction,
    seen: Float[Array, "b h w"],
    valid: Int[Array, "b 2"],
    adjustments: Adjustments | None = None,
) -> Float[Array, "b H W n"]:
    """Returns `ab_of_rgb` from a pass of the network that was made before.

    Args:
        decoder: of the model's head.
        amount: the coherence; None for none.
        predicted: at the lambda of the training; with features where there is an
            amount.
        seen: lightness that it was predicted from.
        valid: see `coherence.of_photographs`.
        adjustments: of a user; None for none. Hints that the network has seen have
            their effect already.
    """
    moved = Prediction(
        decoder.move(predicted.outputs), None if amount is None else predicted.features
    )
    return _ab(decoder, amount, moved, seen, valid, adjustments or UNADJUSTED)


def _ab(
    decoder: Decoder,
    amount: Scalar | None,
    predicted: Prediction,
    seen: Float[Array, "b h w"],
    valid: Int[Array, "b 2"],
    adjustments: Adjustments,
) -> Float[Array, "b H W n"]:
    """Returns ab of moved outputs, in cells, as a user wants it."""
    outputs, features = predicted
    share = None
    if adjustments.evidence is not None:
        cells = coherence.cell_means(seen, of=outputs)
        outputs, share = hint_diffusion.of_photographs(
            outputs, cells, adjustments.evidence, valid=valid
        )
    if adjustments.noise is not None:
        outputs += adjustments.noise
    ab = colors(decoder, outputs, seen)
    if features is None:
        return ab
    found = coherent(ab, features, seen, amount, valid)
    return found if share is None else _kept(ab, found, share)


def _kept(
    ab: Float[Array, "b H W 2"],
    coherent: Float[Array, "b H W 4"],
    share: Float[Array, "b H W"],
) -> Float[Array, "b H W 4"]:
    """Returns coherent colors, but for the share of hints ab as it is.

    Hints have spread over what looks alike already; where one was given, its color is
    to stay.
    """
    plain = jnp.concatenate([ab, jnp.zeros_like(ab)], axis=-1)
    return share[..., None] * plain + (1 - share)[..., None] * coherent


@jax.jit
def lightness(rgb: UInt8[Array, "*p 3"]) -> Lightness:
    """Returns L* of views."""
    return cielab.rgb8_to_lab(rgb)[..., 0]
