"""The flags of `jaxcolor colorize` for colors that are set by hand."""

import json

import numpy as np
import pytest
from PIL import Image

from jaxcolor.cli import command_line
from jaxcolor.inference.colorizer import Colorizer
from jaxcolor.pretrained import release
from tests import tiny

HINTS = [(13, 17, "#b04040"), (2, 3, "teal")]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hints") / "model"
    release.save(tiny.model(), folder, card="")
    return folder


@pytest.fixture
def photo(tmp_path):
    levels = np.random.default_rng(0).integers(100, 140, (32, 32), np.uint8)
    path = tmp_path / "in" / "grandma.png"
    path.parent.mkdir()
    Image.fromarray(levels).save(path)
    return path


def _run(model, photo, output, *flags):
    command = ["colorize", str(photo), "--model", str(model), "-o", str(output)]
    return command_line.main([*command, "--quiet", *map(str, flags)])


def _pixels(path):
    with Image.open(path) as image:
        return np.asarray(image)


def test_hints_color_the_photograph_and_are_replayed(model, photo, tmp_path):
    saved, output = tmp_path / "hints.json", tmp_path / "out.png"
    flags = ["--hint", "13,17=#b04040", "--hint", "2,3=teal", "--save-hints", saved]
    assert _run(model, photo, output, *flags) == 0
    np.testing.assert_array_equal(
        _pixels(output), Colorizer.load(model)(photo, hints=HINTS)
    )
    assert json.loads(saved.read_text()) == {
        "format_version": 1,
        "hints": {
            "in/grandma.png": [
                {"x": 13, "y": 17, "color": "#b04040"},
                {"x": 2, "y": 3, "color": "#008080"},
            ]
        },
    }
    assert _run(model, photo.parent, tmp_path / "again", "--hints", saved) == 0
    np.testing.assert_array_equal(
        _pixels(tmp_path / "again" / photo.name), _pixels(output)
    )


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--hint", "13,17=rot"], "'rot' is no color"),
        (["--hint", "13;17=red"], "'13;17=red' is no hint"),
        (["--hints", "none.json"], "none.json: No such file"),
        (["--save-hints", "new.json"], "got --save-hints without hints"),
    ],
)
def test_wrong_hints_are_refused_in_one_line(
    model, photo, tmp_path, capsys, flags, message
):
    assert _run(model, photo, tmp_path / "out.png", *flags) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out.png").exists()


def test_a_point_outside_fails_the_photograph(model, photo, tmp_path, capsys):
    saved = tmp_path / "hints.json"
    flags = ["--hint", "99,17=red", "--save-hints", saved]
    assert _run(model, photo, tmp_path / "out.png", *flags) == 1
    assert "grandma.png: the hint at 99,17 is outside" in capsys.readouterr().err
    assert not (tmp_path / "out.png").exists()
    assert not saved.exists()


def test_hints_for_a_photograph_that_is_not_there_are_refused(
    model, photo, tmp_path, capsys
):
    saved = tmp_path / "hints.json"
    saved.write_text('{"format_version": 1, "hints": {"other.png": []}}')
    assert _run(model, photo, tmp_path / "out.png", "--hints", saved) == 2
    assert "other.png is none of the photographs" in capsys.readouterr().err


def test_points_of_several_photographs_need_a_file(model, photo, tmp_path, capsys):
    Image.open(photo).save(photo.with_name("other.png"))
    assert _run(model, photo.parent, tmp_path / "out", "--hint", "1,1=red") == 2
    assert "got --hint for 2 photographs" in capsys.readouterr().err
