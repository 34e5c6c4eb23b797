"""How much hints of a user help: PSNR against the number of hints.

Each hint is simulated: it shows the mean color of a square of 6 x 6 pixels of the
photograph, at a place drawn from a normal distribution about its center. A network that
takes hints sees the squares; for another model with bins the color at the center of
each is evidence, as in `jaxcolor colorize --hint`. The numbers of the authors' model,
on 1,000 photographs of ImageNet's validation set, are beside those that are measured;
on other photographs only the shape of the curve compares.

PSNR is taken over all pixels, and over those that are farther than a quarter of the
side from every hint, beside that of the same pixels without hints: hints are not to
spoil what they do not concern.

Run:    python -m experiments.hints PHOTOS --model runs/siggraph17 -o hints.png
        python -m experiments.hints PHOTOS --model small=MODEL --counts 0,1,10 \
            --size 128 -o hints.png
Expect: a table on the terminal and the figure in the PNG; the curve rises from its
    first hints on. A pass of the network for each photograph and each number of hints.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, UInt8

from experiments import tables
from jaxcolor import plots
from jaxcolor.cli import flags
from jaxcolor.color import cielab, compose, hints
from jaxcolor.color.hints import Points
from jaxcolor.data import pipeline, sources
from jaxcolor.evaluation import registry
from jaxcolor.inference import adjustments
from jaxcolor.inference.colorizer import Colorizer
from jaxcolor.inference.user_hints import Hint
from jaxcolor.metrics import bootstrap
from jaxcolor.runtime import atomic, markdown_text, progress

SIDE = 6
# Pixels count as far from a hint at more than this share of the side, and their PSNR
# is taken where they are at least this share of the photograph.
FAR, LEAST_SHARE = 1 / 4, 1 / 100
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


class Decibels(NamedTuple):
    """PSNR of each photograph with each number of hints, decibels.

    Attributes:
        everywhere: of all pixels.
        far: of the pixels that are far from all hints; NaN where there are few.
        far_without: of the same pixels, without hints.
    """

    everywhere: Float[np.ndarray, "b n"]
    far: Float[np.ndarray, "b n"]
    far_without: Float[np.ndarray, "b n"]


def measure(
    colorizer: Colorizer,
    source: sources.Source,
    counts: Sequence[int],
    *,
    size: int,
    seed: int,
    on_done: Callable[[int], object],
) -> Decibels:
    """Returns the PSNR of each photograph with each number of hints.

    Args:
        colorizer: of a model that takes hints, or has bins.
        source: the photographs, of which the central squares are taken.
        counts: numbers of hints.
        size: side of the squares, pixels; a model with bins sees them at the
            colorizer's own size.
        seed: of the places of the hints, the same for every model.
        on_done: called with the number of pictures after each batch.

    Raises:
        ValueError: hints mean nothing to the model, or it cannot see squares of this
            size.
    """
    adjustments.check_hints(colorizer.description, colorizer.network)
    takes_hints = "hints" in colorizer.network.extra_inputs
    colored = _seen if takes_hints else _by_evidence
    draws = {n: _draw(n, size=size, seed=seed) for n in {0, *counts}}
    found = []
    batches = pipeline.center_squares(source, size=size, batch_size=BATCH_SIZE)
    for n, batch in enumerate(batches):
        index = jnp.arange(BATCH_SIZE) + n * BATCH_SIZE
        valid = batch["valid"] > 0
        rgb = np.asarray(batch["rgb"])
        without = _errors(colored(colorizer, rgb, draws[0](index)), rgb)
        columns = []
        for count in counts:
            points = draws[count](index)
            errors = _errors(colored(colorizer, rgb, points), rgb) if count else without
            far = _is_far(points, size=size)
            three = [_decibels(errors), _decibels(errors, far), _decibels(without, far)]
            columns.append(np.stack(three)[:, valid])
            on_done(int(valid.sum()))
        found.append(np.stack(columns, axis=-1))
    return Decibels(*np.concatenate(found, axis=1))


_lab = jax.jit(cielab.rgb8_to_lab)


def _draw(count: int, *, size: int, seed: int) -> Callable[[Int[Array, " b"]], Points]:
    """Returns the function of the photographs' positions to the places of hints."""
    key = jax.random.fold_in(jax.random.key(seed), count)

    def one(index: Int[Array, ""]) -> Points:
        own = jax.random.fold_in(key, index)
        return hints.squares(own, size, size, count=count, side=SIDE)

    return jax.jit(jax.vmap(one))


def _seen(
    colorizer: Colorizer, rgb: UInt8[np.ndarray, "b h w 3"], points: Points
) -> UInt8[np.ndarray, "b h w 3"]:
    """Returns pictures of a network that sees the squares of hints."""
    lab = _lab(rgb)
    given = _shown(lab[..., 1:], points)
    outputs = colorizer.predict(lab[..., 0], hints=given).outputs
    return np.asarray(compose.pictures(lab[..., 0], colorizer.decode(outputs)))


@jax.jit
def _shown(ab: Float[Array, "b h w 2"], points: Points) -> Float[Array, "b h w 3"]:
    return jax.vmap(partial(hints.shown, largest_side=SIDE))(ab, points)


