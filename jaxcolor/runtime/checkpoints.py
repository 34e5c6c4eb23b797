"""Checkpoints of a training: the only module that names Orbax.

A checkpoint is a directory that appears whole or not at all. It holds the state and
a JSON record: config, prior, versions, and the sums of the current logging interval.
"""

import contextlib
import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

import jax
import numpy as np
import orbax.checkpoint as ocp
from jaxtyping import PyTree
from orbax.checkpoint.checkpoint_managers import (
    AnyPreservationPolicy,
    BestN,
    LatestN,
)

from jaxcolor.runtime import processes

LOGGER = logging.getLogger(__name__)

FOLDER = "checkpoints"
# Checkpoints are renamed into this folder before they are deleted: a deletion in place
# that is interrupted would leave a listed, damaged one.
TRASH = "trash"
# Folder for checkpoints that cannot be read.
DAMAGED = "damaged"
# The metric that ranks checkpoints; the smallest value is the best.
RANKED_BY = "loss"

Record = dict[str, Any]


@runtime_checkable
class State(Protocol):
    """A NamedTuple of arrays that knows the number of its step."""

    @property
    def step(self) -> Any:
        """Returns how many steps have led to it."""

    def _asdict(self) -> dict[str, Any]: ...


AnyState = TypeVar("AnyState", bound=State)


def open_manager(workdir: Path, *, keep: int) -> ocp.CheckpointManager:
    """Opens a workdir's checkpoints for writing; keeps the latest and the best.

    Args:
        workdir: of the training.
        keep: number of the latest; the best by validation loss is kept as well.
    """
    folder = workdir.resolve() / FOLDER
    if processes.is_first():
        shutil.rmtree(folder / TRASH, ignore_errors=True)
    options = ocp.CheckpointManagerOptions(
        todelete_subdir=TRASH,
        cleanup_tmp_directories=True,
        preservation_policy=AnyPreservationPolicy(
            [
                LatestN(keep),
                BestN(
                    get_metric_fn=lambda validation: validation[RANKED_BY],
                    reverse=True,
                    n=1,
                    keep_checkpoints_without_metrics=False,
                ),
            ]
        ),
    )
    return ocp.CheckpointManager(folder, options=options)


def set_aside_damaged(workdir: Path) -> None:
    """Moves the newest checkpoints away until the newest one can be read.

    They are kept in damaged/, and logged. Only one process may call it.

    Raises:
        ValueError: there are checkpoints, and none can be read; none is moved.
    """
    if not is_workdir(workdir):
        return
    # Without a manager, which all processes would have to open. Incomplete checkpoints
    # are not named by their step.
    listed = [int(p.name) for p in (workdir / FOLDER).iterdir() if p.name.isdigit()]
    damaged: list[int] = []
    for step in sorted(listed, reverse=True):
        try:
            restore_arrays(workdir, step=step)
            read_record(workdir, step)
        # Orbax passes on any error of its libraries.
        except Exception as error:
            reason = str(error).splitlines()[0] if str(error) else repr(error)
            LOGGER.warning("checkpoint %d cannot be read: %s", step, reason[:200])
            damaged.append(step)
        else:
            break
    else:
        if damaged:
            raise ValueError(
                f"none of the checkpoints {damaged} in {workdir} can be read;"
                f" to start over, remove {workdir / FOLDER}"
            )
    for step in damaged:
        (workdir / DAMAGED).mkdir(exist_ok=True)
        shutil.rmtree(workdir / DAMAGED / str(step), ignore_errors=True)
        (workdir / FOLDER / str(step)).rename(workdir / DAMAGED / str(step))
        LOGGER.warning("moved it to %s", workdir / DAMAGED / str(step))


def save(
    manager: ocp.CheckpointManager,
    state: State,
    *,
    record: Record,
    validation: dict[str, float] | None,
) -> None:
    """Starts writing a checkpoint of the state's step; a step is written only once.

    Args:
        manager: from `open_manager`; its `wait_until_finished` or `close` waits.
        state: one copy of it, as `parallel.Lifted.fetch` gives.
        record: JSON.
        validation: numbers to rank by; None where the step was not validated.
    """
    step = int(state.step)
    if step in manager.all_steps():
        return
    manager.save(
        step,
        args=ocp.args.Composite(
            state=ocp.args.StandardSave(state._asdict()),
            record=ocp.args.JsonSave({**record, "validation": validation}),
        ),
        metrics=validation,
        force=True,
    )


