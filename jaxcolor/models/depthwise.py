"""Depthwise convolutions, in forms that XLA runs fast.

Images are batch, height, width, channels; kernels are height, width, channels. Padding
is TensorFlow's, see `convolutions`. On a CPU they are sums of shifted products: XLA's
own form is 25 times slower there, and 9 times in training.
"""

import functools
from collections.abc import Iterator

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxcolor.models import convolutions
from jaxcolor.models.convolutions import Pads, Residuals


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def convolve(
    x: Float[Array, "b h w c"], kernel: Float[Array, "k k c"], stride: int
) -> Float[Array, "b H W c"]:
    """Correlates every channel with a kernel of its own, padded as by `same_pads`.

    On CPU the outputs are a sum over the taps of shifted maps: XLA's own form is 25
    times slower there, and its gradient 9 times.
    """
    return jax.lax.platform_dependent(
        x,
        kernel,
        cpu=functools.partial(_by_shifts, stride=stride),
        default=functools.partial(_by_xla, stride=stride),
    )


def _forward(x: Array, kernel: Array, stride: int) -> tuple[Array, Residuals]:
    return convolve(x, kernel, stride), (x, kernel)


def _backward(stride: int, saved: Residuals, by_y: Array) -> tuple[Array, Array]:
    def gradients_of_xla(x: Array, kernel: Array, by_y: Array) -> tuple[Array, Array]:
        _, pull = jax.vjp(functools.partial(_by_xla, stride=stride), x, kernel)
        return pull(by_y)

    return jax.lax.platform_dependent(
        *saved,
        by_y,
        cpu=functools.partial(_gradients, stride=stride),
        default=gradients_of_xla,
    )


convolve.defvjp(_forward, _backward)


def _by_xla(x: Array, kernel: Array, *, stride: int) -> Array:
    size, channels = kernel.shape[0], x.shape[-1]
    return jax.lax.conv_general_dilated(
        x,
        kernel[:, :, None],
        (stride, stride),
        convolutions.same_pads(*x.shape[1:3], size=size, stride=stride),
        dimension_numbers=convolutions.DIMENSIONS,
        feature_group_count=channels,
    )


def _by_shifts(x: Array, kernel: Array, *, stride: int) -> Array:
    size = kernel.shape[0]
    around = convolutions.same_pads(*x.shape[1:3], size=size, stride=stride)
    taps = _shifted_maps(x, around, size=size, stride=stride)
    weights = kernel.reshape(size * size, 1, 1, 1, -1)
    return functools.reduce(
        jnp.add, (tap * weight for tap, weight in zip(taps, weights, strict=True))
    )


def _gradients(
    x: Float[Array, "b h w c"],
    kernel: Float[Array, "k k c"],
    by_y: Float[Array, "b H W c"],
    *,
    stride: int,
) -> tuple[Float[Array, "b h w c"], Float[Array, "k k c"]]:
    size = kernel.shape[0]
    height, width = x.shape[1:3]
    around = convolutions.same_pads(height, width, size=size, stride=stride)
    spread = _at_inputs(by_y, around, (height, width), size=size, stride=stride)
    by_x = _within(spread, kernel[::-1, ::-1], height, width)
    padded = jnp.pad(x, ((0, 0), *around, (0, 0)))
    return by_x, _by_kernel(padded, by_y, size=size, stride=stride)


def _by_kernel(
    padded: Float[Array, "b h w c"],
    by_y: Float[Array, "b H W c"],
    *,
    size: int,
    stride: int,
) -> Float[Array, "k k c"]:
    """Returns the gradient of the kernel: for each tap a sum over all outputs.

    Row by row, so that the sums stay in the cache, and column by column until
    the end, so that XLA:CPU adds vectors: as one reduction it is 20 times as slow.
    """
    height, width, channels = by_y.shape[1:]
    reached = stride * (width - 1) + 1

    def add_row(sums: Array, row: tuple[Array, Array]) -> tuple[Array, None]:
        seen, slope = row
        taps = jnp.stack(
            [seen[:, right : right + reached : stride] for right in range(size)], 1
        )
        return sums + taps * slope[None, None], None

    def add_image(sums: Array, pair: tuple[Array, Array]) -> tuple[Array, None]:
        image, slope = pair

        def row(number: Array) -> tuple[Array, Array]:
            start = (number * stride, 0, 0)
            seen = (size, image.shape[1], channels)
            return jax.lax.dynamic_slice(image, start, seen), slope[number]

        return jax.lax.scan(
            lambda sums, number: add_row(sums, row(number)), sums, jnp.arange(height)
        )

    zero = jnp.zeros((size, size, width, channels), by_y.dtype)
    sums, _ = jax.lax.scan(add_image, zero, (padded, by_y))
    return sums.sum(axis=2)


def _shifted_maps(x: Array, around: Pads, *, size: int, stride: int) -> Iterator[Array]:
    """Yields, for each tap of a kernel, the pixels that it meets, row by row."""
    padded = jnp.pad(x, ((0, 0), *around, (0, 0)))
    b, height, width, c = padded.shape
    rows, columns = ((n - size) // stride for n in (height, width))
    for down in range(size):
        for right in range(size):
            yield jax.lax.slice(
                padded,
                (0, down, right, 0),
                (b, down + stride * rows + 1, right + stride * columns + 1, c),
                (1, stride, stride, 1),
            )


def _at_inputs(
    by_y: Array, around: Pads, shape: tuple[int, int], *, size: int, stride: int
) -> Array:
    """Returns gradients of outputs at the places of the inputs, zeros between."""
    margins = []
    for (before, _), length, outputs in zip(
        around, shape, by_y.shape[1:3], strict=True
    ):
        low = size - 1 - before
        reached = stride * (outputs - 1) + 1
        margins.append((low, length + size - 1 - low - reached, stride - 1))
    zero = jnp.zeros((), by_y.dtype)
    spread = jax.lax.pad(by_y, zero, ((0, 0, 0), *margins, (0, 0, 0)))
    # Without the barrier the padding is done again in every slice.
    return jax.lax.optimization_barrier(spread)


def _within(x: Array, kernel: Array, height: int, width: int) -> Array:
    """Correlates without padding."""
    size = kernel.shape[0]
    return functools.reduce(
        jnp.add,
        (
            x[:, down : down + height, right : right + width]
            * kernel[down, right].reshape(1, 1, 1, -1)
            for down in range(size)
            for right in range(size)
        ),
    )