def _by_evidence(
    colorizer: Colorizer, rgb: UInt8[np.ndarray, "b h w 3"], points: Points
) -> UInt8[np.ndarray, "b h w 3"]:
    """Returns pictures of a model to which hints are evidence, as a user gets them."""
    lab = np.asarray(_lab(rgb))
    given = []
    for n, photo in enumerate(lab):
        corners = zip(points.top[n].tolist(), points.left[n].tolist(), strict=True)
        given.append([_hint(photo, *corner) for corner in corners])
    return np.stack(colorizer.colorize([*rgb], hints=given))


def _hint(lab: Float[np.ndarray, "h w 3"], top: int, left: int) -> Hint:
    """Returns the mean color of a square, at its center."""
    mean = lab[top : top + SIDE, left : left + SIDE].mean(axis=(0, 1))
    red, green, blue = np.asarray(_levels(mean)).tolist()
    return Hint(left + SIDE // 2, top + SIDE // 2, (red, green, blue))


@jax.jit
def _levels(lab: Float[Array, "3"]) -> UInt8[Array, "3"]:
    return compose.levels(compose.rgb(lab[0], lab[1:]), dtype=jnp.uint8)


def _is_far(points: Points, *, size: int) -> Bool[np.ndarray, "b h w"]:
    """Returns which pixels are far from the centers of all hints."""
    places = np.arange(size)
    down = np.asarray(points.top)[..., None] + SIDE / 2 - 0.5 - places
    across = np.asarray(points.left)[..., None] + SIDE / 2 - 0.5 - places
    squares = down[..., :, None] ** 2 + across[..., None, :] ** 2
    return (squares > (FAR * size) ** 2).all(axis=1)


def _errors(
    pictures: UInt8[np.ndarray, "b h w 3"], rgb: UInt8[np.ndarray, "b h w 3"]
) -> Float[np.ndarray, "b h w"]:
    """Returns squared errors of pixels, of 8-bit files with levels in [0, 1]."""
    differences = (pictures.astype(np.float32) - rgb.astype(np.float32)) / 255
    return np.square(differences).mean(axis=-1)


def _decibels(
    errors: Float[np.ndarray, "b h w"],
    where: Bool[np.ndarray, "b h w"] | None = None,
) -> Float[np.ndarray, " b"]:
    """Returns the PSNR of photographs, or of a part of each; NaN of a small one."""
    where = np.ones(errors.shape, bool) if where is None else where
    pixels = where.sum(axis=(1, 2))
    means = np.where(where, errors, 0).sum(axis=(1, 2), dtype=np.float64)
    means /= np.maximum(pixels, 1)
    smallest = 10 ** (-registry.LARGEST_PSNR / 10)
    decibels = -10 * np.log10(np.maximum(means, smallest))
    return np.where(pixels < LEAST_SHARE * errors[0].size, np.nan, decibels)


def estimates(decibels: Float[np.ndarray, "b n"]) -> list[tables.Estimate]:
    """Returns means over photographs, with their 95 percent intervals.

    Photographs with NaN do not count; where none is left all three numbers are NaN.
    """
    return [_estimate(column[~np.isnan(column)]) for column in decibels.T]


def _estimate(decibels: Float[np.ndarray, " b"]) -> tables.Estimate:
    if not len(decibels):
        return (np.nan, np.nan, np.nan)
    columns = np.column_stack([decibels, np.ones(len(decibels))])
    drawn = bootstrap.resampled_sums(columns, seed=SEED, resamples=RESAMPLES)
    interval = bootstrap.interval(drawn[:, 0] / drawn[:, 1])
    return (float(decibels.mean()), *interval)


def markdown(found: Mapping[str, Decibels], counts: Sequence[int]) -> str:
    """Returns a table with a line for each number of hints.

    Args:
        found: by model, as measured.
        counts: numbers of hints.
    """
    kinds = ("", " far from hints", " there without hints", " lost there at most")
    heads = [f"{name}{kind}, dB" for name in found for kind in kinds]
    heads = ["hints", *heads, "published, dB"]
    of_models = [_cells(each) for each in found.values()]
    lines = []
    for n, count in enumerate(counts):
        published = f"{PUBLISHED[count]:.2f}" if count in PUBLISHED else "–"
        cells = [cell for each in of_models for cell in each[n]]
        lines.append([str(count), *cells, published])
    return markdown_text.table(heads, lines)


def _cells(found: Decibels) -> list[list[str]]:
    """Returns the cells of a model, by number of hints."""
    columns = [[tables.formatted(one) for one in estimates(each)] for each in found]
    lost = (found.far_without - found.far).T
    largest = [each[~np.isnan(each)].max(initial=-np.inf) for each in lost]
    columns.append([f"{x:.2f}" if np.isfinite(x) else "–" for x in largest])
    return [list(line) for line in zip(*columns, strict=True)]


def figure(found: Mapping[str, Decibels], counts: Sequence[int]) -> bytes:
    """Returns the curves of all models and the published one as a PNG.

    Args:
        found: as for `markdown`.
        counts: as for `markdown`.
    """
    order = np.argsort(counts)
    curves = {
        name: ([counts[n] for n in order], each.everywhere.mean(axis=0)[order].tolist())
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
        colorizers = {
            name: Colorizer.load(path, size=arguments.size)
            for name, path in named.items()
        }
        pictures = len(source) * len(counts) * len(colorizers)
        hidden = arguments.quiet
        with progress.bar(pictures, unit="picture", is_hidden=hidden) as bar:
            found = {
                name: measure(
                    colorizer,
                    source,
                    counts,
                    size=arguments.size,
                    seed=arguments.seed,
                    on_done=bar.update,
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
        help="a model that takes hints, or has bins; repeat it for several models",
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
