"""From the measures of each photograph to the numbers of the table, with intervals."""

from collections.abc import Callable, Collection, Mapping, Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jaxcolor.evaluation.per_photograph import Likelihood, Measures
from jaxcolor.evaluation.result_tables import Number, Reliability
from jaxcolor.metrics import accuracy, bootstrap, calibration
from jaxcolor.metrics.calibration import CalibrationSums

# Measures that are numbers of a photograph, and those of them whose mean is a number
# of the table under the same name.
MEANS = (
    "image_auc",
    "psnr",
    "ssim",
    "ciede2000",
    "colorfulness",
    "absolute_colorfulness",
    "auc",
)
RATIOS = ("rebalanced_error", "rebalanced_pixels", "prior_error", "prior_pixels")

# Photographs whose mean colorfulness is below it have no color that a system could have
# a share of, but roundings: gray has 0.1.
COLORLESS = 0.5
# Before the number of a training of a classifier, in the name of its hits.
MEMBER = ".training"
# After a classifier's name: 1 for a photograph whose class is known, else 0.
LABELLED = ".labelled"

Columns = dict[str, Float[np.ndarray, " n"]]
Statistic = Callable[[Columns], Float[np.ndarray, " n"]]


class Tally:
    """What was measured of one system, photograph by photograph.

    Attributes:
        photographs: numbers of each photograph so far, by name.
        histogram: sum of its shares of pixels in each bin.
        raw: sum of the raw accuracy curves.
        rebalanced: sum of the rebalanced ones, weights not yet divided out.
    """

    def __init__(self) -> None:
        """Starts with no photograph."""
        self.photographs: dict[str, list[float]] = {}
        self.histogram: np.ndarray | float = 0.0
        self.raw: np.ndarray | float = 0.0
        self.rebalanced: np.ndarray | float = 0.0
        self._calibration: list[np.ndarray | float] = [0.0, 0.0, 0.0]
        self._has_calibration = False

    def add(
        self,
        found: Measures,
        likely: Likelihood | None,
        more: Mapping[str, np.ndarray],
    ) -> None:
        """Adds the measures of some photographs.

        Args:
            found: on the host, without filling.
            likely: likewise; None where there is no distribution.
            more: by name, 1 for a photograph that a classifier recognized and else 0;
                which ones have a label, see `labelled`; and `lpips`, if it was
                measured.

        Raises:
            ValueError: the predicted colors are not all finite.
        """
        if not np.isfinite(found.auc).all():
            raise ValueError("a model gives colors that are not finite numbers")
        numbers = {
            name: getattr(found, name)
            for name in (*MEANS, *RATIOS)
            if getattr(found, name) is not None
        }
        numbers |= found.contrast._asdict()
        if likely is not None:
            numbers["nll"] = likely.nll
            for n, sums in enumerate(likely.calibration):
                self._calibration[n] += np.sum(sums, axis=0, dtype=np.float64)
            self._has_calibration = True
        for name, values in (numbers | dict(more)).items():
            self.photographs.setdefault(name, []).extend(map(float, values))
        self.histogram += np.sum(found.histogram, axis=0, dtype=np.float64)
        self.raw += np.sum(found.curve, axis=0, dtype=np.float64)
        self.rebalanced += np.sum(found.rebalanced_curve, axis=0, dtype=np.float64)

    def share_of_bins(self) -> Float[np.ndarray, " q"]:
        """Returns the share of the pixels that are predicted in each bin."""
        return np.asarray(self.histogram) / np.sum(self.histogram)

    def curves(self) -> dict[str, list[float]]:
        """Returns the percentage of pixels within each distance, as JSON has it."""
        raw, rebalanced = np.asarray(self.raw), np.asarray(self.rebalanced)
        count = len(self.photographs["auc"])
        return {
            "raw": (raw / count).tolist(),
            "rebalanced": (100 * rebalanced[:-1] / rebalanced[-1]).tolist(),
        }

    def calibration(self) -> CalibrationSums | None:
        """Returns the sums over all photographs; None without a distribution."""
        if not self._has_calibration:
            return None
        return CalibrationSums(*(jnp.float32(x) for x in self._calibration))


