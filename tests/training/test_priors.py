import hashlib
import json
import os

import numpy as np
import pytest
from PIL import Image
from skimage import color

from jaxcolor.color import gamut
from jaxcolor.data import sources
from jaxcolor.training import priors

GAMUT = gamut.from_srgb(spacing=10.0)
TARGETS = {"neighbors": 10, "sigma": 5.0}


@pytest.fixture(scope="module")
def two_colors(tmp_path_factory):
    """A folder with three red photographs and one of gray."""
    folder = tmp_path_factory.mktemp("two_colors")
    for n in range(3):
        Image.new("RGB", (40, 32), (200, 30, 40)).save(folder / f"red{n}.png")
    Image.new("RGB", (32, 60), (90, 90, 90)).save(folder / "gray.png")
    return folder


@pytest.fixture(scope="module")
def counted(two_colors):
    return priors.estimate(
        sources.open_source(two_colors),
        GAMUT,
        **TARGETS,
        stride=4,
        resize=32,
        squash=False,
        name="two colors",
        is_quiet=True,
    )


def test_black_and_white_photographs_are_reported(two_colors, caplog):
    priors.estimate(
        sources.open_source(two_colors),
        GAMUT,
        **TARGETS,
        stride=4,
        resize=32,
        squash=False,
        name="two colors",
        is_quiet=True,
    )
    assert "1 of 4 photographs of two colors are black-and-white" in caplog.text


def test_a_prior_of_black_and_white_photographs_is_refused(tmp_path):
    Image.new("L", (32, 32), 90).save(tmp_path / "gray.png")
    with pytest.raises(ValueError, match="all 1 photographs of x are black-and-white"):
        priors.estimate(
            sources.open_source(tmp_path),
            GAMUT,
            **TARGETS,
            stride=4,
            resize=32,
            squash=False,
            name="x",
            is_quiet=True,
        )


def test_photographs_count_alike(counted):
    shares = priors.probabilities(counted)
    centers = GAMUT.centers
    red = color.rgb2lab(np.uint8([[[200, 30, 40]]]))[0, 0, 1:]
    expected = np.zeros(len(centers))
    for ab, share in ((red, 0.75), (np.zeros(2), 0.25)):
        # The paper's soft code, in NumPy.
        distances = np.linalg.norm(centers - ab, axis=1)
        nearest = np.argsort(distances, kind="stable")[: TARGETS["neighbors"]]
        weights = np.exp(-(distances[nearest] ** 2) / (2 * TARGETS["sigma"] ** 2))
        expected[nearest] += share * weights / weights.sum()
    # Gray's a and b are 1e-3 off zero by the rounding of the constants, which moves
    # weights by about as much.
    np.testing.assert_allclose(shares, expected, atol=2e-4)


@pytest.mark.parametrize("kind", ["every fourth pixel", "the central square"])
def test_what_is_counted_of_a_photograph(tmp_path, kind):
    photo = np.full((32, 96, 3), 90, np.uint8)
    if kind == "every fourth pixel":
        photo[::4, ::4] = (200, 30, 40)
    else:
        photo[:, 32:64] = (200, 30, 40)
    for name, pixels in (("photo", photo), ("red", np.full_like(photo, (200, 30, 40)))):
        (tmp_path / name).mkdir()
        Image.fromarray(pixels).save(tmp_path / name / "photo.png")
    chosen = {
        "stride": 4,
        "resize": 32,
        "squash": False,
        "name": "set",
        "is_quiet": True,
    }
    found, red = (
        priors.estimate(
            sources.open_source(tmp_path / name), GAMUT, **TARGETS, **chosen
        ).counts
        for name in ("photo", "red")
    )
    np.testing.assert_array_equal(found, red)


def test_the_provenance_tells_what_was_counted(counted, two_colors):
    assert counted.images == 4
    assert counted.pixels == 4 * 8 * 8
    assert counted.counts.sum() == pytest.approx(counted.pixels, rel=1e-5)
    assert (counted.source, counted.spacing) == ("two colors", 10.0)
    names = "gray.png\nred0.png\nred1.png\nred2.png"
    assert counted.sha256 == hashlib.sha256(names.encode()).hexdigest()


def test_names_that_are_not_utf8_are_counted(tmp_path):
    photo = os.fsencode(tmp_path) + b"/caf\xe9.png"
    try:
        with open(photo, "wb") as file:  # noqa: PTH123 -- pathlib takes no bytes
            Image.new("RGB", (32, 32), (200, 30, 40)).save(file, "PNG")
    except OSError:
        pytest.skip("this file system wants UTF-8")
    source = sources.open_source(tmp_path)
    chosen = {
        "stride": 4,
        "resize": 32,
        "squash": False,
        "name": "latin",
        "is_quiet": True,
    }
    counted = priors.estimate(source, GAMUT, **TARGETS, **chosen)
    assert priors.from_json(json.loads(json.dumps(priors.to_json(counted)))).images == 1


def test_a_prior_survives_its_file(counted, tmp_path):
    path = tmp_path / "prior.json"
    priors.write(counted, path)
    again = priors.read(path)
    np.testing.assert_array_equal(again.counts, counted.counts)
    assert again._replace(counts=0) == counted._replace(counts=0)
    assert [p.name for p in tmp_path.iterdir()] == ["prior.json"]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"sigma": 4.0}, "has sigma 4.0; the config has 5.0"),
        ({"neighbors": 5}, "has neighbors 5; the config has 10"),
        ({"spacing": 5.0}, "has spacing 5.0; the config has 10.0"),
        ({"lab": "D50"}, "has lab D50"),
        ({"counts": np.ones(7)}, "has 7 bins; wanted 313"),
    ],
)
def test_a_prior_of_other_targets_is_refused(counted, changed, message):
    priors.check(counted, GAMUT, **TARGETS)
    with pytest.raises(ValueError, match=message):
        priors.check(counted._replace(**changed), GAMUT, **TARGETS)


@pytest.mark.parametrize(
    "damage",
    [
        lambda fields: fields.pop("sigma"),
        lambda fields: fields.update(extra=1),
        lambda fields: fields.update(format=99),
        lambda fields: fields["counts"].__setitem__(0, -1.0),
        lambda fields: fields["counts"].__setitem__(0, float("nan")),
        lambda fields: fields.update(counts="x"),
        lambda fields: fields.update(counts=[[1.0], [1.0, 2.0]]),
        lambda fields: fields.update(counts=[0.0] * 313),
        lambda fields: fields.update(spacing="x"),
        lambda fields: fields.update(neighbors=1.5),
        lambda fields: fields.update(squash=None),
        lambda fields: fields.update(images=-1),
    ],
)
def test_a_damaged_file_is_refused_with_its_name(counted, tmp_path, damage):
    fields = priors.to_json(counted)
    damage(fields)
    path = tmp_path / "damaged.json"
    path.write_text(json.dumps(fields))
    with pytest.raises(ValueError, match=r"damaged\.json"):
        priors.read(path)


def test_a_file_that_is_nested_deeply_is_refused(tmp_path):
    path = tmp_path / "prior.json"
    path.write_text('{"counts": ' + "[" * 200_000 + "]" * 200_000 + "}")
    with pytest.raises(ValueError, match=r"prior\.json is nested too deeply"):
        priors.read(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"no prior at .*nowhere\.json"):
        priors.read(tmp_path / "nowhere.json")
