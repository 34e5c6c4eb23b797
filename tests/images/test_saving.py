import errno
import io
import os
from pathlib import Path

import numpy as np
import png
import pytest
import tifffile
from PIL import ExifTags, Image, ImageCms, JpegImagePlugin

from jaxcolor import images
from jaxcolor.images import png16, saving

LOSSLESS = (".png", ".tif", ".webp", ".jp2")
DESCRIBED = (".jpg", ".png", ".tif", ".webp", ".avif")
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a dc:title="Oma"/></x:xmpmeta>'


def noise(*shape: int, dtype: type = np.uint8) -> np.ndarray:
    top = np.iinfo(dtype).max
    return np.random.default_rng(0).integers(0, top, shape, dtype, endpoint=True)


def described() -> bytes:
    tags = Image.Exif()
    tags[ExifTags.Base.ImageDescription] = "Oma, 1931"
    tags.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "1931:05:01"
    return tags.tobytes()


@pytest.mark.parametrize("suffix", [*LOSSLESS, ".bmp"])
def test_a_lossless_format_keeps_every_color(tmp_path, suffix):
    rgb = noise(70, 9, 3)
    path = tmp_path / f"photo{suffix}"
    images.save(images.Photo(rgb), path)
    with Image.open(path) as image:
        np.testing.assert_array_equal(np.asarray(image), rgb)
    again = images.load(path)
    np.testing.assert_array_equal(again.rgb, rgb)
    assert again.alpha is None
    assert images.output_format(again).suffix == suffix


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_a_lossless_format_keeps_color_that_is_transparent(tmp_path, suffix):
    rgb, alpha = noise(70, 9, 3), noise(70, 9)
    alpha[:9] = 0
    path = tmp_path / f"photo{suffix}"
    images.save(images.Photo(rgb, alpha=alpha), path)
    again = images.load(path)
    np.testing.assert_array_equal(again.rgb, rgb)
    np.testing.assert_array_equal(again.alpha, alpha)


@pytest.mark.parametrize("exif", [None, described()])
def test_a_tiff_is_read_by_others(tmp_path, exif):
    rgb = noise(70, 9, 3)
    images.save(images.Photo(rgb, exif=exif), tmp_path / "photo.tif")
    # tifffile inflates LZW with imagecodecs alone, which is not installed.
    with tifffile.TiffFile(tmp_path / "photo.tif") as file:
        page = file.pages[0]
        assert page.shape == rgb.shape
        assert page.compression == (5 if exif is None else 1)
        if exif is not None:
            np.testing.assert_array_equal(page.asarray(), rgb)


@pytest.mark.parametrize("height", [1, 63, 64, 65, 130])
@pytest.mark.parametrize("width", [1, 2, 7])
@pytest.mark.parametrize("is_transparent", [False, True])
def test_16_bits_are_read_back_by_another_reader(
    tmp_path, height, width, is_transparent
):
    rgb = noise(height, width, 3, dtype=np.uint16)
    alpha = noise(height, width, dtype=np.uint16) if is_transparent else None
    path = tmp_path / "photo.png"
    images.save(images.Photo(rgb, alpha=alpha), path)
    stored_width, stored_height, rows, about = png.Reader(
        bytes=path.read_bytes()
    ).read()
    assert (stored_width, stored_height) == (width, height)
    assert about["bitdepth"] == 16
    stored = np.vstack([np.array(row, np.uint16) for row in rows])
    expected = rgb if alpha is None else np.dstack([rgb, alpha])
    np.testing.assert_array_equal(stored, expected.reshape(height, -1))


