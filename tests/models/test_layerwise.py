import functools

import jax
import numpy as np
import optax
import pytest

from jaxcolor.color import cielab
from jaxcolor.color.heads import Regression
from jaxcolor.models import layerwise
from jaxcolor.training import objectives, optimizers, train_step
from tests.tiny import Nested

RGB = np.random.default_rng(3).integers(0, 256, (4, 16, 16, 3)).astype(np.uint8)
BATCH = {"rgb": RGB}

rgb8_to_lab = jax.jit(cielab.rgb8_to_lab)


@pytest.fixture(scope="module")
def variables():
    init = functools.partial(Nested(outputs=2).init, train=False)
    lightness = np.zeros((1, 16, 16), np.float32)
    # Only the shapes, because compiling an initialization is slower.
    shapes = jax.eval_shape(init, jax.random.key(0), lightness)
    random = np.random.default_rng(0)
    # Statistics far from any batch's, and a zero with a sign.
    constants = {"bias": -0.0, "scale": 1.0, "mean": 0.25, "var": 1.75}

    def draw(path, shape):
        if (name := path[-1].key) == "kernel":
            scale = np.sqrt(2 / np.prod(shape.shape[:-1]))
            return np.float32(scale * random.normal(size=shape.shape))
        return np.full(shape.shape, constants[name], np.float32)

    return jax.device_put(jax.tree_util.tree_map_with_path(draw, shapes))


def make_step(optimizer, **options):
    return train_step.make_train_step(
        Nested(outputs=2),
        optimizer,
        objectives.of_head(Regression(), None),
        average_decay=0.9,
        degrade=None,
        axis_name=None,
        **options,
    )


def bits(tree) -> dict[str, bytes]:
    leaves = map(np.asarray, jax.tree.leaves(tree))
    return dict(
        zip(layerwise.names_of(tree), (x.tobytes() for x in leaves), strict=True)
    )


def gradients_of(variables, *, count: int):
    random = np.random.default_rng(0)
    return [
        jax.tree.map(
            lambda x: random.normal(size=x.shape).astype(np.float32),
            variables["params"],
        )
        for _ in range(count)
    ]


def updates_of(optimizer, variables, gradients):
    """Lists the updates, always from the same parameters."""
    state, found = jax.jit(optimizer.init)(variables["params"]), []
    update = jax.jit(optimizer.update)
    for gradient in gradients:
        updates, state = update(gradient, state, variables["params"])
        found.append(updates)
    return found


def test_the_longest_prefix_that_ends_with_a_name_matches():
    prefixes = ["encoder", "encoder/block_3", ""]
    assert layerwise.match("encoder/block_3/kernel", prefixes) == "encoder/block_3"
    assert layerwise.match("encoder/block_30/kernel", prefixes) == "encoder"
    assert layerwise.match("encoder_2/kernel", prefixes) == ""
    assert layerwise.match("encoder_2/kernel", prefixes[:2]) is None
    rates = {"encoder": 0.0, "encoder/block_3": 0.5}
    names = ("encoder/block_3/kernel", "encoder/block_1/kernel", "head/kernel")
    assert [layerwise.rate(name, rates) for name in names] == [0.5, 0.0, 1.0]


def test_a_factor_scales_the_update_of_gradient_descent_exactly(variables):
    plain = optimizers.sgd(lambda _: 0.125, momentum=0.0)
    scaled = optimizers.by_layer(plain, rates={"encoder": 0.3}, warmup={})
    (gradient,) = gradients_of(variables, count=1)
    found = jax.device_get(updates_of(scaled, variables, [gradient])[0])
    # The rate is a power of two: only the factor rounds, once.
    jax.tree.map(
        lambda u, g: np.testing.assert_array_equal(u, np.float32(0.3) * (-0.125 * g)),
        found["encoder"],
        gradient["encoder"],
    )
    jax.tree.map(
        lambda u, g: np.testing.assert_array_equal(u, -0.125 * g),
        {name: found[name] for name in ("decoder", "head")},
        {name: gradient[name] for name in ("decoder", "head")},
    )


