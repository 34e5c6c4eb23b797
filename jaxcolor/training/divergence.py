"""Stops a training whose losses are not finite or whose devices differ."""

from collections import deque
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import PyTree

from jaxcolor.color.heads import Terms
from jaxcolor.runtime import devices, processes

# Skipped steps in a row at which a training stops.
PATIENCE = 10
# Steps that the devices may be ahead of the loss that is checked: to check the newest
# would make each step wait for the one before.
LAG = 4
# Names of photographs that an error lists.
LISTED = 8


class Guard:
    """Counts the steps in a row that were skipped for numbers that are not finite."""

    def __init__(self, names_at: Callable[[int], Sequence[str]]) -> None:
        """Starts with no skipped step.

        Args:
            names_at: from a step to the names of its photographs.
        """
        self._names_at = names_at
        self._waiting: deque[tuple[int, Terms]] = deque()
        self._in_a_row = 0

    def add(self, step: int, terms: Terms) -> None:
        """Adds a step's terms, and checks those of some steps before.

        Raises:
            ArithmeticError: too many in a row were skipped; names the last one.
        """
        self._waiting.append((step, terms))
        if len(self._waiting) > LAG:
            self._check(*self._waiting.popleft())

    def end(self) -> None:
        """Checks the losses that have arrived.

        Raises:
            ArithmeticError: as `add`.
        """
        while self._waiting:
            self._check(*self._waiting.popleft())

    def _check(self, step: int, terms: Terms) -> None:
        self._in_a_row = self._in_a_row + 1 if float(terms["skipped"]) else 0
        if self._in_a_row < PATIENCE:
            return
        names = list(self._names_at(step))
        more = ", ..." if len(names) > LISTED else ""
        raise ArithmeticError(
            f"{PATIENCE} steps in a row had a loss or a gradient that is not finite;"
            f" at step {step} the loss is {float(terms['loss'])}, the norm of the"
            f" gradient {float(terms['gradient_norm'])}; the last checkpoint is intact:"
            " resume from it with a smaller rate, or look at the photographs"
            f" {', '.join(names[:LISTED])}{more}"
        )


def check_replicas(state: PyTree, step: int) -> None:
    """Compares the copies of the state on all devices, bit for bit.

    Args:
        state: in the form of either lift.
        step: for the error.

    Raises:
        ArithmeticError: they differ.
    """
    found = processes.gather(devices.checksums(state))
    if (found != found.flat[0]).any():
        differing = sorted({int(p) for p, _ in np.argwhere(found != found.flat[0])})
        raise ArithmeticError(
            f"after step {step} the devices' copies of the state differ; those of"
            f" process 0's first device from some of processes {differing}; resume"
            " from the checkpoint before"
        )
