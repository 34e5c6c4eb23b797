import json
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy
from PIL import Image
from skimage import color

from jaxcolor import cli, recognition
from jaxcolor.data import sources, splits
from jaxcolor.models.scene_classifier import SceneClassifier
from jaxcolor.pretrained import release
from jaxcolor.recognition import classifier_training
from jaxcolor.training import optimizers, train_step
from tests import tiny

RECIPE = classifier_training.Recipe(
    epochs=4,
    batch_size=8,
    size=32,
    width=0.25,
    learning_rate=1e-2,
    weight_decay=0.05,
    label_smoothing=0.1,
    held_out_fraction=0.2,
)
# a* of the photographs of each class; lightness and texture are the same.
HUES = {"green": -40, "red": 40}
SAME = {"k": 1, "size": 32, "batch_size": 16, "on_done": lambda count: None}


is_among_top = jax.jit(recognition.is_among_top, static_argnames="k")


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    """A folder of two classes that differ in hue only, 40 photographs of each."""
    root = tmp_path_factory.mktemp("scenes")
    random = np.random.default_rng(0)
    for name, a in HUES.items():
        (root / name).mkdir()
        for n in range(40):
            lab = np.zeros((32, 40, 3))
            lab[..., 0] = 60 + random.normal(scale=5, size=lab.shape[:2])
            lab[..., 1] = a
            rgb = np.rint(255 * color.lab2rgb(lab)).astype(np.uint8)
            Image.fromarray(rgb).save(root / name / f"{n}.png")
    return root


@pytest.fixture(scope="module")
def trained(scenes):
    return classifier_training.train(
        sources.folder(scenes), RECIPE, seed=0, name="scenes", is_quiet=True
    )


def _by_red():
    """A classifier that no training spoils: red photographs are of class "red"."""
    return recognition.FromFunction(
        ("green", "red"), lambda rgb: rgb.mean(axis=(1, 2))[:, 1::-1]
    )


def test_the_folder_of_a_photograph_is_its_class():
    names = ["train/sea/1.jpg", "train/forest/1.jpg", "sea/2.jpg"]
    classes = recognition.classes_of(names)
    assert classes == ("forest", "sea")
    assert recognition.labels(names, classes).tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["1.jpg", "sea/1.jpg"], r"1\.jpg lies in no folder"),
        (["sea/1.jpg", "sea/2.jpg"], r"got 1 class\(es\) sea; wanted .* two or more"),
    ],
)
def test_a_folder_without_labels_is_refused(names, message):
    with pytest.raises(ValueError, match=message):
        recognition.classes_of(names)


def test_a_class_that_the_classifier_does_not_know_is_named():
    with pytest.raises(ValueError, match=r"city/1\.jpg is of class 'city', unknown"):
        recognition.labels(["sea/0.jpg", "city/1.jpg"], ["forest", "sea"])


@pytest.mark.parametrize("k", [1, 3, 5])
def test_top_k_accuracy_is_that_of_scikit_learn(k):
    from sklearn import metrics

    random = np.random.default_rng(k)
    logits = random.normal(size=(200, 6)).astype(np.float32)
    label = random.integers(6, size=200)
    found = is_among_top(logits, label, k=k)
    expected = metrics.top_k_accuracy_score(label, logits, k=k)
    assert np.mean(found) == pytest.approx(expected)


@pytest.mark.parametrize("constant", [0.0, np.nan])
def test_a_constant_answer_recognizes_nothing(constant):
    logits = np.full((6, 6), constant, np.float32)
    found = is_among_top(logits, np.arange(6), k=5)
    assert not np.any(found)


@pytest.mark.parametrize(("classes", "k"), [(2, 1), (5, 4), (6, 5), (1000, 5)])
def test_top_is_five_where_that_leaves_a_class_out(classes, k):
    assert recognition.top([""] * classes) == k


def test_gray_keeps_the_lightness_alone(photographs):
    rgb = photographs["chelsea"][:64, :64] / 255
    lab = color.rgb2lab(rgb)
    lab[..., 1:] = 0
    found = np.asarray(jax.jit(recognition.gray)(np.float32(rgb[None])))[0]
    # float32 against float64.
    np.testing.assert_allclose(found, color.lab2rgb(lab), atol=1e-5)


def test_hits_follow_the_order_of_the_photographs(scenes):
    source = sources.folder(scenes)
    done = []
    seen = SAME | {"on_done": done.append}

    def blind(rgb):
        """Makes the first of each batch of 16 gray."""
        return rgb.at[0].set(0.5)

    found = recognition.hits(_by_red(), source, recolor=blind, **seen)
    assert found.shape == (80,)
    assert np.flatnonzero(~found).tolist() == [0, 16, 32, 48, 64]
    assert done == [16] * 5


