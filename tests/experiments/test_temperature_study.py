"""The study of the temperature."""

import json

import numpy as np
import pytest

from experiments import temperature
from jaxcolor.data import sources
from jaxcolor.evaluation import protocols
from jaxcolor.inference.colorizer import Colorizer
from jaxcolor.pretrained import release
from tests import tiny


def test_thirds_add_up_to_all_pixels(photo_folder):
    source = sources.open_source(photo_folder)
    holder = Colorizer(tiny.model())
    how = protocols.Protocol("photos", 32, 10.0, 4, 0, 20)
    done = []
    found = temperature.by_sureness(
        holder, source, how, (0.4, 1.0), on_done=done.append
    )
    assert sum(done) == 2 * len(source)
    low, high = found.entropies
    # Of 313 bins.
    assert 0 < low < high < np.log(313)
    # The temperature changes neither the truth nor which pixels are in a third, and
    # the more a distribution is annealed the farther from gray it is.
    for third in temperature.THIRDS:
        (vivid, *_), (calm, *_) = found.chroma[third]
        assert vivid > calm > 0
        assert all(lo <= x <= hi for x, lo, hi in found.error[third])
    # Per photograph everything is weighted by its pixels: the thirds' mean is near
    # the mean over all.
    chromas = []
    for truth, _, count in protocols.batches(source, how):
        ab = np.asarray(truth.lab[:count, ..., 1:])
        chromas.append(np.linalg.norm(ab, axis=-1).ravel())
    thirds = [found.true_chroma[third][0] for third in temperature.THIRDS]
    assert min(thirds) <= np.concatenate(chromas).mean() <= max(thirds)


@pytest.mark.slow
def test_it_runs_on_any_folder(photo_folder, tmp_path, capsys):
    release.save(tiny.model(), tmp_path / "model", card="")
    command = [str(photo_folder), "--model", f"mine={tmp_path / 'model'}", "--quiet"]
    output = tmp_path / "out"
    assert temperature.main([*command, "-o", str(output), "--size", "32"]) == 0
    text = (output / "table.md").read_text()
    assert text in capsys.readouterr().out
    assert text.count("| mine |") == len(temperature.TEMPERATURES)
    results = json.loads((output / "results.json").read_text())
    assert len(results["models"]["mine"]["cells"]) == len(temperature.TEMPERATURES)
    for name in ("temperature", "entropy", "strip"):
        assert (output / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_a_model_without_bins_is_refused(photo_folder, tmp_path, capsys):
    release.save(tiny.model(tiny.REGRESSION), tmp_path / "model", card="")
    command = [str(photo_folder), "--model", f"mine={tmp_path / 'model'}", "--quiet"]
    with pytest.raises(SystemExit) as ended:
        temperature.main([*command, "-o", str(tmp_path / "out")])
    assert ended.value.code == 2
    assert "error: " in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
