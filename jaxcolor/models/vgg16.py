"""VGG-16: the paper's judge of semantic interpretability, and a trunk of networks."""

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from jaxcolor.models import layers

WIDTHS = (64, 128, 256, 512, 512)
"""Channels of the convolutions of each block."""

CONVS = (2, 2, 3, 3, 3)
"""Convolutions of each block: configuration D of the paper."""

HIDDEN, CLASSES = 4096, 1000
"""Channels of the first two dense layers, and the number of ImageNet's classes."""

SIZE = 224
"""Side of the photographs that the dense layers were made for."""

MEAN = np.array((0.485, 0.456, 0.406), np.float32)
"""Mean of ImageNet's RGB in [0, 1]. Source: torchvision's weights of VGG."""

DEVIATION = np.array((0.229, 0.224, 0.225), np.float32)
"""Standard deviation of ImageNet's RGB in [0, 1]. Source: as `MEAN`."""


class Features(nn.Module):
    """Maps normalized photographs to the maps that end the blocks.

    Attributes:
        widths: channels of the convolutions of each block, from the first on; fewer
            than five leave the last blocks out.
        dtype: of the computation, float32 or bfloat16.
    """

    widths: tuple[int, ...] = WIDTHS
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, normalized: Float[Array, "b h w 3"]
    ) -> list[Float[Array, "b H W c"]]:
        """Returns, for each block, the outputs of its last ReLU, before the pooling."""
        maps: list[Float[Array, "b H W c"]] = []
        x = normalized.astype(self.dtype)
        for i, (width, convs) in enumerate(zip(self.widths, CONVS, strict=False), 1):
            if maps:
                x = max_pool(x)
            for j in range(1, convs + 1):
                x = nn.relu(layers.Conv(width, self.dtype, name=f"conv{i}_{j}")(x))
            maps.append(x)
        return maps


class Vgg16(nn.Module):
    """Maps photographs of 224 x 224 pixels to logits; for use, not for training.

    At full size it has 138,357,544 parameters.

    Attributes:
        widths: channels of the convolutions of each block.
        hidden: channels of the first two dense layers.
        outputs: how many classes.
        dtype: of the computation, float32 or bfloat16; logits are float32.

    Source:
        Simonyan and Zisserman 2015 (arXiv:1409.1556), table 1, configuration D; the
        normalization of colors is torchvision's, by whose weights it is meant to run.
    """

    widths: tuple[int, ...] = WIDTHS
    hidden: int = HIDDEN
    outputs: int = CLASSES
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, rgb: Float[Array, "b h w 3"]) -> Float[Array, "b outputs"]:
        """Returns logits.

        Args:
            rgb: in [0, 1]; normalized here.

        Raises:
            ValueError: photographs of another size.
        """
        height, width = rgb.shape[1:3]
        if (height, width) != (SIZE, SIZE):
            raise ValueError(
                f"photographs are {height}x{width} pixels; wanted {SIZE}x{SIZE}"
            )
        *_, x = Features(self.widths, self.dtype, name="features")(normalize(rgb))
        x = max_pool(x)
        # A dense layer is a 1x1 convolution of one pixel.
        x = x.reshape(len(x), 1, 1, -1)
        for name in ("fc6", "fc7"):
            x = nn.relu(layers.Head(self.hidden, self.dtype, name=name)(x))
        return layers.Head(self.outputs, self.dtype, name="fc8")(x)[:, 0, 0]


def normalize(rgb: Float[Array, "*p 3"]) -> Float[Array, "*p 3"]:
    """Returns colors in [0, 1] as the network was trained on them."""
    along = (1,) * (rgb.ndim - 1) + (3,)
    return (rgb - MEAN.reshape(along)) / DEVIATION.reshape(along)


def max_pool(x: Float[Array, "b h w c"]) -> Float[Array, "b h//2 w//2 c"]:
    """Halves the size: the largest of each 2x2 pixels; an odd last one is left out."""
    return jnp.asarray(nn.max_pool(x, (2, 2), strides=(2, 2)))