def test_the_filling_of_the_last_batch_is_not_counted(scenes):
    source = sources.folder(scenes)
    few = sources.Part(source, np.array([0, 79, 1]))
    found = recognition.hits(_by_red(), few, recolor=lambda rgb: rgb, **SAME)
    assert found.tolist() == [True, True, True]


def test_crops_keep_their_labels(scenes):
    source = sources.folder(scenes)
    classes = ("green", "red")
    batches = classifier_training.labelled_batches(source, classes, RECIPE, seed=3)
    for _ in range(8):
        rgb, label = next(batches)
        is_red = rgb[..., 0].mean(axis=(1, 2)) > rgb[..., 1].mean(axis=(1, 2))
        np.testing.assert_array_equal(label, is_red)
        assert 0 < label.sum() < len(label)


@pytest.mark.slow
def test_the_loss_is_the_smoothed_cross_entropy():
    network = SceneClassifier(width=0.25, outputs=3, momentum=0.9)
    variables = jax.jit(partial(network.init, train=False))(
        jax.random.key(0), jnp.zeros((1, 8, 8, 3))
    )
    random = np.random.default_rng(0)
    rgb = random.integers(256, size=(4, 8, 8, 3), dtype=np.uint8)
    label = np.array([0, 2, 1, 1])
    logits, _ = network.apply(
        variables, jnp.asarray(rgb) / 255, train=True, mutable=["batch_stats"]
    )
    logits = np.asarray(logits, np.float64)
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    expected = -(0.7 * log_p[np.arange(4), label] + 0.3 * log_p.mean(axis=1)).mean()
    optimizer = optimizers.sgd(lambda step: 1e-3, momentum=0.0)
    state = train_step.init_state(variables, optimizer, average=False)
    step = jax.jit(
        classifier_training.make_step(network, optimizer, label_smoothing=0.3)
    )
    state, loss = step(state, rgb, label)
    assert float(loss) == pytest.approx(expected, rel=1e-5)
    _, after = step(state, rgb, label)
    assert float(after) < float(loss)


@pytest.mark.slow
def test_a_classifier_of_hues_is_blind_to_gray(trained):
    validation = trained.provenance["validation"]
    assert validation["color"] == 1
    # All gray photographs get one answer, more or less.
    assert 0.2 < validation["gray"] < 0.8
    assert trained.classes == ("green", "red")


def test_the_provenance_tells_how_it_was_trained(trained, scenes):
    provenance = trained.provenance
    held_out = splits.split(sources.folder(scenes), held_out_fraction=0.2).validation
    assert provenance["validation"]["photographs"] == len(held_out)
    assert provenance["photographs"] == 80 - len(held_out)
    assert (provenance["source"], provenance["seed"]) == ("scenes", 0)
    assert provenance["recipe"]["epochs"] == 4
    assert provenance["versions"]["jax"] == jax.__version__


def test_a_seed_decides_everything(scenes, trained):
    source = sources.folder(scenes)
    same, other = (
        classifier_training.train(
            source, RECIPE, seed=seed, name="scenes", is_quiet=True
        )
        for seed in (0, 1)
    )
    first = jax.tree.leaves(trained.variables)
    assert all(map(np.array_equal, first, jax.tree.leaves(same.variables)))
    assert not any(map(np.array_equal, first, jax.tree.leaves(other.variables)))


def test_a_classifier_survives_its_folder(trained, tmp_path):
    recognition.save(trained, tmp_path / "seed0")
    again = recognition.load(tmp_path / "seed0")
    rgb = jax.random.uniform(jax.random.key(0), (2, 48, 40, 3))
    np.testing.assert_array_equal(again(rgb), trained(rgb))
    assert again.classes == trained.classes
    assert again.provenance == trained.provenance
    assert [p.name for p in tmp_path.iterdir()] == ["seed0"]
    with pytest.raises(ValueError, match="seed0 exists; not overwritten"):
        recognition.save(trained, tmp_path / "seed0")


