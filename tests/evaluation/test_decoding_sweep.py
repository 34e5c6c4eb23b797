"""A sweep is an evaluation at each cell, from one pass of the network."""

import numpy as np
import pytest

from jaxcolor.data import sources
from jaxcolor.evaluation import decoding_grid, decoding_sweep, evaluate, systems
from jaxcolor.evaluation.protocols import Protocol
from jaxcolor.inference import prediction
from jaxcolor.inference.colorizer import Colorizer
from tests import tiny

PROTOCOL = Protocol("set", 32, 10.0, batch_size=2, seed=0, resamples=50)
# Out of order, and the model's own numbers among others.
GRID = decoding_grid.make([1.0, 0.38], [0.5, 0.2])
BATCHES = 4


@pytest.fixture(scope="module")
def source(photo_folder):
    return sources.open_source(photo_folder)


def _sweep(source, on_done=lambda _: None):
    colorizers = decoding_sweep.colorizers(tiny.model(), GRID.lambdas)
    return decoding_sweep.sweep(colorizers, source, PROTOCOL, GRID, on_done=on_done)


@pytest.fixture(scope="module")
def swept(source):
    return _sweep(source)


@pytest.fixture(scope="module")
def evaluated(source):
    model = tiny.model()
    measured = {
        f"{t} {x}": Colorizer(model, temperature=t, rebalancing_lambda=x)
        for t in GRID.temperatures
        for x in GRID.lambdas
    }
    found = evaluate.evaluate(
        {name: systems.of_colorizer(one) for name, one in measured.items()},
        source,
        PROTOCOL,
        on_done=lambda _: None,
    )
    return found, {row.system: row.numbers for row in found.rows}


def _assert_equal(numbers, expected):
    assert numbers.keys() == expected.keys()
    for key, number in numbers.items():
        ends = [x for x in number if x is not None]
        wanted = [x for x in expected[key] if x is not None]
        # float32; temperatures one by one or in a loop may add in another order, by
        # which a pixel of thousands is rounded to another level.
        np.testing.assert_allclose(ends, wanted, rtol=1e-4, atol=1e-4, err_msg=key)


def test_every_cell_has_the_numbers_of_an_evaluation(swept, evaluated):
    _, expected = evaluated
    cells = [c.decoding[1::-1] for c in swept.cells]
    assert cells == [(0.2, 0.38), (0.2, 1.0), (0.5, 0.38), (0.5, 1.0)]
    for cell in swept.cells:
        assert {"rebalanced_auc", "ciede2000", "nll", "ece"} <= cell.numbers.keys()
        wanted = expected["{} {}".format(*cell.decoding)]
        _assert_equal(cell.numbers, wanted)
    # Else equality would say little.
    assert len({c.numbers["auc"].value for c in swept.cells}) == len(swept.cells)


def test_truth_and_gray_are_those_of_an_evaluation(swept, evaluated):
    found, expected = evaluated
    _assert_equal(swept.truth, expected["ground truth"])
    _assert_equal(swept.gray, expected["gray"])
    theirs = {k: v for k, v in found.manifest.items() if k != "command"}
    assert {k: swept.manifest[k] for k in theirs} == theirs


def test_likelihood_does_not_depend_on_temperature(swept):
    nll = {c.decoding.rebalancing_lambda: set() for c in swept.cells}
    for cell in swept.cells:
        nll[cell.decoding.rebalancing_lambda].add(cell.numbers["nll"])
    assert [len(values) for values in nll.values()] == [1, 1]
    assert len(set.union(*nll.values())) == 2


def test_the_network_sees_each_batch_once(source, monkeypatch):
    passes, done = [], []

    def count(*arguments, **more):
        passes.append(1)
        return original(*arguments, **more)

    original = prediction.predict
    monkeypatch.setattr(prediction, "predict", count)
    _sweep(source, on_done=done.append)
    assert len(passes) == BATCHES
    # The first pass and four cells.
    assert sum(done) == 5 * len(source)


def test_a_strip_leads_from_the_mean_to_the_mode(source):
    (own,) = decoding_sweep.colorizers(tiny.model(), [None])
    few = sources.Part(source, np.array([0, 3, 5]))
    found = decoding_sweep.strip(own, few, PROTOCOL, GRID)
    assert found.heads == [
        "lightness",
        "T = 1, mean",
        "T = 0.38",
        "mode",
        "truth",
    ]
    assert found.rows.shape == (3, 5, 32, 32, 3)
    lightness, mean, annealed, mode, truth = np.moveaxis(found.rows.astype(int), 1, 0)
    assert np.ptp(lightness, axis=-1).max() <= 1
    assert np.ptp(truth, axis=-1).max() > 50
    from_mode = [np.abs(x - mode).mean() for x in (mean, annealed)]
    assert from_mode[0] > from_mode[1] > 0


def test_a_regression_has_nothing_to_sweep():
    with pytest.raises(ValueError, match="predicts ab itself"):
        decoding_sweep.colorizers(tiny.model(tiny.REGRESSION), [None, *GRID.lambdas])
