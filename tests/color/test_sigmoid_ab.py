"""Ab through a sigmoid: its loss and its colors by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special

from jaxcolor.color import heads
from jaxcolor.color.decode import Decoding
from jaxcolor.color.sigmoid_ab import SigmoidAb

HEAD = SigmoidAb()
DECODING = Decoding(temperature=None, rebalancing_lambda=None, coherence=0.0)


def _lab():
    return np.random.default_rng(0).uniform((0, -60, -90), (100, 80, 60), (5, 4, 3))


def test_it_offers_what_every_head_does():
    assert heads.BY_NAME[heads.name_of(HEAD)](**HEAD._asdict()) == HEAD
    assert isinstance(HEAD, heads.Head)
    assert isinstance(HEAD.decoder(DECODING, None), heads.Decoder)
    HEAD.check_decoding(DECODING)


def test_the_loss_is_the_mean_square_in_the_unit_interval():
    lab, outputs = _lab(), np.random.default_rng(1).normal(size=(5, 4, 2))
    terms = HEAD.make_terms(None, gray_threshold=None)
    found = jax.jit(terms)(jnp.float32(outputs), jnp.float32(lab))["loss"]
    predicted, target = special.expit(outputs), lab[..., 1:] / 200 + 0.5
    # float32.
    np.testing.assert_allclose(found, np.mean((predicted - target) ** 2), rtol=1e-5)


def test_the_constant_loss_is_the_variance():
    lab = _lab()
    terms = HEAD.make_terms(None, gray_threshold=None)
    means = jax.jit(terms)(jnp.zeros((5, 4, 2)), jnp.float32(lab))
    wanted = (lab[..., 1:] / 200).reshape(-1, 2).var(axis=0).mean()
    # float32.
    np.testing.assert_allclose(HEAD.constant_loss(means), wanted, rtol=1e-5)


def test_the_decoder_turns_the_loss_to_zero():
    lab = _lab()
    # What the paper's ab = 100 (2 s - 1) gives, solved for the logit of s.
    outputs = special.logit(0.5 * (lab[..., 1:] / 100 + 1))
    decoder = HEAD.decoder(DECODING, None)
    found = decoder.ab(decoder.move(jnp.float32(outputs)))
    # float32 of colors of about a hundred.
    np.testing.assert_allclose(found, lab[..., 1:], atol=1e-4)
    terms = HEAD.make_terms(None, gray_threshold=None)
    assert terms(jnp.float32(outputs), jnp.float32(lab))["loss"] < 1e-12


def test_the_last_bias_starts_gray():
    decoder = HEAD.decoder(DECODING, None)
    assert np.abs(decoder.ab(jnp.asarray(HEAD.bias(None)))).max() == 0


@pytest.mark.parametrize("name", ["temperature", "rebalancing_lambda"])
def test_settings_of_a_distribution_are_refused(name):
    message = f"^{name} is 0.5; wanted none, as the model predicts ab itself$"
    with pytest.raises(ValueError, match=message):
        HEAD.check_decoding(DECODING._replace(**{name: 0.5}))


def test_a_threshold_for_gray_photographs_is_refused():
    with pytest.raises(ValueError, match=r"^gray_threshold is 5.0; wanted none"):
        HEAD.make_terms(None, gray_threshold=5.0)
