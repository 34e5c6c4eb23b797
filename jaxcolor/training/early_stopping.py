"""Early stopping: a training ends when its validation loss no longer improves."""

from typing import NamedTuple


class Standing(NamedTuple):
    """The best validation of a training so far.

    Attributes:
        best: the smallest loss; None before the first validation.
        waited: validations since then.
    """

    best: float | None
    waited: int


START = Standing(None, 0)


def after(standing: Standing, loss: float) -> Standing:
    """Returns the standing after one more validation; NaN is no improvement."""
    if standing.best is None or loss < standing.best:
        return Standing(loss, 0)
    return Standing(standing.best, standing.waited + 1)


def is_over(standing: Standing, *, patience: int) -> bool:
    """Tells whether a training ends here.

    Args:
        standing: after the latest validation.
        patience: validations without improvement that end it; 0 for never.
    """
    return 0 < patience <= standing.waited
