import contextlib
import io
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import png
import pytest
import tifffile
from PIL import ExifTags, Image, ImageOps, PngImagePlugin

from jaxcolor import images
from jaxcolor.images import limits, metadata

HEIGHT, WIDTH = 5, 7
ORIENTATION = ExifTags.Base.Orientation


@pytest.fixture
def path(tmp_path) -> Path:
    """Where a test puts its photograph; the suffix plays no part in loading."""
    return tmp_path / "photo"


def noise(*channels: int, dtype: type = np.uint8) -> np.ndarray:
    random = np.random.default_rng(0)
    top = np.iinfo(dtype).max
    return random.integers(0, top, (HEIGHT, WIDTH, *channels), dtype, endpoint=True)


def write_png16(path: Path, samples: np.ndarray, **options) -> None:
    """Writes uint16 by pypng, which is not what reads it."""
    height, width, channels = samples.shape
    writer = png.Writer(
        width,
        height,
        bitdepth=16,
        greyscale=channels < 3,
        alpha=channels in (2, 4),
        **options,
    )
    with path.open("wb") as file:
        writer.write(file, samples.reshape(height, -1).tolist())


BY_HAND = {
    "1": ([[0, 255]], [[[0, 0, 0], [255, 255, 255]]], None),
    "L": ([[0, 7, 255]], [[[0] * 3, [7] * 3, [255] * 3]], None),
    "LA": ([[[9, 1], [8, 255]]], [[[9] * 3, [8] * 3]], [[1, 255]]),
    "RGB": ([[[1, 2, 3]]], [[[1, 2, 3]]], None),
    "RGBA": ([[[1, 2, 3, 4], [5, 6, 7, 0]]], [[[1, 2, 3], [5, 6, 7]]], [[4, 0]]),
    # No ink, cyan, black, half black.
    "CMYK": (
        [[[0, 0, 0, 0], [255, 0, 0, 0], [0, 0, 0, 255], [0, 0, 0, 128]]],
        [[[255, 255, 255], [0, 255, 255], [0, 0, 0], [127, 127, 127]]],
        None,
    ),
}


@pytest.mark.parametrize("mode", BY_HAND)
def test_every_mode_becomes_the_rgb_worked_by_hand(path, mode):
    stored, rgb, alpha = BY_HAND[mode]
    pixels = np.array(stored, np.uint8)
    height, width = pixels.shape[:2]
    pixels = pixels > 0 if mode == "1" else pixels
    if mode == "CMYK":
        image = Image.frombytes(mode, (width, height), pixels.tobytes())
    else:
        image = Image.fromarray(pixels)
    assert image.mode == mode
    image.save(path, "TIFF")
    photo = images.load(path)
    assert photo.rgb.dtype == np.uint8
    np.testing.assert_array_equal(photo.rgb, rgb)
    assert photo.format == "TIFF"
    if alpha is None:
        assert photo.alpha is None
    else:
        assert photo.alpha.dtype == np.uint8
        np.testing.assert_array_equal(photo.alpha, alpha)


def palette_image() -> Image.Image:
    image = Image.fromarray(np.array([[0, 1, 2]], np.uint8))
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    return image


@pytest.mark.parametrize(
    ("transparency", "alpha"),
    [(None, None), (1, [[255, 0, 255]]), (bytes([0, 128, 255]), [[0, 128, 255]])],
)
def test_a_palette_gives_its_colors_and_its_transparency(path, transparency, alpha):
    options = {} if transparency is None else {"transparency": transparency}
    palette_image().save(path, "PNG", **options)
    photo = images.load(path)
    np.testing.assert_array_equal(
        photo.rgb, [[[10, 20, 30], [40, 50, 60], [70, 80, 90]]]
    )
    np.testing.assert_array_equal(photo.alpha, alpha)


@pytest.mark.parametrize(
    ("pixels", "key"),
    [
        (np.array([[3, 4]], np.uint8), 3),
        (np.array([[[1, 2, 3], [1, 2, 4]]], np.uint8), (1, 2, 3)),
        (np.array([[False, True]]), 0),
    ],
)
def test_a_transparent_color_becomes_alpha(path, pixels, key):
    Image.fromarray(pixels).save(path, "PNG", transparency=key)
    np.testing.assert_array_equal(images.load(path).alpha, [[0, 255]])


