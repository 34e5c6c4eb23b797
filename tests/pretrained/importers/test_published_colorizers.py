"""The authors' released files: each gives the numbers of the authors' own graph."""

import functools
import hashlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcolor import Colorizer
from jaxcolor.pretrained import model_card, release
from jaxcolor.pretrained.importers import published_colorizers, released_files
from jaxcolor.pretrained.importers.released_files import ReleasedFile
from tests.pretrained.importers import authors_graphs

UNKNOWN = pytest.mark.filterwarnings("ignore:.* is not a released file")
# The larger ones are sizes of photographs; the graphs in NumPy take seconds for them.
LARGE = [pytest.param(s, marks=pytest.mark.slow) for s in ((176, 240), (256, 256))]
SIZES = [(64, 64), (32, 48), *LARGE]


def _lightness(size):
    return np.random.default_rng(1).uniform(0, 100, size)


def _batch(lightness):
    return jnp.float32(lightness)[None]


def _last(x):
    """Channels last, as a batch of one."""
    return np.moveaxis(x, 0, -1)[None]


def _check(path, logits, ab, lightness):
    colorizer = Colorizer.load(path)
    found = colorizer.outputs(_batch(lightness))
    # float32 against float64, over some twenty layers.
    np.testing.assert_allclose(found, _last(logits), atol=1e-4 * np.abs(logits).max())
    # Of the scale that the authors divide ab by.
    decoded = colorizer.decode(found, _batch(lightness))
    np.testing.assert_allclose(decoded, _last(ab), atol=1e-4 * 110)
    # Colors that differ would be seen.
    assert np.ptp(ab) > 20


@UNKNOWN
@pytest.mark.parametrize("is_zipped", [True, False])
@pytest.mark.parametrize("size", SIZES)
def test_eccv16_of_pytorch_gives_the_authors_logits_and_ab(tmp_path, size, is_zipped):
    # The name says nothing.
    path, state = tmp_path / "weights", authors_graphs.eccv16_state()
    authors_graphs.write_torch(path, state, is_zipped=is_zipped)
    lightness = _lightness(size)
    _check(path, *authors_graphs.eccv16(state, lightness), lightness)


@UNKNOWN
@pytest.mark.parametrize("is_old", [True, False])
@pytest.mark.parametrize("size", SIZES)
def test_the_caffe_network_gives_the_authors_logits_and_ab(tmp_path, size, is_old):
    path, layers = tmp_path / "weights", authors_graphs.caffe_layers()
    authors_graphs.write_caffe(path, layers, is_old=is_old)
    lightness = _lightness(size)
    _check(path, *authors_graphs.caffe_graph(layers, lightness), lightness)


@UNKNOWN
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("has_hints", [True, False])
def test_siggraph17_gives_the_authors_ab_and_class_logits(tmp_path, size, has_hints):
    path, state = tmp_path / "weights", authors_graphs.siggraph17_state()
    authors_graphs.write_torch(path, state)
    random = np.random.default_rng(2)
    lightness = _lightness(size)
    mask = np.float64(random.uniform(size=size) < 0.1) * has_hints
    hinted = random.uniform(-80, 80, (2, *size)) * mask
    classes, ab = authors_graphs.siggraph17(state, lightness, hinted, mask)
    model = release.load(path)
    hints = jnp.float32(np.moveaxis(np.stack([*hinted, mask]), 0, -1)[None])
    # Compiled as one: operation by operation it takes ten seconds.
    apply = functools.partial(model.network.apply, train=False)
    outputs, extra = jax.jit(functools.partial(apply, method="outputs_and_extra"))(
        model.variables, _batch(lightness), hints=hints if has_hints else None
    )
    # As above.
    np.testing.assert_allclose(110 * outputs, _last(ab), atol=1e-4 * 110)
    bound = 1e-4 * np.abs(classes).max()
    np.testing.assert_allclose(extra["bins"], _last(classes), atol=bound)
    colorizer = Colorizer(model)
    if not has_hints:
        found = colorizer.ab(_batch(lightness))
        np.testing.assert_allclose(found, 110 * outputs, atol=1e-3)