ARGUMENTS = {
    "adam": {"b1": 0.9, "b2": 0.99, "eps": 1e-8, "weight_decay": 0.1},
    "adamw": {
        "b1": 0.9,
        "b2": 0.99,
        "eps": 1e-8,
        "weight_decay": 0.1,
        "clip_norm": 1.0,
    },
    "caffe_sgd": {"momentum": 0.9, "weight_decay": 0.1, "bias_rate": 2.0},
    "muon": {
        "momentum": 0.9,
        "adam_share": 0.1,
        "b1": 0.9,
        "b2": 0.99,
        "weight_decay": 0.1,
        "clip_norm": 1.0,
    },
    "sgd": {"momentum": 0.9},
}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_no_optimizer_changes_what_is_frozen(name, variables):
    inner = getattr(optimizers, name)(lambda _: 0.01, **ARGUMENTS[name])
    optimizer = optimizers.by_layer(inner, rates={"encoder": 0.0}, warmup={})
    params = variables["params"]
    state = jax.jit(optimizer.init)(params)

    @jax.jit
    def step(params, state, gradient):
        updates, state = optimizer.update(gradient, state, params)
        return optax.apply_updates(params, updates), state

    for gradient in gradients_of(variables, count=2):
        params, state = step(params, state, gradient)
    before, after = bits(variables["params"]), bits(params)
    changed = {key for key in before if before[key] != after[key]}
    assert changed == {key for key in before if not key.startswith("encoder/")}


def test_a_step_leaves_frozen_parameters_and_their_average_as_they_are(variables):
    inner = optimizers.sgd(lambda _: 0.01, momentum=0.0)
    optimizer = optimizers.by_layer(inner, rates={"encoder": 0.0}, warmup={})
    step = make_step(optimizer, is_frozen=lambda name: name.startswith("encoder/"))
    before = train_step.init_state(variables, optimizer, average=True)
    after, _ = jax.jit(step)(before, BATCH)
    plain = train_step.init_state(variables, inner, average=True)
    wanted, _ = jax.jit(make_step(inner))(plain, BATCH)
    encoder = bits(before.params["encoder"])
    assert bits(after.params["encoder"]) == encoder
    # Equal numbers, but not the sign of a zero.
    jax.tree.map(
        np.testing.assert_array_equal,
        after.average["params"]["encoder"],
        before.params["encoder"],
    )
    assert bits(wanted.params["encoder"]) != encoder
    for name in ("decoder", "head"):
        assert bits(after.params[name]) != bits(before.params[name])
        # The same gradient, compiled otherwise.
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6),
            after.params[name],
            wanted.params[name],
        )


def test_the_gradient_of_frozen_parameters_is_not_computed(variables):
    optimizer = optimizers.sgd(lambda _: 0.01, momentum=0.0)
    state = train_step.init_state(variables, optimizer, average=False)

    def convolutions(**options) -> int:
        lowered = jax.jit(make_step(optimizer, **options)).lower(state, BATCH)
        return lowered.as_text().count("stablehlo.convolution")

    # Two forwards, the gradients of two kernels, and that of the decoder's input.
    assert convolutions() == 5
    assert convolutions(is_frozen=lambda name: name.startswith("encoder/")) == 3
    assert convolutions(is_frozen=lambda name: not name.startswith("head/")) == 2


def test_parameters_wait_for_their_warmup_while_moments_accumulate(variables):
    inner = optimizers.adamw(lambda _: 0.01, **ARGUMENTS["adamw"])
    optimizer = optimizers.by_layer(inner, rates={"head": 0.5}, warmup={"encoder": 2})
    gradients = gradients_of(variables, count=3)
    # Optax's own, which has never heard of a warm-up.
    plain = optax.chain(
        optax.clip_by_global_norm(1.0),
        optax.adamw(
            0.01,
            b1=0.9,
            b2=0.99,
            eps=1e-8,
            weight_decay=0.1,
            mask=jax.tree_util.tree_map_with_path(
                lambda path, _: path[-1].key == "kernel", variables["params"]
            ),
        ),
    )
    found = updates_of(optimizer, variables, gradients)
    wanted = updates_of(plain, variables, gradients)
    for updates in found[:2]:
        moved = jax.jit(optax.apply_updates)(variables["params"], updates)["encoder"]
        assert bits(moved) == bits(variables["params"]["encoder"])

    found, wanted = jax.device_get((found, wanted))

    def assert_close(a, b, *, factor: float) -> None:
        # Compiled with another multiplication.
        jax.tree.map(
            lambda x, y: np.testing.assert_allclose(x, factor * y, rtol=1e-5), a, b
        )

    assert_close(found[2]["encoder"], wanted[2]["encoder"], factor=1.0)
    for mine, theirs in zip(found, wanted, strict=True):
        assert_close(mine["decoder"], theirs["decoder"], factor=1.0)
        assert_close(mine["head"], theirs["head"], factor=0.5)


