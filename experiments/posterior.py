"""How much a model's distributions tell about the colors, in nats per pixel.

Two losses of a trained classifier of colors, each beside the loss of the best constant
prediction (the same distribution for every pixel): the weighted loss of its training,
and the Kullback-Leibler divergence from the soft codes to its distributions, moved to
lambda 1, where there is no reweighting. The divergence of the best constant prediction
is the entropy of the mean code of all pixels minus the mean entropy of their codes.

Run:    python -m experiments.posterior PHOTOS --model bundled --model mine=runs/mine
Expect: for the bundled model a divergence well below that of the constant prediction;
    about 80 photographs a second on two CPU cores.
"""

import argparse
import sys
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float, UInt8

from experiments import tables
from jaxcolor.cli import flags
from jaxcolor.color import cielab, encode, losses, rebalance
from jaxcolor.color.heads import Bins
from jaxcolor.data import pipeline, sources
from jaxcolor.finetuning import initial_model
from jaxcolor.inference.colorizer import Colorizer
from jaxcolor.metrics import bootstrap
from jaxcolor.pretrained import release
from jaxcolor.pretrained.release import Pretrained
from jaxcolor.runtime import markdown_text, progress

BATCH_SIZE = 32
SEED, RESAMPLES = 0, 1000


class Sums(NamedTuple):
    """Means over the pixels of each photograph.

    Attributes:
        loss: weighted cross entropy, nats.
        divergence: unweighted divergence at lambda 1, nats.
        entropy: entropy of the soft codes, nats.
        code: soft code, dense.
        weighted_code: soft code times the weight of its pixel.
    """

    loss: Float[np.ndarray, " b"]
    divergence: Float[np.ndarray, " b"]
    entropy: Float[np.ndarray, " b"]
    code: Float[np.ndarray, "b q"]
    weighted_code: Float[np.ndarray, "b q"]


class Found(NamedTuple):
    """Nats per pixel, each with its 95 percent interval over photographs.

    Attributes:
        loss: weighted loss of the training.
        constant_loss: weighted loss of the best constant distribution.
        divergence: unweighted divergence at lambda 1.
        constant_divergence: divergence of the best constant distribution.
        gained: constant_divergence minus divergence.
    """

    loss: tuple[float, float, float]
    constant_loss: tuple[float, float, float]
    divergence: tuple[float, float, float]
    constant_divergence: tuple[float, float, float]
    gained: tuple[float, float, float]


def measure(
    model: Pretrained, source: sources.Source, *, size: int, is_quiet: bool
) -> Found:
    """Returns both losses of a model on the central squares of photographs.

    Args:
        model: a model with bins.
        source: the photographs.
        size: side of the squares, pixels; a multiple of 8.
        is_quiet: whether to hide the progress bar.

    Raises:
        ValueError: the model has no bins.
    """
    by_photo = _step(model, initial_model.bins_of(model))
    found = []
    batches = pipeline.center_squares(
        source, size=size, batch_size=BATCH_SIZE, draft=True
    )
    with progress.bar(len(source), unit="photo", is_hidden=is_quiet) as bar:
        for batch in batches:
            valid = batch["valid"] > 0
            found.append(Sums(*(x[valid] for x in by_photo(batch["rgb"]))))
            bar.update(int(valid.sum()))
    return summary(Sums(*(np.concatenate(x) for x in zip(*found, strict=True))))


def summary(sums: Sums) -> Found:
    """Returns the means over photographs and their intervals."""
    bins = sums.code.shape[1]
    numbers = np.column_stack([np.ones_like(sums.loss), *sums[:3]])
    columns = np.column_stack([numbers, sums.code, sums.weighted_code])

    def means(totals: Float[np.ndarray, "n m"]) -> list[Float[np.ndarray, " n"]]:
        each = totals[:, 1:] / totals[:, :1]
        loss, divergence, entropy = each[:, :3].T
        code, weighted = each[:, 3 : 3 + bins], each[:, 3 + bins :]
        constant = -_xlogy(code).sum(axis=1) - entropy
        mass = weighted.sum(axis=1, keepdims=True)
        constant_loss = -(_xlogy(weighted).sum(axis=1) - _xlogy(mass)[:, 0])
        return [loss, constant_loss, divergence, constant, constant - divergence]

    values = [float(x[0]) for x in means(columns.sum(axis=0, keepdims=True))]
    drawn = means(bootstrap.resampled_sums(columns, seed=SEED, resamples=RESAMPLES))
    return Found(
        *((x, *bootstrap.interval(y)) for x, y in zip(values, drawn, strict=True))
    )


def _step(model: Pretrained, head: Bins):
    colorizer = Colorizer(model, rebalancing_lambda=1.0)
    weights, stride = head.class_weights(model.prior), model.network.output_stride

    @jax.jit
    def by_photo(rgb: UInt8[Array, "b h w 3"]) -> Sums:
        lab = cielab.rgb8_to_lab(rgb)
        outputs = colorizer.outputs(lab[..., 0])
        return jax.vmap(of_photo)(
            outputs, colorizer.move(outputs), lab[:, ::stride, ::stride, 1:]
        )

    def of_photo(outputs: Array, moved: Array, ab: Array) -> Sums:
        code = encode.soft_encode(
            ab, head.gamut, neighbors=head.neighbors, sigma=head.sigma
        )
        weight = weights[code.indices[..., 0]]
        bins, pixels = outputs.shape[-1], weight.size
        divergence = losses.soft_kl(moved, code).mean()
        return Sums(
            loss=losses.rebalanced_cross_entropy(outputs, code, weight),
            divergence=divergence,
            entropy=losses.soft_cross_entropy(moved, code).mean() - divergence,
            code=rebalance.accumulate(code, bins=bins) / pixels,
            weighted_code=rebalance.accumulate(code, bins=bins, per_pixel=weight)
            / pixels,
        )

    return lambda rgb: jax.device_get(by_photo(rgb))


def _xlogy(x: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    return x * np.log(np.where(x > 0, x, 1))


def markdown(found: dict[str, Found]) -> str:
    """Returns a table with a line for each model."""
    heads = ["model", "weighted loss", "of a constant", "KL at λ = 1", "of a constant"]
    lines = [
        [name, *(tables.formatted(number, digits=3) for number in numbers)]
        for name, numbers in found.items()
    ]
    return markdown_text.table([*heads, "reduction"], lines)


def main() -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", help="a folder, a .txt list, or tfds:NAME:SPLIT")
    parser.add_argument(
        "--model",
        action="append",
        required=True,
        metavar="NAME=MODEL",
        help="a model with bins; repeat it for several models",
    )
    parser.add_argument(
        "--size",
        type=flags.count,
        default=128,
        metavar="N",
        help="side of the photographs, pixels (default: %(default)s)",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bars")
    arguments = parser.parse_args()
    try:
        source = sources.open_source(arguments.source)
        named = flags.named(arguments.model, what="model")
        found = {
            name: measure(
                release.load(path),
                source,
                size=arguments.size,
                is_quiet=arguments.quiet,
            )
            for name, path in named.items()
        }
    except ValueError as error:
        parser.error(str(error))
    print(markdown(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
