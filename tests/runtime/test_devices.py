import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn
from PIL import Image

from jaxcolor.color import cielab, gamut
from jaxcolor.color.decode import Decoding
from jaxcolor.color.heads import Bins
from jaxcolor.models import initialization
from jaxcolor.models.interface import Network
from jaxcolor.runtime import devices
from jaxcolor.training import degradation, objectives, optimizers, train_step
from jaxcolor.training.config import reading
from jaxcolor.training.degradation import Degradation
from tests import tiny

GAMUT = gamut.from_srgb(spacing=20.0)
BINS = len(GAMUT.centers)
HEAD = Bins(spacing=20.0, neighbors=5, sigma=10.0, training_lambda=0.0)
# Shares, and so weights, of the bins that differ by a factor of 30.
PRIOR = np.float32(1 / np.linspace(0.2, 6.0, BINS))
PRIOR /= PRIOR.sum()
SIZE = 32
STEPS = 4


def network(axis_name: str | None) -> Network:
    return tiny.Nested(outputs=BINS, axis_name=axis_name)


def unequal_batch(seed: int) -> np.ndarray:
    """Two photographs a device, from dark and gray to bright and colorful ones."""
    rng = np.random.default_rng(seed)
    made = []
    for n in range(16):
        blobs = Image.fromarray(rng.integers(0, 256, (7, 7, 3)).astype(np.uint8))
        smooth = np.asarray(blobs.resize((SIZE, SIZE), Image.Resampling.BICUBIC))
        gray = smooth.mean(axis=-1, keepdims=True)
        share = n / 15
        made.append(share * smooth + (1 - share) * (0.3 * gray + 10 * (n % 4)))
    return np.stack(made).astype(np.uint8)


BATCHES = [unequal_batch(seed) for seed in range(STEPS)]


@pytest.fixture(scope="module")
def objective() -> objectives.Objective:
    return objectives.of_head(HEAD, PRIOR, gray_threshold=5.0)


@pytest.fixture(scope="module")
def smooth_activations():
    # Rounding that differs by device puts some unit of a ReLU on the other side of its
    # kink, and then a whole gradient differs. A smooth activation has no kink, and what
    # is tested, the lift, does not depend on it.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nn, "relu", nn.softplus)
        yield


DEGRADATION = Degradation(
    share=0.5, contrast=0.3, fading=0.1, softness=0.2, grain=3.0, scratches=20.0
)


@pytest.fixture(scope="module")
def variables(smooth_activations):
    @jax.jit
    def initialized(key, rgb):
        lightness = cielab.rgb8_to_lab(rgb)[..., 0]
        return initialization.within_channel(
            network(None),
            network(None).init(key, lightness, train=False),
            lightness=lightness,
            head_mean=jnp.zeros(BINS),
            head_deviation=0.1,
        )

    return initialized(jax.random.key(0), BATCHES[0])


def train(optimizer, variables, objective, *, kind: str | None):
    """Returns the state after some steps; on one device where the kind is None."""

    def make_step(axis_name: str | None) -> train_step.TrainStep:
        return train_step.make_train_step(
            network(axis_name),
            optimizer,
            objective,
            average_decay=0.9,
            # Which photographs are aged, and how, must not depend on the device.
            degrade=degradation.make_degrade(DEGRADATION, seed=0),
            axis_name=axis_name,
        )

    state = train_step.init_state(variables, optimizer, average=True)
    logged = []
    if kind is None:
        step = jax.jit(make_step(None))
        for batch in BATCHES:
            state, terms = step(state, {"rgb": batch})
            logged.append(jax.device_get(terms))
        return jax.device_get(state), logged
    lifted = devices.lift(make_step, kind=kind)
    state = lifted.put(state)
    for batch in BATCHES:
        state, terms = lifted.step(state, lifted.share({"rgb": batch}))
        logged.append(jax.device_get(terms))
    return jax.device_get(lifted.fetch(state)), logged


def assert_close(got, wanted, *, rtol: float) -> None:
    """Compares leaf by leaf, relative to the largest number of the leaf."""
    # Sums that nearly cancel keep the rounding of their terms: one float32 rounding of
    # the largest number of all is let through besides.
    rounding = 1e-7 * max(np.abs(x).max() for x in jax.tree.leaves(wanted))

    def compare(path, a, b) -> None:
        a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
        error, largest = np.abs(a - b).max(), np.abs(b).max()
        allowed = rtol * largest + min(rounding, 100 * rtol * largest)
        assert error <= allowed, (jax.tree_util.keystr(path), error / largest)

    jax.tree_util.tree_map_with_path(compare, got, wanted)


