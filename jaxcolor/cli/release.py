"""`jaxcolor release`: exports a trained model to share."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from jaxcolor.cli import flags
from jaxcolor.cli.flags import Command


def _add_release(parser: ArgumentParser) -> None:
    parser.add_argument(
        "workdir", metavar="WORKDIR", help="a training's WORKDIR, or WORKDIR@STEP"
    )
    parser.add_argument(
        "-o", "--output", required=True, type=Path, metavar="DIR", help="a new folder"
    )
    parser.add_argument("--name", help="name of the model (default: the folder's)")
    parser.add_argument(
        "--license", metavar="NAME", help="license of the weights, for the card"
    )
    parser.add_argument(
        "--results", type=Path, metavar="FILE", help="a table.md of jaxcolor evaluate"
    )
    parser.add_argument(
        "--notes",
        type=Path,
        metavar="FILE",
        help="a file with Markdown sections for the model card, such as failure cases",
    )
    parser.add_argument(
        "--dtype",
        choices=("float32", "bfloat16"),
        default="float32",
        help="data type of the stored kernels; bfloat16 halves the file (default:"
        " %(default)s)",
    )
    flags.add_decoding(parser)
    parser.add_argument(
        "--overwrite", action="store_true", help="replace an existing model"
    )


def _release(arguments: Namespace) -> int:
    from jaxcolor.pretrained import descriptions, model_card, release

    results = _text(arguments.results, what="table")
    notes = _text(arguments.notes, what="file of notes")
    model = release.load(arguments.workdir)
    described = descriptions.with_decoding(
        model.description,
        temperature=arguments.temperature,
        rebalancing_lambda=arguments.rebalancing_lambda,
        coherence=arguments.coherence,
    )
    model = model._replace(description=described)
    origin = model_card.origin(model.description, model.provenance)
    card = model_card.text(
        model.description,
        name=arguments.name or arguments.output.name,
        data=origin.data,
        prior=origin.prior,
        results=results,
        license_name=arguments.license or origin.license_name,
        notes="\n".join(filter(None, (origin.notes, notes))),
    )
    release.save(
        model,
        arguments.output,
        card=card,
        dtype=arguments.dtype,
        overwrite=arguments.overwrite,
    )
    if not arguments.quiet:
        print(f"released to {arguments.output}")
    return 0


def _text(path: Path | None, *, what: str) -> str | None:
    if path is None:
        return None
    if not path.is_file():
        raise ValueError(f"there is no {what} at {path}")
    return path.read_text(encoding="utf-8")


COMMAND = Command(
    "export a trained model to share",
    "  jaxcolor release runs/mine -o models/mine --dtype bfloat16 --notes notes.md",
    _add_release,
    _release,
)
