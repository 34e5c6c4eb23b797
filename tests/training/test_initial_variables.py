import logging

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy

from jaxcolor.pretrained.importers import efficientnet_lite_weights
from jaxcolor.training import initial_variables
from jaxcolor.training.config import build, reading
from tests.models import test_efficientnet_lite, test_vgg16


def model(*, outputs: int, extra: bool = False):
    ones = {
        "conv": {"kernel": np.ones((3, 3, 1, 4)), "bias": np.ones(4)},
        "head": {"kernel": np.ones((1, 1, 4, outputs)), "bias": np.ones(outputs)},
    }
    if extra:
        ones["skip"] = {"kernel": np.ones(3)}
    stats = {"norm": {"mean": np.ones(4), "var": np.ones(4)}}
    return {"params": ones, "batch_stats": stats}


def fresh(**sizes):
    return jax.device_put(jax.tree.map(np.zeros_like, model(**sizes)))


def test_a_checkpoint_that_does_not_fit_is_refused():
    message = (
        "of the network's 7 arrays 4 fit M, 1 is not there and 2 have another shape:"
        " skip/kernel, head/bias, head/kernel; wanted all to fit, or"
        " config.initialization.partial = True"
    )
    with pytest.raises(ValueError, match=f"^{message}$"):
        initial_variables.transferred(
            fresh(outputs=2, extra=True), model(outputs=5), name="M", is_partial=False
        )


def test_a_partial_start_takes_what_fits_and_logs_the_counts(caplog):
    caplog.set_level(logging.INFO, logger="jaxcolor")
    new = fresh(outputs=2)
    found = initial_variables.transferred(
        new, model(outputs=5), name="M", is_partial=True
    )
    assert "of the network's 6 arrays 4 fit M" in caplog.text
    for layer, value in (("conv", 1), ("head", 0)):
        assert (np.asarray(found["params"][layer]["kernel"]) == value).all()
    assert (np.asarray(found["batch_stats"]["norm"]["mean"]) == 1).all()
    assert found["params"]["head"]["kernel"].shape[-1] == 2


def test_a_checkpoint_that_fits_is_taken_whole():
    new = fresh(outputs=5)
    found = initial_variables.transferred(
        new, model(outputs=5, extra=True), name="M", is_partial=False
    )
    assert all((np.asarray(x) == 1).all() for x in found["params"]["head"].values())


@pytest.mark.parametrize("is_partial", [False, True])
def test_a_checkpoint_of_which_nothing_fits_is_refused(is_partial):
    other = {"params": {"other": {"kernel": np.ones(2)}}, "batch_stats": {}}
    with pytest.raises(ValueError, match=r"6 arrays 0 fit M.*wanted a model that"):
        initial_variables.transferred(
            fresh(outputs=2), other, name="M", is_partial=is_partial
        )


def _started(name, path, *changes):
    """Returns what a config's variables become, zeros before, with an encoder's."""
    config = reading.read(
        name,
        [
            f"--config.initialization.encoder={path}",
            "--config.initialization.method=random",
            *(f"--config.model.{change}" for change in changes),
        ],
    )
    network = build.network(config, axis_name=None)
    side = network.input_multiple
    shapes = jax.eval_shape(
        lambda: network.init(jax.random.key(0), jnp.zeros((1, side, side)), train=False)
    )
    blank = jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), shapes)
    return initial_variables.variables(
        config, network, blank, prior=None, photographs=lambda count: None
    )


def test_a_training_starts_from_a_published_encoder_on_gray(tmp_path):
    of_lite = test_efficientnet_lite
    path = of_lite.write(tmp_path / "lite.safetensors", of_lite.random_state())
    found = _started(
        "bundled",
        path,
        "width=0.25",
        f"encoder_width={of_lite.TINY.width}",
        f"encoder_depth={of_lite.TINY.depth}",
    )
    encoder = found["params"].pop("encoder")
    wanted = efficientnet_lite_weights.read_encoder(
        path, width=of_lite.TINY.width, depth=of_lite.TINY.depth, channels=1
    )
    jax.tree.map(np.testing.assert_array_equal, encoder, wanted)
    assert not any(np.any(x) for x in jax.tree.leaves(found))


def test_a_training_starts_from_the_trunk_of_vgg16(tmp_path):
    state = test_vgg16.random_state(widths=(8, 8, 8, 16, 16))
    path = tmp_path / "vgg16.safetensors"
    safetensors.numpy.save_file(state, path)
    found = _started("dahl2016", path, "width=0.03")
    trunk = found["params"].pop("trunk")
    # torchvision's positions of the convolutions up to conv4_3.
    positions = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21)
    assert len(trunk) == len(positions)
    for (_, layer), position in zip(sorted(trunk.items()), positions, strict=True):
        kernel = np.transpose(layer["kernel"], (3, 2, 0, 1))
        np.testing.assert_array_equal(kernel, state[f"features.{position}.weight"])
        np.testing.assert_array_equal(layer["bias"], state[f"features.{position}.bias"])
    assert not any(np.any(x) for x in jax.tree.leaves(found))


def test_a_trunk_of_another_width_is_refused(tmp_path):
    path = tmp_path / "vgg16.safetensors"
    safetensors.numpy.save_file(test_vgg16.random_state(), path)
    message = r"conv1_1 has shape \(3, 3, 3, 4\); wanted \(3, 3, 3, 8\), .* width 1"
    with pytest.raises(ValueError, match=message):
        _started("dahl2016", path, "width=0.03")


def test_weights_of_another_classifier_are_refused(tmp_path):
    of_lite = test_efficientnet_lite
    path = of_lite.write(tmp_path / "lite.safetensors", of_lite.random_state())
    with pytest.raises(ValueError, match=r"lacks features\.0\.weight; wanted torchv"):
        _started("dahl2016", path, "width=0.03")


def test_an_encoder_for_a_network_without_one_is_refused():
    with pytest.raises(
        ValueError, match=r"'lite0', and this network has no encoder; .*'dahl2016'"
    ):
        reading.read("scenes_small", ["--config.initialization.encoder=lite0"])
