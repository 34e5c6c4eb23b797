"""Convolutions with few multiplications, for CPUs: Winograd's minimal filtering.

F(m, r) makes m outputs of a filter of r taps with n = m + r - 1 products instead of
m r, as products of polynomials do from their values at n points. Here r is 3:

    y = A^T ((G g) * (B^T d))

of a tile d of n inputs and a filter g. In two dimensions each transform is applied to
rows and then to columns, and a tile takes n^2 products instead of m^2 r^2: for
F(4x4, 3x3) 36 instead of 144. Summed over the channels in, the products of one of the
n^2 places of all tiles are one matrix product, which is where the time goes.

Images are batch, height, width, channels; kernels are height, width, channels in,
channels out; a transformed kernel is n^2, channels in, channels out. On accelerators
XLA's own convolutions are faster.

Source:
    Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016
    (arXiv:1509.09308).
"""

import functools
import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

MOST_TILES = 256
"""Tiles at once: what is made of them stays in the cache."""

TAPS = 3
"""r, of a kernel along each axis."""

# By m; infinity is one point more. With those of F(4, 3), outputs of random pixels (32
# by 32 by 512) are off by half as much in the root mean square as with the usual 0, 1,
# -1, 2 and -2, and the largest error is a fifth.
_POINTS = {
    2: (Fraction(0), Fraction(1), Fraction(-1)),
    4: (Fraction(0), *(Fraction(sign * n, 4) for n in (3, 6) for sign in (1, -1))),
}

Shape = tuple[int, int]
Residuals = tuple[Array, Array]


class Algorithm(NamedTuple):
    """The matrices of F(m, 3).

    Attributes:
        outputs: m, of a tile along each axis.
        of_input: B^T, n by n.
        of_kernel: G, n by r.
        to_output: A^T, m by n.
    """

    outputs: int
    of_input: np.ndarray
    of_kernel: np.ndarray
    to_output: np.ndarray

    @property
    def inputs(self) -> int:
        """Returns n, the inputs that a tile sees along each axis."""
        return self.outputs + TAPS - 1


@functools.cache
def algorithm(*, outputs: int) -> Algorithm:
    """Returns F(outputs, 3), made from its points and infinity in exact fractions.

    Raises:
        KeyError: the outputs are neither 2 nor 4.
    """
    points = _POINTS[outputs]
    last = len(points)
    of_input = [
        [*_with_roots(points[:i] + points[i + 1 :]), Fraction(0)] for i in range(last)
    ]
    scales = [
        math.prod(point - other for other in points if other != point)
        for point in points
    ]

    def powers(count: int) -> list[list[Fraction]]:
        """Returns the powers of each point; of infinity, the highest alone."""
        highest = [Fraction(n == count - 1) for n in range(count)]
        return [[point**n for n in range(count)] for point in points] + [highest]

    of_kernel = [
        [value / scale for value in row]
        for row, scale in zip(powers(TAPS), [*scales, Fraction(1)], strict=True)
    ]
    return Algorithm(
        outputs,
        np.array([*of_input, _with_roots(points)], np.float64),
        np.array(of_kernel, np.float64),
        np.array(powers(outputs), np.float64).T,
    )


def _with_roots(roots: Sequence[Fraction]) -> list[Fraction]:
    """Returns the coefficients of the polynomial with these roots, lowest first."""
    found = [Fraction(1)]
    for root in roots:
        shifted, scaled = [Fraction(0), *found], [root * c for c in found] + [0]
        found = [above - below for above, below in zip(shifted, scaled, strict=True)]
    return found


def transform_kernel(
    kernel: Float[Array, "3 3 i o"], *, outputs: int
) -> Float[Array, "p i o"]:
    """Returns the transformed kernel, once for all uses of a model.

    Args:
        kernel: of 3x3 taps.
        outputs: m, of a tile along each axis.
    """
    used = algorithm(outputs=outputs)
    rows = _combined(used.of_kernel, list(kernel), axis=0)
    both = _combined(used.of_kernel, list(jnp.moveaxis(rows, 1, 0)), axis=1)
    return both.reshape(-1, *kernel.shape[2:])


def transform_on_host(
    kernel: Float[np.ndarray, "3 3 i o"], *, outputs: int
) -> Float[np.ndarray, "p i o"]:
    """Returns `transform_kernel` without compiling a program."""
    one = algorithm(outputs=outputs).of_kernel
    both = np.kron(one, one).astype(np.float32)
    flat = np.asarray(kernel, np.float32).reshape(both.shape[1], -1)
    return (both @ flat).reshape(-1, *kernel.shape[2:])


