"""Reads data sets of TensorFlow Datasets that are prepared on disk.

TensorFlow is not needed.
"""

import contextlib
import resource
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

# Every shard that was read stays open. As many files as a process may have open
# for this, if the system lets it; and those that something else needs.
OPEN_FILES, OTHER_FILES = 65_536, 256


class Prepared(NamedTuple):
    """A split with random access.

    Attributes:
        title: name, configuration, version and split.
        records: gives a dictionary of features for an index; images stay encoded.
        feature: the name of the feature that is the image.
        label: the name of the feature that is its class; None where there is none.
        classes: names of the classes.
    """

    title: str
    records: Sequence[dict[str, Any]]
    feature: str
    label: str | None
    classes: tuple[str, ...]


def open_split(name: str, *, split: str, data_dir: str | Path | None) -> Prepared:
    """Opens a split of a prepared data set.

    Args:
        name: 'NAME', 'NAME/CONFIG', 'NAME:VERSION', or the folder of a prepared
            version, also on gs:// (extra gcs).
        split: also a part of one, such as 'train[:10%]'.
        data_dir: folder of the data sets; None is the package's own default.

    Raises:
        ValueError: it is not prepared, cannot be reached, is not in a format with
            random access, has no such split, or not one image in each record; or it
            has more shards than files may be open.
    """
    # Imported here because it takes half a second.
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core import read_only_builder

    how = _how_to_prepare(name, data_dir=data_dir)
    try:
        # From the files on disk: a data set's own code may need TensorFlow.
        if (tfds.core.Path(name) / "dataset_info.json").is_file():
            builder = tfds.builder_from_directory(name)
        else:
            builder = read_only_builder.builder_from_files(name, data_dir=data_dir)
    # Raised by etils where the reader of gs:// is not installed.
    except ImportError as error:
        where = data_dir if data_dir else name
        raise ValueError(
            f"cannot read {where}: {error}; pip install 'jaxcolor[gcs]'"
        ) from error
    except tfds.core.DatasetNotFoundError as error:
        where = f" in {data_dir}" if data_dir else ""
        raise ValueError(f"{name} is not prepared{where}; {how}") from error
    features = builder.info.features
    images = [k for k in features if isinstance(features[k], tfds.features.Image)]
    if len(images) != 1:
        raise ValueError(f"{name} has images {images} in a record, wanted one")
    try:
        as_encoded = {images[0]: tfds.decode.SkipDecoding()}
        records = builder.as_data_source(split, decoders=as_encoded)
    except NotImplementedError as error:
        stored = builder.info.file_format.value
        raise ValueError(
            f"{name} is prepared as {stored}, which has no random access; {how}"
        ) from error
    shards = len(builder.info.splits[split].file_instructions)
    _allow_open_files(shards, name=name)
    title = f"{builder.info.full_name}/{split}"
    labels = [k for k in features if isinstance(features[k], tfds.features.ClassLabel)]
    if len(labels) != 1:
        return Prepared(title, records, images[0], None, ())
    return Prepared(
        title, records, images[0], labels[0], tuple(features[labels[0]].names)
    )


def _allow_open_files(shards: int, *, name: str) -> None:
    """Raises the soft limit of open files, which is 1,024 on many systems.

    Raises:
        ValueError: the hard limit is too low.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return
    most = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft < most:
        # Some systems have a lower limit than the one that they report.
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < shards + OTHER_FILES:
        raise ValueError(
            f"{name} has {shards:,} shards, and this process may open {soft:,} files,"
            f" wanted {shards + OTHER_FILES:,}: raise the limit (ulimit -n), or prepare"
            " fewer and larger shards (jaxcolor prepare --shard-photos)"
        )


def _how_to_prepare(name: str, *, data_dir: str | Path | None) -> str:
    where = f", data_dir={str(data_dir)!r}" if data_dir else ""
    return (
        'prepare it with: python -c "import tensorflow_datasets as tfds;'
        f" tfds.builder({name!r}{where}, file_format='array_record')"
        '.download_and_prepare()", or photographs on disk with: jaxcolor prepare'
    )