def test_an_adobe_cmyk_jpeg_is_not_a_negative(path):
    # Pillow writes the inverted inks and the marker of Adobe, which says so.
    inks = np.zeros((16, 32, 4), np.uint8)
    inks[:, 16:] = (0, 255, 255, 0)
    image = Image.frombytes("CMYK", (32, 16), inks.tobytes())
    image.save(path, "JPEG", quality=100)
    assert b"Adobe" in path.read_bytes()
    rgb = images.load(path).rgb.astype(int)
    # A JPEG of quality 100 is still quantized to whole steps.
    np.testing.assert_allclose(rgb[8, 4], [255, 255, 255], atol=2)
    np.testing.assert_allclose(rgb[8, 28], [255, 0, 0], atol=2)


@pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP", "TIFF"])
def test_the_first_frame_counts(path, format):
    frames = [Image.new("RGB", (4, 3), color) for color in ("red", "blue")]
    options = {"lossless": True} if format == "WEBP" else {}
    frames[0].save(path, format, save_all=True, append_images=frames[1:], **options)
    parts = "pages" if format == "TIFF" else "frames"
    with pytest.warns(UserWarning, match=f"only the first of its {parts} is read"):
        photo = images.load(path)
    np.testing.assert_array_equal(photo.rgb, np.full((3, 4, 3), (255, 0, 0)))


def test_a_photograph_with_a_preview_is_a_jpeg(path):
    # Telephones and cameras write MPO, under the suffix of a JPEG.
    frames = [Image.new("RGB", size, "red") for size in ((16, 8), (8, 4))]
    frames[0].save(path, "MPO", save_all=True, append_images=frames[1:])
    photo = images.load(path)
    assert photo.format == "MPO"
    # Quality 75.
    np.testing.assert_allclose(photo.rgb, np.full((8, 16, 3), (255, 0, 0)), atol=3)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("interlace", [False, True])
def test_a_16_bit_png_keeps_all_bits(path, channels, interlace):
    samples = noise(channels, dtype=np.uint16)
    write_png16(path, samples, interlace=interlace)
    photo = images.load(path)
    assert photo.rgb.dtype == np.uint16
    color = 1 if channels < 3 else 3
    np.testing.assert_array_equal(
        photo.rgb, np.broadcast_to(samples[..., :color], photo.rgb.shape)
    )
    if channels in (2, 4):
        assert photo.alpha.dtype == np.uint16
        np.testing.assert_array_equal(photo.alpha, samples[..., -1])
    else:
        assert photo.alpha is None


@pytest.mark.parametrize(
    ("samples", "key"),
    [([[[5], [261]]], (5,)), ([[[1, 2, 3], [1, 2, 259]]], (1, 2, 3))],
)
def test_a_transparent_color_of_16_bits_is_compared_in_all_bits(path, samples, key):
    # The second pixel differs in the upper byte only.
    key = key[0] if len(key) == 1 else key
    write_png16(path, np.array(samples, np.uint16), transparent=key)
    np.testing.assert_array_equal(images.load(path).alpha, [[0, 65535]])


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("channels", [(), (3,), (4,)])
def test_a_16_bit_tiff_keeps_all_bits(path, byteorder, compression, channels):
    samples = noise(*channels, dtype=np.uint16)
    tifffile.imwrite(
        path,
        samples,
        byteorder=byteorder,
        compression=compression,
        photometric="rgb" if channels else "minisblack",
        extrasamples=["unassalpha"] if channels == (4,) else None,
    )
    photo = images.load(path)
    assert photo.rgb.dtype == np.uint16
    color = samples[..., :3] if channels else samples[..., None].repeat(3, axis=-1)
    np.testing.assert_array_equal(photo.rgb, color)
    if channels == (4,):
        np.testing.assert_array_equal(photo.alpha, samples[..., 3])


@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_16_bit_planes_of_a_tiff_are_put_together(path, byteorder):
    samples = noise(3, dtype=np.uint16)
    planes = np.ascontiguousarray(np.moveaxis(samples, -1, 0))
    options = {"photometric": "rgb", "planarconfig": "separate"}
    tifffile.imwrite(path, planes, byteorder=byteorder, **options)
    np.testing.assert_array_equal(images.load(path).rgb, samples)


def test_16_bits_that_cannot_be_read_are_rounded_down_with_a_warning(path):
    samples = noise(3, dtype=np.uint16)
    planes = np.ascontiguousarray(np.moveaxis(samples, -1, 0))
    options = {"photometric": "rgb", "planarconfig": "separate"}
    tifffile.imwrite(path, planes, compression="zlib", **options)
    with pytest.warns(UserWarning, match="only 8 of its 16 bits"):
        photo = images.load(path)
    np.testing.assert_array_equal(photo.rgb, samples >> 8)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_tiff_in_which_0_is_white_is_no_negative(path, dtype):
    white = 1 if dtype == np.float32 else np.iinfo(dtype).max
    tifffile.imwrite(path, np.array([[0, white]], dtype), photometric="miniswhite")
    rgb = images.load(path).rgb
    np.testing.assert_array_equal(rgb[0, :, 0], [np.iinfo(rgb.dtype).max, 0])


