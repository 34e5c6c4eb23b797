"""Saves, loads and shares trained models.

A released model is a folder, as model hubs have it: `config.json` describes the
network and its decoding, `model.safetensors` holds weights, statistics, prior and bin
centers, `README.md` is the model card. A training workdir loads as the same thing. One
released model comes with the package: the bundled one.
"""

from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import safetensors
import safetensors.numpy
from jaxtyping import Float, PyTree

from jaxcolor.color.heads import Bins
from jaxcolor.models.interface import Network
from jaxcolor.pretrained import descriptions, records
from jaxcolor.pretrained.descriptions import Description
from jaxcolor.pretrained.importers import published_colorizers
from jaxcolor.runtime import atomic

FORMAT_VERSION = 2
"""Version of the format; grows when an older jaxcolor would misread a model."""

RENAMED = (
    "release the model again from its training (jaxcolor release WORKDIR), or rename"
    " in it rebalancing_lambda to training_lambda, then decoding_lambda to"
    " rebalancing_lambda, and set format_version to 2"
)
"""Advice on models of format 1."""

CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"
CHECKPOINTS = "checkpoints"
"""A folder that has this sub-folder is a training workdir."""

BUNDLED = Path(__file__).parent / "bundled"
"""The released model that comes with the package; a checkout may be without it."""

BUNDLED_NAME = "bundled"
"""The name of that folder wherever a model is wanted."""

DTYPES = {"float32": jnp.float32, "bfloat16": jnp.bfloat16}
"""Kernels are stored in one of these; in memory they are float32."""

COLLECTIONS = ("params", "batch_stats")
# Bin centers that differ by more were derived from another gamut.
CENTERS_TOLERANCE = 1e-3


class Pretrained(NamedTuple):
    """A model, ready to apply.

    Attributes:
        description: what it is.
        network: applied as `network.apply(variables, lightness, train=False)`.
        variables: params and batch_stats, float32 NumPy arrays.
        prior: share of each bin in the training set; None for a head without bins, and
            where it is unknown.
        provenance: where it comes from, as JSON values: step, data, versions ...
    """

    description: Description
    network: Network
    variables: PyTree
    prior: Float[np.ndarray, " q"] | None
    provenance: dict[str, Any]


def locate(path: str | Path) -> Path:
    """Returns the path of a model; "bundled", if no path, is the bundled one."""
    is_name = str(path) == BUNDLED_NAME and not Path(path).exists()
    return BUNDLED if is_name else Path(path)


def load(path: str | Path) -> Pretrained:
    """Returns the model of a released folder, a training workdir or an authors' file.

    Args:
        path: a folder. Of a training, `WORKDIR` loads the checkpoint with the smallest
            validation loss, `WORKDIR@STEP` that of a step; "bundled" loads the bundled
            model. Or a file, see `published_colorizers.read`, whose prior is unknown,
            see `with_prior`.

    Raises:
        ValueError: there is no model there, or it is damaged.
    """
    folder, step = _split_step(str(locate(path)))
    # First, as a workdir also has a config.json.
    if (folder / CHECKPOINTS).is_dir():
        return _load_workdir(folder, step)
    if (folder / CONFIG).is_file():
        if step is not None:
            raise ValueError(f"{folder} is a released model: it has no step {step}")
        return _load_released(folder)
    if Path(path).is_file():
        return _load_file(Path(path))
    if folder == BUNDLED:
        raise ValueError("there is no bundled model: this jaxcolor came without one")
    wanted = f"a folder with {CONFIG}, a training workdir, or a .pth or .caffemodel"
    raise ValueError(f"no model at {folder}: wanted {wanted}")


def assemble(
    description: Description,
    *,
    variables: PyTree,
    prior: Float[np.ndarray, "..."] | None,
    provenance: dict[str, Any],
) -> Pretrained:
    """Returns a model from its parts, having checked that they fit together.

    Raises:
        ValueError: a part is missing, has the wrong shape, or contradicts another.
    """
    flat = descriptions.flatten(variables)
    return _assembled(description, flat, prior=prior, provenance=provenance)


