"""Decodings of a kept pass of the network, against a whole colorization."""

import numpy as np
import pytest

from jaxcolor.color.decode import Decoding
from jaxcolor.inference import passes, tiles
from jaxcolor.inference.adjustments import Look
from jaxcolor.inference.colorizer import Colorizer
from jaxcolor.inference.user_hints import Hint
from tests import tiny

HINTS = (Hint(20, 30, "#c01020"), Hint(50, 10, "teal"))
# The decodings differ in how XLA rounds within a program; a level of 255 may tip over.
LEVELS = 1


@pytest.fixture(scope="module")
def colorizer():
    return Colorizer(tiny.model())


@pytest.fixture(scope="module")
def photo(photographs):
    return photographs["chelsea"][:120:2, :160:2]


def painted(colorizer, photo, **wanted):
    passed = passes.make(colorizer, photo)
    grid = passes.grid(colorizer, passed, **wanted)
    return tiles.paint(photo, grid, passed.view).astype(int)


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"decoding": Decoding(0.1, 0.2, 0.0)},
        # The colorizer has no coherence, so its own passes would have no features.
        {"decoding": Decoding(0.38, 0.5, 0.8)},
        {"look": Look(0.5, 3)},
        {"hints": HINTS},
        {"hints": HINTS, "look": Look(1.2, 1), "decoding": Decoding(0.2, 0.9, 1.0)},
    ],
)
def test_a_kept_pass_gives_the_colors_of_a_colorization(colorizer, photo, wanted):
    found = painted(colorizer, photo, **wanted)
    hints = [wanted["hints"]] if "hints" in wanted else None
    whole = colorizer.colorize([photo], **(wanted | {"hints": hints}))[0]
    np.testing.assert_allclose(found, whole, atol=LEVELS)
    # The wishes are no ones that change nothing.
    plain = colorizer.colorize([photo])[0].astype(int)
    assert not wanted or np.abs(found - plain).max() > 5


def test_a_network_that_takes_hints_gets_them_in_its_pass(photo):
    colorizer = Colorizer(tiny.model(tiny.USER_GUIDED))
    passed = passes.make(colorizer, photo, hints=HINTS)
    assert passes.takes_hints(colorizer)
    found = tiles.paint(
        photo, passes.grid(colorizer, passed, hints=HINTS), passed.view
    ).astype(int)
    whole = colorizer.colorize([photo], hints=[HINTS])[0]
    np.testing.assert_allclose(found, whole, atol=LEVELS)


def test_suggestions_of_a_kept_pass_are_those_of_the_colorizer(colorizer, photo):
    passed = passes.make(colorizer, photo)
    found = passes.suggest(colorizer, passed, 20, 30, count=4)
    wanted = colorizer.suggest(photo, 20, 30, count=4)
    assert [color for color, _ in found] == [color for color, _ in wanted]
    shares = [[share for _, share in each] for each in (found, wanted)]
    # Moved to the lambda within the network's program, or after it.
    np.testing.assert_allclose(*shares, rtol=1e-4)


def test_a_wrong_hint_or_point_is_refused(colorizer, photo):
    passed = passes.make(colorizer, photo)
    with pytest.raises(ValueError, match="is outside the photograph of 80 x 60"):
        passes.grid(colorizer, passed, hints=[Hint(80, 0, "red")])
    with pytest.raises(ValueError, match="is outside the photograph"):
        passes.suggest(colorizer, passed, 0, 60, count=1)
    with pytest.raises(ValueError, match="strength is 2"):
        passes.grid(colorizer, passed, look=Look(2.0))


def test_the_size_of_a_pass_counts_outputs_and_features(colorizer, photo):
    passed = passes.make(colorizer, photo)
    outputs, features = passed.predicted
    arrays = (outputs, features, passed.lightness, passed.view.rgb)
    assert passes.bytes_of(passed) == sum(array.nbytes for array in arrays)


def test_decodings_without_end_do_not_fill_the_memory(colorizer):
    for n in range(300):
        colorizer.reading(Decoding(0.1 + n / 1000, 0.5, 0.0))
    assert len(colorizer._readings) < 300
    first = colorizer.reading(Decoding(0.1, 0.5, 0.0))
    assert float(first.decoder.temperature) == pytest.approx(0.1)
