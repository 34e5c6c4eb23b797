"""Measures the speed of a training on several numbers of devices and processes.

The devices are simulated on the cores of this machine, so more devices cannot be
faster: the numbers show the cost of dividing the work. Each training is started as a
user would start it, with its input pipeline, in processes of its own; the topologies
alternate.

Run:    python -m experiments.benchmarks.run scale
Expect: on two cores about the same images per second for all topologies, and fewer
    with 8 devices. Each of the six takes a minute or two per round, so use --rounds 2.
"""

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
LIMIT = 300


class Topology(NamedTuple):
    """The number of processes, and the number of devices in each."""

    processes: int
    devices: int


TOPOLOGIES = (
    Topology(1, 1),
    Topology(1, 2),
    Topology(1, 4),
    Topology(1, 8),
    Topology(2, 1),
    Topology(2, 4),
)
# Steps of a training, steps per interval, and intervals of warm-up to skip.
STEPS, INTERVAL, SKIPPED = 20, 5, 1


def run(photos: Path, *, rounds: int) -> Iterator[str]:
    """Measures all topologies, and yields the lines of a table.

    Args:
        photos: a folder of photographs.
        rounds: number of trainings of each topology.
    """
    found: dict[Topology, list[tuple[float, float]]] = {t: [] for t in TOPOLOGIES}
    for turn in range(rounds):
        for topology in TOPOLOGIES:
            found[topology].append(_train(photos, topology))
            if sys.stderr.isatty():
                shown = f"{topology}: round {turn + 1} of {rounds}"
                print(f"\r\033[K{shown}", end="", file=sys.stderr, flush=True)
    alone = statistics.median(speed for speed, _ in found[TOPOLOGIES[0]])
    yield "scenes_small, batches of 32 crops of 96, simulated devices"
    yield f"{'processes x devices':>20}{'images/s':>22}{'vs 1 x 1':>10}{'waiting':>8}"
    for topology, each in found.items():
        speeds = sorted(speed for speed, _ in each)
        median = statistics.median(speeds)
        waits = statistics.median(wait for _, wait in each)
        label = f"{topology.processes} x {topology.devices}"
        spread = f"{median:.1f} [{speeds[0]:.1f}, {speeds[-1]:.1f}]"
        yield f"{label:>20}{spread:>22}{median / alone:>10.2f}{waits:>8.1%}"


def _train(photos: Path, topology: Topology) -> tuple[float, float]:
    """Returns the images per second, and the share of time spent waiting for input."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "jaxcolor", "train", "--quiet"]
        command += ["--config=configs/scenes_small.py", f"--workdir={folder}/run"]
        values = {
            "data.source": photos,
            "data.held_out_fraction": 0.0,
            "training.steps": STEPS,
            "schedule.warmup": 0,
            "training.log_every": INTERVAL,
            "training.checkpoint_every": STEPS,
            "training.validation_images": 0,
            "training.sheet_every": 0,
        }
        command += [f"--config.{name}={value}" for name, value in values.items()]
        environment = os.environ | {
            "JAX_PLATFORMS": "cpu",
            "JAX_NUM_CPU_DEVICES": str(topology.devices),
        }
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        count = topology.processes
        place = [f"--coordinator=127.0.0.1:{port}", f"--processes={count}"]
        started = [
            subprocess.Popen(
                command + ([*place, f"--process={n}"] if count > 1 else []),
                cwd=ROOT,
                env=environment,
                stderr=subprocess.PIPE,
                text=True,
            )
            for n in range(count)
        ]
        try:
            printed = [process.communicate(timeout=LIMIT)[1] for process in started]
        finally:
            for process in started:
                process.kill()
        if any(process.returncode for process in started):
            raise RuntimeError(f"{topology}: a training failed\n{''.join(printed)}")
        lines = (Path(folder) / "run" / "log.jsonl").read_text().splitlines()
    logged = [json.loads(line) for line in lines]
    timed = [line for line in logged if line["kind"] == "train"][SKIPPED:]
    # Intervals have the same number of steps, so the harmonic mean of their speeds.
    speed = statistics.harmonic_mean([line["images_per_second"] for line in timed])
    return speed, statistics.mean(line["input_wait"] for line in timed)


def main(photos: Path, *, rounds: int) -> None:
    """Measures all topologies, and prints the table."""
    for line in run(photos, rounds=rounds):
        print(line)
