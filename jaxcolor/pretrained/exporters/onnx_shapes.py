"""Operations of JAX that move, join, cut or sum elements, as operations of ONNX."""

import itertools
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from jaxcolor.pretrained.exporters import onnx_elementwise, onnx_graph
from jaxcolor.pretrained.exporters.onnx_elementwise import Operation
from jaxcolor.pretrained.exporters.onnx_graph import WHOLE, Graph, Size, Value


def _broadcast(graph: Graph, equation: Any, x: Value, *_: Value) -> list[Value]:
    shape = tuple(equation.outvars[0].aval.shape)
    places = tuple(equation.params["broadcast_dimensions"])
    added = [axis for axis in range(len(shape)) if axis not in places]
    narrow = {places[axis] for axis in x.narrow}
    narrow |= {
        place
        for axis, place in enumerate(places)
        if isinstance(x.shape[axis], int)
        and x.shape[axis] == 1
        and not _is_one(shape[place])
    }
    narrow |= {axis for axis in added if not _is_one(shape[axis])}
    if x.constant is not None:
        array = np.expand_dims(x.constant, tuple(added)) if added else x.constant
        order = tuple(range(len(shape)))
        return [Value(shape, x.dtype, order, frozenset(narrow), constant=array)]
    # New axes stand where the array has them, as far as the tensor's order allows.
    order = _with_axes([places[axis] for axis in x.order], added)
    name = x.name if x.name is not None else graph.tensor(x)
    if added:
        at = sorted(order.index(axis) for axis in added)
        name = graph.node("Unsqueeze", name, graph.integers(*at))
    return [Value(shape, x.dtype, order, frozenset(narrow), name)]


def _with_axes(order: list[int], added: Sequence[int]) -> tuple[int, ...]:
    """Returns an order with more axes, each before the first that comes after it."""
    for axis in added:
        later = [n for n, other in enumerate(order) if other > axis]
        order.insert(later[0] if later else len(order), axis)
    return tuple(order)


def _is_one(size: Size) -> bool:
    return _known(size) == 1


def reshaped(graph: Graph, x: Value, shape: tuple[Size, ...]) -> Value:
    """Returns an array in another shape."""
    if x.shape == shape:
        return x
    if x.reshaped is not None and x.reshaped.shape == shape:
        return x.reshaped
    groups = _groups(x.shape, shape)
    if x.is_whole and all(isinstance(size, int) for size in shape):
        assert x.constant is not None
        return onnx_graph.constant(x.constant.reshape(shape))
    parts = [axes for axes, _ in groups]
    if not x.narrow and all(_are_adjacent(axes, x.order) for axes in parts):
        return _reshaped_in_order(graph, x, shape, groups)
    if x.narrow and all(len(axes) <= 1 and len(new) <= 1 for axes, new in groups):
        # Only axes of one element come or go.
        moved = {axes[0]: new[0] for axes, new in groups if axes and new}
        sizes = [
            1 if any(moved.get(a) == n for a in x.narrow) else size
            for n, size in enumerate(shape)
        ]
        name = graph.node("Reshape", graph.tensor(x), graph.target(sizes, None))
        narrow = frozenset(moved[axis] for axis in x.narrow)
        return Value(shape, x.dtype, tuple(range(len(shape))), narrow, name)
    order = tuple(range(len(shape)))
    if x.constant is None and not x.narrow and len(shape) == 2 and len(x.shape) == 4:
        # Pixels in a row, for a matrix product that is a convolution of ONNX.
        return Value(shape, x.dtype, order, reshaped=x)
    have = x.shape
    name = graph.node("Reshape", graph.whole(x), graph.target(shape, have))
    return Value(shape, x.dtype, order, name=name)


