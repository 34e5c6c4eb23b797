"""Many photographs, from files to files: names, what is in the way, what went wrong."""

import itertools
import os
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from jaxcolor import images
from jaxcolor.images import Photo
from jaxcolor.inference.colorizer import Colorizer

# Threads that read and write beside the network; two, so that neither waits for the
# other where there is but one core.
THREADS = max(2, os.cpu_count() or 1)


class Job(NamedTuple):
    """A photograph to colorize.

    Attributes:
        source: its file.
        folder: where to.
        name: of the new file; None to take the source's, with another suffix where
            the format changes.
    """

    source: Path
    folder: Path
    name: str | None


class Outcome(NamedTuple):
    """What became of a photograph.

    Attributes:
        source: its file.
        target: the new file; None where there is none.
        reason: why there is none, one line.
    """

    source: Path
    target: Path | None
    reason: str | None


class _Loaded(NamedTuple):
    job: Job
    photo: Photo


def plan(
    inputs: Sequence[Path], output: Path, *, requested: str | None, overwrite: bool
) -> list[Job]:
    """Returns what is to be done, having checked that nothing is in the way.

    Args:
        inputs: photographs and folders. Photographs go straight into the output
            folder; those of a folder keep their place below it.
        output: a folder, made where it is missing. For one photograph it may be a file,
            told by its suffix.
        requested: format of the output by name; None for the photograph's own.
        overwrite: whether files that exist are replaced; an input never is.

    Raises:
        ValueError: an input is missing, two photographs would be written to one file,
            a file exists, or the format is unknown.
    """
    _check_output(inputs, output)
    if _is_file_name(output):
        _check_suffix(output, requested)
        jobs = [Job(_existing(inputs[0]), output.parent, output.name)]
    else:
        jobs = list(dict.fromkeys(_jobs(inputs, output)))
    if not jobs:
        raise ValueError(f"no photographs in {', '.join(map(str, inputs))}")
    sources = {job.source.resolve() for job in jobs}
    taken: dict[Path, Path] = {}
    for job in jobs:
        target = _likely_target(job, requested)
        other = taken.setdefault(target, job.source)
        if other != job.source:
            raise ValueError(f"{other} and {job.source} would both become {target}")
        if target.resolve() in sources:
            raise ValueError(f"{target} is one of the inputs; choose another folder")
        if not overwrite:
            images.refuse_existing(target)
    return jobs


def colorize_files(
    colorizer: Colorizer,
    jobs: Sequence[Job],
    *,
    requested: str | None,
    overwrite: bool,
    batch_size: int,
) -> Iterator[Outcome]:
    """Yields what became of each photograph, as they are done.

    A photograph that cannot be read or written spoils only itself.

    Args:
        colorizer: what to do it with.
        jobs: from `plan`.
        requested: as in `plan`.
        overwrite: as in `plan`.
        batch_size: photographs that go through the network at once. Up to four times
            as many are in memory.
    """
    pool = ThreadPoolExecutor(THREADS)
    try:
        loaded = _loaded(pool, jobs, ahead=batch_size)
        painted = _painted(loaded, colorizer, batch_size=batch_size)
        yield from _saved(
            pool, painted, requested=requested, overwrite=overwrite, behind=batch_size
        )
    finally:
        pool.shutdown(cancel_futures=True)


def _check_output(inputs: Sequence[Path], output: Path) -> None:
    if _is_file_name(output) and (len(inputs) > 1 or inputs[0].is_dir()):
        raise ValueError(f"{output} names a file; wanted a folder for several photos")
    check_folder(output.parent if _is_file_name(output) else output)


def check_folder(path: Path) -> None:
    """Refuses a folder to write to that is, or would be within, a file.

    Raises:
        ValueError: it is.
    """
    existing = path
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    if not existing.is_dir():
        raise ValueError(f"{existing} is a file; wanted a folder to write to")


def _is_file_name(output: Path) -> bool:
    is_image = output.suffix.lower() in Image.registered_extensions()
    return is_image and not output.is_dir()


def _check_suffix(output: Path, requested: str | None) -> None:
    # Refuses a suffix that is not written.
    found = images.output_format(_blank(output), requested=output.suffix)
    if requested is not None:
        wanted = images.output_format(_blank(output), requested=requested)
        if found != wanted:
            raise ValueError(f"{output} is not named as {wanted.format}, the format")


