"""Evaluation: the truth scores 100, and the numbers are those of other code."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from skimage import color, metrics

from jaxcolor import recognition
from jaxcolor.color import cielab, gamut
from jaxcolor.data import sources
from jaxcolor.evaluation import evaluate, judges, result_tables, systems
from jaxcolor.evaluation.protocols import Protocol
from jaxcolor.inference.colorizer import Colorizer
from tests import tiny

SIZE = 32
RED, BLUE, GRAY = (200, 40, 30), (30, 60, 180), (120, 120, 120)
PROTOCOL = Protocol("set", SIZE, 10.0, batch_size=2, seed=0, resamples=50)


def _folder(path, *photographs):
    path.mkdir(parents=True)
    for i, photograph in enumerate(photographs):
        Image.fromarray(photograph).save(path / f"{i}.png")
    return sources.open_source(path)


def _plain(rgb, size=(SIZE, SIZE)):
    return np.full((*size, 3), rgb, np.uint8)


# Of `evaluate.evaluate`; the others are of the protocol.
OPTIONAL = ("prior", "judging", "metrics", "on_pictures")


def _run(source, measured=None, **changes):
    given = {name: changes.pop(name) for name in OPTIONAL if name in changes}
    return evaluate.evaluate(
        measured or {},
        source,
        PROTOCOL._replace(**changes),
        on_done=lambda _: None,
        **given,
    )


def _judging(name, members, labels):
    return judges.classifiers.judging(name, members, labels, provenance={})


def _values(evaluation):
    return {
        row.system: {key: number.value for key, number in row.numbers.items()}
        for row in evaluation.rows
    }


def _ab(rgb):
    return color.rgb2lab(np.uint8([[rgb]]))[0, 0, 1:]


def _oracle(ab):
    """Answers with a given ab everywhere."""
    return systems.of_baseline(
        lambda lightness, _: jnp.broadcast_to(jnp.float32(ab), (*lightness.shape, 2))
    )


def test_truth_scores_100_and_gray_its_distance(tmp_path):
    source = _folder(tmp_path / "set", _plain(RED), _plain(BLUE), _plain(RED))
    found = _values(_run(source))
    red, blue = np.hypot(*_ab(RED)), np.hypot(*_ab(BLUE))
    truth, gray = found["ground truth"], found["gray"]
    assert (truth["auc"], truth["rebalanced_auc"], truth["image_auc"]) == (100,) * 3
    assert truth["colorfulness_share"] == 1
    assert not {"psnr", "ssim", "ciede2000", "nll", "histogram_kl"} & set(truth)
    # 1e-3: how far Lab may be from scikit-image's, times 100/150.
    expected = 100 - 100 / 150 * (2 * red + blue) / 3
    assert gray["auc"] == pytest.approx(expected, abs=1e-3)
    # Each photograph has one color: its own rebalanced AuC is its raw one.
    assert gray["image_auc"] == pytest.approx(expected, abs=1e-3)
    # Two colors, each counting the same.
    expected = 100 - 100 / 150 * (red + blue) / 2
    assert gray["rebalanced_auc"] == pytest.approx(expected, abs=1e-3)
    # A level of 255, by which rounding may part the channels.
    assert gray["colorfulness"] == pytest.approx(0, abs=1)


def test_contrast_is_pooled_over_photographs(tmp_path):
    lightness = np.linspace(60, 180, SIZE).astype(np.uint8)
    shades = np.tile(lightness[:, None], (1, SIZE))
    halves = np.where(np.arange(SIZE)[None, :, None] < SIZE // 2, RED, BLUE)
    two = _folder(
        tmp_path / "set",
        np.broadcast_to(halves, (SIZE, SIZE, 3)).astype(np.uint8),
        # Neither a contrast nor an edge.
        np.stack([shades] * 3, axis=-1),
    )
    measured = {"oracle": _oracle(_ab(RED)), "half": _share_of_truth(two, 0.5)}
    found = _values(_run(two, measured))
    truth, gray = found["ground truth"], found["gray"]
    for key in ("flat_gradient_share", "kept_contrast_share"):
        assert truth[key] == pytest.approx(1, abs=1e-5)
        assert found["half"][key] == pytest.approx(0.5, abs=1e-5)
        assert gray[key] == found["oracle"][key] == 0
    assert gray["false_contrast_mean"] == found["oracle"]["false_contrast_mean"] == 0
    # Red and blue here differ by 13 in L*: no strong edge.
    assert all("step_sharpness" not in row for row in found.values())


def test_without_any_pair_there_is_no_number(tmp_path):
    found = _values(_run(_folder(tmp_path / "set", _plain(RED, (16, 16))), size=16))
    assert not {"kept_contrast_share", "step_sharpness"} & set(found["gray"])
    # There are pairs, of one color, 11 along both axes.
    assert found["ground truth"]["false_contrast_mean"] == pytest.approx(0, abs=1e-4)


def _share_of_truth(source, share):
    """Answers with a share of the true ab of each photograph."""
    rgb = jnp.asarray([_center(source[n].image) for n in range(len(source))])
    ab = share * jax.jit(cielab.rgb8_to_lab)(rgb)[..., 1:]
    return systems.of_baseline(lambda _, index: ab[index])


def test_a_prior_weighs_by_its_own_shares(tmp_path):
    source = _folder(tmp_path / "set", _plain(RED), _plain(BLUE))
    bins = gamut.from_srgb(spacing=10.0).centers
    red, blue = (np.argmin(np.linalg.norm(bins - _ab(c), axis=1)) for c in (RED, BLUE))
    prior = np.zeros(len(bins))
    prior[red], prior[blue] = 0.8, 0.2
    found = _values(_run(source, prior=prior))["gray"]["prior_auc"]
    distances = np.hypot(*_ab(RED)), np.hypot(*_ab(BLUE))
    mean = np.average(distances, weights=(1 / 0.8, 1 / 0.2))
    assert found == pytest.approx(100 - 100 / 150 * mean, abs=1e-3)


def test_a_system_that_knows_the_color_scores_100(tmp_path):
    source = _folder(tmp_path / "set", _plain(RED))
    found = _values(_run(source, {"oracle": _oracle(_ab(RED))}))["oracle"]
    # 1e-3: how far Lab may be from scikit-image's.
    for key in ("auc", "rebalanced_auc", "image_auc"):
        assert found[key] == pytest.approx(100, abs=1e-3)
    assert found["psnr"] == pytest.approx(58.92)
    # Variances in it are differences of squares in float32.
    assert found["ssim"] == pytest.approx(1, abs=1e-5)
    assert found["ciede2000"] == pytest.approx(0, abs=0.05)
    assert found["colorfulness_share"] == pytest.approx(1, abs=1e-4)
    assert found["histogram_kl"] == pytest.approx(0, abs=1e-5)


def test_picture_metrics_are_those_of_scikit_image(tmp_path, photo_folder):
    source = sources.open_source(photo_folder)
    evaluation = _run(source)
    found = evaluation.photographs["gray"]
    for n in range(len(source)):
        photo = _center(source[n].image)
        lab = color.rgb2lab(photo)
        gray = lab * [1, 0, 0]
        predicted = np.rint(255 * np.clip(color.lab2rgb(gray), 0, 1)) / 255
        shown = photo / 255
        # Rounding to 8 bits may fall the other way in a few pixels.
        assert found["psnr"][n] == pytest.approx(
            metrics.peak_signal_noise_ratio(shown, predicted), abs=0.02
        )
        assert found["ssim"][n] == pytest.approx(
            metrics.structural_similarity(
                shown,
                predicted,
                gaussian_weights=True,
                sigma=1.5,
                use_sample_covariance=False,
                data_range=1,
                channel_axis=-1,
            ),
            abs=2e-3,
        )
        expected = color.deltaE_ciede2000(color.rgb2lab(predicted), lab).mean()
        assert found["ciede2000"][n] == pytest.approx(expected, abs=0.05)


def _center(image):
    from jaxcolor.data import decoding

    return decoding.decode_center(
        image, resize=SIZE, squash=False, crop=SIZE, draft=False
    )


def test_nll_of_an_even_distribution_is_the_log_of_the_bins(tmp_path):
    model = tiny.model()
    model.variables["params"]["head"]["kernel"][:] = 0
    even = systems.of_colorizer(Colorizer(model))
    source = _folder(tmp_path / "set", _plain(RED))
    evaluation = _run(source, {"even": even})
    found = _values(evaluation)["even"]
    assert found["nll"] == pytest.approx(np.log(313), abs=1e-4)
    # All in one interval, as sure as one of 313, and never or always right.
    diagram = evaluation.reliability["even"]
    assert np.flatnonzero(diagram.pixels).tolist() == [0]
    assert diagram.confidence[0] == pytest.approx(1 / 313, rel=1e-3)
    expected = abs(diagram.accuracy[0] - 1 / 313)
    assert found["ece"] == pytest.approx(expected, rel=1e-3)


def test_a_regression_has_no_distribution(tmp_path):
    colorizer = Colorizer(tiny.model(tiny.REGRESSION))
    source = _folder(tmp_path / "set", _plain(RED))
    evaluation = _run(source, {"l2": systems.of_colorizer(colorizer)})
    (row,) = [row for row in evaluation.rows if row.system == "l2"]
    assert not {"nll", "ece"} & set(row.numbers)
    assert row.decoding == (None, None, 0.0)
    assert 0 < row.numbers["auc"].value < 100


def test_the_last_batch_counts_only_its_photographs(photo_folder):
    source = sources.open_source(photo_folder)
    measured = {"tiny": systems.of_colorizer(Colorizer(tiny.model()))}
    one = _run(source, measured, batch_size=2)
    other = _run(source, measured, batch_size=5)
    assert one.names == other.names
    assert len(one.photographs["tiny"]["auc"]) == len(source)
    for system, numbers in _values(one).items():
        for key, value in numbers.items():
            # Convolutions of another batch size add in another order.
            assert _values(other)[system][key] == pytest.approx(value, abs=2e-3)


def test_numbers_of_photographs_add_up_to_the_table(photo_folder):
    measured = {"m": systems.of_colorizer(Colorizer(tiny.model()))}
    evaluation = _run(sources.open_source(photo_folder), measured)
    for system, numbers in _values(evaluation).items():
        found = evaluation.photographs[system]
        assert np.mean(found["auc"]) == pytest.approx(numbers["auc"], abs=1e-3)
        error = np.sum(found["rebalanced_error"]) / np.sum(found["rebalanced_pixels"])
        expected = numbers["rebalanced_auc"]
        assert 100 * (1 - error / 150) == pytest.approx(expected, abs=1e-3)
        curve = np.array(evaluation.curves[system]["rebalanced"])
        # The area under steps of 1, by the trapezoidal rule.
        assert np.trapezoid(curve) / 150 == pytest.approx(expected, abs=0.3)
        assert sum(evaluation.histograms[system]) == pytest.approx(1, abs=1e-5)


def test_intervals_hold_their_values(photo_folder):
    evaluation = _run(sources.open_source(photo_folder), resamples=200)
    for row in evaluation.rows:
        for number in row.numbers.values():
            if number.low is not None:
                # The truth's have no width, but for rounding.
                assert number.low - 1e-6 <= number.value <= number.high + 1e-6


def test_recognition_is_the_mean_of_the_trainings(tmp_path):
    """One training sees red, the other one calls everything a rose."""
    _folder(tmp_path / "set" / "rose", _plain(RED), _plain(RED))
    _folder(tmp_path / "set" / "sky", _plain(BLUE), _plain(BLUE))
    source = sources.open_source(tmp_path / "set")
    classes = ("rose", "sky")

    def by_color(rgb):
        red = rgb[..., 0].mean(axis=(1, 2)) - rgb[..., 2].mean(axis=(1, 2))
        return jnp.stack([red, 0 * red + 0.1], axis=1)

    def always_rose(rgb):
        return jnp.tile(jnp.array([[1.0, 0.0]]), (len(rgb), 1))

    members = [recognition.FromFunction(classes, f) for f in (by_color, always_rose)]
    found = _values(
        _run(
            source,
            {"half": _oracle(_ab(RED))},
            judging=[_judging("c", members, recognition.labels(source.names, classes))],
        )
    )
    # The first is right about colors and calls gray a sky; the second about roses.
    assert found["ground truth"]["c.top1"] == pytest.approx(75)
    assert found["gray"]["c.top1"] == pytest.approx(50)
    assert found["half"]["c.top1"] == pytest.approx(50)
    assert found["half"]["c.gap"] == pytest.approx(0)
    assert found["ground truth"]["c.gap"] == pytest.approx(100)
    # Of 100 and 50.
    assert found["ground truth"]["c.spread"] == pytest.approx(50 / np.sqrt(2))


def test_photographs_without_a_label_do_not_count_for_recognition(tmp_path):
    _folder(tmp_path / "set", *map(_plain, (RED, BLUE, RED, BLUE, RED)))
    source = sources.open_source(tmp_path / "set")

    def by_color(rgb):
        red = rgb[..., 0].mean(axis=(1, 2)) - rgb[..., 2].mean(axis=(1, 2))
        return jnp.stack([red, 0 * red + 0.1], axis=1)

    known = recognition.FromFunction(("rose", "sky"), by_color)
    found = _values(
        _run(
            source,
            {"red": _oracle(_ab(RED))},
            # Of the last two nothing is known; one that is known is called wrong.
            judging=[_judging("c", [known, known], np.array([0, 1, 1, -1, -1]))],
        )
    )
    assert found["ground truth"]["c.top1"] == pytest.approx(100 * 2 / 3)
    # Gray is called a sky, red a rose.
    assert found["gray"]["c.top1"] == pytest.approx(100 * 2 / 3)
    assert found["red"]["c.top1"] == pytest.approx(100 / 3)
    assert found["red"]["c.spread"] == 0
    with pytest.raises(ValueError, match="classifier 'c' has no labels"):
        _judging("c", [known], np.full(5, -1))


def test_each_classifier_has_its_own_classes(tmp_path):
    _folder(tmp_path / "set" / "rose", _plain(RED), _plain(RED))
    _folder(tmp_path / "set" / "sky", _plain(BLUE))
    source = sources.open_source(tmp_path / "set")

    def first(rgb):
        return jnp.tile(jnp.array([[1.0, 0.0, 0.0]]), (len(rgb), 1))

    classes = {"a": ("rose", "sea", "sky"), "b": ("sky", "rose", "sea")}
    found = _values(
        _run(
            source,
            judging=[
                _judging(
                    name,
                    [recognition.FromFunction(known, first)],
                    recognition.labels(source.names, known),
                )
                for name, known in classes.items()
            ],
        )
    )["gray"]
    # Of two roses and a sky.
    assert found["a.top1"] == pytest.approx(100 * 2 / 3)
    assert found["b.top1"] == pytest.approx(100 / 3)


def test_distances_and_pictures_are_those_of_what_is_measured(photo_folder):
    source = sources.open_source(photo_folder)
    seen = {}

    def darkness(rgb, others):
        """Tells the two apart: how much darker the first is."""
        return (others - rgb).mean(axis=(1, 2, 3))

    def on_pictures(name, rgb, start):
        seen.setdefault(name, []).append((start, rgb))

    red = _oracle((90, 90))
    evaluation = _run(
        source,
        {"a": red},
        judging=[judges.lpips.judging(darkness)],
        on_pictures=on_pictures,
    )
    starts = [start for start, _ in seen["a"]]
    assert starts == list(range(0, len(source), PROTOCOL.batch_size))
    seen = {name: np.concatenate([x for _, x in some]) for name, some in seen.items()}
    assert list(seen) == ["ground truth", "gray", "a"]
    photographs = np.stack([_center(source[n].image) for n in range(len(source))])
    np.testing.assert_array_equal(seen["ground truth"], photographs)
    difference = photographs / 255 - seen["a"] / 255
    found = evaluation.photographs["a"]["lpips"]
    # float32 sums.
    np.testing.assert_allclose(found, difference.mean(axis=(1, 2, 3)), atol=1e-6)
    row = {row.system: row.numbers for row in evaluation.rows}
    assert row["a"]["lpips"].value == pytest.approx(np.mean(found))
    assert row["a"]["lpips"].low < row["a"]["lpips"].high
    assert "lpips" not in row["ground truth"]
    assert "LPIPS" not in evaluation.empty


def test_fid_is_shown_where_it_is_known(tmp_path):
    source = _folder(tmp_path / "set", _plain(RED))
    known = judges.fid.judging({"a": 12.345}, ["ground truth", "gray", "a"])
    evaluation = _run(source, {"a": _oracle(_ab(RED))}, judging=[known])
    lines = result_tables.markdown(evaluation).splitlines()
    (head,) = [line for line in lines if "| FID ↓ |" in line]
    column = head.split(" | ").index("FID ↓")
    cells = {line.split(" | ")[0]: line.split(" | ")[column] for line in lines[4:7]}
    assert cells == {"| ground truth": "–", "| gray": "–", "| a": "12.35"}
    assert "- FID of gray: no file" in result_tables.markdown(evaluation)


def test_what_is_not_there_tells_how_to_add_it(tmp_path):
    text = result_tables.markdown(_run(_folder(tmp_path / "set", _plain(RED))))
    for flag in ("--fid DIR", "--lpips VGG16_FILE", "--prior FILE", "--classifier"):
        assert f": give {flag}" in text
    assert "| LPIPS |" not in text


def test_photographs_are_cropped_not_squashed(tmp_path):
    wide = _plain(GRAY, (SIZE, 3 * SIZE))
    wide[:, SIZE : 2 * SIZE] = RED
    found = _values(_run(_folder(tmp_path / "set", wide)))["gray"]
    distance = np.hypot(*_ab(RED))
    assert found["auc"] == pytest.approx(100 - 100 / 150 * distance, abs=1e-3)


def test_a_set_with_next_to_no_color_has_no_share_of_colorfulness(tmp_path, caplog):
    black = np.zeros((SIZE, SIZE, 3), np.uint8)
    spot = black.copy()
    spot[:2, :2, 2] = 20
    source = _folder(tmp_path / "set", spot, *[black] * 3)
    assert "colorfulness_share" not in _values(_run(source))["gray"]
    assert "3 of 4 photographs of set are black-and-white" in caplog.text


def test_black_and_white_photographs_alone_are_refused(tmp_path):
    source = _folder(tmp_path / "set", _plain(GRAY), _plain((90, 92, 94)))
    with pytest.raises(
        ValueError, match="all 2 photographs of set are black-and-white"
    ):
        _run(source)


def test_broken_files_are_named(tmp_path):
    _folder(tmp_path / "set", _plain(RED))
    (tmp_path / "set" / "broken.png").write_bytes(b"no photograph")
    evaluation = _run(sources.open_source(tmp_path / "set"))
    assert evaluation.manifest["skipped"] == ["broken.png"]
    text = result_tables.markdown(evaluation)
    assert "1 photographs of set (1 broken ones left out)" in text


def test_a_size_that_a_network_cannot_see_is_refused_with_its_name(tmp_path):
    coarse = systems.gray()._replace(multiple=32)
    with pytest.raises(ValueError, match="size is 48; coarse wants a multiple of 32"):
        _run(_folder(tmp_path / "set", _plain(RED)), {"coarse": coarse}, size=48)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": 8}, "size is 8; wanted 16 or more"),
        ({"measured": {"gray": systems.gray()}}, "may not be called 'gray'"),
        ({"prior": np.ones(7)}, "the prior has 7 bins; wanted 313"),
    ],
)
def test_what_cannot_be_measured_is_refused(tmp_path, changes, message):
    source = _folder(tmp_path / "set", _plain(RED))
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
    coarse, fine = (_values(_run(source, spacing=s))["gray"] for s in (40.0, 10.0))
    assert coarse["rebalanced_auc"] == pytest.approx(coarse["auc"])
    assert abs(fine["rebalanced_auc"] - fine["auc"]) > 1


def test_results_are_json_without_gaps(tmp_path, photo_folder):
    evaluation = _run(sources.open_source(photo_folder))
    result_tables.write(evaluation, tmp_path)
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["names"] == evaluation.names
    assert "NaN" not in (tmp_path / "results.json").read_text()
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert len(manifest["files"]) == len(evaluation.names)
