"""Initial weights of a fine-tuning: the model, under a prior of the photographs."""

from typing import Any

import jax
import numpy as np
from jaxtyping import Float, PyTree

from jaxcolor.color.heads import Bins
from jaxcolor.pretrained.release import Pretrained
from jaxcolor.training.priors import Prior

MODEL_COUNTS_AS = 100
"""Number of photographs that the model's own prior weighs as much as."""


def bins_of(model: Pretrained) -> Bins:
    """Returns the head of a model with bins.

    Raises:
        ValueError: it is another head.
    """
    head = model.description.head
    if not isinstance(head, Bins):
        raise ValueError(
            f"the model predicts {head.about}; wanted a distribution over bins"
        )
    return head


def mixed(counted: Prior, model: Pretrained, *, name: str) -> Prior:
    """Returns the posterior mean of the shares of the bins.

    Under a Dirichlet distribution around the model's prior: the larger the set, the
    less the model's prior counts.

    Args:
        counted: prior of the photographs.
        model: with the other prior.
        name: of the model, for the record.
    """
    assert model.prior is not None
    each = counted.pixels / counted.images
    own = np.asarray(model.prior, np.float64)
    return counted._replace(
        counts=counted.counts + MODEL_COUNTS_AS * each * own / own.sum(),
        source=f"{counted.source}, and as {MODEL_COUNTS_AS} more the prior of {name}",
    )


def under(model: Pretrained, prior: Float[np.ndarray, " q"]) -> Pretrained:
    """Returns the model with another prior and the same posterior.

    Its outputs are a posterior times the class weights of the training, which follow
    from the prior: the bias of the last layer compensates for their change. At a
    lambda of 1 all weights are 1, and the bias stays as it is.
    """
    head = bins_of(model)
    was, now = (np.asarray(head.class_weights(x)) for x in (model.prior, prior))
    bias = ["params", *model.network.outer_layers.last.split("/"), "bias"]

    def moved(path: tuple[Any, ...], x: np.ndarray) -> np.ndarray:
        is_bias = [key.key for key in path] == bias
        return x + np.log(now) - np.log(was) if is_bias else x

    variables: PyTree = jax.tree_util.tree_map_with_path(moved, model.variables)
    return model._replace(variables=variables, prior=prior)
