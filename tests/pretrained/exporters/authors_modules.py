"""The modules that the authors' files of weights fit, in PyTorch, at any width.

Written apart from the package. The names of the modules, and the places of layers
within each Sequential, are those of the files.
"""

import torch
from torch import nn

# Of conv1 to conv7, at full width.
CHANNELS = (64, 128, 256, 512, 512, 512, 512)
CONVS = (2, 2, 3, 3, 3, 3, 3)
DILATIONS = (1, 1, 1, 1, 2, 2, 1)


def _conv(into, out, *, stride=1, dilation=1):
    return nn.Conv2d(
        into, out, 3, stride=stride, dilation=dilation, padding=dilation, bias=True
    )


def _up(into, out):
    return nn.ConvTranspose2d(into, out, 4, stride=2, padding=1)


class _Trunk(nn.Module):
    """Blocks 1 to 7; the first three halve the map by a stride, or by slices."""

    def __init__(self, width, *, inputs, strides):
        super().__init__()
        into = inputs
        for i in range(7):
            out, layers = int(width * CHANNELS[i]), []
            for j in range(CONVS[i]):
                stride = 2 if strides and i < 3 and j == CONVS[i] - 1 else 1
                conv = _conv(into, out, stride=stride, dilation=DILATIONS[i])
                layers += [conv, nn.ReLU()]
                into = out
            block = nn.Sequential(*layers, nn.BatchNorm2d(out))
            setattr(self, f"model{i + 1}", block)


class ECCVGenerator(_Trunk):
    """The network of the ECCV paper."""

    def __init__(self, width):
        super().__init__(width, inputs=1, strides=True)
        self.model8 = nn.Sequential(
            _up(int(width * 512), int(width * 256)),
            nn.ReLU(),
            _conv(int(width * 256), int(width * 256)),
            nn.ReLU(),
            _conv(int(width * 256), int(width * 256)),
            nn.ReLU(),
            nn.Conv2d(int(width * 256), 313, 1),
        )
        self.model_out = nn.Conv2d(313, 2, 1, bias=False)
        self.upsample4 = nn.Upsample(scale_factor=4, mode="bilinear")

    def forward(self, lightness):
        x = (lightness - 50) / 100
        for i in range(1, 9):
            x = getattr(self, f"model{i}")(x)
        return 110 * self.upsample4(self.model_out(torch.softmax(x, dim=1)))


class SIGGRAPHGenerator(_Trunk):
    """The network that takes hints; here without any."""

    def __init__(self, width):
        super().__init__(width, inputs=4, strides=False)
        c1, c2, c3, c4 = (int(width * c) for c in CHANNELS[:4])
        self.model8up = nn.Sequential(_up(c4, c3))
        self.model3short8 = nn.Sequential(_conv(c3, c3))
        self.model8 = nn.Sequential(
            *(nn.ReLU(), _conv(c3, c3), nn.ReLU(), _conv(c3, c3), nn.ReLU()),
            nn.BatchNorm2d(c3),
        )
        self.model9up = nn.Sequential(_up(c3, c2))
        self.model2short9 = nn.Sequential(_conv(c2, c2))
        self.model9 = nn.Sequential(
            nn.ReLU(), _conv(c2, c2), nn.ReLU(), nn.BatchNorm2d(c2)
        )
        self.model10up = nn.Sequential(_up(c2, c2))
        self.model1short10 = nn.Sequential(_conv(c1, c2))
        self.model10 = nn.Sequential(nn.ReLU(), _conv(c2, c2), nn.LeakyReLU(0.2))
        self.model_class = nn.Sequential(nn.Conv2d(c3, 529, 1))
        self.model_out = nn.Sequential(nn.Conv2d(c2, 2, 1), nn.Tanh())

    def forward(self, lightness):
        nothing = torch.zeros_like(lightness)
        x = torch.cat([(lightness - 50) / 100, nothing, nothing, nothing], dim=1)
        kept = []
        for i in range(1, 8):
            x = getattr(self, f"model{i}")(x)
            kept.append(x)
            if i < 4:
                x = x[:, :, ::2, ::2]
        x = self.model8(self.model8up(x) + self.model3short8(kept[2]))
        x = self.model9(self.model9up(x) + self.model2short9(kept[1]))
        x = self.model10(self.model10up(x) + self.model1short10(kept[0]))
        return 110 * self.model_out(x)
