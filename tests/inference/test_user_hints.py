"""Hints of a user, from text and files to what networks take."""

import json

import numpy as np
import pytest
from skimage import color

from jaxcolor.inference import tiles, user_hints
from jaxcolor.inference.colorizer import Colorizer
from jaxcolor.inference.user_hints import Hint
from jaxcolor.pretrained import descriptions
from tests import tiny

NETWORK = descriptions.network(tiny.BINS)


def _file(tmp_path, fields):
    path = tmp_path / "hints.json"
    path.write_text(fields if isinstance(fields, str) else json.dumps(fields))
    return path


@pytest.fixture(scope="module")
def colorizer():
    return Colorizer(tiny.model())


@pytest.fixture(scope="module")
def gray():
    return np.full((32, 32), 119, np.uint8)


def _ab(rgb):
    return color.rgb2lab(rgb)[..., 1:]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("210,80=#c01020", (210, 80, (192, 16, 32))),
        ("0,1.5=teal", (0, 1.5, (0, 128, 128))),
        (" 3, 4=rgb(1, 2, 3)", (3, 4, (1, 2, 3))),
    ],
)
def test_a_hint_is_a_place_and_a_color(text, expected):
    x, y, given = user_hints.parsed(text)
    assert (x, y, user_hints.levels(given)) == expected


@pytest.mark.parametrize("text", ["", "3,4", "3=red", "3,4,5=red", "a,b=red", "3,4="])
def test_a_text_that_is_no_hint_is_named(text):
    with pytest.raises(ValueError, match=r"wanted") as caught:
        user_hints.parsed(text)
    assert repr(text) in str(caught.value) or "''" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("wrong", ["rot", "#12", (1, 2), (1, 2, 300), 7])
def test_what_is_no_color_is_named(wrong):
    with pytest.raises(ValueError, match="is no color; wanted"):
        user_hints.levels(wrong)


def test_saved_hints_are_read_again(tmp_path):
    hints = {
        "a b/é.jpg": (Hint(1, 2, "#102030"), Hint(3.5, 0, (255, 0, 7))),
        "c.png": (),
    }
    user_hints.save(hints, tmp_path / "hints.json")
    assert user_hints.load(tmp_path / "hints.json") == {
        "a b/é.jpg": (Hint(1, 2, "#102030"), Hint(3.5, 0, "#ff0007")),
        "c.png": (),
    }


@pytest.mark.parametrize(
    "fields",
    [
        "{",
        [],
        {"hints": {}},
        {"format_version": 2, "hints": {}},
        {"format_version": 1, "hints": []},
        {"format_version": 1, "hints": {"a.jpg": {}}},
        {"format_version": 1, "hints": {"a.jpg": [{"x": 1, "y": 2}]}},
        {"format_version": 1, "hints": {"a.jpg": [{"x": 1, "y": "2", "color": "red"}]}},
        {"format_version": 1, "hints": {"a.jpg": [{"x": 1, "y": 2, "color": "rot"}]}},
    ],
)
def test_a_file_that_has_no_hints_is_named(tmp_path, fields):
    path = _file(tmp_path, fields)
    with pytest.raises(ValueError, match=r"hints\.json: ") as caught:
        user_hints.load(path)
    assert "\n" not in str(caught.value)


def test_a_point_is_seen_where_its_pixel_is_scaled_to():
    photo = np.zeros((60, 40), np.uint8)
    view = tiles.view(photo, size=30, network=NETWORK)
    assert (view.height, view.width) == (30, 20)
    assert user_hints.pixel_seen(0, 0, (60, 40), view) == (0, 0)
    assert user_hints.pixel_seen(39, 59, (60, 40), view) == (29, 19)
    assert user_hints.pixel_seen(11, 20, (60, 40), view) == (10, 5)