def test_12_bits_spread_over_16(path):
    # 0x000, 0x800, 0xFFF, 0x123, packed.
    tifffile.imwrite(path, np.array([[0x00, 0x08, 0x00, 0xFF, 0xF1, 0x23]], np.uint8))
    with tifffile.TiffFile(path, mode="r+") as file:
        file.pages[0].tags["ImageWidth"].overwrite(4)
        file.pages[0].tags["BitsPerSample"].overwrite(12)
    expected = np.round(np.array([0x000, 0x800, 0xFFF, 0x123]) * (65535 / 4095))
    np.testing.assert_array_equal(images.load(path).rgb[0, :, 1], expected)


@pytest.mark.parametrize("white", [1, 255, 65535])
def test_floats_are_scaled_by_the_range_that_holds_them(path, white):
    values = np.array([[0, 0.25, 1, -0.5, np.nan]], np.float32) * white
    tifffile.imwrite(path, values)
    rgb = images.load(path).rgb
    np.testing.assert_array_equal(rgb[0, :, 2], [0, 16384, 65535, 0, 0])


def test_floats_beyond_every_range_are_scaled_by_their_largest(path):
    tifffile.imwrite(path, np.array([[0, 5e5, 1e6, -np.inf]], np.float32))
    with pytest.warns(UserWarning, match="1e.06, its largest number"):
        rgb = images.load(path).rgb
    np.testing.assert_array_equal(rgb[0, :, 0], [0, 32768, 65535, 0])


def test_a_16_bit_pgm_is_scaled_and_not_clipped(path):
    path.write_bytes(b"P5 3 1 65535\n" + np.array([0, 1000, 65535], ">u2").tobytes())
    np.testing.assert_array_equal(images.load(path).rgb[0, :, 0], [0, 1000, 65535])


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[ORIENTATION] = orientation
    tags[ExifTags.Base.ImageDescription] = "Oma, 1931"
    tags[ExifTags.Base.Copyright] = "nobody"
    tags.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "1931:05:01"
    tags.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] = "N"
    return tags


def assert_described(block: bytes) -> None:
    tags = Image.Exif()
    tags.load(block)
    assert tags.get(ORIENTATION, 1) == 1
    assert tags[ExifTags.Base.ImageDescription] == "Oma, 1931"
    assert tags[ExifTags.Base.Copyright] == "nobody"
    inner = tags.get_ifd(ExifTags.IFD.Exif)
    assert inner[ExifTags.Base.DateTimeOriginal] == "1931:05:01"
    assert tags.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] == "N"


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP"])
def test_every_orientation_is_turned_as_pillow_turns_it(path, orientation, format):
    stored = Image.fromarray(noise(4))
    options = {"lossless": True, "exact": True} if format == "WEBP" else {}
    stored.save(path, format, exif=exif(orientation).tobytes(), **options)
    photo = images.load(path)
    stored.getexif()[ORIENTATION] = orientation
    upright = np.asarray(ImageOps.exif_transpose(stored))
    np.testing.assert_array_equal(photo.rgb, upright[..., :3])
    np.testing.assert_array_equal(photo.alpha, upright[..., 3])
    assert_described(photo.exif)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_of_an_avif_is_turned_as_pillow_turns_it(path, orientation):
    stored = Image.fromarray(noise(3)).resize((48, 32), Image.Resampling.BICUBIC)
    options = {"quality": 100, "subsampling": "4:4:4"}
    stored.save(path, "AVIF", exif=exif(orientation).tobytes(), **options)
    photo = images.load(path)
    stored.getexif()[ORIENTATION] = orientation
    upright = np.asarray(ImageOps.exif_transpose(stored)).astype(int)
    # Its colors are transformed in 8 bits.
    np.testing.assert_allclose(photo.rgb, upright, atol=4)
    assert_described(photo.exif)


