"""`jaxcolor prepare`: writes photographs as a data set of TensorFlow Datasets."""

import os
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from jaxcolor.cli import flags
from jaxcolor.cli.flags import Command

if TYPE_CHECKING:
    from jaxcolor.data.prepare.prepare import Outcome

# As in `layout` and `recode` of data.prepare, which take time to import.
SPLITS = ("hash", "folders", "imagenet")
REENCODINGS = ("keep", "short-side", "square")


def _add_prepare(parser: ArgumentParser) -> None:
    parser.add_argument(
        "source",
        type=Path,
        metavar="SOURCE",
        help="photographs: a folder, with or without one folder for each class or for"
        " train, val and test; ImageNet in its own folders, or the folder with"
        " ILSVRC2012_img_train.tar and ILSVRC2012_img_val.tar; an uncompressed tar",
    )
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        type=Path,
        metavar="DATA_DIR",
        help="the data set is written into DATA_DIR/NAME/1.0.0",
    )
    parser.add_argument(
        "--name", required=True, help="of lower-case letters, digits, underscores"
    )
    _add_recipe(parser)
    _add_division(parser)
    _add_sharing(parser)


def _add_recipe(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--reencode",
        choices=REENCODINGS,
        default="keep",
        help="keep the bytes of JPEGs; or resize the shorter side, or both sides"
        " (square, as the paper did), to --size pixels. Other formats and CMYK become"
        " JPEGs (default: %(default)s)",
    )
    parser.add_argument(
        "--size",
        type=flags.count,
        default=256,
        metavar="N",
        help="size of re-encoded photographs, in pixels (default: %(default)s)",
    )
    parser.add_argument(
        "--quality",
        type=_quality,
        default=95,
        metavar="N",
        help="quality of encoded JPEGs, 1 to 100 (default: %(default)s)",
    )


def _add_division(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--splits",
        choices=SPLITS,
        help="by a hash of the names; by folders named train, val, test; or the paper's"
        " splits of ImageNet: val 1 to 10,000 for validation, the list of 10,000 others"
        " for the test, the rest is left out (default: as the names suggest)",
    )
    for split in ("validation", "test"):
        parser.add_argument(
            f"--{split}",
            type=float,
            metavar="SHARE",
            help=f"share for {split}, of a split by hash (default: 0.1)",
        )


def _add_sharing(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--shard-photos",
        type=flags.count,
        # ImageNet's 1.3 million lie in 321 files, and each stays open while it is read.
        default=4000,
        metavar="N",
        help="photographs in a file at most (default: %(default)s)",
    )
    parser.add_argument(
        "--workers",
        type=flags.count,
        default=os.cpu_count() or 1,
        metavar="N",
        help="processes on this machine (default: %(default)s)",
    )
    parser.add_argument(
        "--index",
        type=int,
        default=0,
        metavar="I",
        help="number of this machine, from 0, of several that share DATA_DIR",
    )
    parser.add_argument(
        "--count",
        type=flags.count,
        default=1,
        metavar="N",
        help="how many machines share DATA_DIR; the last to finish writes the metadata",
    )


def _prepare(arguments: Namespace) -> int:
    from jaxcolor.data.prepare import prepare
    from jaxcolor.data.prepare.recode import Recipe

    outcome = prepare.prepare(
        arguments.source,
        arguments.output,
        name=arguments.name,
        recipe=Recipe(arguments.reencode, arguments.size, arguments.quality),
        division=prepare.Division(
            arguments.splits, arguments.validation, arguments.test
        ),
        shard_photos=arguments.shard_photos,
        part=prepare.Part(arguments.index, arguments.count),
        workers=arguments.workers,
        is_quiet=arguments.quiet,
    )
    if not arguments.quiet:
        _print(outcome, arguments)
    return 0


def _print(outcome: "Outcome", arguments: Namespace) -> None:
    if outcome.missing:
        print(
            f"{outcome.folder}: {outcome.missing} of {outcome.shards} shards are left"
            " to others; the last to finish completes the data set"
        )
        return
    counts = [f"{number:,} {split}" for split, number in outcome.photographs.items()]
    print(f"{outcome.folder}: {', '.join(counts)}")
    print(
        f"{outcome.broken:,} broken, {outcome.left_out:,} in no split; {outcome.gray:,}"
        f" gray, {outcome.converted:,} converted to JPEG: see report.json there"
    )
    for split in outcome.photographs:
        print(f"  tfds:{outcome.folder}:{split}")


def _quality(text: str) -> int:
    number = flags.count(text)
    if number > 100:
        raise ValueError(text)
    return number


COMMAND = Command(
    "write photographs as a data set of TensorFlow Datasets",
    "  jaxcolor prepare photos/ -o data/ --name photos --reencode short-side\n"
    "  jaxcolor train --config scenes_small --workdir runs/mine \\\n"
    "      --config.data.source=tfds:photos:train --config.data.data_dir=data/\n\n"
    "The same command resumes a run that was stopped. Broken photographs are left"
    " out;\nthey, gray and converted ones are listed in report.json. The data set is"
    " also opened\nby its folder: tfds:data/photos/1.0.0:test",
    _add_prepare,
    _prepare,
    extra="tfds",
)
