"""`jaxcolor serve`: a page for people with photographs."""

import warnings
from argparse import ArgumentParser, Namespace

from jaxcolor.cli import flags, server_flags
from jaxcolor.cli.flags import Command

# The defaults of `web.demo.limits`, whose import needs no extra but its package's does.
MEGABYTES, MEGAPIXELS, WAITING = 50, 50, 16


def _add_serve(parser: ArgumentParser) -> None:
    server_flags.add(parser)
    parser.add_argument(
        "--model",
        metavar="MODEL",
        help="a released model, or any other that jaxcolor colorize takes (default:"
        " the bundled model)",
    )
    group = parser.add_argument_group("limits")
    limits = {
        "--max-megabytes": (MEGABYTES, "of a photograph's file"),
        "--max-megapixels": (MEGAPIXELS, "of a photograph"),
        "--queue": (WAITING, "requests that wait for the one that is computed"),
    }
    for flag, (value, meaning) in limits.items():
        group.add_argument(
            flag,
            type=flags.count,
            default=value,
            metavar="N",
            help=f"{meaning} (default: %(default)s)",
        )


def _serve(arguments: Namespace) -> int:
    from jaxcolor.inference.colorizer import Colorizer
    from jaxcolor.web import serving
    from jaxcolor.web.demo import app
    from jaxcolor.web.demo.limits import DEFAULT, MEGABYTE, MEGAPIXEL

    # An entry that is damaged or cannot be written only costs time.
    warnings.filterwarnings("ignore", "Error .* persistent compilation cache")
    limits = DEFAULT._replace(
        upload_bytes=arguments.max_megabytes * MEGABYTE,
        pixels=arguments.max_megapixels * MEGAPIXEL,
        waiting=arguments.queue,
    )
    # Before the model, which takes seconds.
    with serving.bind(arguments.host, arguments.port) as bound:
        served = app.make(
            Colorizer.load(arguments.model),
            model=arguments.model,
            host=arguments.host,
            allowed_hosts=arguments.allow_host,
            limits=limits,
        )
        if not arguments.quiet:
            print(f"Serving at {serving.address(bound)} until Ctrl-C", flush=True)
        serving.run(served, bound)
    return 0


COMMAND = Command(
    "serve a page that colorizes photographs",
    "  jaxcolor serve --port 8080\n  jaxcolor serve --host 0.0.0.0 --model my-model/",
    _add_serve,
    _serve,
    extra="web",
)
