"""Trains on packed photographs that all fit in the memory of one device.

    python -m experiments.packed.train --config scenes_small \
        --recipe experiments/packed/recipe.json --photographs packed --workdir W

One program of the device chooses photographs, crops and ages them, converts colors,
and runs the network and the update; the host only counts steps. It needs no input
pipeline (grain, array_record, tensorflow_datasets) and no Orbax. A training saves
`W/state.safetensors`, and the same command resumes from it with the same numbers as a
training that was not interrupted.

`--config` also takes a resolved config in JSON, as `--resolve FILE` writes it.
README.md in this folder explains how to train on a machine without network.
"""

import argparse
import contextlib
import json
import math
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from experiments.packed import measure, programs, snapshot
from experiments.packed import photographs as packed
from experiments.packed import recipe as recipes
from experiments.packed.photographs import Named, Photographs
from experiments.packed.programs import Parts
from experiments.packed.recipe import Batch, Phase, Recipe
from experiments.packed.snapshot import Snapshot
from jaxcolor import plots
from jaxcolor.color import cielab, compose
from jaxcolor.inference.colorizer import Colorizer
from jaxcolor.pretrained import model_card, release
from jaxcolor.pretrained.release import Pretrained
from jaxcolor.runtime import atomic, compilation_cache, versions
from jaxcolor.training import interruption, priors, workdirs
from jaxcolor.training.config import build, reading, schema
from jaxcolor.training.config.schema import Config
from jaxcolor.training.priors import Prior
from jaxcolor.training.train_step import TrainState

LOG, STATE, CONFIG, RECIPE, PRIOR = (
    "log.jsonl",
    "state.safetensors",
    "config.json",
    "recipe.json",
    "prior.json",
)
SHEETS, MODEL = "sheets", "model"
# Number of photographs of each validation set on a contact sheet.
SHEET_PHOTOS = 8
# Number of steps in one program. On an accelerator the host would be too slow to start
# each step. On a CPU, XLA does not run convolutions within a loop in parallel.
AT_ONCE, AT_ONCE_ON_CPU = 20, 1


class Options(NamedTuple):
    """When a training logs, saves and ends, and where it resumes and releases.

    Attributes:
        seconds: time after which it saves and ends, from the start of the program.
        log_every: seconds between two lines of the log.
        save_every: seconds between two snapshots.
        at_once: number of steps in one program.
        resume: a snapshot to resume from; None for the one in the workdir, if any.
        release: folder for the released model.
    """

    seconds: float
    log_every: float
    save_every: float
    at_once: int
    resume: Path | None
    release: Path


class Log:
    """A log of JSON lines in a file and short lines on stderr; a context manager."""

    def __init__(self, path: Path, *, step: int, start: float) -> None:
        """Opens the log, and removes the lines after a step."""
        self._start = start
        kept = []
        if path.exists():
            for line in path.read_text().splitlines(keepends=True):
                # A killed process can leave an incomplete last line.
                if line.endswith("\n") and json.loads(line)["step"] <= step:
                    kept.append(line)
        atomic.write_text(path, "".join(kept))
        self._file = path.open("a")

    def write(self, step: int, kind: str, numbers: dict[str, Any]) -> None:
        """Writes the numbers of a step as one line."""
        seconds = round(time.monotonic() - self._start, 1)
        line = {"step": step, "kind": kind, "seconds": seconds, **numbers}
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
        shown = ", ".join(f"{name} {_short(x)}" for name, x in numbers.items())
        print(f"{seconds:7.0f} s  step {step}  {kind}: {shown}", file=sys.stderr)

    def __enter__(self) -> "Log":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()


