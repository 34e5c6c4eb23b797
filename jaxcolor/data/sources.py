"""Sources of photographs: random access to the bytes of image files.

A source has a length, the names of its images, and gives an `Example` for an index:
a folder, a list of files, or a data set of TensorFlow Datasets. Sources read on demand,
keep no file open and can be pickled.
"""

import dataclasses
import functools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int

from jaxcolor.data import files, imagenet, tfds
from jaxcolor.images import finding
from jaxcolor.images.finding import Skipped

# name[/config][:version][:split], or folder[:split], such as gs://bucket/name/1.0.0
TFDS_SPEC = re.compile(
    r"(?P<name>(\w+://)?[^:]+(:(\d+|\*)\.(\d+|\*)\.(\d+|\*))?)(:(?P<split>.+))?"
)


class Example(NamedTuple):
    """One image.

    Attributes:
        name: does not depend on where the source is stored; that of a file is its path
            below the folder.
        image: the encoded image, as in its file.
    """

    name: str
    image: bytes


@runtime_checkable
class Source(Protocol):
    """Images by index."""

    @property
    def names(self) -> Sequence[str]:
        """The name of each image, in order."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> Example: ...


@dataclasses.dataclass(frozen=True)
class Files:
    """Image files.

    Attributes:
        root: the folder that the names are relative to.
        names: paths with forward slashes.
        skipped: the broken files, which are not among the names.
    """

    root: Path
    names: tuple[str, ...]
    skipped: tuple[Skipped, ...] = ()

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Example:
        path = self.root / self.names[index]
        try:
            return Example(self.names[index], finding.read_file(path))
        except OSError as error:
            raise OSError(f"cannot read {path}: {error.strerror}") from error


@dataclasses.dataclass(frozen=True, eq=False)
class Records:
    """A split of a data set of TensorFlow Datasets.

    Attributes:
        title: name, version and split.
        records: gives a dictionary of features for an index.
        feature: the name of the one that is the image.
        label: the feature that is its class; None where there is none.
        classes: names of the classes.
    """

    title: str
    records: Sequence[dict[str, Any]]
    feature: str
    label: str | None
    classes: tuple[str, ...]

    @functools.cached_property
    def names(self) -> tuple[str, ...]:
        """The position in the split: the records' own names would cost a read each."""
        return tuple(f"{self.title}/{i:08}" for i in range(len(self)))

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> Example:
        return Example(self.names[index], self.records[index][self.feature])


@dataclasses.dataclass(frozen=True, eq=False)
class Renamed:
    """A source whose images have other names.

    Attributes:
        whole: the source.
        names: one for each image.
    """

    whole: Source
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Example:
        return Example(self.names[index], self.whole[index].image)


@dataclasses.dataclass(frozen=True, eq=False)
class Part:
    """Some images of a source.

    Attributes:
        whole: the source.
        indices: which of its images.
    """

    whole: Source
    indices: Int[np.ndarray, " images"]

    @functools.cached_property
    def names(self) -> tuple[str, ...]:
        """The names, in the order of the indices."""
        names = self.whole.names
        return tuple(names[i] for i in self.indices)

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Example:
        return self.whole[int(self.indices[index])]


def open_source(
    spec: str | Path,
    *,
    names: Sequence[str] | None = None,
    data_dir: str | Path | None = None,
    progress: files.Progress | None = None,
) -> Source:
    """Opens the source that a line of text names.

    Args:
        spec: a folder, a .txt list of files, or 'tfds:NAME[:SPLIT]', where NAME may
            be the folder of a prepared version, on gs://, too; the split is 'train'
            where none is given. 'imagenet-test:' or 'imagenet-validation:'
            before ImageNet's validation photographs chooses the paper's part of them,
            see `imagenet.numbers`.
        names: as in `folder`; of tfds, just these, in this order.
        data_dir: as in `tfds.open_split`.
        progress: as in `folder`.

    Raises:
        ValueError: there is no such source, or it holds no images.
    """
    text = str(spec)
    subset, _, rest = text.partition(":")
    if subset in imagenet.SUBSETS:
        if names is not None and not rest.startswith("tfds:"):
            return open_source(rest, names=names)
        whole = by_class(open_source(rest, data_dir=data_dir, progress=progress))
        chosen = Part(whole, imagenet.positions(whole.names, subset))
        return chosen if names is None else _chosen(chosen, names)
    if text.startswith("tfds:"):
        match = TFDS_SPEC.fullmatch(text.removeprefix("tfds:"))
        if match is None:
            raise ValueError(f"got {text!r}, wanted 'tfds:NAME' or 'tfds:NAME:SPLIT'")
        name, part = match["name"], match["split"] or "train"
        source = records(name, split=part, data_dir=data_dir)
        return source if names is None else _chosen(source, names)
    path = Path(spec)
    if path.suffix == ".txt" and not path.is_dir():
        return list_file(path, names=names, progress=progress)
    return folder(path, names=names, progress=progress)


