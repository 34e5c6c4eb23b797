"""The metrics that an evaluation has, in the order of its tables.

A metric is one function and one record of `METRICS`. To measure something of your own,
pass another record along:

    from jaxcolor.evaluation import Metric, assemble, metric, registry

    largest = Metric(
        key="largest_error",
        heading="largest error",
        format=".1f",
        meaning="distance in ab of a photograph's worst pixel, mean over photographs",
        better="lower",
        table="Accuracy",
        statistic=metric.mean("largest_error"),
        of_photograph=lambda photograph: photograph.distance.max(),
    )
    found = assemble(
        {"mine": "runs/mine"}, "photos/", metrics=(*registry.METRICS, largest)
    )
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxcolor.color import cielab, encode
from jaxcolor.color.array_types import Scalar
from jaxcolor.evaluation import metric
from jaxcolor.evaluation.metric import (
    Distribution,
    Metric,
    Numbers,
    Photograph,
    Statistic,
    Totals,
)
from jaxcolor.metrics import accuracy, calibration, ciede2000, color_contrast, ssim
from jaxcolor.metrics.calibration import CalibrationSums

ACCURACY, COLORS, COHERENCE = "Accuracy", "Colors and likelihood", "Coherence"

# PSNR of a photograph that differs by the rounding to 8 bits only: 10 log10(12 255^2).
# A few gray photographs, predicted without any error, would otherwise rule the mean.
LARGEST_PSNR = 58.92
# Intervals of the probability of the likeliest bin, as in Guo et al. 2017.
CONFIDENCES = 15
# A set with a lower mean colorfulness has no color that a system could have a share of,
# only rounding: gray has 0.1.
COLORLESS = 0.5

# Names of vectors that are summed over the photographs, for figures and statistics.
CURVE, REBALANCED_CURVE, HISTOGRAM = "curve", "rebalanced_curve", "histogram"
CALIBRATION = tuple(f"calibration.{name}" for name in CalibrationSums._fields)


def thresholds() -> Float[np.ndarray, " t"]:
    """Returns the ab distances at which accuracy curves are sampled: 0 to 150."""
    return np.arange(accuracy.AUC_REACH + 1, dtype=np.float32)


def calibration_of(sums: dict[str, np.ndarray]) -> CalibrationSums | None:
    """Returns the sums over all photographs; None without a distribution."""
    if CALIBRATION[0] not in sums:
        return None
    return CalibrationSums(*(jnp.float32(sums[name]) for name in CALIBRATION))


def _curve_counts(one: Photograph) -> Float[Array, "q t"]:
    return accuracy.curve_counts(
        one.distance,
        one.true_bins,
        count=len(one.weights),
        thresholds=jnp.asarray(thresholds()),
    )


def _auc(one: Photograph) -> Numbers:
    return {
        "auc": accuracy.auc_from_sums(one.errors, one.pixels),
        CURVE: accuracy.accuracy_curve(_curve_counts(one)),
    }


def _rebalanced_auc(one: Photograph) -> Numbers:
    counts = _curve_counts(one)
    return {
        "rebalanced_error": (one.weights * one.errors).sum(),
        "rebalanced_pixels": (one.weights * one.pixels).sum(),
        # Last the weights of all pixels.
        REBALANCED_CURVE: jnp.cumsum((one.weights[:, None] * counts).sum(axis=0)),
    }


def _prior_auc(one: Photograph) -> Numbers:
    if one.prior_weights is None:
        return {}
    return {
        "prior_error": (one.prior_weights * one.errors).sum(),
        "prior_pixels": (one.prior_weights * one.pixels).sum(),
    }


def _image_auc(one: Photograph) -> Scalar:
    weights = accuracy.bin_weights(one.pixels)
    return accuracy.auc_from_sums(one.errors, one.pixels, weights=weights)


def _psnr(one: Photograph) -> Scalar:
    return jnp.minimum(accuracy.psnr(one.rgb / 255, one.true_rgb / 255), LARGEST_PSNR)


def _ssim(one: Photograph) -> Scalar:
    return ssim.ssim(one.rgb / 255, one.true_rgb / 255)


def _ciede2000(one: Photograph) -> Scalar:
    return ciede2000.ciede2000(cielab.rgb8_to_lab(one.rgb), one.true_lab).mean()


def _colorfulness(one: Photograph) -> Scalar:
    return accuracy.colorfulness(one.rgb / 255)


def _absolute_colorfulness(one: Photograph) -> Scalar:
    return accuracy.absolute_colorfulness(one.rgb / 255)


def _histogram(one: Photograph) -> Numbers:
    counts = jnp.zeros(len(one.weights)).at[one.bins.ravel()].add(1.0)
    return {HISTOGRAM: counts / one.distance.size}


def _contrast(one: Photograph) -> Numbers:
    return color_contrast.contrast_sums(one.ab, one.true_lab)._asdict()


def _nll(one: Distribution) -> Scalar:
    return accuracy.nll(one.logits, one.true_ab, one.gamut).mean()


def _calibration(one: Distribution) -> Numbers:
    sums = calibration.calibration_sums(
        one.logits, encode.nearest(one.true_ab, one.gamut), intervals=CONFIDENCES
    )
    return dict(zip(CALIBRATION, sums, strict=True))


def _area(kind: str) -> Statistic:
    """Returns the area under a curve, from clipped errors and the pixels' weights."""
    error, pixels = f"{kind}_error", f"{kind}_pixels"

    def value(totals: Totals) -> np.ndarray:
        sums = totals.system
        return 100 * (1 - sums[error] / sums[pixels] / accuracy.AUC_REACH)

    return Statistic((error, pixels), value)


