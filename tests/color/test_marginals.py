"""The heads of two distributions, against SciPy and cases worked by hand."""

import colorsys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special, stats
from skimage import color

from jaxcolor.color import heads, marginals
from jaxcolor.color.decode import Decoding
from jaxcolor.color.marginals import AbMarginals, HueChroma

HUE_CHROMA = HueChroma(bins=32, window=1, hue_weight=5.0, fading=0.96)
AB = AbMarginals(bins=32, sigma=25.0)
NONE = Decoding(temperature=None, rebalancing_lambda=None, coherence=0.0)
BOTH = pytest.mark.parametrize("head", [HUE_CHROMA, AB], ids=["hue_chroma", "ab"])


# Compiled as a whole, each takes a fraction of the time of its operations.
_targets = jax.jit(lambda head, lab: head.targets(lab), static_argnums=0)
_ab = jax.jit(lambda decoder, *given: decoder.ab(decoder.move(given[0]), *given[1:]))
_terms = jax.jit(
    lambda head, *given: head.make_terms(None, gray_threshold=None)(*given),
    static_argnums=0,
)


def _lab(*rgb):
    """Returns a row of cells."""
    return np.float32(color.rgb2lab(np.array([rgb], float)))


@BOTH
def test_a_head_survives_its_stored_fields_and_offers_all(head):
    again = heads.BY_NAME[heads.name_of(head)](**head._asdict())
    assert type(again) is type(head)
    assert again == head
    assert isinstance(head, heads.Head)
    assert isinstance(head.decoder(NONE, None), heads.Decoder)
    head.check_decoding(NONE)
    assert head.bias(None).shape == (head.outputs,) == (64,)


@BOTH
@pytest.mark.parametrize("name", ["temperature", "rebalancing_lambda"])
def test_settings_of_a_distribution_over_the_plane_are_refused(head, name):
    with pytest.raises(ValueError, match=rf"{name} is 0\.5; wanted none, as the model"):
        head.check_decoding(NONE._replace(**{name: 0.5}))


@BOTH
def test_a_threshold_of_gray_photographs_is_refused(head):
    with pytest.raises(ValueError, match=r"gray_threshold is 5\.0; wanted none"):
        head.make_terms(None, gray_threshold=5.0)


def test_targets_are_the_bins_of_hue_and_chroma():
    # Red, green, blue, a gray, and a color of hue 0.6 and chroma 0.4.
    colors = [(1, 0, 0), (0, 1, 0), (0, 0, 1), (0.5, 0.5, 0.5)]
    colors.append(colorsys.hsv_to_rgb(0.6, 0.5, 0.8))
    codes, weights = jax.device_get(_targets(HUE_CHROMA, _lab(*colors)))
    assert codes.shape == (1, 5, 2, 32)
    assert (codes.sum(axis=-1) == 1).all()
    found = codes.argmax(axis=-1)[0]
    # 32 / 3 = 10.7, 64 / 3 = 21.3, 0.6 * 32 = 19.2, 0.4 * 32 = 12.8.
    assert found[1:, 0].tolist() == [10, 21, 0, 19]
    # The hue of red may round to just below 1.
    assert found[0, 0] in (0, 31)
    assert found[:, 1].tolist() == [31, 31, 31, 0, 12]
    # Five times chroma; CIELAB in float32 gives it back within some 1e-5.
    np.testing.assert_allclose(weights[0, :, 0], [5, 5, 5, 0, 2], atol=1e-3)


@pytest.mark.parametrize(
    ("gray", "weight"), [(0.0, 0), (0.2, 0.6), (0.5, 1), (0.9, 0.3), (1.0, 0)]
)
def test_the_weight_of_chroma_falls_to_0_at_black_and_at_white(gray, weight):
    _, weights = _targets(HUE_CHROMA, _lab((gray, gray, gray)))
    # float32 levels from L*.
    assert float(np.asarray(weights)[0, 0, 1]) == pytest.approx(weight, abs=1e-3)


def test_a_window_gives_the_histogram_of_its_cells():
    indices = np.random.default_rng(0).integers(0, 4, (5, 6, 2))
    histograms = jax.jit(marginals.histograms, static_argnames=("bins", "window"))
    found = np.asarray(histograms(indices, bins=4, window=3))
    for row in range(5):
        for column in range(6):
            inside = indices[
                max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2
            ].reshape(-1, 2)
            for n in (0, 1):
                wanted = np.bincount(inside[:, n], minlength=4) / len(inside)
                np.testing.assert_allclose(found[row, column, n], wanted, rtol=1e-6)


def _random(head, *, seed=0):
    random = np.random.default_rng(seed)
    rgb = random.uniform(0, 1, (5, 6, 3))
    outputs = random.normal(size=(5, 6, head.outputs))
    return np.float32(outputs), np.float32(color.rgb2lab(rgb))


@pytest.mark.parametrize("window", [1, 3])
def test_the_loss_is_the_weighted_divergence_of_scipy(window):
    head = HUE_CHROMA._replace(window=window)
    outputs, lab = _random(head)
    codes, weights = _targets(head, lab)
    probs = special.softmax(np.asarray(outputs, float).reshape(5, 6, 2, 32), axis=-1)
    divergence = stats.entropy(np.asarray(codes, float), probs, axis=-1)
    found = _terms(head, outputs, lab)
    # float32 logarithms.
    wanted = (np.asarray(weights) * divergence).sum(axis=-1).mean()
    assert float(found["loss"]) == pytest.approx(wanted, rel=1e-4)
    assert float(found["kl"]) == pytest.approx(divergence.sum(-1).mean(), rel=1e-4)


