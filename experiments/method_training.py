"""Trains the methods of the comparison alike: the same photographs, crops and steps."""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from jaxcolor.data import files
from jaxcolor.runtime import atomic, checkpoints
from jaxcolor.training import training_sweep, workdirs
from jaxcolor.training.config import reading, schema
from jaxcolor.training.config.schema import Config

TRAIN_LIST = "train.txt"

FULL = "zhang2016"
"""The config of the full method, which the others are compared with."""

LABELS = {
    FULL: "full",
    "zhang2016_no_rebalancing": "classification",
    "l2": "L2",
    "l2_finetune": "L2, fine-tuned",
    "larsson2016": "Larsson et al. 2016",
    "dahl2016": "Dahl 2016",
    "iizuka2016": "Iizuka et al. 2016",
    "siggraph17": "Zhang et al. 2017",
}
"""Names of the methods in tables and figures, by their configs; the paper's names."""

STARTS_FROM = {"l2_finetune": FULL}
"""Methods whose training starts from another one's best checkpoint."""

# Settings that all methods share: sections, or single settings of one.
SHARED = ("training.seed", "training.steps", "training.batch_size", "data", "pipeline")
# Settings of these that change no crop.
FREE = ("pipeline.threads", "pipeline.prefetch")


class Trained(NamedTuple):
    """A method that is trained.

    Attributes:
        config: of its training.
        workdir: of its training.
        model: its last checkpoint, as `release.load` takes it.
    """

    config: Config
    workdir: Path
    model: str


def read_configs(
    names: Sequence[str],
    *,
    folder: str,
    train: str | Path,
    trainings: Path,
    overrides: Sequence[str],
) -> dict[str, Config]:
    """Returns the configs of methods, all on the same photographs.

    Args:
        names: of the methods.
        folder: has the config NAME.py of each, or is a folder of the project's configs.
        train: the photographs to train on.
        trainings: folder of the workdirs.
        overrides: as in `reading.read`, for all methods.

    Raises:
        ValueError: there is no such config, two of them would train on other crops or
            for other steps, or one starts from a method that is not trained here.
    """
    found = {}
    for name in names:
        path = Path(folder) / f"{name}.py"
        given = [f"--config.data.source={train}", *overrides]
        if name in STARTS_FROM:
            start = trainings / STARTS_FROM[name]
            if STARTS_FROM[name] not in found and not checkpoints.is_workdir(start):
                raise ValueError(
                    f"{name} starts from {STARTS_FROM[name]}, which is not in"
                    f" {trainings}; wanted it before {name}"
                )
            given.append(f"--config.initialization.checkpoint={start}")
        config = path if path.is_file() else f"{folder}/{name}"
        found[name] = reading.read(config, given)
    for one, other in itertools.pairwise(found):
        _check_alike(one, found[one], other, found[other])
    return found


def _check_alike(one: str, config: Config, other: str, another: Config) -> None:
    """Refuses two configs that differ in a shared setting."""
    settings = [workdirs.flat(schema.to_dict(x)) for x in (config, another)]
    for name in sorted(settings[0].keys() | settings[1].keys()):
        is_shared = any(f"{name}.".startswith(f"{shared}.") for shared in SHARED)
        values = [some.get(name) for some in settings]
        if is_shared and name not in FREE and values[0] != values[1]:
            raise ValueError(
                f"{name} is {values[0]!r} for {one} and {values[1]!r} for {other};"
                f" wanted the same, such as by --config.{name}=VALUE"
            )


def train(
    configs: Mapping[str, Config], trainings: Path, *, is_quiet: bool
) -> tuple[dict[str, Trained], dict[str, str]] | None:
    """Trains what is not finished, one method after the other.

    Returns:
        The trained methods; and by method that cannot be trained, why. None if the
        training was interrupted.
    """
    found, left_out = {}, {}
    for name, config in configs.items():
        try:
            done = training_sweep.run(
                [(name, config)], trainings, only=None, is_quiet=is_quiet
            )
        # Such as a loss that is not finite: the other methods are worth training.
        except (ValueError, ArithmeticError) as error:
            left_out[name] = str(error)
            continue
        if not done:
            return None
        workdir = trainings / name
        # The last checkpoint, not the best one: the same crops for all methods.
        step = checkpoints.steps(workdir)[-1]
        found[name] = Trained(config, workdir, f"{workdir}@{step}")
    return found, left_out


def train_source(given: Sequence[str], output: Path) -> str:
    """Returns one source for several folders of photographs: a list of their files.

    Raises:
        ValueError: several are given, and one of them is no folder with photographs.
    """
    if len(given) == 1:
        return given[0]
    listed = []
    for folder in map(Path, given):
        found = files.find(folder) if folder.is_dir() else []
        if not found:
            raise ValueError(f"no photographs in {folder}; wanted a folder of them")
        listed += [str(folder.resolve() / name) for name in found]
    output.mkdir(parents=True, exist_ok=True)
    path = output / TRAIN_LIST
    atomic.write_text(path, "\n".join(listed) + "\n")
    return str(path)
