"""Measures the speed of jaxcolor against tools that people use for the same work.

Every result is a ratio: the peer's time divided by ours. The two sides are measured in
one run, alternately (A B A B ...), each in a process of its own. The goal applies to
CPU time on one core, to which the processes are bound, so that other programs on the
machine have as little influence as possible; the wall-clock time on two cores is shown
beside it. Only `step` uses a GPU, if there is one.

Needs the extra `bench`.
"""

import argparse
import contextlib
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from experiments.benchmarks import inputs, scale

ROOT = Path(__file__).parents[2]
EXAMPLE = """examples:
  python -m experiments.benchmarks.run
  python -m experiments.benchmarks.run encoding loss --rounds 21 --photos ~/Pictures
"""
# Largest differences for a photograph. Both sides compute in float32, so a few 8-bit
# levels round differently.
EVALUATION_TOLERANCES = {
    "auc": 1e-4,
    "image_auc": 1e-4,
    "psnr": 1e-3,
    "ssim": 1e-4,
    "ciede2000": 1e-3,
    "colorfulness": 1e-2,
    "absolute_colorfulness": 1e-2,
}
# Benchmarks that do not compare one and two cores.
SCALE, STEP = "scale", "step"
PACKAGES = (
    "jax",
    "numpy",
    "scikit-image",
    "scikit-learn",
    "torch",
    "onnxruntime",
    "openvino",
    "pillow",
    "grain",
)

Facts = dict[str, Any]


class Comparison(NamedTuple):
    """One row of the table.

    Attributes:
        module: module of the two arms, NAME_ours and NAME_peer.
        title: the work that is measured.
        peer: name of the peer.
        goal: smallest ratio that meets the goal.
        findings: function from the facts of both arms, which include the median
            "seconds" of a call, to a note and whether the results are right.
    """

    module: str
    title: str
    peer: str
    goal: float
    findings: Callable[[Facts, Facts], tuple[str, bool]]


class Timing(NamedTuple):
    """Quartiles of the seconds per call.

    Attributes:
        first: first quartile.
        median: median.
        third: third quartile.
    """

    first: float
    median: float
    third: float


class Result(NamedTuple):
    """The result of a comparison on a number of cores.

    Attributes:
        ours: time of jaxcolor.
        peer: time of the peer.
        note: other findings.
        is_right: whether the findings are as expected.
    """

    ours: Timing
    peer: Timing
    note: str
    is_right: bool

    @property
    def ratio(self) -> float:
        """How many times as fast as the peer jaxcolor is."""
        return self.peer.median / self.ours.median


def _lab(ours: Facts, _: Facts) -> tuple[str, bool]:
    return f"largest error {ours['error']:.1e}", ours["error"] < 1e-3


def _encoding(ours: Facts, peer: Facts) -> tuple[str, bool]:
    note = (
        f"{ours['wrong sets']} wrong sets of bins, largest error of a weight"
        f" {ours['weight error']:.1e}; fastest search: {peer['search']}"
    )
    return note, ours["wrong sets"] == 0 and ours["weight error"] < 1e-4


def _loss(ours: Facts, peer: Facts) -> tuple[str, bool]:
    share = ours["temporaries"] / peer["temporaries"]
    apart = abs(ours["loss"] / peer["loss"] - 1)
    note = (
        f"temporary memory {ours['temporaries'] / 1e6:.2f} MB, peer"
        f" {peer['temporaries'] / 1e6:.2f} MB: {share:.1%} (goal < 5%);"
        f" relative difference of the losses {apart:.0e}"
    )
    return note, share < 0.05 and apart < 1e-5


def _input(ours: Facts, _: Facts) -> tuple[str, bool]:
    return f"{ours['images']} photographs per call", True


def _decoding(ours: Facts, peer: Facts) -> tuple[str, bool]:
    speeds = [ours["images"] / facts["seconds"] for facts in (ours, peer)]
    return f"{speeds[0]:.0f} and {speeds[1]:.0f} photographs per second", True


def _evaluation(ours: Facts, peer: Facts) -> tuple[str, bool]:
    apart = {
        name: float(np.abs(np.subtract(ours[name], peer[name])).max())
        for name in EVALUATION_TOLERANCES
    }
    speeds = [facts["photographs"] / facts["seconds"] for facts in (ours, peer)]
    largest = ", ".join(f"{name} {most:.0e}" for name, most in apart.items())
    note = (
        f"{speeds[0]:.0f} and {speeds[1]:.0f} photographs per second; largest"
        f" differences: {largest}"
    )
    return note, all(apart[name] < EVALUATION_TOLERANCES[name] for name in apart)


