"""Is training without rebalancing and reweighting afterwards as good as rebalancing?

Training with class weights w makes the posterior proportional to p w, so a model that
was trained at lambda 1 (equal weights) can be moved to any other lambda afterwards.
That is exact if the target of a pixel is its nearest bin. It is not exact for soft
codes: a pixel has the weight of its nearest bin, but its code includes the neighbors.
Nor is a network an optimum: it may spend its capacity on what its loss weights most.

The study has four parts: the effect of the soft codes alone, for the two extremes of
what can be known about a pixel (its color, or only the colors of all pixels); trained
models, each decoded with both lambdas; their errors by the chroma of the true color;
and the trade-off between the metrics over a range of decoding lambdas.

Run:    jaxcolor sweep-train --config lambda_study --workdir runs/study \
            --config.data.source=PHOTOS --config.prior.path=PRIOR.json
        python -m experiments.rebalancing TEST --trainings runs/study -o runs/reweighted
Expect: table.md, results.json, chroma.png, frontier.png and vividness.png; four
    minutes for 2,800 photographs and four trainings on two CPU cores.
"""

import argparse
import itertools
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from experiments import tables
from experiments.tables import Estimate
from jaxcolor import plots
from jaxcolor.cli import flags
from jaxcolor.color import cielab, encode, rebalance
from jaxcolor.data import sources
from jaxcolor.evaluation import (
    decoding_grid,
    decoding_sweep,
    evaluate,
    protocols,
    result_tables,
    systems,
)
from jaxcolor.finetuning import initial_model
from jaxcolor.inference import folders
from jaxcolor.inference.colorizer import Colorizer
from jaxcolor.metrics import accuracy, bootstrap
from jaxcolor.pretrained import release
from jaxcolor.pretrained.release import Pretrained
from jaxcolor.runtime import atomic, checkpoints, markdown_text, progress

# The lambda of training without rebalancing, and the lambda to reweight to.
PLAIN, WANTED = 1.0, 0.5
BATCH_SIZE, SPACING = 16, 10.0
SEED, RESAMPLES = 0, 1000
TEMPERATURE = 0.38
# The lambdas that each training is decoded with to show the trade-off.
LAMBDAS = (0.25, 0.35, 0.5, 0.6, 0.7, 0.85, 1.0)
# Edges of the bands of chroma of the true color, CIELAB units.
EDGES = (0, 5, 10, 20, 40, np.inf)

PerPhoto = dict[str, list[float]]


class Arm(NamedTuple):
    """A combination of training and decoding; `str` gives its key in results.json.

    Attributes:
        trained: lambda of the training.
        read: lambda of the decoding.
    """

    trained: float
    read: float

    def __str__(self) -> str:
        return f"trained at {self.trained:g}, read at {self.read:g}"

    @property
    def label(self) -> str:
        """Its name in tables and figures."""
        return f"trained at {self.trained:g}, decoded with {self.read:g}"


ARMS = (
    Arm(WANTED, WANTED),
    Arm(PLAIN, WANTED),
    Arm(PLAIN, PLAIN),
    Arm(WANTED, PLAIN),
)


LABELS = {str(arm): arm.label for arm in ARMS}
# Differences between arms that are decoded with the same lambda.
APART = {
    "second minus first": (ARMS[1], ARMS[0]),
    "fourth minus third": (ARMS[3], ARMS[2]),
}


def trainings(folder: Path) -> dict[float, list[Pretrained]]:
    """Returns the trained models of a sweep by their lambda, in the order of folders.

    Raises:
        ValueError: one of the lambdas has no training or fewer than the other, or the
            trainings are at different steps.
    """
    found: dict[float, list[Pretrained]] = {PLAIN: [], WANTED: []}
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if checkpoints.is_workdir(path):
            # The last checkpoint, not the best one: the same step for all trainings.
            model = release.load(f"{path}@{checkpoints.steps(path)[-1]}")
            found.get(initial_model.bins_of(model).training_lambda, []).append(model)
    steps = {m.provenance.get("step") for part in found.values() for m in part}
    if len(steps) > 1:
        raise ValueError(
            f"the trainings of {folder} are at steps {sorted(map(str, steps))};"
            " wanted all at the same step"
        )
    counts = [len(found[x]) for x in (PLAIN, WANTED)]
    if not counts[0] == counts[1] > 0:
        raise ValueError(
            f"{folder} has {counts[0]} trainings at lambda {PLAIN:g} and {counts[1]} at"
            f" {WANTED:g}; wanted equal numbers, 1 or more"
        )
    return found