def test_the_chunks_of_a_16_bit_png_are_whole_and_in_order(tmp_path):
    path = tmp_path / "photo.png"
    rgb = noise(200, 3, 3, dtype=np.uint16)
    photo = images.Photo(rgb, exif=described(), xmp=XMP, dpi=(300.0, 300.0))
    images.save(photo, path)
    # pypng checks each chunk's CRC.
    chunks = list(png.Reader(bytes=path.read_bytes()).chunks())
    kinds = [kind for kind, _ in chunks]
    before = [b"IHDR", b"sRGB", b"pHYs", b"eXIf", b"iTXt"]
    assert kinds[: len(before)] == before
    assert set(kinds[len(before) : -1]) == {b"IDAT"}
    assert kinds[-1] == b"IEND"
    assert dict(chunks)[b"eXIf"] == described().removeprefix(b"Exif\0\0")
    # 300 dots an inch are 11811 a meter.
    assert dict(chunks)[b"pHYs"] == bytes([0, 0, 0x2E, 0x23, 0, 0, 0x2E, 0x23, 1])


def test_16_bits_are_rounded_where_a_format_has_8(tmp_path):
    values = np.array([[0, 128, 129, 385, 386, 65406, 65407, 65535]], np.uint16)
    rgb = np.repeat(values[..., None], 3, axis=2)
    path = tmp_path / "photo.tif"
    images.save(images.Photo(rgb, alpha=values), path)
    again = images.load(path)
    by_hand = [[0, 0, 1, 1, 2, 254, 255, 255]]
    np.testing.assert_array_equal(again.rgb[..., 0], by_hand)
    np.testing.assert_array_equal(again.alpha, by_hand)


def test_a_jpeg_has_quality_95_and_full_chroma(tmp_path):
    rgb = noise(32, 32, 3)
    path = tmp_path / "photo.jpg"
    images.save(images.Photo(rgb), path)
    reference = io.BytesIO()
    Image.fromarray(rgb).save(reference, "JPEG", quality=95)
    with Image.open(path) as image, Image.open(reference) as expected:
        assert image.quantization == expected.quantization
        # 0 is 4:4:4.
        assert JpegImagePlugin.get_sampling(image) == 0


@pytest.mark.parametrize("suffix", DESCRIBED)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_what_the_file_says_is_kept(tmp_path, suffix, dtype):
    path = tmp_path / f"photo{suffix}"
    photo = images.Photo(noise(8, 9, 3, dtype=dtype), exif=described(), xmp=XMP)
    images.save(photo, path)
    again = images.load(path)
    tags = Image.Exif()
    tags.load(again.exif)
    assert tags[ExifTags.Base.ImageDescription] == "Oma, 1931"
    inner = tags.get_ifd(ExifTags.IFD.Exif)
    assert inner[ExifTags.Base.DateTimeOriginal] == "1931:05:01"
    assert again.xmp == XMP


@pytest.mark.parametrize("first", DESCRIBED)
@pytest.mark.parametrize("second", DESCRIBED)
def test_exif_goes_from_any_format_to_any_other(tmp_path, first, second):
    before, after = tmp_path / f"before{first}", tmp_path / f"after{second}"
    images.save(images.Photo(noise(8, 9, 3), exif=described()), before)
    images.save(images.load(before), after)
    with Image.open(after) as image:
        assert image.getexif()[ExifTags.Base.ImageDescription] == "Oma, 1931"


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".bmp"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_resolution_is_kept(tmp_path, suffix, dtype):
    path = tmp_path / f"photo{suffix}"
    images.save(images.Photo(noise(8, 9, 3, dtype=dtype), dpi=(300.0, 600.0)), path)
    # PNG and BMP count in whole dots a meter.
    np.testing.assert_allclose(images.load(path).dpi, (300, 600), rtol=1e-4)


@pytest.mark.parametrize("suffix", DESCRIBED)
def test_files_say_that_they_are_srgb(tmp_path, suffix):
    path = tmp_path / f"photo{suffix}"
    images.save(images.Photo(noise(8, 9, 3)), path)
    with Image.open(path) as image:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
    assert "sRGB" in ImageCms.getProfileDescription(profile)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
