"""State dicts that PyTorch could read, as the reader without PyTorch sees them."""

import io
import pickle
import pickletools
import zipfile

import jax.numpy as jnp
import numpy as np
import pytest

from jaxcolor.color import compose
from jaxcolor.color.heads import Bins
from jaxcolor.inference.colorizer import Colorizer
from jaxcolor.pretrained.exporters import torch_state
from jaxcolor.pretrained.importers import torch_pickle
from tests.pretrained.exporters import drawn
from tests.pretrained.importers import authors_graphs

BINS = Bins(spacing=10.0, neighbors=10, sigma=5.0, training_lambda=0.5)


def of_paper(*, is_affine=True):
    described = drawn.description("zhang2016")
    arguments = described.arguments | {"outputs": 313, "affine": is_affine}
    return drawn.model(described._replace(head=BINS, arguments=arguments))


def user_guided(*, centers_mask):
    described = drawn.description("siggraph17")
    arguments = described.arguments | {"centers_mask": centers_mask}
    return drawn.model(described._replace(arguments=arguments))


def test_a_file_gives_back_every_array(tmp_path):
    arrays = {
        "a.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 4).transpose(2, 0, 1),
        "a.bias": np.float32([1.5]),
    }
    path = tmp_path / "state.pth"
    path.write_bytes(torch_state.written(arrays))
    found = torch_pickle.read(path)
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)


def test_a_file_names_only_what_pytorch_loads_without_running_code():
    content = torch_state.written({"a": np.zeros((2, 3), np.float32)})
    assert content[:4] == b"PK\x03\x04"
    names = [
        argument
        for code, argument, _ in pickletools.genops(pickled(content))
        if code.name == "GLOBAL"
    ]
    assert set(names) == {
        "torch._utils _rebuild_tensor_v2",
        "torch FloatStorage",
        "collections OrderedDict",
    }


def pickled(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.read("archive/data.pkl")


def test_strides_are_those_of_rows():
    class Reader(pickle.Unpickler):
        def find_class(self, module, name):
            return (lambda *given: given) if name == "_rebuild_tensor_v2" else dict

        def persistent_load(self, reference):
            return reference

    content = torch_state.written({"a": np.zeros((2, 3, 4), np.float32)})
    _, offset, shape, strides, *_ = Reader(io.BytesIO(pickled(content))).load()["a"]
    assert (offset, shape, strides) == (0, (2, 3, 4), (12, 4, 1))


def test_the_papers_network_has_the_names_and_axes_of_its_release():
    model = of_paper()
    found = torch_state.tensors(model)
    params = model.variables["params"]
    # From the modules of the released colorizers/eccv16.py.
    assert found["model1.0.weight"].shape == (8, 1, 3, 3)
    assert found["model8.0.weight"].shape == (64, 32, 4, 4)
    assert found["model8.6.weight"].shape == (313, 32, 1, 1)
    assert found["model_out.weight"].shape == (2, 313, 1, 1)
    assert {"model1.4.running_var", "model7.6.weight"} <= set(found)
    assert len(found) == 2 * 22 + 4 * 7 + 2 + 1
    kernel = params["conv3_2"]["kernel"]
    assert found["model3.2.weight"][3, 5, 0, 2] == kernel[0, 2, 5, 3]
    up = params["conv8_1"]["kernel"]
    assert found["model8.0.weight"][5, 3, 1, 2] == up[1, 2, 5, 3]


def test_the_user_guided_network_has_the_names_of_its_release():
    found = torch_state.tensors(user_guided(centers_mask=False))
    # From the modules of the released colorizers/siggraph17.py.
    assert found["model1.0.weight"].shape[1] == 4
    wanted = {"model10up.0.bias", "model3short8.0.weight", "model_class.0.weight"}
    assert wanted | {"model9.3.running_mean", "model_out.0.bias"} <= set(found)


def test_normalizations_without_parameters_get_neutral_ones():
    found = torch_state.tensors(of_paper(is_affine=False))
    assert (found["model1.4.weight"] == 1).all()
    assert (found["model1.4.bias"] == 0).all()


def test_networks_that_the_authors_do_not_have_are_refused():
    with pytest.raises(ValueError, match="network is lite_fpn; wanted siggraph17 or"):
        torch_state.encode(drawn.model(drawn.description("lite_fpn")))
    with pytest.raises(ValueError, match="centers_mask is true; wanted false"):
        torch_state.encode(user_guided(centers_mask=True))


@pytest.mark.parametrize("is_affine", [True, False])
def test_the_papers_network_computes_the_same_from_its_state(is_affine):
    model = of_paper(is_affine=is_affine)
    lightness = drawn.lightness(1, 24, 32)
    logits, ab = authors_graphs.eccv16(torch_state.tensors(model), lightness[0, 0])
    # Their decoding: at temperature 1 and the lambda of the training.
    colorizer = Colorizer(model, temperature=1.0, rebalancing_lambda=0.5)
    outputs = colorizer.outputs(jnp.asarray(lightness[:, 0]))
    found = np.moveaxis(np.asarray(outputs[0]), -1, 0)
    np.testing.assert_allclose(found, logits, atol=1e-4 * np.abs(logits).max())
    decoded = np.moveaxis(np.asarray(colorizer.decode(outputs)[0]), -1, 0)
    np.testing.assert_allclose(decoded, ab, atol=1e-4 * 110)


def test_the_user_guided_network_computes_the_same_from_its_state():
    model = user_guided(centers_mask=False)
    state = torch_state.tensors(model)
    lightness = drawn.lightness(1, 24, 32)[0, 0]
    nothing = np.zeros((3, 24, 32))
    _, ab = authors_graphs.siggraph17(state, lightness, nothing[:2], nothing[2])
    found = Colorizer(model).ab(jnp.asarray(lightness[None]))[0]
    np.testing.assert_allclose(np.moveaxis(found, -1, 0), ab, atol=1e-4 * 110)


@pytest.mark.parametrize("name", ["zhang2016", "siggraph17"])
def test_pytorch_loads_a_file_into_the_authors_modules(tmp_path, name):
    torch = pytest.importorskip("torch")
    from tests.pretrained.exporters import authors_modules

    model = of_paper() if name == "zhang2016" else user_guided(centers_mask=False)
    (tmp_path / "state.pth").write_bytes(torch_state.encode(model))
    modules = {
        "zhang2016": authors_modules.ECCVGenerator,
        "siggraph17": authors_modules.SIGGRAPHGenerator,
    }
    module = modules[name](0.125).eval()
    # Strict: no name is missing, none is left over.
    module.load_state_dict(torch.load(tmp_path / "state.pth", weights_only=True))
    lightness = drawn.lightness(2, 24, 32)
    with torch.no_grad():
        found = module(torch.from_numpy(lightness)).numpy()
    seen = jnp.asarray(lightness[:, 0])
    colorizer = Colorizer(model)
    if name == "zhang2016":
        colorizer = Colorizer(model, temperature=1.0, rebalancing_lambda=0.5)
    ab = compose.enlarge(colorizer.ab(seen), seen)
    np.testing.assert_allclose(np.moveaxis(found, 1, -1), ab, atol=1e-4 * 110)
