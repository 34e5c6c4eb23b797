"""Puts another encoder below a trained decoder, to start a training from.

    python -m experiments.packed.other_encoder --model bundled --encoder lite2 \
        --recipe RECIPE --photographs packed -o runs/start

The layers that see the encoder's maps are fitted by least squares: from the new maps
they give, as nearly as possible, what the trained ones gave from the old maps. All
other layers are the trained ones. So a training starts near where the old one ended,
instead of learning the decoder anew.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jaxtyping import Array, Float, PyTree, UInt8
from tqdm import tqdm

from experiments.packed import photographs as packed
from experiments.packed import programs
from experiments.packed import recipe as recipes
from experiments.packed.recipe import Recipe
from jaxcolor.color import cielab
from jaxcolor.models import efficientnet_lite, lite_fpn
from jaxcolor.models.interface import Network
from jaxcolor.pretrained import descriptions, model_card, release
from jaxcolor.pretrained.importers import efficientnet_lite_weights
from jaxcolor.pretrained.release import Pretrained

JOINTS = ("lateral32", "context", "lateral16", "lateral8", "lateral4", "lateral2")
"""The layers of `lite_fpn` that see the encoder's maps; each is linear."""

RIDGE = 1e-3
"""Regularization of the fit, relative to the mean square of the inputs."""


class Sums(NamedTuple):
    """What least squares need of the rows x, a 1 appended, and their targets y.

    Attributes:
        inputs: sum of the outer products of x with itself.
        products: sum of the outer products of x with y.
        squares: sum of the squares of each target.
    """

    inputs: Float[Array, "i i"]
    products: Float[Array, "i o"]
    squares: Float[Array, " o"]


def with_encoder(
    model: Pretrained,
    encoder: PyTree,
    *,
    size: efficientnet_lite.Size,
    batches: Iterable[UInt8[Array, "b h w 3"]],
) -> tuple[Pretrained, dict[str, float]]:
    """Returns the model with another encoder, and the explained variance by layer.

    Args:
        model: its network is `lite_fpn`.
        encoder: parameters of `efficientnet_lite.Encoder` for gray photographs.
        size: of that encoder.
        batches: sRGB, sides multiples of 32: what to fit to.

    Raises:
        ValueError: the model has another network, or there are no batches.
    """
    if not isinstance(model.network, lite_fpn.LiteFpn):
        raise ValueError(
            f"the model's network is {model.description.network!r}; wanted 'lite_fpn'"
        )
    arguments = {
        **model.description.arguments,
        "encoder_width": size.width,
        "encoder_depth": size.depth,
    }
    description = model.description._replace(arguments=arguments)
    network = descriptions.network(description)
    side = jnp.zeros((1, network.input_multiple, network.input_multiple))
    shapes = jax.eval_shape(
        lambda key: network.init(key, side, train=False), jax.random.key(0)
    )
    blank = jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), shapes)
    blank["params"]["encoder"] = encoder

    @jax.jit
    def sums_of(trained: PyTree, new: PyTree, rgb: Array) -> dict[str, Sums]:
        lightness = cielab.rgb8_to_lab(rgb)[..., 0]
        targets = _at_joints(model.network, trained, lightness)
        inputs = _at_joints(network, new, lightness)
        return {name: _sums(inputs[name][0], targets[name][1]) for name in JOINTS}

    total = None
    for rgb in batches:
        found = jax.tree.map(
            lambda x: np.asarray(x, np.float64), sums_of(model.variables, blank, rgb)
        )
        total = found if total is None else jax.tree.map(np.add, total, found)
    if total is None:
        raise ValueError("there are no crops; wanted one batch or more")
    params, explained = {**model.variables["params"], "encoder": encoder}, {}
    for name in JOINTS:
        weights, explained[name] = least_squares(total[name])
        shape = shapes["params"][name]["kernel"].shape
        params[name] = {
            "kernel": weights[:-1].reshape(shape).astype(np.float32),
            "bias": weights[-1].astype(np.float32),
        }
    new = release.assemble(
        description,
        variables={**model.variables, "params": params},
        prior=model.prior,
        provenance={"decoder": model.provenance},
    )
    return new, explained


def least_squares(sums: Sums) -> tuple[Float[np.ndarray, "i o"], float]:
    """Returns the best weights, the bias last, and the share of variance explained.

    Args:
        sums: over all rows, in float64.
    """
    inputs, products, squares = sums
    rows = inputs[-1, -1]
    ridge = np.full(len(inputs), RIDGE * np.trace(inputs[:-1, :-1]) / (len(inputs) - 1))
    ridge[-1] = 0
    weights = np.linalg.solve(inputs + np.diag(ridge), products)
    residual = squares - 2 * (weights * products).sum(0)
    residual += (weights * (inputs @ weights)).sum(0)
    variance = squares - products[-1] ** 2 / rows
    return weights, float(1 - residual.sum() / variance.sum())


