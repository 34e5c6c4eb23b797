"""`jaxcolor train-classifier`: trains classifiers to evaluate colorizations with."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from jaxcolor.cli import flags
from jaxcolor.cli.flags import Command

if TYPE_CHECKING:
    from jaxcolor import recognition
    from jaxcolor.recognition.classifier_training import Recipe


def _add_train_classifier(parser: ArgumentParser) -> None:
    parser.add_argument(
        "folder",
        metavar="LABELLED_FOLDER",
        help="color photographs, in one folder for each class, named after it",
    )
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        type=Path,
        metavar="DIR",
        help="gets seed0, seed1 and so on; classifiers that are there already stay",
    )
    numbers: dict[str, tuple[Callable[[str], float], float, str]] = {
        "--seeds": (flags.count, 3, "classifiers to train"),
        "--epochs": (flags.count, 8, "how often each photograph is seen"),
        "--size": (flags.count, 128, "side of the crops, in pixels"),
        "--batch-size": (flags.count, 64, "photographs in a training step"),
        "--width": (float, 1.0, "factor of the network's channels"),
        "--learning-rate": (float, 3e-3, "learning rate at the end of the warm-up"),
        "--weight-decay": (float, 0.05, "weight decay of AdamW"),
        "--label-smoothing": (float, 0.1, "share of probability for all classes"),
        "--held-out": (
            float,
            0.05,
            "share of the photographs to set aside for validation",
        ),
    }
    for flag, (kind, value, meaning) in numbers.items():
        parser.add_argument(
            flag,
            type=kind,
            default=value,
            metavar="N",
            help=f"{meaning} (default: %(default)s)",
        )


def _train_classifier(arguments: Namespace) -> int:
    from jaxcolor import recognition
    from jaxcolor.data import sources
    from jaxcolor.recognition import classifier_training

    recipe = classifier_training.Recipe(
        epochs=arguments.epochs,
        batch_size=arguments.batch_size,
        size=arguments.size,
        width=arguments.width,
        learning_rate=arguments.learning_rate,
        weight_decay=arguments.weight_decay,
        label_smoothing=arguments.label_smoothing,
        held_out_fraction=arguments.held_out,
    )
    folders = [arguments.output / f"seed{n}" for n in range(arguments.seeds)]
    finished = {folder for folder in folders if folder.exists()}
    for folder in finished:
        _check_recipe(folder, recipe)
    if len(finished) < len(folders):
        source = sources.folder(arguments.folder)
    for seed, folder in enumerate(folders):
        if folder not in finished:
            trained = classifier_training.train(
                source,
                recipe,
                seed=seed,
                name=arguments.folder,
                is_quiet=arguments.quiet,
            )
            recognition.save(trained, folder)
        if not arguments.quiet:
            print(f"{folder}: {_summary(recognition.load(folder))}")
    return 0


def _check_recipe(folder: Path, recipe: "Recipe") -> None:
    """Refuses to mix classifiers of several recipes in one folder.

    Raises:
        ValueError: naming what differs.
    """
    from jaxcolor import recognition

    before = recognition.load(folder).provenance["recipe"]
    for name, value in recipe._asdict().items():
        if before.get(name) != value:
            raise ValueError(
                f"{folder} was trained with {name} {before.get(name)}, not {value};"
                " wanted the same, or another output folder"
            )


def _summary(trained: "recognition.Trained") -> str:
    validation = trained.provenance["validation"]
    text = f"{len(trained.classes)} classes"
    if validation is None:
        return text
    return (
        f"{text}; recognizes {validation['color']:.1%} of"
        f" {validation['photographs']} photographs set aside, {validation['gray']:.1%}"
        " in gray"
    )


COMMAND = Command(
    "train classifiers that measure how well colorizations are recognized",
    "  jaxcolor train-classifier scenes/ -o classifiers/ --seeds 3",
    _add_train_classifier,
    _train_classifier,
    extra="train",
)
