"""How much hints of a user help: PSNR against the number of hints.

Each hint is simulated: it shows the mean color of a square of 6 x 6 pixels of the
photograph, at a place drawn from a normal distribution about its center. The numbers
of the authors' model, on 1,000 photographs of ImageNet's validation set, are beside
those that are measured; on other photographs only the shape of the curve compares.

Run:    python -m experiments.hints PHOTOS --model runs/siggraph17 -o hints.png
        python -m experiments.hints PHOTOS --model small=MODEL --counts 0,1,10 \
            --size 128 -o hints.png
Expect: a table on the terminal and the figure in the PNG; the curve rises from its
    first hints on. A pass of the network for each photograph and each number of hints.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, UInt8

from experiments import tables
from jaxcolor import plots
from jaxcolor.cli import flags
from jaxcolor.color import cielab, compose, hints
from jaxcolor.data import pipeline, sources
from jaxcolor.evaluation import registry
from jaxcolor.inference.colorizer import Colorizer
from jaxcolor.metrics import accuracy, bootstrap
from jaxcolor.runtime import atomic, markdown_text, progress

SIDE = 6
BATCH_SIZE = 8
SEED, RESAMPLES = 0, 1000

# Means over the 1,000 photographs of resources/psnrs_siggraph.npy in
# github.com/richzhang/colorization-pytorch, in decibels by the number of hints.
PUBLISHED = {
    0: 24.43,
    1: 25.37,
    2: 26.20,
    3: 26.69,
    4: 27.08,
    5: 27.39,
    6: 27.65,
    8: 28.10,
    10: 28.42,
    13: 28.79,
    16: 29.04,
    20: 29.34,
    25: 29.60,
    32: 29.91,
    40: 30.17,
    50: 30.42,
    63: 30.68,
    79: 30.90,
    100: 31.13,
    126: 31.34,
    158: 31.52,
    200: 31.70,
    251: 31.85,
    316: 31.97,
    398: 32.07,
    501: 32.14,
}


def measure(
    colorizer: Colorizer,
    source: sources.Source,
    counts: Sequence[int],
    *,
    size: int,
    seed: int,
    on_done: Callable[[int], object],
) -> Float[np.ndarray, "b n"]:
    """Returns the PSNR of each photograph with each number of hints, decibels.

    Args:
        colorizer: of a model that takes hints.
        source: the photographs, of which the central squares are taken.
        counts: numbers of hints.
        size: side of the squares, pixels.
        seed: of the places of the hints, the same for every model.
        on_done: called with the number of pictures after each batch.

    Raises:
        ValueError: the model takes no hints, or cannot see squares of this size.
    """
    draws = [_draw(count, seed=seed) for count in counts]
    found = []
    batches = pipeline.center_squares(source, size=size, batch_size=BATCH_SIZE)
    for n, batch in enumerate(batches):
        index = jnp.arange(BATCH_SIZE) + n * BATCH_SIZE
        valid = batch["valid"] > 0
        lab = _lab(batch["rgb"])
        columns = []
        for draw in draws:
            given = draw(lab, index)
            outputs = colorizer.predict(lab[..., 0], hints=given).outputs
            decibels = _decibels(lab, colorizer.decode(outputs), batch["rgb"])
            columns.append(np.asarray(decibels)[valid])
            on_done(int(valid.sum()))
        found.append(np.stack(columns, axis=1))
    return np.concatenate(found)


_lab = jax.jit(cielab.rgb8_to_lab)


def _draw(
    count: int, *, seed: int
) -> Callable[[Float[Array, "b h w 3"], Int[Array, " b"]], Float[Array, "b h w 3"]]:
    """Returns the function of Lab and the photographs' positions to hints."""
    key = jax.random.fold_in(jax.random.key(seed), count)

    def one(lab: Float[Array, "h w 3"], index: Int[Array, ""]) -> Array:
        own = jax.random.fold_in(key, index)
        return hints.in_squares(own, lab[..., 1:], count=count, side=SIDE)

    return jax.jit(jax.vmap(one))