def soft_codes(
    model: Pretrained, source: sources.Source, *, size: int
) -> dict[str, Estimate]:
    """Returns the error of reweighting the best distributions, due to soft codes.

    "certain": the color is known, and the best distribution is its code, whatever the
    weights. "constant": nothing is known, and the best distribution is a mean of codes.
    The errors are the Kullback-Leibler divergence from the best to the reweighted
    distribution, in nats, and the distance between their annealed means, in CIELAB
    units; for "certain" they are means over pixels.
    """
    head, stride = initial_model.bins_of(model), model.network.output_stride
    bins = head.gamut
    centers = jnp.asarray(bins.centers)
    weights = rebalance.class_weights(
        jnp.asarray(model.prior), rebalancing_lambda=WANTED
    )

    @jax.jit
    def of_photo(rgb: UInt8[Array, "h w 3"]) -> dict[str, Array]:
        ab = cielab.rgb8_to_lab(rgb)[::stride, ::stride, 1:]
        code = encode.soft_encode(ab, bins, neighbors=head.neighbors, sigma=head.sigma)
        of_bins = weights[code.indices]
        moved = code.weights * of_bins
        moved /= moved.sum(axis=-1, keepdims=True)
        # The weight of a distant neighbor underflows to zero.
        ratio = jnp.log(jnp.where(code.weights > 0, code.weights / moved, 1.0))
        places = centers[code.indices]
        apart = _annealed(code.weights, places) - _annealed(moved, places)
        return {
            "nats": (code.weights * ratio).sum(axis=-1).mean(),
            "ab": jnp.linalg.norm(apart, axis=-1).mean(),
            "code": rebalance.accumulate(code, bins=len(centers)),
            "weighted": rebalance.accumulate(
                code, bins=len(centers), per_pixel=of_bins[..., 0]
            ),
        }

    how = _protocol("", size)
    each = [
        jax.device_get(of_photo(rgb))
        for truth, _, count in protocols.batches(source, how)
        for rgb in truth.rgb[:count]
    ]
    columns = {key: np.stack([one[key] for one in each]) for key in each[0]}

    def constant(sums: Mapping[str, np.ndarray]) -> tuple[float, float]:
        best = sums["weighted"] / sums["weighted"].sum()
        moved = sums["code"] * np.asarray(weights)
        moved = moved / moved.sum()
        seen = best > 0
        nats = np.sum(best[seen] * np.log(best[seen] / moved[seen]))
        apart = _annealed(jnp.float32(best), centers) - _annealed(
            jnp.float32(moved), centers
        )
        return float(nats), float(jnp.linalg.norm(apart))

    rng = np.random.default_rng(SEED)
    draws = [rng.integers(len(each), size=len(each)) for _ in range(RESAMPLES)]
    found: dict[str, Estimate] = {}
    for n, unit in enumerate(("nats", "ab")):
        values = columns[unit]
        drawn = np.array([values[draw].mean() for draw in draws])
        found[f"certain, {unit}"] = (
            float(values.mean()),
            *bootstrap.interval(drawn),
        )
        whole = constant({key: x.sum(axis=0) for key, x in columns.items()})[n]
        some = [
            constant({k: columns[k][draw].sum(axis=0) for k in ("code", "weighted")})[n]
            for draw in draws
        ]
        found[f"constant, {unit}"] = (whole, *bootstrap.interval(np.array(some)))
    return found


def _annealed(probs: Array, places: Array) -> Array:
    """Returns the annealed mean of places with these probabilities."""
    sharp = probs ** (1 / TEMPERATURE)
    sharp = sharp / sharp.sum(axis=-1, keepdims=True)
    return (sharp[..., None] * places).sum(axis=-2)