def correlate(
    x: Float[Array, "b h w i"],
    transformed: Float[Array, "p i o"],
    *,
    outputs: int,
) -> Float[Array, "b H W o"]:
    """Correlates with a transformed kernel, without padding.

    The factors of the products have the kernel's dtype. All sums are float32, and so
    is the result.

    Args:
        x: images.
        transformed: from `transform_kernel`.
        outputs: m, as for `transform_kernel`.
    """
    used = algorithm(outputs=outputs)

    def of_block(block: Float[Array, "g h w i"]) -> Float[Array, "g H W o"]:
        tiles = _input_tiles(block.astype(jnp.float32), used)
        products = _products(tiles.astype(transformed.dtype), transformed)
        return _output_pixels(products, used, _grid(block, used))

    blocks = _Blocks.of(x.shape, used)
    y = blocks.join(blocks.map(of_block, blocks.padded(x, TAPS - 1)))
    return y[:, : x.shape[1] - TAPS + 1, : x.shape[2] - TAPS + 1]


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def correlate_trainable(
    x: Float[Array, "b h w i"], kernel: Float[Array, "3 3 i o"], outputs: int
) -> Float[Array, "b H W o"]:
    """Correlates without padding, with gradients of as few products.

    Args:
        x: images.
        kernel: of 3x3 taps.
        outputs: m, of a tile along each axis.
    """
    transformed = transform_kernel(kernel.astype(jnp.float32), outputs=outputs)
    transformed = transformed.astype(kernel.dtype)
    return correlate(x, transformed, outputs=outputs)


def _forward(x: Array, kernel: Array, outputs: int) -> tuple[Array, Residuals]:
    return correlate_trainable(x, kernel, outputs), (x, kernel)


def _backward(outputs: int, saved: Residuals, by_y: Array) -> tuple[Array, Array]:
    x, kernel = saved
    margin = (TAPS - 1, TAPS - 1)
    around = jnp.pad(by_y, ((0, 0), margin, margin, (0, 0)))
    mirrored = jnp.swapaxes(kernel[::-1, ::-1], 2, 3)
    by_x = correlate_trainable(around, mirrored, outputs)
    by_kernel = _by_kernel(x, by_y, outputs=outputs)
    return by_x.astype(x.dtype), by_kernel.astype(kernel.dtype)


correlate_trainable.defvjp(_forward, _backward)


def _by_kernel(
    x: Float[Array, "b h w i"],
    by_y: Float[Array, "b H W o"],
    *,
    outputs: int,
) -> Float[Array, "3 3 i o"]:
    """Returns the gradient of a kernel: the transposed algorithm of its filter.

    The gradient of a transformed kernel is a product of the input's tiles with those of
    the output's gradient, each spread from m x m to n x n by A.
    """
    used = algorithm(outputs=outputs)
    blocks = _Blocks.of(x.shape, used)

    def of_block(seen: Array, slopes: Array) -> Float[Array, "p i o"]:
        spread = _spread_tiles(slopes.astype(jnp.float32), used)
        tiles = _input_tiles(seen.astype(jnp.float32), used)
        return jax.lax.dot_general(tiles, spread, (((1,), (1,)), ((0,), (0,))))

    both = blocks.padded(x, TAPS - 1), blocks.padded(by_y, 0)
    by_transformed = blocks.sum(of_block, *both)
    n = used.inputs
    square = by_transformed.reshape(n, n, *by_transformed.shape[1:])
    rows = _combined(used.of_kernel.T, list(square), axis=0)
    return _combined(used.of_kernel.T, list(jnp.moveaxis(rows, 1, 0)), axis=1)


