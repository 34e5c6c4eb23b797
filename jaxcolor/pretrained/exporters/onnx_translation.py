"""Translates a traced function of JAX to operations of ONNX.

The function that is exported is the one that runs here: no network is written twice.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jax.extend import core

from jaxcolor.pretrained.exporters import (
    onnx_convolutions,
    onnx_elementwise,
    onnx_graph,
    onnx_shapes,
)
from jaxcolor.pretrained.exporters.onnx_elementwise import Operation
from jaxcolor.pretrained.exporters.onnx_graph import Graph, Value

OPERATIONS: dict[str, Operation] = (
    onnx_elementwise.TABLE | onnx_shapes.TABLE | onnx_convolutions.TABLE
)
"""Operations by the names of the primitives: those that networks and heads use."""

CALLS = {
    "jit": "jaxpr",
    "pjit": "jaxpr",
    "closed_call": "call_jaxpr",
    "core_call": "call_jaxpr",
    "custom_jvp_call": "call_jaxpr",
    "custom_vjp_call": "call_jaxpr",
    "custom_vjp_call_jaxpr": "fun_jaxpr",
    "remat": "jaxpr",
    "checkpoint": "jaxpr",
}
"""Primitives that call a function, and the parameter that has it."""

REPLACED: dict[str, Operation] = {
    "_cube_root": onnx_elementwise.cube_root,
    "conv_transpose": onnx_convolutions.transposed,
}
"""Functions of JAX, by name, that have an operation of ONNX of their own."""


def translate(
    graph: Graph, jaxpr: Any, constants: Sequence[Any], arguments: Sequence[Value]
) -> list[Value]:
    """Adds the operations of a traced function, and returns its outputs.

    Args:
        graph: to add to.
        jaxpr: of the function.
        constants: of the function, arrays or values.
        arguments: of the function.

    Raises:
        ValueError: naming an operation that has no counterpart here.
    """
    known: dict[Any, Value] = {}
    known |= zip(jaxpr.constvars, map(_value, constants), strict=True)
    known |= zip(jaxpr.invars, arguments, strict=True)

    def read(variable: Any) -> Value:
        if isinstance(variable, core.Literal):
            dtype = variable.aval.dtype  # type: ignore[attr-defined] # of any array
            return onnx_graph.constant(np.asarray(variable.val, dtype))
        return known[variable]

    for equation in jaxpr.eqns:
        found = _outputs(graph, equation, [read(each) for each in equation.invars])
        known |= zip(equation.outvars, found, strict=True)
    return [read(each) for each in jaxpr.outvars]


def _value(constant: Any) -> Value:
    return constant if isinstance(constant, Value) else onnx_graph.constant(constant)


def _outputs(graph: Graph, equation: Any, values: list[Value]) -> list[Value]:
    name, given = equation.primitive.name, equation.params
    if name == "platform_index":
        # The branch for platforms that no other is for.
        return [onnx_graph.constant(given["platforms"].index(None))]
    if name == "cond":
        return _branch(graph, given["branches"], *values)
    if name == "scan":
        return _loop(graph, given, values)
    if name in CALLS:
        inner = given[CALLS[name]]
        replaced = REPLACED.get(inner.jaxpr.debug_info.func_name)
        if replaced is not None:
            return replaced(graph, equation, *values)
        return translate(graph, inner.jaxpr, inner.consts, values)
    sizes = [size for out in equation.outvars for size in out.aval.shape]
    is_known = values and all(value.is_whole for value in values)
    if is_known and all(isinstance(size, int) for size in sizes):
        return _computed(equation, values)
    if name in onnx_elementwise.SAME and all(v.constant is not None for v in values):
        return [_computed_once(equation, values)]
    if any(isinstance(size, int) and size == 0 for size in sizes):
        return [_empty(out.aval) for out in equation.outvars]
    if name not in OPERATIONS:
        raise ValueError(f"no operation of ONNX is known for {name} of JAX")
    return OPERATIONS[name](graph, equation, *values)


def _computed(equation: Any, values: list[Value]) -> list[Value]:
    """Returns constants that constants lead to, computed here."""
    arrays = [np.asarray(value.constant) for value in values]
    found = equation.primitive.bind(*arrays, **equation.params)
    several = found if equation.primitive.multiple_results else [found]
    return [onnx_graph.constant(array) for array in several]


def _computed_once(equation: Any, values: list[Value]) -> Value:
    """Returns a constant of unknown size, whose elements are alike along some axes."""
    arrays = np.broadcast_arrays(*(np.asarray(value.constant) for value in values))
    found = np.asarray(equation.primitive.bind(*arrays, **equation.params))
    shape = tuple(equation.outvars[0].aval.shape)
    narrow = frozenset(
        axis for axis, n in enumerate(found.shape) if n == 1 and shape[axis] != 1
    )
    order = tuple(range(len(shape)))
    return Value(shape, found.dtype, order, narrow, constant=found)


def _empty(aval: Any) -> Value:
    """Returns an array without elements, as it is nowhere read."""
    shape, order = tuple(aval.shape), tuple(range(len(aval.shape)))
    nothing = np.zeros((0,) * len(shape), aval.dtype)
    return Value(shape, aval.dtype, order, constant=nothing)


def _branch(
    graph: Graph, branches: Any, which: Value, *arguments: Value
) -> list[Value]:
    if which.constant is None:
        raise ValueError("a branch depends on the input; wanted none that does")
    chosen = branches[int(which.constant)]
    return translate(graph, chosen.jaxpr, chosen.consts, arguments)


def _loop(graph: Graph, given: Any, values: list[Value]) -> list[Value]:
    """Returns the outputs of a loop of known length, each step by itself."""
    body = given["jaxpr"]
    # What is carried from step to step comes last; all the rest is the same in each.
    fixed = len(values) - len(body.out_avals)
    # Slices of arrays that a loop runs over have one axis less than the arrays.
    ranks = [len(aval.shape) for aval in body.in_avals]
    if fixed < 0 or [len(value.shape) for value in values] != ranks:
        raise ValueError("a loop runs over an array; wanted one that counts")
    state = values[fixed:]
    for _ in range(given["length"]):
        arguments = [*values[:fixed], *state]
        state = translate(graph, body.jaxpr, body.consts, arguments)
    return state
