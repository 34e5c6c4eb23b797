"""The numbers of the paper's study, to stand beside those of another."""

from typing import NamedTuple


class Published(NamedTuple):
    """A line of the paper's table.

    Attributes:
        title: of the method.
        labeled_real: percent of trials in which its pictures were labeled real.
        error: the ± of it; None for none.
    """

    title: str
    labeled_real: float
    error: float | None


# By the names that algorithms of a study have, in lower case.
PAPER = {
    "truth": Published("Ground truth", 50, None),
    "full": Published("Full method", 32.3, 2.2),
    "larsson": Published("Larsson et al. 2016", 27.2, 2.7),
    "class": Published("Classification", 25.2, 2.7),
    "l2-ft": Published("L2, fine-tuned", 23.9, 2.8),
    "l2": Published("L2", 21.2, 2.5),
    "dahl": Published("Dahl 2016", 18.3, 2.8),
    "random": Published("Random", 13.0, 4.4),
}
"""Labeled real, in percent.

Source:
    Zhang et al. 2016, table 1, column "AMT".
"""

CHECK = "random"
"""The line of the fakes that serve as attention checks here, and did in the paper."""


def cell(algorithm: str) -> str:
    """Returns the paper's number for an algorithm; a dash for none."""
    found = PAPER.get(algorithm.lower())
    if found is None:
        return "–"
    error = "" if found.error is None else f" ± {found.error:.1f}"
    return f"{found.labeled_real:.1f}{error}"
