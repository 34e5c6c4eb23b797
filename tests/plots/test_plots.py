import io

import numpy as np
import pytest
from matplotlib import colors
from PIL import Image

from jaxcolor import plots
from jaxcolor.color import gamut


def test_a_contact_sheet_has_every_picture_in_its_place(tmp_path):
    rows = np.arange(6, dtype=np.uint8).reshape(3, 2, 1, 1, 1)
    rows = np.broadcast_to(rows, (3, 2, 5, 7, 3))
    sheet = plots.contact_sheet(rows)
    gap = plots.GAP
    assert sheet.shape == (3 * 5 + 4 * gap, 2 * 7 + 3 * gap, 3)
    second_row, second_column = 2 * gap + 5, 2 * gap + 7
    picture = sheet[second_row : second_row + 5, second_column : second_column + 7]
    assert (picture == 3).all()
    assert (sheet[:gap] == plots.PAPER).all()
    plots.write_png(sheet, tmp_path / "sheet.png")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "sheet.png")), sheet)


CENTERS = gamut.from_srgb(spacing=20.0).centers
SHARES = np.linspace(0, 1, len(CENTERS)) / np.linspace(0, 1, len(CENTERS)).sum()
STRAIGHT = {
    "raw": np.linspace(0, 100, 151).tolist(),
    "rebalanced": np.linspace(0, 50, 151).tolist(),
}
DIAGRAM = {
    "pixels": [4.0, 0.0, 2.0],
    "confidence": [0.1, 0.0, 0.9],
    "accuracy": [0.2, 0.0, 1.0],
}


@pytest.mark.parametrize(
    "draw",
    [
        lambda: plots.accuracy_curves({"a": STRAIGHT, "b": STRAIGHT}),
        lambda: plots.dots(["a", "b"], {"AuC": [(1.0, 0.5, 1.5), (2.0, None, None)]}),
        lambda: plots.reliability({"a": DIAGRAM}),
        lambda: plots.histograms(dict.fromkeys("abcde", SHARES.tolist()), CENTERS),
        lambda: plots.bins_and_prior(CENTERS, SHARES, source="photographs"),
        lambda: plots.planes([50.0]),
        lambda: plots.bins_and_outline(
            CENTERS, gamut.outline(), is_reached=CENTERS[:, 0] > 0
        ),
        lambda: plots.distributions(
            {"one": SHARES, "two": SHARES[::-1]},
            CENTERS,
            marks={"one": {"mean": np.zeros(2)}},
        ),
        lambda: plots.lines(
            {"a": ([1.0, 2.0], [3.0, 4.0])},
            x="x",
            y="y",
            is_logarithmic=True,
            verticals={"here": 1.5},
        ),
    ],
    ids=[
        "curves",
        "dots",
        "reliability",
        "histograms",
        "bins",
        "planes",
        "outline",
        "distributions",
        "lines",
    ],
)
def test_a_figure_is_labelled_and_the_same_each_time(draw):
    figure = draw()
    assert figure.get_axes()
    # Panels of a grid share the label of the outermost.
    labels = [axes.get_xlabel() + axes.get_ylabel() for axes in figure.get_axes()]
    assert any(labels)
    content = plots.png(figure)
    assert content == plots.png(draw())
    picture = np.asarray(Image.open(io.BytesIO(content)).convert("L"))
    # Something is drawn, on a page that is mostly empty.
    assert 0.005 < (picture < 200).mean() < 0.6


def test_the_likeliest_bin_is_the_largest_square_and_in_sight():
    figure = plots.distributions({"one": SHARES}, CENTERS, marks={})
    (axes,) = figure.get_axes()
    squares = axes.collections[1]
    b, a = squares.get_offsets()[squares.get_sizes().argmax()]
    np.testing.assert_array_equal([a, b], CENTERS[SHARES.argmax()])
    assert axes.get_xlim()[0] < b < axes.get_xlim()[1]
    assert axes.get_ylim()[0] < a < axes.get_ylim()[1]


def test_a_grid_has_a_head_for_each_row_and_column():
    pictures = np.arange(2 * 3 * 24, dtype=np.uint8).reshape(2, 3, 2, 4, 3)
    figure = plots.picture_grid(
        pictures, columns=["input", "L2", "Larsson et al. 2016"], rows=["best", "worst"]
    )
    drawn = figure.get_axes()
    heads = ["input", "L2", "Larsson et al.\n2016"]
    assert [axes.get_title() for axes in drawn] == heads + [""] * 3
    labels = ["best", "", "", "worst", "", ""]
    assert [axes.get_ylabel() for axes in drawn] == labels
    np.testing.assert_array_equal(drawn[4].images[0].get_array(), pictures[1, 1])