def numbers(
    tally: Tally, truth: Tally, gray: Tally, *, seed: int, resamples: int
) -> dict[str, Number]:
    """Returns the numbers of a system that the tables have.

    Args:
        tally: of the system.
        truth: of the ground truth.
        gray: of gray.
        seed: of the resampling.
        resamples: how many.
    """
    parts = {"": tally, "truth.": truth, "gray.": gray}
    per_image = {
        prefix + name: np.asarray(values)
        for prefix, part in parts.items()
        for name, values in part.photographs.items()
    }
    sums = np.column_stack(list(per_image.values()))
    drawn = bootstrap.resampled_sums(sums, seed=seed, resamples=resamples)
    whole: Columns = dict(zip(per_image, sums.sum(axis=0)[:, None], strict=True))
    again: Columns = dict(zip(per_image, drawn.T, strict=True))
    count = len(sums)
    statistics = _statistics(tally.photographs, count)
    if np.mean(truth.photographs["colorfulness"]) < COLORLESS:
        del statistics["colorfulness_share"]
    found: dict[str, Number] = {}
    for key, statistic in statistics.items():
        value, values = float(statistic(whole)[0]), statistic(again)
        found[key] = Number(value)
        # One photograph has no spread; in some resample there may be a share of
        # nothing: too few to tell.
        if count > 1 and np.isfinite(values).all():
            found[key] = Number(value, *bootstrap.interval(values))
    found["histogram_kl"] = Number(
        float(
            accuracy.histogram_divergence(
                jnp.float32(tally.share_of_bins()), jnp.float32(truth.share_of_bins())
            )
        )
    )
    if (sums_of := tally.calibration()) is not None:
        error = calibration.expected_calibration_error(sums_of)
        found["ece"] = Number(float(error))
    found |= _spreads(tally.photographs)
    # One that is not defined, such as a share of nothing, is left out.
    return {key: number for key, number in found.items() if np.isfinite(number.value)}


def member(classifier: str, n: int) -> str:
    """Returns the name of the hits of one of a classifier's trainings."""
    return f"{classifier}{MEMBER}{n}"


def labelled(classifier: str) -> str:
    """Returns the name of the numbers that tell which photographs have a label."""
    return f"{classifier}{LABELLED}"


def reliability(tally: Tally) -> Reliability | None:
    """Returns the reliability diagram; None without a distribution."""
    sums = tally.calibration()
    if sums is None:
        return None
    points = calibration.reliability(sums)
    return Reliability(
        pixels=np.asarray(sums.pixels).tolist(),
        confidence=np.asarray(points.confidence).tolist(),
        accuracy=np.asarray(points.accuracy).tolist(),
    )


def _spreads(photographs: Mapping[str, Sequence[float]]) -> dict[str, Number]:
    """Returns how far a classifier's trainings are apart, where there are several."""
    means: dict[str, list[float]] = {}
    for name, hits in photographs.items():
        classifier, is_member, _ = name.rpartition(MEMBER)
        if is_member:
            count = sum(photographs[labelled(classifier)])
            means.setdefault(classifier, []).append(100 * sum(hits) / count)
    return {
        f"{classifier}.spread": Number(float(np.std(each, ddof=1)))
        for classifier, each in means.items()
        if len(each) > 1
    }


def _statistics(known: Collection[str], count: int) -> dict[str, Statistic]:
    """Returns, by key of the table, what makes a number of sums over photographs."""
    found = {
        name: _mean(name, count) for name in (*MEANS, "nll", "lpips") if name in known
    }
    found["rebalanced_auc"] = _area("rebalanced")
    if "prior_error" in known:
        found["prior_auc"] = _area("prior")
    found["colorfulness_share"] = lambda sums: _over(
        sums["colorfulness"], sums["truth.colorfulness"]
    )
    found |= _contrasts()
    absolute = "absolute_colorfulness"
    found["absolute_delta"] = lambda sums: (
        np.abs(sums[absolute] - sums[f"truth.{absolute}"]) / count
    )
    for name in known:
        if name.endswith((".top1", ".top5")):
            found[name] = _share(name)
        if name.endswith(".top1"):
            found[name.removesuffix("top1") + "gap"] = _gap(name)
    return found


def _contrasts() -> dict[str, Statistic]:
    """Returns the ratios of the sums of `color_contrast`."""

    def share(part: str, whole: str) -> Statistic:
        return lambda sums: _over(sums[part], sums[whole])

    def sharpness(sums: Columns) -> Float[np.ndarray, " n"]:
        own = _over(sums["near_step"], sums["far_step"])
        return _over(own, _over(sums["truth.near_step"], sums["truth.far_step"]))

    return {
        "flat_gradient_share": share("flat_gradient", "truth.flat_gradient"),
        "step_sharpness": sharpness,
        "false_contrast_mean": share("false_contrast", "false_pairs"),
        "kept_contrast_share": share("kept_contrast", "true_contrast"),
    }


def _mean(name: str, count: int) -> Statistic:
    return lambda sums: sums[name] / count


def _share(name: str) -> Statistic:
    # Hits of photographs without a label are zero.
    known = labelled(name.rpartition(".")[0])
    return lambda sums: 100 * _over(sums[name], sums[known])


def _area(kind: str) -> Statistic:
    error, pixels = f"{kind}_error", f"{kind}_pixels"
    return lambda sums: 100 * (1 - sums[error] / sums[pixels] / accuracy.AUC_REACH)


def _gap(name: str) -> Statistic:
    gray, truth = f"gray.{name}", f"truth.{name}"
    return lambda sums: 100 * _over(sums[name] - sums[gray], sums[truth] - sums[gray])


def _over(
    part: Float[np.ndarray, " n"], whole: Float[np.ndarray, " n"]
) -> Float[np.ndarray, " n"]:
    # A share of nothing is left to the caller as NaN, without a warning.
    safe = np.where(whole == 0, 1.0, whole)
    return np.where(whole == 0, np.nan, part / safe)
