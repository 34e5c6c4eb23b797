"""Descriptions of trained models: everything but their arrays.

A description is made from the config of a training, travels in its checkpoints, and
is the `config.json` of a released model.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import traverse_util
from jaxtyping import Float, PyTree

from jaxcolor import models
from jaxcolor.color import decode, gamut, heads, marginals
from jaxcolor.color.decode import Decoding
from jaxcolor.color.heads import Head
from jaxcolor.models.interface import Network
from jaxcolor.pretrained import records
from jaxcolor.pretrained.records import Field
from jaxcolor.runtime import trace_cache

# A float32 prior of some hundred bins sums to one within this.
PRIOR_TOLERANCE = 1e-3
# No network is scaled by more; a depth of a million would be built for hours.
LARGEST_SCALE = 16.0
MOST_OUTPUTS, MOST_NEIGHBORS, LARGEST_SIGMA = 100_000, 1000, 1000.0

FIELDS: dict[str, Field] = {
    "network": records.text(),
    "arguments": records.table(),
    "head": records.text(),
    "size": records.whole(least=1, most=records.LARGEST_SIZE),
    "temperature": records.optional(records.number(above=0)),
    "rebalancing_lambda": records.optional(records.number(least=0, most=1)),
    "coherence": records.number(least=0, most=1),
}
"""Fields that the description of any head has in JSON."""

HEAD_FIELDS: dict[str, Field] = {
    "spacing": records.number(least=gamut.MIN_SPACING, most=gamut.MAX_SPACING),
    "neighbors": records.whole(least=1, most=MOST_NEIGHBORS),
    "sigma": records.number(above=0, most=LARGEST_SIGMA),
    "training_lambda": records.number(least=0, most=1),
    "bins": records.whole(least=marginals.FEWEST_BINS, most=marginals.MOST_BINS),
    "window": records.whole(least=1, most=marginals.MOST_CELLS),
    "hue_weight": records.number(least=0),
    "fading": records.number(least=0, most=1),
}
"""Fields of the heads, by the names of their attributes."""

ARGUMENT_FIELDS: dict[str, Field] = {
    "outputs": records.whole(least=1, most=MOST_OUTPUTS),
    "momentum": records.number(least=0, most=1),
    "global_size": records.whole(least=1, most=records.LARGEST_SIZE),
}
"""Fields of networks; other fields are checked by the type of the attribute."""

TYPE_FIELDS: dict[Any, Field] = {
    float: records.number(above=0, most=LARGEST_SCALE),
    int: records.whole(least=1, most=MOST_OUTPUTS),
    bool: records.truth(),
}


class Description(NamedTuple):
    """A model without its arrays.

    Attributes:
        network: a name of `models.BY_NAME`.
        arguments: the keyword arguments of that network.
        head: what the outputs mean.
        size: long side that the network sees, pixels, unless asked otherwise.
        decoding: of the outputs, unless asked otherwise.
    """

    network: str
    arguments: dict[str, Any]
    head: Head
    size: int
    decoding: Decoding


def to_fields(description: Description) -> dict[str, Any]:
    """Returns a description as JSON values: one record, including the head's fields."""
    network, arguments, head, size, decoding = description
    return {
        "network": network,
        "arguments": arguments,
        "head": heads.name_of(head),
        **head._asdict(),
        "size": size,
        **decoding._asdict(),
    }


def from_fields(fields: Mapping[str, Any]) -> Description:
    """Returns a description from its fields, all of them checked.

    Raises:
        ValueError: naming a field that is missing, unknown or wrong.
    """
    kind = fields.get("head")
    if not isinstance(kind, str) or kind not in heads.BY_NAME:
        known = " or ".join(map(repr, heads.BY_NAME))
        raise ValueError(f"head is {kind!r}; wanted {known}")
    make = heads.BY_NAME[kind]
    of_head = {name: HEAD_FIELDS[name] for name in _fields_of(make)}
    records.check(fields, FIELDS | of_head)
    description = Description(
        network=fields["network"],
        arguments=fields["arguments"],
        head=make(**{name: fields[name] for name in of_head}),
        size=fields["size"],
        decoding=Decoding(*(fields[name] for name in Decoding._fields)),
    )
    check_decoding(description)
    return description


def with_decoding(
    description: Description,
    *,
    temperature: float | None,
    rebalancing_lambda: float | None,
    coherence: float | None,
) -> Description:
    """Returns the description with another decoding.

    Args:
        description: of a model.
        temperature: of the annealed mean; the description's own if None.
        rebalancing_lambda: that the posterior is moved to; likewise.
        coherence: of colors; likewise.

    Raises:
        ValueError: a setting is out of range, means nothing to the model, or is a
            lambda where the prior is unknown.
    """
    is_unknown = description.head.gamut is not None and not has_prior(description)
    if is_unknown and rebalancing_lambda is not None:
        raise ValueError(
            f"rebalancing_lambda is {rebalancing_lambda}; wanted none, as the prior of"
            " the model is unknown (jaxcolor import --prior adds one)"
        )
    decoding = decode.replaced(
        description.decoding,
        temperature=temperature,
        rebalancing_lambda=rebalancing_lambda,
        coherence=coherence,
    )
    found = description._replace(decoding=decoding)
    check_decoding(found)
    return found


def has_prior(description: Description) -> bool:
    """Returns whether a model has the shares of its bins in the training set.

    A model with bins may have been published without them. It has no rebalancing
    lambda then: its posterior cannot be moved.
    """
    has_bins = description.head.gamut is not None
    return has_bins and description.decoding.rebalancing_lambda is not None


