"""What a user may ask for beside a decoding: hints, strength of colors, variants."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxcolor.color import decode
from jaxcolor.color.heads import Bins
from jaxcolor.inference import prediction, user_hints
from jaxcolor.inference.prediction import Adjustments
from jaxcolor.inference.tiles import View
from jaxcolor.inference.user_hints import Hints
from jaxcolor.models.interface import Network
from jaxcolor.pretrained.descriptions import Description

STRONGEST = 1.5


class Look(NamedTuple):
    """How colors are to look.

    Attributes:
        strength: factor on the chroma, from 0, gray, to `STRONGEST`; 1 is what the
            model predicts.
        variant: seed of a coherent sample, see `decode.sample_coherently`; None for
            the annealed mean.
    """

    strength: float = 1.0
    variant: int | None = None


PLAIN = Look()


def bins_of(description: Description) -> Bins | None:
    """Returns the head of a model with bins; None for another one."""
    return description.head if isinstance(description.head, Bins) else None


def check_hints(description: Description, network: Network) -> None:
    """Refuses hints for a model to which they mean nothing.

    Raises:
        ValueError: it has neither bins nor an input for them.
    """
    if "hints" not in network.extra_inputs and bins_of(description) is None:
        raise ValueError(
            f"got hints; wanted none, as the model {description.network} has neither"
            " bins nor an input for hints"
        )


def check_look(look: Look, description: Description) -> None:
    """Refuses a look that a model cannot give to colors.

    Raises:
        ValueError: the strength is out of range, or there is no distribution to draw a
            variant from.
    """
    if not 0 <= look.strength <= STRONGEST:
        raise ValueError(f"strength is {look.strength}; wanted from 0 to {STRONGEST}")
    if look.variant is not None and bins_of(description) is None:
        raise ValueError(
            f"got variants; wanted none, as the model {description.network} has no bins"
            " to draw from"
        )


def of_photographs(
    hints: Sequence[Hints] | None,
    look: Look,
    *,
    sizes: Sequence[tuple[int, int]],
    views: Sequence[View],
    description: Description,
    network: Network,
    batch_size: int,
) -> Adjustments | None:
    """Returns hints and variant as arrays; None where there are none of them.

    Args:
        hints: of each photograph.
        look: of all of them.
        sizes: height and width of each photograph, pixels.
        views: of each photograph.
        description: of the model.
        network: of the model.
        batch_size: number of rows; those beyond the photographs have no hints.

    Raises:
        ValueError: a hint is outside its photograph, has no color or means nothing to
            the model, or the look is out of range.
    """
    check_look(look, description)
    found = prediction.UNADJUSTED
    if look.variant is not None:
        template = jnp.zeros((1, 1, 1, network.outputs))
        noise = decode.shared_noise(jax.random.key(look.variant), template)
        found = found._replace(noise=noise)
    if hints is None or not any(map(len, hints)):
        return None if found.noise is None else found
    check_hints(description, network)
    checked = [[user_hints.checked(hint) for hint in given] for given in hints]
    for given, size in zip(checked, sizes, strict=True):
        user_hints.check_inside(given, *size)
    parts = (checked, sizes, views)
    if "hints" in network.extra_inputs:
        shown = user_hints.inputs(*parts, batch_size=batch_size)
        return found._replace(shown=jnp.asarray(shown))
    head = bins_of(description)
    assert head is not None
    evidence = user_hints.evidence(*parts, head=head, batch_size=batch_size)
    return found._replace(evidence=evidence)


def size_of(photo: np.ndarray) -> tuple[int, int]:
    """Returns the height and the width of a photograph, pixels."""
    return photo.shape[0], photo.shape[1]
