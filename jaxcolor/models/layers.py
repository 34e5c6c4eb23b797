"""Layers with parameters, of which networks are made.

Parameters and statistics are float32; the compute dtype is an argument.
"""

import math
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from jaxcolor.models import convolutions, depthwise, fast_convolutions, layerwise

BLOCK = "block"
"""The name, for `jax.checkpoint`, of the outputs of a block of layers."""

TRANSFORMED = "transformed"
"""The collection of kernels that `prepared` transforms; their parameters are left out.
"""

EPSILON = 1e-5
"""Added to variances; the default of Caffe's and PyTorch's batch normalization."""


def moments(
    x: Float[Array, "*p c"], *, axis_name: str | None
) -> tuple[Float[Array, " c"], Float[Array, " c"]]:
    """Returns float32 mean and biased variance of each channel, in one pass over x."""
    x = x.astype(jnp.float32)
    axes = tuple(range(x.ndim - 1))
    mean, square = jnp.mean(x, axes), jnp.mean(jnp.square(x), axes)
    if axis_name is not None:
        mean, square = jax.lax.pmean((mean, square), axis_name)
    # Rounding may bring the difference of a constant channel below zero.
    return mean, jnp.maximum(square - jnp.square(mean), 0)


def _he(key: Array, shape: tuple[int, ...]) -> Array:
    """Draws a kernel whose outputs have twice the variance of its inputs."""
    # Drawn flat: XLA compiles a draw of four axes four times as long.
    noise = jax.random.normal(key, (math.prod(shape),)).reshape(shape)
    return math.sqrt(2 / math.prod(shape[:3])) * noise


def _he_transpose(key: Array, shape: tuple[int, ...]) -> Array:
    # Only 4 of the 16 taps reach each output pixel.
    return 2 * _he(key, shape)


def _param(
    layer: nn.Module, name: str, initial: Callable[..., Array], shape: tuple[int, ...]
) -> Array:
    """Returns a parameter, drawn only where there is none yet."""
    # Flax would trace the draw again to compare shapes: a fifth of a second for a
    # network at the start of a program. Models are checked when they are loaded.
    if layer.has_variable("params", name):
        return jnp.asarray(layer.get_variable("params", name))
    return jnp.asarray(layer.param(name, initial, shape))


def _operands(
    layer: nn.Module,
    x: Float[Array, "b h w i"],
    shape: tuple[int, int, int, int],
    *,
    dtype: DTypeLike,
    initial: Callable[..., Array] = _he,
) -> tuple[Float[Array, "b h w i"], Float[Array, "k k j o"], Float[Array, "1 1 1 o"]]:
    """Returns pixels, kernel and bias in the compute dtype; declares both parameters.

    Args:
        layer: that has the parameters.
        x: its input.
        shape: of the kernel, channels out last.
        dtype: of the computation.
        initial: draws the kernel; the bias starts at zero.
    """
    kernel = _param(layer, "kernel", initial, shape)
    bias = _param(layer, "bias", nn.initializers.zeros, shape[-1:])
    x, kernel, bias = nn.dtypes.promote_dtype(x, kernel, bias, dtype=dtype)
    return x, kernel, jnp.reshape(bias, (1, 1, 1, -1))


def doubled(x: Float[Array, "b h w c"]) -> Float[Array, "b 2*h 2*w c"]:
    """Doubles height and width bilinearly; pixels have their centers at halves.

    Equal to PyTorch's `interpolate(scale_factor=2, mode="bilinear")`.
    """
    for axis in (1, 2):
        length = x.shape[axis]
        edge = [(1, 1) if a == axis else (0, 0) for a in range(x.ndim)]
        padded = jnp.pad(x, edge, mode="edge")
        before, after = (
            jax.lax.slice_in_dim(padded, start, start + length, axis=axis)
            for start in (0, 2)
        )
        pair = jnp.stack([0.25 * before + 0.75 * x, 0.75 * x + 0.25 * after], axis + 1)
        shape = list(x.shape)
        shape[axis] = 2 * length
        x = pair.reshape(shape)
    return x