class _Blocks(NamedTuple):
    """How a batch is worked on: some images at once, or a strip of one image.

    Attributes:
        images: in a block; they divide the batch.
        batches: of so many images.
        strips: of an image, from top to bottom.
        rows: of tiles in a strip.
        columns: of tiles.
        outputs: m, of a tile along each axis.
    """

    images: int
    batches: int
    strips: int
    rows: int
    columns: int
    outputs: int

    @classmethod
    def of(cls, shape: tuple[int, ...], used: Algorithm) -> "_Blocks":
        """Returns the blocks of images of a shape."""
        batch, height, width, _ = shape
        rows, columns = (
            -(-(side - TAPS + 1) // used.outputs) for side in (height, width)
        )
        strips = -(-rows // max(1, MOST_TILES // columns))
        rows = -(-rows // strips)
        fitting = max(1, MOST_TILES // (rows * columns)) if strips == 1 else 1
        images = max(n for n in range(1, min(fitting, batch) + 1) if batch % n == 0)
        return cls(images, batch // images, strips, rows, columns, used.outputs)

    def padded(self, x: Array, margin: int) -> Array:
        """Returns images with zeros below and on the right, so that tiles fill them.

        Args:
            x: images, or their outputs.
            margin: by which the inputs of all tiles are larger than their outputs.
        """
        sides = (self.strips * self.rows, self.columns)
        more = [
            (0, self.outputs * tiles + margin - length)
            for tiles, length in zip(sides, x.shape[1:3], strict=True)
        ]
        # Without the barrier the padding is done again for each row of a tile.
        return jax.lax.optimization_barrier(jnp.pad(x, ((0, 0), *more, (0, 0))))

    def map(self, of_block: Callable[..., Array], *padded: Array) -> Array:
        """Returns a function of all blocks, one after the other, stacked."""
        if self.batches * self.strips == 1:
            return of_block(*padded)[None]
        return jax.lax.map(
            lambda number: of_block(*self._block(number, padded)),
            jnp.arange(self.batches * self.strips),
        )

    def sum(self, of_block: Callable[..., Array], *padded: Array) -> Array:
        """Returns the sum of a function over all blocks."""
        if self.batches * self.strips == 1:
            return of_block(*padded)
        first = of_block(*self._block(jnp.int32(0), padded))
        total, _ = jax.lax.scan(
            lambda total, n: (total + of_block(*self._block(n, padded)), None),
            first,
            jnp.arange(1, self.batches * self.strips),
        )
        return total

    def join(self, y: Float[Array, "k g h w o"]) -> Float[Array, "b H w o"]:
        """Returns the images that stacked outputs of blocks are of."""
        return y.reshape(self.batches * self.images, -1, *y.shape[3:])

    def _block(self, number: Array, padded: Sequence[Array]) -> list[Array]:
        image, strip = number // self.strips, number % self.strips
        height = self.rows * self.outputs
        start = (image * self.images, strip * height, 0, 0)

        def part(x: Array) -> Array:
            margin = x.shape[1] - self.strips * height
            size = (self.images, height + margin, *x.shape[2:])
            return jax.lax.dynamic_slice(x, start, size)

        return [part(x) for x in padded]


def _grid(block: Float[Array, "g h w i"], used: Algorithm) -> tuple[int, int, int]:
    """Returns images, and rows and columns of tiles, of a padded block."""
    rows, columns = ((side - TAPS + 1) // used.outputs for side in block.shape[1:3])
    return len(block), rows, columns


def _input_tiles(
    block: Float[Array, "g h w i"], used: Algorithm
) -> Float[Array, "p t i"]:
    """Returns B^T d B of all tiles: for each of the n^2 places, tiles by channels."""
    _, rows, columns = _grid(block, used)
    down = _taken(block, used.inputs, rows, axis=1, stride=used.outputs)
    # A barrier between the passes: fused, the first is done again for each of the six
    # columns that meet a value. And one after them: the matrix product would wait for
    # each element, and read what is not contiguous.
    half = jax.lax.optimization_barrier(_combined(used.of_input, down, axis=0))
    right = _taken(half, used.inputs, columns, axis=3, stride=used.outputs)
    tiles = jax.lax.optimization_barrier(_combined(used.of_input, right, axis=1))
    return tiles.reshape(used.inputs**2, -1, block.shape[-1])


def _products(
    tiles: Float[Array, "p t i"], transformed: Float[Array, "p i o"]
) -> Float[Array, "p t o"]:
    """Returns a matrix product for each place, with sums in float32."""
    found = jax.lax.dot_general(
        tiles,
        transformed,
        (((2,), (1,)), ((0,), (0,))),
        preferred_element_type=jnp.float32,
    )
    # As before it: the product is to be one call of a library.
    return jax.lax.optimization_barrier(found)


def _output_pixels(
    products: Float[Array, "p t o"], used: Algorithm, grid: tuple[int, int, int]
) -> Float[Array, "g h w o"]:
    """Returns A^T M A of all tiles, at their places in the images."""
    n, m = used.inputs, used.outputs
    images, rows, columns = grid
    square = products.reshape(n, n, *grid, -1)
    # The barrier as in `_input_tiles`.
    half = jax.lax.optimization_barrier(_combined(used.to_output, list(square), axis=3))
    pixels = _combined(used.to_output, list(half), axis=4)
    return pixels.reshape(images, rows * m, columns * m, -1)


def _spread_tiles(
    slopes: Float[Array, "g h w o"], used: Algorithm
) -> Float[Array, "p t o"]:
    """Returns A y A^T of tiles of m x m outputs: the transpose of `_output_pixels`."""
    m = used.outputs
    rows, columns = (side // m for side in slopes.shape[1:3])
    down = _taken(slopes, m, rows, axis=1, stride=m)
    half = jax.lax.optimization_barrier(_combined(used.to_output.T, down, axis=0))
    right = _taken(half, m, columns, axis=3, stride=m)
    tiles = jax.lax.optimization_barrier(_combined(used.to_output.T, right, axis=1))
    return tiles.reshape(used.inputs**2, -1, slopes.shape[-1])


def _taken(x: Array, first: int, count: int, *, axis: int, stride: int) -> list[Array]:
    """Returns, for each offset below `first`, every `stride`-th of an axis from it."""
    end = stride * (count - 1) + 1
    return [
        jax.lax.slice_in_dim(x, offset, offset + end, stride, axis)
        for offset in range(first)
    ]


def _combined(matrix: np.ndarray, parts: Sequence[Array], *, axis: int) -> Array:
    """Returns the products of a matrix with a list of arrays, stacked.

    As sums of arrays: as a product of matrices so small it takes 14 times as long.
    """

    def combination(row: np.ndarray) -> Array:
        terms = [
            part if weight == 1 else part * np.float32(weight)
            for weight, part in zip(row, parts, strict=True)
            if weight
        ]
        return functools.reduce(jnp.add, terms)

    return jnp.stack([combination(row) for row in matrix], axis)
