import numpy as np
from PIL import Image

from jaxcolor import plots


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
