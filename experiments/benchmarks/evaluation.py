"""The metrics of the evaluation against a loop over photographs with scikit-image."""

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from experiments.benchmarks import inputs
from experiments.benchmarks.inputs import SPACING, Arm, Setting

SIDE, PHOTOGRAPHS = 128, 16
# Metrics of each photograph that both arms report.
COMPARED = (
    "auc",
    "image_auc",
    "psnr",
    "ssim",
    "ciede2000",
    "colorfulness",
    "absolute_colorfulness",
)


class _Inputs(NamedTuple):
    """Photographs, and a prediction for them.

    Attributes:
        rgb: pixels of the photographs, uint8.
        ab: predicted ab.
        centers: centers of the bins.
        weights: weights of the bins.
    """

    rgb: np.ndarray
    ab: np.ndarray
    centers: np.ndarray
    weights: np.ndarray


def evaluation_ours(setting: Setting) -> Arm:
    """Prepares what `jaxcolor evaluate` measures for one system on a batch."""
    import jax
    import jax.numpy as jnp

    from jaxcolor.evaluation import per_photograph, registry

    inputs = _inputs(setting)
    ab, weights = jnp.asarray(inputs.ab), jnp.asarray(inputs.weights)

    def evaluate() -> Any:
        truth = per_photograph.truth(inputs.rgb, spacing=SPACING)
        rgb = per_photograph.colored(truth.lab[..., 0], ab)
        found = per_photograph.measure(
            truth,
            ab,
            rgb,
            per_photograph.Weights(weights, None),
            metrics=registry.METRICS,
            spacing=SPACING,
        )
        return jax.device_get(found.numbers)

    return Arm(evaluate, _facts(evaluate))


def evaluation_peer(setting: Setting) -> Arm:
    """Prepares the same measurements with NumPy, SciPy and scikit-image."""
    from scipy import spatial
    from skimage import color

    inputs = _inputs(setting)
    # The fastest leaf size for these bins; an argmin over all bins takes longer.
    search = spatial.cKDTree(inputs.centers, leafsize=8)
    lift = map if setting.cores == 1 else ThreadPoolExecutor(setting.cores).map

    def measure(rgb: np.ndarray, ab: np.ndarray) -> dict[str, Any]:
        # scikit-image computes in the type of its input, and float32 is faster.
        rgb = rgb / np.float32(255)
        lab = color.rgb2lab(rgb)
        predicted = color.lab2rgb(np.concatenate([lab[..., :1], ab], axis=-1))
        true_bins, bins = (search.query(x)[1].ravel() for x in (lab[..., 1:], ab))
        distance = np.linalg.norm(ab - lab[..., 1:], axis=-1).ravel()
        return (
            _of_distances(distance, true_bins, inputs.weights)
            | _of_pixels(np.round(255 * predicted) / 255, rgb, lab)
            | {"histogram": np.bincount(bins, minlength=len(inputs.centers))}
        )

    def evaluate() -> dict[str, list[Any]]:
        each = list(lift(measure, inputs.rgb, inputs.ab))
        return {name: [found[name] for found in each] for name in each[0]}

    return Arm(evaluate, _facts(evaluate))


def _inputs(setting: Setting) -> _Inputs:
    """Returns the inputs of both arms: predicted is half the true ab, plus noise."""
    import jax
    import jax.numpy as jnp
    from skimage import color

    from jaxcolor.color import cielab

    chosen = itertools.islice(inputs.paths(setting), PHOTOGRAPHS)
    images = [Image.open(path).convert("RGB").resize((SIDE, SIDE)) for path in chosen]
    rgb = np.stack([np.asarray(image) for image in images])
    lab = color.rgb2lab(rgb).astype(np.float32)
    noise = np.random.default_rng(0).normal(0, 5, lab[..., 1:].shape)
    lab[..., 1:] = 0.5 * lab[..., 1:] + noise
    # Colors are kept inside sRGB, so that both arms measure the same pixels: outside,
    # jaxcolor keeps the lightness and scikit-image does not.
    ab = 0.999 * np.asarray(jax.jit(cielab.clip_chroma)(jnp.asarray(lab)))[..., 1:]
    centers = inputs.bins().centers
    # In the range of the weights of a set that has common and rare colors.
    weights = np.random.default_rng(1).uniform(1, 1000, len(centers))
    return _Inputs(rgb, ab, centers, weights.astype(np.float32))


def _of_distances(
    distance: np.ndarray, bins: np.ndarray, weights: np.ndarray
) -> dict[str, Any]:
    """Returns accuracies and accuracy curves from distances on the ab plane."""
    clipped = np.minimum(distance, 150)
    errors = np.bincount(bins, clipped, minlength=len(weights))
    pixels = np.bincount(bins, minlength=len(weights))
    own = 1 / np.maximum(pixels / pixels.sum(), 1e-6)
    # The last column counts the pixels beyond the end of the curve.
    first = np.minimum(np.ceil(distance), 151).astype(int)
    counts = np.bincount(first, minlength=152)
    weighted = np.bincount(first, weights[bins], minlength=152)
    return {
        "auc": 100 * (1 - clipped.mean() / 150),
        "rebalanced_error": weights @ errors,
        "rebalanced_pixels": weights @ pixels,
        "image_auc": 100 * (1 - (own @ errors) / (own @ pixels) / 150),
        "curve": 100 * counts.cumsum()[:-1] / len(distance),
        "rebalanced_curve": weighted.cumsum(),
    }


def _of_pixels(
    predicted: np.ndarray, target: np.ndarray, lab: np.ndarray
) -> dict[str, Any]:
    """Returns the metrics that compare the pixels of pictures."""
    from skimage import color, metrics

    red, green, blue = np.moveaxis(255 * predicted, -1, 0)
    opponents = red - green, 0.5 * (red + green) - blue
    return {
        "psnr": metrics.peak_signal_noise_ratio(target, predicted, data_range=1),
        "ssim": metrics.structural_similarity(
            predicted,
            target,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=1,
            channel_axis=-1,
        ),
        "ciede2000": color.deltaE_ciede2000(color.rgb2lab(predicted), lab).mean(),
        "colorfulness": _colorfulness(*opponents),
        "absolute_colorfulness": _colorfulness(*map(np.abs, opponents)),
    }


def _colorfulness(red_green: np.ndarray, yellow_blue: np.ndarray) -> float:
    spread = np.hypot(red_green.std(), yellow_blue.std())
    return float(spread + 0.3 * np.hypot(red_green.mean(), yellow_blue.mean()))


def _facts(evaluate: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    found = evaluate()
    numbers = {name: np.asarray(found[name]).tolist() for name in COMPARED}
    return {"photographs": PHOTOGRAPHS} | numbers
