"""Evaluation: the truth scores 100, and the numbers are those of other code."""

import json

import jax.numpy as jnp
import numpy as np
import pytest
import tiny
from PIL import Image
from skimage import color, metrics

from jaxcolor import evaluate, scores
from jaxcolor.colorize import Colorizer
from jaxcolor.data import sources

SIZE = 32
RED, BLUE, GRAY = (200, 40, 30), (30, 60, 180), (120, 120, 120)


def _folder(path, *photographs):
    path.mkdir()
    for i, photograph in enumerate(photographs):
        Image.fromarray(photograph).save(path / f"{i}.png")
    return sources.open_source(path)


def _plain(rgb, size=(SIZE, SIZE)):
    return np.full((*size, 3), rgb, np.uint8)


def _run(source, colorizers=None, **changes):
    settings = {"name": "set", "size": SIZE, "spacing": 10.0, "batch_size": 2}
    return evaluate.evaluate(
        colorizers or {}, source, on_done=lambda _: None, **(settings | changes)
    )


def _rows(evaluation):
    return {row.system: row for row in evaluation.rows}


class Oracle(Colorizer):
    """Answers with a given ab everywhere."""

    def __init__(self, ab):
        super().__init__(tiny.model())
        self._answer = jnp.float32(ab)

    def decode(self, logits):
        return jnp.broadcast_to(self._answer, (*logits.shape[:-1], 2))


def test_truth_scores_100_and_gray_its_distance(tmp_path):
    source = _folder(tmp_path / "set", _plain(RED), _plain(BLUE), _plain(RED))
    rows = _rows(_run(source))
    red, blue = (
        np.hypot(*color.rgb2lab(np.uint8([[rgb]]))[0, 0, 1:]) for rgb in (RED, BLUE)
    )
    truth, gray = rows["ground truth"], rows["gray"]
    assert (truth.auc, truth.rebalanced_auc) == (100, 100)
    assert (truth.colorfulness_share, truth.psnr, truth.nll) == (1, None, None)
    # 1e-3: how far Lab may be from scikit-image's, times 100/150.
    assert gray.auc == pytest.approx(100 - 100 / 150 * (2 * red + blue) / 3, abs=1e-3)
    # Two colors, each counting the same.
    assert gray.rebalanced_auc == pytest.approx(
        100 - 100 / 150 * (red + blue) / 2, abs=1e-3
    )
    # Rounding of float32 in the round trip, on a scale of 255 levels.
    assert gray.colorfulness == pytest.approx(0, abs=0.01)
    assert gray.nll is None


def test_a_model_that_knows_the_color_scores_100(tmp_path):
    source = _folder(tmp_path / "set", _plain(RED))
    ab = color.rgb2lab(np.uint8([[RED]]))[0, 0, 1:]
    row = _rows(_run(source, {"oracle": Oracle(ab)}))["oracle"]
    # 1e-3: how far Lab may be from scikit-image's.
    assert row.auc == pytest.approx(100, abs=1e-3)
    assert row.rebalanced_auc == pytest.approx(100, abs=1e-3)
    assert row.psnr == pytest.approx(58.92)
    assert row.colorfulness_share == pytest.approx(1, abs=1e-4)


def test_psnr_is_that_of_scikit_image(tmp_path):
    photo = _plain(RED)
    photo[:, ::2] = BLUE
    row = _rows(_run(_folder(tmp_path / "set", photo)))["gray"]
    lab = color.rgb2lab(photo)
    lab[..., 1:] = 0
    expected = metrics.peak_signal_noise_ratio(photo / 255, color.lab2rgb(lab))
    # 1e-3 in Lab is some 1e-5 in RGB, of errors of 0.3.
    assert row.psnr == pytest.approx(expected, abs=1e-3)


def test_nll_of_an_even_distribution_is_the_log_of_the_bins(tmp_path):
    model = tiny.model()
    model.variables["params"]["head"]["kernel"][:] = 0
    row = _rows(
        _run(_folder(tmp_path / "set", _plain(RED)), {"even": Colorizer(model)})
    )
    assert row["even"].nll == pytest.approx(np.log(313), abs=1e-4)


def test_a_regression_has_no_nll(tmp_path):
    colorizer = Colorizer(tiny.model(tiny.REGRESSION))
    row = _rows(_run(_folder(tmp_path / "set", _plain(RED)), {"l2": colorizer}))["l2"]
    assert (row.nll, row.temperature, row.rebalancing_lambda) == (None, None, None)
    assert 0 < row.auc < 100


