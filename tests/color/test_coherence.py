"""Coherent colors, against loops over cells and pixels in double precision."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcolor.color import affinity, coherence, compose

# Cells of a map, and how many of them are no padding.
MAPS = [((21, 19), (18, 13)), ((40, 36), (40, 36)), ((3, 5), (2, 5)), ((1, 1), (1, 1))]
# Fewer components than the features have would be another function.
ALL = coherence.DIFFUSION._replace(components=64)


def _map(size, valid, *, seed=0, channels=12):
    rng = np.random.default_rng(seed)
    inside = np.zeros(size, bool)
    inside[: valid[0], : valid[1]] = True
    return {
        "ab": rng.normal(size=(*size, 2)).astype(np.float32) * 20,
        "features": rng.exponential(size=(*size, channels)).astype(np.float32),
        "lightness": rng.uniform(40, 60, size).astype(np.float32),
        "inside": inside,
    }


@jax.jit
def _diffuse(ab, features, lightness, inside, amount):
    given = {"lightness": lightness, "inside": inside, "coherence": amount}
    return coherence.diffuse(ab, features, **given, settings=ALL)


@jax.jit
def _guided(ab, lightness, inside, share):
    given = {"inside": inside, "radius": 1, "epsilon": 1e-3}
    return coherence.guided(ab, lightness, share=share, **given)


@jax.jit
def _colors(ab, features, lightness, inside):
    given = {"lightness": lightness, "inside": inside, "coherence": 1.0}
    return coherence.colors(ab, features, **given)


_at_lightness = jax.jit(coherence.at_lightness)


def _diffused_by_loops(ab, features, lightness, inside, amount):
    features = features.astype(np.float64) - features[inside].mean(axis=0, dtype=float)
    length = np.linalg.norm(features, axis=-1, keepdims=True)
    unit = np.divide(features, length, where=length > 0, out=np.zeros_like(features))
    ab, lightness = ab.astype(np.float64), lightness.astype(np.float64)
    for d in (16, 8, 4, 2, 1):
        before = ab.copy()
        for here in np.argwhere(inside):
            total, whole = before[*here], 1.0
            for step in np.ndindex(3, 3):
                there = here + d * (np.array(step) - 1)
                if step == (1, 1) or (there < 0).any() or (there >= ab.shape[:2]).any():
                    continue
                if not inside[*there]:
                    continue
                cosine = unit[*here] @ unit[*there]
                apart = lightness[*here] - lightness[*there]
                weight = amount * 4 * np.exp(5 * (cosine - 1) - apart**2 / 72)
                total, whole = total + weight * before[*there], whole + weight
            ab[*here] = total / whole
    return ab


def _guided_by_loops(ab, lightness, inside):
    """The coefficients of He and Sun's algorithm 2, for lightness in [0, 1]."""
    guide, ab = lightness.astype(np.float64) / 100, ab.astype(np.float64)
    slopes, offsets = np.zeros_like(ab), np.zeros_like(ab)

    def windows():
        for row, column in np.argwhere(inside):
            window = np.s_[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
            yield row, column, window

    for row, column, window in windows():
        x, y = guide[window][inside[window]], ab[window][inside[window]]
        covariance = (x[:, None] * y).mean(axis=0) - x.mean() * y.mean(axis=0)
        slopes[row, column] = covariance / (x.var() + 1e-3)
        offsets[row, column] = y.mean(axis=0) - slopes[row, column] * x.mean()
    found = []
    for each in (slopes, offsets):
        mean = np.zeros_like(ab)
        for row, column, window in windows():
            mean[row, column] = each[window][inside[window]].mean(axis=0)
        found.append(mean)
    return found


@pytest.mark.parametrize(("size", "valid"), MAPS)
@pytest.mark.parametrize("amount", [1.0, 0.3])
def test_diffusion_is_that_of_a_loop_over_cells(size, valid, amount):
    given = _map(size, valid)
    inside = given["inside"]
    found = np.asarray(_diffuse(*given.values(), amount))
    assert np.isfinite(found).all()
    wanted = _diffused_by_loops(*given.values(), amount)
    # Five passes in float32, ab up to 100.
    np.testing.assert_allclose(found[inside], wanted[inside], atol=3e-4)


@pytest.mark.parametrize(("size", "valid"), MAPS)
def test_the_guided_filter_is_that_of_a_loop_over_windows(size, valid):
    given = _map(size, valid)
    ab, lightness, inside = given["ab"], given["lightness"], given["inside"]
    colors = _guided(ab, lightness, inside, 0.4)
    slopes, offsets = _guided_by_loops(ab, lightness, inside)
    for level in (0.0, 50.0, 100.0):
        found = np.asarray(_at_lightness(colors, np.full(size, level, np.float32)))
        wanted = 0.6 * ab + 0.4 * (slopes * level / 100 + offsets)
        # Slopes of up to some hundred a unit, of variances that cancel in float32.
        np.testing.assert_allclose(found[inside], wanted[inside], atol=2e-3)
    assert np.isfinite(colors).all()


def test_padding_and_what_is_beyond_the_map_change_nothing():
    small, large = _map((13, 10), (13, 10)), _map((32, 24), (13, 10), seed=1)
    for name in ("ab", "features", "lightness"):
        large[name][:13, :10] = small[name]
    # The components of features have another sign at times: of them all, or of none.
    found, expected = (np.asarray(_colors(**one)) for one in (large, small))
    # float32, of sums in another order, with slopes as above.
    np.testing.assert_allclose(found[:13, :10], expected, atol=2e-3)


def test_two_objects_keep_their_colors_and_noise_goes():
    rng = np.random.default_rng(0)
    left = np.arange(32)[None] < np.full((32, 1), 16)
    true = np.where(left[..., None], [40.0, 10.0], [-20.0, 30.0])
    noisy = (true + rng.normal(0, 10, true.shape)).astype(np.float32)
    # One dimension tells the objects apart; lightness does not.
    features = np.where(left[..., None], [5.0, 1.0], [1.0, 5.0]).astype(np.float32)
    nowhere = np.full((32, 32), 50, np.float32)
    found = _diffuse(noisy, features, nowhere, np.full((32, 32), True), 1.0)
    assert np.abs(found - true).mean() < 0.2 * np.abs(noisy - true).mean()


def test_principal_axes_span_what_the_singular_vectors_span():
    rng = np.random.default_rng(0)
    # Variances that fall by half from axis to axis, as features' do or faster.
    features = rng.normal(size=(300, 30)) * 0.5 ** (np.arange(30) / 2)
    features @= np.linalg.qr(rng.normal(size=(30, 30)))[0]
    _, values, right = np.linalg.svd(features, full_matrices=False)
    product = (features.T @ features).astype(np.float32)
    principal_axes = functools.partial(affinity.principal_axes, count=16)
    axes = np.asarray(jax.jit(principal_axes)(product))
    # float32.
    np.testing.assert_allclose(axes.T @ axes, np.eye(16), atol=1e-5)
    kept = np.square(features @ axes).sum()
    most = np.square(values[:16]).sum()
    assert 0.999 * most < kept < 1.00001 * most
    # The first half, far above the rest, is all in; four iterations.
    inside = np.linalg.norm(right[:8] @ axes, axis=1)
    np.testing.assert_allclose(inside, 1, atol=1e-3)


@pytest.mark.parametrize("level", [0.0, 7.5])
def test_features_without_any_difference_are_of_no_harm(level):
    given = _map((9, 9), (9, 9)) | {"features": np.full((9, 9, 20), level, np.float32)}
    assert np.isfinite(_colors(**given)).all()


def test_derivatives_are_finite():
    given = _map((9, 9), (7, 8), channels=8) | {"features": np.zeros((9, 9, 8), "f4")}

    def total(ab, features, lightness):
        return _colors(ab, features, lightness, given["inside"]).sum()

    three = [given[k] for k in ("ab", "features", "lightness")]
    for slope in jax.jit(jax.grad(total, argnums=(0, 1, 2)))(*three):
        assert np.isfinite(slope).all()


def test_colors_without_lightness_are_left_alone():
    ab = jnp.asarray(_map((4, 4), (4, 4))["ab"])
    assert coherence.at_lightness(ab, jnp.zeros((4, 4))) is ab


def test_color_steps_where_lightness_does():
    """A step of both between cells: how much of it is between two pixels."""
    cells = np.arange(16) < 8
    lightness = np.tile(np.where(cells, 30, 70).astype(np.float32), (16, 1))
    ab = np.stack([np.where(lightness < 50, np.float32(40), -40)] * 2, axis=-1)
    large = lightness.repeat(4, axis=0).repeat(4, axis=1)
    steps = []
    for share in (0.0, 1.0):
        colors = _guided(ab, lightness, np.full((16, 16), True), share)
        enlarged = np.asarray(jax.jit(compose.enlarge)(colors, large))
        steps.append((enlarged[32, 31, 0] - enlarged[32, 32, 0]) / 80)
    # Bilinear: one of the 4 pixels between the centers of two cells. Guided: of the
    # three windows of a cell at the edge, two have the edge, and fit 32 / 32.9 of it;
    # the third is flat, and a quarter of it is interpolated.
    assert steps[0] == pytest.approx(1 / 4, abs=1e-3)
    assert steps[1] == pytest.approx(2 / 3 * 32 / 32.9 + 1 / 3 / 4, abs=1e-3)
