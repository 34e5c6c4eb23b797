"""Machine real-or-fake test: can a network tell a system's colors from true ones?

The paper asked people which of two pictures has fake colors. Here small networks are
asked, each trained for this one set of photographs and this one system; see
`recognition.two_sample`. The numbers are not comparable with those of people.

Source:
    Lopez-Paz and Oquab 2017 (arXiv:1610.06545), section 3.
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from jaxcolor.color import cielab
from jaxcolor.evaluation import metric, per_photograph, systems
from jaxcolor.evaluation.judges.judge import Judge, Judging, Setting, Shown
from jaxcolor.evaluation.metric import Metric, Statistic, Totals
from jaxcolor.runtime import progress

TITLE = "Machine real or fake"
REMEDY = (
    "give --real-or-fake N, which trains N networks for each system to tell its colors"
    " from true ones"
)
KEY, PAIRS, SPREAD = "real_or_fake", "real_or_fake_pairs", "real_or_fake_spread"
# Numbers of each photograph, summed over the networks: how many it was not trained on,
# and their errors. With the number of a seed, those of its network.
TESTED, SINGLE, PAIR = (f"{KEY}.{part}" for part in ("tested", "errors", "pair_errors"))

# Side of the pictures that the networks see; smaller ones are not enlarged.
SIDE = 64


def judge(*, seeds: int, first_seed: int, is_quiet: bool) -> Judge:
    """Returns the real-or-fake test as a judge.

    It keeps a copy of each picture of each system, at most 12 kB, until the end.

    Args:
        seeds: number of networks for each system, each with its own halves of the
            photographs; the same halves for all systems.
        first_seed: the seed of the first; the others follow.
        is_quiet: no progress bar.
    """
    return Judge(
        lambda setting: _judging(
            setting, range(first_seed, first_seed + seeds), is_quiet=is_quiet
        )
    )


def _judging(setting: Setting, seeds: range, *, is_quiet: bool) -> Judging:
    # Imported here, because it needs the extra for training.
    from jaxcolor.recognition import two_sample

    count = len(setting.names)
    two_sample.check(count)
    kept: dict[str, list[UInt8[np.ndarray, "b h w 3"]]] = {}

    def keep(shown: Shown) -> dict[str, Array]:
        # The same way to 8 bits for all, so that rounding tells nothing.
        rgb = _composed(shown.true_rgb) if shown.is_truth else shown.rgb
        kept.setdefault(shown.system, []).append(np.asarray(_reduced(rgb)))
        return {}

    def test() -> Mapping[str, Mapping[str, Float[np.ndarray, " n"]]]:
        # Without the filling of the last batch.
        pictures = {name: np.concatenate(kept.pop(name))[:count] for name in [*kept]}
        found: dict[str, dict[str, np.ndarray]] = {}
        total = len(pictures) * len(seeds)
        with progress.bar(
            total, unit="network", title="real or fake", is_hidden=is_quiet
        ) as bar:
            for name, colorized in pictures.items():
                sums = {part: np.zeros(count) for part in (TESTED, SINGLE, PAIR)}
                for seed in seeds:
                    errors = two_sample.errors(
                        pictures[systems.TRUTH], colorized, two_sample.RECIPE, seed=seed
                    )
                    of_seed = {TESTED: errors.is_tested, SINGLE: errors.single}
                    for part, values in {**of_seed, PAIR: errors.pair}.items():
                        sums[part] += values
                    sums |= {f"{part}{seed}": x for part, x in of_seed.items()}
                    bar.update()
                found[name] = sums
        return found

    return Judging(
        TITLE,
        _metrics(seeds),
        keep,
        at_end=test,
        provenance={
            "real_or_fake": {"seeds": [*seeds], "recipe": two_sample.RECIPE._asdict()},
            "notes": [_note(count, len(seeds))],
        },
    )


@jax.jit
def _composed(rgb: Float[Array, "b h w 3"]) -> Float[Array, "b h w 3"]:
    lab = cielab.rgb_to_lab(rgb)
    return per_photograph.colored(lab[..., 0], lab[..., 1:]) / 255


@jax.jit
def _reduced(rgb: Float[Array, "b h w 3"]) -> UInt8[Array, "b H W 3"]:
    batch, height, width, _ = rgb.shape
    shape = (batch, min(SIDE, height), min(SIDE, width), 3)
    small = jax.image.resize(rgb, shape, "linear", antialias=True)
    return jnp.round(jnp.clip(small, 0, 1) * 255).astype(jnp.uint8)


def _metrics(seeds: range) -> tuple[Metric, ...]:
    def make(key: str, head: str, meaning: str, statistic: Statistic) -> Metric:
        return Metric(
            key=key,
            heading=f"{head}, %",
            format=".1f",
            meaning=meaning,
            better="none" if key == SPREAD else "higher",
            table=TITLE,
            statistic=statistic,
            has_interval=key != SPREAD,
        )

    found = (
        make(
            KEY,
            "machine real-or-fake error",
            "share of single pictures whose colors a network, trained on other"
            " photographs of the set, takes for true where they are the system's, or"
            " the reverse; 50 is chance",
            _percentage(SINGLE, TESTED),
        ),
        make(
            PAIRS,
            "machine real-or-fake error of pairs",
            "share of pairs, the true and the colorized picture of a photograph, of"
            " which the network takes the colorized one for the true one",
            _percentage(PAIR, TESTED),
        ),
    )
    if len(seeds) == 1:
        return found
    meaning = "standard deviation of the error of single pictures over the networks"
    return (*found, make(SPREAD, "spread", meaning, _spread(seeds)))


def _percentage(part: str, whole: str) -> Statistic:
    share = metric.ratio(part, whole)
    return share._replace(value=lambda totals: 100 * share.value(totals))


def _spread(seeds: range) -> Statistic:
    pairs = [(f"{SINGLE}{seed}", f"{TESTED}{seed}") for seed in seeds]

    def value(totals: Totals) -> np.ndarray:
        sums = totals.system
        each = [100 * metric.over(sums[part], sums[whole]) for part, whole in pairs]
        return np.std(each, axis=0, ddof=1)

    return Statistic(tuple(name for pair in pairs for name in pair), value)


def _note(count: int, seeds: int) -> str:
    networks = "one network" if seeds == 1 else f"{seeds} networks"
    return (
        f"Machine real-or-fake error: {networks} for each system, trained on half of"
        f" the {count:,} photographs at {SIDE} x {SIDE} pixels and tested on the other"
        " half. It is no study with people: a network may see what people do not, and"
        " the reverse. At 50 % this network cannot tell the colors apart; another one"
        " might."
    )