def test_the_same_photograph_gives_the_same_bytes(tmp_path, suffix):
    photo = images.Photo(noise(8, 9, 3), exif=described(), xmp=XMP)
    paths = [tmp_path / f"{name}{suffix}" for name in "ab"]
    for path in paths:
        images.save(photo, path)
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_a_jpeg_is_written_without_an_exif_that_it_cannot_hold(tmp_path):
    path = tmp_path / "photo.jpg"
    photo = images.Photo(noise(8, 9, 3), exif=bytes(70_000), xmp=bytes(70_000))
    with pytest.warns(UserWarning, match="too large for JPEG") as caught:
        images.save(photo, path)
    assert len(caught) == 2
    assert images.load(path).exif is None


def test_an_exif_that_tells_of_another_file_does_not_harm_a_tiff(tmp_path):
    tags = Image.Exif()
    tags[ExifTags.Base.ImageWidth] = 4000
    tags[ExifTags.Base.ImageLength] = 3000
    tags[ExifTags.Base.Artist] = "Jo"
    rgb = noise(8, 9, 3)
    path = tmp_path / "photo.tif"
    images.save(images.Photo(rgb, exif=tags.tobytes()), path)
    np.testing.assert_array_equal(images.load(path).rgb, rgb)
    with Image.open(path) as image:
        assert image.getexif()[ExifTags.Base.Artist] == "Jo"


def photo_of(format: str, *, dtype: type = np.uint8, alpha: int | None = None):
    rgb = np.zeros((2, 2, 3), dtype)
    opacity = None if alpha is None else np.full((2, 2), alpha, dtype)
    return images.Photo(rgb, alpha=opacity, format=format)


@pytest.mark.parametrize(
    ("photo", "expected"),
    [
        (photo_of("JPEG"), ("JPEG", ".jpg")),
        (photo_of("MPO"), ("JPEG", ".jpg")),
        (photo_of("TIFF"), ("TIFF", ".tif")),
        (photo_of("TIFF", dtype=np.uint16), ("PNG", ".png")),
        (photo_of("WEBP", alpha=9), ("WEBP", ".webp")),
        (photo_of("BMP"), ("BMP", ".bmp")),
        (photo_of("BMP", alpha=9), ("PNG", ".png")),
        (photo_of("BMP", alpha=255), ("BMP", ".bmp")),
        (photo_of("GIF"), ("PNG", ".png")),
        (photo_of("PSD"), ("PNG", ".png")),
    ],
)
def test_the_format_is_that_of_the_input_or_png(photo, expected):
    assert images.output_format(photo) == expected


@pytest.mark.parametrize(
    ("requested", "expected"),
    [("jpeg", "JPEG"), ("jpg", "JPEG"), (".TIF", "TIFF"), ("jp2", "JPEG2000")],
)
def test_a_requested_format_goes_before_all(requested, expected):
    photo = photo_of("PNG", dtype=np.uint16)
    assert images.output_format(photo, requested=requested).format == expected


@pytest.mark.parametrize("requested", ["gif", "", "photoshop"])
def test_an_unknown_format_is_answered_with_the_known_ones(requested):
    with pytest.raises(ValueError, match="wanted one of jpg, png, tif"):
        images.output_format(photo_of("PNG"), requested=requested)


@pytest.mark.parametrize(
    ("name", "format", "expected"),
    [
        ("a/Oma.JPEG", "JPEG", "Oma.JPEG"),
        ("Oma.1931.tiff", "TIFF", "Oma.1931.tiff"),
        ("Oma.gif", "GIF", "Oma.png"),
        ("Oma.mpo", "MPO", "Oma.jpg"),
        # The suffix lies.
        ("Oma.png", "JPEG", "Oma.jpg"),
        ("Oma", "JPEG", "Oma.jpg"),
    ],
)
def test_names_stay_but_for_a_suffix_of_another_format(name, format, expected):
    assert images.output_name(photo_of(format), name) == expected


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("suffix", DESCRIBED)
@pytest.mark.parametrize(
    "error",
    [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()],
)
def test_a_failing_write_leaves_the_old_file_and_nothing_else(
    tmp_path, monkeypatch, suffix, error
):
    path = tmp_path / f"photo{suffix}"
    path.write_bytes(b"the old one")

    def fail(*_):
        # Just before the end: the new file is complete, but not yet in place.
        assert len(files(tmp_path)) == 2
        raise error

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises((ValueError, KeyboardInterrupt)) as caught:
        images.save(images.Photo(noise(8, 9, 3)), path, overwrite=True)
    if isinstance(error, OSError):
        assert str(caught.value) == f"{path}: not written: No space left on device"
    assert path.read_bytes() == b"the old one"
    assert files(tmp_path) == [path.name]


