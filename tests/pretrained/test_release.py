"""Released models: what is written is read, and what does not fit is refused."""

import json
import re
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy

from jaxcolor import Colorizer, models
from jaxcolor.color.sigmoid_uv import SigmoidUv
from jaxcolor.evaluation import manifests
from jaxcolor.pretrained import descriptions, model_card, release
from tests import tiny


@pytest.fixture(scope="module")
def model():
    return tiny.model()


@pytest.fixture
def released(model, tmp_path):
    release.save(model, tmp_path / "model", card="card\n")
    return tmp_path / "model"


def _edit_config(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def _edit_weights(folder, edit):
    path = folder / "model.safetensors"
    tensors = safetensors.numpy.load_file(path)
    edit(tensors)
    safetensors.numpy.save_file(tensors, path)


@pytest.mark.parametrize("description", [tiny.BINS, tiny.REGRESSION])
def test_what_is_saved_is_loaded(description, tmp_path):
    saved = tiny.model(description)
    release.save(saved, tmp_path / "a" / "model", card="card\n")
    loaded = release.load(tmp_path / "a" / "model")
    assert loaded.description == saved.description
    assert loaded.provenance == saved.provenance
    assert jax.tree.structure(loaded.variables) == jax.tree.structure(saved.variables)
    jax.tree.map(np.testing.assert_array_equal, loaded.variables, saved.variables)
    np.testing.assert_array_equal(loaded.prior, saved.prior)
    assert (tmp_path / "a" / "model" / "README.md").read_text() == "card\n"
    # Nothing but the model is left behind.
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["model"]


def test_the_file_of_weights_stands_alone(released):
    tensors = safetensors.numpy.load_file(released / "model.safetensors")
    assert tensors["params/conv1_1/kernel"].shape == (3, 3, 1, 8)
    assert tensors["batch_stats/conv7_3norm/var"].shape == (64,)
    assert tensors["centers"].shape == (313, 2)
    # Published: the paper's bins begin and end so.
    assert tensors["centers"][[0, -1]].tolist() == [[-90, 50], [100, 0]]
    assert tensors["prior"].shape == (313,)
    assert {x.dtype for x in tensors.values()} == {np.dtype(np.float32)}


def test_the_config_says_how_to_decode(released):
    config = json.loads((released / "config.json").read_text())
    assert config["format_version"] == 2
    assert config["head"] == "bins"
    assert config["temperature"] == 0.38


def _rounded_by_hand(x):
    """To the nearest number of which the lower 16 bits are zero; ties to even."""
    bits = x.view(np.uint32).astype(np.uint64)
    bits = (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000
    return bits.astype(np.uint32).view(np.float32)


def test_kernels_stored_in_bfloat16_are_rounded_to_nearest_even(model, tmp_path):
    ties = np.array([1 + 2**-8, 1 + 3 * 2**-8, -1 - 2**-8, 1 + 2**-8 + 2**-20])
    tied = tiny.model()
    tied.variables["params"]["conv1_1"]["kernel"][0, 0, 0, :4] = ties
    release.save(tied, tmp_path / "model", card="", dtype="bfloat16")
    loaded = release.load(tmp_path / "model")
    # Between 1 and 2 the numbers are 2^-7 apart.
    np.testing.assert_array_equal(
        loaded.variables["params"]["conv1_1"]["kernel"][0, 0, 0, :4],
        [1, 1 + 2**-6, -1, 1 + 2**-7],
    )
    saved = descriptions.flatten(tied.variables)
    for name, array in descriptions.flatten(loaded.variables).items():
        is_kernel = name.endswith("/kernel")
        expected = _rounded_by_hand(saved[name]) if is_kernel else saved[name]
        np.testing.assert_array_equal(array, expected)
        assert array.dtype == np.float32
    np.testing.assert_array_equal(loaded.prior, model.prior)


def test_kernels_in_bfloat16_halve_the_file(model, released, tmp_path):
    release.save(model, tmp_path / "small", card="", dtype="bfloat16")
    path = tmp_path / "small" / "model.safetensors"
    tensors = safetensors.numpy.load_file(path)
    assert {name.endswith("/kernel") for name, x in tensors.items() if x.itemsize == 2}
    assert tensors["params/head/kernel"].dtype.name == "bfloat16"
    assert tensors["params/head/bias"].dtype == tensors["prior"].dtype == np.float32
    kernels = sum(
        x.size
        for name, x in descriptions.flatten(model.variables).items()
        if name.endswith("/kernel")
    )
    whole = (released / "model.safetensors").stat().st_size
    # But for the header, whose offsets have fewer digits.
    assert abs(whole - path.stat().st_size - 2 * kernels) < 256
    # Rounded already, it is stored as it is.
    release.save(
        release.load(tmp_path / "small"), tmp_path / "b", card="", dtype="bfloat16"
    )
    assert (tmp_path / "b" / "model.safetensors").read_bytes() == path.read_bytes()


def test_an_unknown_dtype_is_refused(model, tmp_path):
    with pytest.raises(ValueError, match="dtype is 'int8'; wanted one of float32, bf"):
        release.save(model, tmp_path / "model", card="", dtype="int8")
    assert not (tmp_path / "model").exists()


def test_saving_twice_gives_the_same_bytes(model, released, tmp_path):
    release.save(model, tmp_path / "again", card="card\n")
    for path in released.iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()


def test_views_are_saved_by_value(tmp_path):
    turned = tiny.model(tiny.BINS)
    kernel = turned.variables["params"]["conv2_2"]["kernel"]
    turned.variables["params"]["conv2_2"]["kernel"] = kernel.transpose(1, 0, 3, 2)
    release.save(turned, tmp_path / "model", card="")
    loaded = release.load(tmp_path / "model")
    np.testing.assert_array_equal(
        loaded.variables["params"]["conv2_2"]["kernel"], kernel.transpose(1, 0, 3, 2)
    )


def test_a_released_model_is_not_overwritten_unasked(model, released):
    with pytest.raises(ValueError, match=r"model exists; not overwritten"):
        release.save(model, released, card="new")
    assert (released / "README.md").read_text() == "card\n"
    release.save(model, released, card="new", overwrite=True)
    assert (released / "README.md").read_text() == "new"
    assert [path.name for path in released.parent.iterdir()] == ["model"]


def test_what_is_no_model_is_never_overwritten(model, tmp_path):
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "love.txt").write_text("dear")
    with pytest.raises(ValueError, match="is not a released model"):
        release.save(model, tmp_path / "letters", card="", overwrite=True)
    assert (tmp_path / "letters" / "love.txt").read_text() == "dear"


def test_a_failure_leaves_the_old_model(model, released, monkeypatch):
    def fail(_):
        raise OSError("disk full")

    monkeypatch.setattr(safetensors.numpy, "save", fail)
    with pytest.raises(OSError, match="disk full"):
        release.save(model, released, card="new", overwrite=True)
    assert (released / "README.md").read_text() == "card\n"
    assert [path.name for path in released.parent.iterdir()] == ["model"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"network": []}, r"network is \[\]; wanted text"),
        ({"arguments": None}, "arguments is null; wanted an object"),
        ({"head": []}, r"head is \[\]; wanted 'bins' or 'ab'"),
        ({"spacing": "x"}, 'spacing is "x"; wanted a number from 2 to 40'),
        ({"neighbors": 0}, "neighbors is 0; wanted a whole number from 1"),
        ({"neighbors": 400}, "neighbors is 400; wanted at most the 313 bins"),
        ({"sigma": -5.0}, "sigma is -5.0; wanted a number above 0"),
        ({"training_lambda": 2}, "training_lambda is 2; wanted a number from 0 to 1"),
        ({"size": "x"}, 'size is "x"; wanted a whole number from 1 to 4096'),
        ({"size": 10**9}, "size is 1000000000; wanted a whole number from 1 to 4096"),
        ({"temperature": "x"}, 'temperature is "x"; wanted a number above 0'),
        ({"temperature": 10**400}, "temperature is 1000.*; wanted a number above 0"),
        ({"rebalancing_lambda": -1}, "rebalancing_lambda is -1; wanted a number"),
        ({"coherence": None}, "coherence is null; wanted a number from 0 to 1"),
        ({"provenance": 3}, "provenance is 3; wanted an object"),
        ({"format_version": "2"}, 'has format "2"; this jaxcolor reads 2'),
    ],
)
def test_a_field_of_a_wrong_kind_is_refused_in_one_line(released, changes, message):
    _edit_config(released, **changes)
    with pytest.raises(ValueError, match=message) as refused:
        release.load(released)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("argument", "value", "message"),
    [
        ("width", None, "width is null; wanted a number above 0, at most 16"),
        ("width", 1e6, "width is 1000000.0; wanted a number above 0, at most 16"),
        ("outputs", -1, "outputs is -1; wanted a whole number from 1"),
        ("affine", "no", 'affine is "no"; wanted true or false'),
        ("momentum", 2, "momentum is 2; wanted a number from 0 to 1"),
        ("dtype", "x", "missing or unknown field: dtype"),
        ("parent", {}, "missing or unknown field: parent"),
    ],
)
def test_an_argument_of_a_wrong_kind_is_refused(released, argument, value, message):
    _edit_config(released, arguments={**tiny.BINS.arguments, argument: value})
    with pytest.raises(ValueError, match=f"arguments of zhang2016: {message}"):
        release.load(released)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format_version": 3}, "has format 3; this jaxcolor reads 2"),
        ({"format_version": 1}, "reads 2: release the model again .* or rename in it"),
        (
            {"network": "vgg"},
            f"unknown network 'vgg'; known: {', '.join(models.BY_NAME)}",
        ),
        (
            {"arguments": {**tiny.BINS.arguments, "depth": 3}},
            "arguments of zhang2016: missing or unknown field: depth",
        ),
        ({"head": "rgb"}, "head is 'rgb'; wanted 'bins' or 'ab'"),
        ({"colour": 1}, "missing or unknown field: colour"),
        (
            {"temperature": None},
            "temperature is missing; wanted one, as the model has bins",
        ),
        (
            {"rebalancing_lambda": None},
            "rebalancing_lambda is missing, but the weights hold prior",
        ),
        ({"spacing": 5.0}, r"centers have shape \(313, 2\); spacing 5.0 has"),
        (
            {"arguments": {**tiny.BINS.arguments, "width": 0.25}},
            r"batch_stats/conv1_2norm/mean has shape \(8,\); wanted \(16,\)",
        ),
        (
            {"arguments": {**tiny.BINS.arguments, "affine": True}},
            "weights lack .*norm.* and 11 more",
        ),
        (
            {"arguments": {**tiny.BINS.arguments, "outputs": 2}},
            r"head/bias has shape \(313,\); wanted \(2,\)",
        ),
    ],
)
def test_a_config_that_does_not_fit_is_refused(released, changes, message):
    _edit_config(released, **changes)
    with pytest.raises(ValueError, match=message) as refused:
        release.load(released)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda t: t.pop("params/head/bias"), "weights lack params/head/bias"),
        (lambda t: t.pop("prior"), "weights lack prior"),
        (lambda t: t.pop("centers"), "weights lack centers"),
        (lambda t: t.update(extra=np.zeros(1)), "weights hold extra"),
        (lambda t: t.update(params=np.zeros(1)), "weights hold params, unknown"),
        (
            lambda t: t.update({"params/head": np.zeros(1)}),
            "weights hold params/head, unknown",
        ),
        (
            lambda t: t.update({"params/head/bias": np.full(313, np.nan)}),
            "params/head/bias has numbers that are not finite",
        ),
        (
            lambda t: t.update({"params/head/bias": np.full(313, np.inf)}),
            "params/head/bias has numbers that are not finite",
        ),
        (
            lambda t: t.update({"params/head/bias": np.zeros(313, np.int32)}),
            "params/head/bias has numbers of type int32; wanted floats",
        ),
        (
            lambda t: t["batch_stats/conv1_2norm/var"].__setitem__(0, -0.5),
            "batch_stats/conv1_2norm/var has a negative variance, -0.5",
        ),
        (lambda t: t.update(prior=t["prior"] * 2), "prior is no distribution"),
        (lambda t: t.update(prior=t["prior"] * np.nan), "prior is no distribution"),
        (lambda t: t.update(prior=t["prior"][:9]), r"prior has shape \(9,\)"),
        (lambda t: t.update(centers=t["centers"] + 2), "centers are up to 2 off"),
    ],
)
def test_weights_that_do_not_fit_are_refused(released, edit, message):
    _edit_weights(released, edit)
    with pytest.raises(ValueError, match=message):
        release.load(released)