@UNKNOWN
def test_bins_in_another_order_are_put_into_ours(tmp_path):
    state = authors_graphs.eccv16_state()
    authors_graphs.write_torch(tmp_path / "a.pth", state)
    order = np.random.default_rng(3).permutation(len(authors_graphs.CENTERS))
    state["model8.6.weight"] = state["model8.6.weight"][order]
    state["model8.6.bias"] = state["model8.6.bias"][order]
    state["model_out.weight"] = state["model_out.weight"][:, order]
    authors_graphs.write_torch(tmp_path / "b.pth", state)
    layers = authors_graphs.caffe_layers()
    authors_graphs.write_caffe(tmp_path / "a.caffemodel", layers)
    layers["conv8_313"] = [x[order] for x in layers["conv8_313"]]
    layers["class8_ab"][0] = layers["class8_ab"][0][:, order]
    authors_graphs.write_caffe(tmp_path / "b.caffemodel", layers)
    for suffix in ("pth", "caffemodel"):
        heads = [
            release.load(tmp_path / f"{name}.{suffix}").variables["params"]["head"]
            for name in "ab"
        ]
        for part in ("kernel", "bias"):
            np.testing.assert_array_equal(heads[0][part], heads[1][part])


@UNKNOWN
def test_other_centers_are_refused_or_reported(tmp_path):
    state = authors_graphs.eccv16_state()
    state["model_out.weight"] = -state["model_out.weight"]
    authors_graphs.write_torch(tmp_path / "a.pth", state)
    with pytest.raises(ValueError, match=r"a\.pth: the centers of its bins, model_out"):
        release.load(tmp_path / "a.pth")
    layers = authors_graphs.caffe_layers(centers=authors_graphs.CENTERS + 3)
    authors_graphs.write_caffe(tmp_path / "a.caffemodel", layers)
    with pytest.warns(match=r"a\.caffemodel: class8_ab does not hold the centers"):
        release.load(tmp_path / "a.caffemodel")


@UNKNOWN
@pytest.mark.parametrize(
    ("scale", "temperature"), [(None, 1 / 2.606), (2.606, 1 / 2.606), (2.0, 0.5)]
)
@pytest.mark.parametrize("centers", [None, 0 * authors_graphs.CENTERS])
def test_caffe_files_may_leave_the_decoder_to_the_program(
    tmp_path, scale, temperature, centers
):
    layers = authors_graphs.caffe_layers(scale=scale, centers=centers)
    authors_graphs.write_caffe(tmp_path / "net", layers)
    found = published_colorizers.read(tmp_path / "net").description
    assert found.decoding.temperature == pytest.approx(temperature, rel=1e-6)
    assert found.size == 224


@UNKNOWN
def test_statistics_that_have_seen_nothing_are_zero_as_in_caffe(tmp_path):
    layers = authors_graphs.caffe_layers()
    layers["conv5_3norm"] = [np.ones(64), np.ones(64), np.zeros(1)]
    authors_graphs.write_caffe(tmp_path / "net", layers)
    statistics = published_colorizers.read(tmp_path / "net").variables["batch_stats"]
    assert not statistics["conv5_3norm"]["mean"].any()
    assert not statistics["conv5_3norm"]["var"].any()


def test_an_unknown_file_warns_and_a_known_one_does_not(tmp_path, monkeypatch):
    path = tmp_path / "renamed"
    authors_graphs.write_caffe(path, authors_graphs.caffe_layers())
    with pytest.warns(match=r"renamed is not a released file .* read as zhang2016"):
        unknown = release.load(path)
    assert unknown.description.head.training_lambda == 0.5
    origin = model_card.origin(unknown.description, unknown.provenance)
    assert origin.license_name is None
    assert "is unknown. It is assumed that the training λ was 0.5" in origin.notes
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    record = ReleasedFile("v2.caffemodel", "http://a.test/v2", 1.0, "without weights")
    monkeypatch.setitem(released_files.BY_SHA256, sha256, record)
    known = release.load(path)
    assert known.description.head.training_lambda == 1
    assert known.provenance["imported"]["sha256"] == sha256
    origin = model_card.origin(known.description, known.provenance)
    assert origin.license_name == "bsd-2-clause"
    assert "`v2.caffemodel`: without weights" in origin.notes
    assert "<http://a.test/v2>" in origin.notes


