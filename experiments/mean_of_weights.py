"""Makes a model whose weights are the means of those of several models.

The models must be of one network and descend from one training, one from another or
all from a common start: weights of trainings that began apart do not fit together.

Run:    python -m experiments.mean_of_weights runs/one/model runs/two/model -o runs/mean
Expect: a released model in float32, decoded as the first one.

Source: Wortsman et al. 2022 (arXiv:2203.05482), the uniform mean.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import jax
import numpy as np

from jaxcolor.pretrained import model_card, release
from jaxcolor.pretrained.release import Pretrained


def mean(models: Sequence[Pretrained]) -> Pretrained:
    """Returns the model with the means of all arrays, and of the priors.

    Args:
        models: one or more; the result has the description of the first.

    Raises:
        ValueError: they are of different networks or heads, or only some have a prior.
    """
    first = models[0]
    for number, other in enumerate(models[1:], start=2):
        for name in ("network", "arguments", "head"):
            got, wanted = (getattr(x.description, name) for x in (other, first))
            if got != wanted:
                raise ValueError(
                    f"{name} of model {number} is {got!r}; wanted {wanted!r}"
                )
    known = [model.prior for model in models if model.prior is not None]
    if len(known) not in (0, len(models)):
        raise ValueError(f"{len(known)} of {len(models)} models have a prior")
    return release.assemble(
        first.description,
        variables=jax.tree.map(
            lambda *arrays: np.mean(arrays, axis=0),
            *(model.variables for model in models),
        ),
        prior=np.mean(known, axis=0) if known else None,
        provenance={"mean_of": [model.provenance for model in models]},
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Writes the model; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.mean_of_weights",
        description=__doc__.splitlines()[0],
        epilog="Example: python -m experiments.mean_of_weights runs/one/model"
        " runs/two/model -o runs/mean",
    )
    parser.add_argument("models", metavar="MODEL", nargs="+", help="a model")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, help="folder for the model"
    )
    arguments = parser.parse_args(argv)
    try:
        if arguments.output.exists():
            raise ValueError(f"{arguments.output} exists; not overwritten")
        model = mean([release.load(path) for path in arguments.models])
        card = model_card.text(
            model.description,
            name=arguments.output.name,
            data=f"The mean of the weights of {', '.join(arguments.models)}.",
        )
        release.save(model, arguments.output, card=card)
    except ValueError as error:
        parser.exit(2, f"{parser.prog}: {error}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