@jax.jit
def _decibels(
    lab: Float[Array, "b h w 3"],
    cells: Float[Array, "b H W 2"],
    rgb: UInt8[Array, "b h w 3"],
) -> Float[Array, " b"]:
    """Returns the PSNR of photographs with predicted colors, as 8-bit files."""
    pictures = compose.pictures(lab[..., 0], cells)
    decibels = jax.vmap(accuracy.psnr)(pictures / 255, rgb / 255)
    return jnp.minimum(decibels, registry.LARGEST_PSNR)


def estimates(decibels: Float[np.ndarray, "b n"]) -> list[tables.Estimate]:
    """Returns means over photographs, with their 95 percent intervals."""
    columns = np.column_stack([decibels, np.ones(len(decibels))])
    drawn = bootstrap.resampled_sums(columns, seed=SEED, resamples=RESAMPLES)
    means = drawn[:, :-1] / drawn[:, -1:]
    values = decibels.mean(axis=0)
    return [
        (float(value), *bootstrap.interval(each))
        for value, each in zip(values, means.T, strict=True)
    ]


def markdown(
    found: Mapping[str, Sequence[tables.Estimate]], counts: Sequence[int]
) -> str:
    """Returns a table with a line for each number of hints.

    Args:
        found: by model, the estimates by number of hints.
        counts: numbers of hints.
    """
    heads = ["hints", *(f"{name}, dB" for name in found), "published, dB"]
    lines = []
    for n, count in enumerate(counts):
        published = f"{PUBLISHED[count]:.2f}" if count in PUBLISHED else "–"
        cells = [tables.formatted(each[n]) for each in found.values()]
        lines.append([str(count), *cells, published])
    return markdown_text.table(heads, lines)


def figure(
    found: Mapping[str, Sequence[tables.Estimate]], counts: Sequence[int]
) -> bytes:
    """Returns the curves of all models and the published one as a PNG.

    Args:
        found: as for `markdown`.
        counts: as for `markdown`.
    """
    order = np.argsort(counts)
    curves = {
        name: ([counts[n] for n in order], [each[n][0] for n in order])
        for name, each in found.items()
    }
    curves["published"] = ([*PUBLISHED], [*PUBLISHED.values()])
    drawn = plots.against_count(curves, x="hints of 6 x 6 pixels", y="PSNR, dB")
    return plots.png(drawn)


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the table and writes the figure."""
    arguments = _parser().parse_args(argv)
    counts = arguments.counts
    try:
        source = sources.open_source(arguments.source)
        named = flags.named(arguments.model, what="model")
        colorizers = {name: Colorizer.load(path) for name, path in named.items()}
        pictures = len(source) * len(counts) * len(colorizers)
        hidden = arguments.quiet
        with progress.bar(pictures, unit="picture", is_hidden=hidden) as bar:
            found = {
                name: estimates(
                    measure(
                        colorizer,
                        source,
                        counts,
                        size=arguments.size,
                        seed=arguments.seed,
                        on_done=bar.update,
                    )
                )
                for name, colorizer in colorizers.items()
            }
        atomic.write_bytes(arguments.output, figure(found, counts))
    except (ValueError, OSError) as error:
        print(f"python -m experiments.hints: error: {error}", file=sys.stderr)
        return 2
    print(markdown(found, counts))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.hints",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("source", help=flags.SOURCES)
    parser.add_argument(
        "--model",
        action="append",
        required=True,
        metavar="[NAME=]MODEL",
        help="a model that takes hints; repeat it for several models",
    )
    parser.add_argument(
        "--counts",
        type=_counts,
        default=[*PUBLISHED],
        metavar="N,N,...",
        help="numbers of hints (default: the published ones, from 0 to 501)",
    )
    parser.add_argument(
        "--size",
        type=flags.count,
        default=256,
        metavar="N",
        help="side of the photographs, pixels (default: %(default)s)",
    )
    parser.add_argument(
        "--seed",
        type=flags.seed,
        default=SEED,
        metavar="N",
        help="random seed of the places of hints (default: %(default)s)",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="PNG",
        help="file for the figure",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    return parser


def _counts(text: str) -> list[int]:
    """Returns the numbers of a list such as 0,1,10."""
    parts = text.split(",")
    if not all(part.isdecimal() for part in parts):
        raise argparse.ArgumentTypeError(f"{text} is not a list such as 0,1,10")
    return list(dict.fromkeys(map(int, parts)))


if __name__ == "__main__":
    sys.exit(main())