def restore_latest(
    manager: ocp.CheckpointManager, like: AnyState
) -> tuple[AnyState, Record] | None:
    """Returns the newest checkpoint, or None where there is none.

    Args:
        manager: from `open_manager`.
        like: a state of the same shapes; its placement on devices is taken over.
    """
    step = manager.latest_step()
    if step is None:
        return None
    abstract = jax.tree.map(ocp.utils.to_shape_dtype_struct, like._asdict())
    restored = manager.restore(
        step,
        args=ocp.args.Composite(
            state=ocp.args.StandardRestore(abstract), record=ocp.args.JsonRestore()
        ),
    )
    return type(like)(**restored.state), restored.record


def read_record(workdir: Path, step: int) -> Record:
    """Returns what was recorded with the checkpoint of a step."""
    with _lonely_reader(ocp.JsonCheckpointHandler) as reader:
        record: Record = reader.restore(
            workdir.resolve() / FOLDER / str(step) / "record",
            args=ocp.args.JsonRestore(),
        )
    return record


def _lonely_reader(handler: Callable[..., Any]) -> ocp.Checkpointer:
    """Returns a reader that does not wait for other processes to read as well."""
    options = ocp.options.MultiprocessingOptions(
        primary_host=jax.process_index(),
        active_processes={jax.process_index()},
        barrier_sync_key_prefix=f"alone_{jax.process_index()}",
    )
    return ocp.Checkpointer(
        handler(multiprocessing_options=options), multiprocessing_options=options
    )


def is_workdir(path: Path) -> bool:
    """Returns whether a path is a training's folder with checkpoints in it."""
    return (path / FOLDER).is_dir()


def steps(workdir: Path) -> list[int]:
    """Returns the steps that have a complete checkpoint, in order."""
    with _reader(workdir) as manager:
        return sorted(manager.all_steps())


def restore_model(workdir: Path, *, step: int | None) -> tuple[PyTree, Record]:
    """Returns the network's variables, as NumPy arrays, and the checkpoint's record.

    They are the averages where the training kept them, with "prior" if it had one.

    Args:
        workdir: of the training.
        step: None for the one with the smallest validation loss, or the latest where
            none was validated.

    Raises:
        ValueError: there is no checkpoint, or not that one.
    """
    with _reader(workdir) as manager:
        known = sorted(manager.all_steps())
        if not known:
            raise ValueError(f"{workdir} has no complete checkpoint yet")
        if step is None:
            step = _best(manager, known)
        if step not in known:
            have = ", ".join(map(str, known))
            raise ValueError(f"{workdir} has no checkpoint {step}; it has {have}")
        record = {**_record(manager, step), "step": step}
        state = restore_arrays(workdir, step=step)
    chosen = state["average"] or state
    variables = {name: chosen[name] for name in ("params", "batch_stats")}
    if record["prior"] is not None:
        counts = np.asarray(record["prior"]["counts"], np.float64)
        variables["prior"] = (counts / counts.sum()).astype(np.float32)
    return variables, record


def restore_arrays(workdir: Path, *, step: int) -> PyTree:
    """Returns a whole state as dictionaries and lists of NumPy arrays."""
    folder = workdir.resolve() / FOLDER / str(step) / "state"
    with _lonely_reader(ocp.PyTreeCheckpointHandler) as reader:
        kinds = jax.tree.map(
            lambda _: ocp.RestoreArgs(restore_type=np.ndarray),
            reader.metadata(folder).item_metadata.tree,
        )
        arguments = ocp.args.PyTreeRestore(restore_args=kinds)
        return reader.restore(folder, args=arguments)


@contextlib.contextmanager
def _reader(workdir: Path) -> Iterator[ocp.CheckpointManager]:
    # Orbax warns about reading without writing, and about a file that it does not need.
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    options = ocp.CheckpointManagerOptions(read_only=True)
    try:
        with ocp.CheckpointManager(
            workdir.resolve() / FOLDER, options=options
        ) as found:
            yield found
    finally:
        logger.setLevel(level)


def _record(manager: ocp.CheckpointManager, step: int) -> Record:
    only_record = ocp.args.Composite(record=ocp.args.JsonRestore())
    record: Record = manager.restore(step, args=only_record).record
    return record


def _best(manager: ocp.CheckpointManager, known: list[int]) -> int:
    # From the records: a manager that only reads does not load metrics.
    found = {step: _record(manager, step)["validation"] for step in known}
    ranked = {step: numbers[RANKED_BY] for step, numbers in found.items() if numbers}
    return min(ranked, key=lambda step: ranked[step]) if ranked else known[-1]
