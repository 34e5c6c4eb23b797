"""`jaxcolor train`: trains a network, or resumes a training."""

import shlex
from argparse import ArgumentParser, Namespace
from pathlib import Path

from jaxcolor.cli import flags
from jaxcolor.cli.flags import Command


def _add_train(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        required=True,
        metavar="CONFIG",
        help="the name of a config, such as scenes_small, or the path of a config file;"
        " override its values with --config.NAME=VALUE",
    )
    parser.add_argument(
        "--workdir",
        required=True,
        type=Path,
        metavar="DIR",
        help="folder for checkpoints and logs; a training in it is resumed",
    )
    flags.add_stopped(parser)
    flags.add_processes(parser)


def _train(arguments: Namespace) -> int:
    from jaxcolor.runtime import processes
    from jaxcolor.training import loop
    from jaxcolor.training.config import reading

    config = reading.read(arguments.config, arguments.overrides)
    flags.join(
        arguments,
        heartbeat_seconds=config.parallel.heartbeat_seconds,
        is_preemptible=True,
    )
    outcome = loop.train(config, arguments.workdir, is_quiet=arguments.quiet)
    status = 0 if outcome.is_finished else arguments.status_if_stopped
    if not processes.is_first():
        return status
    if not outcome.is_finished:
        command = ["jaxcolor", "train", f"--config={arguments.config}"]
        command += [f"--workdir={arguments.workdir}", *arguments.overrides]
        if arguments.coordinator is not None:
            command += [f"--coordinator={arguments.coordinator}"]
            command += [f"--processes={arguments.processes}", "--process=0"]
        elif processes.are_many():
            command.append("--distributed")
        print(f"stopped after step {outcome.step}; to resume: {shlex.join(command)}")
    elif not arguments.quiet:
        print(f"finished: {arguments.workdir} has step {outcome.step}")
    return status


COMMAND = Command(
    "train a network as a config says, or resume a training",
    "  jaxcolor train --config scenes_small --workdir runs/mine"
    " --config.data.source=photos/",
    _add_train,
    _train,
    has_overrides=True,
    extra="train",
)
