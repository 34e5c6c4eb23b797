"""Lists of changes to a config, one for each training of a sweep.

A config file's `get_hyper(hyper)` gets this module and returns such a list, as in

    def get_hyper(hyper):
        return hyper.product(
            hyper.sweep("objective.training_lambda", [0.5, 1.0]),
            hyper.sweep("training.seed", range(3)),
        )

The idiom is big_vision's (Beyer, Zhai and Kolesnikov 2022).
"""

import itertools
from collections.abc import Iterable
from typing import Any

Change = dict[str, Any]


def sweep(name: str, values: Iterable[Any]) -> list[Change]:
    """Returns a change for each value of a setting, such as "training.seed"."""
    return [{name: value} for value in values]


def fixed(name: str, value: Any) -> list[Change]:
    """Returns one change: a value shared by all of a product."""
    return [{name: value}]


def product(*axes: list[Change]) -> list[Change]:
    """Returns every combination; the last axis changes fastest."""
    return [_merged(combination) for combination in itertools.product(*axes)]


def zipped(*axes: list[Change]) -> list[Change]:
    """Returns the first of all axes together, the second of all, and so on.

    Raises:
        ValueError: they are not of the same length.
    """
    if len({len(axis) for axis in axes}) > 1:
        lengths = ", ".join(str(len(axis)) for axis in axes)
        raise ValueError(f"zipped axes have {lengths} values; wanted equal numbers")
    return [_merged(together) for together in zip(*axes, strict=True)]


def chain(*axes: list[Change]) -> list[Change]:
    """Returns all changes, in order."""
    return list(itertools.chain(*axes))


def label(change: Change) -> str:
    """Returns a change as the name of a folder: the last words of its settings."""
    parts = [f"{name.rpartition('.')[2]}={value}" for name, value in change.items()]
    return "".join(c if c.isalnum() or c in "=,.-_" else "_" for c in ",".join(parts))


def _merged(changes: Iterable[Change]) -> Change:
    merged: Change = {}
    for change in changes:
        if twice := sorted(merged.keys() & change.keys()):
            raise ValueError(f"{twice[0]} is changed by two axes; wanted by one")
        merged |= change
    return merged