def test_a_folder_is_whole_or_not_there(trained, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(recognition.classifiers.safetensors.numpy, "save", fail)
    with pytest.raises(OSError, match="No space left"):
        recognition.save(trained, tmp_path / "seed0")
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_folder_is_refused_with_its_name(trained, tmp_path):
    folder = tmp_path / "seed0"
    recognition.save(trained, folder)
    config = json.loads((folder / release.CONFIG).read_text())
    damages = {
        r"head/bias has shape \(2,\); wanted \(3,\)": config
        | {"classes": ["a", "b", "c"]},
        'width is "x"; wanted a number': config | {"width": "x"},
        "width is 1000000000.0; wanted": config | {"width": 1e9},
        "classes is 3; wanted a list": config | {"classes": 3},
        "classes has a name twice": config | {"classes": ["a", "a"]},
        "size is null; wanted a whole number": config | {"size": None},
        "momentum is 2": config | {"momentum": 2},
        "format 99": config | {"classifier_version": 99},
        "unknown field: width": {n: x for n, x in config.items() if n != "width"},
        r"holds \[\]; wanted an object": [],
        "does not describe a classifier": {},
    }
    for message, fields in damages.items():
        (folder / release.CONFIG).write_text(json.dumps(fields))
        with pytest.raises(ValueError, match=f"seed0.*{message}"):
            recognition.load(folder)
    (folder / release.CONFIG).write_text(json.dumps(config))
    whole = safetensors.numpy.load_file(folder / release.WEIGHTS)
    tensors = {
        "weights hold params, unknown": whole | {"params": np.zeros(1)},
        "head/bias has numbers that are not finite": whole
        | {"params/head/bias": np.full(2, np.nan, np.float32)},
        "norm1/var has a negative variance": whole
        | {"batch_stats/norm1/var": -whole["batch_stats/norm1/var"]},
    }
    for message, arrays in tensors.items():
        safetensors.numpy.save_file(arrays, folder / release.WEIGHTS)
        with pytest.raises(ValueError, match=f"seed0.*{message}"):
            recognition.load(folder)
    (folder / release.WEIGHTS).write_bytes(b"damaged")
    with pytest.raises(ValueError, match=r"model\.safetensors"):
        recognition.load(folder)


def test_a_colorization_model_is_no_classifier_nor_the_reverse(trained, tmp_path):
    recognition.save(trained, tmp_path / "classifier")
    with pytest.raises(ValueError, match="does not describe a jaxcolor model"):
        release.load(tmp_path / "classifier")
    release.save(tiny.model(), tmp_path / "model", card="A card.")
    with pytest.raises(ValueError, match="does not describe a classifier"):
        recognition.load(tmp_path / "model")


@pytest.mark.parametrize("change", [{"epochs": 0}, {"size": -1}, {"width": 0.0}])
def test_a_senseless_recipe_is_refused(scenes, change):
    (name,) = change
    with pytest.raises(ValueError, match=f"{name} is .*; wanted more than 0"):
        classifier_training.train(
            sources.folder(scenes),
            RECIPE._replace(**change),
            seed=0,
            name="scenes",
            is_quiet=True,
        )


def test_both_kinds_are_classifiers(trained):
    assert isinstance(trained, recognition.Classifier)
    assert isinstance(_by_red(), recognition.Classifier)


def _command(scenes, output, **changes):
    wanted = RECIPE._asdict() | {"seeds": 1} | changes
    wanted["held_out"] = wanted.pop("held_out_fraction")
    command = ["train-classifier", str(scenes), "-o", str(output), "--quiet"]
    for name, value in wanted.items():
        command += [f"--{name.replace('_', '-')}", str(value)]
    return cli.main(command)


def test_seeds_that_are_finished_stay(scenes, tmp_path, capsys):
    output = tmp_path / "classifiers"
    assert _command(scenes, output) == 0
    kept = (output / "seed0" / release.WEIGHTS).stat().st_mtime_ns
    assert _command(scenes, output, seeds=2) == 0
    assert sorted(p.name for p in output.iterdir()) == ["seed0", "seed1"]
    assert (output / "seed0" / release.WEIGHTS).stat().st_mtime_ns == kept
    assert recognition.load(output / "seed1").provenance["seed"] == 1
    printed = capsys.readouterr()
    assert printed.out == printed.err == ""


def test_seeds_of_another_recipe_are_not_mixed(trained, scenes, tmp_path, capsys):
    recognition.save(trained, tmp_path / "seed0")
    assert _command(scenes, tmp_path, epochs=5) == cli.MISUSED
    (line,) = capsys.readouterr().err.splitlines()
    assert "seed0 was trained with epochs 4, not 5" in line


@pytest.mark.parametrize("layout", ["none", "flat"])
def test_an_unlabelled_folder_is_an_error_of_one_line(layout, tmp_path, capsys):
    folder = tmp_path / "photos"
    if layout == "flat":
        folder.mkdir()
        Image.new("RGB", (32, 32)).save(folder / "a.png")
    assert _command(folder, tmp_path / "out") == cli.MISUSED
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("jaxcolor: error: ")
    assert "photos" in line or "a.png" in line
    assert not (tmp_path / "out").exists()
