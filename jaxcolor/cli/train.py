"""`jaxcolor train`: a training, begun or gone on with."""

import shlex
from argparse import ArgumentParser, Namespace
from pathlib import Path

from jaxcolor.cli import flags
from jaxcolor.cli.flags import Command


def _add_train(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        required=True,
        type=Path,
        metavar="FILE",
        help="a file of configs/; override its values by --config.NAME=VALUE",
    )
    parser.add_argument(
        "--workdir",
        required=True,
        type=Path,
        metavar="DIR",
        help="for checkpoints and logs; a training in it goes on",
    )
    flags.add_stopped(parser)
    flags.add_processes(parser)


def _train(arguments: Namespace) -> int:
    from jaxcolor.runtime import processes
    from jaxcolor.training import loop
    from jaxcolor.training.config import build, reading

    config = reading.read(arguments.config, arguments.overrides)
    build.check_sections(config)
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
        print(f"stopped after step {outcome.step}; to go on: {shlex.join(command)}")
    elif not arguments.quiet:
        print(f"finished: {arguments.workdir} has step {outcome.step}")
    return status


COMMAND = Command(
    "train a network as a config says, or go on with it",
    "  jaxcolor train --config configs/scenes_small.py --workdir runs/mine"
    " --config.data.source=photos/",
    _add_train,
    _train,
    has_overrides=True,
    extra="train",
)