def _reshaped_in_order(
    graph: Graph, x: Value, shape: tuple[Size, ...], groups: list[tuple]
) -> Value:
    """Returns a reshaped array whose tensor keeps the order of its axes."""
    starts = {axes[0]: new for axes, new in groups if axes}
    moved = [new for axis in x.order for new in starts.get(axis, [])]
    added = [axis for axes, new in groups if not axes for axis in new]
    order = _with_axes(moved, added)
    sizes = [shape[axis] for axis in order]
    have = [x.shape[axis] for axis in x.order]
    name = graph.node("Reshape", graph.tensor(x, x.order), graph.target(sizes, have))
    return Value(shape, x.dtype, order, name=name)


def _are_adjacent(axes: list[int], order: tuple[int, ...]) -> bool:
    places = [order.index(axis) for axis in axes]
    return all(b - a == 1 for a, b in itertools.pairwise(places))


def _groups(
    old: tuple[Size, ...], new: tuple[Size, ...]
) -> list[tuple[list[int], list[int]]]:
    """Returns which axes of a shape become which of another one.

    Each group has as many elements in both shapes. Where no small groups are found,
    all axes are one.
    """
    groups: list[tuple[list[int], list[int]]] = []
    i = j = 0
    while i < len(old) or j < len(new):
        if i < len(old) and j < len(new) and old[i] == new[j]:
            groups.append(([i], [j]))
            i, j = i + 1, j + 1
            continue
        if j < len(new) and _is_one(new[j]):
            groups.append(([], [j]))
            j += 1
            continue
        if i < len(old) and _is_one(old[i]):
            groups.append(([i], []))
            i += 1
            continue
        found = _smallest_group(old, new, i, j)
        if found is None:
            return [(list(range(len(old))), list(range(len(new))))]
        groups.append((list(range(i, found[0])), list(range(j, found[1]))))
        i, j = found
    return groups


def _smallest_group(
    old: tuple[Size, ...], new: tuple[Size, ...], i: int, j: int
) -> tuple[int, int] | None:
    """Returns where the first parts end that have equal products."""
    for total in range(2, len(old) - i + len(new) - j + 1):
        for many in range(1, total):
            k, n = i + many, j + total - many
            if (
                k <= len(old)
                and n <= len(new)
                and _product(old[i:k]) == _product(new[j:n])
            ):
                return k, n
    return None


def _product(sizes: tuple[Size, ...]) -> Size:
    product: Size = 1
    for size in sizes:
        product = product * size
    return product


def _reshape(graph: Graph, equation: Any, x: Value, *_: Value) -> list[Value]:
    return [reshaped(graph, x, tuple(equation.outvars[0].aval.shape))]


def _squeeze(graph: Graph, equation: Any, x: Value) -> list[Value]:
    return [reshaped(graph, x, tuple(equation.outvars[0].aval.shape))]


def _transpose(graph: Graph, equation: Any, x: Value) -> list[Value]:
    moved = tuple(equation.params["permutation"])
    shape = tuple(x.shape[axis] for axis in moved)
    narrow = frozenset(moved.index(axis) for axis in x.narrow)
    if x.constant is not None:
        array = x.constant.transpose(moved)
        order = tuple(range(len(shape)))
        return [Value(shape, x.dtype, order, narrow, constant=array)]
    name = x.name if x.name is not None else graph.tensor(x)
    order = tuple(moved.index(axis) for axis in x.order)
    return [Value(shape, x.dtype, order, narrow, name)]


def _place(limit: Size, size: Size) -> int:
    """Returns the start or end of a slice, which may count from the array's end."""
    if isinstance(limit, int):
        return limit
    from_end = limit - size
    if not isinstance(from_end, int):
        raise ValueError(f"a slice ends at {limit} of {size}; wanted a number")
    return from_end or WHOLE


