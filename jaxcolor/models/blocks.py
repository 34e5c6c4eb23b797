"""Convolutions, all of them: the one place where networks meet XLA's.

Images are batch, height, width, channels; kernels are height, width, channels in,
channels out. A faster form of a convolution replaces the body of one function here.
"""

import functools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

FEW_CHANNELS = 64
"""Below it a matrix product per tap is slower than XLA:CPU's own gradient."""

Residuals = tuple[Array, Array]


def conv(
    x: Float[Array, "b h w i"],
    kernel: Float[Array, "k k i o"],
    *,
    stride: int,
    dilation: int,
) -> Float[Array, "b H W o"]:
    """Correlates with an odd kernel, zeros around so that stride 1 keeps the size.

    The padding is the same on both sides also where the stride is 2, as in Caffe and
    PyTorch; XLA's "SAME" pads even sizes by (0, 1) there, half a pixel off.
    """
    margin = dilation * (kernel.shape[0] // 2)
    return _correlate(x, kernel, margin, stride, dilation)


def conv1x1(
    x: Float[Array, "b h w i"], kernel: Float[Array, "1 1 i o"]
) -> Float[Array, "b h w o"]:
    """Multiplies every pixel by one matrix; the result is float32."""
    return jnp.einsum("bhwi,io->bhwo", x, kernel[0, 0], preferred_element_type="f4")


@jax.custom_vjp
def conv_transpose(
    x: Float[Array, "b h w i"], kernel: Float[Array, "4 4 i o"]
) -> Float[Array, "b 2*h 2*w o"]:
    """Doubles the size: the transpose of a 4x4 convolution of stride 2, padding 1.

    Equal to PyTorch's ConvTranspose2d(kernel_size=4, stride=2, padding=1) with the
    kernel's axes moved from (i, o, 4, 4). One matrix product makes the 4x4 patch of
    every input pixel; patches are then added where they overlap. The obvious form,
    a convolution with lhs_dilation, has a gradient 56 times slower on XLA:CPU.
    """
    patches = jnp.einsum("bhwi,klio->kbhwlo", x, kernel, preferred_element_type="f4")
    rows = _overlap_add(patches, axis=1)
    return _overlap_add(jnp.moveaxis(rows, 3, 0), axis=2).astype(x.dtype)


def _conv_transpose_forward(x: Array, kernel: Array) -> tuple[Array, Residuals]:
    return conv_transpose(x, kernel), (x, kernel)


def _conv_transpose_backward(saved: Residuals, by_y: Array) -> tuple[Array, Array]:
    """Returns the gradients: those of the strided convolution, roles exchanged."""
    x, kernel = saved
    mirrored = jnp.swapaxes(kernel, 2, 3)
    by_kernel = _by_kernel(by_y, x, size=4, margin=1, stride=2, dilation=1)
    return _correlate(by_y, mirrored, 1, 2, 1), jnp.swapaxes(by_kernel, 2, 3)


conv_transpose.defvjp(_conv_transpose_forward, _conv_transpose_backward)


def _overlap_add(taps: Float[Array, "k *p"], *, axis: int) -> Float[Array, "*P"]:
    """Adds tap k of position n into position 2 n + k - 1 of an axis twice as long."""
    size = taps.shape[axis + 1]

    def moved(tap: Float[Array, "*p"], by: int) -> Float[Array, "*p"]:
        margin = [(0, 0)] * tap.ndim
        margin[axis] = (max(by, 0), max(-by, 0))
        start = max(-by, 0)
        padded = jnp.pad(tap, margin)
        return jax.lax.slice_in_dim(padded, start, start + size, axis=axis)

    even = taps[1] + moved(taps[3], 1)
    odd = taps[2] + moved(taps[0], -1)
    both = jnp.stack([even, odd], axis=axis + 1)
    return both.reshape(*even.shape[:axis], 2 * size, *even.shape[axis + 1 :])


def _xla_correlate(
    x: Array, kernel: Array, margin: int, stride: int, dilation: int
) -> Array:
    return jax.lax.conv_general_dilated(
        x,
        kernel,
        window_strides=(stride, stride),
        padding=((margin, margin), (margin, margin)),
        rhs_dilation=(dilation, dilation),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def _correlate(
    x: Array, kernel: Array, margin: int, stride: int, dilation: int
) -> Array:
    """Correlates, with a gradient of the kernel that is fast on CPU too."""
    return _xla_correlate(x, kernel, margin, stride, dilation)


def _correlate_forward(
    x: Array, kernel: Array, margin: int, stride: int, dilation: int
) -> tuple[Array, Residuals]:
    return _correlate(x, kernel, margin, stride, dilation), (x, kernel)


def _correlate_backward(
    margin: int, stride: int, dilation: int, saved: Residuals, by_y: Array
) -> tuple[Array, Array]:
    x, kernel = saved
    _, pull = jax.vjp(lambda x: _xla_correlate(x, kernel, margin, stride, dilation), x)
    by_kernel = _by_kernel(
        x,
        by_y,
        size=kernel.shape[0],
        margin=margin,
        stride=stride,
        dilation=dilation,
    )
    return *pull(by_y), by_kernel


_correlate.defvjp(_correlate_forward, _correlate_backward)


def _by_kernel(
    x: Float[Array, "b h w i"],
    by_y: Float[Array, "b H W o"],
    *,
    size: int,
    margin: int,
    stride: int,
    dilation: int,
) -> Float[Array, "k k i o"]:
    """Returns the gradient of a correlation's kernel."""

    def by_autodiff(x: Array, by_y: Array) -> Array:
        kernel = jnp.zeros((size, size, x.shape[-1], by_y.shape[-1]), x.dtype)
        _, pull = jax.vjp(
            lambda kernel: _xla_correlate(x, kernel, margin, stride, dilation), kernel
        )
        return pull(by_y)[0]

    def by_products(x: Array, by_y: Array) -> Array:
        around = ((0, 0), (margin, margin), (margin, margin), (0, 0))
        # Without the barrier the padding is redone, slowly, in every slice.
        padded = jax.lax.optimization_barrier(jnp.pad(x, around))
        height, width = (stride * (n - 1) + 1 for n in by_y.shape[1:3])

        # Transposed once here, not in each product; the barrier keeps it so.
        channels = jnp.reshape(by_y, (-1, by_y.shape[-1])).T
        channels = jax.lax.optimization_barrier(channels)

        def by_tap(down: int, right: int) -> Float[Array, "o i"]:
            seen = padded[:, down : down + height, right : right + width]
            return channels @ seen[:, ::stride, ::stride].reshape(-1, x.shape[-1])

        offsets = [dilation * tap for tap in range(size)]
        taps = [[by_tap(down, right) for right in offsets] for down in offsets]
        return jnp.swapaxes(jnp.asarray(taps), 2, 3)

    if min(x.shape[-1], by_y.shape[-1]) < FEW_CHANNELS:
        return by_autodiff(x, by_y)
    return jax.lax.platform_dependent(x, by_y, cpu=by_products, default=by_autodiff)
