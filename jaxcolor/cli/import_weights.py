"""`jaxcolor import`: turns weights that the authors released into a model."""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxcolor.cli import flags
from jaxcolor.cli.flags import Command

if TYPE_CHECKING:
    from jaxcolor.pretrained import Pretrained


def _add_import(parser: ArgumentParser) -> None:
    parser.add_argument(
        "file",
        type=Path,
        metavar="FILE",
        help="a .pth of PyTorch (eccv16 or siggraph17) or a .caffemodel, see"
        " docs/weights.md; neither framework is needed",
    )
    parser.add_argument(
        "-o", "--output", required=True, type=Path, metavar="DIR", help="a new folder"
    )
    parser.add_argument("--name", help="name of the model (default: the folder's)")
    parser.add_argument(
        "--prior",
        type=Path,
        metavar="FILE",
        help="share of each bin in the training set, which --rebalancing-lambda needs:"
        " the authors' prior_probs.npy, or a file from jaxcolor prior",
    )
    flags.add_decoding(parser)
    parser.add_argument(
        "--overwrite", action="store_true", help="replace an existing model"
    )


def _import(arguments: Namespace) -> int:
    from jaxcolor.pretrained import descriptions, model_card, release

    if not arguments.file.is_file():
        raise ValueError(f"there is no file of weights at {arguments.file}")
    model = release.load(arguments.file)
    if arguments.prior is not None:
        model = _with_prior(model, arguments.prior)
    described = descriptions.with_decoding(
        model.description, **flags.decoding(arguments)
    )
    model = model._replace(description=described)
    origin = model_card.origin(described, model.provenance)
    card = model_card.text(
        described,
        name=arguments.name or arguments.output.name,
        data=origin.data,
        prior=origin.prior,
        results=None,
        license_name=origin.license_name,
        notes=origin.notes,
    )
    release.save(model, arguments.output, card=card, overwrite=arguments.overwrite)
    if not arguments.quiet:
        print(f"imported to {arguments.output}: the network {described.network}")
        if described.head.gamut is not None and model.prior is None:
            print("its prior is unknown: --prior FILE would allow other lambdas")
    return 0


def _with_prior(model: "Pretrained", path: Path) -> "Pretrained":
    """Returns the model with the prior of a file.

    Raises:
        ValueError: the file holds no prior over the bins of the model.
    """
    from jaxcolor.pretrained import release

    try:
        if path.suffix.lower() == ".npy":
            shares, source = _array(path)
        else:
            shares, source = _counted(model, path)
        return release.with_prior(model, shares, source=source)
    except ValueError as error:
        raise ValueError(f"--prior {path}: {error}") from error


def _array(path: Path) -> tuple[Any, dict[str, Any]]:
    import numpy as np

    from jaxcolor.pretrained.importers import released_files

    sha256 = released_files.sha256_of(path)
    try:
        shares = np.load(path, mmap_mode="r", allow_pickle=False)
    except (EOFError, OSError, ValueError) as error:
        raise ValueError(f"it holds no array of numbers: {error}") from error
    if not isinstance(shares, np.ndarray):
        raise ValueError("it holds several arrays; wanted one")
    return shares, {"source": path.name, "sha256": sha256}


def _counted(model: "Pretrained", path: Path) -> tuple[Any, dict[str, Any]]:
    from jaxcolor.color.heads import Bins
    from jaxcolor.training import priors

    prior = priors.read(path)
    head = model.description.head
    if isinstance(head, Bins):
        priors.check(prior, head.gamut, neighbors=head.neighbors, sigma=head.sigma)
    source = priors.to_json(prior)
    del source["counts"], source["format"]
    return priors.probabilities(prior), source


COMMAND = Command(
    "turn weights that the papers' authors released into a model",
    "  jaxcolor import colorization_release_v2-9b330a0b.pth -o models/eccv16\n"
    "  jaxcolor colorize grandma.jpg --model models/eccv16 --temperature 0.38 -o"
    " colored/",
    _add_import,
    _import,
)
