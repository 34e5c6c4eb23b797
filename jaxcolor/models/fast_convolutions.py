"""The networks' convolutions on CPUs, by `winograd`: padded, dilated, transposed.

Each is a correlation of 3x3 taps without padding, of pixels that were moved: a dilation
of 2 takes every second pixel for a photograph of its own, and a transposed convolution
of 4x4 taps makes the four pixels of a square as channels. Convolutions of stride 2 have
no fast form: as 2x2 taps of squares of pixels they take longer than XLA's own.
"""

import contextlib
import contextvars
import os
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from jaxcolor.models import winograd

VARIABLE = "JAXCOLOR_CONVOLUTIONS"
"""The environment variable that decides on these forms: "fast" or "xla".

Without it they are used where a process has one device, a CPU: of several devices, each
would compute the whole batch.
"""

FEWEST_CHANNELS = 32
"""Below it the transforms take longer than the products that they save."""

# Along each axis of a tile. In bfloat16 the larger tiles would lose too much.
_OUTPUTS = {jnp.dtype(jnp.float32): 4, jnp.dtype(jnp.bfloat16): 2}
_CHOICES = ("", "fast", "xla")
_are_off = contextvars.ContextVar("fast_convolutions_are_off", default=False)
Correlation = Callable[[Float[Array, "b h w i"]], Float[Array, "b H W o"]]


def are_used() -> bool:
    """Returns whether a program that is traced now uses these forms.

    Raises:
        ValueError: the environment variable has an unknown value.
    """
    chosen = os.environ.get(VARIABLE, "")
    if chosen not in _CHOICES:
        raise ValueError(f'{VARIABLE} is {chosen!r}; wanted "fast" or "xla"')
    if _are_off.get():
        return False
    if chosen:
        return chosen == "fast"
    return jax.default_backend() == "cpu" and jax.device_count() == 1


def choice() -> str:
    """Returns what decides on the forms that a program gets which is traced now."""
    return f"fast {are_used()}, bfloat16 {_has_bfloat16()}"


@contextlib.contextmanager
def off() -> Iterator[None]:
    """Traces programs without these forms: for other machines, or of unknown sizes."""
    token = _are_off.set(True)
    try:
        yield
    finally:
        _are_off.reset(token)


def suit(shape: tuple[int, ...], *, stride: int, dilation: int) -> bool:
    """Returns whether a kernel has a fast form, and such forms are used.

    Args:
        shape: of the kernel: height, width, channels in, channels out.
        stride: pixels from one output to the next.
        dilation: pixels from one tap to the next.
    """
    is_known = shape[:2] == (3, 3) and stride == 1 and dilation in (1, 2)
    return is_known and min(shape[2:]) >= FEWEST_CHANNELS and are_used()


def suit_transposed(shape: tuple[int, ...]) -> bool:
    """Returns `suit` of a transposed convolution's kernel."""
    return min(shape[2:]) >= FEWEST_CHANNELS and are_used()


def conv(
    x: Float[Array, "b h w i"], kernel: Float[Array, "3 3 i o"], *, dilation: int
) -> Float[Array, "b h w o"]:
    """Returns `convolutions.conv` of a stride of 1."""
    return _dilated(x, partial(_correlate, kernel=kernel), dilation=dilation)


def conv_transpose(
    x: Float[Array, "b h w i"], kernel: Float[Array, "4 4 i o"]
) -> Float[Array, "b 2*h 2*w o"]:
    """Returns `convolutions.conv_transpose`."""
    return _from_squares(_correlate(_padded(x), kernel=_of_squares(kernel, jnp)))


def transform(
    kernel: Float[np.ndarray, "3 3 i o"], *, dtype: DTypeLike
) -> Float[np.ndarray, "p i o"]:
    """Returns a kernel as `conv_transformed` takes it, made on the host.

    Args:
        kernel: float32.
        dtype: of the computation.
    """
    used = _dtype(dtype)
    found = winograd.transform_on_host(kernel, outputs=_OUTPUTS[used])
    return found.astype(used)


def transform_transposed(
    kernel: Float[np.ndarray, "4 4 i o"], *, dtype: DTypeLike
) -> Float[np.ndarray, "p i 4*o"]:
    """Returns a kernel as `conv_transpose_transformed` takes it.

    Args:
        kernel: float32.
        dtype: of the computation.
    """
    return transform(_of_squares(kernel, np), dtype=dtype)