def enlarged(
    x: Float[Array, "b h w c"], *, factor: int
) -> Float[Array, "b {factor}*h {factor}*w c"]:
    """Enlarges bilinearly; beyond the border there are zeros.

    Equal to Caffe's depthwise deconvolution with a bilinear filler, kernel 2 f, stride
    f and padding f / 2. Unlike `doubled`, the outermost f / 2 pixels fall off.

    Args:
        x: maps.
        factor: f, even, or 1 to leave the maps as they are.
    """
    if factor == 1:
        return x
    for axis in (1, 2):
        length = x.shape[axis]
        edge = [(1, 1) if a == axis else (0, 0) for a in range(x.ndim)]
        padded = jnp.pad(x, edge)
        before, after = (
            jax.lax.slice_in_dim(padded, start, start + length, axis=axis)
            for start in (0, 2)
        )
        phases = []
        for n in range(factor):
            # Of the center of output n from the center of the input that it is within.
            offset = (n + 0.5) / factor - 0.5
            other = before if offset < 0 else after
            phases.append((1 - abs(offset)) * x + abs(offset) * other)
        shape = list(x.shape)
        shape[axis] = factor * length
        x = jnp.stack(phases, axis + 1).reshape(shape)
    return x


def _transformed(layer: nn.Module) -> Array | None:
    """Returns the kernel of a layer as `prepared` made it; None if it did not."""
    if not layer.has_variable(TRANSFORMED, "kernel"):
        return None
    return jnp.asarray(layer.get_variable(TRANSFORMED, "kernel"))


def _bias(layer: "Conv | ConvTranspose") -> Float[Array, "1 1 1 o"]:
    bias = _param(layer, "bias", nn.initializers.zeros, (layer.features,))
    return bias.astype(layer.dtype).reshape(1, 1, 1, -1)