def _jobs(inputs: Sequence[Path], output: Path) -> Iterator[Job]:
    for path in inputs:
        if not path.is_dir():
            yield Job(_existing(path), output, None)
            continue
        for source in images.find_photos(path):
            # What an earlier run wrote into a folder of this one.
            if path in output.parents and source.is_relative_to(output):
                continue
            yield Job(source, output / source.relative_to(path).parent, None)


def _existing(path: Path) -> Path:
    if not path.exists():
        raise ValueError(f"{path}: no such file or folder")
    return path


def _likely_target(job: Job, requested: str | None) -> Path:
    """Returns the new file, as far as the name of the old one tells its format."""
    return _target(_Loaded(job, _blank(job.source)), requested)


def _blank(path: Path) -> Photo:
    format = Image.registered_extensions().get(path.suffix.lower(), "")
    return Photo(np.zeros((1, 1, 3), np.uint8), format=format)


def _target(loaded: _Loaded, requested: str | None) -> Path:
    job = loaded.job
    if job.name is not None:
        return job.folder / job.name
    return job.folder / images.output_name(
        loaded.photo, job.source.name, requested=requested
    )


def _loaded(
    pool: Executor, jobs: Sequence[Job], *, ahead: int
) -> Iterator[_Loaded | Outcome]:
    """Yields photographs in order; reads some ahead."""
    waiting: deque[tuple[Job, Future[Photo]]] = deque()
    rest = iter(jobs)
    while True:
        for job in itertools.islice(rest, ahead + 1 - len(waiting)):
            waiting.append((job, pool.submit(images.load, job.source)))
        if not waiting:
            return
        job, future = waiting.popleft()
        try:
            yield _Loaded(job, future.result())
        except ValueError as error:
            yield Outcome(job.source, None, str(error))
        # Else the last photograph stays in memory while the next one is read.
        del future


def _painted(
    loaded: Iterable[_Loaded | Outcome], colorizer: Colorizer, *, batch_size: int
) -> Iterator[_Loaded | Outcome]:
    """Yields photographs in color, in batches of which the network sees one shape."""
    waiting: defaultdict[tuple[int, int], list[_Loaded]] = defaultdict(list)
    for each in loaded:
        if isinstance(each, Outcome):
            yield each
            continue
        group = waiting[colorizer.view_shape(each.photo.rgb)]
        group.append(each)
        if sum(map(len, waiting.values())) >= 2 * batch_size:
            group = max(waiting.values(), key=len)
        elif len(group) < batch_size:
            continue
        yield from _batch(group, colorizer)
        group.clear()
    for group in waiting.values():
        if group:
            yield from _batch(group, colorizer)


def _batch(group: list[_Loaded], colorizer: Colorizer) -> Iterator[_Loaded]:
    painted = colorizer.colorize([each.photo.rgb for each in group])
    for (job, photo), rgb in zip(group, painted, strict=True):
        yield _Loaded(job, photo._replace(rgb=rgb))


def _saved(
    pool: Executor,
    painted: Iterable[_Loaded | Outcome],
    *,
    requested: str | None,
    overwrite: bool,
    behind: int,
) -> Iterator[Outcome]:
    """Yields outcomes; lets some photographs be written behind."""
    waiting: deque[tuple[Job, Future[Path]]] = deque()
    taken: set[Path] = set()
    for each in painted:
        if isinstance(each, Outcome):
            yield each
            continue
        target = _target(each, requested)
        if target in taken:
            reason = f"{target} is the result of another photograph"
            yield Outcome(each.job.source, None, reason)
            continue
        taken.add(target)
        saving = pool.submit(_save, each.photo, target, overwrite=overwrite)
        waiting.append((each.job, saving))
        if len(waiting) > behind:
            yield _outcome(*waiting.popleft())
    for job, saving in waiting:
        yield _outcome(job, saving)


def _save(photo: Photo, target: Path, *, overwrite: bool) -> Path:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"{target.parent}: {error.strerror or error}") from error
    images.save(photo, target, overwrite=overwrite)
    return target


def _outcome(job: Job, saving: Future[Path]) -> Outcome:
    try:
        return Outcome(job.source, saving.result(), None)
    except ValueError as error:
        return Outcome(job.source, None, str(error))
