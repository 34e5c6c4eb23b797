"""`jaxcolor prior`: counts how often each color occurs in photographs."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path

from jaxcolor.cli import flags
from jaxcolor.cli.flags import Command

# Seconds without a heartbeat after which a process is considered dead.
HEARTBEAT_SECONDS = 100


def _add_prior(parser: ArgumentParser) -> None:
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help=f"photographs: {flags.SOURCES}",
    )
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        type=Path,
        metavar="FILE",
        help="the JSON file to write",
    )
    numbers: dict[str, tuple[Callable[[str], float], float, str]] = {
        "--spacing": (float, 10.0, "distance between bins"),
        "--neighbors": (flags.count, 10, "bins in the soft code of a pixel"),
        "--sigma": (float, 5.0, "width of the soft code"),
        "--resize": (flags.count, 256, "side of the photographs, in pixels"),
    }
    for flag, (kind, value, meaning) in numbers.items():
        parser.add_argument(
            flag,
            type=kind,
            default=value,
            metavar="N",
            help=f"{meaning} (default: %(default)s)",
        )
    parser.add_argument(
        "--squash",
        action="store_true",
        help="resize to a square, as the paper did, instead of taking the central one",
    )
    flags.add_data_dir(parser)
    parser.add_argument(
        "--plot",
        type=Path,
        metavar="FILE.png",
        help="also draw the bins and how common each is, as in the paper's figure 3",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace existing files"
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
    for path in filter(None, (arguments.output, arguments.plot)):
        if not arguments.overwrite:
            images.refuse_existing(path)
        if not path.parent.is_dir():
            raise ValueError(f"there is no folder {path.parent}")
    if arguments.plot is not None and arguments.plot.suffix.lower() != ".png":
        raise ValueError(f"--plot is {arguments.plot}; wanted a name that ends in .png")
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
    if arguments.plot is not None:
        from jaxcolor import plots
        from jaxcolor.runtime import printable

        shares = priors.probabilities(found)
        name = printable.escape(arguments.source)
        figure = plots.bins_and_prior(bins.centers, shares, source=name)
        arguments.plot.write_bytes(plots.png(figure))
    if not arguments.quiet:
        filled = int((found.counts > 0).sum())
        print(
            f"{arguments.output}: {filled} of {len(found.counts)} bins occur"
            f" in {found.images:,} photographs"
        )
    return 0


COMMAND = Command(
    "count how often each color occurs in photographs",
    "  jaxcolor prior photos/ -o prior.json",
    _add_prior,
    _prior,
)
