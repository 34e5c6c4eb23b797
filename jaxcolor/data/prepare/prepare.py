"""Prepares photographs as a data set of TensorFlow Datasets, without TensorFlow.

Shards do not depend on each other, nor on the process that writes them: processes and
machines share them by number, and a run that was stopped resumes.
"""

import functools
import logging
import multiprocessing
import os
import re
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent import futures
from concurrent.futures import process
from pathlib import Path
from typing import NamedTuple

from jaxcolor.data import imagenet
from jaxcolor.data.prepare import archives, layout, metadata, planning, shards
from jaxcolor.data.prepare.layout import Layout
from jaxcolor.data.prepare.planning import Plan
from jaxcolor.data.prepare.recode import Recipe
from jaxcolor.data.prepare.shards import Record, Shard
from jaxcolor.runtime import progress

# The names that TensorFlow Datasets allows.
NAME = re.compile(r"[a-z][a-z0-9_]*")


class Division(NamedTuple):
    """How photographs are split, see `layout.arrange`.

    Attributes:
        way: one of `layout.WAYS`; None chooses by the names.
        validation: its share; None is the default.
        test: its share; None is the default.
    """

    way: str | None
    validation: float | None
    test: float | None


class Part(NamedTuple):
    """The part of the shards that this process writes.

    Attributes:
        number: of the part, from 0; it has every `of`-th shard.
        of: number of processes or machines that share the work.
    """

    number: int
    of: int


class Outcome(NamedTuple):
    """The state of the data set at the end.

    Attributes:
        folder: of the data set.
        photographs: number in each split.
        broken: number left out because they cannot be decoded.
        gray: number in it with almost no color.
        converted: number that were not RGB or gray JPEGs.
        left_out: number that belong to no split.
        missing: number of shards that others have yet to write.
        shards: number of all shards.
    """

    folder: Path
    photographs: dict[str, int]
    broken: int
    gray: int
    converted: int
    left_out: int
    missing: int
    shards: int


def prepare(
    source: Path,
    data_dir: Path,
    *,
    name: str,
    recipe: Recipe,
    division: Division,
    shard_photos: int,
    part: Part,
    workers: int,
    is_quiet: bool,
) -> Outcome:
    """Writes photographs as a data set, or this process's part of its shards.

    Shards that are finished are not written again. The process that finds all of them
    writes the metadata, which completes the data set. The bytes do not depend on part,
    workers and interruptions.

    Args:
        source: a folder or a tar, see `archives.listing` and `layout.arrange`.
        data_dir: the data set's folder NAME/1.0.0 is made in it.
        name: of the data set: lower-case letters, digits and underscores.
        recipe: how photographs are stored.
        division: how they are split.
        shard_photos: the largest number of photographs in a file.
        part: the shards to write.
        workers: number of processes; 1 is this one alone.
        is_quiet: no progress bar.

    Raises:
        ValueError: an argument or the folder of a photograph is not possible, or the
            data set was begun with others.
        OSError: a file cannot be read or written, or a worker was killed.
    """
    if not NAME.fullmatch(name):
        raise ValueError(
            f"got the name {name!r}, wanted a letter, then letters, digits and"
            " underscores, all lower-case"
        )
    if not 0 <= part.number < part.of:
        raise ValueError(
            f"got part {part.number} of {part.of}, wanted 0 to {part.of - 1}"
        )
    if ":/" in str(data_dir):
        raise ValueError(f"got {data_dir}, wanted a folder of this machine")
    shown = functools.partial(
        progress.over, unit="photo", title="listing", is_hidden=is_quiet
    )
    members = archives.listing(source, progress=shown)
    arranged = layout.arrange(members, **division._asdict())
    _tell_missing(arranged)
    plan = planning.make(arranged, name=name, recipe=recipe, shard_photos=shard_photos)
    folder = data_dir / name / planning.VERSION
    planning.begin(plan, folder)
    every = [shard for of_split in plan.shards.values() for shard in of_split]
    mine = every[part.number :: part.of]
    _write(mine, plan, folder, workers=workers, is_quiet=is_quiet)
    records = {
        split: [shards.read_record(folder, shard.name) for shard in of_split]
        for split, of_split in plan.shards.items()
    }
    found = {split: [r for r in of if r] for split, of in records.items()}
    outcome = _outcome(folder, found, arranged, shard_count=len(every))
    if not outcome.missing:
        metadata.finish(plan, folder, found)
    return outcome


def _write(
    mine: Sequence[Shard], plan: Plan, folder: Path, *, workers: int, is_quiet: bool
) -> None:
    todo = [shard for shard in mine if not shards.read_record(folder, shard.name)]
    done = sum(len(shard.items) for shard in mine) - sum(len(s.items) for s in todo)
    with progress.bar(
        sum(len(shard.items) for shard in mine),
        start=done,
        unit="photo",
        title=plan.name,
        is_hidden=is_quiet,
    ) as bar:
        for written in _written(todo, plan.recipe, folder, workers=workers):
            bar.update(len(written.items))


def _written(
    todo: Sequence[Shard], recipe: Recipe, folder: Path, *, workers: int
) -> Iterator[Shard]:
    """Writes the shards and yields each when it is there."""
    if min(workers, len(todo)) <= 1:
        for shard in todo:
            shards.write(shard, folder=folder, recipe=recipe)
            yield shard
        return
    # Forked processes would inherit whatever threads held locks.
    context = multiprocessing.get_context("spawn")
    others = set(multiprocessing.active_children())
    with futures.ProcessPoolExecutor(
        min(workers, len(todo)), context, initializer=_become_worker
    ) as pool:
        try:
            asked = {
                pool.submit(shards.write, shard, folder=folder, recipe=recipe): shard
                for shard in todo
            }
            for future in futures.as_completed(asked):
                future.result()
                yield asked.pop(future)
        except process.BrokenProcessPool as error:
            raise OSError(
                "a worker was killed: is memory short? The same command resumes"
            ) from error
        except BaseException:
            # Else the pool waits for the shards that are being written.
            pool.shutdown(wait=False, cancel_futures=True)
            for child in set(multiprocessing.active_children()) - others:
                child.terminate()
            raise


def _become_worker() -> None:
    # Ctrl-C reaches all processes of a terminal; the first one ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: multiprocessing.process.BaseProcess) -> None:
    """Ends a worker whose parent was killed: it would wait for work forever."""
    parent.join()
    os._exit(1)


def _tell_missing(arranged: Layout) -> None:
    if arranged.way != layout.AS_PAPER:
        return
    subsets = {layout.VALIDATION: imagenet.VALIDATION, layout.TEST: imagenet.TEST}
    for split, subset in subsets.items():
        found, wanted = (
            len(arranged.items.get(split, ())),
            len(imagenet.numbers(subset)),
        )
        if found != wanted:
            logging.getLogger(__name__).warning(
                "%d of the paper's %d photographs for %s are there",
                found,
                wanted,
                split,
            )


def _outcome(
    folder: Path,
    found: dict[str, list[Record]],
    arranged: Layout,
    *,
    shard_count: int,
) -> Outcome:
    records = [record for of_split in found.values() for record in of_split]
    return Outcome(
        folder,
        {split: sum(r.length for r in of) for split, of in found.items()},
        broken=sum(len(record.broken) for record in records),
        gray=sum(len(record.gray) for record in records),
        converted=sum(len(record.converted) for record in records),
        left_out=arranged.left_out,
        missing=shard_count - len(records),
        shards=shard_count,
    )