class Conv(nn.Module):
    """A convolution; He initialization for a ReLU after it.

    Attributes:
        features: channels out.
        dtype: of the computation and the result; parameters are float32.
        size: height and width of the kernel; odd, or the dilation is even.
        stride: pixels from one output to the next.
        dilation: pixels from one tap of the kernel to the next.
        has_bias: whether a bias is added, which a normalization after it would undo.
        groups: parts of the channels in, each for as many of the channels out.
    """

    features: int
    dtype: DTypeLike
    size: int = 3
    stride: int = 1
    dilation: int = 1
    has_bias: bool = True
    groups: int = 1

    @nn.compact
    def __call__(self, x: Float[Array, "b h w i"]) -> Float[Array, "b H W o"]:
        if (transformed := _transformed(self)) is not None:
            x = x.astype(self.dtype)
            y = fast_convolutions.conv_transformed(
                x, transformed, dilation=self.dilation
            )
            return y + _bias(self) if self.has_bias else y
        shape = (self.size, self.size, x.shape[-1] // self.groups, self.features)
        convolve = partial(
            convolutions.conv, stride=self.stride, dilation=self.dilation
        )
        if self.groups > 1:
            convolve = partial(
                convolutions.conv_grouped,
                groups=self.groups,
                stride=self.stride,
                dilation=self.dilation,
            )
        if not self.has_bias:
            kernel = _param(self, "kernel", _he, shape)
            x, kernel = nn.dtypes.promote_dtype(x, kernel, dtype=self.dtype)
            return convolve(x, kernel)
        x, kernel, bias = _operands(self, x, shape, dtype=self.dtype)
        return convolve(x, kernel) + bias


class ConvTranspose(nn.Module):
    """Doubles height and width by `convolutions.conv_transpose`, with a bias.

    Attributes:
        features: channels out.
        dtype: of the computation and the result; parameters are float32.
    """

    features: int
    dtype: DTypeLike

    @nn.compact
    def __call__(self, x: Float[Array, "b h w i"]) -> Float[Array, "b H W o"]:
        if (transformed := _transformed(self)) is not None:
            x = x.astype(self.dtype)
            y = fast_convolutions.conv_transpose_transformed(x, transformed)
            return y + _bias(self)
        shape = (4, 4, x.shape[-1], self.features)
        x, kernel, bias = _operands(
            self, x, shape, dtype=self.dtype, initial=_he_transpose
        )
        return convolutions.conv_transpose(x, kernel) + bias


class SameConv(nn.Module):
    """A convolution with bias, padded as TensorFlow pads.

    Attributes:
        features: channels out.
        dtype: of the computation and the result; parameters are float32.
        size: height and width of the kernel.
        stride: pixels from one output to the next.
    """

    features: int
    dtype: DTypeLike
    size: int = 3
    stride: int = 1

    @nn.compact
    def __call__(self, x: Float[Array, "b h w i"]) -> Float[Array, "b H W o"]:
        shape = (self.size, self.size, x.shape[-1], self.features)
        x, kernel, bias = _operands(self, x, shape, dtype=self.dtype)
        return convolutions.conv_same(x, kernel, stride=self.stride) + bias


class Depthwise(nn.Module):
    """A kernel and a bias for each channel, padded as TensorFlow pads.

    Attributes:
        dtype: of the computation and the result; parameters are float32.
        size: height and width of the kernels.
        stride: pixels from one output to the next.
    """

    dtype: DTypeLike
    size: int = 3
    stride: int = 1

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b H W c"]:
        # An axis of one, so that the kernel is drawn for what a pixel sees.
        shape = (self.size, self.size, 1, x.shape[-1])
        x, kernel, bias = _operands(self, x, shape, dtype=self.dtype)
        if self.is_initializing():
            # Parameters follow from shapes: no sum over taps is traced for them.
            return x[:, :: self.stride, :: self.stride]
        return depthwise.convolve(x, kernel[:, :, 0], self.stride) + bias


class Pointwise(nn.Module):
    """A 1x1 convolution with bias, in the compute dtype.

    Attributes:
        features: channels out.
        dtype: of the computation and the result; parameters are float32.
        is_zero: whether it starts as zero, as the last layer of a residual branch.
    """

    features: int
    dtype: DTypeLike
    is_zero: bool = False

    @nn.compact
    def __call__(self, x: Float[Array, "b h w i"]) -> Float[Array, "b h w o"]:
        x, kernel, bias = _operands(
            self,
            x,
            (1, 1, x.shape[-1], self.features),
            dtype=self.dtype,
            initial=nn.initializers.zeros if self.is_zero else _he,
        )
        return (convolutions.conv1x1(x, kernel) + bias).astype(self.dtype)


class Head(nn.Module):
    """The last layer, 1x1 with bias: float32 out, whatever the compute dtype.

    Attributes:
        features: channels out.
        dtype: of the factors of the matrix product.
    """

    features: int
    dtype: DTypeLike

    @nn.compact
    def __call__(self, x: Float[Array, "b h w i"]) -> Float[Array, "b h w o"]:
        shape = (1, 1, x.shape[-1], self.features)
        kernel = _param(self, "kernel", _he, shape)
        bias = _param(self, "bias", nn.initializers.zeros, (self.features,))
        x, kernel = nn.dtypes.promote_dtype(x, kernel, dtype=self.dtype)
        return convolutions.conv1x1(x, kernel) + jnp.reshape(bias, (1, 1, 1, -1))


class BatchNorm(nn.Module):
    """Batch normalization; statistics in float32, the result in the input's dtype.

    Attributes:
        momentum: kept of the running statistics each step, as in Flax and Caffe:
            PyTorch's 0.1 is 0.9 here. The statistics average over about
            1 / (1 - momentum) steps, so a short training wants a smaller one.
        affine: whether a scale and a bias are learned.
        axis_name: of the mapped axis over which statistics are shared, if any.
    """

    momentum: float
    affine: bool
    axis_name: str | None

    @nn.compact
    def __call__(self, x: Float[Array, "*p c"], *, train: bool) -> Float[Array, "*p c"]:
        size = (x.shape[-1],)
        running_mean = self.variable("batch_stats", "mean", jnp.zeros, size)
        running_var = self.variable("batch_stats", "var", jnp.ones, size)
        mean, var = running_mean.value, running_var.value
        if train and not self.is_initializing():
            mean, var = moments(x, axis_name=self.axis_name)
            running_mean.value += (1 - self.momentum) * (mean - running_mean.value)
            running_var.value += (1 - self.momentum) * (var - running_var.value)
        scale, shift = jax.lax.rsqrt(var + EPSILON), jnp.zeros(size)
        if self.affine:
            scale = scale * self.param("scale", nn.initializers.ones, size)
            shift = self.param("bias", nn.initializers.zeros, size)
        shift = shift - mean * scale
        along = (1,) * (x.ndim - 1) + size
        return (x * scale.reshape(along) + shift.reshape(along)).astype(x.dtype)


def fixed_statistics(prefixes: Iterable[str]) -> AbstractContextManager[None]:
    """Returns a context in which some batch normalizations never train.

    Those of modules that a prefix matches normalize by their running statistics and
    keep them, also when the network is applied with train=True.
    """
    prefixes = tuple(prefixes)

    def keep(
        call: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        context: nn.module.InterceptorContext,
    ) -> Any:
        module = context.module
        is_normalizing = (
            isinstance(module, BatchNorm) and context.method_name == "__call__"
        )
        if (
            is_normalizing
            and layerwise.match("/".join(module.path), prefixes) is not None
        ):
            return call(*args, **{**kwargs, "train": False})
        return call(*args, **kwargs)

    return nn.intercept_methods(keep)