def _step(ours: Facts, peer: Facts) -> tuple[str, bool]:
    speeds = [facts["images"] / facts["seconds"] for facts in (ours, peer)]
    share = speeds[0] * ours["operations"] / ours["ceiling"]
    note = (
        f"{ours['device']}, batch {ours['batch']}: {speeds[0]:.1f} and"
        f" {speeds[1]:.1f} images/s; {share:.0%} of the {ours['ceiling'] / 1e12:.3g}"
        f" TFLOP/s that a matrix product reaches (goal 45 %)"
    )
    return note, share >= 0.45


def _nothing(_: Facts, __: Facts) -> tuple[str, bool]:
    return "", True


COMPARISONS = {
    "lab": Comparison(
        "mathematics",
        "8-bit RGB to Lab, 8 x 256 x 256",
        "skimage.color.rgb2lab",
        8,
        _lab,
    ),
    "encoding": Comparison(
        "mathematics",
        "soft encoding, K = 10, 8 x 64 x 64",
        "sklearn NearestNeighbors",
        4,
        _encoding,
    ),
    "loss": Comparison(
        "mathematics",
        "loss and gradient, 8 x 44 x 44",
        "the same with dense targets",
        2,
        _loss,
    ),
    "evaluation": Comparison(
        "evaluation",
        "metrics of 16 photographs of 128 x 128",
        "a loop with NumPy and scikit-image",
        3,
        _evaluation,
    ),
    "train": Comparison(
        "networks",
        "train step, 4 crops of 176",
        "PyTorch eager",
        0.6,
        _nothing,
    ),
    "inference": Comparison(
        "networks", "logits of 256 x 256", "PyTorch eager", 0.85, _nothing
    ),
    "input": Comparison(
        "networks",
        "input pipeline, files to crops",
        "Pillow decode, bicubic 256",
        0.8,
        _input,
    ),
    "decoding": Comparison(
        "networks",
        "input pipeline, files to crops",
        "scaled decoding by libjpeg alone",
        0.5,
        _decoding,
    ),
}

# Measured on the accelerator, if there is one, in wall-clock time.
ON_ACCELERATOR = Comparison(
    "accelerator",
    "train step in bfloat16, crops of 176",
    "PyTorch, channels last, compiled, bfloat16",
    1.2,
    _step,
)


