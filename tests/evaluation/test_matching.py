"""Pictures of other programs: which photograph they are of, and what is refused."""

import json
import logging

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxcolor import evaluation
from jaxcolor.color import cielab
from jaxcolor.data import sources
from jaxcolor.evaluation import matching, systems
from jaxcolor.evaluation.protocols import Protocol
from jaxcolor.inference.colorizer import Colorizer
from tests import tiny

SIZE = 32
SMALL = Protocol(size=SIZE, batch_size=4, resamples=20)


def _save(path, rgb):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rgb).save(path)
    return path


def _plain(width=4, height=4, rgb=(200, 40, 30)):
    return np.full((height, width, 3), rgb, np.uint8)


@pytest.fixture
def pictures(tmp_path):
    """Returns a function that makes a folder of pictures with some names."""

    def make(*names):
        for name in names:
            _save(tmp_path / "pictures" / name, _plain())
        return tmp_path / "pictures"

    return make


def test_a_picture_has_the_name_of_its_photograph_and_any_ending(pictures):
    folder = pictures("a/ann.png", "b/ann.webp", "bob.v2.png")
    photographs = ["bob.v2.jpg", "a/ann.jpg", "b/ann.JPG"]
    found = matching.match(folder, photographs)
    assert found.names == ("bob.v2.png", "a/ann.png", "b/ann.webp")
    assert found.ignored == 0


def test_a_bare_name_is_enough_where_it_is_the_only_one(pictures):
    folder = pictures("ann.png", "flat/bob.png")
    found = matching.match(folder, ["faces/bob.jpg", "faces/ann.jpg"])
    assert found.names == ("flat/bob.png", "ann.png")


def test_a_bare_name_of_two_photographs_is_of_neither(pictures):
    with pytest.raises(ValueError, match=r"no picture of 2 of 2 .* a/ann\.jpg; wanted"):
        matching.match(pictures("ann.png"), ["a/ann.jpg", "b/ann.jpg"])


def test_records_without_an_ending_keep_the_dots_of_their_names(pictures):
    folder = pictures("set.1.0/00000001.png", "set.1.0/00000002.png")
    found = matching.match(folder, ["set.1.0/00000002", "set.1.0/00000001"])
    assert found.names == ("set.1.0/00000002.png", "set.1.0/00000001.png")


def test_other_pictures_are_ignored_with_a_note(pictures, caplog):
    with caplog.at_level(logging.WARNING):
        found = matching.match(pictures("ann.png", "x.png", "y.png"), ["ann.jpg"])
    assert found.ignored == 2
    assert "2 pictures of no photograph ignored" in caplog.text


@pytest.mark.parametrize(
    ("names", "photographs", "message"),
    [
        (
            ["ann.png"],
            ["ann.jpg", "c/bob.jpg", "eve.jpg"],
            r"no picture of 2 of 3 photographs, the first of them c/bob\.jpg;"
            " wanted c/bob with the ending of an image",
        ),
        (
            ["ann.png", "ann.webp"],
            ["ann.jpg"],
            r"two pictures of ann\.jpg: ann\.png and ann\.webp; wanted one",
        ),
        (
            ["a/ann.png", "b/ann.png"],
            ["ann.jpg"],
            r"two pictures of ann\.jpg: a/ann\.png and b/ann\.png",
        ),
        (
            ["ann.png"],
            ["ann.jpg", "ann.png"],
            r"photographs ann\.jpg and ann\.png are both called ann",
        ),
    ],
)
def test_pictures_that_cannot_be_distinguished_are_refused(
    pictures, names, photographs, message
):
    with pytest.raises(ValueError, match=message) as raised:
        matching.match(pictures(*names), photographs)
    assert "\n" not in str(raised.value)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(ValueError, match="nowhere: not a folder"):
        matching.match(tmp_path / "nowhere", ["ann.jpg"])


@pytest.fixture
def photograph(tmp_path, photographs):
    """Returns a source of one photograph of 90 x 60 pixels."""
    small = Image.fromarray(photographs["coffee"]).resize((90, 60))
    _save(tmp_path / "set" / "ann.png", np.asarray(small))
    return sources.open_source(tmp_path / "set")


@pytest.mark.parametrize(
    ("width", "height"),
    # The same aspect, larger, smaller and rounded; and the square that is measured.
    [(90, 60), (180, 120), (31, 20), (64, 43), (SIZE, SIZE)],
)
def test_pictures_of_the_same_aspect_are_taken(photograph, tmp_path, width, height):
    _save(tmp_path / "pictures" / "ann.png", _plain(width, height))
    system = systems.of_pictures(tmp_path / "pictures", photograph, size=SIZE)
    lightness = jnp.full((2, SIZE, SIZE), 50.0)
    # The second is the filling of a batch.
    ab = system.answer(lightness, jnp.array([0, 1])).ab
    assert ab.shape == (2, SIZE, SIZE, 2)
    # Of (200, 40, 30) by scikit-image; ours may differ by 1e-3.
    np.testing.assert_allclose(
        ab[0], np.broadcast_to([60.597, 45.972], ab[0].shape), atol=2e-3
    )


