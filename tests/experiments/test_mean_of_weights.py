import jax
import numpy as np
import pytest
import safetensors.numpy

from experiments import mean_of_weights
from jaxcolor.pretrained import release
from tests import tiny


def _shifted(model, by):
    return model._replace(
        variables=jax.tree.map(lambda x: x + np.float32(by), model.variables)
    )


def test_arrays_are_means(tmp_path):
    first = tiny.model()
    for name, model in {"first": first, "second": _shifted(first, 3)}.items():
        release.save(model, tmp_path / name, card="")
    paths = [str(tmp_path / name) for name in ("first", "second", "second")]
    assert mean_of_weights.main([*paths, "-o", str(tmp_path / "mean")]) == 0
    old, new = (
        safetensors.numpy.load_file(tmp_path / name / release.WEIGHTS)
        for name in ("first", "mean")
    )
    arrays = [name for name in new if name.startswith(("params/", "batch_stats/"))]
    assert len(arrays) > 5
    for name in arrays:
        np.testing.assert_allclose(new[name], old[name] + 2, atol=1e-6, err_msg=name)
    mean = release.load(tmp_path / "mean")
    assert mean.description == first.description
    np.testing.assert_allclose(mean.prior, first.prior, rtol=1e-6)
    assert len(mean.provenance["mean_of"]) == 3


def test_priors_are_means():
    first = tiny.model()
    second = first._replace(prior=first.prior[::-1])
    mean = mean_of_weights.mean([first, second])
    np.testing.assert_allclose(mean.prior, (first.prior + first.prior[::-1]) / 2)


def test_models_that_do_not_fit_are_refused():
    first = tiny.model()
    other = tiny.model(tiny.LITE)
    with pytest.raises(ValueError, match="network of model 2 is 'lite_fpn'; wanted 'z"):
        mean_of_weights.mean([first, other])
    with pytest.raises(ValueError, match="1 of 2 models have a prior"):
        mean_of_weights.mean([first, first._replace(prior=None)])


def test_an_existing_folder_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        mean_of_weights.main(["none", "-o", str(tmp_path)])
    assert end.value.code == 2
    assert "exists; not overwritten" in capsys.readouterr().err