def readings(models: Mapping[float, Sequence[Pretrained]]) -> dict[str, systems.System]:
    """Returns every training, decoded with either lambda, by name."""
    return {
        f"{arm}, {n}": systems.of_colorizer(
            Colorizer(model, rebalancing_lambda=arm.read, temperature=TEMPERATURE)
        )
        for arm in ARMS
        for n, model in enumerate(models[arm.trained])
    }


def by_chroma(
    measured: Mapping[str, systems.System],
    source: sources.Source,
    how: protocols.Protocol,
) -> dict[str, Float[np.ndarray, "b 10"]]:
    """Returns, for each photograph, the sums of errors and of pixels by band of chroma.

    The bands lie between `EDGES`: first the errors of each, then the pixels.
    """

    @jax.jit
    def sums(ab: Array, true_ab: Array) -> Array:
        place = jnp.digitize(
            jnp.linalg.norm(true_ab, axis=-1), jnp.float32(EDGES[1:-1])
        )
        is_there = jax.nn.one_hot(place, len(EDGES) - 1)
        errors = accuracy.ab_distance(ab, true_ab)[..., None] * is_there
        return jnp.concatenate([errors.sum((1, 2)), is_there.sum((1, 2))], axis=-1)

    found: dict[str, list[np.ndarray]] = {name: [] for name in measured}
    for truth, index, count in protocols.batches(source, how):
        for name, system in measured.items():
            ab = system.answer(truth.lab[..., 0], index).ab
            found[name].append(np.asarray(sums(ab, truth.lab[..., 1:]))[:count])
    return {name: np.concatenate(parts) for name, parts in found.items()}


def traded(
    models: Mapping[float, Sequence[Pretrained]],
    source: sources.Source,
    how: protocols.Protocol,
    *,
    on_done: protocols.Progress,
) -> dict[str, dict[str, list[float]]]:
    """Returns, for each training, some of `NUMBERS` at each of `LAMBDAS`."""
    keys = {
        "auc": "auc",
        "rebalanced_auc": "rebalanced_auc",
        SHARE: "colorfulness_share",
    }
    chosen = decoding_grid.make([TEMPERATURE], [*LAMBDAS])
    found = {}
    for trained in (WANTED, PLAIN):
        for n, model in enumerate(models[trained]):
            read = decoding_sweep.colorizers(model, LAMBDAS)
            cells = decoding_sweep.sweep(
                read, source, how, chosen, on_done=on_done
            ).cells
            found[f"trained at {trained:g}, training {n}"] = {
                ours: [cell.numbers[theirs].value for cell in cells]
                for ours, theirs in keys.items()
            }
    return found


def estimate(
    per_photo: Sequence[Float[np.ndarray, "b 2"]],
    minus: Sequence[Float[np.ndarray, "b 2"]] = (),
) -> Estimate:
    """Returns a ratio of sums over photographs, averaged over trainings.

    Args:
        per_photo: for each training, the numerator and denominator of each photograph.
        minus: likewise for other trainings, on the same photographs; their mean ratio
            is subtracted.
    """
    columns = np.concatenate([*per_photo, *minus], axis=1)
    signs = np.array([1.0] * len(per_photo) + [-1.0] * len(minus))
    signs[: len(per_photo)] /= len(per_photo)
    signs[len(per_photo) :] /= max(len(minus), 1)

    def value(sums: Float[np.ndarray, "n m"]) -> Float[np.ndarray, " n"]:
        # With few photographs, some resamples have no pixel in a band.
        with np.errstate(invalid="ignore", divide="ignore"):
            return (sums[:, ::2] / sums[:, 1::2]) @ signs

    drawn = bootstrap.resampled_sums(columns, seed=SEED, resamples=RESAMPLES)
    ends = bootstrap.interval(value(drawn))
    return float(value(columns.sum(axis=0, keepdims=True))[0]), *ends


def columns_of(numbers: PerPhoto, key: str, truth: PerPhoto) -> np.ndarray:
    """Returns numerator and denominator of a number of the table, per photograph."""
    if key == "rebalanced_auc":
        # 100 (1 - error / (150 pixels)), as a ratio of sums.
        error, pixels = (
            np.asarray(numbers[f"rebalanced_{what}"]) for what in ("error", "pixels")
        )
        return np.stack([100 * pixels - error / 1.5, pixels], axis=1)
    values = np.asarray(numbers["colorfulness" if key == SHARE else key])
    below = truth["colorfulness"] if key == SHARE else np.ones_like(values)
    return np.stack([values, below], axis=1)


