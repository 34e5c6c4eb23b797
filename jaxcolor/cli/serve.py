"""`jaxcolor serve`: a page for people with photographs."""

import warnings
from argparse import ArgumentParser, Namespace

from jaxcolor.cli import flags
from jaxcolor.cli.flags import Command

HOST, PORT = "127.0.0.1", 8000
# The defaults of `web.demo.limits`, whose import needs no extra but its package's does.
MEGABYTES, MEGAPIXELS, WAITING = 50, 50, 16


def _add_serve(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--host",
        default=HOST,
        help="address to listen at; 0.0.0.0 lets the whole network in (default:"
        " %(default)s, this machine only)",
    )
    parser.add_argument(
        "--port",
        type=int,
        default=PORT,
        metavar="N",
        help="port to listen at; 0 takes a free one (default: %(default)s)",
    )
    parser.add_argument(
        "--model",
        metavar="MODEL",
        help="a released model, or any other that jaxcolor colorize takes (default:"
        " the bundled model)",
    )
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="answer to requests for this host name, too, such as that of a proxy;"
        " repeat it for several",
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