@pytest.mark.parametrize("head", [HUE_CHROMA, HUE_CHROMA._replace(window=3), AB])
def test_no_constant_outputs_have_a_smaller_loss_than_the_constant_loss(head):
    _, lab = _random(head)

    @jax.jit
    @jax.value_and_grad
    def loss(constant):
        outputs = jnp.broadcast_to(constant, (5, 6, head.outputs))
        return _terms(head, outputs, lab)["loss"]

    means = _terms(head, np.zeros((5, 6, head.outputs), np.float32), lab)
    # The logarithm of the mean weighted target is the best; empty bins are floored.
    best = np.log(np.maximum(means["weighted_code"], 1e-12)).reshape(-1)
    wanted = float(jax.jit(head.constant_loss)(means))
    found, slope = loss(best)
    assert float(found) == pytest.approx(wanted, rel=1e-4)
    # No better constant: the loss is convex, and has no slope there.
    np.testing.assert_allclose(slope, 0, atol=1e-5)


def test_a_certain_prediction_gives_the_color_back_within_half_a_bin():
    # Colors of many hues, at medium chroma and lightness: sRGB has all of them still
    # when hue and chroma move by half a bin.
    rgb = np.array([colorsys.hsv_to_rgb(h, 0.6, 0.7) for h in np.linspace(0, 1, 41)])
    lab = color.rgb2lab(rgb[None])
    codes, _ = _targets(HUE_CHROMA, np.float32(lab))
    outputs = 1000 * np.asarray(codes).reshape(1, 41, 64)
    lightness = np.float32(lab[..., 0])
    ab = _ab(HUE_CHROMA.decoder(NONE, None), outputs, lightness)
    again = np.concatenate([lab[..., :1], ab], axis=-1)
    hue, saturation, value = np.moveaxis(color.rgb2hsv(color.lab2rgb(again)), -1, 0)
    wanted = color.rgb2hsv(rgb[None])[..., 0]
    around = np.abs((hue - wanted + 0.5) % 1 - 0.5)
    # And what float32 and the match of lightness add.
    assert around.max() < 1 / 64 + 1e-3
    assert np.abs(saturation * value - 0.42).max() < 1 / 64 + 1e-3


def test_colors_fade_where_hues_disagree():
    # Two hues a third of the circle apart have a resultant of cos(60 degrees) = 1/2.
    hues = np.full(30, -1e3)
    hues[[2, 12]] = 0.0
    chromas = np.full(30, -1e3)
    chromas[14] = 0.0
    outputs = np.float32(np.concatenate([hues, chromas]))
    lightness = np.float32(60)

    def chroma(fading):
        head = HueChroma(bins=30, window=1, hue_weight=5.0, fading=fading)
        ab = _ab(head.decoder(NONE, None), outputs, lightness)
        hsv = color.rgb2hsv(color.lab2rgb(np.array([60.0, *np.asarray(ab)])))
        assert hsv[0] == pytest.approx(7.5 / 30, abs=1e-3)
        return hsv[1] * hsv[2]

    assert chroma(0.0) == pytest.approx(14.5 / 30, abs=1e-3)
    assert chroma(0.96) == pytest.approx(14.5 / 30 * 0.5 / 0.96, abs=1e-3)
    assert chroma(0.4) == pytest.approx(14.5 / 30, abs=1e-3)


def test_hue_and_chroma_need_a_lightness():
    with pytest.raises(ValueError, match="lightness is None; wanted L"):
        HUE_CHROMA.decoder(NONE, None).ab(jnp.zeros(64))


def test_a_start_of_zeros_is_gray():
    outputs = HUE_CHROMA.bias(None)
    ab = _ab(HUE_CHROMA.decoder(NONE, None), outputs, np.float32(50))
    # A resultant of float32 rounding is left.
    np.testing.assert_allclose(ab, 0, atol=0.05)


def test_bins_of_a_and_b_are_quantiles_of_a_gaussian():
    gaussian = stats.norm(0, 25)
    np.testing.assert_allclose(AB.edges, gaussian.ppf(np.arange(1, 32) / 32), rtol=1e-5)
    wanted = gaussian.ppf((np.arange(32) + 0.5) / 32)
    np.testing.assert_allclose(AB.centers, wanted, rtol=1e-5)


def test_a_and_b_fall_into_their_bins():
    # Just on either side of 0, and beyond the outermost edges, at 46.6.
    lab = np.float32([[[50, 0.1, -0.1], [50, -80, 80], [50, 46, 47]]])
    codes, weights = jax.device_get(_targets(AB, lab))
    assert codes.argmax(axis=-1)[0].tolist() == [[16, 15], [0, 31], [30, 31]]
    assert (codes.sum(axis=-1) == 1).all()
    assert (weights == 1).all()


def test_a_and_b_are_decoded_by_their_expectations():
    outputs = np.random.default_rng(0).normal(size=(3, 64))
    found = _ab(AB.decoder(NONE, None), np.float32(outputs))
    probs = special.softmax(outputs.reshape(3, 2, 32), axis=-1)
    centers = stats.norm(0, 25).ppf((np.arange(32) + 0.5) / 32)
    # float32 sums of numbers up to 54.
    np.testing.assert_allclose(found, probs @ centers, atol=1e-4)
