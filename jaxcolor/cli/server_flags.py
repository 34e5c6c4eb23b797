"""Flags of the commands that serve pages: where they listen, and under which names."""

from argparse import ArgumentParser

HOST, PORT = "127.0.0.1", 8000


def add(parser: ArgumentParser) -> None:
    """Adds --host, --port and --allow-host."""
    parser.add_argument(
        "--host",
        default=HOST,
        metavar="ADDRESS",
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
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="answer to requests for this host name, too, such as that of a proxy;"
        " repeat it for several",
    )
