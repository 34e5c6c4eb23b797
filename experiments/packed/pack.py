"""Packs folders of photographs into a few large files.

    python -m experiments.packed.pack train=PHOTOS/train PHOTOS/everyday -o packed

A part is two files: `part-000.jpegs`, the photographs' bytes one after the other, and
`part-000.json`, their names, offsets and groups. A source is a folder, by its own name
or as NAME=FOLDER. A photograph is called NAME/PATH, and its group is NAME, with the
first folder below the source if there is one: `everyday/food`.
"""

import argparse
import io
import itertools
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent import futures
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from jaxcolor.data import decoding, files, splits
from jaxcolor.runtime import atomic

FORMAT_VERSION = 1
PREFIX, BYTES, INDEX = "part-", ".jpegs", ".json"
FOLDER = "packed"
MEGABYTE = 1_000_000
# Photographs that are in memory at a time.
CHUNK = 512


class Source(NamedTuple):
    """A folder of photographs.

    Attributes:
        name: that the names of its photographs begin with.
        folder: where it is.
    """

    name: str
    folder: Path


class Packing(NamedTuple):
    """How photographs are packed.

    Attributes:
        part_bytes: of a part, at most, unless one photograph has more.
        quality: of JPEG, 1 to 95; None to keep a file's bytes where it is small enough.
        short_side: of a photograph, pixels, at most; None for any.
        left_out: fractions by name of the source, chosen by the hash of the path below
            it; "" stands for every source.
    """

    part_bytes: int
    quality: int | None
    short_side: int | None
    left_out: dict[str, float]


class Item(NamedTuple):
    """A photograph in a part.

    Attributes:
        name: of the source and of the file below it.
        group: the source, and the first folder below it.
        content: of a file; None if it is broken.
    """

    name: str
    group: str
    content: bytes | None


def pack(sources: Sequence[Source], output: Path, packing: Packing) -> dict[str, int]:
    """Writes parts, and counts the photographs of each group.

    Args:
        sources: each by another name.
        output: a folder, made if it is not there.
        packing: how.

    Returns:
        The number of photographs of each group; broken ones under "broken", those that
        are left out under "left out".

    Raises:
        ValueError: the folder holds parts already, or a source has no photographs.
    """
    output.mkdir(parents=True, exist_ok=True)
    if any(output.glob(f"{PREFIX}*")):
        raise ValueError(f"{output} holds parts already; wanted a folder without")
    counts: Counter[str] = Counter()
    part: list[Item] = []
    size = number = 0
    for item in _items(sources, packing, counts):
        if item.content is None:
            counts["broken"] += 1
            continue
        counts[item.group] += 1
        if part and size + len(item.content) > packing.part_bytes:
            _write(part, output, number)
            part, size, number = [], 0, number + 1
        part.append(item)
        size += len(item.content)
    if not part:
        raise ValueError("no photographs to pack")
    _write(part, output, number)
    return dict(counts)


def below_source(name: str) -> str:
    """Returns the path of a photograph below its source: what its hash is taken of."""
    return name.partition("/")[2]


def parse_source(text: str) -> Source:
    """Returns the source that `NAME=FOLDER` or `FOLDER` means.

    Raises:
        ValueError: there is no such folder, or the name has a slash.
    """
    name, sign, folder = text.partition("=")
    path = Path(folder if sign else name)
    name = name if sign else path.resolve().name
    if not path.is_dir():
        raise ValueError(f"{path}: not a folder")
    if not name or "/" in name:
        raise ValueError(f"{name!r} names a source; wanted a name without a slash")
    return Source(name, path)


def parse_fraction(text: str) -> tuple[str, float]:
    """Returns the source's name, "" for all, and the fraction that is left out.

    Raises:
        ValueError: it is no number in [0, 1).
    """
    name, _, number = text.rpartition("=")
    fraction = float(number)
    if not 0 <= fraction < 1:
        raise ValueError(f"--leave-out is {number}; wanted from 0 to below 1")
    return name, fraction


def _items(
    sources: Sequence[Source], packing: Packing, counts: Counter[str]
) -> Iterator[Item]:
    with futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for source in sources:
            fraction = packing.left_out.get(source.name, packing.left_out.get("", 0.0))
            found = files.find(source.folder)
            kept = [x for x in found if not splits.is_held_out(x, fraction=fraction)]
            counts["left out"] += len(found) - len(kept)
            item = _reader(source, packing)
            for start in range(0, len(kept), CHUNK):
                yield from pool.map(item, kept[start : start + CHUNK])


def _reader(source: Source, packing: Packing) -> Callable[[str], Item]:
    def item(path: str) -> Item:
        first, slash, _ = path.partition("/")
        group = f"{source.name}/{first}" if slash else source.name
        content: bytes | None = (source.folder / path).read_bytes()
        try:
            content = _recoded(content, packing)
        except ValueError as error:
            print(f"left out {source.folder / path}: {error}", file=sys.stderr)
            content = None
        return Item(f"{source.name}/{path}", group, content)

    return item


def _recoded(content: bytes, packing: Packing) -> bytes:
    """Returns a file's own bytes, or those of a smaller one.

    Raises:
        ValueError: it cannot be decoded.
    """
    image = decoding.decode(content, at_least=None)
    short = packing.short_side or min(image.size)
    is_large = min(image.size) > short
    if packing.quality is None and not is_large:
        return content
    if is_large:
        size = decoding.resized(image.size, resize=short, squash=False)
        image = image.resize(size, Image.Resampling.BICUBIC)
    out = io.BytesIO()
    quality = 90 if packing.quality is None else packing.quality
    image.save(out, format="JPEG", quality=quality, optimize=True)
    return out.getvalue()


def _write(part: Sequence[Item], output: Path, number: int) -> None:
    stem = f"{PREFIX}{number:03d}"
    contents = [item.content or b"" for item in part]
    offsets = [0, *itertools.accumulate(len(content) for content in contents)]
    index = {
        "format": FORMAT_VERSION,
        "names": [item.name for item in part],
        "groups": [item.group for item in part],
        "offsets": offsets,
    }
    atomic.write_bytes(output / f"{stem}{BYTES}", b"".join(contents))
    atomic.write_text(output / f"{stem}{INDEX}", json.dumps(index) + "\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Packs what the command line names."""
    parser = argparse.ArgumentParser(prog="python -m experiments.packed.pack")
    parser.add_argument("sources", nargs="+", metavar="SOURCE")
    parser.add_argument("-o", "--output", type=Path, default=Path(FOLDER))
    parser.add_argument("--part-megabytes", type=float, default=45.0)
    parser.add_argument("--quality", type=int, help="of JPEG; default: bytes are kept")
    parser.add_argument("--short-side", type=int, help="at most; default: any")
    parser.add_argument(
        "--leave-out",
        action="append",
        default=[],
        metavar="[NAME=]FRACTION",
        help="of the photographs of a source, or of all, by the hash of their paths",
    )
    arguments = parser.parse_args(argv)
    try:
        counts = pack(
            [parse_source(text) for text in arguments.sources],
            arguments.output,
            Packing(
                part_bytes=int(arguments.part_megabytes * MEGABYTE),
                quality=arguments.quality,
                short_side=arguments.short_side,
                left_out=dict(parse_fraction(text) for text in arguments.leave_out),
            ),
        )
    except ValueError as error:
        parser.exit(2, f"{parser.prog}: {error}\n")
    print(json.dumps(counts, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