class Meter:
    """Collects terms and speed since the last line of the log."""

    def __init__(self) -> None:
        """Starts the clock."""
        self._restart()

    def _restart(self) -> None:
        self.start = time.monotonic()
        self._terms: list[dict[str, Array]] = []
        self._crops = 0

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Context in which time is not counted as training."""
        self.wait()
        before = time.monotonic()
        yield
        self.start += time.monotonic() - before

    def wait(self) -> None:
        """Waits until the steps that were added have finished."""
        if self._terms:
            jax.block_until_ready(self._terms[-1])

    def add(self, terms: dict[str, Array], *, crops: int) -> None:
        """Adds steps without waiting for them."""
        self._terms.append(terms)
        self._crops += crops

    @property
    def is_empty(self) -> bool:
        """Whether no steps have been added."""
        return not self._terms

    def numbers(self) -> dict[str, float]:
        """Returns means over the steps, and crops per second; restarts the meter.

        Raises:
            ArithmeticError: no step had a finite loss.
        """
        found = jax.device_get(self._terms)
        seconds = max(time.monotonic() - self.start, 1e-9)
        terms = {
            name: np.concatenate([x[name] for x in found]) for name in programs.LOGGED
        }
        is_sound = terms.pop("skipped") == 0
        if not is_sound.any():
            raise ArithmeticError(f"no finite loss in {len(is_sound)} steps")
        numbers = {name: float(x[is_sound].mean()) for name, x in terms.items()}
        numbers["skipped"] = int((~is_sound).sum())
        numbers["images_per_second"] = self._crops / seconds
        self._restart()
        return numbers


class Training:
    """A training in progress: the arrays on the device and the compiled programs."""

    def __init__(
        self, parts: Parts, training: Named, held_out: Named, workdir: Path
    ) -> None:
        """Copies the photographs to the device."""
        self.parts, self.workdir, self.names = parts, workdir, training.names
        self.photographs: Photographs = jax.device_put(training.photographs)
        self.sets = programs.validation_sets(
            held_out,
            parts.recipe.validation,
            images=parts.config.training.validation_images,
        )
        self.held_out: Photographs = jax.device_put(held_out.photographs)
        self.prior: Prior | None = None
        self.crops = 0
        self._compiled: dict[tuple[Batch, int], Any] = {}
        self._settle: dict[Phase, Any] = {}
        self._validate: Any = None

    def begin(self, resume: Path | None, training: Named) -> TrainState:
        """Returns the initial or resumed state, and sets prior and objective."""
        parts = self.parts
        if resume is not None:
            like = jax.eval_shape(
                lambda: programs.first_state(parts, self.photographs, None)
            )
            found = snapshot.read(resume, like)
            _print_changes(found, parts)
            self.prior, self.crops = found.prior, found.crops
            state = found.state
        else:
            self.prior = programs.count_prior(parts, self.photographs, training)
            state = programs.first_state(parts, self.photographs, self.prior)
        priors.write(self.prior, self.workdir / PRIOR)
        self.objective = build.objective(parts.config, priors.probabilities(self.prior))
        # Copies: the averages start as the same arrays, and the state is donated.
        return jax.tree.map(jnp.array, state)

    def steps(self, batch: Batch, count: int, state: TrainState) -> Any:
        """Returns a compiled program of several steps with one kind of batch."""
        known = batch, count
        if known not in self._compiled:
            start = time.monotonic()
            program = programs.make_steps(
                self.parts, self.objective, batch, count=count
            )
            self._compiled[known] = program.lower(state, self.photographs).compile()
            what = f"compiled {count} steps of {batch.count} crops of {batch.crop}"
            print(f"{what} in {time.monotonic() - start:.0f} s", file=sys.stderr)
        return self._compiled[known]

    def settled(self, state: TrainState) -> PyTree:
        """Returns the variables to evaluate."""
        last, steps = int(state.step) - 1, self.parts.config.training.steps
        phase, _, _ = recipes.phase_at(
            self.parts.recipe, min(max(last, 0), steps - 1), steps=steps
        )
        if phase not in self._settle:
            self._settle[phase] = programs.make_settle(self.parts, phase)
        return self._settle[phase](state, self.photographs)

    def validate(self, variables: PyTree) -> dict[str, float]:
        """Returns mean metrics of each validation set."""
        if self._validate is None:
            self._validate = programs.make_validate(
                self.parts, self.objective, self.prior
            )
        numbers = {}
        for name, positions in self.sets.items():
            found = self._validate(variables, self.held_out, positions)
            numbers |= {f"{name}_{term}": x for term, x in found.items()}
        return numbers

    def save(self, state: TrainState) -> None:
        """Writes a snapshot."""
        assert self.prior is not None
        snapshot.write(
            Snapshot(
                jax.device_get(state),
                self.prior,
                self.crops,
                schema.to_dict(self.parts.config),
                recipes.to_json(self.parts.recipe),
            ),
            self.workdir / STATE,
        )

    def model(self, variables: PyTree, step: int) -> Pretrained:
        """Returns the model with these variables."""
        assert self.prior is not None
        counted = {
            name: x
            for name, x in priors.to_json(self.prior).items()
            if name != "counts"
        }
        return release.assemble(
            build.description(self.parts.config),
            variables=jax.device_get(variables),
            prior=priors.probabilities(self.prior),
            provenance={
                "step": step,
                "crops": self.crops,
                "config": schema.to_dict(self.parts.config),
                "recipe": recipes.to_json(self.parts.recipe),
                "prior": counted,
                "versions": versions.recorded(),
                "training_photographs": len(self.names),
            },
        )

    def write_sheet(self, model: Pretrained, step: int) -> None:
        """Writes validation photographs in gray, colorized and original as a PNG."""
        side = self.parts.recipe.side
        chosen = np.concatenate(
            [
                positions[np.arange(count) * len(positions) // count]
                for positions in self.sets.values()
                for count in [min(SHEET_PHOTOS, len(positions))]
            ]
        )
        cut = jax.jit(lambda x, i: packed.center_crops(x, i, crop=side))
        truth = np.asarray(cut(self.held_out, chosen.astype(np.int32)))
        colorizer = Colorizer(model, size=side)
        colored = np.stack(colorizer.colorize(list(truth)))
        lightness = cielab.rgb8_to_lab(truth)[..., 0]
        gray = compose.pictures(lightness, jnp.zeros((len(truth), 1, 1, 2)))
        rows = np.stack([gray, colored, truth], axis=1)
        # Two photographs per row.
        rows = rows[: len(rows) // 2 * 2].reshape(-1, 6, side, side, 3)
        folder = self.workdir / SHEETS
        folder.mkdir(exist_ok=True)
        plots.write_png(plots.contact_sheet(rows), folder / f"{step:07d}.png")


def measured(
    config: Config, recipe: Recipe, folder: Path, workdir: Path, options: Options
) -> dict[str, Any]:
    """Returns the speed of the training, and how many steps fit its seconds."""
    compilation_cache.keep(least_seconds=1.0)
    workdir.mkdir(parents=True, exist_ok=True)
    training, held_out = packed.read(
        folder, side=recipe.side, held_out_fraction=config.data.held_out_fraction
    )
    running = Training(
        programs.parts(config, recipe, training), training, held_out, workdir
    )
    # The host's copy is gigabytes.
    training = training._replace(photographs=running.photographs)
    state = running.begin(options.resume, training)
    return measure.batches(
        running, state, at_once=options.at_once, seconds=options.seconds
    )


def train(
    config: Config, recipe: Recipe, folder: Path, workdir: Path, options: Options
) -> int:
    """Trains, and returns the last step that was performed.

    On SIGTERM and Ctrl-C it finishes the steps in progress, saves, releases the model
    and returns.

    Args:
        config: the config, of whose sections `data` and `pipeline` only
            `data.held_out_fraction` has an effect.
        recipe: settings that replace those sections.
        folder: folder of packed photographs.
        workdir: folder for log.jsonl, state.safetensors, config.json, recipe.json,
            prior.json, sheets/ and model/.
        options: when it logs, saves and ends, and where it resumes and releases.

    Raises:
        ValueError: the config, the recipe or a file is wrong.
        ArithmeticError: the loss is no longer finite.
    """
    start = time.monotonic()
    compilation_cache.keep(least_seconds=1.0)
    workdir.mkdir(parents=True, exist_ok=True)
    with interruption.listen() as is_wanted:
        training, held_out = packed.read(
            folder, side=recipe.side, held_out_fraction=config.data.held_out_fraction
        )
        seconds = time.monotonic() - start
        print(
            f"read {len(training.names)} photographs to train on in {seconds:.0f} s",
            file=sys.stderr,
        )
        running = Training(
            programs.parts(config, recipe, training), training, held_out, workdir
        )
        # The host's copy is gigabytes.
        training = training._replace(photographs=running.photographs)
        atomic.write_json(workdir / CONFIG, schema.to_dict(config))
        atomic.write_json(workdir / RECIPE, recipes.to_json(recipe))
        own = workdir / STATE
        resume = options.resume or (own if own.exists() else None)
        state = running.begin(resume, training)
        with Log(workdir / LOG, step=int(state.step), start=start) as log:
            state = _loop(running, state, log, options, start, is_wanted)
            _end(running, state, log, options)
    return int(state.step)


def _loop(
    running: Training,
    state: TrainState,
    log: Log,
    options: Options,
    start: float,
    is_wanted: interruption.IsWanted,
) -> TrainState:
    step, end = int(state.step), running.parts.config.training.steps
    every = running.parts.config.training.checkpoint_every
    meter, saved = Meter(), time.monotonic()
    while step < end and not is_wanted(step):
        if time.monotonic() - start > options.seconds:
            break
        batch, last = recipes.turn(running.parts.recipe, step, steps=end)
        count = min(options.at_once, last - step)
        with meter.paused():
            program = running.steps(batch, count, state)
        state, terms = program(state, running.photographs)
        # Waits for the previous program only, so the device always has one queued.
        meter.wait()
        meter.add(terms, crops=count * batch.count)
        running.crops += count * batch.count
        step += count
        if time.monotonic() - meter.start > options.log_every:
            _write_line(running, log, meter, step)
        if step // every > (step - count) // every and step < end:
            with meter.paused():
                _validate(running, state, log)
        if time.monotonic() - saved > options.save_every:
            with meter.paused():
                running.save(state)
            saved = time.monotonic()
    if not meter.is_empty:
        _write_line(running, log, meter, step)
    return state


def _write_line(running: Training, log: Log, meter: Meter, step: int) -> None:
    config = running.parts.config
    numbers = meter.numbers()
    numbers["learning_rate"] = float(config.schedule.make()(step - 1))
    numbers["crops"] = running.crops
    log.write(step, "train", numbers)


def _validate(running: Training, state: TrainState, log: Log) -> None:
    variables = running.settled(state)
    log.write(int(state.step), "validation", running.validate(variables))
    model = running.model(variables, int(state.step))
    running.write_sheet(model, int(state.step))


def _end(running: Training, state: TrainState, log: Log, options: Options) -> None:
    running.save(state)
    _validate(running, state, log)
    step = int(state.step)
    model = running.model(running.settled(state), step)
    card = model_card.text(
        model.description,
        name=options.release.name,
        data=f"Trained on {len(running.names)} photographs for {step} steps.",
        prior=f"Its prior was counted on {running.prior.images} crops of them."
        if running.prior
        else None,
    )
    release.save(model, options.release, card=card, overwrite=True)
    print(f"released to {options.release}", file=sys.stderr)


def _print_changes(found: Snapshot, parts: Parts) -> None:
    """Prints the settings that differ from those of the snapshot."""
    old = workdirs.flat({"config": found.config, "recipe": found.recipe})
    now = {
        "config": schema.to_dict(parts.config),
        "recipe": recipes.to_json(parts.recipe),
    }
    # Through JSON, which turns tuples into lists.
    new = workdirs.flat(json.loads(json.dumps(now)))
    for name in sorted(set(old) | set(new)):
        if old.get(name) != new.get(name):
            change = f"{name} was {old.get(name)}, is now {new.get(name)}"
            print(f"resuming with a changed setting: {change}", file=sys.stderr)


def _short(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.4g}"


def main(argv: Sequence[str] | None = None) -> int:
    """Trains as the command line says; returns the exit status."""
    parser = _parser()
    arguments, overrides = parser.parse_known_args(argv)
    try:
        config = reading.read(arguments.config, overrides)
        if arguments.resolve is not None:
            atomic.write_json(arguments.resolve, schema.to_dict(config))
            return 0
        if None in (arguments.recipe, arguments.photographs, arguments.workdir):
            raise ValueError(
                "a flag is missing; wanted --recipe, --photographs and --workdir"
            )
        is_cpu = jax.default_backend() == "cpu"
        options = Options(
            seconds=arguments.seconds,
            log_every=arguments.log_every,
            save_every=arguments.save_every,
            at_once=arguments.at_once or (AT_ONCE_ON_CPU if is_cpu else AT_ONCE),
            resume=arguments.resume,
            release=arguments.release or arguments.workdir / MODEL,
        )
        recipe = recipes.read(arguments.recipe)
        where = arguments.photographs, arguments.workdir
        if arguments.measure is not None:
            found = measured(config, recipe, *where, options)
            atomic.write_json(arguments.measure, found)
            print(json.dumps(found, indent=1))
            return 0
        train(config, recipe, *where, options)
    except ValueError as error:
        parser.exit(2, f"{parser.prog}: {error}\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.packed.train", description=__doc__.splitlines()[0]
    )

    def add(flag: str, metavar: str, text: str, **settings: Any) -> None:
        parser.add_argument(flag, metavar=metavar, help=text, **settings)

    add("--config", "CONFIG", "config by name or path", required=True)
    add("--recipe", "FILE", "recipe of the training, JSON", type=Path)
    add("--photographs", "DIR", "folder of packed photographs", type=Path)
    add("--workdir", "DIR", "folder of the training", type=Path)
    add(
        "--seconds",
        "SECONDS",
        "time after which the training saves and ends (default: no limit)",
        type=float,
        default=math.inf,
    )
    add(
        "--log-every",
        "SECONDS",
        "time between two lines of the log (default: %(default)s)",
        type=float,
        default=5.0,
    )
    add(
        "--save-every",
        "SECONDS",
        "time between two snapshots (default: %(default)s)",
        type=float,
        default=60.0,
    )
    add(
        "--at-once",
        "STEPS",
        f"number of steps in one program (default: {AT_ONCE} on an accelerator,"
        f" {AT_ONCE_ON_CPU} on a CPU)",
        type=int,
    )
    add(
        "--resume",
        "FILE.safetensors",
        "snapshot to resume from (default: that of the workdir, if any)",
        type=Path,
    )
    add(
        "--release",
        "DIR",
        f"folder for the released model (default: {MODEL} in the workdir)",
        type=Path,
    )
    add(
        "--measure",
        "FILE",
        "write the speed, and the number of steps that fit --seconds, as JSON; then"
        " exit",
        type=Path,
    )
    add("--resolve", "FILE", "write the config as JSON, then exit", type=Path)
    return parser


if __name__ == "__main__":
    sys.exit(main())
