from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy import special
from skimage import color

from jaxcolor.color import cielab, encode, gamut
from jaxcolor.color.decode import Decoding
from jaxcolor.color.heads import Bins, Regression
from jaxcolor.evaluation import per_photograph, systems
from jaxcolor.inference.colorizer import Colorizer
from jaxcolor.models.interface import Network
from jaxcolor.training import objectives, optimizers, train_step
from tests import tiny

GAMUT = gamut.from_srgb(spacing=20.0)
BINS = len(GAMUT.centers)
SIZE = 16
# At a lambda of 0 the weight of a bin is the inverse of its share, up to a factor.
HEAD = Bins(spacing=20.0, neighbors=5, sigma=10.0, training_lambda=0.0)
PRIOR = np.float32(1 / np.linspace(0.5, 2.0, BINS))
PRIOR /= PRIOR.sum()


@pytest.fixture(scope="module")
def weights() -> np.ndarray:
    inverse = 1 / PRIOR
    return (inverse / (PRIOR * inverse).sum()).astype(np.float32)


@pytest.fixture(scope="module")
def objective(weights) -> objectives.Objective:
    return objectives.of_head(HEAD, PRIOR, gray_threshold=5.0)


@pytest.fixture(scope="module")
def network() -> Network:
    return tiny.Nested(outputs=BINS)


@pytest.fixture(scope="module")
def colorize(network):
    decoding = Decoding(temperature=0.38, rebalancing_lambda=0.5, coherence=0.0)
    return train_step.make_colorize(network, HEAD.decoder(decoding, PRIOR), amount=0.0)


@pytest.fixture(scope="module")
def variables(network):
    lightness = np.zeros((1, SIZE, SIZE), np.float32)
    init = jax.jit(partial(network.init, train=False))
    return init(jax.random.key(0), lightness)


def noise(count: int) -> np.ndarray:
    rng = np.random.default_rng(3)
    return rng.integers(0, 256, (count, SIZE, SIZE, 3)).astype(np.uint8)


@jax.jit
def lightness_of(rgb):
    return cielab.rgb8_to_lab(rgb)[..., 0]


def truth(ab) -> objectives.Truth:
    """Returns photographs of some ab, of a lightness that is of no account."""
    lab = np.concatenate([np.full((*ab.shape[:-1], 1), np.float32(50)), ab], -1)
    return objectives.Truth(lab, np.full(len(ab), objectives.UNKNOWN))


def test_terms_of_a_classification_follow_from_dense_codes(objective, weights):
    rng = np.random.default_rng(0)
    ab = rng.uniform(-60, 60, (2, 4, 4, 2)).astype(np.float32)
    ab[1] = 1.0  # a gray photograph
    outputs = rng.normal(size=(2, 4, 4, BINS)).astype(np.float32)
    terms = jax.jit(objective.terms)(outputs, truth(ab), {})

    @jax.jit
    def encoded(ab):
        code = encode.soft_encode(ab, GAMUT, neighbors=5, sigma=10.0)
        return encode.densify(code, bins=BINS)

    target = np.asarray(encoded(ab), np.float64)
    nearest = np.linalg.norm(ab[..., None, :] - GAMUT.centers, axis=-1).argmin(-1)
    weight = weights[nearest] * np.array([1, 0])[:, None, None]
    log_probs = special.log_softmax(outputs.astype(np.float64), axis=-1)
    entropy = -special.xlogy(target, target).sum(-1)
    cross = -(target * log_probs).sum(-1)
    # Float32 sums of about a hundred terms of order one.
    np.testing.assert_allclose(
        terms["loss"], (weight * cross).mean((1, 2)), rtol=1e-5, atol=1e-7
    )
    np.testing.assert_allclose(terms["kl"], (cross - entropy).mean((1, 2)), rtol=1e-5)
    np.testing.assert_allclose(
        terms["weighted_code"],
        (weight[..., None] * target).mean((1, 2)),
        rtol=1e-5,
        atol=1e-7,
    )


def test_the_best_constant_prediction_has_the_constant_loss(objective):
    ab = np.random.default_rng(1).uniform(-60, 60, (3, 8, 8, 2)).astype(np.float32)
    terms = jax.jit(lambda outputs: objective.terms(outputs, truth(ab), {}))
    zeros = np.zeros((3, 8, 8, BINS), np.float32)
    means = jax.tree.map(lambda x: np.mean(x, axis=0), terms(zeros))
    best = np.log(np.maximum(means["weighted_code"], 1e-12))
    reached = np.mean(terms(np.tile(best, (3, 8, 8, 1)))["loss"])
    found = jax.jit(objective.constant_loss)(means)
    # Float32 rounding of a mean over 192 pixels.
    np.testing.assert_allclose(reached, found, rtol=1e-5)


