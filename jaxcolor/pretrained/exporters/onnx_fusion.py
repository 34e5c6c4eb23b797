"""Moves what follows a convolution, a factor or a term for each channel, into it.

So the biases, and the normalizations that follow a convolution at once, take no time;
and the rounding of stored weights is of all that multiplies a channel.
"""

from collections import Counter

import numpy as np
from onnx import NodeProto

from jaxcolor.pretrained.exporters.onnx_graph import Graph

CHANNELS_OUT = {"Conv": 0, "ConvTranspose": 1}
"""Kinds of convolutions, and the axis of their kernels that is the channels out."""


def fuse(graph: Graph, kept: set[str]) -> None:
    """Changes a graph in place; it computes the same.

    Args:
        graph: to change.
        kept: names of the tensors that are its outputs.
    """
    graph.prune(kept)
    uses = Counter(name for node in graph.nodes for name in node.input)
    uses.update(kept)
    made = {node.output[0]: node for node in graph.nodes}
    nodes: list[NodeProto] = []
    for node in graph.nodes:
        found = _of_channels(graph, node, made)
        if found is None or uses[found[0].output[0]] > 1:
            nodes.append(node)
            continue
        convolution, numbers = found
        _absorb(graph, convolution, numbers, is_factor=node.op_type == "Mul")
        # The convolution gives now what the node gave.
        del made[convolution.output[0]]
        convolution.output[0] = node.output[0]
        made[node.output[0]] = convolution
    graph.nodes[:] = nodes
    graph.prune(kept)


def _of_channels(
    graph: Graph, node: NodeProto, made: dict[str, NodeProto]
) -> tuple[NodeProto, np.ndarray] | None:
    """Returns the convolution before a node, and the number of each channel."""
    if node.op_type not in ("Add", "Mul"):
        return None
    pairs = [tuple(node.input), tuple(node.input)[::-1]]
    for name, constant in pairs:
        convolution, numbers = made.get(name), graph.constants.get(constant)
        if convolution is None or numbers is None:
            continue
        if convolution.op_type not in CHANNELS_OUT:
            continue
        kernel = graph.constants[convolution.input[1]]
        channels = kernel.shape[CHANNELS_OUT[convolution.op_type]]
        if numbers.shape in ((), (1, channels, 1, 1), (1, 1, 1, 1)):
            return convolution, np.broadcast_to(numbers.reshape(-1), (channels,))
    return None


def _absorb(
    graph: Graph, convolution: NodeProto, numbers: np.ndarray, *, is_factor: bool
) -> None:
    kernel = graph.constants[convolution.input[1]]
    bias = np.zeros(numbers.shape, np.float32)
    if len(convolution.input) > 2:
        bias = graph.constants[convolution.input[2]]
    if is_factor:
        along = [1, 1, 1, 1]
        along[CHANNELS_OUT[convolution.op_type]] = -1
        kernel, bias = kernel * numbers.reshape(along), bias * numbers
    else:
        bias = bias + numbers
    names = [graph.constant(kernel, np.float32), graph.constant(bias, np.float32)]
    del convolution.input[1:]
    convolution.input.extend(names)
