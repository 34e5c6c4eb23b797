import io

import numpy as np
import png
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageOps

from jaxcolor import images
from jaxcolor.data import decoding
from jaxcolor.images import finding, profiles
from tests.images import test_profiles


def encoded(image: Image.Image, *, kind: str, **options) -> bytes:
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


def rgb_of(content: bytes) -> np.ndarray:
    return np.asarray(decoding.decode(content, at_least=None))


@pytest.fixture(scope="module")
def astronaut(photographs) -> Image.Image:
    """Cropped to 500 x 375, as many photographs are."""
    return Image.fromarray(photographs["astronaut"]).crop((6, 60, 506, 435))


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("L", "PNG"),
        ("LA", "PNG"),
        ("P", "GIF"),
        ("RGB", "BMP"),
        ("RGBA", "WEBP"),
        ("CMYK", "TIFF"),
        ("YCbCr", "TIFF"),
        ("1", "PNG"),
    ],
)
def test_every_mode_becomes_rgb(mode, kind):
    white = Image.new("RGB", (8, 6), "white").convert(mode)
    rgb = rgb_of(encoded(white, kind=kind))
    assert rgb.shape == (6, 8, 3)
    # WEBP is lossy.
    assert rgb.min() >= 253


def test_a_cmyk_jpeg_keeps_its_colors(astronaut):
    rgb = rgb_of(encoded(astronaut.convert("CMYK"), kind="JPEG", quality=98))
    # JPEG at this quality; inverted inks would be off by 100 and more.
    assert np.abs(rgb - np.asarray(astronaut, np.float64)).mean() < 2


def test_16_bit_gray_is_scaled_and_not_clipped():
    ramp = np.arange(0, 65536, 64, dtype=np.uint16).reshape(32, 32)
    rgb = rgb_of(encoded(Image.fromarray(ramp), kind="PNG"))
    np.testing.assert_array_equal(rgb[..., 0], np.round(ramp / 65535 * 255))
    assert (rgb[..., 0] == rgb[..., 2]).all()


def test_16_bit_color_keeps_its_range():
    ramp = np.arange(0, 65536, 64).reshape(32, 32)
    rows = np.stack([ramp, 65535 - ramp, ramp], axis=-1).reshape(32, 96)
    content = io.BytesIO()
    png.Writer(32, 32, greyscale=False, bitdepth=16).write(content, rows.tolist())
    rgb = rgb_of(content.getvalue())
    # Pillow cuts the lower byte off, where rounding would divide by 257.
    assert np.abs(rgb[..., 0] - ramp / 257).max() <= 1
    assert np.abs(rgb[..., 1] - (65535 - ramp) / 257).max() <= 1


def test_transparency_is_laid_over_white():
    image = Image.new("RGBA", (3, 1))
    image.putdata([(200, 0, 0, 255), (200, 0, 0, 0), (200, 0, 0, 51)])
    rgb = rgb_of(encoded(image, kind="PNG"))[0]
    # 51 is a fifth of 255: 0.2 x 200 + 0.8 x 255 and 0.2 x 0 + 0.8 x 255.
    assert rgb.tolist() == [[200, 0, 0], [255, 255, 255], [244, 204, 204]]


def test_a_transparent_color_of_a_palette_is_white():
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putdata([0, 1])
    rgb = rgb_of(encoded(image, kind="PNG", transparency=1))[0]
    assert rgb.tolist() == [[10, 20, 30], [255, 255, 255]]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_every_orientation_is_turned_upright(orientation, kind):
    upright = Image.new("RGB", (32, 16), "black")
    upright.paste("red", (0, 0, 16, 8))
    # How a camera that was held so has stored it: the inverse of how it is shown.
    turned = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(turned[orientation]) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encoded(stored, kind=kind, exif=exif)
    # Lossy, but the corner is red and the rest is black.
    difference = rgb_of(content) - np.asarray(upright, np.float64)
    assert np.abs(difference).mean() < 3


