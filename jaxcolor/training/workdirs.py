"""Files of a workdir that its first start writes and a resume reads again."""

import contextlib
import json
import logging
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from jaxcolor.data import labels, sources, splits
from jaxcolor.data.labels import Labeling
from jaxcolor.runtime import atomic, processes
from jaxcolor.training import priors
from jaxcolor.training.config import build, schema
from jaxcolor.training.config.schema import Config
from jaxcolor.training.config.schema.method import (
    Classification,
    RegressionWithClasses,
)
from jaxcolor.training.priors import Prior

LOGGER = logging.getLogger(__name__)

# Not config.json: a released model has one, in another format.
CONFIG, LISTING, PRIOR = "training.json", "listing.json", "prior.json"
LABELS = "labels.json"
# Seconds that a shared folder may take to show a new file, and between two checks.
APPEARING, POLL = 60, 0.5
# Settings that may differ from those that a training was started with: none of them
# changes the numbers, apart from its length.
MAY_CHANGE = {
    "training.steps",
    "training.log_every",
    "training.checkpoint_every",
    "training.sheet_every",
    "training.keep",
    "training.patience",
    "pipeline.threads",
    "pipeline.prefetch",
    "parallel.lift",
    "parallel.heartbeat_seconds",
    "parallel.replicas_every",
    "release.size",
}


def check_config(config: Config, workdir: Path) -> None:
    """Refuses a config that differs from the one the workdir was started with.

    Raises:
        ValueError: naming what differs.
    """
    if workdir.exists() and not workdir.is_dir():
        raise ValueError(f"{workdir} is a file; wanted a folder, or a new one")
    path = workdir / CONFIG
    if not path.exists():
        # From a start that failed, perhaps with another config.
        for name in (LISTING, LABELS, PRIOR):
            if processes.is_first():
                (workdir / name).unlink(missing_ok=True)
        return
    before = flat(json.loads(path.read_text()))
    now = flat(schema.to_dict(config))
    changed = sorted(
        name
        for name in before.keys() | now.keys()
        if name not in MAY_CHANGE and before.get(name) != now.get(name)
    )
    if changed:
        changes = [
            f"{n} was {before.get(n)!r}, now {now.get(n)!r}" for n in changed[:3]
        ]
        if len(changed) > len(changes):
            changes.append(f"and {len(changed) - len(changes)} more")
        raise ValueError(
            f"{workdir} was started with another config: {', '.join(changes)};"
            " wanted the same, or another workdir"
        )


def write_config(config: Config, workdir: Path) -> None:
    """Writes the config, for the next start to be compared with."""
    if processes.is_first():
        # Not sooner: a start that finds no photographs leaves no folder.
        workdir.mkdir(parents=True, exist_ok=True)
        atomic.write_json(workdir / CONFIG, schema.to_dict(config))


@contextlib.contextmanager
def undone_if_refused(workdir: Path, *, folder: str) -> Iterator[None]:
    """Context of a start: if it raises ValueError or OSError, a new workdir is removed.

    So a config that is refused neither leaves files nor binds the next start. A workdir
    that has a config already stays as it is.

    Args:
        workdir: of the training.
        folder: name of a folder in it, which is removed where it is empty.
    """
    was_there = workdir.exists()
    is_new = not (workdir / CONFIG).exists()
    try:
        yield
    except (ValueError, OSError):
        if is_new and processes.is_first():
            _undo(workdir, [workdir / folder, *([] if was_there else [workdir])])
        raise


def _undo(workdir: Path, folders: Iterable[Path]) -> None:
    for name in (CONFIG, LISTING, LABELS, PRIOR):
        # Nothing was written where a part of the path is a file.
        with contextlib.suppress(NotADirectoryError):
            (workdir / name).unlink(missing_ok=True)
    for folder in folders:
        # Not empty, or not there.
        with contextlib.suppress(OSError):
            folder.rmdir()


def settle_split(config: Config, workdir: Path) -> splits.Split:
    """Returns the photographs: found and verified at the first start, then the same.

    Raises:
        ValueError: the processes do not see the same folder.
    """
    return processes.first_then_all(lambda: _settle_split(config, workdir))