def with_prior(
    pretrained: Pretrained, prior: Float[np.ndarray, "..."], *, source: dict[str, Any]
) -> Pretrained:
    """Returns a model whose prior was unknown with its prior, and so with a lambda.

    Its decoding stays what it was: the lambda is that of the training.

    Args:
        pretrained: a model with bins.
        prior: share of each bin in the training set.
        source: of the prior, as JSON values, for the provenance.

    Raises:
        ValueError: the model has no bins, or a prior already, or the prior is no
            distribution over its bins.
    """
    description = pretrained.description
    head = description.head
    if not isinstance(head, Bins):
        raise ValueError(
            f"got a prior; wanted none, as the model predicts {head.about}"
        )
    if pretrained.prior is not None:
        raise ValueError("got a prior; wanted none, as the model has one")
    decoding = description.decoding._replace(rebalancing_lambda=head.training_lambda)
    return assemble(
        description._replace(decoding=decoding),
        variables=pretrained.variables,
        prior=prior,
        provenance={**pretrained.provenance, "prior": source},
    )


def _assembled(
    description: Description,
    flat: dict[str, np.ndarray],
    *,
    prior: Float[np.ndarray, "..."] | None,
    provenance: dict[str, Any],
) -> Pretrained:
    """Returns a model from arrays by names such as "params/conv1_1/kernel"."""
    flat = {name: np.asarray(x) for name, x in flat.items()}
    if prior is not None:
        prior = np.asarray(prior, np.float32)
    # Before the names become a tree: no network has names that clash, as "params" and
    # "params/head/bias".
    descriptions.check_arrays(description, variables=flat, prior=prior)
    flat = {name: np.asarray(x, np.float32) for name, x in flat.items()}
    variables = {name: {} for name in COLLECTIONS} | descriptions.unflatten(flat)
    if description.head.gamut is None:
        prior = None
    network = descriptions.network(description)
    return Pretrained(description, network, variables, prior, provenance)


def save(
    pretrained: Pretrained,
    folder: str | Path,
    *,
    card: str,
    dtype: str = "float32",
    overwrite: bool = False,
) -> None:
    """Writes a released model; the folder appears whole or not at all.

    Args:
        pretrained: the model.
        folder: where to; its parents are made.
        card: text of `README.md`, see `model_card.text`.
        dtype: that kernels are stored in, a name of `DTYPES`; bfloat16, rounded to
            nearest even, halves the file. All else is small, and float32.
        overwrite: replace a released model that is there already.

    Raises:
        ValueError: the folder exists, and is not to be or cannot be replaced; or the
            dtype is unknown.
    """
    if dtype not in DTYPES:
        raise ValueError(f"dtype is {dtype!r}; wanted one of {', '.join(DTYPES)}")
    folder = Path(folder)
    if folder.exists() and not overwrite:
        raise ValueError(f"{folder} exists; not overwritten")
    # A training workdir has a config.json, too.
    if folder.exists() and not (folder / WEIGHTS).is_file():
        raise ValueError(f"{folder} is not a released model; not overwritten")
    fields = {
        "format_version": FORMAT_VERSION,
        **descriptions.to_fields(pretrained.description),
        "provenance": pretrained.provenance,
    }
    tensors = _tensors(pretrained, dtype)
    with atomic.folder(folder) as partial:
        atomic.write_json(partial / CONFIG, fields, indent=2)
        atomic.write_bytes(partial / WEIGHTS, safetensors.numpy.save(tensors))
        atomic.write_text(partial / CARD, card)


def _split_step(path: str) -> tuple[Path, int | None]:
    folder, at, step = path.rpartition("@")
    if at and step.isdecimal() and not Path(path).exists():
        return Path(folder), int(step)
    return Path(path), None