def test_without_settings_the_step_is_the_same_program(variables):
    inner = optimizers.adamw(lambda _: 0.01, **ARGUMENTS["adamw"])
    assert optimizers.by_layer(inner, rates={}, warmup={}) is inner
    state = train_step.init_state(variables, inner, average=True)
    # Without the numbers of lines, of which there are none by default.
    plain, empty = (
        jax.jit(make_step(inner, **options)).lower(state, BATCH).as_text()
        for options in ({}, {"is_frozen": lambda name: False, "fixed_statistics": ()})
    )
    assert plain == empty


def moments_of_decoder(variables):
    """Returns mean and variance before the decoder's norm, the encoder's fixed."""
    lightness = np.asarray(rgb8_to_lab(RGB))[..., 0]
    apply = functools.partial(
        Nested(outputs=2).apply, train=False, capture_intermediates=True
    )
    _, seen = jax.jit(apply)(variables, lightness)
    conv = seen["intermediates"]["decoder"]["conv"]["__call__"][0]
    exact = np.maximum(np.asarray(conv, np.float64), 0)
    return exact.mean((0, 1, 2)), exact.var((0, 1, 2))


@pytest.mark.parametrize("remat", [False, True])
def test_fixed_statistics_normalize_and_stay_in_training(variables, remat):
    optimizer = optimizers.sgd(lambda _: 0.01, momentum=0.0)
    state = train_step.init_state(variables, optimizer, average=False)
    step = make_step(optimizer, remat=remat, fixed_statistics=("encoder",))
    after, _ = jax.jit(step)(state, BATCH)
    old, new = state.batch_stats, after.batch_stats
    assert bits(new["encoder"]) == bits(old["encoder"])
    for name, moment in zip(
        ("mean", "var"), moments_of_decoder(variables), strict=True
    ):
        wanted = (
            Nested.momentum * old["decoder"]["norm"][name]
            + (1 - Nested.momentum) * moment
        )
        # Float32 against float64.
        np.testing.assert_allclose(
            new["decoder"]["norm"][name], wanted, rtol=1e-4, atol=1e-5
        )


@pytest.mark.slow
def test_with_all_statistics_fixed_the_loss_is_that_of_evaluation(variables):
    optimizer = optimizers.sgd(lambda _: 0.01, momentum=0.0)
    state = train_step.init_state(variables, optimizer, average=False)
    after, terms = jax.jit(make_step(optimizer, fixed_statistics=("",)))(state, BATCH)
    assert bits(after.batch_stats) == bits(state.batch_stats)
    objective = objectives.of_head(Regression(), None)

    @jax.jit
    def evaluated(variables, batch):
        lab = cielab.rgb8_to_lab(batch["rgb"])
        outputs = Nested(outputs=2).apply(variables, lab[..., 0], train=False)
        truth = train_step.truth_of(batch, lab, stride=4)
        return objective.terms(outputs, truth, {})["loss"].mean()

    wanted = evaluated(variables, BATCH)
    np.testing.assert_allclose(terms["loss"], wanted, rtol=1e-5)
    _, other = jax.jit(make_step(optimizer))(state, BATCH)
    assert abs(other["loss"] - wanted) > 1e-3 * wanted


def test_statistics_of_a_batch_leave_the_fixed_ones(variables):
    step = train_step.make_statistics_step(
        Nested(outputs=2), fixed_statistics=("encoder",)
    )
    found = jax.jit(step)(variables, RGB)
    assert bits(found["encoder"]) == bits(variables["batch_stats"]["encoder"])
    for name, moment in zip(
        ("mean", "var"), moments_of_decoder(variables), strict=True
    ):
        # Float32 against float64.
        np.testing.assert_allclose(
            found["decoder"]["norm"][name], moment, rtol=1e-4, atol=1e-5
        )