def test_the_first_frame_of_an_animation_counts():
    frames = [Image.new("RGB", (4, 4), color) for color in ["red", "blue"]]
    content = encoded(frames[0], kind="GIF", save_all=True, append_images=frames[1:])
    assert rgb_of(content)[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not an image"),
        (b"no picture", "not an image"),
        (encoded(Image.new("F", (4, 4)), kind="TIFF"), "floating-point"),
    ],
)
def test_what_cannot_be_decoded_is_refused_in_one_line(content, reason):
    with pytest.raises(ValueError, match=reason) as refusal:
        decoding.decode(content, at_least=None)
    assert "\n" not in str(refusal.value)


def test_a_cut_jpeg_is_refused_in_draft_too(astronaut):
    content = encoded(astronaut, kind="JPEG")
    for at_least in [None, 1]:
        with pytest.raises(ValueError, match="truncated"):
            decoding.decode(content[:-2000], at_least=at_least)


def test_a_program_in_an_eps_file_never_runs():
    # Pillow would hand an EPS file to an interpreter.
    content = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n"
    with pytest.raises(ValueError, match="not an image that can be read"):
        decoding.decode(content, at_least=None)
    assert ".eps" not in finding.suffixes()
    assert {".jpg", ".jpeg", ".png", ".webp", ".tif", ".gif"} < finding.suffixes()


def test_resizing_is_pillows_bicubic_to_the_bit(astronaut):
    content = encoded(astronaut, kind="JPEG")
    whole = Image.open(io.BytesIO(content))
    for squash, size in [(True, (256, 256)), (False, (341, 256))]:
        rgb = decoding.decode_resize(content, resize=256, squash=squash, draft=False)
        expected = np.asarray(whole.resize(size, Image.Resampling.BICUBIC))
        np.testing.assert_array_equal(rgb, expected)


def test_the_center_is_cut_as_pillow_cuts_it(astronaut):
    content = encoded(astronaut.rotate(90, expand=True), kind="PNG")
    rgb = decoding.decode_center(content, resize=96, squash=False, crop=64, draft=False)
    whole = astronaut.rotate(90, expand=True).resize(
        (96, 128), Image.Resampling.BICUBIC
    )
    np.testing.assert_array_equal(rgb, np.asarray(whole.crop((16, 32, 80, 96))))


@pytest.mark.parametrize("size", [(100, 100), (100, 37), (37, 100), (7, 5000)])
@pytest.mark.parametrize("resize", [8, 36, 64])
def test_the_shorter_side_is_exact_and_the_aspect_kept(size, resize):
    width, height = decoding.resized(size, resize=resize, squash=False)
    assert min(width, height) == resize
    # Rounding moves the longer side by half a pixel at most.
    assert abs(width * size[1] - height * size[0]) <= 0.5 * max(size)


@pytest.mark.parametrize("size", [(256, 256), (341, 256), (700, 525), (90, 61)])
@pytest.mark.parametrize("flip", [False, True])
def test_a_crop_is_as_cut_from_the_whole_resized_image(astronaut, size, flip):
    whole = astronaut.resize(size, Image.Resampling.BICUBIC)
    crop = 48
    corners = [(0, 0), (size[0] - crop, size[1] - crop), (11, 5)]
    for left, top in corners:
        rgb = decoding.resized_crop(
            astronaut, size, left=left, top=top, crop=crop, flip=flip
        )
        expected = whole.crop((left, top, left + crop, top + crop))
        if flip:
            expected = ImageOps.mirror(expected)
        difference = np.abs(rgb - np.asarray(expected, np.float64))
        # Rounding; half a pixel of displacement would change the mean by over 2.
        assert difference.max() <= 8
        assert difference.mean() < 0.05


@pytest.mark.parametrize("size", [(256, 256), (128, 96), (32, 32), (16, 12)])
def test_a_crop_is_exact_where_positions_are_exact_in_float32(size):
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    image = Image.fromarray(noise)
    whole = np.asarray(image.resize(size, Image.Resampling.BICUBIC))
    for left, top in np.random.default_rng(1).integers(0, np.array(size) - 7, (20, 2)):
        rgb = decoding.resized_crop(
            image, size, left=int(left), top=int(top), crop=8, flip=False
        )
        np.testing.assert_array_equal(rgb, whole[top : top + 8, left : left + 8])


