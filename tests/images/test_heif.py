"""Photographs in HEIC, as phones write them, by the library that reads them."""

import sys

import numpy as np
import pytest
from PIL import Image

from jaxcolor import images
from jaxcolor.images import finding, heif
from jaxcolor.images.loading import Photo
from tests.images import test_profiles

# Compression with losses, at a quality of 90.
CLOSE = 3.0
SIDEWAYS = 6
ORIENTATION, DESCRIPTION = 0x0112, 0x010E


@pytest.fixture
def photograph(photographs):
    return photographs["chelsea"]


def written(path, photograph, **extras):
    pytest.importorskip("pillow_heif")
    heif.register()
    Image.fromarray(photograph).save(path, "HEIF", quality=90, **extras)
    return path


def test_a_photograph_that_lay_on_its_side_is_turned_once(photograph, tmp_path):
    exif = Image.Exif()
    exif[ORIENTATION], exif[DESCRIPTION] = SIDEWAYS, "A cat"
    # Written with a rotation of HEIF's own, which its reader applies.
    path = written(tmp_path / "cat.heic", photograph, exif=exif.tobytes())
    photo = images.load(path)
    assert photo.rgb.dtype == np.uint8
    wanted = np.rot90(photograph, -1).astype(float)
    assert photo.rgb.shape == wanted.shape
    assert np.abs(photo.rgb - wanted).mean() < CLOSE
    kept = Image.Exif()
    kept.load(photo.exif)
    assert (kept[ORIENTATION], kept[DESCRIPTION]) == (1, "A cat")


def test_the_icc_profile_is_applied(photograph, tmp_path):
    adobe = test_profiles.matrix_profile(
        test_profiles.ADOBE, test_profiles.gamma(563 / 256)
    )
    path = written(tmp_path / "cat.heic", photograph, icc_profile=adobe)
    found = images.load(path).rgb.astype(float)
    wanted = test_profiles.expected_of_adobe(photograph / 255, 563 / 256) * 255
    # Compression is right on average.
    shift = np.abs((found - wanted).mean(axis=(0, 1))).max()
    assert shift < 1
    assert np.abs((photograph - wanted).mean(axis=(0, 1))).max() > 3


def test_it_is_found_and_becomes_a_jpeg_with_its_metadata(photograph, tmp_path):
    packet = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>'
    path = written(tmp_path / "cat.HEIC", photograph, xmp=packet)
    assert images.find(tmp_path).names == ("cat.HEIC",)
    photo = images.load(path)
    assert images.output_name(photo, path.name) == "cat.jpg"
    images.save(photo, tmp_path / "cat.jpg")
    with Image.open(tmp_path / "cat.jpg") as image:
        assert image.format == "JPEG"
        assert image.info["xmp"] == packet


def test_transparency_is_kept_in_a_png(photograph, tmp_path):
    alpha = np.full((*photograph.shape[:2], 1), 128, np.uint8)
    rgba = np.concatenate([photograph, alpha], axis=-1)
    path = written(tmp_path / "cat.heic", rgba)
    photo = images.load(path)
    np.testing.assert_allclose(photo.alpha, 128, atol=1)
    assert images.output_name(photo, path.name) == "cat.png"


def test_a_damaged_file_is_refused_in_one_line(photograph, tmp_path):
    path = written(tmp_path / "cat.heic", photograph)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(
        ValueError, match=r"cat\.heic: damaged or truncated: ."
    ) as raised:
        images.load(path)
    assert "\n" not in str(raised.value)


def test_without_the_extra_the_command_that_helps_is_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(finding, "suffixes", lambda: frozenset({".jpg"}))
    monkeypatch.setattr(finding, "formats", lambda: ("JPEG",))
    (tmp_path / "cat.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    with pytest.raises(ValueError, match=r'HEIC; pip install "jaxcolor\[heif\]"'):
        images.load(tmp_path / "cat.heic")
    (left,) = images.find(tmp_path).unsupported
    assert left == finding.Skipped("cat.heic", heif.NEEDED)


def test_the_extra_may_be_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    assert not heif.register.__wrapped__()


def test_a_heic_without_pixels_of_its_own_becomes_a_jpeg():
    blank = Photo(np.zeros((1, 1, 3), np.uint8), format="HEIF")
    assert images.output_format(blank).suffix == ".jpg"