def sliced(
    graph: Graph,
    x: Value,
    *,
    starts: Sequence[int],
    ends: Sequence[int],
    steps: Sequence[int],
    shape: tuple[Size, ...],
) -> Value:
    """Returns a part of an array, of a shape."""
    cut = [
        axis
        for axis, size in enumerate(x.shape)
        if (starts[axis], steps[axis]) != (0, 1) or ends[axis] not in (WHOLE, size)
    ]
    order = x.order
    if not cut:
        return x
    if x.constant is not None and x.narrow.issuperset(cut):
        return x._replace(shape=shape)
    if x.constant is not None and x.narrow.isdisjoint(cut):
        places = [
            slice(start, end, step) if axis in cut else slice(None)
            for axis, (start, end, step) in enumerate(
                zip(starts, ends, steps, strict=True)
            )
        ]
        return x._replace(shape=shape, constant=x.constant[tuple(places)])
    limits = [[part[a] for a in cut] for part in (starts, ends, steps)]
    at = [order.index(axis) for axis in cut]
    inputs = [graph.integers(*part) for part in (limits[0], limits[1], at, limits[2])]
    name = graph.node("Slice", graph.whole(x, order), *inputs)
    return Value(shape, x.dtype, order, name=name)


def _slice(graph: Graph, equation: Any, x: Value) -> list[Value]:
    given = equation.params
    starts = zip(given["start_indices"], x.shape, strict=True)
    limits = zip(given["limit_indices"], x.shape, strict=True)
    return [
        sliced(
            graph,
            x,
            starts=[_place(*each) for each in starts],
            ends=[_place(limit, size) for limit, size in limits],
            steps=given["strides"] or [1] * len(x.shape),
            shape=tuple(equation.outvars[0].aval.shape),
        )
    ]


def _gather(graph: Graph, equation: Any, x: Value, indices: Value) -> list[Value]:
    """Returns what indexing by fixed numbers gives: a slice without some axes."""
    given = equation.params
    numbers = given["dimension_numbers"]
    if indices.constant is None or indices.constant.ndim != 1:
        raise ValueError("an array is indexed by another; wanted fixed numbers")
    starts = [0] * len(x.shape)
    for axis, start in zip(numbers.start_index_map, indices.constant, strict=True):
        starts[axis] = int(start)
    shape = tuple(given["slice_sizes"])
    ends = [
        _place(start + size, whole)
        for start, size, whole in zip(starts, shape, x.shape, strict=True)
    ]
    part = sliced(
        graph, x, starts=starts, ends=ends, steps=[1] * len(starts), shape=shape
    )
    return [reshaped(graph, part, tuple(equation.outvars[0].aval.shape))]


def _split(graph: Graph, equation: Any, x: Value) -> list[Value]:
    """Returns the parts of an array along an axis; of unstack each has one element."""
    axis = equation.params["axis"]
    sizes = equation.params.get("sizes", [1] * len(equation.outvars))
    found, start = [], 0
    for size, out in zip(sizes, equation.outvars, strict=True):
        shape = (*x.shape[:axis], size, *x.shape[axis + 1 :])
        starts, ends = [0] * len(shape), [WHOLE] * len(shape)
        starts[axis], ends[axis] = start, start + size
        part = sliced(
            graph, x, starts=starts, ends=ends, steps=[1] * len(shape), shape=shape
        )
        found.append(reshaped(graph, part, tuple(out.aval.shape)))
        start += size
    return found


def joined(
    graph: Graph, values: Sequence[Value], *, axis: int, shape: tuple[Size, ...]
) -> Value:
    """Returns arrays put together along an axis."""
    # Padding by nothing makes empty parts, which have no order.
    values = [value for value in values if 0 not in map(_known, value.shape)]
    order = onnx_elementwise.shared_order(values)
    names = [graph.whole(value, order) for value in values]
    if len(names) == 1:
        return Value(shape, values[0].dtype, order, name=names[0])
    name = graph.node("Concat", *names, axis=order.index(axis))
    parts = tuple(values) if axis == len(shape) - 1 else ()
    return Value(shape, values[0].dtype, order, name=name, parts=parts)


def _known(size: Size) -> int | None:
    return size if isinstance(size, int) else None


def _concatenate(graph: Graph, equation: Any, *values: Value) -> list[Value]:
    shape = tuple(equation.outvars[0].aval.shape)
    return [joined(graph, values, axis=equation.params["dimension"], shape=shape)]


