"""Models as files of ONNX."""

import json
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import jaxcolor
from jaxcolor.pretrained import descriptions
from jaxcolor.pretrained.exporters import onnx_fusion, onnx_translation, program
from jaxcolor.pretrained.exporters.onnx_graph import Graph, Value
from jaxcolor.pretrained.release import Pretrained

OPSET = 17
"""Version of the operations: the first browsers' and OpenVINO's runtimes have it."""

# The version of the format that came with that opset.
IR_VERSION = 8

DTYPES = ("float32", "float16", "int8")
"""Types in which weights are stored; computations are float32."""

# Arrays with fewer numbers are stored as they are.
LEAST_WEIGHTS = 256


def encode(
    model: Pretrained,
    *,
    dtype: str = "float32",
    has_logits: bool = False,
    card: str | None = None,
) -> bytes:
    """Returns a model as the content of an .onnx file.

    Its inputs are L (b, 1, h, w), L* in [0, 100], and, for a model with bins, the
    scalars temperature and rebalancing_lambda. Its output ab (b, 2, h, w) has CIELAB
    units. Decoding is plain: there is no coherence.

    Args:
        model: to export.
        dtype: of the stored weights, of `DTYPES`: float16 halves the file. int8, with
            a scale for each channel out, makes it a quarter of the size. Computations
            are float32.
        has_logits: whether there is a second output, "logits" (b, n, H, W): what the
            head decodes, moved to the lambda, for each cell of the network's map.
        card: text of the model card, for the metadata.

    Raises:
        ValueError: the dtype is unknown.
    """
    exported = program.of_model(model)
    graph, (ab, logits) = _translated(exported)
    channels_first = (0, 3, 1, 2)
    found = {"ab": graph.whole(ab, channels_first)}
    if exported.stride > 1:
        scales = (1, 1, exported.stride, exported.stride)
        found["ab"] = graph.node(
            "Resize",
            found["ab"],
            "",
            graph.constant(scales, np.float32),
            mode="linear",
            coordinate_transformation_mode="half_pixel",
        )
    multiple = exported.multiple
    shapes = {"ab": ("b", 2, f"{multiple}h", f"{multiple}w")}
    if has_logits:
        found["logits"] = graph.whole(logits, channels_first)
        shapes["logits"] = ("b", model.network.outputs, "rows", "columns")
    for name, tensor in found.items():
        graph.rename(tensor, name)
    about = metadata(model) | ({} if card is None else {"card": card})
    return _content(graph, exported, shapes, dtype=dtype, about=about)


def encode_cells(model: Pretrained, *, dtype: str = "float32") -> bytes:
    """Returns a model as the content of an .onnx file, without its decoding.

    Its input is L (b, 1, h, w), L* in [0, 100]. Its outputs have a value for each cell
    of the network's map, channels last: "cells" and, of a network that has them,
    "features", see `program.of_cells`.

    Args:
        model: to export.
        dtype: of the stored weights, see `encode`.

    Raises:
        ValueError: the dtype is unknown.
    """
    exported = program.of_cells(model)
    graph, values = _translated(exported)
    shapes = {}
    for name, value in zip(program.OF_CELLS, values, strict=False):
        graph.rename(graph.whole(value), name)
        shapes[name] = ("b", "rows", "columns", int(value.shape[-1]))
    about = metadata(model) | {"decoding": program.UNDECODED}
    return _content(graph, exported, shapes, dtype=dtype, about=about)


def metadata(model: Pretrained) -> dict[str, str]:
    """Returns what a file says about its model, as texts by name."""
    network = model.network
    fields = descriptions.to_fields(model.description) | {
        "about": f"colorizes photographs: {model.description.head.about}",
        "decoding": program.PLAIN,
        "input_multiple": network.input_multiple,
        "output_stride": network.output_stride,
        "version": jaxcolor.__version__,
    }
    del fields["coherence"]
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in fields.items()
    }


def _input_names(exported: program.Program) -> list[str]:
    return ["L" if name == "lightness" else name for name in exported.arguments]


