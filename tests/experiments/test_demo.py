"""The README's first command, with a bundled model of random weights."""

import numpy as np
from PIL import Image

from experiments import demo
from jaxcolor.pretrained import release
from tests import tiny


def test_the_demo_shows_each_photograph_in_gray_colorized_and_as_it_was(
    tmp_path, monkeypatch, capsys
):
    release.save(tiny.model(), tmp_path / "bundled", card="")
    monkeypatch.setattr(release, "BUNDLED", tmp_path / "bundled")
    large = demo.photographs()
    small = {name: large[name][::3, ::3] for name in ("camera", "coffee")}
    monkeypatch.setattr(demo, "photographs", lambda: small)
    output = tmp_path / "demo"
    assert demo.main(["-o", str(output)]) == 0
    assert str(output / "sheet.jpg") in capsys.readouterr().out
    found = {
        row: {
            path.stem: np.asarray(Image.open(path)) for path in (output / row).iterdir()
        }
        for row in demo.ROWS
    }
    assert set(found["black_and_white"]) == set(found["colorized"]) == set(small)
    # Always was black-and-white.
    assert set(found["black_and_white"]) - set(found["photograph"]) == {"camera"}
    for name, pixels in found["black_and_white"].items():
        assert pixels.ndim == 2
        assert found["colorized"][name].shape == (*pixels.shape, 3)
    with Image.open(output / "sheet.jpg") as sheet:
        assert sheet.height == demo.HEAD + 3 * (demo.HEIGHT + demo.GAP)
        # Beside the labels, the first row is gray and the others are not.
        rows = np.asarray(sheet)[:, demo.LABEL + 200 :].astype(int)
    chroma = np.ptp(rows, axis=-1)
    middles = [round((n + 0.5) * sheet.height / 3) for n in range(3)]
    assert [chroma[m - 50 : m + 50].mean() > 5 for m in middles] == [False, True, True]


def test_without_a_model_the_demo_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(release, "BUNDLED", tmp_path / "bundled")
    assert demo.main(["-o", str(tmp_path / "demo")]) == 2
    assert "there is no bundled model" in capsys.readouterr().err
