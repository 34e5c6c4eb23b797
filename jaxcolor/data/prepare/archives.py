"""Lists photographs in folders and tars, and reads them.

A tar is not unpacked: its headers are read once, and a photograph is read from its
position. A tar within a tar, as in ImageNet's training set, counts as a folder.
"""

import itertools
import posixpath
import re
import tarfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from jaxcolor.data import files
from jaxcolor.images import finding

TAR = ".tar"
# Named like the folders of the unpacked ImageNet.
IMAGENET_TAR = re.compile(r"ILSVRC2012_img_(?P<split>train|val|test)")


class Member(NamedTuple):
    """A photograph.

    Attributes:
        name: its path below the source, with forward slashes.
        path: of the file that holds its bytes.
        offset: of the first byte in that file.
        size: number of bytes; None is the whole file.
    """

    name: str
    path: str
    offset: int
    size: int | None


def listing(
    source: Path,
    *,
    progress: Callable[[Iterable[Member]], Iterable[Member]] | None = None,
) -> list[Member]:
    """Lists the photographs of a folder or a tar, sorted by name.

    A tar in a folder stands for a folder of its name; hidden files are ignored.

    Args:
        source: the folder or the tar.
        progress: wraps the photographs as they are found, as tqdm.tqdm does: reading
            the headers of a large tar takes minutes.

    Raises:
        ValueError: there is no such file or folder, no photograph in it, two of the
            same name, or a tar is broken or compressed.
    """
    if not source.is_dir() and not (source.is_file() and _is_tar(source.name)):
        raise ValueError(f"got {source}, wanted a folder or a {TAR} of photographs")
    members = _in_folder(source) if source.is_dir() else _in_one_tar(source)
    found = sorted(
        progress(members) if progress else members, key=lambda member: member.name
    )
    if not found:
        wanted = ".jpg, .png, .webp, .tif, others that Pillow reads, and tars of them"
        raise ValueError(f"no photographs in {source}; looked for {wanted}")
    for one, next_one in itertools.pairwise(found):
        if one.name == next_one.name:
            raise ValueError(f"{one.name} occurs twice in {source}")
    return found


def read(member: Member) -> bytes:
    """Returns the encoded photograph.

    Raises:
        OSError: it cannot be read, or has become shorter than it was.
    """
    with finding.open_file(member.path) as file:
        if member.size is None:
            return file.read()
        file.seek(member.offset)
        content = file.read(member.size)
    if len(content) < member.size:
        raise OSError(f"{member.path} ends within {member.name}")
    return content


def _is_tar(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() == TAR


def _in_folder(root: Path) -> Iterator[Member]:
    for name in files.find(root, other_suffixes=frozenset({TAR})):
        if not _is_tar(name):
            yield Member(name, str(root / name), 0, None)
            continue
        inside = posixpath.join(posixpath.dirname(name), _folder_for(root / name))
        yield from _in_tar(root / name, folder=inside)


def _in_one_tar(path: Path) -> Iterator[Member]:
    is_known = IMAGENET_TAR.fullmatch(path.stem)
    return _in_tar(path, folder=_folder_for(path) if is_known else "")


def _folder_for(tar: Path) -> str:
    known = IMAGENET_TAR.fullmatch(tar.stem)
    return known["split"] if known else tar.stem


def _in_tar(path: Path, *, folder: str) -> Iterator[Member]:
    try:
        with finding.open_file(path) as file:
            end = path.stat().st_size
            yield from _members(file, str(path), folder=folder, end=end)
    except tarfile.TarError as error:
        reason = str(error) or type(error).__name__
        raise ValueError(
            f"{path} is not a tar, or is broken or compressed: {reason}"
        ) from error


def _members(file: IO[bytes], path: str, *, folder: str, end: int) -> Iterator[Member]:
    """Yields the photographs of the tar that begins at the file's position."""
    # "r:" is without compression, which has no random access.
    with tarfile.open(fileobj=file, mode="r:") as tar:
        for info in tar:
            if info.offset_data + info.size > end:
                raise tarfile.ReadError(f"it ends within {info.name}")
            below = posixpath.normpath("/" + info.name)[1:]
            if not info.isfile() or any(p.startswith(".") for p in below.split("/")):
                continue
            name = posixpath.join(folder, below)
            if _is_tar(below):
                file.seek(info.offset_data)
                within = name[: -len(TAR)]
                last = info.offset_data + info.size
                yield from _members(file, path, folder=within, end=last)
            elif PurePosixPath(below).suffix.lower() in finding.suffixes():
                yield Member(name, path, info.offset_data, info.size)
        # tarfile treats a broken header as the end.
        file.seek(tar.offset)
        if file.read(tarfile.BLOCKSIZE) != tarfile.NUL * tarfile.BLOCKSIZE:
            raise tarfile.ReadError("it has no end")
