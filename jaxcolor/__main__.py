"""Runs the command line: `jaxcolor`, or `python -m jaxcolor`."""

import sys

# Exit status after Ctrl-C, as shells count it: 128 and the number of the signal.
INTERRUPTED = 130


def main() -> int:
    """Runs the command line and returns its exit status."""
    try:
        # Not at the top: Ctrl-C while these are imported shows no traceback, either.
        from jaxcolor import cli

        return cli.main()
    except KeyboardInterrupt:
        sys.stderr.write("jaxcolor: interrupted\n")
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
