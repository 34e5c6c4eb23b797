"""How far apart two sets of images are as distributions of features."""

import numpy as np
from jaxtyping import Float, Real


def frechet_distance(
    features: Real[np.ndarray, "n c"], others: Real[np.ndarray, "m c"]
) -> float:
    """Returns the squared Frechet distance of Gaussians fitted to two sets; 0 at best.

    Not to be called FID: that is this distance between the 2048 pooled features of one
    Inception-v3, at its input size, and no other features give comparable numbers.
    Biased upwards for small sets, so that only sets of one size can be compared.

    Args:
        features: one row for each image of the one set.
        others: one row for each image of the other set.

    Raises:
        ValueError: a set of fewer than two images.

    Source:
        Dowson and Landau 1982; Heusel et al. 2017, equation 6.
    """
    if min(len(features), len(others)) < 2:
        raise ValueError(
            f"sets of {len(features)} and {len(others)} images; wanted two or more each"
        )
    mean, covariance = _moments(features)
    other_mean, other_covariance = _moments(others)
    # S1 S2 is similar to the symmetric S1^1/2 S2 S1^1/2, so its root has the same
    # trace, and needs no complex numbers.
    root = _root(covariance)
    values = np.linalg.eigvalsh(root @ other_covariance @ root)
    trace = np.sqrt(np.maximum(values, 0)).sum()
    spread = np.trace(covariance) + np.trace(other_covariance) - 2 * trace
    # Rounding may leave equal sets a little below zero.
    return max(0.0, float(np.square(mean - other_mean).sum() + spread))


def _moments(
    features: Real[np.ndarray, "n c"],
) -> tuple[Float[np.ndarray, " c"], Float[np.ndarray, "c c"]]:
    features = features.astype(np.float64)
    mean = features.mean(axis=0)
    centered = features - mean
    return mean, centered.T @ centered / (len(features) - 1)


def _root(covariance: Float[np.ndarray, "c c"]) -> Float[np.ndarray, "c c"]:
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