def test_released_files_are_those_that_are_published():
    # By PyTorch's convention a name ends in the first digits of the hash.
    for sha256, file in released_files.BY_SHA256.items():
        assert len(sha256) == 64
        assert file.url.endswith(file.name)
        if file.name.endswith(".pth"):
            assert file.name.removesuffix(".pth").endswith(f"-{sha256[:8]}")


@UNKNOWN
@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda t: t.pop("model5.2.bias"), "lacks model5.2.bias; wanted the names of"),
        (lambda t: t.pop("model8.6.weight"), "neither model8.6.weight nor model10up"),
        (lambda t: t.update(other=np.ones(1, np.float32)), "holds other; wanted the"),
        (
            lambda t: t.update({"model4.2.weight": t["model4.0.weight"]}),
            r"conv4_2/kernel has shape \(3, 3, 32, 64\); wanted \(3, 3, 64, 64\)",
        ),
        (
            lambda t: t.update({"model1.0.bias": t["model1.0.bias"][:4]}),
            r"conv1_1/bias has shape \(4,\); wanted \(8,\)",
        ),
        (
            lambda t: t.update({"model8.6.bias": t["model8.6.bias"][:9]}),
            "has 9 outputs; wanted the 313 bins",
        ),
        (
            lambda t: t.update({"model_out.weight": t["model_out.weight"][:, :9]}),
            r"have shape \(2, 9, 1, 1\); wanted \(2, 313, 1, 1\)",
        ),
        (
            lambda t: t.update({"model2.4.running_var": -t["model2.4.running_var"]}),
            "conv2_2norm/var has a negative variance",
        ),
    ],
)
def test_a_state_of_another_network_is_one_line(tmp_path, edit, message):
    state = authors_graphs.eccv16_state()
    edit(state)
    authors_graphs.write_torch(tmp_path / "a.pth", state)
    with pytest.raises(ValueError, match=rf"a\.pth.*({message})") as raised:
        release.load(tmp_path / "a.pth")
    assert "\n" not in str(raised.value)


@UNKNOWN
@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda t: t.pop("conv3_3"), "lacks conv3_3; wanted the authors' names"),
        (lambda t: t.pop("conv8_313"), "has no layer conv8_313"),
        (lambda t: t["conv3_3"].pop(), "conv3_3 has 1 arrays; wanted 2"),
        (lambda t: t["conv3_3norm"].pop(), "conv3_3norm has 2 arrays; wanted 3"),
        (
            lambda t: t.update(conv3_3norm=[np.ones(32)] * 3),
            r"conv3_3norm has a factor of shape \(32,\)",
        ),
        (lambda t: t.update(conv8_313_rh=[np.zeros(1)]), "does not scale by one pos"),
        (
            lambda t: t.update(conv3_3=[np.ones(9), np.ones(9)]),
            r"conv3_3 has a kernel of shape \(9,\)",
        ),
    ],
)
def test_layers_of_another_network_are_one_line(tmp_path, edit, message):
    layers = authors_graphs.caffe_layers()
    edit(layers)
    authors_graphs.write_caffe(tmp_path / "a.caffemodel", layers)
    with pytest.raises(ValueError, match=rf"a\.caffemodel.*{message}") as raised:
        release.load(tmp_path / "a.caffemodel")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", b"PK\x03\x04cut"])
def test_what_is_no_file_of_weights_is_one_line(tmp_path, content):
    path = tmp_path / "colorization_release_v2.caffemodel"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"v2\.caffemodel cannot be read") as raised:
        release.load(path)
    assert "\n" not in str(raised.value)


@pytest.mark.slow
@UNKNOWN
def test_what_pytorch_saves_gives_the_same(tmp_path):
    torch = pytest.importorskip("torch")
    state = authors_graphs.eccv16_state()
    authors_graphs.write_torch(tmp_path / "a.pth", state)
    tensors = {name: torch.from_numpy(np.array(x)) for name, x in state.items()}
    torch.save(tensors, tmp_path / "b.pth")
    mine, theirs = (release.load(tmp_path / name) for name in ("a.pth", "b.pth"))
    for name, x in mine.variables["params"]["conv8_1"].items():
        np.testing.assert_array_equal(theirs.variables["params"]["conv8_1"][name], x)
    # And PyTorch reads what the tests write.
    found = torch.load(tmp_path / "a.pth", weights_only=True)
    assert all(np.array_equal(found[name], x) for name, x in state.items())
