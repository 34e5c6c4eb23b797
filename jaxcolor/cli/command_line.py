"""The `jaxcolor` command: parses, calls, prints.

Commands import what they need when they run, so that `jaxcolor --help` is quick.
"""

import argparse
import io
import logging
import sys
import warnings
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

from jaxcolor.cli import (
    colorize,
    evaluate,
    export,
    extras,
    finetune,
    import_weights,
    prepare,
    prior,
    release,
    serve,
    study,
    sweep,
    sweep_train,
    train,
    train_classifier,
)
from jaxcolor.runtime import printable

# Exit statuses: something failed; the command was not understood; Ctrl-C, as shells
# count it.
FAILED, MISUSED, INTERRUPTED = 1, 2, 130
COMMANDS = {
    "colorize": colorize.COMMAND,
    "serve": serve.COMMAND,
    "train": train.COMMAND,
    "finetune": finetune.COMMAND,
    "prepare": prepare.COMMAND,
    "prior": prior.COMMAND,
    "evaluate": evaluate.COMMAND,
    "sweep": sweep.COMMAND,
    "sweep-train": sweep_train.COMMAND,
    "release": release.COMMAND,
    "import": import_weights.COMMAND,
    "export": export.COMMAND,
    "study": study.COMMAND,
    "train-classifier": train_classifier.COMMAND,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit status."""
    parser = _parser()
    arguments, rest = parser.parse_known_args(argv)
    if rest and not arguments.command.has_overrides:
        arguments.parser.error(f"unrecognized arguments: {' '.join(rest)}")
    arguments.overrides = rest
    for stream in (sys.stdout, sys.stderr):
        # Names of files that are not UTF-8 carry their bytes as surrogates.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="surrogateescape")
    _log_to_stderr(is_quiet=arguments.quiet)
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        try:
            status = _run(arguments)
        except BaseException:
            _leave(FAILED)
            raise
        _leave(status)
        return status


def _run(arguments: Namespace) -> int:
    try:
        if arguments.command.extra is not None:
            extras.check(arguments.command.extra, command=arguments.called)
        status: int = arguments.command.run(arguments)
        return status
    except ModuleNotFoundError as error:
        advice = extras.explained(error, command=arguments.called)
        if advice is None:
            raise
        print(f"jaxcolor: error: {advice}", file=sys.stderr)
        return MISUSED
    except ValueError as error:
        _print_error(error)
        return MISUSED
    # Such as a full disk, or a training that diverged.
    except (OSError, ArithmeticError) as error:
        _print_error(error)
        return FAILED
    except KeyboardInterrupt:
        print("jaxcolor: interrupted", file=sys.stderr)
        return INTERRUPTED


def _print_error(error: Exception) -> None:
    print(f"jaxcolor: error: {printable.escape(str(error))}", file=sys.stderr)


def _leave(status: int) -> None:
    # Not imported unless a command did, because importing JAX takes a second.
    joined = sys.modules.get("jaxcolor.runtime.processes")
    if status and joined is not None:
        joined.leave(status)


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="jaxcolor", description="Colorizes black-and-white photographs."
    )
    parser.add_argument(
        "--version", action=_PrintVersion, nargs=0, help="print the version and exit"
    )
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, command in COMMANDS.items():
        subparser = subparsers.add_parser(
            name,
            help=command.summary,
            description=command.summary,
            epilog=f"example:\n{command.example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            # `--mode` is a mistake, not `--model`.
            allow_abbrev=False,
        )
        command.add_arguments(subparser)
        subparser.add_argument(
            "--quiet", action="store_true", help="no progress bars, only warnings"
        )
        subparser.set_defaults(called=name, command=command, parser=subparser)
    return parser


def _log_to_stderr(*, is_quiet: bool) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(_Formatter("jaxcolor: %(message)s"))
    # At the root, before a library that finds none there adds a handler of its own.
    logging.basicConfig(handlers=[handler])
    level = logging.WARNING if is_quiet else logging.INFO
    logging.getLogger("jaxcolor").setLevel(level)
    # Orbax logs every file through this logger.
    logging.getLogger("absl").setLevel(logging.ERROR)


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    """Prints a warning without the line of code that warns."""
    text = printable.escape(str(message))
    print(f"jaxcolor: warning: {text}", file=sys.stderr)


class _Formatter(logging.Formatter):
    """Escapes control characters that file names in a message may contain."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 # logging's
        return printable.escape(super().formatMessage(record))


class _PrintVersion(argparse.Action):
    """Looks the version up only on request, because reading metadata is slow."""

    def __call__(self, parser: ArgumentParser, *_: object) -> None:
        import jaxcolor

        print(f"jaxcolor {jaxcolor.__version__}")
        parser.exit()