def test_the_last_batch_counts_only_its_photographs(photo_folder):
    source = sources.open_source(photo_folder)
    colorizers = {"tiny": Colorizer(tiny.model())}
    one = _run(source, colorizers, batch_size=2)
    other = _run(source, colorizers, batch_size=5)
    assert one.names == other.names
    assert len(one.photographs["tiny"]["auc"]) == len(source)
    for row, again in zip(one.rows, other.rows, strict=True):
        # Convolutions of another batch size add in another order.
        assert row[1:3] == pytest.approx(again[1:3], abs=1e-3)


def test_numbers_of_photographs_add_up_to_the_table(photo_folder):
    evaluation = _run(sources.open_source(photo_folder), {"m": Colorizer(tiny.model())})
    for row in evaluation.rows:
        found = evaluation.photographs[row.system]
        assert np.mean(found["auc"]) == pytest.approx(row.auc, abs=1e-3)
        error = np.sum(found["rebalanced_error"]) / np.sum(found["rebalanced_pixels"])
        assert 100 * (1 - error / 150) == pytest.approx(row.rebalanced_auc, abs=1e-3)


def test_photographs_are_cropped_not_squashed(tmp_path):
    wide = _plain(GRAY, (SIZE, 3 * SIZE))
    wide[:, SIZE : 2 * SIZE] = RED
    row = _rows(_run(_folder(tmp_path / "set", wide)))["gray"]
    distance = np.hypot(*color.rgb2lab(np.uint8([[RED]]))[0, 0, 1:])
    assert row.auc == pytest.approx(100 - 100 / 150 * distance, abs=1e-3)


def test_a_gray_set_has_no_share_of_colorfulness(tmp_path):
    rows = _rows(_run(_folder(tmp_path / "set", np.zeros((SIZE, SIZE, 3), np.uint8))))
    assert rows["gray"].colorfulness_share is None


def test_broken_files_are_counted(tmp_path):
    _folder(tmp_path / "set", _plain(RED))
    (tmp_path / "set" / "broken.png").write_bytes(b"no photograph")
    evaluation = _run(sources.open_source(tmp_path / "set"))
    assert evaluation.protocol["skipped"] == 1
    assert "1 photographs of set (1 broken ones left out)" in scores.markdown(
        evaluation
    )


def test_results_are_written_as_json_and_as_a_table(tmp_path):
    source = _folder(tmp_path / "set", _plain(RED))
    evaluation = _run(source, {"mine": Colorizer(tiny.model(), temperature=0.5)})
    scores.write(evaluation, tmp_path / "out")
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["names"] == ["0.png"]
    assert results["protocol"]["size"] == SIZE
    assert results["rows"][2]["temperature"] == 0.5
    table = (tmp_path / "out" / "table.md").read_text()
    heads, _, truth, gray, mine = table.splitlines()[:5]
    assert {line.count("|") for line in (heads, truth, gray, mine)} == {10}
    assert truth.startswith("| ground truth | 100.00 | 100.00 | – |")
    assert mine.endswith("| 0.5 | 0.5 |")
    assert "jaxcolor" in table


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": 20}, "size is 20; wanted a multiple of 8"),
        ({"size": 0}, "size is 0; wanted a multiple of 8"),
        ({"colorizers": {"gray": None}}, "may not be called 'gray'"),
    ],
)
def test_what_cannot_be_measured_is_refused(tmp_path, changes, message):
    source = _folder(tmp_path / "set", _plain(RED))
    if "colorizers" in changes:
        changes = {"colorizers": {"gray": Colorizer(tiny.model())}}
    with pytest.raises(ValueError, match=message):
        _run(source, **changes)


def test_no_photographs_are_refused(tmp_path):
    source = sources.Files(tmp_path, ())
    with pytest.raises(ValueError, match="set has no photographs"):
        _run(source)


def test_bins_of_the_table_are_those_of_the_spacing(tmp_path):
    """Two near colors are one bin of a coarse gamut and two of the paper's."""
    near = np.concatenate([_plain((190, 60, 50))[:8], _plain((180, 70, 60))[:24]])
    source = _folder(tmp_path / "set", near)
    coarse, fine = (_rows(_run(source, spacing=s))["gray"] for s in (40.0, 10.0))
    assert coarse.rebalanced_auc == pytest.approx(coarse.auc)
    assert abs(fine.rebalanced_auc - fine.auc) > 1
