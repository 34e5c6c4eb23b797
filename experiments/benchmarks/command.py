"""Measures `jaxcolor colorize` as people meet it: from the command to the files.

Prints seconds of the clock for a first photograph, without and with what earlier runs
have kept; photographs a second for a folder of small and one of large ones; and the
peak memory for 60 megapixels. Each run is a process of its own. Medians.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from experiments.benchmarks import inputs, run

SMALL, LARGE, HUGE = (256, 256), (4000, 3000), (9486, 6324)
SMALL_PHOTOS, LARGE_PHOTOS = 200, 12


class Measured(NamedTuple):
    """What one run took.

    Attributes:
        seconds: of the clock.
        megabytes: at most, in memory.
        stages: what the command says about its time.
    """

    seconds: float
    megabytes: float
    stages: str


def colorize(photos: Path, *, cache: Path) -> Measured:
    """Returns what the colorization of a file or folder took."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "jaxcolor", "colorize", str(photos)]
        start = time.perf_counter()
        done = subprocess.Popen(
            [*command, "-o", str(Path(folder) / "out")],
            env=os.environ | {"JAX_PLATFORMS": "cpu", "JAXCOLOR_CACHE": str(cache)},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert done.stdout is not None
        output = done.stdout.read()
        _, status, usage = os.wait4(done.pid, 0)
        seconds = time.perf_counter() - start
    if status:
        raise RuntimeError(f"jaxcolor colorize ended with status {status}")
    stages = re.search(r"time: (.*)", output)
    return Measured(seconds, usage.ru_maxrss / 1e3, stages[1] if stages else "")


def _make(folder: Path, *, size: tuple[int, int], count: int) -> None:
    """Writes sample photographs of one size as JPEGs."""
    folder.mkdir()
    with tempfile.TemporaryDirectory() as samples:
        inputs.make_photographs(Path(samples))
        names = sorted(Path(samples).iterdir())
        for number in range(count):
            with Image.open(names[number % len(names)]) as image:
                resized = image.resize(size, Image.Resampling.BICUBIC)
            resized.save(folder / f"{number}.jpg", quality=90)


def main(given: Sequence[str] | None = None) -> None:
    """Measures, and prints a line for each."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.benchmarks.command",
        description=__doc__.splitlines()[0],
        epilog="example: python -m experiments.benchmarks.command --rounds 3",
    )
    parser.add_argument(
        "--rounds",
        type=int,
        default=3,
        metavar="N",
        help="number of measurements of each (default: %(default)s)",
    )
    rounds = parser.parse_args(given).rounds
    if rounds < 1:
        parser.error(f"--rounds is {rounds}; wanted 1 or more")
    print(run.machine())
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, size, count in (
            ("small", SMALL, SMALL_PHOTOS),
            ("large", LARGE, LARGE_PHOTOS),
            ("huge", HUGE, 1),
        ):
            _make(root / name, size=size, count=count)
        one = root / "small" / "0.jpg"
        cold = [colorize(one, cache=root / f"cold{n}") for n in range(rounds)]
        warm = [colorize(one, cache=root / "cold0") for _ in range(rounds)]
        for name, found in (("nothing kept", cold), ("kept programs", warm)):
            seconds = statistics.median(x.seconds for x in found)
            print(f"one photograph, {name}: {seconds:.2f} s")
        for name, count in (("small", SMALL_PHOTOS), ("large", LARGE_PHOTOS)):
            # The first one compiles.
            runs = [
                colorize(root / name, cache=root / "cold0") for _ in range(rounds + 1)
            ]
            found = runs[1:]
            # Without the start of the process.
            start = statistics.median(x.seconds for x in warm)
            rate = statistics.median((count - 1) / (x.seconds - start) for x in found)
            size = "x".join(map(str, SMALL if name == "small" else LARGE))
            print(f"{count} of {size}: {rate:.1f} a second; {found[-1].stages}")
        found = [colorize(root / "huge", cache=root / "cold0") for _ in range(rounds)]
        megabytes = max(x.megabytes for x in found)
        print(f"one of 60 megapixels: {megabytes:.0f} MB at most")


if __name__ == "__main__":
    main()
