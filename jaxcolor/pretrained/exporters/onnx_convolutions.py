"""Convolutions, matrix products and poolings of JAX as operations of ONNX."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from jaxcolor.pretrained.exporters import onnx_graph, onnx_shapes
from jaxcolor.pretrained.exporters.onnx_elementwise import Operation
from jaxcolor.pretrained.exporters.onnx_graph import Graph, Value

CHANNELS_FIRST = (0, 3, 1, 2)
"""The order of images for ONNX."""


def _pads(padding: Sequence[tuple[int, int]]) -> list[int]:
    # Written out: WebGPU pads by `auto_pad` otherwise than other programs.
    return [int(low) for low, _ in padding] + [int(high) for _, high in padding]


def _convolution(graph: Graph, equation: Any, x: Value, kernel: Value) -> list[Value]:
    given = equation.params
    numbers = given["dimension_numbers"]
    if set(given["lhs_dilation"]) != {1} or given["batch_group_count"] != 1:
        raise ValueError("a convolution dilates its input; wanted none that does")
    out = equation.outvars[0].aval
    x, kernel = _without_zeros(graph, x, kernel)
    name = graph.node(
        "Conv",
        graph.whole(x, numbers.lhs_spec),
        graph.tensor(kernel, numbers.rhs_spec),
        strides=list(given["window_strides"]),
        dilations=list(given["rhs_dilation"]),
        group=given["feature_group_count"],
        kernel_shape=[int(kernel.shape[axis]) for axis in numbers.rhs_spec[2:]],
        pads=_pads(given["padding"]),
    )
    return [Value(tuple(out.shape), out.dtype, tuple(numbers.out_spec), name=name)]


def _without_zeros(graph: Graph, x: Value, kernel: Value) -> tuple[Value, Value]:
    """Returns images and a kernel without channels that are zero everywhere.

    Such are the hints of a network that gets none.
    """
    is_zero = [
        part.constant is not None and not part.constant.any() for part in x.parts
    ]
    if not any(is_zero) or all(is_zero) or kernel.constant is None:
        return x, kernel
    kept: list[Value] = []
    rows: list[int] = []
    start = 0
    for part, is_dropped in zip(x.parts, is_zero, strict=True):
        stop = start + part.shape[-1]
        if not is_dropped:
            kept.append(part)
            rows += range(start, stop)
        start = stop
    shape = (*x.shape[:-1], len(rows))
    fewer = onnx_shapes.joined(graph, kept, axis=len(shape) - 1, shape=shape)
    return fewer, onnx_graph.constant(np.take(kernel.constant, rows, axis=2))


def transposed(graph: Graph, equation: Any, x: Value, kernel: Value) -> list[Value]:
    """Returns the transpose of a 4x4 convolution, see `convolutions.conv_transpose`.

    There it is four convolutions, of which the outputs are interleaved.
    """
    out = equation.outvars[0].aval
    name = graph.node(
        "ConvTranspose",
        graph.whole(x, CHANNELS_FIRST),
        graph.tensor(kernel, (2, 3, 0, 1)),
        strides=[2, 2],
        kernel_shape=[4, 4],
        pads=[1, 1, 1, 1],
    )
    return [Value(tuple(out.shape), out.dtype, CHANNELS_FIRST, name=name)]


def pixelwise(graph: Graph, x: Value, matrix: np.ndarray) -> Value:
    """Returns the product of each pixel of images with one matrix."""
    kernel = matrix.T[:, :, None, None]
    name = graph.node(
        "Conv",
        graph.whole(x, CHANNELS_FIRST),
        graph.constant(kernel, np.float32),
        kernel_shape=[1, 1],
    )
    shape = (*x.shape[:3], matrix.shape[1])
    return Value(shape, x.dtype, CHANNELS_FIRST, name=name)


def _product(graph: Graph, equation: Any, a: Value, b: Value) -> list[Value]:
    (of_a, of_b), (batch_a, batch_b) = equation.params["dimension_numbers"]
    out = equation.outvars[0].aval
    images = a if len(a.shape) == 4 else a.reshaped
    is_of_last = tuple(of_a) == (len(a.shape) - 1,) and not batch_a
    if is_of_last and b.is_whole and len(b.shape) == 2 and images is not None:
        assert b.constant is not None
        matrix = b.constant if tuple(of_b) == (0,) else b.constant.T
        product = pixelwise(graph, images, matrix)
        if images is a:
            return [product]
        order = tuple(range(len(out.shape)))
        return [Value(tuple(out.shape), out.dtype, order, reshaped=product)]
    free_a = [n for n in range(len(a.shape)) if n not in (*of_a, *batch_a)]
    free_b = [n for n in range(len(b.shape)) if n not in (*of_b, *batch_b)]
    # MatMul has one axis of each factor, with the batch before; the second factor may
    # go without batch where the first one has many axes.
    if len(of_a) != 1 or (len(free_a), len(free_b)) != (1, 1):
        return _many_axes(graph, equation, a, b)
    name = graph.node(
        "MatMul",
        graph.whole(a, (*batch_a, *free_a, *of_a)),
        graph.whole(b, (*batch_b, *of_b, *free_b)),
    )
    return [Value(tuple(out.shape), out.dtype, tuple(range(len(out.shape))), name=name)]


def _many_axes(graph: Graph, equation: Any, a: Value, b: Value) -> list[Value]:
    """Returns a sum of products over some axes, by Einsum."""
    (of_a, of_b), (batch_a, batch_b) = equation.params["dimension_numbers"]
    letters = iter("abcdefghijklmnopqrstuvwxyz")
    first = {axis: next(letters) for axis in range(len(a.shape))}
    second = {axis: next(letters) for axis in range(len(b.shape))}
    second |= {n: first[m] for m, n in zip(of_a, of_b, strict=True)}
    second |= {n: first[m] for m, n in zip(batch_a, batch_b, strict=True)}
    outs = [first[n] for n in batch_a]
    outs += [first[n] for n in first if n not in (*of_a, *batch_a)]
    outs += [second[n] for n in second if n not in (*of_b, *batch_b)]
    of_first, of_second = ("".join(d[n] for n in sorted(d)) for d in (first, second))
    out = equation.outvars[0].aval
    name = graph.node(
        "Einsum",
        graph.whole(a),
        graph.whole(b),
        equation=f"{of_first},{of_second}->{''.join(outs)}",
    )
    return [Value(tuple(out.shape), out.dtype, tuple(range(len(out.shape))), name=name)]


def _pool(graph: Graph, equation: Any, x: Value, *, kind: str) -> list[Value]:
    given, out = equation.params, equation.outvars[0].aval
    sides = list(given["window_dimensions"][1:3])
    # Where the padding at the end depends on the size, as of pooling that rounds sizes
    # up, it is the largest one: whatever of it is too much starts no further window.
    padding = [
        (low, high if isinstance(high, int) else side - 1)
        for (low, high), side in zip(given["padding"][1:3], sides, strict=True)
    ]
    # Means, not sums, are what ONNX has.
    more = {"count_include_pad": 1} if kind == "AveragePool" else {}
    name = graph.node(
        kind,
        graph.whole(x, CHANNELS_FIRST),
        kernel_shape=sides,
        strides=list(given["window_strides"][1:3]),
        pads=_pads(padding),
        **more,
    )
    if kind == "AveragePool":
        count = np.float32(np.prod(given["window_dimensions"]))
        name = graph.node("Mul", name, graph.constant(count))
    return [Value(tuple(out.shape), out.dtype, CHANNELS_FIRST, name=name)]


TABLE: dict[str, Operation] = {
    "conv_general_dilated": _convolution,
    "dot_general": _product,
    "reduce_window_max": partial(_pool, kind="MaxPool"),
    "reduce_window_sum": partial(_pool, kind="AveragePool"),
}
"""As `onnx_operations.TABLE`."""
