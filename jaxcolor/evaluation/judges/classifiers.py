"""Semantic interpretability: how well classifiers recognize what was colorized.

Source:
    Zhang et al. 2016 (arXiv:1603.08511), section 3.1, "semantic interpretability".
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int

from jaxcolor import recognition
from jaxcolor.data import imagenet
from jaxcolor.evaluation import manifests, metric
from jaxcolor.evaluation.judges.judge import Judge, Judging, Setting, Shown
from jaxcolor.evaluation.metric import Metric, Statistic, Totals
from jaxcolor.pretrained.importers import efficientnet_lite_weights, torch_pickle
from jaxcolor.recognition.classifiers import Classifier

TITLE = "Recognition"
REMEDY = (
    "give --classifier DIR, of jaxcolor train-classifier, or weights of VGG-16 or"
    " EfficientNet-Lite"
)
# Folders of a classifier's trainings.
MEMBERS = "seed*"


def judge(name: str, path: str | Path, *, classes: Path | None = None) -> Judge:
    """Returns a classifier as a judge.

    Args:
        name: what the table calls it.
        path: a folder of `jaxcolor train-classifier`, or weights of VGG-16 or of
            EfficientNet-Lite, see `recognition.published`.
        classes: a file with the names of the classes, one a line, for weights; None
            for ImageNet's.
    """

    def prepare(setting: Setting) -> Judging:
        file = efficientnet_lite_weights.locate(path)
        members = read(file, classes=classes)
        labels = labels_of(name, members, setting.names)
        provenance = {"path": str(file), "sha256": manifests.hash_of(file)}
        return judging(name, members, labels, provenance=provenance)

    return Judge(prepare, needs_labels=True)


def judging(
    name: str,
    members: Sequence[Classifier],
    labels: Int[np.ndarray, " n"],
    *,
    provenance: Mapping[str, Any],
) -> Judging:
    """Returns one or several trainings of a classifier, ready to judge.

    Args:
        name: what the table calls it.
        members: the trainings, whose mean counts.
        labels: the true class of each photograph; -1 for one that is not judged.
        provenance: path and SHA-256 of its files.

    Raises:
        ValueError: no photograph has a label.
    """
    if np.max(labels, initial=-1) < 0:
        raise ValueError(f"the classifier {name!r} has no labels")
    judged = int((labels >= 0).sum())
    about = dict(getattr(members[0], "about", {}))
    return Judging(
        TITLE,
        _metrics(name, len(members)),
        lambda shown: _recognized(shown, name, members, labels),
        provenance={
            "classifiers": [name],
            "classifier_files": {name: {**provenance, **about, "judged": judged}},
            "notes": _notes(name, about, judged=judged, count=len(labels)),
        },
    )


def read(path: Path, *, classes: Path | None) -> list[Classifier]:
    """Reads the trainings of a classifier: one, or all in a folder of several.

    Raises:
        ValueError: one cannot be read, or they differ in classes.
    """
    if is_published(path):
        return [_published(path, None if classes is None else _lines(classes))]
    folders = sorted(p for p in path.glob(MEMBERS) if p.is_dir()) or [path]
    members: list[Classifier] = [recognition.load(folder) for folder in folders]
    if len({member.classes for member in members}) > 1:
        raise ValueError(f"the trainings in {path} know different classes")
    return members


def is_published(path: Path) -> bool:
    """Tells whether a path is a file with published weights."""
    return path.suffix.lower() in torch_pickle.SUFFIXES and not path.is_dir()


def labels_of(
    name: str, members: Sequence[Classifier], names: Sequence[str]
) -> Int[np.ndarray, " n"]:
    """Returns the class of each photograph.

    For a classifier of ImageNet it is -1 where a photograph has no known class.

    Raises:
        ValueError: the classifier does not know the class of a photograph; one of
            ImageNet that of any.
    """
    if tuple(members[0].classes) != imagenet.wnids():
        return recognition.labels(names, members[0].classes)
    found = imagenet.labels(names)
    if (found < 0).all():
        raise ValueError(
            f"the classifier {name!r} knows the class of none of {len(names):,}"
            " photographs; wanted folders or file names that begin with an ImageNet"
            " class, such as n01440764"
        )
    return found


def _recognized(
    shown: Shown,
    name: str,
    members: Sequence[Classifier],
    labels: Int[np.ndarray, " n"],
) -> dict[str, Array]:
    """Returns which photographs are recognized, at once or among five."""
    # The filling of the last batch has no label; what is found of it is cut off.
    last = len(labels) - 1
    label = jnp.asarray(labels[np.minimum(np.asarray(shown.positions), last)])
    is_known = label >= 0
    few = recognition.top(members[0].classes)
    found: dict[str, Array] = {f"{name}.labelled": is_known}
    hits: dict[str, list[Array]] = {"top1": [], "top5": []}
    for n, classifier in enumerate(members):
        logits = classifier(shown.rgb)
        for key, k in (("top1", 1), ("top5", few)):
            is_hit = recognition.is_among_top(logits, jnp.maximum(label, 0), k=k)
            hits[key].append(is_hit & is_known)
        found[f"{name}.training{n}"] = hits["top1"][-1]
    for key, of_members in hits.items():
        found[f"{name}.{key}"] = jnp.stack(of_members).mean(axis=0)
    return found


def _metrics(name: str, trainings: int) -> tuple[Metric, ...]:
    """Returns the columns of a classifier: four, or three of a single training."""

    def make(key: str, head: str, form: str, meaning: str, one: Statistic) -> Metric:
        return Metric(
            key=f"{name}.{key}",
            heading=f"{name} {head}",
            format=form,
            meaning=meaning,
            better="none" if key == "spread" else "higher",
            table=TITLE,
            statistic=one,
            has_interval=key != "spread",
        )

    top1, top5 = (_percentage(name, key) for key in ("top1", "top5"))
    meaning = "standard deviation of top-1 over its trainings"
    spread = make("spread", "spread", ".1f", meaning, _spread(name, trainings))
    return (
        make("top1", "top-1, %", ".1f", "share whose class is the likeliest", top1),
        *([spread] if trainings > 1 else []),
        make("top5", "top-5, %", ".1f", "share whose class is in the top 5", top5),
        make(
            "gap",
            "gap, %",
            ".0f",
            "share of the way from gray's top-1 to the originals'",
            _gap(f"{name}.top1"),
        ),
    )


def _percentage(name: str, key: str) -> Statistic:
    # Hits of photographs without a label are zero.
    share = metric.ratio(f"{name}.{key}", f"{name}.labelled")
    return share._replace(value=lambda totals: 100 * share.value(totals))


def _gap(name: str) -> Statistic:
    def value(totals: Totals) -> np.ndarray:
        system, truth, gray = (part[name] for part in totals[:3])
        return 100 * metric.over(system - gray, truth - gray)

    return Statistic((name,), value)


def _spread(name: str, trainings: int) -> Statistic:
    """Returns the standard deviation over the trainings of a classifier."""
    names = tuple(f"{name}.training{n}" for n in range(trainings))
    known = f"{name}.labelled"

    def value(totals: Totals) -> np.ndarray:
        each = [100 * totals.system[one] / totals.system[known] for one in names]
        return np.std(each, axis=0, ddof=1)

    return Statistic((*names, known), value)


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


def _published(path: Path, names: Sequence[str] | None) -> Classifier:
    found = recognition.published(path, classes=names)
    if names is not None:
        return found
    wnids = imagenet.wnids()
    if len(found.classes) != len(wnids):
        raise ValueError(
            f"{path} has {len(found.classes)} classes; wanted ImageNet's"
            f" {len(wnids)}, or their names by --classes"
        )
    return found._replace(classes=wnids)


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
