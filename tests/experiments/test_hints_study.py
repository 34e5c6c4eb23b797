"""The study of hints."""

import jax
import numpy as np
import pytest
from skimage import color, metrics

from experiments import hints as study
from jaxcolor.color import cielab, hints
from jaxcolor.data import pipeline, sources
from jaxcolor.inference.colorizer import Colorizer
from jaxcolor.pretrained import release
from tests import tiny

COUNTS = [0, 40]


def _ignored(_):
    """Takes the progress."""


@pytest.fixture(scope="module")
def colorizer():
    """Returns one of muted colors, of which sRGB has most."""
    model = tiny.model(tiny.USER_GUIDED)
    model.variables["params"]["head"]["kernel"] /= 50
    return Colorizer(model)


@pytest.fixture(scope="module")
def found(colorizer, photo_folder):
    source = sources.open_source(photo_folder)
    done = []
    decibels = study.measure(
        colorizer, source, COUNTS, size=32, seed=0, on_done=done.append
    )
    assert sum(done) == len(source) * len(COUNTS)
    return decibels


def test_the_psnr_is_that_of_the_colors_predicted_with_hints(
    colorizer, found, photo_folder
):
    source = sources.open_source(photo_folder)
    (batch,) = pipeline.center_squares(source, size=32, batch_size=8)
    assert found.everywhere.shape == (len(source), len(COUNTS))
    lab = np.asarray(jax.jit(cielab.rgb8_to_lab)(batch["rgb"][3]))

    @jax.jit
    def drawn(ab):
        key = jax.random.fold_in(jax.random.fold_in(jax.random.key(0), 40), 3)
        return hints.in_squares(key, ab, count=40, side=6)

    given = jax.device_get(drawn(lab[..., 1:]))
    assert 6 * 6 < given[..., 2].sum() <= 40 * 6 * 6
    lightness, hinted = jax.device_put((lab[None, ..., 0], given[None]))
    for column, one in enumerate((None, hinted)):
        outputs = colorizer.predict(lightness, hints=one).outputs
        ab = 110 * np.asarray(outputs, np.float64)[0]
        whole = np.concatenate([lab[..., :1], ab], axis=-1)
        rgb = np.round(255 * color.lab2rgb(whole))
        expected = metrics.peak_signal_noise_ratio(
            batch["rgb"][3].astype(float), rgb, data_range=255
        )
        # Float32 changes the rounding of a few pixels; ours keep the hue of colors
        # outside sRGB.
        assert found.everywhere[3, column] == pytest.approx(expected, abs=5e-3)
    assert abs(found.everywhere[3, 0] - found.everywhere[3, 1]) > 0.05


def test_the_mean_lies_within_its_interval(found):
    decibels = found.everywhere
    estimates = study.estimates(decibels)
    for (value, low, high), column in zip(estimates, decibels.T, strict=True):
        assert value == pytest.approx(column.mean())
        assert column.min() <= low <= value <= high <= column.max()


def test_the_published_curve_rises_from_no_hints_on():
    counts, decibels = zip(*study.PUBLISHED.items(), strict=True)
    assert counts[0] == 0
    assert np.all(np.diff(counts) > 0)
    assert np.all(np.diff(decibels) > 0)


def test_a_folder_gives_a_table_and_a_figure(photo_folder, tmp_path, capsys):
    release.save(tiny.model(tiny.USER_GUIDED), tmp_path / "model", card="")
    figure = tmp_path / "hints.png"
    command = [str(photo_folder), "--model", f"mine={tmp_path / 'model'}", "--quiet"]
    options = ["--counts", "0,7", "--size", "32", "-o", str(figure)]
    assert study.main([*command, *options]) == 0
    head, _, none, seven = capsys.readouterr().out.strip().splitlines()
    assert head.startswith("| hints | mine, dB | mine far from hints, dB | ")
    assert none.startswith("| 0 | ")
    assert none.endswith(" | 24.43 |")
    # There is no published number.
    assert seven.startswith("| 7 | ")
    assert seven.endswith(" | – |")
    assert figure.read_bytes().startswith(b"\x89PNG")


def test_of_few_pixels_far_from_hints_there_is_no_psnr(found):
    # Without hints all pixels are far; 40 hints leave few.
    np.testing.assert_array_equal(found.far[:, 0], found.everywhere[:, 0])
    np.testing.assert_array_equal(found.far_without[:, 0], found.everywhere[:, 0])
    assert np.isnan(found.far[:, 1]).any()
    np.testing.assert_array_equal(np.isnan(found.far), np.isnan(found.far_without))


def test_a_photograph_without_a_number_does_not_count():
    (value, low, high), nothing = study.estimates(
        np.array([[3.0, np.nan], [5.0, np.nan], [np.nan, np.nan]])
    )
    assert value == 4
    assert 3 <= low <= high <= 5
    assert np.isnan(nothing).all()


def test_true_colors_at_points_help_a_model_with_bins(photo_folder):
    source = sources.open_source(photo_folder)
    decibels = study.measure(
        Colorizer(tiny.model()), source, [0, 20], size=32, seed=0, on_done=_ignored
    )
    none, twenty = decibels.everywhere.mean(axis=0)
    assert twenty > none + 1


def test_a_model_that_takes_no_hints_is_refused(photo_folder, tmp_path, capsys):
    release.save(tiny.model(tiny.REGRESSION), tmp_path / "model", card="")
    command = [str(photo_folder), "--model", str(tmp_path / "model"), "--size", "32"]
    figure = tmp_path / "hints.png"
    assert study.main([*command, "--quiet", "-o", str(figure)]) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert "zhang2016 has neither bins nor an input for hints" in message
    assert not figure.exists()


@pytest.mark.parametrize("counts", ["", "1,,2", "-1", "a"])
def test_counts_that_are_no_list_of_numbers_are_refused(counts, capsys):
    with pytest.raises(SystemExit) as ended:
        study.main(["photos", "--model", "m", "-o", "x.png", f"--counts={counts}"])
    assert ended.value.code == 2
    assert "is not a list such as 0,1,10" in capsys.readouterr().err
