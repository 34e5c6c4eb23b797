import jax
import numpy as np
import pytest
from sklearn import linear_model, metrics

from experiments.packed import other_encoder
from experiments.packed.other_encoder import Sums
from jaxcolor.color import cielab
from jaxcolor.models.efficientnet_lite import Size
from tests import tiny

OWN = Size(width=0.25, depth=0.25, pixels=32)


@pytest.fixture(scope="module")
def crops():
    random = np.random.RandomState(0)
    small = random.randint(0, 256, (32, 4, 4, 3)).astype(np.uint8)
    return np.kron(small, np.ones((1, 16, 16, 1), np.uint8))


def test_least_squares_are_those_of_scikit_learn():
    random = np.random.RandomState(0)
    x = random.normal(3, 2, (200, 7)) * np.arange(1, 8)
    y = x @ random.normal(0, 1, (7, 4)) + random.normal(1, 5, (200, 4))
    ones = np.concatenate([x, np.ones((200, 1))], axis=1)
    sums = Sums(ones.T @ ones, ones.T @ y, (y**2).sum(0))
    weights, explained = other_encoder.least_squares(sums)
    alpha = other_encoder.RIDGE * (x**2).sum() / 7
    wanted = linear_model.Ridge(alpha).fit(x, y)
    np.testing.assert_allclose(weights[:-1], wanted.coef_.T, rtol=1e-6)
    np.testing.assert_allclose(weights[-1], wanted.intercept_, rtol=1e-6)
    r2 = metrics.r2_score(y, wanted.predict(x), multioutput="variance_weighted")
    assert explained == pytest.approx(r2, abs=1e-9)


@pytest.mark.slow
def test_a_model_with_its_own_encoder_stays_the_same(crops, monkeypatch):
    monkeypatch.setattr(other_encoder, "RIDGE", 1e-9)
    old = tiny.model(tiny.LITE)
    encoder = old.variables["params"]["encoder"]
    new, explained = other_encoder.with_encoder(
        old, encoder, size=OWN, batches=[crops[:16], crops[16:]]
    )
    assert new.description == old.description
    assert min(explained.values()) > 0.999
    lightness = cielab.rgb8_to_lab(crops[:4])[..., 0]
    apply = jax.jit(
        lambda variables: old.network.apply(variables, lightness, train=False)
    )
    wanted, got = apply(old.variables), apply(new.variables)
    assert np.std(wanted) > 0.1
    assert np.abs(got - wanted).max() < 0.01 * np.std(wanted)


@pytest.mark.slow
def test_a_wider_encoder_explains_the_old_maps_in_part(crops):
    old = tiny.model(tiny.LITE)
    wide = tiny.LITE._replace(arguments=tiny.LITE.arguments | {"encoder_width": 0.5})
    encoder = tiny.model(wide).variables["params"]["encoder"]
    new, explained = other_encoder.with_encoder(
        old, encoder, size=Size(0.5, 0.25, pixels=32), batches=[crops]
    )
    assert new.description == wide
    assert set(explained) == set(other_encoder.JOINTS)
    assert all(0 < share <= 1 for share in explained.values())
    kept = old.variables["params"]["head"]["kernel"]
    np.testing.assert_array_equal(new.variables["params"]["head"]["kernel"], kept)


def test_another_network_is_refused(crops):
    with pytest.raises(ValueError, match="'zhang2016'; wanted 'lite_fpn'"):
        other_encoder.with_encoder(tiny.model(), {}, size=OWN, batches=[crops])


def test_an_existing_folder_is_refused_before_anything_is_read(tmp_path, capsys):
    flags = ["--encoder", "lite2", "--recipe", "none", "--photographs", "none"]
    with pytest.raises(SystemExit) as end:
        other_encoder.main([*flags, "-o", str(tmp_path)])
    assert end.value.code == 2
    assert "exists; not overwritten" in capsys.readouterr().err
