import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy
from skimage import transform

from jaxcolor import recognition
from jaxcolor.models import vgg16
from jaxcolor.pretrained.importers import vgg16_weights
from jaxcolor.recognition import published_classifiers

WIDTHS, HIDDEN, CLASSES = (4, 6, 8, 10, 12), 20, 7


def random_state(seed=0, widths=WIDTHS):
    """Weights by torchvision's names, of a VGG-16 with few channels."""
    random = np.random.default_rng(seed)
    state, last = {}, 3
    for name, position in vgg16_weights.CONVS.items():
        width = widths[int(name[4]) - 1]
        state[f"features.{position}.weight"] = (width, last, 3, 3)
        state[f"features.{position}.bias"] = (width,)
        last = width
    sizes = (7 * 7 * last, HIDDEN, HIDDEN, CLASSES)
    for position, seen, made in zip((0, 3, 6), sizes, sizes[1:], strict=False):
        state[f"classifier.{position}.weight"] = (made, seen)
        state[f"classifier.{position}.bias"] = (made,)
    scales = {name: np.sqrt(2 / np.prod(s[1:])) for name, s in state.items()}
    return {
        name: np.float32((scales[name] if len(s) > 1 else 0.1) * random.normal(size=s))
        for name, s in state.items()
    }


def _in_torch():
    """torchvision's VGG-16 with few channels, written down in plain PyTorch."""
    from torch import nn

    modules, last = [], 3
    for width, convs in zip(WIDTHS, (2, 2, 3, 3, 3), strict=True):
        for _ in range(convs):
            modules += [nn.Conv2d(last, width, 3, padding=1), nn.ReLU()]
            last = width
        modules.append(nn.MaxPool2d(2, 2))
    model = nn.Module()
    model.features = nn.Sequential(*modules)
    model.classifier = nn.Sequential(
        nn.Linear(last * 7 * 7, HIDDEN),
        nn.ReLU(),
        nn.Dropout(),
        nn.Linear(HIDDEN, HIDDEN),
        nn.ReLU(),
        nn.Dropout(),
        nn.Linear(HIDDEN, CLASSES),
    )
    return model.eval()


def test_logits_are_those_of_the_same_network_in_pytorch(tmp_path):
    torch = pytest.importorskip("torch")
    theirs = _in_torch()
    state = {name: torch.tensor(x) for name, x in random_state().items()}
    theirs.load_state_dict(state)
    torch.save(theirs.state_dict(), tmp_path / "vgg16.pth")
    rgb = np.random.default_rng(1).random((2, 224, 224, 3), np.float32)
    # torchvision's transform, then its forward pass.
    x = torch.tensor(rgb).permute(0, 3, 1, 2)
    mean, deviation = (
        torch.tensor(values)[:, None, None]
        for values in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    )
    with torch.no_grad():
        maps = theirs.features((x - mean) / deviation)
        expected = theirs.classifier(torch.flatten(maps, 1)).numpy()
    classifier = recognition.published(tmp_path / "vgg16.pth", classes=None)
    # 16 layers of float32 sums in another order.
    scale = np.abs(expected).max()
    np.testing.assert_allclose(
        classifier(jnp.asarray(rgb)), expected, rtol=0, atol=2e-5 * scale
    )
    assert classifier.classes == tuple("0123456")


def test_the_first_dense_layer_sees_channel_by_channel(tmp_path):
    state = {name: np.zeros_like(x) for name, x in random_state().items()}
    # The last convolution lights channel c at c + 1, everywhere; the dense layers
    # pick the number that PyTorch has at 49 c + 7 row + column.
    state["features.28.bias"] = np.arange(1, 13, dtype=np.float32)
    for unit, channel in enumerate((0, 5, 11)):
        state["classifier.0.weight"][unit, 49 * channel + 7 * 6 + 2] = 1
    state["classifier.3.weight"][:] = np.eye(HIDDEN)
    state["classifier.6.weight"][:] = np.eye(CLASSES, HIDDEN)
    safetensors.numpy.save_file(state, tmp_path / "vgg16.safetensors")
    names = ["a", "b", "c", "d", "e", "f", "g"]
    classifier = recognition.published(tmp_path / "vgg16.safetensors", classes=names)
    # Of another size than the network's own.
    logits = classifier(jnp.zeros((1, 64, 64, 3)))
    np.testing.assert_array_equal(logits, [[1, 6, 12, 0, 0, 0, 0]])
    assert classifier.classes == tuple(names)


def test_large_photographs_are_cropped():
    rgb = np.random.default_rng(0).random((1, 256, 301, 3), np.float32)
    found = published_classifiers.fit_vgg16(jnp.asarray(rgb))
    np.testing.assert_array_equal(found, rgb[:, 16:240, 38:262])


def test_small_photographs_are_enlarged():
    rgb = np.random.default_rng(0).random((64, 96, 3), np.float32)
    found = published_classifiers.fit_vgg16(jnp.asarray(rgb)[None])[0]
    whole = transform.resize(rgb, (224, 336), order=1, mode="edge", anti_aliasing=False)
    # float32 positions of up to 96 pixels.
    np.testing.assert_allclose(found, whole[:, 56:280], atol=1e-4)


def test_the_full_network_has_the_published_number_of_parameters():
    photograph = jnp.zeros((1, 224, 224, 3))
    shapes = jax.eval_shape(vgg16.Vgg16().init, jax.random.key(0), photograph)
    # torchvision's documentation of VGG16_Weights.
    assert sum(x.size for x in jax.tree.leaves(shapes)) == 138_357_544


def test_another_size_is_refused(tmp_path):
    with pytest.raises(ValueError, match="are 224x256 pixels; wanted 224x224"):
        jax.eval_shape(
            vgg16.Vgg16().init, jax.random.key(0), jnp.zeros((1, 224, 256, 3))
        )


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("features.7.weight", None, r"lacks features\.7\.weight; wanted torchvision"),
        ("features.7.weight", np.zeros((6, 4, 3)), r"weight has shape \(6, 4, 3\)"),
        ("features.7.weight", np.zeros((6, 4, 3, 3)), r"misshapen: features/conv2_2"),
        ("classifier.0.weight", np.zeros((HIDDEN, 50)), "fc6 sees 50 numbers"),
    ],
)
def test_weights_of_another_network_are_refused(tmp_path, name, value, message):
    state = random_state()
    state.pop(name)
    if value is not None:
        state[name] = value.astype(np.float32)
    path = tmp_path / "other.safetensors"
    safetensors.numpy.save_file(state, path)
    with pytest.raises(ValueError, match=f"other.safetensors.*{message}"):
        recognition.published(path, classes=None)


def test_there_are_as_many_names_as_classes(tmp_path):
    path = tmp_path / "vgg16.safetensors"
    safetensors.numpy.save_file(random_state(), path)
    with pytest.raises(ValueError, match=r"got 2 names; .* has 7"):
        recognition.published(path, classes=["a", "b"])
