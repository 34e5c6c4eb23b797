"""The network of Iizuka, Simo-Serra and Ishikawa, "Let there be Color!", 2016."""

import itertools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.ad_checkpoint import checkpoint_name
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from jaxcolor.models import interface, layers
from jaxcolor.models.interface import OuterLayers


class Layer(NamedTuple):
    """A 3x3 convolution, batch normalization and a ReLU.

    Attributes:
        channels: out, at width 1.
        stride: of the convolution.
    """

    channels: int
    stride: int = 1


LOW_LEVEL = (
    Layer(64, 2),
    Layer(128),
    Layer(128, 2),
    Layer(256),
    Layer(256, 2),
    Layer(512),
)
"""Seen by both branches; strides multiply to 8."""

GLOBAL = (Layer(512, 2), Layer(512), Layer(512, 2), Layer(512))
"""The convolutions of the global branch; with those before, strides multiply to 32."""

GLOBAL_DENSE = (1024, 512, 256)
"""Channels of the dense layers of the global branch, at width 1."""

CLASSIFIED = 2
"""Number of the dense layers whose last outputs the classifier sees."""

MID_LEVEL = (Layer(512), Layer(256))

FUSED = 256
"""Channels of the fusion, and of the classifier's hidden layer, at width 1."""

COLORIZATION = ((Layer(128),), (Layer(64), Layer(64)), (Layer(32),))
"""Layers of the colorization; the map is doubled between the three parts."""

LOW_STRIDE, GLOBAL_STRIDE, OUTPUT_STRIDE = 8, 32, 2


