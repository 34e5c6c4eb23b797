"""The plan of a data set that is being prepared.

The plan is in the folder of the data set from the first shard on: a run that resumes,
after a crash or on another machine, must have the same photographs and options.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

from jaxcolor.data.prepare import recode, shards
from jaxcolor.data.prepare.layout import Layout
from jaxcolor.data.prepare.recode import Recipe
from jaxcolor.data.prepare.shards import Shard

VERSION = "1.0.0"
FILE = "plan.json"
# File of TensorFlow Datasets, written last: it marks a data set as whole.
INFO = "dataset_info.json"


class Plan(NamedTuple):
    """A data set to prepare.

    Attributes:
        name: of the data set.
        classes: names of its labels; empty without labels.
        recipe: how photographs are stored.
        shards: of each split, in order.
        settings: everything that determines its bytes, as JSON values.
    """

    name: str
    classes: tuple[str, ...]
    recipe: Recipe
    shards: dict[str, tuple[Shard, ...]]
    settings: dict[str, Any]


def make(layout: Layout, *, name: str, recipe: Recipe, shard_photos: int) -> Plan:
    """Cuts splits into shards of about the same number of photographs.

    Args:
        layout: the photographs of each split.
        name: of the data set.
        recipe: how photographs are stored.
        shard_photos: the largest number of photographs in a shard.
    """
    cut: dict[str, tuple[Shard, ...]] = {}
    for split, items in layout.items.items():
        count = -(-len(items) // shard_photos)
        bounds = [len(items) * i // count for i in range(count + 1)]
        cut[split] = tuple(
            Shard(
                f"{name}-{split}.array_record-{i:05}-of-{count:05}",
                items[bounds[i] : bounds[i + 1]],
                layout.classes,
            )
            for i in range(count)
        )
    settings = {
        "name": name,
        "splits": layout.way,
        "photographs": {split: len(items) for split, items in layout.items.items()},
        "left_out": layout.left_out,
        "listing": _digest(layout),
        "reencode": recipe.way,
        "size": None if recipe.way == recode.KEEP else recipe.size,
        "quality": recipe.quality,
        "shard_photos": shard_photos,
    }
    return Plan(name, layout.classes, recipe, cut, settings)


def begin(plan: Plan, folder: Path) -> None:
    """Writes the plan into the folder of the data set, or checks the one there.

    Raises:
        ValueError: there is another plan, or a data set of another program.
    """
    path = folder / FILE
    if not path.exists():
        if (folder / INFO).exists():
            raise ValueError(
                f"{folder} holds a data set of another program; choose another --name"
            )
        folder.mkdir(parents=True, exist_ok=True)
        shards.write_json(plan.settings, path)
    # Read again, because another process may have begun at the same time.
    before = json.loads(path.read_text("ascii"))
    if before != plan.settings:
        changes = ", ".join(
            f"{key} {before.get(key)!r}, now {plan.settings.get(key)!r}"
            for key in plan.settings | before
            if before.get(key) != plan.settings.get(key)
        )
        raise ValueError(
            f"{folder} was begun with other photographs or options: {changes}; use the"
            " same, or another --name"
        )


def _digest(layout: Layout) -> str:
    """Returns a hash of which photographs are where, with what labels."""
    digest = hashlib.sha256("\n".join(layout.classes).encode())
    for split, items in layout.items.items():
        for item in items:
            line = f"\n{split}\t{item.label}\t{item.member.name}"
            digest.update(line.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
