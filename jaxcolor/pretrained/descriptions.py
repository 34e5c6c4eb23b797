"""What a trained model is, apart from its arrays.

A description is made from the config of a training, travels in its checkpoints, and
is the `config.json` of a released model.
"""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from flax import traverse_util
from jaxtyping import Float, PyTree

from jaxcolor import models
from jaxcolor.color import gamut

BINS, AB = "bins", "ab"
# A float32 prior of some hundred bins sums to one within this.
PRIOR_TOLERANCE = 1e-3
# How many of the missing or unknown names an error lists.
NAMES_SHOWN = 3


class Description(NamedTuple):
    """A model without its arrays; every field is as JSON has it.

    Attributes:
        network: a name of `models.BY_NAME`.
        arguments: the keyword arguments of that network.
        head: "bins" for logits of the bins; "ab" for a regression of ab itself, which
        XX
        spacing: of the bins, CIELAB units.
        neighbors: of the soft code it was trained on.
        sigma: of the soft code it was trained on, CIELAB units.
        rebalancing_lambda: of the class weights it was trained under.
        size: long side of a photograph for the network, pixels, unless asked otherwise.
        temperature: of the annealed mean, unless asked otherwise.
        decoding_lambda: lambda that the posterior is moved to, unless asked otherwise.
        coherence: see `jaxcolor.color.coherence`, unless asked otherwise; of any head.
    """

    network: str
    arguments: dict[str, Any]
    head: str
    spacing: float | None
    neighbors: int | None
    sigma: float | None
    rebalancing_lambda: float | None
    size: int
    temperature: float | None
    decoding_lambda: float | None
    coherence: float


class Decoding(NamedTuple):
    """The numbers of a model with bins that decoding needs; none of them is None.

    Attributes:
        bins: the quantized ab plane.
        rebalancing_lambda: of the training.
        temperature: of the annealed mean.
        decoding_lambda: lambda that the posterior is moved to.
    """

    bins: gamut.Gamut
    rebalancing_lambda: float
    temperature: float
    decoding_lambda: float


def from_fields(fields: dict[str, Any]) -> Description:
    """Returns a description from its fields.

    Args:
        fields: as JSON has them; models from before there was coherence have none.

    Raises:
        ValueError: a field is missing, unknown, or of no use.
    """
    fields = {"coherence": 0.0} | fields
    if wrong := sorted(set(Description._fields) ^ set(fields)):
        raise ValueError(f"missing or unknown field: {listed(wrong)}")
    description = Description(**fields)
    if description.head not in (BINS, AB):
        raise ValueError(f"head is {description.head!r}; wanted {BINS!r} or {AB!r}")
    if description.coherence is None or (
        description.head == BINS and None in description
    ):
        null = [name for name, value in fields.items() if value is None]
        raise ValueError(
            f"a model with {description.head} needs {listed(null)}; got null"
        )
    return description


def decoding(description: Description) -> Decoding | None:
    """Returns the numbers that decoding needs, or None for an "ab" head."""
    if description.head == AB:
        return None
    spacing, trained = description.spacing, description.rebalancing_lambda
    temperature, wanted = description.temperature, description.decoding_lambda
    # `from_fields` has seen to it.
    assert spacing is not None
    assert trained is not None
    assert temperature is not None
    assert wanted is not None
    return Decoding(gamut.from_srgb(spacing=spacing), trained, temperature, wanted)


def read_by(
    description: Description,
    *,
    temperature: float | None,
    rebalancing_lambda: float | None,
    coherence: float | None,
) -> Description:
    """Returns the description with other numbers of decoding.

    Args:
        description: of a model.
        temperature: of the annealed mean; the description's own if None.
        rebalancing_lambda: that the posterior is moved to; likewise.
        coherence: of colors; likewise.

    Raises:
        ValueError: a number is out of range, or means nothing to the model.
    """
    if coherence is not None:
        description = description._replace(coherence=coherence)
    check_coherence(description.coherence, network=description.network)
    if description.head == AB:
        if temperature is not None or rebalancing_lambda is not None:
            raise ValueError(
                "this model predicts ab itself: temperature and rebalancing_lambda"
                " mean nothing to it"
            )
        return description
    if temperature is None:
        temperature = description.temperature
    if rebalancing_lambda is None:
        rebalancing_lambda = description.decoding_lambda
    if temperature is None or not 0 < temperature < math.inf:
        raise ValueError(f"temperature is {temperature}; wanted above 0, and finite")
    if rebalancing_lambda is None or not 0 <= rebalancing_lambda <= 1:
        raise ValueError(
            f"rebalancing_lambda is {rebalancing_lambda}; wanted from 0 to 1"
        )
    return description._replace(
        temperature=temperature, decoding_lambda=rebalancing_lambda
    )


