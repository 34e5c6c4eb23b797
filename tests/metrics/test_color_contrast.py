"""Contrast of colors: worked by hand, and by loops over pixels in double precision."""

import jax
import numpy as np
import pytest

from jaxcolor.metrics import color_contrast
from jaxcolor.metrics.color_contrast import ContrastSums

# Distances, and what a pixel that is diagonal to another is away along each axis.
STEPS = {16: 11, 32: 23, 64: 45}

_sums = jax.jit(color_contrast.contrast_sums)


def _halves(shape, *, left, right):
    """Two halves, each of one color."""
    lab = np.empty((*shape, 3), np.float32)
    lab[:, : shape[1] // 2], lab[:, shape[1] // 2 :] = left, right
    return lab


def _sums_by_loops(predicted, true):
    predicted, true = predicted.astype(np.float64), true.astype(np.float64)
    lightness, ab = true[..., 0], true[..., 1:]
    return dict(
        zip(
            ContrastSums._fields,
            [
                _flat_gradient(predicted, lightness),
                *np.add(
                    _steps(predicted, lightness),
                    _steps(predicted.swapaxes(0, 1), lightness.T),
                ),
                *_pairs(predicted, ab),
            ],
            strict=True,
        )
    )


def _flat_gradient(ab, lightness):
    found = 0.0
    for y, x in np.ndindex(lightness.shape[0] - 1, lightness.shape[1] - 1):
        steps = [(y + 1, x), (y, x + 1)]
        if sum((lightness[s] - lightness[y, x]) ** 2 for s in steps) < 2**2:
            found += np.linalg.norm([ab[s] - ab[y, x] for s in steps])
    return found


def _steps(ab, lightness):
    found = np.zeros(2)
    for y in range(8, len(ab) - 8):
        for x in range(ab.shape[1]):
            if abs(lightness[y + 1, x] - lightness[y - 1, x]) > 20:
                steps = [ab[y + k, x] - ab[y - k, x] for k in (2, 8)]
                found += np.linalg.norm(steps, axis=1)
    return found


def _pairs(predicted, true):
    found = np.zeros(4)
    height, width = true.shape[:2]
    offsets = [
        offset for d, e in STEPS.items() for offset in ((0, d), (d, 0), (e, e), (e, -e))
    ]
    for dy, dx in offsets:
        for y in range(0, height - dy, 4):
            # From the left, the first pixel that has another one there.
            for x in range(max(0, -dx), width - max(0, dx), 4):
                real = true[y + dy, x + dx] - true[y, x]
                ours = predicted[y + dy, x + dx] - predicted[y, x]
                length = np.linalg.norm(real)
                if length < 4:
                    found += [np.linalg.norm(ours), 1, 0, 0]
                if length > 20:
                    found += [0, 0, ours @ real / length, length]
    return found


@pytest.mark.parametrize("shape", [(96, 80), (40, 24), (16, 16)])
def test_sums_are_those_of_loops_over_pixels(shape):
    rng = np.random.default_rng(0)
    # Steps of lightness and color at places of their own, and a little noise.
    coarse = rng.uniform(
        [10, -30, -30], [90, 30, 30], (shape[0] // 8, shape[1] // 8, 3)
    )
    true = coarse.repeat(8, axis=0).repeat(8, axis=1) + rng.normal(size=(*shape, 3))
    predicted = 0.5 * true[..., 1:] + rng.normal(0, 8, (*shape, 2))
    true, predicted = true.astype(np.float32), predicted.astype(np.float32)
    found, wanted = _sums(predicted, true)._asdict(), _sums_by_loops(predicted, true)
    assert wanted["flat_gradient"] > 0
    for name in ContrastSums._fields:
        # float32, of some thousand terms.
        assert found[name] == pytest.approx(wanted[name], rel=1e-4), name


def test_the_truth_has_all_of_its_own():
    true = _halves((64, 64), left=(20, 30, 0), right=(70, -10, 0))
    found = _sums(true[..., 1:], true)
    assert found.near_step == found.far_step > 0
    assert found.kept_contrast == pytest.approx(float(found.true_contrast))
    assert found.false_contrast == found.flat_gradient == 0


def test_gray_has_no_contrast_and_is_not_sharp():
    true = _halves((64, 64), left=(20, 30, 0), right=(70, -10, 0))
    found = _sums(np.zeros((64, 64, 2), np.float32), true)
    assert found.false_pairs > 0
    assert found.true_contrast > 0
    rest = found._replace(false_pairs=0, true_contrast=0)
    assert not any(map(float, rest))


def test_two_colors_by_hand():
    # Of 20 x 32 pixels. Pairs 16 apart along rows 0, 4, ... 16 begin at columns 0, 4, 8
    # and 12: all go from the left half to the right one. Down a column there is only
    # row 0, of 8 columns. Diagonals go 11 along, of rows 0, 4 and 8 and from column 0,
    # 4, ... 20: of these, two change halves, 8 to 19 and 12 to 23.
    true = _halves((20, 32), left=(50, 30, 0), right=(50, -10, 0))
    along, down, diagonal = 5 * 4, 1 * 8, 3 * 6
    crossing = along + 2 * 3 * 2
    found = _sums(0.25 * true[..., 1:], true)
    assert found.true_contrast == pytest.approx(40 * crossing)
    assert found.kept_contrast == pytest.approx(10 * crossing)
    assert found.false_pairs == along + down + 2 * diagonal - crossing
    assert found.false_contrast == 0
    # One step of 10 in each of 19 rows of gradients.
    assert found.flat_gradient == pytest.approx(19 * 10)


def test_a_contrast_the_wrong_way_is_not_kept():
    true = _halves((32, 32), left=(50, 30, 0), right=(50, -10, 0))
    found = _sums(-true[..., 1:], true)
    assert found.kept_contrast == pytest.approx(-float(found.true_contrast))


def test_a_color_that_spills_is_less_sharp():
    true = _halves((32, 64), left=(20, 40, 0), right=(70, 0, 0))
    ramp = np.clip((36 - np.arange(64)) / 8, 0, 1) * 40
    spilled = np.tile(np.stack([ramp, 0 * ramp], axis=-1), (32, 1, 1))
    found = _sums(spilled.astype(np.float32), true)
    # Over 8 pixels from 28 to 36; 4 of them lie within 2 of the edge.
    assert found.near_step / found.far_step == pytest.approx(0.5)


def test_one_color_is_flat_whatever_the_lightness():
    true = np.random.default_rng(0).uniform(0, 100, (32, 32, 3)).astype(np.float32)
    true[..., 1:] = 12
    found = _sums(true[..., 1:], true)
    assert found.false_pairs > 0
    assert not any(map(float, found._replace(false_pairs=0)))