def _at_joints(
    network: Network, variables: PyTree, lightness: Float[Array, "b h w"]
) -> dict[str, tuple[Array, Array]]:
    """Returns the input and the output of each joint."""
    found = {}

    def record(call, arguments, keywords, context):  # type: ignore[no-untyped-def]
        output = call(*arguments, **keywords)
        if context.module.name in JOINTS and context.method_name == "__call__":
            found[context.module.name] = arguments[0], output
        return output

    with nn.intercept_methods(record):
        network.apply(variables, lightness, train=False)
    return found


def _sums(inputs: Float[Array, "b h w i"], targets: Float[Array, "b h w o"]) -> Sums:
    x = inputs.reshape(-1, inputs.shape[-1])
    x = jnp.concatenate([x, jnp.ones((len(x), 1))], axis=1)
    y = targets.reshape(len(x), -1)
    product = jnp.matmul(x.T, jnp.concatenate([x, y], axis=1), precision="highest")
    return Sums(product[:, : x.shape[1]], product[:, x.shape[1] :], (y**2).sum(0))


def crops(
    recipe: Recipe, folder: Path, *, held_out_fraction: float, count: int
) -> Iterator[UInt8[Array, "b h w 3"]]:
    """Yields batches of the last phase of a training, on the device.

    Args:
        recipe: of the training.
        folder: of packed photographs.
        held_out_fraction: the fraction that the training sets aside.
        count: batches.
    """
    named, _ = packed.read(
        folder, side=recipe.side, held_out_fraction=held_out_fraction
    )
    groups = packed.groups_of(named.groups, recipe.groups, power=recipe.power)
    photographs = jax.device_put(named.photographs)
    draw = jax.jit(
        lambda key, photographs, batch: programs.draw(key, photographs, groups, batch),
        static_argnames="batch",
    )
    batches = recipes.in_turn(recipe.phases[-1], count=count)
    keys = jax.random.split(jax.random.key(0), count)
    for key, batch in zip(keys, batches, strict=True):
        yield draw(key, photographs, batch)


def main(argv: Sequence[str] | None = None) -> int:
    """Writes the model; returns the exit status."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    try:
        if arguments.output.exists():
            raise ValueError(f"{arguments.output} exists; not overwritten")
        if arguments.batches < 1:
            raise ValueError(f"--batches is {arguments.batches}; wanted 1 or more")
        size = efficientnet_lite.SIZES[arguments.encoder]
        encoder = efficientnet_lite_weights.read_encoder(
            arguments.encoder, width=size.width, depth=size.depth, channels=1
        )
        batches = crops(
            recipes.read(arguments.recipe),
            arguments.photographs,
            held_out_fraction=arguments.held_out_fraction,
            count=arguments.batches,
        )
        shown = tqdm(
            batches,
            total=arguments.batches,
            disable=True if arguments.quiet else None,
        )
        model, explained = with_encoder(
            release.load(arguments.model), encoder, size=size, batches=shown
        )
        card = model_card.text(
            model.description,
            name=arguments.output.name,
            data=f"Not trained: {arguments.encoder} under the decoder of"
            f" {arguments.model}.",
        )
        release.save(model, arguments.output, card=card)
    except ValueError as error:
        parser.exit(2, f"{parser.prog}: {error}\n")
    for name, share in explained.items():
        print(f"{name}: {share:.3f} of the variance")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.packed.other_encoder",
        description=__doc__.splitlines()[0],
        epilog="Example: python -m experiments.packed.other_encoder --encoder lite2"
        " --recipe experiments/packed/bundled.json --photographs packed -o runs/start",
    )
    parser.add_argument("--model", default="bundled", help="a model (%(default)s)")
    parser.add_argument(
        "--encoder",
        choices=efficientnet_lite.SIZES,
        required=True,
        help="the new encoder, with its published weights",
    )
    parser.add_argument(
        "--recipe", type=Path, required=True, help="recipe of the training, JSON"
    )
    parser.add_argument(
        "--photographs", type=Path, required=True, help="folder of packed photographs"
    )
    parser.add_argument(
        "--held-out-fraction",
        type=float,
        default=0.04,
        help="the fraction of the photographs that the training sets aside"
        " (%(default)s)",
    )
    parser.add_argument(
        "--batches", type=int, default=250, help="batches to fit to (%(default)s)"
    )
    parser.add_argument(
        "-o", "--output", type=Path, required=True, help="folder for the model"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    return parser


if __name__ == "__main__":
    sys.exit(main())