def _settle_split(config: Config, workdir: Path) -> splits.Split:
    path = workdir / LISTING
    if _is_settled(path):
        return config.data.open(json.loads(path.read_text()))
    split = config.data.open(None)
    LOGGER.info(
        "%d photographs to train on, %d set aside for validation",
        len(split.training),
        len(split.validation),
    )
    listing = {
        "training": sources.listing(split.training),
        "validation": sources.listing(split.validation),
    }
    # Not sooner: a start that finds no photographs leaves no folder.
    workdir.mkdir(parents=True, exist_ok=True)
    atomic.write_json(path, listing)
    return split


def settle_labels(
    config: Config, workdir: Path, split: splits.Split
) -> Labeling | None:
    """Returns the classes of the photographs: found at the first start, then the same.

    None for an objective without classes.

    Args:
        config: of the training.
        workdir: of the training; gets labels.json at the first start.
        split: the photographs, as settled.

    Raises:
        ValueError: no training photograph has a class, or there are more or fewer
            classes than those that the network predicts.
    """
    wanted = config.objective
    if not isinstance(wanted, RegressionWithClasses):
        return None
    source, count = config.data.source, config.model.arguments["classes"]

    def settle() -> Labeling:
        path = workdir / LABELS
        if _is_settled(path):
            return labels.from_json(json.loads(path.read_text()))
        found = labels.of_split(split, classes=wanted.classes, source=source)
        if len(found.classes) != count:
            raise ValueError(
                f"config.model.classes is {count}; wanted {len(found.classes)}, one"
                f" for each class of {source}: {labels.listed(found.classes)}"
            )
        LOGGER.info(
            "%d of %d training photographs are of the %d classes",
            (found.training != labels.UNKNOWN).sum(),
            len(found.training),
            count,
        )
        if without := labels.unseen(found):
            LOGGER.warning(
                "no training photograph is of the classes %s", labels.listed(without)
            )
        atomic.write_json(path, labels.to_json(found))
        return found

    return processes.first_then_all(settle)


def _is_settled(path: Path) -> bool:
    """Returns whether a file is there already; it is in all processes but the first.

    Raises:
        ValueError: another process does not see what the first one wrote.
    """
    if not processes.is_first() and not appears(path):
        raise ValueError(
            f"process 0 wrote {path}, and another process does not see it;"
            " wanted a workdir that all share"
        )
    return path.exists()


def given_prior(config: Config) -> Prior | None:
    """Returns the prior that a config names; None where it is to be counted.

    Raises:
        ValueError: there is none, or it was counted for other targets.
    """
    if not isinstance(config.objective, Classification):
        return None
    assert config.gamut is not None
    assert config.prior is not None
    if config.prior.path is None:
        return None
    prior = priors.read(Path(config.prior.path))
    priors.check(
        prior,
        config.gamut.make(),
        neighbors=config.objective.neighbors,
        sigma=config.objective.sigma,
    )
    return prior


def settle_prior(
    config: Config,
    workdir: Path,
    training: sources.Source,
    *,
    given: Prior | None,
    is_quiet: bool,
) -> Prior | None:
    """Returns the prior: that of the workdir, or else given or counted; None for L2.

    Args:
        config: of the training.
        workdir: of the training; gets prior.json at the first start.
        training: the photographs to count.
        given: see `given_prior`, where it was read already.
        is_quiet: no progress bar.
    """
    if not isinstance(config.objective, Classification):
        return None
    assert config.gamut is not None
    path = workdir / PRIOR
    if processes.agree(path.exists()):
        appears(path)
        return priors.read(path)
    prior = (
        given
        or given_prior(config)
        or priors.estimate(
            training,
            config.gamut.make(),
            neighbors=config.objective.neighbors,
            sigma=config.objective.sigma,
            stride=build.network(config, axis_name=None).output_stride,
            resize=config.pipeline.resize,
            squash=config.pipeline.squash,
            name=config.data.source,
            is_quiet=is_quiet,
        )
    )
    if processes.is_first():
        priors.write(prior, path)
    return prior


def flat(nested: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Returns nested dictionaries as one, its names joined by dots."""
    found: dict[str, Any] = {}
    for name, value in nested.items():
        if isinstance(value, dict):
            found |= flat(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = value
    return found


def appears(path: Path) -> bool:
    """Waits for a file that another process has written; False if it never comes."""
    end = time.monotonic() + APPEARING
    # A network file system may answer for a while that a file is missing which was
    # asked for before it was written; listing the folder makes it look again.
    while not path.parent.is_dir() or path not in path.parent.iterdir():
        if time.monotonic() > end:
            return False
        time.sleep(POLL)
    return True
