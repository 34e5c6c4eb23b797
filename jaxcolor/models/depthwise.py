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

SUMMED_ROWS = 8
"""Rows whose products one pass adds, for the gradient of a kernel."""


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

    Tap after tap, of blocks of rows that stay in the cache. The sum over the rows of a
    block is written out, and columns are added at the end, so that XLA:CPU adds vectors
    in registers; in a reduction it adds one number after the other.
    """
    b, height, width, channels = by_y.shape
    images = _most_that_divide(b, SUMMED_ROWS // height)
    parts = -(-height // SUMMED_ROWS)
    rows = -(-height // parts)
    # Rows of zeros fill the last part.
    missing = parts * rows - height
    by_y, padded = (
        jnp.pad(x, ((0, 0), (0, more), (0, 0), (0, 0)))
        for x, more in ((by_y, missing), (padded, stride * missing))
    )
    phases = _phases(padded, stride)
    row_shape = (width, channels)

    def add_block(sums: Array, number: Array) -> tuple[Array, None]:
        first, top = number // parts * images, number % parts * rows
        slopes = jax.lax.dynamic_slice(
            by_y, (first, top, 0, 0), (images, rows, *row_shape)
        )

        def add_tap(sums: Array, tap: Array) -> tuple[Array, None]:
            down, right = tap // size, tap % size
            phase = down % stride * stride + right % stride

            def seen(image: int, row: int) -> Array:
                # Each row by itself: a block of them would be copied.
                corner = (
                    phase,
                    first + image,
                    top + row + down // stride,
                    right // stride,
                    0,
                )
                return jax.lax.dynamic_slice(phases, corner, (1, 1, 1, *row_shape))

            products = (
                seen(image, row).reshape(row_shape) * slopes[image, row]
                for image in range(images)
                for row in range(rows)
            )
            so_far = jax.lax.dynamic_index_in_dim(sums, tap, keepdims=False)
            total = sum(products, so_far)
            return jax.lax.dynamic_update_index_in_dim(sums, total, tap, 0), None

        return jax.lax.scan(add_tap, sums, jnp.arange(size**2))

    zero = jnp.zeros((size**2, *row_shape), by_y.dtype)
    sums, _ = jax.lax.scan(add_block, zero, jnp.arange(b // images * parts))
    return sums.sum(axis=1).reshape(size, size, channels)


def _most_that_divide(number: int, limit: int) -> int:
    """Returns the largest divisor of a number up to a limit, at least 1."""
    return next(n for n in range(max(1, limit), 0, -1) if number % n == 0)


def _phases(x: Float[Array, "b h w c"], stride: int) -> Float[Array, "p b H W c"]:
    """Returns, for each pixel of a square of the stride's side, a map of these."""
    b, height, width, c = x.shape
    rows, columns = -(-height // stride), -(-width // stride)
    more = ((0, 0), (0, stride * rows - height), (0, stride * columns - width), (0, 0))
    squares = jnp.pad(x, more).reshape(b, rows, stride, columns, stride, c)
    return squares.transpose(2, 4, 0, 1, 3, 5).reshape(-1, b, rows, columns, c)


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
