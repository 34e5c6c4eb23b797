"""`jaxcolor export`: writes a model in the formats of other programs."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from jaxcolor.cli.flags import Command

FORMATS = ("onnx", "stablehlo", "torch", "hub")

# As `onnx_file.DTYPES`, whose import would need onnx.
DTYPES = ("float32", "float16", "int8")


def _add_export(parser: ArgumentParser) -> None:
    parser.add_argument(
        "model",
        metavar="MODEL",
        help='a released model, the WORKDIR of a training, WORKDIR@STEP, or "bundled"',
    )
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        type=Path,
        metavar="OUT",
        help="a file, such as model.onnx; for --format hub a new folder",
    )
    parser.add_argument(
        "--format",
        choices=FORMATS,
        default="onnx",
        help="onnx: from L* to ab, for ONNX Runtime, OpenVINO and browsers, with plain"
        " decoding: coherence is not exported; stablehlo: the same for jax.export;"
        " torch: weights under the names of the authors' networks (zhang2016 and"
        " siggraph17); hub: a folder to upload, with model.onnx (default: %(default)s)",
    )
    parser.add_argument(
        "--dtype",
        choices=DTYPES,
        help="data type of the weights in ONNX, whose computations are float32: float16"
        " halves the file; int8, with a scale for each channel, makes it about a"
        " quarter as large, and less exact (default: float32)",
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
    dtype, has_logits = arguments.dtype or DTYPES[0], arguments.logits
    if arguments.format == "hub":
        from jaxcolor.pretrained.exporters import hub_folder

        hub_folder.write(
            model, arguments.model, output, dtype=dtype, has_logits=has_logits
        )
    else:
        if arguments.format == "onnx":
            from jaxcolor.pretrained.exporters import onnx_file

            content = onnx_file.encode(model, dtype=dtype, has_logits=has_logits)
        elif arguments.format == "stablehlo":
            from jaxcolor.pretrained.exporters import stablehlo

            content = stablehlo.encode(model, has_logits=has_logits)
        else:
            from jaxcolor.pretrained.exporters import torch_state

            content = torch_state.encode(model)
        atomic.write_bytes(output, content, overwrite=arguments.overwrite)
    if not arguments.quiet:
        paths = output.iterdir() if output.is_dir() else (output,)
        size = sum(path.stat().st_size for path in paths) / 1e6
        print(f"exported to {output}, {size:.1f} MB")
        if arguments.format != "torch" and model.description.decoding.coherence:
            print(
                "the export decodes without coherence, which this model has:"
                " colors differ from those of jaxcolor colorize"
            )
    return 0


def _check(arguments: Namespace) -> None:
    """Refuses what cannot be exported before the model is loaded.

    Raises:
        ValueError: naming the flag or the path.
    """
    output, kind = arguments.output, arguments.format
    if arguments.dtype is not None and kind not in ("onnx", "hub"):
        raise ValueError(
            f"got --dtype {arguments.dtype} with --format {kind}; wanted it with onnx"
            " or hub only"
        )
    if arguments.logits and kind == "torch":
        raise ValueError(
            "got --logits with --format torch; wanted it without, as a state_dict has"
            " no outputs"
        )
    if output.exists() and not arguments.overwrite:
        raise ValueError(f"{output} exists; not overwritten")
    if output.exists() and output.is_dir() != (kind == "hub"):
        what = "a folder" if output.is_dir() else "a file"
        raise ValueError(f"{output} is {what}; not overwritten by --format {kind}")
    if kind == "hub":
        is_released = (output / "model.safetensors").is_file()
        if output.exists() and not is_released:
            raise ValueError(f"{output} is not a released model; not overwritten")
    elif not output.parent.is_dir():
        raise ValueError(f"there is no folder {output.parent}")


COMMAND = Command(
    "export a model to ONNX, StableHLO, PyTorch or a model hub",
    "  jaxcolor export bundled -o model.onnx --dtype float16",
    _add_export,
    _export,
)