SHARE = "relative colorfulness"
NUMBERS = {
    "auc": "AuC, %",
    "rebalanced_auc": "rebalanced AuC, %",
    SHARE: SHARE,
    "nll": "NLL, nats",
}


def study(
    models: Mapping[float, Sequence[Pretrained]],
    source: sources.Source,
    *,
    size: int,
    name: str,
    on_done: protocols.Progress,
) -> dict[str, Any]:
    """Measures all four parts of the study; returns the content of results.json.

    Args:
        models: as returned by `trainings`.
        source: color photographs that no model was trained on.
        size: side of their central squares, pixels; a multiple of 8.
        name: name of the source, for the manifest.
        on_done: as in `evaluate.evaluate`.
    """
    how = _protocol(name, size)
    measured = readings(models)
    whole = evaluate.evaluate(
        measured,
        source,
        how,
        on_done=on_done,
    )
    truth = whole.photographs[systems.TRUTH]

    def parts(arm: Arm, key: str) -> list[np.ndarray]:
        return [
            columns_of(whole.photographs[f"{arm}, {n}"], key, truth)
            for n in range(len(models[arm.trained]))
        ]

    arms = {str(arm): {k: estimate(parts(arm, k)) for k in NUMBERS} for arm in ARMS}
    apart = {
        what: {k: estimate(parts(moved, k), parts(own, k)) for k in NUMBERS}
        for what, (moved, own) in APART.items()
    }
    pairs = {
        what: {
            k: [
                estimate([x], [y])[0]
                for x, y in zip(parts(moved, k), parts(own, k), strict=True)
            ]
            for k in NUMBERS
        }
        for what, (moved, own) in APART.items()
    }
    chroma = by_chroma(measured, source, how)
    bands = len(EDGES) - 1

    def band(arm: Arm, n: int) -> list[np.ndarray]:
        count = len(models[arm.trained])
        return [chroma[f"{arm}, {i}"][:, [n, n + bands]] for i in range(count)]

    return {
        "manifest": whole.manifest,
        "trainings": {
            f"trained at {trained:g}, training {n}": model.provenance
            for trained, part in models.items()
            for n, model in enumerate(part)
        },
        "soft codes": soft_codes(models[WANTED][0], source, size=size),
        "arms": arms,
        "moved minus trained": apart,
        "moved minus trained, by seed": pairs,
        "errors by chroma": {
            str(arm): [estimate(band(arm, n)) for n in range(bands)] for arm in ARMS
        },
        "moved minus trained, by chroma": {
            what: [estimate(band(moved, n), band(own, n)) for n in range(bands)]
            for what, (moved, own) in APART.items()
        },
        "by lambda": traded(models, source, how, on_done=on_done),
    }


def _protocol(name: str, size: int) -> protocols.Protocol:
    return protocols.Protocol(name, size, SPACING, BATCH_SIZE, SEED, RESAMPLES)


def bands() -> list[str]:
    """Returns the names of the bands of chroma between `EDGES`."""
    pairs = itertools.pairwise(EDGES[:-1])
    return [*(f"{low:g} to {high:g}" for low, high in pairs), f"above {EDGES[-2]:g}"]


LEGEND = (
    "Means over the trainings, with 95 % intervals over photographs. The intervals do"
    " not include the spread over seeds, which the lines by seed show."
)


