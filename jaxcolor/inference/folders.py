"""Colorizes many photographs, from files to files.

`plan` finds the photographs and checks the names of the results before any work;
`colorize_files` reads, colorizes and writes. Whatever is wrong with a photograph fails
that one only.
"""

import itertools
import os
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path, PurePath
from typing import Literal, NamedTuple

import numpy as np
from PIL import Image

from jaxcolor import images
from jaxcolor.images import Photo, finding
from jaxcolor.images.finding import Found
from jaxcolor.inference import forms
from jaxcolor.inference.adjustments import PLAIN, Look
from jaxcolor.inference.colorizer import Colorizer
from jaxcolor.inference.forms import AS_PREDICTED, Form
from jaxcolor.inference.user_hints import Hint
from jaxcolor.runtime import atomic, stages

# Threads that read and write beside the network; two, so that neither waits for the
# other where there is but one core.
THREADS = max(2, os.cpu_count() or 1)
# Batches that are colorized in parallel: one alone leaves cores idle.
AT_ONCE = min(4, os.cpu_count() or 1)

Existing = Literal["refuse", "skip", "replace"]
"""What to do where a result exists already; an input is never replaced."""


class Job(NamedTuple):
    """A photograph to colorize.

    Attributes:
        source: its file.
        folder: of the new file.
        name: of the new file; None takes the source's name, with another suffix where
            the format changes.
        hints: colors at points of the photograph.
        looks: of the pictures that the new file shows side by side; usually one.
        suffix: at the end of the new file's name, before its format.
        compares: whether the photograph itself goes before these pictures.
    """

    source: Path
    folder: Path
    name: str | None
    hints: tuple[Hint, ...] = ()
    looks: tuple[Look, ...] = (PLAIN,)
    suffix: str = ""
    compares: bool = False


class Plan(NamedTuple):
    """The photographs to colorize, and those that are left out.

    Attributes:
        jobs: the photographs to colorize.
        existing: photographs whose results exist, and are to be skipped.
        unreadable: a message for each reason why something cannot be read.
        unsupported: a message for each format that is not read, such as HEIC.
    """

    jobs: tuple[Job, ...]
    existing: tuple[Path, ...]
    unreadable: tuple[str, ...]
    unsupported: tuple[str, ...]


class Outcome(NamedTuple):
    """The result of a photograph.

    Attributes:
        source: its file.
        target: the new file; None where there is none.
        reason: why there is none, one line.
        is_skipped: whether the target had existed, and was kept.
    """

    source: Path
    target: Path | None
    reason: str | None
    is_skipped: bool = False


class _Loaded(NamedTuple):
    job: Job
    photo: Photo


def plan(
    inputs: Sequence[Path],
    output: Path,
    *,
    requested: str | None,
    existing: Existing,
    form: Form = AS_PREDICTED,
) -> Plan:
    """Returns the photographs to colorize, having checked the names of the results.

    Args:
        inputs: photographs and folders. Photographs go straight into the output
            folder; those of a folder keep their place below it.
        output: a folder, made where it is missing. For one photograph it may be a file,
            recognized by its suffix.
        requested: format of the output by name; None for the photograph's own.
        existing: what to do where a result exists.
        form: of the results. Variants that do not share a file have their number, from
            1 on, at the end of their names.

    Raises:
        ValueError: an input is missing, two photographs would be written to one file,
            a result exists and is to be refused, or the format is unknown.
    """
    _check_output(inputs, output)
    searched = {path: images.find(path) for path in inputs if path.is_dir()}
    unreadable = [
        message
        for path, found in searched.items()
        for message in finding.messages(found.unreadable, path)
    ]
    unsupported = [
        message
        for path, found in searched.items()
        for message in finding.messages(found.unsupported, path)
    ]
    if _is_file_name(output):
        _check_suffix(output, requested)
        jobs = [Job(_existing(inputs[0]), output.parent, output.name)]
    else:
        jobs = list(dict.fromkeys(_jobs(inputs, searched, output)))
    if not jobs:
        none = f"no photographs in {', '.join(map(str, inputs))}"
        raise ValueError("; ".join([none, *unreadable, *unsupported]))
    jobs = [each for job in jobs for each in _formed(job, form)]
    taken = _targets(jobs, requested)
    is_there = {job: os.path.lexists(target) for target, job in taken.items()}
    if existing == "refuse":
        for target, job in taken.items():
            if is_there[job]:
                images.refuse_existing(target)
    is_skipped = {job: existing == "skip" and is_there[job] for job in jobs}
    return Plan(
        jobs=tuple(job for job in jobs if not is_skipped[job]),
        existing=tuple(job.source for job in jobs if is_skipped[job]),
        unreadable=tuple(unreadable),
        unsupported=tuple(unsupported),
    )


