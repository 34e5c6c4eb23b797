"""Progress bars: on standard error, and only where that is a terminal."""

from collections.abc import Iterable
from typing import Any, TypeVar

from tqdm import tqdm

Item = TypeVar("Item")


def bar(
    total: int,
    *,
    unit: str,
    is_hidden: bool,
    title: str | None = None,
    start: int = 0,
) -> Any:
    """Returns a progress bar of tqdm, to use in a `with` statement.

    Args:
        total: units of work.
        unit: name of one.
        is_hidden: show no bar on a terminal, either.
        title: stands before the bar.
        start: units that are already done.
    """
    # None is tqdm's word for: on a terminal only.
    hidden = True if is_hidden else None
    return tqdm(total=total, unit=unit, desc=title, initial=start, disable=hidden)


def over(
    items: Iterable[Item],
    *,
    unit: str,
    is_hidden: bool,
    title: str | None = None,
    total: int | None = None,
) -> Iterable[Item]:
    """Yields the items, and shows how many have been taken.

    Args:
        items: to yield.
        unit: name of one.
        is_hidden: show no bar on a terminal, either.
        title: stands before the bar.
        total: number of items; None takes their `len`, if any.
    """
    hidden = True if is_hidden else None
    shown: Iterable[Item] = tqdm(
        items, unit=unit, desc=title, total=total, disable=hidden
    )
    return shown