def folder(
    path: str | Path,
    *,
    names: Sequence[str] | None = None,
    progress: files.Progress | None = None,
) -> Files:
    """Opens a folder and all folders in it, sorted by path; hidden files are ignored.

    Every image is decoded once, to list and leave out those that are broken.

    Args:
        path: of the folder.
        names: from `listing`: exactly these are opened, without a search and without
            verification.
        progress: wraps the names of the files that are decoded, as tqdm.tqdm does.

    Raises:
        ValueError: there is no such folder, or no image in it that can be decoded.
    """
    root = Path(path)
    if not root.is_dir():
        raise ValueError(f"no folder {root}")
    if names is not None:
        return Files(root, tuple(names))
    found = files.find(root)
    if not found:
        wanted = ".jpg, .png, .webp, .tif and others that Pillow reads"
        raise ValueError(f"no images in {root}; looked for {wanted}")
    return Files(root, *files.verify(root, found, progress=progress))


def list_file(
    path: str | Path,
    *,
    names: Sequence[str] | None = None,
    progress: files.Progress | None = None,
) -> Files:
    """Opens the files that a text file lists.

    A line is a path, relative to the list's own folder; empty lines and those that
    begin with # are ignored. The order is kept. Files are verified as in `folder`.

    Args:
        path: of the list, UTF-8.
        names: as in `folder`.
        progress: as in `folder`.

    Raises:
        ValueError: there is no such list, or no image in it that can be decoded.
    """
    listed = Path(path)
    if not listed.is_file():
        raise ValueError(f"no list of files {listed}")
    if names is not None:
        return Files(listed.parent, tuple(names))
    stripped = (line.strip() for line in listed.read_text("utf-8").splitlines())
    found = [line for line in stripped if line and not line.startswith("#")]
    if not found:
        raise ValueError(f"no images in {listed}; wanted one path a line")
    root = listed.parent
    return Files(root, *files.verify(root, found, progress=progress))


def records(name: str, *, split: str, data_dir: str | Path | None) -> Records:
    """Opens a split of TensorFlow Datasets, as `tfds.open_split`."""
    return Records(*tfds.open_split(name, split=split, data_dir=data_dir))


def by_class(source: Source) -> Source:
    """Returns a source whose images are named as in a labelled folder: CLASS/FILE.

    Records with labels get such names, which costs a read of each of them; what has
    no labels, and folders, whose names are so or not, stay as they are.
    """
    if not isinstance(source, Records) or source.label is None:
        return source
    names = []
    for position, record in enumerate(source.records):
        # Numbered, if its file had no name.
        file = record.get("file_name", f"{position:08}")
        # Names that are not UTF-8 carry their bytes as surrogates.
        is_raw = isinstance(file, bytes)
        name = file.decode("utf-8", "surrogateescape") if is_raw else file
        label = record[source.label]
        # -1 is an unknown class.
        names.append(f"{source.classes[label]}/{name}" if label >= 0 else name)
    return Renamed(source, tuple(names))


def listing(source: Source) -> list[str]:
    """Lists the names, to open the same images later: `open_source(..., names=)`."""
    return list(source.names)


def _chosen(source: Source, names: Sequence[str]) -> Part:
    positions = {name: position for position, name in enumerate(source.names)}
    gone = [name for name in names if name not in positions]
    if gone:
        raise ValueError(
            f"{len(gone)} of {len(names)} images are missing: {gone[0]} ..."
        )
    return Part(source, np.array([positions[name] for name in names], np.int64))