def test_a_writer_that_fails_halfway_leaves_nothing(tmp_path, monkeypatch):
    def fail(rgb, file, **_):
        file.write(b"half")
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(png16, "write", fail)
    with pytest.raises(ValueError, match="not written: Input/output error"):
        images.save(photo_of("PNG", dtype=np.uint16), tmp_path / "photo.png")
    assert files(tmp_path) == []


def test_the_path_holds_the_old_file_until_the_new_one_is_whole(tmp_path, monkeypatch):
    path = tmp_path / "photo.png"
    path.write_bytes(b"the old one")
    seen = []
    write = saving.encode

    def spy(*args):
        seen.append(path.read_bytes())
        write(*args)
        seen.append(path.read_bytes())

    monkeypatch.setattr(saving, "encode", spy)
    images.save(photo_of("PNG"), path, overwrite=True)
    assert seen == [b"the old one"] * 2
    assert images.load(path).format == "PNG"


def test_a_temporary_file_is_taken_for_no_photograph(tmp_path, monkeypatch):
    found = []
    monkeypatch.setattr(
        os, "fsync", lambda _: found.append(images.find(tmp_path).names)
    )
    images.save(photo_of("PNG"), tmp_path / "photo.png")
    # Before the renaming, and after it.
    assert found == [(), ("photo.png",)]


def test_a_file_gets_the_permissions_that_the_umask_leaves(tmp_path):
    before = os.umask(0o027)
    try:
        images.save(photo_of("PNG"), tmp_path / "photo.png")
    finally:
        os.umask(before)
    assert (tmp_path / "photo.png").stat().st_mode & 0o777 == 0o640


def test_nothing_is_overwritten_unless_asked(tmp_path):
    path = tmp_path / "photo.png"
    path.write_bytes(b"the old one")
    with pytest.raises(ValueError, match="exists, not overwritten"):
        images.save(photo_of("PNG"), path)
    assert path.read_bytes() == b"the old one"
    images.save(photo_of("PNG"), path, overwrite=True)
    assert images.load(path).rgb.shape == (2, 2, 3)


def test_a_link_that_leads_nowhere_is_in_the_way_too(tmp_path):
    path = tmp_path / "photo.png"
    path.symlink_to(tmp_path / "missing")
    with pytest.raises(ValueError, match="exists"):
        images.refuse_existing(path)
    images.refuse_existing(tmp_path / "free.png")


def test_overwriting_a_link_leaves_what_it_leads_to(tmp_path):
    original, link = tmp_path / "original.png", tmp_path / "link.png"
    original.write_bytes(b"the only one")
    link.symlink_to(original)
    images.save(photo_of("PNG"), link, overwrite=True)
    assert original.read_bytes() == b"the only one"


def test_transparency_is_not_lost_silently(tmp_path):
    path = tmp_path / "photo.jpg"
    with pytest.raises(ValueError, match="JPEG has no transparency"):
        images.save(photo_of("PNG", alpha=254), path)
    assert files(tmp_path) == []
    images.save(photo_of("PNG", alpha=255), path)
    assert files(tmp_path) == ["photo.jpg"]


@pytest.mark.parametrize("name", ["photo.gif", "photo", "photo.xyz"])
def test_a_suffix_that_is_not_written_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match="no format to write"):
        images.save(photo_of("PNG"), tmp_path / name)


def test_a_missing_folder_is_reported(tmp_path):
    path = tmp_path / "missing" / "photo.png"
    with pytest.raises(ValueError, match="not written: No such file") as caught:
        images.save(photo_of("PNG"), path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("turn", "expected"), [(1, (160, 120)), (6, (120, 160))])