def _difference_from_truth(name: str) -> Statistic:
    def value(totals: Totals) -> np.ndarray:
        difference = np.abs(totals.system[name] - totals.truth[name])
        return np.asarray(difference / totals.photographs)

    return Statistic((name,), value)


def _shares(sums: np.ndarray) -> Float[Array, " q"]:
    return jnp.float32(sums / np.sum(sums))


def _divergence(totals: Totals) -> np.ndarray:
    found = accuracy.histogram_divergence(
        _shares(totals.system[HISTOGRAM]), _shares(totals.truth[HISTOGRAM])
    )
    return np.asarray(found)


def _calibration_error(totals: Totals) -> np.ndarray:
    sums = calibration_of(dict(totals.system))
    assert sums is not None
    return np.asarray(calibration.expected_calibration_error(sums))


def _sharpness(totals: Totals) -> np.ndarray:
    own = metric.over(totals.system["near_step"], totals.system["far_step"])
    truth = metric.over(totals.truth["near_step"], totals.truth["far_step"])
    return metric.over(own, truth)


def _has_color(totals: Totals) -> bool:
    mean = totals.truth["colorfulness"] / totals.photographs
    return bool(np.all(mean >= COLORLESS))


METRICS: tuple[Metric, ...] = (
    Metric(
        key="auc",
        heading="AuC, %",
        format=".2f",
        meaning="area under the curve of ab accuracy up to a distance of 150",
        better="higher",
        table=ACCURACY,
        statistic=metric.mean("auc"),
        of_photograph=_auc,
    ),
    Metric(
        key="rebalanced_auc",
        heading="rebalanced AuC, %",
        format=".2f",
        meaning="the same, all colors of the set weighted equally (by 1/p of the set's"
        " own histogram)",
        better="higher",
        table=ACCURACY,
        statistic=_area("rebalanced"),
        of_photograph=_rebalanced_auc,
    ),
    Metric(
        key="prior_auc",
        heading="AuC by the prior, %",
        format=".2f",
        meaning="the same, pixels weighted by 1/p of the given prior",
        better="higher",
        table=ACCURACY,
        statistic=_area("prior"),
        of_photograph=_prior_auc,
        remedy="give --prior FILE, of jaxcolor prior",
    ),
    Metric(
        key="image_auc",
        heading="AuC by image, %",
        format=".2f",
        meaning="each photograph rebalanced by its own colors, mean over photographs",
        better="higher",
        table=ACCURACY,
        statistic=metric.mean("image_auc"),
        of_photograph=_image_auc,
    ),
    Metric(
        key="psnr",
        heading="PSNR, dB",
        format=".2f",
        meaning="in RGB, mean over photographs, at most 58.92",
        better="higher",
        table=ACCURACY,
        statistic=metric.mean("psnr"),
        of_photograph=_psnr,
        is_for_truth=False,
    ),
    Metric(
        key="ssim",
        heading="SSIM",
        format=".4f",
        meaning="in RGB, Gaussian window of 11 pixels",
        better="higher",
        table=ACCURACY,
        statistic=metric.mean("ssim"),
        of_photograph=_ssim,
        is_for_truth=False,
    ),
    Metric(
        key="ciede2000",
        heading="CIEDE2000",
        format=".2f",
        meaning="mean color difference of the pixels",
        better="lower",
        table=ACCURACY,
        statistic=metric.mean("ciede2000"),
        of_photograph=_ciede2000,
        is_for_truth=False,
    ),
    Metric(
        key="colorfulness",
        heading="colorfulness",
        format=".1f",
        meaning="Hasler and Suesstrunk's, with signed opponent channels as they define"
        " it",
        better="none",
        table=COLORS,
        statistic=metric.mean("colorfulness"),
        of_photograph=_colorfulness,
    ),
    Metric(
        key="colorfulness_share",
        heading="relative colorfulness",
        format=".2f",
        meaning="mean colorfulness over the originals'; 1 is right",
        better="none",
        table=COLORS,
        statistic=metric.ratio_to_truth("colorfulness"),
        is_defined=_has_color,
    ),
    Metric(
        key="absolute_colorfulness",
        heading="absolute colorfulness",
        format=".1f",
        meaning="with absolute opponent channels, as DDColor and others report it",
        better="none",
        table=COLORS,
        statistic=metric.mean("absolute_colorfulness"),
        of_photograph=_absolute_colorfulness,
    ),
    Metric(
        key="absolute_delta",
        heading="difference from the original",
        format=".1f",
        meaning="of the mean absolute colorfulness from the originals'",
        better="lower",
        table=COLORS,
        statistic=_difference_from_truth("absolute_colorfulness"),
        is_for_truth=False,
    ),
    Metric(
        key="histogram_kl",
        heading="KL of colors, nats",
        format=".3f",
        meaning="divergence of the ab histogram from the originals'",
        better="lower",
        table=COLORS,
        statistic=Statistic((HISTOGRAM,), _divergence),
        of_photograph=_histogram,
        has_interval=False,
        is_for_truth=False,
    ),
    Metric(
        key="nll",
        heading="NLL, nats",
        format=".3f",
        meaning="-log p of the true bin",
        better="lower",
        table=COLORS,
        statistic=metric.mean("nll"),
        of_distribution=_nll,
    ),
    Metric(
        key="ece",
        heading="calibration error",
        format=".3f",
        meaning="expected difference between the probability of the likeliest bin and"
        " how often it is right",
        better="lower",
        table=COLORS,
        statistic=Statistic(CALIBRATION, _calibration_error),
        of_distribution=_calibration,
        has_interval=False,
    ),
    Metric(
        key="flat_gradient_share",
        heading="gradient on the flat",
        format=".2f",
        meaning="of color where lightness is flat, over the originals'; 1 is right,"
        " above it are blotches",
        better="none",
        table=COHERENCE,
        statistic=metric.ratio_to_truth("flat_gradient"),
        of_photograph=_contrast,
    ),
    Metric(
        key="step_sharpness",
        heading="sharpness of steps",
        format=".2f",
        meaning="share of a color step at a strong edge of lightness that is within 2"
        " pixels of it, over the originals'; 1 is right, below it colors spill",
        better="none",
        table=COHERENCE,
        statistic=Statistic(("near_step", "far_step"), _sharpness),
    ),
    Metric(
        key="false_contrast_mean",
        heading="false contrast",
        format=".2f",
        meaning="mean difference in ab between pixels 16 to 64 apart whose true"
        " difference is less than 4; the originals' is best",
        better="none",
        table=COHERENCE,
        statistic=metric.ratio("false_contrast", "false_pairs"),
    ),
    Metric(
        key="kept_contrast_share",
        heading="true contrast kept",
        format=".3f",
        meaning="share of the difference between pixels 16 to 64 apart whose true"
        " difference is more than 20, along that difference; 1 is right",
        better="none",
        table=COHERENCE,
        statistic=metric.ratio("kept_contrast", "true_contrast"),
    ),
)

BY_KEY = {one.key: one for one in METRICS}