def conv_transformed(
    x: Float[Array, "b h w i"], transformed: Float[Array, "p i o"], *, dilation: int
) -> Float[Array, "b h w o"]:
    """Returns `conv`, of a kernel that was transformed before."""
    correlate = partial(_correlate_transformed, transformed=transformed)
    return _dilated(x, correlate, dilation=dilation)


def conv_transpose_transformed(
    x: Float[Array, "b h w i"], transformed: Float[Array, "p i q"]
) -> Float[Array, "b 2*h 2*w o"]:
    """Returns `conv_transpose`, of a kernel that was transformed before."""
    squares = _correlate_transformed(_padded(x), transformed=transformed)
    return _from_squares(squares)


def _dilated(x: Array, correlate: Correlation, *, dilation: int) -> Array:
    if dilation == 1:
        return correlate(_padded(x))
    return _joined(correlate(_padded(_parted(x))), x.shape)


def _padded(x: Float[Array, "b h w c"]) -> Float[Array, "b h+2 w+2 c"]:
    return jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))


def _parted(x: Float[Array, "b h w c"]) -> Float[Array, "4*b H W c"]:
    """Returns four photographs of each: of its even and odd rows and columns."""
    b, h, w, c = x.shape
    # A row of zeros more is what the padding is anyway.
    even = jnp.pad(x, ((0, 0), (0, h % 2), (0, w % 2), (0, 0)))
    parts = even.reshape(b, -(-h // 2), 2, -(-w // 2), 2, c)
    return parts.transpose(0, 2, 4, 1, 3, 5).reshape(4 * b, *parts.shape[1:6:2])


def _joined(
    parts: Float[Array, "n H W c"], shape: tuple[int, ...]
) -> Float[Array, "b h w c"]:
    """Undoes `_parted`."""
    b, h, w = shape[:3]
    rows, columns, c = parts.shape[1:]
    whole = parts.reshape(b, 2, 2, rows, columns, c).transpose(0, 3, 1, 4, 2, 5)
    return whole.reshape(b, 2 * rows, 2 * columns, c)[:, :h, :w]


def _of_squares(kernel: Any, numpy: ModuleType) -> Any:
    """Returns the 3x3 taps whose outputs are the four pixels of a square.

    An even row of the output takes tap 3 from the row of the input before its own and
    tap 1 from its own, an odd row tap 2 from its own and tap 0 from the one after.
    """
    # The first tap of an even and an odd place, and the zeros before and after its two.
    places = ((3, (0, 1)), (2, (1, 0)))
    pixels = [
        numpy.pad(kernel[down::-2, right::-2], (above, beside, (0, 0), (0, 0)))
        for down, above in places
        for right, beside in places
    ]
    return numpy.concatenate(pixels, axis=-1)


def _from_squares(x: Float[Array, "b h w q"]) -> Float[Array, "b 2*h 2*w o"]:
    b, h, w, c = x.shape
    pixels = x.reshape(b, h, w, 2, 2, c // 4).transpose(0, 1, 3, 2, 4, 5)
    return pixels.reshape(b, 2 * h, 2 * w, c // 4)


def _correlate(x: Array, *, kernel: Array) -> Array:
    used = _dtype(kernel.dtype)
    found = winograd.correlate_trainable(x, kernel.astype(used), _OUTPUTS[used])
    return found.astype(x.dtype)


def _correlate_transformed(x: Array, *, transformed: Array) -> Array:
    outputs = _OUTPUTS[jnp.dtype(transformed.dtype)]
    found = winograd.correlate(x, transformed, outputs=outputs)
    return found.astype(x.dtype)


def _dtype(dtype: DTypeLike) -> np.dtype:
    """Returns the dtype of products: bfloat16 where asked for and the CPU has it."""
    is_half = jnp.dtype(dtype) == jnp.bfloat16 and _has_bfloat16()
    return jnp.dtype(jnp.bfloat16 if is_half else jnp.float32)


@cache
def _has_bfloat16() -> bool:
    """Returns whether the CPU multiplies bfloat16: by AVX512-BF16 or AMX."""
    try:
        flags = Path("/proc/cpuinfo").read_text().split()
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags
