"""What judges colorizations from outside: classifiers, LPIPS and FID.

All are a `Judge`, one record that an evaluation calls without knowing which one it is.
"""

from jaxcolor.evaluation.judges import classifiers, fid, lpips
from jaxcolor.evaluation.judges.judge import Judge, Judging, Setting, Shown, joined

REMEDIES = {one.TITLE: one.REMEDY for one in (fid, lpips, classifiers)}
"""What to give for each judge, by the title of what it measures."""

__all__ = [
    "REMEDIES",
    "Judge",
    "Judging",
    "Setting",
    "Shown",
    "classifiers",
    "fid",
    "joined",
    "lpips",
]
