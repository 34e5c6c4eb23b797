"""An evaluation as one call, from paths to a report."""

import json

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxcolor import evaluation
from jaxcolor.data import sources
from jaxcolor.evaluation import judges, metric, registry, systems
from jaxcolor.evaluation.judges import Judge, Judging
from jaxcolor.inference.colorizer import Colorizer
from jaxcolor.pretrained import release
from tests import tiny

SMALL = evaluation.Protocol(size=32, batch_size=4, resamples=20)


def _largest(key="largest_error", **changes):
    return evaluation.Metric(
        key=key,
        heading="largest error",
        format=".1f",
        meaning="distance of the worst pixel",
        better="lower",
        table="Accuracy",
        statistic=metric.mean(key),
        of_photograph=lambda photograph: photograph.distance.max(),
    )._replace(**changes)


def _run(source, models=None, **changes):
    given = {"protocol": SMALL, "is_quiet": True, **changes}
    return evaluation.assemble(models or {}, source, **given)


def test_a_metric_from_outside_has_a_column(photo_folder):
    found = _run(photo_folder, metrics=(*registry.METRICS, _largest()))
    assert "| largest error ↓ |" in evaluation.markdown(found)
    (gray,) = [row for row in found.rows if row.system == "gray"]
    chroma = [
        np.hypot(*np.moveaxis(_lab(photo_folder, n), -1, 0)[1:]).max()
        for n in range(len(found.names))
    ]
    # Lab may differ from scikit-image's by 1e-3.
    np.testing.assert_allclose(
        found.photographs["gray"]["largest_error"], chroma, atol=2e-3
    )
    value, low, high = gray.numbers["largest_error"]
    assert value == pytest.approx(np.mean(chroma), abs=2e-3)
    assert low < value < high


def _lab(folder, position):
    from skimage import color

    from jaxcolor.data import decoding

    image = sources.open_source(folder)[position].image
    return color.rgb2lab(
        decoding.decode_center(image, resize=32, squash=False, crop=32, draft=False)
    )


def test_a_metric_alone_is_enough(photo_folder, tmp_path):
    found = _run(photo_folder, metrics=(_largest(),), output=tmp_path / "out")
    assert {key for row in found.rows for key in row.numbers} == {"largest_error"}
    assert "largest error ↓" in (tmp_path / "out" / "table.md").read_text()
    assert (tmp_path / "out" / "report.html").exists()


def test_a_metric_may_ask_for_sums_of_several_numbers(photo_folder):
    share = _largest(
        "vivid",
        of_photograph=lambda one: {
            "vivid_pixels": (
                jnp.linalg.norm(one.true_lab[..., 1:], axis=-1) > 20
            ).sum(),
            "all_pixels": jnp.float32(one.distance.size),
        },
        statistic=metric.ratio("vivid_pixels", "all_pixels"),
    )
    found = _run(photo_folder, metrics=(share,))
    counts = found.photographs["gray"]
    expected = sum(counts["vivid_pixels"]) / (32 * 32 * len(found.names))
    assert 0 < found.rows[0].numbers["vivid"].value == pytest.approx(expected)


def test_two_metrics_with_one_key_are_refused(photo_folder):
    with pytest.raises(ValueError, match="two metrics have the key 'auc'"):
        _run(photo_folder, metrics=(*registry.METRICS, _largest("auc")))


def test_a_judge_from_outside_has_a_column(photo_folder):
    """Brightness, which the evaluation has never heard of."""

    def prepare(setting):
        assert setting.systems[:2] == ["ground truth", "gray"]
        return Judging(
            "Brightness",
            (_largest("bright", heading="bright", of_photograph=None),),
            lambda shown: {"bright": shown.rgb.mean(axis=(1, 2, 3))},
            provenance={"notes": ["Judged by eye."]},
        )

    found = _run(photo_folder, judges=[Judge(prepare)])
    assert 0 < found.rows[0].numbers["bright"].value < 1
    assert "Judged by eye." in evaluation.markdown(found)
    assert set(judges.REMEDIES) <= set(found.empty)


def test_models_are_paths_or_what_is_loaded(photo_folder, tmp_path):
    folder = tmp_path / "model"
    release.save(tiny.model(), folder, card="A card.")
    models = {
        "path": folder,
        "colorizer": Colorizer(tiny.model()),
        "system": systems.of_colorizer(Colorizer(tiny.model())),
    }
    found = _run(photo_folder, models)
    numbers = {row.system: row.numbers["auc"].value for row in found.rows}
    # Stored in float32: the same weights.
    assert numbers["path"] == numbers["colorizer"] == numbers["system"]
    assert found.manifest["models"].keys() == {"path"}
    assert found.manifest["source"] == str(photo_folder)
    # Called from Python, there is no command line to repeat.
    assert found.manifest["command"] is None


def test_references_add_baselines(photo_folder):
    references = evaluation.References(photo_folder, most=3)
    found = _run(photo_folder, references=references)
    names = [row.system for row in found.rows]
    assert names[:3] == ["ground truth", "gray", "random"]
    assert len(names) == 6
    assert found.manifest["references"] == str(photo_folder)


@pytest.mark.slow
def test_names_that_are_not_utf8_do_not_end_an_evaluation(photographs, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for n, name in enumerate((b"caf\xe9.png", b"two\nlines.png")):
        picture = Image.fromarray(photographs["coffee"][: 64 + n, :64])
        path = folder / name.decode("utf-8", "surrogateescape")
        with path.open("wb") as file:
            picture.save(file, "PNG")
    models = {"tiny": Colorizer(tiny.model())}
    found = _run(folder, models, output=tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text()
    assert r"caf\xe9.png" in page
    assert r"two\nlines.png" in page
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["names"] == list(found.names)


def test_nothing_is_written_where_all_photographs_are_gray(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for n in range(2):
        Image.new("L", (40, 40), 90 + n).save(folder / f"{n}.png")
    with pytest.raises(
        ValueError, match=r"all 2 photographs of .* are black-and-white"
    ):
        _run(folder, output=tmp_path / "out")
    assert not (tmp_path / "out").exists()
