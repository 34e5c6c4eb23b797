"""Judges of colorizations that need a network: classifiers, LPIPS, FID, real or fake.

Each is a `Judge`, a record that an evaluation uses without knowing which one it is.
"""

from jaxcolor.evaluation.judges import classifiers, fid, lpips, real_or_fake
from jaxcolor.evaluation.judges.judge import Judge, Judging, Setting, Shown, joined

REMEDIES = {one.TITLE: one.REMEDY for one in (fid, lpips, classifiers, real_or_fake)}
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
    "real_or_fake",
]
