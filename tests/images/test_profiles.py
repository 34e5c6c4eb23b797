import io
import struct
from pathlib import Path

import numpy as np
import png
import pytest
from PIL import Image, ImageCms

from jaxcolor import images
from jaxcolor.images import profiles

# Primaries adapted to D50, one per row, as published by Bruce Lindbloom.
ADOBE = [(0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087)]
ADOBE += [(0.14919, 0.06322, 0.74457)]
SRGB = [(0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708)]
SRGB += [(0.14307, 0.06061, 0.71410)]
PHOTO = Path("photo")


def fixed(*numbers: float) -> bytes:
    return struct.pack(f">{len(numbers)}i", *(round(n * 65536) for n in numbers))


def gamma(value: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(value * 256))


def table(values: np.ndarray) -> bytes:
    codes = np.round(values * 65535).astype(">u2")
    return b"curv\0\0\0\0" + struct.pack(">I", len(codes)) + codes.tobytes()


def parametric(kind: int, *parameters: float) -> bytes:
    return b"para\0\0\0\0" + struct.pack(">HH", kind, 0) + fixed(*parameters)


def profile(space: bytes, tags: dict[bytes, bytes], *, pcs: bytes = b"XYZ ") -> bytes:
    """Builds an ICC profile as in ICC.1:2022, section 7."""
    tags = {b"wtpt": b"XYZ \0\0\0\0" + fixed(0.9642, 1, 0.8249), **tags}
    start = 128 + 4 + 12 * len(tags)
    table, content = b"", b""
    for name, element in tags.items():
        element = element.ljust(-(-len(element) // 4) * 4, b"\0")
        table += struct.pack(">4sII", name, start + len(content), len(element))
        content += element
    body = struct.pack(">I", len(tags)) + table + content
    header = struct.pack(
        ">II4s4s4s4s", 128 + len(body), 0, b"\4\x40\0\0", b"mntr", space, pcs
    )
    header = header.ljust(36, b"\0") + b"acsp"
    header = header.ljust(68, b"\0") + fixed(0.9642, 1, 0.8249)
    return header.ljust(128, b"\0") + body


def gray_profile(curve: bytes) -> bytes:
    return profile(b"GRAY", {b"kTRC": curve})


def matrix_profile(primaries: list, curve: bytes) -> bytes:
    columns = {
        name: b"XYZ \0\0\0\0" + fixed(*primary)
        for name, primary in zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries, strict=True)
    }
    curves = dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    return profile(b"RGB ", columns | curves)


def srgb_encoded(light: np.ndarray) -> np.ndarray:
    light = np.clip(light, 0, 1)
    return np.where(
        light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055
    )


def expected_of_adobe(rgb: np.ndarray, exponent: float) -> np.ndarray:
    """Adobe RGB to sRGB by the textbook, from values in [0, 1]."""
    xyz = rgb**exponent @ np.array(ADOBE)
    return srgb_encoded(xyz @ np.linalg.inv(np.array(SRGB)))


def colors(dtype: type) -> np.ndarray:
    top = np.iinfo(dtype).max
    random = np.random.default_rng(0)
    found = random.integers(0, top, (70, 9, 3), dtype, endpoint=True)
    # Among them black, white and a green outside sRGB.
    found[0, :3] = [[0] * 3, [top] * 3, [0, top, 0]]
    return found


@pytest.mark.parametrize(
    # Little CMS computes 8 bits in fixed point. Of 16 bits, the five digits of the
    # published primaries make 64 steps (1e-5 times 3 times 12.92 times 65535, and some)
    # in the shadows.
    ("dtype", "within"),
    [(np.uint8, 1.5), (np.uint16, 64)],
)
def test_adobe_rgb_becomes_the_srgb_of_the_textbook(dtype, within):
    samples = colors(dtype)
    exponent = 563 / 256
    icc = matrix_profile(ADOBE, gamma(exponent))
    top = np.iinfo(dtype).max
    rgb = profiles.to_srgb(samples, icc, path=PHOTO)
    assert rgb.dtype == dtype
    expected = top * expected_of_adobe(samples / top, exponent)
    np.testing.assert_allclose(rgb.astype(float), expected, atol=within)
    # It is far from doing nothing.
    assert np.abs(rgb.astype(int) - samples).max() > top // 10


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_gray_profile_gives_the_gray_of_its_gamma(dtype):
    top = np.iinfo(dtype).max
    samples = np.linspace(0, top, 256).astype(dtype).reshape(2, -1)
    icc = gray_profile(gamma(1.0 + 205 / 256))
    rgb = profiles.to_srgb(samples, icc, path=PHOTO)
    expected = top * srgb_encoded((samples / top) ** (1 + 205 / 256))
    # Half a step is rounding, the rest single precision.
    np.testing.assert_allclose(rgb[..., 1].astype(float), expected, atol=0.52)
    assert (rgb == rgb[..., :1]).all()


SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)

