"""`jaxcolor sweep-train`: trains every variant that a config defines."""

import shlex
from argparse import ArgumentParser, Namespace
from pathlib import Path

from jaxcolor.cli import flags
from jaxcolor.cli.flags import Command


def _add_sweep_train(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        required=True,
        metavar="CONFIG",
        help="the name or the path of a config with get_hyper(hyper), see"
        " jaxcolor.training.config.hyper; override values of all trainings with"
        " --config.NAME=VALUE",
    )
    parser.add_argument(
        "--workdir",
        required=True,
        type=Path,
        metavar="DIR",
        help="folder for the trainings' workdirs, table.md, table.csv and losses.png",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--index",
        type=int,
        metavar="I",
        help="train only variant I, counted from 0: for job arrays",
    )
    what.add_argument("--list", action="store_true", help="only print the variants")
    what.add_argument(
        "--collect",
        action="store_true",
        help="only make the table of existing trainings",
    )
    flags.add_stopped(parser)


def _sweep_train(arguments: Namespace) -> int:
    from jaxcolor.inference import folders
    from jaxcolor.training import training_sweep
    from jaxcolor.training.config import reading

    configs = reading.read_sweep(arguments.config, arguments.overrides)
    if arguments.list:
        print("\n".join(name for name, _ in configs))
        return 0
    folders.check_folder(arguments.workdir)
    if arguments.collect:
        if not arguments.workdir.is_dir():
            raise ValueError(f"there is no folder {arguments.workdir}")
        print(training_sweep.collect(configs, arguments.workdir))
        return 0
    is_finished = training_sweep.run(
        configs, arguments.workdir, only=arguments.index, is_quiet=arguments.quiet
    )
    if not is_finished:
        command = ["jaxcolor", "sweep-train", f"--config={arguments.config}"]
        command += [f"--workdir={arguments.workdir}", *arguments.overrides]
        if arguments.index is not None:
            command.append(f"--index={arguments.index}")
        print(f"stopped; to resume: {shlex.join(command)}")
        status: int = arguments.status_if_stopped
        return status
    # In a job array every task would write the table; --collect makes it afterwards.
    if arguments.index is None:
        print(training_sweep.collect(configs, arguments.workdir))
    return 0


COMMAND = Command(
    "train every variant that a config defines, skipping finished ones",
    "  jaxcolor sweep-train --config lambda_sweep --workdir runs/lambdas"
    " --config.data.source=photos/",
    _add_sweep_train,
    _sweep_train,
    has_overrides=True,
    extra="train",
)