def compare(name: str, *, photos: Path, cores: int, rounds: int) -> Result:
    """Measures a comparison; the two arms alternate.

    Args:
        name: key of `COMPARISONS`, or `STEP`.
        photos: a folder of photographs.
        cores: number of cores that each arm may use.
        rounds: number of measurements of each arm.
    """
    is_step = name == STEP
    comparison = ON_ACCELERATOR if is_step else COMPARISONS[name]
    # CPU time adds up over threads, and would not show that they run in parallel.
    clock = "processor" if cores == 1 else "wall"
    seconds: tuple[list[float], list[float]] = ([], [])
    with contextlib.ExitStack() as stack:
        arms = [
            stack.enter_context(
                worker(
                    f"{comparison.module}.{name}_{side}",
                    photos,
                    cores,
                    # Both sides share the memory of the GPU.
                    {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
                    if is_step
                    else {"JAX_PLATFORMS": "cpu"},
                )
            )
            for side in ("ours", "peer")
        ]
        facts = [answer(arm) for arm in arms]
        for turn in range(rounds):
            for arm, taken in zip(arms, seconds, strict=True):
                taken.append(ask(arm)[clock])
            _show(f"{name}, {cores} cores: round {turn + 1} of {rounds}")
    ours, peer = (Timing(*np.quantile(taken, [0.25, 0.5, 0.75])) for taken in seconds)
    medians = ({"seconds": timing.median} for timing in (ours, peer))
    facts = [known | time for known, time in zip(facts, medians, strict=True)]
    return Result(ours, peer, *comparison.findings(*facts))


@contextlib.contextmanager
def worker(
    arm: str,
    photos: Path,
    cores: int,
    environment: Mapping[str, str],
    options: Mapping[str, Any] | None = None,
) -> Iterator[subprocess.Popen[str]]:
    """Returns a process that prepares an arm, and ends it in the end.

    Args:
        arm: module and function, in `experiments.benchmarks`.
        photos: a folder of photographs.
        cores: that the process is bound to.
        environment: variables of the process, besides this one's.
        options: of the function.
    """
    command = [sys.executable, "-m", "experiments.benchmarks.worker", arm]
    command += ["--photos", str(photos), "--cores", str(cores)]
    command += ["--options", json.dumps(options or {})]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | environment,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def ask(arm: subprocess.Popen[str]) -> Any:
    """Returns the seconds of one more call, by clock."""
    assert arm.stdin
    arm.stdin.write("go\n")
    arm.stdin.flush()
    return answer(arm)


def answer(arm: subprocess.Popen[str]) -> Any:
    """Returns the next answer of a worker; the first one has its facts.

    Raises:
        RuntimeError: it ended without one.
    """
    assert arm.stdout
    for line in arm.stdout:
        # Libraries may print other lines.
        if line.startswith("{"):
            return json.loads(line)
    raise RuntimeError(f"{arm.args!r} exited without an answer")


def main() -> None:
    """Measures the comparisons, and prints one table at the end."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.benchmarks.run",
        description=__doc__.splitlines()[0],
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"one of {', '.join(COMPARISONS)} (default: all of these); {STEP}: a train"
        f" step on the GPU, if there is one; {SCALE}: trainings on several devices and"
        f" processes, the input pipeline, and {STEP}",
    )
    parser.add_argument(
        "--rounds",
        type=int,
        default=9,
        metavar="N",
        help="number of measurements of each side (default: %(default)s)",
    )
    parser.add_argument(
        "--photos",
        type=Path,
        metavar="DIR",
        help="folder of photographs (default: samples that ship with scikit-image)",
    )
    arguments = parser.parse_args()
    unknown = set(arguments.names) - {*COMPARISONS, SCALE, STEP}
    if unknown:
        known = ", ".join([*COMPARISONS, SCALE, STEP])
        parser.error(f"NAME is {', '.join(unknown)}; wanted some of {known}")
    if arguments.rounds < 1:
        parser.error(f"--rounds is {arguments.rounds}; wanted 1 or more")
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        photos = arguments.photos
        if photos is None:
            photos = Path(folder)
            inputs.make_photographs(photos)
        _run(arguments.names or list(COMPARISONS), photos.resolve(), arguments.rounds)


def _run(names: list[str], photos: Path, rounds: int) -> None:
    wanted = [name for name in names if name in COMPARISONS]
    if SCALE in names:
        scale.main(photos, rounds=rounds)
        wanted.append("decoding")
    table = {
        name: [
            compare(name, photos=photos, cores=cores, rounds=rounds) for cores in (1, 2)
        ]
        for name in wanted
    }
    has_gpu = _backend() == "gpu"
    if STEP in names or (SCALE in names and has_gpu):
        cores = os.cpu_count() or 1
        table[STEP] = [compare(STEP, photos=photos, cores=cores, rounds=rounds)]
    _show("")
    if table:
        print()
    for line in _lines(table):
        print(line)
    if SCALE in names and not has_gpu:
        print("there is no GPU, so the train step in bfloat16 was not measured")


def _backend() -> str:
    """Returns JAX's backend, queried in a process that then releases the device."""
    script = "import jax; print(jax.default_backend())"
    return subprocess.check_output([sys.executable, "-c", script], text=True).strip()


def _lines(table: dict[str, list[Result]]) -> Iterator[str]:
    if table:
        yield f"{'':34}{'ours, ms':>22}{'peer, ms':>22}{'ratio':>7}{'goal':>7}"
    for name, results in table.items():
        comparison = ON_ACCELERATOR if name == STEP else COMPARISONS[name]
        yield f"{name}: {comparison.title}; peer: {comparison.peer}"
        for cores, result in enumerate(results, start=1):
            label = f"  {cores} core{'s, wall time' if cores > 1 else ', CPU time'}"
            if name == STEP:
                label = "  wall time"
            times = f"{milliseconds(result.ours):>22}{milliseconds(result.peer):>22}"
            line = f"{label:34}{times}{result.ratio:7.2f}"
            if cores == 1:
                is_met = result.ratio >= comparison.goal and result.is_right
                line += f"{comparison.goal:7g}  {'met' if is_met else 'MISSED'}"
            yield line
        if results[0].note:
            yield f"  {results[0].note}"


def milliseconds(time: Timing) -> str:
    """Returns the median and the quartiles in milliseconds."""
    # With three digits and without an exponent.
    first, median, third = (
        f"{1000 * x:.0f}" if x >= 1 else f"{1000 * x:.3g}" for x in time
    )
    return f"{median} [{first}, {third}]"


def machine() -> str:
    """Returns the processor and the versions of Python and of the packages."""
    models = [
        line.partition(":")[2].strip()
        for line in _cpu_information().splitlines()
        if line.startswith("model name")
    ]
    versions = [f"{name} {_version(name)}" for name in PACKAGES]
    return (
        f"{models[0] if models else platform.processor()}, {os.cpu_count()} cores;"
        f" Python {platform.python_version()}, {', '.join(versions)}"
    )


def _version(package: str) -> str:
    """Returns the version of a package; not every comparison needs every package."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "missing"


def _cpu_information() -> str:
    path = Path("/proc/cpuinfo")
    return path.read_text() if path.exists() else ""


def _show(progress: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{progress}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
