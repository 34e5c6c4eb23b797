"""`jaxcolor prior`: how often each color occurs in photographs."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path

from jaxcolor.cli import flags
from jaxcolor.cli.flags import Command

# Of one that counts a prior.
HEARTBEAT_SECONDS = 100


def _add_prior(parser: ArgumentParser) -> None:
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="photographs: a folder, a .txt list of files, or tfds:NAME:SPLIT",
    )
    parser.add_argument(
        "-o", "--output", required=True, type=Path, metavar="FILE", help="a JSON file"
    )
    numbers: dict[str, tuple[Callable[[str], float], float, str]] = {
        "--spacing": (float, 10.0, "of the bins"),
        "--neighbors": (flags.count, 10, "of the soft code"),
        "--sigma": (float, 5.0, "of the soft code"),
        "--resize": (flags.count, 256, "side of the photographs, in pixels"),
    }
    for flag, (kind, value, told) in numbers.items():
        parser.add_argument(
            flag, type=kind, default=value, metavar="N", help=f"{told} (%(default)s)"
        )
    parser.add_argument(
        "--squash",
        action="store_true",
        help="to a square, as the paper did, instead of taking the central square",
    )
    parser.add_argument("--data-dir", help="where TensorFlow Datasets looks")
    parser.add_argument(
        "--overwrite", action="store_true", help="replace a file that is there already"
    )
    flags.add_processes(parser)


def _prior(arguments: Namespace) -> int:
    from jaxcolor import images
    from jaxcolor.color import gamut
    from jaxcolor.data import sources
    from jaxcolor.models.zhang2016 import Zhang2016
    from jaxcolor.runtime import processes
    from jaxcolor.training import priors

    flags.join(arguments, heartbeat_seconds=HEARTBEAT_SECONDS, is_preemptible=False)
    # Before the work, which may take hours.
    if not arguments.overwrite:
        images.refuse_existing(arguments.output)
    if not arguments.output.parent.is_dir():
        raise ValueError(f"there is no folder {arguments.output.parent}")
    bins = gamut.from_srgb(spacing=arguments.spacing)
    source = sources.open_source(arguments.source, data_dir=arguments.data_dir)
    found = priors.estimate(
        source,
        bins,
        neighbors=arguments.neighbors,
        sigma=arguments.sigma,
        # A network of another stride counts its own prior as it trains.
        stride=Zhang2016.output_stride,
        resize=arguments.resize,
        squash=arguments.squash,
        name=arguments.source,
        is_quiet=arguments.quiet,
    )
    if not processes.is_first():
        return 0
    priors.write(found, arguments.output)
    if not arguments.quiet:
        filled = int((found.counts > 0).sum())
        print(
            f"{arguments.output}: {filled} of {len(found.counts)} bins occur"
            f" in {found.images} photographs"
        )
    return 0


COMMAND = Command(
    "count how often each color occurs in photographs",
    "  jaxcolor prior photos/ -o prior.json",
    _add_prior,
    _prior,
)