def check_decoding(description: Description) -> None:
    """Refuses a decoding that is out of range, or that the model cannot have.

    Raises:
        ValueError: naming the setting.
    """
    decode.check(description.decoding)
    description.head.check_decoding(description.decoding)
    coherence = description.decoding.coherence
    if coherence and not network(description).has_features:
        raise ValueError(
            f"coherence is {coherence}; wanted 0, as {description.network} gives no"
            " features"
        )


def network(description: Description) -> Network:
    """Returns the network, without weights.

    Raises:
        ValueError: there is no such network, or an argument is missing, unknown or
            wrong.
    """
    make = models.BY_NAME.get(description.network)
    if make is None:
        known = ", ".join(models.BY_NAME)
        raise ValueError(f"unknown network {description.network!r}; known: {known}")
    arguments = description.arguments
    try:
        records.check(arguments, _arguments_of(make))
    except ValueError as error:
        raise ValueError(f"arguments of {description.network}: {error}") from error
    return make(**arguments)


def check_arrays(
    description: Description,
    *,
    variables: Mapping[str, np.ndarray],
    prior: Float[np.ndarray, "..."] | None,
) -> None:
    """Refuses arrays that are not those of a description, or that no training gives.

    Args:
        description: of the model.
        variables: flat, by names such as "params/conv1_1/kernel".
        prior: of a model with bins; None if `has_prior` is false.

    Raises:
        ValueError: an array is missing, unknown, has the wrong shape, or has numbers
            that make no sense.
    """
    net, head = network(description), description.head
    check_variables(variables, wanted=_shapes(net))
    if net.outputs != head.outputs:
        raise ValueError(
            f"the network has {net.outputs} outputs; its head wants {head.outputs}"
        )
    if head.gamut is not None:
        neighbors = head._asdict().get("neighbors", 1)
        if neighbors > head.outputs:
            raise ValueError(
                f"neighbors is {neighbors}; wanted at most the {head.outputs} bins"
            )
        if has_prior(description):
            _check_prior(prior, len(head.gamut.centers))
        elif prior is not None:
            raise ValueError(
                "rebalancing_lambda is missing, but the weights hold prior"
            )


def check_variables(
    variables: Mapping[str, np.ndarray], *, wanted: Mapping[str, tuple[int, ...]]
) -> None:
    """Refuses variables of another network, and numbers that no training gives.

    Args:
        variables: by names such as "params/conv1_1/kernel".
        wanted: their shapes, by the same names.

    Raises:
        ValueError: naming what is missing, unknown, of another shape or type, not
            finite, or a negative variance.
    """
    if missing := sorted(set(wanted) - set(variables)):
        raise ValueError(f"weights lack {records.listed(missing)}")
    if unknown := sorted(set(variables) - set(wanted)):
        raise ValueError(
            f"weights hold {records.listed(unknown)}, unknown to the network"
        )
    for name, array in variables.items():
        _check_shape(name, array, wanted[name])
        if not jnp.issubdtype(array.dtype, jnp.floating):
            raise ValueError(f"{name} has numbers of type {array.dtype}; wanted floats")
        if not np.isfinite(array).all():
            raise ValueError(f"{name} has numbers that are not finite")
        if name.endswith("/var") and array.min() < 0:
            raise ValueError(f"{name} has a negative variance, {float(array.min()):g}")


def flatten(variables: PyTree) -> dict[str, Any]:
    """Returns a tree's arrays by names such as "params/conv1_1/kernel"."""
    return traverse_util.flatten_dict(variables, sep="/")


def unflatten(variables: Mapping[str, Any]) -> PyTree:
    """Returns the tree of which `flatten` gives these arrays."""
    return traverse_util.unflatten_dict(dict(variables), sep="/")


def shapes_of(variables: PyTree) -> dict[str, tuple[int, ...]]:
    """Returns the shapes of a tree's arrays, by the names of `flatten`."""
    return {name: x.shape for name, x in flatten(variables).items()}


def _fields_of(make: Any) -> tuple[str, ...]:
    fields: tuple[str, ...] = make._fields
    return fields


def _arguments_of(make: Any) -> dict[str, Field]:
    """Returns the fields of a network's arguments: its attributes without default."""
    return {
        field.name: ARGUMENT_FIELDS.get(
            field.name, TYPE_FIELDS.get(field.type, records.anything())
        )
        for field in dataclasses.fields(make)
        if field.default is dataclasses.MISSING
        and field.default_factory is dataclasses.MISSING
    }


def _check_shape(name: str, array: np.ndarray, wanted: tuple[int, ...]) -> None:
    if array.shape != wanted:
        raise ValueError(f"{name} has shape {array.shape}; wanted {wanted}")


def _check_prior(prior: np.ndarray | None, bins: int) -> None:
    if prior is None:
        raise ValueError("weights lack prior")
    _check_shape("prior", prior, (bins,))
    if not (prior.min() >= 0 and abs(prior.sum() - 1) <= PRIOR_TOLERANCE):
        raise ValueError("prior is no distribution: negative, or its sum is not one")


def _shapes(net: Network) -> dict[str, tuple[int, ...]]:
    side = net.input_multiple

    def init() -> PyTree:
        return net.init(jax.random.key(0), jnp.zeros((1, side, side)), train=False)

    # All of it within the trace: outside, each small operation is compiled.
    return trace_cache.shapes(lambda: shapes_of(jax.eval_shape(init)), of=repr(net))
