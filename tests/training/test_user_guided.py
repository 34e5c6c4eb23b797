"""The objective of a network that colorizes by hints."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from scipy import special, stats

from jaxcolor.color.heads import Regression
from jaxcolor.color.hints import Simulation
from jaxcolor.inference.colorizer import Colorizer
from jaxcolor.models.interface import OuterLayers
from jaxcolor.training import loop, objectives, optimizers, train_step, user_guided
from jaxcolor.training.config.schema.user_guided import UserGuided
from tests import tiny

SIDE = 16
SIMULATION = Simulation(stop=0.125, largest_side=9, revealed_share=0.0)


def _objective(detached="bins"):
    return user_guided.objective(
        SIMULATION, ab_weight=10.0, class_weight=0.5, detached=detached
    )


@pytest.fixture(scope="module")
def batch():
    """Outputs, truth and logits of three photographs."""
    random = np.random.default_rng(0)
    outputs = random.uniform(-1, 1, (3, SIDE, SIDE, 2))
    lightness = random.uniform(0, 100, (3, SIDE, SIDE, 1))
    ab = random.uniform(-90, 90, (3, SIDE, SIDE, 2))
    logits = random.normal(size=(3, SIDE // 4, SIDE // 4, 529))
    lab = jnp.asarray(np.concatenate([lightness, ab], axis=-1), jnp.float32)
    truth = objectives.Truth(lab, jnp.full(3, objectives.UNKNOWN))
    return jnp.float32(outputs), truth, {"bins": jnp.float32(logits)}


@pytest.fixture(scope="module")
def terms(batch):
    return jax.tree.map(np.asarray, jax.jit(_objective().terms)(*batch))


def test_the_loss_is_the_sum_of_distance_and_cross_entropy(batch, terms):
    outputs, truth, extra = batch
    ab = np.asarray(truth.lab[..., 1:], np.float64)
    distance = np.abs(np.asarray(outputs, np.float64) - ab / 110).sum(-1).mean((1, 2))
    a, b = np.moveaxis(np.rint((ab[:, ::4, ::4] + 110) / 10).astype(int), -1, 0)
    log_probs = special.log_softmax(np.asarray(extra["bins"], np.float64), axis=-1)
    entropy = -np.take_along_axis(log_probs, (23 * a + b)[..., None], -1).mean((1, 2))
    # Float32 means of 256 numbers of order one.
    np.testing.assert_allclose(terms["l1"], distance, rtol=1e-5)
    np.testing.assert_allclose(terms["cross_entropy"], entropy[:, 0], rtol=1e-5)
    loss = 10 * distance + 0.5 * entropy[:, 0]
    np.testing.assert_allclose(terms["loss"], loss, rtol=1e-5)


def test_the_constant_loss_is_that_of_gray_and_of_the_shares_of_classes(batch, terms):
    ab = np.asarray(batch[1].lab[..., 1:], np.float64)
    a, b = np.moveaxis(np.rint((ab[:, ::4, ::4] + 110) / 10).astype(int), -1, 0)
    _, counts = np.unique(23 * a + b, return_counts=True)
    gray = np.abs(ab / 110).sum(-1).mean()
    means = jax.tree.map(lambda x: jnp.asarray(x.mean(axis=0)), terms)
    expected = 10 * gray + 0.5 * stats.entropy(counts)
    found = _objective().constant_loss(means)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_hints_show_the_photographs_own_colors():
    lab = jnp.full((32, 32, 3), 40.0).at[..., 1:].set(jnp.array([12.0, -30.0]))
    keys = jax.random.split(jax.random.key(0), 50)
    draw = jax.vmap(lambda key: _objective().extra_inputs(key, lab)["hints"])
    found = np.asarray(jax.jit(draw)(keys))
    shown = found[found[..., 2] == 1]
    assert 0 < len(shown) < found[..., 2].size
    # Means of up to 81 equal numbers.
    np.testing.assert_allclose(shown, [[12, -30, 1]] * len(shown), rtol=1e-5)


class Echo(nn.Module):
    """A network whose prediction is the hints, where the step detaches its bins."""

    detached: str | None = None

    outputs = 2
    input_multiple = 4
    output_stride = 1
    outer_layers = OuterLayers("none", "none")
    encoder = None
    extra_inputs = ("hints",)
    extra_outputs = ("bins",)
    has_features = False

    def flops(self, height, width):
        return 0

    @nn.compact
    def outputs_and_extra(self, lightness, *, train, hints):
        assert self.detached == "bins"
        self.variable("batch_stats", "unused", jnp.zeros, ())
        scale = self.param("scale", nn.initializers.ones, ())
        small = lightness[:, ::4, ::4, None]
        bins = jnp.zeros((*small.shape[:3], 529))
        return scale * hints[..., :2] / 110, {"bins": bins}


@pytest.mark.slow
def test_a_step_shows_the_network_hints_of_its_own_photographs():
    objective = user_guided.objective(
        SIMULATION._replace(revealed_share=1.0),
        ab_weight=10.0,
        class_weight=0.5,
        detached="bins",
    )
    optimizer = optimizers.sgd(lambda _: 0.1, momentum=0.0)
    step = train_step.make_train_step(
        Echo(),
        optimizer,
        objective,
        average_decay=0.0,
        degrade=None,
        axis_name=None,
    )
    variables = {
        "params": {"scale": jnp.ones(())},
        "batch_stats": {"unused": jnp.zeros(())},
    }
    before = train_step.init_state(variables, optimizer, average=False)
    rgb = np.random.default_rng(3).integers(0, 256, (2, SIDE, SIDE, 3))
    _, terms = jax.jit(step)(before, {"rgb": jnp.asarray(rgb, jnp.uint8)})
    # All colors are given, so the prediction is the truth.
    assert terms["l1"] < 1e-6
    assert terms["gray_l1"] > 0.1


def _task(stage, **changes):
    fields = {
        "ab_weight": 10.0,
        "class_weight": 1.0,
        "hint_stop": 0.125,
        "hint_side": 9,
        "revealed_share": 0.0,
    }
    return UserGuided(stage=stage, **(fields | changes))


def test_each_stage_detaches_the_branch_of_the_other():
    found = {
        stage: _task(stage).objective(Regression(), None).detached
        for stage in ("classification", "regression")
    }
    assert found == {"classification": "outputs", "regression": "bins"}


@pytest.mark.slow
def test_a_training_is_colorized_with_hints(photo_folder, tmp_path):
    config = tiny.training_config(
        photo_folder,
        {"training.steps": 2, "training.checkpoint_every": 2},
        gamut=None,
        prior=None,
        objective={"name": "user_guided", **_task("regression")._asdict()},
        model={
            "name": "siggraph17",
            "width": 1 / 32,
            "centers_mask": True,
            "momentum": 0.9,
        },
        release={
            "size": 32,
            "temperature": None,
            "rebalancing_lambda": None,
            "coherence": 0.0,
        },
    )
    loop.train(config, tmp_path, is_quiet=True)
    colorizer = Colorizer.load(tmp_path)
    lightness = jnp.full((1, 32, 32), 50.0)
    given = jnp.zeros((1, 32, 32, 3)).at[0, 8:24, 8:24].set(jnp.array([60, 40, 1.0]))
    without, hinted = (
        colorizer.predict(lightness, hints=x).outputs for x in (None, given)
    )
    assert np.isfinite(hinted).all()
    assert np.any(hinted != without)
