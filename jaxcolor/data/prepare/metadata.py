"""Writes the metadata that completes a data set of TensorFlow Datasets."""

from pathlib import Path
from typing import Any

from jaxcolor.data.prepare import planning, shards
from jaxcolor.data.prepare.planning import Plan
from jaxcolor.data.prepare.shards import Record
from jaxcolor.runtime import atomic

REPORT = "report.json"
DESCRIPTION = "Photographs, prepared for jaxcolor."


def finish(plan: Plan, folder: Path, records: dict[str, list[Record]]) -> None:
    """Writes the metadata and the report, and removes what killed runs left.

    Several processes may do so at once: they write the same bytes. The file that marks
    the data set as whole comes last.

    Args:
        plan: of the data set.
        folder: that holds all shards.
        records: of the shards of each split.

    Raises:
        ValueError: no photograph of a split can be decoded.
    """
    for split, found in records.items():
        if not any(record.length for record in found):
            broken = found[0].broken
            first = next(iter(broken))
            raise ValueError(
                f"all {sum(len(r.broken) for r in found)} photographs for {split} are"
                f" broken: {first} ({broken[first]}) ..."
            )
    shards.write_json(_report(plan, records), folder / REPORT)
    try:
        with atomic.scratch(folder) as made:
            _write_tfds(plan, made, records)
            names = sorted(path.name for path in made.iterdir())
            for name in sorted(names, key=lambda name: name == planning.INFO):
                (made / name).replace(folder / name)
    except FileNotFoundError:
        # On a file system whose locks other machines do not see, another process may
        # have finished, and removed this one's files as leftovers.
        if not (folder / planning.INFO).is_file():
            raise
    for parent in (folder, folder / shards.RECORDS):
        atomic.remove_leftovers(parent)


def _write_tfds(plan: Plan, folder: Path, records: dict[str, list[Record]]) -> None:
    import tensorflow_datasets as tfds

    # It reads the names of the shards, not their content.
    stand_ins = [folder / plan.shards[split][0].name for split in records]
    for path in stand_ins:
        path.touch()
    tfds.folder_dataset.write_metadata(
        data_dir=folder,
        features=shards.features(plan.classes),
        split_infos=[
            tfds.core.SplitInfo(
                name=split,
                shard_lengths=[record.length for record in found],
                num_bytes=sum(record.bytes for record in found),
            )
            for split, found in records.items()
        ],
        version=planning.VERSION,
        check_data=False,
        description=DESCRIPTION,
        supervised_keys=("image", "label") if plan.classes else None,
    )
    for path in stand_ins:
        path.unlink()


def _report(plan: Plan, records: dict[str, list[Record]]) -> dict[str, Any]:
    """Returns the settings, and numbers and names of the photographs of each split."""
    report = {}
    for split, found in records.items():
        broken = {k: v for record in found for k, v in record.broken.items()}
        gray = [name for record in found for name in record.gray]
        converted = {k: v for record in found for k, v in record.converted.items()}
        report[split] = {
            "photographs": sum(record.length for record in found),
            "bytes": sum(record.bytes for record in found),
            "shards": len(found),
            "counts": {
                "broken": len(broken),
                "gray": len(gray),
                "converted": len(converted),
            },
            "broken": broken,
            "gray": gray,
            "converted": converted,
        }
    return {"settings": plan.settings, "splits": report}
