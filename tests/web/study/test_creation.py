import contextlib
import io
import shutil
import sqlite3

import numpy as np
import pytest
from PIL import Image
from skimage import color

from jaxcolor.web.study import creation, database, reading, studies
from jaxcolor.web.study.recruitment import Recruitment
from tests.web.study import small


def stored(url):
    """Returns all pictures, by algorithm and photograph."""
    with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as file:
        rows = file.execute(
            "SELECT algorithms.name, photographs.name, png FROM pictures"
            " JOIN algorithms ON algorithms.id = algorithm_id"
            " JOIN photographs ON photographs.id = photograph_id"
        )
        return {(algorithm, photograph): png for algorithm, photograph, png in rows}


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)))


def test_pictures_are_stored_as_they_are(sqlite_url, pictures):
    small.create(sqlite_url, pictures)
    found = stored(sqlite_url)
    assert {algorithm for algorithm, _ in found} == {
        "ground truth",
        "gray",
        "swapped",
        "attention check",
    }
    for n in range(8):
        for algorithm, folder in (("ground truth", "truth"), ("gray", "gray")):
            original = np.asarray(Image.open(pictures / folder / f"{n:03}.png"))
            np.testing.assert_array_equal(pixels(found[algorithm, f"{n:03}"]), original)


def test_all_files_have_the_same_size_and_no_metadata(sqlite_url, pictures, tmp_path):
    shutil.copytree(pictures, tmp_path / "p")
    # A JPEG with a comment among the PNGs.
    photograph = Image.open(pictures / "truth" / "000.png")
    (tmp_path / "p" / "truth" / "000.png").unlink()
    photograph.save(tmp_path / "p" / "truth" / "000.jpg", comment=b"real", quality=95)
    small.create(sqlite_url, tmp_path / "p")
    found = stored(sqlite_url)
    assert len({len(png) for png in found.values()}) == 1
    for png in found.values():
        with Image.open(io.BytesIO(png)) as image:
            assert image.format == "PNG"
            assert image.info == {}


def test_attention_checks_have_the_lightness_of_their_photograph_only(
    sqlite_url, pictures
):
    small.create(sqlite_url, pictures)
    found = stored(sqlite_url)
    differences = []
    for n in range(8):
        truth = color.rgb2lab(pixels(found["ground truth", f"{n:03}"]))
        check = color.rgb2lab(pixels(found["attention check", f"{n:03}"]))
        # Rounding to 8 bits.
        assert np.abs(truth[..., 0] - check[..., 0]).mean() < 0.5
        differences.append(np.abs(truth[..., 1:] - check[..., 1:]).mean())
    assert min(differences) > 0.5
    assert np.mean(differences) > 5


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda p: (p / "gray" / "003.png").unlink(), "gray has no picture 003"),
        (
            lambda p: Image.new("RGB", (32, 31)).save(p / "gray" / "003.png"),
            "003.png: 32 x 31 pixels; wanted 32 x 32",
        ),
        (
            lambda p: (p / "gray" / "003.png").write_text("no picture"),
            "003.png: not readable as a picture",
        ),
        # The header is whole, the pixels are not: found when it is decoded.
        (
            lambda p: (p / "swapped" / "007.png").write_bytes(
                (p / "swapped" / "007.png").read_bytes()[:200]
            ),
            "007.png: ",
        ),
        (
            lambda p: [(p / "truth" / f"00{n}.png").unlink() for n in range(3)],
            "has 5 photographs; wanted 6 or more for 2 practice and 4 test trials",
        ),
        (
            lambda p: shutil.copy(p / "gray" / "003.png", p / "gray" / "003.tif"),
            "gray has two pictures 003",
        ),
        (lambda p: shutil.rmtree(p / "gray"), "gray: not a folder"),
    ],
)
def test_wrong_pictures_are_named_and_leave_nothing(
    sqlite_url, pictures, tmp_path, damage, message
):
    shutil.copytree(pictures, tmp_path / "p")
    damage(tmp_path / "p")
    with pytest.raises(ValueError, match=message) as caught:
        small.create(sqlite_url, tmp_path / "p")
    assert "\n" not in str(caught.value)
    assert {path.name for path in tmp_path.iterdir()} == {"p"}


def test_an_error_leaves_the_other_studies_of_a_database(url, pictures, tmp_path):
    small.create(url, pictures)
    shutil.copytree(pictures, tmp_path / "p")
    broken = tmp_path / "p" / "swapped" / "007.png"
    broken.write_bytes(broken.read_bytes()[:200])
    with pytest.raises(ValueError, match=r"007\.png"):
        small.create(url, tmp_path / "p", name="other")
    with pytest.raises(ValueError, match="has a study small already"):
        small.create(url, pictures)
    small.create(url, pictures, name="other")


def test_names_that_are_taken_or_no_names_are_refused(sqlite_url, pictures):
    for name in ("", "a/b", "a b", ".", "x" * 101):
        with pytest.raises(ValueError, match="the study is called"):
            small.create(sqlite_url, pictures, name=name)
    folders = creation.Folders(pictures / "truth", {"ground truth": pictures / "gray"})
    with pytest.raises(ValueError, match="a system is called 'ground truth'"):
        creation.create(
            sqlite_url,
            "a",
            folders=folders,
            rules=small.RULES,
            texts=small.TEXTS,
            seed=0,
        )


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (Recruitment(consent=" \n"), "the consent text is empty"),
        (Recruitment(return_url="javascript:alert(1)"), "wanted https://"),
        (Recruitment(parameter="a&b"), "the parameter is 'a&b'"),
    ],
)
def test_texts_that_no_page_can_show_are_refused(sqlite_url, pictures, texts, message):
    with pytest.raises(ValueError, match=message):
        small.create(sqlite_url, pictures, texts=texts)


def test_fakes_of_attention_checks_come_from_their_folder_and_are_never_compared(
    sqlite_url, pictures
):
    folders = creation.Folders(
        pictures / "truth", {"gray": pictures / "gray"}, pictures / "swapped"
    )
    for name, share in (("with", 0.25), ("without", 0.0)):
        creation.create(
            sqlite_url,
            name,
            folders=folders,
            rules=small.RULES._replace(attention_share=share),
            texts=small.TEXTS,
            seed=0,
        )
    with database.opened(sqlite_url) as engine, database.reading(engine) as connection:
        for name in ("with", "without"):
            study = studies.find(connection, name)
            assert reading.algorithms(connection, study) == ["gray"]
    check = stored(sqlite_url)["attention check", "000"]
    swapped = np.asarray(Image.open(pictures / "swapped" / "000.png"))
    np.testing.assert_array_equal(pixels(check), swapped)
