"""A sweep of trainings: one workdir each, and one table of the results."""

import csv
import io
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jaxcolor import plots
from jaxcolor.runtime import atomic, checkpoints, markdown_text
from jaxcolor.training import early_stopping, loop, workdirs
from jaxcolor.training.config import schema
from jaxcolor.training.config.schema import Config
from jaxcolor.training.early_stopping import Standing
from jaxcolor.training.train_log import LOG

LOGGER = logging.getLogger(__name__)
CSV, TABLE, PLOT = "table.csv", "table.md", "losses.png"
# Columns of the last validation, as the log names them.
NUMBERS = ("loss", "constant_loss", "kl", "colorfulness", "colorfulness_of_truth")

OTHER_LOSSES = (
    "Each loss is that of its own objective: trainings that differ in it are compared"
    " by `jaxcolor evaluate`."
)

Named = tuple[str, Config]


def run(
    configs: Sequence[Named], folder: Path, *, only: int | None, is_quiet: bool
) -> bool:
    """Trains the configs that are not trained yet, in order; False if interrupted.

    Args:
        configs: with the names of their workdirs.
        folder: of the sweep.
        only: the position of a single one to train; None for all.
        is_quiet: no progress bars.

    Raises:
        ValueError: as `loop.train`, or there is no such position.
    """
    if only is not None and not 0 <= only < len(configs):
        raise ValueError(
            f"got index {only} of {len(configs)} trainings;"
            f" wanted from 0 to {len(configs) - 1}"
        )
    chosen = configs if only is None else [configs[only]]
    for name, config in chosen:
        if is_finished(config, folder / name):
            LOGGER.info("%s is finished", name)
            continue
        LOGGER.info("training %s", name)
        if not loop.train(config, folder / name, is_quiet=is_quiet).is_finished:
            return False
    return True


def is_finished(config: Config, path: Path) -> bool:
    """Tells whether a workdir has the last checkpoint of a config, or ended early.

    Raises:
        ValueError: it was started with another config.
    """
    if not checkpoints.is_workdir(path):
        return False
    workdirs.check_config(config, path)
    known = checkpoints.steps(path)
    if config.training.steps in known:
        return True
    if not (known and config.training.patience):
        return False
    standing = Standing(**checkpoints.read_record(path, known[-1])["standing"])
    return early_stopping.is_over(standing, patience=config.training.patience)


def collect(configs: Sequence[Named], folder: Path) -> str:
    """Writes table.csv, table.md and losses.png; returns the table as Markdown.

    The cells of a training that has no validation yet are empty.

    Raises:
        ValueError: none was started, or one was started with another config.
    """
    started = [(n, config) for n, config in configs if (folder / n).is_dir()]
    if not started:
        raise ValueError(
            f"{folder} has no training of this config; wanted some of"
            f" {', '.join(name for name, _ in configs[:3])} ..."
        )
    for name, config in started:
        # A training that has just started has no config yet.
        if (folder / name / workdirs.CONFIG).exists():
            workdirs.check_config(config, folder / name)
    logs = {name: _validations(folder / name) for name, _ in configs}
    varied = _varied([config for _, config in configs])
    heads = ["training", *varied, "step", *NUMBERS]
    rows = []
    for name, config in configs:
        flat = workdirs.flat(schema.to_dict(config))
        last = logs[name][-1] if logs[name] else {}
        values = [flat.get(setting) for setting in varied]
        rows.append([name, *values, *(last.get(key) for key in ("step", *NUMBERS))])
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerows([heads, *rows])
    atomic.write_text(folder / CSV, out.getvalue())
    table = markdown_text.table(heads, [[_shown(x) for x in row] for row in rows])
    if any(setting.startswith("objective.") for setting in varied):
        table += f"\n\n{OTHER_LOSSES}"
    atomic.write_text(folder / TABLE, table + "\n")
    curves = {
        name: ([float(one["step"]) for one in log], [one["loss"] for one in log])
        for name, log in logs.items()
        if log
    }
    if curves:
        figure = plots.lines(
            curves,
            x="step",
            y="validation loss, nats",
            is_logarithmic=False,
            verticals={},
        )
        atomic.write_bytes(folder / PLOT, plots.png(figure))
    return table


def _validations(path: Path) -> list[dict[str, Any]]:
    log = path / LOG
    if not log.exists():
        return []
    # The last line may be half written: a training may be running.
    lines = log.read_text().splitlines(keepends=True)
    found = [json.loads(line) for line in lines if line.endswith("\n")]
    return [line for line in found if line["kind"] == "validation"]


def _varied(configs: Sequence[Config]) -> list[str]:
    """Lists the settings that are not the same in all configs."""
    flat = [workdirs.flat(schema.to_dict(config)) for config in configs]
    names = sorted(set().union(*flat))
    return [n for n in names if len({repr(one.get(n)) for one in flat}) > 1]


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
