"""The authors' networks in NumPy, float64, and files as PyTorch and Caffe write them.

Written from the description of the released graphs, apart from the package: plain sums
over taps, channels first, one photograph, random weights at an eighth of the width.
"""

import pickle
import struct
import zipfile

import numpy as np

from jaxcolor.color import gamut

# The paper's bins, which tests of the gamut compare with the published ones.
CENTERS = gamut.from_srgb(spacing=10.0).centers.astype(np.float64)

# Of conv1 to conv7, at an eighth of the width.
CHANNELS = (8, 16, 32, 64, 64, 64, 64)
CONVS = (2, 2, 3, 3, 3, 3, 3)
DILATIONS = (1, 1, 1, 1, 2, 2, 1)
STRIDES = (2, 2, 2, 1, 1, 1, 1)


def convolve(x, weight, bias, *, stride=1, dilation=1):
    """A convolution of channels, height, width, as PyTorch and Caffe define it."""
    side = weight.shape[2]
    margin = dilation * (side // 2)
    _, height, width = x.shape
    padded = np.pad(x, ((0, 0), (margin, margin), (margin, margin)))
    y = np.zeros((len(weight), -(-height // stride), -(-width // stride)))
    for down in range(side):
        for right in range(side):
            rows = slice(down * dilation, down * dilation + height, stride)
            columns = slice(right * dilation, right * dilation + width, stride)
            y += np.einsum(
                "oi,ihw->ohw", weight[:, :, down, right], padded[:, rows, columns]
            )
    return y + bias[:, None, None]


def convolve_transposed(x, weight, bias):
    """Kernel 4, stride 2, padding 1; weights (in, out, height, width)."""
    _, height, width = x.shape
    y = np.zeros((weight.shape[1], 2 * height + 2, 2 * width + 2))
    for down in range(4):
        for right in range(4):
            y[:, down : down + 2 * height : 2, right : right + 2 * width : 2] += (
                np.einsum("io,ihw->ohw", weight[:, :, down, right], x)
            )
    return y[:, 1:-1, 1:-1] + bias[:, None, None]


def relu(x):
    return np.maximum(x, 0)


def softmax(x):
    e = np.exp(x - x.max(axis=0))
    return e / e.sum(axis=0)


def _normalize(x, mean, variance, scale=1.0, shift=0.0):
    y = (x - mean[:, None, None]) / np.sqrt(variance + 1e-5)[:, None, None]
    return y * np.reshape(scale, (-1, 1, 1)) + np.reshape(shift, (-1, 1, 1))


class _Random:
    """Draws tensors of a state_dict, float32."""

    def __init__(self):
        self.random = np.random.default_rng(0)
        self.state = {}

    def conv(self, name, out, into, side, *, transposed=False):
        shape = (into, out) if transposed else (out, into)
        spread = np.sqrt((8 if transposed else 2) / (into * side**2))
        kernel = spread * self.random.standard_normal((*shape, side, side))
        self.state[f"{name}.weight"] = np.float32(kernel)
        self.state[f"{name}.bias"] = np.float32(self.random.uniform(-0.2, 0.2, out))

    def norm(self, name, size):
        for part, low, high in (
            ("weight", 0.5, 1.5),
            ("bias", -0.2, 0.2),
            ("running_mean", 0.0, 0.4),
            ("running_var", 0.5, 1.5),
        ):
            drawn = self.random.uniform(low, high, size)
            self.state[f"{name}.{part}"] = np.float32(drawn)
        self.state[f"{name}.num_batches_tracked"] = np.array(7)

    def trunk(self, channels):
        for i, (out, convs) in enumerate(zip(CHANNELS, CONVS, strict=True), start=1):
            for j in range(convs):
                self.conv(f"model{i}.{2 * j}", out, channels, 3)
                channels = out
            self.norm(f"model{i}.{2 * convs}", out)


def eccv16_state():
    """The tensors of the authors' eccv16, by their names, in the order of the file."""
    draw = _Random()
    draw.trunk(1)
    draw.conv("model8.0", 32, 64, 4, transposed=True)
    draw.conv("model8.2", 32, 32, 3)
    draw.conv("model8.4", 32, 32, 3)
    draw.conv("model8.6", len(CENTERS), 32, 1)
    draw.state["model8.6.weight"] *= 3
    centers = np.float32(CENTERS.T[:, :, None, None] / 110)
    return draw.state | {"model_out.weight": centers}


def siggraph17_state():
    """The tensors of the authors' siggraph17, by their names."""
    draw = _Random()
    draw.trunk(4)
    draw.conv("model8up.0", 32, 64, 4, transposed=True)
    draw.conv("model8.1", 32, 32, 3)
    draw.conv("model8.3", 32, 32, 3)
    draw.norm("model8.5", 32)
    draw.conv("model9up.0", 16, 32, 4, transposed=True)
    draw.conv("model9.1", 16, 16, 3)
    draw.norm("model9.3", 16)
    draw.conv("model10up.0", 16, 16, 4, transposed=True)
    draw.conv("model10.1", 16, 16, 3)
    draw.conv("model3short8.0", 32, 32, 3)
    draw.conv("model2short9.0", 16, 16, 3)
    draw.conv("model1short10.0", 16, 8, 3)
    # The full grid of ab from -110 to 110.
    draw.conv("model_class.0", 23**2, 32, 1)
    draw.conv("model_out.0", 2, 16, 1)
    return draw.state


def _layers(state):
    def conv(x, name, **settings):
        weight, bias = (state[f"{name}.{part}"] for part in ("weight", "bias"))
        return convolve(x, np.float64(weight), bias, **settings)

    def up(x, name):
        weight, bias = (state[f"{name}.{part}"] for part in ("weight", "bias"))
        return convolve_transposed(x, np.float64(weight), bias)

    def norm(x, name):
        parts = ("running_mean", "running_var", "weight", "bias")
        return _normalize(x, *(np.float64(state[f"{name}.{p}"]) for p in parts))

    return conv, up, norm


def eccv16(state, lightness):
    """Logits and ab of the authors' eccv16, before ab is enlarged."""
    conv, up, norm = _layers(state)
    x = (np.float64(lightness)[None] - 50) / 100
    for i in range(7):
        for j in range(CONVS[i]):
            stride = STRIDES[i] if j == CONVS[i] - 1 else 1
            name = f"model{i + 1}.{2 * j}"
            x = relu(conv(x, name, stride=stride, dilation=DILATIONS[i]))
        x = norm(x, f"model{i + 1}.{2 * CONVS[i]}")
    x = relu(up(x, "model8.0"))
    x = relu(conv(x, "model8.2"))
    x = relu(conv(x, "model8.4"))
    logits = conv(x, "model8.6")
    ab = 110 * convolve(softmax(logits), state["model_out.weight"], np.zeros(2))
    return logits, ab


def siggraph17(state, lightness, ab, mask):
    """Class logits and ab of the authors' siggraph17; hints (2, h, w), mask (h, w)."""
    conv, up, norm = _layers(state)
    x = np.concatenate([(lightness[None] - 50) / 100, ab / 110, mask[None]])
    kept = []
    for i in range(7):
        for j in range(CONVS[i]):
            x = relu(conv(x, f"model{i + 1}.{2 * j}", dilation=DILATIONS[i]))
        x = norm(x, f"model{i + 1}.{2 * CONVS[i]}")
        kept.append(x)
        if i < 3:
            x = x[:, ::2, ::2]
    x = relu(up(x, "model8up.0") + conv(kept[2], "model3short8.0"))
    x = relu(conv(relu(conv(x, "model8.1")), "model8.3"))
    x = norm(x, "model8.5")
    classes = conv(x, "model_class.0")
    x = relu(up(x, "model9up.0") + conv(kept[1], "model2short9.0"))
    x = norm(relu(conv(x, "model9.1")), "model9.3")
    x = relu(up(x, "model10up.0") + conv(kept[0], "model1short10.0"))
    x = conv(x, "model10.1")
    x = np.where(x > 0, x, 0.2 * x)
    return classes, 110 * np.tanh(conv(x, "model_out.0"))


# Names of the layers in Caffe, by those in PyTorch.
CAFFE = {
    f"model{i + 1}.{2 * j}": f"conv{i + 1}_{j + 1}"
    for i in range(7)
    for j in range(CONVS[i])
} | {"model8.0": "conv8_1", "model8.2": "conv8_2", "model8.4": "conv8_3"}
CAFFE |= {"model1.0": "bw_conv1_1", "model8.6": "conv8_313"}
NORMS = {f"model{i + 1}.{2 * n}": f"conv{i + 1}_{n}norm" for i, n in enumerate(CONVS)}
# What a moving average that starts at zero has seen after some steps.
FACTOR = 611.5


def caffe_layers(*, scale=2.606, centers=CENTERS):
    """The blobs of the authors' Caffe network, by layer."""
    state = eccv16_state()
    found = {
        name: [state[f"{torch}.weight"], state[f"{torch}.bias"]]
        for torch, name in CAFFE.items()
    }
    # It sees L - 50 itself.
    found["bw_conv1_1"][0] /= 100
    for torch, name in NORMS.items():
        sums = (state[f"{torch}.{k}"] * FACTOR for k in ("running_mean", "running_var"))
        found[name] = [*map(np.float32, sums), np.float32([FACTOR])]
    if scale is not None:
        found["conv8_313_rh"] = [np.float32([scale])]
    if centers is not None:
        found["class8_ab"] = [
            np.float32(centers.T[:, :, None, None]),
            np.zeros(2, np.float32),
        ]
    return found


def caffe_graph(layers, lightness, *, scale=2.606):
    """Logits and ab of the authors' Caffe network."""
    layers = {name: [np.float64(x) for x in blobs] for name, blobs in layers.items()}
    x = np.float64(lightness)[None] - 50
    for i in range(7):
        for j in range(CONVS[i]):
            name = "bw_conv1_1" if i == j == 0 else f"conv{i + 1}_{j + 1}"
            stride = STRIDES[i] if j == CONVS[i] - 1 else 1
            x = relu(convolve(x, *layers[name], stride=stride, dilation=DILATIONS[i]))
        mean, variance, factor = layers[f"conv{i + 1}_{CONVS[i]}norm"]
        x = _normalize(x, mean / factor, variance / factor)
    x = relu(convolve_transposed(x, *layers["conv8_1"]))
    x = relu(convolve(x, *layers["conv8_2"]))
    x = relu(convolve(x, *layers["conv8_3"]))
    logits = convolve(x, *layers["conv8_313"])
    # The authors' programs fill class8_ab with the published centers.
    ab = np.einsum("qc,qhw->chw", CENTERS, softmax(scale * logits))
    return logits, ab


def write_torch(path, state, *, is_zipped=True):
    """Writes a state_dict as torch.save does, today or before version 1.6."""
    # A counter stays without axes, which `ascontiguousarray` would give it.
    arrays = {name: np.asarray(x, order="C") for name, x in state.items()}
    opcodes = [b"\x80\x02ccollections\nOrderedDict\n)R("]
    for key, (name, x) in enumerate(arrays.items()):
        kind = {"float32": "Float", "int64": "Long"}[x.dtype.name]
        view = b"" if is_zipped else b"N"
        strides = [step // x.itemsize for step in x.strides]
        opcodes += [
            _text(name),
            b"ctorch._utils\n_rebuild_tensor_v2\n((",
            _text("storage"),
            f"ctorch\n{kind}Storage\n".encode(),
            *(_text(str(key)), _text("cpu"), _whole(x.size), view),
            b"tQ",
            *(_whole(0), _tuple(x.shape), _tuple(strides)),
            b"\x89ccollections\nOrderedDict\n)RtR",
        ]
    pickled = b"".join([*opcodes, b"u."])
    if is_zipped:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", pickled)
            archive.writestr("archive/byteorder", "little")
            for key, x in enumerate(arrays.values()):
                archive.writestr(f"archive/data/{key}", x.tobytes())
            archive.writestr("archive/version", "3\n")
        return
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}
    parts = [0x1950A86A20F9469CFC6C, 1001, system]
    keys = pickle.dumps([str(key) for key in range(len(arrays))], protocol=2)
    content = [*(pickle.dumps(part, protocol=2) for part in parts), pickled, keys]
    for x in arrays.values():
        content += [struct.pack("<q", x.size), x.tobytes()]
    path.write_bytes(b"".join(content))


def _text(text):
    return b"X" + struct.pack("<I", len(text)) + text.encode()


def _whole(number):
    return b"J" + struct.pack("<i", number)


def _tuple(numbers):
    return b"(" + b"".join(map(_whole, numbers)) + b"t"


def varint(number):
    """A number in the wire format of protocol buffers."""
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


def field(number, content):
    """A field of a message: text, bytes or a whole number."""
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    content = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(content)) + content


def blob(x):
    """A BlobProto of today: packed float32 and a shape."""
    shape = field(1, b"".join(map(varint, x.shape)))
    return field(5, np.asarray(x, "<f4").tobytes()) + field(7, shape)


def old_blob(x):
    """A BlobProto of before 2015, with four sides, the first ones of size 1."""
    sides = (1,) * (4 - x.ndim) + x.shape
    packed = field(5, np.asarray(x, "<f4").tobytes())
    return b"".join(field(n, side) for n, side in enumerate(sides, start=1)) + packed


def write_caffe(path, layers, *, is_old=False):
    """Writes a NetParameter, of today or with the layers of before 2015."""
    content = [field(1, "LtoAB"), field(5, 0)]
    # A layer without numbers, as ReLUs are.
    content.append(field(100, field(1, "relu1_1") + field(2, "ReLU")))
    for name, blobs in layers.items():
        if is_old:
            blobs_content = b"".join(field(6, old_blob(x)) for x in blobs)
            layer = field(2, "bottom") + field(4, name) + field(5, 4) + blobs_content
            content.append(field(2, layer))
        else:
            blobs_content = b"".join(field(7, blob(x)) for x in blobs)
            head = field(1, name) + field(2, "Convolution") + field(10, 1)
            # loss_weight, a number of four bytes.
            head += varint(5 << 3 | 5) + struct.pack("<f", 1.0)
            content.append(field(100, head + blobs_content))
    path.write_bytes(b"".join(content))