def test_a_folder_without_a_model_is_refused(tmp_path):
    for path in (tmp_path, tmp_path / "nowhere", tmp_path / "nowhere@3"):
        with pytest.raises(ValueError, match=f"no model at {re.escape(str(tmp_path))}"):
            release.load(path)


def test_the_bundled_model_is_meant_unless_a_folder_is_named_so(
    released, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(release, "BUNDLED", tmp_path / "package" / "bundled")
    with pytest.raises(ValueError, match="there is no bundled model: this jaxcolor"):
        release.load("bundled")
    (tmp_path / "package").mkdir()
    released.rename(tmp_path / "package" / "bundled")
    assert release.load("bundled").provenance == {"step": 7}
    assert manifests.hash_of_model("bundled") == manifests.hash_of_model(
        release.BUNDLED
    )
    (tmp_path / "bundled").mkdir()
    with pytest.raises(ValueError, match="no model at bundled"):
        release.load("bundled")


def test_damaged_files_are_refused(released):
    weights = (released / "model.safetensors").read_bytes()
    (released / "model.safetensors").write_bytes(weights[: len(weights) // 2])
    with pytest.raises(ValueError, match=r"model\.safetensors is damaged"):
        release.load(released)
    (released / "model.safetensors").unlink()
    with pytest.raises(ValueError, match=r"lacks model\.safetensors"):
        release.load(released)
    (released / "config.json").write_text("{")
    with pytest.raises(ValueError, match=r"config\.json is not JSON"):
        release.load(released)
    (released / "config.json").write_text("{}")
    with pytest.raises(ValueError, match="does not describe a jaxcolor model"):
        release.load(released)


def test_a_released_model_has_no_steps(released):
    with pytest.raises(ValueError, match="it has no step 5"):
        release.load(f"{released}@5")


def test_loading_a_released_model_leaves_training_libraries_unloaded(released):
    heavy = ("grain", "matplotlib", "ml_collections", "orbax", "optax")
    heavy += ("tensorboardX", "tensorflow", "tensorflow_datasets")
    output = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from jaxcolor import cli;"
            "from jaxcolor.inference import colorizer, folders;"
            "from jaxcolor.pretrained import release;"
            f"release.load({str(released)!r});"
            f"print([name for name in {heavy} if name in sys.modules])",
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert output.strip() == "[]"


def test_a_regression_stores_no_numbers_of_bins(tmp_path):
    made = tiny.model(tiny.REGRESSION)
    assert made.prior is None
    release.save(made, tmp_path / "model", card="")
    fields = json.loads((tmp_path / "model" / "config.json").read_text())
    assert not {"spacing", "neighbors", "sigma", "training_lambda"} & set(fields)


@pytest.mark.parametrize("description", [tiny.BINS, tiny.REGRESSION])
def test_the_card_says_what_the_model_is(description):
    card = model_card.text(
        description,
        name="scenes",
        data="Trained on 14,000 photographs.",
        prior="The prior was counted over the same photographs.",
        results="| AuC |\n|---|\n| 90 |",
        license_name="apache-2.0",
        notes="\n## Failure cases\n\nFaces.\n\n",
    )
    assert card.endswith("\n\n## Failure cases\n\nFaces.\n")
    front, body = card.removeprefix("---\n").split("---\n", 1)
    assert "license: apache-2.0\n" in front
    assert "library_name: jaxcolor\n" in front
    for wanted in ("# scenes", "14,000", "arXiv:1603.08511", "Colorizer.load", "90"):
        assert wanted in body
    assert ("--temperature" in body) == (description == tiny.BINS)


def test_the_card_names_the_method_and_the_resolution_of_the_network():
    description = tiny.REGRESSION._replace(
        network="dahl2016",
        arguments={"width": 0.03, "outputs": 2, "momentum": 0.9},
        head=SigmoidUv(),
    )
    of_paper, of_dahl = (
        model_card.text(
            each,
            name="m",
            data="None.",
            prior=None,
            results=None,
            license_name=None,
        )
        for each in (tiny.REGRESSION, description)
    )
    assert "Zhang" in of_paper
    assert "at a quarter of the network's resolution" in of_paper
    assert "Zhang" not in of_dahl
    assert "R. Dahl, *Automatic Colorization*" in of_dahl
    assert "at the network's resolution" in of_dahl


@pytest.fixture
def workdir(model, tmp_path, monkeypatch):
    """A training's folder; what its checkpoint holds is handed out without Orbax."""
    from jaxcolor.runtime import checkpoints

    folder = tmp_path / "run@2"
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "config.json").write_text('{"training": {"steps": 9}}')
    record = {
        "description": descriptions.to_fields(model.description),
        "prior": {"counts": [1.0] * 313, "source": "photos"},
        "interval": {"sums": {}, "count": 0},
        "versions": {"jax": "1"},
    }
    asked = []

    def restore(path, *, step):
        asked.append((path, step))
        return {**model.variables, "prior": model.prior}, record

    monkeypatch.setattr(checkpoints, "restore_model", restore)
    return folder, asked


def test_a_training_workdir_loads_as_a_model(model, workdir):
    folder, asked = workdir
    loaded = release.load(folder)
    assert loaded.description == model.description
    np.testing.assert_array_equal(loaded.prior, model.prior)
    assert loaded.provenance == {
        "prior": {"source": "photos"},
        "versions": {"jax": "1"},
    }
    release.load(f"{folder}@40")
    assert asked == [(folder, None), (folder, 40)]


def test_a_training_workdir_is_never_overwritten(model, workdir):
    folder, _ = workdir
    with pytest.raises(ValueError, match="is not a released model"):
        release.save(model, folder, card="", overwrite=True)
    assert (folder / "checkpoints").is_dir()


@pytest.fixture(scope="module")
def without_prior(model):
    """The model as it would be published without its prior."""
    return release.assemble(
        tiny.decoded_by(rebalancing_lambda=None),
        variables=model.variables,
        prior=None,
        provenance={},
    )


def test_a_model_without_its_prior_is_saved_and_loaded(without_prior, tmp_path):
    release.save(without_prior, tmp_path / "model", card="card\n")
    loaded = release.load(tmp_path / "model")
    assert loaded.prior is None
    assert loaded.description == without_prior.description
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert config["rebalancing_lambda"] is None


def test_a_model_without_its_prior_refuses_a_lambda(without_prior):
    with pytest.raises(
        ValueError, match=r"rebalancing_lambda is 0\.4; wanted none, as"
    ):
        Colorizer(without_prior, rebalancing_lambda=0.4)
    Colorizer(without_prior, temperature=0.5)


def test_a_prior_added_later_makes_the_same_model(without_prior, model):
    found = release.with_prior(without_prior, model.prior, source={"source": "a"})
    # The lambda of the training, so that nothing moves until another one is asked for.
    assert found.description == model.description
    assert found.provenance["prior"] == {"source": "a"}
    lightness = jnp.asarray(np.random.default_rng(0).uniform(0, 100, (1, 8, 8)))
    ab = [Colorizer(each).ab(lightness) for each in (found, without_prior)]
    # The two differ by a logarithm of one.
    np.testing.assert_allclose(*ab, atol=1e-3)
    moved = Colorizer(found, rebalancing_lambda=0.1).ab(lightness)
    np.testing.assert_array_equal(
        moved, Colorizer(model, rebalancing_lambda=0.1).ab(lightness)
    )


def test_a_prior_that_cannot_be_added_is_refused(without_prior, model):
    for prior, message in (
        (np.ones(313), "prior is no distribution"),
        (np.ones(9) / 9, r"prior has shape \(9,\); wanted \(313,\)"),
    ):
        with pytest.raises(ValueError, match=message):
            release.with_prior(without_prior, prior, source={})
    with pytest.raises(ValueError, match="wanted none, as the model has one"):
        release.with_prior(model, model.prior, source={})
    with pytest.raises(
        ValueError, match="wanted none, as the model predicts ab itself"
    ):
        release.with_prior(tiny.model(tiny.REGRESSION), model.prior, source={})
