"""The best, median and worst of a system, made again from the photographs."""

import numpy as np
import pytest

from jaxcolor.data import sources
from jaxcolor.evaluation import evaluate, manifests, systems
from jaxcolor.evaluation.protocols import Protocol
from jaxcolor.evaluation.report import examples, figures
from jaxcolor.inference.colorizer import Colorizer
from tests import tiny

PROTOCOL = Protocol("set", 32, 10.0, batch_size=3, seed=0, resamples=20)


@pytest.fixture(scope="module")
def evaluated(photo_folder):
    measured = {"tiny": systems.of_colorizer(Colorizer(tiny.model()))}
    source = sources.open_source(photo_folder)
    found = evaluate.evaluate(
        measured,
        source,
        PROTOCOL,
        on_done=lambda _: None,
    )
    return found, measured, source


def test_ranks_follow_the_numbers(evaluated):
    found, measured, source = evaluated
    (chosen,) = examples.choose(found, measured, source, PROTOCOL).values()
    errors = dict(zip(found.names, found.photographs["tiny"]["ciede2000"], strict=True))
    by_rank = {
        rank: [errors[one.name] for one in chosen if one.rank == rank]
        for rank in ("best", "median", "worst")
    }
    assert by_rank["best"] == sorted(errors.values())[:2]
    assert max(by_rank["best"]) <= min(by_rank["median"])
    assert by_rank["worst"][0] == max(errors.values())
    assert len({one.name for one in chosen}) == len(chosen)


def test_pictures_are_those_that_were_measured(evaluated):
    found, measured, source = evaluated
    (chosen,) = examples.choose(found, measured, source, PROTOCOL).values()
    psnr = dict(zip(found.names, found.photographs["tiny"]["psnr"], strict=True))
    for one in chosen:
        error = np.square(one.predicted / 255 - one.truth / 255).mean()
        # A batch of another size adds in another order: a level here and there.
        assert -10 * np.log10(error) == pytest.approx(psnr[one.name], abs=0.05)
        assert np.ptp(one.gray.astype(int), axis=-1).max() <= 1


def test_an_evaluation_is_shown(evaluated, tmp_path):
    found, measured, source = evaluated
    chosen = examples.choose(found, measured, source, PROTOCOL)
    figures.write(found, tmp_path, examples=chosen)
    plots = {path.name for path in (tmp_path / "plots").iterdir()}
    assert plots == {
        f"{name}.png"
        for name in ("accuracy_curves", "auc", "bins", "histograms", "reliability")
    }
    page = (tmp_path / "report.html").read_text()
    assert page.count("<figure>") == len(plots) + len(chosen["tiny"])


def test_the_manifest_knows_every_file(evaluated):
    found, _, source = evaluated
    files = found.manifest["files"]
    assert [file["name"] for file in files] == list(source.names)
    assert len({file["sha256"] for file in files}) == len(files)


def test_the_hash_of_a_model_is_that_of_its_files(tmp_path):
    (tmp_path / "model").mkdir()
    weights = tmp_path / "model" / "weights"
    weights.write_bytes(b"1")
    before = manifests.hash_of_model(tmp_path / "model")
    assert manifests.hash_of_model(f"{tmp_path / 'model'}@5") == before
    weights.write_bytes(b"2")
    assert manifests.hash_of_model(tmp_path / "model") != before