# All of them 0 at 0: Little CMS makes the darkest gray black, whatever the curve says.
CURVES = {
    "linear": b"curv\0\0\0\0" + struct.pack(">I", 0),
    "gamma": gamma(1.8),
    "table": table(np.linspace(0, 1, 33) ** 2.2),
    "parametric 0": parametric(0, 2.2),
    "parametric 1": parametric(1, 2.2, 1.1, -0.1),
    "parametric 2": parametric(2, 2.0, 0.875, 0.125, -(0.125**2)),
    "parametric 3": parametric(3, 2.4, 1 / 1.055, 0.055 / 1.055, 0.2, 0.04045),
    "parametric 4": parametric(4, 2.2, 0.9, 0.1, 0.3, 0.1, 0.02, 0),
}


@pytest.mark.parametrize("name", CURVES)
def test_every_kind_of_curve_agrees_with_little_cms(name):
    samples = np.arange(256, dtype=np.uint8).reshape(4, 64)
    icc = gray_profile(CURVES[name])
    shallow = profiles.to_srgb(samples, icc, path=PHOTO)
    deep = profiles.to_srgb(samples.astype(np.uint16) * 257, icc, path=PHOTO)
    # Half a step is rounding, the rest the single precision of both.
    np.testing.assert_allclose(deep / 257, shallow, atol=0.52)
    assert len(np.unique(deep)) > 200


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_srgb_under_any_name_changes_nothing(dtype):
    samples = colors(dtype)
    for icc in (
        profiles.srgb(),
        matrix_profile(SRGB, parametric(3, *SRGB_CURVE)),
        # As in the profile that most cameras embed.
        matrix_profile(SRGB, table(profile_table())),
    ):
        np.testing.assert_array_equal(
            profiles.to_srgb(samples, icc, path=PHOTO), samples
        )


def profile_table() -> np.ndarray:
    code = np.linspace(0, 1, 1024)
    curved = ((code + 0.055) / 1.055) ** 2.4
    return np.where(code <= 0.04045, code / 12.92, curved)


def test_gray_pixels_take_an_rgb_profile():
    samples = np.array([[0, 128, 255]], np.uint8)
    rgb = profiles.to_srgb(samples, matrix_profile(ADOBE, gamma(1)), path=PHOTO)
    expected = 255 * srgb_encoded(np.array([0, 128, 255]) / 255)
    np.testing.assert_allclose(rgb[0, :, 0].astype(float), expected, atol=1)


def ink_profile() -> bytes:
    """A CMYK profile of a press whose paper turns green where there is no ink.

    A table of two steps an axis (lut8Type, ICC.1:2022, section 10.11) to CIELAB.
    """
    lab = []
    for ink in np.ndindex(2, 2, 2, 2):
        lab.append((0, 128, 128) if any(ink) else (128, 48, 208))
    identity = bytes(range(256))
    lut = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    lut += identity * 4 + np.array(lab, np.uint8).tobytes() + identity * 3
    return profile(b"CMYK", {b"A2B0": lut}, pcs=b"Lab ")


def test_a_cmyk_profile_says_what_its_inks_look_like():
    from skimage import color

    samples = np.array([[[0, 0, 0, 0], [0, 0, 0, 255]]], np.uint8)
    rgb = profiles.to_srgb(samples, ink_profile(), path=PHOTO)
    # CIELAB under D50, in 8 bits: L 128 / 255 * 100, a and b less 128.
    green = color.xyz2rgb(
        color.lab2xyz([[[128 / 2.55, -80, 80]]], illuminant="D50")
        @ np.array(ADAPTED_TO_D65).T
    )
    # Eight bits of CIELAB, here and there clipped to sRGB.
    np.testing.assert_allclose(rgb[0, 0] / 255, green[0, 0], atol=0.02)
    np.testing.assert_array_equal(rgb[0, 1], [0, 0, 0])


def test_the_inks_of_a_file_meet_its_profile(tmp_path):
    samples = np.array([[[0, 0, 0, 0], [0, 0, 0, 255]]], np.uint8)
    image = Image.frombytes("CMYK", (2, 1), samples.tobytes())
    image.save(tmp_path / "a.tif", icc_profile=ink_profile())
    expected = profiles.to_srgb(samples, ink_profile(), path=PHOTO)
    np.testing.assert_array_equal(images.load(tmp_path / "a.tif").rgb, expected)


