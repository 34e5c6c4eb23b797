import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcolor.models import scene_classifier


def _network(width=0.25):
    return scene_classifier.SceneClassifier(width=width, outputs=5, momentum=0.9)


@functools.cache
def _variables():
    network, rgb = _network(), jnp.zeros((1, 8, 8, 3))
    shapes = jax.eval_shape(lambda: network.init(jax.random.key(0), rgb, train=False))
    random = np.random.default_rng(0)

    def draw(path, leaf):
        noise = random.normal(size=leaf.shape)
        if path[-1].key == "kernel":
            noise *= np.sqrt(2 / np.prod(leaf.shape[:-1]))
        elif path[-1].key in ("scale", "var"):
            noise = 1 + 0.5 * random.random(leaf.shape)
        else:
            noise *= 0.3
        return np.asarray(noise, np.float32)

    return jax.tree_util.tree_map_with_path(draw, shapes)


def _in_torch(torch):
    """The same network, written down in plain PyTorch."""
    variables = jax.tree.map(np.asarray, _variables())
    params, statistics = variables["params"], variables["batch_stats"]
    modules = []
    for i, stride in enumerate((2, 2, 1, 2, 1, 2, 1), start=1):
        kernel = params[f"conv{i}"]["kernel"]
        conv = torch.nn.Conv2d(*kernel.shape[2:], 3, stride=stride, padding=1)
        conv.weight.data = torch.tensor(kernel.transpose(3, 2, 0, 1).copy())
        conv.bias.data = torch.tensor(params[f"conv{i}"]["bias"])
        norm = torch.nn.BatchNorm2d(kernel.shape[3])
        norm.weight.data = torch.tensor(params[f"norm{i}"]["scale"])
        norm.bias.data = torch.tensor(params[f"norm{i}"]["bias"])
        norm.running_mean = torch.tensor(statistics[f"norm{i}"]["mean"])
        norm.running_var = torch.tensor(statistics[f"norm{i}"]["var"])
        modules += [conv, norm, torch.nn.ReLU()]
    head = torch.nn.Linear(64, 5)
    head.weight.data = torch.tensor(params["head"]["kernel"][0, 0].T.copy())
    head.bias.data = torch.tensor(params["head"]["bias"])
    modules += [torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), head]
    return torch.nn.Sequential(*modules)


@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize("size", [(32, 32), (27, 45)])
def test_logits_are_those_of_the_same_network_in_pytorch(train, size):
    torch = pytest.importorskip("torch")
    rgb = np.random.default_rng(1).random((4, *size, 3), np.float32)
    theirs = _in_torch(torch).train(train)
    x = torch.tensor((rgb - 0.5) / 0.25).permute(0, 3, 1, 2)
    with torch.no_grad():
        expected = theirs(x).numpy()
    found, _ = jax.jit(
        lambda variables, rgb: _network().apply(
            variables, rgb, train=train, mutable=["batch_stats"]
        )
    )(_variables(), rgb)
    assert found.dtype == jnp.float32
    # 8 layers of float32 sums in another order; the batch's statistics magnify it.
    scale = np.abs(expected).max()
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5 * scale)


def test_the_convolutions_have_the_stated_number_of_weights():
    shapes = jax.eval_shape(
        lambda: _network(width=1.0).init(
            jax.random.key(0), jnp.zeros((1, 8, 8, 3)), train=False
        )
    )
    kernels = [
        leaf.size
        for path, leaf in jax.tree_util.tree_leaves_with_path(shapes["params"])
        if path[-1].key == "kernel" and path[0].key != "head"
    ]
    assert sum(kernels) == 1_162_080
    assert len(kernels) == 7
