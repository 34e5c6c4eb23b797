"""Measures networks on CPUs against PyTorch, ONNX Runtime and OpenVINO.

All programs have the same weights. Each has a process of its own, bound to its cores,
and they take turns (A B C A B C ...), so that whatever else the machine does meets all
of them alike. The times are medians and quartiles, of the processor on one core and of
the clock on two; the ratio is how many times as long as jaxcolor a program takes. The
error is the largest difference from PyTorch in float32, relative to the largest of its
outputs. The memory is the peak of the process, libraries included.

Needs the extra `bench`. What is not installed is left out.
"""

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from experiments.benchmarks import inputs, run
from experiments.benchmarks.run import Timing
from jaxcolor.models import fast_convolutions

EXAMPLE = """examples:
  python -m experiments.benchmarks.incumbents
  python -m experiments.benchmarks.incumbents inference half --rounds 15
"""


class Competitor(NamedTuple):
    """One program of a comparison.

    Attributes:
        title: as the table has it.
        arm: module and function that prepares it, in `experiments.benchmarks`.
        options: of the function.
        environment: variables of its process.
    """

    title: str
    arm: str
    options: Mapping[str, Any]
    environment: Mapping[str, str] = MappingProxyType({})


class Work(NamedTuple):
    """What is measured.

    Attributes:
        title: as the table has it.
        cores: that each process is bound to.
        competitors: the first is jaxcolor.
        goals: by title of a competitor, how many times as long it is to take.
    """

    title: str
    cores: int
    competitors: tuple[Competitor, ...]
    goals: dict[str, float]


OURS, OURS_BY_XLA = "jaxcolor", "jaxcolor, XLA's convolutions"
EAGER, CHANNELS_LAST, COMPILED = (
    f"PyTorch, {form}" for form in ("eager", "channels last", "compiled")
)
HALF_TORCH = "PyTorch, bfloat16, channels last"
ONNX_RUNTIME, OPENVINO, HALF_OPENVINO = "ONNX Runtime", "OpenVINO", "OpenVINO, bfloat16"


def _inference(batch: int) -> tuple[Competitor, ...]:
    torch, last = "networks_on_cpus.logits_torch", {"is_channels_last": True}
    return (
        *_jaxcolor("networks_on_cpus.logits_ours", {"batch": batch}),
        Competitor(EAGER, torch, {"batch": batch}),
        Competitor(CHANNELS_LAST, torch, {"batch": batch, **last}),
        Competitor(COMPILED, torch, {"batch": batch, **last, "is_compiled": True}),
        Competitor(
            ONNX_RUNTIME, "networks_on_cpus.logits_onnxruntime", {"batch": batch}
        ),
        Competitor(OPENVINO, "networks_on_cpus.logits_openvino", {"batch": batch}),
    )


def _half() -> tuple[Competitor, ...]:
    torch, half = "networks_on_cpus.logits_torch", {"batch": 1, "dtype": "bfloat16"}
    openvino = {"batch": 1, "dtype": "bf16"}
    return (
        *_jaxcolor("networks_on_cpus.logits_ours", half),
        Competitor(EAGER, torch, {"batch": 1}),
        Competitor(HALF_TORCH, torch, {**half, "is_channels_last": True}),
        Competitor(HALF_OPENVINO, "networks_on_cpus.logits_openvino", openvino),
    )


def _bundled() -> tuple[Competitor, ...]:
    torch = "networks_on_cpus.logits_bundled_torch"
    return (
        *_jaxcolor("networks_on_cpus.logits_bundled", {}),
        Competitor(EAGER, torch, {}),
        Competitor(CHANNELS_LAST, torch, {"is_channels_last": True}),
    )


def _training(crop: int, *, is_bundled: bool = False) -> tuple[Competitor, ...]:
    options = {"crop": crop, "is_bundled": is_bundled}
    last = {**options, "is_channels_last": True}
    return (
        *_jaxcolor("networks.train_ours", options),
        Competitor(EAGER, "networks.train_peer", options),
        Competitor(CHANNELS_LAST, "networks.train_peer", last),
    )


def _jaxcolor(arm: str, options: Mapping[str, Any]) -> tuple[Competitor, ...]:
    return tuple(
        Competitor(title, arm, options, {fast_convolutions.VARIABLE: choice})
        for title, choice in ((OURS, "fast"), (OURS_BY_XLA, "xla"))
    )