def test_pictures_and_maps_have_their_titles_and_pixels():
    picture = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    panels = {"a": picture, "b": picture[..., 0], "c": picture}
    figure = plots.photographs(panels, columns=2, marked={"a": (0, 3)})
    drawn = figure.get_axes()
    # The last of the two rows has room for one more.
    assert [axes.get_title() for axes in drawn] == ["a", "b", "c", ""]
    np.testing.assert_array_equal(drawn[0].images[0].get_array(), picture)
    np.testing.assert_array_equal(drawn[0].collections[0].get_offsets(), [[3, 0]])
    whole = plots.maps(
        {"low": np.ones((2, 3)), "high": np.full((2, 3), 9.0)},
        columns=2,
        unit="nats",
        is_logarithmic=False,
    )
    low, high, bar = whole.get_axes()
    assert low.images[0].get_clim() == high.images[0].get_clim() == (1, 9)
    assert bar.get_ylabel() == "nats"
    assert plots.jpeg(whole)[:2] == b"\xff\xd8"


MAP = np.array([[1.0, 2.0, np.nan], [4.0, 5.0, 6.0]])


def test_a_heat_map_has_its_numbers_in_its_cells():
    def draw():
        return plots.heat_maps({"m": MAP}, [0.38, 1.0], [0.0, 0.5, 1.0], best=(1, 2))

    (axes,) = draw().get_axes()
    texts = {text.get_position(): text.get_text() for text in axes.texts}
    # Across are the lambdas; a number that is not there is no text.
    assert texts == {
        (0, 0): "1.00",
        (1, 0): "2.00",
        (0, 1): "4.00",
        (1, 1): "5.00",
        (2, 1): "6.00",
    }
    assert [label.get_text() for label in axes.get_yticklabels()] == ["0.38", "1"]
    (frame,) = axes.lines
    assert (frame.get_xdata().mean().round(), frame.get_ydata().max()) == (2, 1.46)
    assert plots.png(draw()) == plots.png(draw())


def test_a_number_against_temperature_is_the_number_given():
    numbers = [(1.0, 0.5, 2.0), (3.0, 2.5, 4.0)]
    figure = plots.against_temperature(
        {"AuC": {"λ = 0": numbers, "λ = 1": numbers}},
        [0.38, 1.0],
        levels={"AuC": ("gray", 2.5)},
    )
    (axes,) = figure.get_axes()
    first, *_, level = axes.lines
    np.testing.assert_array_equal(first.get_ydata(), [1.0, 3.0])
    assert set(level.get_ydata()) == {2.5}
    # Error bars are lines from end to end.
    ends = axes.collections[0].get_segments()[0][:, 1]
    np.testing.assert_allclose(ends, [0.5, 2.0])


def test_the_curve_drawn_is_the_curve_given():
    raw, rebalanced = plots.accuracy_curves({"a": STRAIGHT}).get_axes()
    np.testing.assert_array_equal(raw.lines[0].get_ydata(), STRAIGHT["raw"])
    (line,) = rebalanced.lines
    np.testing.assert_array_equal(line.get_ydata(), STRAIGHT["rebalanced"])


def test_a_curve_over_counts_shows_the_numbers_given_and_zero():
    drawn = plots.against_count(
        {"a": ([0, 1, 500], [24.0, 25.0, 32.0])}, x="hints", y="dB"
    )
    (axes,) = drawn.get_axes()
    (line,) = axes.lines
    np.testing.assert_array_equal(line.get_xydata(), [[0, 24], [1, 25], [500, 32]])
    at = axes.transData.transform([(0, 24), (1, 24), (500, 24)])[:, 0]
    assert np.isfinite(at).all()
    assert np.all(np.diff(at) > 0)


def test_intervals_of_no_pixel_are_not_drawn():
    (axes,) = plots.reliability({"a": DIAGRAM}).get_axes()
    np.testing.assert_array_equal(axes.lines[1].get_xdata(), [0.1, 0.9])


def test_gray_is_drawn_gray_and_takes_no_color_from_others():
    alone, *_ = plots.accuracy_curves({"a": STRAIGHT}).get_axes()
    raw, *_ = plots.accuracy_curves({"gray": STRAIGHT, "a": STRAIGHT}).get_axes()
    gray, first = (line.get_color() for line in raw.get_lines())
    assert len(set(colors.to_rgb(gray))) == 1
    assert first == alone.get_lines()[0].get_color()