@pytest.mark.parametrize(("width", "height"), [(60, 60), (60, 90), (96, 60)])
def test_another_aspect_is_refused(photograph, tmp_path, width, height):
    path = _save(tmp_path / "pictures" / "ann.png", _plain(width, height))
    message = (
        f"{path} has {width}x{height} pixels, its photograph 90x60; wanted the same"
    )
    with pytest.raises(ValueError, match=message):
        systems.of_pictures(tmp_path / "pictures", photograph, size=SIZE)


def test_a_broken_picture_is_named(photograph, tmp_path):
    path = _save(tmp_path / "pictures" / "ann.png", _plain(90, 60))
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(ValueError, match=r"cannot decode .*ann\.png: ") as raised:
        systems.of_pictures(tmp_path / "pictures", photograph, size=SIZE)
    assert "\n" not in str(raised.value)


def test_a_squashed_picture_of_the_measured_size_is_noticed(
    photograph, photographs, tmp_path, caplog
):
    whole = Image.fromarray(photographs["coffee"]).resize((90, 60))
    cropped = whole.crop((15, 0, 75, 60)).resize((SIZE, SIZE))
    for name, picture in (("right", cropped), ("wrong", whole.resize((SIZE, SIZE)))):
        _save(tmp_path / name / "ann.png", np.asarray(picture))
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            systems.of_pictures(tmp_path / name, photograph, size=SIZE)
        warned = "1 of 1 pictures are much lighter or darker" in caplog.text
        assert warned == (name == "wrong")


@pytest.mark.slow
def test_a_models_pictures_have_its_numbers(photo_folder, tmp_path):
    predicted = systems.of_colorizer(Colorizer(tiny.model()))

    def inside(lightness, index):
        # Colors outside sRGB lose chroma in a picture, and would have other numbers.
        answer = predicted.answer(lightness, index)
        lab = jnp.concatenate([lightness[..., None], answer.ab], axis=-1)
        return answer._replace(ab=cielab.clip_chroma(lab)[..., 1:])

    model = predicted._replace(answer=inside)
    first = tmp_path / "first"
    evaluation.assemble(
        {"model": model},
        photo_folder,
        protocol=SMALL,
        output=first,
        keeps_pictures=True,
        is_quiet=True,
    )
    # The squares of the ground truth are the photographs now: names agree.
    found = evaluation.assemble(
        {"model": model},
        first / "pictures" / "ground_truth",
        protocol=SMALL,
        pictures_of={"pictures": first / "pictures" / "model"},
        output=tmp_path / "second",
        is_quiet=True,
    )
    rows = {row.system: row.numbers for row in found.rows}
    assert rows["pictures"].keys() <= rows["model"].keys()
    # Without a distribution there is no likelihood.
    assert {"nll"} <= rows["model"].keys() - rows["pictures"].keys()
    for key, tolerance in {
        # Rounding to 8 bits moves ab by about half a unit of the 150, either way.
        "auc": 0.05,
        "rebalanced_auc": 0.05,
        "psnr": 0.1,
        "ssim": 2e-3,
        "ciede2000": 0.1,
        "colorfulness_share": 0.01,
    }.items():
        expected = rows["model"][key].value
        assert rows["pictures"][key].value == pytest.approx(expected, abs=tolerance)
        # Gray is farther from it, so that the tolerance tells them apart.
        assert abs(rows["gray"][key].value - expected) > 2 * tolerance, key
    provenance = json.loads((tmp_path / "second" / "manifest.json").read_text())
    assert len(provenance["models"]["pictures"]["sha256"]) == 64
    assert provenance["models"]["pictures"]["pictures"] == len(found.names)
    assert "Pictures of other programs: pictures in" in evaluation.markdown(found)
    assert "pictures" in (tmp_path / "second" / "report.html").read_text()


@pytest.mark.slow
def test_the_photographs_themselves_are_the_truth(photo_folder):
    found = evaluation.assemble(
        {},
        photo_folder,
        protocol=SMALL,
        pictures_of={"copies": photo_folder},
        is_quiet=True,
    )
    (copies,) = [row.numbers for row in found.rows if row.system == "copies"]
    assert copies["auc"].value == pytest.approx(100, abs=1e-4)
    assert copies["psnr"].value > 50


def test_a_model_and_pictures_of_one_name_are_refused(photo_folder):
    with pytest.raises(ValueError, match="are both called 'one'; wanted two names"):
        evaluation.assemble(
            {"one": Colorizer(tiny.model())},
            photo_folder,
            protocol=SMALL,
            pictures_of={"one": photo_folder},
            is_quiet=True,
        )
