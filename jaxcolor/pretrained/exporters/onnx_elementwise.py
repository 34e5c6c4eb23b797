"""Operations of JAX on each element by itself, as operations of ONNX."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from jaxcolor.pretrained.exporters.onnx_graph import Graph, Value

Operation = Callable[..., list[Value]]
"""From a graph, the equation and its inputs to its outputs."""

SAME = {
    "abs": "Abs",
    "add": "Add",
    "and": "And",
    "cos": "Cos",
    "div": "Div",
    "eq": "Equal",
    "exp": "Exp",
    "floor": "Floor",
    "ge": "GreaterOrEqual",
    "gt": "Greater",
    "le": "LessOrEqual",
    "log": "Log",
    "logistic": "Sigmoid",
    "lt": "Less",
    "mul": "Mul",
    "neg": "Neg",
    "not": "Not",
    "or": "Or",
    "pow": "Pow",
    "sign": "Sign",
    "sin": "Sin",
    "sqrt": "Sqrt",
    "sub": "Sub",
    "tanh": "Tanh",
}
"""Primitives that ONNX has under another name, element by element."""

TYPES = {"float32": 1, "int32": 6, "int64": 7, "bool": 9}
"""Numbers of types in ONNX."""


def shared_order(values: Sequence[Value]) -> tuple[int, ...]:
    """Returns the order of axes for an operation on several arrays."""
    rank = max(len(value.order) for value in values)
    full = [value for value in values if len(value.order) == rank]
    orders = [value.order for value in full if value.constant is None]
    orders = orders or [value.order for value in full]
    # The order of a convolution rather than that of the input.
    return next((o for o in orders if o != tuple(range(rank))), orders[0])


def elementwise(
    graph: Graph, equation: Any, *values: Value, make: Callable[..., str]
) -> list[Value]:
    """Returns an operation on each element.

    Args:
        graph: to add to.
        equation: of JAX.
        values: inputs, of one shape; scalars besides.
        make: from names of tensors, which broadcast, to that of the output.
    """
    out = equation.outvars[0].aval
    order = shared_order(values)
    rank = len(order)
    names = [
        graph.tensor(value, order if len(value.shape) == rank else None)
        for value in values
    ]
    narrow = frozenset(
        axis
        for axis in range(rank)
        if all(axis in value.narrow or not value.shape for value in values)
    )
    name = make(*names)
    return [Value(tuple(out.shape), out.dtype, order, narrow, name)]


def _of_kind(graph: Graph, equation: Any, *values: Value, kind: str) -> list[Value]:
    return elementwise(graph, equation, *values, make=partial(graph.node, kind))


def _scalar(value: Value) -> float | None:
    """Returns the number that all elements of a constant are."""
    if value.constant is None or value.constant.size == 0:
        return None
    first = value.constant.flat[0]
    return first.item() if (value.constant == first).all() else None


def _bounded(graph: Graph, equation: Any, *values: Value, kind: str) -> list[Value]:
    """Returns the larger or the smaller of two, by operations that browsers have."""
    numbers = [_scalar(value) for value in values]
    free = [
        value for value, number in zip(values, numbers, strict=True) if number is None
    ]
    if len(free) != 1 or values[0].dtype != np.float32:
        return _of_kind(graph, equation, *values, kind=kind)
    number = next(number for number in numbers if number is not None)
    bound = graph.constant(number, np.float32)

    def make(name: str) -> str:
        if kind == "Max" and number == 0:
            return graph.node("Relu", name)
        limits = (bound,) if kind == "Max" else ("", bound)
        return graph.node("Clip", name, *limits)

    return elementwise(graph, equation, *free, make=make)


def _clamp(graph: Graph, equation: Any, least: Value, x: Value, most: Value) -> list:
    limits = (graph.tensor(least), graph.tensor(most))
    return elementwise(
        graph, equation, x, make=lambda name: graph.node("Clip", name, *limits)
    )


def _select(graph: Graph, equation: Any, which: Value, *cases: Value) -> list[Value]:
    no, yes = cases
    return elementwise(
        graph,
        equation,
        which,
        yes,
        no,
        make=lambda *names: graph.node("Where", *names),
    )


def _by_two(graph: Graph, equation: Any, *values: Value, kinds: Any) -> list[Value]:
    """Returns the second operation of the first one's result."""

    def make(*names: str) -> str:
        return graph.node(kinds[1], graph.node(kinds[0], *names))

    return elementwise(graph, equation, *values, make=make)