@given(width=st.integers(1, 60), height=st.integers(1, 60), resize=st.integers(8, 99))
def test_a_crop_at_the_far_corner_is_never_refused(width, height, resize):
    image = Image.new("RGB", (width, height))
    size = decoding.resized(image.size, resize=resize, squash=False)
    rgb = decoding.resized_crop(
        image, size, left=size[0] - 8, top=size[1] - 8, crop=8, flip=False
    )
    assert rgb.shape == (8, 8, 3)


def test_a_crop_at_the_images_own_size_is_untouched(astronaut):
    rgb = decoding.resized_crop(
        astronaut, astronaut.size, left=40, top=30, crop=64, flip=False
    )
    np.testing.assert_array_equal(rgb, np.asarray(astronaut)[30:94, 40:104])


@pytest.mark.parametrize(
    ("at_least", "size"),
    [
        (None, (2000, 1500)),
        (1500, (2000, 1500)),
        (751, (2000, 1500)),
        (750, (1000, 750)),
        (374, (500, 375)),
        (100, (250, 188)),
    ],
)
def test_draft_keeps_at_least_what_is_asked_for(astronaut, at_least, size):
    content = encoded(astronaut.resize((2000, 1500)), kind="JPEG")
    assert decoding.decode(content, at_least=at_least).size == size


def test_draft_changes_little(astronaut):
    content = encoded(astronaut.resize((2000, 1500)), kind="JPEG", quality=92)
    exact, draft = (
        decoding.decode_resize(content, resize=128, squash=True, draft=draft)
        for draft in [False, True]
    )
    difference = draft - exact.astype(np.float64)
    assert difference.any()
    # 0.4 to 0.9 were measured on other photographs.
    assert np.sqrt((difference**2).mean()) < 1.5


@pytest.mark.parametrize("kind", ["RGB", "RGBA", "P", "L", "CMYK"])
def test_an_embedded_profile_is_applied_as_colorize_does(astronaut, tmp_path, kind):
    # Primaries of another space than sRGB, and a steeper curve.
    curve = test_profiles.gamma(2.6)
    profile = (
        test_profiles.gray_profile(curve)
        if kind == "L"
        else test_profiles.matrix_profile(test_profiles.ADOBE, curve)
    )
    stored = astronaut.convert(kind)
    path = tmp_path / "photo"
    suffix = "TIFF" if kind == "CMYK" else "PNG"
    stored.save(path, suffix, icc_profile=profile)
    if kind == "CMYK":
        # Not for such pixels: colorize warns, and does without.
        with pytest.warns(UserWarning, match="ICC profile ignored"):
            expected = images.load(path).rgb
    else:
        expected = images.load(path).rgb
        plain = encoded(stored, kind=suffix)
        assert np.abs(expected - rgb_of(plain).astype(int)).mean() > 2
    np.testing.assert_array_equal(rgb_of(path.read_bytes()), expected)


def test_a_jpeg_in_draft_is_converted_too(astronaut):
    profile = test_profiles.matrix_profile(
        test_profiles.ADOBE, test_profiles.gamma(2.2)
    )
    content = encoded(astronaut, kind="JPEG", icc_profile=profile)
    plain = decoding.decode(encoded(astronaut, kind="JPEG"), at_least=64)
    small = np.asarray(decoding.decode(content, at_least=64), np.float64)
    expected = test_profiles.expected_of_adobe(np.asarray(plain) / 255, 2.2)
    # Rounding to 8 bits.
    np.testing.assert_allclose(small / 255, expected, atol=1.5 / 255)


@pytest.mark.parametrize("profile", [profiles.srgb(), b"no profile at all"])
def test_pixels_stay_as_they_are_by_srgb_and_by_a_broken_profile(astronaut, profile):
    content = encoded(astronaut, kind="PNG", icc_profile=profile)
    np.testing.assert_array_equal(rgb_of(content), np.asarray(astronaut))


def test_the_conversion_of_a_profile_is_built_once(astronaut, monkeypatch):
    built = []
    build = ImageCms.buildTransform
    monkeypatch.setattr(
        ImageCms, "buildTransform", lambda *a, **k: built.append(1) or build(*a, **k)
    )
    profile = test_profiles.matrix_profile(
        test_profiles.ADOBE, test_profiles.gamma(1.75)
    )
    for _ in range(3):
        rgb_of(encoded(astronaut, kind="PNG", icc_profile=profile))
    assert len(built) == 1
