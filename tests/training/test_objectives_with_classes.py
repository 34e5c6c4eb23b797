"""The objective with classes: its terms by hand, and that devices and parts add up."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn
from scipy import special

from jaxcolor.color.sigmoid_ab import SigmoidAb
from jaxcolor.models import layers
from jaxcolor.models.interface import OuterLayers
from jaxcolor.runtime import devices
from jaxcolor.training import objectives, train_step
from jaxcolor.training.objectives import Truth

CLASSES = 3
ALPHA = 0.5
COLORS = objectives.of_head(SigmoidAb(), None)
OBJECTIVE = objectives.with_classes(COLORS, alpha=ALPHA)
LABEL = np.array([2, -1, 0, -1, 2], np.int32)


def _batch():
    random = np.random.default_rng(0)
    lab = random.uniform((0, -60, -60), (100, 60, 60), (5, 4, 4, 3))
    outputs = random.normal(size=(5, 4, 4, 2))
    logits = random.normal(size=(5, CLASSES))
    # One hit and one miss, at least.
    logits[0, 2], logits[2, 0] = 9.0, -9.0
    return map(np.float32, (outputs, lab, logits))


def _terms(objective=OBJECTIVE):
    outputs, lab, logits = _batch()
    terms = jax.jit(objective.terms)
    return jax.device_get(terms(outputs, Truth(lab, LABEL), {"classes": logits}))


def _means(terms):
    return {name: np.asarray(x, np.float64).mean(axis=0) for name, x in terms.items()}


def _log_probabilities():
    *_, logits = _batch()
    return special.log_softmax(np.float64(logits), axis=-1)


def test_known_classes_add_their_cross_entropy_and_unknown_ones_nothing():
    added = _terms()["loss"] - _terms(COLORS)["loss"]
    log_p = _log_probabilities()
    wanted = [-log_p[0, 2], 0, -log_p[2, 0], 0, -log_p[4, 2]]
    # float32.
    np.testing.assert_allclose(added, ALPHA * np.array(wanted), atol=1e-6)


def test_a_photograph_of_unknown_class_gives_the_logits_no_gradient():
    outputs, lab, logits = _batch()

    @jax.jit
    @jax.grad
    def slope(logits, outputs, truth):
        return OBJECTIVE.terms(outputs, truth, {"classes": logits})["loss"].sum()

    is_moved = np.abs(slope(logits, outputs, Truth(lab, LABEL))).max(axis=-1) > 0
    assert is_moved.tolist() == [True, False, True, False, True]


def test_the_log_has_cross_entropy_and_accuracy_of_labeled_photographs():
    found = objectives.numbers(OBJECTIVE, _means(_terms()))
    log_p, known = _log_probabilities(), LABEL >= 0
    wanted = -log_p[known, LABEL[known]].mean()
    assert found["class_loss"] == pytest.approx(wanted, rel=1e-5)
    hits = log_p.argmax(axis=-1)[known] == LABEL[known]
    assert 0 < hits.sum() < 3
    assert found["class_accuracy"] == pytest.approx(hits.mean())
    assert found["color_loss"] == pytest.approx(float(_terms(COLORS)["loss"].mean()))
    assert "class_counts" not in found


def test_without_labels_the_log_has_colors_only():
    outputs, lab, logits = _batch()
    truth = Truth(lab, np.full(5, -1, np.int32))
    terms = jax.jit(OBJECTIVE.terms)(outputs, truth, {"classes": logits})
    found = objectives.numbers(OBJECTIVE, _means(terms))
    of_colors = objectives.numbers(COLORS, _means(_terms(COLORS)))
    assert found.pop("color_loss") == found["loss"]
    assert found == of_colors
    # Of an interval in which no step was made.
    assert objectives.numbers(OBJECTIVE, {"skipped": np.array(3.0)}) == {"skipped": 3.0}


def test_the_best_constant_logits_have_the_constant_loss():
    means = _means(_terms())
    found = objectives.numbers(OBJECTIVE, means)["constant_loss"]
    of_colors = objectives.numbers(COLORS, _means(_terms(COLORS)))["constant_loss"]
    # Of three labeled photographs two are of class 2 and one of class 0; five count.
    entropy = special.entr([2 / 3, 1 / 3]).sum() * 3 / 5
    assert found == pytest.approx(of_colors + ALPHA * entropy, rel=1e-5)


class _Network(nn.Module):
    """One layer, its outputs, and classes of its mean."""

    axis_name: str | None = None
    outputs = 2
    input_multiple = output_stride = 1
    outer_layers = OuterLayers(first="conv", last="head")
    encoder = None
    extra_inputs = ()
    extra_outputs = ("classes",)
    has_features = False

    def flops(self, height, width):
        return 0

    def __call__(self, lightness, *, train):
        return self.outputs_and_extra(lightness, train=train)[0]

    @nn.compact
    def outputs_and_extra(self, lightness, *, train):
        x = layers.Conv(8, jnp.float32, name="conv")(lightness[..., None] / 100)
        x = layers.BatchNorm(
            momentum=0.9, affine=True, axis_name=self.axis_name, name="norm"
        )(x, train=train)
        # No kink, on either side of which rounding could put a unit.
        x = nn.softplus(x)
        means = x.mean((1, 2), keepdims=True)
        logits = layers.Head(CLASSES, jnp.float32, name="classes")(means)
        outputs = layers.Head(self.outputs, jnp.float32, name="head")(x)
        return outputs, {"classes": logits[:, 0, 0]}


def _trained(*, kind, accumulation=1):
    """Returns parameters after two steps, and the terms of the second."""
    random = np.random.default_rng(1)
    optimizer = optax.sgd(1.0)

    def make_step(axis_name):
        return train_step.make_train_step(
            _Network(axis_name),
            optimizer,
            OBJECTIVE,
            average_decay=0.0,
            degrade=None,
            axis_name=axis_name,
            accumulation=accumulation,
        )

    variables = jax.jit(
        lambda: _Network().init(jax.random.key(0), jnp.zeros((1, 8, 8)), train=False)
    )()
    state = train_step.init_state(variables, optimizer, average=False)
    if kind is None:
        step, share, fetch = jax.jit(make_step(None)), lambda x: x, lambda x: x
    else:
        lifted = devices.lift(make_step, kind=kind)
        step, share, fetch = lifted.step, lifted.share, lifted.fetch
        state = lifted.put(state)
    for _ in range(2):
        # Labels of some devices' photographs only.
        label = np.where(np.arange(16) < 9, random.integers(0, CLASSES, 16), -1)
        rgb = random.integers(0, 256, (16, 8, 8, 3)).astype(np.uint8)
        state, terms = step(state, share({"rgb": rgb, "label": np.int32(label)}))
    return fetch(state).params, terms


@pytest.mark.parametrize("kind", ["jit", "pmap"])
@pytest.mark.slow
def test_devices_learn_the_classes_as_one_does(kind):
    one, many = _trained(kind=None), _trained(kind=kind)
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(many), strict=True):
        # float32 sums in another order.
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_parts_of_a_batch_learn_the_classes_as_the_whole_does():
    _, whole = _trained(kind=None)
    _, parts = _trained(kind=None, accumulation=2)
    # Counts are exact; the rest differs as normalization sees a part.
    np.testing.assert_allclose(parts["class_counts"], whole["class_counts"], rtol=1e-6)
    np.testing.assert_allclose(parts["class_loss"], whole["class_loss"], rtol=0.1)
    assert np.sum(whole["class_counts"]) == pytest.approx(9 / 16)