def colorize_files(
    colorizer: Colorizer,
    jobs: Sequence[Job],
    *,
    requested: str | None,
    existing: Existing,
    batch_size: int,
    mark: str | None = None,
) -> Iterator[Outcome]:
    """Yields the outcome of each photograph, as they are done.

    A photograph that cannot be read, colorized or written fails alone. Several runs may
    write to one folder at once: unless results are replaced, each is written by one.

    Args:
        colorizer: the model.
        jobs: from `plan`.
        requested: as in `plan`.
        existing: as in `plan`; results may have appeared since.
        batch_size: photographs in one pass of the network. `AT_ONCE` batches are
            colorized in parallel; in memory are about four batches more.
        mark: what made the colors, to be written into the files, see `marking.marked`;
            None to leave it out.
    """
    for folder in {job.folder for job in jobs}:
        atomic.remove_leftovers(folder)
    pool = ThreadPoolExecutor(THREADS)
    try:
        loaded = _loaded(
            pool, jobs, requested=requested, existing=existing, ahead=batch_size
        )
        painted = _painted(loaded, colorizer, batch_size=batch_size)
        if mark is not None:
            painted = _marked(painted, mark)
        yield from _saved(
            pool, painted, requested=requested, existing=existing, behind=batch_size
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


def _jobs(
    inputs: Sequence[Path], searched: Mapping[Path, Found], output: Path
) -> Iterator[Job]:
    for path in inputs:
        if path not in searched:
            yield Job(_existing(path), output, None)
            continue
        for name in searched[path].names:
            source = path / name
            # Written into a folder within this one by an earlier run.
            if path in output.parents and source.is_relative_to(output):
                continue
            yield Job(source, output / PurePath(name).parent, None)


def _formed(job: Job, form: Form) -> list[Job]:
    """Returns a job for each file that is made of a photograph."""
    job = job._replace(compares=form.compares)
    found = forms.looks(form)
    if form.on_sheet or not form.variants:
        return [job._replace(looks=found)]
    return [
        job._replace(looks=(look,), suffix=f"_{n}")
        for n, look in enumerate(found, start=1)
    ]


def _targets(jobs: Sequence[Job], requested: str | None) -> dict[Path, Job]:
    """Returns the job of each new file, having checked that there is only one."""
    sources = {job.source.resolve() for job in jobs}
    taken: dict[Path, Job] = {}
    for job in jobs:
        target = _likely_target(job, requested)
        other = taken.setdefault(target, job).source
        if other != job.source:
            raise ValueError(f"{other} and {job.source} would both become {target}")
        if target.resolve() in sources:
            raise ValueError(f"{target} is one of the inputs; choose another folder")
    return taken


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
    name = job.name or images.output_name(
        loaded.photo, job.source.name, requested=requested
    )
    target = job.folder / name
    return target.with_name(f"{target.stem}{job.suffix}{target.suffix}")


class _ExistsError(Exception):
    """The result of a photograph exists, and is to be kept."""


def _load(job: Job, requested: str | None, existing: Existing) -> Photo:
    # The format of the result may only be known from the photograph.
    if existing == "skip" and os.path.lexists(_likely_target(job, requested)):
        raise _ExistsError
    with stages.timed("reading"):
        photo = images.load(job.source)
    if existing == "skip" and os.path.lexists(_target(_Loaded(job, photo), requested)):
        raise _ExistsError
    return photo


def _loaded(
    pool: Executor,
    jobs: Sequence[Job],
    *,
    requested: str | None,
    existing: Existing,
    ahead: int,
) -> Iterator[_Loaded | Outcome]:
    """Yields photographs in order; reads some ahead."""
    waiting: deque[tuple[Job, Future[Photo]]] = deque()
    rest = iter(jobs)
    while True:
        for job in itertools.islice(rest, ahead + 1 - len(waiting)):
            waiting.append((job, stages.submit(pool, _load, job, requested, existing)))
        if not waiting:
            return
        job, future = waiting.popleft()
        try:
            yield _Loaded(job, future.result())
        except Exception as error:
            yield _outcome_of(error, job)
        # Else the last photograph stays in memory while the next one is read.
        del future


def _painted(
    loaded: Iterable[_Loaded | Outcome], colorizer: Colorizer, *, batch_size: int
) -> Iterator[_Loaded | Outcome]:
    """Yields photographs in color, in batches of which the network sees one shape."""
    running: deque[Future[list[_Loaded | Outcome]]] = deque()
    seen = set()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for group in _grouped(loaded, colorizer, batch_size=batch_size):
            if isinstance(group, Outcome):
                yield group
                continue
            kind = *_kind(group[0], colorizer), len(group)
            # Of the first of a kind the programs are compiled; at once, two threads
            # would both do so.
            is_alone = AT_ONCE == 1 or kind not in seen
            seen.add(kind)
            while running and (is_alone or len(running) == AT_ONCE):
                yield from running.popleft().result()
            if is_alone:
                yield from _batch(group, colorizer)
            else:
                running.append(stages.submit(pool, _batch, group, colorizer))
        while running:
            yield from running.popleft().result()


def _grouped(
    loaded: Iterable[_Loaded | Outcome], colorizer: Colorizer, *, batch_size: int
) -> Iterator[list[_Loaded] | Outcome]:
    """Yields batches of one kind, and what could not be loaded."""
    waiting: defaultdict[tuple[object, ...], list[_Loaded]] = defaultdict(list)
    for each in loaded:
        if isinstance(each, Outcome):
            yield each
            continue
        kind = _kind(each, colorizer)
        waiting[kind].append(each)
        if sum(map(len, waiting.values())) >= 2 * batch_size:
            kind = max(waiting, key=lambda kind: len(waiting[kind]))
        elif len(waiting[kind]) < batch_size:
            continue
        yield waiting.pop(kind)
    yield from waiting.values()


def _kind(loaded: _Loaded, colorizer: Colorizer) -> tuple[object, ...]:
    """Returns what the photographs of a batch have in common."""
    rgb = loaded.photo.rgb
    return *colorizer.view_shape(rgb), rgb.dtype, loaded.job.looks


def _batch(group: list[_Loaded], colorizer: Colorizer) -> list[_Loaded | Outcome]:
    try:
        photos = [each.photo.rgb for each in group]
        hints = [each.job.hints for each in group]
        looks = group[0].job.looks
        painted = [colorizer.colorize(photos, hints=hints, look=look) for look in looks]
    except Exception as error:
        if len(group) == 1:
            return [_outcome_of(error, group[0].job)]
        # One of them may be at fault, or all together take too much memory.
        return [found for each in group for found in _batch([each], colorizer)]
    found: list[_Loaded | Outcome] = []
    for (job, photo), *pictures in zip(group, *painted, strict=True):
        if job.compares:
            pictures.insert(0, photo.rgb)
        found.append(_Loaded(job, forms.side_by_side(photo, pictures)))
    return found


def _marked(
    painted: Iterable[_Loaded | Outcome], mark: str
) -> Iterator[_Loaded | Outcome]:
    for each in painted:
        if isinstance(each, Outcome):
            yield each
            continue
        job, photo = each
        yield _Loaded(job, forms.marked(photo, mark, source=job.source))


def _saved(
    pool: Executor,
    painted: Iterable[_Loaded | Outcome],
    *,
    requested: str | None,
    existing: Existing,
    behind: int,
) -> Iterator[Outcome]:
    """Yields outcomes; lets some photographs be written behind."""
    waiting: deque[Future[Outcome]] = deque()
    taken: set[Path] = set()
    for each in painted:
        if isinstance(each, Outcome):
            yield each
            continue
        target = _target(each, requested)
        if target in taken:
            reason = f"{target} is the result of another photograph"
            yield Outcome(each.job.source, None, f"{each.job.source}: {reason}")
            continue
        taken.add(target)
        waiting.append(stages.submit(pool, _save, each, target, existing))
        if len(waiting) > behind:
            yield waiting.popleft().result()
    for saving in waiting:
        yield saving.result()


def _save(painted: _Loaded, target: Path, existing: Existing) -> Outcome:
    job, photo = painted
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with stages.timed("writing"):
            images.save(photo, target, overwrite=existing == "replace")
    # Written by another run in the meantime.
    except images.ExistingFileError as error:
        return _outcome_of(_ExistsError() if existing == "skip" else error, job)
    except Exception as error:
        return _outcome_of(error, job)
    return Outcome(job.source, target, None)


def _outcome_of(error: Exception, job: Job) -> Outcome:
    if isinstance(error, _ExistsError):
        return Outcome(job.source, None, None, is_skipped=True)
    if isinstance(error, OSError) and error.strerror:
        reason = f"{error.filename}: {error.strerror}"
    else:
        reason = str(error)
    # Errors of reading begin with the path, which may itself have spaces and newlines.
    reason = reason.removeprefix(f"{job.source}: ")
    reason = " ".join(reason.split()) or type(error).__name__
    return Outcome(job.source, None, f"{job.source}: {reason}")