def check_coherence(coherence: float, *, network: str) -> None:
    """Refuses a coherence that is out of range, or that a network cannot have.

    Args:
        coherence: of colors.
        network: a name of `models.BY_NAME`.

    Raises:
        ValueError: it is one.
    """
    if not 0 <= coherence <= 1:
        raise ValueError(f"coherence is {coherence}; wanted from 0 to 1")
    if coherence and not getattr(models.BY_NAME[network], "has_features", False):
        raise ValueError(
            f"coherence is {coherence}; wanted 0, as {network} gives no features"
        )


def network(description: Description) -> nn.Module:
    """Returns the network, without weights.

    Raises:
        ValueError: there is no such network, or it has no such argument.
    """
    make = models.BY_NAME.get(description.network)
    if make is None:
        known = ", ".join(models.BY_NAME)
        raise ValueError(f"unknown network {description.network!r}; known: {known}")
    try:
        return make(**description.arguments)
    except TypeError as error:
        raise ValueError(f"arguments of {description.network}: {error}") from error


def check_arrays(
    description: Description,
    *,
    variables: dict[str, np.ndarray],
    prior: Float[np.ndarray, "..."] | None,
) -> None:
    """Checks that a model's arrays are those of its description.

    Args:
        description: of the model.
        variables: flat, by names such as "params/conv1_1/kernel".
        prior: of a model with bins.

    Raises:
        ValueError: an array is missing, unknown, or has the wrong shape.
    """
    wanted = flatten(_shapes(network(description)))
    if missing := sorted(set(wanted) - set(variables)):
        raise ValueError(f"weights lack {listed(missing)}")
    if unknown := sorted(set(variables) - set(wanted)):
        raise ValueError(f"weights hold {listed(unknown)}, unknown to the network")
    for name, array in variables.items():
        _check_shape(name, array, wanted[name].shape)
    numbers = decoding(description)
    outputs = description.arguments["outputs"]
    count = 2 if numbers is None else len(numbers.bins.centers)
    if outputs != count:
        raise ValueError(f"the network has {outputs} outputs; its head wants {count}")
    if numbers is not None:
        _check_prior(prior, count)


def flatten(variables: PyTree) -> dict[str, Any]:
    """Returns a tree's arrays by names such as "params/conv1_1/kernel"."""
    return traverse_util.flatten_dict(variables, sep="/")


def listed(names: list[str]) -> str:
    """Returns the first few names, and how many more there are."""
    more = len(names) - NAMES_SHOWN
    shown = ", ".join(names[:NAMES_SHOWN])
    return shown + (f" and {more} more" if more > 0 else "")


def _check_shape(name: str, array: np.ndarray, wanted: tuple[int, ...]) -> None:
    if array.shape != wanted:
        raise ValueError(f"{name} has shape {array.shape}; wanted {wanted}")


def _check_prior(prior: np.ndarray | None, bins: int) -> None:
    if prior is None:
        raise ValueError("weights lack prior")
    _check_shape("prior", prior, (bins,))
    if not (prior.min() >= 0 and abs(prior.sum() - 1) <= PRIOR_TOLERANCE):
        raise ValueError("prior is no distribution: negative, or its sum is not one")


def _shapes(module: nn.Module) -> PyTree:
    side = module.multiple
    # All of it within the trace: outside, each small operation is compiled.
    return jax.eval_shape(
        lambda: module.init(jax.random.key(0), jnp.zeros((1, side, side)), train=False)
    )