def test_a_network_that_takes_hints_sees_squares_within_the_photograph():
    view = tiles.view(np.zeros((32, 32), np.uint8), size=32, network=NETWORK)
    hints = [Hint(1, 16, "#c01020"), Hint(4, 16, "blue")]
    shown = user_hints.inputs([hints], [(32, 32)], [view], batch_size=2)
    assert shown.shape == (2, 32, 32, 3)
    assert not shown[1].any()
    is_hint = shown[0, ..., 2] == 1
    rows, columns = np.nonzero(is_hint)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (13, 19, 0, 7)
    assert is_hint.sum() == 7 * 8
    red, blue = _ab(np.array([[192, 16, 32], [0, 0, 255]], np.uint8))
    np.testing.assert_allclose(shown[0, 16, 0, :2], red, atol=0.01)
    # The later one counts where they overlap.
    np.testing.assert_allclose(shown[0, 16, 2, :2], blue, atol=0.01)


@pytest.mark.parametrize("given", ["#b04040", "#4060a0", "#208040"])
def test_the_place_of_a_hint_gets_its_color(colorizer, gray, given):
    colored = colorizer(gray, hints=[Hint(13, 17, given)])
    wanted = _ab(np.array([user_hints.levels(given)], np.uint8))[0]
    # Half the diagonal between bins that are 10 apart.
    assert np.linalg.norm(_ab(colored)[17, 13] - wanted) < 7.1


def test_no_hints_change_nothing(colorizer, photographs):
    photo = photographs["coffee"][:301:2, :405:2]
    np.testing.assert_array_equal(colorizer(photo, hints=[]), colorizer(photo))


def test_each_photograph_of_a_list_has_its_own_hints(colorizer, gray):
    red, blue = [(13, 17, "#b04040")], [(3, 4, "#4060a0"), (20, 20, "#4060a0")]
    plain, one, two = colorizer([gray, gray, gray], hints=[[], red, blue])
    for found, hints in ((plain, None), (one, red), (two, blue)):
        # Sums in another order, for other numbers of photographs, round otherwise.
        expected = colorizer(gray, hints=hints).astype(int)
        assert np.abs(found.astype(int) - expected).max() <= 1


@pytest.mark.slow
def test_a_network_that_takes_hints_uses_them(gray):
    guided = Colorizer(tiny.model(tiny.USER_GUIDED))
    plain = guided(gray).astype(int)
    assert np.abs(guided(gray, hints=[(13, 17, "#b04040")]) - plain).max() > 5


def test_a_model_with_neither_bins_nor_an_input_for_hints_refuses_them(gray):
    regression = Colorizer(tiny.model(tiny.REGRESSION))
    with pytest.raises(ValueError, match="zhang2016 has neither bins nor an input"):
        regression(gray, hints=[(1, 1, "red")])


@pytest.mark.parametrize("place", [(-1, 0), (32, 0), (0, 32), (float("nan"), 0)])
def test_a_point_outside_the_photograph_is_refused(colorizer, gray, place):
    with pytest.raises(ValueError, match="outside the photograph of 32 x 32 pixels"):
        colorizer(gray, hints=[(*place, "red")])


def test_hints_for_another_number_of_photographs_are_refused(colorizer, gray):
    with pytest.raises(ValueError, match="hints for 1 photographs; wanted them for"):
        colorizer([gray, gray], hints=[[]])


def test_suggestions_are_likely_colors_at_the_lightness_of_the_point(
    colorizer, photographs
):
    photo = photographs["coffee"][:301:2, :405:2]
    found = colorizer.suggest(photo, 60, 40, count=4, temperature=1.0)
    shares = [share for _, share in found]
    assert len(found) == 4
    assert shares == sorted(shares, reverse=True)
    assert 0 < sum(shares) <= 1 + 1e-5
    levels = np.array([user_hints.levels(color) for color, _ in found], np.uint8)
    lightness = color.rgb2lab(levels)[:, 0]
    assert np.ptp(lightness) < 1
    ab = _ab(levels)
    apart = np.linalg.norm(ab[:, None] - ab, axis=-1)
    # Near the border of sRGB they lose chroma, and come closer.
    assert apart[~np.eye(4, dtype=bool)].min() > 2


def test_suggestions_need_a_point_and_bins(colorizer, gray):
    with pytest.raises(ValueError, match="outside the photograph"):
        colorizer.suggest(gray, 40, 1)
    with pytest.raises(ValueError, match="has no bins; wanted"):
        Colorizer(tiny.model(tiny.REGRESSION)).suggest(gray, 1, 1)