def test_the_constant_loss_of_a_regression_is_half_the_variance():
    ab = np.random.default_rng(2).normal(10, 30, (3, 8, 8, 2)).astype(np.float32)
    objective = objectives.of_head(Regression(), None)
    zeros = np.zeros((3, 8, 8, 2), np.float32)
    terms = jax.jit(objective.terms)(zeros, truth(ab), {})
    means = jax.tree.map(lambda x: np.mean(x, axis=0), terms)
    expected = 0.5 * ab.reshape(-1, 2).var(axis=0).sum()
    # Float32 rounding of squares of about a thousand.
    found = jax.jit(objective.constant_loss)(means)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_an_evaluation_counts_valid_photographs_only(
    network, variables, objective, colorize
):
    evaluate = jax.jit(train_step.make_eval_step(network, objective, colorize))
    rgb = noise(3)
    all_three = evaluate(variables, {"rgb": rgb, "valid": np.float32([1, 1, 0])})
    two = evaluate(variables, {"rgb": rgb[:2], "valid": np.ones(2, np.float32)})
    assert all_three["images"] == 2
    for name, value in two.items():
        # The same sums in another order; colorfulness is of pictures in 8 bits, of
        # which float32 rounding may turn a pixel to the next level.
        rtol = 1e-3 if name == "colorfulness" else 1e-5
        np.testing.assert_allclose(all_three[name], value, rtol=rtol, atol=1e-6)


def test_an_evaluation_changes_nothing_and_a_step_changes_everything(
    network, variables, objective, colorize
):
    optimizer = optimizers.adam(
        lambda _: 1e-3, b1=0.9, b2=0.99, eps=1e-8, weight_decay=0.0
    )
    step = jax.jit(
        train_step.make_train_step(
            network,
            optimizer,
            objective,
            average_decay=0.9,
            degrade=None,
            axis_name=None,
        )
    )
    before = train_step.init_state(variables, optimizer, average=True)
    after, terms = step(before, {"rgb": noise(2)})
    assert after.step == 1
    assert terms["gradient_norm"] > 0
    for field in ("params", "batch_stats", "average"):
        pairs = jax.device_get((getattr(before, field), getattr(after, field)))
        moved = jax.tree.map(lambda a, b: np.any(a != b), *pairs)
        assert all(jax.tree.leaves(moved)), field
    evaluate = jax.jit(train_step.make_eval_step(network, objective, colorize))
    batch = {"rgb": noise(2), "valid": np.ones(2, np.float32)}
    evaluate(train_step.variables_of(after), batch)
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(after))


def test_targets_are_every_fourth_pixel_of_the_photograph():
    rgb = np.full((1, 16, 16, 3), 128, np.uint8)
    rgb[:, ::4, ::4] = (200, 30, 40)

    @jax.jit
    def truth_of(rgb):
        lab = cielab.rgb8_to_lab(rgb)
        return train_step.truth_of({"rgb": rgb}, lab, stride=4)

    found, label = truth_of(rgb)
    red = color.rgb2lab(rgb[0, 0, 0] / 255)
    # 1e-3: how far Lab may be from scikit-image's.
    np.testing.assert_allclose(found, np.broadcast_to(red, (1, 4, 4, 3)), atol=1e-3)
    assert label.tolist() == [objectives.UNKNOWN]


@pytest.mark.parametrize("amount", [0.0, 0.75])
def test_a_training_colorizes_as_an_evaluation_does(photographs, amount):
    model = tiny.model(tiny.decoded_by(rebalancing_lambda=0.2, coherence=amount))
    rgb = photographs["coffee"][None, :32, :32]
    lightness = lightness_of(rgb)
    description = model.description
    decoder = description.head.decoder(description.decoding, model.prior)
    colorize = train_step.make_colorize(model.network, decoder, amount=amount)
    _, found = jax.jit(colorize)(model.variables, lightness)
    index = jnp.arange(1)
    answer = systems.of_colorizer(Colorizer(model)).answer(lightness, index)
    wanted = per_photograph.colored(lightness, answer.ab)
    # Compiled as one or as many programs; rounded to levels.
    assert np.abs(np.int32(found) - np.int32(wanted)).max() <= 1
    assert np.ptp(np.int32(found), axis=-1).max() > 20


def test_the_average_moves_by_its_decay(network, variables, objective):
    optimizer = optimizers.sgd(lambda _: 0.01, momentum=0.0)
    step = train_step.make_train_step(
        network, optimizer, objective, average_decay=0.5, degrade=None, axis_name=None
    )
    before = train_step.init_state(variables, optimizer, average=True)
    after, _ = jax.jit(step)(before._replace(step=np.int32(1000)), {"rgb": noise(2)})
    kept = np.asarray(before.params["head"]["kernel"])
    new = np.asarray(after.params["head"]["kernel"])
    # Late in a training the decay is the given one: half of each.
    np.testing.assert_allclose(
        after.average["params"]["head"]["kernel"], (kept + new) / 2, rtol=1e-5
    )
    early, _ = jax.jit(step)(before, {"rgb": noise(2)})
    tenth = 0.1 * kept + 0.9 * np.asarray(early.params["head"]["kernel"])
    # At the first step (1 + 0) / (10 + 0) is kept.
    np.testing.assert_allclose(
        early.average["params"]["head"]["kernel"], tenth, rtol=1e-5, atol=1e-7
    )