def _remainder(graph: Graph, equation: Any, *values: Value) -> list[Value]:
    """Returns what a division leaves, with the sign of the dividend, as C's fmod."""
    return elementwise(
        graph, equation, *values, make=partial(graph.node, "Mod", fmod=1)
    )


def _integer_power(graph: Graph, equation: Any, x: Value) -> list[Value]:
    exponent = graph.constant(equation.params["y"], np.float32)
    return elementwise(
        graph, equation, x, make=lambda name: graph.node("Pow", name, exponent)
    )


def _square(graph: Graph, equation: Any, x: Value) -> list[Value]:
    return elementwise(
        graph, equation, x, make=lambda name: graph.node("Mul", name, name)
    )


def cube_root(graph: Graph, equation: Any, x: Value) -> list[Value]:
    """Returns cube roots of positive numbers.

    Those of `cielab` go through the bits of the numbers, which ONNX does not give.
    """
    third = graph.constant(1 / 3, np.float32)
    return elementwise(
        graph, equation, x, make=lambda name: graph.node("Pow", name, third)
    )


def _arctan2(graph: Graph, equation: Any, y: Value, x: Value) -> list[Value]:
    """Returns angles, twice the arc tangent of their half.

    tan(t / 2) = y / (r + x), which loses digits where x is near -r, and is (r - x) / y
    there.
    """

    def make(y: str, x: str) -> str:
        zero, two = graph.constant(0, np.float32), graph.constant(2, np.float32)
        square = graph.node("Add", graph.node("Mul", x, x), graph.node("Mul", y, y))
        radius = graph.node("Sqrt", square)
        is_right = graph.node("GreaterOrEqual", x, zero)
        above = graph.node("Where", is_right, y, graph.node("Sub", radius, x))
        below = graph.node("Where", is_right, graph.node("Add", radius, x), y)
        # Then the angle is 0 at the origin, and pi to the left of it.
        is_zero = graph.node("Equal", below, zero)
        tiny = graph.constant(1e-30, np.float32)
        safe = graph.node("Where", is_zero, tiny, below)
        half = graph.node("Atan", graph.node("Div", above, safe))
        return graph.node("Mul", two, half)

    return elementwise(graph, equation, y, x, make=make)


def _cast(graph: Graph, equation: Any, x: Value) -> list[Value]:
    if equation.outvars[0].aval.dtype == x.dtype:
        return [x]
    to = TYPES[str(equation.outvars[0].aval.dtype)]
    return elementwise(
        graph, equation, x, make=lambda name: graph.node("Cast", name, to=to)
    )


def _same(graph: Graph, equation: Any, x: Value) -> list[Value]:
    return [x]


TABLE: dict[str, Operation] = {
    **{name: partial(_of_kind, kind=kind) for name, kind in SAME.items()},
    "atan2": _arctan2,
    "clamp": _clamp,
    "convert_element_type": _cast,
    "copy": _same,
    "copy_p": _same,
    "integer_pow": _integer_power,
    "max": partial(_bounded, kind="Max"),
    "min": partial(_bounded, kind="Min"),
    "name": _same,
    "ne": partial(_by_two, kinds=("Equal", "Not")),
    "optimization_barrier": _same,
    "rem": _remainder,
    "rsqrt": partial(_by_two, kinds=("Sqrt", "Reciprocal")),
    "select_n": _select,
    "square": _square,
    "stop_gradient": _same,
}
"""Operations by the names of the primitives."""