def _translated(exported: program.Program) -> tuple[Graph, list[Value]]:
    """Returns the graph of a program, and its outputs as arrays of JAX."""
    traced = jax.make_jaxpr(exported.function)(*exported.arguments.values())
    names = _input_names(exported)
    graph = Graph()
    symbols = dict(zip((0, 2, 3), exported.symbols, strict=True))
    graph.measure("L", symbols, multiple=exported.multiple)
    arguments = [
        Value(
            tuple(x.shape), np.dtype(np.float32), tuple(range(len(x.shape))), name=name
        )
        for name, x in zip(names, exported.arguments.values(), strict=True)
    ]
    return graph, onnx_translation.translate(
        graph, traced.jaxpr, traced.consts, arguments
    )


def _content(
    graph: Graph,
    exported: program.Program,
    shapes: Mapping[str, tuple[Any, ...]],
    *,
    dtype: str,
    about: dict[str, str],
) -> bytes:
    """Returns the content of the file of a graph.

    Args:
        graph: whose tensors have the names of the outputs.
        exported: the program, for its inputs.
        shapes: of the outputs, by name.
        dtype: see `encode`.
        about: the metadata.
    """
    if dtype not in DTYPES:
        raise ValueError(f"dtype is {dtype!r}; wanted one of {', '.join(DTYPES)}")
    onnx_fusion.fuse(graph, set(shapes))
    nodes, tensors = _stored(graph, dtype)
    seen = ("b", 1, f"{exported.multiple}h", f"{exported.multiple}w")
    inputs = {n: seen if n == "L" else () for n in _input_names(exported)}
    of_inputs, of_outputs = (
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in each]
        for each in (inputs.items(), shapes.items())
    )
    built = helper.make_graph(nodes, "jaxcolor", of_inputs, of_outputs, tensors)
    found = helper.make_model(
        built,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="jaxcolor",
        producer_version=jaxcolor.__version__,
    )
    helper.set_model_props(found, about)
    onnx.checker.check_model(found, full_check=True)
    content: bytes = found.SerializeToString()
    return content


def _stored(graph: Graph, dtype: str) -> tuple[list[Any], list[Any]]:
    """Returns the nodes and the constants of a graph, its kernels in a type."""
    kernels = {
        node.input[1]: onnx_fusion.CHANNELS_OUT[node.op_type]
        for node in graph.nodes
        if node.op_type in onnx_fusion.CHANNELS_OUT
    }
    unpacking, tensors = [], []
    for name, array in graph.constants.items():
        if dtype == "float32" or name not in kernels or array.size < LEAST_WEIGHTS:
            tensors.append(numpy_helper.from_array(array, name))
            continue
        packed, scales = f"{name}_{dtype}", f"{name}_scales"
        if dtype == "float16":
            tensors.append(numpy_helper.from_array(array.astype(np.float16), packed))
            to = TensorProto.FLOAT
            unpacking.append(helper.make_node("Cast", [packed], [name], to=to))
            continue
        axis = kernels[name]
        levels, steps = quantized(array, axis=axis)
        unpacked = name
        if array.shape[2:] == (1, 1):
            # OpenVINO 2026.4 takes the convolution for a product of matrices where it
            # follows a transposition, and gets it wrong; not behind a Reshape.
            levels, unpacked = levels.reshape(array.shape[:2]), f"{name}_matrix"
            shape = numpy_helper.from_array(
                np.array(array.shape, np.int64), f"{name}_shape"
            )
            tensors.append(shape)
        tensors.append(numpy_helper.from_array(levels, packed))
        tensors.append(numpy_helper.from_array(steps, scales))
        inputs = [packed, scales]
        unpacking.append(
            helper.make_node("DequantizeLinear", inputs, [unpacked], axis=axis)
        )
        if unpacked != name:
            inputs = [unpacked, f"{name}_shape"]
            unpacking.append(helper.make_node("Reshape", inputs, [name]))
    return [*unpacking, *graph.nodes], tensors


def quantized(kernel: np.ndarray, *, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns a kernel as levels from -127 to 127, and the scale of each channel out.

    Args:
        kernel: of a convolution.
        axis: of the channels out.
    """
    others = tuple(n for n in range(kernel.ndim) if n != axis)
    largest = np.abs(kernel).max(axis=others, keepdims=True)
    scales = np.where(largest > 0, largest / 127, 1).astype(np.float32)
    return np.round(kernel / scales).astype(np.int8), scales.reshape(-1)
