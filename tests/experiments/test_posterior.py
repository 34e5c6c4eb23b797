import numpy as np
import pytest
from scipy import stats

from experiments import posterior
from jaxcolor.data import sources
from jaxcolor.pretrained import release


def test_the_best_constant_is_the_mean_code():
    rng = np.random.default_rng(0)
    codes = rng.dirichlet(np.ones(5), size=(4, 9))
    weights = rng.uniform(0.5, 3.0, (4, 9, 1))
    sums = posterior.Sums(
        loss=np.full(4, 2.0),
        divergence=np.full(4, 0.25),
        entropy=stats.entropy(codes, axis=-1).mean(axis=1),
        code=codes.mean(axis=1),
        weighted_code=(codes * weights).mean(axis=1),
    )
    found = posterior.summary(sums)
    mean = codes.reshape(-1, 5).mean(axis=0)
    divergence = stats.entropy(codes.reshape(-1, 5), mean, axis=-1).mean()
    assert found.constant_divergence[0] == pytest.approx(divergence)
    assert found.gained[0] == pytest.approx(divergence - 0.25)
    weighted = (codes * weights).reshape(-1, 5).mean(axis=0)
    best = weighted / weighted.sum()
    assert found.constant_loss[0] == pytest.approx(-(weighted * np.log(best)).sum())
    for value, low, high in found:
        assert low <= value <= high


@pytest.mark.slow
def test_the_bundled_model_is_measured(photo_folder):
    found = posterior.measure(
        release.load(release.BUNDLED),
        sources.open_source(photo_folder),
        size=64,
        is_quiet=True,
    )
    # The constant is the best one on these seven photographs, which the
    # bundled model never saw.
    assert 0 < found.divergence[0] < 2 * found.constant_divergence[0]
    assert found.gained[0] == pytest.approx(
        found.constant_divergence[0] - found.divergence[0], abs=1e-6
    )
    assert "bundled" in posterior.markdown({"bundled": found})