def markdown(found: Mapping[str, Any]) -> str:
    """Returns the tables."""
    heads = ["", *NUMBERS.values()]
    lines = [
        [LABELS[arm], *map(tables.formatted, x.values())]
        for arm, x in found["arms"].items()
    ]
    for what, apart in found["moved minus trained"].items():
        lines.append([what, *(tables.formatted(x, sign="+") for x in apart.values())])
        pairs = found["moved minus trained, by seed"][what].values()
        of_each = ("; ".join(f"{x:+.2f}" for x in pair) for pair in pairs)
        lines.append(["by seed", *of_each])
    errors = [
        [LABELS[arm], *map(tables.formatted, x)]
        for arm, x in found["errors by chroma"].items()
    ]
    more = found["moved minus trained, by chroma"].items()
    errors += [[what, *(tables.formatted(x, sign="+") for x in y)] for what, y in more]
    trades = [
        [
            name,
            *(
                f"{a:.2f}; {b:.2f}; {c:.2f}"
                for a, b, c in zip(*x.values(), strict=True)
            ),
        ]
        for name, x in found["by lambda"].items()
    ]
    codes = found["soft codes"]
    known = {"certain": "its color", "constant": "only the colors of all pixels"}
    extremes = [
        [
            label,
            *(
                tables.formatted(codes[f"{what}, {unit}"], digits=3)
                for unit in ("nats", "ab")
            ),
        ]
        for what, label in known.items()
    ]
    return "\n\n".join(
        [
            "### Rebalanced in training or reweighted in decoding",
            markdown_text.table(heads, lines),
            LEGEND,
            "### Mean distance in ab, by the chroma of the true color",
            markdown_text.table(["", *bands()], errors),
            "### AuC; rebalanced AuC; relative colorfulness, by lambda",
            markdown_text.table(
                ["", *(f"decoded with {x:g}" for x in LAMBDAS)], trades
            ),
            "### The effect of soft encoding alone",
            markdown_text.table(
                [
                    "what is known about a pixel",
                    "trained and reweighted, difference in nats",
                    "distance of their annealed means, ab",
                ],
                extremes,
            ),
        ]
    )


def figures(found: Mapping[str, Any]) -> dict[str, bytes]:
    """Returns the errors by chroma and the trade-offs, as PNG files by name."""
    bands_at = np.arange(len(EDGES) - 1.0).tolist()
    curves = {
        LABELS[arm]: (bands_at, [value for value, *_ in numbers])
        for arm, numbers in found["errors by chroma"].items()
    }
    draw = partial(plots.lines, is_logarithmic=False, verticals={})
    chroma = draw(
        curves, x="chroma of the true color, CIELAB units", y="mean distance in ab"
    )
    (axes,) = chroma.axes
    axes.set_xticks(range(len(EDGES) - 1), bands())
    drawn = {"chroma": chroma}
    for name, key, x in (
        (
            "frontier",
            "auc",
            f"AuC, %, decoded with λ from {LAMBDAS[0]:g} to {LAMBDAS[-1]:g}",
        ),
        ("vividness", SHARE, "relative colorfulness"),
    ):
        trades = found["by lambda"].items()
        drawn[name] = draw(
            {training: (of[key], of["rebalanced_auc"]) for training, of in trades},
            x=x,
            y=NUMBERS["rebalanced_auc"],
        )
    return {f"{name}.png": plots.png(figure) for name, figure in drawn.items()}


def main(argv: Sequence[str] | None = None) -> int:
    """Writes the tables and figures, prints the tables, returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", help="a folder, a .txt list, or tfds:NAME:SPLIT")
    parser.add_argument(
        "--trainings",
        type=Path,
        required=True,
        metavar="DIR",
        help="workdir of `jaxcolor sweep-train --config lambda_study`",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder for tables and figures",
    )
    parser.add_argument(
        "--size",
        type=flags.count,
        default=64,
        metavar="N",
        help="side of the photographs, pixels; configs/lambda_study.py trains for 64"
        " (default: %(default)s)",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    arguments = parser.parse_args(argv)
    try:
        folders.check_folder(arguments.output)
        models = trainings(arguments.trainings)
        source = sources.open_source(arguments.source)
        hidden = arguments.quiet
        # Two passes for the tables; per training one pass and one for each lambda.
        passes = 2 + (1 + len(LAMBDAS)) * sum(map(len, models.values()))
        total = passes * len(source)
        with progress.bar(total, unit="picture", is_hidden=hidden) as bar:
            found = study(
                models,
                source,
                size=arguments.size,
                name=arguments.source,
                on_done=bar.update,
            )
    except ValueError as error:
        parser.error(str(error))
    arguments.output.mkdir(parents=True, exist_ok=True)
    atomic.write_json(arguments.output / result_tables.RESULTS, tables.plain(found))
    atomic.write_text(arguments.output / result_tables.TABLE, markdown(found) + "\n")
    for name, content in figures(found).items():
        atomic.write_bytes(arguments.output / name, content)
    print(markdown(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
