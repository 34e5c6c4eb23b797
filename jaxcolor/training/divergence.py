"""What stops a training that is beyond help."""

from collections import deque
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import PyTree

from jaxcolor.color.heads import Terms
from jaxcolor.runtime import devices, processes

# Skipped steps in a row that are no accident any more.
PATIENCE = 10
# Steps that the devices may be ahead of what is looked at here: looking at the newest
# would make each step wait for the one before.
LAG = 4
# Names of photographs that an error lists.
LISTED = 8


class Guard:
    """Counts the steps in a row that were skipped for numbers that are not finite."""

    def __init__(self, names_at: Callable[[int], Sequence[str]]) -> None:
        """Starts with none skipped.

        Args:
            names_at: from a step to the names of its photographs.
        """
        self._names_at = names_at
        self._waiting: deque[tuple[int, Terms]] = deque()
        self._in_a_row = 0

    def add(self, step: int, terms: Terms) -> None:
        """Looks at a step's terms, some steps later.

        Raises:
            ArithmeticError: too many in a row were skipped; tells of the last one.
        """
        self._waiting.append((step, terms))
        if len(self._waiting) > LAG:
            self._look(*self._waiting.popleft())

    def end(self) -> None:
        """Looks at what waits.

        Raises:
            ArithmeticError: as `add`.
        """
        while self._waiting:
            self._look(*self._waiting.popleft())

    def _look(self, step: int, terms: Terms) -> None:
        self._in_a_row = self._in_a_row + 1 if float(terms["skipped"]) else 0
        if self._in_a_row < PATIENCE:
            return
        names = list(self._names_at(step))
        more = ", ..." if len(names) > LISTED else ""
        raise ArithmeticError(
            f"{PATIENCE} steps in a row had a loss or a gradient that is not finite;"
            f" at step {step} the loss is {float(terms['loss'])}, the norm of the"
            f" gradient {float(terms['gradient_norm'])}; the last checkpoint is sound:"
            " go on from it with a smaller rate, or look at the photographs"
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
            f" process 0's first device from some of processes {differing}; the last"
            " checkpoint before is to be gone on from"
        )