def test_an_orientation_that_a_png_tells_last_is_applied(path):
    Image.new("RGB", (6, 4)).save(path, "PNG", exif=exif(6).tobytes())
    content = path.read_bytes()
    start = content.index(b"eXIf") - 4
    (size,) = struct.unpack_from(">I", content, start)
    moved, rest = content[start : start + 12 + size], content[start + 12 + size :]
    end = rest.index(b"IEND") - 4
    path.write_bytes(content[:start] + rest[:end] + moved + rest[end:])
    photo = images.load(path)
    assert photo.rgb.shape == (6, 4, 3)
    assert_described(photo.exif)


@pytest.mark.parametrize(
    ("orientation", "upright"),
    [
        (1, [[1, 2, 3], [4, 5, 6]]),
        (2, [[3, 2, 1], [6, 5, 4]]),
        (3, [[6, 5, 4], [3, 2, 1]]),
        (4, [[4, 5, 6], [1, 2, 3]]),
        (5, [[1, 4], [2, 5], [3, 6]]),
        (6, [[4, 1], [5, 2], [6, 3]]),
        (7, [[6, 3], [5, 2], [4, 1]]),
        (8, [[3, 6], [2, 5], [1, 4]]),
    ],
)
@pytest.mark.parametrize("format", ["PNG", "TIFF"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_gray_turns_as_worked_by_hand(path, orientation, upright, format, dtype):
    stored = np.array([[1, 2, 3], [4, 5, 6]], dtype)
    Image.fromarray(stored).save(path, format, exif=exif(orientation).tobytes())
    np.testing.assert_array_equal(images.load(path).rgb[..., 0], upright)


@pytest.mark.parametrize("orientation", [3, 6])
def test_16_bit_color_of_a_tiff_turns_once(path, orientation):
    samples = noise(3, dtype=np.uint16)
    # Tag, type (3 is short), count, value, whether for the first page only.
    extra = [(int(ORIENTATION), 3, 1, orientation, True)]
    tifffile.imwrite(path, samples, photometric="rgb", extratags=extra)
    quarters = {3: 2, 6: -1}[orientation]
    np.testing.assert_array_equal(images.load(path).rgb, np.rot90(samples, quarters))


def test_only_orientation_and_thumbnail_change_in_a_jpegs_exif(path):
    # A maker note that Pillow does not know, and a second directory (a thumbnail's).
    inner = struct.pack(">H", 1) + struct.pack(">HHII", 0x927C, 7, 6, 200) + bytes(4)
    entries = [
        struct.pack(">HHIHH", ORIENTATION, 3, 1, 8, 0),
        struct.pack(">HHII", ExifTags.IFD.Exif, 4, 1, 100),
    ]
    first = struct.pack(">H", 2) + b"".join(entries) + struct.pack(">I", 150)
    second = struct.pack(">H", 0) + bytes(4)
    block = bytearray(b"MM\0*" + struct.pack(">I", 8) + first).ljust(206, b"\xab")
    block[100 : 100 + len(inner)] = inner
    block[150 : 150 + len(second)] = second
    block[200:206] = b"maker!"
    before = b"Exif\0\0" + bytes(block)
    Image.new("RGB", (8, 16)).save(path, "JPEG", exif=before)
    photo = images.load(path)
    assert photo.rgb.shape == (8, 16, 3)
    changed = [
        i for i, (a, b) in enumerate(zip(before, photo.exif, strict=True)) if a != b
    ]
    # The orientation's lower byte and the lower byte of where the thumbnail is.
    assert changed == [6 + 8 + 2 + 9, 6 + 8 + 2 + 2 * 12 + 3]


def test_a_broken_exif_is_left_out_with_a_warning(path):
    Image.new("RGB", (8, 8)).save(path, "JPEG", exif=b"Exif\0\0not at all")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        photo = images.load(path)
    assert photo.exif is None
    assert any("EXIF is not kept" in str(warning.message) for warning in caught)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_an_orientation_set_by_xmp_alone_is_applied_once(path, format):
    packet = b'<x:xmpmeta><a tiff:Orientation="6" dc:title="Oma"/></x:xmpmeta>'
    image = Image.new("RGB", (6, 4))
    if format == "PNG":
        info = PngImagePlugin.PngInfo()
        info.add_itxt("XML:com.adobe.xmp", packet.decode())
        image.save(path, format, pnginfo=info)
    elif format == "TIFF":
        image.save(path, format, exif=metadata.tiff_tags(None, packet))
    else:
        image.save(path, format, xmp=packet)
    photo = images.load(path)
    assert photo.rgb.shape == (6, 4, 3)
    # Pillow turns a TIFF itself, and then takes the attribute out.
    attribute = b"" if format == "TIFF" else b'tiff:Orientation="1"'
    assert photo.xmp == packet.replace(b'tiff:Orientation="6"', attribute)


def test_resolution_turns_with_the_photograph(path):
    Image.new("RGB", (6, 4)).save(path, "JPEG", dpi=(300, 150), exif=exif(6))
    assert images.load(path).dpi == (150, 300)
    Image.new("RGB", (6, 4)).save(path, "JPEG", dpi=(300, 150))
    assert images.load(path).dpi == (300, 150)


def chunk(kind: bytes, content: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + check


def png_header(width: int, height: int) -> bytes:
    header = struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)


NOT_PHOTOS = {
    "missing": (None, "No such file"),
    "empty": (b"", "empty"),
    "text": (b"Dear Sir or Madam,\n" * 9, "not an image"),
    "no_pixels": (
        png_header(0, 3) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b""),
        "not an image",
    ),
    "huge": (png_header(60_000, 60_000) + chunk(b"IDAT", b""), "250,000,000 pixels"),
    "large": (png_header(20_000, 20_000) + chunk(b"IDAT", b""), "250,000,000"),
}


@pytest.mark.parametrize("name", NOT_PHOTOS)
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_what_is_no_photograph_is_refused_in_one_line(path, name):
    content, problem = NOT_PHOTOS[name]
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=problem) as caught:
        images.load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message


