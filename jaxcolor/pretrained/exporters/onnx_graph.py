"""Graphs of ONNX under construction: nodes, constants, and arrays as tensors of them.

An array of JAX and its tensor need not have the same order of axes: convolutions of
ONNX put channels first, and each array keeps the order that its last convolution gave
it, so that hardly any transposition is left. Nor are tensors broadcast before an
operation that does it by itself.
"""

import ast
import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from onnx import NodeProto, helper

Size = Any
"""An integer, or a symbolic size of `jax.export`."""

WHOLE = np.iinfo(np.int64).max
"""The end of a slice that has no other."""


class Value(NamedTuple):
    """An array of JAX in the graph.

    Attributes:
        shape: of the array; sizes may be symbols.
        dtype: of the array.
        order: the axis of the array that each axis of the tensor is.
        narrow: axes of the array along which the tensor has one element, for all.
        name: of the tensor; None for a constant, and for a reshaped tensor that none
            has needed yet.
        constant: the tensor of a constant, its axes in the array's order.
        reshaped: the array of which this one is another shape, where that matters.
        parts: arrays that were put together along the last axis.
    """

    shape: tuple[Size, ...]
    dtype: np.dtype
    order: tuple[int, ...]
    narrow: frozenset[int] = frozenset()
    name: str | None = None
    constant: np.ndarray | None = None
    reshaped: "Value | None" = None
    parts: "tuple[Value, ...]" = ()

    @property
    def is_whole(self) -> bool:
        """Whether it is a constant of known size, not to be broadcast."""
        return self.constant is not None and not self.narrow


def constant(array: Any) -> Value:
    """Returns a constant."""
    array = np.asarray(array)
    return Value(array.shape, array.dtype, tuple(range(array.ndim)), constant=array)


