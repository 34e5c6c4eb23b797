"""Frechet distance of two sets of images, as distributions of features."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Real


class Gaussian(NamedTuple):
    """A normal distribution of features.

    Attributes:
        mean: mean of each feature.
        factor: `factor.T @ factor` is the covariance; no more rows than its rank needs.
    """

    mean: Float[np.ndarray, " c"]
    factor: Float[np.ndarray, "r c"]


def of_features(features: Real[np.ndarray, "n c"]) -> Gaussian:
    """Returns the Gaussian with the mean and the unbiased covariance of a set.

    Args:
        features: one row for each image.

    Raises:
        ValueError: fewer than two images.
    """
    count, size = features.shape
    if count < 2:
        raise ValueError(f"a set of {count} image(s); wanted two or more")
    features = features.astype(np.float64)
    mean = features.mean(axis=0)
    factor = (features - mean) / np.sqrt(count - 1)
    # The triangle of many rows has the same covariance in few.
    return Gaussian(
        mean, factor if count <= size else np.asarray(np.linalg.qr(factor, mode="r"))
    )


def of_moments(
    mean: Float[np.ndarray, " c"], covariance: Float[np.ndarray, "c c"]
) -> Gaussian:
    """Returns the Gaussian of a mean and a symmetric covariance of any rank."""
    values, vectors = np.linalg.eigh(covariance.astype(np.float64))
    # Smaller eigenvalues are rounding, of either sign: the tolerance of `matrix_rank`.
    is_kept = values > len(mean) * np.finfo(np.float64).eps * np.abs(values).max()
    factor = np.sqrt(values[is_kept])[:, None] * vectors[:, is_kept].T
    return Gaussian(mean.astype(np.float64), factor)


def distance(one: Gaussian, other: Gaussian) -> float:
    """Returns the squared Frechet distance of two Gaussians; 0 at best.

    Not to be called FID: that is this distance between the 2048 pooled features of one
    Inception-v3, at its input size, and no other features give comparable numbers.
    Biased upwards for small sets, so that only sets of one size can be compared.

    Source:
        Dowson and Landau 1982; Heusel et al. 2017, equation 6.
    """
    # With S = F'F and T = G'G, the eigenvalues of ST that are not 0 are those of
    # FG'(FG')': the trace of its root is the sum of the singular values of FG', which
    # needs no root of a matrix that lacks rank.
    trace = np.linalg.svd(one.factor @ other.factor.T, compute_uv=False).sum()
    spread = np.square(one.factor).sum() + np.square(other.factor).sum() - 2 * trace
    # Rounding may leave equal sets a little below zero.
    return max(0.0, float(np.square(one.mean - other.mean).sum() + spread))


def frechet_distance(
    features: Real[np.ndarray, "n c"], others: Real[np.ndarray, "m c"]
) -> float:
    """Returns the `distance` of Gaussians fitted to two sets of features.

    Args:
        features: one row for each image of the one set.
        others: one row for each image of the other set.

    Raises:
        ValueError: a set of fewer than two images.
    """
    return distance(of_features(features), of_features(others))
