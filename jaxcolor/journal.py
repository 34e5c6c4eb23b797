"""What a training writes down: means over steps, JSON lines and TensorBoard."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import jax
import numpy as np
from jaxtyping import Float

from jaxcolor.steps import Terms

LOG, TENSORBOARD = "log.jsonl", "tensorboard"


class Interval:
    """Sums of the train step's terms since the last line of the log."""

    def __init__(self, sums: dict[str, Any], count: int) -> None:
        """Starts from sums, as a checkpoint has them, over `count` steps."""
        self._sums = {name: np.asarray(x, np.float64) for name, x in sums.items()}
        self._count = count
        self._waiting: list[Terms] = []

    def add(self, terms: Terms) -> None:
        """Adds a step's terms without waiting for the device."""
        self._waiting.append(terms)

    def means(self) -> dict[str, Float[np.ndarray, "..."]]:
        """Returns the means, waiting for the device."""
        for terms in jax.device_get(self._waiting):
            self._sums = {
                # One after the other in float64: the same sum, resumed or not.
                name: np.asarray(self._sums.get(name, 0.0) + np.asarray(x, np.float64))
                for name, x in terms.items()
            }
            self._count += 1
        self._waiting = []
        return {name: np.asarray(x / self._count) for name, x in self._sums.items()}

    def to_json(self) -> dict[str, Any]:
        """Returns the sums, for a checkpoint."""
        if self._waiting:
            self.means()
        sums = {name: x.tolist() for name, x in self._sums.items()}
        return {"sums": sums, "count": self._count}


class Journal:
    """The log of a workdir; a context that closes it.

    Steps after the one that a training resumes from are taken out first, so that a
    training that was killed leaves the same log as one that was not.
    """

    def __init__(self, workdir: Path, *, step: int) -> None:
        """Opens the log to go on after a step."""
        # Half a second to import, and only a training needs it.
        from tensorboardX import SummaryWriter

        path = workdir / LOG
        _keep_until(path, step)
        self._file: TextIO = path.open("a")
        self._board = SummaryWriter(str(workdir / TENSORBOARD), purge_step=step + 1)

    def write(self, step: int, kind: str, numbers: Mapping[str, Any]) -> None:
        """Writes the numbers of a step, under a kind such as "train"."""
        line = {"step": step, "kind": kind, **numbers}
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
        for name, value in numbers.items():
            self._board.add_scalar(f"{kind}/{name}", value, step)

    def __enter__(self) -> "Journal":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        self._board.close()


def _keep_until(path: Path, step: int) -> None:
    if not path.exists():
        return
    kept = []
    for line in path.read_text().splitlines(keepends=True):
        # A kill can leave half a line, always the last.
        if line.endswith("\n") and json.loads(line)["step"] <= step:
            kept.append(line)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text("".join(kept))
    temporary.replace(path)
