"""Packs folders of photographs into a few large files.

    python -m experiments.packed.pack train=PHOTOS/train PHOTOS/everyday -o packed

A part is two files: `part-000.jpegs` holds the bytes of the photographs one after the
other, and `part-000.json` their names, offsets and groups. A source is a folder; give
FOLDER to use its own name, or NAME=FOLDER. The name of a photograph is NAME/PATH. Its
group is NAME, followed by the first folder below the source if there is one, such as
`everyday/food`.
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
# Number of photographs in memory at a time.
CHUNK = 512


class Source(NamedTuple):
    """A folder of photographs.

    Attributes:
        name: first part of the names of its photographs.
        folder: path of the folder.
    """

    name: str
    folder: Path


class Packing(NamedTuple):
    """How photographs are packed.

    Attributes:
        part_bytes: largest size of a part, unless a single photograph is larger.
        quality: JPEG quality, 1 to 95; None to keep the bytes of files that are not
            resized.
        short_side: largest short side of a photograph, pixels; None for no limit.
        left_out: fraction to leave out by name of the source, chosen by the hash of
            the path below the source; "" stands for every other source.
    """

    part_bytes: int
    quality: int | None
    short_side: int | None
    left_out: dict[str, float]


class Item(NamedTuple):
    """A photograph in a part.

    Attributes:
        name: name of the source, and the path of the file below it.
        group: name of the source, and the first folder below it.
        content: content of the file; None if it is broken.
    """

    name: str
    group: str
    content: bytes | None


def pack(sources: Sequence[Source], output: Path, packing: Packing) -> dict[str, int]:
    """Writes parts, and counts the photographs of each group.

    Args:
        sources: folders of photographs, with different names.
        output: a folder, created if it is missing.
        packing: how the photographs are packed.

    Returns:
        The number of photographs in each group; broken photographs under "broken",
        photographs that were left out under "left out".

    Raises:
        ValueError: the folder already holds parts, or there are no photographs.
    """
    output.mkdir(parents=True, exist_ok=True)
    if any(output.glob(f"{PREFIX}*")):
        raise ValueError(f"{output} already holds parts; wanted a folder without parts")
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
        raise ValueError("there are no photographs to pack; wanted 1 or more")
    _write(part, output, number)
    return dict(counts)


def below_source(name: str) -> str:
    """Returns the path of a photograph below its source, of which the hash is taken."""
    return name.partition("/")[2]


def parse_source(text: str) -> Source:
    """Parses `NAME=FOLDER` or `FOLDER`.

    Raises:
        ValueError: there is no such folder, or the name is empty or has a slash.
    """
    name, sign, folder = text.partition("=")
    path = Path(folder if sign else name)
    name = name if sign else path.resolve().name
    if not path.is_dir():
        raise ValueError(f"{path} is not a folder; wanted a folder of photographs")
    if not name or "/" in name:
        raise ValueError(f"a source is named {name!r}; wanted a name without a slash")
    return Source(name, path)


def parse_fraction(text: str) -> tuple[str, float]:
    """Parses `NAME=FRACTION` or `FRACTION`, whose name is "": all other sources.

    Raises:
        ValueError: the fraction is not a number in [0, 1).
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
    """Returns the bytes of a file, or of a recompressed or smaller JPEG.

    Raises:
        ValueError: the file cannot be decoded.
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
    """Packs the sources that the command line names; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.packed.pack", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help="a folder of photographs: FOLDER or NAME=FOLDER",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path(FOLDER),
        metavar="DIR",
        help="folder for the parts (default: %(default)s)",
    )
    parser.add_argument(
        "--part-megabytes",
        type=float,
        default=45.0,
        metavar="N",
        help="largest size of a part (default: %(default)s)",
    )
    parser.add_argument(
        "--quality",
        type=int,
        metavar="N",
        help="JPEG quality, 1 to 95 (default: keep the bytes, or 90 if resized)",
    )
    parser.add_argument(
        "--short-side",
        type=int,
        metavar="PIXELS",
        help="largest short side of a photograph (default: no limit)",
    )
    parser.add_argument(
        "--leave-out",
        action="append",
        default=[],
        metavar="[NAME=]FRACTION",
        help="leave out this fraction of a source, or of all other sources, by the hash"
        " of the paths; repeat it for several sources",
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
