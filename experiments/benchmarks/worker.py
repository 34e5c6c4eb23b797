"""Runs one arm of a comparison of `experiments.benchmarks.run` in its own process.

The process is bound to its cores before it imports any library that counts them. It
then answers each line of its input with the seconds that one call took.
"""

import argparse
import importlib
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

# Seconds below which a call is repeated, so that the resolution of the clock is
# negligible.
SHORTEST = 0.1


class Seconds(NamedTuple):
    """How long a call took.

    Attributes:
        wall: wall-clock time.
        processor: CPU time of all threads of the process together.
    """

    wall: float
    processor: float


def measure(call: Callable[[], object], *, repeats: int) -> Seconds:
    """Returns the mean time of several calls in a row."""
    wall, processor = time.perf_counter(), time.process_time()
    for _ in range(repeats):
        call()
    return Seconds(
        (time.perf_counter() - wall) / repeats,
        (time.process_time() - processor) / repeats,
    )


def peak_mb() -> float:
    """Returns the largest memory of the process so far, in megabytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)


def bind(cores: int) -> None:
    """Binds this process, and every thread that it will start, to a number of cores."""
    for name in ("OMP", "OPENBLAS", "MKL"):
        os.environ[f"{name}_NUM_THREADS"] = str(cores)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-cores:])


def main() -> None:
    """Prepares the arm, then answers each line of input with one line of JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("arm", help="module.function")
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--cores", type=int, required=True)
    parser.add_argument("--options", type=json.loads, default={})
    arguments = parser.parse_args()
    bind(arguments.cores)
    inputs = importlib.import_module("experiments.benchmarks.inputs")
    module, name = arguments.arm.split(".")
    make_arm = getattr(
        importlib.import_module(f"experiments.benchmarks.{module}"), name
    )
    setting = inputs.Setting(arguments.photos, arguments.cores)
    arm = make_arm(setting, **arguments.options)
    # The first call compiles the programs.
    arm.call()
    repeats = max(1, round(SHORTEST / max(measure(arm.call, repeats=1).wall, 1e-6)))
    print(json.dumps(arm.facts | {"peak_mb": peak_mb()}), flush=True)
    for _ in sys.stdin:
        # Not timed, since caches are cold after the turn of the other side.
        arm.call()
        print(json.dumps(measure(arm.call, repeats=repeats)._asdict()), flush=True)


if __name__ == "__main__":
    main()