def test_without_an_average_the_parameters_are_evaluated(variables):
    optimizer = optimizers.sgd(lambda _: 0.01, momentum=0.0)
    state = train_step.init_state(variables, optimizer, average=False)
    assert state.average is None
    assert train_step.variables_of(state)["params"] is state.params


def test_statistics_of_a_batch_normalize_it_as_training_does(network, variables):
    rgb = noise(3)
    lightness = lightness_of(rgb)
    wanted, _ = jax.jit(
        lambda v, x: network.apply(v, x, train=True, mutable=["batch_stats"])
    )(variables, lightness)
    statistics = jax.jit(train_step.make_statistics_step(network))
    found = statistics(variables, rgb)
    apply = jax.jit(partial(network.apply, train=False))
    outputs = apply({"params": variables["params"], "batch_stats": found}, lightness)
    # Twelve pixels are left in the last layers, whose variances float32 rounds.
    np.testing.assert_allclose(outputs, wanted, atol=0.03)
    # Bit for bit, whatever statistics there were before.
    others = jax.tree.map(
        lambda x: np.float32(1.1) * x + np.float32(0.3),
        jax.device_get(variables["batch_stats"]),
    )
    again = statistics({"params": variables["params"], "batch_stats": others}, rgb)
    jax.tree.map(np.testing.assert_array_equal, again, found)
    # Not those that the network has been given.
    own = apply(variables, lightness)
    assert np.abs(np.asarray(own) - wanted).max() > 0.3


def one_step(network, variables, objective, rgb, *, state=None, **options):
    # With this momentum the optimizer's state is the gradient.
    optimizer = optax.sgd(0.01, momentum=1.0)
    step = train_step.make_train_step(
        network,
        optimizer,
        objective,
        average_decay=0.9,
        degrade=None,
        axis_name=None,
        **options,
    )
    state = state or train_step.init_state(variables, optimizer, average=True)
    return state, *jax.jit(step)(state, {"rgb": rgb})


def assert_equal_trees(one, other) -> None:
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_step_that_is_not_finite_changes_nothing_but_its_number(
    network, variables, objective
):
    broken = objectives.Objective(
        terms=lambda *given: {
            name: x / 0 for name, x in objective.terms(*given).items()
        },
        constant_loss=objective.constant_loss,
    )
    before, after, terms = one_step(network, variables, broken, noise(2))
    assert terms["skipped"] == 1
    assert not np.isfinite(terms["loss"])
    assert_equal_trees(after._replace(step=before.step), before)
    assert after.step == before.step + 1
    _, _, sound = one_step(network, variables, objective, noise(2))
    assert sound["skipped"] == 0


def test_parts_of_a_batch_add_up(network, variables, objective):
    rgb = noise(4)
    before, whole, terms = one_step(network, variables, objective, rgb, accumulation=2)
    # Each part by itself, the second from the statistics that the first left.
    _, first, first_terms = one_step(network, variables, objective, rgb[0::2])
    between = before._replace(batch_stats=first.batch_stats)
    _, second, second_terms = one_step(
        network, variables, objective, rgb[1::2], state=between
    )
    halves = jax.device_get((first.opt_state, second.opt_state))
    wanted = jax.tree.map(lambda a, b: (a + b) / 2, *halves)
    largest = max(np.abs(x).max() for x in jax.tree.leaves(wanted))
    for a, b in zip(
        jax.tree.leaves(whole.opt_state), jax.tree.leaves(wanted), strict=True
    ):
        # Float32, compiled otherwise.
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5 * largest)
    mean = (first_terms["loss"] + second_terms["loss"]) / 2
    np.testing.assert_allclose(terms["loss"], mean, rtol=1e-5)
    for a, b in zip(
        jax.tree.leaves(whole.batch_stats),
        jax.tree.leaves(second.batch_stats),
        strict=True,
    ):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_activations_computed_again_give_the_same_gradient(
    network, variables, objective
):
    rgb = noise(2)
    _, kept, _ = one_step(network, variables, objective, rgb)
    _, again, _ = one_step(network, variables, objective, rgb, remat=True)
    largest = max(np.abs(x).max() for x in jax.tree.leaves(kept.opt_state))
    for a, b in zip(
        jax.tree.leaves(again.opt_state), jax.tree.leaves(kept.opt_state), strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5 * largest)