@pytest.fixture(scope="module")
def by_sgd(variables, objective):
    # With a momentum that forgets nothing, the optimizer's state is the sum of the
    # gradients: an optimizer that divides by their size would hide a factor.
    optimizer = optax.sgd(0.01, momentum=1.0)
    kinds = (None, *devices.KINDS)
    return {k: train(optimizer, variables, objective, kind=k) for k in kinds}


@pytest.mark.parametrize("kind", devices.KINDS)
@pytest.mark.slow
def test_lifting_over_devices_changes_nothing(by_sgd, kind):
    assert jax.device_count() == 8
    alone, alone_logged = by_sgd[None]
    lifted, logged = by_sgd[kind]
    # Float32 sums in another order, four steps long.
    assert_close(lifted.opt_state, alone.opt_state, rtol=1e-5)
    assert_close(lifted.batch_stats, alone.batch_stats, rtol=1e-5)
    assert_close(lifted.params, alone.params, rtol=1e-5)
    assert_close(lifted.average, alone.average, rtol=1e-5)
    assert_close(logged, alone_logged, rtol=1e-5)
    assert lifted.step == STEPS


@pytest.mark.parametrize("kind", devices.KINDS)
@pytest.mark.slow
def test_adam_stays_close_over_devices(variables, objective, kind):
    rate = 1e-3
    optimizer = optimizers.adam(
        lambda _: rate, b1=0.9, b2=0.99, eps=1e-8, weight_decay=1e-6
    )
    alone, _ = train(optimizer, variables, objective, kind=None)
    lifted, _ = train(optimizer, variables, objective, kind=kind)
    differences = jax.tree.map(
        lambda a, b: np.abs(a - b).max(), lifted.params, alone.params
    )
    # Where the second moment is near zero, rounding alone decides the direction of a
    # step of the size of the learning rate; nothing may differ by more than all steps.
    assert max(jax.tree.leaves(differences)) < 2 * STEPS * rate
    mean = jax.tree.map(lambda a, b: np.abs(a - b).mean(), lifted.params, alone.params)
    assert max(jax.tree.leaves(mean)) < 0.02 * rate


@pytest.mark.slow
def test_sums_over_padded_batches_are_the_same_on_eight_devices(variables, objective):
    decoding = Decoding(temperature=0.38, rebalancing_lambda=0.5, coherence=0.0)
    colorize = train_step.make_colorize(
        network(None), HEAD.decoder(decoding, PRIOR), amount=0.0
    )
    evaluate = train_step.make_eval_step(network(None), objective, colorize)
    valid = np.array([1.0] * 13 + [0.0] * 3, np.float32)
    batch = {"rgb": BATCHES[0], "valid": valid}
    lifted, alone = jax.device_get(
        [
            devices.lift_sums(evaluate)(variables, batch),
            jax.jit(evaluate)(variables, batch),
        ]
    )
    # Of pictures in 8 bits: float32 rounding may turn a pixel to the next level.
    colorful = [sums.pop("colorfulness") for sums in (lifted, alone)]
    np.testing.assert_allclose(*colorful, rtol=1e-3)
    assert_close(lifted, alone, rtol=1e-5)


def test_a_state_survives_being_put_and_stepped(variables, objective):
    optimizer = optimizers.sgd(lambda _: 0.01, momentum=0.0)
    state = train_step.init_state(variables, optimizer, average=True)
    for kind in devices.KINDS:
        lifted = devices.lift(
            lambda axis: train_step.make_train_step(
                network(axis),
                optimizer,
                objective,
                average_decay=0.9,
                degrade=None,
                axis_name=axis,
            ),
            kind=kind,
        )
        on_devices = lifted.put(state)
        assert_close(
            jax.device_get(lifted.fetch(on_devices)), jax.device_get(state), rtol=0
        )
        # The step may take its argument's memory; the caller's state must live on.
        fetched = lifted.fetch(on_devices) if kind == "pmap" else None
        lifted.step(on_devices, lifted.share({"rgb": unequal_batch(0)}))
        for kept in (state, fetched):
            assert all(np.isfinite(x).all() for x in jax.tree.leaves(kept))


@pytest.mark.parametrize(
    ("size", "parts", "message"),
    [
        (12, 1, "batch_size is 12; wanted a multiple of the 8 devices"),
        (8, 2, "batch_size is 8 in 2 parts; wanted a multiple of the 8"),
    ],
)
def test_a_batch_that_devices_cannot_share_is_refused(size, parts, message):
    config = reading.read(
        "smoke",
        [
            f"--config.training.batch_size={size}",
            f"--config.parallel.accumulation={parts}",
        ],
    )
    with pytest.raises(ValueError, match=message):
        config.parallel.check_share(config.training, devices=8)


def test_an_unknown_lift_is_refused():
    with pytest.raises(ValueError, match="'shard'; wanted one of jit, pmap"):
        devices.lift(lambda _: None, kind="shard")
