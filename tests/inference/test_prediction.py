"""Coherence on its way from the network to the photograph, by either way."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from PIL import Image
from skimage import color

from configs import zhang2016
from jaxcolor import models
from jaxcolor.color import cielab, coherence, decode
from jaxcolor.evaluation import decoding_sweep, systems
from jaxcolor.inference import prediction, tiles
from jaxcolor.inference.colorizer import Colorizer
from jaxcolor.models.interface import OuterLayers
from jaxcolor.models.zhang2016 import Zhang2016
from jaxcolor.pretrained import release
from tests import tiny

ZHANG = tiny.model().network
COHERENT = tiny.decoded_by(coherence=0.75)


class Plain(nn.Module):
    """A network that has no features to give."""

    outputs: int

    input_multiple = 8
    output_stride = 4
    outer_layers = OuterLayers("Dense_0", "Dense_0")
    extra_inputs = ()
    extra_outputs = ()
    encoder = None
    has_features = False

    def flops(self, height, width):
        return 0

    @nn.compact
    def __call__(self, lightness, *, train):
        cells = nn.avg_pool(lightness[..., None], (4, 4), strides=(4, 4))
        return nn.Dense(self.outputs)(cells)


@pytest.fixture(scope="module")
def photo(photographs):
    return photographs["coffee"][:301:2, :405:2]


@pytest.fixture(scope="module")
def square(photo):
    return np.asarray(Image.fromarray(photo[:150, :150]).resize((32, 32)))


@pytest.fixture(scope="module")
def colorizers():
    model = tiny.model()
    return {x: Colorizer(model, coherence=x) for x in (0.0, 0.75, 1.0)}


def _levels_apart(one, other):
    return np.abs(one.astype(np.float32) - other.astype(np.float32)).max()


def test_features_are_what_the_head_makes_outputs_of():
    model = tiny.model()
    lightness = jnp.linspace(0, 100, 32 * 32).reshape(1, 32, 32)
    apply = jax.jit(
        lambda x: model.network.apply(
            model.variables, x, train=False, method="outputs_and_features"
        )
    )
    outputs, features = apply(lightness)
    plain = jax.jit(lambda x: model.network.apply(model.variables, x, train=False))
    np.testing.assert_array_equal(outputs, plain(lightness))
    head = model.variables["params"]["head"]
    wanted = np.asarray(features) @ head["kernel"].reshape(-1, 313) + head["bias"]
    # float32, logits of up to some tens.
    np.testing.assert_allclose(outputs, wanted, atol=1e-3)


def test_a_coherence_of_0_is_what_there_was_before(photo, colorizers):
    model = tiny.model()
    view = tiles.view(photo, size=32, network=ZHANG)
    outputs = jax.jit(
        lambda rgb: decode.annealed_mean(
            model.network.apply(
                model.variables, cielab.rgb8_to_lab(rgb)[..., 0], train=False
            ),
            colorizers[0.0].gamut,
            temperature=0.38,
        )
    )
    ab = np.asarray(outputs(view.rgb[None]))[0]
    wanted = tiles.paint(photo, ab, view)
    # Of one program or of another, sums are added in another order.
    assert _levels_apart(colorizers[0.0](photo), wanted) <= 1
    np.testing.assert_array_equal(Colorizer(model)(photo), colorizers[0.0](photo))


def test_cells_differ_less_the_more_coherence(square, colorizers):
    lightness = prediction.lightness(square[None])
    spread = [
        np.std(one.ab(lightness), axis=(1, 2)).sum() for one in colorizers.values()
    ]
    assert spread[0] > spread[1] > spread[2] > 0


def test_the_lightness_stays(photo, colorizers):
    before, after = (color.rgb2lab(x)[..., 0] for x in (photo, colorizers[1.0](photo)))
    assert np.abs(after - before).max() < 0.6


def test_evaluation_measures_what_a_photograph_is_painted_with(square, colorizers):
    colorizer = colorizers[1.0]
    lightness = prediction.lightness(square[None])
    ab = systems.of_colorizer(colorizer).answer(lightness, jnp.zeros(1, int)).ab
    lab = jnp.concatenate([lightness[..., None], ab], axis=-1)
    rgb = jax.jit(lambda x: cielab.lab_to_rgb(cielab.clip_chroma(x)))(lab)
    shown = np.round(255 * np.clip(rgb[0], 0, 1))
    assert _levels_apart(shown, colorizer(square)) <= 1


def test_painting_what_is_decoded_of_the_logits_is_coherent_too(photo, colorizers):
    colorizer = colorizers[1.0]
    ab = colorizer.decode(colorizer.logits_of(photo))
    # The network is compiled as one with what follows, or not.
    assert _levels_apart(colorizer.paint(photo, ab), colorizer(photo)) <= 1


def test_a_batch_equals_one_by_one(photo, colorizers):
    photos = [photo, photo[::-1], 255 - photo]
    batch = colorizers[0.75].colorize(photos)
    for one, many in zip(map(colorizers[0.75], photos), batch, strict=True):
        # Convolutions of another batch size add in another order.
        assert _levels_apart(one, many) <= 2


def test_cells_of_ab_are_those_of_the_steps(square, colorizers):
    colorizer = colorizers[1.0]
    lightness = prediction.lightness(square[None])
    logits, features = colorizer.predict(lightness)
    cells = lightness.reshape(8, 4, 8, 4).mean(axis=(1, 3))
    colors = jax.jit(coherence.colors)(
        colorizer.decode(logits)[0],
        features[0],
        lightness=cells,
        inside=jnp.full((8, 8), True),
        coherence=1.0,
    )
    wanted = coherence.at_lightness(colors, cells)
    np.testing.assert_allclose(colorizer.ab(lightness)[0], wanted, atol=1e-2)


def test_temperatures_share_the_features(square):
    model = tiny.model(COHERENT)
    (swept,) = decoding_sweep.colorizers(model, [None])
    lightness = prediction.lightness(square[None])
    logits, features = swept.predict(lightness)
    temperatures = jnp.float32([0.3, 1.0])
    ab = jax.jit(decode.annealed_mean)(logits, swept.gamut, temperature=temperatures)
    for one, t in zip(swept.coherent(ab, features, lightness), (0.3, 1.0), strict=True):
        alone = systems.of_colorizer(Colorizer(model, temperature=t))
        expected = alone.answer(lightness, jnp.zeros(1, int)).ab
        found = systems.enlarge(one, lightness)
        np.testing.assert_allclose(found, expected, atol=1e-2)


def test_a_large_photograph_has_no_seams_between_tiles(photo, colorizers, monkeypatch):
    large = np.asarray(Image.fromarray(photo).resize((300, 280)))
    whole = colorizers[1.0](large)
    monkeypatch.setattr(tiles, "TILE", 512)
    tiles._paint.clear_cache()
    in_one = colorizers[1.0](large)
    tiles._paint.clear_cache()
    assert _levels_apart(whole, in_one) <= 1


def test_the_models_own_coherence_is_the_default(photo, colorizers, tmp_path):
    model = tiny.model(COHERENT)
    release.save(model, tmp_path / "model", card="")
    loaded = Colorizer.load(tmp_path / "model")
    assert loaded.decoding.coherence == 0.75
    np.testing.assert_array_equal(loaded(photo), colorizers[0.75](photo))
    assert Colorizer.load(tmp_path / "model", coherence=0.0).decoding.coherence == 0


def test_a_regression_can_be_coherent(photo):
    regression = tiny.model(tiny.REGRESSION)
    found = [Colorizer(regression, coherence=x)(photo) for x in (0.0, 1.0)]
    assert _levels_apart(*found) > 3


@pytest.mark.parametrize("wrong", [-0.1, 1.5, float("nan")])
def test_a_coherence_out_of_range_is_refused(wrong):
    with pytest.raises(ValueError, match=f"coherence is {wrong}; wanted from 0 to 1"):
        Colorizer(tiny.model(), coherence=wrong)


def test_a_network_without_features_refuses_coherence_alone(monkeypatch, photo):
    monkeypatch.setitem(models.BY_NAME, "plain", Plain)
    description = tiny.BINS._replace(network="plain", arguments={"outputs": 313})
    variables = {"params": {"Dense_0": {"kernel": np.ones((1, 313))}}}
    variables["params"]["Dense_0"]["bias"] = np.zeros(313)
    prior = np.full(313, 1 / 313)
    model = release.assemble(
        description, variables=variables, prior=prior, provenance={}
    )
    assert Colorizer(model)(photo).shape == photo.shape
    message = "coherence is 0.5; wanted 0, as plain gives no features"
    with pytest.raises(ValueError, match=re.escape(message)):
        Colorizer(model, coherence=0.5)


def test_the_network_of_the_paper_is_not_coherent_of_itself():
    assert Zhang2016.has_features
    assert zhang2016.get_config().release.coherence == 0


def test_the_padding_of_a_view_takes_no_part(photo, colorizers):
    colorizer = colorizers[1.0]
    # Of 24 x 32 pixels, and 8 rows of padding.
    view = tiles.view(photo, size=32, network=ZHANG)
    rows, columns = tiles.cells(view)
    assert (rows, columns) == (6, 8)
    lightness = prediction.lightness(view.rgb[None])
    logits, features = colorizer.predict(lightness)
    ab = colorizer.decode(logits)
    found = prediction.coherent(
        ab, features, lightness, np.float32(1.0), np.array([[rows, columns]])
    )
    cut = prediction.coherent(
        ab[:, :rows],
        features[:, :rows],
        lightness[:, : 4 * rows],
        np.float32(1.0),
        np.array([[rows, columns]]),
    )
    # float32, of sums in another order, with slopes of some hundred per unit of L.
    np.testing.assert_allclose(found[:, :rows], cut, atol=5e-3)
    painted = tiles.paint(photo, np.asarray(found)[0], view)
    assert _levels_apart(painted, colorizer(photo)) <= 1


def test_hints_reach_the_network():
    model = tiny.model(tiny.USER_GUIDED)
    lightness = jnp.linspace(0, 100, 32 * 32).reshape(1, 32, 32)
    given = jnp.zeros((1, 32, 32, 3)).at[0, 10:16, 10:16].set(jnp.array([60, -40, 1.0]))
    colorizer = Colorizer(model)
    found = colorizer.predict(lightness, hints=given)
    apply = jax.jit(
        lambda x: model.network.apply(model.variables, lightness, train=False, hints=x)
    )
    # The same program but for the constants, float32 roundings of about 1.
    np.testing.assert_allclose(found.outputs, apply(given), atol=1e-5)
    without = colorizer.predict(lightness).outputs
    assert np.abs(found.outputs - without).max() > 1e-3
    # What `evaluate` and `colorize` show: 110 is the scale of the network's ab.
    np.testing.assert_allclose(colorizer.ab(lightness), 110 * without, atol=1e-3)


@pytest.mark.parametrize(
    ("description", "shape", "message"),
    [
        (tiny.BINS, (1, 32, 32, 3), "got hints; wanted none, as .* zhang2016 takes"),
        (tiny.USER_GUIDED, (1, 32, 16, 3), r"hints have shape .*; wanted \(1, 32, 32"),
    ],
)
def test_hints_that_do_not_fit_are_refused(description, shape, message):
    colorizer = Colorizer(tiny.model(description))
    with pytest.raises(ValueError, match=message):
        colorizer.predict(jnp.zeros((1, 32, 32)), hints=jnp.zeros(shape))


def test_a_temperature_is_refused_by_a_model_of_ab():
    with pytest.raises(ValueError, match=r"temperature is 0\.38; wanted none"):
        Colorizer(tiny.model(tiny.USER_GUIDED), temperature=0.38)