def _load_released(folder: Path) -> Pretrained:
    description, provenance = _read_config(folder / CONFIG)
    if not (folder / WEIGHTS).is_file():
        raise ValueError(f"{folder} lacks {WEIGHTS}")
    try:
        tensors = safetensors.numpy.load_file(folder / WEIGHTS)
    except safetensors.SafetensorError as error:
        raise ValueError(f"{folder / WEIGHTS} is damaged: {error}") from error
    prior, centers = tensors.pop("prior", None), tensors.pop("centers", None)
    try:
        _check_centers(centers, description)
        return _assembled(description, tensors, prior=prior, provenance=provenance)
    except ValueError as error:
        raise ValueError(f"{folder}: {error}") from error


def _load_file(path: Path) -> Pretrained:
    found = published_colorizers.read(path)
    try:
        return assemble(
            found.description,
            variables=found.variables,
            prior=None,
            provenance=found.provenance,
        )
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _load_workdir(folder: Path, step: int | None) -> Pretrained:
    # Orbax takes seconds to import, and a released model does not need it.
    from jaxcolor.runtime import checkpoints

    variables, record = checkpoints.restore_model(folder, step=step)
    prior = variables.pop("prior", None)
    fields = record["description"]
    if "decoding_lambda" in fields:
        raise ValueError(
            f"{folder} was trained by an older jaxcolor, whose checkpoints this one"
            " does not read; release the model by that one, then follow the error"
            " of loading it"
        )
    return assemble(
        descriptions.from_fields(fields),
        variables=variables,
        prior=prior,
        provenance=_provenance(record),
    )


def _provenance(record: dict[str, Any]) -> dict[str, Any]:
    """Returns what a training recorded, without what a model holds itself."""
    kept = {
        name: value
        for name, value in record.items()
        if name not in ("description", "interval", "standing")
    }
    if kept.get("prior") is not None:
        prior = kept["prior"].items()
        kept["prior"] = {name: value for name, value in prior if name != "counts"}
    return kept


def _read_config(path: Path) -> tuple[Description, dict[str, Any]]:
    fields = records.read(path)
    if "format_version" not in fields:
        raise ValueError(f"{path} does not describe a jaxcolor model")
    if fields["format_version"] == 1:
        raise ValueError(
            f"{path} has format 1; this jaxcolor reads {FORMAT_VERSION}: {RENAMED}"
        )
    records.check_version(fields, "format_version", wanted=FORMAT_VERSION, path=path)
    del fields["format_version"]
    provenance = fields.pop("provenance", {})
    try:
        records.check({"provenance": provenance}, {"provenance": records.table()})
        return descriptions.from_fields(fields), provenance
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _check_centers(centers: np.ndarray | None, description: Description) -> None:
    bins = description.head.gamut
    if bins is None:
        return
    if centers is None:
        raise ValueError("weights lack centers")
    if centers.shape != bins.centers.shape:
        shapes = f"{centers.shape}; spacing {bins.spacing} has {bins.centers.shape}"
        raise ValueError(f"centers have shape {shapes}")
    off = np.abs(centers.astype(np.float32) - bins.centers).max()
    if not off <= CENTERS_TOLERANCE:
        raise ValueError(
            f"centers are up to {off:.4g} off those of spacing {bins.spacing}"
        )


def _tensors(pretrained: Pretrained, dtype: str) -> dict[str, np.ndarray]:
    tensors = descriptions.flatten(pretrained.variables)
    bins = pretrained.description.head.gamut
    if bins is not None:
        tensors["centers"] = bins.centers
    if pretrained.prior is not None:
        tensors["prior"] = pretrained.prior
    # The file has the bytes as they lie in memory, whatever the strides say.
    tensors = {
        name: np.ascontiguousarray(x, np.float32) for name, x in sorted(tensors.items())
    }
    return {
        name: x.astype(DTYPES[dtype]) if name.endswith("/kernel") else x
        for name, x in tensors.items()
    }
