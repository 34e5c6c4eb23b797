"""Judges of colorizations that need weights of their own: classifiers, LPIPS and FID.

Each is a `Judge`, a record that an evaluation uses without knowing which one it is.
"""

from jaxcolor.evaluation.judges import classifiers, fid, lpips
from jaxcolor.evaluation.judges.judge import Judge, Judging, Setting, Shown, joined

REMEDIES = {one.TITLE: one.REMEDY for one in (fid, lpips, classifiers)}
"""The flag that adds a judge, by the title of the judge."""

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
