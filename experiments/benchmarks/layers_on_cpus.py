"""Measures each kind of convolution of the paper's network on one core of a CPU.

A table of `fast_convolutions`, XLA's own form and PyTorch (channels last), in turns in
one process. The limit is the time that the multiplications of the fast form would take
at the speed of a product of large matrices, which is measured beside them: how far a
form is above it is what its transforms, or the shapes of its products, cost.

Run: python -m experiments.benchmarks.layers_on_cpus
Needs the extra `bench`.
"""

import argparse
import os
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from experiments.benchmarks import worker


class Layer(NamedTuple):
    """A kind of convolution.

    Attributes:
        name: in the network, with the number of layers that are alike.
        count: of them.
        side: of the map that comes in, at photographs of 256 x 256.
        inputs: channels in.
        outputs: channels out.
        stride: 1 or 2.
        dilation: 1 or 2.
        is_transposed: whether it is the transposed one.
    """

    name: str
    count: int
    side: int
    inputs: int
    outputs: int
    stride: int = 1
    dilation: int = 1
    is_transposed: bool = False


LAYERS = (
    Layer("conv1_1", 1, 256, 1, 64),
    Layer("conv1_2", 1, 256, 64, 64, stride=2),
    Layer("conv2_1", 1, 128, 64, 128),
    Layer("conv2_2", 1, 128, 128, 128, stride=2),
    Layer("conv3_1", 1, 64, 128, 256),
    Layer("conv3_2, conv8", 3, 64, 256, 256),
    Layer("conv3_3", 1, 64, 256, 256, stride=2),
    Layer("conv4_1", 1, 32, 256, 512),
    Layer("conv4, conv7", 5, 32, 512, 512),
    Layer("conv5, conv6", 6, 32, 512, 512, dilation=2),
    Layer("conv8_1", 1, 32, 512, 256, is_transposed=True),
)


def multiplications(layer: Layer, *, is_fast: bool) -> float:
    """Returns the multiplications of a layer, in the fast form or directly."""
    taps = 16 if layer.is_transposed else 9
    pixels = (layer.side // layer.stride) ** 2
    if is_fast:
        # 36 products for 16 outputs; the transposed form makes 4 pixels as channels.
        taps = 4 * 36 / 16 if layer.is_transposed else 36 / 16
    return taps * pixels * layer.inputs * layer.outputs


def speed(*, rounds: int) -> float:
    """Returns multiplications a second of a product of large matrices."""
    import jax
    import jax.numpy as jnp

    a, b = jnp.ones((2048, 512)), jnp.ones((512, 512))
    product = jax.jit(jnp.dot)
    seconds = _medians({"": lambda: product(a, b).block_until_ready()}, rounds)
    return 2048 * 512 * 512 / seconds[""]


def measure(layer: Layer, *, rounds: int) -> tuple[dict[str, float], bool]:
    """Returns the seconds of each form, and whether the fast one is used.

    Args:
        layer: to measure.
        rounds: measurements of each.
    """
    import jax
    import jax.numpy as jnp
    import torch

    from jaxcolor.models import convolutions, fast_convolutions

    draw = np.random.default_rng(0)
    taps = 4 if layer.is_transposed else 3
    x = draw.normal(size=(1, layer.side, layer.side, layer.inputs)).astype(np.float32)
    kernel = draw.normal(size=(taps, taps, layer.inputs, layer.outputs)) / 50
    kernel = kernel.astype(np.float32)

    def ours(choice: str) -> Callable[[], object]:
        os.environ[fast_convolutions.VARIABLE] = choice
        known, given = jnp.asarray(x), jnp.asarray(kernel)
        if choice == "fast":
            transform = fast_convolutions.transform
            apply = fast_convolutions.conv_transformed
            if layer.is_transposed:
                transform = fast_convolutions.transform_transposed
                apply = fast_convolutions.conv_transpose_transformed
            given = jnp.asarray(transform(kernel, dtype=jnp.float32))
            options = {} if layer.is_transposed else {"dilation": layer.dilation}
        elif layer.is_transposed:
            apply, options = convolutions.conv_transpose, {}
        else:
            apply = convolutions.conv
            options = {"stride": layer.stride, "dilation": layer.dilation}
        # Compiled now, while the variable is set.
        program = (
            jax.jit(lambda x, kernel: apply(x, kernel, **options))
            .lower(known, given)
            .compile()
        )
        return lambda: program(known, given).block_until_ready()

    torch.set_num_threads(1)
    convolution = (
        torch.nn.ConvTranspose2d(layer.inputs, layer.outputs, 4, 2, 1)
        if layer.is_transposed
        else torch.nn.Conv2d(
            layer.inputs,
            layer.outputs,
            3,
            layer.stride,
            layer.dilation,
            layer.dilation,
        )
    ).to(memory_format=torch.channels_last)
    image = torch.from_numpy(x.transpose(0, 3, 1, 2))

    def by_torch() -> object:
        with torch.inference_mode():
            return convolution(image)

    calls = {"XLA": ours("xla"), "PyTorch": by_torch}
    os.environ[fast_convolutions.VARIABLE] = "fast"
    is_fast = layer.is_transposed or fast_convolutions.suit(
        kernel.shape, stride=layer.stride, dilation=layer.dilation
    )
    if is_fast:
        calls["fast"] = ours("fast")
    return _medians(calls, rounds), is_fast


def _medians(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            call()
            start = time.process_time()
            call()
            taken[name].append(time.process_time() - start)
    return {name: float(np.median(seconds)) for name, seconds in taken.items()}


def main(given: Sequence[str] | None = None) -> None:
    """Measures all layers, and prints a table."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.benchmarks.layers_on_cpus",
        description=__doc__.splitlines()[0],
    )
    parser.add_argument(
        "--rounds",
        type=int,
        default=9,
        metavar="N",
        help="number of measurements of each form (default: %(default)s)",
    )
    arguments = parser.parse_args(given)
    worker.bind(1)
    os.environ["JAX_PLATFORMS"] = "cpu"
    fastest = speed(rounds=arguments.rounds)
    print(f"product of matrices: {2 * fastest / 1e9:.0f} GFLOP/s; milliseconds:")
    print(f"{'layer':18}{'fast':>8}{'XLA':>8}{'PyTorch':>9}{'limit':>8}")
    sums = dict.fromkeys(("fast", "XLA", "PyTorch", "limit"), 0.0)
    for layer in LAYERS:
        found, is_fast = measure(layer, rounds=arguments.rounds)
        found["limit"] = multiplications(layer, is_fast=is_fast) / fastest
        for name in sums:
            sums[name] += layer.count * found.get(name, found["XLA"])
        shown = f"{1e3 * found['fast']:8.2f}" if is_fast else f"{'':8}"
        print(
            f"{f'{layer.count} x {layer.name}':18}{shown}{1e3 * found['XLA']:8.2f}"
            f"{1e3 * found['PyTorch']:9.2f}{1e3 * found['limit']:8.2f}",
            flush=True,
        )
    cells = [
        f"{1e3 * sums[name]:{width}.1f}"
        for name, width in zip(sums, (8, 8, 9, 8), strict=True)
    ]
    print(f"{'all':18}{''.join(cells)}")


if __name__ == "__main__":
    main()
