"""LPIPS: against its definition in SciPy, and the package of its authors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy
from scipy import signal

from jaxcolor.evaluation.judges import lpips
from jaxcolor.models import vgg16
from jaxcolor.pretrained.importers import vgg16_weights

WIDTHS, SIZE = (2, 3, 4, 3, 2), 16
# The mean and deviation that LPIPS gives colors in [-1, 1].
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)


def convolutions(widths, seed=0):
    """Convolutions by torchvision's names."""
    random = np.random.default_rng(seed)
    state, last = {}, 3
    for name, position in vgg16_weights.CONVS.items():
        width = widths[int(name[4]) - 1]
        weight = random.normal(size=(width, last, 3, 3)) * np.sqrt(2 / 9 / last)
        state[f"features.{position}.weight"] = weight.astype(np.float32)
        # Positive, so that few channels are dark everywhere.
        state[f"features.{position}.bias"] = random.random(width, np.float32) / 5
        last = width
    return state


def linears(widths, seed=1):
    """Linear weights by the names of the package lpips."""
    random = np.random.default_rng(seed)
    return {
        f"lin{n}.model.1.weight": random.random((1, width, 1, 1), np.float32)
        for n, width in enumerate(widths)
    }


def write(path, state):
    safetensors.numpy.save_file(state, path)
    return path


@pytest.fixture
def small(monkeypatch, tmp_path):
    """Files of a network with few channels, accepted as if it were the real one."""
    monkeypatch.setattr(lpips, "WIDTHS", WIDTHS)
    return (
        write(tmp_path / "vgg16.safetensors", convolutions(WIDTHS)),
        write(tmp_path / "linear.safetensors", linears(WIDTHS)),
    )


def _pictures(count=2, size=SIZE):
    return np.random.default_rng(2).random((2, count, size, size, 3), np.float32)


def _maps(state, rgb):
    """The five maps of one picture, channels first, in float64."""
    x = np.moveaxis((2 * rgb.astype(np.float64) - 1 - SHIFT) / SCALE, -1, 0)
    maps = []
    for name, position in vgg16_weights.CONVS.items():
        if maps and name.endswith("_1"):
            x = np.max([x[:, i::2, j::2] for i in (0, 1) for j in (0, 1)], axis=0)
        weight = state[f"features.{position}.weight"].astype(np.float64)
        bias = state[f"features.{position}.bias"]
        pairs = zip(weight, bias, strict=True)
        x = np.stack([_correlated(x, kernels) + b for kernels, b in pairs]).clip(0)
        if name in ("conv1_2", "conv2_2", "conv3_3", "conv4_3", "conv5_3"):
            maps.append(x)
    return maps


def _correlated(x, kernels):
    pairs = zip(x, kernels, strict=True)
    return sum(signal.correlate2d(channel, k, "same") for channel, k in pairs)


def _defined(rgb, other):
    """Equation 1 of the paper."""
    whole = 0.0
    pairs = zip(*(_maps(convolutions(WIDTHS), x) for x in (rgb, other)), strict=True)
    for (one, two), weight in zip(pairs, linears(WIDTHS).values(), strict=True):
        one, two = (x / (np.linalg.norm(x, axis=0) + 1e-10) for x in (one, two))
        whole += (weight[0] * np.square(one - two)).sum(axis=0).mean()
    return whole


def test_distance_is_that_of_the_definition(small):
    rgb, others = _pictures()
    found = lpips.distance(lpips.read(*small), jnp.asarray(rgb), jnp.asarray(others))
    expected = [_defined(*pair) for pair in zip(rgb, others, strict=True)]
    # 13 layers of float32 sums.
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_equal_pictures_are_at_zero_and_order_does_not_matter(small):
    network = lpips.read(*small)
    rgb, others = jnp.asarray(_pictures())
    # Even black ones, whose features might all be zero.
    rgb = rgb.at[0].set(0)
    # float32: the two of a pair may be summed in another order.
    assert np.all(lpips.distance(network, rgb, rgb) < 1e-12)
    # float32.
    np.testing.assert_allclose(
        lpips.distance(network, rgb, others),
        lpips.distance(network, others, rgb),
        rtol=1e-5,
    )


def test_weights_are_no_constants_of_the_compiled_function(small):
    """The real ones have 59 megabytes."""
    rgb = jax.ShapeDtypeStruct((2, SIZE, SIZE, 3), jnp.float32)
    network = lpips.read(*small)
    traced = jax.make_jaxpr(lpips.distance)(network, rgb, rgb)
    inside = [x.size for x in traced.consts if x.size > 3]
    assert inside == []
    assert len(traced.in_avals) == len(jax.tree.leaves(network)) + 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lin3.model.1.weight": None}, r"linear.*lacks lin3\.model\.1\.weight; want"),
        (
            {"lin2.model.1.weight": np.ones((1, 7, 1, 1), np.float32)},
            r"linear.*lin2.* has shape \(1, 7, 1, 1\); wanted \(1, 4, 1, 1\)",
        ),
    ],
)
def test_other_linear_weights_are_refused(small, changes, message):
    features, linear = small
    state = linears(WIDTHS) | changes
    write(linear, {name: x for name, x in state.items() if x is not None})
    with pytest.raises(ValueError, match=message):
        lpips.read(features, linear)


def test_other_features_are_refused(small, monkeypatch):
    features, linear = small
    with pytest.raises(ValueError, match=r"linear.* lacks features\.0\.weight"):
        lpips.read(linear, features)
    state = convolutions(WIDTHS)
    state["features.7.weight"] = state["features.7.weight"][:, :1]
    write(features, state)
    with pytest.raises(ValueError, match=r"vgg16.* misshapen: conv2_2"):
        lpips.read(features, linear)
    monkeypatch.setattr(lpips, "WIDTHS", vgg16.WIDTHS)
    write(features, convolutions(WIDTHS))
    with pytest.raises(ValueError, match=r"vgg16.*\(2, 3, 4, 3, 2\) chan.*\(64, 128"):
        lpips.read(features, linear)
