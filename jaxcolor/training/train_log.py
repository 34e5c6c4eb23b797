"""The log of a training: means over steps, JSON lines and TensorBoard."""

import contextlib
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import jax
import numpy as np
from jaxtyping import Float

from jaxcolor.color.heads import Terms
from jaxcolor.runtime import atomic, processes

LOG, TENSORBOARD = "log.jsonl", "tensorboard"


class Interval:
    """Sums of the train step's terms since the last line of the log."""

    def __init__(self, sums: dict[str, Any], count: int, skipped: int = 0) -> None:
        """Starts from sums, as in a checkpoint.

        Args:
            sums: of the terms.
            count: number of steps that they are over.
            skipped: number of further steps that made no update and are in no sum.
        """
        self._sums = {name: np.asarray(x, np.float64) for name, x in sums.items()}
        self._count = count
        self._skipped = skipped
        self._waiting: list[Terms] = []

    def add(self, terms: Terms) -> None:
        """Adds a step's terms without waiting for the device."""
        self._waiting.append(terms)

    def means(self) -> dict[str, Float[np.ndarray, "..."]]:
        """Returns the means and the number "skipped", waiting for the device.

        Only that number where all steps were skipped.
        """
        for terms in jax.device_get(self._waiting):
            if terms.pop("skipped", 0):
                self._skipped += 1
                continue
            self._sums = {
                # In order and in float64: the same sum, resumed or not.
                name: np.asarray(self._sums.get(name, 0.0) + np.asarray(x, np.float64))
                for name, x in terms.items()
            }
            self._count += 1
        self._waiting = []
        means = {name: np.asarray(x / self._count) for name, x in self._sums.items()}
        return {**means, "skipped": np.asarray(float(self._skipped))}

    def to_json(self) -> dict[str, Any]:
        """Returns the sums, for a checkpoint."""
        if self._waiting:
            self.means()
        sums = {name: x.tolist() for name, x in self._sums.items()}
        return {"sums": sums, "count": self._count, "skipped": self._skipped}


class Speed:
    """Measures images per second, and the share of time that steps waited for input."""

    def __init__(self, batch_size: int, *, ceiling: float) -> None:
        """Starts the clock.

        Args:
            batch_size: images a step.
            ceiling: images a second that the devices could do if they did nothing but
                the network's products, as fast as they can.
        """
        self._batch_size = batch_size
        self._ceiling = ceiling
        self._restart()

    def _restart(self) -> None:
        self._start, self._steps, self._waited = time.monotonic(), 0, 0.0

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Context in which time is not counted as training: validation, saving."""
        start = time.monotonic()
        yield
        self._start += time.monotonic() - start

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Context in which time is counted as waiting for photographs."""
        start = time.monotonic()
        yield
        self._waited += time.monotonic() - start

    def add(self) -> None:
        """Counts a step."""
        self._steps += 1

    def numbers(self) -> dict[str, float]:
        """Returns these since the last time; the devices must have been waited for.

        With them the share of the ceiling that was reached ("flop_utilization").
        """
        seconds = time.monotonic() - self._start
        speed = self._steps * self._batch_size / seconds
        found = {
            "images_per_second": speed,
            "input_wait": self._waited / seconds,
            "flop_utilization": speed / self._ceiling,
        }
        self._restart()
        return found


class TrainLog:
    """The log of a workdir, which process 0 writes; a context that closes it.

    Steps after the one that a training resumes from are removed first, so that a
    training that was killed leaves the same log as one that was not.
    """

    def __init__(self, workdir: Path, *, step: int) -> None:
        """Opens the log to continue after a step."""
        # Imported here because it takes half a second, and only a training needs it.
        from tensorboardX import SummaryWriter

        self._file: TextIO | None = None
        if not processes.is_first():
            return
        path = workdir / LOG
        _keep_until(path, step)
        self._file = path.open("a")
        self._board = SummaryWriter(str(workdir / TENSORBOARD), purge_step=step + 1)

    def write(self, step: int, kind: str, numbers: Mapping[str, Any]) -> None:
        """Writes the numbers of a step, under a kind such as "train"."""
        if self._file is None:
            return
        line = {"step": step, "kind": kind, **numbers}
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
        for name, value in numbers.items():
            self._board.add_scalar(f"{kind}/{name}", value, step)

    def __enter__(self) -> "TrainLog":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is None:
            return
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
    atomic.write_text(path, "".join(kept))
