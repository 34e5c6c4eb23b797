"""The scripts of the page compute what jaxcolor, Pillow and scikit-image do.

They run in a real browser, from arrays that are made here.
"""

import base64
import io
import zipfile

import jax
import numpy as np
import pytest
from PIL import Image
from skimage.color import rgb2lab

from jaxcolor.color import compose
from jaxcolor.inference import adjustments, prediction, tiles
from jaxcolor.inference.colorizer import Colorizer
from jaxcolor.web.site import fields
from tests.pretrained.exporters import drawn

# Height and width: reduced, enlarged, reduced along one axis, and as it is.
SIZES = [((70, 101), (16, 23)), ((9, 14), (32, 50)), ((300, 4), (64, 4)), ((8, 8),) * 2]
HINTS = [(10, 12, "#c01020"), (11, 12, "#20c010"), (90, 50, "#1030d0")]


def random_levels(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def test_lightness_and_chroma_are_those_of_scikit_image(scripts):
    levels = random_levels(200, 3)
    script = """async (levels) => {
        const lab = await import("/src/lab.js");
        return levels.map((rgb) => [...lab.labOfLevels(...rgb), lab.lightness(...rgb)]);
    }"""
    found = np.array(scripts.evaluate(script, levels.tolist()))
    wanted = rgb2lab(levels[None])[0]
    # White by the inverse of a matrix is off by 1e-4.
    np.testing.assert_allclose(found[:, :3], wanted, atol=1e-3)
    np.testing.assert_allclose(found[:, 3], wanted[:, 0], atol=1e-3)


def test_colors_outside_srgb_lose_chroma_as_in_jaxcolor(scripts):
    random = np.random.default_rng(0)
    lab = random.uniform([0, -120, -120], [100, 120, 120], (2000, 3)).astype(np.float32)
    script = """async (lab) => {
        const { writeLevels } = await import("/src/lab.js");
        return lab.map((color) => {
            const levels = [0, 0, 0];
            writeLevels(...color, levels, 0);
            return levels;
        });
    }"""
    found = np.array(scripts.evaluate(script, lab.tolist()))

    @jax.jit
    def levels(lightness, ab):
        return compose.levels(compose.rgb(lightness, ab), dtype=np.uint8)

    wanted = np.asarray(levels(lab[:, 0], lab[:, 1:])).astype(int)
    # Where float32 and float64 round to other levels.
    assert np.abs(found - wanted).max() <= 1
    assert (found != wanted).mean() < 0.01


@pytest.mark.parametrize(("before", "after"), SIZES)
def test_photographs_are_reduced_as_by_pillow(scripts, before, after):
    photo = random_levels(*before, 3)
    rgba = np.concatenate([photo, np.full((*before, 1), 255, np.uint8)], axis=-1)
    # In two strips of rows.
    script = """async ([rgba, before, after]) => {
        const { Reduction } = await import("/src/resize.js");
        const [height, width] = before;
        const reduction = new Reduction(
            { width, height }, { width: after[1], height: after[0] });
        const half = Math.floor(height / 2);
        const data = new Uint8ClampedArray(rgba);
        reduction.add(0, data.subarray(0, 4 * half * width));
        reduction.add(half, data.subarray(4 * half * width));
        return [...reduction.finish()];
    }"""
    given = [rgba.ravel().tolist(), before, after]
    found = np.reshape(scripts.evaluate(script, given), (*after, 3))
    wanted = Image.fromarray(photo).resize(after[::-1], Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(found, np.asarray(wanted))


# The second one is so narrow that the padding reflects it several times.
@pytest.mark.parametrize("size", [(75, 100), (120, 3), (33, 64)])
def test_the_view_is_that_of_jaxcolor(scripts, size):
    network = drawn.model(drawn.description("lite_fpn")).network
    seen = tiles.view(random_levels(*size, 3), size=64, network=network)
    inner = seen.rgb[: seen.height, : seen.width]
    model = {"input_multiple": network.input_multiple, "output_stride": 4}
    script = """async ([size, rgb, model]) => {
        const { viewOf, viewSize } = await import("/src/view.js");
        const inner = viewSize({ height: size[0], width: size[1] }, 64);
        const view = viewOf(rgb, inner, model);
        return { ...view, lightness: [...view.lightness], cells: [...view.cells] };
    }"""
    found = scripts.evaluate(script, [size, inner.ravel().tolist(), model])
    assert found["inner"] == {"height": seen.height, "width": seen.width}
    assert (found["rows"], found["columns"]) == tiles.cells(seen)
    shown = np.reshape(found["lightness"], seen.rgb.shape[:2])
    np.testing.assert_allclose(shown, rgb2lab(seen.rgb)[..., 0], atol=1e-3)


@pytest.fixture(scope="module")
def model():
    """Returns a small model with features, at its training's lambda and coherent."""
    described = drawn.description("lite_fpn")
    decoding = described.decoding._replace(coherence=1.0)
    return drawn.model(described._replace(decoding=decoding))


@pytest.fixture(scope="module")
def case(model):
    """Returns a photograph, and what the page knows of it after a run of the network.

    Colors and lightness of the photograph vary smoothly, as in photographs, and the
    aspect leaves padding.
    """
    small = random_levels(5, 7, 3)
    photo = np.asarray(Image.fromarray(small).resize((120, 80), Image.BICUBIC))
    seen = tiles.view(photo, size=model.description.size, network=model.network)
    found = Colorizer(model).predict(
        prediction.lightness(seen.rgb[None]), reweights=False
    )
    channels = found.features.shape[-1]
    return photo, {
        "model": fields.of_model(model, source="mine", card="", channels=channels),
        "size": {"height": 80, "width": 120},
        "rgb": seen.rgb[: seen.height, : seen.width].ravel().tolist(),
        "cells": np.ravel(found.outputs).tolist(),
        "features": np.ravel(found.features).tolist(),
    }


PREDICTED = """
    const { Prediction } = await import("/src/decoding.js");
    const { viewOf, viewSize } = await import("/src/view.js");
    const view = viewOf(known.rgb, viewSize(known.size, known.model.size), known.model);
    const [cells, features] = [known.cells, known.features].map(
        (map) => new Float32Array(map));
    const prediction = new Prediction(known.model, known.size, view, cells, features);
"""


def by_jax(model, photo, decoding, hints):
    """Returns colors of the cells, without those of the padding."""
    colorizer = Colorizer(model, **decoding)
    seen = tiles.view(photo, size=colorizer.size, network=model.network)
    valid = np.array([tiles.cells(seen)])
    adjusted = adjustments.of_photographs(
        [hints],
        adjustments.PLAIN,
        sizes=[photo.shape[:2]],
        views=[seen],
        description=model.description,
        network=model.network,
        batch_size=1,
    )
    amount = np.float32(decoding["coherence"]) if decoding["coherence"] else None
    decoder = model.description.head.decoder(colorizer.decoding, model.prior)
    parts = (model.variables, decoder, amount, seen.rgb[None], valid, adjusted)
    found = np.asarray(prediction.ab_of_rgb(model.network, *parts))[0]
    return found[: valid[0, 0], : valid[0, 1]]


@pytest.mark.parametrize(
    ("hints", "coherence"),
    [
        (HINTS, 1.0),
        pytest.param(HINTS, 0.0, marks=pytest.mark.slow),
        pytest.param([], 1.0, marks=pytest.mark.slow),
        pytest.param([], 0.0, marks=pytest.mark.slow),
    ],
)
def test_colors_are_decoded_as_in_jaxcolor(scripts, model, case, coherence, hints):
    photo, known = case
    decoding = {
        "temperature": 0.3,
        "rebalancing_lambda": 0.1,
        "coherence": coherence,
    }
    script = f"""async ([known, settings, hints]) => {{
        {PREDICTED}
        return [...prediction.colors(settings, hints)];
    }}"""
    given = [{"x": x, "y": y, "color": color} for x, y, color in hints]
    found = scripts.evaluate(script, [known, decoding, given])
    wanted = by_jax(model, photo, decoding, hints)
    assert np.ptp(wanted[..., 0]) > 5
    found = np.reshape(found, wanted.shape)
    # CIELAB units, at L* 100 with the slopes; 0.1 is below what 8 bits show.
    if coherence:
        found, wanted = (x[..., :2] + 100 * x[..., 2:] for x in (found, wanted))
    np.testing.assert_allclose(found, wanted, atol=0.1)


@pytest.mark.slow
def test_likely_colors_are_those_of_jaxcolor(scripts, model, case):
    photo, known = case
    script = f"""async ([known, settings]) => {{
        {PREDICTED}
        return prediction.suggestions({{ x: 70, y: 30 }}, settings);
    }}"""
    found = scripts.evaluate(script, [known, known["model"]["settings"]])
    wanted = Colorizer(model).suggest(photo, 70, 30, count=6)
    assert len(wanted) > 1
    assert len(found) == len(wanted)
    for mine, theirs in zip(found, wanted, strict=True):
        assert mine["share"] == pytest.approx(theirs.share, abs=1e-4)
        levels = [
            np.array(list(bytes.fromhex(x[1:]))) for x in (mine["color"], theirs[0])
        ]
        assert np.abs(levels[0] - levels[1]).max() <= 1


def test_a_png_keeps_transparency_and_has_its_mark(scripts):
    rgba = random_levels(5, 6, 4)
    script = """async (rgba) => {
        const { encodePng } = await import("/src/png.js");
        const strips = [rgba.slice(0, 48), rgba.slice(48)].map(
            (rows) => new Uint8ClampedArray(rows));
        const blob = await encodePng({ width: 6, height: 5 }, false, "<ü/>", strips);
        return [...new Uint8Array(await blob.arrayBuffer())];
    }"""
    found = Image.open(
        io.BytesIO(bytes(scripts.evaluate(script, rgba.ravel().tolist())))
    )
    np.testing.assert_array_equal(np.asarray(found), rgba)
    assert found.text["XML:com.adobe.xmp"] == "<ü/>"


def test_a_jpeg_has_its_mark(scripts):
    script = """async () => {
        const { encodeJpeg } = await import("/src/jpeg.js");
        const strips = [new Uint8ClampedArray(64).map((_, n) => n % 4 < 3 ? 200 : 255)];
        const blob = await encodeJpeg({ width: 4, height: 4 }, "<ü/>", strips);
        return [...new Uint8Array(await blob.arrayBuffer())];
    }"""
    found = Image.open(io.BytesIO(bytes(scripts.evaluate(script))))
    assert found.format == "JPEG"
    assert found.info["xmp"].decode() == "<ü/>"
    np.testing.assert_allclose(np.asarray(found), 200, atol=1)


def test_an_archive_opens_and_has_each_name_once(scripts):
    script = """async (names) => {
        const { distinct, zipped } = await import("/src/zip.js");
        const files = distinct(names).map(
            (name, n) => ({ name, content: new Blob([`file ${n}`]) }));
        const bytes = new Uint8Array(await (await zipped(files)).arrayBuffer());
        return btoa(String.fromCharCode(...bytes));
    }"""
    content = scripts.evaluate(script, ["a.png", "ü b.png", "A.png", "c"])
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(content))) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["a.png", "ü b.png", "A-2.png", "c"]
        assert archive.read("A-2.png") == b"file 2"
