"""Photographs in folders and in tars, by where their bytes lie.

A tar is not unpacked: its headers are gone through once, and a photograph is read from
where it begins. A tar within a tar, as ImageNet's of the training, is a folder.
"""

import itertools
import posixpath
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from jaxcolor.data import files, pixels

TAR = ".tar"
# They become the folders that ImageNet has when it is unpacked.
IMAGENET_TAR = re.compile(r"ILSVRC2012_img_(?P<split>train|val|test)")


class Member(NamedTuple):
    """A photograph.

    Attributes:
        name: its path below the source, with forward slashes.
        path: of the file that holds its bytes.
        offset: of the first of them.
        size: how many there are; None is all of the file.
    """

    name: str
    path: str
    offset: int
    size: int | None


def listing(source: Path) -> list[Member]:
    """Lists the photographs of a folder or a tar, sorted by name.

    A tar in a folder stands for a folder of its name; hidden files are ignored.

    Raises:
        ValueError: there is no such file or folder, no photograph in it, two of the
            same name, or a tar is broken or compressed.
    """
    if source.is_dir():
        found = [
            Member(name, str(source / name), 0, None) for name in files.find(source)
        ]
        for name in files.find(source, endings=frozenset({TAR})):
            inside = posixpath.join(posixpath.dirname(name), _folder_for(source / name))
            found += _in_tar(source / name, folder=inside)
    elif source.is_file() and source.suffix.lower() == TAR:
        is_known = IMAGENET_TAR.fullmatch(source.stem)
        found = list(_in_tar(source, folder=_folder_for(source) if is_known else ""))
    else:
        raise ValueError(f"got {source}, wanted a folder or a {TAR} of photographs")
    if not found:
        wanted = ".jpg, .png, .webp, .tif, tars of them, and what else Pillow reads"
        raise ValueError(f"no photographs in {source}; looked for {wanted}")
    found.sort(key=lambda member: member.name)
    for one, next_one in itertools.pairwise(found):
        if one.name == next_one.name:
            raise ValueError(f"{one.name} is twice in {source}")
    return found


def read(member: Member) -> bytes:
    """Returns the encoded photograph.

    Raises:
        OSError: it cannot be read, or has become shorter than it was.
    """
    with Path(member.path).open("rb") as file:
        if member.size is None:
            return file.read()
        file.seek(member.offset)
        content = file.read(member.size)
    if len(content) < member.size:
        raise OSError(f"{member.path} ends within {member.name}")
    return content


def _folder_for(tar: Path) -> str:
    known = IMAGENET_TAR.fullmatch(tar.stem)
    return known["split"] if known else tar.stem


def _in_tar(path: Path, *, folder: str) -> Iterator[Member]:
    try:
        with path.open("rb") as file:
            end = path.stat().st_size
            yield from _members(file, str(path), folder=folder, end=end)
    except tarfile.TarError as error:
        reason = str(error) or type(error).__name__
        raise ValueError(
            f"{path} is no tar, or a broken or compressed one: {reason}"
        ) from error


def _members(file: IO[bytes], path: str, *, folder: str, end: int) -> Iterator[Member]:
    """Goes through the tar that begins where the file stands."""
    # "r:" is without compression, which would have no random access.
    with tarfile.open(fileobj=file, mode="r:") as tar:
        for info in tar:
            if info.offset_data + info.size > end:
                raise tarfile.ReadError(f"it ends within {info.name}")
            below = posixpath.normpath("/" + info.name)[1:]
            if not info.isfile() or any(p.startswith(".") for p in below.split("/")):
                continue
            name = posixpath.join(folder, below)
            ending = PurePosixPath(below).suffix.lower()
            if ending == TAR:
                file.seek(info.offset_data)
                within = name[: -len(TAR)]
                last = info.offset_data + info.size
                yield from _members(file, path, folder=within, end=last)
            elif ending in pixels.extensions():
                yield Member(name, path, info.offset_data, info.size)
