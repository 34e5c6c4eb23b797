"""The network of the bundled model in PyTorch, to compare results and speed.

The layers have the names that they have in `jaxcolor.models.lite_fpn`, with "_" for
"/", so that `copy_variables` finds them.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

# Of each block of EfficientNet-Lite0: size and stride of its filter, factor of its
# channels, channels out.
BLOCKS = (
    (3, 1, 1, 16),
    *((3, stride, 6, 24) for stride in (2, 1)),
    *((5, stride, 6, 40) for stride in (2, 1)),
    *((3, stride, 6, 80) for stride in (2, 1, 1)),
    *((5, 1, 6, 112) for _ in range(3)),
    *((5, stride, 6, 192) for stride in (2, 1, 1, 1)),
    (3, 1, 6, 320),
)
STEM, COARSEST, AT_16, AT_8, AT_4, HEADS = 32, 160, 128, 112, 96, 4
REFINEMENTS = 3
EPSILON = 1e-6
# Names of variables in Flax, and in PyTorch.
KEYS = {
    "kernel": "weight",
    "scale": "weight",
    "mean": "running_mean",
    "var": "running_var",
}


class LiteFpn(nn.Module):
    """Maps the gray levels of photographs, normalized, to logits."""

    def __init__(self, *, outputs: int) -> None:
        """Makes the layers.

        Args:
            outputs: the number of bins.
        """
        super().__init__()
        self.layers = nn.ModuleDict()
        self._conv("encoder_stem", 1, STEM, size=3, stride=2, padding=0)
        channels, maps = STEM, []
        for number, (size, stride, factor, features) in enumerate(BLOCKS):
            wide = factor * channels
            name = f"encoder_block_{number:02}"
            if stride > 1:
                maps.append(channels)
            if factor > 1:
                self._conv(f"{name}_expand", channels, wide)
            filtering = {"size": size, "stride": stride, "padding": 0, "groups": wide}
            self._conv(f"{name}_depthwise", wide, wide, **filtering)
            self._conv(f"{name}_project", wide, features)
            channels = features
        c1, c2, c3, c4, c5 = (*maps, channels)
        self._normal("lateral32", c5, COARSEST)
        self._conv("context", c5, COARSEST)
        self._normal("fuse32", COARSEST, AT_16, size=3, padding=1)
        self._normal("lateral16", c4, AT_16)
        self.layers["attention_prenorm"] = nn.LayerNorm(AT_16, eps=EPSILON)
        self._conv("attention_query_key_value", AT_16, 3 * AT_16)
        self._conv("attention_out", AT_16, AT_16)
        self._normal("fuse16", AT_16, AT_8, size=3, padding=1)
        self._normal("lateral8", c3, AT_8)
        self._normal("fuse8", AT_8, AT_4, size=3, padding=1)
        self._normal("lateral4", c2, AT_4)
        self._normal("lateral2", 4 * c1, AT_4)
        for number in range(1, 1 + REFINEMENTS):
            filtering = {"size": 5, "padding": 2, "groups": AT_4}
            self._normal(f"refine{number}_depthwise", AT_4, AT_4, **filtering)
            self._normal(f"refine{number}_pointwise", AT_4, AT_4)
        self._conv("head", AT_4, outputs)

    def _conv(
        self, name: str, entering: int, leaving: int, *, size: int = 1, **settings: Any
    ) -> None:
        self.layers[name] = nn.Conv2d(entering, leaving, size, **settings)

    def _normal(self, name: str, entering: int, leaving: int, **settings: Any) -> None:
        self._conv(name, entering, leaving, **settings)
        self.layers[f"{name}norm"] = nn.BatchNorm2d(leaving)

    def _of(self, x: torch.Tensor, name: str) -> torch.Tensor:
        return self.layers[f"{name}norm"](self.layers[name](x))

    def forward(self, gray: torch.Tensor) -> torch.Tensor:
        """Returns logits "b outputs h/4 w/4".

        Args:
            gray: "b 1 h w", (v - 127) / 128 of the 8-bit level v.
        """
        c1, c2, c3, c4, c5 = self._encoded(gray)
        x = functional.relu(self._of(c5, "lateral32"))
        whole = c5.mean((2, 3), keepdim=True)
        x = x + functional.relu(self.layers["context"](whole))
        x = functional.relu(self._of(x, "fuse32"))
        x = functional.relu(_doubled(x) + self._of(c4, "lateral16"))
        x = self._attended(x)
        x = functional.relu(self._of(x, "fuse16"))
        x = functional.relu(_doubled(x) + self._of(c3, "lateral8"))
        x = functional.relu(self._of(x, "fuse8"))
        x = _doubled(x) + self._of(c2, "lateral4")
        x = functional.relu(x + self._of(_four_as_one(c1), "lateral2"))
        for number in range(1, 1 + REFINEMENTS):
            y = functional.relu(self._of(x, f"refine{number}_depthwise"))
            x = functional.relu(x + self._of(y, f"refine{number}_pointwise"))
        return self.layers["head"](x)

    def _encoded(self, gray: torch.Tensor) -> list[torch.Tensor]:
        # TensorFlow pads even sides for a stride of 2 after the last pixel first.
        stem = self.layers["encoder_stem"]
        x = functional.relu6(stem(functional.pad(gray, (0, 1, 0, 1))))
        maps = []
        for number, (size, stride, factor, _) in enumerate(BLOCKS):
            name, entered = f"encoder_block_{number:02}", x
            if stride > 1:
                maps.append(x)
            if factor > 1:
                x = functional.relu6(self.layers[f"{name}_expand"](x))
            around = size - stride
            x = functional.pad(x, 2 * (around // 2, around - around // 2))
            x = functional.relu6(self.layers[f"{name}_depthwise"](x))
            x = self.layers[f"{name}_project"](x)
            if stride == 1 and entered.shape == x.shape:
                x = x + entered
        return [*maps, x]

    def _attended(self, x: torch.Tensor) -> torch.Tensor:
        b, c, h, w = x.shape
        places = x.flatten(2).transpose(1, 2)
        normal = self.layers["attention_prenorm"](places)
        normal = normal.transpose(1, 2).reshape(b, c, h, w)
        joint = self.layers["attention_query_key_value"](normal)
        query, key, value = joint.reshape(b, 3, HEADS, c // HEADS, h * w).unbind(1)
        found = functional.scaled_dot_product_attention(
            *(part.transpose(-1, -2) for part in (query, key, value))
        )
        found = found.transpose(-1, -2).reshape(b, c, h, w)
        return x + self.layers["attention_out"](found)


def normalized(lightness: np.ndarray) -> torch.Tensor:
    """Returns what the network sees of a lightness "b h w" in [0, 100]."""
    from skimage import color

    lab = np.stack([lightness, *2 * (np.zeros_like(lightness),)], axis=-1)
    gray = color.lab2rgb(lab)[..., 0]
    return torch.from_numpy(np.float32((255 * gray - 127) / 128))[:, None]


def copy_variables(network: LiteFpn, variables: Mapping[str, Any]) -> None:
    """Copies the variables of jaxcolor's network.

    Args:
        network: to copy into.
        variables: "params" and "batch_stats" of the network of `jaxcolor.models`.
    """
    from flax import traverse_util

    found: dict[str, dict[str, torch.Tensor]] = {}
    for collection in ("params", "batch_stats"):
        flat = traverse_util.flatten_dict(variables[collection])
        for (*path, key), value in flat.items():
            array = np.asarray(value)
            if key == "kernel":
                # Depthwise ones have no axis of channels in.
                array = array[:, :, None] if array.ndim == 3 else array
                array = array.transpose(3, 2, 0, 1)
            layer = found.setdefault("_".join(path), {})
            layer[KEYS.get(key, key)] = torch.tensor(array)
    if set(found) != set(network.layers):
        raise ValueError(f"layers differ: {sorted(set(found) ^ set(network.layers))}")
    for name, state in found.items():
        missing = network.layers[name].load_state_dict(state, strict=False)
        if (
            set(missing.missing_keys) - {"num_batches_tracked"}
            or missing.unexpected_keys
        ):
            raise ValueError(f"{name}: {missing}")


def _doubled(x: torch.Tensor) -> torch.Tensor:
    return functional.interpolate(x, scale_factor=2, mode="bilinear")


def _four_as_one(x: torch.Tensor) -> torch.Tensor:
    # The order of the channels is that of flax: row, column, channel.
    b, c, h, w = x.shape
    parts = x.reshape(b, c, h // 2, 2, w // 2, 2).permute(0, 3, 5, 1, 2, 4)
    return parts.reshape(b, 4 * c, h // 2, w // 2)
