"""Objectives at random places of photographs against those of whole maps."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special
from skimage import color

from jaxcolor.color.marginals import AbMarginals, HueChroma
from jaxcolor.models.larsson2016 import Larsson2016
from jaxcolor.training import objectives, optimizers, train_step
from jaxcolor.training.objectives import Truth

BINS = 8
HUE_CHROMA = HueChroma(bins=BINS, window=1, hue_weight=5.0, fading=0.96)
HEADS = pytest.mark.parametrize(
    "head",
    [HUE_CHROMA, HUE_CHROMA._replace(window=3), AbMarginals(bins=BINS, sigma=25.0)],
    ids=["hue_chroma", "window", "ab"],
)


def _batch():
    random = np.random.default_rng(0)
    outputs = random.normal(size=(2, 6, 7, 2 * BINS))
    lab = color.rgb2lab(random.uniform(0, 1, (2, 6, 7, 3)))
    truth = Truth(jnp.asarray(lab, jnp.float32), jnp.full(2, objectives.UNKNOWN))
    return jnp.asarray(outputs, jnp.float32), truth


@HEADS
def test_the_loss_of_samples_is_the_mean_over_their_cells(head):
    outputs, truth = _batch()
    # One cell twice, as chance may have it.
    cells = np.array([[[0, 0], [5, 6], [2, 3]], [[1, 4], [1, 4], [5, 0]]])
    seen = [[image[tuple(at.T)]] for image, at in zip(outputs, cells, strict=True)]
    objective = objectives.of_samples(head, samples=3, margin=0)
    found = jax.jit(objective.terms)(
        jnp.asarray(seen), truth, {"cells": jnp.asarray(cells)}
    )
    for image in (0, 1):
        codes, weights = (
            np.asarray(x, float) for x in jax.jit(head.targets)(truth.lab[image])
        )
        losses = []
        for row, column in cells[image]:
            logits = np.asarray(outputs[image, row, column], float).reshape(2, BINS)
            divergence = special.rel_entr(
                codes[row, column], special.softmax(logits, axis=-1)
            ).sum(axis=-1)
            losses.append(weights[row, column] @ divergence)
        # float32 logarithms.
        assert float(found["loss"][image]) == pytest.approx(np.mean(losses), rel=1e-4)


def test_without_cells_the_loss_is_that_of_the_whole_map():
    outputs, truth = _batch()
    sampled = objectives.of_samples(HUE_CHROMA, samples=3, margin=0)
    whole = objectives.of_head(HUE_CHROMA, None)
    found, wanted = (jax.jit(x.terms)(outputs, truth, {}) for x in (sampled, whole))
    jax.tree.map(np.testing.assert_array_equal, found, wanted)


def test_locations_are_uniform_within_the_margin():
    objective = objectives.of_samples(HUE_CHROMA, samples=5000, margin=3)
    lab = jnp.zeros((10, 12, 3))
    found = [
        np.asarray(objective.extra_inputs(jax.random.key(seed), lab)["locations"])
        for seed in (0, 1)
    ]
    assert found[0].shape == (5000, 2)
    counts = [np.bincount(found[0][:, axis]) for axis in (0, 1)]
    # Rows 3 to 6 and columns 3 to 8.
    assert [len(x) for x in counts] == [7, 9]
    for x, wanted in zip(counts, (5000 / 4, 5000 / 6), strict=True):
        assert (x[:3] == 0).all()
        # Five standard deviations of a count.
        np.testing.assert_allclose(x[3:], wanted, atol=5 * np.sqrt(wanted))
    assert not np.array_equal(*found)


def test_a_margin_that_leaves_nothing_is_refused():
    objective = objectives.of_samples(HUE_CHROMA, samples=4, margin=16)
    with pytest.raises(ValueError, match=r"margin is 16; wanted less than half .* 32"):
        objective.extra_inputs(jax.random.key(0), jnp.zeros((32, 32, 3)))


@pytest.mark.slow
def test_a_step_with_a_location_in_every_cell_is_that_of_the_whole_map():
    side = 32
    network = Larsson2016(width=0.001, outputs=2 * BINS, momentum=0.9)
    optimizer = optimizers.sgd(lambda _: 0.1, momentum=0.0)
    # In the order of the cells, so that dropout leaves out the same channels.
    rows, columns = np.meshgrid(range(2, side, 4), range(1, side, 4), indexing="ij")
    locations = jnp.stack([rows.reshape(-1), columns.reshape(-1)], axis=-1)
    random = np.random.default_rng(0)
    rgb = random.integers(0, 256, (2, side, side, 3), np.uint8)
    shapes = jax.eval_shape(
        lambda: network.init(jax.random.key(0), jnp.zeros((1, side, side)), train=False)
    )
    # Uniform about 0.1: positive variances, and both signs of all else.
    variables = jax.tree.map(
        lambda leaf: jnp.asarray(0.1 + random.uniform(-0.1, 0.2, leaf.shape), "f4"),
        shapes,
    )

    def stepped(objective):
        step = train_step.make_train_step(
            network,
            optimizer,
            objective,
            average_decay=0.0,
            degrade=None,
            axis_name=None,
        )
        state = train_step.init_state(variables, optimizer, average=False)
        return jax.jit(step)(state, {"rgb": jnp.asarray(rgb)})

    whole = objectives.of_head(HUE_CHROMA, None)
    sampled = objectives.of_samples(HUE_CHROMA, samples=1, margin=0)
    sampled = sampled._replace(extra_inputs=lambda *_: {"locations": locations})
    (state, terms), (wanted_state, wanted) = stepped(sampled), stepped(whole)
    # float32 sums in another order, through 17 layers and back.
    assert float(terms["loss"]) == pytest.approx(float(wanted["loss"]), rel=1e-5)
    assert float(terms["gradient_norm"]) == pytest.approx(
        float(wanted["gradient_norm"]), rel=1e-3
    )
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=1e-3),
        state.params,
        wanted_state.params,
    )
