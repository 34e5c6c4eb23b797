"""`jaxcolor export`: writes a model in the formats of other programs."""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from jaxcolor.cli.flags import Command

if TYPE_CHECKING:
    from jaxcolor.pretrained import Pretrained

FORMATS = ("onnx", "stablehlo", "torch", "hub", "web")
# Written as folders: a file that tells that one is there already.
FOLDERS = {"hub": "model.safetensors", "web": "model/model.json"}
# Those in which weights are stored in a type.
WITH_DTYPE = ("onnx", "hub", "web")
WITH_LOGITS = ("onnx", "stablehlo", "hub")

# As `onnx_file.DTYPES`, whose import would need onnx.
DTYPES = ("float32", "float16", "int8")


def _add_export(parser: ArgumentParser) -> None:
    parser.add_argument(
        "model",
        metavar="MODEL",
        help="a released model, hf:OWNER/NAME of the Hugging Face Hub, the WORKDIR of a"
        " training, WORKDIR@STEP, a file of the papers' authors (not for --format hub),"
        ' or "bundled"',
    )
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        type=Path,
        metavar="OUT",
        help="a file, such as model.onnx; for --format hub and web a new folder",
    )
    parser.add_argument(
        "--format",
        choices=FORMATS,
        default="onnx",
        help="onnx: from L* to ab, for ONNX Runtime, OpenVINO and browsers, with plain"
        " decoding: coherence is not exported; stablehlo: the same for jax.export;"
        " torch: weights under the names of the authors' networks (zhang2016 and"
        " siggraph17); hub: a folder to upload, with model.onnx; web: a static page"
        " that colorizes on its visitors' own machines, for which npm fetches ONNX"
        " Runtime Web (default: %(default)s)",
    )
    parser.add_argument(
        "--dtype",
        choices=DTYPES,
        help="data type of the weights in ONNX, whose computations are float32: float16"
        " halves the file; int8, with a scale for each channel, makes it about a"
        " quarter as large, and less exact (default: float32; float16 for web)",
    )
    parser.add_argument(
        "--logits",
        action="store_true",
        help="add an output with what the network predicts for each cell, such as the"
        " logits of the bins (onnx, stablehlo and hub)",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace what exists at OUT"
    )


def _export(arguments: Namespace) -> int:
    _check(arguments)
    from jaxcolor.pretrained import release
    from jaxcolor.runtime import atomic

    model, output = release.load(arguments.model), arguments.output
    default = "float16" if arguments.format == "web" else "float32"
    dtype, has_logits = arguments.dtype or default, arguments.logits
    if arguments.format == "web":
        from jaxcolor.web.site import folder

        folder.write(model, arguments.model, output, dtype=dtype)
    elif arguments.format == "hub":
        from jaxcolor.pretrained.exporters import hub_folder

        hub_folder.write(
            model, arguments.model, output, dtype=dtype, has_logits=has_logits
        )
    else:
        if arguments.format == "onnx":
            from jaxcolor.pretrained.exporters import onnx_file, source_card

            card = source_card.text(model, arguments.model)
            content = onnx_file.encode(
                model, dtype=dtype, has_logits=has_logits, card=card
            )
        elif arguments.format == "stablehlo":
            from jaxcolor.pretrained.exporters import stablehlo

            content = stablehlo.encode(model, has_logits=has_logits)
        else:
            from jaxcolor.pretrained.exporters import torch_state

            content = torch_state.encode(model)
        atomic.write_bytes(output, content, overwrite=arguments.overwrite)
    if not arguments.quiet:
        paths = output.rglob("*") if output.is_dir() else (output,)
        size = sum(path.stat().st_size for path in paths if path.is_file()) / 1e6
        print(f"exported to {output}, {size:.1f} MB")
        for note in _differences(model, arguments.format):
            print(note)
    return 0


def _differences(model: "Pretrained", kind: str) -> list[str]:
    """Returns what the other program does not do as jaxcolor does, as sentences."""
    decoding, found = model.description.decoding, []
    if kind == "torch":
        width = model.description.arguments["width"]
        if width != 1:
            found.append(
                f"the network has width {width:g}: the authors' modules, which have"
                " width 1, do not load it"
            )
        if decoding.temperature not in (None, 1):
            found.append(
                "the authors' module decodes at temperature 1, this model at"
                f" {decoding.temperature:.3g}: colors differ from those of jaxcolor"
                " colorize"
            )
    elif kind != "web" and decoding.coherence:
        found.append(
            "the export decodes without coherence, which this model has: colors differ"
            " from those of jaxcolor colorize"
        )
    return found


def _check(arguments: Namespace) -> None:
    """Refuses what cannot be exported before the model is loaded.

    Raises:
        ValueError: naming the flag or the path.
    """
    output, kind = arguments.output, arguments.format
    if arguments.dtype is not None and kind not in WITH_DTYPE:
        raise ValueError(
            f"got --dtype {arguments.dtype} with --format {kind}; wanted it with"
            f" {', '.join(WITH_DTYPE)} only"
        )
    if arguments.logits and kind not in WITH_LOGITS:
        raise ValueError(
            f"got --logits with --format {kind}; wanted it with"
            f" {', '.join(WITH_LOGITS)} only"
        )
    if output.exists() and not arguments.overwrite:
        raise ValueError(f"{output} exists; not overwritten")
    if output.exists() and output.is_dir() != (kind in FOLDERS):
        what = "a folder" if output.is_dir() else "a file"
        raise ValueError(f"{output} is {what}; not overwritten by --format {kind}")
    if kind in FOLDERS:
        if output.exists() and not (output / FOLDERS[kind]).is_file():
            what = {"hub": "a released model", "web": "a page of a model"}[kind]
            raise ValueError(f"{output} is not {what}; not overwritten")
    elif not output.parent.is_dir():
        raise ValueError(f"there is no folder {output.parent}")


COMMAND = Command(
    "export a model to ONNX, StableHLO, PyTorch, a model hub or a web page",
    "  jaxcolor export bundled -o model.onnx --dtype float16\n"
    "  jaxcolor export bundled -o site/ --format web",
    _add_export,
    _export,
)
