"""The study of training against reweighting."""

import json
from functools import partial

import jax
import numpy as np
import pytest
from scipy import stats

from experiments import rebalancing
from jaxcolor.color import encode, gamut, rebalance
from jaxcolor.data import sources
from tests import tiny

class_weights = jax.jit(partial(rebalance.class_weights, rebalancing_lambda=0.5))


@pytest.fixture(scope="module")
def models():
    """One each, that differ in no more than what they say they were trained for."""
    lambdas = (rebalancing.PLAIN, rebalancing.WANTED)
    return {x: [tiny.model(tiny.trained_under(x))] for x in lambdas}


def test_an_estimate_is_a_mean_of_ratios():
    first = np.array([[2.0, 1.0], [4.0, 1.0]])
    second = np.array([[9.0, 3.0], [0.0, 3.0]])
    value, low, high = rebalancing.estimate([first, second])
    assert value == pytest.approx((3.0 + 1.5) / 2)
    assert low <= value <= high
    apart, *_ = rebalancing.estimate([first], [second])
    assert apart == pytest.approx(3.0 - 1.5)
    # The same photographs are drawn for both: what is alike cancels.
    assert rebalancing.estimate([first], [first]) == pytest.approx((0, 0, 0))


def test_the_rebalanced_auc_is_a_ratio_of_sums():
    numbers = {"rebalanced_error": [30.0, 60.0], "rebalanced_pixels": [1.0, 2.0]}
    columns = rebalancing.columns_of(numbers, "rebalanced_auc", numbers)
    value, *_ = rebalancing.estimate([columns])
    assert value == pytest.approx(100 * (1 - 90 / (150 * 3)))


@pytest.mark.slow
def test_a_posterior_that_is_moved_has_the_logits_of_the_weights(models):
    # Both models have the same network: one trained at 1 and decoded with 0.5, one
    # trained at 0.5 and decoded with 1.
    measured = rebalancing.readings(models)
    lightness = np.linspace(0, 100, 16 * 16, dtype=np.float32).reshape(1, 16, 16)
    given = jax.device_put((lightness, np.zeros(1, int)))
    own, moved, plain, back = (
        np.asarray(measured[f"{arm}, 0"].answer(*given).logits)
        for arm in rebalancing.ARMS
    )
    weights = class_weights(models[1.0][0].prior)
    np.testing.assert_allclose(own, plain, rtol=1e-6)
    change = np.broadcast_to(np.log(weights), moved.shape)
    np.testing.assert_allclose(moved - plain, change, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(back - own, -change, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_the_study_on_any_photographs(models, photo_folder):
    source = sources.open_source(photo_folder)
    found = rebalancing.study(
        models, source, size=32, name="photos", on_done=lambda n: None
    )
    json.dumps(found)
    text = rebalancing.markdown(found)
    assert all(arm.label in text for arm in rebalancing.ARMS)
    assert all(band in text for band in rebalancing.bands())
    drawn = rebalancing.figures(found)
    assert set(drawn) == {"chroma.png", "frontier.png", "vividness.png"}
    # A model decoded with the lambda of an arm has the numbers of the arm.
    at = rebalancing.LAMBDAS.index(rebalancing.WANTED)
    for trained in ("0.5", "1"):
        swept = found["by lambda"][f"trained at {trained}, training 0"]
        arm = found["arms"][f"trained at {trained}, read at 0.5"]
        for key, numbers in swept.items():
            assert numbers[at] == pytest.approx(arm[key][0], rel=1e-4)
    for unit in ("nats", "ab"):
        value, low, high = found["soft codes"][f"certain, {unit}"]
        assert 0 < low <= value <= high


@pytest.mark.slow
def test_one_code_is_moved_as_scipy_says(models, photographs, monkeypatch):
    model = models[rebalancing.WANTED][0]
    # A photograph of one color.
    color = np.zeros((32, 32, 3), np.uint8) + np.uint8([200, 60, 40])

    class One:
        rgb = color[None]

    monkeypatch.setattr(
        rebalancing.protocols, "batches", lambda *_: iter([(One, None, 1)])
    )
    found = rebalancing.soft_codes(model, [], size=32)
    bins = gamut.from_srgb(spacing=10.0)
    from skimage import color as skimage_color

    ab = skimage_color.rgb2lab(color)[0, 0, 1:]

    @jax.jit
    def encoded(ab):
        code = encode.soft_encode(ab, bins, neighbors=10, sigma=5.0)
        return encode.densify(code, bins=len(bins.centers))

    dense = np.asarray(encoded(np.float32(ab)), np.float64)
    weights = np.asarray(class_weights(model.prior))
    moved = dense * weights / (dense * weights).sum()
    seen = dense > 0
    wanted = stats.entropy(dense[seen], moved[seen])
    assert found["certain, nats"][0] == pytest.approx(wanted, rel=1e-3)
    # Where all pixels are one color the best constant is its code as well.
    assert found["constant, nats"][0] == pytest.approx(wanted, rel=1e-3)
    assert found["certain, ab"][0] == pytest.approx(found["constant, ab"][0], rel=1e-3)