class Iizuka2016(nn.Module):
    """Maps lightness to one vector per pixel of a map half as high and wide.

    Low-level features of the photograph lead to mid-level features, its local branch.
    The same low-level layers see a square copy of the photograph, whose features end
    in one vector, its global branch. Each place of the local branch is joined to that
    vector, and the colorization follows. A classifier hangs on the global branch.

    With width 1, a `global_size` of 224 and 2 outputs, the convolutions and dense
    layers have 42,353,839 weights and biases for 205 classes, of which 184,013 are the
    classifier's; scales and shifts of the normalizations add 13,504.

    Sources differ on what follows the fusion: a ReLU in a port, as here; a sigmoid in
    the paper's formula. The paper sees the photograph's luma, and this its L*.

    Attributes:
        width: multiplies channels, then rounded to a multiple of 8.
        global_size: height and width of the copy that the global branch sees, pixels;
            a multiple of 32. A lightness of this size is its own copy, and its
            low-level features are computed once.
        classes: number of classes of the classifier.
        outputs: channels out: 2 for ab.
        momentum: of the running statistics, see `layers.BatchNorm`. Where the copy is
            not the photograph itself, low-level statistics move twice in a step.
        dtype: of the computation, float32 or bfloat16; parameters, statistics and
            outputs are float32.
        axis_name: of the mapped axis over which statistics are shared, if any.

    Source:
        Iizuka et al. 2016, "Let there be Color!", ACM Transactions on Graphics 35 (4).
        The authors released weights and a script, but no code of the network: channels
        and strides are those on which public ports agree.
    """

    width: float
    global_size: int
    classes: int
    outputs: int
    momentum: float
    dtype: DTypeLike = jnp.float32
    axis_name: str | None = None

    # See `interface.Network`.
    input_multiple = LOW_STRIDE
    output_stride = OUTPUT_STRIDE
    outer_layers = OuterLayers(first="low_level/conv1", last="head")
    encoder = None
    extra_inputs = ()
    extra_outputs = ("classes",)
    has_features = False

    def __call__(
        self, lightness: Float[Array, "b h w"], *, train: bool
    ) -> Float[Array, "b H W outputs"]:
        """Returns float32 outputs of shape (b, h / 2, w / 2, outputs).

        Without the sigmoid of the paper, which belongs to `sigmoid_ab.SigmoidAb`.

        Args:
            lightness: L* in [0, 100]; centered and scaled to about [-0.5, 0.5] here.
            train: normalize by the batch's statistics and update the running ones.

        Raises:
            ValueError: the height or the width is no multiple of 8, or `global_size`
                none of 32.
        """
        return self.outputs_and_extra(lightness, train=train)[0]

    @nn.compact
    def outputs_and_extra(
        self, lightness: Float[Array, "b h w"], *, train: bool
    ) -> tuple[Float[Array, "b H W outputs"], dict[str, Array]]:
        """Returns the outputs, and the logits of the classes as "classes" (b, n).

        Args:
            lightness: as for a call.
            train: as for a call.

        Raises:
            ValueError: as a call.
        """
        interface.check_size(self, *lightness.shape[1:])
        self._check_global_size()
        low_level = self._convolutions(LOW_LEVEL, "low_level")
        low = low_level(self._centered(lightness), train=train)
        if self._is_own_copy(*lightness.shape[1:]):
            low_of_copy = low
        else:
            size = (lightness.shape[0], self.global_size, self.global_size)
            # Antialiased where it shrinks.
            copy = jax.image.resize(lightness, size, "bilinear")
            low_of_copy = low_level(self._centered(copy), train=train)
        x = self._convolutions(GLOBAL, "global")(low_of_copy, train=train)
        # A dense layer is a 1x1 convolution of one pixel.
        x = x.reshape(x.shape[0], 1, 1, -1)
        dense = self._dense(GLOBAL_DENSE[:CLASSIFIED], "global_dense")(x, train=train)
        whole = self._dense(GLOBAL_DENSE[CLASSIFIED:], "global_last")(
            dense, train=train
        )

        mid = self._convolutions(MID_LEVEL, "mid_level")(low, train=train)
        everywhere = jnp.broadcast_to(whole, (*mid.shape[:3], whole.shape[-1]))
        joined = jnp.concatenate([mid, everywhere], axis=-1)
        x = self._dense((FUSED,), "fusion")(joined, train=train)
        for number, part in enumerate(COLORIZATION, start=1):
            x = x if number == 1 else doubled(x)
            x = self._convolutions(part, f"colorization{number}")(x, train=train)
        # Outputs are float32, whatever the compute dtype.
        outputs = layers.Conv(self.outputs, jnp.float32, name="head")(x)

        hidden = self._dense((FUSED,), "classifier")(dense, train=train)
        logits = layers.Head(self.classes, self.dtype, name="classifier_head")(hidden)
        return outputs, {"classes": logits[:, 0, 0]}

    def flops(self, height: int, width: int) -> int:
        """Returns the operations of a forward pass; a multiply-add counts as two.

        Counts convolutions and dense layers, the classifier's too; all else is below
        one percent. A train step takes three times as many.

        Args:
            height: of the lightness, pixels.
            width: of the lightness, pixels.
        """
        interface.check_size(self, height, width)
        low, channels = self._products(LOW_LEVEL, 1, height * width)
        of_copy, _ = self._products(LOW_LEVEL, 1, self.global_size**2)
        products = low if self._is_own_copy(height, width) else low + of_copy
        across = self.global_size // LOW_STRIDE
        of_global, deep = self._products(GLOBAL, channels, across**2)
        deep *= (self.global_size // GLOBAL_STRIDE) ** 2
        sizes = [deep, *map(self._channels, GLOBAL_DENSE)]
        products += of_global + sum(a * b for a, b in itertools.pairwise(sizes))
        fused = self._channels(FUSED)
        products += fused * (sizes[CLASSIFIED] + self.classes)

        pixels = height * width // LOW_STRIDE**2
        mid, channels = self._products(MID_LEVEL, channels, pixels)
        products += mid + pixels * (channels + sizes[-1]) * fused
        channels = fused
        for number, part in enumerate(COLORIZATION, start=1):
            pixels = pixels if number == 1 else 4 * pixels
            of_part, channels = self._products(part, channels, pixels)
            products += of_part
        return 2 * (products + 9 * pixels * channels * self.outputs)

    @nn.nowrap
    def _check_global_size(self) -> None:
        if self.global_size < 1 or self.global_size % GLOBAL_STRIDE:
            raise ValueError(
                f"global_size is {self.global_size}; wanted a multiple of"
                f" {GLOBAL_STRIDE}"
            )

    @nn.nowrap
    def _is_own_copy(self, height: int, width: int) -> bool:
        return height == width == self.global_size

    @nn.nowrap
    def _centered(self, lightness: Float[Array, "b h w"]) -> Float[Array, "b h w 1"]:
        return ((lightness[..., None] - 50) / 100).astype(self.dtype)

    @nn.nowrap
    def _convolutions(self, of: tuple[Layer, ...], name: str) -> "Convolutions":
        its = tuple(Layer(self._channels(n), stride) for n, stride in of)
        return Convolutions(its, self.momentum, self.dtype, self.axis_name, name=name)

    @nn.nowrap
    def _dense(self, channels: tuple[int, ...], name: str) -> "Dense":
        its = tuple(map(self._channels, channels))
        return Dense(its, self.momentum, self.dtype, self.axis_name, name=name)

    @nn.nowrap
    def _channels(self, full: int) -> int:
        return 8 * max(1, round(full * self.width / 8))

    @nn.nowrap
    def _products(
        self, of: tuple[Layer, ...], channels: int, pixels: int
    ) -> tuple[int, int]:
        """Returns the products of 3x3 convolutions, and the last one's channels."""
        products = 0
        for full, stride in of:
            features = self._channels(full)
            pixels //= stride**2
            products += 9 * pixels * channels * features
            channels = features
        return products, channels


class Convolutions(nn.Module):
    """3x3 convolutions; after each, batch normalization and a ReLU.

    Attributes:
        of: the convolutions, with the channels that they have.
        momentum: see `layers.BatchNorm`.
        dtype: of the computation and the result.
        axis_name: see `layers.BatchNorm`.
    """

    of: tuple[Layer, ...]
    momentum: float
    dtype: DTypeLike
    axis_name: str | None

    @nn.compact
    def __call__(
        self, x: Float[Array, "b h w i"], *, train: bool
    ) -> Float[Array, "b H W o"]:
        for number, (channels, stride) in enumerate(self.of, start=1):
            name = f"conv{number}"
            x = layers.Conv(channels, self.dtype, stride=stride, name=name)(x)
            x = layers.BatchNorm(
                momentum=self.momentum,
                affine=True,
                axis_name=self.axis_name,
                name=f"{name}norm",
            )(x, train=train)
            x = nn.relu(x)
        return checkpoint_name(x, layers.BLOCK)


class Dense(nn.Module):
    """1x1 convolutions; after each, batch normalization and a ReLU.

    Attributes:
        channels: out of each.
        momentum: see `layers.BatchNorm`.
        dtype: of the computation and the result.
        axis_name: see `layers.BatchNorm`.
    """

    channels: tuple[int, ...]
    momentum: float
    dtype: DTypeLike
    axis_name: str | None

    @nn.compact
    def __call__(
        self, x: Float[Array, "b h w i"], *, train: bool
    ) -> Float[Array, "b h w o"]:
        for number, channels in enumerate(self.channels, start=1):
            name = f"dense{number}"
            x = layers.Pointwise(channels, self.dtype, name=name)(x)
            x = layers.BatchNorm(
                momentum=self.momentum,
                affine=True,
                axis_name=self.axis_name,
                name=f"{name}norm",
            )(x, train=train)
            x = nn.relu(x)
        return x


def doubled(x: Float[Array, "b h w c"]) -> Float[Array, "b 2*h 2*w c"]:
    """Doubles height and width: each pixel becomes four equal ones."""
    return jnp.repeat(jnp.repeat(x, 2, axis=1), 2, axis=2)
