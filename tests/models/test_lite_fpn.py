"""The network on an ImageNet encoder: shapes, sizes, operations, attention."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special

from jaxcolor.color import cielab
from jaxcolor.models import efficientnet_lite, lite_fpn

SMALL = {"width": 0.25, "encoder_width": 0.25, "encoder_depth": 0.34}
FULL = {"width": 1.0, "encoder_width": 1.0, "encoder_depth": 1.0}


def _network(outputs=5, **parts):
    return lite_fpn.LiteFpn(**parts, outputs=outputs, momentum=0.9)


def _shapes(network, height=64, width=32):
    return jax.eval_shape(
        lambda key, x: network.init_with_output(key, x, train=False),
        jax.random.key(0),
        np.zeros((2, height, width), np.float32),
    )


@pytest.fixture(scope="module")
def variables():
    """Of the small network: He kernels, as fresh ones are."""
    random = np.random.default_rng(0)

    def draw(path, shape):
        constants = {"bias": 0.0, "mean": 0.0, "var": 1.0, "scale": 1.0}
        # Faster than to compile an initialization.
        if (name := path[-1].key) == "kernel":
            scale = np.sqrt(2 / np.prod(shape.shape[:-1]))
            return np.float32(scale * random.normal(size=shape.shape))
        return np.full(shape.shape, constants[name], np.float32)

    return jax.tree_util.tree_map_with_path(draw, _shapes(_network(**SMALL))[1])


@pytest.mark.parametrize(("height", "width"), [(64, 32), (96, 160)])
def test_outputs_are_a_quarter_as_high_and_wide(height, width):
    y, _ = _shapes(_network(**FULL), height, width)
    assert y.shape == (2, height // 4, width // 4, 5)


@pytest.mark.parametrize(("height", "width"), [(48, 64), (64, 40)])
def test_sizes_that_are_no_multiples_of_32_are_refused(height, width):
    with pytest.raises(ValueError, match=f"{height}x{width} .* multiples of 32"):
        _shapes(_network(**FULL), height, width)
    with pytest.raises(ValueError, match="multiples of 32"):
        _network(**FULL).flops(height, width)


def test_the_full_network_has_the_parameters_that_its_layers_add_up_to():
    def conv(size, seen, out):
        # With bias, and normalized: a scale and a shift.
        return size**2 * seen * out + 3 * out

    # Channels of the encoder's maps: Tan and Le 2019, table 1.
    c1, c2, c3, c4, c5 = 16, 24, 40, 112, 320
    pyramid = (
        conv(1, c5, 160)
        + (c5 * 160 + 160)
        + conv(3, 160, 128)
        + conv(1, c4, 128)
        + (128 * 2 + 128 * 3 * 128 + 3 * 128 + 128 * 128 + 128)
        + conv(3, 128, 112)
        + conv(1, c3, 112)
        + conv(3, 112, 96)
        + conv(1, c2, 96)
        + conv(1, 4 * c1, 96)
        + 3 * (conv(5, 1, 96) + conv(1, 96, 96))
        + (96 * 313 + 313)
    )
    _, variables = _shapes(_network(313, **FULL))
    params = dict(variables["params"])
    sizes = {
        name: sum(x.size for x in jax.tree.leaves(tree))
        for name, tree in params.items()
    }
    encoder = sizes.pop("encoder")
    assert sum(sizes.values()) == pyramid
    # Lite0 without its last convolution and its classes, which PyTorch's port counts
    # as 4,652,008 with them, less two of the three colors that the stem sees.
    last = 320 * 1280 + 2 * 1280 + 1280 * 1000 + 1000
    biases = sum(
        x.size
        for path, x in jax.tree_util.tree_leaves_with_path(params["encoder"])
        if path[-1].key == "bias"
    )
    assert encoder + biases == 4_652_008 - last - 2 * 9 * 32


def test_operations_are_those_that_xla_counts(variables):
    network = _network(**SMALL)

    def run(x):
        return network.apply(variables, x, train=False)

    lowered = jax.jit(run).lower(np.zeros((1, 64, 96), np.float32))
    counted = lowered.cost_analysis()["flops"]
    # XLA counts sums with biases, activations and attention as well, which matter more
    # the fewer channels there are.
    assert 0.6 < network.flops(64, 96) / counted < 1


def test_operations_grow_with_the_pixels_and_are_twice_the_products():
    network = _network(313, **FULL)
    assert network.flops(128, 192) == 6 * network.flops(64, 64)
    shallow, deep = (
        _network(313, **FULL | {"encoder_depth": depth}).flops(32, 32)
        for depth in (1.0, 1.25)
    )
    # One more block of 192 channels at stride 32, of 112 and of 80 at 16, of 40 at 8
    # and of 24 at 4.
    more = sum(
        pixels * (2 * 6 * c * c + size**2 * 6 * c)
        for pixels, c, size in (
            (1, 192, 5),
            (4, 112, 5),
            (4, 80, 3),
            (16, 40, 5),
            (64, 24, 3),
        )
    )
    assert deep - shallow == 2 * more


def test_attention_starts_as_the_identity():
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 8)).astype(np.float32)
    attention = lite_fpn.Attention(2, jnp.float32)
    y, variables = jax.jit(attention.init_with_output)(jax.random.key(1), x)
    np.testing.assert_array_equal(y, x)
    np.testing.assert_array_equal(variables["params"]["out"]["kernel"], 0)


def test_attention_is_its_definition_in_numpy():
    random = np.random.default_rng(0)
    x = random.standard_normal((2, 3, 2, 8))
    joint, out = (random.standard_normal((8, n)) for n in (24, 8))
    scale, shift, bias = (random.standard_normal(n) for n in (8, 8, 24))
    params = {
        "prenorm": {"scale": scale, "bias": shift},
        "query_key_value": {"kernel": joint[None, None], "bias": bias},
        "out": {"kernel": out[None, None], "bias": np.ones(8)},
    }
    params = jax.tree.map(np.float32, params)
    attention = lite_fpn.Attention(2, jnp.float32)
    found = jax.jit(attention.apply)({"params": params}, np.float32(x))
    # Vaswani et al. 2017, equation 1, for each head by itself.
    flat = x.reshape(2, 6, 8)
    normal = flat - flat.mean(axis=-1, keepdims=True)
    normal /= np.sqrt(np.square(normal).mean(axis=-1, keepdims=True) + 1e-6)
    query, key, value = np.split((normal * scale + shift) @ joint + bias, 3, axis=-1)
    heads = []
    for part in (slice(0, 4), slice(4, 8)):
        likeness = query[..., part] @ key[..., part].transpose(0, 2, 1) / np.sqrt(4)
        heads.append(special.softmax(likeness, axis=-1) @ value[..., part])
    expected = flat + np.concatenate(heads, axis=-1) @ out + 1
    # Three products of matrices in float32, of numbers up to 50.
    np.testing.assert_allclose(found, expected.reshape(x.shape), rtol=1e-4, atol=1e-3)


def test_four_pixels_become_the_channels_of_one():
    x = np.arange(2 * 4 * 6 * 3, dtype=np.float32).reshape(2, 4, 6, 3)
    found = jax.jit(lite_fpn.four_as_one)(x)
    corners = [x[:, i::2, j::2] for i in (0, 1) for j in (0, 1)]
    np.testing.assert_array_equal(found, np.concatenate(corners, axis=-1))


def test_the_encoder_sees_gray_pixels():
    gray = np.arange(256, dtype=np.uint8)
    lab = jax.jit(cielab.rgb8_to_lab)(np.repeat(gray[:, None], 3, axis=1))
    found = jax.jit(lite_fpn.gray)(np.asarray(lab)[None, None, :, 0])[0, 0]
    # A level is 1/128; float32 through a cube and a power is off by 1e-4 levels.
    expected = (gray.astype(np.float32) - 127) / 128
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    assert efficientnet_lite.normalize(jnp.float32([255.0]))[0] == 1


def test_outputs_are_linear_in_the_features_and_see_the_whole_photograph(variables):
    network = _network(**SMALL)
    x = np.random.default_rng(0).uniform(0, 100, (1, 32, 64)).astype(np.float32)
    x = np.repeat(x, 2, axis=0)
    x[1, 0, 0] -= 40 * np.sign(x[0, 0, 0] - 50)

    @jax.jit
    def run(x):
        return network.apply(
            variables, x, train=False, method=network.outputs_and_features
        )

    y, features = run(x)
    head = variables["params"]["head"]
    expected = np.float64(features) @ np.float64(head["kernel"][0, 0])
    # Sums of 24 float32 products.
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-4)
    # One pixel in a corner reaches the opposite one, by the mean of the whole.
    assert np.abs(np.asarray(y)[0] - np.asarray(y)[1])[-1, -1].max() > 0