class Graph:
    """Nodes and constants of a graph, to which operations are added.

    Attributes:
        nodes: in the order in which they run.
        constants: tensors by name.
    """

    def __init__(self) -> None:
        """Starts an empty graph."""
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, np.ndarray] = {}
        self._sizes: dict[str, str] = {}
        self._names: dict[tuple[Any, ...], str] = {}
        self._numbers = itertools.count()

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Adds an operation, and returns the name of its output."""
        name = f"{kind.lower()}_{next(self._numbers)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name, **attributes))
        return name

    def constant(self, array: Any, dtype: Any = None) -> str:
        """Returns the name of a constant tensor; equal ones share it."""
        array = np.array(array, dtype, order="C")
        key = (array.shape, array.dtype.str, array.tobytes())
        if key not in self._names:
            self._names[key] = f"constant_{next(self._numbers)}"
            self.constants[self._names[key]] = array
        return self._names[key]

    def integers(self, *numbers: int) -> str:
        """Returns the name of a constant vector of int64."""
        return self.constant(numbers, np.int64)

    def measure(self, name: str, symbols: dict[int, Size], *, multiple: int) -> None:
        """Adds the values of symbols, from the shape of an input.

        Args:
            name: of the input, whose first axis is the batch.
            symbols: by the axes of the input whose size, or part of it, they are.
            multiple: how often the symbols of other axes than the first go into these.
        """
        shape = self.node("Shape", name)
        for axis, symbol in symbols.items():
            size = self.node("Gather", shape, self.integers(axis), axis=0)
            if axis:
                size = self.node("Div", size, self.integers(multiple))
            self._sizes[str(symbol)] = size

    def rename(self, name: str, new: str) -> None:
        """Gives a tensor, which is an output of the graph, another name."""
        # By a node of its own: it may also be an input of others.
        self.nodes.append(helper.make_node("Identity", [name], [new], new))

    def prune(self, outputs: set[str]) -> None:
        """Removes nodes and constants that lead to no output."""
        needed = set(outputs)
        kept = []
        for node in reversed(self.nodes):
            if needed.intersection(node.output):
                needed.update(node.input)
                kept.append(node)
        self.nodes = kept[::-1]
        self.constants = {n: x for n, x in self.constants.items() if n in needed}
        self._names = {k: n for k, n in self._names.items() if n in needed}

    def size(self, size: Size) -> str:
        """Returns the name of a vector of one int64, the value of a size."""
        text = str(size)
        if text not in self._sizes:
            self._sizes[text] = self._computed(
                ast.parse(text.replace("^", "**"), mode="eval").body
            )
        return self._sizes[text]

    def sizes(self, sizes: Sequence[Size]) -> str:
        """Returns the name of a vector of int64, the values of sizes."""
        if all(isinstance(size, int) for size in sizes):
            return self.integers(*sizes)
        return self.node("Concat", *map(self.size, sizes), axis=0)

    def _computed(self, tree: ast.expr) -> str:
        """Returns the name of the value of an expression, as JAX writes sizes."""
        match tree:
            case ast.Constant(value=int(number)):
                return self.integers(number)
            case ast.Name(id=name):
                return self._sizes[name]
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self.node("Neg", self._computed(operand))
            case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant(value=int(n))):
                names = [self._computed(left)] * n
                while len(names) > 1:
                    names[:2] = [self.node("Mul", *names[:2])]
                return names[0]
            case ast.BinOp(left=left, op=op, right=right):
                kind = {ast.Add: "Add", ast.Sub: "Sub", ast.Mult: "Mul"}[type(op)]
                return self.node(kind, self._computed(left), self._computed(right))
            case ast.Call(func=ast.Name(id=name), args=[first, second]):
                kinds = {"floordiv": "Mod", "mod": "Mod", "max": "Max", "min": "Min"}
                names = [self._computed(first), self._computed(second)]
                found = self.node(kinds[name], *names)
                if name == "floordiv":
                    # Div of ONNX rounds towards zero: only without a rest it is alike.
                    whole = self.node("Sub", names[0], found)
                    found = self.node("Div", whole, names[1])
                return found
        raise ValueError(
            f"a size is {ast.unparse(tree)}; wanted one that ONNX computes"
        )

    def tensor(self, value: Value, order: Sequence[int] | None = None) -> str:
        """Returns the name of an array's tensor, not broadcast.

        Args:
            value: the array.
            order: of the axes; default: the array's own.
        """
        order = tuple(range(len(value.shape)) if order is None else order)
        if value.constant is not None:
            return self.constant(value.constant.transpose(order))
        name = value.name
        if name is None:
            assert value.reshaped is not None
            name = self.node(
                "Reshape",
                self.tensor(value.reshaped),
                self.target(value.shape, None),
            )
        if order == value.order:
            return name
        moved = [value.order.index(axis) for axis in order]
        return self.node("Transpose", name, perm=moved)

    def whole(self, value: Value, order: Sequence[int] | None = None) -> str:
        """Returns the name of an array's tensor, broadcast; see `tensor`."""
        order = tuple(range(len(value.shape)) if order is None else order)
        name = self.tensor(value, order)
        if not value.narrow:
            return name
        sizes = [value.shape[a] if a in value.narrow else 1 for a in order]
        return self.node("Expand", name, self.sizes(sizes))

    def target(self, sizes: Sequence[Size], have: Sequence[Size] | None) -> str:
        """Returns the name of the second input of a Reshape.

        Args:
            sizes: wanted.
            have: of the input; None if unknown.
        """
        # Zero copies the size at the same place, and -1 is what is left.
        short = [
            0
            if have is not None
            and not isinstance(size, int)
            and n < len(have)
            and have[n] is not None
            and have[n] == size
            else size
            for n, size in enumerate(sizes)
        ]
        unknown = [n for n, size in enumerate(short) if not isinstance(size, int)]
        if len(unknown) > 1:
            return self.sizes(sizes)
        return self.integers(*(-1 if n in unknown else s for n, s in enumerate(short)))
