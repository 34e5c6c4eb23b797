"""One file of a prepared data set: a slice of a split, as TFDS reads it.

Its content depends only on the photographs and the recipe. The file appears under its
name when it is whole, and then a record of the photographs that were left out.
"""

import contextlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from jaxcolor.data.prepare import archives, recode
from jaxcolor.data.prepare.layout import Item
from jaxcolor.data.prepare.recode import Recipe
from jaxcolor.runtime import atomic

# For random access to records, as TensorFlow Datasets writes them.
OPTIONS = "group_size:1"
RECORDS = "shards"


class Shard(NamedTuple):
    """The content of a file.

    Attributes:
        name: of the file.
        items: the photographs, broken ones too.
        classes: of the data set; empty if it has no labels.
    """

    name: str
    items: tuple[Item, ...]
    classes: tuple[str, ...]


class Record(NamedTuple):
    """The record of a finished shard.

    Attributes:
        length: number of photographs in it.
        bytes: size of their records.
        broken: names of the photographs that are not, with the reasons.
        gray: names of those with almost no color.
        converted: names of those that were not RGB or gray JPEGs, with their formats.
    """

    length: int
    bytes: int
    broken: dict[str, str]
    gray: list[str]
    converted: dict[str, str]


def features(classes: tuple[str, ...]) -> Any:
    """Returns the features of a record: image, file_name, and label with classes."""
    import tensorflow_datasets as tfds

    found = {
        "image": tfds.features.Image(encoding_format="jpeg"),
        "file_name": tfds.features.Text(),
    }
    if classes:
        found["label"] = tfds.features.ClassLabel(names=list(classes))
    return tfds.features.FeaturesDict(found)


def write(shard: Shard, *, folder: Path, recipe: Recipe) -> None:
    """Writes a shard into the folder of its data set, and its record.

    Raises:
        OSError: a photograph cannot be read, or the disk is full.
    """
    with unfinished(folder / shard.name) as path:
        record = _write(shard, path, recipe=recipe)
    write_json(record._asdict(), _record_of(folder, shard.name))


def read_record(folder: Path, name: str) -> Record | None:
    """Returns the record of a shard, or None if it is not finished."""
    if not (folder / name).is_file():
        return None
    try:
        return Record(**json.loads(_record_of(folder, name).read_text("ascii")))
    except FileNotFoundError:
        return None


@contextlib.contextmanager
def unfinished(path: Path) -> Iterator[Path]:
    """Yields a path to write to, which then becomes the one wanted, or is removed."""
    is_filled = False
    try:
        with atomic.file(path) as temporary:
            yield temporary
            is_filled = True
    except FileNotFoundError:
        # On a file system whose locks other machines do not see, another process may
        # have written the same file, and removed this one's temporary as a leftover.
        if not (is_filled and path.is_file()):
            raise


def write_json(content: dict[str, Any], path: Path) -> None:
    """Writes a JSON file, whole or not at all."""
    path.parent.mkdir(exist_ok=True)
    with unfinished(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", "ascii")


def _record_of(folder: Path, name: str) -> Path:
    return folder / RECORDS / f"{name}.json"


def _write(shard: Shard, path: Path, *, recipe: Recipe) -> Record:
    from array_record.python import array_record_module
    from tensorflow_datasets.core import example_serializer

    found = features(shard.classes)
    serializer = example_serializer.ExampleSerializer(found.get_serialized_info())
    record = Record(0, 0, {}, [], {})
    try:
        writer = array_record_module.ArrayRecordWriter(str(path), OPTIONS)
        for item in shard.items:
            name = item.member.name
            try:
                recoded = recode.recode(archives.read(item.member), recipe=recipe)
            except ValueError as error:
                record.broken[name] = str(error)
                continue
            example = found.encode_example(_example(item, recoded.image, shard))
            # Not features.serialize_example: the order of a proto's map is not fixed.
            proto = serializer.get_tf_example(example)
            content = proto.SerializeToString(deterministic=True)
            writer.write(content)
            record = record._replace(
                length=record.length + 1, bytes=record.bytes + len(content)
            )
            if recoded.is_gray:
                record.gray.append(name)
            if recoded.was:
                record.converted[name] = recoded.was
        writer.close()
    # The writer raises this for any problem.
    except RuntimeError as error:
        raise OSError(f"cannot write {shard.name}: {error}") from error
    return record


def _example(item: Item, image: bytes, shard: Shard) -> dict[str, Any]:
    # Names that are not UTF-8 carry their bytes as surrogates.
    file_name = item.file_name.encode("utf-8", "surrogateescape")
    example = {"image": io.BytesIO(image), "file_name": file_name}
    return example | ({"label": item.label} if shard.classes else {})