def test_a_folder_is_no_photograph(tmp_path):
    with pytest.raises(ValueError, match="Is a directory"):
        images.load(tmp_path)


def encoded(format: str, **options) -> bytes:
    random = np.random.default_rng(1)
    image = Image.fromarray(random.integers(0, 256, (40, 40, 3), np.uint8))
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


WHOLE = {
    "jpeg": lambda: encoded("JPEG"),
    "progressive jpeg": lambda: encoded("JPEG", progressive=True),
    "png": lambda: encoded("PNG"),
    "raw tiff": lambda: encoded("TIFF"),
    "tiff": lambda: encoded("TIFF", compression="tiff_lzw"),
    "webp": lambda: encoded("WEBP"),
    "gif": lambda: encoded("GIF"),
    "bmp": lambda: encoded("BMP"),
    "jpeg 2000": lambda: encoded("JPEG2000"),
    "avif": lambda: encoded("AVIF"),
}


@pytest.mark.parametrize("name", WHOLE)
def test_a_truncated_file_is_refused_or_whole(path, name):
    content = WHOLE[name]()
    path.write_bytes(content)
    whole = images.load(path).rgb
    refused = 0
    for length in np.linspace(1, len(content) - 1, 40).astype(int):
        path.write_bytes(content[:length])
        with contextlib.suppress(ValueError):
            # What was cut off held no pixels, then.
            np.testing.assert_array_equal(images.load(path).rgb, whole)
            continue
        refused += 1
    assert refused >= 30


def test_a_truncated_16_bit_png_is_refused(path):
    write_png16(path, noise(3, dtype=np.uint16))
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ValueError, match="damaged or truncated"):
        images.load(path)


def test_photographs_above_pillows_own_limit_open_without_a_warning(path, monkeypatch):
    # As if it were 1000 pixels and not 89 million.
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    monkeypatch.setattr(limits, "_PILLOW_LIMIT", 1000)
    Image.new("RGB", (60, 60)).save(path, "PNG")
    assert images.load(path).rgb.shape == (60, 60, 3)
    # The largest sensors of telephones, 16384 x 12288.
    assert images.MAX_PIXELS > 16384 * 12288


def test_a_limit_of_the_users_own_stays(path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    Image.new("RGB", (30, 30)).save(path, "PNG")
    with pytest.raises(ValueError, match="pixels"):
        images.load(path)
    assert Image.MAX_IMAGE_PIXELS == 10


def test_photographs_are_found_in_sorted_order_and_hidden_ones_are_not(tmp_path):
    names = ["b.jpg", "a/z.PNG", "a/b.tiff", "c.mpo", "d.webp"]
    others = ["notes.txt", ".hidden.jpg", "._b.jpg", ".thumbnails/t.png", "e.pdf"]
    for name in names + others:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.jpg").mkdir()
    assert images.find(tmp_path).names == tuple(sorted(names))


def test_a_hidden_folder_that_is_asked_for_is_searched(tmp_path):
    folder = tmp_path / ".cache"
    folder.mkdir()
    (folder / "a.jpg").touch()
    assert images.find(folder).names == ("a.jpg",)


def test_photographs_are_sought_in_folders_only(tmp_path):
    with pytest.raises(ValueError, match="not a folder"):
        images.find(tmp_path / "missing")