WORKS = {
    "inference": Work(
        "logits of 1 x 256 x 256, one core",
        1,
        _inference(1),
        {EAGER: 2.4, OPENVINO: 1.8},
    ),
    "batch": Work("logits of 8 x 256 x 256, two cores", 2, _inference(8), {EAGER: 2.4}),
    "half": Work(
        "logits of 1 x 256 x 256 in bfloat16, one core",
        1,
        _half(),
        {HALF_OPENVINO: 1.15},
    ),
    "train176": Work(
        "train step, 4 crops of 176, two cores",
        2,
        _training(176),
        {CHANNELS_LAST: 1.0},
    ),
    "train224": Work(
        "train step, 4 crops of 224, two cores",
        2,
        _training(224),
        {CHANNELS_LAST: 1.25},
    ),
    "bundled": Work("the bundled network, 1 x 256 x 256, one core", 1, _bundled(), {}),
    "trainbundled": Work(
        "train step of the bundled network, 8 crops of 96, two cores",
        2,
        _training(96, is_bundled=True),
        {CHANNELS_LAST: 1.0},
    ),
}


def compare(work: Work, *, photos: Path, rounds: int) -> dict[str, dict[str, Any]]:
    """Returns timings and facts of each competitor that runs, by title.

    Args:
        work: what is measured.
        photos: a folder of photographs.
        rounds: measurements of each.
    """
    with contextlib.ExitStack() as stack:
        arms, found = {}, {}
        for title, name, options, environment in work.competitors:
            arm = stack.enter_context(
                run.worker(
                    name,
                    photos,
                    work.cores,
                    {"JAX_PLATFORMS": "cpu", **environment},
                    options,
                )
            )
            try:
                # Prepared one after the other: compilers use all cores.
                found[title] = run.answer(arm)
            except RuntimeError:
                print(f"  {title} does not run here, and is left out", file=sys.stderr)
                continue
            arms[title] = arm
        # What else runs on the machine has least influence on the processor's time.
        clock = "processor" if work.cores == 1 else "wall"
        taken: dict[str, list[float]] = {title: [] for title in arms}
        for _ in range(rounds):
            for title, arm in arms.items():
                taken[title].append(run.ask(arm)[clock])
    for title, seconds in taken.items():
        found[title]["timing"] = Timing(*np.quantile(seconds, [0.25, 0.5, 0.75]))
    return found


def _show(work: Work, found: dict[str, dict[str, Any]]) -> None:
    print(f"\n{work.title}")
    print(f"  {'':34}{'ms':>22}{'ratio':>8}{'goal':>7}{'error':>10}{'MB':>7}")
    ours = found[OURS]["timing"].median
    exact = np.array(found.get(EAGER, {}).get("outputs", []))
    for title, facts in found.items():
        ratio = facts["timing"].median / ours
        goal = work.goals.get(title)
        shown = "" if goal is None else f"{goal:7g}"
        error = ""
        if exact.size and title != EAGER and "outputs" in facts:
            apart = np.abs(np.array(facts["outputs"]) - exact).max()
            error = f"{apart / np.abs(exact).max():.1e}"
        verdict = "" if goal is None else "met" if ratio >= goal else "MISSED"
        line = f"  {title:34}{run.milliseconds(facts['timing']):>22}{ratio:8.2f}"
        line += f"{shown:>7}{error:>10}{facts['peak_mb']:7.0f}  {verdict}"
        print(line.rstrip(), flush=True)


def main(given: Sequence[str] | None = None) -> None:
    """Measures, and prints a table of each kind of work."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.benchmarks.incumbents",
        description=__doc__.splitlines()[0],
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"one of {', '.join(WORKS)} (default: all of these)",
    )
    parser.add_argument(
        "--rounds",
        type=int,
        default=9,
        metavar="N",
        help="number of measurements of each program (default: %(default)s)",
    )
    arguments = parser.parse_args(given)
    if unknown := set(arguments.names) - set(WORKS):
        wanted = ", ".join(WORKS)
        parser.error(f"NAME is {', '.join(unknown)}; wanted some of {wanted}")
    if arguments.rounds < 1:
        parser.error(f"--rounds is {arguments.rounds}; wanted 1 or more")
    print(run.machine())
    with tempfile.TemporaryDirectory() as folder:
        photos = Path(folder)
        inputs.make_photographs(photos)
        for name in arguments.names or WORKS:
            work = WORKS[name]
            _show(work, compare(work, photos=photos, rounds=arguments.rounds))


if __name__ == "__main__":
    main()
