"""Runs the command line as `python -m jaxcolor`."""

import sys

from jaxcolor import cli

if __name__ == "__main__":
    sys.exit(cli.main())
