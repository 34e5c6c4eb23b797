"""Heads: the numbers by hand, and that every head offers what others ask of it."""

import jax
import numpy as np
import pytest
from scipy import special
from skimage import color

from jaxcolor.color import compose, heads
from jaxcolor.color.decode import Decoding
from jaxcolor.color.heads import Bins, Regression
from jaxcolor.color.sigmoid_uv import SigmoidUv

BINS = Bins(spacing=20.0, neighbors=5, sigma=10.0, training_lambda=1.0)
OF_BINS = Decoding(temperature=0.38, rebalancing_lambda=0.5, coherence=0.0)
OF_REGRESSION = Decoding(temperature=None, rebalancing_lambda=None, coherence=0.0)


@jax.jit
def moved(decoder, logits):
    return decoder.move(logits)


@jax.jit
def decoded(decoder, logits):
    return decoder.ab(decoder.move(logits))


def _prior():
    return np.random.default_rng(0).dirichlet(np.ones(BINS.outputs)).astype(np.float32)


@pytest.mark.parametrize(
    ("head", "decoding"),
    [(BINS, OF_BINS), (Regression(), OF_REGRESSION), (SigmoidUv(), OF_REGRESSION)],
)
def test_a_head_survives_its_stored_fields_and_offers_all(head, decoding):
    again = heads.BY_NAME[heads.name_of(head)](**head._asdict())
    assert type(again) is type(head)
    assert again == head
    assert isinstance(head, heads.Head)
    assert isinstance(head.decoder(decoding, _prior()), heads.Decoder)
    head.check_decoding(decoding)


def test_the_last_bias_starts_at_the_best_constant_prediction():
    prior = np.array([0.7, 0.2, 0.1, 0.0], np.float32)
    bias = BINS.bias(prior)
    # Without rebalancing the log prior, up to a constant; empty bins are floored.
    np.testing.assert_allclose(bias[:3], np.log(prior[:3]), rtol=1e-5)
    assert np.isfinite(bias).all()
    assert bias[3] < -15
    # Fully rebalanced every color that occurs is as likely.
    even = BINS._replace(training_lambda=0.0).bias(prior)
    np.testing.assert_allclose(even[:3], np.log(1 / 3))
    assert Regression().bias(None).tolist() == [0, 0]


def test_a_decoder_moves_the_posterior_before_it_anneals():
    prior, logits = _prior(), np.random.default_rng(1).normal(size=BINS.outputs)
    decoder = BINS.decoder(OF_BINS, prior)
    found = decoded(decoder, np.float32(logits))
    # Weights of lambda 1 are equal, so those of lambda 1/2 alone are moved to.
    weights = 1 / (0.5 * prior.astype(np.float64) + 0.5 / BINS.outputs)
    sharp = special.softmax((logits + np.log(weights)) / 0.38)
    # float32.
    np.testing.assert_allclose(found, sharp @ BINS.gamut.centers, atol=1e-3)


def test_a_regression_has_no_use_for_a_threshold_or_a_temperature():
    with pytest.raises(ValueError, match=r"gray_threshold is 5\.0; wanted none"):
        Regression().make_terms(None, gray_threshold=5.0)
    with pytest.raises(ValueError, match="predicts ab itself"):
        Regression().check_decoding(OF_BINS)


def test_a_head_with_bins_needs_a_temperature():
    with pytest.raises(ValueError, match="temperature is missing; wanted one"):
        BINS.check_decoding(OF_BINS._replace(temperature=None))


def test_without_a_lambda_a_posterior_is_decoded_as_it_was_trained():
    logits = np.float32(np.random.default_rng(5).normal(size=(3, BINS.outputs)))
    decoder = BINS.decoder(OF_BINS._replace(rebalancing_lambda=None), None)
    np.testing.assert_array_equal(moved(decoder, logits), logits)
    sharp = special.softmax(np.float64(logits) / OF_BINS.temperature, axis=-1)
    # float32.
    found = decoded(decoder, logits)
    np.testing.assert_allclose(found, sharp @ BINS.gamut.centers, atol=1e-3)


def test_a_composition_keeps_the_lightness_of_colors_outside_srgb():
    lightness = np.linspace(5, 95, 64, dtype=np.float32).reshape(8, 8)
    rgb = jax.jit(compose.rgb)(lightness, np.full((8, 8, 2), 100, np.float32))
    # No color of sRGB has this chroma. Clipping channels alone is 20 off; the gamut's
    # tolerance of 1e-5 leaves 1e-2.
    lab = color.rgb2lab(np.asarray(rgb))
    np.testing.assert_allclose(lab[..., 0], lightness, atol=2e-2)


def test_pictures_are_rounded_to_the_nearest_level():
    lightness = np.full((1, 4, 4), 53.585, np.float32)
    cells = np.zeros((1, 1, 1, 2), np.float32)
    pictures = jax.jit(compose.pictures)(lightness, cells)
    # L* 53.585 is the gray of level 128.
    assert np.unique(pictures).tolist() == [128]