def _stack(graph: Graph, equation: Any, *values: Value) -> list[Value]:
    axis = equation.params["axis"]
    shape = tuple(equation.outvars[0].aval.shape)
    each = (*shape[:axis], 1, *shape[axis + 1 :])
    parts = [reshaped(graph, value, each) for value in values]
    return [joined(graph, parts, axis=axis, shape=shape)]


def _pad(graph: Graph, equation: Any, x: Value, fill: Value) -> list[Value]:
    config = equation.params["padding_config"]
    if any(low < 0 or high < 0 or inner for low, high, inner in config):
        raise ValueError(f"a padding is {config}; wanted one around an array")
    lows = [config[axis][0] for axis in x.order]
    highs = [config[axis][1] for axis in x.order]
    shape = tuple(equation.outvars[0].aval.shape)
    name = graph.node(
        "Pad",
        graph.whole(x, x.order),
        graph.integers(*lows, *highs),
        graph.tensor(fill),
    )
    return [Value(shape, x.dtype, x.order, name=name)]


def _reduce(graph: Graph, equation: Any, x: Value, *, kind: str) -> list[Value]:
    axes = equation.params["axes"]
    name = graph.whole(x, x.order)
    at = sorted(x.order.index(axis) for axis in axes)
    if kind == "ReduceSum":
        name = graph.node(kind, name, graph.integers(*at), keepdims=0)
    else:
        name = graph.node(kind, name, axes=at, keepdims=0)
    kept = [axis for axis in range(len(x.shape)) if axis not in axes]
    order = tuple(kept.index(axis) for axis in x.order if axis in kept)
    return [Value(tuple(x.shape[a] for a in kept), x.dtype, order, name=name)]


def _cumulative_sum(graph: Graph, equation: Any, x: Value) -> list[Value]:
    axis = x.order.index(equation.params["axis"])
    reverse = int(equation.params["reverse"])
    place = graph.constant(axis, np.int64)
    name = graph.node("CumSum", graph.whole(x, x.order), place, reverse=reverse)
    return [Value(x.shape, x.dtype, x.order, name=name)]


def _size_as_number(graph: Graph, equation: Any) -> list[Value]:
    size = graph.size(equation.params["dim"])
    name = graph.node(
        "Cast", graph.node("Squeeze", size), to=onnx_elementwise.TYPES["int32"]
    )
    return [Value((), np.dtype(np.int32), (), name=name)]


def _count(graph: Graph, equation: Any, *_: Value) -> list[Value]:
    """Returns 0, 1, 2 ... along an axis."""
    given, out = equation.params, equation.outvars[0].aval
    axis = given["dimension"]
    zero, one = (graph.constant(n, np.int64) for n in (0, 1))
    end = graph.node("Squeeze", graph.size(out.shape[axis]))
    name = graph.node("Range", zero, end, one)
    name = graph.node("Cast", name, to=onnx_elementwise.TYPES[str(out.dtype)])
    others = [n for n in range(len(out.shape)) if n != axis]
    if others:
        name = graph.node("Unsqueeze", name, graph.integers(*others))
    narrow = frozenset(n for n in others if not _is_one(out.shape[n]))
    order = tuple(range(len(out.shape)))
    return [Value(tuple(out.shape), out.dtype, order, narrow, name)]


TABLE: dict[str, Operation] = {
    "broadcast_in_dim": _broadcast,
    "concatenate": _concatenate,
    "cumsum": _cumulative_sum,
    "dim_as_value": _size_as_number,
    "gather": _gather,
    "iota": _count,
    "pad": _pad,
    "reduce_max": partial(_reduce, kind="ReduceMax"),
    "reduce_min": partial(_reduce, kind="ReduceMin"),
    "reduce_sum": partial(_reduce, kind="ReduceSum"),
    "reshape": _reshape,
    "slice": _slice,
    "split": _split,
    "squeeze": _squeeze,
    "stack": _stack,
    "transpose": _transpose,
    "unstack": _split,
}
"""Operations by the names of the primitives."""
