"""A training with classes: where they come from, what is kept, what is refused."""

import json
import logging

import pytest
from PIL import Image

from jaxcolor.pretrained import release
from jaxcolor.runtime import checkpoints
from jaxcolor.training import loop, setup, workdirs
from jaxcolor.training.config import build, schema
from tests import tiny

OBJECTIVE = {"name": "regression_with_classes", "alpha": 0.1, "classes": ()}
MODEL = {
    "name": "iizuka2016",
    "width": 0.01,
    "global_size": 32,
    "classes": 3,
    "momentum": 0.9,
}
RELEASE = {
    "size": 64,
    "temperature": None,
    "rebalancing_lambda": None,
    "coherence": 0.0,
}


def _config(folder, changes=(), *, objective=(), model=()):
    return tiny.training_config(
        folder,
        {
            "training.steps": 2,
            "training.checkpoint_every": 1,
            "training.log_every": 1,
            "data.held_out_fraction": 0.2,
            "average.decay": 0.0,
            "initialization.method": "random",
        }
        | dict(changes),
        gamut=None,
        prior=None,
        objective=OBJECTIVE | dict(objective),
        model=MODEL | dict(model),
        schedule={"name": "steps", "peak": 1e-3, "factor": 1.0, "every": 1},
        release=RELEASE,
    )


@pytest.fixture(scope="module")
def scenes(photographs, tmp_path_factory):
    """Returns a folder of three classes, and of photographs of none."""
    root = tmp_path_factory.mktemp("scenes")
    of = {"animals/": "chelsea", "things/": "coffee", "places/": "china", "": "rocket"}
    for folder, name in of.items():
        (root / folder).mkdir(exist_ok=True)
        whole = Image.fromarray(photographs[name])
        for n in range(4):
            part = whole.crop((40 * n, 0, 40 * n + 200, 200)).resize((40, 40))
            part.save(root / f"{folder}{name}{n}.png")
    return root


def _settled(config, workdir):
    split = workdirs.settle_split(config, workdir)
    return split, workdirs.settle_labels(config, workdir, split)


def test_the_classes_are_the_folders_of_the_training_photographs(scenes, tmp_path):
    split, found = _settled(_config(scenes), tmp_path)
    assert found.classes == ("animals", "places", "things")
    for part, numbers in (
        (split.training, found.training),
        (split.validation, found.validation),
    ):
        of = [("", *found.classes)[number + 1] for number in numbers]
        assert of == [name.rpartition("/")[0] for name in part.names]


def test_classes_stay_as_they_were_when_folders_are_added(scenes, tmp_path, caplog):
    config = _config(scenes, objective={"classes": ["things", "animals", "birds"]})
    with caplog.at_level(logging.WARNING):
        _, first = _settled(config, tmp_path)
    assert "no training photograph is of the classes birds" in caplog.text
    kept = json.loads((tmp_path / workdirs.LABELS).read_text())
    assert kept["classes"] == ["things", "animals", "birds"]
    # As if the folders had other names by now.
    kept["classes"] = ["one", "other", "third"]
    (tmp_path / workdirs.LABELS).write_text(json.dumps(kept))
    _, again = _settled(config, tmp_path)
    assert again.classes == ("one", "other", "third")
    assert again.training.tolist() == first.training.tolist()


def test_another_number_of_classes_than_the_network_predicts_is_refused(
    scenes, tmp_path
):
    config = _config(scenes, model={"classes": 205})
    message = r"^config.model.classes is 205; wanted 3, .*: animals, places, things$"
    with pytest.raises(ValueError, match=message):
        loop.train(config, tmp_path / "new", is_quiet=True)
    assert not (tmp_path / "new").exists()
    message = (
        r"^config.model.classes is 205; wanted 2, one for each of config.objective"
    )
    with pytest.raises(ValueError, match=message):
        _config(scenes, objective={"classes": ["a", "b"]}, model={"classes": 205})


def test_photographs_without_labels_are_refused(photo_folder, tmp_path):
    message = (
        "^labels are missing: the photographs of .* are of no class; wanted CLASS/"
    )
    with pytest.raises(ValueError, match=message):
        loop.train(_config(photo_folder), tmp_path / "new", is_quiet=True)
    assert not (tmp_path / "new").exists()


def test_a_network_without_classes_is_refused(scenes):
    network = {"name": "zhang2016", "width": 0.1, "affine": True, "momentum": 0.9}
    config = tiny.training_config(
        scenes,
        gamut=None,
        prior=None,
        objective=OBJECTIVE,
        model=network,
        release=RELEASE,
    )
    message = "config.objective.name wants a network that predicts classes.*'zhang2016'"
    with pytest.raises(ValueError, match=message):
        build.check(config)


def test_a_temperature_is_refused(scenes):
    config = schema.changed(_config(scenes), {"release.temperature": 0.38})
    message = (
        "^config.release.temperature is 0.38; wanted none, as the model predicts ab"
    )
    with pytest.raises(ValueError, match=message):
        build.check(config)


@pytest.mark.parametrize("classes", [["sea"], ["sea", "sea"]])
def test_classes_that_cannot_be_distinguished_are_refused(scenes, classes):
    with pytest.raises(ValueError, match=r"config\.objective\.classes are 'sea'"):
        _config(scenes, objective={"classes": classes})


def test_a_copy_without_global_features_is_refused(scenes):
    message = "^config.model.global_size is 40; wanted a multiple of 32"
    with pytest.raises(ValueError, match=message):
        _config(scenes, model={"global_size": 40})


def test_batches_have_the_classes_of_their_photographs(scenes, tmp_path):
    config = _config(scenes)
    built = setup.prepare(config, tmp_path, is_quiet=True)
    found = next(setup.training_batches(built, 3))["label"].tolist()
    names = setup.training_names(built, 4)
    classes = ["", *built.labels.classes]
    assert [classes[n + 1] for n in found] == [n.rpartition("/")[0] for n in names]
    assert -1 in found
    assert len(set(found)) > 2


@pytest.mark.slow
def test_a_training_logs_its_classes_and_resumes_with_them(scenes, tmp_path):
    loop.train(_config(scenes, {"training.steps": 1}), tmp_path, is_quiet=True)
    labels = (tmp_path / workdirs.LABELS).read_text()
    loop.train(_config(scenes), tmp_path, is_quiet=True)
    assert (tmp_path / workdirs.LABELS).read_text() == labels
    lines = [json.loads(x) for x in (tmp_path / "log.jsonl").read_text().splitlines()]
    kinds = [(line["step"], line["kind"]) for line in lines]
    assert kinds == [(n, kind) for n in (1, 2) for kind in ("train", "validation")]
    for line in lines:
        assert 0 <= line["class_accuracy"] <= 1
        # Three classes of the first logits' size, in nats.
        assert 0.2 < line["class_loss"] < 10
        assert line["loss"] > line["color_loss"]
    variables, record = checkpoints.restore_model(tmp_path, step=2)
    assert record["description"]["head"] == "sigmoid_ab"
    assert variables["params"]["classifier_head"]["bias"].shape == (3,)
    assert release.load(tmp_path).network.classes == 3