def test_exif_tells_the_size_of_the_upright_photograph(tmp_path, turn, expected, order):
    tags = Image.Exif()
    tags.endian = order
    tags[ExifTags.Base.Orientation] = turn
    tags[ExifTags.Base.Make] = "a camera"
    tags.get_ifd(ExifTags.IFD.Exif).update(
        {
            ExifTags.Base.ExifImageWidth: 160,
            ExifTags.Base.ExifImageHeight: 120,
            ExifTags.Base.FNumber: 2.8,
        }
    )
    Image.new("RGB", (160, 120)).save(tmp_path / "in.jpg", exif=tags)
    images.save(images.load(tmp_path / "in.jpg"), tmp_path / "out.jpg")
    with Image.open(tmp_path / "out.jpg") as written:
        found = written.getexif().get_ifd(ExifTags.IFD.Exif)
        assert written.size == expected
        assert found[ExifTags.Base.ExifImageWidth] == expected[0]
        assert found[ExifTags.Base.ExifImageHeight] == expected[1]
        assert found[ExifTags.Base.FNumber] == pytest.approx(2.8)
        assert written.getexif()[ExifTags.Base.Make] == "a camera"
        assert written.getexif()[ExifTags.Base.Orientation] == 1


@pytest.mark.parametrize(
    ("suffix", "dtype"),
    [(".jpg", np.uint8), (".png", np.uint8), (".png", np.uint16), (".bmp", np.uint8)],
)
def test_a_resolution_that_a_format_cannot_hold_is_left_out(tmp_path, suffix, dtype):
    path = tmp_path / f"photo{suffix}"
    # The largest that a TIFF can say.
    photo = photo_of("TIFF", dtype=dtype)._replace(dpi=(2.0**32 - 1, 72.0))
    with pytest.warns(UserWarning, match="resolution too large for"):
        images.save(photo, path)
    with Image.open(path) as written:
        assert written.size == photo.rgb.shape[1::-1]
    if dtype == np.uint8:
        np.testing.assert_array_equal(images.load(path).rgb.shape, photo.rgb.shape)


def test_the_finest_resolution_that_png_holds_is_kept(tmp_path):
    path = tmp_path / "photo.png"
    images.save(photo_of("PNG")._replace(dpi=(5e7, 5e7)), path)
    np.testing.assert_allclose(images.load(path).dpi, (5e7, 5e7), rtol=1e-6)


@pytest.mark.parametrize(
    ("suffix", "width"), [(".avif", 70_000), (".webp", 16_384), (".jpg", 65_501)]
)
def test_a_side_that_a_format_cannot_hold_is_one_line(tmp_path, suffix, width):
    path = tmp_path / f"photo{suffix}"
    photo = images.Photo(np.zeros((1, width, 3), np.uint8))
    with pytest.raises(ValueError, match=rf"{width} x 1 pixels; .* holds up to"):
        images.save(photo, path)
    assert files(tmp_path) == []


def test_whatever_a_writer_raises_names_the_file_and_leaves_nothing(
    tmp_path, monkeypatch
):
    def fail(*_, **__):
        raise RuntimeError("encoder\nfailed")

    monkeypatch.setattr(Image.Image, "save", fail)
    path = tmp_path / "photo.png"
    with pytest.raises(ValueError, match=r"photo\.png: not written: encoder failed"):
        images.save(photo_of("PNG"), path)
    assert files(tmp_path) == []


def test_a_file_that_appears_while_another_is_written_is_kept(tmp_path, monkeypatch):
    path = tmp_path / "photo.png"
    monkeypatch.setattr(saving, "encode", lambda *_: path.write_text("another run's"))
    with pytest.raises(images.ExistingFileError, match="exists, not overwritten"):
        images.save(photo_of("PNG"), path)
    assert path.read_text() == "another run's"
    assert files(tmp_path) == ["photo.png"]