# Bradford, D50 to D65, as published by Bruce Lindbloom.
ADAPTED_TO_D65 = [
    (0.9555766, -0.0230393, 0.0631636),
    (-0.0282895, 1.0099416, 0.0210077),
    (0.0122982, -0.0204830, 1.3299098),
]


def test_16_bits_through_a_table_keep_8_and_say_so():
    identity = bytes(range(256))
    corners = [(0, 128, 128)] * 7 + [(255, 128, 128)]
    lut = b"mft1\0\0\0\0" + bytes([3, 3, 2, 0]) + fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    lut += identity * 3 + np.array(corners, np.uint8).tobytes() + identity * 3
    icc = profile(b"RGB ", {b"A2B0": lut}, pcs=b"Lab ")
    samples = np.array([[[0, 0, 0], [65535] * 3]], np.uint16)
    with pytest.warns(UserWarning, match="8 of 16 bits"):
        rgb = profiles.to_srgb(samples, icc, path=PHOTO)
    assert rgb.dtype == np.uint16
    np.testing.assert_allclose(rgb / 257, [[[0] * 3, [255] * 3]], atol=1)


@pytest.mark.parametrize(
    ("icc", "samples", "reason"),
    [
        (b"nonsense", colors(np.uint8), ""),
        (matrix_profile(ADOBE, gamma(2))[:200], colors(np.uint8), ""),
        (gray_profile(gamma(2)), colors(np.uint8), "for GRAY, the pixels are RGB"),
        (gray_profile(gamma(2)), colors(np.uint16), "for GRAY, the pixels are RGB"),
        (
            matrix_profile(ADOBE, gamma(2)),
            np.zeros((2, 2, 4), np.uint8),
            "for RGB, the pixels are CMYK",
        ),
    ],
)
def test_a_profile_that_does_not_fit_is_ignored_with_a_warning(icc, samples, reason):
    with pytest.warns(UserWarning, match=f"photo: ICC profile ignored: .*{reason}"):
        rgb = profiles.to_srgb(samples, icc, path=PHOTO)
    plain = profiles.to_srgb(samples, None, path=PHOTO)
    np.testing.assert_array_equal(rgb, plain)


def test_a_profile_leaves_transparency_alone(tmp_path):
    samples = np.dstack(
        [colors(np.uint8), np.arange(630, dtype=np.uint8).reshape(70, 9)]
    )
    icc = matrix_profile(ADOBE, gamma(2))
    Image.fromarray(samples).save(tmp_path / "a.png", icc_profile=icc)
    photo = images.load(tmp_path / "a.png")
    np.testing.assert_array_equal(photo.alpha, samples[..., 3])
    assert (photo.rgb != samples[..., :3]).any()


@pytest.mark.parametrize("channels", [1, 3])
def test_the_profile_of_a_16_bit_png_is_applied(tmp_path, channels):
    icc = matrix_profile(ADOBE, gamma(1)) if channels == 3 else gray_profile(gamma(1))
    value = 12345
    writer = png.Writer(2, 1, bitdepth=16, greyscale=channels == 1)
    buffer = io.BytesIO()
    writer.write(buffer, [[value] * 2 * channels])
    # Through Pillow only for the chunk that holds the profile.
    holder = io.BytesIO()
    Image.new("L", (1, 1)).save(holder, "PNG", icc_profile=icc)
    content, other = buffer.getvalue(), holder.getvalue()
    start = other.index(b"iCCP") - 4
    size = struct.unpack_from(">I", other, start)[0] + 12
    path = tmp_path / "a.png"
    path.write_bytes(content[:33] + other[start : start + size] + content[33:])
    rgb = images.load(path).rgb
    expected = 65535 * srgb_encoded(np.float64(value / 65535))
    # Rounding; gray stays gray but for the digits of the primaries.
    np.testing.assert_allclose(rgb.astype(float), expected, atol=4)


def test_16_bits_are_rounded_to_the_nearest_of_8():
    every = np.arange(65536, dtype=np.uint16)
    np.testing.assert_array_equal(profiles.to_8_bits(every), np.round(every / 257))


def test_our_srgb_profile_is_valid_and_always_the_same():
    icc = profiles.srgb()
    opened = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    assert "sRGB" in ImageCms.getProfileDescription(opened)
    assert icc[24:36] == struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
