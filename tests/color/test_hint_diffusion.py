"""Hints as evidence, against loops over cells in double precision and worked cases."""

import jax
import numpy as np
import pytest
from scipy import special

from jaxcolor.color import encode, gamut, hint_diffusion
from jaxcolor.color.hint_diffusion import Evidence

BINS = gamut.from_srgb(spacing=20.0)
Q = len(BINS.centers)
RED, BLUE = (60.0, 40.0), (20.0, -60.0)
# Fewer components than there are bins would be another function.
SETTINGS = hint_diffusion.SPREADING._replace(
    between=hint_diffusion.SPREADING.between._replace(
        distances=(2, 1), components=Q, deviation=20.0
    ),
    sweeps=3,
)


@jax.jit
def _codes(ab):
    code = encode.soft_encode(ab, BINS, neighbors=5, sigma=10.0)
    return encode.densify(code, bins=Q)


def _evidence(*points, room=4):
    """Returns hints of one photograph, (row, column, ab) each."""
    row, column = np.zeros((2, room), np.int32)
    ab = np.zeros((room, 2), np.float32)
    for n, (*place, color) in enumerate(points):
        row[n], column[n], ab[n] = *place, color
    exists = np.arange(room) < len(points)
    return Evidence(row, column, np.asarray(_codes(ab)), exists)


def _map(height, width):
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(height, width, Q)).astype(np.float32)
    return logits, rng.uniform(40, 60, (height, width)).astype(np.float32)


def _of_one(logits, lightness, evidence, valid):
    batch = jax.tree.map(lambda x: x[None], (logits, lightness, evidence))
    found = jax.jit(hint_diffusion.of_photographs)(*batch, valid=np.array([valid]))
    return jax.tree.map(lambda x: np.asarray(x)[0], found)


@jax.jit
def _shares(logits, lightness, evidence, inside):
    given = (logits, lightness, evidence)
    return hint_diffusion.shares(*given, inside=inside, settings=SETTINGS)


def _by_loops(logits, lightness, evidence, inside, settings):
    """Returns the shares of hints, from the definition."""
    height, width = lightness.shape
    p = np.exp(logits.astype(float))
    features = np.sqrt(p / p.sum(-1, keepdims=True))
    features -= features[inside].mean(axis=0)
    features /= np.linalg.norm(features, axis=-1, keepdims=True)
    between = settings.between
    cells = [(y, x) for y in range(height) for x in range(width)]
    given = {}
    for n, (y, x) in enumerate(zip(evidence.row, evidence.column, strict=True)):
        if evidence.exists[n]:
            given.setdefault((y, x), np.zeros(len(evidence.row)))[n] = 1
    given = {cell: amounts / amounts.sum() for cell, amounts in given.items()}
    none = np.zeros(len(evidence.row))
    now = {cell: given.get(cell, none) for cell in cells}
    for distance in settings.sweeps * list(between.distances):
        then = {}
        for y, x in cells:
            total, whole = now[y, x], 1 + settings.leak
            for dy in (-distance, 0, distance):
                for dx in (-distance, 0, distance):
                    other = (y + dy, x + dx)
                    if (dy, dx) == (0, 0) or other not in now:
                        continue
                    cosine = features[y, x] @ features[other]
                    apart = (lightness[y, x] - lightness[other]) / between.deviation
                    weight = np.exp(between.sharpness * (cosine - 1) - apart**2 / 2)
                    weight *= between.weight * inside[y, x] * inside[other]
                    total = total + weight * now[other]
                    whole += weight
            then[y, x] = total / whole
        now = then | given
    found = {cell: x / (x.sum() + settings.half) for cell, x in now.items()} | given
    return np.array([found[cell] for cell in cells]).reshape(height, width, -1)


def test_shares_are_those_of_loops_over_cells():
    logits, lightness = _map(6, 5)
    inside = np.ones((6, 5), bool)
    inside[5] = False
    evidence = _evidence((1, 1, RED), (4, 3, BLUE), (4, 3, RED))
    found = _shares(logits, lightness, evidence, inside)
    expected = _by_loops(logits, lightness, evidence, inside, SETTINGS)
    # Sums of about 8 x 2 x 3 terms in float32.
    np.testing.assert_allclose(found, expected, atol=2e-6)
    assert expected[:5, :, :3].sum(axis=-1).min() > 0.01


def test_a_hint_stays_within_its_region():
    bright = np.zeros((16, 16), bool)
    bright[:, 8:] = True
    lightness = np.where(bright, 70.0, 40.0).astype(np.float32)
    logits = np.zeros((16, 16, Q), np.float32)
    logits[..., 3] = np.where(bright, 0, 2)
    logits[..., Q - 3] = np.where(bright, 2, 0)
    found = _of_one(logits, lightness, _evidence((8, 2, RED)), (16, 16))
    assert found.share[~bright].min() > 0.3
    assert found.share[bright].max() < 0.01
    # Nothing crosses what 30 L* and other colors part.
    before = np.argmax(logits, axis=-1)
    after = np.argmax(found.logits, axis=-1)
    np.testing.assert_array_equal(after[bright], before[bright])
    assert (np.abs(BINS.centers[after[~bright]] - RED).max()) <= 10


def test_two_hints_share_what_lies_between_them():
    logits, lightness = np.zeros((9, 9, Q), np.float32), np.full((9, 9), 50, np.float32)
    evidence = _evidence((4, 0, RED), (4, 8, BLUE))
    found = np.asarray(_shares(logits, lightness, evidence, np.ones((9, 9), bool)))
    # The map is the same from both sides.
    np.testing.assert_allclose(found[..., 0], found[:, ::-1, 1], atol=1e-6)
    assert found[4, 2, 0] > found[4, 2, 1]


def test_where_a_hint_is_given_the_distribution_is_its_code():
    logits, lightness = _map(8, 8)
    evidence = _evidence((3, 5, RED))
    found = _of_one(logits, lightness, evidence, (8, 8))
    assert found.share[3, 5] == 1
    probabilities = np.exp(found.logits[3, 5])
    np.testing.assert_allclose(probabilities, evidence.code[0], rtol=1e-6)


def test_without_hints_logits_stay_bit_for_bit():
    logits, lightness = _map(8, 8)
    found = _of_one(logits, lightness, _evidence(), (8, 8))
    np.testing.assert_array_equal(found.logits, logits)
    assert not found.share.any()


def test_what_no_hint_reaches_stays_bit_for_bit():
    logits, lightness = _map(8, 8)
    found = _of_one(logits, lightness, _evidence((3, 5, RED)), (8, 6))
    # The last columns are padding.
    np.testing.assert_array_equal(found.logits[:, 6:], logits[:, 6:])
    assert np.any(found.logits[:, :6] != logits[:, :6], axis=-1).all()


@pytest.mark.parametrize(
    ("shares", "expected"),
    [([0.0, 0.0], [0.5, 0.5]), ([0.25, 0.25], [0.5, 0.5]), ([0.25, 0], [0.625, 0.375])],
)
def test_a_share_mixes_distributions(shares, expected):
    given = np.float32([2, 2]), np.float32(shares), np.eye(2, dtype=np.float32)
    mixed = jax.jit(hint_diffusion.mixed)(*given)
    np.testing.assert_allclose(special.softmax(mixed), expected, rtol=1e-6)
