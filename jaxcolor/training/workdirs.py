"""What a training settles once in its workdir, so that a resume finds it again."""

import json
import logging
import time
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from jaxcolor.data import sources, splits
from jaxcolor.runtime import atomic, processes
from jaxcolor.training import priors
from jaxcolor.training.config import build
from jaxcolor.training.priors import Prior

LOGGER = logging.getLogger(__name__)

# A released model has a config.json: this is another thing.
CONFIG, LISTING, PRIOR = "training.json", "listing.json", "prior.json"
# Seconds that a shared folder may take to show what was written, and between two looks.
APPEARING, POLL = 60, 0.5
# What may differ from the config that a training was started with: nothing that
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


def check_config(config: ConfigDict, workdir: Path) -> None:
    """Refuses a config that differs from the one the workdir was started with.

    Raises:
        ValueError: naming what differs.
    """
    if workdir.exists() and not workdir.is_dir():
        raise ValueError(f"{workdir} is a file; wanted a folder, or a new one")
    path = workdir / CONFIG
    if not path.exists():
        # Left by a start that failed, perhaps of another config.
        for name in (LISTING, PRIOR):
            if processes.is_first():
                (workdir / name).unlink(missing_ok=True)
        return
    before = flat(json.loads(path.read_text()))
    now = flat(json.loads(json.dumps(config.to_dict())))
    changed = sorted(
        name
        for name in before.keys() | now.keys()
        if name not in MAY_CHANGE and before.get(name) != now.get(name)
    )
    if changed:
        told = [f"{n} was {before.get(n)!r}, now {now.get(n)!r}" for n in changed[:3]]
        if len(changed) > len(told):
            told.append(f"and {len(changed) - len(told)} more")
        raise ValueError(
            f"{workdir} was started with another config: {', '.join(told)};"
            " wanted the same, or another workdir"
        )


def write_config(config: ConfigDict, workdir: Path) -> None:
    """Writes the config down, for the next start to be compared with."""
    if processes.is_first():
        # Not sooner: a start that finds no photographs leaves no folder.
        workdir.mkdir(parents=True, exist_ok=True)
        atomic.write_json(workdir / CONFIG, config.to_dict())


def settle_split(config: ConfigDict, workdir: Path) -> splits.Split:
    """Returns the photographs: found and verified at the first start, then the same.

    Raises:
        ValueError: the processes do not see the same folder.
    """
    return processes.first_then_all(lambda: _settle_split(config, workdir))


def _settle_split(config: ConfigDict, workdir: Path) -> splits.Split:
    path = workdir / LISTING
    if not processes.is_first() and not _appears(path):
        raise ValueError(
            f"process 0 wrote {path}, and another process does not see it;"
            " wanted a workdir that all share"
        )
    if path.exists():
        return build.data(config, listing=json.loads(path.read_text()))
    split = build.data(config, listing=None)
    LOGGER.info(
        "%d photographs to train on, %d held out for validation",
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


def settle_prior(
    config: ConfigDict, workdir: Path, training: sources.Source, *, is_quiet: bool
) -> Prior | None:
    """Returns the prior: given, found in the workdir, or counted; None for L2.

    Raises:
        ValueError: the given prior was counted for other targets.
    """
    gamut = build.head(config).gamut
    if gamut is None:
        return None
    targets = {
        "neighbors": config.objective.neighbors,
        "sigma": config.objective.sigma,
    }
    path = workdir / PRIOR
    if processes.agree(path.exists()):
        _appears(path)
        return priors.read(path)
    if config.prior.path is not None:
        prior = priors.read(Path(config.prior.path))
        priors.check(prior, gamut, **targets)
    else:
        prior = priors.estimate(
            training,
            gamut,
            **targets,
            stride=build.network(config, axis_name=None).output_stride,
            resize=config.pipeline.resize,
            squash=config.pipeline.squash,
            name=config.data.source,
            is_quiet=is_quiet,
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


def _appears(path: Path) -> bool:
    """Waits for a file that another process has written; False if it never comes."""
    end = time.monotonic() + APPEARING
    # A network file system may say for a while that what was asked for before it was
    # written is not there; to list the folder makes it look.
    while not path.parent.is_dir() or path not in path.parent.iterdir():
        if time.monotonic() > end:
            return False
        time.sleep(POLL)
    return True
