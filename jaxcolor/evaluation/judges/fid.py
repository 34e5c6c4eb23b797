"""Frechet Inception distance, from feature files that an established tool writes.

FID is comparable only if computed with the one Inception-v3 that all papers use, with
its own resizing; jaxcolor does not include it. So another tool computes the features,
from pictures that `pictures` writes.

Source:
    Heusel et al. 2017 (arXiv:1706.08500), equation 6; files as pytorch-fid writes them.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from jaxcolor.evaluation import manifests, metric, pictures, systems
from jaxcolor.evaluation.judges.judge import Judge, Judging, Setting
from jaxcolor.evaluation.metric import Metric
from jaxcolor.metrics import frechet
from jaxcolor.metrics.frechet import Gaussian

TITLE = "FID"
REMEDY = (
    "give --fid DIR, with statistics of Inception-v3 that pytorch-fid computes on the"
    " files of --pictures"
)
METRIC = Metric(
    key="fid",
    heading="FID",
    format=".2f",
    meaning="Frechet Inception distance, by the files of --fid",
    better="lower",
    table="Accuracy",
    # No photograph has one: the numbers come for the whole set.
    statistic=metric.mean("fid"),
    is_for_truth=False,
)

# Length of Inception-v3's last pooling.
FEATURES = 2048


def judge(folder: str | Path) -> Judge:
    """Returns FID as a judge, by the files in a folder, see `files`."""

    def prepare(setting: Setting) -> Judging:
        names = pictures.folders(setting.systems)
        found = files(Path(folder), names, truth=systems.TRUTH)
        values = distances(found, truth=systems.TRUTH, count=len(setting.names))
        provenance = {
            name: {"path": str(path), "sha256": manifests.hash_of(path)}
            for name, path in found.items()
        }
        judged = judging(values, setting.systems)
        return judged._replace(provenance={"fid": provenance})

    return Judge(prepare)


def judging(values: Mapping[str, float], names: Sequence[str]) -> Judging:
    """Returns known distances as a judge that is ready.

    Args:
        values: see `distances`.
        names: of all systems; the result lists those without a distance.
    """
    lacking = [name for name in names if name not in {systems.TRUTH, *values}]
    missing = {}
    if lacking:
        missing[f"FID of {', '.join(lacking)}"] = "no file in the folder of --fid"
    return Judging(
        TITLE,
        (METRIC,),
        of_set={name: {METRIC.key: value} for name, value in values.items()},
        missing=missing,
    )


def files(folder: Path, names: Mapping[str, str], *, truth: str) -> dict[str, Path]:
    """Finds the file of each system; systems without one are left out.

    Args:
        folder: has NAME.npz or NAME.npy for each system.
        names: NAME by system, see `pictures.folders`.
        truth: the system that the others are compared with.

    Raises:
        ValueError: there is no such folder, no file for the ground truth, or two
            files for a system.
    """
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}")
    found = {}
    for system, name in names.items():
        paths = [folder / f"{name}{suffix}" for suffix in (".npz", ".npy")]
        existing = [path for path in paths if path.is_file()]
        if len(existing) > 1:
            raise ValueError(f"{folder} has two files of {name}; wanted one")
        if existing:
            found[system] = existing[0]
    if truth not in found:
        raise ValueError(f"{folder} has no {names[truth]}.npz or {names[truth]}.npy")
    return found


def distances(found: Mapping[str, Path], *, truth: str, count: int) -> dict[str, float]:
    """Returns the distance of each system from the truth; 0 at best.

    Args:
        found: the files, see `files`.
        truth: the system that the others are compared with; not in the result.
        count: photographs of the set; files of statistics do not store theirs.

    Raises:
        ValueError: a file cannot be read, or has other features than Inception's 2048
            or those of another number of pictures.
    """
    real = _read(found[truth], count)
    return {
        system: frechet.distance(real, _read(path, count))
        for system, path in found.items()
        if system != truth
    }


def _read(path: Path, count: int) -> Gaussian:
    """Returns the features' distribution."""
    try:
        # Opened here, because NumPy would leave a damaged archive open.
        with path.open("rb") as file:
            content = np.load(file, allow_pickle=False)
            if isinstance(content, np.ndarray):
                arrays = {"features": content}
            else:
                arrays = {name: content[name] for name in ("mu", "sigma")}
    # A damaged file may fail in any way.
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"{path} cannot be read: {reason}") from error
    wanted = {
        "features": (count, FEATURES),
        "mu": (FEATURES,),
        "sigma": (FEATURES, FEATURES),
    }
    for name, array in arrays.items():
        if array.shape != wanted[name]:
            raise ValueError(
                f"{path}: {name} has shape {array.shape}; wanted {wanted[name]}"
            )
        if array.dtype.kind not in "fiu" or not np.isfinite(array).all():
            raise ValueError(f"{path}: {name} has values that are no numbers")
    if "features" in arrays:
        return frechet.of_features(arrays["features"])
    mean, covariance = arrays["mu"], arrays["sigma"]
    # Float32 sums of products may differ so much from one triangle to the other.
    if not np.allclose(covariance, covariance.T, rtol=1e-3, atol=1e-6):
        raise ValueError(f"{path}: sigma is not symmetric; wanted a covariance")
    return frechet.of_moments(mean.astype(np.float64), covariance.astype(np.float64))
